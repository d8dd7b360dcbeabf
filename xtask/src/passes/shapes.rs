//! Passes over what schemas leave unsaid, and over objects that are said in several parts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::is_type;
use crate::document::{each_schema, reach, ref_name, schemas, schemas_mut};

/// Marks an object that keeps the fields that it doesn't name, for build.rs.
const ADDITIONAL: &str = "x-additional";

/// Properties make an object and items an array, whether or not it is said; an array that doesn't say of what holds
/// anything; no properties at all are no properties. What may stand beside properties is any JSON.
pub(super) fn say_types(document: &mut Value) -> usize {
    let mut times = 0;
    each_schema(document, |schema| {
        let Some(map) = schema.as_object_mut() else { return };
        let before = map.clone();
        map.remove("not");
        if map.get("properties").and_then(Value::as_object).is_some_and(Map::is_empty) {
            map.remove("properties");
        }
        let is_untyped = ["type", "$ref", "enum", "allOf", "oneOf", "anyOf", "x-rust-type"]
            .iter()
            .all(|key| !map.contains_key(*key));
        if is_untyped && (map.contains_key("properties") || map.contains_key("additionalProperties")) {
            map.insert("type".to_owned(), json!("object"));
        } else if is_untyped && map.contains_key("items") {
            map.insert("type".to_owned(), json!("array"));
        }
        if map.get("type").is_some_and(|kind| kind == "array") {
            map.entry("items").or_insert_with(|| json!({}));
        }
        let additional = map.get("additionalProperties");
        if additional == Some(&Value::Bool(false)) {
            map.remove("additionalProperties");
        } else if additional.is_some() && map.contains_key("properties") {
            map.remove("additionalProperties");
            map.insert(ADDITIONAL.to_owned(), json!(true));
        }
        times += usize::from(*map != before);
    });
    times
}

/// The same facts under two names, `allOf` and beside it, become one object. Parts that are no objects are merged as
/// far as they are of one type.
pub(super) fn merge_parts(document: &mut Value) -> usize {
    let snapshot = json!({"components": {"schemas": document["components"]["schemas"]}});
    let mut times = 0;
    each_schema(document, |schema| {
        let parts = schema.get("allOf").and_then(Value::as_array).map_or(0, Vec::len);
        if parts > 1 || (parts == 1 && schema.get("properties").is_some()) {
            let merged = merged(&snapshot, schema, &mut Vec::new()).unwrap_or_else(super::types::any);
            *schema = super::enums::keep_nullable(schema, merged);
            times += 1;
        }
    });
    times
}

/// `schema` as a single one. None: its parts contradict each other, or never end.
fn merged(document: &Value, schema: &Value, within: &mut Vec<String>) -> Option<Value> {
    if let Some(name) = ref_name(schema) {
        if within.iter().any(|other| other == name) {
            return None;
        }
        within.push(name.to_owned());
        let merged = merged(document, schemas(document)?.get(name)?, within);
        within.pop();
        return merged;
    }
    let mut whole = schema.clone();
    let parts = whole.as_object_mut()?.remove("allOf");
    for part in parts.as_ref().and_then(Value::as_array).into_iter().flatten() {
        add(&mut whole, merged(document, part, within)?)?;
    }
    Some(whole)
}

/// Adds to `whole` what `part` says and `whole` doesn't.
fn add(whole: &mut Value, part: Value) -> Option<()> {
    let whole = whole.as_object_mut()?;
    let Value::Object(part) = part else { return None };
    for (key, value) in part {
        match (key.as_str(), whole.get_mut(&key)) {
            ("type", Some(kind)) if *kind != value => return None,
            ("properties", Some(Value::Object(own))) => {
                for (name, property) in value.as_object()? {
                    own.entry(name).or_insert_with(|| property.clone());
                }
            }
            ("required", Some(Value::Array(own))) => {
                for name in value.as_array()? {
                    if !own.contains(name) {
                        own.push(name.clone());
                    }
                }
            }
            (_, Some(_)) => {}
            (_, None) => {
                whole.insert(key, value);
            }
        }
    }
    Some(())
}

/// Marks models of properties that are any JSON elsewhere.
///
/// The server keeps such a property as it is: the model names the usual fields, and there may be others, in
/// it and in the models that it holds.
pub(super) fn may_hold_more(document: &mut Value) -> usize {
    let mut free: BTreeSet<&str> = BTreeSet::new();
    let mut models: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, model) in schemas(document).into_iter().flatten() {
        for (name, property) in model["properties"].as_object().into_iter().flatten() {
            if let Some(model) = ref_name(property) {
                models.entry(name).or_default().insert(model);
            } else if is_free(property) {
                free.insert(name);
            }
        }
    }
    let mut found = BTreeSet::new();
    for model in models.iter().filter(|(name, _)| free.contains(*name)).flat_map(|(_, models)| models) {
        reach(document, &crate::document::ref_to(model), &mut found);
    }
    let mut times = 0;
    for (_, model) in schemas_mut(document).into_iter().flatten().filter(|(name, _)| found.contains(*name)) {
        if has_fields(model) && model.get(ADDITIONAL).is_none() {
            model[ADDITIONAL] = json!(true);
            times += 1;
        }
    }
    times
}

