//! Changes of an offering by its provider.

use std::collections::HashSet;

use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, invalid, invalid_field, invalid_whole};
use crate::protocol::call::Call;
use crate::render;
use crate::rules::offerings::provided;
use crate::store::{Component, ComponentProperties, Endpoint, Offering, State};
use crate::wire::{hex, parse_uuid};

/// Creates a component with a type that is new to the offering.
pub(crate) fn create_component(call: &Call, state: &mut State) -> Outcome {
    let uuid = state.fresh_uuid();
    let offering = provided(call, state)?;
    let mut data = call.checked()?;
    let mut text = |name: &str| match data.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let (kind, name, unit) = (text("type"), text("name"), text("measured_unit"));
    if offering.component(&kind).is_some() {
        return Err(invalid_whole("The fields offering, type must make a unique set."));
    }
    let key = offering.component_key(&kind, uuid);
    let mut properties = ComponentProperties::default();
    properties.update(&data);
    offering.components.push(Component { uuid, kind, key, name, unit, price: None, properties });
    Ok(Answer::empty(StatusCode::CREATED))
}

fn taken_uuid(data: &mut Map<String, Value>) -> Option<Uuid> {
    data.remove("uuid").as_ref().and_then(Value::as_str).and_then(parse_uuid)
}

/// Returns the component that a body names. If it is unknown, the response is 404 without a body.
fn component_of(offering: &Offering, data: &Map<String, Value>) -> Result<Uuid, Answer> {
    let uuid = data.get("uuid").ok_or_else(|| details("The uuid of the component is missing."))?;
    let uuid = uuid.as_str().and_then(parse_uuid);
    uuid.filter(|uuid| offering.components.iter().any(|row| row.uuid == *uuid))
        .ok_or_else(|| Answer::empty(StatusCode::NOT_FOUND))
}

/// Refuses a body in the form that only actions on components have.
fn details(text: &str) -> Answer {
    invalid(json!({ "details": text }))
}

/// Changes a component. A new type renames the limits and usages of all resources.
pub(crate) fn update_component(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    let uuid = component_of(offering, &call.data()?)?;
    let mut data = call.checked_partly()?;
    data.remove("uuid");
    let kind = data.get("type").and_then(Value::as_str).unwrap_or_default();
    if offering.components.iter().any(|row| row.kind == kind && row.uuid != uuid) {
        return Err(invalid_field("type", "Another component has this type."));
    }
    let of = offering.uuid;
    let Some(component) = offering.components.iter_mut().find(|row| row.uuid == uuid) else {
        return Err(Answer::empty(StatusCode::NOT_FOUND));
    };
    let before = component.kind.clone();
    for (name, field) in
        [("type", &mut component.kind), ("name", &mut component.name), ("measured_unit", &mut component.unit)]
    {
        if let Some(Value::String(text)) = data.remove(name) {
            *field = text;
        }
    }
    component.properties.update(&data);
    let after = component.kind.clone();
    if before != after {
        rename_component(state, of, &before, &after);
    }
    Ok(Answer::empty(StatusCode::OK))
}

fn rename_component(state: &mut State, offering: Uuid, before: &str, after: &str) {
    let mut resources = HashSet::new();
    for row in state.resources.iter_mut().filter(|row| row.offering == offering) {
        resources.insert(row.uuid);
        if let Some(limit) = row.limits.remove(before) {
            row.limits.insert(after.to_owned(), limit);
        }
    }
    for usage in state.usages.iter_mut() {
        if usage.component == before && resources.contains(&usage.resource) {
            usage.component = after.to_owned();
        }
    }
}

/// Removes a component, unless the offering has resources in any state.
pub(crate) fn remove_component(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    let (of, uuid) = (offering.uuid, component_of(offering, &call.data()?)?);
    if state.resources.iter().any(|row| row.offering == of) {
        return Err(details("The offering has resources."));
    }
    if let Some(offering) = state.offerings.get_mut(of) {
        offering.components.retain(|row| row.uuid != uuid);
    }
    Ok(Answer::empty(StatusCode::OK))
}

pub(crate) fn add_endpoint(call: &Call, state: &mut State) -> Outcome {
    let uuid = state.fresh_uuid();
    let offering = provided(call, state)?;
    let data = call.checked()?;
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    offering.endpoints.push(Endpoint { uuid, name: text("name"), url: text("url") });
    Ok(Answer::created(json!({ "uuid": hex(uuid) })))
}

pub(crate) fn delete_endpoint(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    let uuid = taken_uuid(&mut call.checked()?);
    if !offering.endpoints.iter().any(|endpoint| Some(endpoint.uuid) == uuid) {
        return Err(invalid_field("uuid", "Object does not exist."));
    }
    offering.endpoints.retain(|endpoint| Some(endpoint.uuid) != uuid);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

pub(crate) fn set_backend_metadata(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    offering.backend_metadata = call.checked()?.remove("backend_metadata").unwrap_or_default();
    Ok(Answer::empty(StatusCode::OK))
}

/// Tells whether no resource of the offering, or of all the provider's offerings, has the back-end id.
pub(crate) fn check_unique_backend_id(call: &Call, state: &mut State) -> Outcome {
    let (uuid, customer) = {
        let offering = provided(call, state)?;
        (offering.uuid, offering.customer)
    };
    let data = call.checked()?;
    let id = data.get("backend_id").and_then(Value::as_str).unwrap_or_default();
    let all = data.get("check_all_offerings") == Some(&Value::Bool(true));
    let unique = !state.resources.iter().any(|row| {
        row.backend_id == id
            && (row.offering == uuid
                || all && state.offerings.get(row.offering).is_some_and(|o| o.customer == customer))
    });
    Ok(Answer::ok(json!({ "is_unique": unique, "is_valid_format": null, "errors": [] })))
}

/// Responds with the attributes of users that the provider sees.
pub(crate) fn user_attributes(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    Ok(Answer::ok(Value::Object(render::user_attributes(offering))))
}

pub(crate) fn update_user_attributes(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    let mut data = call.checked()?;
    data.remove("offering");
    offering.user_attributes.get_or_insert_default().extend(data);
    Ok(Answer::ok(Value::Object(render::user_attributes(offering))))
}
