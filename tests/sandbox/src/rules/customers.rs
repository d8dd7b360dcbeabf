//! `customers` and `projects`.

use chrono::{DateTime, NaiveDate, Utc};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, forbidden, invalid, invalid_field, no_match};
use crate::protocol::call::Call;
use crate::protocol::filters::contains;
use crate::protocol::form::Form;
use crate::protocol::listing::{self, Fields, Ordered, object};
use crate::release::Release;
use crate::render;
use crate::rules::events;
use crate::rules::orders::days::begin_due;
use crate::rules::people::ROLES;
use crate::rules::references;
use crate::store::{
    Actor, Customer, Person, Project, ProjectProperties, Resource, ResourceState, Role, State, named,
    role_uuid,
};
use crate::wire::{hex, parse_time, parse_uuid, timestamp};

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
    listing::page(call, &rows, |row, fields| render::customer(call, state, row, fields))
}

pub(crate) fn customer(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let row = call
        .uuid()
        .and_then(|uuid| state.customers.get(uuid))
        .filter(|row| state.sees_customer(actor, row.uuid))
        .ok_or_else(|| no_match("Customer"))?;
    listing::one(call, |fields| render::customer(call, state, row, fields))
}

pub(crate) fn projects(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let customers = call.uuids("customer")?;
    let mut rows: Vec<&Project> = state
        .kept_projects()
        .filter(|row| customers.is_empty() || customers.contains(&row.customer))
        .filter(|row| call.text("name").is_none_or(|part| contains(&row.name, part)))
        .filter(|row| call.text("name_exact").is_none_or(|name| row.name == name))
        .filter(|row| state.sees_project(actor, row))
        .collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    listing::order(call, &mut rows, PROJECT_ORDERINGS)?;
    listing::page(call, &rows, |row, fields| render::project(call, state, row, fields))
}

pub(crate) fn project(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state)?;
    listing::one(call, |fields| render::project(call, state, row, fields))
}

/// Creates a project of a customer that the caller owns.
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
    check_end(call, &data)?;
    let uuid = state.fresh_uuid();
    let mut row = Project {
        uuid,
        customer,
        name: String::new(),
        slug: format!("project-{}", state.projects.iter().len() + 1),
        description: String::new(),
        created: call.now,
        is_removed: false,
        properties: ProjectProperties::default(),
    };
    update(&mut row, data);
    let body = render::project(call, state, &row, &Fields::ALL);
    state.projects.push(row);
    let location = call.url(&format!("projects/{}/", hex(uuid)));
    Ok(Answer::created(Value::Object(body)).with_text(header::LOCATION, &location))
}

/// Refuses a last day that is past.
fn check_end(call: &Call, data: &Map<String, Value>) -> Result<(), Answer> {
    let day = data.get("end_date").and_then(Value::as_str).and_then(|day| day.parse::<NaiveDate>().ok());
    if day.is_some_and(|day| day < call.now.date_naive()) {
        return Err(invalid_field("end_date", "Cannot be earlier than the current date."));
    }
    Ok(())
}

/// Changes a project. Spaces around texts are removed.
fn update(row: &mut Project, mut data: Map<String, Value>) {
    data.remove("customer");
    for value in data.values_mut() {
        if let Value::String(text) = value {
            *text = text.trim().to_owned();
        }
    }
    for (name, field) in
        [("name", &mut row.name), ("description", &mut row.description), ("slug", &mut row.slug)]
    {
        if let Some(Value::String(text)) = data.remove(name) {
            *field = text;
        }
    }
    row.properties.update(&data);
}

/// Changes a project, by PUT or PATCH: as owner of its customer or as its manager. Only owners set its end.
pub(crate) fn update_project(call: &Call, state: &mut State) -> Outcome {
    let uuid = visible(call, state)?.uuid;
    let actor = call.actor()?;
    let role = state.person(actor).and_then(|person| person.role_in(uuid));
    if role.is_none_or(|role| role.name != "PROJECT.MANAGER") {
        state.must_consume(actor, uuid)?;
    }
    let data = call.checked()?;
    check_end(call, &data)?;
    if data.contains_key("end_date") {
        state.must_consume(actor, uuid)?;
    }
    let row = state.projects.get_mut(uuid).ok_or_else(|| no_match("Project"))?;
    update(row, data);
    begin_due(state);
    let row = visible(call, state)?;
    Ok(Answer::ok(Value::Object(render::project(call, state, row, &Fields::ALL))))
}

