//! openapi/pin.toml: what is pinned, from where, made with what.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Where published schemas are, with `{version}` in place of the version.
pub(crate) const URL_TEMPLATE: &str =
    "https://docs.waldur.com/latest/API/waldur-openapi-schema-{version}.yaml";

/// The manifest of the pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pin {
    pub(crate) source: Source,
    pub(crate) pinned: Output,
    pub(crate) overlay: Overlay,
    pub(crate) normalised: Output,
    /// The versions of the crates that generate.
    pub(crate) tools: BTreeMap<String, String>,
}

/// The upstream file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) version: String,
    /// Where this version is published.
    pub(crate) url: String,
    /// For `regen --version`.
    pub(crate) url_template: String,
    pub(crate) sha256: String,
    /// Whether the upstream prose was kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) docs: bool,
}

/// The overlay that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overlay {
    /// The file's name beside this manifest, or "none".
    pub(crate) file: String,
    pub(crate) sha256: String,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    pub(crate) sha256: String,
    pub(crate) operations: usize,
    pub(crate) models: usize,
}

impl Pin {
    /// Reads the manifest; None where there is none yet.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                Ok(Some(toml::from_str(&text).with_context(|| format!("{} can't be used", path.display()))?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
        }
    }

    /// The manifest as it is committed.
    pub(crate) fn to_text(&self) -> Result<String> {
        let body = toml::to_string(self)?;
        Ok(format!(
            "# Written by `cargo xtask regen`; `cargo xtask check` holds everything against it.\n\n{body}"
        ))
    }
}

/// Where `version` is published.
pub(crate) fn url(template: &str, version: &str) -> String {
    template.replace("{version}", version)
}

/// The versions of the crates that generate, from Cargo.lock.
pub(crate) fn tools(lock: &Path) -> Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let text = std::fs::read_to_string(lock).with_context(|| format!("can't read {}", lock.display()))?;
    let lock: Lock = toml::from_str(&text).with_context(|| format!("{} can't be used", lock.display()))?;
    Ok(lock
        .package
        .into_iter()
        .filter(|package| {
            ["progenitor", "typify", "openapiv3", "prettyplease"].contains(&package.name.as_str())
        })
        .map(|package| (package.name, package.version))
        .collect())
}
