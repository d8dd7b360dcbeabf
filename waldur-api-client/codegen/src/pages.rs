//! Pages of the client's documentation: the table of features, and the table of all operations.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::document::{Operation, operations};
use crate::names;

/// Returns the features of an operation.
fn features(operation: &Value) -> impl Iterator<Item = &str> {
    operation["x-features"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Tells whether the feature `name` of `document` is on by default.
pub(crate) fn is_default(document: &Value, name: &str) -> bool {
    document["info"]["x-features"][name]["default"] == true
}

/// Returns a table of the features of `document`, which isn't pruned: how many operations each has, what it holds,
/// and examples of its operations. `is_on` tells which features are on.
#[must_use]
pub fn feature_table(document: &Value, is_on: impl Fn(&str) -> bool) -> String {
    let mut by_feature: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for operation in operations(document) {
        for feature in features(operation.value) {
            by_feature.entry(feature).or_default().push(operation);
        }
    }
    let mut table = "| feature | operations | what it holds | such as |\n|---|---:|---|---|\n".to_owned();
    for (name, declared) in document["info"]["x-features"].as_object().into_iter().flat_map(Map::iter) {
        let all = by_feature.remove(name.as_str()).unwrap_or_default();
        let count = all.len();
        let examples: Vec<String> = examples(&all).into_iter().map(|one| linked(one, &is_on)).collect();
        let default = if is_default(document, name) { " (default)" } else { "" };
        let doc = declared["doc"].as_str().unwrap_or_default();
        let _ = writeln!(table, "| `{name}`{default} | {count} | {doc} | {} |", examples.join(", "));
    }
    table
}

/// Returns the list that most of `operations` are about, and the one of them with the shortest name.
fn examples<'a, 'b>(operations: &'a [Operation<'b>]) -> Vec<&'a Operation<'b>> {
    let mut named: Vec<(String, &Operation<'_>)> = operations.iter().map(|one| (one.id(), one)).collect();
    named.sort_by_key(|(id, _)| (id.len(), id.clone()));
    let of = |stem: &str| named.iter().filter(|(id, _)| id.starts_with(stem)).count();
    let lists = named.iter().rev().filter_map(|(id, list)| Some((id.strip_suffix("list")?, list)));
    let Some((stem, list)) = lists.max_by_key(|(stem, _)| of(stem)) else {
        return named.into_iter().map(|(_, one)| one).take(2).collect();
    };
    let mut others = named.iter().filter(|(id, one)| id.starts_with(stem) && one.method != "head");
    let other = others.find(|(id, _)| !id.ends_with("list") && !id.ends_with("retrieve"));
    [Some(*list), other.map(|(_, one)| *one)].into_iter().flatten().collect()
}

/// Returns a table of all operations of `document`, which isn't pruned, with their requests and features. `is_on`
/// tells which features are on: the functions of their operations are linked.
#[must_use]
pub fn operation_table(document: &Value, is_on: impl Fn(&str) -> bool) -> String {
    let all: BTreeMap<String, Operation<'_>> = operations(document).map(|one| (one.id(), one)).collect();
    let mut table = "| operation | request | feature |\n|---|---|---|\n".to_owned();
    for operation in all.values() {
        let features: Vec<&str> = features(operation.value).collect();
        let _ = writeln!(
            table,
            "| {} | {} {} | {} |",
            linked(operation, &is_on),
            operation.method.to_uppercase(),
            operation.path,
            features.join(", ")
        );
    }
    table
}

/// Returns the name of the function of `operation`, linked where the function is there.
fn linked(operation: &Operation<'_>, is_on: impl Fn(&str) -> bool) -> String {
    let function = names::function(&operation.id());
    if features(operation.value).any(is_on) {
        format!("[`{function}`](crate::Client::{function})")
    } else {
        format!("`{function}`")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn document() -> Value {
        let operation = |id: &str, features: &[&str]| json!({"operationId": id, "x-features": features});
        json!({
            "info": {"x-features": {"a": {"doc": "All of a"}, "b": {"doc": "Some", "default": true}, "c": {"doc": "None"}}},
            "paths": {
                "/a/": {"get": operation("a_list", &["a", "b"]), "head": operation("a_count", &["a"]), "put": operation("aPut", &["a"])},
                "/a/parts/": {"get": operation("a_parts_list", &["a"]), "post": operation("a_parts_create", &["a"])},
            },
        })
    }

    #[test]
    fn the_table_of_features_has_counts_and_examples() {
        assert_eq!(
            super::feature_table(&document(), |feature| feature == "b"),
            "| feature | operations | what it holds | such as |\n|---|---:|---|---|\n\
             | `a` | 5 | All of a | [`a_list`](crate::Client::a_list), `a_parts_create` |\n\
             | `b` (default) | 1 | Some | [`a_list`](crate::Client::a_list) |\n\
             | `c` | 0 | None |  |\n"
        );
    }

    #[test]
    fn the_table_of_operations_has_them_all_and_links_those_that_are_on() {
        assert_eq!(
            super::operation_table(&document(), |feature| feature == "b"),
            "| operation | request | feature |\n|---|---|---|\n\
             | `a_put` | PUT /a/ | a |\n\
             | `a_count` | HEAD /a/ | a |\n\
             | [`a_list`](crate::Client::a_list) | GET /a/ | a, b |\n\
             | `a_parts_create` | POST /a/parts/ | a |\n\
             | `a_parts_list` | GET /a/parts/ | a |\n"
        );
    }
}
