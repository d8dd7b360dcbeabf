//! Leaves out of a document what the features that are on don't need.

use serde_json::{Map, Value};

use crate::document::{schemas_mut, used};

/// Keeps the operations of the features that are on, and the components that they lead to.
///
/// `x-paths` keeps all paths, and the `x-head` of a GET the operation that is its HEAD.
pub fn prune(document: &mut Value, is_on: impl Fn(&str) -> bool) {
    document["x-paths"] = paths(document).into_iter().collect();
    for item in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(item) = item.as_object_mut() {
            // A list is counted by HEAD, also where that operation belongs to another feature.
            let head = item.get("head").map(|head| head["operationId"].clone());
            if let (Some(head), Some(get)) = (head, item.get_mut("get")) {
                get["x-head"] = head;
            }
            item.retain(|_, operation| {
                operation["x-features"].as_array().into_iter().flatten().filter_map(Value::as_str).any(&is_on)
            });
        }
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.retain(|_, item| item.as_object().is_some_and(|item| !item.is_empty()));
    }
    let used = used(document);
    if let Some(schemas) = schemas_mut(document) {
        schemas.retain(|name, _| used.contains(name));
    }
}

/// Returns all paths of `document`, including those of pruned operations.
pub(crate) fn paths(document: &Value) -> Vec<String> {
    match document["x-paths"].as_array() {
        Some(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => document["paths"].as_object().into_iter().flat_map(Map::keys).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn operations_of_other_features_go_with_their_models_and_leave_their_paths() {
        let r = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let mut document = json!({
            "paths": {
                "/a/": {
                    "get": {"operationId": "a_list", "x-features": ["on", "off"], "responses": r("A")},
                    "head": {"operationId": "a_count", "x-features": ["off"]},
                },
                "/b/": {"get": {"operationId": "b_list", "x-features": ["off"], "responses": r("B")}},
            },
            "components": {"schemas": {"A": {"items": r("Part")}, "B": {"items": r("Part")}, "Part": {}}},
        });
        super::prune(&mut document, |feature| feature == "on");
        let ids: Vec<String> = crate::document::operations(&document).map(|one| one.id()).collect();
        assert_eq!(ids, ["a_list"]);
        assert_eq!(document["paths"]["/a/"]["get"]["x-head"], "a_count");
        assert_eq!(super::paths(&document), ["/a/", "/b/"]);
        assert_eq!(document["components"]["schemas"], json!({"A": {"items": r("Part")}, "Part": {}}));
    }
}
