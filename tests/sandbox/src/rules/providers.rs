//! `marketplace-service-providers`, and lists of the users, projects and customers that a provider serves.

use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, forbidden, invalid, invalid_field, no_match};
use crate::protocol::call::Call;
use crate::protocol::form::{Form, REQUIRED};
use crate::protocol::listing::{self, object};
use crate::render;
use crate::rules::events::OfferingUserEvent::{Create, Update, UsernameSet};
use crate::rules::{generic, offering_users};
use crate::store::{
    Actor, COURSE_ACCOUNTS, Collection, Consent, Customer, GenericObject, Key, Offering, OfferingUser,
    OfferingUserState, PROJECT_SERVICE_ACCOUNTS, Person, Project, ROBOT_ACCOUNTS, Role, ServiceProvider,
    State,
};
use crate::wire::{hex, parse_uuid, timestamp};

/// Lists service providers; without credentials too.
pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let customer = call.uuid_filter("customer_uuid")?;
    let rows: Vec<&ServiceProvider> = state
        .service_providers
        .iter()
        .filter(|row| customer.is_none_or(|uuid| row.customer == uuid))
        .collect();
    listing::page(call, &rows, |row, fields| {
        render::service_provider(call, state, row, call.fields_if_newer(fields))
    })
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let row = known(call, state)?;
    listing::one(call, |fields| render::service_provider(call, state, row, call.fields_if_newer(fields)))
}

fn known<'a>(call: &Call, state: &'a State) -> Result<&'a ServiceProvider, Answer> {
    call.uuid().and_then(|uuid| state.service_providers.get(uuid)).ok_or_else(|| no_match("ServiceProvider"))
}

/// Returns the service provider, to its owner and staff.
fn owned<'a>(call: &Call, state: &'a State) -> Result<&'a ServiceProvider, Answer> {
    let actor = call.actor()?;
    let row = known(call, state)?;
    let owner = state.owns(actor, row.customer);
    if owner || actor == Actor::Staff { Ok(row) } else { Err(forbidden()) }
}

/// Returns the projects with a resource of this provider.
fn projects_of<'a>(state: &'a State, row: &ServiceProvider) -> Vec<&'a Project> {
    let offerings: Vec<Uuid> = state.offerings_of(row.customer).map(|offering| offering.uuid).collect();
    state
        .kept_projects()
        .filter(|project| {
            state
                .resources
                .iter()
                .any(|resource| resource.project == project.uuid && offerings.contains(&resource.offering))
        })
        .collect()
}

fn people_of<'a>(state: &'a State, row: &ServiceProvider) -> Vec<(&'a Person, &'a Role, &'a Project)> {
    projects_of(state, row)
        .into_iter()
        .flat_map(|project| state.members(project.uuid).map(move |(person, role)| (person, role, project)))
        .collect()
}

pub(crate) fn users(call: &Call, state: &mut State) -> Outcome {
    let row = owned(call, state)?;
    let username = call.text("username");
    let mut rows: Vec<&Person> = people_of(state, row)
        .into_iter()
        .map(|(person, _, _)| person)
        .filter(|person| username.is_none_or(|name| person.username() == name))
        .collect();
    let mut seen = std::collections::HashSet::new();
    rows.retain(|person| seen.insert(person.uuid));
    let ours: Vec<Uuid> = projects_of(state, row).iter().map(|project| project.uuid).collect();
    listing::page(call, &rows, |person, fields| {
        let fields = call.fields_if_newer(fields);
        let mut map = object! { fields;
            "uuid": hex(person.uuid),
            "username": person.username(),
            "full_name": person.full_name(),
            "first_name": person.first_name.as_str(),
            "last_name": person.last_name.as_str(),
            "organization": person.organization.as_str(),
            "email": person.email(),
            "phone_number": person.phone_number.as_str(),
            "projects_count": ours.iter().filter(|uuid| person.role_in(**uuid).is_some()).count(),
            "registration_method": "default",
            "affiliations": person.affiliations.clone(),
        };
        if call.caller == Some(Actor::Staff) {
            map.extend(object! { fields; "is_active": person.active });
        }
        map
    })
}

