//! What a JSON value has to be: the part of JSON Schema that the pin uses.

use std::cmp::Ordering;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::{Finding, Side, Wrong, drifts, pin};
use crate::call::{parse_time, parse_uuid};

#[derive(Debug)]
pub(crate) enum Shape {
    Any,
    Boolean,
    Integer(Bounds),
    Number(Bounds),
    Text(Text),
    List {
        items: Box<Schema>,
        least: usize,
    },
    Object(Object),
    /// A schema with a name.
    Ref(&'static str),
    /// One of several.
    Choice(Vec<Schema>),
}

#[derive(Debug, Default)]
pub(crate) struct Bounds {
    least: Option<f64>,
    most: Option<f64>,
}

#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) format: String,
    shortest: usize,
    longest: Option<usize>,
    pattern: Option<Pattern>,
}

/// The patterns that can be told without an engine for regular expressions; the rest isn't checked.
#[derive(Debug)]
enum Pattern {
    /// Digits before the point and after it.
    Decimal(usize, usize),
    /// One or more characters of a class.
    Class(Vec<(char, char)>),
}

#[derive(Debug, Default)]
pub(crate) struct Object {
    pub(crate) properties: Vec<(String, Schema, bool)>,
    /// What other properties have to be; `None` allows none.
    others: Option<Box<Schema>>,
}

#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) shape: Shape,
    pub(crate) nullable: bool,
    values: Vec<Value>,
    write_only: bool,
    filler: OnceLock<Option<Value>>,
}

/// A place in a value, from the inside out.
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
    /// Into a schema with a name; no step in the value.
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

    /// The nearest named schema, and the property of it that this is or is in.
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

/// Collects what is wrong, but for what the real server is known to do.
pub(crate) struct Judge<'a> {
    side: Side,
    /// Whether a property was asked for; without it, all were.
    chosen: Option<&'a dyn Fn(&str) -> bool>,
    pub(crate) findings: Vec<Finding>,
}

impl<'a> Judge<'a> {
    pub(crate) fn of_request() -> Self {
        Self { side: Side::Request, chosen: None, findings: Vec::new() }
    }

    pub(crate) fn of_answer(chosen: Option<&'a dyn Fn(&str) -> bool>) -> Self {
        Self { side: Side::Answer, chosen, findings: Vec::new() }
    }

    fn find(&mut self, at: &At<'_>, wrong: Wrong, what: impl FnOnce() -> String) {
        if self.side == Side::Answer
            && let Some((schema, property)) = at.place()
        {
            // Only what was asked for has to be there.
            let missed = wrong == Wrong::Absent && self.chosen.is_some_and(|chosen| !chosen(property));
            if missed || drifts::known(schema, property, wrong) {
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
    fn new(shape: Shape) -> Self {
        Self { shape, nullable: false, values: Vec::new(), write_only: false, filler: OnceLock::new() }
    }

    pub(crate) fn any() -> Self {
        Self::new(Shape::Any)
    }

    /// A schema as the file has it. Names are looked up when they are needed, since schemas may be circular.
    pub(crate) fn parse(value: &Value, owner: &str) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let number = |name: &str| value.get(name).and_then(Value::as_f64);
        let size = |name: &str| value.get(name).and_then(Value::as_u64).map(|n| n as usize);
        let several = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_array)
                .map(|all| all.iter().map(|schema| Self::parse(schema, owner)).collect::<Vec<_>>())
        };
        let shape = if let Some(name) = text("$ref") {
            let name = name.rsplit('/').next().unwrap_or_default();
            pin::interned(name).map_or(Shape::Any, Shape::Ref)
        } else if let Some(choices) = several("oneOf").or_else(|| several("anyOf")) {
            Shape::Choice(choices)
        } else if let Some(mut parts) = several("allOf") {
            // The file uses it for one schema with something added, never for several.
            parts.pop().map_or(Shape::Any, |part| part.shape)
        } else {
            match text("type") {
                Some("boolean") => Shape::Boolean,
                Some("integer") => {
                    Shape::Integer(Bounds { least: number("minimum"), most: number("maximum") })
                }
                Some("number") => Shape::Number(Bounds { least: number("minimum"), most: number("maximum") }),
                Some("string") => Shape::Text(Text {
                    format: text("format").unwrap_or_default().to_owned(),
                    shortest: size("minLength").unwrap_or(0),
                    longest: size("maxLength"),
                    pattern: text("pattern").and_then(Pattern::parse),
                }),
                Some("array") => Shape::List {
                    items: Box::new(
                        value.get("items").map_or_else(Self::any, |items| Self::parse(items, owner)),
                    ),
                    least: size("minItems").unwrap_or(0),
                },
                Some("object") => Shape::Object(Object::parse(value, owner)),
                _ => Shape::Any,
            }
        };
        Self {
            shape,
            nullable: value.get("nullable") == Some(&Value::Bool(true)),
            values: value.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            write_only: value.get("writeOnly") == Some(&Value::Bool(true)),
            filler: OnceLock::new(),
        }
    }

