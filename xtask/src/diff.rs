//! What changed between two schemas: operations, parameters, models, fields and enum values; what breaks callers
//! first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::document::{Operation, operations, schemas};

/// A change, and whether a program that worked can stop working by it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    kind: Kind,
    what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    OperationRemoved,
    OperationChanged,
    OperationAdded,
    ModelRemoved,
    ModelChanged,
    ModelAdded,
}

/// All changes between two documents.
#[derive(Debug, Default)]
pub(crate) struct Diff {
    breaking: BTreeSet<Change>,
    other: BTreeSet<Change>,
    versions: (String, String),
}

/// Compares `old` with `new`.
pub(crate) fn between(old: &Value, new: &Value) -> Diff {
    let version = |document: &Value| document["info"]["version"].as_str().unwrap_or("?").to_owned();
    let mut diff = Diff { versions: (version(old), version(new)), ..Diff::default() };
    diff.operations(old, new);
    diff.models(old, new);
    diff
}

impl Diff {
    fn add(&mut self, breaking: bool, kind: Kind, what: String) {
        let changes = if breaking { &mut self.breaking } else { &mut self.other };
        changes.insert(Change { kind, what });
    }

    fn operations(&mut self, old: &Value, new: &Value) {
        let by_id = |document| -> BTreeMap<String, Operation<'_>> {
            operations(document).map(|operation| (operation.id(), operation)).collect()
        };
        let (before, after) = (by_id(old), by_id(new));
        let said = |operation: &Operation<'_>| {
            format!("`{}` ({} {})", operation.id(), operation.method.to_uppercase(), operation.path)
        };
        for (id, operation) in &before {
            match after.get(id) {
                None => self.add(true, Kind::OperationRemoved, said(operation)),
                Some(now) => {
                    if (operation.method, operation.path) != (now.method, now.path) {
                        let what = format!("`{id}`: is now {} {}", now.method.to_uppercase(), now.path);
                        self.add(true, Kind::OperationChanged, what);
                    }
                    self.parameters(id, &parameters(old, operation), &parameters(new, now));
                    self.shapes(id, operation.value, now.value);
                }
            }
        }
        for (_, operation) in after.iter().filter(|(id, _)| !before.contains_key(*id)) {
            self.add(false, Kind::OperationAdded, said(operation));
        }
    }

    fn parameters(&mut self, id: &str, old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>) {
        for (name, parameter) in old {
            match new.get(name) {
                None => {
                    self.add(true, Kind::OperationChanged, format!("`{id}`: parameter `{name}` removed"));
                }
                Some(now) if now != parameter => {
                    let what = format!(
                        "`{id}`: parameter `{name}` changed from {} to {}",
                        facts(parameter),
                        facts(now)
                    );
                    self.add(true, Kind::OperationChanged, what);
                }
                Some(_) => {}
            }
        }
        for (name, parameter) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            let required = parameter["required"] == true;
            let word = if required { "required parameter" } else { "parameter" };
            self.add(required, Kind::OperationChanged, format!("`{id}`: {word} `{name}` added"));
        }
    }

    /// Bodies and answers, as far as they are not models, which are compared by themselves.
    fn shapes(&mut self, id: &str, old: &Value, new: &Value) {
        for (word, part) in [("body", "requestBody"), ("answers", "responses")] {
            if old.get(part) != new.get(part) {
                self.add(true, Kind::OperationChanged, format!("`{id}`: {word} changed"));
            }
        }
        if old.get("x-permissions") != new.get("x-permissions") {
            self.add(true, Kind::OperationChanged, format!("`{id}`: needs other permissions"));
        }
        if old.get("deprecated") != new.get("deprecated") {
            let word = if new["deprecated"] == true { "deprecated" } else { "no longer deprecated" };
            self.add(false, Kind::OperationChanged, format!("`{id}`: {word}"));
        }
    }

    fn models(&mut self, old: &Value, new: &Value) {
        let none = Map::new();
        let (before, after) = (schemas(old).unwrap_or(&none), schemas(new).unwrap_or(&none));
        for (name, model) in before {
            match after.get(name) {
                None => self.add(true, Kind::ModelRemoved, format!("`{name}`")),
                Some(now) if now != model => self.model(name, model, now),
                Some(_) => {}
            }
        }
        for (name, _) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
            self.add(false, Kind::ModelAdded, format!("`{name}`"));
        }
    }

    fn model(&mut self, name: &str, old: &Value, new: &Value) {
        let values = |model: &Value| -> BTreeSet<String> {
            model["enum"].as_array().into_iter().flatten().map(|value| value.to_string()).collect()
        };
        let (old_values, new_values) = (values(old), values(new));
        for value in old_values.difference(&new_values) {
            self.add(true, Kind::ModelChanged, format!("`{name}`: value `{value}` removed"));
        }
        for value in new_values.difference(&old_values) {
            self.add(false, Kind::ModelChanged, format!("`{name}`: value `{value}` added"));
        }
        let none = Map::new();
        let fields = |model: &'_ Value| model["properties"].as_object().unwrap_or(&none).clone();
        let is_required = |model: &Value, field: &str| {
            model["required"].as_array().is_some_and(|all| all.iter().any(|n| n == field))
        };
        let (old_fields, new_fields) = (fields(old), fields(new));
        for (field, schema) in &old_fields {
            match new_fields.get(field) {
                None => self.add(true, Kind::ModelChanged, format!("`{name}`: field `{field}` removed")),
                Some(now) => {
                    if now != schema {
                        let what = format!(
                            "`{name}`: field `{field}` changed from {} to {}",
                            facts(schema),
                            facts(now)
                        );
                        self.add(true, Kind::ModelChanged, what);
                    }
                    match (is_required(old, field), is_required(new, field)) {
                        (false, true) => {
                            self.add(
                                true,
                                Kind::ModelChanged,
                                format!("`{name}`: field `{field}` now required"),
                            );
                        }
                        (true, false) => {
                            self.add(
                                true,
                                Kind::ModelChanged,
                                format!("`{name}`: field `{field}` now optional"),
                            );
                        }
                        _ => {}
                    }
                }
            }
        }
        for field in new_fields.keys().filter(|field| !old_fields.contains_key(*field)) {
            let required = is_required(new, field);
            let word = if required { "required field" } else { "field" };
            self.add(required, Kind::ModelChanged, format!("`{name}`: {word} `{field}` added"));
        }
        let rest = |model: &Value| {
            let mut model = model.clone();
            if let Some(model) = model.as_object_mut() {
                model.retain(|key, _| !["enum", "properties", "required"].contains(&key.as_str()));
            }
            model
        };
        if rest(old) != rest(new) {
            let what = format!("`{name}`: changed from {} to {}", facts(&rest(old)), facts(&rest(new)));
            self.add(true, Kind::ModelChanged, what);
        }
    }

    /// How many changes of each kind there are, a line each.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("changes since the last pin ({} to {}):\n", self.versions.0, self.versions.1);
        for (word, changes) in [("breaking", &self.breaking), ("other", &self.other)] {
            let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
            changes.iter().for_each(|change| *counts.entry(change.kind).or_default() += 1);
            for (kind, count) in counts {
                let _ = writeln!(text, "  {word}: {} {count}", kind.title());
            }
        }
        text.push_str("  `cargo xtask diff OLD NEW` lists them\n");
        text
    }

    /// The changes as Markdown, breaking ones first.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("# Waldur API: {} to {}\n", self.versions.0, self.versions.1);
        if self.breaking.is_empty() && self.other.is_empty() {
            text.push_str("\nNo change.\n");
        }
        for (title, changes) in [("Breaking", &self.breaking), ("Other", &self.other)] {
            if changes.is_empty() {
                continue;
            }
            let _ = write!(text, "\n## {title} ({})\n", changes.len());
            let mut last = None;
            for change in changes {
                if last != Some(change.kind) {
                    let _ = write!(text, "\n### {}\n\n", change.kind.title());
                    last = Some(change.kind);
                }
                let _ = writeln!(text, "- {}", change.what);
            }
        }
        text
    }
}

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Self::OperationRemoved => "Operations removed",
            Self::OperationChanged => "Operations changed",
            Self::OperationAdded => "Operations added",
            Self::ModelRemoved => "Models removed",
            Self::ModelChanged => "Models changed",
            Self::ModelAdded => "Models added",
        }
    }
}

