//! Passes over the parameters of operations.

use serde_json::{Map, Value, json};

use super::own_type;
use crate::document::{each_operation, each_parameter, each_schema_in, ref_name, schemas};

/// The names between braces in a path template.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn list(operation: &mut Map<String, Value>) -> Option<&mut Vec<Value>> {
    operation.get_mut("parameters").and_then(Value::as_array_mut)
}

fn is_in(parameter: &Value, place: &str) -> bool {
    parameter.get("in").and_then(Value::as_str) == Some(place)
}

/// The generator panics on a template's name that no parameter declares.
pub(super) fn declare_path_parameters(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |path, _, operation| {
        for name in names_in(path) {
            let declared = operation.get("parameters").and_then(Value::as_array).is_some_and(|all| {
                all.iter().any(|one| is_in(one, "path") && one["name"].as_str() == Some(name))
            });
            if !declared {
                times += 1;
                let parameter =
                    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
                let all = operation.entry("parameters").or_insert_with(|| json!([]));
                if let Some(all) = all.as_array_mut() {
                    all.insert(0, parameter);
                }
            }
        }
    });
    times
}

/// The generator panics on one name in path and query; the path says all that the query could.
pub(super) fn drop_query_twins(document: &mut Value) -> Vec<String> {
    drop_where(document, |path, one| {
        is_in(one, "query") && one["name"].as_str().is_some_and(|n| names_in(path).any(|p| p == n))
    })
}

/// Cookies belong to browsers, and headers to the transport, which sees every request with its operation.
pub(super) fn drop_cookies_and_headers(document: &mut Value) -> Vec<String> {
    drop_where(document, |_, one| is_in(one, "cookie") || is_in(one, "header"))
}

/// Drops the parameters for which `is_dropped` is true of the operation's path and the parameter. Returns which.
fn drop_where(document: &mut Value, is_dropped: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let mut dropped = Vec::new();
    each_operation(document, |path, _, operation| {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(all) = list(operation) {
            all.retain(|one| {
                let drop = is_dropped(path, one);
                if drop {
                    let text = |key: &str| one[key].as_str().unwrap_or_default();
                    dropped.push(format!("{} {} of {id}", text("in"), text("name")));
                }
                !drop
            });
        }
    });
    dropped
}

/// A filter that is no plain value, nor a list of such: the client has no form for it, and the call does without.
/// (What is required stays, for the lint to refuse.)
pub(super) fn drop_structured(document: &mut Value) -> Vec<String> {
    let snapshot = json!({"components": {"schemas": document["components"]["schemas"]}});
    drop_where(document, |_, one| {
        let style = one["style"].as_str().unwrap_or("form");
        let unusual = style != "form" || has_structure(&snapshot, &one["schema"], 0);
        is_in(one, "query") && one["required"] != true && unusual
    })
}

/// Whether a value of `schema` is an object, or may be.
fn has_structure(document: &Value, schema: &Value, depth: usize) -> bool {
    let inner = |schema| depth > 8 || has_structure(document, schema, depth + 1);
    if let Some(name) = ref_name(schema) {
        return schemas(document).and_then(|all| all.get(name)).is_some_and(inner);
    }
    super::is_type(schema, "object")
        || schema.get("properties").is_some()
        || schema.get("items").is_some_and(inner)
        || ["allOf", "oneOf", "anyOf"]
            .iter()
            .any(|key| schema[*key].as_array().is_some_and(|parts| parts.iter().any(inner)))
}

/// What OpenAPI lets a parameter say in other words: a name of the path is always required, text that is JSON is text,
/// and the usual style need not be named.
pub(super) fn usual_words(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        each_parameter(operation, |parameter| {
            let before = parameter.clone();
            let in_path = parameter.get("in").is_some_and(|place| place == "path");
            if in_path {
                parameter.insert("required".to_owned(), json!(true));
                if parameter.get("style").is_some_and(|style| style == "simple") {
                    parameter.remove("style");
                }
            }
            if parameter.remove("content").is_some()
                || !(parameter.contains_key("schema") || parameter.contains_key("$ref"))
            {
                parameter.insert("schema".to_owned(), json!({"type": "string"}));
            }
            times += usize::from(*parameter != before);
        });
    });
    times
}

/// Everything in a path or a query is text: a value of any type is given as its text.
pub(super) fn any_is_text(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        each_parameter(operation, |parameter| {
            if let Some(schema) = parameter.get_mut("schema") {
                each_schema_in(schema, &mut |schema| {
                    if super::shapes::is_any(schema) {
                        *schema = json!({"type": "string"});
                        times += 1;
                    }
                });
            }
        });
    });
    times
}

