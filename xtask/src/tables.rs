//! What is written from the features: the [features] table of the client, the table of both READMEs, the listing.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use waldur_api_codegen::KEPT;

use crate::count::counted;
use crate::features::{FULL, Features, Resolved};
use crate::layout::Layout;

const README_BEGIN: &str = "<!-- features: written by `cargo xtask regen` -->\n";
const README_END: &str = "<!-- /features -->";
const MANIFEST_BEGIN: &str = "# features: written by `cargo xtask regen`\n";
const MANIFEST_END: &str = "# /features";

/// The files that hold the features, as they must be.
pub(crate) fn files(layout: &Layout, resolved: &Resolved) -> Result<Vec<(PathBuf, String)>> {
    let features = Features::read(&layout.features())?;
    let mut files = vec![(layout.listing(), listing(resolved))];
    for (path, begin, end, table) in [
        (layout.client_manifest(), MANIFEST_BEGIN, MANIFEST_END, manifest_table(&features, resolved)),
        (layout.readme(), README_BEGIN, README_END, readme_table(&features, resolved)),
        (layout.client_readme(), README_BEGIN, README_END, readme_table(&features, resolved)),
    ] {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("can't read {}", layout.said(&path)))?;
        let replaced = between(&text, begin, end, &table)
            .with_context(|| format!("{} can't take the feature table", layout.said(&path)))?;
        files.push((path, replaced));
    }
    Ok(files)
}

/// `text` with what stands between the two marks replaced.
fn between(text: &str, begin: &str, end: &str, table: &str) -> Result<String> {
    let marks = || format!("it must hold the lines {:?} and {end:?}, in this order", begin.trim());
    let start = text.find(begin).with_context(marks)? + begin.len();
    let stop = start + text[start..].find(end).with_context(marks)?;
    ensure!(!text[stop + end.len()..].contains(begin), "it holds {:?} twice", begin.trim());
    Ok(format!("{}{table}{}", &text[..start], &text[stop..]))
}

fn manifest_table(features: &Features, resolved: &Resolved) -> String {
    let quoted = |names: Vec<&String>| {
        names.into_iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    };
    let mut table = format!(
        "default = [{}]\n",
        quoted(features.default.iter().chain(&features.default_besides).collect())
    );
    for (name, (doc, operations)) in &resolved.features {
        let count = counted(operations.len(), "operation", "operations");
        let needs = if name == KEPT { "" } else { "\"generate\"" };
        let _ = writeln!(table, "# {doc} ({count})\n{name} = [{needs}]");
    }
    let _ = writeln!(table, "# Every operation\n{FULL} = [{}]", quoted(resolved.features.keys().collect()));
    table
}

fn readme_table(features: &Features, resolved: &Resolved) -> String {
    let mut table = "| feature | operations | what it holds |\n|---|---:|---|\n".to_owned();
    for (name, (doc, operations)) in &resolved.features {
        let default = if features.default.contains(name) { " (default)" } else { "" };
        let _ = writeln!(table, "| `{name}`{default} | {} | {doc} |", operations.len());
    }
    let all: std::collections::BTreeSet<_> = resolved.features.values().flat_map(|(_, ids)| ids).collect();
    let _ = writeln!(table, "| `{FULL}` | {} | Every operation |", all.len());
    table
}

/// Each feature with the ids of its operations, a line each: so that a review shows what a refresh changed.
fn listing(resolved: &Resolved) -> String {
    let mut listing = String::new();
    for (name, (_, operations)) in &resolved.features {
        let _ = writeln!(listing, "{name} ({})", operations.len());
        for id in operations {
            let _ = writeln!(listing, "  {id}");
        }
    }
    listing
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = "a\n# b\nold\n# e\nc\n";
        assert_eq!(super::between(text, "# b\n", "# e", "new\n").unwrap(), "a\n# b\nnew\n# e\nc\n");
        for broken in ["a\n# e\n", "# b\n", "# e\n# b\n"] {
            assert!(super::between(broken, "# b\n", "# e", "new\n").is_err());
        }
    }
}
