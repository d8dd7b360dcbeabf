//! The generator, which only one of the two programs has.

use std::path::Path;
use std::process::{Command, ExitCode};

use serde_json::Value;

/// Tries the generator on a normalised schema. An error names the operation that can't be generated.
pub type Generator = fn(&Value) -> anyhow::Result<()>;

/// Runs the command that was given to this program in the one with the generator, which is compiled first.
pub(crate) fn start() -> ExitCode {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("regen/Cargo.toml");
    let status = Command::new(cargo)
        .args(["run", "--profile", "regen", "--manifest-path"])
        .arg(manifest)
        .arg("--")
        .args(std::env::args_os().skip(1))
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: can't run cargo to compile the generator: {error}");
            ExitCode::FAILURE
        }
    }
}
