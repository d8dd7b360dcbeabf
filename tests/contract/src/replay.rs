//! Replays recorded exchanges through the client's own types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::SecondsFormat;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};
use waldur_api_client::__private::time;
use waldur_api_client::exchanges::{Answer, Exchange as Types, Reading, WriteBody, Writing};
use waldur_api_client::{DecodeError, TypeMismatch};
use waldur_sdk::Error;

use crate::recording::{Exchange, Request, Response};
use crate::{meaning, routes};

/// The result of replaying an exchange.
#[derive(Debug)]
pub enum Verdict {
    /// The request succeeded, and the types hold its body and response.
    Ok {
        /// The paths of the values that the types lose; those of the request begin with `request`.
        dropped: Vec<String>,
        /// The paths of fields that the types don't have: of a newer server, or missing in the schema.
        unknown: Vec<String>,
    },
    /// The server refused the request, and the client returned the error.
    Refused(Box<Error>),
    /// A success of an operation that this build doesn't have.
    Skipped,
    /// The client can't handle the exchange.
    Failed(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok { dropped, .. } if dropped.is_empty() => f.write_str("ok"),
            Self::Ok { dropped, .. } => {
                let fields = if dropped.len() == 1 { "field" } else { "fields" };
                write!(f, "ok, {} {fields} dropped: {}", dropped.len(), dropped.join(", "))
            }
            Self::Refused(error) => write!(f, "error kind: {}", error.reason()),
            Self::Skipped => f.write_str("skipped: not an operation of this build"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
        }
    }
}

/// Returns the id of the operation, or the method and path if there is none.
#[must_use]
pub fn operation(request: &Request) -> String {
    let path = request.bare_path();
    match routes::find(&request.method, path) {
        Some(types) => types.operation.id.to_owned(),
        None => format!("{} {path}", request.method),
    }
}

/// Replays an exchange. In strict mode, a dropped field is a failure.
#[must_use]
pub fn replay(exchange: &Exchange, strict: bool) -> Verdict {
    let types = routes::find(&exchange.request.method, exchange.request.bare_path());
    let status = match StatusCode::from_u16(exchange.response.status) {
        Ok(status) => status,
        Err(error) => return Verdict::Failed(format!("status {}: {error}", exchange.response.status)),
    };
    if !status.is_success() {
        let error = Error::from_response(status, &headers(&exchange.response), &exchange.response.bytes());
        return Verdict::Refused(Box::new(match types {
            Some(types) => error.with_operation(types.operation),
            None => error,
        }));
    }
    let Some(types) = types else { return Verdict::Skipped };
    if is_page(&exchange.response) && !matches!(types.answer, Answer::Raw) {
        return Verdict::Failed("the answer is a page".to_owned());
    }
    match (write(types, &exchange.request), read(types, &exchange.response)) {
        (Ok(mut loss), Ok(read)) => {
            loss.dropped.extend(read.loss.dropped);
            loss.unknown.extend(read.loss.unknown);
            let Loss { dropped, unknown } = loss;
            match read.first_mismatch.filter(|_| strict) {
                Some(mismatch) => Verdict::Failed(mismatch),
                None if strict && !dropped.is_empty() => {
                    Verdict::Failed(format!("{} dropped", dropped.join(", ")))
                }
                None => Verdict::Ok { dropped, unknown },
            }
        }
        (Err(why), _) => Verdict::Failed(format!("the request can't be said in types: {why}")),
        (_, Err(error)) => Verdict::Failed(format!("the answer can't be read: {error}")),
    }
}

/// Returns whether the response is a page, such as that of a login. The client doesn't take it for a success.
///
/// Some recording programs keep an empty object of a page; it is read as data.
fn is_page(response: &Response) -> bool {
    let is_html = response.header("content-type").is_some_and(|kind| kind.contains("html"));
    is_html && response.body.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn headers(response: &Response) -> HeaderMap {
    response
        .headers
        .iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        })
        .collect()
}

