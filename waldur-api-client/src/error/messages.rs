//! The messages in the body of a refusal.

use std::fmt;

use serde_json::Value;

/// How many messages `Display` shows.
const SHOWN: usize = 5;

/// A message of the server, with the field that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The path of the field in the request, such as `usages[0].amount`; empty for a message about the whole
    /// request.
    pub path: String,
    /// The text, in the language of the user. Programs should not compare it.
    pub text: String,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.text)
    }
}

/// The messages of the server, in the order of the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages(Vec<Message>);

impl Messages {
    /// Parses the body of an error response. A body that isn't JSON, such as an HTML page, has no messages.
    ///
    /// Servers send `{"detail": …}`, `{"non_field_errors": […]}`, an array, or an object of fields that is
    /// nested like the request. The keys `detail` and `non_field_errors` are not part of paths.
    #[must_use]
    pub fn parse(body: &[u8]) -> Self {
        let mut messages = Self::default();
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            messages.collect(&value, "");
        }
        messages
    }

    pub(crate) fn of(text: impl Into<String>) -> Self {
        let mut messages = Self::default();
        messages.add(text);
        messages
    }

    /// Adds a message about the whole request, unless it is empty.
    pub(crate) fn add(&mut self, text: impl Into<String>) {
        self.push("", text.into());
    }

    pub(super) fn push(&mut self, path: &str, text: String) {
        if !text.is_empty() {
            self.0.push(Message { path: path.to_owned(), text });
        }
    }

    fn collect(&mut self, value: &Value, path: &str) {
        match value {
            Value::Null => {}
            Value::String(text) => self.push(path, text.clone()),
            Value::Bool(_) | Value::Number(_) => self.push(path, value.to_string()),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    match item {
                        Value::Object(_) => self.collect(item, &format!("{path}[{index}]")),
                        _ => self.collect(item, path),
                    }
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    match (name.as_str(), path) {
                        ("detail" | "non_field_errors", _) => self.collect(field, path),
                        (_, "") => self.collect(field, name),
                        _ => self.collect(field, &format!("{path}.{name}")),
                    }
                }
            }
        }
    }

    /// Returns an iterator over the messages.
    pub fn iter(&self) -> std::slice::Iter<'_, Message> {
        self.0.iter()
    }

    /// Returns the texts about the field at `path`, such as `usages[0].amount`; "" for those about the whole
    /// request.
    pub fn about<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |message| message.path == path).map(|message| message.text.as_str())
    }

    /// Returns the number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no messages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Messages {
    type Item = &'a Message;
    type IntoIter = std::slice::Iter<'a, Message>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Formats the first five messages, and the number of further ones.
impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, message) in self.iter().take(SHOWN).enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{message}")?;
        }
        match self.len().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(hidden) => write!(f, "; and {hidden} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Vec<String> {
        Messages::parse(body.as_bytes()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn messages_have_paths() {
        assert_eq!(texts(r#"{"detail":"Invalid page."}"#), ["Invalid page."]);
        assert_eq!(texts(r#"["a","b"]"#), ["a", "b"]);
        assert_eq!(texts(r#"{"state":["no"]}"#), ["state: no"]);
        assert_eq!(texts(r#"{"non_field_errors":["no"]}"#), ["no"]);
        assert_eq!(texts(r#"{"usages":[{"amount":["no"]},{}]}"#), ["usages[0].amount: no"]);
        assert_eq!(texts(r#"[{"a":["x"]},{"a":{"non_field_errors":["y"]}}]"#), ["[0].a: x", "[1].a: y"]);
        assert_eq!(texts(r#""no""#), ["no"]);
        assert_eq!(texts(r#"{"a":null,"b":true,"c":""}"#), ["b: true"]);
    }

    #[test]
    fn pages_have_no_messages() {
        for body in ["<!doctype html><h1>Bad gateway</h1>", "", "{", "\u{feff}{}"] {
            assert!(Messages::parse(body.as_bytes()).is_empty(), "{body}");
        }
    }

    #[test]
    fn messages_are_found_by_path() {
        let messages = Messages::parse(br#"{"usages":[{},{"amount":["a","b"]}],"detail":"c"}"#);
        assert_eq!(messages.about("usages[1].amount").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(messages.about("").collect::<Vec<_>>(), ["c"]);
        assert_eq!(messages.about("usages").count(), 0);
    }

    #[test]
    fn only_the_first_are_shown() {
        let body = format!("[{}]", ["\"x\""; 7].join(","));
        assert_eq!(Messages::parse(body.as_bytes()).to_string(), "x; x; x; x; x; and 2 more");
    }
}
