//! A request as handlers see it: query, body and caller.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::judge::{Operation, Schema};
use crate::protocol::answer::{Answer, invalid, invalid_choice, invalid_field, invalid_whole};
use crate::protocol::listing::Fields;
use crate::release::Release;
use crate::store::{Actor, Choice};
use crate::wire::{Part, Upload, decode_text, parse_query, parse_time, parse_uuid, python_type};

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// The variable segments of the path.
    pub(crate) segments: Vec<String>,
    pub(crate) caller: Option<Actor>,
    /// The token of the caller.
    pub(crate) token: String,
    /// The personal access token that the request was made with.
    pub(crate) personal_token: Option<String>,
    /// The time by the sandbox's clock.
    pub(crate) now: DateTime<Utc>,
    /// `scheme://host`, as the client sees it.
    pub(crate) origin: String,
    pub(crate) media_type: String,
    /// The `Accept` header; empty accepts anything.
    pub(crate) accept: String,
    pub(crate) body: Bytes,
    /// The parts of a body of `multipart/form-data`, or the parser's error.
    pub(crate) parts: Result<Vec<Part>, String>,
    /// The operation of the schema.
    pub(crate) operation: Option<&'static Operation>,
    pub(crate) release: Release,
    /// The release that responses look like; a fault can make it an older one.
    pub(crate) looks: Release,
    /// The number of items to leave out at the start of a list.
    pub(crate) vanished: usize,
    /// The parameters that the handler has read. The others filter by the rows of the response.
    pub(crate) asked: RefCell<Vec<&'static str>>,
    /// Whether the list is ordered by a property of the response's rows.
    pub(crate) order_by_answer: Cell<bool>,
}

impl Call {
    /// Returns `scheme://host` of the `Host` header. A proxy in front names the scheme.
    pub(crate) fn origin(headers: &HeaderMap, fallback: &str) -> String {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let scheme = text("x-forwarded-proto").unwrap_or("http");
        format!("{scheme}://{}", text("host").unwrap_or(fallback))
    }

    pub(crate) fn accept(headers: &HeaderMap) -> String {
        let value = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_ascii_lowercase()
    }

    pub(crate) fn media_type(headers: &HeaderMap) -> String {
        let value =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    pub(crate) fn actor(&self) -> Result<Actor, Answer> {
        self.caller.ok_or_else(|| Answer::unauthorized("Authentication credentials were not provided."))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/api/{path}", self.origin)
    }

    /// Returns the path's first variable segment as uuid, if it is one.
    pub(crate) fn uuid(&self) -> Option<Uuid> {
        self.segments.first().and_then(|text| parse_uuid(text))
    }

    fn ask(&self, name: &'static str) {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&name) {
            asked.push(name);
        }
    }

