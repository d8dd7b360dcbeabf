//! Tries the generator on every operation, so that a schema that can't be built is never pinned.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, anyhow};
use serde_json::{Map, Value, json};
use syn::visit::Visit;
use waldur_api_codegen::document::{Operation, operations};
use xtask::Files;

/// Generates all of `document`; where that fails, finds the operation that fails and names it. Returns the code that the
/// client keeps.
pub(crate) fn try_all(document: &Value) -> Result<Files> {
    let all: Vec<Operation<'_>> = operations(document).collect();
    silence_attempts();
    // Operations that stand side by side have most models in common, so parts cost little more than the whole.
    let parts = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    std::thread::scope(|scope| {
        let tries: Vec<_> = all
            .chunks(all.len().div_ceil(parts).max(1))
            .map(|part| (part, scope.spawn(|| attempt(|| try_one(&only(document, part))))))
            .collect();
        let kept = kept(document);
        let failing = tries.into_iter().find_map(|(part, tried)| {
            let tried = tried.join().unwrap_or_else(|_| Err("it panics".to_owned()));
            tried.err().map(|reason| (part, reason))
        });
        match failing {
            Some((part, reason)) => Err(first_failing(document, part, &reason)),
            None => kept,
        }
    })
}

/// Generates the code that the client keeps.
pub(crate) fn kept(document: &Value) -> Result<Files> {
    attempt(|| waldur_api_codegen::kept_files(document).map_err(|error| error.to_string()))
        .map_err(|reason| anyhow!("can't generate what the client keeps: {reason}"))
}

thread_local! {
    static IS_ATTEMPT: Cell<bool> = const { Cell::new(false) };
}

/// Silences panics of attempts, since the generator panics on much that it doesn't take. Others are errors of
/// this program, and printed.
fn silence_attempts() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !IS_ATTEMPT.get() {
            loud(panic);
        }
    }));
}

/// The error that names the first of `suspects` that fails alone, or what the generator says of all of them.
fn first_failing(document: &Value, mut suspects: &[Operation<'_>], reason: &str) -> anyhow::Error {
    let mut reason = reason.to_owned();
    while suspects.len() > 1 {
        let (first, second) = suspects.split_at(suspects.len() / 2);
        let Some((half, why)) = [first, second]
            .into_iter()
            .find_map(|half| Some((half, attempt(|| try_one(&only(document, half))).err()?)))
        else {
            return anyhow!("the generator can't take the schema as a whole: {reason}");
        };
        (suspects, reason) = (half, why);
    }
    suspects.first().map_or_else(
        || anyhow!("the generator can't take the schema: {reason}"),
        |operation| {
            anyhow!(
                "the generator can't take {} ({} {}): {reason}",
                operation.id(),
                operation.method.to_uppercase(),
                operation.path
            )
        },
    )
}

/// `document` with only `operations`, and what they lead to.
fn only(document: &Value, operations: &[Operation<'_>]) -> Value {
    let mut paths = Map::new();
    for operation in operations {
        let mut value = operation.value.clone();
        value["x-features"] = json!(["this"]);
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method] = value;
    }
    let mut document = json!({
        "openapi": document["openapi"], "info": document["info"], "components": document["components"], "paths": paths,
    });
    waldur_api_codegen::prune(&mut document, |feature| feature == "this");
    document
}

/// Generates the code of `document`, and looks whether it is sound.
fn try_one(document: &Value) -> std::result::Result<(), String> {
    let file = waldur_api_codegen::client_code(document).map_err(|error| error.to_string())?;
    let result = sound(&file);
    // This is much to take apart, and the program is about to end.
    std::mem::forget(file);
    result
}

/// Calls `generate`, and returns the text of a panic as an error.
fn attempt<T>(generate: impl FnOnce() -> std::result::Result<T, String>) -> std::result::Result<T, String> {
    IS_ATTEMPT.set(true);
    let result = catch_unwind(AssertUnwindSafe(generate));
    IS_ATTEMPT.set(false);
    result.unwrap_or_else(|panic| {
        Err(match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => panic.downcast_ref::<&str>().map_or("it panics", |text| text).to_owned(),
        })
    })
}

/// Whether generated code is sound in what the compiler would refuse it for, as far as a schema can cause that: all
/// names differ, all types that are named are there, and models are read leniently.
fn sound(file: &syn::File) -> std::result::Result<(), String> {
    let mut found = Found::default();
    found.visit_file(file);
    let missing = found.used.difference(&found.models).next();
    match (found.wrong, missing) {
        (Some(wrong), _) => Err(wrong),
        (None, Some(name)) => Err(format!("the model {name} is used and isn't there")),
        (None, None) => Ok(()),
    }
}

/// What is found in generated code.
#[derive(Default)]
struct Found {
    /// The modules that we are in.
    within: Vec<String>,
    /// The types of each module.
    types: BTreeSet<(Vec<String>, String)>,
    /// The functions of each type of each module.
    functions: BTreeMap<(Vec<String>, String), BTreeSet<String>>,
    /// The types of the module `types`.
    models: BTreeSet<String>,
    /// Those that are named.
    used: BTreeSet<String>,
    /// The first thing that is wrong.
    wrong: Option<String>,
}

