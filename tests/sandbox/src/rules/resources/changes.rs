//! Changes of a resource by its provider or staff, without an order.

use chrono::{NaiveDate, TimeDelta};
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, conflict, invalid, invalid_field, no_match};
use crate::protocol::call::Call;
use crate::protocol::form::{Form, NOT_NULL, REQUIRED};
use crate::rules::events;
use crate::rules::resources::{CONSUMER, PROVIDER, must_be_staff, provided, status, visible};
use crate::store::{Endpoint, ResourceProperties, ResourceState, State};
use crate::wire::python_type;

/// The minimum number of days from now to an end date.
const NOTICE: i64 = 7;

/// The number of days after its last use during which a provider can't set a resource's end date.
const USED: i64 = 90;

/// Sets the back-end id. A number counts as text. Without the field the server crashes.
pub(crate) fn set_backend_id(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.data()?;
    let mut form = Form::default();
    let backend_id = form.text(&data, "backend_id");
    if backend_id.as_ref().is_some_and(|id| id.chars().count() > 255) {
        form.refuse("backend_id", "Ensure this field has no more than 255 characters.");
    }
    form.finish()?;
    let Some(backend_id) = backend_id else {
        return Err(Answer::page(StatusCode::INTERNAL_SERVER_ERROR));
    };
    if row.backend_id == backend_id {
        return Ok(status("Resource backend_id is not changed."));
    }
    row.backend_id = backend_id;
    row.modified = call.now;
    Ok(status("Resource backend_id has been changed."))
}

pub(crate) fn set_backend_metadata(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.data()?;
    row.backend_metadata =
        data.get("backend_metadata").cloned().ok_or_else(|| missing("backend_metadata"))?;
    Ok(status("The backend metadata is updated"))
}

/// Replaces the endpoints. Any text is accepted as address.
pub(crate) fn set_endpoints(call: &Call, state: &mut State) -> Outcome {
    visible(call, state, PROVIDER)?;
    let data = call.data()?;
    let mut form = Form::default();
    let named = form.items(&data, "endpoints", endpoint);
    form.finish()?;
    let endpoints =
        named.into_iter().map(|(name, url)| Endpoint { uuid: state.fresh_uuid(), name, url }).collect();
    let row = provided(call, state)?;
    row.endpoints = endpoints;
    row.modified = call.now;
    Ok(status("Endpoints have been set."))
}

fn endpoint(value: &Value) -> Result<(String, String), Map<String, Value>> {
    let mut form = Form::default();
    let Some(data) = value.as_object() else { return Err(form.no_dictionary(value)) };
    match (form.filled_text(data, "name"), form.filled_text(data, "url")) {
        (Some(name), Some(url)) => Ok((name, url)),
        _ => Err(form.into_errors()),
    }
}

fn missing(name: &str) -> Answer {
    invalid_field(name, REQUIRED)
}

/// Stores a report: at least one section, each with header and body.
pub(crate) fn submit_report(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.data()?;
    let report = data.get("report").ok_or_else(|| missing("report"))?;
    let sections = match report {
        Value::Null => return Err(invalid_field("report", NOT_NULL)),
        Value::Array(sections) => sections,
        other => {
            let message = format!("Expected a list of items but got type \"{}\".", python_type(other));
            return Err(invalid(json!({ "report": { "non_field_errors": [message] } })));
        }
    };
    if sections.is_empty() {
        return Err(invalid_field("report", "Report object should contain at least one section."));
    }
    let errors: Vec<Value> = sections.iter().map(section_errors).collect();
    if errors.iter().any(|error| error.as_object().is_none_or(|map| !map.is_empty())) {
        return Err(invalid(json!({ "report": errors })));
    }
    row.report = report.clone();
    row.modified = call.now;
    Ok(status("Report is submitted"))
}

fn section_errors(section: &Value) -> Value {
    let mut form = Form::default();
    match section.as_object() {
        Some(section) => {
            form.filled_text(section, "header");
            form.filled_text(section, "body");
        }
        None => return Value::Object(form.no_dictionary(section)),
    }
    Value::Object(form.into_errors())
}

pub(crate) fn set_limits(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.data()?;
    let limits = match data.get("limits") {
        None => return Err(missing("limits")),
        Some(Value::Object(limits)) => limits,
        Some(Value::Null) => return Err(invalid_field("limits", NOT_NULL)),
        Some(other) => {
            let message = format!("Expected a dictionary of items but got type \"{}\".", python_type(other));
            return Err(invalid_field("limits", message));
        }
    };
    row.limits = limits.clone();
    row.modified = call.now;
    Ok(status("Resource limits have been changed."))
}

/// Sets a resource OK from any state. From terminated the server crashes.
pub(crate) fn set_as_ok(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    if row.state == ResourceState::Terminated {
        return Err(Answer::page(StatusCode::INTERNAL_SERVER_ERROR));
    }
    row.state = ResourceState::Ok;
    row.error_message.clear();
    row.error_traceback.clear();
    row.modified = call.now;
    Ok(Answer::empty(StatusCode::OK))
}

/// Sets a resource erred from any state. Texts that are absent or empty keep their value.
pub(crate) fn set_as_erred(call: &Call, state: &mut State) -> Outcome {
    if !call.release.lets_providers_err_resources() {
        must_be_staff(call, state)?;
    }
    let row = provided(call, state)?;
    let data = call.data()?;
    let mut form = Form::default();
    let message = form.text(&data, "error_message");
    let traceback = form.text(&data, "error_traceback");
    form.finish()?;
    row.state = ResourceState::Erred;
    for (text, field) in [(message, &mut row.error_message), (traceback, &mut row.error_traceback)] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            *field = text;
        }
    }
    row.modified = call.now;
    Ok(Answer::empty(StatusCode::OK))
}

