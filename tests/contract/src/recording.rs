//! Recordings: JSON lines, an exchange each.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A request and its answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Exchange {
    /// What the exchange is called.
    #[serde(default)]
    pub name: String,
    /// What was sent.
    pub request: Request,
    /// What came back.
    pub response: Response,
}

/// What was sent.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path from the root of the server, with the query; a whole URL is fine too.
    pub path: String,
    /// The media type of the body.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The body: as JSON, or a text where it is something else.
    #[serde(default)]
    pub body: Value,
}

/// What came back.
#[derive(Clone, Debug, Deserialize)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: as JSON, or a text where it is something else.
    #[serde(default)]
    pub body: Value,
}

impl Request {
    /// The path alone, without scheme, host and query.
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
    /// The value of a header, whose name may be written in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as it came over the wire; empty for none.
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
/// Programs that record write what isn't a number as `NaN` or `Infinity`, which is no JSON; here it is null.
///
/// # Errors
/// What is no JSON, or no exchange.
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
    fn what_is_no_number_is_null_and_texts_are_left_alone() {
        let line = r#"{"a": NaN, "b": "NaN \" Infinity", "c": [-Infinity, Infinity]}"#;
        assert_eq!(without_nan(line), r#"{"a": null, "b": "NaN \" Infinity", "c": [null, null]}"#);
    }

    #[test]
    fn paths_are_bare() {
        for path in ["/api/users/?page=1", "https://w.example.org/api/users/?page=1", "/api/users/#x"] {
            let request =
                Request { method: "GET".into(), path: path.into(), content_type: None, body: Value::Null };
            assert_eq!(request.bare_path(), "/api/users/");
        }
    }

    #[test]
    fn bodies_are_bytes_by_their_media_type() {
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
