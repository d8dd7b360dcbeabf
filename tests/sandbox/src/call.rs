//! One request, taken apart: query, body and caller, as the server understands them.

use bytes::Bytes;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Offset as _, Utc};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use std::cell::{Cell, RefCell};

use crate::actor::Actor;
use crate::answer::{Answer, invalid, invalid_choice, invalid_field, invalid_whole};
use crate::contract::{Operation, Schema};
use crate::listing::Fields;
use crate::model::Choice;
use crate::release::Release;
use crate::upload::{Part, Upload};

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// The variable segments of the path.
    pub(crate) segments: Vec<String>,
    pub(crate) caller: Option<Actor>,
    /// When it is dealt with, by the sandbox's clock.
    pub(crate) now: DateTime<Utc>,
    /// `scheme://host`, as the client sees it.
    pub(crate) origin: String,
    pub(crate) media_type: String,
    /// What the caller wants to be answered with; empty is anything.
    pub(crate) accept: String,
    pub(crate) body: Bytes,
    /// Those of a body of `multipart/form-data`, or why it can't be taken apart.
    pub(crate) parts: Result<Vec<Part>, String>,
    /// What the schema says of it.
    pub(crate) operation: Option<&'static Operation>,
    pub(crate) release: Release,
    /// The release that answers look like: an older one by a fault.
    pub(crate) looks: Release,
    /// How many items at the start of a list have gone since the page before.
    pub(crate) vanished: usize,
    /// The names of the query that were asked for: what nobody asked for filters by what is answered.
    pub(crate) asked: RefCell<Vec<&'static str>>,
    /// The order that was asked for is one of what is answered.
    pub(crate) order_by_answer: Cell<bool>,
}

impl Call {
    /// Absolute addresses are made from the Host header; a proxy in front says which scheme it was.
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

    /// A uuid in the path, in either form; `None` when it isn't one.
    pub(crate) fn uuid(&self) -> Option<Uuid> {
        self.segments.first().and_then(|text| parse_uuid(text))
    }

