//! What changed between two schemas: operations, parameters, models, fields and enum values; what breaks callers
//! first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::document::{Operation, operations, schemas};
use crate::facts::facts;
use crate::{output, source};

/// Prints what changed between two files or URLs.
pub(crate) fn run(a: &str, b: &str) -> Result<()> {
    let [a, b] = [source::read(a)?, source::read(b)?].map(|source| facts(&source.document, false).0);
    output::print(between(&a, &b).markdown())
}

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
pub(crate) struct Diff<'a> {
    /// The documents, older first.
    documents: [Option<&'a Value>; 2],
    breaking: BTreeSet<Change>,
    other: BTreeSet<Change>,
    versions: (String, String),
}

/// Compares `old` with `new`.
pub(crate) fn between<'a>(old: &'a Value, new: &'a Value) -> Diff<'a> {
    let version = |document: &Value| document["info"]["version"].as_str().unwrap_or("?").to_owned();
    let mut diff =
        Diff { documents: [Some(old), Some(new)], versions: (version(old), version(new)), ..Diff::default() };
    diff.operations(old, new);
    diff.models(old, new);
    diff
}

impl Diff<'_> {
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
                Some(now) => {
                    let what = format!("`{id}`: parameter `{name}`");
                    self.schema(Kind::OperationChanged, &what, &parameter["schema"], &now["schema"]);
                    self.flag(Kind::OperationChanged, &what, "required", [parameter, now]);
                    let way = |one: &Value| {
                        // `form` is the usual way of a query, and explodes.
                        let style = one["style"].as_str().unwrap_or("form").to_owned();
                        (one["explode"].as_bool().unwrap_or(style == "form"), style)
                    };
                    if way(parameter) != way(now) && now["schema"]["type"] == "array" {
                        self.add(true, Kind::OperationChanged, format!("{what}: lists are sent another way"));
                    }
                }
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
        let (body, now) = (&old["requestBody"], &new["requestBody"]);
        let what = format!("`{id}`: body");
        match (body.is_object(), now.is_object()) {
            (true, false) => self.add(true, Kind::OperationChanged, format!("{what} removed")),
            (false, true) => {
                let required = now["required"] == true;
                let word = if required { "required body" } else { "body" };
                self.add(required, Kind::OperationChanged, format!("`{id}`: {word} added"));
            }
            (true, true) => {
                self.contents(&what, &body["content"], &now["content"]);
                self.flag(Kind::OperationChanged, &what, "required", [body, now]);
            }
            (false, false) => {}
        }
        let answers = |operation: &Value| operation["responses"].as_object().cloned().unwrap_or_default();
        let (before, after) = (answers(old), answers(new));
        for code in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let what = format!("`{id}`: answer {code}");
            // Errors are read whole, whatever is declared.
            let breaks = code.starts_with('2');
            match (before.get(code), after.get(code)) {
                (Some(answer), Some(now)) if breaks => {
                    self.contents(&what, &answer["content"], &now["content"])
                }
                (Some(answer), Some(now)) if answer["content"] != now["content"] => {
                    self.add(false, Kind::OperationChanged, format!("{what} changed"));
                }
                (Some(_), None) => self.add(breaks, Kind::OperationChanged, format!("{what} removed")),
                (None, Some(_)) => self.add(false, Kind::OperationChanged, format!("{what} added")),
                _ => {}
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

    /// What a body or an answer holds, by its media types.
    fn contents(&mut self, what: &str, old: &Value, new: &Value) {
        let kinds = |content: &Value| -> BTreeSet<String> {
            content.as_object().into_iter().flatten().map(|(kind, _)| kind.clone()).collect()
        };
        let (before, after) = (kinds(old), kinds(new));
        for kind in before.union(&after) {
            match (before.contains(kind), after.contains(kind)) {
                (true, true) => {
                    self.schema(Kind::OperationChanged, what, &old[kind]["schema"], &new[kind]["schema"]);
                }
                (is_old, _) => {
                    let word = if is_old { "no longer" } else { "also" };
                    self.add(is_old, Kind::OperationChanged, format!("{what}: {word} `{kind}`"));
                }
            }
        }
    }

    /// Whether something must be given, which breaks where it must by now.
    fn flag(&mut self, kind: Kind, what: &str, key: &str, [old, new]: [&Value; 2]) {
        let (before, after) = (old[key] == true, new[key] == true);
        if before != after {
            let word = if after { "now" } else { "no longer" };
            self.add(after, kind, format!("{what} {word} {key}"));
        }
    }

    /// What stands in one place: the same in other words is no change.
    fn schema(&mut self, kind: Kind, what: &str, old: &Value, new: &Value) {
        if old == new {
            return;
        }
        let [before, after] = [(old, self.documents[0]), (new, self.documents[1])]
            .map(|(schema, document)| on_the_wire(document, schema));
        if before == after {
            return;
        }
        let texts = |schema: &Value| {
            let mut texts = BTreeSet::new();
            values(schema, &mut texts);
            texts
        };
        let (known, now) = (texts(&before), texts(&after));
        let only_values =
            !known.is_empty() && !now.is_empty() && without(&before, &["enum"]) == without(&after, &["enum"]);
        if only_values {
            for (breaks, word, some) in
                [(true, "removed", known.difference(&now)), (false, "added", now.difference(&known))]
            {
                let some: Vec<String> = some.map(|value| format!("`{value}`")).collect();
                if !some.is_empty() {
                    self.add(breaks, kind, format!("{what}: {word} {}", some.join(", ")));
                }
            }
        } else if without(&before, &LIMITS) == without(&after, &LIMITS) {
            self.add(false, kind, format!("{what}: other limits"));
        } else {
            self.add(true, kind, format!("{what} changed from {} to {}", said(old), said(new)));
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
                    self.schema(Kind::ModelChanged, &format!("`{name}`: field `{field}`"), schema, now);
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
        self.schema(Kind::ModelChanged, &format!("`{name}`"), &rest(old), &rest(new));
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

/// What a value may be within its type, and what is said beside that: neither changes what it is.
const LIMITS: [&str; 20] = [
    "default",
    "deprecated",
    "discriminator",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "readOnly",
    "title",
    "uniqueItems",
    "writeOnly",
];

/// `schema` as it is on the wire: enums in place, formats that are only text left out.
fn on_the_wire(document: Option<&Value>, schema: &Value) -> Value {
    let name = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/"));
    let named = document.zip(name).and_then(|(document, name)| schemas(document)?.get(name));
    if let Some(values) = named.filter(|named| named.get("enum").is_some()) {
        return on_the_wire(None, values);
    }
    const FORMATS: [&str; 7] = ["uuid", "date", "date-time", "decimal", "double", "float", "binary"];
    let is_said = |key: &str, value: &Value| match key {
        "format" => value.as_str().is_some_and(|format| FORMATS.contains(&format)),
        "nullable" => *value == true,
        _ => true,
    };
    let mut wire = rebuilt(schema, &is_said, &|inner| on_the_wire(document, inner));
    if let Some(values) = wire.get_mut("enum").and_then(Value::as_array_mut) {
        values.sort_by_key(Value::to_string);
        values.dedup();
    }
    wire
}

/// `schema` without some keywords, wherever they stand in it.
fn without(schema: &Value, keywords: &[&str]) -> Value {
    rebuilt(schema, &|key, _| !keywords.contains(&key), &|inner| without(inner, keywords))
}

/// `schema` with the keywords that are kept, and with `change` made to what stands in it.
fn rebuilt(
    schema: &Value,
    is_kept: &dyn Fn(&str, &Value) -> bool,
    change: &dyn Fn(&Value) -> Value,
) -> Value {
    match schema {
        Value::Object(map) => map
            .iter()
            .filter(|(key, value)| is_kept(key, value))
            .map(|(key, value)| {
                let value = match value.as_object().filter(|_| key == "properties") {
                    // Its keys are names.
                    Some(fields) => {
                        fields.iter().map(|(name, field)| (name.clone(), change(field))).collect()
                    }
                    None => change(value),
                };
                (key.clone(), value)
            })
            .collect(),
        Value::Array(list) => list.iter().map(change).collect(),
        plain => plain.clone(),
    }
}

/// The values of all enums in `schema`.
fn values(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_array().filter(|_| key == "enum") {
                    Some(all) => found.extend(all.iter().map(ToString::to_string)),
                    None => values(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| values(inner, found)),
        _ => {}
    }
}

/// A schema in a few words.
fn said(schema: &Value) -> String {
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let parts = ["allOf", "oneOf", "anyOf"].iter().find_map(|key| Some((*key, schema[*key].as_array()?)));
    let mut text = match (name, parts, schema["type"].as_str()) {
        (Some(name), _, _) => format!("`{name}`"),
        (None, Some((key, parts)), _) => {
            parts.iter().map(said).collect::<Vec<_>>().join(if key == "allOf" { " and " } else { " or " })
        }
        (None, None, Some("array")) => format!("list of {}", said(&schema["items"])),
        (None, None, Some("object")) if schema["additionalProperties"].is_object() => {
            format!("map of {}", said(&schema["additionalProperties"]))
        }
        (None, None, Some(kind)) if schema["enum"].is_array() => format!("{kind} of known values"),
        (None, None, Some(kind)) => match schema["format"].as_str() {
            Some(format) => format!("{kind} ({format})"),
            None => kind.to_owned(),
        },
        (None, None, None) => "anything".to_owned(),
    };
    if schema["nullable"] == true {
        text.push_str(" or null");
    }
    text
}

#[cfg(test)]
mod tests;
