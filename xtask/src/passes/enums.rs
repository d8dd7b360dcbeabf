//! Passes over enumerations.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToPascalCase;
use serde_json::{Value, json};
use waldur_api_codegen::names::first_free;

use super::{is_type, own_type};
use crate::document::{each_schema, ref_name, ref_to, schemas, schemas_mut};

pub(super) fn values(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("enum").and_then(Value::as_array)
}

/// Opens enums of integers, whatever type they declare: a server may know more numbers than its schema, and
/// newer servers have texts in their place.
pub(super) fn integers(document: &mut Value) -> usize {
    let mut times = 0;
    each_schema(document, |schema| {
        let integers = values(schema).is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_i64));
        if integers {
            *schema = keep_nullable(schema, own_type("NumberOrText", vec![]));
            times += 1;
        }
    });
    times
}

/// Enums of several kinds of values at once. Enums of only "" or null stay for the pass that folds them; null beside
/// texts only says that the enum is nullable.
pub(super) fn mixed_is_any(document: &mut Value) -> usize {
    let mut times = 0;
    each_schema(document, |schema| {
        let Some(all) = values(schema) else { return };
        let texts = all.iter().filter(|value| value.is_string()).count();
        let nulls = all.iter().filter(|value| value.is_null()).count();
        if texts + nulls < all.len() || all.is_empty() {
            *schema = keep_nullable(schema, super::types::any());
            times += 1;
        } else if texts > 0 {
            schema["type"] = json!("string");
            if nulls > 0 {
                schema["nullable"] = json!(true);
                if let Some(all) = schema["enum"].as_array_mut() {
                    all.retain(Value::is_string);
                }
            }
        }
    });
    times
}

pub(super) fn keep_nullable(schema: &Value, mut replacement: Value) -> Value {
    if let Some(nullable) = schema.get("nullable") {
        replacement["nullable"] = nullable.clone();
    }
    replacement
}

/// Whether an enum only says that the value may be "" or null.
fn is_blank_or_null(schema: &Value) -> bool {
    values(schema)
        .is_some_and(|all| !all.is_empty() && all.iter().all(|value| value.is_null() || value == ""))
}

/// One of an enum, "" and null is that enum, nullable; blank text is read as none anyway.
pub(super) fn fold_blank_and_null(document: &mut Value) -> usize {
    let blank: BTreeSet<String> = schemas(document)
        .into_iter()
        .flatten()
        .filter(|(_, schema)| is_blank_or_null(schema))
        .map(|(name, _)| name.clone())
        .collect();
    let mut times = 0;
    each_schema(document, |schema| {
        for key in ["oneOf", "anyOf"] {
            let Some(parts) = schema.get(key).and_then(Value::as_array) else { continue };
            let is_blank = |part: &&Value| {
                is_blank_or_null(part) || ref_name(part).is_some_and(|name| blank.contains(name))
            };
            let folded = parts.iter().filter(|part| !is_blank(part)).cloned().collect::<Vec<_>>();
            if folded.len() == parts.len() || folded.len() > 1 {
                continue;
            }
            let mut replacement = folded.into_iter().next().unwrap_or_else(|| json!({"type": "string"}));
            replacement["nullable"] = json!(true);
            *schema = replacement;
            times += 1;
        }
    });
    // What referred to them alone is text; the components go.
    each_schema(document, |schema| {
        if ref_name(schema).is_some_and(|name| blank.contains(name)) {
            *schema = json!({"type": "string", "nullable": true});
        }
    });
    if let Some(schemas) = schemas_mut(document) {
        schemas.retain(|name, _| !blank.contains(name));
    }
    times
}

/// Known texts or any text: an open enum says both, but a name of one's own (a custom role) isn't an error, so: text.
pub(super) fn fold_known_or_any(document: &mut Value) -> usize {
    let mut times = 0;
    each_schema(document, |schema| {
        for key in ["oneOf", "anyOf"] {
            let texts = schema
                .get(key)
                .and_then(Value::as_array)
                .is_some_and(|parts| parts.len() > 1 && parts.iter().all(|part| is_type(part, "string")));
            let any = schema[key]
                .as_array()
                .is_some_and(|parts| parts.iter().any(|part| part.get("enum").is_none()));
            let known = schema[key]
                .as_array()
                .is_some_and(|parts| parts.iter().any(|part| part.get("enum").is_some()));
            if texts && any && known {
                *schema = keep_nullable(schema, json!({"type": "string"}));
                times += 1;
            }
        }
    });
    times
}