/// Marks a project whose resources are all terminated as removed, and deletes the roles in it.
pub(crate) fn delete_project(call: &Call, state: &mut State) -> Outcome {
    let uuid = managed(call, state)?;
    let is_active = |row: &Resource| row.project == uuid && row.state != ResourceState::Terminated;
    if state.resources.iter().any(is_active) {
        let message = "Project contains active resources. Please remove them before deleting project.";
        return Err(invalid(json!([message])));
    }
    if let Some(row) = state.projects.get_mut(uuid) {
        row.is_removed = true;
    }
    for person in state.people.iter_mut() {
        person.roles.retain(|role| role.scope != uuid);
    }
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// Returns a project that the caller sees. One that was removed is visible to the owners of its customer and
/// to staff, on a server of late 2024 to nobody.
fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a Project, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.projects.get(uuid))
        .filter(|row| !row.is_removed || call.release > Release::Late2024)
        .filter(|row| state.sees_project(actor, row))
        .ok_or_else(|| no_match("Project"))
}

/// Returns a project that the caller may change.
fn managed(call: &Call, state: &State) -> Result<Uuid, Answer> {
    let uuid = visible(call, state)?.uuid;
    state.must_consume(call.actor()?, uuid)?;
    Ok(uuid)
}

/// Returns the user and the role that a body names; roles by name or uuid.
fn member(data: &Map<String, Value>, state: &State) -> Result<(Uuid, &'static str), Answer> {
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let user = parse_uuid(text("user"))
        .and_then(|uuid| state.people.get(uuid))
        .ok_or_else(|| invalid_field("user", "Object does not exist."))?;
    let role = ROLES
        .iter()
        .filter(|(_, scope)| *scope == "project")
        .find(|(name, _)| *name == text("role") || parse_uuid(text("role")) == Some(role_uuid(name)))
        .ok_or_else(|| invalid_field("role", "Object does not exist."))?;
    Ok((user.uuid, role.0))
}

/// Returns when a role ends, which must be in the future.
fn end(call: &Call, data: &Map<String, Value>) -> Result<Option<DateTime<Utc>>, Answer> {
    let end = data.get("expiration_time").and_then(Value::as_str).and_then(parse_time);
    if end.is_some_and(|end| end <= call.now) {
        return Err(invalid_field("expiration_time", "The time is past."));
    }
    Ok(end)
}

/// Gives a user a role in the project.
pub(crate) fn add_user(call: &Call, state: &mut State) -> Outcome {
    let project = managed(call, state)?;
    let data = call.checked()?;
    let (user, role) = member(&data, state)?;
    let expires = end(call, &data)?;
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
    events::user_role(state, user, project, role, true);
    Ok(Answer::created(json!({ "expiration_time": expires.map(timestamp) })))
}

/// Sets until when a user has a role in the project.
pub(crate) fn update_user(call: &Call, state: &mut State) -> Outcome {
    let project = managed(call, state)?;
    let data = call.checked()?;
    let (user, role) = member(&data, state)?;
    let expires = end(call, &data)?;
    let person = state.people.get_mut(user).ok_or_else(|| no_match("User"))?;
    let known = person.roles.iter_mut().find(|known| known.scope == project && known.name == role);
    let known = known.ok_or_else(|| invalid_field("user", "User does not have role in this scope."))?;
    known.expires = expires;
    Ok(Answer::ok(json!({ "expiration_time": expires.map(timestamp) })))
}

/// Removes a user's role in the project.
pub(crate) fn delete_user(call: &Call, state: &mut State) -> Outcome {
    let project = managed(call, state)?;
    let (user, role) = member(&call.checked()?, state)?;
    let person = state.people.get_mut(user).ok_or_else(|| no_match("User"))?;
    let before = person.roles.len();
    person.roles.retain(|known| known.scope != project || known.name != role);
    if person.roles.len() == before {
        return Err(invalid_field("user", "User does not have role in this scope."));
    }
    events::user_role(state, user, project, role, false);
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
            "role_uuid": hex(role_uuid(&role.name)),
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
