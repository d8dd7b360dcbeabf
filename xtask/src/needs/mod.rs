//! What this workspace needs of a schema, so that it compiles with every pin.
//!
//! `openapi/needs.json` lists the operations, parameters, models, properties and values of enums that the
//! sources of the workspace name, as the schema had them when they were written. The rule is: what the
//! workspace needs is generated as this file has it, and everything else as the schema has it.
//!
//! - [`extract`] makes the file, from a schema and the names in the sources ([`names`]).
//! - [`adapt`] brings a schema in line with it: what it calls otherwise is named as here, and what it lacks
//!   or declares otherwise is taken from here. On the schema that the file was made from it changes nothing.
//! - An operation that a schema lacks is generated all the same, and sent: a server may be newer than the
//!   schema. A server without it responds with 404.

mod adapt;
mod extract;
mod names;
mod renames;
mod shape;
#[cfg(test)]
mod tests;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

pub(crate) use adapt::adapt;

use crate::count::counted;
use crate::layout::Layout;
use crate::pin::Pin;
use crate::replace::replace;
use crate::{canonical, output};
use names::Names;

/// How many differences are named.
const SHOWN: usize = 5;

/// Marks an operation that the schema lacks.
pub(crate) const STAND_IN: &str = "x-stand-in";

/// Writes the file, or checks that it is up to date.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only check.
    #[arg(long)]
    check: bool,
}

/// Writes the file from the pin and the sources; with `--check`, only compares.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    let normalised = layout.normalised();
    let text = std::fs::read_to_string(&normalised)
        .with_context(|| format!("can't read {}", layout.said(&normalised)))?;
    let document: Value =
        serde_json::from_str(&text).with_context(|| layout.said(&normalised).to_string())?;
    if options.check {
        return check(layout, &document);
    }
    let made = make(layout, &document)?;
    replace(layout, &[(layout.needs(), canonical::to_string(&made))])?;
    output::line(format_args!(
        "{}: {}, {}",
        layout.said(&layout.needs()),
        counted(crate::document::operations(&made).count(), "operation", "operations"),
        counted(crate::document::schemas(&made).map_or(0, serde_json::Map::len), "model", "models")
    ))?;
    let version = Pin::read(&layout.pin())?.map(|pin| pin.source.version).unwrap_or_default();
    output::line(format_args!(
        "made from the pin {version}: run `cargo xtask regen --version {version}` where it changed"
    ))
}

/// Fails where the file doesn't have what the sources use of `document`, the normalised schema, or has more.
pub(crate) fn check(layout: &Layout, document: &Value) -> Result<()> {
    let (there, made) = (extract::lines(&read(layout)?), extract::lines(&make(layout, document)?));
    let lacking = made.difference(&there).map(|line| format!("it lacks {line}"));
    let more = there.difference(&made).map(|line| format!("nothing uses {line}"));
    let differing: Vec<String> = lacking.chain(more).collect();
    if differing.is_empty() {
        return Ok(());
    }
    let shown = differing.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let rest = differing.len().saturating_sub(SHOWN);
    let and = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    bail!(
        "{} is not what the sources need ({shown}{and}): run `cargo xtask needs`",
        layout.said(&layout.needs())
    );
}

/// Reads the file. A repository without it needs nothing.
pub(crate) fn read(layout: &Layout) -> Result<Value> {
    let path = layout.needs();
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", layout.said(&path)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(extract::nothing()),
        Err(error) => Err(error).with_context(|| format!("can't read {}", layout.said(&path))),
    }
}

fn make(layout: &Layout, document: &Value) -> Result<Value> {
    Ok(extract::extract(document, &Names::read(layout)?))
}
