//! `marketplace-orders`: how an order looks, and the one table of what may be done to it.

use chrono::{DateTime, NaiveDate, Utc};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::actor::Actor;
use crate::answer::{
    Answer, Outcome, conflict, forbidden, hex, invalid_field, no_match, timestamp, unsupported,
};
use crate::call::{Call, Form, parse_uuid};
use crate::listing::{self, Fields, Ordered, object};
use crate::model::{
    AGENT_KIND, BASIC_KIND, Offering, Order, OrderState, OrderType, PlanPeriod, Resource, ResourceState,
    Review,
};
use crate::offering_users;
use crate::offerings;
use crate::references;
use crate::resources;
use crate::state::State;

use OrderState::{
    Canceled, Done, Erred, Executing, PendingConsumer, PendingProject, PendingProvider, PendingStartDate,
    Rejected,
};

/// Which side may do it.
#[derive(Clone, Copy, Debug)]
enum Side {
    Provider,
    Consumer,
}

/// Something that can be done to an order: by whom, from which states, at which kinds of offerings, to which
/// state.
#[derive(Debug)]
struct Transition {
    side: Side,
    from: &'static [OrderState],
    kinds: &'static [&'static str],
    to: OrderState,
}

const AGENTS: &[&str] = &[AGENT_KIND];
const PERSONS: &[&str] = &[BASIC_KIND];
const ALL: &[&str] = &[AGENT_KIND, BASIC_KIND];

const APPROVE_BY_PROVIDER: Transition =
    Transition { side: Side::Provider, from: &[PendingProvider], kinds: ALL, to: Executing };
/// Approved, but not to begin yet.
const APPROVE_FOR_LATER: Transition = Transition { to: PendingStartDate, ..APPROVE_BY_PROVIDER };
const REJECT_BY_PROVIDER: Transition =
    Transition { side: Side::Provider, from: &[PendingProvider], kinds: ALL, to: Rejected };
const APPROVE_BY_CONSUMER: Transition =
    Transition { side: Side::Consumer, from: &[PendingConsumer], kinds: ALL, to: PendingProvider };
const REJECT_BY_CONSUMER: Transition =
    Transition { side: Side::Consumer, from: &[PendingConsumer], kinds: ALL, to: Rejected };
/// What an agent works on can't be taken back.
const CANCEL: Transition = Transition {
    side: Side::Consumer,
    from: &[PendingConsumer, PendingProvider, PendingStartDate, Executing],
    kinds: PERSONS,
    to: Canceled,
};
const SET_STATE_EXECUTING: Transition = Transition {
    side: Side::Provider,
    from: &[PendingConsumer, PendingProvider, Erred],
    kinds: AGENTS,
    to: Executing,
};
const SET_STATE_DONE: Transition =
    Transition { side: Side::Provider, from: &[Executing], kinds: ALL, to: Done };
/// Any state: an order that ended can still be marked as erred.
const SET_STATE_ERRED: Transition =
    Transition { side: Side::Provider, from: OrderState::ALL, kinds: AGENTS, to: Erred };
const UNLINK: &[OrderState] = &[PendingConsumer, PendingProvider];

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
    listing::page(call, &rows, |order, fields| render(call, state, order, fields))
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let order = visible(call, state)?;
    listing::one(call, |fields| render(call, state, order, fields))
}

/// An order that the caller may see.
fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a Order, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.orders.get(uuid))
        .filter(|order| state.sees_order(actor, order))
        .ok_or_else(|| no_match("Order"))
}

/// The order, once the caller may see it and do this to it.
fn allowed<'a>(
    call: &Call,
    state: &'a State,
    side: Side,
) -> Result<(Actor, &'a Order, &'a Offering), Answer> {
    let actor = call.actor()?;
    let order = visible(call, state)?;
    let offering = state.offerings.get(order.offering).ok_or_else(|| no_match("Order"))?;
    match side {
        Side::Provider => state.must_provide(actor, order.offering)?,
        Side::Consumer => {
            let resource = state.resources.get(order.resource).ok_or_else(|| no_match("Order"))?;
            state.must_consume(actor, resource.project)?;
        }
    }
    Ok((actor, order, offering))
}

fn names(states: &[OrderState]) -> Vec<&'static str> {
    states.iter().map(|state| state.as_str()).collect()
}

/// The order, once this can be done to it. In this order the server refuses: what isn't seen, what isn't
/// allowed, the state, the kind of offering; what is wrong with the body comes after that.
fn ready<'a>(call: &Call, state: &'a State, step: &Transition) -> Result<(Actor, &'a Order), Answer> {
    let (actor, order, offering) = allowed(call, state, step.side)?;
    if !step.from.contains(&order.state) {
        return Err(conflict(&names(step.from)));
    }
    if !step.kinds.contains(&offering.kind) {
        return Err(unsupported(offering.kind));
    }
    Ok((actor, order))
}

