//! Brings a schema in line with what is needed of it.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};
use waldur_api_codegen::document::parameters;

use super::shape::{Likeness, SENT, compare};
use super::{STAND_IN, renames};
use crate::document::{Operation, operations, schemas, schemas_mut};

/// Changes `document`, a normalised schema, so that it has all of `needs` as they are there. Returns what it
/// changed, a line each.
///
/// # Errors
/// Names what can't be brought in line: operations at paths that need other values.
pub(crate) fn adapt(document: &mut Value, needs: &Value) -> Result<Vec<String>> {
    let mut changes = Changes { lines: renames::apply(document, needs), unmet: Vec::new() };
    for needed in operations(needs) {
        changes.operation(document, needed);
    }
    for (name, needed) in schemas(needs).into_iter().flatten() {
        if let Some(all) = schemas_mut(document) {
            changes.model(all, name, needed);
        }
    }
    for id in operations(needs).map(|needed| needed.id()) {
        if find(document, &id).is_none() {
            changes.unmet.push(format!("another operation is where {id} is needed"));
        }
    }
    let Changes { lines, unmet } = changes;
    if !unmet.is_empty() {
        let version = document["info"]["version"].as_str().unwrap_or_default();
        bail!(
            "{version} can't be pinned, because the workspace would not compile: {}. Adapt the sources, then \
             openapi/needs.json",
            unmet.join("; ")
        );
    }
    if !lines.is_empty() {
        crate::passes::drop_unused(document);
    }
    Ok(lines)
}

/// Finds the operation `id` of `document`.
fn find<'a>(document: &'a Value, id: &str) -> Option<Operation<'a>> {
    operations(document).find(|operation| operation.value["operationId"] == id)
}

/// Returns the schema of the body (`body`) or of the answer (`!body`) of an operation, with what is around
/// it.
pub(super) fn content(operation: &Value, body: bool) -> &Value {
    if body { &operation["requestBody"] } else { &operation["responses"]["2XX"]["content"] }
}

/// What was changed, and what could not be.
struct Changes {
    lines: Vec<String>,
    unmet: Vec<String>,
}

impl Changes {
    fn operation(&mut self, document: &mut Value, needed: Operation<'_>) {
        let id = needed.id();
        let Some(Operation { path, method, value }) = find(document, &id) else {
            let mut value = needed.value.clone();
            value[STAND_IN] = json!(true);
            document["paths"][needed.path][needed.method] = value;
            self.lines.push(format!("operation {id}: not in the schema"));
            return;
        };
        let (mut path, method, mut value) = (path.to_owned(), method.to_owned(), value.clone());
        let mut own: Vec<Value> = parameters(document, &value).cloned().collect();
        if in_path(document, &value) != in_path(document, needed.value) {
            if without_names(&path) != without_names(needed.path) {
                self.unmet.push(format!("{id} has the path {path}, and is called as {}", needed.path));
                return;
            }
            self.lines.push(format!("operation {id}: has the path {path}"));
            if let Some(item) = document["paths"][&path].as_object_mut() {
                item.remove(&method);
            }
            needed.path.clone_into(&mut path);
            own.retain(|parameter| parameter["in"] != "path");
            value["parameters"] = Value::Array(own.clone());
        }
        for wanted in needed.value["parameters"].as_array().into_iter().flatten() {
            self.parameter(&mut value, &own, wanted, &id);
        }
        for (body, what) in [(true, "body"), (false, "answer")] {
            let wanted = content(needed.value, body);
            // A call without a body may do without one that the schema has.
            let is_free = body && wanted.is_null();
            if !is_free && compare(content(&value, body), wanted) != Likeness::Same {
                self.lines.push(format!("operation {id}: the {what} is declared otherwise"));
                replace_content(&mut value, body, wanted);
            }
        }
        for (key, wanted) in needed.value.as_object().into_iter().flatten() {
            if ["x-multipart", "x-body-required"].contains(&key.as_str()) && value.get(key) != Some(wanted) {
                self.lines
                    .push(format!("operation {id}: {} is declared otherwise", key.trim_start_matches("x-")));
                value[key] = wanted.clone();
            }
        }
        document["paths"][path][method] = value;
    }

