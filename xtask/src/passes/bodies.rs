//! Passes over request bodies.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{is_type, own_type, rust_type};
use crate::document::{content_schemas, each_operation, reach, ref_name, schemas_mut, travelling};

const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data";

/// The client sends JSON. That files can be sent as well is noted in `x-multipart`, for the helper that does it; a body
/// that can't be sent as JSON has no typed form.
pub(super) fn only_json(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        let Some(body) = operation.get_mut("requestBody") else { return };
        let mut content = body["content"].as_object().cloned().unwrap_or_default();
        let before = content.len();
        let multipart = content.contains_key(MULTIPART);
        content.retain(|kind, _| kind == JSON);
        times += usize::from(content.len() < before);
        match content.get_mut(JSON) {
            Some(media) => {
                if !media.get("schema").is_some_and(Value::is_object) {
                    *media = json!({"schema": {}});
                }
                body["content"] = Value::Object(content);
            }
            None => {
                operation.remove("requestBody");
            }
        }
        if multipart {
            operation.insert("x-multipart".to_owned(), Value::Bool(true));
        }
    });
    times
}

/// A body that is a bare object, or a binary in JSON, may hold any JSON.
pub(super) fn shapeless_is_any(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        for schema in content_schemas(operation, true) {
            let bare = is_type(schema, "object")
                && schema.get("properties").is_none()
                && schema["additionalProperties"].as_object().is_none_or(Map::is_empty);
            if bare || super::shapes::is_any(schema) || schema["format"].as_str() == Some("binary") {
                *schema = super::types::any();
                times += 1;
            }
        }
    });
    times
}

/// The models in which null says something else than nothing: the bodies of PATCH operations, and bodies that consist
/// of one property which may be left out.
fn clearing(document: &mut Value) -> BTreeSet<String> {
    let (mut patched, mut others) = (BTreeSet::new(), BTreeSet::new());
    each_operation(document, |_, method, operation| {
        let bodies =
            content_schemas(operation, true).into_iter().filter_map(|s| Some(ref_name(s)?.to_owned()));
        if method == "patch" { patched.extend(bodies) } else { others.extend(bodies) }
    });
    let models = &document["components"]["schemas"];
    others.retain(|name| {
        let is_one = models[name]["properties"].as_object().is_some_and(|all| all.len() == 1);
        is_one && models[name]["required"].as_array().is_none_or(Vec::is_empty)
    });
    patched.extend(others);
    patched
}

/// A PATCH leaves alone what is absent and clears what is null: the two must not be one. Where a body has nothing but
/// one property, leaving it out says nothing, so null is the way to clear it.
pub(super) fn null_is_told_from_absent(document: &mut Value) -> usize {
    let clearing = clearing(document);
    let snapshot = json!({"components": {"schemas": document["components"]["schemas"]}});
    let mut times = 0;
    for (name, model) in
        schemas_mut(document).into_iter().flatten().filter(|(name, _)| clearing.contains(*name))
    {
        for property in properties(model) {
            if property.get("nullable").and_then(Value::as_bool) == Some(true) {
                let mut inner = property.take();
                let mut within = BTreeSet::new();
                reach(&snapshot, &inner, &mut within);
                // The generator sees no need to box what stands in a type of ours.
                if within.contains(name) {
                    inner = super::types::any();
                }
                if let Some(inner) = inner.as_object_mut() {
                    inner.remove("nullable");
                }
                *property = own_type("Nullable", vec![inner]);
                times += 1;
            }
        }
    }
    times
}

/// The generator leaves out an optional array that is empty; `[]` must be sendable, since it clears.
pub(super) fn lists_may_be_empty(document: &mut Value) -> usize {
    let sent = travelling(document, true);
    let mut times = 0;
    for (_, model) in schemas_mut(document).into_iter().flatten().filter(|(name, _)| sent.contains(*name)) {
        let required = model.get("required").cloned().unwrap_or_default();
        let is_required =
            |name: &str| required.as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let Some(properties) = model.get_mut("properties").and_then(Value::as_object_mut) else { continue };
        for (name, property) in properties {
            if is_type(property, "array") && !is_required(name) {
                let items = property.get("items").cloned().unwrap_or_else(super::types::any);
                *property = rust_type("std", "std::vec::Vec", vec![items]);
                times += 1;
            }
        }
    }
    times
}

