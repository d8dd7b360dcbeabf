//! Filters and orders that no list implements: by the rows of the response.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::judge::{Operation, Parameter, Schema};
use crate::protocol::answer::{Answer, invalid_choice, invalid_field};
use crate::protocol::call::Call;
use crate::wire::{parse_time, parse_uuid};

/// Parameters that aren't filters.
const OTHERS: &[&str] = &["page", "page_size", "field", "o"];

/// Texts that are matched in part; others are matched as a whole.
const PARTS: &[&str] = &["name", "description", "full_name", "email", "resource_name", "project_name"];

/// Returns whether the schema declares this order; `-` before the name reverses it.
pub(crate) fn orders_by(call: &Call, name: &str) -> bool {
    call.operation
        .and_then(|operation| operation.parameter("o"))
        .is_some_and(|parameter| parameter.item().texts().contains(&name))
}

/// Returns the indices of the matching ones of `count` rows in their order; `None` if all match in the order
/// given.
pub(crate) fn choose(
    call: &Call,
    count: usize,
    render: &dyn Fn(usize) -> Map<String, Value>,
) -> Result<Option<Vec<usize>>, Answer> {
    let Some(operation) = call.operation else { return Ok(None) };
    let filters = filters(call, operation)?;
    let order = order(call)?;
    if filters.is_empty() && order.is_empty() {
        return Ok(None);
    }
    let mut kept: Vec<(usize, Map<String, Value>)> = (0..count)
        .map(|at| (at, render(at)))
        .filter(|(_, row)| filters.iter().all(|filter| filter.admits(row)))
        .collect();
    kept.sort_by(|(_, a), (_, b)| {
        order.iter().fold(Ordering::Equal, |sofar, (name, descending)| {
            let next = compare(a.get(*name), b.get(*name));
            sofar.then(if *descending { next.reverse() } else { next })
        })
    });
    Ok(Some(kept.into_iter().map(|(at, _)| at).collect()))
}

fn order(call: &Call) -> Result<Vec<(&str, bool)>, Answer> {
    if call.asked.borrow().contains(&"o") && !call.order_by_answer.get() {
        return Ok(Vec::new());
    }
    let Some(text) = call.text("o") else { return Ok(Vec::new()) };
    text.split(',')
        .map(|name| {
            if !orders_by(call, name) {
                return Err(invalid_choice("o", name));
            }
            Ok(name.strip_prefix('-').map_or((name, false), |plain| (plain, true)))
        })
        .collect()
}

fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => a.as_f64().partial_cmp(&b.as_f64()),
        (Some(Value::String(a)), Some(Value::String(b))) => Some(a.cmp(b)),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => Some(a.cmp(b)),
        (a, b) => Some(a.is_some_and(|a| !a.is_null()).cmp(&b.is_some_and(|b| !b.is_null()))),
    }
    .unwrap_or(Ordering::Equal)
}

/// A parameter, and how it matches a row's property.
#[derive(Debug)]
struct Filter<'a> {
    property: &'a str,
    how: How,
    values: Vec<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Equal,
    Part,
    Flag,
    /// A uuid, or an address that ends with it.
    Points,
    After,
    Before,
    /// A part of any text of the row.
    Anywhere,
}

fn filters<'a>(call: &'a Call, operation: &'a Operation) -> Result<Vec<Filter<'a>>, Answer> {
    let mut filters = Vec::new();
    for parameter in &operation.query {
        let name = parameter.name.as_str();
        let known = call.release.takes(&operation.id, name);
        if !known || OTHERS.contains(&name) || call.asked.borrow().contains(&name) {
            continue;
        }
        let mut values: Vec<&str> =
            call.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
        if parameter.joined {
            values = values.into_iter().flat_map(|value| value.split(',')).collect();
        } else if !parameter.is_list() {
            values = values.last().copied().into_iter().filter(|value| !value.is_empty()).collect();
        }
        if values.is_empty() {
            continue;
        }
        for value in &values {
            refuse(parameter, name, value)?;
        }
        // A filter may name a state by its number, where rows have its name.
        if parameter.item().format() == "integer"
            && let Some(schema) = operation.item().and_then(Schema::object).and_then(|o| o.property(name))
        {
            let names = schema.texts();
            let named = |value: &&str| names.get(value.parse::<usize>().ok()?.checked_sub(1)?).copied();
            values = values.iter().map(|value| named(value).unwrap_or(value)).collect();
        }
        filters.extend(Filter::new(operation, parameter, values));
    }
    Ok(filters)
}

fn refuse(parameter: &Parameter, name: &str, value: &str) -> Result<(), Answer> {
    let texts = parameter.item().texts();
    if !texts.is_empty() && !texts.contains(&value) {
        return Err(invalid_choice(name, value));
    }
    let message = match parameter.item().format() {
        "uuid" if parse_uuid(value).is_none() => "Enter a valid UUID.",
        "date" | "date-time" if parse_time(value).is_none() => "Enter a valid date/time.",
        "integer" | "number" if value.parse::<f64>().is_err() => "Enter a number.",
        _ => return Ok(()),
    };
    Err(invalid_field(name, message))
}

impl<'a> Filter<'a> {
    /// Returns `None` if the rows have nothing to filter by.
    fn new(operation: &'a Operation, parameter: &'a Parameter, values: Vec<&'a str>) -> Option<Self> {
        let object = operation.item()?.object()?;
        let has = |name: &str| object.property(name).is_some();
        let name = parameter.name.as_str();
        let format = parameter.item().format();
        let (property, how) = if let Some(name) = name.strip_suffix("_after").or(name.strip_suffix("_from")) {
            (name, How::After)
        } else if let Some(name) = name.strip_suffix("_before").or(name.strip_suffix("_to")) {
            (name, How::Before)
        } else if let Some(name) = name.strip_suffix("_exact") {
            (name, How::Equal)
        } else if matches!(name, "query" | "keyword") {
            return Some(Self { property: "", how: How::Anywhere, values });
        } else if has(name) {
            let how = match format {
                "boolean" => How::Flag,
                "date" | "date-time" => How::After,
                "uuid" | "uri" => How::Points,
                _ if PARTS.contains(&name) => How::Part,
                _ => How::Equal,
            };
            (name, how)
        } else {
            (name.strip_suffix("_uuid")?, How::Points)
        };
        has(property).then_some(Self { property, how, values })
    }

    fn admits(&self, row: &Map<String, Value>) -> bool {
        if self.how == How::Anywhere {
            let texts = || row.values().filter_map(Value::as_str);
            return self.values.iter().all(|part| texts().any(|text| contains(text, part)));
        }
        let found = match row.get(self.property) {
            None | Some(Value::Null) => return false,
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        self.values.iter().any(|value| match self.how {
            How::Equal => found == *value,
            How::Part | How::Anywhere => contains(&found, value),
            How::Flag => match value.to_ascii_lowercase().as_str() {
                flag @ ("true" | "false") => found == flag,
                _ => true,
            },
            How::Points => {
                let last = |text: &str| text.trim_end_matches('/').rsplit('/').next().and_then(parse_uuid);
                last(&found).is_some() && last(&found) == last(value)
            }
            How::After => parse_time(&found) >= parse_time(value),
            How::Before => parse_time(&found) <= parse_time(value),
        })
    }
}

/// Returns whether a text contains another, ignoring case.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}
