//! What several places share is put where it is used, so that the other passes see it there.

use serde_json::{Map, Value, json};

use crate::document::{METHODS, each_operation, each_schema, ref_name};

/// No sound document refers further than this.
const STEPS: usize = 16;

/// What `value` refers to within `document`, or `value` where it refers to nothing. None: it leads nowhere.
fn resolve<'a>(document: &'a Value, mut value: &'a Value) -> Option<&'a Value> {
    for _ in 0..STEPS {
        match value.get("$ref") {
            Some(path) => value = document.pointer(path.as_str()?.strip_prefix('#')?)?,
            None => return Some(value),
        }
    }
    None
}

/// A parameter of the query that is one plain value: no pass changes it, so it may stay shared.
fn is_plain(parameter: &Value) -> bool {
    let schema = &parameter["schema"];
    parameter["in"] == "query"
        && parameter.get("content").is_none()
        && parameter["style"].as_str().is_none_or(|style| style == "form")
        && schema.get("enum").is_none()
        && ["string", "integer", "boolean", "number"].iter().any(|kind| super::is_type(schema, kind))
}

/// Shared paths, parameters, bodies and answers, and the parameters that a path has for all of its operations.
pub(super) fn shared_parts(document: &mut Value) -> usize {
    let snapshot = document.clone();
    let mut times = 0;
    let mut in_place = |value: &mut Value| {
        if value.get("$ref").is_some()
            && let Some(found) = resolve(&snapshot, value)
        {
            *value = found.clone();
            times += 1;
        }
    };
    for item in document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        in_place(item);
        let Some(item) = item.as_object_mut() else { continue };
        let common = item.remove("parameters");
        for (_, operation) in item.iter_mut().filter(|(method, _)| METHODS.contains(&method.as_str())) {
            let Some(operation) = operation.as_object_mut() else { continue };
            own_parameters(&snapshot, operation, common.as_ref());
            for parameter in
                operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
            {
                if !resolve(&snapshot, parameter).is_some_and(is_plain) {
                    in_place(parameter);
                }
            }
            if let Some(body) = operation.get_mut("requestBody") {
                in_place(body);
            }
            let answers = operation.get_mut("responses").and_then(Value::as_object_mut);
            answers.into_iter().flat_map(Map::values_mut).for_each(&mut in_place);
        }
    }
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        components.retain(|kind, _| kind != "responses" && kind != "requestBodies");
    }
    times
}

/// Adds the parameters `common` to the path's operations, except those that the operation declares itself.
fn own_parameters(document: &Value, operation: &mut Map<String, Value>, common: Option<&Value>) {
    let key = |parameter: &Value| {
        let parameter = resolve(document, parameter).unwrap_or(parameter);
        ["in", "name"].map(|key| parameter[key].as_str().unwrap_or_default().to_owned())
    };
    let Some(common) = common.and_then(Value::as_array) else { return };
    let own = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(own) = own.as_array_mut() {
        for parameter in common {
            if !own.iter().any(|one| key(one) == key(parameter)) {
                own.push(parameter.clone());
            }
        }
    }
}

/// Schemas that are referred to within others, or within operations: only components have a name.
pub(super) fn nameless_schemas(document: &mut Value) -> usize {
    let mut times = 0;
    let mut is_needed = false;
    let is_elsewhere = |schema: &Value| {
        schema.get("$ref").is_some() && ref_name(schema).is_none_or(|name| name.contains('/'))
    };
    each_schema(document, |schema| is_needed |= is_elsewhere(schema));
    for _ in 0..if is_needed { STEPS } else { 0 } {
        let snapshot = document.clone();
        let before = times;
        each_schema(document, |schema| {
            if let (true, Some(found)) = (is_elsewhere(schema), resolve(&snapshot, schema)) {
                *schema = super::enums::keep_nullable(schema, found.clone());
                times += 1;
            }
        });
        if times == before {
            break;
        }
    }
    times
}

/// An operation without `parameters`, `requestBody` or `responses` of its own has none of them.
pub(super) fn answers_declared(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        if !operation.get("responses").is_some_and(Value::is_object) {
            operation.insert("responses".to_owned(), json!({}));
            times += 1;
        }
    });
    times
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn shared_parts_are_put_in_place_and_plain_parameters_stay() {
        let page = json!({"name": "page", "in": "query", "schema": {"type": "integer"}});
        let state = json!({"name": "s", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "string"}}});
        let path = |schema| json!({"name": "id", "in": "path", "required": true, "schema": schema});
        let mut document = json!({
            "paths": {"/x/{id}/": {
                "parameters": [path(json!({"type": "integer"})), {"$ref": "#/components/parameters/State"}],
                "get": {
                    "parameters": [path(json!({"type": "string"})), {"$ref": "#/components/parameters/Page"}],
                    "responses": {"200": {"$ref": "#/components/responses/A"}},
                },
                "post": {"requestBody": {"$ref": "#/components/requestBodies/B"}},
            }},
            "components": {
                "parameters": {"Page": page, "State": state},
                "responses": {"A": {"$ref": "#/components/responses/C"}, "C": {"headers": {}}},
                "requestBodies": {"B": {"content": {}}},
            },
        });
        assert_eq!(super::shared_parts(&mut document), 4);
        let item = &document["paths"]["/x/{id}/"];
        assert!(item.get("parameters").is_none());
        assert_eq!(
            item["get"]["parameters"],
            json!([path(json!({"type": "string"})), {"$ref": "#/components/parameters/Page"}, state])
        );
        assert_eq!(item["get"]["responses"]["200"], json!({"headers": {}}));
        assert_eq!(item["post"]["parameters"][0], path(json!({"type": "integer"})));
        assert_eq!(item["post"]["requestBody"], json!({"content": {}}));
    }

    #[test]
    fn a_schema_within_another_is_put_in_place() {
        let mut document = json!({"components": {"schemas": {
            "A": {"properties": {"b": {"$ref": "#/components/schemas/C/properties/d"}, "n": {"$ref": "#/nowhere"}}},
            "C": {"properties": {"d": {"type": "integer"}}},
        }}});
        assert_eq!(super::nameless_schemas(&mut document), 1);
        let properties = &document["components"]["schemas"]["A"]["properties"];
        assert_eq!(properties["b"], json!({"type": "integer"}));
        assert_eq!(properties["n"], json!({"$ref": "#/nowhere"}));
    }

    #[test]
    fn an_operation_without_answers_has_none() {
        let mut document = json!({"paths": {"/x/": {"get": {"operationId": "x"}}}});
        assert_eq!(super::answers_declared(&mut document), 1);
        assert_eq!(document["paths"]["/x/"]["get"]["responses"], json!({}));
    }
}
