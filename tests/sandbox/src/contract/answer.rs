//! What the sandbox's own answers owe to the schema.

use serde_json::{Map, Value};

use super::operation::Operation;
use super::schema::{At, Object, Schema, Shape};
use super::{Finding, Side, Wrong, drifts};

/// Takes out what the schema no longer has, and adds what an answer has to have and nobody computes: null, "", 0, false or an empty list, by its schema.
/// Properties that the real server leaves out stay out. `chosen` are the names of `field`, if there are any.
pub(crate) fn complete(operation: &Operation, body: &mut Value, chosen: Option<&dyn Fn(&str) -> bool>) {
    let Some(schema) = operation.answer() else { return };
    match (&schema.shape, body) {
        (Shape::List { items, .. }, Value::Array(values)) => {
            for value in values {
                fill(items, value, chosen);
            }
        }
        (_, body) => fill(schema, body, chosen),
    }
}

/// Takes out what a server of late 2024 didn't have yet.
pub(crate) fn rejuvenate(operation: &Operation, body: &mut Value) {
    let of_operation = drifts::young(&operation.id);
    if let (false, Value::Object(map)) = (of_operation.is_empty(), &mut *body) {
        map.retain(|property, _| !of_operation.contains(&property.as_str()));
    } else if let Some(schema) = operation.answer() {
        strip(schema, body);
    }
}

fn strip(schema: &Schema, value: &mut Value) {
    match value {
        Value::Array(values) => {
            if let Some(items) = schema.items() {
                values.iter_mut().for_each(|value| strip(items, value));
            }
        }
        Value::Object(map) => {
            let young = schema.name().map_or(&[][..], drifts::young);
            map.retain(|property, _| !young.contains(&property.as_str()));
            if let Some(object) = schema.object() {
                for (property, value) in
                    map.iter_mut().filter(|(_, value)| value.is_object() || value.is_array())
                {
                    if let Some(schema) = object.property(property) {
                        strip(schema, value);
                    }
                }
            }
        }
        _ => {}
    }
}

fn fill(schema: &Schema, value: &mut Value, chosen: Option<&dyn Fn(&str) -> bool>) {
    match value {
        Value::Object(map) => {
            if let Some(object) = schema.object() {
                fill_object(object, schema.name().unwrap_or_default(), map, chosen);
            }
        }
        Value::Array(values) => {
            if let Shape::List { items, .. } = &schema.resolved().shape {
                values.iter_mut().for_each(|value| fill(items, value, None));
            }
        }
        _ => {}
    }
}

fn fill_object(
    object: &Object,
    name: &str,
    map: &mut Map<String, Value>,
    chosen: Option<&dyn Fn(&str) -> bool>,
) {
    for property in drifts::gone(name) {
        map.remove(*property);
    }
    // Where all properties can be chosen, none is required, and yet all are there.
    let all = !object.properties.iter().any(|(_, _, required)| *required);
    for (property, schema, required) in &object.properties {
        match map.get_mut(property) {
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {}
            Some(value) => fill(schema, value, None),
            None => {
                let wanted = chosen.map_or(all || *required, |chosen| chosen(property));
                if wanted
                    && !schema.is_write_only()
                    && !drifts::known(name, property, Wrong::Absent)
                    && let Some(filler) = schema.filler()
                {
                    map.insert(property.clone(), filler.clone());
                }
            }
        }
    }
}

/// What is wrong with a good answer, apart from the drifts of the real server.
pub(crate) fn check(
    operation: &Operation,
    status: u16,
    body: Option<&Value>,
    chosen: Option<&dyn Fn(&str) -> bool>,
) -> Vec<Finding> {
    let mut out = Vec::new();
    if status >= 300 {
        return out;
    }
    let declared = operation.answers.iter().find(|(known, _)| *known == status);
    if declared.is_none() && !drifts::status(&operation.id, status) {
        out.push(Finding::new("status", format!("{status} is not declared"), Wrong::Other));
    }
    let schema = match declared {
        Some((_, schema)) => schema.as_ref(),
        None => operation.answer(),
    };
    match (schema, body) {
        (Some(schema), Some(body)) => {
            schema.check(body, &At::ROOT, Side::Answer, &mut out);
            out.retain(|finding| !excused(finding, chosen));
        }
        (Some(_), None) if !drifts::empty(&operation.id) => {
            out.push(Finding::new("$", "the body is missing", Wrong::Absent));
        }
        (None, Some(_)) if !drifts::body(&operation.id) => {
            out.push(Finding::new("$", "a body where none is declared", Wrong::Extra));
        }
        _ => {}
    }
    out
}

fn excused(finding: &Finding, chosen: Option<&dyn Fn(&str) -> bool>) -> bool {
    let Some((schema, property)) = &finding.place else { return false };
    // Only the fields that were asked for have to be there.
    if finding.wrong == Wrong::Absent && chosen.is_some_and(|chosen| !chosen(property)) {
        return true;
    }
    drifts::known(schema, property, finding.wrong)
}
