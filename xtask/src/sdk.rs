//! The operations that the SDK calls, from its sources: a pin without one of them can't build it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use heck::ToPascalCase as _;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde_json::Value;
use waldur_api_codegen::names;

use crate::count::counted;
use crate::document::operations;
use crate::features::Features;
use crate::layout::Layout;
use crate::needs::STAND_IN;
use crate::words::rust_files;

const SOURCES: &str = "waldur-sdk/src";

/// Returns the operations that the SDK calls and that the schema `document` was made from lacks. Their names are those of `document`, of the
/// features, which name operations of other versions too, and of `old`.
pub(crate) fn lacking(layout: &Layout, document: &Value, old: Option<&Value>) -> Result<Vec<String>> {
    let present: BTreeSet<String> = operations(document)
        .filter(|operation| operation.value[STAND_IN] != true)
        .map(|operation| names::function(&operation.id()))
        .collect();
    let mut known: BTreeSet<String> = ids(document).collect();
    known.extend(old.into_iter().flat_map(ids));
    known.extend(Features::read(&layout.features())?.named().map(names::function));
    let called = called(layout, &known)?;
    Ok(called.into_iter().filter(|name| !present.contains(name)).collect())
}

/// Returns `names` as the sentence that tells what is missing.
pub(crate) fn said(names: &[String], version: &str) -> String {
    let operations = counted(names.len(), "operation", "operations");
    format!("{version} lacks {operations} that waldur-sdk calls: {}", names.join(", "))
}

fn ids(document: &Value) -> impl Iterator<Item = String> {
    operations(document).map(|operation| names::function(&operation.id()))
}

/// Returns which of the operations `known` the SDK's sources call.
fn called(layout: &Layout, known: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let builders: BTreeMap<String, &String> =
        known.iter().map(|name| (name.to_pascal_case(), name)).collect();
    let mut found = BTreeSet::new();
    let folder = layout.file(SOURCES);
    // A repository of the client alone has no SDK.
    let files = if folder.exists() { rust_files(&folder)? } else { Vec::new() };
    for path in files {
        let tokens = tokens(&path).with_context(|| format!("can't read {}", layout.said(&path)))?;
        walk(tokens, &mut |name, is_call| {
            if is_call && known.contains(name) {
                found.insert(name.to_owned());
            } else if let Some(name) = builders.get(name) {
                found.insert((*name).clone());
            }
        });
    }
    Ok(found)
}

fn tokens(path: &Path) -> Result<TokenStream> {
    let text = std::fs::read_to_string(path)?;
    text.parse().map_err(|error| anyhow!("it isn't Rust: {error}"))
}

/// Calls `f` with each name of several words, and whether it is called without arguments, as the functions of the
/// client are. A name of one word, such as `query`, is too common to tell an operation.
fn walk(tokens: TokenStream, f: &mut impl FnMut(&str, bool)) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => walk(group.stream(), f),
            TokenTree::Ident(name) => {
                let is_call = matches!(tokens.peek(), Some(TokenTree::Group(group))
                    if group.delimiter() == Delimiter::Parenthesis && group.stream().is_empty());
                let name = name.to_string();
                let capitals = name.chars().filter(|c| c.is_uppercase()).count();
                if capitals > 1 || (is_call && name.contains('_')) {
                    f(&name, is_call);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn operations_are_found_by_their_calls_and_builders_also_within_macros() {
        let code = "fn f() { api.orders_list().query(); orders_count(1); table!(builder::OrdersDone, OrdersErred); \
                    x.metadata(); type A = Query; \"orders_text()\"; /* orders_comment() */ }";
        let mut found = Vec::new();
        super::walk(code.parse().unwrap(), &mut |name, is_call| found.push((name.to_owned(), is_call)));
        assert_eq!(
            found,
            [("orders_list", true), ("OrdersDone", false), ("OrdersErred", false)]
                .map(|(name, is_call)| (name.to_owned(), is_call))
        );
    }
}
