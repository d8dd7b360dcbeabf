//! Documentation of operations from the facts of the schema, which has no prose.

use std::fmt::Write as _;

use serde_json::Value;

use crate::document::Operation;
use crate::pages::is_default;
use crate::permissions::{alternatives, permissions};

/// Returns the documentation of `operation`: the schema's own where it was kept, or else its facts; then the
/// permissions and the features of `document` that it has.
pub(crate) fn text(document: &Value, operation: Operation<'_>) -> String {
    let own = |key: &str| operation.value[key].as_str().filter(|text| !text.is_empty());
    let description = own("description").map_or_else(|| facts(operation), str::to_owned);
    let mut text = match own("summary") {
        Some(summary) => format!("{}\n\n{description}", summary.trim_end_matches(['.', ','])),
        None => description,
    };
    if operation.value["x-stand-in"] == true {
        let version = document["info"]["version"].as_str().unwrap_or_default();
        let _ = write!(
            text,
            "\n\nThe schema {version} of this build has no such operation, and a server of that version responds \
             with 404: the request is sent for newer servers."
        );
    }
    for permission in permissions(operation.value) {
        let _ = write!(text, "\n\n{permission}");
    }
    if let Some(features) = features(document, operation.value) {
        let _ = write!(text, "\n\n{features}");
    }
    text
}

fn facts(Operation { path, method, value }: Operation<'_>) -> String {
    let mut text = format!(
        "Builds the request `{} {path}`, which is the operation `{}`.",
        method.to_uppercase(),
        value["operationId"].as_str().unwrap_or_default()
    );
    let paged = value["parameters"].as_array().is_some_and(|all| {
        all.iter()
            .any(|one| one["$ref"].as_str() == Some("#/components/parameters/Page") || one["name"] == "page")
    });
    if paged && method == "get" {
        text.push_str("\n\nPaged: `page` and `page_size`; the total is in the header `X-Result-Count`.");
    }
    if method == "head" {
        text.push_str("\n\nReturns the headers of the list only: the total is in `X-Result-Count`.");
    }
    if value["x-multipart"] == true {
        text.push_str("\n\nAlso accepts files, as `multipart/form-data`.");
    }
    if value["deprecated"] == true {
        text.push_str("\n\nDeprecated by the server.");
    }
    text
}

/// Returns a sentence that names the features of `operation`, those that are on by default last.
fn features(document: &Value, operation: &Value) -> Option<String> {
    let names = operation["x-features"].as_array()?.iter().filter_map(Value::as_str);
    let (defaults, others): (Vec<&str>, Vec<&str>) = names.partition(|name| is_default(document, name));
    let others = others.iter().map(|name| format!("`{name}`"));
    let names: Vec<String> =
        others.chain(defaults.iter().map(|name| format!("`{name}` (on by default)"))).collect();
    match names.as_slice() {
        [] => None,
        [name] => Some(format!("Feature: {name}.")),
        names => Some(format!("Features: {}; one of them is enough.", alternatives(names))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn text(method: &str, value: &Value) -> String {
        let document = json!({"info": {"x-features": {"provider": {"default": true}}}});
        super::text(&document, crate::document::Operation { path: "/x/", method, value })
    }

    #[test]
    fn facts_are_said_in_words() {
        let value = json!({
            "operationId": "x_list", "deprecated": true, "x-multipart": true, "x-features": ["provider", "usage"],
            "parameters": [{"$ref": "#/components/parameters/Page"}],
            "x-permissions": [{"permission": "X.LIST", "scopes": ["*", "project"]}, {"permission": "Y"}],
        });
        assert_eq!(
            text("get", &value),
            "Builds the request `GET /x/`, which is the operation `x_list`.\n\n\
             Paged: `page` and `page_size`; the total is in the header `X-Result-Count`.\n\n\
             Also accepts files, as `multipart/form-data`.\n\nDeprecated by the server.\n\n\
             Needs the permission `X.LIST` on the object itself or the object's `project`.\n\n\
             Needs the permission `Y`.\n\n\
             Features: `usage` or `provider` (on by default); one of them is enough."
        );
        let value = json!({"operationId": "x_list", "x-features": ["invoicing"]});
        assert!(text("get", &value).ends_with("\n\nFeature: `invoicing`."));
        let value = json!({"operationId": "x_count"});
        assert!(
            text("head", &value)
                .ends_with("Returns the headers of the list only: the total is in `X-Result-Count`.")
        );
    }

    #[test]
    fn an_operation_that_the_schema_lacks_says_so() {
        let document = json!({"info": {"version": "8.0.3"}});
        let value = json!({"operationId": "x", "x-stand-in": true});
        let operation = crate::document::Operation { path: "/x/", method: "get", value: &value };
        let text = super::text(&document, operation);
        assert!(text.contains("The schema 8.0.3 of this build has no such operation"), "{text}");
    }

    #[test]
    fn prose_that_was_kept_stands_in_place_of_the_facts() {
        let value =
            json!({"operationId": "x", "summary": "Sum.", "description": "Long.", "x-features": ["chat"]});
        assert_eq!(text("get", &value), "Sum\n\nLong.\n\nFeature: `chat`.");
        let value = json!({"operationId": "x", "summary": "Sum", "description": ""});
        assert_eq!(text("get", &value), "Sum\n\nBuilds the request `GET /x/`, which is the operation `x`.");
    }
}
