//! What each property of a document is declared as, model by model.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use crate::document::{operations, ref_name, schemas, travelling};

/// What sort of value a schema declares, as far as the rules tell sorts apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Text,
    Uuid,
    Url,
    Date,
    DateTime,
    Integer,
    Decimal,
    Boolean,
    /// An enum of numbers.
    Numbers,
    /// An object with declared properties.
    Object,
    /// An object with neither declared nor other properties.
    Empty,
    /// Nothing is said, or alternatives that have nothing in common: no value is lost.
    Any,
    List(Box<Kind>),
    Map(Box<Kind>),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Uuid => "uuid",
            Self::Url => "url",
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Numbers => "enum of numbers",
            Self::Object => "object",
            Self::Empty => "object without fields",
            Self::Any => "any",
            Self::List(of) => return write!(f, "list of {of}"),
            Self::Map(of) => return write!(f, "map of {of}"),
        })
    }
}

impl Kind {
    /// The kind of `schema`, which is `depth` references and parts deep.
    fn of(document: &Value, schema: &Value, depth: usize) -> Self {
        // A schema can refer to itself.
        if depth > 16 {
            return Self::Any;
        }
        let inner = |schema: &Value| Self::of(document, schema, depth + 1);
        if let Some(name) = ref_name(schema) {
            return schemas(document).and_then(|all| all.get(name)).map_or(Self::Any, inner);
        }
        for key in ["allOf", "oneOf", "anyOf"] {
            let Some(parts) = schema.get(key).and_then(Value::as_array) else { continue };
            let parts = parts.iter().filter(|part| !is_blank(document, part));
            let kinds: BTreeSet<Self> = parts.map(inner).collect();
            return match (key, kinds.len()) {
                (_, 1) => kinds.into_iter().next().unwrap_or(Self::Any),
                ("allOf", _) => Self::Object,
                _ if !kinds.is_empty() && kinds.iter().all(Self::is_text) => Self::Text,
                _ => Self::Any,
            };
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            let all = |f: fn(&Value) -> bool| values.iter().all(|value| value.is_null() || f(value));
            return match (all(Value::is_string), all(Value::is_number)) {
                (true, false) => Self::Text,
                (false, true) => Self::Numbers,
                _ => Self::Any,
            };
        }
        let has =
            |key: &str| schema.get(key).is_some_and(|inner| !inner.as_object().is_some_and(Map::is_empty));
        let kind = match schema.get("type") {
            Some(kind) => kind.as_str().unwrap_or_default(),
            None if has("properties") || schema.get("additionalProperties").is_some() => "object",
            None if schema.get("items").is_some() => "array",
            None => "",
        };
        match kind {
            "string" => match schema["format"].as_str().unwrap_or_default() {
                "uuid" => Self::Uuid,
                "uri" => Self::Url,
                "date" => Self::Date,
                "date-time" => Self::DateTime,
                "decimal" => Self::Decimal,
                "binary" => Self::Any,
                _ => Self::Text,
            },
            "integer" => Self::Integer,
            "number" => Self::Decimal,
            "boolean" => Self::Boolean,
            "array" => Self::List(Box::new(inner(&schema["items"]))),
            "object" if has("properties") => Self::Object,
            "object" => match schema.get("additionalProperties") {
                None | Some(Value::Bool(false)) => Self::Empty,
                Some(values) => Self::Map(Box::new(inner(values))),
            },
            _ => Self::Any,
        }
    }

    /// What lists and maps hold in the end.
    pub(super) fn leaf(&self) -> &Self {
        match self {
            Self::List(of) | Self::Map(of) => of.leaf(),
            kind => kind,
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Uuid | Self::Url | Self::Date | Self::DateTime)
    }

    pub(super) fn is_value(&self) -> bool {
        self.is_text() || matches!(self, Self::Integer | Self::Decimal | Self::Boolean | Self::Numbers)
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::List(_))
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object | Self::Empty | Self::Map(_))
    }
}

/// Whether `schema` is an enum of nothing but a blank text or null, as upstream adds to others.
fn is_blank(document: &Value, schema: &Value) -> bool {
    let schema = match ref_name(schema) {
        Some(name) => &document["components"]["schemas"][name],
        None => schema,
    };
    schema["enum"].as_array().is_some_and(|all| all.iter().all(|value| value.is_null() || value == ""))
}

