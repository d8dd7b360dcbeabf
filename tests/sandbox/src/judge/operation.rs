//! An operation of the schema, and validation of its requests.

use serde_json::Value;

use super::schema::{At, Judge, Object, Schema, Shape};
use super::{Finding, deviations};
use crate::wire::{Part, decode_text, parse_query};

/// A parameter of the query.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) schema: Schema,
    required: bool,
    /// Whether several values are joined by commas; otherwise the key is repeated.
    pub(crate) joined: bool,
}

impl Parameter {
    fn parse(value: &Value) -> Option<Self> {
        let name = match value.get("$ref").and_then(Value::as_str) {
            Some(reference) if reference.ends_with("/Page") => "page",
            Some(reference) if reference.ends_with("/PageSize") => "page_size",
            Some(_) => return None,
            None => value.get("name")?.as_str()?,
        };
        let integer = serde_json::json!({ "type": "integer" });
        Some(Self {
            name: name.to_owned(),
            schema: Schema::parse(value.get("schema").unwrap_or(&integer), ""),
            required: value.get("required") == Some(&Value::Bool(true)),
            joined: value.get("explode") == Some(&Value::Bool(false)),
        })
    }

    /// Returns the schema of one value.
    pub(crate) fn item(&self) -> &Schema {
        match &self.schema.shape {
            Shape::List { items, .. } => items,
            _ => &self.schema,
        }
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.schema.shape, Shape::List { .. })
    }
}

#[derive(Debug)]
struct Body {
    media_types: Vec<String>,
    schema: Option<Schema>,
    required: bool,
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    /// The names and formats of the path's variable segments.
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: Vec<Parameter>,
    body: Option<Body>,
    /// The schemas of responses by status; `None` declares no body.
    pub(crate) answers: Vec<(u16, Option<Schema>)>,
}

/// The parts of a request that the schema describes.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) query: &'a str,
    pub(crate) media_type: &'a str,
    pub(crate) body: &'a [u8],
    /// The parts of a body of `multipart/form-data`, or the parser's error.
    pub(crate) parts: &'a Result<Vec<Part>, String>,
}

