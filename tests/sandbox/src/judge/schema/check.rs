//! Validation of values.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::judge::schema::{Bounds, Object, Schema, Shape, Text};
use crate::judge::{Finding, Party, Wrong, deviations, pin};
use crate::wire::{parse_time, parse_uuid};

/// A place in a value, linked to the enclosing places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Name(&'a str),
    Item(usize),
    /// Into a named schema; the place in the value stays the same.
    Schema(&'static str),
}

impl<'a> At<'a> {
    pub(crate) const ROOT: Self = At { parent: None, step: Step::Root };

    fn then(&'a self, step: Step<'a>) -> Self {
        At { parent: Some(self), step }
    }

    fn text(&self) -> String {
        let before = self.parent.map_or_else(String::new, At::text);
        match self.step {
            Step::Root => "$".to_owned(),
            Step::Name(name) => format!("{before}.{name}"),
            Step::Item(number) => format!("{before}[{number}]"),
            Step::Schema(_) => before,
        }
    }

    /// Returns the nearest named schema, and its property that contains this place.
    fn place(&self) -> Option<(&'static str, &str)> {
        let mut property = "";
        let mut here = Some(self);
        while let Some(at) = here {
            match at.step {
                Step::Name(name) => property = name,
                Step::Schema(name) => return Some((name, property)),
                Step::Item(_) | Step::Root => {}
            }
            here = at.parent;
        }
        None
    }
}

/// Collects problems, except known deviations of the real server.
pub(crate) struct Judge<'a> {
    party: Party,
    /// Tells whether a property was selected; `None` if all were.
    chosen: Option<&'a dyn Fn(&str) -> bool>,
    pub(crate) findings: Vec<Finding>,
}

impl<'a> Judge<'a> {
    pub(crate) fn of_request() -> Self {
        Self { party: Party::Program, chosen: None, findings: Vec::new() }
    }

    pub(crate) fn of_answer(chosen: Option<&'a dyn Fn(&str) -> bool>) -> Self {
        Self { party: Party::Sandbox, chosen, findings: Vec::new() }
    }