    /// Gives the operation `value`, whose parameters are `own`, the parameter `wanted`.
    fn parameter(&mut self, value: &mut Value, own: &[Value], wanted: &Value, id: &str) {
        let name = wanted["name"].as_str().unwrap_or_default();
        let place = own.iter().position(|one| one["in"] == wanted["in"] && one["name"] == wanted["name"]);
        match place {
            Some(place) => {
                let likeness = compare(&own[place]["schema"], &wanted["schema"]);
                if likeness == Likeness::Same && own[place]["x-name"] == wanted["x-name"] {
                    return;
                }
                value["parameters"][place] = wanted.clone();
                self.lines.push(format!("operation {id}: the parameter {name} is declared otherwise"));
            }
            None => {
                match value["parameters"].as_array_mut() {
                    Some(all) => all.push(wanted.clone()),
                    None => value["parameters"] = json!([wanted]),
                }
                self.lines.push(format!("operation {id}: lacks the parameter {name}"));
            }
        }
    }

    /// Gives the models `all` the model or enum `name`.
    fn model(&mut self, all: &mut Map<String, Value>, name: &str, needed: &Value) {
        let Some(own) = all.get_mut(name) else {
            let mut model = needed.clone();
            if let Some(model) = model.as_object_mut() {
                model.remove(SENT);
            }
            all.insert(name.to_owned(), model);
            self.lines.push(format!("model {name}: not in the schema"));
            return;
        };
        for text in needed["x-enum"].as_array().into_iter().flatten() {
            if let Some(texts) = own["x-enum"].as_array_mut().filter(|texts| !texts.contains(text)) {
                texts.push(text.clone());
                self.lines.push(format!("enum {name}: lacks {text}"));
            }
        }
        if needed["x-additional"] == true && own["x-additional"] != true {
            own["x-additional"] = json!(true);
            self.lines.push(format!("model {name}: holds more than it declares"));
        }
        for (property, wanted) in needed["properties"].as_object().into_iter().flatten() {
            let is_there = own["properties"].get(property);
            let line = match is_there {
                Some(_) => format!("model {name}: {property} is declared otherwise"),
                None => format!("model {name}: lacks {property}"),
            };
            let is_new_type = is_there.is_none_or(|own| compare(own, wanted) != Likeness::Same);
            if is_new_type {
                own["properties"][property] = wanted.clone();
            }
            if require(own, property, is_required(needed, property)) || is_new_type {
                self.lines.push(line);
            }
        }
    }
}

fn is_required(model: &Value, property: &str) -> bool {
    model["required"].as_array().is_some_and(|all| all.iter().any(|one| one == property))
}

/// Makes `property` required or not. Returns whether it wasn't so.
fn require(model: &mut Value, property: &str, required: bool) -> bool {
    if is_required(model, property) == required {
        return false;
    }
    match model["required"].as_array_mut() {
        Some(all) if required => all.push(json!(property)),
        Some(all) => all.retain(|one| one != property),
        None => model["required"] = json!([property]),
    }
    // A model without required properties declares none.
    if let Some(model) = model.as_object_mut()
        && model.get("required").and_then(Value::as_array).is_some_and(Vec::is_empty)
    {
        model.remove("required");
    }
    true
}

fn replace_content(operation: &mut Value, body: bool, wanted: &Value) {
    if body {
        operation["requestBody"] = wanted.clone();
    } else if wanted.is_null() {
        if let Some(answer) = operation["responses"]["2XX"].as_object_mut() {
            answer.remove("content");
        }
    } else {
        operation["responses"]["2XX"]["content"] = wanted.clone();
    }
}

/// Returns `path` without the names in its braces, which only code sees.
fn without_names(path: &str) -> String {
    path.split('{')
        .map(|part| part.split_once('}').map_or(part, |(_, rest)| rest))
        .collect::<Vec<_>>()
        .join("{}")
}

/// Returns the names of the parameters in the path of `operation`.
fn in_path<'a>(document: &'a Value, operation: &'a Value) -> BTreeSet<&'a str> {
    parameters(document, operation)
        .filter(|parameter| parameter["in"] == "path")
        .filter_map(|parameter| parameter["name"].as_str())
        .collect()
}