impl Found {
    fn wrong(&mut self, what: impl FnOnce() -> String) {
        self.wrong.get_or_insert_with(what);
    }

    fn declare(&mut self, name: &syn::Ident) {
        if self.within == ["types"] {
            self.models.insert(name.to_string());
        }
        if !self.types.insert((self.within.clone(), name.to_string())) {
            self.wrong(|| format!("two types are named {name}"));
        }
    }
}

impl<'a> Visit<'a> for Found {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        self.within.push(module.ident.to_string());
        syn::visit::visit_item_mod(self, module);
        self.within.pop();
    }

    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.declare(&item.ident);
        if self.within == ["types"] && !matches!(item.fields, syn::Fields::Named(_)) {
            self.wrong(|| format!("the model {} has no fields, and would be read strictly", item.ident));
        }
        let mut names = BTreeSet::new();
        for field in item.fields.iter().filter_map(|field| field.ident.as_ref()) {
            if !names.insert(field) {
                self.wrong(|| format!("two fields of {} are named {field}", item.ident));
            }
        }
        syn::visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        self.declare(&item.ident);
        if self.within == ["types"] {
            self.wrong(|| format!("the model {} is an enum, and would be read strictly", item.ident));
        }
    }

    fn visit_item_macro(&mut self, item: &'a syn::ItemMacro) {
        if item.mac.path.segments.last().is_some_and(|last| last.ident == "open_enum") {
            let mut tokens = item.mac.tokens.clone().into_iter();
            let name = tokens.find_map(|token| match token {
                proc_macro2::TokenTree::Ident(name) => Some(name),
                _ => None,
            });
            if let Some(name) = name {
                self.declare(&name);
            }
        }
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        if let (None, syn::Type::Path(of)) = (&item.trait_, &*item.self_ty)
            && let Some(last) = of.path.segments.last()
        {
            let key = (self.within.clone(), last.ident.to_string());
            for function in &item.items {
                if let syn::ImplItem::Fn(function) = function
                    && !self.functions.entry(key.clone()).or_default().insert(function.sig.ident.to_string())
                {
                    self.wrong(|| {
                        format!("two functions of {} are named {}", last.ident, function.sig.ident)
                    });
                }
            }
        }
        syn::visit::visit_item_impl(self, item);
    }

    fn visit_field(&mut self, field: &'a syn::Field) {
        // Within the module `types`, a model is named without a path.
        if let ([module], syn::Type::Path(of)) = (self.within.as_slice(), innermost(&field.ty))
            && let Some(name) = of.path.get_ident().filter(|_| module == "types").map(ToString::to_string)
            && name.starts_with(char::is_uppercase)
            && name != "String"
        {
            self.used.insert(name);
        }
        syn::visit::visit_field(self, field);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let mut segments = path.segments.iter().rev();
        if let (Some(name), Some(module)) = (segments.next(), segments.next())
            && module.ident == "types"
        {
            self.used.insert(name.ident.to_string());
        }
        syn::visit::visit_path(self, path);
    }
}

/// The last of the type arguments of `ty`, and of those of that; `ty` where it has none.
fn innermost(ty: &syn::Type) -> &syn::Type {
    let syn::Type::Path(path) = ty else { return ty };
    match path.path.segments.last().map(|last| &last.arguments) {
        Some(syn::PathArguments::AngleBracketed(arguments)) => match arguments.args.last() {
            Some(syn::GenericArgument::Type(inner)) => innermost(inner),
            _ => ty,
        },
        _ => ty,
    }
}

#[cfg(test)]
mod tests {
    fn wrong(code: &str) -> String {
        super::sound(&syn::parse_str(code).unwrap()).err().unwrap_or_default()
    }

    #[test]
    fn what_the_compiler_would_refuse_is_named() {
        for (code, expected) in [
            ("mod types { struct A { a: B } struct B {} } mod builder { struct A {} }", ""),
            ("mod types { struct A { a: ::std::vec::Vec<B> } }", "the model B is used and isn't there"),
            ("mod builder { struct A { a: ::x::types::B } }", "the model B is used and isn't there"),
            (
                "mod types { crate::open_enum! { #[doc = \"d\"] A { X = \"x\" } } struct A {} }",
                "two types are named A",
            ),
            ("mod types { struct A { a: i64, a: i64 } }", "two fields of A are named a"),
            ("mod types { struct A(i64); }", "the model A has no fields"),
            ("mod types { enum A { B } }", "the model A is an enum"),
            ("struct A {} impl A { fn a() {} } impl A { fn a() {} }", "two functions of A are named a"),
            ("struct A {} impl A { fn a() {} } impl C for A { fn a() {} }", ""),
        ] {
            let found = wrong(code);
            assert!(
                found.starts_with(expected) && found.is_empty() == expected.is_empty(),
                "{code}: {found}"
            );
        }
    }
}
