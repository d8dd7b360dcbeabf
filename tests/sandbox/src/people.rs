//! `users` and `keys`: who is there, as far as the caller may know.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::actor::Actor;
use crate::answer::{Answer, Outcome, forbidden, hex, no_match, timestamp};
use crate::call::Call;
use crate::filters::contains;
use crate::listing::{self, Fields, Ordered, object};
use crate::model::{Key, OWNER, Person, Role};
use crate::seed::{Ids, Seed, named};
use crate::state::State;

const ORDERINGS: &[Ordered<Person>] = &[
    ("username", |a, b| a.username().cmp(b.username())),
    ("full_name", |a, b| a.full_name().cmp(&b.full_name())),
    ("email", |a, b| a.email().cmp(&b.email())),
    ("is_staff", |a, b| a.is_staff().cmp(&b.is_staff())),
    ("is_active", |_, _| std::cmp::Ordering::Equal),
    ("is_support", |_, _| std::cmp::Ordering::Equal),
    ("description", |_, _| std::cmp::Ordering::Equal),
    ("registration_method", |_, _| std::cmp::Ordering::Equal),
    ("job_title", |a, b| a.job_title.cmp(&b.job_title)),
    ("native_name", |a, b| a.native_name.cmp(&b.native_name)),
    ("organization", |a, b| a.organization.cmp(&b.organization)),
    ("phone_number", |a, b| a.phone_number.cmp(&b.phone_number)),
];
const KEY_ORDERINGS: &[Ordered<Key>] = &[("name", |a, b| a.name.cmp(&b.name))];

pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let mut rows: Vec<&Person> = state
        .people
        .iter()
        .filter(|person| call.text("username").is_none_or(|name| person.username() == name))
        .filter(|person| call.text("email").is_none_or(|part| contains(&person.email(), part)))
        .filter(|person| call.text("full_name").is_none_or(|part| contains(&person.full_name(), part)))
        .filter(|person| state.sees_person(actor, person))
        .collect();
    rows.sort_by(|a, b| a.username().cmp(b.username()));
    listing::order(call, &mut rows, ORDERINGS)?;
    listing::page(call, &rows, |person, fields| render(call, state, actor, person, fields))
}

pub(crate) fn me(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let person = state.person(actor).ok_or_else(|| no_match("User"))?;
    listing::one(call, |fields| {
        let mut map = render(call, state, actor, person, fields);
        map.extend(object! { fields; "token": actor.token(), "token_lifetime": Value::Null });
        map
    })
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let person = visible(call, state)?;
    listing::one(call, |fields| render(call, state, actor, person, fields))
}

/// Some facts are for staff only.
pub(crate) fn render(
    call: &Call,
    state: &State,
    actor: Actor,
    person: &Person,
    fields: &Fields,
) -> Map<String, Value> {
    let mut map = object! { fields;
        "url": call.url(&format!("users/{}/", hex(person.uuid))),
        "uuid": hex(person.uuid),
        "username": person.username(),
        "slug": format!("{}-1", person.username()),
        "full_name": person.full_name(),
        "native_name": person.native_name.as_str(),
        "job_title": person.job_title.as_str(),
        "email": person.email(),
        "phone_number": person.phone_number.as_str(),
        "organization": person.organization.as_str(),
        "civil_number": person.civil_number.clone(),
        "registration_method": "default",
        "date_joined": timestamp(person.joined),
        "agreement_date": Value::Null,
        "preferred_language": "",
        "permissions": permissions(state, person),
        "requested_email": Value::Null,
        "affiliations": person.affiliations.clone(),
        "first_name": person.first_name.as_str(),
        "last_name": person.last_name.as_str(),
        "identity_provider_name": "Local DB",
        "identity_provider_label": "Local DB",
        "identity_provider_management_url": "",
        "identity_provider_fields": Value::Array(Vec::new()),
        "image": Value::Null,
        "identity_source": "",
        "active_isds": Value::Array(Vec::new()),
        "managed_isds": Value::Array(Vec::new()),
        "nationalities": Value::Array(Vec::new()),
        "eduperson_assurance": Value::Array(Vec::new()),
        "attribute_sources": Map::new(),
    };
    if actor == Actor::Staff {
        map.extend(object! { fields;
            "description": "",
            "is_staff": person.is_staff(),
            "is_active": person.active,
            "is_support": false,
        });
    }
    map
}

