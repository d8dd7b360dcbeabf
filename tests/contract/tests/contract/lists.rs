//! Every list operation of the pinned schema is a list in the client.
//!
//! With the operations of a provider by default; with all of them:
//!
//! ```sh
//! cargo test -p waldur-contract --features full --test contract lists
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use waldur_api_client::exchanges::{ALL, LISTS};

/// The facts of a list in the pin: whether it is paged, has a HEAD operation, and can select fields.
type Facts = (bool, bool, bool);

fn pin() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/waldur.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn lists_of(pin: &Value) -> BTreeMap<String, Facts> {
    let resolve = |value: &'_ Value| match value["$ref"].as_str() {
        Some(path) => pin.pointer(path.trim_start_matches('#')).unwrap().clone(),
        None => value.clone(),
    };
    let mut lists = BTreeMap::new();
    for item in pin["paths"].as_object().unwrap().values() {
        let get = &item["get"];
        let answers = get["responses"].as_object().into_iter().flatten();
        let mut bodies = answers
            .filter(|(status, _)| status.starts_with('2'))
            .map(|(_, answer)| resolve(&answer["content"]["application/json"]["schema"]));
        if bodies.any(|body| body["type"] == "array") {
            let parameters = get["parameters"].as_array().into_iter().flatten().map(resolve);
            let names: BTreeSet<String> = parameters
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect();
            let facts = (names.contains("page"), item["head"].is_object(), names.contains("field"));
            lists.insert(get["operationId"].as_str().unwrap().to_owned(), facts);
        }
    }
    lists
}

#[test]
fn every_list_of_the_pin_is_a_list_in_the_client() {
    let pinned = lists_of(&pin());
    let built: BTreeSet<&str> = ALL.iter().map(|exchange| exchange.operation.id).collect();
    assert_eq!(built.len(), ALL.len(), "an operation occurs twice");
    let expected: BTreeMap<&str, Facts> =
        pinned.iter().map(|(id, facts)| (id.as_str(), *facts)).filter(|(id, _)| built.contains(id)).collect();
    let found: BTreeMap<&str, Facts> = LISTS
        .iter()
        .map(|list| {
            (list.operation.id, (list.facts.paged, list.facts.head.is_some(), list.facts.fields.is_some()))
        })
        .collect();
    let missing: Vec<_> = expected.keys().filter(|id| !found.contains_key(*id)).collect();
    let extra: Vec<_> = found.keys().filter(|id| !expected.contains_key(*id)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, unexpected {extra:?}");
    assert_eq!(found, expected);
    if cfg!(feature = "full") {
        assert_eq!(found.len(), pinned.len());
    }
}
