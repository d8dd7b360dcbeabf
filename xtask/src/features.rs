//! Cargo features: from openapi/features.toml to the operations of each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::document::{each_operation, operations};

/// The feature that holds every operation.
pub(crate) const FULL: &str = "full";

/// The features, as the file says them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Features {
    /// What `default` turns on.
    pub(crate) default: Vec<String>,
    /// What `default` turns on beside operations: features that Cargo.toml declares itself.
    #[serde(default)]
    pub(crate) default_besides: Vec<String>,
    /// The feature that takes the operations whose tags nobody names, so that a new tag is never lost.
    pub(crate) rest: String,
    #[serde(rename = "feature")]
    features: BTreeMap<String, Feature>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    /// What it is for, in the tables.
    doc: String,
    /// Tags, each of which may end in `*`.
    #[serde(default)]
    tags: Vec<String>,
    /// Operation ids. Those that a version doesn't have are passed over, and reported.
    #[serde(default)]
    operations: Vec<String>,
}

/// Which operations each feature has in a document.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// By feature: its description and the ids of its operations, sorted.
    pub(crate) features: BTreeMap<String, (String, BTreeSet<String>)>,
    /// Operations that are named and that the document lacks, by feature.
    pub(crate) absent: BTreeMap<String, Vec<String>>,
    /// The features that are on by default.
    pub(crate) default: Vec<String>,
    /// Tags that no feature names; their operations are in the `rest` feature.
    pub(crate) strange_tags: BTreeSet<String>,
}

impl Features {
    /// Reads openapi/features.toml.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        let features: Self =
            toml::from_str(&text).with_context(|| format!("{} can't be used", path.display()))?;
        features.check().with_context(|| format!("{} can't be used", path.display()))?;
        Ok(features)
    }

    fn check(&self) -> Result<()> {
        for name in self.default.iter().chain([&self.rest]) {
            ensure!(
                self.features.contains_key(name),
                "it names the feature {name:?} and has no [feature.{name}]"
            );
        }
        for name in self.features.keys() {
            let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            ensure!(plain, "feature {name:?}: lower-case letters, digits and dashes only");
            if name == FULL || name == "default" {
                bail!("the feature {name:?} is made from the others and can't be one of them");
            }
        }
        let mut owner: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, feature) in &self.features {
            for tag in &feature.tags {
                if let Some(other) = owner.insert(tag, name) {
                    bail!("the tag {tag:?} is in two features, {other} and {name}");
                }
            }
        }
        Ok(())
    }

    /// The ids that the features name, also those that a version doesn't have.
    pub(crate) fn named(&self) -> impl Iterator<Item = &str> {
        self.features.values().flat_map(|feature| feature.operations.iter().map(String::as_str))
    }

    /// The feature that a tag belongs to: the one that names it most exactly.
    fn owner(&self, tag: &str) -> Option<&str> {
        self.features
            .iter()
            .flat_map(|(name, feature)| feature.tags.iter().map(move |pattern| (name, pattern)))
            .filter(|(_, pattern)| matches(pattern, tag))
            .max_by_key(|(_, pattern)| (!pattern.ends_with('*'), pattern.len()))
            .map(|(name, _)| name.as_str())
    }

    /// Sorts the operations of `document` into the features.
    pub(crate) fn resolve(&self, document: &Value) -> Resolved {
        let mut resolved: BTreeMap<String, (String, BTreeSet<String>)> = self
            .features
            .iter()
            .map(|(name, feature)| (name.clone(), (feature.doc.clone(), BTreeSet::new())))
            .collect();
        let mut strange_tags = BTreeSet::new();
        let mut present = BTreeSet::new();
        for operation in operations(document) {
            let id = operation.id();
            let mut add = |name: &str| {
                if let Some((_, ids)) = resolved.get_mut(name) {
                    ids.insert(id.clone());
                }
            };
            match self.owner(operation.tag()) {
                Some(name) => add(name),
                None => {
                    strange_tags.insert(operation.tag().to_owned());
                    add(&self.rest);
                }
            }
            for (name, feature) in &self.features {
                if feature.operations.contains(&id) {
                    add(name);
                }
            }
            present.insert(id);
        }
        let absent = self
            .features
            .iter()
            .map(|(name, feature)| {
                (
                    name.clone(),
                    feature.operations.iter().filter(|id| !present.contains(*id)).cloned().collect(),
                )
            })
            .filter(|(_, ids): &(String, Vec<String>)| !ids.is_empty())
            .collect();
        Resolved { features: resolved, absent, default: self.default.clone(), strange_tags }
    }
}

fn matches(pattern: &str, tag: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => tag.starts_with(start),
        None => tag == pattern,
    }
}

impl Resolved {
    /// Notes on each operation of `document` which features it is in, by which build.rs prunes, and on the document
    /// what the features hold.
    pub(crate) fn mark(&self, document: &mut Value) {
        document["info"]["x-features"] = self
            .features
            .iter()
            .map(|(name, (doc, _))| {
                (name.clone(), json!({"default": self.default.contains(name), "doc": doc}))
            })
            .collect();
        each_operation(document, |_, _, operation| {
            let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
            let of: Vec<&String> =
                self.features.iter().filter(|(_, (_, ids))| ids.contains(id)).map(|(name, _)| name).collect();
            operation.insert("x-features".to_owned(), json!(of));
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Features, matches};

    fn features(text: &str) -> anyhow::Result<Features> {
        let features: Features = toml::from_str(text)?;
        features.check()?;
        Ok(features)
    }

    const TWO: &str = "default = ['day']\nrest = 'other'\n\
        [feature.day]\ndoc = 'd'\noperations = ['b_list', 'gone']\n\
        [feature.ab]\ndoc = 'd'\ntags = ['a', 'b*']\n[feature.other]\ndoc = 'd'\n";

    #[test]
    fn every_operation_is_somewhere_and_what_is_absent_is_said() {
        let document = json!({"paths": {
            "/a/": {"get": {"operationId": "a_list", "tags": ["a"]}},
            "/b/": {"get": {"operationId": "b_list", "tags": ["bb"]}},
            "/c/": {"get": {"operationId": "c_list", "tags": ["new"]}},
        }});
        let mut marked = document.clone();
        let resolved = features(TWO).unwrap().resolve(&document);
        resolved.mark(&mut marked);
        assert_eq!(marked["paths"]["/a/"]["get"]["x-features"], json!(["ab"]));
        assert_eq!(marked["paths"]["/b/"]["get"]["x-features"], json!(["ab", "day"]));
        assert_eq!(marked["paths"]["/c/"]["get"]["x-features"], json!(["other"]));
        assert_eq!(marked["info"]["x-features"]["day"], json!({"default": true, "doc": "d"}));
        assert_eq!(marked["info"]["x-features"]["ab"]["default"], false);
        assert_eq!(resolved.absent["day"], ["gone"]);
        assert!(resolved.strange_tags.contains("new"));
    }

    #[test]
    fn wrong_tables_are_refused() {
        for (change, word) in [
            (TWO.replace("default = ['day']", "default = ['x']"), "\"x\""),
            (TWO.replace("'b*'", "'b*', 'b*'"), "two features"),
            (TWO.replace("[feature.ab]", "[feature.full]"), "full"),
            (TWO.replace("[feature.ab]", "[feature.Ab]"), "lower-case"),
        ] {
            let error = format!("{:#}", features(&change).unwrap_err());
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_pattern_with_a_star_matches_by_its_start() {
        assert!(
            matches("rancher-*", "rancher-apps") && !matches("rancher-*", "ranchers") && !matches("a", "ab")
        );
    }
}
