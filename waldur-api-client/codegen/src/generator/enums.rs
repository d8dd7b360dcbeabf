//! Open enums: a type for each enum of texts, which keeps a text that this version doesn't know.

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
        let variants = names::variants(&texts).into_iter().map(|name| format_ident!("{name}"));
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