pub(crate) fn refresh_last_sync(call: &Call, state: &mut State) -> Outcome {
    provided(call, state)?.last_sync = call.now;
    Ok(Answer::empty(StatusCode::OK))
}

/// Sets the property that the action is about, which the body names.
///
/// `update_options_direct`, `set_keycloak_scopes`.
pub(crate) fn set_property(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    row.properties.update(&call.checked()?);
    row.modified = call.now;
    let what = call.action().trim_start_matches("set_").replace('_', " ");
    Ok(status(&format!("Resource {what} has been changed.")))
}

/// Sets a flag; staff only: `paused`, `downscaled`, `restrict_member_access`. Without it the server crashes.
pub(crate) fn set_flag(call: &Call, state: &mut State) -> Outcome {
    must_be_staff(call, state)?;
    let name = call.action().trim_start_matches("set_");
    if !call.checked()?.contains_key(name) {
        return Err(Answer::page(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let flags = |row: &ResourceProperties| (row.paused, row.downscaled, row.restrict_member_access);
    let row = provided(call, state)?;
    let (uuid, before) = (row.uuid, flags(&row.properties));
    let changed = set_property(call, state)?;
    if state.resources.get(uuid).is_some_and(|row| flags(&row.properties) != before) {
        events::resource(state, uuid);
    }
    Ok(changed)
}

/// Sets the end date; null unsets it.
pub(crate) fn set_end_date(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    let recent = call.now - TimeDelta::days(USED);
    if last_day(&call.checked()?).is_some()
        && state.usages.iter().any(|usage| usage.resource == uuid && usage.date >= recent)
    {
        let message = format!("A resource that was used in the last {USED} days keeps its end date.");
        return Err(invalid_field("end_date", message));
    }
    set_last_day(call, state)
}

fn set_last_day(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.checked()?;
    if last_day(&data).is_some_and(|day| day < call.now.date_naive() + TimeDelta::days(NOTICE)) {
        return Err(invalid_field("end_date", format!("The end is at least {NOTICE} days ahead.")));
    }
    row.properties.update(&data);
    row.modified = call.now;
    Ok(Answer::empty(StatusCode::OK))
}

fn last_day(data: &Map<String, Value>) -> Option<NaiveDate> {
    data.get("end_date").and_then(Value::as_str).and_then(|text| text.parse().ok())
}

/// Sets the end date as staff, also of a resource that was used recently.
pub(crate) fn set_end_date_by_staff(call: &Call, state: &mut State) -> Outcome {
    must_be_staff(call, state)?;
    set_last_day(call, state)
}

/// Sets the slug; staff only.
pub(crate) fn set_slug(call: &Call, state: &mut State) -> Outcome {
    must_be_staff(call, state)?;
    let row = provided(call, state)?;
    let data = call.checked()?;
    row.slug = data.get("slug").and_then(Value::as_str).unwrap_or_default().to_owned();
    row.modified = call.now;
    Ok(status("Resource slug has been changed."))
}

/// Changes name, description and end date. A missing end date is unset, also by PATCH. Spaces around texts
/// are removed.
pub(crate) fn provider_update(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    update(call, state, uuid)
}

/// Changes name, description and end date, as [`provider_update`] does.
pub(crate) fn consumer_update(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state, CONSUMER)?;
    let uuid = row.uuid;
    state.must_manage(call.actor()?, row.project)?;
    update(call, state, uuid)
}

fn update(call: &Call, state: &mut State, resource: Uuid) -> Outcome {
    let row = state.resources.get_mut(resource).ok_or_else(|| no_match("Resource"))?;
    let mut data = call.checked()?;
    if last_day(&data).is_some_and(|day| day < call.now.date_naive()) {
        return Err(invalid_field("end_date", "The day is past."));
    }
    for value in data.values_mut() {
        if let Value::String(text) = value {
            *text = text.trim().to_owned();
        }
    }
    if let Some(Value::String(name)) = data.remove("name") {
        row.name = name;
    }
    row.properties.end_date = last_day(&data);
    data.retain(|name, _| name == "description");
    row.properties.update(&data);
    row.modified = call.now;
    Ok(Answer::ok(json!({
        "name": row.name,
        "description": row.properties.description.as_deref().unwrap_or_default(),
        "end_date": row.properties.end_date,
    })))
}

/// Sets the options. On a real server an order may be needed.
pub(crate) fn update_options(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.checked()?;
    row.properties.options = data.get("options").filter(|options| !options.is_null()).cloned();
    row.modified = call.now;
    Ok(status("Resource options are submitted"))
}

/// Sets a resource OK if it is erred or being changed. The error message stays.
pub(crate) fn set_state_ok(call: &Call, state: &mut State) -> Outcome {
    use ResourceState::{Creating, Erred, Terminating, Updating};
    let row = provided(call, state)?;
    if !matches!(row.state, Erred | Creating | Updating | Terminating) {
        return Err(conflict(&["Erred", "Creating", "Updating", "Terminating"]));
    }
    row.state = ResourceState::Ok;
    row.modified = call.now;
    Ok(status("Resource state has been changed to OK."))
}

/// Removes a resource without an order; staff only.
pub(crate) fn unlink(call: &Call, state: &mut State) -> Outcome {
    must_be_staff(call, state)?;
    let uuid = provided(call, state)?.uuid;
    state.resources.remove(uuid);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
