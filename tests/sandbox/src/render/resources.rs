//! Resources.

use serde_json::{Map, Value};

use crate::protocol::call::Call;
use crate::protocol::listing::{Fields, object};
use crate::render;
use crate::store::{Resource, ResourceState, State, Usage};
use crate::wire::{hex, timestamp};

pub(crate) fn scope_type(row: &Resource) -> Option<&'static str> {
    row.scope.map(|_| "SLURM.Allocation")
}

pub(crate) fn resource(call: &Call, state: &State, row: &Resource, fields: &Fields) -> Map<String, Value> {
    let (Some(offering), Some(project)) =
        (state.offerings.get(row.offering), state.projects.get(row.project))
    else {
        return Map::new();
    };
    let plan = row.plan.and_then(|uuid| offering.plan(uuid)).unwrap_or(&offering.plan);
    let mut map = render::offering_summary(call, state, offering, plan, fields);
    map.extend(object! { fields;
        "attributes": Value::Object(object! { Fields::ALL; "name": row.name.as_str() }),
        "limits": row.limits.clone(),
        "offering_slug": offering.slug.as_str(),
        "offering_state": offering.state.as_str(),
        "offering_components": render::components(offering),
        "uuid": hex(row.uuid),
        "created": timestamp(row.created),
        "modified": timestamp(row.modified),
        // The provider's view has the consumer's address too.
        "url": call.url(&format!("marketplace-resources/{}/", hex(row.uuid))),
        "scope": row.scope.map(|scope| call.url(&format!("slurm-allocations/{}/", hex(scope)))),
        "description": "",
        "state": row.state.as_str(),
        "resource_uuid": row.scope.map(hex),
        "backend_id": row.backend_id.as_str(),
        "effective_id": "",
        "resource_type": scope_type(row),
        "project": call.url(&format!("projects/{}/", hex(project.uuid))),
        "project_uuid": hex(project.uuid),
        "project_name": project.name.as_str(),
        "project_description": project.description.as_str(),
        "project_end_date": project.properties.end_date.map(|day| day.to_string()),
        "project_end_date_requested_by": Value::Null,
        "customer_uuid": hex(project.customer),
        "customer_name": state.customer_of(project).map(|customer| customer.name.clone()),
        "backend_metadata": row.backend_metadata.clone(),
        "is_usage_based": true,
        "is_limit_based": false,
        "name": row.name.as_str(),
        "slug": row.slug.as_str(),
        "current_usages": current_usages(state, row),
        "can_terminate": matches!(row.state, ResourceState::Ok | ResourceState::Erred),
        "report": row.report.clone(),
        "end_date": Value::Null,
        "end_date_requested_by": Value::Null,
        "username": Value::Null,
        "limit_usage": Value::Null,
        "downscaled": false,
        "restrict_member_access": false,
        "paused": false,
        "endpoints": row.endpoints.iter().map(render::endpoint).collect::<Vec<_>>(),
        "error_message": row.error_message.as_str(),
        "error_traceback": row.error_traceback.as_str(),
        "offering_customer_uuid": hex(offering.customer),
        "options": Value::Null,
        "available_actions": Value::Array(Vec::new()),
        "last_sync": timestamp(row.last_sync),
    });
    map.extend(row.properties.to_map(|name| fields.wants(name)));
    map
}

/// Returns the usage reported for each component in the current month.
fn current_usages(state: &State, row: &Resource) -> Map<String, Value> {
    let month = state.clock.month();
    let Some(offering) = state.offerings.get(row.offering) else { return Map::new() };
    offering
        .components
        .iter()
        .filter_map(|component| state.usages.get(Usage::uuid_of(row.uuid, &component.key, month)))
        .filter(|usage| usage.modified_by.is_some())
        .map(|usage| (usage.component.clone(), Value::from(render::two_decimals(usage.amount))))
        .collect()
}
