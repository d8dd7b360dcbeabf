//! From the normalised schema to the client's code: prune by feature, document from the facts, generate, slim.
//!
//! Shared by build.rs, which writes the code, and by the `xtask`, which tries every operation before a schema is
//! pinned.

mod docs;
mod enums;
mod exchanges;
mod field_hash;
mod lists;
mod mock;
mod slim;
mod trim;

use std::collections::BTreeSet;
use std::error::Error;

use proc_macro2::TokenStream;
use progenitor::{CrateVers, GenerationSettings, Generator, InterfaceStyle, TagStyle};
use serde_json::{Value, json};

pub use mock::generate as mock;

/// The outcome of generating; an error says what the generator could not take.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The source of the function that makes the tables of field names, which the client compiles as well.
pub const FIELD_HASH: &str = include_str!("field_hash.rs");

pub(crate) const METHODS: [&str; 8] = ["delete", "get", "head", "options", "patch", "post", "put", "trace"];

/// Keeps the operations of the features that are on, and the components that they lead to.
///
/// `x-paths` keeps all paths.
pub fn prune(document: &mut Value, is_on: impl Fn(&str) -> bool) {
    document["x-paths"] = paths(document).into_iter().collect();
    for item in document["paths"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if let Some(item) = item.as_object_mut() {
            // A list is counted by HEAD, also where that operation belongs to another feature.
            let head = item.get("head").map(|head| head["operationId"].clone());
            if let (Some(head), Some(get)) = (head, item.get_mut("get")) {
                get["x-head"] = head;
            }
            item.retain(|_, operation| {
                operation["x-features"].as_array().into_iter().flatten().filter_map(Value::as_str).any(&is_on)
            });
        }
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.retain(|_, item| item.as_object().is_some_and(|item| !item.is_empty()));
    }
    let mut used = BTreeSet::new();
    reach(document, &document["paths"], &mut used);
    reach(document, &document["components"]["parameters"], &mut used);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| used.contains(name));
    }
}

/// Returns all paths of `document`, including those of pruned operations.
pub(crate) fn paths(document: &Value) -> Vec<String> {
    match document["x-paths"].as_array() {
        Some(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => document["paths"].as_object().into_iter().flat_map(serde_json::Map::keys).cloned().collect(),
    }
}

fn reach(document: &Value, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            let name = map
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|path| path.strip_prefix("#/components/schemas/"));
            if let Some(name) = name
                && found.insert(name.to_owned())
            {
                reach(document, &document["components"]["schemas"][name], found);
            }
            map.values().for_each(|inner| reach(document, inner, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| reach(document, inner, found)),
        _ => {}
    }
}

/// The client's code for all operations of `document`, with the table of their types where `with_exchanges`.
pub fn generate(document: &Value, with_exchanges: bool) -> Result<String> {
    Ok(prettyplease::unparse(&file(document, with_exchanges)?))
}

/// The same, before it is written out.
pub fn file(document: &Value, with_exchanges: bool) -> Result<syn::File> {
    let generated = tokens(document)?;
    let mut file: syn::File = syn::parse2(trim::trim(generated))?;
    let (operations, received) = slim::slim(&mut file, document)?;
    enums::append(&mut file, document)?;
    lists::append(&mut file, document, &operations)?;
    if with_exchanges {
        exchanges::append(&mut file, document, &operations, &received)?;
    }
    Ok(file)
}

/// What progenitor makes of `document`.
fn tokens(document: &Value) -> Result<TokenStream> {
    let (spec, settings) = spec(document)?;
    Ok(Generator::new(&settings).generate_tokens(&spec)?)
}

/// `document` as progenitor takes it, and what it is told.
pub(crate) fn spec(document: &Value) -> Result<(openapiv3::OpenAPI, GenerationSettings)> {
    let mut document = document.clone();
    docs::describe(&mut document);
    complete(&mut document);
    let spec: openapiv3::OpenAPI = serde_json::from_value(document)?;
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Builder)
        .with_tag(TagStyle::Merged)
        .with_inner_type(quote::quote!(crate::Hooks))
        .with_crate("waldur-api-client", CrateVers::Any, None)
        .with_crate("std", CrateVers::Any, None)
        .with_crate("serde_json", CrateVers::Any, None);
    Ok((spec, settings))
}

/// The query parameters of an operation, with those that it only refers to.
pub(crate) fn query_parameters<'a>(document: &'a Value, operation: &'a Value) -> Vec<&'a Value> {
    let resolve = |parameter: &'a Value| match parameter["$ref"].as_str() {
        Some(path) => document.pointer(path.trim_start_matches('#')).unwrap_or(parameter),
        None => parameter,
    };
    let all = operation["parameters"].as_array().into_iter().flatten().map(resolve);
    all.filter(|parameter| parameter["in"] == "query").collect()
}

/// What OpenAPI requires and the pin, which holds no prose, leaves out.
fn complete(document: &mut Value) {
    document["info"]["title"] = json!("Waldur");
    for item in document["paths"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        for (_, operation) in item
            .as_object_mut()
            .into_iter()
            .flatten()
            .filter(|(method, _)| METHODS.contains(&method.as_str()))
        {
            for response in
                operation["responses"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut)
            {
                if let Some(response) = response.as_object_mut() {
                    response.entry("description").or_insert_with(|| json!(""));
                    response.remove("headers");
                }
            }
        }
    }
}
