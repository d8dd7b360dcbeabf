//! Objects that agents register, and their reports.

use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, forbidden, invalid_field, no_match};
use crate::protocol::call::Call;
use crate::protocol::listing::Fields;
use crate::render;
use crate::rules::generic::body::insert;
use crate::rules::generic::{answer, changeable, collection_of, remove};
use crate::rules::orders::create;
use crate::store::{AGENT_PROCESSORS, AGENT_SERVICES, Actor, Collection, Content, Scope, State};
use crate::wire::{hex, parse_uuid};

/// Changes the child object with this value of a property, or adds one. The status is 200 or 201.
fn find_or_insert(
    state: &mut State,
    kind: &'static Collection,
    scope: Scope,
    key: &str,
    properties: Map<String, Value>,
) -> (Uuid, StatusCode) {
    let content = Content { properties, ..Content::default() };
    let now = state.now();
    let known = state
        .generic_objects
        .iter_mut()
        .find(|row| row.is_of(kind) && row.scope.parent == scope.parent && row.content.agrees(&content, key));
    match known {
        Some(row) => {
            row.content.extend(content);
            row.modified = now;
            (row.uuid, StatusCode::OK)
        }
        None => (insert(state, kind, scope, content), StatusCode::CREATED),
    }
}

/// Registers a service of an agent, or a processor of a service, by its name.
pub(crate) fn register(call: &Call, state: &mut State) -> Outcome {
    let parent = changeable(call, state)?;
    let data = call.checked()?;
    let offering = state.generic_objects.get(parent).and_then(|row| row.scope.offering);
    let scope = Scope { parent: Some(parent), offering, ..Scope::default() };
    let kind = match call.action() {
        "register_service" => &AGENT_SERVICES,
        _ => &AGENT_PROCESSORS,
    };
    let (uuid, status) = find_or_insert(state, kind, scope, "name", data);
    answer(call, state, uuid, status)
}

/// Sets the statistics of a service.
pub(crate) fn set_statistics(call: &Call, state: &mut State) -> Outcome {
    let uuid = changeable(call, state)?;
    let data = call.checked()?;
    if let Some(row) = state.generic_objects.get_mut(uuid) {
        row.content.properties.extend(data);
        row.modified = call.now;
    }
    answer(call, state, uuid, StatusCode::OK)
}

/// Removes identities without services, or services without news for some hours; staff only. By default a dry
/// run: it only lists them.
pub(crate) fn cleanup(call: &Call, state: &mut State) -> Outcome {
    if call.actor()? != Actor::Staff {
        return Err(forbidden());
    }
    let kind = collection_of(call)?;
    let data = call.checked()?;
    let dry_run = data.get("dry_run").and_then(Value::as_bool).unwrap_or(true);
    let hours = data.get("older_than_hours").and_then(Value::as_i64).unwrap_or(24);
    let before = chrono::TimeDelta::try_hours(hours).and_then(|time| call.now.checked_sub_signed(time));
    let stale: Vec<(Uuid, Value)> = state
        .generic_objects
        .iter()
        .filter(|row| row.is_of(kind))
        .filter(|row| {
            if call.action() == "cleanup_stale" {
                before.is_some_and(|before| row.modified <= before)
            } else {
                !state.generic_objects.iter().any(|other| other.scope.parent == Some(row.uuid))
            }
        })
        .map(|row| (row.uuid, json!({ "uuid": hex(row.uuid), "name": row.text("name") })))
        .collect();
    if !dry_run {
        for (uuid, _) in &stale {
            remove(state, *uuid);
        }
    }
    let items: Vec<Value> = stale.into_iter().map(|(_, item)| item).collect();
    Ok(Answer::ok(json!({ "deleted_count": items.len(), "dry_run": dry_run, "items": items })))
}

/// Creates a resource from one of the back end, in use and with its back-end id.
pub(crate) fn import_resource(call: &Call, state: &mut State) -> Outcome {
    let uuid = changeable(call, state)?;
    call.checked()?;
    let found = state
        .generic_objects
        .get(uuid)
        .map(|row| (row.scope, row.text("name").to_owned(), row.text("backend_id").to_owned()));
    let Some((Scope { offering: Some(offering), project: Some(project), .. }, name, backend_id)) = found
    else {
        return Err(no_match("BackendResource"));
    };
    let resource = create::import(state, call.actor()?, offering, project, &name, &backend_id);
    remove(state, uuid);
    let row = state.resources.get(resource).ok_or_else(|| no_match("Resource"))?;
    Ok(Answer::created(Value::Object(render::resource(call, state, row, &Fields::ALL))))
}

/// Stores the result of a policy's command for a resource. A later one replaces it.
pub(crate) fn report_command_result(call: &Call, state: &mut State) -> Outcome {
    let uuid = changeable(call, state)?;
    let data = call.checked()?;
    let resource = data.get("resource_uuid").and_then(Value::as_str).and_then(parse_uuid);
    if resource.is_none_or(|uuid| state.resources.get(uuid).is_none()) {
        return Err(invalid_field("resource_uuid", "Resource not found."));
    }
    if let Some(row) = state.generic_objects.get_mut(uuid) {
        row.content.properties.insert("last_result".to_owned(), Value::Object(data));
        row.modified = call.now;
    }
    Ok(Answer::empty(StatusCode::OK))
}
