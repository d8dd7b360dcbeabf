//! `user-invitations`: invitations to projects.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, conflict, forbidden, invalid_field, no_match};
use crate::protocol::call::Call;
use crate::protocol::filters::contains;
use crate::protocol::form::Form;
use crate::protocol::listing;
use crate::render;
use crate::rules::generic;
use crate::rules::people::ROLES;
use crate::rules::references;
use crate::store::{Content, GenericObject, INVITATIONS, Scope, State, role_uuid};
use crate::wire::{hex, parse_uuid, timestamp};

/// The number of days until an invitation ends.
const DAYS: i64 = 7;

/// Lists the invitations to projects of customers that the caller owns.
pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let states: Vec<&str> = call.values("state").collect();
    let scope = call.text("scope").map(|address| address.trim_end_matches('/').rsplit('/').next());
    let scope = scope.map(|segment| segment.and_then(parse_uuid));
    let email = call.text("email");
    let customer = call.uuid_filter("customer_uuid")?;
    let is_of = |project: Uuid, customer: Uuid| {
        state.projects.get(project).is_some_and(|project| project.customer == customer)
    };
    let admits = |row: &GenericObject| {
        row.is_of(&INVITATIONS)
            && row.scope.project.is_some_and(|project| state.consumes(actor, project))
            && (states.is_empty() || states.contains(&row.state.as_str()))
            && scope.is_none_or(|project| row.scope.project == project)
            && customer.is_none_or(|uuid| row.scope.project.is_some_and(|project| is_of(project, uuid)))
            && email.is_none_or(|part| contains(row.text("email"), part))
    };
    let rows: Vec<&GenericObject> = state.generic_objects.iter().filter(|row| admits(row)).collect();
    listing::page(call, &rows, |row, fields| render::generic_object(call, state, row, fields))
}

/// Invites an address to a role in a project.
pub(crate) fn create(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let mut data = call.checked()?;
    let mut form = Form::default();
    let project = references::required(&mut form, &data, "scope", "projects", |uuid| {
        let project = state.projects.get(uuid)?;
        state.sees_project(actor, project).then_some(project.uuid)
    });
    form.finish()?;
    let project = project.ok_or_else(forbidden)?;
    state.must_consume(actor, project)?;
    let role = data.get("role").and_then(Value::as_str).and_then(parse_uuid);
    let role = ROLES.iter().find(|(name, scope)| *scope == "project" && role == Some(role_uuid(name)));
    let (role, _) = role.ok_or_else(|| invalid_field("role", "Object does not exist."))?;
    data.remove("scope");
    let row = state.projects.get(project).ok_or_else(forbidden)?;
    let by = state.person(actor).map(|person| (person.username().to_owned(), person.full_name()));
    let (username, full_name) = by.unwrap_or_default();
    let more = json!({
        "role": hex(role_uuid(role)),
        "role_name": role,
        "role_description": role,
        "scope_uuid": hex(project),
        "scope_name": row.name,
        "scope_type": "project",
        "scope_description": row.description,
        "expires": timestamp(call.now + TimeDelta::days(DAYS)),
        "execution_state": "OK",
        "error_message": "",
        "created_by_full_name": full_name,
        "created_by_username": username,
        "created_by_image": "",
    });
    data.extend(more.as_object().cloned().unwrap_or_default());
    let content = Content { properties: data, ..Content::default() };
    let scope = Scope { project: Some(project), ..Scope::default() };
    let uuid = generic::insert(state, &INVITATIONS, scope, content);
    generic::answer(call, state, uuid, StatusCode::CREATED)
}

/// Returns an invitation that the caller may change.
fn own(call: &Call, state: &State) -> Result<(Uuid, String), Answer> {
    let uuid = generic::changeable(call, state)?;
    let row = state.generic_objects.get(uuid).ok_or_else(|| no_match("Invitation"))?;
    Ok((uuid, row.state.clone()))
}

/// Sends the message of an invitation again.
pub(crate) fn send(call: &Call, state: &mut State) -> Outcome {
    let (uuid, now) = own(call, state)?;
    if !["pending", "expired"].contains(&now.as_str()) {
        return Err(conflict(&["pending", "expired"]));
    }
    if let Some(row) = state.generic_objects.get_mut(uuid) {
        "pending".clone_into(&mut row.state);
        row.modified = call.now;
    }
    Ok(Answer::empty(StatusCode::OK))
}

pub(crate) fn cancel(call: &Call, state: &mut State) -> Outcome {
    let (uuid, now) = own(call, state)?;
    if now != "pending" {
        return Err(conflict(&["pending"]));
    }
    if let Some(row) = state.generic_objects.get_mut(uuid) {
        "canceled".clone_into(&mut row.state);
        row.modified = call.now;
    }
    Ok(Answer::detail(StatusCode::OK, "Invitation has been successfully canceled."))
}
