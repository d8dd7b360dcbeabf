//! Orders.

use serde_json::{Map, Value};

use crate::protocol::call::Call;
use crate::protocol::listing::{Fields, object};
use crate::render;
use crate::store::{Actor, Order, OrderType, Resource, State};
use crate::wire::{hex, timestamp};

/// Returns an order, for lists and alone.
pub(crate) fn order(call: &Call, state: &State, order: &Order, fields: &Fields) -> Map<String, Value> {
    let Some((resource, offering)) =
        state.resources.get(order.resource).zip(state.offerings.get(order.offering))
    else {
        return Map::new();
    };
    let plan = resource.plan.and_then(|uuid| offering.plan(uuid)).unwrap_or(&offering.plan);
    let new_plan = order.plan.and_then(|uuid| offering.plan(uuid)).unwrap_or(plan);
    let old_plan = Some(plan).filter(|_| order.kind == OrderType::Update);
    let mut map = render::offering_summary(call, state, offering, new_plan, fields);
    map.extend(object! { fields;
        "attributes": order.attributes.clone(),
        "limits": order.limits.clone(),
        "uuid": hex(order.uuid),
        "url": call.url(&format!("marketplace-orders/{}/", hex(order.uuid))),
        "created": timestamp(order.created),
        "modified": timestamp(order.modified),
        "type": order.kind.as_str(),
        "state": order.state.as_str(),
        "resource_uuid": resource.scope.map(hex),
        "resource_type": render::scope_type(resource),
        "resource_name": resource.name.as_str(),
        "marketplace_resource_uuid": hex(resource.uuid),
        "cost": "0.0000000000",
        "output": "",
        "error_message": order.error_message.as_str(),
        "callback_url": Value::Null,
        "old_cost_estimate": 0.0,
        "new_cost_estimate": 0.0,
        "can_terminate": false,
        "fixed_price": 0,
        "activation_price": 0,
        "termination_comment": Value::Null,
        "backend_id": order.backend_id.as_str(),
        "issue": Value::Null,
        "new_plan_name": new_plan.name.as_str(),
        "new_plan_uuid": hex(new_plan.uuid),
        "old_plan_name": old_plan.map(|plan| plan.name.clone()),
        "old_plan_uuid": old_plan.map(|plan| hex(plan.uuid)),
        "completed_at": order.completed.map(timestamp),
        "slug": order.uuid.simple().to_string().get(..8).map(|start| format!("order-{start}")),
    });
    map.extend(order.properties.to_map(|name| fields.wants(name)));
    if call.caller == Some(Actor::Staff) {
        map.extend(object! { fields; "error_traceback": order.error_traceback.as_str() });
    }
    order_people(state, order, fields, &mut map);
    order_scope(state, resource, fields, &mut map);
    map
}

/// Returns who ordered and who approved.
fn order_people(state: &State, order: &Order, fields: &Fields, map: &mut Map<String, Value>) {
    if let Some(person) = state.person(order.created_by) {
        map.extend(object! { fields;
            "created_by_full_name": person.full_name(),
            "created_by_civil_number": person.civil_number.clone(),
            "created_by_username": person.username(),
            "created_by_email": person.email(),
            "created_by_organization": person.organization.as_str(),
        });
    }
    map.extend(object! { fields;
        "consumer_reviewed_at": order.consumer_review.as_ref().map(|review| timestamp(review.at)),
        "provider_reviewed_at": order.provider_review.as_ref().map(|review| timestamp(review.at)),
    });
    // Properties of the reviewer are absent without one.
    if let Some(person) = order.consumer_review.as_ref().and_then(|review| state.person(review.by)) {
        map.extend(object! { fields;
            "consumer_reviewed_by": person.username(),
            "consumer_reviewed_by_full_name": person.full_name(),
            "consumer_reviewed_by_username": person.username(),
        });
    }
    if let Some(person) = order.provider_review.as_ref().and_then(|review| state.person(review.by)) {
        map.extend(object! { fields;
            "provider_reviewed_by": person.username(),
            "provider_reviewed_by_full_name": person.full_name(),
            "provider_reviewed_by_username": person.username(),
        });
    }
}

fn order_scope(state: &State, resource: &Resource, fields: &Fields, map: &mut Map<String, Value>) {
    let Some(project) = state.projects.get(resource.project) else { return };
    map.extend(object! { fields;
        "project_name": project.name.as_str(),
        "project_uuid": hex(project.uuid),
        "project_description": project.description.as_str(),
        "project_slug": project.slug.as_str(),
    });
    if let Some(customer) = state.customer_of(project) {
        map.extend(object! { fields;
            "customer_name": customer.name.as_str(),
            "customer_uuid": hex(customer.uuid),
            "customer_slug": customer.slug.as_str(),
        });
    }
}
