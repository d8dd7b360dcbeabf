//! Provides the code for the features that are on: generates it from the normalised schema, or, without the feature
//! `generate`, takes what was generated when the schema was pinned.

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(no_operations)");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?);
    // Without any operation, much of the crate has no user.
    if !provide(&out)? {
        println!("cargo::rustc-cfg=no_operations");
    }
    Ok(())
}

/// Tells whether a feature of this crate is on.
fn is_on(feature: &str) -> bool {
    let variable = format!("CARGO_FEATURE_{}", feature.to_uppercase().replace('-', "_"));
    std::env::var_os(variable).is_some()
}

/// Writes the files to the folder `out`. Returns whether there are operations.
#[cfg(feature = "generate")]
fn provide(out: &Path) -> Result<bool, Box<dyn Error>> {
    const SCHEMA: &str = "schema/waldur.json";
    println!("cargo::rerun-if-changed={SCHEMA}");
    let made = waldur_api_codegen::files(&std::fs::read_to_string(SCHEMA)?, is_on)?;
    for (name, text) in made.files {
        std::fs::write(out.join(name), text)?;
    }
    Ok(made.operations > 0)
}

/// Copies the kept files to the folder `out`. Returns whether there are operations.
#[cfg(not(feature = "generate"))]
fn provide(out: &Path) -> Result<bool, Box<dyn Error>> {
    let has_operations = is_on("provider");
    let kept = if has_operations { "generated/provider" } else { "generated/none" };
    println!("cargo::rerun-if-changed={kept}");
    for file in std::fs::read_dir(kept).map_err(|error| format!("can't read {kept}: {error}"))? {
        let file = file?;
        // Not a copy, which would be read-only where the sources are.
        std::fs::write(out.join(file.file_name()), std::fs::read(file.path())?)?;
    }
    Ok(has_operations)
}