/// The generator repeats the key for every array; where `explode` is false the server wants one key and commas.
pub(super) fn comma_joined(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        each_parameter(operation, |parameter| {
            let explodes = parameter.get("explode").and_then(Value::as_bool);
            let Some(schema) = parameter.get_mut("schema") else { return };
            if explodes == Some(false) && super::is_type(schema, "array") {
                let items = schema.get("items").cloned().unwrap_or_else(|| json!({"type": "string"}));
                *schema = own_type("CommaSeparated", vec![items]);
                times += 1;
            }
        });
    });
    times
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn with_parameters(path: &str, parameters: Value) -> Value {
        json!({"paths": {path: {"get": {"operationId": "x", "parameters": parameters}}}})
    }

    #[test]
    fn an_undeclared_name_of_the_template_is_declared() {
        let mut document = with_parameters("/x/{uuid}/{other}/", json!([{"name": "uuid", "in": "path"}]));
        assert_eq!(super::declare_path_parameters(&mut document), 1);
        assert_eq!(
            document["paths"]["/x/{uuid}/{other}/"]["get"]["parameters"][0],
            json!({"name": "other", "in": "path", "required": true, "schema": {"type": "string"}})
        );
        assert_eq!(super::declare_path_parameters(&mut document), 0);
    }

    #[test]
    fn a_query_parameter_named_as_a_path_parameter_is_dropped() {
        let mut document = with_parameters(
            "/x/{uuid}/",
            json!([{"name": "uuid", "in": "path"}, {"name": "uuid", "in": "query"}, {"name": "o", "in": "query"}]),
        );
        assert_eq!(super::drop_query_twins(&mut document).len(), 1);
        assert_eq!(
            document["paths"]["/x/{uuid}/"]["get"]["parameters"],
            json!([{"name": "uuid", "in": "path"}, {"name": "o", "in": "query"}])
        );
    }

    #[test]
    fn cookies_and_headers_are_dropped() {
        let mut document =
            with_parameters("/x/", json!([{"name": "s", "in": "cookie"}, {"name": "X-H", "in": "header"}]));
        document["paths"]["/x/"]["get"]["operationId"] = json!("x_list");
        assert_eq!(
            super::drop_cookies_and_headers(&mut document),
            ["cookie s of x_list", "header X-H of x_list"]
        );
        assert_eq!(document["paths"]["/x/"]["get"]["parameters"], json!([]));
    }

    #[test]
    fn filters_that_are_objects_are_dropped_unless_required() {
        let query = |name: &str, schema: Value| json!({"name": name, "in": "query", "schema": schema});
        let mut required = query("must", json!({"type": "object"}));
        required["required"] = json!(true);
        let mut deep = query("deep", json!({"type": "string"}));
        deep["style"] = json!("deepObject");
        let mut document = with_parameters(
            "/x/",
            json!([
                required,
                deep,
                query("a", json!({"$ref": "#/components/schemas/O"})),
                query(
                    "b",
                    json!({"type": "array", "items": {"oneOf": [{"type": "string"}, {"properties": {}}]}})
                ),
                query("c", json!({"type": "array", "items": {"type": "array", "items": {"type": "string"}}})),
                query("d", json!({"oneOf": [{"type": "string"}, {"type": "integer"}]})),
            ]),
        );
        document["components"] = json!({"schemas": {"O": {"type": "object"}}});
        assert_eq!(super::drop_structured(&mut document).len(), 3);
        let left = document["paths"]["/x/"]["get"]["parameters"].as_array().unwrap();
        assert_eq!(
            left.iter().map(|one| one["name"].as_str().unwrap()).collect::<Vec<_>>(),
            ["must", "c", "d"]
        );
    }

    #[test]
    fn unusual_words_become_the_usual_ones() {
        let mut document = with_parameters(
            "/x/{id}/",
            json!([
                {"name": "id", "in": "path", "style": "simple", "schema": {"type": "integer"}},
                {"name": "q", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
                {"$ref": "#/components/parameters/Page"},
            ]),
        );
        assert_eq!(super::usual_words(&mut document), 2);
        assert_eq!(
            document["paths"]["/x/{id}/"]["get"]["parameters"],
            json!([
                {"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}},
                {"name": "q", "in": "query", "schema": {"type": "string"}},
                {"$ref": "#/components/parameters/Page"},
            ])
        );
    }

    #[test]
    fn a_value_of_any_type_is_text() {
        let mut document = with_parameters(
            "/x/",
            json!([
                {"name": "a", "in": "query", "schema": {}},
                {"name": "b", "in": "query", "schema": {"type": "array", "items": {"x-rust-type": {"path": "serde_json::Value"}}}},
                {"name": "c", "in": "query", "schema": {"type": "integer"}},
            ]),
        );
        assert_eq!(super::any_is_text(&mut document), 2);
        let parameters = &document["paths"]["/x/"]["get"]["parameters"];
        assert_eq!(parameters[0]["schema"], json!({"type": "string"}));
        assert_eq!(parameters[1]["schema"]["items"], json!({"type": "string"}));
    }

    #[test]
    fn only_arrays_that_do_not_explode_are_comma_joined() {
        let array = json!({"type": "array", "items": {"type": "string", "format": "uuid"}});
        let mut document = with_parameters(
            "/x/",
            json!([
                {"name": "a", "in": "query", "schema": array, "explode": false},
                {"name": "b", "in": "query", "schema": array, "explode": true},
                {"name": "c", "in": "query", "schema": array},
            ]),
        );
        assert_eq!(super::comma_joined(&mut document), 1);
        let parameters = &document["paths"]["/x/"]["get"]["parameters"];
        let rust = &parameters[0]["schema"]["x-rust-type"];
        assert_eq!(rust["path"], "waldur_api_client::CommaSeparated");
        assert_eq!(rust["parameters"], json!([{"type": "string", "format": "uuid"}]));
        assert_eq!(parameters[1]["schema"], array);
        assert_eq!(parameters[2]["schema"], array);
    }
}
