//! Recordings: JSON lines, one exchange per line.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request and its response.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Exchange {
    /// The name of the exchange.
    #[serde(default)]
    pub name: String,
    /// The request.
    pub request: Request,
    /// The response.
    pub response: Response,
}

/// A recorded request.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path from the root of the server, with the query; or a whole URL.
    pub path: String,
    /// The media type of the body.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The body: as JSON, or as text if it isn't JSON.
    #[serde(default)]
    pub body: Value,
}

/// A recorded response.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: as JSON, or as text if it isn't JSON.
    #[serde(default)]
    pub body: Value,
}

impl Request {
    /// Returns the path without scheme, host and query.
    #[must_use]
    pub fn bare_path(&self) -> &str {
        let path = self.path.split(['?', '#']).next().unwrap_or_default();
        match path.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => path,
        }
    }
}

impl Response {
    /// Returns the value of a header. The case of the name doesn't matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the body as sent; empty if there is none.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let is_json = self.header("content-type").is_none_or(|kind| kind.contains("json"));
        match &self.body {
            Value::Null => Vec::new(),
            Value::String(text) if !is_json => text.clone().into_bytes(),
            json => json.to_string().into_bytes(),
        }
    }
}

/// Reads a line of a recording.
///
/// `NaN` and `Infinity`, which some recording programs write, are read as null.
///
/// # Errors
/// If the line isn't JSON, or isn't an exchange.
pub fn parse(line: &str) -> Result<Exchange, serde_json::Error> {
    serde_json::from_str(&without_nan(line))
}

fn without_nan(line: &str) -> Cow<'_, str> {
    const WORDS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];
    if !WORDS.iter().any(|word| line.contains(word)) {
        return line.into();
    }
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    let mut in_text = false;
    while let Some(next) = rest.chars().next() {
        if !in_text && let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
            kept.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        let mut length = next.len_utf8();
        match next {
            '"' => in_text = !in_text,
            '\\' => length += rest[length..].chars().next().map_or(0, char::len_utf8),
            _ => {}
        }
        kept.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_no_number_are_null_and_texts_are_kept() {
        let line = r#"{"a": NaN, "b": "NaN \" Infinity", "c": [-Infinity, Infinity]}"#;
        assert_eq!(without_nan(line), r#"{"a": null, "b": "NaN \" Infinity", "c": [null, null]}"#);
    }

    #[test]
    fn paths_have_no_host_and_query() {
        for path in ["/api/users/?page=1", "https://w.example.org/api/users/?page=1", "/api/users/#x"] {
            let request =
                Request { method: "GET".into(), path: path.into(), content_type: None, body: Value::Null };
            assert_eq!(request.bare_path(), "/api/users/");
        }
    }

    #[test]
    fn bodies_are_encoded_by_their_media_type() {
        let line = |kind: &str, body: &str| {
            parse(&format!(
                r#"{{"request": {{"method": "GET", "path": "/"}}, "response": {{"status": 200, "headers": {{"Content-Type": "{kind}"}}, "body": {body}}}}}"#
            ))
            .unwrap()
            .response
        };
        assert_eq!(line("text/html", r#""<p>""#).bytes(), b"<p>");
        assert_eq!(line("application/json", r#""x""#).bytes(), b"\"x\"");
        assert_eq!(line("application/json", "null").bytes(), b"");
        assert_eq!(line("application/json", "[1]").bytes(), b"[1]");
    }
}
