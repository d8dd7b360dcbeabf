//! Open enums: a type for each enum of texts, which keeps a text that this version doesn't know.

use std::collections::BTreeSet;

use heck::ToPascalCase;
use quote::{format_ident, quote};
use serde_json::Value;

use super::Result;

/// Adds the enums of `document` to the module `types` of the generated code.
pub(super) fn append(file: &mut syn::File, document: &Value) -> Result<()> {
    let types = file
        .items
        .iter_mut()
        .find_map(|item| match item {
            syn::Item::Mod(module) if module.ident == "types" => module.content.as_mut(),
            _ => None,
        })
        .ok_or("the generated code has no module `types`")?;
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let Some(texts) = schema["x-enum"].as_array() else { continue };
        let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
        let ident = format_ident!("{}", name.to_pascal_case());
        let variants = variants(&texts);
        let doc = format!("`{name}`: one of {} known texts, or another that a server sends.", texts.len());
        let item: syn::Item = syn::parse2(quote! {
            crate::open_enum! {
                #[doc = #doc]
                #ident { #( #variants = #texts ),* }
            }
        })?;
        types.1.push(item);
    }
    Ok(())
}

/// A variant's name for each text, all different.
fn variants(texts: &[&str]) -> Vec<proc_macro2::Ident> {
    // Those of the type itself.
    let mut taken: BTreeSet<String> = ["Other".to_owned(), "Self".to_owned()].into();
    texts
        .iter()
        .map(|text| {
            let descending = text.strip_prefix('-');
            let mut name = descending.unwrap_or(text).to_pascal_case();
            name.retain(|c| c.is_alphanumeric() || c == '_');
            // Some letters and digits of other scripts stand in no name.
            if syn::parse_str::<proc_macro2::Ident>(&format!("X{name}")).is_err() {
                name.retain(|c| c.is_ascii());
            }
            if descending.is_some() {
                name.push_str("Descending");
            }
            if name.is_empty() || syn::parse_str::<proc_macro2::Ident>(&name).is_err() {
                name.insert_str(0, "Value");
            }
            let mut unique = name.clone();
            let mut number = 2;
            while !taken.insert(unique.clone()) {
                unique = format!("{name}{number}");
                number += 1;
            }
            format_ident!("{unique}")
        })
        .collect()
}
