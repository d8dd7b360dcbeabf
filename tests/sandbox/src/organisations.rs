//! `customers` and `projects`.

use serde_json::{Map, Value, json};

use crate::answer::{Outcome, hex, no_match, timestamp};
use crate::call::Call;
use crate::listing::{self, Fields, Ordered, object};
use crate::model::{Customer, Project};
use crate::offerings::contains;
use crate::seed;
use crate::state::State;

const PROJECT_ORDERINGS: &[Ordered<Project>] = &[
    ("name", |a, b| a.name.cmp(&b.name)),
    ("created", |a, b| a.created.cmp(&b.created)),
    ("customer_name", |a, b| a.customer.cmp(&b.customer)),
    ("customer_native_name", |_, _| std::cmp::Ordering::Equal),
    ("customer_abbreviation", |_, _| std::cmp::Ordering::Equal),
    ("end_date", |_, _| std::cmp::Ordering::Equal),
    ("start_date", |_, _| std::cmp::Ordering::Equal),
    ("estimated_cost", |_, _| std::cmp::Ordering::Equal),
];
const CUSTOMER_ORDERINGS: &[Ordered<Customer>] =
    &[("name", |a, b| a.name.cmp(&b.name)), ("created", |a, b| a.created.cmp(&b.created))];

pub(crate) fn customers(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let mut rows: Vec<&Customer> = state
        .customers
        .iter()
        .filter(|row| call.text("name").is_none_or(|part| contains(&row.name, part)))
        .filter(|row| call.text("name_exact").is_none_or(|name| row.name == name))
        .filter(|row| state.sees_customer(actor, row.uuid))
        .collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    listing::order(call, &mut rows, CUSTOMER_ORDERINGS)?;
    listing::page(call, &rows, |row, fields| render_customer(call, state, row, fields))
}

pub(crate) fn customer(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let row = call
        .uuid()
        .and_then(|uuid| state.customers.get(uuid))
        .filter(|row| state.sees_customer(actor, row.uuid))
        .ok_or_else(|| no_match("Customer"))?;
    listing::one(call, |fields| render_customer(call, state, row, fields))
}

pub(crate) fn projects(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let customer = call.uuid_filter("customer")?;
    let mut rows: Vec<&Project> = state
        .projects
        .iter()
        .filter(|row| customer.is_none_or(|uuid| row.customer == uuid))
        .filter(|row| call.text("name").is_none_or(|part| contains(&row.name, part)))
        .filter(|row| call.text("name_exact").is_none_or(|name| row.name == name))
        .filter(|row| state.sees_project(actor, row))
        .collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    listing::order(call, &mut rows, PROJECT_ORDERINGS)?;
    listing::page(call, &rows, |row, fields| render_project(call, state, row, fields))
}

pub(crate) fn project(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let row = call
        .uuid()
        .and_then(|uuid| state.projects.get(uuid))
        .filter(|row| state.sees_project(actor, row))
        .ok_or_else(|| no_match("Project"))?;
    listing::one(call, |fields| render_project(call, state, row, fields))
}

/// Nothing in a sandbox costs anything.
pub(crate) fn price() -> Value {
    json!({ "total": 0.0, "current": 0.0, "tax": 0.0, "tax_current": 0.0 })
}

pub(crate) fn render_project(
    call: &Call,
    state: &State,
    row: &Project,
    fields: &Fields,
) -> Map<String, Value> {
    let customer = state.customer_of(row);
    let count = || state.resources.iter().filter(|resource| resource.project == row.uuid).count();
    object! { fields;
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
        "resources_count": count(),
        "billing_price_estimate": price(),
        "marketplace_resource_count": json!({ hex(seed::category()): count() }),
    }
}

fn render_customer(call: &Call, state: &State, row: &Customer, fields: &Fields) -> Map<String, Value> {
    let projects: Vec<&Project> =
        state.projects.iter().filter(|project| project.customer == row.uuid).collect();
    let owners = state.people.iter().filter(|person| person.owner_of == Some(row.uuid)).count();
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
