//! Generic objects, by the schema of the response.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::judge::{Object, Operation, Schema};
use crate::protocol::call::Call;
use crate::protocol::listing::Fields;
use crate::store::{EVENT_CONSUMERS, GenericObject, Link, Offering, Person, Reference, State};
use crate::wire::{hex, timestamp};

/// Returns the object with the properties that the schema declares and the object has.
pub(crate) fn generic_object(
    call: &Call,
    state: &State,
    row: &GenericObject,
    fields: &Fields,
) -> Map<String, Value> {
    let object = call.operation.and_then(Operation::item).and_then(Schema::object);
    object.map(|object| render_as(call, state, row, object, fields)).unwrap_or_default()
}

fn render_as(
    call: &Call,
    state: &State,
    row: &GenericObject,
    object: &Object,
    fields: &Fields,
) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, schema, _) in object.properties.iter().filter(|(name, _, _)| fields.wants(name)) {
        if let Some(value) = property(call, state, row, name, schema) {
            map.insert(name.clone(), value);
        }
    }
    map
}

fn property(call: &Call, state: &State, row: &GenericObject, name: &str, schema: &Schema) -> Option<Value> {
    let kind = row.collection;
    if let Some((_, link)) = kind.links.iter().find(|(link, _)| *link == name) {
        let reference = row.content.references.get(name)?;
        return Some(render_reference(call, state, *link, reference, schema));
    }
    if let Some(value) = row.content.properties.get(name) {
        return Some(value.clone());
    }
    if kind.token && matches!(name, "token" | "expires_at") {
        return Some(Value::Null);
    }
    let scope = &row.scope;
    let offering = || scope.offering.and_then(|uuid| state.offerings.get(uuid));
    let resource = || scope.resource.and_then(|uuid| state.resources.get(uuid));
    let project = || scope.project.and_then(|uuid| state.projects.get(uuid));
    let customer = || scope.customer.and_then(|uuid| state.customers.get(uuid));
    let person = || scope.person.and_then(|uuid| state.people.get(uuid));
    let parent = || scope.parent.and_then(|uuid| state.generic_objects.get(uuid));
    let provider = || offering().and_then(|row: &Offering| state.customers.get(row.customer));
    Some(match name {
        "state" if !row.state.is_empty() => row.state.as_str().into(),
        "url" => generic_address(call, row).into(),
        "uuid" => hex(row.uuid).into(),
        "created" => timestamp(row.created).into(),
        "modified" => timestamp(row.modified).into(),
        "keys" => Value::Array(Vec::new()),
        "offering_plugin_options" => json!({ "username_generation_policy": "service_provider" }),
        "offering_name" | "scope_name" => offering()?.name.clone().into(),
        "offering_uuid" | "scope_uuid" => hex(scope.offering?).into(),
        "offering_url" => {
            call.url(&format!("marketplace-provider-offerings/{}/", hex(scope.offering?))).into()
        }
        "resource_name" => resource()?.name.clone().into(),
        "resource_uuid" => hex(scope.resource?).into(),
        "project_name" => project()?.name.clone().into(),
        "project_uuid" => hex(scope.project?).into(),
        "project_slug" => project()?.slug.clone().into(),
        "project_url" => call.url(&format!("projects/{}/", hex(scope.project?))).into(),
        "project_start_date" => project()?.created.date_naive().to_string().into(),
        "project_end_date" => {
            let end = project()?.properties.end_date;
            end.unwrap_or_else(|| (row.created + chrono::TimeDelta::days(365)).date_naive())
                .to_string()
                .into()
        }
        "customer_name" => customer()?.name.clone().into(),
        "customer_uuid" => hex(scope.customer?).into(),
        "customer_abbreviation" => customer()?.abbreviation.clone().into(),
        "provider_name" => provider()?.name.clone().into(),
        "provider_uuid" => hex(provider()?.uuid).into(),
        "user" => call.url(&format!("users/{}/", hex(scope.person?))).into(),
        "user_uuid" => hex(scope.person?).into(),
        "user_username" => person()?.username().into(),
        "user_full_name" => person()?.full_name().into(),
        "component_type" => {
            let uuid = row.reference("component")?;
            let mut components = state.offerings.iter().flat_map(|row| &row.components);
            components.find(|component| component.uuid == uuid)?.kind.clone().into()
        }
        "role_uuid" => row.reference("role").map(hex).unwrap_or_default().into(),
        "role_name" => state.generic_objects.get(row.reference("role")?)?.text("name").into(),
        "identity" | "service" | "event_subscription_uuid" => hex(scope.parent?).into(),
        "event_subscription" => generic_address(call, parent()?).into(),
        "identity_name" | "service_name" => parent()?.text("name").into(),
        "services" | "processors" => children(call, state, row, schema),
        _ => return None,
    })
}

/// Returns the objects that belong to another.
fn children(call: &Call, state: &State, row: &GenericObject, schema: &Schema) -> Value {
    let Some(object) = schema.items().and_then(Schema::object) else { return json!([]) };
    state
        .generic_objects
        .iter()
        .filter(|child| child.scope.parent == Some(row.uuid) && !child.is_of(&EVENT_CONSUMERS))
        .map(|child| Value::Object(render_as(call, state, child, object, &Fields::ALL)))
        .collect()
}

/// Returns a reference as the schema declares it: addresses, uuids, or whole users.
fn render_reference(call: &Call, state: &State, link: Link, reference: &Reference, schema: &Schema) -> Value {
    match reference {
        Reference::One(None) => Value::Null,
        Reference::One(Some(uuid)) => point(call, state, link, *uuid, schema),
        Reference::Many(uuids) => {
            let items = schema.items().unwrap_or(schema);
            uuids.iter().map(|uuid| point(call, state, link, *uuid, items)).collect()
        }
    }
}

fn point(call: &Call, state: &State, link: Link, uuid: Uuid, schema: &Schema) -> Value {
    let path = match link {
        Link::Resource => "marketplace-resources",
        Link::Offering => "marketplace-provider-offerings",
        Link::Project => "projects",
        Link::Customer => "customers",
        Link::Person => "users",
        Link::OfferingUser => "marketplace-offering-users",
        Link::Component => "marketplace-components",
        Link::Role => "marketplace-offering-user-roles",
    };
    match (schema.format(), link) {
        ("uri", _) => call.url(&format!("{path}/{}/", hex(uuid))).into(),
        (format, Link::Person) if format != "uuid" => {
            state.people.get(uuid).map_or(Value::Null, |person| basic_user(call, person))
        }
        _ => hex(uuid).into(),
    }
}

fn basic_user(call: &Call, person: &Person) -> Value {
    json!({
        "url": call.url(&format!("users/{}/", hex(person.uuid))),
        "uuid": hex(person.uuid),
        "username": person.username(),
        "full_name": person.full_name(),
        "native_name": person.native_name,
        "email": person.email(),
        "image": null,
    })
}

pub(crate) fn generic_address(call: &Call, row: &GenericObject) -> String {
    call.url(&format!("{}/{}/", row.collection.name, hex(row.uuid)))
}
