//! Walking an OpenAPI document that is held as JSON: its operations, and the schemas in it.

use serde_json::{Map, Value};

/// The methods that a path item can hold; everything else in it is not an operation.
pub(crate) const METHODS: [&str; 8] = ["delete", "get", "head", "options", "patch", "post", "put", "trace"];

const SCHEMA_REF: &str = "#/components/schemas/";

/// One operation of a document, with where it stands.
pub(crate) struct Operation<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: &'a str,
    pub(crate) value: &'a Value,
}

impl Operation<'_> {
    /// The operation's id, or its method and path where it has none.
    pub(crate) fn id(&self) -> String {
        match self.value["operationId"].as_str() {
            Some(id) => id.to_owned(),
            None => format!("{} {}", self.method, self.path),
        }
    }

    /// The first of the operation's tags, or "untagged".
    pub(crate) fn tag(&self) -> &str {
        self.value["tags"][0].as_str().unwrap_or("untagged")
    }
}

/// All operations, in the order of their paths and methods.
pub(crate) fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    document["paths"].as_object().into_iter().flatten().flat_map(|(path, item)| {
        item.as_object()
            .into_iter()
            .flatten()
            .filter(|(method, _)| METHODS.contains(&method.as_str()))
            .map(move |(method, value)| Operation { path, method, value })
    })
}

/// Calls `f` with the path, the method and the object of each operation.
pub(crate) fn each_operation(document: &mut Value, mut f: impl FnMut(&str, &str, &mut Map<String, Value>)) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let (true, Some(operation)) = (METHODS.contains(&method.as_str()), operation.as_object_mut()) {
                f(path, method, operation);
            }
        }
    }
}

/// The name of the component schema that `schema` refers to.
pub(crate) fn ref_name(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(SCHEMA_REF)
}

/// A reference to the component schema `name`.
pub(crate) fn ref_to(name: &str) -> Value {
    serde_json::json!({ "$ref": format!("{SCHEMA_REF}{name}") })
}

/// The component schemas of a document.
pub(crate) fn schemas(document: &Value) -> Option<&Map<String, Value>> {
    document.get("components")?.get("schemas")?.as_object()
}

/// The component schemas of a document, to change.
pub(crate) fn schemas_mut(document: &mut Value) -> Option<&mut Map<String, Value>> {
    document.get_mut("components")?.get_mut("schemas")?.as_object_mut()
}

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

/// The names of the component schemas that request bodies (`body`) or answers lead to.
pub(crate) fn travelling(document: &Value, body: bool) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    for operation in operations(document) {
        reach(document, &operation.value[if body { "requestBody" } else { "responses" }], &mut found);
    }
    found
}

/// Adds to `found` the names of all component schemas that `value` refers to, directly or through others.
pub(crate) fn reach(document: &Value, value: &Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(name) = ref_name(value)
                && let (true, Some(schema)) =
                    (found.insert(name.to_owned()), schemas(document).and_then(|all| all.get(name)))
            {
                reach(document, schema, found);
            }
            map.values().for_each(|inner| reach(document, inner, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| reach(document, inner, found)),
        _ => {}
    }
}