/// Everything that a person may do, place by place.
fn permissions(state: &State, person: &Person) -> Vec<Value> {
    let permission = |role: &Role| {
        let mut value = json!({
            "user_uuid": hex(person.uuid),
            "user_name": person.full_name(),
            "user_slug": format!("{}-1", person.username()),
            "created": timestamp(role.created),
            "expiration_time": role.expires.map(timestamp),
            "role_name": role.name,
            "role_description": role.name,
            "role_uuid": hex(role_uuid(&role.name)),
            "scope_uuid": hex(role.scope),
        });
        if let Some(project) = state.projects.get(role.scope) {
            value["scope_type"] = "project".into();
            value["scope_name"] = project.name.as_str().into();
            if let Some(customer) = state.customer_of(project) {
                value["customer_uuid"] = hex(customer.uuid).into();
                value["customer_name"] = customer.name.as_str().into();
            }
        } else if let Some(customer) = state.customers.get(role.scope) {
            value["scope_type"] = "customer".into();
            value["scope_name"] = customer.name.as_str().into();
        }
        value
    };
    person.roles.iter().map(permission).collect()
}

pub(crate) fn role_uuid(name: &str) -> Uuid {
    named(&format!("role {name}"))
}

/// The roles that people can have, and where.
pub(crate) const ROLES: &[(&str, &str)] = &[
    (OWNER, "customer"),
    ("CUSTOMER.SUPPORT", "customer"),
    ("PROJECT.ADMIN", "project"),
    ("PROJECT.MANAGER", "project"),
    ("PROJECT.MEMBER", "project"),
];

pub(crate) fn roles(call: &Call, state: &mut State) -> Outcome {
    call.actor()?;
    let rows: Vec<&(&str, &str)> = ROLES.iter().collect();
    listing::page(call, &rows, |(name, scope), fields| {
        let users =
            || state.people.iter().filter(|person| person.roles.iter().any(|r| r.name == *name)).count();
        object! { fields;
            "uuid": hex(role_uuid(name)),
            "name": *name,
            "description": *name,
            "content_type": *scope,
            "permissions": Value::Array(Vec::new()),
            "is_system_role": true,
            "is_active": true,
            "users_count": users(),
        }
    })
}

/// What people may say of themselves, and staff of anybody.
pub(crate) fn partial_update(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let uuid = visible(call, state)?.uuid;
    if actor != Actor::Staff && actor.uuid() != uuid {
        return Err(forbidden());
    }
    let data = call.checked()?;
    let text = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(person) = state.people.get_mut(uuid) {
        for (name, field) in [
            ("first_name", &mut person.first_name),
            ("last_name", &mut person.last_name),
            ("native_name", &mut person.native_name),
            ("phone_number", &mut person.phone_number),
            ("organization", &mut person.organization),
            ("job_title", &mut person.job_title),
        ] {
            if let Some(text) = text(name) {
                *field = text;
            }
        }
        if let Some(active) = data.get("is_active").and_then(Value::as_bool)
            && actor == Actor::Staff
        {
            person.active = active;
        }
    }
    let person = visible(call, state)?;
    Ok(Answer::ok(Value::Object(render(call, state, actor, person, &Fields::ALL))))
}

