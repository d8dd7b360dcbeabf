//! `cargo xtask api`: the public API of the published crates, as a listing that is committed.
//!
//! It is read from the sources: modules and what macros of the crate define ([`source`], [`expand`]), what
//! paths lead to ([`names`]), by which paths users can name an item ([`paths`]), and its lines ([`render`],
//! [`implementations`]) with full paths in signatures ([`rewrite`]).

mod attributes;
mod expand;
mod implementations;
mod names;
mod paths;
mod render;
mod rewrite;
mod source;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::count::counted;
use crate::layout::Layout;
use crate::output;
use crate::replace::replace;

/// The published crates, by their folders.
const CRATES: [&str; 2] = ["waldur-api-client", "waldur-sdk"];

/// How many lines that differ are shown.
const SHOWN: usize = 40;

/// What to do with the listings.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Compare with the committed listings, and write nothing.
    #[arg(long)]
    check: bool,
}

/// Writes the listings, or compares them.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    let mut listings = Vec::new();
    for package in CRATES {
        let listing = listing(package, &|path| read(&layout.file(path), path))
            .with_context(|| format!("can't list the API of {package}"))?;
        listings.push((package, listing));
    }
    let (mut differing, mut report, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for (package, listing) in listings {
        let file = layout.api(package);
        let said = layout.said(&file).to_string();
        if options.check {
            let committed = read(&file, &said)?.unwrap_or_default();
            if committed != listing {
                differing.push((said.clone(), changes(&committed, &listing)));
            }
        }
        report.push(format!("{said}: {}", counted(entries(&listing).count(), "line", "lines")));
        files.push((file, listing));
    }
    if !options.check {
        replace(layout, &files)?;
    }
    output::line(report.join("\n"))?;
    if differing.is_empty() {
        return Ok(());
    }
    for (file, changes) in &differing {
        let differ = counted(changes.len(), "line differs", "lines differ");
        output::problem(format_args!("{file}: {differ}"));
        for line in changes.iter().take(SHOWN) {
            output::problem(line);
        }
        if changes.len() > SHOWN {
            output::problem(format_args!("and {} more", changes.len() - SHOWN));
        }
    }
    let files: Vec<&str> = differing.iter().map(|(file, _)| file.as_str()).collect();
    bail!("{} isn't the API of the sources: run `cargo xtask api`", files.join(" and "))
}

/// Reads a file that is called `said`; none if there is no such file.
fn read(file: &Path, said: &str) -> Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("can't read {said}")),
    }
}

/// Returns the lines of a listing without its header.
fn entries(listing: &str) -> impl Iterator<Item = &str> {
    listing.lines().filter(|line| !line.starts_with("# ") && !line.is_empty())
}

/// Lists the API of a crate whose files `read` gives, with a header.
fn listing(package: &str, read: source::Read<'_>) -> Result<String> {
    let (lines, unexpanded) = lines(&package.replace('-', "_"), package, read)?;
    let mut text = format!(
        "# The public API of {package}, written by `cargo xtask api` from its sources.\n\
         # `{{ .. }}` stands for private fields, and for the default of a trait's item.\n\
         # Left out: auto traits, and generated code. The operations are listed in \
         waldur-api-client/OPERATIONS.txt.\n"
    );
    let named: Vec<String> = unexpanded.iter().map(|(name, times)| format!("{name}! {times}")).collect();
    let named = if named.is_empty() { "none".to_owned() } else { named.join(", ") };
    let _ = writeln!(text, "# Macro invocations in the place of items that were not expanded: {named}.\n");
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

/// Lists the API of a crate line by line, and the macros that were not expanded.
fn lines(name: &str, folder: &str, read: source::Read<'_>) -> Result<(Vec<String>, BTreeMap<String, usize>)> {
    let source = source::read(name, folder, read)?;
    let index = names::Index::of(&source);
    let surface = paths::Surface::of(&index)?;
    let lines = render::lines(&index, &surface).into_iter().map(|line| line.text).collect();
    Ok((lines, source.unexpanded))
}

/// Returns the lines that only `old` has, after `-`, and those that only `new` has, after `+`.
fn changes(old: &str, new: &str) -> Vec<String> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for (text, step) in [(old, -1), (new, 1)] {
        for line in text.lines().filter(|line| !line.is_empty()) {
            *counts.entry(line).or_default() += step;
        }
    }
    let differs = |line: &str, sign: i64| counts.get(line).is_some_and(|count| count.signum() == sign);
    let removed = old.lines().filter(|line| differs(line, -1)).map(|line| format!("-{line}"));
    let added = new.lines().filter(|line| differs(line, 1)).map(|line| format!("+{line}"));
    removed.chain(added).collect()
}
