//! `customers` and `projects`.

use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::actor::Actor;
use crate::answer::{Answer, Outcome, forbidden, hex, invalid_field, no_match, timestamp};
use crate::call::{Call, Form, parse_time, parse_uuid};
use crate::filters::contains;
use crate::listing::{self, Fields, Ordered, object};
use crate::model::{Customer, Person, Project, Role};
use crate::people;
use crate::references;
use crate::seed::{self, named};
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
    let customers = call.uuids("customer")?;
    let mut rows: Vec<&Project> = state
        .projects
        .iter()
        .filter(|row| customers.is_empty() || customers.contains(&row.customer))
        .filter(|row| call.text("name").is_none_or(|part| contains(&row.name, part)))
        .filter(|row| call.text("name_exact").is_none_or(|name| row.name == name))
        .filter(|row| state.sees_project(actor, row))
        .collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    listing::order(call, &mut rows, PROJECT_ORDERINGS)?;
    listing::page(call, &rows, |row, fields| render_project(call, state, row, fields))
}

pub(crate) fn project(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state)?;
    listing::one(call, |fields| render_project(call, state, row, fields))
}

/// A project of one's own organisation.
pub(crate) fn create_project(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let data = call.checked()?;
    let mut form = Form::default();
    let customer = references::required(&mut form, &data, "customer", "customers", |uuid| {
        state.customers.get(uuid).filter(|row| state.sees_customer(actor, row.uuid)).map(|row| row.uuid)
    });
    form.finish()?;
    let customer = customer.ok_or_else(forbidden)?;
    if actor != Actor::Staff && !state.owns(actor, customer) {
        return Err(forbidden());
    }
    let uuid = state.fresh_uuid();
    let mut row = Project {
        uuid,
        customer,
        name: String::new(),
        slug: format!("project-{}", state.projects.iter().len() + 1),
        description: String::new(),
        created: call.now,
        set: Map::new(),
    };
    take(&mut row, data);
    let body = render_project(call, state, &row, &Fields::ALL);
    state.projects.push(row);
    let location = call.url(&format!("projects/{}/", hex(uuid)));
    Ok(Answer::created(Value::Object(body)).with_text(header::LOCATION, &location))
}

fn take(row: &mut Project, mut data: Map<String, Value>) {
    data.remove("customer");
    for (name, field) in
        [("name", &mut row.name), ("description", &mut row.description), ("slug", &mut row.slug)]
    {
        if let Some(Value::String(text)) = data.remove(name) {
            *field = text;
        }
    }
    row.set.extend(data);
}

/// Owners of the organisation change its projects; also as a whole, by PUT.
pub(crate) fn update_project(call: &Call, state: &mut State) -> Outcome {
    let uuid = managed(call, state)?;
    let data = call.checked()?;
    let row = state.projects.get_mut(uuid).ok_or_else(|| no_match("Project"))?;
    take(row, data);
    let row = visible(call, state)?;
    Ok(Answer::ok(Value::Object(render_project(call, state, row, &Fields::ALL))))
}

fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a Project, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.projects.get(uuid))
        .filter(|row| state.sees_project(actor, row))
        .ok_or_else(|| no_match("Project"))
}

/// A project that the caller may change.
fn managed(call: &Call, state: &State) -> Result<Uuid, Answer> {
    let uuid = visible(call, state)?.uuid;
    state.must_consume(call.actor()?, uuid)?;
    Ok(uuid)
}

/// User and role that a body names; roles by name or uuid.
fn member(data: &Map<String, Value>, state: &State) -> Result<(Uuid, &'static str), Answer> {
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let user = parse_uuid(text("user"))
        .and_then(|uuid| state.people.get(uuid))
        .ok_or_else(|| invalid_field("user", "Object does not exist."))?;
    let role = people::ROLES
        .iter()
        .filter(|(_, scope)| *scope == "project")
        .find(|(name, _)| *name == text("role") || parse_uuid(text("role")) == Some(people::role_uuid(name)))
        .ok_or_else(|| invalid_field("role", "Object does not exist."))?;
    Ok((user.uuid, role.0))
}

/// Gives a user a role in the project.
pub(crate) fn add_user(call: &Call, state: &mut State) -> Outcome {
    let project = managed(call, state)?;
    let data = call.checked()?;
    let (user, role) = member(&data, state)?;
    let expires = data.get("expiration_time").and_then(Value::as_str).and_then(parse_time);
    let person = state.people.get_mut(user).ok_or_else(|| no_match("User"))?;
    if person.roles.iter().any(|known| known.scope == project && known.name == role) {
        return Err(invalid_field("user", "User already has role in this scope."));
    }
    person.roles.push(Role {
        name: role.to_owned(),
        scope: project,
        created: call.now,
        expires,
        by: call.caller,
    });
    Ok(Answer::created(json!({ "expiration_time": expires.map(timestamp) })))
}

/// Takes a role in the project from a user.
pub(crate) fn delete_user(call: &Call, state: &mut State) -> Outcome {
    let project = managed(call, state)?;
    let (user, role) = member(&call.checked()?, state)?;
    let person = state.people.get_mut(user).ok_or_else(|| no_match("User"))?;
    let before = person.roles.len();
    person.roles.retain(|known| known.scope != project || known.name != role);
    if person.roles.len() == before {
        return Err(invalid_field("user", "User does not have role in this scope."));
    }
    Ok(Answer::empty(StatusCode::OK))
}

pub(crate) fn list_users(call: &Call, state: &mut State) -> Outcome {
    let project = visible(call, state)?.uuid;
    let rows: Vec<(&Person, &Role)> = state.members(project).collect();
    listing::page(call, &rows, |(person, role), fields| {
        let by = role.by.and_then(|actor| state.person(actor));
        object! { fields;
            "uuid": hex(named(&format!("role {} {} {}", person.uuid, role.scope, role.name))),
            "created": timestamp(role.created),
            "expiration_time": role.expires.map(timestamp),
            "role_name": role.name.as_str(),
            "role_uuid": hex(people::role_uuid(&role.name)),
            "user_uuid": hex(person.uuid),
            "user_username": person.username(),
            "user_full_name": person.full_name(),
            "user_email": person.email(),
            "user_image": "",
            "created_by_full_name": by.map_or_else(String::new, Person::full_name),
            "created_by_uuid": by.map_or_else(String::new, |person| hex(person.uuid)),
        }
    })
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
        "resources_count": count(),
        "billing_price_estimate": price(),
        "marketplace_resource_count": json!({ hex(seed::category()): count() }),
    };
    for (name, value) in row.set.iter().filter(|(name, _)| fields.wants(name)) {
        map.insert(name.clone(), value.clone());
    }
    map
}

fn render_customer(call: &Call, state: &State, row: &Customer, fields: &Fields) -> Map<String, Value> {
    let projects: Vec<&Project> =
        state.projects.iter().filter(|project| project.customer == row.uuid).collect();
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