impl Operation {
    pub(crate) fn parse(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let parameters = || value.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let within = |place: &'static str| {
            parameters().filter(move |p| p.get("in").is_none_or(|found| found.as_str() == Some(place)))
        };
        let content = |value: &Value| {
            let content = value.get("content").and_then(Value::as_object).cloned().unwrap_or_default();
            let schema = content
                .get("application/json")
                .and_then(|media| media.get("schema"))
                .map(|schema| Schema::parse(schema, ""));
            (content.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), schema)
        };
        Self {
            id: value.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned(),
            path: parameters()
                .filter(|parameter| parameter.get("in").and_then(Value::as_str) == Some("path"))
                .filter_map(|parameter| {
                    let schema = parameter.get("schema")?;
                    let kind = schema.get("format").or_else(|| schema.get("type"))?.as_str()?;
                    Some((parameter.get("name")?.as_str()?.to_owned(), kind.to_owned()))
                })
                .collect(),
            query: within("query").filter_map(Parameter::parse).collect(),
            body: value.get("requestBody").map(|body| {
                let (media_types, schema) = content(body);
                let required = body.get("required") == Some(&Value::Bool(true));
                Body { media_types, schema, required }
            }),
            answers: value
                .get("responses")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .filter_map(|(status, answer)| Some((status.parse().ok()?, content(answer).1)))
                .collect(),
        }
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.query.iter().find(|parameter| parameter.name == name)
    }

    /// Returns the schema of the request's body.
    pub(crate) fn body(&self) -> Option<&Schema> {
        self.body.as_ref().and_then(|body| body.schema.as_ref())
    }

    /// Returns the schema of a successful response's body.
    pub(crate) fn answer(&self) -> Option<&Schema> {
        self.answers.iter().filter(|(status, _)| *status < 300).find_map(|(_, schema)| schema.as_ref())
    }

    /// Returns the schema of one object of a successful response: of an item, if it is a list.
    pub(crate) fn item(&self) -> Option<&Schema> {
        match self.answer() {
            Some(Schema { shape: Shape::List { items, .. }, .. }) => Some(items),
            other => other,
        }
    }

    pub(crate) fn check(&self, sent: &Sent<'_>) -> Vec<Finding> {
        let mut out = Vec::new();
        self.check_query(sent.query, &mut out);
        self.check_body(sent, &mut out);
        out
    }

    fn check_query(&self, query: &str, out: &mut Vec<Finding>) {
        let pairs = parse_query(query);
        for parameter in self.query.iter().filter(|parameter| parameter.required) {
            if !pairs.iter().any(|(name, _)| *name == parameter.name) {
                let at = format!("query.{}", parameter.name);
                out.push(Finding::new(at, "a required parameter is missing"));
            }
        }
        for (number, (name, value)) in pairs.iter().enumerate() {
            let at = format!("query.{name}");
            let Some(parameter) = self.parameter(name) else {
                out.push(Finding::new(at, "the operation has no such parameter"));
                continue;
            };
            let repeated = pairs.iter().take(number).any(|(other, _)| other == name);
            if repeated && (parameter.joined || !parameter.is_list()) {
                let what = if parameter.joined { "values must be joined by commas" } else { "given twice" };
                out.push(Finding::new(at, what));
                continue;
            }
            let mut check = |value: &str| {
                if let Some(what) = parameter.item().check_text(value)
                    && !deviations::accepts(&self.id, name, value)
                {
                    out.push(Finding::new(at.clone(), what));
                }
            };
            if parameter.joined {
                value.split(',').for_each(&mut check);
            } else {
                check(value);
            }
        }
    }

    fn check_body(&self, sent: &Sent<'_>, out: &mut Vec<Finding>) {
        let Some(body) = &self.body else {
            if !sent.body.is_empty() && sent.body != b"{}" {
                out.push(Finding::new("$", "the operation takes no body"));
            }
            return;
        };
        if sent.body.is_empty() {
            if body.required {
                out.push(Finding::new("$", "the body is missing"));
            }
            return;
        }
        if !body.media_types.iter().any(|known| known == sent.media_type) {
            let what = format!("\"{}\" is not one of the media types allowed", sent.media_type);
            out.push(Finding::new("content-type", what));
            return;
        }
        let Some(schema) = &body.schema else { return };
        match sent.media_type {
            "application/json" => match serde_json::from_slice::<Value>(sent.body) {
                Ok(value) => {
                    let mut judge = Judge::of_request();
                    schema.check(&value, &At::ROOT, &mut judge);
                    out.extend(judge.findings);
                }
                Err(error) => out.push(Finding::new("$", format!("not JSON: {error}"))),
            },
            "application/x-www-form-urlencoded" => check_form(schema, &decode_text(sent.body), out),
            "multipart/form-data" => match sent.parts {
                Ok(parts) => check_parts(schema, parts, out),
                Err(error) => out.push(Finding::new("$", format!("not multipart: {error}"))),
            },
            _ => {}
        }
    }
}

/// Validates a form. All its values are texts, so only names and text formats are checked.
fn check_form(schema: &Schema, text: &str, out: &mut Vec<Finding>) {
    let Some(object) = schema.object() else { return };
    let pairs = parse_query(text);
    for (name, value) in &pairs {
        let at = format!("$.{name}");
        match object.property(name) {
            None => out.push(Finding::new(at, "the schema has no such property")),
            Some(property) => {
                if let Some(what) = property.check_text(value) {
                    out.push(Finding::new(at, what));
                }
            }
        }
    }
    check_required(object, |name| pairs.iter().any(|(known, _)| known == name), out);
}

/// Validates the parts of a form: texts and files, a list as a repeated part.
fn check_parts(schema: &Schema, parts: &[Part], out: &mut Vec<Finding>) {
    let Some(object) = schema.object() else { return };
    for (number, part) in parts.iter().enumerate() {
        let name = part.field();
        let repeated = parts.iter().take(number).any(|other| other.field() == name);
        let wrong = match (object.property(name), part) {
            (None, _) => Some("the schema has no such property".to_owned()),
            (Some(property), _) if repeated && property.items().is_none() => Some("given twice".to_owned()),
            (Some(property), Part::File(_)) if property.is_file() => None,
            (Some(_), Part::File(_)) => Some("a file, but the property is not one".to_owned()),
            // An empty text stands for null.
            (Some(property), Part::Text { text, .. }) if text.is_empty() && property.allows_null() => None,
            (Some(property), Part::Text { text, .. }) => {
                property.items().unwrap_or(property).check_text(text)
            }
        };
        if let Some(what) = wrong {
            out.push(Finding::new(format!("$.{name}"), what));
        }
    }
    check_required(object, |name| parts.iter().any(|part| part.field() == name), out);
}

fn check_required(object: &Object, is_there: impl Fn(&str) -> bool, out: &mut Vec<Finding>) {
    for (name, _, required) in &object.properties {
        if *required && !is_there(name) {
            out.push(Finding::new(format!("$.{name}"), "a required property is missing"));
        }
    }
}