    /// Returns the value of a parameter; of several, the last.
    pub(crate) fn value(&self, name: &'static str) -> Option<&str> {
        self.ask(name);
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns a text filter; an empty one is ignored.
    pub(crate) fn text(&self, name: &'static str) -> Option<&str> {
        self.value(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn values(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.ask(name);
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn fields(&self) -> Fields {
        let known = self.operation.filter(|_| self.looks.has_schema());
        // A list without the parameter `field` responds with whole objects.
        if known.is_some_and(|operation| operation.parameter("field").is_none()) {
            return Fields::ALL;
        }
        Fields::new(self.values("field"), known)
    }

    /// Returns the selected fields of a list that ignored `field` in late 2024.
    pub(crate) fn fields_if_newer<'a>(&self, fields: &'a Fields) -> &'a Fields {
        if self.looks.has_schema() { fields } else { &Fields::ALL }
    }

    pub(crate) fn uuid_filter(&self, name: &'static str) -> Result<Option<Uuid>, Answer> {
        match self.text(name) {
            None => Ok(None),
            Some(text) => {
                parse_uuid(text).map(Some).ok_or_else(|| invalid_field(name, "Enter a valid UUID."))
            }
        }
    }

    /// Returns several uuids joined by commas, if the schema allows it; one uuid on a server of late 2024.
    pub(crate) fn uuids(&self, name: &'static str) -> Result<Vec<Uuid>, Answer> {
        let joined = self.release.has_schema()
            && self.operation.and_then(|o| o.parameter(name)).is_some_and(|parameter| parameter.joined);
        let Some(text) = self.text(name) else { return Ok(Vec::new()) };
        let texts: Vec<&str> = if joined { text.split(',').collect() } else { vec![text] };
        texts
            .into_iter()
            .map(|text| parse_uuid(text).ok_or_else(|| invalid_field(name, "Enter a valid UUID.")))
            .collect()
    }

    /// Returns several texts joined by commas.
    pub(crate) fn joined(&self, name: &'static str) -> Vec<&str> {
        self.text(name).map(|text| text.split(',').collect()).unwrap_or_default()
    }

    /// Returns the values of a filter whose key is repeated. Commas, another case and "" are refused.
    pub(crate) fn choices<T: Choice>(&self, name: &'static str) -> Result<Vec<T>, Answer> {
        self.values(name)
            .map(|text| {
                T::choices()
                    .iter()
                    .copied()
                    .find(|choice| choice.text() == text)
                    .ok_or_else(|| invalid_choice(name, text))
            })
            .collect()
    }

    /// Returns a boolean filter; other values are ignored.
    pub(crate) fn flag(&self, name: &'static str) -> Option<bool> {
        match self.value(name)?.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    pub(crate) fn date_filter(&self, name: &'static str) -> Result<Option<NaiveDate>, Answer> {
        match self.text(name) {
            None => Ok(None),
            Some(text) => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(Some)
                .map_err(|_| invalid_field(name, "Enter a valid date.")),
        }
    }

    pub(crate) fn time_filter(&self, name: &'static str) -> Result<Option<DateTime<Utc>>, Answer> {
        match self.text(name) {
            None => Ok(None),
            Some(text) => {
                parse_time(text).map(Some).ok_or_else(|| invalid_field(name, "Enter a valid date/time."))
            }
        }
    }

    /// Returns the body as an object; refuses one that violates the schema.
    pub(crate) fn checked(&self) -> Result<Map<String, Value>, Answer> {
        self.checked_as(self.method == Method::PATCH)
    }

    /// Returns the body as [`Call::checked`] does, but requires no property.
    pub(crate) fn checked_partly(&self) -> Result<Map<String, Value>, Answer> {
        self.checked_as(true)
    }

    fn checked_as(&self, partly: bool) -> Result<Map<String, Value>, Answer> {
        let data = self.data()?;
        let Some(schema) = self.operation.and_then(Operation::body) else { return Ok(data) };
        let mut errors = schema.refusal(&Value::Object(data.clone()), partly);
        if let (Some(Value::Object(errors)), Some(object)) = (&mut errors, schema.object()) {
            // A part that is a file is valid.
            let takes_file = |name: &str| object.property(name).is_some_and(Schema::is_file);
            errors.retain(|name, _| !(takes_file(name) && self.files().any(|file| file.field == *name)));
        }
        match errors {
            Some(errors) if errors != Value::Object(Map::new()) => Err(invalid(errors)),
            _ => Ok(data),
        }
    }

    fn files(&self) -> impl Iterator<Item = &Upload> {
        self.parts.iter().flatten().filter_map(Part::file)
    }

    /// Returns the last segment of the path.
    pub(crate) fn action(&self) -> &str {
        self.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
    }

    /// Returns the body as an object; an empty body is an empty object.
    pub(crate) fn data(&self) -> Result<Map<String, Value>, Answer> {
        match self.payload()? {
            Value::Object(map) => Ok(map),
            other => Err(invalid_whole(format!(
                "Invalid data. Expected a dictionary, but got {}.",
                python_type(&other)
            ))),
        }
    }

    fn payload(&self) -> Result<Value, Answer> {
        if self.body.is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        match self.media_type.as_str() {
            "application/json" => serde_json::from_slice(&self.body).map_err(|error| {
                Answer::detail(StatusCode::BAD_REQUEST, format!("JSON parse error - {error}"))
            }),
            "application/x-www-form-urlencoded" => Ok(self.form(parse_query(&decode_text(&self.body)))),
            "multipart/form-data" => {
                let parts = self.parts.as_ref().map_err(|error| {
                    let problem = format!("Multipart form parse error - {error}");
                    Answer::detail(StatusCode::BAD_REQUEST, problem)
                })?;
                Ok(self.form(parts.iter().map(|part| match part {
                    Part::Text { field, text } => (field.clone(), text.clone()),
                    Part::File(file) => (file.field.clone(), format!("{}/media/{}", self.origin, file.name)),
                })))
            }
            other => Err(Answer::detail(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("Unsupported media type \"{other}\" in request."),
            )),
        }
    }
}

impl Call {
    /// Returns the fields of a form with the types that the schema declares. A file is its address.
    fn form(&self, fields: impl IntoIterator<Item = (String, String)>) -> Value {
        let object = self.operation.and_then(Operation::body).and_then(Schema::object);
        let mut map = Map::new();
        for (name, text) in fields {
            let property = object.and_then(|object| object.property(&name));
            if let Some(items) = property.and_then(Schema::items) {
                if let Value::Array(values) = map.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                    values.push(items.typed(text));
                }
            } else {
                let value =
                    property.map_or_else(|| Value::String(text.clone()), |one| one.typed(text.clone()));
                map.insert(name, value);
            }
        }
        Value::Object(map)
    }
}