    fn ask(&self, name: &'static str) {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&name) {
            asked.push(name);
        }
    }

    /// The last value counts when a key that takes one is repeated.
    pub(crate) fn value(&self, name: &'static str) -> Option<&str> {
        self.ask(name);
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A text filter; empty filters nothing.
    pub(crate) fn text(&self, name: &'static str) -> Option<&str> {
        self.value(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn values(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.ask(name);
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn fields(&self) -> Fields {
        let known = self.operation.filter(|_| self.looks.has_schema());
        // A list that doesn't know `field` answers with everything.
        if known.is_some_and(|operation| operation.parameter("field").is_none()) {
            return Fields::ALL;
        }
        Fields::new(self.values("field"), known)
    }

    pub(crate) fn uuid_filter(&self, name: &'static str) -> Result<Option<Uuid>, Answer> {
        match self.text(name) {
            None => Ok(None),
            Some(text) => {
                parse_uuid(text).map(Some).ok_or_else(|| invalid_field(name, "Enter a valid UUID."))
            }
        }
    }

    /// Several uuids with commas between, where the schema has it so; one on a server of late 2024.
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

    /// Several texts with commas between.
    pub(crate) fn joined(&self, name: &'static str) -> Vec<&str> {
        self.text(name).map(|text| text.split(',').collect()).unwrap_or_default()
    }

    /// A filter whose key is repeated for several values; a comma, another case or "" is no value at all.
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

    /// A yes-or-no filter; anything else filters nothing.
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

    /// The body as an object, once the schema of the operation has nothing against it.
    pub(crate) fn checked(&self) -> Result<Map<String, Value>, Answer> {
        self.checked_as(self.method == Method::PATCH)
    }

    /// The same, where some properties are enough whatever the schema requires.
    pub(crate) fn checked_partly(&self) -> Result<Map<String, Value>, Answer> {
        self.checked_as(true)
    }

    fn checked_as(&self, partly: bool) -> Result<Map<String, Value>, Answer> {
        let data = self.data()?;
        let Some(schema) = self.operation.and_then(Operation::body) else { return Ok(data) };
        let mut errors = schema.refusal(&Value::Object(data.clone()), partly);
        if let (Some(Value::Object(errors)), Some(object)) = (&mut errors, schema.object()) {
            // A file stands for itself.
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

    /// The last word of the path.
    pub(crate) fn action(&self) -> &str {
        self.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
    }

    /// The body as an object. No body at all is an empty object.
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
    /// The fields of a form, as the schema says that they are meant. A file is its address.
    fn form(&self, fields: impl IntoIterator<Item = (String, String)>) -> Value {
        let object = self.operation.and_then(Operation::body).and_then(Schema::object);
        let mut map = Map::new();
        for (name, text) in fields {
            let property = object.and_then(|object| object.property(&name));
            if let Some(items) = property.and_then(Schema::items) {
                if let Value::Array(values) = map.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                    values.push(items.meant(text));
                }
            } else {
                let value =
                    property.map_or_else(|| Value::String(text.clone()), |one| one.meant(text.clone()));
                map.insert(name, value);
            }
        }
        Value::Object(map)
    }
}

/// Collects what is wrong with the fields of an object, so that one answer names all of it.
#[derive(Debug, Default)]
pub(crate) struct Form {
    errors: Map<String, Value>,
}

pub(crate) const REQUIRED: &str = "This field is required.";
pub(crate) const NOT_NULL: &str = "This field may not be null.";
pub(crate) const NOT_BLANK: &str = "This field may not be blank.";

impl Form {
    pub(crate) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.refuse_with(name, Value::from(vec![message.into()]));
    }

    pub(crate) fn refuse_with(&mut self, name: &str, errors: Value) {
        self.errors.insert(name.to_owned(), errors);
    }

    /// A text that may be left out. Numbers count as texts; null, objects and lists don't.
    pub(crate) fn text(&mut self, data: &Map<String, Value>, name: &str) -> Option<String> {
        match data.get(name)? {
            Value::String(text) => return Some(text.trim().to_owned()),
            Value::Number(number) => return Some(number.to_string()),
            Value::Null => self.refuse(name, NOT_NULL),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => self.refuse(name, "Not a valid string."),
        }
        None
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, data: &Map<String, Value>, name: &str) -> Option<String> {
        if !data.contains_key(name) {
            self.refuse(name, REQUIRED);
        }
        self.text(data, name)
    }

    /// A text that must be there and say something.
    pub(crate) fn filled_text(&mut self, data: &Map<String, Value>, name: &str) -> Option<String> {
        let text = self.required_text(data, name)?;
        if text.is_empty() {
            self.refuse(name, NOT_BLANK);
            return None;
        }
        Some(text)
    }

    /// The items of a list that must be there: the good ones, unless something is wrong with any.
    pub(crate) fn items<T>(
        &mut self,
        data: &Map<String, Value>,
        name: &str,
        read: impl Fn(&Value) -> Result<T, Map<String, Value>>,
    ) -> Vec<T> {
        let values = match data.get(name) {
            Some(Value::Array(values)) => values,
            None => {
                self.refuse(name, REQUIRED);
                return Vec::new();
            }
            Some(Value::Null) => {
                self.refuse(name, NOT_NULL);
                return Vec::new();
            }
            Some(other) => {
                let message = format!("Expected a list of items but got type \"{}\".", python_type(other));
                self.refuse_with(name, json!({ "non_field_errors": [message] }));
                return Vec::new();
            }
        };
        let mut good = Vec::new();
        let mut errors = Vec::new();
        for value in values {
            match read(value) {
                Ok(item) => {
                    good.push(item);
                    errors.push(Value::Object(Map::new()));
                }
                Err(error) => errors.push(Value::Object(error)),
            }
        }
        if good.len() < values.len() {
            self.refuse_with(name, Value::Array(errors));
        }
        good
    }

    /// What is wrong with an item that has no fields.
    pub(crate) fn no_dictionary(mut self, value: &Value) -> Map<String, Value> {
        let message = format!("Invalid data. Expected a dictionary, but got {}.", python_type(value));
        self.refuse("non_field_errors", message);
        self.errors
    }

    pub(crate) fn into_errors(self) -> Map<String, Value> {
        self.errors
    }

    pub(crate) fn finish(self) -> Result<(), Answer> {
        if self.errors.is_empty() { Ok(()) } else { Err(invalid(Value::Object(self.errors))) }
    }
}

/// How the server, a Python program, calls the kinds of JSON values.
pub(crate) fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// 32 hex digits, or the same with dashes; no other form.
pub(crate) fn parse_uuid(text: &str) -> Option<Uuid> {
    if matches!(text.len(), 32 | 36) { Uuid::parse_str(text).ok() } else { None }
}

/// A time with or without a zone, or a day.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    parse_time_in(text, Utc.fix())
}

/// The same, where what says no zone is in this one.
pub(crate) fn parse_time_in(text: &str, zone: FixedOffset) -> Option<DateTime<Utc>> {
    let local = |time: NaiveDateTime| Some(time.and_local_timezone(zone).single()?.with_timezone(&Utc));
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    if let Ok(time) = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f") {
        return local(time);
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    local(day.and_hms_opt(0, 0, 0)?)
}

/// Keys and values of a query or a form.
pub(crate) fn parse_query(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// A form as text.
pub(crate) fn decode_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match (first, escaped.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Keys and values as a query, as Python writes it.
pub(crate) fn encode_query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(key, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}