/// A property's name, and in which models it is declared as what.
pub(super) struct Property<'a> {
    pub(super) name: &'a str,
    /// The models, by their index, that declare it as each kind.
    kinds: BTreeMap<Kind, BTreeSet<usize>>,
    models: &'a [Model<'a>],
}

impl<'a> Property<'a> {
    /// The names of the models that declare it as `kind`.
    pub(super) fn models(&self, kind: &Kind) -> BTreeSet<String> {
        let models = self.kinds.get(kind).into_iter().flatten();
        models.map(|model| self.models[*model].name.clone()).collect()
    }

    /// The kinds for which `f` holds.
    pub(super) fn only(&self, f: impl Fn(&Kind) -> bool) -> Vec<Kind> {
        self.kinds.keys().filter(|kind| f(kind)).cloned().collect()
    }

    /// Whether the last word of the name is one of `words`.
    pub(super) fn ends_with(&self, words: &[&str]) -> bool {
        self.name.rsplit('_').next().is_some_and(|last| words.contains(&last))
    }

    /// Whether two models that declare it as different `kinds` have much else in common.
    pub(super) fn related(&self, kinds: &[Kind]) -> bool {
        const USUAL: [&str; 9] =
            ["created", "description", "id", "modified", "name", "state", "type", "url", "uuid"];
        const ENOUGH: usize = 3;
        let mut of_kind = kinds.iter().filter_map(|kind| self.kinds.get(kind));
        let mut others = of_kind.clone();
        of_kind.any(|models| {
            others.next();
            others.clone().flatten().any(|other| {
                models.iter().any(|model| {
                    let shared = self.models[*model].properties.intersection(&self.models[*other].properties);
                    shared.filter(|name| **name != self.name && !USUAL.contains(name)).take(ENOUGH).count()
                        == ENOUGH
                })
            })
        })
    }
}

/// Where a property is declared, as what.
struct Place {
    model: usize,
    kind: Kind,
}

/// An object that has declared properties: a component schema, or a part of one or of an operation.
struct Model<'a> {
    /// `Offering`, and `Offering.options` for what stands within it.
    name: String,
    received: bool,
    properties: BTreeSet<&'a str>,
}

/// All properties of a document, by their names.
pub(super) struct Declarations<'a> {
    document: &'a Value,
    models: Vec<Model<'a>>,
    properties: BTreeMap<&'a str, Vec<Place>>,
}

impl<'a> Declarations<'a> {
    /// Reads the whole of `document`.
    pub(super) fn of(document: &'a Value) -> Self {
        let mut all = Self { document, models: Vec::new(), properties: BTreeMap::new() };
        let [received, sent] = [false, true].map(|body| travelling(document, body));
        for (name, schema) in schemas(document).into_iter().flatten() {
            if received.contains(name) || sent.contains(name) {
                all.add(schema, name, received.contains(name));
            }
        }
        for operation in operations(document) {
            let answers = operation.value["responses"].as_object().into_iter().flatten();
            let answers = answers.filter(|(code, _)| code.starts_with('2')).map(|(_, answer)| (answer, true));
            for (holder, received) in answers.chain([(&operation.value["requestBody"], false)]) {
                for media in holder["content"].as_object().into_iter().flat_map(Map::values) {
                    all.add(&media["schema"], &operation.id(), received);
                }
            }
        }
        all
    }

