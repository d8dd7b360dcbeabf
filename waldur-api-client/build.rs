//! Generates the client from the normalised schema, for the features that are on.

use std::error::Error;
use std::path::PathBuf;

use waldur_api_codegen::{FIELD_HASH, feature_table, generate, mock, operation_table, prune};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=schema/waldur.json");
    println!("cargo::rerun-if-changed=build.rs");
    let schema = std::fs::read_to_string("schema/waldur.json")?;
    let mut document: serde_json::Value = serde_json::from_str(&schema)?;
    let is_on = |feature: &str| {
        let variable = format!("CARGO_FEATURE_{}", feature.to_uppercase().replace('-', "_"));
        std::env::var_os(variable).is_some()
    };
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?);
    std::fs::write(out.join("features.md"), feature_table(&document, is_on))?;
    std::fs::write(out.join("operations.md"), operation_table(&document, is_on))?;
    prune(&mut document, is_on);
    // Without any operation, much of the crate has no user.
    println!("cargo::rustc-check-cfg=cfg(no_operations)");
    if document["paths"].as_object().is_none_or(serde_json::Map::is_empty) {
        println!("cargo::rustc-cfg=no_operations");
    }
    let code = generate(&document, is_on("exchanges"))?;
    std::fs::write(out.join("generated.rs"), code)?;
    std::fs::write(out.join("field_hash.rs"), FIELD_HASH)?;
    if is_on("mock") {
        std::fs::write(out.join("mock.rs"), mock(&document)?)?;
    }
    Ok(())
}
