//! New orders.

use http::{HeaderValue, header};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, forbidden, invalid_field, no_match};
use crate::protocol::call::Call;
use crate::protocol::form::Form;
use crate::protocol::listing::{Fields, object};
use crate::render;
use crate::rules::orders::days::after_consumer;
use crate::rules::orders::requested::{check_attributes, check_limits, end_date};
use crate::rules::orders::transitions::move_to;
use crate::rules::references;
use crate::store::OrderState::{Done, PendingConsumer};
use crate::store::{
    Actor, OfferingState, Order, OrderProperties, OrderType, Resource, ResourceState, Review, State,
};
use crate::wire::{hex, parse_uuid};

/// Creates a resource and its order. An order by the owner of the customer needs no further approval there.
/// The response has addresses of users where the order later has names.
pub(crate) fn create(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let mut data = call.data()?;
    let mut form = Form::default();
    let offering =
        references::required(&mut form, &data, "offering", "marketplace-public-offerings", |uuid| {
            state.offerings.get(uuid).map(|offering| offering.uuid)
        });
    let project = references::required(&mut form, &data, "project", "projects", |uuid| {
        state
            .projects
            .get(uuid)
            .filter(|project| !project.is_removed && state.sees_project(actor, project))
            .map(|project| project.uuid)
    });
    let plan = plan(&mut form, &data, state);
    form.finish()?;
    let (Some(offering), Some(project)) = (offering, project) else { return Err(forbidden()) };
    let is_orderable = |plan| state.offerings.get(offering)?.plan(plan).filter(|plan| !plan.archived);
    if plan.is_some_and(|plan| is_orderable(plan).is_none()) {
        return Err(invalid_field("plan", "This plan is not available for this offering."));
    }
    if state.offerings.get(offering).is_none_or(|row| row.state != OfferingState::Active) {
        return Err(invalid_field("offering", "Offering is not available."));
    }
    let mut attributes = data.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
    let limits = data.get("limits").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut last_day = None;
    if let Some(row) = state.offerings.get(offering) {
        check_attributes(row, &mut attributes)?;
        check_limits(row, &limits)?;
        last_day = end_date(row, &attributes, call.now.date_naive())?;
    }
    let name = attributes.get("name").and_then(Value::as_str).unwrap_or_default();
    let resource = state.fresh_uuid();
    state.resources.push(Resource::new(resource, offering, project, name, ResourceState::Creating, call.now));
    if let Some(resource) = state.resources.get_mut(resource) {
        resource.limits = limits.clone();
        resource.plan = plan;
        resource.properties.end_date = last_day;
    }
    let uuid = add(state, actor, resource, OrderType::Create, Draft { limits, attributes, plan: None });
    if let Some(order) = state.orders.get_mut(uuid) {
        let stored = ["request_comment", "start_date", "callback_url"];
        data.retain(|name, _| stored.contains(&name.as_str()));
        order.properties.update(&data);
    }
    let order = state.orders.get(uuid).ok_or_else(|| no_match("Order"))?;
    let mut body = render::order(call, state, order, &Fields::ALL);
    let user = |actor: Actor| call.url(&format!("users/{}/", hex(actor.uuid())));
    body.extend(object! { Fields::ALL;
        "project": call.url(&format!("projects/{}/", hex(project))),
        "created_by": user(actor),
        "created_by_username": actor.username(),
        "consumer_reviewed_by": order.consumer_review.as_ref().map(|review| user(review.by)),
    });
    if let Some(review) = &order.consumer_review {
        body.extend(object! { Fields::ALL; "consumer_reviewed_by_username": review.by.username() });
    }
    let location = call.url(&format!("marketplace-orders/{}/", hex(uuid)));
    let answer = Answer::created(Value::Object(body));
    Ok(match HeaderValue::from_str(&location) {
        Ok(location) => answer.with(header::LOCATION, location),
        Err(_) => answer,
    })
}

/// Returns the plan that a body names by address; `None` is the offering's first.
pub(crate) fn plan(form: &mut Form, data: &Map<String, Value>, state: &State) -> Option<Uuid> {
    let text = match data.get("plan")? {
        Value::String(text) => text,
        _ => {
            form.refuse("plan", "Incorrect type. Expected URL string.");
            return None;
        }
    };
    let uuid = text.trim_end_matches('/').rsplit('/').next().and_then(parse_uuid);
    let known = uuid.filter(|uuid| state.offerings.iter().any(|row| row.plan(*uuid).is_some()));
    if known.is_none() || !text.contains('/') {
        form.refuse("plan", "Invalid hyperlink - Object does not exist.");
        return None;
    }
    known
}

/// The content of an order besides its type.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) limits: Map<String, Value>,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) plan: Option<Uuid>,
}

/// Adds an order. It counts as approved by the consumer if its creator may approve it; an order for a project
/// that hasn't begun waits for that.
pub(crate) fn add(
    state: &mut State,
    actor: Actor,
    resource: Uuid,
    kind: OrderType,
    Draft { limits, attributes, plan }: Draft,
) -> Uuid {
    let uuid = state.fresh_uuid();
    let now = state.now();
    let (offering, project) =
        state.resources.get(resource).map_or_else(Default::default, |r| (r.offering, r.project));
    let consumes = state.consumes(actor, project);
    let provides = state.provides(actor, offering);
    let review = Some(Review { by: actor, at: now });
    let order_state = if consumes || provides { after_consumer(state, project) } else { PendingConsumer };
    state.orders.push(Order {
        uuid,
        resource,
        offering,
        kind,
        state: order_state,
        limits,
        created_by: actor,
        created: now,
        modified: now,
        consumer_review: review.filter(|_| consumes || provides),
        provider_review: None,
        error_message: String::new(),
        error_traceback: String::new(),
        backend_id: String::new(),
        attributes,
        plan,
        completed: None,
        properties: OrderProperties::default(),
    });
    if let Some(resource) = state.resources.get_mut(resource) {
        resource.orders.push(uuid);
    }
    move_to(state, uuid, order_state);
    uuid
}

/// Adds a resource that existed before, with an order that is done.
pub(crate) fn import(
    state: &mut State,
    actor: Actor,
    offering: Uuid,
    project: Uuid,
    name: &str,
    backend_id: &str,
) -> Uuid {
    let uuid = state.fresh_uuid();
    let mut row = Resource::new(uuid, offering, project, name, ResourceState::Creating, state.now());
    row.backend_id = backend_id.to_owned();
    state.resources.push(row);
    let order = add(state, actor, uuid, OrderType::Create, Draft::default());
    move_to(state, order, Done);
    uuid
}