    /// This, or what it names.
    pub(crate) fn resolved(&self) -> &Schema {
        match self.shape {
            Shape::Ref(name) => pin::schema(name).map_or(self, Schema::resolved),
            _ => self,
        }
    }

    pub(crate) fn allows_null(&self) -> bool {
        self.nullable
            || match &self.shape {
                Shape::Any => self.values.is_empty() || self.values.contains(&Value::Null),
                Shape::Ref(_) => self.resolved().nullable,
                Shape::Choice(choices) => choices.iter().any(|choice| choice.resolved().allows_null()),
                _ => false,
            }
    }

    /// Adds what is wrong with the value.
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
                let side = judge.side;
                let fits = |choice: &Schema| {
                    let mut trial = Judge { side, chosen: None, findings: Vec::new() };
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
                if let Some(what) = text.wrong(value, judge.side) {
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

    /// The same for a value that comes as text, as in a query.
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
            Shape::Boolean if !matches!(text, "true" | "false") => Some(format!("\"{text}\" is no boolean")),
            Shape::Integer(_) if text.parse::<i64>().is_err() => Some(format!("\"{text}\" is no integer")),
            Shape::Number(_) if text.parse::<f64>().is_err() => Some(format!("\"{text}\" is no number")),
            Shape::Text(rules) => rules.wrong(text, Side::Request),
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

    /// What a text of a form means. What isn't of its kind stays a text.
    pub(crate) fn meant(&self, text: String) -> Value {
        let is = |kind: fn(&Value) -> bool| serde_json::from_str(&text).ok().filter(kind);
        let value = match &self.resolved().shape {
            Shape::Text(rules) if rules.format.is_empty() => None,
            _ if text.is_empty() && self.allows_null() => Some(Value::Null),
            Shape::Boolean if text.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
            Shape::Boolean if text.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
            Shape::Integer(_) | Shape::Number(_) => is(Value::is_number),
            Shape::Any | Shape::Object(_) => is(|_| true),
            _ => None,
        };
        value.unwrap_or(Value::String(text))
    }

    /// Whether it is a file, which only forms can bring.
    pub(crate) fn is_file(&self) -> bool {
        self.format() == "binary"
    }

    /// What stands where nothing is known: null, "", 0, false or nothing in it. An object has none, so that
    /// circular schemas end.
    pub(crate) fn filler(&self) -> Option<&Value> {
        let make = || {
            if self.allows_null() {
                return Some(Value::Null);
            }
            if let Some(value) = self.values.first() {
                return Some(value.clone());
            }
            match &self.shape {
                Shape::Any => Some(Value::Null),
                Shape::Boolean => Some(Value::Bool(false)),
                Shape::Integer(bounds) => Some(json!(bounds.least.unwrap_or(0.0).max(0.0) as i64)),
                Shape::Number(_) => Some(json!(0.0)),
                Shape::Text(text) => Some(Value::from(text.filler())),
                Shape::List { .. } => Some(json!([])),
                Shape::Object(object) => {
                    let mut map = Map::new();
                    for (name, schema, _) in object.properties.iter().filter(|(_, _, required)| *required) {
                        map.insert(name.clone(), schema.filler()?.clone());
                    }
                    Some(Value::Object(map))
                }
                Shape::Ref(name) => pin::schema(name)?.filler().cloned(),
                Shape::Choice(choices) => choices.first()?.filler().cloned(),
            }
        };
        self.filler.get_or_init(make).as_ref()
    }

    /// What is wrong with a request's body, said as the server says it; `None` if nothing is.
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
                let kind = crate::call::python_type(value);
                message(format!("Expected a list of items but got type \"{kind}\"."))
            }
            (Shape::Object(object), Value::Object(map)) => object.refusal(map, partial),
            (Shape::Object(_), _) => {
                let kind = crate::call::python_type(value);
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

    /// The properties of an object, also behind a name or a single choice.
    pub(crate) fn object(&self) -> Option<&Object> {
        match &self.resolved().shape {
            Shape::Object(object) => Some(object),
            Shape::Choice(choices) => choices.iter().find_map(Schema::object),
            _ => None,
        }
    }

    /// The name of the schema, if it is one with a name.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self.shape {
            Shape::Ref(name) => Some(name),
            _ => None,
        }
    }

    /// The format of a text, or the kind of anything else.
    pub(crate) fn format(&self) -> &str {
        match &self.resolved().shape {
            Shape::Text(text) => &text.format,
            Shape::Boolean => "boolean",
            Shape::Integer(_) => "integer",
            Shape::Number(_) => "number",
            _ if self.resolved().values.first().is_some_and(Value::is_number) => "integer",
            _ => "",
        }
    }

    /// What the items of a list have to be.
    pub(crate) fn items(&self) -> Option<&Schema> {
        match &self.resolved().shape {
            Shape::List { items, .. } => Some(items),
            _ => None,
        }
    }

