//! Passes over which way models travel.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToPascalCase;
use serde_json::{Map, Value, json};
use waldur_api_codegen::names::first_free;

use super::is_type;
use crate::document::{
    content_schemas, each_operation, each_schema, each_schema_in, reach, ref_name, ref_to, schemas,
    schemas_mut, travelling, used,
};

/// A component that has no fields of its own (a plain value, a list, a map, another component) is that wherever it is
/// referred to: the generator would wrap it in a type that is read strictly. One that leads back to itself without
/// any fields on the way has no other form than any JSON.
pub(super) fn inline_fieldless(document: &mut Value) -> usize {
    let has_own_form = |schema: &Value| {
        super::shapes::has_fields(schema)
            || ["enum", "allOf", "oneOf", "anyOf"].iter().any(|key| schema.get(key).is_some())
    };
    let mut fieldless: BTreeMap<String, Value> = schemas(document)
        .into_iter()
        .flatten()
        .filter(|(_, schema)| !has_own_form(schema))
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect();
    let only_fieldless = json!({"components": {"schemas": fieldless}});
    for (name, schema) in &mut fieldless {
        let mut found = BTreeSet::new();
        reach(&only_fieldless, schema, &mut found);
        if found.contains(name) {
            *schema = super::types::any();
        }
    }
    let replace = |schema: &mut Value, by: &BTreeMap<String, Value>| {
        let replacement = ref_name(schema).and_then(|name| by.get(name)).cloned();
        replacement.is_some_and(|replacement| {
            *schema = super::enums::keep_nullable(schema, replacement);
            true
        })
    };
    // They may refer to each other, though never to themselves: as often as there are some, at most.
    for _ in 0..fieldless.len() {
        let before = fieldless.clone();
        for schema in fieldless.values_mut() {
            each_schema_in(schema, &mut |schema| {
                replace(schema, &before);
            });
        }
        if before == fieldless {
            break;
        }
    }
    let mut times = 0;
    each_schema(document, |schema| times += usize::from(replace(schema, &fieldless)));
    times
}

/// What is received is lenient and what is sent is strict: a model that is both gets a twin for requests.
pub(super) fn split(document: &mut Value) -> usize {
    let (sent, received) = (travelling(document, true), travelling(document, false));
    let Some(all) = schemas(document) else { return 0 };
    // Two names that are one in Rust are one here.
    let mut taken: BTreeSet<String> = all.keys().map(|name| name.to_pascal_case()).collect();
    let mut twins: BTreeMap<String, String> = BTreeMap::new();
    for name in
        sent.intersection(&received).filter(|name| all.get(*name).is_some_and(|one| is_type(one, "object")))
    {
        let twin = first_free(&format!("{name}Request"), "", |name| taken.insert(name.to_pascal_case()));
        twins.insert(name.clone(), twin);
    }
    let rename = |schema: &mut Value| {
        each_schema_in(schema, &mut |schema| {
            if let Some(twin) = ref_name(schema).and_then(|name| twins.get(name)) {
                schema["$ref"] = ref_to(twin)["$ref"].clone();
            }
        });
    };
    each_operation(document, |_, _, operation| content_schemas(operation, true).into_iter().for_each(rename));
    if let Some(all) = schemas_mut(document) {
        for (name, twin) in &twins {
            let copy = all[name].clone();
            all.insert(twin.clone(), copy);
        }
        for (name, schema) in all {
            let only_sent = sent.contains(name) && !received.contains(name);
            if only_sent || twins.values().any(|twin| twin == name) {
                rename(schema);
            }
        }
    }
    twins.len()
}

