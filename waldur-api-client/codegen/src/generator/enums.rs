//! Open enums: a type for each enum of texts, which keeps a text that this version doesn't know.

use std::collections::BTreeSet;

use heck::ToPascalCase as _;
use proc_macro2::Ident;
use quote::{format_ident, quote};
use serde_json::Value;

use crate::document::schemas;
use crate::generator::syntax::module;
use crate::{Result, names};

/// Adds the enums of `document` to the module `types` of the generated code. Returns how many.
pub(crate) fn append(file: &mut syn::File, document: &Value) -> Result<usize> {
    let types = module(file, "types")?;
    let mut times = 0;
    for (name, schema) in schemas(document).into_iter().flatten() {
        let Some(texts) = schema["x-enum"].as_array() else { continue };
        let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
        let ident = format_ident!("{}", names::model(name));
        let variants = variants(&texts);
        let doc = format!("`{name}`: one of {} known texts, or another text of a newer server.", texts.len());
        types.push(syn::parse2(quote! {
            crate::wire::open_enum! {
                #[doc = #doc]
                #ident { #( #variants = #texts ),* }
            }
        })?);
        times += 1;
    }
    Ok(times)
}

/// Returns a variant's name for each text, all different.
fn variants(texts: &[&str]) -> Vec<Ident> {
    // Those of the type itself.
    let mut taken: BTreeSet<String> = ["Other".to_owned(), "Self".to_owned()].into();
    texts
        .iter()
        .map(|text| {
            let descending = text.strip_prefix('-');
            let mut name = descending.unwrap_or(text).to_pascal_case();
            name.retain(|c| c.is_alphanumeric() || c == '_');
            // Some letters and digits of other scripts stand in no name.
            if syn::parse_str::<Ident>(&format!("X{name}")).is_err() {
                name.retain(|c| c.is_ascii());
            }
            if descending.is_some() {
                name.push_str("Descending");
            }
            if name.is_empty() || syn::parse_str::<Ident>(&name).is_err() {
                name.insert_str(0, "Value");
            }
            format_ident!("{}", names::first_free(&name, "", |name| taken.insert(name.to_owned())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn every_enum_of_texts_is_added_once() {
        let document = json!({"components": {"schemas": {
            "State": {"x-enum": ["½", "ü", "-name", "name", "Name", "self", "2"]}, "Thing": {"type": "object"},
        }}});
        let mut file: syn::File = syn::parse_quote!(
            mod types {}
        );
        assert_eq!(super::append(&mut file, &document).unwrap(), 1);
        let code: String = prettyplease::unparse(&file).split_whitespace().collect::<Vec<_>>().join(" ");
        let variants = "State { Value = \"½\", Ü = \"ü\", NameDescending = \"-name\", Name = \"name\", \
                        Name2 = \"Name\", ValueSelf = \"self\", Value2 = \"2\" }";
        assert!(code.contains(variants), "{code}");
        assert!(code.contains("`State`: one of 7 known texts, or another text of a newer server."), "{code}");
    }
}
