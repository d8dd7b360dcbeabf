//! `cargo xtask` with the generator, for `cargo xtask regen`. The generator takes most of the time to compile, and no
//! other command needs it.

mod trial;

use std::process::ExitCode;

use xtask::Generator;

#[cfg(feature = "allocator")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    xtask::main(Some(Generator { try_all: trial::try_all, kept: trial::kept }))
}
