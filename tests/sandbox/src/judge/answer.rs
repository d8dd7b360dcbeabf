//! Completion and validation of the sandbox's own responses.

use serde_json::{Map, Value};

use super::operation::Operation;
use super::schema::{At, Judge, Object, Schema, Shape};
use super::{Finding, Wrong, deviations};

/// Removes properties that the schema no longer has, and adds declared properties that the sandbox doesn't
/// compute: null, "", 0, false or an empty list, by their schema. Properties that the real server omits stay
/// absent. `chosen` tells the names in `field`, if there are any.
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

/// Adds missing declared properties to the rows of a response, but not to objects inside of rows.
pub(crate) fn complete_rows(operation: &Operation, body: &mut Value) {
    let Some(schema) = operation.item() else { return };
    let Some(object) = schema.object() else { return };
    let rows = match body {
        Value::Array(rows) => rows.as_mut_slice(),
        row => std::slice::from_mut(row),
    };
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        add_missing(object, schema.name().unwrap_or_default(), row, None);
    }
}

/// Removes what a server of late 2024 didn't have yet.
pub(crate) fn remove_newer(operation: &Operation, body: &mut Value) {
    let of_operation = deviations::newer(&operation.id);
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
            let newer = schema.name().map_or(&[][..], deviations::newer);
            map.retain(|property, _| !newer.contains(&property.as_str()));
            for (old, new) in schema.name().into_iter().flat_map(deviations::renamed) {
                if let Some(value) = map.remove(new) {
                    map.insert(old.to_owned(), value);
                }
            }
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
    for property in deviations::removed(name) {
        map.remove(*property);
    }
    for (property, schema, _) in &object.properties {
        if chosen.is_none_or(|chosen| chosen(property))
            && let Some(value @ (Value::Object(_) | Value::Array(_))) = map.get_mut(property)
        {
            fill(schema, value, None);
        }
    }
    add_missing(object, name, map, chosen);
}

/// Adds the declared properties that the sandbox doesn't compute.
fn add_missing(
    object: &Object,
    name: &str,
    map: &mut Map<String, Value>,
    chosen: Option<&dyn Fn(&str) -> bool>,
) {
    // If properties can be selected, the schema requires none, but responses have all.
    let all = !object.properties.iter().any(|(_, _, required)| *required);
    for (property, schema, required) in &object.properties {
        let wanted = chosen.map_or(all || *required, |chosen| chosen(property));
        if wanted
            && !map.contains_key(property)
            && !schema.is_write_only()
            && !deviations::known(name, property, Wrong::Absent)
            && let Some(filler) = schema.filler()
        {
            map.insert(property.clone(), filler.clone());
        }
    }
}

/// Returns the problems of a successful response, except known deviations of the real server.
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
    if declared.is_none() && !deviations::status(&operation.id, status) {
        out.push(Finding::new("status", format!("{status} is not declared")));
    }
    let schema = match declared {
        Some((_, schema)) => schema.as_ref(),
        None => operation.answer(),
    };
    match (schema, body) {
        (Some(schema), Some(body)) => {
            let mut judge = Judge::of_answer(chosen);
            schema.check(body, &At::ROOT, &mut judge);
            out.extend(judge.findings);
        }
        (Some(_), None) if !deviations::empty(&operation.id) => {
            out.push(Finding::new("$", "the body is missing"));
        }
        (None, Some(_)) if !deviations::body(&operation.id) => {
            out.push(Finding::new("$", "a body where none is declared"));
        }
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;
    use crate::judge::{Found, find};

    fn places(method: Method, path: &str, status: u16, body: Option<&Value>, fields: &[&str]) -> Vec<String> {
        let Found::Operation(operation, _) = find(&method, path) else { panic!("{path}") };
        let chosen = |name: &str| fields.contains(&name);
        let chosen: Option<&dyn Fn(&str) -> bool> = if fields.is_empty() { None } else { Some(&chosen) };
        check(operation, status, body, chosen).into_iter().map(|finding| finding.at).collect()
    }

    #[test]
    fn responses_are_validated() {
        let path = "/api/marketplace-plan-components/";
        let row = json!({"component_name": "CPU", "amount": "x", "price": "1.00", "colour": "red"});
        let found = places(Method::GET, path, 200, Some(&json!([row])), &["component_name"]);
        assert_eq!(found, ["$[0].amount", "$[0].colour"]);
        let order = "/api/marketplace-orders/00000000000000000000000000000001/";
        let drifting = json!({"category_icon": null, "new_cost_estimate": 1.0});
        assert!(places(Method::GET, order, 200, Some(&drifting), &[]).is_empty());
        assert_eq!(places(Method::GET, order, 200, Some(&json!({"state": null})), &[]), ["$.state"]);
        assert_eq!(places(Method::GET, order, 200, None, &[]), ["$"]);
        assert_eq!(places(Method::DELETE, order, 202, None, &[]), ["status"]);
        assert_eq!(places(Method::DELETE, order, 204, Some(&json!({})), &[]), ["$"]);
        assert!(places(Method::GET, order, 404, Some(&json!({"x": 1})), &[]).is_empty(), "refusals are free");
    }
}
