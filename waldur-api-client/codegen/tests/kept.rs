//! The generated code that the client keeps is what the generator makes of the pinned schema.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, reason = "tests state what must hold by panicking")]

use std::path::Path;

use serde_json::Value;
use waldur_api_codegen::{KEPT, kept_file, kept_parts};

fn client() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn schema() -> Value {
    serde_json::from_str(&std::fs::read_to_string(client().join("schema/waldur.json")).unwrap()).unwrap()
}

#[test]
fn the_kept_code_is_what_the_generator_makes_of_the_pinned_schema() {
    for (name, part) in kept_parts(&schema()) {
        let generated = waldur_api_codegen::generate(&part, false).unwrap();
        let kept = std::fs::read_to_string(client().join("generated").join(name)).unwrap();
        if let Some((line, (kept, generated))) =
            kept.lines().zip(generated.lines()).enumerate().find(|(_, (kept, generated))| kept != generated)
        {
            panic!(
                "generated/{name} differs in line {}: {kept:?} for {generated:?}: run `cargo xtask generate`",
                line + 1
            );
        }
        assert!(kept == generated, "generated/{name} has another length: run `cargo xtask generate`");
    }
}

#[test]
fn kept_are_the_operations_of_the_feature_and_none() {
    let schema = schema();
    let counts = kept_parts(&schema)
        .map(|(name, part)| (name, waldur_api_codegen::document::operations(&part).count()));
    let of_feature = waldur_api_codegen::document::operations(&schema)
        .filter(|one| one.value["x-features"].as_array().unwrap().iter().any(|feature| feature == KEPT))
        .count();
    assert!(of_feature > 0);
    assert_eq!(counts, [("provider.rs", of_feature), ("none.rs", 0)]);
    assert_eq!((kept_file(|feature| feature == KEPT), kept_file(|_| false)), ("provider.rs", "none.rs"));
}

#[test]
fn every_other_feature_of_operations_turns_the_generator_on() {
    let manifest = std::fs::read_to_string(client().join("Cargo.toml")).unwrap();
    let features = schema()["info"]["x-features"].as_object().unwrap().clone();
    assert!(features.len() > 30);
    for name in features.keys() {
        let needs = if name == KEPT { "" } else { "\"generate\"" };
        let line = format!("{name} = [{needs}]");
        assert!(manifest.lines().any(|one| one == line), "no {line} in the client's Cargo.toml");
    }
}
