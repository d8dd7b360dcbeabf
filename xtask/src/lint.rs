//! What a normalised schema must not hold, because the generator panics on it or reads it wrongly.

use serde_json::{Map, Value};

use crate::document::{content_schemas, each_operation, each_parameter, each_schema_in, ref_name, schemas};

/// Every place that breaks a rule, with the operation or model and the rule.
pub(crate) fn lint(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let original = document;
    let mut document = document.clone();
    each_operation(&mut document, |path, method, operation| {
        let id = operation
            .get("operationId")
            .and_then(Value::as_str)
            .map_or_else(|| format!("{method} {path}"), str::to_owned);
        let operation_value = Value::Object(operation.clone());
        found.extend(lost(original, &operation_value).map(|rule| format!("{id}: {rule}")));
        found
            .extend(operation_rules(path, method, operation).into_iter().map(|rule| format!("{id}: {rule}")));
        found.extend(structured(original, operation).map(|rule| format!("{id}: {rule}")));
    });
    for (name, model) in schemas(&document).into_iter().flatten() {
        found.extend(lost(original, model).map(|rule| format!("model {name}: {rule}")));
        let mut model = model.clone();
        found.extend(schema_rules(&mut model).into_iter().map(|rule| format!("model {name}: {rule}")));
    }
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        if let Some(reference) = item["$ref"].as_str() {
            found.push(format!("path {path}: a reference that leads nowhere, {reference}"));
        }
    }
    found
}

/// References within `value` that lead nowhere.
fn lost(document: &Value, value: &Value) -> impl Iterator<Item = String> {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|inner| walk(inner, found));
            }
            Value::Array(list) => list.iter().for_each(|inner| walk(inner, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, &mut found);
    let leads = |path: &str| path.strip_prefix('#').is_some_and(|path| document.pointer(path).is_some());
    let lost: Vec<String> = found
        .into_iter()
        .filter(|path| !leads(path))
        .map(|path| format!("a reference that leads nowhere, {path}"))
        .collect();
    lost.into_iter()
}

/// Parameters that are no plain values.
fn structured(document: &Value, operation: &mut Map<String, Value>) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    each_parameter(operation, |parameter| {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        let usual = if parameter.get("in").is_some_and(|place| place == "path") { "simple" } else { "form" };
        let style = parameter.get("style").and_then(Value::as_str).unwrap_or(usual);
        if style != usual || parameter.get("schema").is_some_and(|schema| !is_plain(document, schema)) {
            found.push(format!("its parameter {name} can't be sent: it is no plain value"));
        }
    });
    found.into_iter()
}

/// Whether `schema` is a plain value, an enum, or a list of such.
fn is_plain(document: &Value, schema: &Value) -> bool {
    if let Some(name) = ref_name(schema) {
        return document["components"]["schemas"][name].get("x-enum").is_some();
    }
    if let Some(parameters) = schema.pointer("/x-rust-type/parameters").and_then(Value::as_array) {
        return parameters.iter().all(|inner| is_plain(document, inner));
    }
    match schema["type"].as_str() {
        Some("array") => is_plain(document, &schema["items"]),
        kind => kind.is_some_and(|kind| kind != "object"),
    }
}

fn operation_rules(path: &str, method: &str, operation: &mut Map<String, Value>) -> Vec<&'static str> {
    let mut broken = Vec::new();
    if !path.starts_with('/') {
        broken.push("the path doesn't begin with a slash");
    }
    if !operation.contains_key("operationId") {
        broken.push("has no operationId");
    }
    let responses = operation.get("responses").and_then(Value::as_object);
    if !responses.is_some_and(|all| all.len() == 1 && all.contains_key("2XX")) {
        broken.push("must have one answer, 2XX");
    }
    if method == "head"
        && responses.and_then(|all| all.get("2XX")).is_some_and(|one| one.get("content").is_some())
    {
        broken.push("an answer to HEAD has a body");
    }
    let media = |content: Option<&Value>| content.and_then(Value::as_object).map_or(0, Map::len);
    if operation.get("requestBody").is_some_and(|body| media(body.get("content")) != 1) {
        broken.push("a body must have one media type");
    }
    let mut declared = Vec::new();
    each_parameter(operation, |parameter| {
        let text = |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        declared.push((text("name"), text("in")));
        let joined = parameter.get("explode") == Some(&Value::Bool(false));
        if let Some(schema) = parameter.get_mut("schema") {
            if joined && super::document::ref_name(schema).is_none() && schema["type"] == "array" {
                broken.push("a comma-joined array would be sent as repeated keys");
            }
            broken.extend(schema_rules(schema));
        }
    });
    for name in path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name)) {
        if !declared.iter().any(|(other, place)| other == name && place == "path") {
            broken.push("the path has an undeclared parameter");
        }
        if declared.iter().any(|(other, place)| other == name && place == "query") {
            broken.push("path and query have a parameter of one name");
        }
    }
    if declared.iter().any(|(_, place)| place == "cookie" || place == "header") {
        broken.push("has a cookie or header parameter");
    }
    for body in [true, false] {
        for schema in content_schemas(operation, body) {
            broken.extend(schema_rules(schema));
        }
    }
    broken
}

