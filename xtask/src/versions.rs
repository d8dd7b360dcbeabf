//! `cargo xtask versions`: which versions of the schema are published, and which is pinned.

use anyhow::{Context as _, Result, ensure};

use crate::layout::Layout;
use crate::pin::{self, Pin};
use crate::{output, source};

/// The folder of the published schemas, as GitHub lists it.
const INDEX: &str = "https://api.github.com/repos/waldur/waldur-docs/contents/docs/API";

/// Where the published versions are listed.
#[derive(Debug, clap::Args)]
pub(crate) struct Published {
    /// A page that names the files of the published schemas, in any format: a file or a URL.
    #[arg(long, value_name = "FILE|URL", default_value = INDEX)]
    index: String,
}

/// The number of a release.
pub(crate) type Version = [u32; 3];

/// Prints the published versions, newest first.
pub(crate) fn run(layout: &Layout, options: &Published) -> Result<()> {
    output::print(list(layout, options)?)
}

/// Returns the published versions, newest first, a line each.
pub(crate) fn list(layout: &Layout, options: &Published) -> Result<String> {
    let pin = Pin::read(&layout.pin())?;
    let template = pin.as_ref().map_or(pin::URL_TEMPLATE, |pin| &pin.source.url_template);
    let pinned = pin.as_ref().map(|pin| pin.source.version.as_str());
    let bytes = source::bytes(&options.index)?;
    let versions = published(&String::from_utf8_lossy(&bytes), template)
        .with_context(|| format!("{} can't be used", options.index))?;
    let known = versions.iter().any(|version| Some(text(version).as_str()) == pinned);
    let mut lines: String =
        versions
            .iter()
            .map(text)
            .map(|version| {
                if Some(version.as_str()) == pinned {
                    format!("{version} (pinned)\n")
                } else {
                    version + "\n"
                }
            })
            .collect();
    if let (false, Some(pinned)) = (known, pinned) {
        lines.push_str(&format!("{pinned} (pinned, not listed)\n"));
    }
    Ok(lines)
}

/// Returns the releases whose files `index` names, newest first.
fn published(index: &str, template: &str) -> Result<Vec<Version>> {
    let file = template.rsplit('/').next().unwrap_or_default();
    let (before, after) = file
        .split_once("{version}")
        .with_context(|| format!("the file name of {template} has no {{version}}"))?;
    let mut found: Vec<Version> = index
        .match_indices(before)
        .filter_map(|(at, _)| {
            let (version, _) = index[at + before.len()..].split_once(after)?;
            release(version)
        })
        .collect();
    ensure!(!found.is_empty(), "it names no file {file}");
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    Ok(found)
}

/// Returns the number of a release, or None for a release candidate and for any other text.
pub(crate) fn release(text: &str) -> Option<Version> {
    let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
    parts?.try_into().ok()
}

/// Returns what orders versions: the numbers, and whether it is a release, which comes after its candidates, such as
/// 8.0.6-rc.1. None for any other text.
pub(crate) fn precedence(text: &str) -> Option<(Version, bool)> {
    match text.split_once('-') {
        Some((numbers, _)) => Some((release(numbers)?, false)),
        None => Some((release(text)?, true)),
    }
}

fn text([major, minor, patch]: &Version) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use crate::pin::URL_TEMPLATE;

    #[test]
    fn releases_are_found_in_any_format_and_sorted_by_number() {
        let index = r#"[{"name": "waldur-openapi-schema-8.0.9.yaml", "path": "a/waldur-openapi-schema-8.0.9.yaml"},
            {"name": "waldur-openapi-schema-8.0.10-rc.1.yaml"}, {"name": "waldur-openapi-schema.yaml"}]
            <a href="waldur-openapi-schema-8.0.10.yaml">x</a> waldur-openapi-schema-7.10.2.yaml
            waldur-openapi-schema-8.0.9-diff.md"#;
        let found = super::published(index, URL_TEMPLATE).unwrap();
        assert_eq!(found, [[8, 0, 10], [8, 0, 9], [7, 10, 2]]);
    }

    #[test]
    fn a_candidate_comes_before_its_release_and_after_the_one_before() {
        let sorted = ["7.10.0", "8.0.5", "8.0.6-rc.1", "8.0.6", "8.0.10"].map(super::precedence);
        assert!(sorted.iter().all(Option::is_some) && sorted.is_sorted_by(|a, b| a < b), "{sorted:?}");
        assert_eq!(["develop", "8.0", "8.0.x-rc.1"].map(super::precedence), [None; 3]);
    }

    #[test]
    fn a_page_without_a_version_is_an_error() {
        let error = super::published("<html>", URL_TEMPLATE).unwrap_err().to_string();
        assert_eq!(error, "it names no file waldur-openapi-schema-{version}.yaml");
        assert!(super::published("", "https://example.org/schema.yaml").is_err());
    }
}