/// Takes the order to the next state, and its resource with it.
///
/// A real server leaves an approved order executing until its provider says that it is done; so does this
/// one, for every kind of offering.
fn go(call: &Call, state: &mut State, step: &Transition, end: StatusCode) -> Outcome {
    let (actor, order) = ready(call, state, step)?;
    let uuid = order.uuid;
    let now = call.now;
    if let Some(order) = state.orders.get_mut(uuid) {
        let review = Review { by: actor, at: now };
        match (order.state, step.side) {
            (PendingConsumer, Side::Consumer) => order.consumer_review = Some(review),
            (PendingProvider, Side::Provider) => order.provider_review = Some(review),
            _ => {}
        }
    }
    move_to(state, uuid, step.to);
    if step.to == Executing {
        work(state, uuid);
    }
    Ok(Answer::empty(end))
}

/// Where workers run inline, an order that no agent takes up ends at once.
fn work(state: &mut State, uuid: Uuid) {
    let agent = state
        .orders
        .get(uuid)
        .and_then(|order| state.offerings.get(order.offering))
        .is_some_and(Offering::has_agent);
    if state.inline_workers && !agent {
        move_to(state, uuid, Done);
    }
}

/// What becomes of an order's resource.
pub(crate) fn resource_state(kind: OrderType, state: OrderState) -> ResourceState {
    match (kind, state) {
        // What couldn't be ended is still in use.
        (OrderType::Terminate, Erred) => ResourceState::Ok,
        (_, Erred) => ResourceState::Erred,
        (OrderType::Create | OrderType::Restore, Done) => ResourceState::Ok,
        (OrderType::Create | OrderType::Restore, Canceled | Rejected) => ResourceState::Terminated,
        (OrderType::Create | OrderType::Restore, _) => ResourceState::Creating,
        (OrderType::Update, Executing) => ResourceState::Updating,
        (OrderType::Terminate, Executing) => ResourceState::Terminating,
        (OrderType::Terminate, Done) => ResourceState::Terminated,
        (OrderType::Update | OrderType::Terminate, _) => ResourceState::Ok,
    }
}

fn move_to(state: &mut State, uuid: Uuid, to: OrderState) {
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
        resource.limits.extend(order.limits.clone());
        resource.plan = order.plan.or(resource.plan);
    }
    let (offering, project) = (resource.offering, resource.project);
    if was != ResourceState::Ok
        && resource.state == ResourceState::Ok
        && state.release.makes_accounts_for_teams()
    {
        offering_users::add_for_team(state, offering, project);
    }
}

/// An order that is to begin on a day to come waits for it.
pub(crate) fn approve_by_provider(call: &Call, state: &mut State) -> Outcome {
    let later = ready(call, state, &APPROVE_BY_PROVIDER)?.1.begins_later(call.now);
    let step = if later { APPROVE_FOR_LATER } else { APPROVE_BY_PROVIDER };
    go(call, state, &step, StatusCode::OK)
}

impl Order {
    fn begins_later(&self, now: DateTime<Utc>) -> bool {
        let day = self.set.get("start_date").and_then(Value::as_str);
        let day: Option<NaiveDate> = day.and_then(|text| text.parse().ok());
        day.is_some_and(|day| day > now.date_naive())
    }
}

pub(crate) fn reject_by_provider(call: &Call, state: &mut State) -> Outcome {
    reject(call, state, &REJECT_BY_PROVIDER, "provider_rejection_comment")
}

/// Ends an order before it began, and keeps why.
fn reject(call: &Call, state: &mut State, step: &Transition, comment: &str) -> Outcome {
    ready(call, state, step)?;
    remember(call, state, &[comment])?;
    go(call, state, step, StatusCode::OK)
}

/// Keeps what the body says of some of the order's properties.
fn remember(call: &Call, state: &mut State, names: &[&str]) -> Result<(), Answer> {
    let data = call.checked()?;
    if let Some(order) = call.uuid().and_then(|uuid| state.orders.get_mut(uuid)) {
        for name in names {
            if let Some(value) = data.get(*name) {
                order.set.insert((*name).to_owned(), value.clone());
            }
        }
    }
    Ok(())
}

/// What the provider's back end calls the order.
pub(crate) fn set_backend_id(call: &Call, state: &mut State) -> Outcome {
    let uuid = allowed(call, state, Side::Provider)?.1.uuid;
    let data = call.checked()?;
    let text = data.get("backend_id").and_then(Value::as_str).unwrap_or_default();
    if let Some(order) = state.orders.get_mut(uuid) {
        order.backend_id = text.to_owned();
        order.modified = call.now;
    }
    Ok(Answer::ok(json!({ "status": "Order backend_id has been changed." })))
}

