//! The server's refusals of invalid bodies.

use serde_json::{Map, Value, json};

use crate::judge::schema::{Bounds, Object, Schema, Shape, Text};
use crate::wire::{parse_time, parse_uuid, python_type};

impl Schema {
    /// Returns the server's messages about an invalid body; `None` if it is valid.
    pub(crate) fn refusal(&self, value: &Value, partial: bool) -> Option<Value> {
        let message = |text: String| Some(json!([text]));
        if value.is_null() {
            return if self.allows_null() { None } else { message("This field may not be null.".to_owned()) };
        }
        let schema = self.resolved();
        if !schema.values.is_empty() && !schema.values.contains(value) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return message(format!("\"{text}\" is not a valid choice."));
        }
        match (&schema.shape, value) {
            (Shape::Boolean, Value::Bool(_)) | (Shape::Any, _) => None,
            (Shape::Boolean, _) => message("Must be a valid boolean.".to_owned()),
            (Shape::Integer(bounds), _) => match number(value) {
                Some(number) if number.fract() == 0.0 => bounds.refusal(number).and_then(message),
                _ => message("A valid integer is required.".to_owned()),
            },
            (Shape::Number(bounds), _) => match number(value) {
                Some(number) => bounds.refusal(number).and_then(message),
                None => message("A valid number is required.".to_owned()),
            },
            (Shape::Text(text), Value::String(value)) => text.refusal(value).and_then(message),
            (Shape::Text(text), Value::Number(value)) => text.refusal(&value.to_string()).and_then(message),
            (Shape::Text(_), _) => message("Not a valid string.".to_owned()),
            (Shape::List { items, .. }, Value::Array(values)) => {
                let errors: Vec<Value> = values
                    .iter()
                    .map(|value| items.refusal(value, false).unwrap_or_else(|| json!({})))
                    .collect();
                errors.iter().any(|error| *error != json!({})).then_some(Value::Array(errors))
            }
            (Shape::List { .. }, _) => {
                let kind = python_type(value);
                message(format!("Expected a list of items but got type \"{kind}\"."))
            }
            (Shape::Object(object), Value::Object(map)) => object.refusal(map, partial),
            (Shape::Object(_), _) => {
                let kind = python_type(value);
                Some(json!({
                    "non_field_errors": [format!("Invalid data. Expected a dictionary, but got {kind}.")],
                }))
            }
            (Shape::Choice(choices), _) => {
                let errors: Vec<_> = choices.iter().map(|choice| choice.refusal(value, partial)).collect();
                if errors.iter().any(Option::is_none) { None } else { errors.into_iter().flatten().next() }
            }
            (Shape::Ref(_), _) => None,
        }
    }
}

impl Bounds {
    pub(super) fn refusal(&self, value: f64) -> Option<String> {
        if let Some(least) = self.least.filter(|least| value < *least) {
            return Some(format!("Ensure this value is greater than or equal to {least}."));
        }
        let most = self.most.filter(|most| value > *most)?;
        Some(format!("Ensure this value is less than or equal to {most}."))
    }
}

impl Text {
    fn refusal(&self, text: &str) -> Option<String> {
        let count = text.chars().count();
        if text.trim().is_empty() && self.shortest > 0 {
            return Some("This field may not be blank.".to_owned());
        }
        if let Some(longest) = self.longest.filter(|longest| count > *longest) {
            return Some(format!("Ensure this field has no more than {longest} characters."));
        }
        if text.is_empty() {
            return None;
        }
        match self.format.as_str() {
            "binary" => Some("The submitted data was not a file.".to_owned()),
            "uuid" if parse_uuid(text).is_none() => Some("Must be a valid UUID.".to_owned()),
            "date-time" if parse_time(text).is_none() => {
                Some("Datetime has wrong format. Use an ISO 8601 time.".to_owned())
            }
            "date" if chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_err() => {
                Some("Date has wrong format. Use one of these formats instead: YYYY-MM-DD.".to_owned())
            }
            "decimal" if text.parse::<f64>().is_err() => Some("A valid number is required.".to_owned()),
            "email" if !text.contains('@') => Some("Enter a valid email address.".to_owned()),
            "decimal" => None,
            _ => {
                let wrong = self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text));
                wrong.then(|| "Enter a valid value.".to_owned())
            }
        }
    }
}

impl Object {
    fn refusal(&self, map: &Map<String, Value>, partial: bool) -> Option<Value> {
        let mut errors = Map::new();
        for (name, schema, required) in &self.properties {
            let error = match map.get(name) {
                Some(value) => schema.refusal(value, partial),
                None if *required && !partial => Some(json!(["This field is required."])),
                None => None,
            };
            if let Some(error) = error {
                errors.insert(name.clone(), error);
            }
        }
        if errors.is_empty() { None } else { Some(Value::Object(errors)) }
    }
}

pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