/// The values of a body that the types lose.
#[derive(Default)]
pub(crate) struct Loss {
    /// The paths of fields that they have.
    pub(crate) dropped: Vec<String>,
    /// The paths of fields that they don't have.
    pub(crate) unknown: Vec<String>,
}

impl Loss {
    /// Compares a body with the value that was read from it.
    pub(crate) fn of_reading(sent: &Value, reading: &Reading) -> Self {
        let mismatches = reading.mismatches.iter().map(TypeMismatch::path).collect();
        Self::between(sent, &reading.value, &mismatches, reading.unknown.clone())
    }

    fn between(sent: &Value, kept: &Value, mismatches: &BTreeSet<String>, unknown: Vec<String>) -> Self {
        let within = |path: &str, outer: &String| {
            path.strip_prefix(outer.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
        };
        let dropped = meaning::lost_beside(sent, kept, mismatches)
            .into_iter()
            .filter(|path| !unknown.iter().any(|outer| within(path, outer)))
            .collect();
        Self { dropped, unknown }
    }
}

/// Writes the body by its type.
fn write(types: &Types, request: &Request) -> Result<Loss, String> {
    let Some(body) = body(request)? else { return Ok(Loss::default()) };
    let Some(write) = types.body else {
        // Servers ignore a body that they don't read.
        return Ok(Loss { dropped: Vec::new(), unknown: meaning::lost(&body, &Value::Null) }.of_request());
    };
    let Writing { value, unknown, .. } = through_type(write, &body)?;
    Ok(Loss::between(&body, &value, &BTreeSet::new(), unknown).of_request())
}

impl Loss {
    /// Prefixes the paths with `request`.
    fn of_request(mut self) -> Self {
        for path in self.dropped.iter_mut().chain(&mut self.unknown) {
            *path = path.replacen('$', "request", 1);
        }
        self
    }
}

/// Returns the recorded body as JSON, or `None` if there is none or it isn't data.
fn body(request: &Request) -> Result<Option<Value>, String> {
    let kind = request.content_type.as_deref().unwrap_or("application/json");
    Ok(match &request.body {
        Value::Null => None,
        Value::String(form) if kind.contains("form-urlencoded") => {
            let mut fields = Map::new();
            for (name, value) in form_urlencoded::parse(form.as_bytes()) {
                let value = Value::String(value.into_owned());
                match fields.entry(name) {
                    serde_json::map::Entry::Vacant(place) => drop(place.insert(value)),
                    serde_json::map::Entry::Occupied(mut place) => match place.get_mut() {
                        Value::Array(values) => values.push(value),
                        first => *first = Value::Array(vec![first.take(), value]),
                    },
                }
            }
            Some(Value::Object(fields))
        }
        Value::String(text) if kind.contains("json") => {
            Some(serde_json::from_str(text).map_err(|error| format!("the body is no JSON: {error}"))?)
        }
        // Files and other binary bodies.
        Value::String(_) => None,
        body => Some(body.clone()),
    })
}

/// Writes the body by its type.
///
/// A server accepts a number for a text and vice versa, and a time without a zone. The types don't: such a
/// value is converted to the spelling of its type.
fn through_type(write: WriteBody, body: &Value) -> Result<Writing, String> {
    let mut body = body.clone();
    // By path: why a value wasn't accepted, and the spellings that haven't been tried yet.
    let mut odd: BTreeMap<String, (String, Vec<Value>)> = BTreeMap::new();
    loop {
        let error = match write(&body) {
            Ok(written) => return Ok(written),
            Err(error) => error,
        };
        let Some(value) = pointed_at(&mut body, error.path()) else { return Err(error.to_string()) };
        let (reason, untried) =
            odd.entry(error.path().to_string()).or_insert_with(|| (error.to_string(), spellings(value)));
        match untried.pop() {
            Some(spelling) => *value = spelling,
            None => return Err(reason.clone()),
        }
    }
}

fn pointed_at<'a>(body: &'a mut Value, path: &serde_path_to_error::Path) -> Option<&'a mut Value> {
    use serde_path_to_error::Segment;
    path.iter().try_fold(body, |value, segment| match segment {
        Segment::Seq { index } => value.get_mut(*index),
        Segment::Map { key } => value.get_mut(key),
        Segment::Enum { .. } | Segment::Unknown => None,
    })
}

