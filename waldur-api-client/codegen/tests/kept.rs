//! What the client keeps of the generator is what the generator makes of the pinned schema.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, reason = "tests state what must hold by panicking")]

use std::collections::BTreeSet;
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

/// The paths of all files in the client's folder `generated`.
fn kept_names() -> BTreeSet<String> {
    let root = client().join("generated");
    let mut names = BTreeSet::new();
    for folder in std::fs::read_dir(&root).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            names.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
        }
    }
    names
}

#[test]
fn the_kept_files_are_what_the_generator_makes_of_the_pinned_schema() {
    let files = kept_files(&schema()).unwrap();
    // The build script takes whatever is in a folder.
    let names: BTreeSet<String> = files.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(kept_names(), names, "run `cargo xtask generate`, and remove what it doesn't write");
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
