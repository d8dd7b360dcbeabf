//! `cargo xtask`: refreshes, checks and compares the pinned Waldur schema.
//!
//! Two programs have these commands. `xtask` compiles in little time, and starts `xtask-regen` for what needs the
//! generator.

#![deny(clippy::print_stdout, clippy::print_stderr, reason = "they panic on a closed pipe")]

mod api;
mod canonical;
mod check;
mod count;
mod diff;
mod document;
mod facts;
mod features;
mod generator;
mod layers;
mod layout;
mod lint;
mod locate;
mod needs;
mod output;
mod overlay;
mod parts;
mod passes;
mod pin;
mod pins;
mod regen;
mod replace;
mod sdk;
mod source;
mod suspects;
mod tables;
mod versions;
mod whole;
mod words;
mod yaml;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use generator::{Files, Generator};
use layout::Layout;

/// Refreshes, checks and compares the pinned Waldur schema.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    /// The repository to work on, where it is not this one.
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the pin, and all that follows from it, from an upstream schema.
    Regen(regen::Options),
    /// Write anew the generated code that the client keeps, after a change of the generator.
    Generate,
    /// List the published versions of the schema, newest first, and tell which is pinned.
    Versions(versions::Published),
    /// Show the features, the request and the permissions of operations, by a part of their names or paths.
    Where(locate::Options),
    /// Check that everything committed agrees with everything else.
    Check {
        /// Also make the pin anew from the raw upstream file, and compare.
        #[arg(long, value_name = "FILE")]
        upstream: Option<String>,
    },
    /// List what changed between two schemas, as Markdown, breaking changes first.
    Diff {
        /// The older schema: a file or a URL.
        a: String,
        /// The newer schema.
        b: String,
    },
    /// List the declarations of a schema that are probably wrong, after the overlay.
    Suspects(suspects::Options),
    /// Pin other schemas, each in a copy of the repository, and check that the whole workspace compiles.
    Pins(pins::Options),
    /// List what the workspace needs of a schema in openapi/needs.json, or check that it is listed.
    Needs(needs::Options),
    /// List the public API of the published crates in their API.txt, or check that it is listed.
    Api(api::Options),
    /// Check the words of documentation against the list in CONTRIBUTING.md.
    Words,
    /// Check that the modules of the published crates depend on each other without circles.
    Layers,
}

/// Runs the command that the program's arguments name. Without a `generator`, a command that needs it is run by the
/// program that has it.
pub fn main(generator: Option<Generator>) -> ExitCode {
    let arguments = Arguments::parse();
    let layout = arguments.root.map_or_else(Layout::of_this_repository, Layout::at);
    match run(&layout, &arguments.command, generator) {
        Ok(code) => code,
        Err(error) => {
            // One line: the whole chain of what went wrong.
            let text = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
            output::problem(format_args!("error: {text}"));
            ExitCode::FAILURE
        }
    }
}

fn run(layout: &Layout, command: &Command, generator: Option<Generator>) -> anyhow::Result<ExitCode> {
    layout.check()?;
    match command {
        Command::Versions(options) => versions::run(layout, options),
        Command::Where(options) => locate::run(layout, options),
        Command::Regen(options) if options.names_nothing() => regen::refuse(layout, options),
        Command::Regen(options) => match generator {
            Some(generator) => regen::run(layout, options, generator),
            None => return generator::start(),
        },
        Command::Generate => match generator {
            Some(generator) => regen::generate(layout, generator),
            None => return generator::start(),
        },
        Command::Check { upstream } => check::run(layout, upstream.as_deref()),
        Command::Diff { a, b } => diff::run(a, b),
        Command::Suspects(options) => suspects::run(layout, options),
        Command::Pins(options) => pins::run(layout, options),
        Command::Needs(options) => needs::run(layout, options),
        Command::Api(options) => api::run(layout, options),
        Command::Words => words::run(layout),
        Command::Layers => layers::run(layout),
    }?;
    Ok(ExitCode::SUCCESS)
}
