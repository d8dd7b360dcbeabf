//! `users` and `keys`: who is there, as far as the caller may know.

use serde_json::{Map, Value, json};

use crate::actor::Actor;
use crate::answer::{Outcome, hex, no_match, timestamp};
use crate::call::Call;
use crate::listing::{self, Fields, Ordered, object};
use crate::model::{Key, Person};
use crate::offerings::contains;
use crate::seed::named;
use crate::state::State;

const ORDERINGS: &[Ordered<Person>] = &[
    ("username", |a, b| a.username().cmp(b.username())),
    ("full_name", |a, b| a.full_name().cmp(&b.full_name())),
    ("email", |a, b| a.email().cmp(&b.email())),
    ("is_staff", |a, b| (a.actor == Actor::Staff).cmp(&(b.actor == Actor::Staff))),
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
    rows.sort_by_key(|person| person.username());
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
    let person = call
        .uuid()
        .and_then(|uuid| state.people.get(uuid))
        .filter(|person| state.sees_person(actor, person))
        .ok_or_else(|| no_match("User"))?;
    listing::one(call, |fields| render(call, state, actor, person, fields))
}

/// Some facts are for staff only.
fn render(call: &Call, state: &State, actor: Actor, person: &Person, fields: &Fields) -> Map<String, Value> {
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
    };
    if actor == Actor::Staff {
        map.extend(object! { fields;
            "description": "",
            "is_staff": person.actor == Actor::Staff,
            "is_active": true,
            "is_support": false,
        });
    }
    map
}

fn permissions(state: &State, person: &Person) -> Vec<Value> {
    let permission = |role: &str, scope_type: &str, scope: String, name: &str| {
        json!({
            "user_uuid": hex(person.uuid),
            "user_name": person.full_name(),
            "user_slug": format!("{}-1", person.username()),
            "created": timestamp(person.joined),
            "expiration_time": null,
            "role_name": role,
            "role_description": role,
            "role_uuid": hex(named(&format!("role {role}"))),
            "scope_type": scope_type,
            "scope_uuid": scope,
            "scope_name": name,
        })
    };
    let mut all = Vec::new();
    if let Some(customer) = person.owner_of.and_then(|uuid| state.customers.get(uuid)) {
        all.push(permission("CUSTOMER.OWNER", "customer", hex(customer.uuid), &customer.name));
    }
    if let Some((uuid, role)) = person.member_of
        && let Some(project) = state.projects.get(uuid)
    {
        let role = format!("PROJECT.{}", role.to_uppercase());
        let mut value = permission(&role, "project", hex(uuid), &project.name);
        if let Some(customer) = state.customer_of(project) {
            value["customer_uuid"] = hex(customer.uuid).into();
            value["customer_name"] = customer.name.as_str().into();
        }
        all.push(value);
    }
    all
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