/// A message from one side to the other.
pub(crate) fn set_provider_info(call: &Call, state: &mut State) -> Outcome {
    allowed(call, state, Side::Provider)?;
    remember(call, state, &["provider_message", "provider_message_attachment", "provider_message_url"])?;
    Ok(Answer::detail(StatusCode::OK, "Provider info has been set."))
}

pub(crate) fn set_consumer_info(call: &Call, state: &mut State) -> Outcome {
    allowed(call, state, Side::Consumer)?;
    remember(call, state, &["consumer_message", "consumer_message_attachment"])?;
    Ok(Answer::detail(StatusCode::OK, "Consumer info has been set."))
}

/// The offering of the order, as the public sees it.
pub(crate) fn offering(call: &Call, state: &mut State) -> Outcome {
    let order = visible(call, state)?;
    let offering = state.offerings.get(order.offering).ok_or_else(|| no_match("Offering"))?;
    listing::one(call, |fields| offerings::render_public(call, state, offering, fields))
}

/// Limits and attributes of an order can be changed until the provider has approved.
pub(crate) fn update(call: &Call, state: &mut State) -> Outcome {
    let (_, order, _) = allowed(call, state, Side::Consumer)?;
    if !matches!(order.state, PendingConsumer | PendingProject | PendingStartDate | PendingProvider) {
        return Err(conflict(&names(&[PendingConsumer, PendingProject, PendingStartDate, PendingProvider])));
    }
    let uuid = order.uuid;
    let data = call.checked()?;
    let map = |name: &str| data.get(name).and_then(Value::as_object).cloned();
    let order = state.orders.get_mut(uuid).ok_or_else(|| no_match("Order"))?;
    order.limits = map("limits").unwrap_or_else(|| order.limits.clone());
    order.attributes = map("attributes").unwrap_or_else(|| order.attributes.clone());
    if let Some(start) = data.get("start_date") {
        order.set.insert("start_date".to_owned(), start.clone());
    }
    order.modified = call.now;
    Ok(Answer::ok(json!({
        "limits": order.limits,
        "attributes": order.attributes,
        "start_date": order.set.get("start_date"),
    })))
}