/// A user of another system, known here from now on; staff only.
pub(crate) fn identity_bridge(call: &Call, state: &mut State) -> Outcome {
    if call.actor()? != Actor::Staff {
        return Err(forbidden());
    }
    let mut data = call.checked()?;
    data.remove("source");
    let Some(Value::String(username)) = data.remove("username") else { return Err(forbidden()) };
    let known = state.people.iter().find(|person| person.username == username).map(|person| person.uuid);
    let uuid = known.unwrap_or_else(|| Seed::new(state, &Ids::new(state.clock)).user(&username, "", ""));
    let mut updated = Vec::new();
    if let Some(person) = state.people.get_mut(uuid) {
        person.active = true;
        for (name, field) in [
            ("first_name", &mut person.first_name),
            ("last_name", &mut person.last_name),
            ("organization", &mut person.organization),
            ("phone_number", &mut person.phone_number),
        ] {
            if let Some(Value::String(text)) = data.get(name)
                && text != field
            {
                *field = text.clone();
                updated.push(name);
            }
        }
    }
    Ok(Answer::ok(json!({ "uuid": hex(uuid), "created": known.is_none(), "updated_fields": updated })))
}

/// The user is no longer known to the other system; staff only.
pub(crate) fn identity_bridge_remove(call: &Call, state: &mut State) -> Outcome {
    if call.actor()? != Actor::Staff {
        return Err(forbidden());
    }
    let data = call.checked()?;
    let username = data.get("username").and_then(Value::as_str).unwrap_or_default();
    let person = state.people.iter_mut().find(|person| person.username == username);
    let person = person.ok_or_else(|| no_match("User"))?;
    let deactivated = std::mem::replace(&mut person.active, false);
    Ok(Answer::ok(json!({ "uuid": hex(person.uuid), "deactivated": deactivated })))
}

/// The user with an identifier of eduTEAMS, made if there is none yet.
pub(crate) fn remote_eduteams(call: &Call, state: &mut State) -> Outcome {
    call.actor()?;
    let data = call.checked()?;
    let cuid = data.get("cuid").and_then(Value::as_str).unwrap_or_default();
    let known = state.people.iter().find(|person| person.username == cuid).map(|person| person.uuid);
    let uuid = known.unwrap_or_else(|| Seed::new(state, &Ids::new(state.clock)).user(cuid, "", ""));
    Ok(Answer::ok(json!({ "uuid": hex(uuid) })))
}

fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a Person, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.people.get(uuid))
        .filter(|person| state.sees_person(actor, person))
        .ok_or_else(|| no_match("User"))
}

/// One's own keys; staff sees everybody's.
pub(crate) fn keys(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let owner = call.uuid_filter("user_uuid")?;
    let mut rows: Vec<&Key> = state
        .keys
        .iter()
        .filter(|key| actor == Actor::Staff || key.owner == actor.uuid())
        .filter(|key| owner.is_none_or(|uuid| key.owner == uuid))
        .collect();
    listing::order(call, &mut rows, KEY_ORDERINGS)?;
    listing::page(call, &rows, |key, fields| render_key(call, key, fields))
}

pub(crate) fn key(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let key = call
        .uuid()
        .and_then(|uuid| state.keys.get(uuid))
        .filter(|key| actor == Actor::Staff || key.owner == actor.uuid())
        .ok_or_else(|| no_match("SshPublicKey"))?;
    listing::one(call, |fields| render_key(call, key, fields))
}

/// The fingerprints have the right form, but aren't computed from the key.
pub(crate) fn render_key(call: &Call, key: &Key, fields: &Fields) -> Map<String, Value> {
    let digits = hex(key.uuid);
    let pairs: Vec<&str> = (0..16).filter_map(|at| digits.get(2 * at..2 * at + 2)).collect();
    object! { fields;
        "url": call.url(&format!("keys/{}/", hex(key.uuid))),
        "uuid": hex(key.uuid),
        "name": key.name.as_str(),
        "public_key": key.public_key.as_str(),
        "fingerprint_md5": pairs.join(":"),
        "fingerprint_sha256": format!("SHA256:{}", &digits.repeat(2)[..43]),
        "fingerprint_sha512": format!("SHA512:{}", &digits.repeat(3)[..86]),
        "user_uuid": hex(key.owner),
        "is_shared": false,
        "type": "ssh-ed25519",
    }
}
