//! `cargo xtask layers`: the top-level modules of a crate depend on each other without circles.
//!
//! A module depends on another where a path in its code names it. Paths in comments, in texts and in test code
//! don't count, nor do those of generated code. Every path names the module that defines an item: a path
//! through the re-exports of the crate's root would hide what depends on what.

mod graph;
mod scan;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::count::counted;
use crate::layout::Layout;
use crate::output;
use graph::Graph;

/// The crates that are checked, by their folders.
const CRATES: [&str; 2] = ["waldur-api-client", "waldur-sdk"];

/// Checks the crates. An error names every circle, and every path through a crate's root.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    let mut problems = Vec::new();
    for package in CRATES {
        let root = format!("{package}/src/lib.rs");
        let found = scan::scan(&root, &|path| read(&layout.file(path), path))
            .with_context(|| format!("can't read the modules of {package}"))?;
        let graph = Graph::of(&found);
        problems.extend(found.problems.iter().cloned());
        problems.extend(graph.circles());
        output::line(format_args!("{package}: {}", graph.summary()))?;
    }
    if problems.is_empty() {
        return Ok(());
    }
    for problem in &problems {
        output::problem(problem);
    }
    bail!("{} with the layers of modules", counted(problems.len(), "problem", "problems"))
}

/// Reads the file `path`, which is called `said`. Returns `None` if there is no such file.
fn read(path: &Path, said: &str) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("can't read {said}")),
    }
}
