//! What an order asks for: limits and attributes, checked against the offering.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::{Map, Value};

use crate::protocol::answer::{Answer, invalid_field, invalid_whole};
use crate::protocol::form::{Form, REQUIRED};
use crate::store::{Component, Offering};

/// Refuses limits of components that take none, and limits out of bounds. A bound of 0 is none.
pub(crate) fn check_limits(offering: &Offering, limits: &Map<String, Value>) -> Result<(), Answer> {
    let takes_limit = |component: &&Component| match component.billing_type() {
        "limit" => true,
        "one" => component.properties.is_prepaid == Some(true),
        _ => false,
    };
    let component = |kind: &String| offering.component(kind).filter(takes_limit);
    let invalid: BTreeSet<&str> =
        limits.keys().filter(|kind| component(kind).is_none()).map(String::as_str).collect();
    if !invalid.is_empty() {
        let invalid: Vec<&str> = invalid.into_iter().collect();
        return Err(invalid_field("limits", format!("Invalid types: {}", invalid.join(", "))));
    }
    for (kind, limit) in limits {
        let Some((component, limit)) = component(kind).zip(limit.as_f64()) else { continue };
        let bound = |bound: Option<i64>| bound.filter(|bound| *bound != 0).map(|bound| bound as f64);
        if let Some(max) = bound(component.properties.max_value).filter(|max| limit > *max) {
            return Err(invalid_whole(format!("The limit {limit} value cannot be more than {max}.")));
        }
        if let Some(min) = bound(component.properties.min_value).filter(|min| limit < *min) {
            return Err(invalid_whole(format!("The limit {limit} value cannot be less than {min}.")));
        }
    }
    Ok(())
}

/// Refuses attributes that the options of the offering don't allow. Other attributes are accepted. An
/// attribute that is missing gets its default, and spaces around the name are removed.
pub(crate) fn check_attributes(
    offering: &Offering,
    attributes: &mut Map<String, Value>,
) -> Result<(), Answer> {
    let mut form = Form::default();
    let name = attributes.get("name").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        form.refuse("name", REQUIRED);
    } else {
        attributes.insert("name".to_owned(), name.into());
    }
    for (name, option) in &offering.options {
        let default = option.get("default").filter(|default| !default.is_null());
        match (attributes.get(name).filter(|value| !value.is_null()), default) {
            (Some(value), _) => {
                if let Some(problem) = problem(option, value) {
                    form.refuse(name, problem);
                }
            }
            (None, Some(default)) => {
                attributes.insert(name.clone(), default.clone());
            }
            (None, None) if option["required"] == true => form.refuse(name, REQUIRED),
            (None, None) => {}
        }
    }
    form.finish()
}

/// Returns the last day that an order names for its resource. Orders of offerings with a prepaid component
/// must name one.
pub(crate) fn end_date(
    offering: &Offering,
    attributes: &Map<String, Value>,
    today: NaiveDate,
) -> Result<Option<NaiveDate>, Answer> {
    let is_prepaid =
        offering.components.iter().any(|component| component.properties.is_prepaid == Some(true));
    match attributes.get("end_date").filter(|day| !day.is_null()) {
        None if is_prepaid => {
            Err(invalid_field("attributes.end_date", "End date is required for prepaid offerings."))
        }
        None => Ok(None),
        Some(day) => match day.as_str().and_then(|day| day.parse::<NaiveDate>().ok()) {
            None => Err(invalid_field("end_date", "Date has wrong format. Use YYYY-MM-DD.")),
            Some(day) if day < today => Err(invalid_field("end_date", "The day is past.")),
            Some(day) => Ok(Some(day)),
        },
    }
}

/// Returns why an option doesn't allow a value.
fn problem(option: &Value, value: &Value) -> Option<String> {
    let choices = || option["choices"].as_array().into_iter().flatten();
    let no_choice = |value: &Value| {
        let is_choice = choices().any(|choice| choice == value);
        (!is_choice).then(|| format!("{value} is not a valid choice."))
    };
    match option["type"].as_str().unwrap_or_default() {
        "boolean" => value.as_bool().is_none().then(|| "Must be a valid boolean.".to_owned()),
        "integer" => {
            let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
            let Some(number) = number else { return Some("A valid integer is required.".to_owned()) };
            let above = |name: &str| option[name].as_i64().filter(|bound| number > *bound);
            let below = |name: &str| option[name].as_i64().filter(|bound| number < *bound);
            let too_great =
                above("max").map(|max| format!("Ensure this value is less than or equal to {max}."));
            let too_small =
                || below("min").map(|min| format!("Ensure this value is greater than or equal to {min}."));
            too_great.or_else(too_small)
        }
        "select_string" => no_choice(value),
        "select_string_multi" => match value.as_array() {
            Some(values) => values.iter().find_map(no_choice),
            None => Some("Expected a list of items.".to_owned()),
        },
        "string" | "text" => {
            (!value.is_string() && !value.is_number()).then(|| "Not a valid string.".to_owned())
        }
        _ => None,
    }
}
