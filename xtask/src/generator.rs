//! The generator, which only one of the two programs has.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Files of generated code: their paths and texts.
pub type Files = Vec<(String, String)>;

/// What the program with the generator does with it.
#[derive(Debug, Clone, Copy)]
pub struct Generator {
    /// Tries the generator on a normalised schema, and returns what `kept` does. An error names the operation that can't
    /// be generated.
    pub try_all: fn(&Value) -> Result<Files>,
    /// Generates the code that the client keeps.
    pub kept: fn(&Value) -> Result<Files>,
}

/// Returns the command that runs cargo.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Returns the command that runs the program with the generator, which is compiled first. Its arguments are
/// to follow.
pub(crate) fn command() -> Command {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("regen/Cargo.toml");
    let mut command = cargo();
    command
        .args(["run", "--profile", "regen", "--features", "allocator", "--manifest-path"])
        .arg(manifest)
        .arg("--");
    command
}

/// Runs the command that was given to this program in the one with the generator.
pub(crate) fn start() -> Result<ExitCode> {
    let status = command().args(std::env::args_os().skip(1)).status();
    let status = status.context("can't run cargo to compile the generator")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
