//! Event consumers of servers newer than the schema: one queue each, for all types of objects.

use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::broker::Arguments;
use crate::protocol::answer::{Answer, Outcome, forbidden, invalid_field, no_match};
use crate::protocol::call::Call;
use crate::protocol::listing::{self, object};
use crate::rules::generic::body::insert;
use crate::rules::generic::{changeable, remove};
use crate::store::{Actor, Content, EVENT_CONSUMERS, GenericObject, Scope, State};
use crate::wire::{hex, parse_uuid, timestamp};

/// The types of objects whose events these servers have.
const OBJECT_TYPES: &[&str] = &[
    "order",
    "user_role",
    "resource",
    "offering_user",
    "importable_resources",
    "service_account",
    "course_account",
    "resource_periodic_limits",
    "offering_resources_sync",
    "resource_api_key_rotation",
    "resource_end_date_change_request",
    "user_profile",
    "user_ssh_key",
    "user_lifecycle",
    "call",
    "proposal",
    "service_provider_account",
    "service_provider_project_group",
];

const SCOPE_TYPES: &[&str] = &["customer", "project", "offering", "resource", "call", "user"];

/// Registers the queue of an agent, for events of its offering.
pub(crate) fn register_queue(call: &Call, state: &mut State) -> Outcome {
    let identity = changeable(call, state)?;
    let actor = call.actor()?;
    let data = call.data()?;
    let offering = state.generic_objects.get(identity).and_then(|row| row.scope.offering);
    let known = state.event_consumers().find(|row| row.scope.parent == Some(identity));
    if known.is_some_and(|row| row.scope.person != Some(actor.uuid())) {
        let message = "The queue of this agent belongs to another user.";
        return Err(Answer::detail(StatusCode::CONFLICT, message));
    }
    let known = known.map(|row| row.uuid);
    let scope = Scope { parent: Some(identity), person: Some(actor.uuid()), offering, ..Scope::default() };
    let types = object_types(&data)?;
    register_as(call, state, known, scope, types, json!([]))
}

/// Registers a consumer of the caller. Without scopes it gets all events, which only staff may.
pub(crate) fn register(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let data = call.data()?;
    let scopes = scopes(&data, state, actor)?;
    let types = object_types(&data)?;
    let known = state.event_consumers().find(|row| {
        row.scope.person == Some(actor.uuid())
            && row.scope.parent.is_none()
            && row.content.properties.get("scopes") == Some(&scopes)
    });
    let known = known.map(|row| row.uuid);
    let scope = Scope { person: Some(actor.uuid()), ..Scope::default() };
    register_as(call, state, known, scope, types, scopes)
}

/// Returns the requested types; `None` leaves those of a known consumer.
fn object_types(data: &Map<String, Value>) -> Result<Option<Value>, Answer> {
    let Some(value) = data.get("object_types") else { return Ok(None) };
    let Some(types) = value.as_array() else {
        return Err(invalid_field("object_types", "Expected a list of items."));
    };
    match types.iter().find(|one| !one.as_str().is_some_and(|name| OBJECT_TYPES.contains(&name))) {
        Some(unknown) => Err(invalid_field("object_types", format!("{unknown} is not a valid choice."))),
        None => Ok(Some(value.clone())),
    }
}

fn scopes(data: &Map<String, Value>, state: &State, actor: Actor) -> Result<Value, Answer> {
    let scopes = match data.get("scopes") {
        None => &[],
        Some(Value::Array(scopes)) => scopes.as_slice(),
        Some(_) => return Err(invalid_field("scopes", "Expected a list of items.")),
    };
    if scopes.is_empty() && actor != Actor::Staff {
        return Err(forbidden());
    }
    let mut out = Vec::new();
    for scope in scopes {
        let (kind, uuid) = (scope["type"].as_str(), scope["uuid"].as_str().and_then(parse_uuid));
        let (Some(kind), Some(uuid)) = (kind.filter(|kind| SCOPE_TYPES.contains(kind)), uuid) else {
            return Err(invalid_field("scopes", "Each scope has a type and a uuid."));
        };
        if !state.sees_events_of(actor, kind, uuid) {
            return Err(forbidden());
        }
        out.push(json!({ "type": kind, "uuid": hex(uuid) }));
    }
    Ok(out.into())
}

