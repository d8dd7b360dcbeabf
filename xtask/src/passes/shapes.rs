//! Passes over what schemas leave unsaid, and over objects that are said in several parts.

use serde_json::{Map, Value, json};

use super::is_type;
use crate::document::{each_schema, ref_name, schemas};

/// Properties make an object and items an array, whether or not it is said; an array that doesn't say of what holds
/// anything; no properties at all are no properties.
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
        // Servers may always add fields, and only what is declared is sent.
        if map.contains_key("properties") || map.get("additionalProperties") == Some(&Value::Bool(false)) {
            map.remove("additionalProperties");
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
                "A": {"type": "object", "properties": {
                    "a": {"type": "array", "items": {"type": "string"}}, "b": {"type": "array", "items": {}}}},
                "B": {"type": "object"},
                "C": {"type": "string"},
                "D": {"type": "object", "additionalProperties": {"type": "integer"}},
            })
        );
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
