//! Events about resources.

use serde_json::Value;
use uuid::Uuid;

use super::{Event, map, publish};
use crate::store::State;
use crate::wire::hex;

/// Publishes the flags of a resource. Other changes of a resource are not published.
pub(crate) fn resource(state: &mut State, uuid: Uuid) {
    let number = state.next_sequence_number(uuid);
    let Some(row) = state.resources.get(uuid) else { return };
    let flag = |flag: Option<bool>| Value::Bool(flag.unwrap_or(false));
    let body = map([
        ("resource_uuid", hex(uuid).into()),
        ("resource_backend_id", row.backend_id.as_str().into()),
        ("downscaled", flag(row.properties.downscaled)),
        ("restrict_member_access", flag(row.properties.restrict_member_access)),
        ("paused", flag(row.properties.paused)),
        ("sequence_number", number.into()),
    ]);
    let project = state.projects.get(row.project).map(|project| project.name.as_str());
    let mut event = Event::new("resource", row.offering, body);
    event.more = map([
        ("resource_name", row.name.as_str().into()),
        ("resource_state", row.state.as_str().into()),
        ("project_uuid", hex(row.project).into()),
        ("project_name", project.into()),
        ("limits", Value::Object(row.limits.clone())),
    ]);
    (event.project, event.resource) = (Some(row.project), Some(uuid));
    publish(state, &event);
}