    pub(crate) fn is_write_only(&self) -> bool {
        self.write_only
    }

    /// The texts that an enumeration has.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match &self.resolved().shape {
            Shape::Choice(choices) => choices.iter().flat_map(Schema::texts).collect(),
            _ => self.resolved().values.iter().filter_map(Value::as_str).collect(),
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

impl Bounds {
    fn check(&self, value: Option<f64>, at: &At<'_>, judge: &mut Judge<'_>) {
        if let Some(what) = value.and_then(|value| self.refusal(value)) {
            judge.find(at, Wrong::Value, || what);
        }
    }

    fn refusal(&self, value: f64) -> Option<String> {
        if let Some(least) = self.least.filter(|least| value < *least) {
            return Some(format!("Ensure this value is greater than or equal to {least}."));
        }
        let most = self.most.filter(|most| value > *most)?;
        Some(format!("Ensure this value is less than or equal to {most}."))
    }
}

impl Text {
    fn filler(&self) -> &'static str {
        match self.format.as_str() {
            "uuid" => "00000000000000000000000000000000",
            "date-time" => "2024-01-01T00:00:00Z",
            "date" => "2024-01-01",
            "decimal" => "0",
            _ => "",
        }
    }

    /// What is wrong with a text. Absent texts are "" on the wire, whatever their format.
    fn wrong(&self, text: &str, side: Side) -> Option<String> {
        if text.is_empty() && side == Side::Answer {
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
            return Some(format!("\"{text}\" is no {}", self.format));
        }
        // In answers decimals have the digits of the database, such as 0E-10.
        let matched =
            side == Side::Answer || self.pattern.as_ref().is_none_or(|pattern| pattern.matches(text));
        if matched { None } else { Some(format!("\"{text}\" doesn't match the pattern")) }
    }

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
            _ => match &self.pattern {
                Some(pattern @ Pattern::Class(_)) if !pattern.matches(text) => {
                    Some("Enter a valid value.".to_owned())
                }
                _ => None,
            },
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix(r"^-?\d{0,") {
            let (whole, rest) = rest.split_once("}(?:\\.\\d{0,")?;
            let (decimals, _) = rest.split_once("})?$")?;
            return Some(Self::Decimal(whole.parse().ok()?, decimals.parse().ok()?));
        }
        let class = text.strip_prefix("^[")?.strip_suffix("]+$")?;
        if class.contains(['[', ']']) || class.contains("\\w") || class.contains("\\d") {
            return None;
        }
        let chars: Vec<char> = class.replace('\\', "").chars().collect();
        let mut ranges = Vec::new();
        let mut at = 0;
        while let Some(&from) = chars.get(at) {
            match (chars.get(at + 1), chars.get(at + 2)) {
                (Some('-'), Some(&to)) if to >= from => {
                    ranges.push((from, to));
                    at += 3;
                }
                _ => {
                    ranges.push((from, from));
                    at += 1;
                }
            }
        }
        Some(Self::Class(ranges))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Decimal(most_whole, most_decimals) => {
                let text = text.strip_prefix('-').unwrap_or(text);
                let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
                let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
                digits(whole)
                    && digits(decimals)
                    && whole.len() <= *most_whole
                    && decimals.len() <= *most_decimals
            }
            Self::Class(ranges) => {
                !text.is_empty()
                    && text.chars().all(|c| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)))
            }
        }
    }
}

impl Object {
    fn parse(value: &Value, owner: &str) -> Self {
        let required: Vec<&str> = value
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let properties: Vec<_> = value
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, schema)| {
                (name.clone(), Schema::parse(schema, owner), required.contains(&name.as_str()))
            })
            .collect();
        let others = match value.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(Schema::any()),
            Some(schema) => Some(Schema::parse(schema, owner)),
            // An object without properties says nothing about them.
            None if properties.is_empty() => Some(Schema::any()),
            None => None,
        };
        Self { properties, others: others.map(Box::new) }
    }

    /// The properties are sorted, as the file has them.
    pub(crate) fn property(&self, name: &str) -> Option<&Schema> {
        let at = self.properties.binary_search_by(|(known, _, _)| known.as_str().cmp(name)).ok()?;
        self.properties.get(at).map(|(_, schema, _)| schema)
    }

    /// Properties and keys are both sorted, so that one walk along both does.
    fn check(&self, map: &Map<String, Value>, at: &At<'_>, judge: &mut Judge<'_>) {
        let mut rest = self.properties.as_slice();
        let missing = |(name, schema, required): &(String, Schema, bool), judge: &mut Judge<'_>| {
            if *required && !(schema.write_only && judge.side == Side::Answer) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(schema: Value, value: Value) -> Vec<String> {
        let mut judge = Judge::of_request();
        Schema::parse(&schema, "").check(&value, &At::ROOT, &mut judge);
        judge.findings.into_iter().map(|finding| finding.at).collect()
    }

    #[test]
    fn values() {
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
    fn objects() {
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
    fn fillers_fit() {
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
