//! Whether a schema arrived whole. One that was cut off is often still valid YAML, so what it refers to is looked up.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::count::counted;
use crate::document::{operations, schemas};

/// How many missing things are named.
const NAMED: usize = 3;

/// Returns what `document` lacks of itself, or None where it is whole.
pub(crate) fn lacks(document: &Value) -> Option<String> {
    let mut refers = 0;
    let mut lost = Vec::new();
    for operation in operations(document) {
        let place = format!("{} ({} {})", operation.id(), operation.method.to_uppercase(), operation.path);
        refers += lost_in(document, operation.value, &place, &mut lost);
        for scheme in operation.value["security"].as_array().into_iter().flatten() {
            let names = scheme.as_object().into_iter().flat_map(|scheme| scheme.keys());
            for name in names {
                refers += 1;
                if document["components"]["securitySchemes"].get(name).is_none() {
                    lost.push((format!("the security scheme {name}"), place.clone()));
                }
            }
        }
    }
    if refers > 0 && !document["components"].is_object() {
        return Some(format!(
            "it has no components, to which its operations refer {}",
            counted(refers, "time", "times")
        ));
    }
    if let Some(odd) = no_object(document) {
        return Some(odd);
    }
    for (kind, components) in document["components"].as_object().into_iter().flatten() {
        for (name, component) in components.as_object().into_iter().flatten() {
            lost_in(document, component, &format!("components.{kind}.{name}"), &mut lost);
        }
    }
    if lost.is_empty() {
        return None;
    }
    let names: BTreeSet<&str> = lost.iter().map(|(name, _)| name.as_str()).collect();
    let places: Vec<String> =
        lost.iter().take(NAMED).map(|(name, place)| format!("{name} of {place}")).collect();
    Some(format!(
        "{} of the components to which it refers {} missing: {}{}",
        names.len(),
        if names.len() == 1 { "is" } else { "are" },
        places.join(", "),
        if lost.len() > NAMED {
            format!(" and {}", counted(lost.len() - NAMED, "more reference", "more references"))
        } else {
            String::new()
        }
    ))
}

/// Adds to `lost` the references of `value` to places that `document` doesn't have. Returns how many references there
/// are, those to other documents left out.
fn lost_in(document: &Value, value: &Value, place: &str, lost: &mut Vec<(String, String)>) -> usize {
    match value {
        Value::Object(map) => {
            let own = map.get("$ref").and_then(Value::as_str).filter(|path| path.starts_with("#/"));
            if let Some(path) = own.filter(|path| document.pointer(&path[1..]).is_none()) {
                lost.push((path.to_owned(), place.to_owned()));
            }
            let inner = map.values().map(|inner| lost_in(document, inner, place, lost)).sum::<usize>();
            inner + usize::from(own.is_some())
        }
        Value::Array(list) => list.iter().map(|inner| lost_in(document, inner, place, lost)).sum(),
        _ => 0,
    }
}

/// Returns the first path, operation or schema that is no object, such as the last one, which holds nothing
/// at all where a file ends after its name.
fn no_object(document: &Value) -> Option<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let paths = paths.map(|(path, item)| (format!("the path {path}"), item));
    let operations =
        operations(document).map(|operation| (format!("the operation {}", operation.id()), operation.value));
    let schemas = schemas(document).into_iter().flatten();
    let schemas = schemas.map(|(name, schema)| (format!("the schema {name}"), schema));
    let (name, value) = paths.chain(operations).chain(schemas).find(|(_, value)| !value.is_object())?;
    Some(if value.is_null() { format!("{name} is empty") } else { format!("{name} is no object") })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn document() -> Value {
        let r = |name: &str| json!({"$ref": format!("#/components/{name}")});
        json!({
            "paths": {"/x/": {"get": {
                "operationId": "x", "security": [{"token": []}], "parameters": [r("parameters/P")],
                "responses": {"200": {"content": {"json": {"schema": r("schemas/A")}}, "headers": {"H": r("headers/H")}}},
            }}},
            "components": {
                "schemas": {"A": {"properties": {"b": r("schemas/B"), "c": {"$ref": "other.yaml#/C"}}}, "B": {}},
                "parameters": {"P": {}}, "headers": {"H": {}}, "securitySchemes": {"token": {}},
            },
        })
    }

    #[test]
    fn a_whole_document_lacks_nothing() {
        assert_eq!(super::lacks(&document()), None);
        assert_eq!(super::lacks(&json!({"paths": {"/x/": {"get": {}}}})), None, "without references");
    }

    #[test]
    fn what_is_missing_is_named_with_its_place() {
        for (pointer, key, expected) in [
            ("", "components", "it has no components, to which its operations refer 4 times"),
            (
                "/components/schemas",
                "B",
                "1 of the components to which it refers is missing: #/components/schemas/B of components.schemas.A",
            ),
            (
                "/components",
                "headers",
                "1 of the components to which it refers is missing: #/components/headers/H of x (GET /x/)",
            ),
            (
                "/components",
                "securitySchemes",
                "1 of the components to which it refers is missing: the security scheme token of x (GET /x/)",
            ),
        ] {
            let mut document = document();
            document.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(key);
            assert_eq!(super::lacks(&document).as_deref(), Some(expected));
        }
        for (pointer, expected) in [
            ("/paths/~1x~1", "the path /x/ is empty"),
            ("/paths/~1x~1/get", "the operation get /x/ is empty"),
            ("/components/schemas/B", "the schema B is empty"),
        ] {
            let mut document = document();
            *document.pointer_mut(pointer).unwrap() = Value::Null;
            assert_eq!(super::lacks(&document).as_deref(), Some(expected));
            *document.pointer_mut(pointer).unwrap() = json!(true);
            assert_eq!(super::lacks(&document).unwrap(), expected.replace("empty", "no object"));
        }
    }
}
