//! Events about roles in projects, and about offering users.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Event, map, offerings_in, publish};
use crate::render;
use crate::store::{OfferingUser, State};
use crate::wire::hex;

/// Publishes that a user got or lost a role in a project, for each offering with an agent that has a resource
/// there.
pub(crate) fn user_role(state: &mut State, user: Uuid, project: Uuid, role: &str, granted: bool) {
    let (Some(person), Some(row)) = (state.people.get(user), state.projects.get(project)) else { return };
    let body = map([
        ("user_uuid", hex(user).into()),
        ("user_username", person.username().into()),
        ("project_uuid", hex(project).into()),
        ("project_name", row.name.as_str().into()),
        ("role_name", role.into()),
        ("granted", granted.into()),
    ]);
    let more = map([("user_email", person.email().into()), ("user_full_name", person.full_name().into())]);
    for offering in offerings_in(state, project) {
        let mut event = Event::new("user_role", offering, body.clone());
        event.more = more.clone();
        (event.project, event.user) = (Some(project), Some(user));
        publish(state, &event);
    }
}

/// What happened to an offering user.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OfferingUserEvent<'a> {
    Create,
    /// These properties have changed.
    Update(&'a [&'a str]),
    Delete,
    /// Only offerings with an agent publish this.
    UsernameSet,
}

/// Publishes what happened to an offering user, which may be removed already.
pub(crate) fn offering_user(state: &mut State, row: &OfferingUser, happened: OfferingUserEvent<'_>) {
    let Some(offering) = state.offerings.get(row.offering) else { return };
    let Some(person) = state.people.get(row.person) else { return };
    let state_and_runtime = || map([("state", row.state.as_str().into()), ("runtime_state", "".into())]);
    let (action, more) = match happened {
        OfferingUserEvent::Create => {
            let mut more = state_and_runtime();
            let exposed = render::user_attributes(offering);
            let is_exposed = |name: &str| exposed.get(&format!("expose_{name}")) == Some(&Value::Bool(true));
            let mut attributes: Map<String, Value> = map([
                ("username", person.username().into()),
                ("full_name", person.full_name().into()),
                ("email", person.email().into()),
                ("phone_number", person.phone_number.as_str().into()),
                ("organization", person.organization.as_str().into()),
                ("job_title", person.job_title.as_str().into()),
            ]);
            attributes.retain(|name, _| is_exposed(name));
            more.insert("attributes".to_owned(), Value::Object(attributes));
            ("create", more)
        }
        OfferingUserEvent::Update(fields) => {
            let mut more = state_and_runtime();
            more.insert("changed_fields".to_owned(), json!(fields));
            ("update", more)
        }
        OfferingUserEvent::Delete => ("delete", Map::new()),
        OfferingUserEvent::UsernameSet if !offering.has_agent() => return,
        OfferingUserEvent::UsernameSet => {
            let mut more = map([("state", row.state.as_str().into())]);
            if state.release.names_resources_of_offering_users() {
                more.insert("resource_backend_ids".to_owned(), backend_ids(state, row));
            }
            ("username_set", more)
        }
    };
    let mut body = map([
        ("offering_user_uuid", hex(row.uuid).into()),
        ("user_uuid", hex(row.person).into()),
        ("username", row.username.as_deref().unwrap_or_default().into()),
        ("action", action.into()),
    ]);
    body.extend(more);
    let mut event = Event::new("offering_user", row.offering, body);
    event.user = Some(row.person);
    publish(state, &event);
}

/// Returns the back-end ids of the resources that a user has through projects.
fn backend_ids(state: &State, row: &OfferingUser) -> Value {
    let Some(person) = state.people.get(row.person) else { return json!([]) };
    let resources = state.resources.iter().filter(|resource| {
        resource.offering == row.offering
            && !resource.backend_id.is_empty()
            && person.role_in(resource.project).is_some()
    });
    resources.map(|resource| Value::from(resource.backend_id.as_str())).collect()
}
