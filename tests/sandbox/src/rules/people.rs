//! `users` and `keys`.

use serde_json::{Value, json};

use crate::protocol::answer::{Answer, Outcome, forbidden, no_match};
use crate::protocol::call::Call;
use crate::protocol::filters::contains;
use crate::protocol::listing::{self, Fields, Ordered, object};
use crate::render;
use crate::seed::Ids;
use crate::seed::Seed;
use crate::store::{Actor, Key, OWNER, Person, State, role_uuid};
use crate::wire::hex;

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
    listing::page(call, &rows, |person, fields| render::user(call, state, actor, person, fields))
}

pub(crate) fn me(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let person = state.person(actor).ok_or_else(|| no_match("User"))?;
    listing::one(call, |fields| {
        let mut map = render::user(call, state, actor, person, fields);
        map.extend(object! { fields; "token": call.token.as_str(), "token_lifetime": Value::Null });
        map
    })
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let person = visible(call, state)?;
    listing::one(call, |fields| render::user(call, state, actor, person, fields))
}

/// The names of roles, with the type of their scope.
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

/// Changes a user: oneself, or any user as staff.
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
    Ok(Answer::ok(Value::Object(render::user(call, state, actor, person, &Fields::ALL))))
}

/// Creates or updates a user of another system; staff only.
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

/// Deactivates a user that another system removed; staff only.
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

/// Returns the user with an identifier of eduTEAMS, created if there is none.
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

/// Lists the caller's keys; all keys to staff.
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
    listing::page(call, &rows, |key, fields| render::key(call, key, fields))
}

pub(crate) fn key(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let key = call
        .uuid()
        .and_then(|uuid| state.keys.get(uuid))
        .filter(|key| actor == Actor::Staff || key.owner == actor.uuid())
        .ok_or_else(|| no_match("SshPublicKey"))?;
    listing::one(call, |fields| render::key(call, key, fields))
}
