//! The documentation of the pinned schema's operations, by counts.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, reason = "tests state what must hold by panicking")]

use serde_json::Value;
use waldur_api_codegen::document::operations;

/// The client's normalised schema.
fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema/waldur.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_function_names_its_features_and_the_permissions_of_its_operation() {
    let is_on = |feature: &str| feature == "orders" || feature == "invoicing";
    let mut document = schema();
    let made = waldur_api_codegen::files(&document.to_string(), is_on).unwrap();
    waldur_api_codegen::prune(&mut document, is_on);
    let (_, code) = made.files.iter().find(|(name, _)| *name == "generated.rs").unwrap();
    let count = |text: &str| code.lines().filter(|line| line.trim_start().starts_with(text)).count();

    let all: Vec<_> = operations(&document).collect();
    let shared = all.iter().filter(|one| one.value["x-features"].as_array().unwrap().len() > 1).count();
    let permissions: usize =
        all.iter().map(|one| one.value["x-permissions"].as_array().map_or(0, Vec::len)).sum();
    assert!(shared > 0 && permissions > 0 && all.len() > shared);
    assert_eq!(count("Feature: `"), all.len() - shared);
    assert_eq!(count("Features: `"), shared);
    assert!(count("Features: `orders` or `provider` (on by default); one of them is enough.") > 0);
    assert_eq!(count("Needs the permission `"), permissions);
}

#[test]
fn every_operation_has_a_feature() {
    let document = schema();
    for operation in operations(&document) {
        assert!(operation.value["x-features"].as_array().is_some_and(|all| !all.is_empty()), "{operation:?}");
    }
}
