//! What a schema calls otherwise gets the name by which it is needed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use waldur_api_codegen::document::parameters;
use waldur_api_codegen::names::{first_free, model};

use super::adapt::content;
use super::shape::{Likeness, SENT, compare};
use crate::document::{
    Operation, each_operation, each_schema, operations, ref_name, ref_to, schemas, schemas_mut, travelling,
};

/// Renames operations and models of `document` to what `needs` call them. Returns what it renamed, a line
/// each.
pub(super) fn apply(document: &mut Value, needs: &Value) -> Vec<String> {
    let mut lines = operation_names(document, needs);
    for name in misfits(document, needs) {
        let taken: BTreeSet<String> = [&*document, needs]
            .iter()
            .filter_map(|of| schemas(of))
            .flat_map(Map::keys)
            .map(|name| model(name))
            .collect();
        let free = first_free(&name, "", |name| !taken.contains(&model(name)));
        rename(document, &name, &free);
        lines.push(format!("model {name}: is something else, which is now {free}"));
    }
    while let Some((own, needed)) = otherwise_named(document, needs) {
        rename(document, &own, &needed);
        lines.push(format!("model {needed}: called {own}"));
    }
    lines
}

/// An operation that is needed and not there, at whose path and method there is another one, is that one.
fn operation_names(document: &mut Value, needs: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let there: BTreeSet<String> = operations(document).map(|operation| operation.id()).collect();
    let wanted: BTreeSet<String> = operations(needs).map(|operation| operation.id()).collect();
    each_operation(document, |path, method, operation| {
        let own = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
        let needed = needs["paths"][path][method]["operationId"].as_str();
        if let Some(needed) = needed.filter(|needed| !there.contains(*needed) && !wanted.contains(own)) {
            lines.push(format!("operation {needed}: called {own}"));
            operation.insert("operationId".to_owned(), json!(needed));
        }
    });
    lines
}

/// Returns the models of `document` that have the name of a needed one and are something else: an enum in
/// place of a model, or one that travels the other way.
fn misfits(document: &Value, needs: &Value) -> Vec<String> {
    let (sent, received) = (travelling(document, true), travelling(document, false));
    let is_misfit = |name: &str, own: &Value, needed: &Value| {
        if is_enum(own) || is_enum(needed) {
            return is_enum(own) != is_enum(needed);
        }
        if needed[SENT] == true { received.contains(name) } else { sent.contains(name) }
    };
    let all = schemas(document);
    schemas(needs)
        .into_iter()
        .flatten()
        .filter(|(name, needed)| {
            all.and_then(|all| all.get(*name)).is_some_and(|own| is_misfit(name, own, needed))
        })
        .map(|(name, _)| name.clone())
        .collect()
}

fn is_enum(schema: &Value) -> bool {
    schema.get("x-enum").is_some()
}

/// Finds a model that is not needed by its name and stands where another one is needed that isn't there: the
/// two names.
fn otherwise_named(document: &Value, needs: &Value) -> Option<(String, String)> {
    let (all, needed) = (schemas(document)?, schemas(needs)?);
    let by_model: BTreeMap<String, &String> = all.keys().map(|name| (model(name), name)).collect();
    // One that Rust calls the same.
    for name in needed.keys().filter(|name| !all.contains_key(*name)) {
        if let Some(own) = by_model.get(&model(name)) {
            return Some(((*own).clone(), name.clone()));
        }
    }
    let fits = |own: &str, wanted: &str| {
        !all.contains_key(wanted)
            && !needed.contains_key(own)
            && all
                .get(own)
                .is_some_and(|own| needed.get(wanted).is_some_and(|wanted| is_enum(own) == is_enum(wanted)))
    };
    let mut found = None;
    each_place(document, needs, &mut |own, wanted| {
        if let (None, Likeness::Named(pairs)) = (&found, compare(own, wanted)) {
            found = pairs
                .into_iter()
                .find(|(own, wanted)| fits(own, wanted))
                .map(|(own, wanted)| (own.to_owned(), wanted.to_owned()));
        }
    });
    found
}

/// Calls `f` with each schema that is needed and that of `document` in the same place.
fn each_place(document: &Value, needs: &Value, f: &mut impl FnMut(&Value, &Value)) {
    let by_id: BTreeMap<String, Operation<'_>> =
        operations(document).map(|operation| (operation.id(), operation)).collect();
    for needed in operations(needs) {
        let Some(own) = by_id.get(&needed.id()) else { continue };
        for wanted in needed.value["parameters"].as_array().into_iter().flatten() {
            let same = |one: &&Value| one["in"] == wanted["in"] && one["name"] == wanted["name"];
            if let Some(one) = parameters(document, own.value).find(same) {
                f(&one["schema"], &wanted["schema"]);
            }
        }
        f(&own.value["requestBody"]["content"], &needed.value["requestBody"]["content"]);
        f(content(own.value, false), content(needed.value, false));
    }
    for (name, needed) in schemas(needs).into_iter().flatten() {
        let own = &document["components"]["schemas"][name]["properties"];
        for (property, wanted) in needed["properties"].as_object().into_iter().flatten() {
            f(&own[property], wanted);
        }
    }
}

/// Renames the model or enum `old` of `document`.
fn rename(document: &mut Value, old: &str, new: &str) {
    if let Some(all) = schemas_mut(document)
        && let Some(mut schema) = all.remove(old)
    {
        if is_enum(&schema) {
            schema["x-rust-type"] = crate::passes::enum_type(new)["x-rust-type"].clone();
        }
        all.insert(new.to_owned(), schema);
    }
    each_schema(document, |schema| {
        if ref_name(schema) == Some(old) {
            schema["$ref"] = ref_to(new)["$ref"].clone();
        }
    });
}