/// Returns the other spellings of a value that a server accepts as equal. The last one is tried first.
fn spellings(value: &Value) -> Vec<Value> {
    let mut spellings = Vec::new();
    match value {
        Value::Number(number) => {
            // An integer with a fraction of zero.
            spellings.extend(number.as_f64().filter(|number| number.fract() == 0.0).and_then(integer));
            spellings.push(Value::String(number.to_string()));
        }
        Value::Bool(flag) => spellings.push(Value::String(flag.to_string())),
        // A field of a form that is left blank.
        Value::String(text) if text.is_empty() => spellings.push(Value::Null),
        Value::String(text) => {
            // A form field with several values that has only one.
            spellings.push(Value::Array(vec![value.clone()]));
            if let Some(time) = time(text) {
                spellings.push(Value::String(time.date_naive().to_string()));
                spellings.push(Value::String(time.to_rfc3339_opts(SecondsFormat::AutoSi, true)));
            }
            let number = serde_json::from_str(&text.to_lowercase());
            spellings.extend(number.ok().filter(|value: &Value| value.is_number() || value.is_boolean()));
        }
        Value::Null | Value::Array(_) | Value::Object(_) => {}
    }
    spellings
}

fn integer(number: f64) -> Option<Value> {
    format!("{number:.0}").parse::<i64>().ok().map(Value::from)
}

#[derive(Default)]
struct Read {
    loss: Loss,
    first_mismatch: Option<String>,
}

fn read(types: &Types, response: &Response) -> Result<Read, DecodeError> {
    let bytes = response.bytes();
    let blank = bytes.trim_ascii().is_empty();
    let reading = match types.answer {
        Answer::Empty | Answer::Raw => return Ok(Read::default()),
        Answer::Optional(_) if blank => return Ok(Read::default()),
        Answer::Json(read) => read(&bytes)?,
        Answer::Optional(read) => match read(&bytes) {
            Ok(reading) => reading,
            // The call succeeded, but its response can't be read.
            Err(error) => {
                let loss = Loss { dropped: vec!["$".to_owned()], unknown: Vec::new() };
                return Ok(Read { loss, first_mismatch: Some(error.to_string()) });
            }
        },
    };
    let sent: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let loss = Loss::of_reading(&sent, &reading);
    Ok(Read { loss, first_mismatch: reading.mismatches.first().map(ToString::to_string) })
}

/// Verdicts by operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    /// Without any loss.
    pub ok: usize,
    /// With fields that were dropped.
    pub dropped: usize,
    /// Refused by the server.
    pub refused: usize,
    /// Operations that this build doesn't have.
    pub skipped: usize,
    /// Failures.
    pub failed: usize,
    /// The fields that the types don't have.
    pub unknown: usize,
}

impl Total {
    /// Counts a verdict.
    pub fn add(&mut self, verdict: &Verdict) {
        if let Verdict::Ok { unknown, .. } = verdict {
            self.unknown += unknown.len();
        }
        *match verdict {
            Verdict::Ok { dropped, .. } if dropped.is_empty() => &mut self.ok,
            Verdict::Ok { .. } => &mut self.dropped,
            Verdict::Refused(_) => &mut self.refused,
            Verdict::Skipped => &mut self.skipped,
            Verdict::Failed(_) => &mut self.failed,
        } += 1;
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ok, dropped, refused, skipped, failed, unknown } = self;
        write!(
            f,
            "{ok} ok, {dropped} with dropped fields, {refused} errors, {skipped} skipped, {failed} FAILED, \
             {unknown} unknown fields"
        )
    }
}
