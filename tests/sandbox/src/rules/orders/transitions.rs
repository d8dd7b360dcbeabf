//! Changes of an order's state, in one table.

use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, conflict, unsupported};
use crate::protocol::call::Call;
use crate::protocol::form::Form;
use crate::rules::orders::days::after_consumer;
use crate::rules::orders::{Party, allowed, names, store_properties};
use crate::rules::{events, offering_users};
use crate::store::OrderState::{
    Canceled, Done, Erred, Executing, PendingConsumer, PendingProvider, PendingStartDate, Rejected,
};
use crate::store::{
    AGENT_KIND, Actor, BASIC_KIND, Offering, Order, OrderState, OrderType, PlanPeriod, Resource,
    ResourceState, Review, State, resource_state,
};

/// A change of an order's state: the party that may do it, the states it starts from, the types of offerings
/// that support it, and the new state.
#[derive(Debug)]
struct Transition {
    party: Party,
    from: &'static [OrderState],
    kinds: &'static [&'static str],
    to: OrderState,
}

const AGENTS: &[&str] = &[AGENT_KIND];
const PERSONS: &[&str] = &[BASIC_KIND];
const ALL: &[&str] = &[AGENT_KIND, BASIC_KIND];

const APPROVE_BY_PROVIDER: Transition =
    Transition { party: Party::Provider, from: &[PendingProvider], kinds: ALL, to: Executing };

/// Approval of an order with a later start date.
const APPROVE_FOR_LATER: Transition = Transition { to: PendingStartDate, ..APPROVE_BY_PROVIDER };

const REJECT_BY_PROVIDER: Transition =
    Transition { party: Party::Provider, from: &[PendingProvider], kinds: ALL, to: Rejected };

const APPROVE_BY_CONSUMER: Transition =
    Transition { party: Party::Consumer, from: &[PendingConsumer], kinds: ALL, to: PendingProvider };

const REJECT_BY_CONSUMER: Transition =
    Transition { party: Party::Consumer, from: &[PendingConsumer], kinds: ALL, to: Rejected };

/// An order that an agent executes can't be canceled.
const CANCEL: Transition = Transition {
    party: Party::Consumer,
    from: &[PendingConsumer, PendingProvider, PendingStartDate, Executing],
    kinds: PERSONS,
    to: Canceled,
};

const SET_STATE_EXECUTING: Transition = Transition {
    party: Party::Provider,
    from: &[PendingConsumer, PendingProvider, Erred],
    kinds: AGENTS,
    to: Executing,
};

const SET_STATE_DONE: Transition =
    Transition { party: Party::Provider, from: &[Executing], kinds: ALL, to: Done };

/// From any state: even a finished order can be marked as erred.
const SET_STATE_ERRED: Transition =
    Transition { party: Party::Provider, from: OrderState::ALL, kinds: AGENTS, to: Erred };

const UNLINK: &[OrderState] = &[PendingConsumer, PendingProvider];

/// Returns the order if the change is possible. The server refuses in this order: invisible orders,
/// permission, state, type of offering; only then the body.
fn check<'a>(call: &Call, state: &'a State, step: &Transition) -> Result<(Actor, &'a Order), Answer> {
    let (actor, order, offering) = allowed(call, state, step.party)?;
    if !step.from.contains(&order.state) {
        return Err(conflict(&names(step.from)));
    }
    if !step.kinds.contains(&offering.kind) {
        return Err(unsupported(offering.kind));
    }
    Ok((actor, order))
}

/// Changes the order's state, and its resource's.
///
/// A real server keeps an approved order executing until its provider sets it done. So does the sandbox, for
/// each type of offering.
fn apply(call: &Call, state: &mut State, step: &Transition, end: StatusCode) -> Outcome {
    let (actor, order) = check(call, state, step)?;
    let uuid = order.uuid;
    let now = call.now;
    if let Some(order) = state.orders.get_mut(uuid) {
        let review = Review { by: actor, at: now };
        match (order.state, step.party) {
            (PendingConsumer, Party::Consumer) => order.consumer_review = Some(review),
            (PendingProvider, Party::Provider) => order.provider_review = Some(review),
            _ => {}
        }
    }
    move_to(state, uuid, step.to);
    if step.to == Executing {
        finish_without_agent(state, uuid);
    }
    Ok(Answer::empty(end))
}

/// Finishes an order without an agent if background work is done at once.
pub(crate) fn finish_without_agent(state: &mut State, uuid: Uuid) {
    let agent = state
        .orders
        .get(uuid)
        .and_then(|order| state.offerings.get(order.offering))
        .is_some_and(Offering::has_agent);
    if state.inline_workers && !agent {
        move_to(state, uuid, Done);
    }
}