/// The parameters of an operation by place and name, references resolved.
fn parameters(document: &Value, operation: &Operation<'_>) -> BTreeMap<String, Value> {
    operation.value["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parameter| {
            match parameter["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#'))) {
                Some(shared) => shared,
                None => parameter,
            }
        })
        .map(|parameter| {
            let text = |key: &str| parameter[key].as_str().unwrap_or("?");
            (format!("{} ({})", text("name"), text("in")), parameter.clone())
        })
        .collect()
}

/// A schema as a short code span.
fn facts(value: &Value) -> String {
    format!("`{value}`")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn each_kind_of_change_is_found_and_breaking_comes_first() {
        let old = json!({
            "info": {"version": "1"},
            "paths": {
                "/a/": {"get": {"operationId": "a", "parameters": [
                    {"name": "gone", "in": "query"}, {"name": "q", "in": "query", "schema": {"type": "string"}}]}},
                "/b/": {"get": {"operationId": "b"}},
            },
            "components": {"schemas": {
                "M": {"type": "object", "properties": {"x": {"type": "string"}, "y": {"type": "integer"}}},
                "E": {"enum": ["one", "two"]}, "Gone": {},
            }},
        });
        let new = json!({
            "info": {"version": "2"},
            "paths": {
                "/a/": {"get": {"operationId": "a", "parameters": [
                    {"name": "q", "in": "query", "schema": {"type": "integer"}}, {"name": "n", "in": "query"}]}},
                "/c/": {"get": {"operationId": "c"}},
            },
            "components": {"schemas": {
                "M": {"type": "object", "required": ["z"], "properties": {"y": {"type": "string"}, "z": {}}},
                "E": {"enum": ["two", "three"]}, "New": {},
            }},
        });
        let text = super::between(&old, &new).markdown();
        let (breaking, other) = text.split_once("## Other").unwrap();
        for line in [
            "- `b` (GET /b/)",
            "`a`: parameter `gone (query)` removed",
            "`a`: parameter `q (query)` changed",
            "`M`: field `x` removed",
            "`M`: field `y` changed",
            "`M`: required field `z` added",
            "`E`: value `\"one\"` removed",
            "`Gone`",
        ] {
            assert!(breaking.contains(line), "{line} in {breaking}");
        }
        for line in
            ["- `c` (GET /c/)", "parameter `n (query)` added", "`E`: value `\"three\"` added", "`New`"]
        {
            assert!(other.contains(line), "{line} in {other}");
        }
        assert!(super::between(&old, &old).markdown().contains("No change."));
    }
}
