//! Events about service and course accounts, and about requests for the list of importable resources.

use serde_json::Value;
use uuid::Uuid;

use super::{Event, map, offerings_in, publish};
use crate::store::{
    BACKEND_RESOURCE_REQUESTS, COURSE_ACCOUNTS, GenericObject, PROJECT_SERVICE_ACCOUNTS, State,
};
use crate::wire::hex;

/// Publishes that an account of a project was created or closed; of others nothing is published.
pub(crate) fn account(state: &mut State, uuid: Uuid, action: &str) {
    let Some(row) = state.generic_objects.get(uuid) else { return };
    let object_type = match row {
        row if row.is_of(&PROJECT_SERVICE_ACCOUNTS) => "service_account",
        row if row.is_of(&COURSE_ACCOUNTS) => "course_account",
        _ => return,
    };
    let Some(project) = row.scope.project.and_then(|uuid| state.projects.get(uuid)) else { return };
    let body = map([
        ("account_uuid", hex(uuid).into()),
        ("account_username", username(row)),
        ("scope_type", "project".into()),
        ("project_uuid", hex(project.uuid).into()),
        ("project_name", project.name.as_str().into()),
        ("action", action.into()),
    ]);
    let project = project.uuid;
    for offering in offerings_in(state, project) {
        let mut event = Event::new(object_type, offering, body.clone());
        event.project = Some(project);
        publish(state, &event);
    }
}

/// Returns the username: of a course account, its email address.
fn username(row: &GenericObject) -> Value {
    let name = row.text("username");
    if name.is_empty() { row.text("email").into() } else { name.into() }
}

/// Publishes that somebody requests the list of importable resources.
pub(crate) fn importable_resources(state: &mut State, uuid: Uuid) {
    let row = state.generic_objects.get(uuid).filter(|row| row.is_of(&BACKEND_RESOURCE_REQUESTS));
    let Some(offering) = row.and_then(|row| row.scope.offering) else { return };
    let body = map([("backend_resource_request_uuid", hex(uuid).into())]);
    publish(state, &Event::new("importable_resources", offering, body));
}