    /// Every property as the received models declare it, with `also_sent` as all models do.
    pub(super) fn properties(&self, also_sent: bool) -> impl Iterator<Item = Property<'_>> {
        self.properties.iter().map(move |(name, places)| {
            let mut kinds: BTreeMap<Kind, BTreeSet<usize>> = BTreeMap::new();
            for place in places.iter().filter(|place| also_sent || self.models[place.model].received) {
                kinds.entry(place.kind.clone()).or_default().insert(place.model);
            }
            Property { name, kinds, models: &self.models }
        })
    }

    /// Adds the properties of `schema` and of all that stands in it, but not of what it refers to.
    fn add(&mut self, schema: &'a Value, name: &str, received: bool) {
        for key in ["allOf", "oneOf", "anyOf"] {
            for part in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.add(part, name, received);
            }
        }
        for key in ["items", "additionalProperties"] {
            if let Some(part) = schema.get(key).filter(|part| part.is_object()) {
                self.add(part, name, received);
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let model = self.models.len();
        match properties {
            Some(properties) => {
                let names = properties.keys().map(String::as_str).collect();
                self.models.push(Model { name: name.to_owned(), received, properties: names });
                for (property, schema) in properties {
                    let kind = Kind::of(self.document, schema, 0);
                    self.properties.entry(property).or_default().push(Place { model, kind });
                    self.add(schema, &format!("{name}.{property}"), received);
                }
            }
            // No property names this one.
            None if !name.contains('.') && Kind::of(self.document, schema, 0) == Kind::Empty => {
                self.models.push(Model { name: name.to_owned(), received, properties: BTreeSet::new() });
                self.properties.entry("itself").or_default().push(Place { model, kind: Kind::Empty });
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Declarations, Kind};

    #[test]
    fn kinds_are_seen_through_references_and_alternatives() {
        let document = json!({"components": {"schemas": {
            "State": {"type": "string", "enum": ["a"]},
            "BlankEnum": {"enum": [""]},
            "Loop": {"$ref": "#/components/schemas/Loop"},
        }}});
        let state = json!({"$ref": "#/components/schemas/State"});
        for (schema, kind) in [
            (state.clone(), "text"),
            (json!({"oneOf": [state, {"$ref": "#/components/schemas/BlankEnum"}, {"enum": [null]}]}), "text"),
            (json!({"allOf": [state], "nullable": true}), "text"),
            (json!({"oneOf": [{"type": "string", "format": "date"}, {"type": "string"}]}), "text"),
            (json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}), "any"),
            (json!({"enum": ["a", 1]}), "any"),
            (json!({"type": null, "items": {}}), "any"),
            (json!({"type": "string", "format": "decimal"}), "decimal"),
            (
                json!({"type": "object", "additionalProperties": {"items": {"type": "number"}}}),
                "map of list of decimal",
            ),
            (json!({"type": "object", "additionalProperties": {}}), "map of any"),
            (json!({"type": "object", "additionalProperties": false}), "object without fields"),
            (json!({"type": "object", "properties": {}}), "object without fields"),
            (json!({"$ref": "#/components/schemas/Loop"}), "any"),
            (json!({"$ref": "#/components/schemas/Gone"}), "any"),
        ] {
            assert_eq!(Kind::of(&document, &schema, 0).to_string(), kind, "{schema}");
        }
    }

    #[test]
    fn properties_are_found_wherever_they_stand_and_told_by_the_way_they_travel() {
        let inner = json!({"type": "object", "properties": {"deep": {"type": "integer"}}});
        let answer = json!({"type": "object", "properties": {"inline": {"type": "boolean"}}});
        let content =
            |schema: serde_json::Value| json!({"content": {"application/json": {"schema": schema}}});
        let model = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let document = json!({
            "paths": {"/x/": {
                "get": {"operationId": "x", "responses": {"200": content(answer), "201": content(model("Out"))}},
                "post": {"operationId": "y", "requestBody": content(model("In"))},
            }},
            "components": {"schemas": {
                "Out": {"properties": {"list": {"type": "array", "items": inner}}},
                "In": {"properties": {"sent": {"type": "string"}}},
                "Unused": {"properties": {"unused": {}}},
            }},
        });
        let declarations = Declarations::of(&document);
        let seen = |also_sent: bool| -> Vec<String> {
            let properties = declarations.properties(also_sent);
            properties
                .flat_map(|property| {
                    let kinds = property.only(|_| true);
                    kinds
                        .into_iter()
                        .flat_map(|kind| property.models(&kind))
                        .map(|model| format!("{model}.{}", property.name))
                        .collect::<Vec<_>>()
                })
                .collect()
        };
        assert_eq!(seen(false), ["Out.list.deep", "x.inline", "Out.list"]);
        assert_eq!(seen(true), ["Out.list.deep", "x.inline", "Out.list", "In.sent"]);
    }
}