pub(crate) fn keys(call: &Call, state: &mut State) -> Outcome {
    let row = owned(call, state)?;
    let owner = call.uuid_filter("user_uuid")?;
    let people = people_of(state, row);
    let rows: Vec<&Key> = state
        .keys
        .iter()
        .filter(|key| people.iter().any(|(person, _, _)| person.uuid == key.owner))
        .filter(|key| owner.is_none_or(|uuid| key.owner == uuid))
        .collect();
    listing::page(call, &rows, |key, fields| render::key(call, key, call.fields_if_newer(fields)))
}

pub(crate) fn projects(call: &Call, state: &mut State) -> Outcome {
    let row = owned(call, state)?;
    let rows = projects_of(state, row);
    listing::page(call, &rows, |project, fields| render::project(call, state, project, fields))
}

pub(crate) fn project_permissions(call: &Call, state: &mut State) -> Outcome {
    let row = owned(call, state)?;
    let rows = people_of(state, row);
    listing::page(call, &rows, |(person, role, project), fields| {
        let fields = call.fields_if_newer(fields);
        object! { fields;
            "role": role.short(),
            "created": timestamp(role.created),
            "expiration_time": role.expires.map(timestamp),
            "created_by": Value::Null,
            "project": call.url(&format!("projects/{}/", hex(project.uuid))),
            "project_uuid": hex(project.uuid),
            "project_name": project.name.as_str(),
            "project_created": timestamp(project.created),
            "project_end_date": Value::Null,
            "customer_uuid": hex(project.customer),
            "customer_name": state.customer_of(project).map(|customer| customer.name.clone()),
            "user": call.url(&format!("users/{}/", hex(person.uuid))),
            "user_full_name": person.full_name(),
            "user_native_name": person.native_name.as_str(),
            "user_username": person.username(),
            "user_uuid": hex(person.uuid),
            "user_email": person.email(),
        }
    })
}

/// Lists the customers, to any user.
pub(crate) fn customers(call: &Call, state: &mut State) -> Outcome {
    let row = known(call, state)?;
    let projects = projects_of(state, row);
    let people = people_of(state, row);
    let rows: Vec<&Customer> = state
        .customers
        .iter()
        .filter(|customer| projects.iter().any(|project| project.customer == customer.uuid))
        .collect();
    let actor = call.actor()?;
    let sees_bills = |customer: &Customer| actor == Actor::Staff || state.owns(actor, customer.uuid);
    listing::page(call, &rows, |customer, fields| {
        let fields = call.fields_if_newer(fields);
        let projects: Vec<Value> = projects
            .iter()
            .filter(|project| project.customer == customer.uuid)
            .map(|project| json!({ "uuid": hex(project.uuid), "name": project.name, "image": null }))
            .collect();
        let users: Vec<Value> = people
            .iter()
            .filter(|(_, _, project)| project.customer == customer.uuid)
            .map(|(person, _, _)| {
                json!({
                    "uuid": hex(person.uuid),
                    "full_name": person.full_name(),
                    "email": person.email(),
                    "image": null,
                })
            })
            .collect();
        object! { fields;
            "uuid": hex(customer.uuid),
            "name": customer.name.as_str(),
            "abbreviation": customer.abbreviation.as_str(),
            "phone_number": "",
            "email": customer.email.as_str(),
            "payment_profiles": if sees_bills(customer) { json!([]) } else { Value::Null },
            "billing_price_estimate": render::price(),
            "projects_count": projects.len(),
            "users_count": users.len(),
            "projects": projects,
            "users": users,
        }
    })
}

/// Lists the offerings, to any user.
pub(crate) fn offerings(call: &Call, state: &mut State) -> Outcome {
    let row = known(call, state)?;
    let mut rows: Vec<&Offering> = state.offerings_of(row.customer).collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    listing::page(call, &rows, |offering, fields| {
        object! { fields;
            "uuid": hex(offering.uuid),
            "name": offering.name.as_str(),
            "slug": offering.slug.as_str(),
            "category_title": state.category_title(offering),
            "type": offering.kind,
            "state": offering.state.as_str(),
            "resources_count": render::resources_count(state, offering),
            "billing_price_estimate": render::price(),
            "components": render::components(offering),
            "plans": render::plans(call, state, offering, false),
            "options": render::order_options(offering),
            "resource_options": Map::new(),
            "secret_options": render::secret_options(),
        }
    })
}

