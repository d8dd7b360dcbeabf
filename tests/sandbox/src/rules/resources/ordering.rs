//! Actions on a resource that create an order.

use chrono::Months;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, conflict, invalid, invalid_field, no_match};
use crate::protocol::call::Call;
use crate::protocol::form::Form;
use crate::rules::orders::create::{self, Draft};
use crate::rules::orders::requested::check_limits;
use crate::rules::resources::{self, CONSUMER, PROVIDER, Sees, visible};
use crate::store::{OrderType, ResourceState, State};
use crate::wire::hex;

pub(crate) fn consumer_terminate(call: &Call, state: &mut State) -> Outcome {
    terminate(call, state, CONSUMER)
}

/// Creates an order to restore a terminated resource. The response is the resource, without the order.
pub(crate) fn restore(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let row = visible(call, state, CONSUMER)?;
    if row.state != ResourceState::Terminated {
        return Err(conflict(&["Terminated"]));
    }
    let uuid = row.uuid;
    state.must_manage(actor, row.project)?;
    call.checked()?;
    create::add(state, actor, uuid, OrderType::Restore, Draft::default());
    resources::consumer_retrieve(call, state)
}

pub(crate) fn provider_terminate(call: &Call, state: &mut State) -> Outcome {
    terminate(call, state, PROVIDER)
}

/// Creates an order to terminate a resource without an open order.
fn terminate(call: &Call, state: &mut State, sees: Sees) -> Outcome {
    let actor = call.actor()?;
    let row = visible(call, state, sees)?;
    if !state.provides(actor, row.offering) {
        state.must_manage(actor, row.project)?;
    }
    if !matches!(row.state, ResourceState::Ok | ResourceState::Erred) || state.open_order(row).is_some() {
        return Err(conflict(&["OK", "Erred"]));
    }
    let uuid = row.uuid;
    let attributes = call.checked()?.get("attributes").and_then(Value::as_object).cloned();
    let draft = Draft { attributes: attributes.unwrap_or_default(), ..Draft::default() };
    let order = create::add(state, actor, uuid, OrderType::Terminate, draft);
    Ok(Answer::ok(json!({ "order_uuid": hex(order) })))
}

/// Returns a resource in one of these states that has no open order.
fn changeable(call: &Call, state: &State, states: &[ResourceState]) -> Result<Uuid, Answer> {
    let row = visible(call, state, CONSUMER)?;
    state.must_manage(call.actor()?, row.project)?;
    if !states.contains(&row.state) || state.open_order(row).is_some() {
        let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        return Err(conflict(&names));
    }
    Ok(row.uuid)
}

/// Returns the response of a new order, and stores the comment of its request.
fn ordered(state: &mut State, order: Uuid, data: &Map<String, Value>) -> Outcome {
    if let Some(order) = state.orders.get_mut(order) {
        let comment = data.get("request_comment").and_then(Value::as_str);
        order.properties.request_comment = comment.map(str::to_owned);
    }
    Ok(Answer::ok(json!({ "order_uuid": hex(order) })))
}

/// Creates an order for other limits.
pub(crate) fn update_limits(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let uuid = changeable(call, state, &[ResourceState::Ok])?;
    let data = call.checked()?;
    let limits = data.get("limits").and_then(Value::as_object).cloned().unwrap_or_default();
    let row = state.resources.get(uuid).ok_or_else(|| no_match("Resource"))?;
    let offering = state.offerings.get(row.offering).ok_or_else(|| no_match("Resource"))?;
    check_limits(offering, &limits)?;
    let attributes = Map::from_iter([("old_limits".to_owned(), Value::Object(row.limits.clone()))]);
    let order = create::add(state, actor, uuid, OrderType::Update, Draft { limits, attributes, plan: None });
    ordered(state, order, &data)
}

/// Creates an order that moves the end date by months: from the present one, or from today if there is none
/// or it is past. Only resources of offerings with a prepaid component can be renewed. The limits of the
/// request are those of the next period; without any, they stay.
pub(crate) fn renew(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let uuid = changeable(call, state, &[ResourceState::Ok, ResourceState::Erred])?;
    let row = state.resources.get(uuid).ok_or_else(|| no_match("Resource"))?;
    let offering = state.offerings.get(row.offering).ok_or_else(|| no_match("Resource"))?;
    if !offering.components.iter().any(|component| component.properties.is_prepaid == Some(true)) {
        return Err(invalid(json!(["This action is only available for prepaid resources."])));
    }
    let data = call.checked()?;
    let limits = data.get("limits").and_then(Value::as_object).filter(|limits| !limits.is_empty());
    if let Some(limits) = limits {
        check_limits(offering, limits)?;
    }
    let months = data.get("extension_months").and_then(Value::as_u64).unwrap_or_default();
    let today = call.now.date_naive();
    let old = row.properties.end_date;
    let new = u32::try_from(months)
        .ok()
        .and_then(|months| old.unwrap_or(today).max(today).checked_add_months(Months::new(months)))
        .ok_or_else(|| invalid_field("extension_months", "Date value out of range."))?;
    let attributes = json!({
        "name": row.name,
        "action": "renew",
        "old_limits": row.limits,
        "old_end_date": old,
        "new_end_date": new,
        "extension_months": months,
        "renewal_cost": 0.0,
    });
    let draft = Draft {
        limits: limits.unwrap_or(&row.limits).clone(),
        attributes: attributes.as_object().cloned().unwrap_or_default(),
        plan: row.plan,
    };
    let order = create::add(state, actor, uuid, OrderType::Update, draft);
    ordered(state, order, &data)
}

/// Creates an order for another plan.
pub(crate) fn switch_plan(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let uuid = changeable(call, state, &[ResourceState::Ok])?;
    let data = call.checked()?;
    let mut form = Form::default();
    let plan = create::plan(&mut form, &data, state);
    form.finish()?;
    let row = state.resources.get(uuid).ok_or_else(|| no_match("Resource"))?;
    let offering = state.offerings.get(row.offering).ok_or_else(|| no_match("Resource"))?;
    if plan.and_then(|plan| offering.plan(plan)).is_none_or(|plan| plan.archived) {
        return Err(invalid_field("plan", "This plan is not available for this offering."));
    }
    let draft = Draft { plan, limits: row.limits.clone(), ..Draft::default() };
    let order = create::add(state, actor, uuid, OrderType::Update, draft);
    Ok(Answer::ok(json!({ "order_uuid": hex(order) })))
}
