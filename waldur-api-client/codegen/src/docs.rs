//! Documentation from the facts: the pin holds no prose, and most of what a caller must know is in the facts anyway.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::METHODS;

/// Gives each operation that has none a description.
pub(super) fn describe(document: &mut Value) {
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if METHODS.contains(&method.as_str()) && operation.get("description").is_none() {
                let text = operation_text(path, method, operation);
                operation["description"] = json!(text);
            }
        }
    }
}

fn operation_text(path: &str, method: &str, operation: &Value) -> String {
    let mut text = format!(
        "`{} {path}`, operation `{}`.",
        method.to_uppercase(),
        operation["operationId"].as_str().unwrap_or_default()
    );
    let permissions = operation["x-permissions"].as_array();
    for permission in permissions.into_iter().flatten() {
        let name = permission["permission"].as_str().unwrap_or_default();
        let scopes: Vec<&str> =
            permission["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let _ = write!(text, "\n\nNeeds the permission `{name}`");
        if !scopes.is_empty() {
            let _ = write!(
                text,
                " on {}",
                scopes.iter().map(|s| format!("`{s}`")).collect::<Vec<_>>().join(" or ")
            );
        }
        text.push('.');
    }
    let parameters = operation["parameters"].as_array();
    let paged = parameters.is_some_and(|all| {
        all.iter()
            .any(|one| one["$ref"].as_str() == Some("#/components/parameters/Page") || one["name"] == "page")
    });
    if paged && method == "get" {
        text.push_str("\n\nPaged: `page` and `page_size`; the total is in the header `X-Result-Count`.");
    }
    if method == "head" {
        text.push_str("\n\nAnswers the headers of the list only: the total is in `X-Result-Count`.");
    }
    if operation["x-multipart"] == true {
        text.push_str("\n\nThe server takes files here as well, as `multipart/form-data`.");
    }
    if operation["deprecated"] == true {
        text.push_str("\n\nDeprecated by the server.");
    }
    text
}
