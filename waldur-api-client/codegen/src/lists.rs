//! Lists, and operations whose fields can be chosen (`crate::list`): from the facts, on the generated builders.

use heck::ToPascalCase as _;
use quote::quote;
use serde_json::Value;

use super::slim::{Slimmed, module};
use super::{Result, query_parameters};

/// Makes the builders of `operations` lists where they are.
pub(super) fn append(file: &mut syn::File, document: &Value, operations: &[Slimmed]) -> Result<()> {
    let mut found = Vec::new();
    for Slimmed { ident, answer, path, method, .. } in operations.iter().filter(|one| one.method == "get") {
        let item = &document["paths"][path];
        let parameters = query_parameters(document, &item[method]);
        let fields = parameters.iter().find(|parameter| parameter["name"] == "field").and_then(|parameter| {
            let name = parameter["schema"]["items"]["$ref"].as_str()?.rsplit('/').next()?;
            Some(quote::format_ident!("{}", name.to_pascal_case()))
        });
        let implementation = if let Some(of) = element(answer) {
            let paged = parameters.iter().any(|parameter| parameter["name"] == "page");
            let head = match item[method]["x-head"].as_str() {
                Some(id) => quote! {
                    Some(&Operation { id: #id, method: "HEAD", path: #path, body_required: false })
                },
                None => quote!(None),
            };
            let fields = match fields {
                Some(name) => quote!(Some(types::#name::KNOWN)),
                None => quote!(None),
            };
            quote! {
                impl<'a> crate::list::ListCall<'a> for #ident<'a> {
                    type Item = #of;
                    const LIST: crate::list::ListFacts =
                        crate::list::ListFacts { head: #head, paged: #paged, fields: #fields };
                    fn into_call(self) -> Call<'a> { self.0 }
                }
            }
        } else if let Some(name) = fields {
            quote! {
                impl<'a> crate::list::RetrieveCall<'a> for #ident<'a> {
                    const FIELDS: &'static [&'static str] = types::#name::KNOWN;
                    fn into_call(self) -> Call<'a> { self.0 }
                }
            }
        } else {
            continue;
        };
        found.push(syn::parse2(implementation)?);
    }
    module(file, "builder")?.extend::<Vec<syn::Item>>(found);
    Ok(())
}

/// What a list is a list of.
pub(super) fn element(answer: &syn::Type) -> Option<syn::Type> {
    let syn::Type::Path(path) = answer else { return None };
    let last = path.path.segments.last()?;
    match &last.arguments {
        syn::PathArguments::AngleBracketed(inner) if last.ident == "Vec" => match inner.args.first()? {
            syn::GenericArgument::Type(inner) => Some(inner.clone()),
            _ => None,
        },
        _ => None,
    }
}