fn schema_rules(schema: &mut Value) -> Vec<&'static str> {
    const DROPPED: [&str; 8] =
        ["default", "minLength", "maxLength", "pattern", "minimum", "maximum", "minItems", "maxItems"];
    let mut broken = Vec::new();
    each_schema_in(schema, &mut |schema| {
        let Some(map) = schema.as_object() else { return };
        const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
        if map.get("type").is_some_and(|kind| !kind.as_str().is_some_and(|kind| TYPES.contains(&kind))) {
            broken.push("a type that OpenAPI 3.0 doesn't know");
        }
        if map.contains_key("enum") {
            broken.push("a closed enum");
        }
        if ["oneOf", "anyOf"].iter().any(|key| map.contains_key(*key)) {
            broken.push("alternatives that no pass folds");
        }
        if DROPPED.iter().any(|key| map.contains_key(*key)) {
            broken.push("a default or constraint");
        }
        if map.get("type").is_some_and(|kind| kind == "number") {
            broken.push("a number that is not the decimal type");
        }
        let format = map.get("format").and_then(Value::as_str);
        if format.is_some_and(|format| !["uuid", "date", "date-time"].contains(&format)) {
            broken.push("a format that refuses what servers send");
        }
    });
    broken
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn each_rule_names_the_operation_or_model() {
        let good = json!({"operationId": "x", "responses": {"2XX": {}}});
        let with = |key: &str, value: Value| {
            let mut operation = good.clone();
            operation[key] = value;
            operation
        };
        let array = json!({"type": "array", "items": {"type": "string"}});
        for (method, operation, rule) in [
            ("get", with("responses", json!({"2XX": {}, "400": {}})), "one answer"),
            ("head", with("responses", json!({"2XX": {"content": {}}})), "HEAD"),
            ("post", with("requestBody", json!({"content": {"a": {}, "b": {}}})), "one media type"),
            ("get", with("parameters", json!([{"name": "a", "in": "cookie"}])), "cookie"),
            (
                "get",
                with("parameters", json!([{"name": "a", "in": "query", "explode": false, "schema": array}])),
                "comma",
            ),
            (
                "get",
                with("parameters", json!([{"name": "a", "in": "query", "schema": {"enum": ["x"]}}])),
                "closed enum",
            ),
            (
                "get",
                with("parameters", json!([{"name": "a", "in": "query", "schema": {"type": "object"}}])),
                "its parameter a can't be sent",
            ),
            (
                "get",
                with(
                    "parameters",
                    json!([{"name": "a", "in": "path", "style": "matrix", "schema": {"type": "string"}}]),
                ),
                "its parameter a can't be sent",
            ),
            ("get", with("parameters", json!([{"$ref": "other.yaml#/a"}])), "leads nowhere, other.yaml#/a"),
        ] {
            let found = super::lint(&json!({"paths": {"/x/": {method: operation}}}));
            assert!(
                found.iter().any(|line| line.starts_with("x: ") && line.contains(rule)),
                "{rule}: {found:?}"
            );
        }
        let undeclared = super::lint(&json!({"paths": {"/x/{u}/": {"get": good}}}));
        assert!(undeclared[0].contains("undeclared"));
        let lost = super::lint(
            &json!({"components": {"schemas": {"M": {"items": {"$ref": "#/components/schemas/N"}}}}}),
        );
        assert_eq!(lost, ["model M: a reference that leads nowhere, #/components/schemas/N"]);
        assert!(super::lint(&json!({"paths": {"x": {"get": good}}}))[0].contains("slash"));
        let model = json!({"properties": {
            "a": {"type": "number"}, "b": {"oneOf": []}, "c": {"default": 1}, "d": {"type": ["string", "null"]}}});
        let found = super::lint(&json!({"components": {"schemas": {"M": model}}}));
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|line| line.starts_with("model M: ")));
        assert!(super::lint(&json!({"paths": {"/x/": {"get": good}}})).is_empty());
    }
}
