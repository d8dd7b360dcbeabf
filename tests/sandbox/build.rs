//! Finds the recorded schema: in the workspace it is in `openapi/`, in a package beside this file.

use std::path::Path;

fn main() {
    let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("waldur.json");
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/waldur.json");
    let schema = if pinned.exists() { pinned } else { packaged };
    println!("cargo::rerun-if-changed={}", schema.display());
    println!("cargo::rustc-env=WALDUR_SCHEMA={}", schema.display());
}
