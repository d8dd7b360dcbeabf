//! The part of JSON Schema that the recorded schema uses.

mod check;
mod filler;
mod refusal;

pub(crate) use check::{At, Judge};

use std::sync::OnceLock;

use serde_json::Value;

use crate::judge::pin;
use regex_lite::Regex;

#[derive(Debug)]
pub(crate) enum Shape {
    Any,
    Boolean,
    Integer(Bounds),
    Number(Bounds),
    Text(Text),
    List {
        items: Box<Schema>,
        least: usize,
    },
    Object(Object),
    /// The name of another schema.
    Ref(&'static str),
    /// Any of these schemas.
    Choice(Vec<Schema>),
}

#[derive(Debug, Default)]
pub(crate) struct Bounds {
    least: Option<f64>,
    most: Option<f64>,
}

#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) format: String,
    shortest: usize,
    longest: Option<usize>,
    pattern: Option<Regex>,
}

#[derive(Debug, Default)]
pub(crate) struct Object {
    pub(crate) properties: Vec<(String, Schema, bool)>,
    /// The schema of undeclared properties; `None` allows none.
    others: Option<Box<Schema>>,
}

#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) shape: Shape,
    pub(crate) nullable: bool,
    values: Vec<Value>,
    write_only: bool,
    filler: OnceLock<Option<Value>>,
}

impl Schema {
    fn new(shape: Shape) -> Self {
        Self { shape, nullable: false, values: Vec::new(), write_only: false, filler: OnceLock::new() }
    }

    pub(crate) fn any() -> Self {
        Self::new(Shape::Any)
    }

    /// Parses a schema. Names are resolved on use, since schemas may be circular.
    pub(crate) fn parse(value: &Value, owner: &str) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let number = |name: &str| value.get(name).and_then(Value::as_f64);
        let size = |name: &str| value.get(name).and_then(Value::as_u64).map(|n| n as usize);
        let several = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_array)
                .map(|all| all.iter().map(|schema| Self::parse(schema, owner)).collect::<Vec<_>>())
        };
        let shape = if let Some(name) = text("$ref") {
            let name = name.rsplit('/').next().unwrap_or_default();
            pin::interned(name).map_or(Shape::Any, Shape::Ref)
        } else if let Some(choices) = several("oneOf").or_else(|| several("anyOf")) {
            Shape::Choice(choices)
        } else if let Some(mut parts) = several("allOf") {
            // The schema uses `allOf` only to annotate a single schema.
            parts.pop().map_or(Shape::Any, |part| part.shape)
        } else {
            match text("type") {
                Some("boolean") => Shape::Boolean,
                Some("integer") => {
                    Shape::Integer(Bounds { least: number("minimum"), most: number("maximum") })
                }
                Some("number") => Shape::Number(Bounds { least: number("minimum"), most: number("maximum") }),
                Some("string") => Shape::Text(Text {
                    format: text("format").unwrap_or_default().to_owned(),
                    shortest: size("minLength").unwrap_or(0),
                    longest: size("maxLength"),
                    pattern: text("pattern").and_then(|pattern| Regex::new(pattern).ok()),
                }),
                Some("array") => Shape::List {
                    items: Box::new(
                        value.get("items").map_or_else(Self::any, |items| Self::parse(items, owner)),
                    ),
                    least: size("minItems").unwrap_or(0),
                },
                Some("object") => Shape::Object(Object::parse(value, owner)),
                _ => Shape::Any,
            }
        };
        Self {
            shape,
            nullable: value.get("nullable") == Some(&Value::Bool(true)),
            values: value.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            write_only: value.get("writeOnly") == Some(&Value::Bool(true)),
            filler: OnceLock::new(),
        }
    }

    /// Returns the named schema, or this one.
    pub(crate) fn resolved(&self) -> &Schema {
        match self.shape {
            Shape::Ref(name) => pin::schema(name).map_or(self, Schema::resolved),
            _ => self,
        }
    }

    pub(crate) fn allows_null(&self) -> bool {
        self.nullable
            || match &self.shape {
                Shape::Any => self.values.is_empty() || self.values.contains(&Value::Null),
                Shape::Ref(_) => self.resolved().nullable,
                Shape::Choice(choices) => choices.iter().any(|choice| choice.resolved().allows_null()),
                _ => false,
            }
    }

    /// Converts a text of a form to the declared type. A text that doesn't fit stays a text.
    pub(crate) fn typed(&self, text: String) -> Value {
        let is = |kind: fn(&Value) -> bool| serde_json::from_str(&text).ok().filter(kind);
        let value = match &self.resolved().shape {
            Shape::Text(rules) if rules.format.is_empty() => None,
            _ if text.is_empty() && self.allows_null() => Some(Value::Null),
            Shape::Boolean if text.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
            Shape::Boolean if text.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
            Shape::Integer(_) | Shape::Number(_) => is(Value::is_number),
            Shape::Any | Shape::Object(_) => is(|_| true),
            _ => None,
        };
        value.unwrap_or(Value::String(text))
    }

    /// Returns whether the value is a file, which only forms can send.
    pub(crate) fn is_file(&self) -> bool {
        self.format() == "binary"
    }

    /// Returns the object schema, also of a name or a choice.
    pub(crate) fn object(&self) -> Option<&Object> {
        match &self.resolved().shape {
            Shape::Object(object) => Some(object),
            Shape::Choice(choices) => choices.iter().find_map(Schema::object),
            _ => None,
        }
    }

    /// Returns the schema's name, if it has one.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self.shape {
            Shape::Ref(name) => Some(name),
            _ => None,
        }
    }

    /// Returns a text's format, or the type of any other value.
    pub(crate) fn format(&self) -> &str {
        match &self.resolved().shape {
            Shape::Text(text) => &text.format,
            Shape::Boolean => "boolean",
            Shape::Integer(_) => "integer",
            Shape::Number(_) => "number",
            _ if self.resolved().values.first().is_some_and(Value::is_number) => "integer",
            _ => "",
        }
    }

    /// Returns the schema of a list's items.
    pub(crate) fn items(&self) -> Option<&Schema> {
        match &self.resolved().shape {
            Shape::List { items, .. } => Some(items),
            _ => None,
        }
    }

    pub(crate) fn is_write_only(&self) -> bool {
        self.write_only
    }

    /// Returns the texts of an enumeration.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match &self.resolved().shape {
            Shape::Choice(choices) => choices.iter().flat_map(Schema::texts).collect(),
            _ => self.resolved().values.iter().filter_map(Value::as_str).collect(),
        }
    }
}

impl Object {
    fn parse(value: &Value, owner: &str) -> Self {
        let required: Vec<&str> = value
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let properties: Vec<_> = value
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, schema)| {
                (name.clone(), Schema::parse(schema, owner), required.contains(&name.as_str()))
            })
            .collect();
        let others = match value.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(Schema::any()),
            Some(schema) => Some(Schema::parse(schema, owner)),
            // An object without declared properties allows any.
            None if properties.is_empty() => Some(Schema::any()),
            None => None,
        };
        Self { properties, others: others.map(Box::new) }
    }

    /// Returns the schema of a property. Properties are sorted by name.
    pub(crate) fn property(&self, name: &str) -> Option<&Schema> {
        let at = self.properties.binary_search_by(|(known, _, _)| known.as_str().cmp(name)).ok()?;
        self.properties.get(at).map(|(_, schema, _)| schema)
    }
}
