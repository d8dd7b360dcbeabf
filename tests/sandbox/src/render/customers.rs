//! Customers and projects.

use serde_json::{Map, Value, json};

use crate::protocol::call::Call;
use crate::protocol::listing::{Fields, object};
use crate::store::{Customer, Project, Resource, State};
use crate::wire::{hex, timestamp};

pub(crate) fn customer(call: &Call, state: &State, row: &Customer, fields: &Fields) -> Map<String, Value> {
    let projects: Vec<&Project> =
        state.kept_projects().filter(|project| project.customer == row.uuid).collect();
    let owners = state.people.iter().filter(|person| person.owns(row.uuid)).count();
    let members: usize = projects.iter().map(|project| state.members(project.uuid).count()).sum();
    object! { fields;
        "url": call.url(&format!("customers/{}/", hex(row.uuid))),
        "uuid": hex(row.uuid),
        "created": timestamp(row.created),
        "organization_group": Value::Null,
        "display_name": if row.abbreviation.is_empty() { row.name.as_str() } else { row.abbreviation.as_str() },
        "projects": projects.iter().map(|project| json!({
            "url": call.url(&format!("projects/{}/", hex(project.uuid))),
            "uuid": hex(project.uuid),
            "name": project.name,
        })).collect::<Vec<_>>(),
        "backend_id": "",
        "image": Value::Null,
        "blocked": false,
        "archived": false,
        "default_tax_percent": "0.00",
        "accounting_start_date": timestamp(row.created),
        "projects_count": projects.len(),
        "users_count": owners + members,
        "sponsor_number": Value::Null,
        "country_name": "Estonia",
        "name": row.name.as_str(),
        "slug": row.slug.as_str(),
        "native_name": "",
        "abbreviation": row.abbreviation.as_str(),
        "contact_details": "",
        "agreement_number": "",
        "email": row.email.as_str(),
        "phone_number": "",
        "access_subnets": "",
        "registration_code": "",
        "homepage": "",
        "domain": "",
        "vat_code": "",
        "postal": "",
        "address": "",
        "bank_name": "",
        "bank_account": "",
        "latitude": Value::Null,
        "longitude": Value::Null,
        "country": "EE",
        "payment_profiles": Value::Array(Vec::new()),
        "is_service_provider": state.service_providers.iter().any(|provider| provider.customer == row.uuid),
        "call_managing_organization_uuid": Value::Null,
    }
}

pub(crate) fn project(call: &Call, state: &State, row: &Project, fields: &Fields) -> Map<String, Value> {
    let customer = state.customer_of(row);
    let resources: Vec<&Resource> =
        state.resources.iter().filter(|resource| resource.project == row.uuid).collect();
    let by_category = || {
        let mut counts = Map::new();
        for offering in resources.iter().filter_map(|resource| state.offerings.get(resource.offering)) {
            let count = counts.entry(hex(offering.category)).or_insert(json!(0));
            *count = json!(count.as_u64().unwrap_or_default() + 1);
        }
        counts
    };
    let mut map = object! { fields;
        "url": call.url(&format!("projects/{}/", hex(row.uuid))),
        "uuid": hex(row.uuid),
        "name": row.name.as_str(),
        "slug": row.slug.as_str(),
        "customer": call.url(&format!("customers/{}/", hex(row.customer))),
        "customer_uuid": hex(row.customer),
        "customer_name": customer.map(|customer| customer.name.clone()),
        "customer_slug": customer.map(|customer| customer.slug.clone()),
        "customer_native_name": "",
        "customer_abbreviation": customer.map(|customer| customer.abbreviation.clone()),
        "description": row.description.as_str(),
        "created": timestamp(row.created),
        "type": Value::Null,
        "backend_id": "",
        "start_date": Value::Null,
        "end_date": Value::Null,
        "end_date_requested_by": Value::Null,
        "oecd_fos_2007_code": Value::Null,
        "oecd_fos_2007_label": Value::Null,
        "is_industry": false,
        "image": Value::Null,
        "resources_count": resources.len(),
        "billing_price_estimate": price(),
        "marketplace_resource_count": by_category(),
        "is_removed": row.is_removed,
    };
    map.extend(row.properties.to_map(|name| fields.wants(name)));
    map
}

/// Returns a price estimate: nothing in a sandbox has a price.
pub(crate) fn price() -> Value {
    json!({ "total": 0.0, "current": 0.0, "tax": 0.0, "tax_current": 0.0 })
}
