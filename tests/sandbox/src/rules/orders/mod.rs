//! `marketplace-orders`: lists, and changes that keep the state.

pub(crate) mod create;
pub(crate) mod days;
pub(crate) mod requested;
pub(crate) mod transitions;

use http::StatusCode;
use serde_json::{Value, json};

use crate::protocol::answer::{Answer, Outcome, conflict, forbidden, no_match};
use crate::protocol::call::Call;
use crate::protocol::listing::{self, Ordered};
use crate::render;
use crate::rules::events;
use crate::store::OrderState::{PendingConsumer, PendingProject, PendingProvider, PendingStartDate};
use crate::store::{Actor, Offering, Order, OrderState, OrderType, State};

const ORDERINGS: &[Ordered<Order>] = &[
    ("created", |a, b| a.created.cmp(&b.created)),
    ("state", |a, b| a.state.cmp(&b.state)),
    ("cost", |_, _| std::cmp::Ordering::Equal),
    ("consumer_reviewed_at", |a, b| {
        a.consumer_review
            .as_ref()
            .map(|review| review.at)
            .cmp(&b.consumer_review.as_ref().map(|review| review.at))
    }),
];

pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let states = call.choices::<OrderState>("state")?;
    let kinds = call.choices::<OrderType>("type")?;
    let offering = call.uuid_filter("offering_uuid")?;
    let slugs = call.joined("offering_slug");
    let project = call.uuid_filter("project_uuid")?;
    let resource = call.uuid_filter("resource_uuid")?;
    let customer = call.uuid_filter("customer_uuid")?;
    let provider = call.uuid_filter("provider_uuid")?;
    let created = call.time_filter("created")?;
    let modified = call.time_filter("modified")?;
    let as_provider = call.flag("can_approve_as_provider");
    let as_consumer = call.flag("can_approve_as_consumer");
    let provided = state.provided(actor);
    let mut rows: Vec<&Order> = state
        .orders
        .iter()
        .filter(|order| states.is_empty() || states.contains(&order.state))
        .filter(|order| kinds.is_empty() || kinds.contains(&order.kind))
        .filter(|order| offering.is_none_or(|uuid| order.offering == uuid))
        .filter(|order| state.has_slug(order.offering, &slugs))
        .filter(|order| resource.is_none_or(|uuid| order.resource == uuid))
        .filter(|order| created.is_none_or(|time| order.created >= time))
        .filter(|order| modified.is_none_or(|time| order.modified >= time))
        .filter(|order| {
            provider
                .is_none_or(|uuid| state.offerings.get(order.offering).is_some_and(|o| o.customer == uuid))
        })
        .filter(|order| {
            if project.is_none() && customer.is_none() {
                return true;
            }
            let place = state.resources.get(order.resource).map(|resource| resource.project);
            let owner = place.and_then(|uuid| state.projects.get(uuid)).map(|project| project.customer);
            project.is_none_or(|uuid| place == Some(uuid)) && customer.is_none_or(|uuid| owner == Some(uuid))
        })
        .filter(|order| {
            as_provider != Some(true)
                || (order.state == PendingProvider && state.provides(actor, order.offering))
        })
        .filter(|order| {
            as_consumer != Some(true)
                || (order.state == PendingConsumer
                    && state.resources.get(order.resource).is_some_and(|r| state.consumes(actor, r.project)))
        })
        .filter(|order| provided.contains(&order.offering) || state.sees_order(actor, order))
        .collect();
    listing::order(call, &mut rows, ORDERINGS)?;
    listing::page(call, &rows, |order, fields| render::order(call, state, order, fields))
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let order = visible(call, state)?;
    listing::one(call, |fields| render::order(call, state, order, fields))
}

/// Returns an order that the caller may see.
fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a Order, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.orders.get(uuid))
        .filter(|order| state.sees_order(actor, order))
        .ok_or_else(|| no_match("Order"))
}

/// The party that may act on an order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Party {
    Provider,
    Consumer,
}

