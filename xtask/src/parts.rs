//! Whether the parts of operations are objects and those of schemas are schemas. The passes count on it, and
//! another part would be a panic.

use serde_json::Value;

use crate::document::operations;

/// Keywords whose values are lists of schemas.
const COMPOSED: [&str; 3] = ["allOf", "oneOf", "anyOf"];
/// Keywords whose values are data, which may look like anything.
const DATA: [&str; 4] = ["default", "enum", "example", "examples"];

/// Returns the first part of an operation of `document` that is no object, or part of a schema that is no
/// schema, with its place.
pub(crate) fn odd(document: &Value) -> Option<String> {
    let in_operations = operations(document)
        .map(|one| (format!("{} ({} {})", one.id(), one.method.to_uppercase(), one.path), one.value));
    let components = document["components"].as_object().into_iter().flatten();
    let in_components = components.flat_map(|(kind, all)| {
        let all = all.as_object().into_iter().flatten();
        all.map(move |(name, component)| (format!("components.{kind}.{name}"), component))
    });
    let mut all = in_operations
        .map(|(place, value)| (place, value, odd_of(value)))
        .chain(in_components.map(|(place, value)| (place, value, None)));
    all.find_map(|(place, value, odd)| match odd {
        Some(odd) => Some(format!("{odd} of {place} is no object")),
        None => Some(format!("{} of {place} is no schema", odd_in(value)?)),
    })
}

/// Returns the first part of an operation that is no object.
fn odd_of(operation: &Value) -> Option<String> {
    let responses = operation["responses"].as_object().into_iter().flatten();
    let responses = responses.map(|(status, response)| (format!("the response {status}"), response));
    let parameters = operation["parameters"].as_array().into_iter().flatten().enumerate();
    let parameters = parameters.map(|(index, parameter)| (format!("parameter {}", index + 1), parameter));
    let bodies = operation.get("requestBody").map(|body| ("the body".to_owned(), body));
    let mut parts = responses.chain(parameters).chain(bodies);
    parts.find(|(_, part)| !part.is_object()).map(|(name, _)| name)
}

fn odd_in(value: &Value) -> Option<String> {
    match value {
        Value::Object(map) => map.iter().find_map(|(key, inner)| match (key.as_str(), inner) {
            ("properties", Value::Object(properties)) => {
                let odd = properties.iter().find(|(_, schema)| !schema.is_object());
                odd.map(|(name, _)| format!("the property {name}"))
                    .or_else(|| properties.values().find_map(odd_in))
            }
            (key, Value::Array(parts)) if COMPOSED.contains(&key) => {
                let odd = parts.iter().position(|part| !part.is_object());
                odd.map(|index| format!("part {} of {key}", index + 1)).or_else(|| odd_in(inner))
            }
            // One of them may have the name `default`, which is data elsewhere.
            ("responses", Value::Object(responses)) => responses.values().find_map(odd_in),
            (key, _) if DATA.contains(&key) || key.starts_with("x-") => None,
            _ => odd_in(inner),
        }),
        Value::Array(parts) => parts.iter().find_map(odd_in),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn document(schema: Value) -> Value {
        let content = json!({"application/json": {"schema": schema}});
        json!({
            "paths": {"/x/": {"get": {"operationId": "x_list", "responses": {"200": {"content": content}}}}},
            "components": {"schemas": {"properties": {"type": "object", "properties": {"allOf": {"type": "string"}}}}},
        })
    }

    #[test]
    fn a_part_that_is_no_schema_is_named_with_its_place() {
        for (schema, odd) in [
            (json!({"properties": {"a": {"items": {"properties": {"b": null}}}}}), "the property b"),
            (json!({"allOf": [{"oneOf": [{"type": "string"}, "text"]}]}), "part 2 of oneOf"),
            (json!({"anyOf": [[]]}), "part 1 of anyOf"),
        ] {
            let expected = format!("{odd} of x_list (GET /x/) is no schema");
            assert_eq!(super::odd(&document(schema)), Some(expected));
        }
    }

    #[test]
    fn a_part_of_an_operation_that_is_no_object_is_named_with_its_place() {
        for (key, value, odd) in [
            ("responses", json!({"200": "text"}), "the response 200"),
            ("parameters", json!([{"name": "a"}, 1]), "parameter 2"),
            ("requestBody", json!([]), "the body"),
        ] {
            let mut document = document(json!({}));
            document["paths"]["/x/"]["get"][key] = value;
            assert_eq!(super::odd(&document), Some(format!("{odd} of x_list (GET /x/) is no object")));
        }
    }

    #[test]
    fn a_response_called_default_is_looked_into() {
        let mut document = document(json!({}));
        let schema = json!({"oneOf": [{"enum": [""]}, "text"]});
        let responses = json!({"default": {"content": {"application/json": {"schema": schema}}}});
        document["paths"]["/x/"]["get"]["responses"] = responses;
        let odd = super::odd(&document);
        assert!(odd.as_ref().is_some_and(|odd| odd.starts_with("part 2 of oneOf")), "{odd:?}");
    }

    #[test]
    fn data_and_names_that_look_like_parts_are_none() {
        let data = json!({"properties": {"a": 1}, "oneOf": ["b"]});
        for schema in [
            json!({"type": "object", "default": data, "example": data, "enum": [data], "x-data": data}),
            json!({"properties": {"properties": {"type": "string"}, "oneOf": {"type": "array"}}}),
            json!({"additionalProperties": true, "items": {}, "properties": {}}),
        ] {
            assert_eq!(super::odd(&document(schema)), None);
        }
    }
}
