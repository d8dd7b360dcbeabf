//! `cargo xtask`, without the generator: `regen` starts `xtask-regen`, which has it.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main(None)
}
