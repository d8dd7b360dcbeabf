//! Walking an OpenAPI document that is held as JSON: its operations, and what they refer to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The methods that a path item can hold; everything else in it is not an operation.
pub const METHODS: [&str; 8] = ["delete", "get", "head", "options", "patch", "post", "put", "trace"];

const SCHEMA_REF: &str = "#/components/schemas/";

/// One operation of a document, with where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// Its path, with its parameters in braces.
    pub path: &'a str,
    /// Its method, in small letters.
    pub method: &'a str,
    /// What the document says of it.
    pub value: &'a Value,
}

impl Operation<'_> {
    /// Returns the operation's id, or its method and path where it has none.
    pub fn id(&self) -> String {
        match self.value["operationId"].as_str() {
            Some(id) => id.to_owned(),
            None => format!("{} {}", self.method, self.path),
        }
    }

    /// Returns the first of the operation's tags, or "untagged".
    pub fn tag(&self) -> &str {
        self.value["tags"][0].as_str().unwrap_or("untagged")
    }
}

/// Returns all operations of `document`, in the order of their paths and methods.
pub fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    document["paths"].as_object().into_iter().flatten().flat_map(|(path, item)| {
        item.as_object()
            .into_iter()
            .flatten()
            .filter(|(method, _)| METHODS.contains(&method.as_str()))
            .map(move |(method, value)| Operation { path, method, value })
    })
}

/// Calls `f` with the path, the method and the object of each operation.
pub fn each_operation(document: &mut Value, mut f: impl FnMut(&str, &str, &mut Map<String, Value>)) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let (true, Some(operation)) = (METHODS.contains(&method.as_str()), operation.as_object_mut()) {
                f(path, method, operation);
            }
        }
    }
}

/// Returns the parameters of `operation`; those that it only refers to are looked up in `document`.
pub fn parameters<'a>(document: &'a Value, operation: &'a Value) -> impl Iterator<Item = &'a Value> {
    operation["parameters"].as_array().into_iter().flatten().map(|parameter| {
        match parameter["$ref"].as_str() {
            Some(path) => document.pointer(path.trim_start_matches('#')).unwrap_or(parameter),
            None => parameter,
        }
    })
}

/// Returns the name of the component schema that `schema` refers to.
pub fn ref_name(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(SCHEMA_REF)
}

/// Returns a reference to the component schema `name`.
pub fn ref_to(name: &str) -> Value {
    serde_json::json!({ "$ref": format!("{SCHEMA_REF}{name}") })
}

/// Returns the component schemas of `document`.
pub fn schemas(document: &Value) -> Option<&Map<String, Value>> {
    document.get("components")?.get("schemas")?.as_object()
}

/// Returns the component schemas of `document`, to change them.
pub fn schemas_mut(document: &mut Value) -> Option<&mut Map<String, Value>> {
    document.get_mut("components")?.get_mut("schemas")?.as_object_mut()
}

/// Adds to `found` the names of all component schemas that `value` refers to, directly or through others.
pub fn reach(document: &Value, value: &Value, found: &mut BTreeSet<String>) {
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

/// Returns the names of the component schemas that request bodies (`body`) or answers lead to.
pub fn travelling(document: &Value, body: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for operation in operations(document) {
        reach(document, &operation.value[if body { "requestBody" } else { "responses" }], &mut found);
    }
    found
}

/// Returns the names of the component schemas that the operations and the shared parameters lead to.
pub fn used(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    reach(document, &document["paths"], &mut found);
    reach(document, &document["components"]["parameters"], &mut found);
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn document() -> Value {
        json!({
            "paths": {"/x/": {
                "parameters": [],
                "post": {
                    "operationId": "x_create",
                    "parameters": [{"$ref": "#/components/parameters/Page"}, {"in": "query", "name": "o"}],
                    "requestBody": {"schema": super::ref_to("Sent")},
                    "responses": {"2XX": {"schema": {"items": super::ref_to("Received")}}},
                },
                "get": {},
            }},
            "components": {
                "parameters": {"Page": {"in": "query", "name": "page", "schema": super::ref_to("Number")}},
                "schemas": {
                    "Sent": {"properties": {"again": super::ref_to("Sent"), "part": super::ref_to("Part")}},
                    "Received": {"properties": {"gone": super::ref_to("Gone")}},
                    "Part": {}, "Number": {}, "Unused": {"items": super::ref_to("Part")},
                },
            },
        })
    }

    #[test]
    fn operations_are_the_methods_of_a_path_and_nothing_else_of_it() {
        let mut document = document();
        let ids: Vec<String> = super::operations(&document).map(|operation| operation.id()).collect();
        assert_eq!(ids, ["get /x/", "x_create"]);
        let mut times = 0;
        super::each_operation(&mut document, |path, _, _| times += usize::from(path == "/x/"));
        assert_eq!(times, 2);
    }

    #[test]
    fn parameters_are_found_where_they_are_shared() {
        let document = document();
        let names: Vec<&str> = super::parameters(&document, &document["paths"]["/x/"]["post"])
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        assert_eq!(names, ["page", "o"]);
    }

    #[test]
    fn schemas_are_reached_through_others_once_and_those_that_are_missing_are_named() {
        let document = document();
        let names = |found: std::collections::BTreeSet<String>| found.into_iter().collect::<Vec<_>>();
        assert_eq!(names(super::travelling(&document, true)), ["Part", "Sent"]);
        assert_eq!(names(super::travelling(&document, false)), ["Gone", "Received"]);
        assert_eq!(names(super::used(&document)), ["Gone", "Number", "Part", "Received", "Sent"]);
    }
}
