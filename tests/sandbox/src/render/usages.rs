//! Component usages, and the shares of users in them.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::protocol::call::Call;
use crate::protocol::listing::{Fields, object};
use crate::store::{Actor, Component, Resource, State, Usage, UserUsage};
use crate::wire::{hex, timestamp};

pub(crate) fn usage(state: &State, usage: &Usage, fields: &Fields) -> Map<String, Value> {
    let Some((resource, component)) = usage_parts(state, usage) else { return Map::new() };
    let mut map = usage_facts(usage, component, fields);
    map.extend(usage_scope(state, resource, fields));
    map.extend(object! { fields;
        "billing_period": usage.month.to_string(),
        "modified_by": usage.modified_by.map(Actor::number),
    });
    map
}

/// Returns a usage without its resource, project and customer.
pub(crate) fn usage_facts(usage: &Usage, component: &Component, fields: &Fields) -> Map<String, Value> {
    object! { fields;
        "uuid": hex(usage.uuid),
        "created": timestamp(usage.created),
        "description": usage.description.as_str(),
        "type": component.kind.as_str(),
        "name": component.name.as_str(),
        "measured_unit": component.unit.as_str(),
        "usage": two_decimals(usage.amount),
        "date": timestamp(usage.date),
        "recurring": usage.recurring,
    }
}

pub(crate) fn user_usage(call: &Call, state: &State, row: &UserUsage, fields: &Fields) -> Map<String, Value> {
    let Some(usage) = state.usages.get(row.usage) else { return Map::new() };
    let Some((resource, component)) = usage_parts(state, usage) else { return Map::new() };
    let mut map = object! { fields;
        "uuid": hex(row.uuid),
        "user": row.offering_user.map(|uuid| call.url(&format!("marketplace-offering-users/{}/", hex(uuid)))),
        "username": row.username.as_str(),
        "component_usage": call.url(&format!("marketplace-component-usages/{}/", hex(usage.uuid))),
        "usage": two_decimals(row.amount),
        "measured_unit": component.unit.as_str(),
        "description": row.description.as_str(),
        "created": timestamp(row.created),
        "modified": timestamp(row.modified),
        "backend_id": "",
        "component_type": component.kind.as_str(),
        "date": timestamp(usage.date),
    };
    map.extend(usage_scope(state, resource, fields));
    map
}

pub(crate) fn two_decimals(amount: Decimal) -> String {
    format!("{amount:.2}")
}

fn usage_parts<'a>(state: &'a State, usage: &Usage) -> Option<(&'a Resource, &'a Component)> {
    let resource = state.resources.get(usage.resource)?;
    let component = state.offerings.get(resource.offering)?.component(&usage.component)?;
    Some((resource, component))
}

fn usage_scope(state: &State, resource: &Resource, fields: &Fields) -> Map<String, Value> {
    let project = state.projects.get(resource.project);
    let customer = project.and_then(|project| state.customer_of(project));
    object! { fields;
        "resource_name": resource.name.as_str(),
        "resource_uuid": hex(resource.uuid),
        "offering_name": state.offerings.get(resource.offering).map(|offering| offering.name.clone()),
        "offering_uuid": hex(resource.offering),
        "project_name": project.map(|project| project.name.clone()),
        "project_uuid": hex(resource.project),
        "customer_name": customer.map(|customer| customer.name.clone()),
        "customer_uuid": customer.map(|customer| hex(customer.uuid)),
    }
}
