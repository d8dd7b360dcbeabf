//! The generated client: its hooks go, and its functions are documented from the facts.

use std::collections::BTreeMap;

use serde_json::Value;
use syn::Item;

use crate::document::{Operation, operations};
use crate::syntax::is_of_trait;
use crate::{Result, docs, names};

/// Drops the generator's hooks, which nothing calls: requests pass through `crate::transport`.
pub(crate) fn drop_hooks(file: &mut syn::File) -> Result<()> {
    let before = file.items.len();
    file.items.retain(|item| !matches!(item, Item::Impl(item) if is_of_trait(item, "ClientHooks")));
    match before - file.items.len() {
        1 => Ok(()),
        times => Err(format!("{times} impls of ClientHooks dropped, not 1").into()),
    }
}

/// Documents the function of each operation from the facts, without the generator's sample, which can't be
/// run. Returns how many functions it documented.
pub(crate) fn document_functions(file: &mut syn::File, document: &Value) -> Result<usize> {
    let mut known: BTreeMap<String, Operation<'_>> =
        operations(document).map(|operation| (names::function(&operation.id()), operation)).collect();
    let expected = known.len();
    for item in &mut file.items {
        let Item::Impl(item) = item else { continue };
        for inner in &mut item.items {
            let syn::ImplItem::Fn(function) = inner else { continue };
            let Some(operation) = known.remove(&function.sig.ident.to_string()) else { continue };
            let text = docs::text(operation);
            function.attrs.retain(|attribute| !attribute.path().is_ident("doc"));
            function.attrs.insert(0, syn::parse_quote!(#[doc = #text]));
        }
    }
    match known.first_key_value() {
        Some((function, _)) => Err(format!("the generated client has no function {function}").into()),
        None => Ok(expected),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn functions_say_what_the_schema_says_and_every_operation_has_one() {
        let mut document = json!({"paths": {"/x/": {"get": {"operationId": "xList"}, "delete": {"operationId": "x_destroy"}}}});
        let code = syn::parse_quote! {
            impl Client {
                ///Sends a `GET` request to `/x/`
                fn x_list(&self) {}
                /// Other.
                fn x_destroy(&self) {}
                /// Stays.
                fn inner(&self) {}
            }
        };
        let mut file: syn::File = code;
        assert_eq!(super::document_functions(&mut file, &document).unwrap(), 2);
        let text = prettyplease::unparse(&file);
        for expected in
            ["///`GET /x/`, operation `xList`.", "///`DELETE /x/`, operation `x_destroy`.", "/// Stays."]
        {
            assert!(text.contains(expected), "{expected:?} is not in {text}");
        }
        assert!(!text.contains("Sends") && !text.contains("Other"), "{text}");

        document["paths"]["/x/"]["put"] = json!({"operationId": "x_update"});
        let error = super::document_functions(&mut file, &document).unwrap_err();
        assert_eq!(error.to_string(), "the generated client has no function x_update");
    }

    #[test]
    fn the_hooks_go_and_there_is_one_impl_of_them() {
        let mut file: syn::File = syn::parse_quote! {
            impl ClientHooks<crate::Hooks> for &Client {}
            impl ClientInfo<crate::Hooks> for Client {}
        };
        super::drop_hooks(&mut file).unwrap();
        assert_eq!(file.items.len(), 1);
        assert_eq!(
            super::drop_hooks(&mut file).unwrap_err().to_string(),
            "0 impls of ClientHooks dropped, not 1"
        );
    }
}