/// A server leaves out what its version doesn't have and what wasn't asked for: nothing received is required.
pub(super) fn received_are_optional(document: &mut Value) -> usize {
    let received = travelling(document, false);
    let sent = travelling(document, true);
    let mut times = 0;
    for (name, model) in schemas_mut(document).into_iter().flatten() {
        if !received.contains(name) || sent.contains(name) || !is_type(model, "object") {
            continue;
        }
        if let Some(required) = model.as_object_mut().and_then(|model| model.remove("required")) {
            times += required.as_array().map_or(0, Vec::len);
        }
        for property in
            model.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
        {
            if let Some(property) = property.as_object_mut() {
                property.remove("nullable");
            }
        }
    }
    times
}

/// Drops the component schemas that no operation leads to.
pub(super) fn drop_unused(document: &mut Value) -> usize {
    let used = used(document);
    // An open enum is reached through the Rust type's name only where a reference became a type parameter, which
    // still is a reference: nothing more to follow.
    let Some(all) = schemas_mut(document) else { return 0 };
    let before = all.len();
    all.retain(|name, _| used.contains(name));
    before - all.len()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn r(name: &str) -> Value {
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn document() -> Value {
        json!({
            "paths": {"/x/": {"post": {
                "operationId": "x",
                "requestBody": {"content": {"application/json": {"schema": r("X")}}},
                "responses": {"2XX": {"content": {"application/json": {"schema": r("X")}}}},
            }}},
            "components": {"schemas": {
                "X": {"type": "object", "required": ["a"], "properties": {"a": r("Y"), "n": {"type": "string", "nullable": true}}},
                "Y": {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}, "again": r("X")}},
                "YRequest": {"type": "object"},
            }},
        })
    }

    #[test]
    fn a_model_that_is_sent_and_received_gets_a_twin_and_only_the_received_one_loosens() {
        let mut document = document();
        assert_eq!(super::split(&mut document), 2);
        assert_eq!(super::received_are_optional(&mut document), 2);
        let schemas = &document["components"]["schemas"];
        let body = &document["paths"]["/x/"]["post"]["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(*body, r("XRequest"));
        assert_eq!(schemas["XRequest"]["properties"]["a"], r("YRequest2"));
        assert_eq!(schemas["YRequest2"]["properties"]["again"], r("XRequest"));
        assert_eq!(schemas["XRequest"]["required"], json!(["a"]));
        assert!(schemas["X"].get("required").is_none());
        assert_eq!(schemas["X"]["properties"]["a"], r("Y"));
        assert!(schemas["X"]["properties"]["n"].get("nullable").is_none());
        assert!(schemas["XRequest"]["properties"]["n"].get("nullable").is_some());
    }

    #[test]
    fn a_component_without_fields_is_what_it_holds() {
        let mut document = json!({"components": {"schemas": {
            "L": {"type": "array", "items": r("N")},
            "Tree": {"type": "array", "items": r("Tree")},
            "Any": {}, "Alias": r("X"),
            "Y": {"type": "object", "properties": {"l": r("L"), "t": r("Tree"), "any": r("Any"), "alias": r("Alias")}},
            "N": {"type": "integer"}, "E": {"type": "string", "enum": ["x"]},
            "X": {"type": "object", "properties": {"n": {"$ref": "#/components/schemas/N", "nullable": true}, "e": r("E")}},
        }}});
        assert_eq!(super::inline_fieldless(&mut document), 7);
        let list = &document["components"]["schemas"]["Y"]["properties"];
        assert_eq!(list["l"], json!({"type": "array", "items": {"type": "integer"}}));
        assert_eq!(list["t"]["x-rust-type"]["path"], "serde_json::Value");
        assert_eq!(list["any"], json!({}));
        assert_eq!(list["alias"], r("X"));
        let properties = &document["components"]["schemas"]["X"]["properties"];
        assert_eq!(properties["n"], json!({"type": "integer", "nullable": true}));
        assert_eq!(properties["e"], r("E"));
    }

    #[test]
    fn what_nothing_uses_is_dropped() {
        let mut document = document();
        assert_eq!(super::drop_unused(&mut document), 1);
        assert!(document["components"]["schemas"].get("YRequest").is_none());
    }
}