/// Returns the order if the caller sees it and belongs to the party.
pub(crate) fn allowed<'a>(
    call: &Call,
    state: &'a State,
    party: Party,
) -> Result<(Actor, &'a Order, &'a Offering), Answer> {
    let actor = call.actor()?;
    let order = visible(call, state)?;
    let offering = state.offerings.get(order.offering).ok_or_else(|| no_match("Order"))?;
    match party {
        Party::Provider => state.must_provide(actor, order.offering)?,
        Party::Consumer => {
            let resource = state.resources.get(order.resource).ok_or_else(|| no_match("Order"))?;
            state.must_consume(actor, resource.project)?;
        }
    }
    Ok((actor, order, offering))
}

pub(crate) fn names(states: &[OrderState]) -> Vec<&'static str> {
    states.iter().map(|state| state.as_str()).collect()
}

/// Stores the named properties of the body.
pub(crate) fn store_properties(call: &Call, state: &mut State, names: &[&str]) -> Result<(), Answer> {
    let mut data = call.checked()?;
    data.retain(|name, _| names.contains(&name.as_str()));
    if let Some(order) = call.uuid().and_then(|uuid| state.orders.get_mut(uuid)) {
        order.properties.update(&data);
    }
    Ok(())
}

/// Sets the order's back-end id.
pub(crate) fn set_backend_id(call: &Call, state: &mut State) -> Outcome {
    let uuid = allowed(call, state, Party::Provider)?.1.uuid;
    let data = call.checked()?;
    let text = data.get("backend_id").and_then(Value::as_str).unwrap_or_default();
    if let Some(order) = state.orders.get_mut(uuid) {
        order.backend_id = text.to_owned();
        order.modified = call.now;
    }
    Ok(Answer::ok(json!({ "status": "Order backend_id has been changed." })))
}

/// Sets the provider's message to the consumer.
pub(crate) fn set_provider_info(call: &Call, state: &mut State) -> Outcome {
    let uuid = allowed(call, state, Party::Provider)?.1.uuid;
    store_properties(
        call,
        state,
        &["provider_message", "provider_message_attachment", "provider_message_url"],
    )?;
    events::provider_info(state, uuid);
    Ok(Answer::detail(StatusCode::OK, "Provider info has been set."))
}

pub(crate) fn set_consumer_info(call: &Call, state: &mut State) -> Outcome {
    allowed(call, state, Party::Consumer)?;
    store_properties(call, state, &["consumer_message", "consumer_message_attachment"])?;
    Ok(Answer::detail(StatusCode::OK, "Consumer info has been set."))
}

/// Responds with the order's offering in its public representation.
pub(crate) fn offering(call: &Call, state: &mut State) -> Outcome {
    let order = visible(call, state)?;
    let offering = state.offerings.get(order.offering).ok_or_else(|| no_match("Offering"))?;
    listing::one(call, |fields| render::public_offering(call, state, offering, fields))
}

/// Changes limits and attributes, until the provider has approved.
pub(crate) fn update(call: &Call, state: &mut State) -> Outcome {
    let (_, order, _) = allowed(call, state, Party::Consumer)?;
    if !matches!(order.state, PendingConsumer | PendingProject | PendingStartDate | PendingProvider) {
        return Err(conflict(&names(&[PendingConsumer, PendingProject, PendingStartDate, PendingProvider])));
    }
    let uuid = order.uuid;
    let mut data = call.checked()?;
    let map = |name: &str| data.get(name).and_then(Value::as_object).cloned();
    let order = state.orders.get_mut(uuid).ok_or_else(|| no_match("Order"))?;
    order.limits = map("limits").unwrap_or_else(|| order.limits.clone());
    order.attributes = map("attributes").unwrap_or_else(|| order.attributes.clone());
    data.retain(|name, _| name == "start_date");
    order.properties.update(&data);
    order.modified = call.now;
    Ok(Answer::ok(json!({
        "limits": order.limits,
        "attributes": order.attributes,
        "start_date": order.properties.start_date,
    })))
}

/// Removes an order in any state; staff only.
pub(crate) fn unlink(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let uuid = visible(call, state)?.uuid;
    if actor != Actor::Staff {
        return Err(forbidden());
    }
    state.orders.remove(uuid);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
