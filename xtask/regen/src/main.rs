//! `cargo xtask` with the generator, for `cargo xtask regen`. The generator takes most of the time to compile, and no
//! other command needs it.

mod trial;

use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;
use xtask::{Files, Generator};

fn main() -> ExitCode {
    xtask::main(Some(Generator { try_all: trial::try_all, kept }))
}

/// Generates the code that the client keeps.
fn kept(document: &Value) -> Result<Files> {
    let parts = waldur_api_codegen::kept_parts(document);
    let generated = parts.into_iter().map(|(name, part)| {
        let code = waldur_api_codegen::generate(&part, false).map_err(|error| anyhow!("{error}"));
        Ok((name, code.with_context(|| format!("can't generate {name}"))?))
    });
    generated.collect()
}
