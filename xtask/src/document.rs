//! Walking an OpenAPI document that is held as JSON: its operations, as the generator walks them, and the schemas in
//! it, to change them.

use serde_json::{Map, Value};

pub(crate) use waldur_api_codegen::document::{
    METHODS, Operation, each_operation, operations, reach, ref_name, ref_to, schemas, schemas_mut,
    travelling, used,
};

/// Calls `f` with `schema` and every schema nested in it, the inner ones first.
pub(crate) fn each_schema_in(schema: &mut Value, f: &mut impl FnMut(&mut Value)) {
    for key in ["allOf", "oneOf", "anyOf"] {
        for part in schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            each_schema_in(part, f);
        }
    }
    for key in ["items", "additionalProperties", "not"] {
        if let Some(part) = schema.get_mut(key).filter(|part| part.is_object()) {
            each_schema_in(part, f);
        }
    }
    for part in
        schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        each_schema_in(part, f);
    }
    // What stands for type parameters of a Rust type is a schema too.
    if let Some(parameters) = schema.pointer_mut("/x-rust-type/parameters").and_then(Value::as_array_mut) {
        for part in parameters {
            each_schema_in(part, f);
        }
    }
    f(schema);
}

/// Calls `f` with the schema of each parameter of `operation`.
pub(crate) fn each_parameter(operation: &mut Map<String, Value>, mut f: impl FnMut(&mut Map<String, Value>)) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(parameter) = parameter.as_object_mut() {
            f(parameter);
        }
    }
}

/// The schemas of the request bodies (`body`) or of the answers (`!body`) of `operation`, one a media type.
pub(crate) fn content_schemas(operation: &mut Map<String, Value>, body: bool) -> Vec<&mut Value> {
    let holders: Vec<&mut Value> = if body {
        operation.get_mut("requestBody").into_iter().collect()
    } else {
        operation
            .get_mut("responses")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flat_map(Map::values_mut)
            .collect()
    };
    holders
        .into_iter()
        .filter_map(|holder| holder.get_mut("content")?.as_object_mut())
        .flat_map(Map::values_mut)
        .filter_map(|media| media.get_mut("schema"))
        .collect()
}

/// Calls `f` with every schema of the document, nested ones included, the inner ones first.
pub(crate) fn each_schema(document: &mut Value, mut f: impl FnMut(&mut Value)) {
    each_operation(document, |_, _, operation| {
        each_parameter(operation, |parameter| {
            if let Some(schema) = parameter.get_mut("schema") {
                each_schema_in(schema, &mut f);
            }
        });
        for body in [true, false] {
            for schema in content_schemas(operation, body) {
                each_schema_in(schema, &mut f);
            }
        }
    });
    for parameter in component_parameters(document) {
        if let Some(schema) = parameter.get_mut("schema") {
            each_schema_in(schema, &mut f);
        }
    }
    for schema in schemas_mut(document).into_iter().flat_map(Map::values_mut) {
        each_schema_in(schema, &mut f);
    }
}

fn component_parameters(document: &mut Value) -> Vec<&mut Value> {
    document
        .get_mut("components")
        .and_then(|components| components.get_mut("parameters"))
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut)
        .collect()
}
