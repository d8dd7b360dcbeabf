//! Validation of a body's fields, so that one response names all problems.

use serde_json::{Map, Value, json};

use crate::protocol::answer::{Answer, invalid};
use crate::wire::python_type;

/// Collects the problems of an object's fields, so that one response names all of them.
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

    /// Returns an optional text. Numbers count as texts; null, objects and lists are refused.
    pub(crate) fn text(&mut self, data: &Map<String, Value>, name: &str) -> Option<String> {
        match data.get(name)? {
            Value::String(text) => return Some(text.trim().to_owned()),
            Value::Number(number) => return Some(number.to_string()),
            Value::Null => self.refuse(name, NOT_NULL),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => self.refuse(name, "Not a valid string."),
        }
        None
    }

    /// Returns a required text.
    pub(crate) fn required_text(&mut self, data: &Map<String, Value>, name: &str) -> Option<String> {
        if !data.contains_key(name) {
            self.refuse(name, REQUIRED);
        }
        self.text(data, name)
    }

    /// Returns a required text that isn't empty.
    pub(crate) fn filled_text(&mut self, data: &Map<String, Value>, name: &str) -> Option<String> {
        let text = self.required_text(data, name)?;
        if text.is_empty() {
            self.refuse(name, NOT_BLANK);
            return None;
        }
        Some(text)
    }

    /// Returns the valid items of a required list; refuses the others.
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

    /// Returns the problem of an item that isn't an object.
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
