//! `marketplace-resources`, the consumer's view, and `marketplace-provider-resources`, the provider's.

pub(crate) mod changes;
pub(crate) mod ordering;

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, forbidden, no_match};
use crate::protocol::call::Call;
use crate::protocol::filters::contains;
use crate::protocol::listing::{self, Fields, Ordered, object};
use crate::render;
use crate::rules::events;
use crate::store::{Actor, OrderState, OrderType, Resource, ResourceState, State};
use crate::wire::{hex, timestamp};

const ORDERINGS: &[Ordered<Resource>] = &[
    ("name", |a, b| a.name.cmp(&b.name)),
    ("created", |a, b| a.created.cmp(&b.created)),
    ("state", |a, b| a.state.cmp(&b.state)),
    ("end_date", |_, _| std::cmp::Ordering::Equal),
    ("project_name", |a, b| a.project.cmp(&b.project)),
];

/// Whether a view shows a resource to a user.
pub(crate) type Sees = fn(&State, Actor, &Resource) -> bool;

pub(crate) const CONSUMER: Sees = State::sees_as_consumer;

pub(crate) const PROVIDER: Sees = State::sees_as_provider;

pub(crate) fn consumer_list(call: &Call, state: &mut State) -> Outcome {
    list(call, state, CONSUMER)
}

pub(crate) fn consumer_retrieve(call: &Call, state: &mut State) -> Outcome {
    retrieve(call, state, CONSUMER)
}

pub(crate) fn consumer_team(call: &Call, state: &mut State) -> Outcome {
    team(call, state, CONSUMER)
}

pub(crate) fn consumer_plan_periods(call: &Call, state: &mut State) -> Outcome {
    plan_periods(call, state, CONSUMER)
}

pub(crate) fn provider_list(call: &Call, state: &mut State) -> Outcome {
    list(call, state, PROVIDER)
}

pub(crate) fn provider_retrieve(call: &Call, state: &mut State) -> Outcome {
    retrieve(call, state, PROVIDER)
}

pub(crate) fn provider_team(call: &Call, state: &mut State) -> Outcome {
    team(call, state, PROVIDER)
}

pub(crate) fn provider_plan_periods(call: &Call, state: &mut State) -> Outcome {
    plan_periods(call, state, PROVIDER)
}

fn list(call: &Call, state: &State, sees: Sees) -> Outcome {
    let actor = call.actor()?;
    let states = call.choices::<ResourceState>("state")?;
    let offerings = call.uuids("offering_uuid")?;
    let slugs = call.joined("offering_slug");
    let order_states = call.choices::<OrderState>("order_state")?;
    let project = call.uuid_filter("project_uuid")?;
    let customer = call.uuid_filter("customer_uuid")?;
    let provider = call.uuid_filter("provider_uuid")?;
    let created = call.date_filter("created")?;
    let modified = call.date_filter("modified")?;
    let (backend_id, name_exact, name) =
        (call.text("backend_id"), call.text("name_exact"), call.text("name"));
    let mut rows: Vec<&Resource> = state
        .resources
        .iter()
        .filter(|row| states.is_empty() || states.contains(&row.state))
        .filter(|row| offerings.is_empty() || offerings.contains(&row.offering))
        .filter(|row| state.has_slug(row.offering, &slugs))
        .filter(|row| {
            let mut orders = row.orders.iter().filter_map(|uuid| state.orders.get(*uuid));
            order_states.is_empty() || orders.any(|order| order_states.contains(&order.state))
        })
        .filter(|row| project.is_none_or(|uuid| row.project == uuid))
        .filter(|row| {
            customer.is_none_or(|uuid| state.projects.get(row.project).is_some_and(|p| p.customer == uuid))
        })
        .filter(|row| {
            provider.is_none_or(|uuid| state.offerings.get(row.offering).is_some_and(|o| o.customer == uuid))
        })
        .filter(|row| created.is_none_or(|day| row.created.date_naive() >= day))
        .filter(|row| modified.is_none_or(|day| row.modified.date_naive() >= day))
        .filter(|row| backend_id.is_none_or(|id| row.backend_id == id))
        .filter(|row| name_exact.is_none_or(|name| row.name == name))
        .filter(|row| name.is_none_or(|part| contains(&row.name, part)))
        .filter(|row| sees(state, actor, row))
        .collect();
    listing::order(call, &mut rows, ORDERINGS)?;
    listing::page(call, &rows, |row, fields| render::resource(call, state, row, fields))
}

pub(crate) fn visible<'a>(call: &Call, state: &'a State, sees: Sees) -> Result<&'a Resource, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.resources.get(uuid))
        .filter(|row| sees(state, actor, row))
        .ok_or_else(|| no_match("Resource"))
}

