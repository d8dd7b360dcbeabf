//! `cargo xtask where`: the features, the request and the permissions of operations, found by a part of their names or
//! paths.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use waldur_api_codegen::{names, permissions};

use crate::document::{Operation, operations};
use crate::layout::Layout;
use crate::output;

/// With more operations than these, each takes one line only.
const IN_FULL: usize = 10;

/// What to look for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The name of an operation, a path or a URL, or parts of them, all of which must match.
    #[arg(required = true, value_name = "OPERATION|PATH|PART")]
    parts: Vec<String>,
}

/// Prints the operations of the pin that match.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    let path = layout.normalised();
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("can't read {}", layout.said(&path)))?;
    let document: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", layout.said(&path)))?;
    output::print(answer(&document, &options.parts)?)
}

fn answer(document: &Value, parts: &[String]) -> Result<String> {
    let parts: Vec<String> = parts.iter().map(|part| path_of(part).to_lowercase()).collect();
    let mut found: Vec<(String, Operation<'_>)> = operations(document)
        .map(|operation| (names::function(&operation.id()), operation))
        .filter(|(name, operation)| parts.iter().all(|part| matches(part, name, operation)))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    // A whole name or path means this operation, not also those with a longer one.
    let is_exact =
        |(name, one): &(String, Operation<'_>)| parts.iter().any(|part| part == name || *part == one.path);
    if found.iter().any(is_exact) {
        found.retain(is_exact);
    }
    if found.is_empty() {
        let version = document["info"]["version"].as_str().unwrap_or_default();
        bail!("no operation of {version} matches {}: a part of its name or path is enough", parts.join(" "));
    }
    let mut text = String::new();
    for (name, operation) in &found {
        let request = format!("{} {}", operation.method.to_uppercase(), operation.path);
        let features = features(document, operation.value);
        if found.len() > IN_FULL {
            let _ = writeln!(text, "{name}: {request} ({features})");
        } else {
            let _ = writeln!(text, "{name}\n  {request}\n  features: {features}");
            for permission in permissions(operation.value) {
                let _ = writeln!(text, "  {permission}");
            }
        }
    }
    Ok(text)
}

/// Returns the path of a URL, without its query; other texts stay.
fn path_of(part: &str) -> &str {
    let path = match part.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => part,
    };
    path.split(['?', '#']).next().unwrap_or_default()
}

fn matches(part: &str, name: &str, operation: &Operation<'_>) -> bool {
    name.contains(part) || operation.path.to_lowercase().contains(part) || is_path(part, operation.path)
}

/// Tells whether `path` is one of `template`, with values in place of its parameters.
fn is_path(path: &str, template: &str) -> bool {
    let segments = |path: &str| path.trim_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
    let (path, template) = (segments(path), segments(template));
    path.len() == template.len()
        && path.iter().zip(&template).all(|(value, part)| part.starts_with('{') || value == part)
}

fn features(document: &Value, operation: &Value) -> String {
    let names = operation["x-features"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let with_default = names.map(|name| {
        let is_default = document["info"]["x-features"][name]["default"] == true;
        if is_default { format!("{name} (default)") } else { name.to_owned() }
    });
    with_default.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn document() -> Value {
        let mut paths = json!({
            "/api/orders/": {
                "get": {"operationId": "orders_list", "x-features": ["orders", "provider"]},
                "head": {"operationId": "orders_list_count", "x-features": ["orders"]},
            },
            "/api/orders/{uuid}/set_done/": {"post": {"operationId": "ordersSetDone", "x-features": ["orders"],
                "x-permissions": [{"permission": "ORDER.DONE", "scopes": ["offering"]}]}},
        });
        for number in 0..20 {
            paths[format!("/api/things/{number}/")] =
                json!({"get": {"operationId": format!("things_{number:02}"), "x-features": ["things"]}});
        }
        json!({
            "info": {"version": "8.0.0", "x-features": {"orders": {}, "provider": {"default": true}}},
            "paths": paths,
        })
    }

    fn answer(parts: &[&str]) -> anyhow::Result<String> {
        super::answer(&document(), &parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn operations_are_found_by_name_path_url_and_parts_of_them() {
        let list = "orders_list\n  GET /api/orders/\n  features: orders, provider (default)\n";
        let done = "orders_set_done\n  POST /api/orders/{uuid}/set_done/\n  features: orders\n  \
                    Needs the permission `ORDER.DONE` on the object's `offering`.\n";
        for (parts, expected) in [
            (&["orders_list"][..], list),
            (&["Set_Done"], done),
            (&["orders", "done"], done),
            (&["/api/orders/0b5e/set_done/"], done),
            (&["https://waldur.example.org/api/orders/0b5e/set_done/?x=y"], done),
            (&["{uuid}"], done),
        ] {
            assert_eq!(answer(parts).unwrap(), expected, "{parts:?}");
        }
        let all = answer(&["/api/orders/"]).unwrap();
        assert!(
            all.contains(list) && all.contains("orders_list_count") && !all.contains("set_done"),
            "{all}"
        );
    }

    #[test]
    fn many_operations_take_a_line_each() {
        let text = answer(&["things"]).unwrap();
        assert_eq!(text.lines().count(), 20);
        assert!(text.starts_with("things_00: GET /api/things/0/ (things)\n"), "{text}");
    }

    #[test]
    fn an_unknown_operation_is_an_error() {
        let error = answer(&["invoices", "list"]).unwrap_err().to_string();
        assert!(error.starts_with("no operation of 8.0.0 matches invoices list"), "{error}");
    }
}
