//! Recordings without personal details.
//!
//! What is kept is listed; everything else is replaced. Kept are the shape of a body, the names of fields
//! that the schema or a newer server declares, booleans, "" and null, the values of enums of states and
//! types, and the version of the server. A replacement has the form of the original: a UUID, a time, a
//! number, an address or a text. The same original has the same replacement everywhere in a recording.

mod headers;
mod scalars;
mod urls;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Number, Value};
use uuid::Uuid;
use waldur_api_client::exchanges::{Answer, MODELS, PATHS, Reading};

use crate::recording::{Exchange, Request, Response};
use crate::routes;
use crate::seen::Seen;

/// The last words of the names of fields whose enum values are kept. Other enums can be personal, such as
/// nationalities.
const KEPT_ENUMS: [&str; 12] = [
    "action", "basis", "kind", "level", "mode", "period", "policy", "state", "status", "type", "unit",
    "units",
];

/// Replaces personal details, consistently over many exchanges.
#[derive(Debug)]
pub struct Anonymizer {
    /// The URL of the server.
    server: String,
    /// The names of fields that the schema declares.
    fields: HashSet<&'static str>,
    /// The segments of paths that the schema declares.
    segments: HashSet<&'static str>,
    /// The names of fields that only newer servers have, and that were kept.
    new_fields: HashSet<String>,
    uuids: HashMap<Uuid, Uuid>,
    texts: HashMap<String, String>,
}

/// The paths of a body that are known by its type.
#[derive(Debug, Default)]
struct Notes {
    known_values: HashSet<String>,
    unknown_values: HashSet<String>,
    unknown_fields: HashSet<String>,
}

impl Notes {
    fn of(exchange: &Seen) -> Self {
        let path = exchange.path.split('?').next().unwrap_or_default();
        let types = routes::find(exchange.method.as_str(), path);
        let reading = types.filter(|_| exchange.status.is_success()).and_then(|types| match types.answer {
            Answer::Json(read) | Answer::Optional(read) => read(&exchange.body).ok(),
            Answer::Empty | Answer::Raw => None,
        });
        let Reading { known_values, unknown_values, unknown, .. } = reading.unwrap_or_default();
        Self {
            known_values: known_values.into_iter().collect(),
            unknown_values: unknown_values.into_iter().collect(),
            unknown_fields: unknown.into_iter().collect(),
        }
    }
}