    fn find(&mut self, at: &At<'_>, wrong: Wrong, what: impl FnOnce() -> String) {
        if self.party == Party::Sandbox
            && let Some((schema, property)) = at.place()
        {
            // Only selected properties are required.
            let missed = wrong == Wrong::Absent && self.chosen.is_some_and(|chosen| !chosen(property));
            if missed || deviations::known(schema, property, wrong) {
                return;
            }
        }
        self.findings.push(Finding { at: at.text(), what: what() });
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl Schema {
    /// Adds the problems of a value.
    pub(crate) fn check(&self, value: &Value, at: &At<'_>, judge: &mut Judge<'_>) {
        if value.is_null() {
            if !self.allows_null() {
                judge.find(at, Wrong::Null, || "null is not allowed".to_owned());
            }
            return;
        }
        if !self.values.is_empty() && !self.values.contains(value) {
            judge.find(at, Wrong::Value, || format!("{value} is not one of the values allowed"));
            return;
        }
        let expected = match (&self.shape, value) {
            (Shape::Any, _) | (Shape::Boolean, Value::Bool(_)) => return,
            (Shape::Ref(name), _) => {
                if let Some(schema) = pin::schema(name) {
                    schema.check(value, &at.then(Step::Schema(name)), judge);
                }
                return;
            }
            (Shape::Choice(choices), _) => {
                let party = judge.party;
                let fits = |choice: &Schema| {
                    let mut trial = Judge { party, chosen: None, findings: Vec::new() };
                    choice.check(value, at, &mut trial);
                    trial.findings.is_empty()
                };
                match choices.as_slice() {
                    [only] => only.check(value, at, judge),
                    _ if choices.iter().any(fits) => {}
                    _ => judge.find(at, Wrong::Value, || format!("{value} fits none of the choices")),
                }
                return;
            }
            (Shape::Integer(bounds), Value::Number(number)) if !number.is_f64() => {
                return bounds.check(number.as_f64(), at, judge);
            }
            (Shape::Number(bounds), Value::Number(number)) => {
                return bounds.check(number.as_f64(), at, judge);
            }
            (Shape::Text(text), Value::String(value)) => {
                if let Some(what) = text.wrong(value, judge.party) {
                    judge.find(at, Wrong::Value, || what);
                }
                return;
            }
            (Shape::List { items, least }, Value::Array(values)) => {
                if values.len() < *least {
                    judge.find(at, Wrong::Value, || format!("fewer than {least} items"));
                }
                for (number, value) in values.iter().enumerate() {
                    items.check(value, &at.then(Step::Item(number)), judge);
                }
                return;
            }
            (Shape::Object(object), Value::Object(map)) => return object.check(map, at, judge),
            (Shape::Boolean, _) => "a boolean",
            (Shape::Integer(_), _) => "an integer",
            (Shape::Number(_), _) => "a number",
            (Shape::Text(_), _) => "a string",
            (Shape::List { .. }, _) => "a list",
            (Shape::Object(_), _) => "an object",
        };
        judge.find(at, Wrong::Kind, || format!("{} instead of {expected}", kind(value)));
    }

    /// Returns the problem of a value given as text, as in a query.
    pub(crate) fn check_text(&self, text: &str) -> Option<String> {
        let schema = self.resolved();
        if !schema.values.is_empty() {
            let known = schema.values.iter().any(|value| match value {
                Value::String(known) => known == text,
                other => serde_json::from_str::<Value>(text).is_ok_and(|value| value == *other),
            });
            return (!known).then(|| format!("\"{text}\" is not one of the values allowed"));
        }
        match &schema.shape {
            Shape::Boolean if !matches!(text, "true" | "false") => {
                Some(format!("\"{text}\" is not a boolean"))
            }
            Shape::Integer(_) if text.parse::<i64>().is_err() => {
                Some(format!("\"{text}\" is not an integer"))
            }
            Shape::Number(_) if text.parse::<f64>().is_err() => Some(format!("\"{text}\" is not a number")),
            Shape::Text(rules) => rules.wrong(text, Party::Program),
            Shape::Choice(choices) => {
                let mut wrong = choices.iter().map(|choice| choice.check_text(text));
                if wrong.all(|wrong| wrong.is_some()) {
                    Some(format!("\"{text}\" fits no choice"))
                } else {
                    None
                }
            }
            _ => None,
        }
    }
}

impl Bounds {
    fn check(&self, value: Option<f64>, at: &At<'_>, judge: &mut Judge<'_>) {
        if let Some(what) = value.and_then(|value| self.refusal(value)) {
            judge.find(at, Wrong::Value, || what);
        }
    }
}

impl Text {
    /// Returns the problem of a text. In responses, "" stands for an absent value of any format.
    fn wrong(&self, text: &str, party: Party) -> Option<String> {
        if text.is_empty() && party == Party::Sandbox {
            return None;
        }
        let count = text.chars().count();
        if count < self.shortest {
            return Some(format!("shorter than {}", self.shortest));
        }
        if let Some(longest) = self.longest.filter(|longest| count > *longest) {
            return Some(format!("longer than {longest}"));
        }
        let good = match self.format.as_str() {
            "uuid" => parse_uuid(text).is_some(),
            "date-time" => text.len() > 10 && parse_time(text).is_some(),
            "date" => chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
            "uri" => text.is_empty() || text.contains("://"),
            "email" => text.is_empty() || text.contains('@'),
            "binary" => false,
            "decimal" => {
                text.parse::<rust_decimal::Decimal>().is_ok()
                    || rust_decimal::Decimal::from_scientific(text).is_ok()
            }
            _ => true,
        };
        if !good {
            return Some(format!("\"{text}\" is not a valid {}", self.format));
        }
        // Decimals in responses have the database's form, such as 0E-10.
        let matched =
            party == Party::Sandbox || self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
        if matched { None } else { Some(format!("\"{text}\" doesn't match the pattern")) }
    }
}

impl Object {
    /// Adds the problems of an object. Properties and keys are both sorted, so one pass over both suffices.
    fn check(&self, map: &Map<String, Value>, at: &At<'_>, judge: &mut Judge<'_>) {
        let mut rest = self.properties.as_slice();
        let missing = |(name, schema, required): &(String, Schema, bool), judge: &mut Judge<'_>| {
            if *required && !(schema.write_only && judge.party == Party::Sandbox) {
                let here = at.then(Step::Name(name));
                judge.find(&here, Wrong::Absent, || "a required property is missing".to_owned());
            }
        };
        for (name, value) in map {
            let here = at.then(Step::Name(name));
            let mut found = None;
            while let Some((first, others)) = rest.split_first() {
                match first.0.cmp(name) {
                    Ordering::Less => missing(first, judge),
                    Ordering::Equal => found = Some(&first.1),
                    Ordering::Greater => break,
                }
                rest = others;
                if found.is_some() {
                    break;
                }
            }
            match (found, &self.others) {
                (Some(schema), _) => schema.check(value, &here, judge),
                (None, Some(others)) => others.check(value, &here, judge),
                (None, None) => {
                    judge.find(&here, Wrong::Extra, || "the schema has no such property".to_owned());
                }
            }
        }
        rest.iter().for_each(|property| missing(property, judge));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(schema: Value, value: Value) -> Vec<String> {
        let mut judge = Judge::of_request();
        Schema::parse(&schema, "").check(&value, &At::ROOT, &mut judge);
        judge.findings.into_iter().map(|finding| finding.at).collect()
    }

    #[test]
    fn values_are_validated() {
        let text = json!({"type": "string", "minLength": 1, "maxLength": 3});
        for (schema, good, bad) in [
            (text, json!("abc"), [json!(""), json!("abcd"), json!(1), json!(null)]),
            (
                json!({"type": "integer", "minimum": 1, "maximum": 5}),
                json!(5),
                [json!(0), json!(6), json!(1.5), json!("1")],
            ),
            (
                json!({"type": "string", "format": "decimal", "pattern": "^-?\\d{0,3}(?:\\.\\d{0,2})?$"}),
                json!("-123.45"),
                [json!("1234"), json!("1.234"), json!("x"), json!(1.5)],
            ),
            (
                json!({"type": "string", "pattern": "^[-a-z0-9_]+$"}),
                json!("a-b_1"),
                [json!("A"), json!("a b"), json!("ä"), json!("")],
            ),
            (
                json!({"type": "string", "format": "date-time"}),
                json!("2024-01-01T00:00:00Z"),
                [json!("2024-01-01"), json!("soon"), json!(1), json!("")],
            ),
            (
                json!({"oneOf": [{"enum": ["a"]}, {"enum": [""]}]}),
                json!(""),
                [json!("b"), json!(null), json!(1), json!([])],
            ),
            (
                json!({"type": "array", "items": {"type": "boolean"}}),
                json!([true]),
                [json!([1]), json!({}), json!("true"), json!(null)],
            ),
        ] {
            assert!(wrong(schema.clone(), good.clone()).is_empty(), "{schema} {good}");
            for bad in bad {
                assert!(!wrong(schema.clone(), bad.clone()).is_empty(), "{schema} {bad}");
            }
        }
        assert!(wrong(json!({"type": "string", "nullable": true}), json!(null)).is_empty());
    }

    #[test]
    fn objects_are_validated() {
        let schema = json!({
            "type": "object",
            "properties": {"a": {"type": "integer"}, "c": {"type": "integer"}, "e": {"type": "integer"}},
            "required": ["a", "e"],
        });
        assert!(wrong(schema.clone(), json!({"a": 1, "c": 2, "e": 3})).is_empty());
        assert_eq!(
            wrong(schema.clone(), json!({"b": 1, "c": "x", "d": 1})),
            ["$.a", "$.b", "$.c", "$.d", "$.e"]
        );
        assert_eq!(wrong(schema, json!({"a": 1, "z": 1})), ["$.e", "$.z"]);
        let open = json!({"type": "object", "additionalProperties": {"type": "integer"}});
        assert_eq!(wrong(open, json!({"x": 1, "y": "2"})), ["$.y"]);
    }

    #[test]
    fn fillers_are_valid() {
        for name in ["Resource", "OrderDetails", "User", "RobotAccountDetails", "AgentService", "ProjectUser"]
        {
            let object = pin::schema(name).unwrap().object().unwrap();
            for (property, schema, _) in &object.properties {
                if let Some(filler) = schema.filler() {
                    let mut judge = Judge::of_answer(None);
                    schema.check(filler, &At::ROOT, &mut judge);
                    assert!(judge.findings.is_empty(), "{name}.{property}: {filler}");
                }
            }
        }
    }
}