pub(crate) fn move_to(state: &mut State, uuid: Uuid, to: OrderState) {
    let (scope, period) = (state.fresh_uuid(), state.fresh_uuid());
    let now = state.now();
    let Some(order) = state.orders.get_mut(uuid) else { return };
    order.state = to;
    order.modified = now;
    if !to.is_open() {
        order.completed = Some(now);
    }
    let Some(resource) = state.resources.get_mut(order.resource) else { return };
    let was = std::mem::replace(&mut resource.state, resource_state(order.kind, to));
    resource.modified = now;
    if to == Executing
        && resource.scope.is_none()
        && state.offerings.get(order.offering).is_some_and(Offering::has_agent)
    {
        resource.scope = Some(scope);
    }
    if to == Done && resource.plan_period.is_none() {
        let start = state.clock.month().and_hms_opt(0, 0, 0).map_or(now, |midnight| midnight.and_utc());
        resource.plan_period = Some(PlanPeriod { uuid: period, start });
    }
    if to == Done && order.kind == OrderType::Update {
        update(resource, order);
    }
    let (offering, project) = (resource.offering, resource.project);
    if was != ResourceState::Ok
        && resource.state == ResourceState::Ok
        && state.release.makes_accounts_for_teams()
    {
        offering_users::add_for_team(state, offering, project);
    }
    events::order(state, uuid);
}

/// Changes a resource as an order for other limits, another plan or a renewal says. The limits of the order
/// replace those of the resource, also those that the order doesn't name.
fn update(resource: &mut Resource, order: &Order) {
    if !order.limits.is_empty() {
        resource.limits.clone_from(&order.limits);
    }
    resource.plan = order.plan.or(resource.plan);
    let day = order.attributes.get("new_end_date").and_then(Value::as_str);
    resource.properties.end_date = day.and_then(|day| day.parse().ok()).or(resource.properties.end_date);
}

/// Approves an order; one with a later start date waits for it.
pub(crate) fn approve_by_provider(call: &Call, state: &mut State) -> Outcome {
    let later = check(call, state, &APPROVE_BY_PROVIDER)?.1.begins_later(call.now);
    let step = if later { APPROVE_FOR_LATER } else { APPROVE_BY_PROVIDER };
    apply(call, state, &step, StatusCode::OK)
}

pub(crate) fn reject_by_provider(call: &Call, state: &mut State) -> Outcome {
    reject(call, state, &REJECT_BY_PROVIDER, "provider_rejection_comment")
}

/// Rejects an order and stores the comment.
fn reject(call: &Call, state: &mut State, step: &Transition, comment: &str) -> Outcome {
    check(call, state, step)?;
    store_properties(call, state, &[comment])?;
    apply(call, state, step, StatusCode::OK)
}

/// Approves an order; one for a project that hasn't begun waits for that.
pub(crate) fn approve_by_consumer(call: &Call, state: &mut State) -> Outcome {
    let resource = check(call, state, &APPROVE_BY_CONSUMER)?.1.resource;
    let project = state.resources.get(resource).map_or_else(Uuid::default, |resource| resource.project);
    let step = Transition { to: after_consumer(state, project), ..APPROVE_BY_CONSUMER };
    apply(call, state, &step, StatusCode::OK)
}

pub(crate) fn reject_by_consumer(call: &Call, state: &mut State) -> Outcome {
    reject(call, state, &REJECT_BY_CONSUMER, "consumer_rejection_comment")
}

pub(crate) fn cancel(call: &Call, state: &mut State) -> Outcome {
    apply(call, state, &CANCEL, StatusCode::ACCEPTED)
}

pub(crate) fn set_state_executing(call: &Call, state: &mut State) -> Outcome {
    apply(call, state, &SET_STATE_EXECUTING, StatusCode::OK)
}

pub(crate) fn set_state_done(call: &Call, state: &mut State) -> Outcome {
    apply(call, state, &SET_STATE_DONE, StatusCode::OK)
}

/// Sets an order erred. Both texts are required, although the schema has them optional: without them the
/// server crashes.
pub(crate) fn set_state_erred(call: &Call, state: &mut State) -> Outcome {
    let uuid = check(call, state, &SET_STATE_ERRED)?.1.uuid;
    let data = call.data()?;
    let mut form = Form::default();
    let message = form.text(&data, "error_message");
    let traceback = form.text(&data, "error_traceback");
    form.finish()?;
    let (Some(message), Some(traceback)) = (message, traceback) else {
        return Err(Answer::page(StatusCode::INTERNAL_SERVER_ERROR));
    };
    let done = apply(call, state, &SET_STATE_ERRED, StatusCode::OK)?;
    if let Some(order) = state.orders.get_mut(uuid) {
        order.error_message = message;
        order.error_traceback = traceback;
    }
    Ok(done)
}

/// Deletes an order that nobody has approved yet.
pub(crate) fn destroy(call: &Call, state: &mut State) -> Outcome {
    let (_, order, _) = allowed(call, state, Party::Consumer)?;
    if !UNLINK.contains(&order.state) {
        return Err(conflict(&names(UNLINK)));
    }
    let (uuid, resource) = (order.uuid, order.resource);
    move_to(state, uuid, Canceled);
    if let Some(resource) = state.resources.get_mut(resource) {
        resource.orders.retain(|&other| other != uuid);
    }
    state.orders.remove(uuid);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