/// Makes or renews a consumer. The broker's password becomes the credential of this request. A user that the
/// broker has lost gets another name.
fn register_as(
    call: &Call,
    state: &mut State,
    known: Option<Uuid>,
    scope: Scope,
    types: Option<Value>,
    scopes: Value,
) -> Outcome {
    let actor = call.actor()?;
    let vhost = hex(actor.uuid());
    let fresh = hex(state.fresh_uuid());
    let (uuid, status) = match known {
        Some(uuid) => (uuid, StatusCode::OK),
        None => {
            let mut content = Content::default();
            content.properties.extend([
                ("rmq_username".to_owned(), fresh.as_str().into()),
                ("vhost".to_owned(), vhost.as_str().into()),
                ("observable_object_types".to_owned(), json!([])),
                ("scopes".to_owned(), scopes),
            ]);
            (insert(state, &EVENT_CONSUMERS, scope, content), StatusCode::CREATED)
        }
    };
    let now = state.now();
    let row = state.generic_objects.get_mut(uuid).ok_or_else(|| no_match(EVENT_CONSUMERS.model))?;
    let queue = format!("consumer_{}", hex(uuid));
    let properties = &mut row.content.properties;
    properties.insert("queue_name".to_owned(), queue.as_str().into());
    if let Some(types) = types {
        properties.insert("observable_object_types".to_owned(), types);
    }
    let mut broker = state.broker.lock();
    let user = properties.get("rmq_username").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_stale = known.is_some() && !broker.has_user(&user, &vhost);
    let user = if is_stale { fresh } else { user };
    properties.insert("rmq_username".to_owned(), user.as_str().into());
    row.modified = now;
    let password = call.personal_token.clone().unwrap_or_else(|| call.token.clone());
    broker.add_user(&user, &password, &vhost);
    if broker.declare(&(vhost.clone(), queue.clone()), Arguments::Waldur, Some(&user)).is_err() {
        drop(broker);
        if known.is_none() {
            remove(state, uuid);
        }
        return Err(Answer::detail(StatusCode::BAD_REQUEST, "Failed to create queue in RabbitMQ"));
    }
    drop(broker);
    let row = state.generic_objects.get(uuid).ok_or_else(|| no_match(EVENT_CONSUMERS.model))?;
    let types = row.content.properties.get("observable_object_types").cloned();
    let body = json!({
        "rmq_username": user,
        "queue_name": queue,
        "vhost": vhost,
        "observable_object_types": types,
    });
    Ok(Answer::json(status, body))
}

/// Lists the caller's consumers, but not those of agents.
pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let rows: Vec<&GenericObject> = state.event_consumers().filter(|row| is_listed(row, actor)).collect();
    listing::page(call, &rows, |row, fields| {
        object! { fields;
            "uuid": hex(row.uuid),
            "created": timestamp(row.created),
            "queue_name": row.text("queue_name"),
            "vhost": row.text("vhost"),
            "rmq_username": row.text("rmq_username"),
            "observable_object_types": row.content.properties.get("observable_object_types").cloned(),
            "scopes": row.content.properties.get("scopes").cloned(),
        }
    })
}

fn is_listed(row: &GenericObject, actor: Actor) -> bool {
    row.scope.parent.is_none() && (actor == Actor::Staff || row.scope.person == Some(actor.uuid()))
}

pub(crate) fn destroy(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let row = call.uuid().and_then(|uuid| state.event_consumers().find(|row| row.uuid == uuid));
    let uuid = row.filter(|row| is_listed(row, actor)).ok_or_else(|| no_match(EVENT_CONSUMERS.model))?.uuid;
    remove(state, uuid);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
