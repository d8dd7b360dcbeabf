//! Events about orders.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Event, map, publish};
use crate::store::OrderState::{Done, PendingConsumer, PendingProvider};
use crate::store::State;
use crate::wire::hex;

/// Publishes that an order has reached its state. Older servers publish only some states.
pub(crate) fn order(state: &mut State, uuid: Uuid) {
    let Some(order) = state.orders.get(uuid) else { return };
    let is_published = matches!(order.state, PendingProvider | PendingConsumer | Done);
    if !is_published && !state.release.publishes_all_states_of_orders() {
        return;
    }
    let body = map([("order_uuid", hex(uuid).into()), ("order_state", order.state.as_str().into())]);
    send(state, uuid, body);
}

/// Publishes that the provider has set its message to the consumer; the event has no state.
pub(crate) fn provider_info(state: &mut State, uuid: Uuid) {
    let body = map([("order_uuid", hex(uuid).into()), ("action", "provider_info_set".into())]);
    send(state, uuid, body);
}

fn send(state: &mut State, uuid: Uuid, body: Map<String, Value>) {
    let Some(order) = state.orders.get(uuid) else { return };
    let mut event = Event::new("order", order.offering, body);
    event.resource = Some(order.resource);
    if let Some(resource) = state.resources.get(order.resource) {
        event.project = Some(resource.project);
        let project = state.projects.get(resource.project).map(|project| project.name.as_str());
        event.more = map([
            ("order_type", order.kind.as_str().into()),
            ("resource_uuid", hex(resource.uuid).into()),
            ("resource_backend_id", resource.backend_id.as_str().into()),
            ("resource_name", resource.name.as_str().into()),
            ("project_uuid", hex(resource.project).into()),
            ("project_name", project.into()),
            ("attributes", Value::Object(order.attributes.clone())),
            ("limits", Value::Object(order.limits.clone())),
        ]);
        if let Some(plan) = order.plan.or(resource.plan) {
            event.more.insert("plan_uuid".to_owned(), hex(plan).into());
        }
    }
    publish(state, &event);
}