fn properties(model: &mut Value) -> impl Iterator<Item = &mut Value> {
    model.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn with_body(method: &str, content: Value, model: Value) -> Value {
        json!({
            "paths": {"/x/": {method: {"operationId": "x", "requestBody": {"content": content}}}},
            "components": {"schemas": {"X": model}},
        })
    }

    fn json_body() -> Value {
        json!({"application/json": {"schema": {"$ref": "#/components/schemas/X"}}})
    }

    #[test]
    fn json_is_kept_and_multipart_is_noted() {
        let schema = json!({"schema": {"$ref": "#/components/schemas/X"}});
        let mut document = with_body(
            "post",
            json!({"application/json": schema, "application/x-www-form-urlencoded": schema, "multipart/form-data": schema}),
            json!({}),
        );
        assert_eq!(super::only_json(&mut document), 1);
        let operation = &document["paths"]["/x/"]["post"];
        assert_eq!(operation["requestBody"]["content"], json!({"application/json": schema}));
        assert_eq!(operation["x-multipart"], true);
        for kind in ["multipart/form-data", "application/x-www-form-urlencoded", "text/plain"] {
            let mut only = with_body("post", json!({kind: schema}), json!({}));
            assert_eq!(super::only_json(&mut only), 1);
            assert!(only["paths"]["/x/"]["post"].get("requestBody").is_none());
            assert_eq!(only["paths"]["/x/"]["post"].get("x-multipart").is_some(), kind.starts_with("multi"));
        }
        let mut unsaid = with_body("post", json!({"application/json": {}}), json!({}));
        assert_eq!(super::only_json(&mut unsaid), 0);
        let content = &unsaid["paths"]["/x/"]["post"]["requestBody"]["content"];
        assert_eq!(*content, json!({"application/json": {"schema": {}}}));
    }

    #[test]
    fn null_is_told_from_absent_where_it_clears() {
        let model =
            json!({"properties": {"a": {"type": "string", "nullable": true}, "b": {"type": "string"}}});
        let mut document = with_body("patch", json_body(), model.clone());
        assert_eq!(super::null_is_told_from_absent(&mut document), 1);
        let rust = &document["components"]["schemas"]["X"]["properties"]["a"]["x-rust-type"];
        assert_eq!(rust["path"], "waldur_api_client::Nullable");
        assert_eq!(rust["parameters"], json!([{"type": "string"}]));
        assert_eq!(super::null_is_told_from_absent(&mut with_body("post", json_body(), model)), 0);
        let mut alone = json!({"properties": {"a": {"type": "string", "format": "date", "nullable": true}}});
        assert_eq!(super::null_is_told_from_absent(&mut with_body("post", json_body(), alone.clone())), 1);
        alone["required"] = json!(["a"]);
        assert_eq!(super::null_is_told_from_absent(&mut with_body("post", json_body(), alone)), 0);
        let itself = json!({"properties": {"a": {"$ref": "#/components/schemas/X", "nullable": true}}});
        let mut document = with_body("patch", json_body(), itself);
        assert_eq!(super::null_is_told_from_absent(&mut document), 1);
        let rust = &document["components"]["schemas"]["X"]["properties"]["a"]["x-rust-type"];
        assert_eq!(rust["parameters"][0]["x-rust-type"]["path"], "serde_json::Value");
    }

    #[test]
    fn optional_arrays_may_be_empty_and_required_ones_stay() {
        let array = json!({"type": "array", "items": {"type": "string"}});
        let mut document = with_body(
            "patch",
            json_body(),
            json!({"required": ["b"], "properties": {"a": array, "b": array}}),
        );
        assert_eq!(super::lists_may_be_empty(&mut document), 1);
        let properties = &document["components"]["schemas"]["X"]["properties"];
        assert_eq!(properties["a"]["x-rust-type"]["path"], "std::vec::Vec");
        assert_eq!(properties["b"], array);
    }

    #[test]
    fn shapeless_bodies_take_any_json() {
        let content = json!({"application/json": {"schema": {"type": "object", "additionalProperties": {}}}});
        let mut document = with_body("post", content, json!({}));
        assert_eq!(super::shapeless_is_any(&mut document), 1);
        let content = json!({"application/json": {"schema": {}}});
        assert_eq!(super::shapeless_is_any(&mut with_body("post", content, json!({}))), 1);
    }
}
