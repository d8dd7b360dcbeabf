//! Generates the client from the normalised schema, for the features that are on. Without the feature `generate`, takes
//! the code that was generated when the schema was pinned.

use std::error::Error;
use std::path::PathBuf;

use serde_json::Value;
use waldur_api_codegen::{FIELD_HASH, feature_table, operation_table, prune};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=schema/waldur.json");
    println!("cargo::rerun-if-changed=build.rs");
    let schema = std::fs::read_to_string("schema/waldur.json")?;
    let mut document: Value = serde_json::from_str(&schema)?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?);
    std::fs::write(out.join("features.md"), feature_table(&document, is_on))?;
    std::fs::write(out.join("operations.md"), operation_table(&document, is_on))?;
    prune(&mut document, is_on);
    // Without any operation, much of the crate has no user.
    println!("cargo::rustc-check-cfg=cfg(no_operations)");
    if document["paths"].as_object().is_none_or(serde_json::Map::is_empty) {
        println!("cargo::rustc-cfg=no_operations");
    }
    std::fs::write(out.join("generated.rs"), operations(&document)?)?;
    std::fs::write(out.join("field_hash.rs"), FIELD_HASH)?;
    #[cfg(feature = "mock")]
    std::fs::write(out.join("mock.rs"), waldur_api_codegen::mock(&document)?)?;
    Ok(())
}

/// Tells whether a feature of this crate is on.
fn is_on(feature: &str) -> bool {
    let variable = format!("CARGO_FEATURE_{}", feature.to_uppercase().replace('-', "_"));
    std::env::var_os(variable).is_some()
}

#[cfg(feature = "generate")]
fn operations(document: &Value) -> Result<String, Box<dyn Error>> {
    waldur_api_codegen::generate(document, is_on("exchanges"))
}

#[cfg(not(feature = "generate"))]
fn operations(_: &Value) -> Result<String, Box<dyn Error>> {
    let path = format!("generated/{}", waldur_api_codegen::kept_file(is_on));
    println!("cargo::rerun-if-changed={path}");
    std::fs::read_to_string(&path).map_err(|error| format!("can't read {path}: {error}").into())
}
