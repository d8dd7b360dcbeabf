//! Documentation of operations from the facts of the schema, which has no prose.

use std::fmt::Write as _;

use crate::document::Operation;

/// Returns the documentation of `operation`: the schema's own where it was kept, or else what the facts say.
pub(crate) fn text(operation: Operation<'_>) -> String {
    let own = |key: &str| operation.value[key].as_str().filter(|text| !text.is_empty());
    let description = own("description").map_or_else(|| facts(operation), str::to_owned);
    match own("summary") {
        Some(summary) => format!("{}\n\n{description}", summary.trim_end_matches(['.', ','])),
        None => description,
    }
}

fn facts(Operation { path, method, value }: Operation<'_>) -> String {
    let mut text = format!(
        "`{} {path}`, operation `{}`.",
        method.to_uppercase(),
        value["operationId"].as_str().unwrap_or_default()
    );
    for permission in value["x-permissions"].as_array().into_iter().flatten() {
        let name = permission["permission"].as_str().unwrap_or_default();
        let scopes =
            permission["scopes"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        let scopes: Vec<String> = scopes.map(|scope| format!("`{scope}`")).collect();
        let _ = write!(text, "\n\nNeeds the permission `{name}`");
        if !scopes.is_empty() {
            let _ = write!(text, " on {}", scopes.join(" or "));
        }
        text.push('.');
    }
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
    let features = value["x-features"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    let features: Vec<String> = features.map(|feature| format!("`{feature}`")).collect();
    match features.as_slice() {
        [] => {}
        [feature] => text.push_str(&format!("\n\nFeature: {feature}.")),
        features => text.push_str(&format!("\n\nFeatures: {}.", features.join(" or "))),
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn text(method: &str, value: &Value) -> String {
        super::text(crate::document::Operation { path: "/x/", method, value })
    }

    #[test]
    fn facts_are_said_in_words() {
        let value = json!({
            "operationId": "x_list", "deprecated": true, "x-multipart": true, "x-features": ["orders", "provider"],
            "parameters": [{"$ref": "#/components/parameters/Page"}],
            "x-permissions": [{"permission": "X.LIST", "scopes": ["project", "customer"]}, {"permission": "Y"}],
        });
        assert_eq!(
            text("get", &value),
            "`GET /x/`, operation `x_list`.\n\nNeeds the permission `X.LIST` on `project` or `customer`.\n\n\
             Needs the permission `Y`.\n\n\
             Paged: `page` and `page_size`; the total is in the header `X-Result-Count`.\n\n\
             Also accepts files, as `multipart/form-data`.\n\nDeprecated by the server.\n\n\
             Features: `orders` or `provider`."
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
    fn prose_that_was_kept_stands_in_their_place() {
        let value = json!({"operationId": "x", "summary": "Sum.", "description": "Long."});
        assert_eq!(text("get", &value), "Sum\n\nLong.");
        let value = json!({"operationId": "x", "summary": "Sum", "description": ""});
        assert_eq!(text("get", &value), "Sum\n\n`GET /x/`, operation `x`.");
    }
}