/// Returns a resource that the caller's customer provides.
pub(crate) fn provided<'a>(call: &Call, state: &'a mut State) -> Result<&'a mut Resource, Answer> {
    let uuid = visible(call, state, PROVIDER)?.uuid;
    state.resources.get_mut(uuid).ok_or_else(|| no_match("Resource"))
}

/// Refuses users other than staff.
pub(crate) fn must_be_staff(call: &Call, state: &State) -> Result<(), Answer> {
    visible(call, state, PROVIDER)?;
    if call.actor()? == Actor::Staff { Ok(()) } else { Err(forbidden()) }
}

pub(crate) fn status(text: &str) -> Answer {
    Answer::ok(json!({ "status": text }))
}

fn retrieve(call: &Call, state: &State, sees: Sees) -> Outcome {
    let row = visible(call, state, sees)?;
    listing::one(call, |fields| {
        let mut map = render::resource(call, state, row, fields);
        let order = |order: Option<_>| match order {
            Some(order) => Value::Object(render::order(call, state, order, &Fields::ALL)),
            None => Value::Null,
        };
        let first = row
            .orders
            .iter()
            .filter_map(|&uuid| state.orders.get(uuid))
            .find(|order| order.kind == OrderType::Create);
        map.extend(object! { fields;
            "order_in_progress": order(state.open_order(row)),
            "creation_order": order(first),
        });
        map
    })
}

/// Lists the members of the resource's project, without pages and count.
fn team(call: &Call, state: &State, sees: Sees) -> Outcome {
    let row = visible(call, state, sees)?;
    let key = call.operation.map(|operation| format!("{}.has_consent", operation.id)).unwrap_or_default();
    let consent = if call.release.has(&key) { call.flag("has_consent") } else { None };
    let agreed = |person: Uuid| state.account(row.offering, person).is_some_and(|row| row.consent.given);
    let members = state
        .members(row.project)
        .filter(|(person, _)| consent.is_none_or(|wanted| agreed(person.uuid) == wanted));
    listing::whole(call, members, |(person, role), fields| {
        let account = state.account(row.offering, person.uuid);
        object! { fields;
            "url": call.url(&format!("users/{}/", hex(person.uuid))),
            "uuid": hex(person.uuid),
            "username": person.username(),
            "full_name": person.full_name(),
            "email": person.email(),
            "role": role.short(),
            "expiration_time": role.expires.map(timestamp),
            "offering_user_username": account.and_then(|account| account.username.clone()),
            "offering_user_state": account.map(|account| account.state.as_str()),
        }
    })
}

/// Lists the plan periods, without pages and count.
fn plan_periods(call: &Call, state: &State, sees: Sees) -> Outcome {
    let row = visible(call, state, sees)?;
    let offering = state.offerings.get(row.offering).ok_or_else(|| no_match("Resource"))?;
    listing::whole(call, row.plan_period.iter(), |period, fields| {
        let components: Vec<Value> = state
            .usages
            .iter()
            .filter(|usage| usage.resource == row.uuid)
            .filter_map(|usage| Some((usage, offering.component(&usage.component)?)))
            .map(|(usage, component)| Value::Object(render::usage_facts(usage, component, &Fields::ALL)))
            .collect();
        object! { fields;
            "uuid": hex(period.uuid),
            "plan_name": offering.plan.name.as_str(),
            "plan_uuid": hex(offering.plan.uuid),
            "start": period.start.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "end": Value::Null,
            "components": components,
        }
    })
}

/// Responds with the scope object; 204 without one.
pub(crate) fn details(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state, PROVIDER)?;
    Ok(match row.scope {
        Some(scope) => Answer::ok(json!({
            "url": call.url(&format!("slurm-allocations/{}/", hex(scope))),
            "uuid": hex(scope),
            "name": row.name,
            "backend_id": row.backend_id,
        })),
        None => Answer::empty(StatusCode::NO_CONTENT),
    })
}

pub(crate) fn offering(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state, PROVIDER)?;
    let offering = state.offerings.get(row.offering).ok_or_else(|| no_match("Offering"))?;
    listing::one(call, |fields| render::public_offering(call, state, offering, fields))
}

/// Responds with the members' accounts as a configuration file.
pub(crate) fn glauth_users_config(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state, PROVIDER)?;
    let people: Vec<Uuid> = state.members(row.project).map(|(person, _)| person.uuid).collect();
    Ok(Answer::text(render::glauth(state, row.offering, |uuid| people.contains(&uuid))))
}

pub(crate) fn pull(call: &Call, state: &mut State) -> Outcome {
    let uuid = visible(call, state, PROVIDER)?.uuid;
    events::resource(state, uuid);
    Ok(Answer::detail(StatusCode::ACCEPTED, "Pull operation was successfully scheduled."))
}
