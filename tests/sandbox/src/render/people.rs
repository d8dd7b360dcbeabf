//! Users and their SSH keys.

use serde_json::{Map, Value, json};

use crate::protocol::call::Call;
use crate::protocol::listing::{Fields, object};
use crate::store::{Actor, Key, Person, Role, State, role_uuid};
use crate::wire::{hex, timestamp};

/// Returns a user; some properties are for staff only.
pub(crate) fn user(
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

/// Returns a user's roles.
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

/// Returns a key. The fingerprints have the right form, but aren't computed from the key.
pub(crate) fn key(call: &Call, key: &Key, fields: &Fields) -> Map<String, Value> {
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