/// Takes an order out without asking its state; staff only.
pub(crate) fn unlink(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let uuid = visible(call, state)?.uuid;
    if actor != Actor::Staff {
        return Err(forbidden());
    }
    state.orders.remove(uuid);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

pub(crate) fn approve_by_consumer(call: &Call, state: &mut State) -> Outcome {
    go(call, state, &APPROVE_BY_CONSUMER, StatusCode::OK)
}

pub(crate) fn reject_by_consumer(call: &Call, state: &mut State) -> Outcome {
    reject(call, state, &REJECT_BY_CONSUMER, "consumer_rejection_comment")
}

pub(crate) fn cancel(call: &Call, state: &mut State) -> Outcome {
    go(call, state, &CANCEL, StatusCode::ACCEPTED)
}

pub(crate) fn set_state_executing(call: &Call, state: &mut State) -> Outcome {
    go(call, state, &SET_STATE_EXECUTING, StatusCode::OK)
}

pub(crate) fn set_state_done(call: &Call, state: &mut State) -> Outcome {
    go(call, state, &SET_STATE_DONE, StatusCode::OK)
}

/// Both fields are required in truth, whatever the schema says: the server crashes without them.
pub(crate) fn set_state_erred(call: &Call, state: &mut State) -> Outcome {
    let uuid = ready(call, state, &SET_STATE_ERRED)?.1.uuid;
    let data = call.data()?;
    let mut form = Form::default();
    let message = form.text(&data, "error_message");
    let traceback = form.text(&data, "error_traceback");
    form.finish()?;
    let (Some(message), Some(traceback)) = (message, traceback) else {
        return Err(Answer::page(StatusCode::INTERNAL_SERVER_ERROR));
    };
    let done = go(call, state, &SET_STATE_ERRED, StatusCode::OK)?;
    if let Some(order) = state.orders.get_mut(uuid) {
        order.error_message = message;
        order.error_traceback = traceback;
    }
    Ok(done)
}

/// Only what nobody has started on can be taken out.
pub(crate) fn destroy(call: &Call, state: &mut State) -> Outcome {
    let (_, order, _) = allowed(call, state, Side::Consumer)?;
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

/// Orders a new resource. What the owner of the organisation orders needs no further approval there.
/// The answer has addresses of users where later ones have names.
pub(crate) fn create(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let data = call.data()?;
    let mut form = Form::default();
    let offering =
        references::required(&mut form, &data, "offering", "marketplace-public-offerings", |uuid| {
            state.offerings.get(uuid).map(|offering| offering.uuid)
        });
    let project = references::required(&mut form, &data, "project", "projects", |uuid| {
        state
            .projects
            .get(uuid)
            .filter(|project| state.sees_project(actor, project))
            .map(|project| project.uuid)
    });
    let plan = plan(&mut form, &data, state);
    form.finish()?;
    let (Some(offering), Some(project)) = (offering, project) else { return Err(forbidden()) };
    if plan.is_some_and(|plan| state.offerings.get(offering).is_none_or(|row| row.plan(plan).is_none())) {
        return Err(invalid_field("plan", "This plan is not available for this offering."));
    }
    if state.offerings.get(offering).is_none_or(|row| row.state != crate::OfferingState::Active) {
        return Err(invalid_field("offering", "Offering is not available."));
    }
    let attributes = data.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
    let name = attributes.get("name").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        return Err(invalid_field("name", crate::call::REQUIRED));
    }
    let limits = data.get("limits").and_then(Value::as_object).cloned().unwrap_or_default();
    let resource = state.fresh_uuid();
    state.resources.push(resources::new(
        resource,
        offering,
        project,
        name,
        ResourceState::Creating,
        call.now,
    ));
    if let Some(resource) = state.resources.get_mut(resource) {
        resource.limits = limits.clone();
        resource.plan = plan;
    }
    let uuid = add(state, actor, resource, OrderType::Create, Wish { limits, attributes, plan: None });
    if let Some(order) = state.orders.get_mut(uuid) {
        for name in ["request_comment", "start_date", "callback_url"] {
            if let Some(value) = data.get(name) {
                order.set.insert(name.to_owned(), value.clone());
            }
        }
    }
    let order = state.orders.get(uuid).ok_or_else(|| no_match("Order"))?;
    let mut body = render(call, state, order, &Fields::ALL);
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

/// The plan that a body names by its address; `None` is the offering's first.
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

/// What an order asks for beside its type.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    pub(crate) limits: Map<String, Value>,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) plan: Option<Uuid>,
}

/// A new order, approved on the side of the one who orders where that person may approve.
pub(crate) fn add(
    state: &mut State,
    actor: Actor,
    resource: Uuid,
    kind: OrderType,
    Wish { limits, attributes, plan }: Wish,
) -> Uuid {
    let uuid = state.fresh_uuid();
    let now = state.now();
    let (offering, project) =
        state.resources.get(resource).map_or_else(Default::default, |r| (r.offering, r.project));
    let consumes = state.consumes(actor, project);
    let provides = state.provides(actor, offering);
    let review = Some(Review { by: actor, at: now });
    let order_state = if consumes || provides { PendingProvider } else { PendingConsumer };
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
        set: Map::new(),
    });
    if let Some(resource) = state.resources.get_mut(resource) {
        resource.orders.push(uuid);
    }
    move_to(state, uuid, order_state);
    uuid
}

/// A resource that was there before anybody ordered it, with an order that is done.
pub(crate) fn import(
    state: &mut State,
    actor: Actor,
    offering: Uuid,
    project: Uuid,
    name: &str,
    backend_id: &str,
) -> Uuid {
    let uuid = state.fresh_uuid();
    let mut row = resources::new(uuid, offering, project, name, ResourceState::Creating, state.now());
    row.backend_id = backend_id.to_owned();
    state.resources.push(row);
    let order = add(state, actor, uuid, OrderType::Create, Wish::default());
    move_to(state, order, Done);
    uuid
}

/// The whole of an order, as lists and single answers give it.
pub(crate) fn render(call: &Call, state: &State, order: &Order, fields: &Fields) -> Map<String, Value> {
    let Some((resource, offering)) =
        state.resources.get(order.resource).zip(state.offerings.get(order.offering))
    else {
        return Map::new();
    };
    let plan = resource.plan.and_then(|uuid| offering.plan(uuid)).unwrap_or(&offering.plan);
    let new_plan = order.plan.and_then(|uuid| offering.plan(uuid)).unwrap_or(plan);
    let old_plan = Some(plan).filter(|_| order.kind == OrderType::Update);
    let mut map = offerings::summary(call, state, offering, plan, fields);
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
        "resource_type": resources::scope_type(resource),
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
    for (name, value) in order.set.iter().filter(|(name, _)| fields.wants(name)) {
        map.insert(name.clone(), value.clone());
    }
    if call.caller == Some(Actor::Staff) {
        map.extend(object! { fields; "error_traceback": order.error_traceback.as_str() });
    }
    people(state, order, fields, &mut map);
    place(state, resource, fields, &mut map);
    map
}

/// Who ordered and who approved.
fn people(state: &State, order: &Order, fields: &Fields, map: &mut Map<String, Value>) {
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
    // Read through the reviewer: absent where there is none.
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

fn place(state: &State, resource: &Resource, fields: &Fields, map: &mut Map<String, Value>) {
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