/// Whether `schema` is declared as any JSON, or any JSON object.
fn is_free(schema: &Value) -> bool {
    let says = ["$ref", "enum", "format", "items", "allOf", "oneOf", "anyOf", "properties", "x-rust-type"];
    let additional = &schema["additionalProperties"];
    let holds_anything =
        additional.as_object().map_or(*additional != Value::Bool(false), |inner| inner.is_empty());
    says.iter().all(|key| schema.get(key).is_none())
        && (schema.get("type").is_none() || is_type(schema, "object"))
        && holds_anything
}

/// Whether `schema` is of no type, and so anything.
pub(super) fn is_any(schema: &Value) -> bool {
    schema.as_object().is_some_and(|map| {
        map.keys().all(|key| ["nullable", "readOnly", "writeOnly", "deprecated"].contains(&key.as_str()))
    }) || schema.pointer("/x-rust-type/path").is_some_and(|path| path == "serde_json::Value")
}

/// Whether `schema` is an object with fields of its own.
pub(super) fn has_fields(schema: &Value) -> bool {
    is_type(schema, "object") && schema["properties"].is_object()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn after(pass: fn(&mut Value) -> usize, schemas: Value) -> (usize, Value) {
        let mut document = json!({"components": {"schemas": schemas}});
        let times = pass(&mut document);
        (times, document["components"]["schemas"].take())
    }

    #[test]
    fn what_is_meant_is_said() {
        let (times, all) = after(
            super::say_types,
            json!({
                "A": {"properties": {"a": {"items": {"type": "string"}}, "b": {"type": "array"}}, "additionalProperties": {"type": "string"}},
                "B": {"type": "object", "properties": {}, "additionalProperties": false},
                "C": {"type": "string", "not": {"enum": ["x"]}},
                "D": {"type": "object", "additionalProperties": {"type": "integer"}},
            }),
        );
        assert_eq!(times, 5);
        assert_eq!(
            all,
            json!({
                "A": {"type": "object", "x-additional": true, "properties": {
                    "a": {"type": "array", "items": {"type": "string"}}, "b": {"type": "array", "items": {}}}},
                "B": {"type": "object"},
                "C": {"type": "string"},
                "D": {"type": "object", "additionalProperties": {"type": "integer"}},
            })
        );
    }

    #[test]
    fn what_is_free_in_one_place_may_hold_more_in_another() {
        let r = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let model = |properties: Value| json!({"type": "object", "properties": properties});
        let (times, all) = after(
            super::may_hold_more,
            json!({
                "A": model(json!({"options": r("Options"), "other": r("Other"), "texts": r("Texts")})),
                "B": model(json!({
                    "options": {"nullable": true}, "other": {"type": "string"},
                    "texts": {"type": "object", "additionalProperties": {"type": "string"}},
                })),
                "Options": model(json!({"a": {"type": "array", "items": r("Option")}, "e": r("E")})),
                "Option": model(json!({"b": {"type": "string"}})),
                "E": {"type": "string", "enum": ["x"]},
                "Other": model(json!({"c": {}})),
                "Texts": model(json!({"c": {}})),
            }),
        );
        assert_eq!(times, 2);
        let marked: Vec<_> =
            all.as_object().unwrap().iter().filter(|(_, one)| one["x-additional"] == true).collect();
        assert_eq!(marked.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Option", "Options"]);
    }

    #[test]
    fn parts_are_one_object() {
        let r = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let (times, all) = after(
            super::merge_parts,
            json!({
                "A": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
                "B": {"allOf": [r("A"), {"type": "object", "required": ["b"], "properties": {"b": {"type": "integer"}}}]},
                "C": {"allOf": [r("B")], "properties": {"a": {"type": "integer"}}},
                "Loop": {"allOf": [r("Loop"), r("A")], "nullable": true},
                "Either": {"allOf": [{"type": "string"}, {"type": "integer"}]},
                "Short": {"allOf": [{"type": "string"}, {"maxLength": 3}]},
                "Wrapped": {"allOf": [r("A")], "nullable": true},
            }),
        );
        assert_eq!(times, 5);
        let both = json!({"a": {"type": "string"}, "b": {"type": "integer"}});
        assert_eq!(all["B"], json!({"type": "object", "required": ["a", "b"], "properties": both}));
        assert_eq!(all["C"]["properties"], json!({"a": {"type": "integer"}, "b": {"type": "integer"}}));
        assert_eq!(all["C"]["type"], "object");
        assert_eq!(all["Loop"]["x-rust-type"]["path"], "serde_json::Value");
        assert_eq!(all["Loop"]["nullable"], true);
        assert_eq!(all["Either"]["x-rust-type"]["path"], "serde_json::Value");
        assert_eq!(all["Short"], json!({"type": "string", "maxLength": 3}));
        assert_eq!(all["Wrapped"], json!({"allOf": [r("A")], "nullable": true}));
    }
}
