//! Passes over the parameters of operations.

use serde_json::{Map, Value, json};

use super::own_type;
use crate::document::{each_operation, each_parameter};

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
pub(super) fn drop_query_twins(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |path, _, operation| {
        if let Some(all) = list(operation) {
            let before = all.len();
            all.retain(|one| {
                !(is_in(one, "query") && one["name"].as_str().is_some_and(|n| names_in(path).any(|p| p == n)))
            });
            times += before - all.len();
        }
    });
    times
}

/// Cookies belong to browsers; the generator takes none.
pub(super) fn drop_cookies(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        if let Some(all) = list(operation) {
            let before = all.len();
            all.retain(|one| !is_in(one, "cookie"));
            times += before - all.len();
        }
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
        assert_eq!(super::drop_query_twins(&mut document), 1);
        assert_eq!(
            document["paths"]["/x/{uuid}/"]["get"]["parameters"],
            json!([{"name": "uuid", "in": "path"}, {"name": "o", "in": "query"}])
        );
    }

    #[test]
    fn cookies_are_dropped() {
        let mut document = with_parameters("/x/", json!([{"name": "s", "in": "cookie"}]));
        assert_eq!(super::drop_cookies(&mut document), 1);
        assert_eq!(document["paths"]["/x/"]["get"]["parameters"], json!([]));
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