fn accounts(call: &Call, state: &mut State, collection: &Collection) -> Outcome {
    let row = owned(call, state)?;
    let offerings: Vec<Uuid> = state.offerings_of(row.customer).map(|offering| offering.uuid).collect();
    generic::listed(call, state, |row| row.is_of(collection) && generic::serves(state, row, &offerings))
}

pub(crate) fn course_accounts(call: &Call, state: &mut State) -> Outcome {
    accounts(call, state, &COURSE_ACCOUNTS)
}

pub(crate) fn project_service_accounts(call: &Call, state: &mut State) -> Outcome {
    accounts(call, state, &PROJECT_SERVICE_ACCOUNTS)
}

/// Returns the projects or the customers of resources with robot accounts.
fn of_robots(
    call: &Call,
    state: &State,
    part: fn(&GenericObject) -> Option<Uuid>,
) -> Result<Vec<Uuid>, Answer> {
    let row = owned(call, state)?;
    let offerings: Vec<Uuid> = state.offerings_of(row.customer).map(|offering| offering.uuid).collect();
    let mut uuids: Vec<Uuid> = state
        .generic_objects
        .iter()
        .filter(|row| row.is_of(&ROBOT_ACCOUNTS))
        .filter(|row| row.scope.offering.is_some_and(|uuid| offerings.contains(&uuid)))
        .filter_map(part)
        .collect();
    uuids.sort_unstable();
    uuids.dedup();
    Ok(uuids)
}

pub(crate) fn robot_account_projects(call: &Call, state: &mut State) -> Outcome {
    let uuids = of_robots(call, state, |row| row.scope.project)?;
    let rows: Vec<&Project> = uuids.iter().filter_map(|uuid| state.projects.get(*uuid)).collect();
    listing::page(
        call,
        &rows,
        |row, fields| object! { fields; "uuid": hex(row.uuid), "name": row.name.as_str() },
    )
}

pub(crate) fn robot_account_customers(call: &Call, state: &mut State) -> Outcome {
    let uuids = of_robots(call, state, |row| row.scope.customer)?;
    let rows: Vec<&Customer> = uuids.iter().filter_map(|uuid| state.customers.get(*uuid)).collect();
    listing::page(
        call,
        &rows,
        |row, fields| object! { fields; "uuid": hex(row.uuid), "name": row.name.as_str() },
    )
}

/// Sets a user's name at all offerings of the provider.
pub(crate) fn set_offerings_username(call: &Call, state: &mut State) -> Outcome {
    let row = owned(call, state)?;
    let offerings: Vec<Uuid> = state.offerings_of(row.customer).map(|offering| offering.uuid).collect();
    let data = call.data()?;
    let mut form = Form::default();
    let user = form.required_text(&data, "user_uuid");
    let username = form.filled_text(&data, "username");
    let user = user.and_then(|text| {
        let uuid = parse_uuid(&text);
        if uuid.is_none() {
            form.refuse("user_uuid", "Must be a valid UUID.");
        }
        uuid
    });
    form.finish()?;
    let (Some(user), Some(username)) = (user, username) else {
        return Err(invalid_field("username", REQUIRED));
    };
    if state.people.get(user).is_none() {
        return Err(invalid(json!([format!("A user with the uuid [{user}] is not found.")])));
    }
    let now = call.now;
    for offering in offerings {
        let known = state.account(offering, user).map(|account| account.uuid);
        if let Some(account) = known.and_then(|uuid| state.offering_users.get_mut(uuid)) {
            account.username = Some(username.clone());
            account.modified = now;
            let uuid = account.uuid;
            offering_users::tell(state, uuid, &[Update(&["username"]), UsernameSet]);
            continue;
        }
        let uuid = state.fresh_uuid();
        state.offering_users.push(OfferingUser {
            uuid,
            offering,
            person: user,
            username: Some(username.clone()),
            state: OfferingUserState::Ok,
            comment: String::new(),
            comment_url: String::new(),
            restricted: false,
            consent: Consent::default(),
            propagated: None,
            created: now,
            modified: now,
        });
        offering_users::tell(state, uuid, &[Create, UsernameSet]);
    }
    Ok(Answer::detail(StatusCode::CREATED, "Offering users have been set."))
}