impl Anonymizer {
    /// Returns an anonymizer of exchanges with the server at `url`. The names `asked` are kept in queries.
    #[must_use]
    pub fn new(url: &str, asked: &[&'static str]) -> Self {
        Self {
            server: url.to_owned(),
            fields: MODELS.iter().flat_map(|model| model.fields).chain(asked).copied().collect(),
            segments: PATHS.iter().flat_map(|path| path.split('/')).filter(|one| is_literal(one)).collect(),
            new_fields: HashSet::new(),
            uuids: HashMap::new(),
            texts: HashMap::new(),
        }
    }

    /// Learns the names of the fields that only newer servers have. They are also kept in the values of other
    /// such fields, so learn the names of all exchanges before the details of the first.
    pub fn learn_names(&mut self, seen: &Seen) {
        if let Ok(body) = serde_json::from_slice(&seen.body) {
            self.names(&body, "$", &Notes::of(seen));
        }
    }

    fn names(&mut self, value: &Value, path: &str, notes: &Notes) {
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| self.names(item, &format!("{path}[{index}]"), notes)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = format!("{path}.{name}");
                    match notes.unknown_fields.contains(&path) {
                        true if self.is_identifier(name) => drop(self.new_fields.insert(name.clone())),
                        true => {}
                        false => self.names(value, &path, notes),
                    }
                }
            }
            _ => {}
        }
    }

    /// Learns the details of an exchange. A word that is a detail anywhere is not kept as an unknown value or
    /// the name of an unknown field, so learn all exchanges before the first is written.
    pub fn learn(&mut self, seen: &Seen) {
        let _ = self.exchange("", seen);
    }

    /// Returns the exchange with its details replaced.
    pub fn exchange(&mut self, name: &str, seen: &Seen) -> Exchange {
        let notes = Notes::of(seen);
        let mut headers: BTreeMap<String, String> = headers::kept(seen);
        if let Some(link) = seen.header("link") {
            headers.insert("link".to_owned(), self.links(link));
        }
        let is_version = seen.path == "/api/version/";
        let body = match serde_json::from_slice::<Value>(&seen.body) {
            _ if seen.body.trim_ascii().is_empty() => Value::Null,
            Ok(body) if seen.is_json() => match version(&body).filter(|_| is_version) {
                Some(version) => serde_json::json!({ "version": version }),
                None => self.value(&body, "$", &notes, false),
            },
            _ if seen.is_json() => {
                headers.insert("content-type".to_owned(), "text/plain".to_owned());
                "replaced".into()
            }
            _ => "<html></html>".into(),
        };
        Exchange {
            name: name.to_owned(),
            request: Request {
                method: seen.method.to_string(),
                path: self.path_and_query(&seen.path),
                content_type: None,
                body: Value::Null,
            },
            response: Response { status: seen.status.as_u16(), headers, body },
        }
    }

    /// Returns whether the word can be shown: it has the form of a word of a server's vocabulary, which keys
    /// and tokens don't have, and isn't a detail that was replaced somewhere.
    #[must_use]
    pub fn may_show(&self, word: &str) -> bool {
        let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.len() <= 40
            && word.chars().filter(char::is_ascii_digit).count() <= 4
            && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.'));
        is_word && !self.texts.contains_key(word)
    }

    /// Returns a path without the keys of free objects, which can be anything. Names of new fields are those
    /// of the exchanges that were learnt.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        // A key can hold dots and brackets, so a step can be a part of one.
        let steps = path.split('.').map(|step| {
            let (name, index) = step.find('[').map_or((step, ""), |at| step.split_at(at));
            let is_new = self.new_fields.contains(name) && self.may_show(name);
            let is_shown = name == "$" || self.fields.contains(name) || is_new;
            let is_index = index.chars().all(|c| matches!(c, '[' | ']') || c.is_ascii_digit());
            format!("{}{}", if is_shown { name } else { "*" }, if is_index { index } else { "" })
        });
        steps.collect::<Vec<_>>().join(".")
    }

    /// Returns whether the text can be the name of a field of a newer server.
    fn is_identifier(&self, name: &str) -> bool {
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') && self.may_show(name)
    }

    /// Returns the value without details. `is_new` says whether it is inside of a field of a newer server.
    fn value(&mut self, value: &Value, path: &str, notes: &Notes, is_new: bool) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => {
                let number: Option<Number> = scalars::number(&number.to_string()).parse().ok();
                number.map_or(Value::from(1), Value::Number)
            }
            Value::String(text) if self.keeps(text, path, notes) => value.clone(),
            // It is not learnt as a detail: elsewhere it can be a word of the server's vocabulary.
            Value::String(_) if notes.unknown_values.contains(path) && is_kept_enum(path) => {
                "an unknown value".into()
            }
            Value::String(text) => self.text(text).into(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.value(item, &format!("{path}[{index}]"), notes, is_new))
                .collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| {
                    let path = format!("{path}.{name}");
                    let is_unknown = notes.unknown_fields.contains(&path);
                    let value = self.value(value, &path, notes, is_new || is_unknown);
                    let is_named = is_unknown || is_new && self.new_fields.contains(name);
                    let is_named = is_named && self.is_identifier(name);
                    if is_named {
                        self.new_fields.insert(name.clone());
                    }
                    let is_kept = is_named || self.fields.contains(name.as_str());
                    (if is_kept { name.clone() } else { self.text(name) }, value)
                });
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// Returns whether a text of an enum is kept.
    fn keeps(&self, text: &str, path: &str, notes: &Notes) -> bool {
        is_kept_enum(path)
            && (notes.known_values.contains(path)
                || notes.unknown_values.contains(path) && self.may_show(text))
    }
}

fn is_literal(segment: &str) -> bool {
    !segment.is_empty() && !segment.contains('{')
}

fn is_kept_enum(path: &str) -> bool {
    let field = path.rsplit('.').next().unwrap_or_default();
    let field = field.split('[').next().unwrap_or_default();
    KEPT_ENUMS.contains(&field.rsplit('_').next().unwrap_or_default())
}

/// Returns the version in the response to `/api/version/`, if it has the form of one.
pub(crate) fn version(body: &Value) -> Option<&str> {
    let text = body.get("version")?.as_str()?;
    let fits = text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    fits.then_some(text)
}

#[cfg(test)]
mod tests;
