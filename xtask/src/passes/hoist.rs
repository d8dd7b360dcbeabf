//! What stands in place and must be a type of its own gets a name: enums, and objects with properties.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToPascalCase;
use serde_json::Value;
use waldur_api_codegen::names::first_free;

use super::enums::{keep_nullable, values};
use super::is_type;
use crate::document::{
    content_schemas, each_operation, each_parameter, each_schema_in, ref_to, schemas, schemas_mut,
};

/// Enums, so that they can be opened.
pub(super) fn enums(document: &mut Value) -> usize {
    hoist(document, "Enum", |schema| values(schema).is_some())
}

/// Objects with properties, which the generator can't name where they are a type's parameter.
pub(super) fn objects(document: &mut Value) -> usize {
    hoist(document, "", |schema| is_type(schema, "object") && schema["properties"].is_object())
}

fn hoist(document: &mut Value, suffix: &str, is_wanted: fn(&Value) -> bool) -> usize {
    // Two names that are one in Rust are one here.
    let mut taken: BTreeSet<String> = schemas(document)
        .into_iter()
        .flatten()
        .flat_map(|(name, _)| [name.clone(), name.to_pascal_case()])
        .collect();
    // The same facts under the same name are one type.
    let mut named: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    let mut times = 0;
    let mut take = |schema: &mut Value, base: &str| {
        each_schema_in(schema, &mut |schema| {
            if !is_wanted(schema) {
                return;
            }
            times += 1;
            let base = format!("{}{suffix}", base.to_pascal_case());
            let mut component = schema.clone();
            if let Some(component) = component.as_object_mut() {
                component.remove("nullable");
            }
            let name = named
                .entry((base.clone(), component.to_string()))
                .or_insert_with(|| first_free(&base, "", |name| taken.insert(name.to_owned())));
            *schema = keep_nullable(schema, ref_to(name));
            found.insert(name.clone(), component);
        });
    };
    for (name, model) in schemas_mut(document).into_iter().flatten() {
        if values(model).is_some() {
            continue;
        }
        for (property, schema) in
            model.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            take(schema, &format!("{name}_{property}"));
        }
        for key in ["items", "additionalProperties"] {
            if let Some(schema) = model.get_mut(key).filter(|schema| schema.is_object()) {
                take(schema, &format!("{name}_item"));
            }
        }
    }
    each_operation(document, |_, _, operation| {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
        each_parameter(operation, |parameter| {
            let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(schema) = parameter.get_mut("schema") {
                take(schema, &format!("{id}_{name}"));
            }
        });
        for (body, word) in [(true, "body"), (false, "answer")] {
            for schema in content_schemas(operation, body) {
                take(schema, &format!("{id}_{word}"));
            }
        }
    });
    if let Some(schemas) = schemas_mut(document) {
        schemas.extend(found);
    }
    times
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn enums_in_place_get_names_of_their_own() {
        let mut document = json!({"components": {"schemas": {
            "XAEnum": {"type": "string", "enum": ["other"]},
            "X": {"properties": {
                "a": {"type": "string", "enum": ["x"], "nullable": true},
                "b": {"additionalProperties": {"enum": ["y"]}},
            }},
        }}});
        assert_eq!(super::enums(&mut document), 2);
        let schemas = &document["components"]["schemas"];
        assert_eq!(
            schemas["X"]["properties"]["a"],
            json!({"$ref": "#/components/schemas/XAEnum2", "nullable": true})
        );
        assert_eq!(schemas["XAEnum2"], json!({"type": "string", "enum": ["x"]}));
        assert_eq!(schemas["XBEnum"], json!({"enum": ["y"]}));
    }

    #[test]
    fn objects_in_place_get_names_also_within_each_other() {
        let inner = json!({"type": "object", "properties": {"b": {"type": "string"}}});
        let answer = json!({"type": "object", "properties": {"a": inner}});
        let mut document = json!({
            "paths": {"/x/": {"post": {"operationId": "x_do", "responses": {"200": {"content": {"application/json": {
                "schema": {"type": "array", "items": answer}}}}}}}},
            "components": {"schemas": {}},
        });
        assert_eq!(super::objects(&mut document), 2);
        let schema =
            &document["paths"]["/x/"]["post"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(schema["items"]["$ref"], "#/components/schemas/XDoAnswer2");
        assert_eq!(
            document["components"]["schemas"]["XDoAnswer2"]["properties"]["a"]["$ref"],
            "#/components/schemas/XDoAnswer"
        );
    }
}