/// Every named enum of texts becomes a type of the client's own that keeps unknown texts. Its values stay beside, for
/// build.rs, which writes the type. The component takes the type's name: the generator wraps what is named otherwise.
pub(super) fn open(document: &mut Value) -> usize {
    let Some(all) = schemas_mut(document) else { return 0 };
    let names: Vec<String> =
        all.iter().filter(|(_, schema)| values(schema).is_some()).map(|(n, _)| n.clone()).collect();
    let mut taken: BTreeSet<String> =
        all.keys().filter(|name| !names.contains(name)).map(|name| name.to_pascal_case()).collect();
    let mut renamed = BTreeMap::new();
    for name in &names {
        let Some(mut schema) = all.remove(name) else { continue };
        let base = name.to_pascal_case();
        let rust = first_free(&base, "", |name| taken.insert(name.to_owned()));
        let mut texts: Vec<Value> = Vec::new();
        for text in values(&schema).into_iter().flatten() {
            // "" is no value: it is read as none.
            if *text != "" && !texts.contains(text) {
                texts.push(text.clone());
            }
        }
        schema = super::enum_type(&rust);
        schema["x-enum"] = Value::Array(texts);
        renamed.insert(name.clone(), (rust, schema));
    }
    all.extend(renamed.values().cloned());
    each_schema(document, |schema| {
        if let Some((rust, _)) = ref_name(schema).and_then(|name| renamed.get(name)) {
            schema["$ref"] = ref_to(rust)["$ref"].clone();
        }
    });
    names.len()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn document(components: Value) -> Value {
        json!({"components": {"schemas": components}})
    }

    #[test]
    fn enums_of_integers_are_numbers_or_texts_whatever_is_declared() {
        let mut document = document(json!({
            "A": {"type": "string", "enum": [1, 2]}, "B": {"enum": [1]}, "C": {"enum": ["x"]},
        }));
        assert_eq!(super::integers(&mut document), 2);
        super::mixed_is_any(&mut document);
        let schemas = &document["components"]["schemas"];
        for name in ["A", "B"] {
            assert_eq!(schemas[name]["x-rust-type"]["path"], "waldur_api_client::NumberOrText");
        }
        assert_eq!(schemas["C"], json!({"type": "string", "enum": ["x"]}));
    }

    #[test]
    fn enums_of_several_kinds_are_any_json_and_null_is_nullable() {
        let mut document = document(json!({"A": {"enum": ["x", 1]}, "B": {"enum": ["x", null]}}));
        assert_eq!(super::mixed_is_any(&mut document), 1);
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["A"]["x-rust-type"]["path"], "serde_json::Value");
        assert_eq!(schemas["B"], json!({"type": "string", "enum": ["x"], "nullable": true}));
    }

    #[test]
    fn an_enum_or_blank_or_null_is_that_enum() {
        let r = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let mut document = document(json!({
            "E": {"type": "string", "enum": ["x"]}, "Blank": {"enum": [""]}, "Null": {"enum": [null]},
            "X": {"properties": {
                "a": {"oneOf": [r("E"), r("Blank"), r("Null")]},
                "b": {"oneOf": [r("Blank"), r("E")]},
                "c": {"oneOf": [r("E"), r("X")]},
                "d": r("Blank"),
            }},
        }));
        assert_eq!(super::fold_blank_and_null(&mut document), 2);
        let schemas = &document["components"]["schemas"];
        let folded = json!({"$ref": "#/components/schemas/E", "nullable": true});
        assert_eq!(schemas["X"]["properties"]["a"], folded);
        assert_eq!(schemas["X"]["properties"]["b"], folded);
        assert!(schemas["X"]["properties"]["c"].get("oneOf").is_some());
        assert_eq!(schemas["X"]["properties"]["d"], json!({"type": "string", "nullable": true}));
        assert!(schemas.get("Blank").is_none() && schemas.get("Null").is_none());
    }

    #[test]
    fn known_or_any_text_is_text() {
        let mut document = document(json!({"X": {"properties": {
            "a": {"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "string"}]},
        }}}));
        assert_eq!(super::fold_known_or_any(&mut document), 1);
        assert_eq!(document["components"]["schemas"]["X"]["properties"]["a"], json!({"type": "string"}));
    }

    #[test]
    fn named_enums_of_texts_are_opened_without_blank_and_double_ones() {
        let mut document = document(
            json!({"a_enum": {"type": "string", "enum": ["y", "", "y"]}, "B": {"properties": {"a": {"$ref": "#/components/schemas/a_enum"}}}}),
        );
        assert_eq!(super::open(&mut document), 1);
        let schemas = &document["components"]["schemas"];
        let opened = &schemas["AEnum"];
        assert_eq!(schemas["B"]["properties"]["a"]["$ref"], "#/components/schemas/AEnum");
        assert!(schemas.get("a_enum").is_none());
        assert_eq!(opened["x-enum"], json!(["y"]));
        assert_eq!(opened["x-rust-type"]["path"], "waldur_api_client::types::AEnum");
    }
}
