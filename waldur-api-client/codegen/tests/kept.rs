//! What the client keeps of the generator is what the generator makes of the pinned schema.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, reason = "tests state what must hold by panicking")]

use std::path::Path;

use serde_json::Value;
use waldur_api_codegen::{KEPT, files, kept_files};

fn client() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn schema_text() -> String {
    std::fs::read_to_string(client().join("schema/waldur.json")).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&schema_text()).unwrap()
}

#[test]
fn the_kept_files_are_what_the_generator_makes_of_the_pinned_schema() {
    let files = kept_files(&schema()).unwrap();
    assert!(files.iter().any(|(name, _)| name == "provider/exchanges.rs"));
    for (name, made) in files {
        let kept = std::fs::read_to_string(client().join("generated").join(&name)).unwrap();
        if let Some((line, (kept, made))) =
            kept.lines().zip(made.lines()).enumerate().find(|(_, (kept, made))| kept != made)
        {
            panic!(
                "generated/{name} differs in line {}: {kept:?} for {made:?}: run `cargo xtask generate`",
                line + 1
            );
        }
        assert!(kept == made, "generated/{name} has another length: run `cargo xtask generate`");
    }
}

#[test]
fn kept_are_the_operations_of_the_feature_and_none() {
    let of_feature = waldur_api_codegen::document::operations(&schema())
        .filter(|one| one.value["x-features"].as_array().unwrap().iter().any(|feature| feature == KEPT))
        .count();
    assert!(of_feature > 0);
    assert_eq!(files(&schema_text(), |feature| feature == KEPT).unwrap().operations, of_feature);
    assert_eq!(files(&schema_text(), |_| false).unwrap().operations, 0);
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
