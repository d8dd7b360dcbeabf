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
    let files = waldur_api_codegen::kept_files(document).map_err(|error| anyhow!("{error}"));
    files.context("can't generate what the client keeps")
}
