//! What the sources need of a schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use waldur_api_codegen::document::parameters;
use waldur_api_codegen::names;

use super::STAND_IN;
use super::names::Names;
use super::shape::SENT;
use crate::document::{operations, reach, schemas, travelling};

/// Parameters by which an operation is a list, or its fields can be chosen.
const OF_LISTS: [&str; 3] = ["field", "page", "page_size"];

/// What of an operation is not a matter of types.
const LEFT_OUT: [&str; 3] = ["security", "x-features", STAND_IN];

/// Returns the needs of no sources.
pub(super) fn nothing() -> Value {
    json!({"components": {"schemas": {}}, "paths": {}})
}

/// Returns the part of `document`, a normalised schema, that sources with these `names` can use.
pub(super) fn extract(document: &Value, names: &Names) -> Value {
    let mut needed = nothing();
    for one in operations(document).filter(|one| names.have_operation(&one.id())) {
        needed["paths"][one.path][one.method] = operation(document, one.value, names);
    }
    let Some(all) = schemas(document) else { return needed };
    let sent = travelling(document, true);
    let mut found: BTreeSet<String> =
        all.keys().filter(|name| names.have(&names::model(name))).cloned().collect();
    refers_to(&needed["paths"], &mut found);
    let mut done = Map::new();
    while let Some(name) = found.pop_first() {
        let (false, Some(schema)) = (done.contains_key(&name), all.get(&name)) else { continue };
        let mut schema = model(&name, schema, names);
        refers_to(&schema, &mut found);
        if sent.contains(&name) && schema.get("x-enum").is_none() {
            schema[SENT] = json!(true);
        }
        done.insert(name, schema);
    }
    needed["components"]["schemas"] = Value::Object(done);
    needed
}

/// Returns what `needs` has, a line each, without what it is like.
pub(super) fn lines(needs: &Value) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for one in operations(needs) {
        let id = one.id();
        for parameter in one.value["parameters"].as_array().into_iter().flatten() {
            lines.insert(format!("parameter {} of {id}", parameter["name"].as_str().unwrap_or_default()));
        }
        lines.insert(format!("operation {id}"));
    }
    for (name, schema) in schemas(needs).into_iter().flatten() {
        for property in schema["properties"].as_object().into_iter().flat_map(Map::keys) {
            lines.insert(format!("property {property} of {name}"));
        }
        for text in schema["x-enum"].as_array().into_iter().flatten() {
            lines.insert(format!("value {text} of {name}"));
        }
        lines.insert(format!("model {name}"));
    }
    lines
}

/// Adds the models that `value` names.
fn refers_to(value: &Value, found: &mut BTreeSet<String>) {
    // Without a document there is nothing that they lead to.
    reach(&Value::Null, value, found);
}

/// Returns `value`, an operation of `document`, with the parameters that sources with these `names` can set.
fn operation(document: &Value, value: &Value, names: &Names) -> Value {
    let mut operation = value.clone();
    let mut set: Vec<Value> = parameters(document, value)
        .filter(|parameter| {
            let name = parameter["name"].as_str().unwrap_or_default();
            parameter["in"] == "path" || OF_LISTS.contains(&name) || names.have(&names::setter(name))
        })
        .cloned()
        .collect();
    set.sort_by_key(|parameter| {
        ["in", "name"].map(|key| parameter[key].as_str().unwrap_or_default().to_owned())
    });
    if let Some(map) = operation.as_object_mut() {
        map.retain(|key, _| !LEFT_OUT.contains(&key.as_str()));
        if !set.is_empty() || map.contains_key("parameters") {
            map.insert("parameters".to_owned(), Value::Array(set));
        }
    }
    for response in operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(response) = response.as_object_mut() {
            response.remove("headers");
        }
    }
    operation
}

/// Returns `schema`, the model or enum `name`, with the properties or values that sources with these `names`
/// can use.
fn model(name: &str, schema: &Value, names: &Names) -> Value {
    let mut model = schema.clone();
    if let Some(texts) = model.get_mut("x-enum").and_then(Value::as_array_mut) {
        let known: Vec<String> = texts.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let variants = names::variants(&known.iter().map(String::as_str).collect::<Vec<_>>());
        let is_named = names.have(&names::model(name));
        let mut used: Vec<String> = known
            .into_iter()
            .zip(variants)
            .filter(|(_, of)| is_named && names.have(of))
            .map(|(text, _)| text)
            .collect();
        used.sort();
        *texts = used.into_iter().map(Value::String).collect();
    }
    let is_named = |property: &str| names.have(&names::field(property));
    // A model without any field would be another type, so one whose fields nobody names keeps them all.
    let keeps_all =
        !model["properties"].as_object().into_iter().flat_map(Map::keys).any(|name| is_named(name));
    let is_used = |property: &str| keeps_all || is_named(property);
    if let Some(properties) = model.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|property, _| is_used(property));
    }
    if let Some(required) = model.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|property| property.as_str().is_some_and(is_used));
    }
    model
}
