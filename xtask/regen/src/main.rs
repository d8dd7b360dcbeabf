//! `cargo xtask` with the generator, for `cargo xtask regen`. The generator takes most of the time to compile, and no
//! other command needs it.

mod trial;

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main(Some(trial::try_all))
}
