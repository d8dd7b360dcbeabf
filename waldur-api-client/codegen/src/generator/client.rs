//! The generated client: only its functions stay, and they are documented from the facts.

use std::collections::BTreeMap;

use serde_json::Value;
use syn::Item;

use crate::document::{Operation, operations};
use crate::generator::docs;
use crate::generator::syntax::function;
use crate::{Result, names};

/// Keeps of the generated client the functions of the operations: `crate::client` has a client of its own, and
/// nothing of progenitor's library is used.
pub(crate) fn keep_functions(file: &mut syn::File) -> Result<()> {
    let mut clients = 0;
    file.items.retain(|item| match item {
        Item::Struct(item) if item.ident == "Client" => {
            clients += 1;
            false
        }
        Item::Impl(item) => item.trait_.is_none() && function(item, "new_with_client").is_none(),
        Item::Use(_) => false,
        Item::Mod(item) => item.ident != "prelude",
        _ => true,
    });
    match clients {
        1 => {
            file.items.insert(
                0,
                syn::parse_quote!(
                    use crate::client::Client;
                ),
            );
            Ok(())
        }
        clients => Err(format!("{clients} structs named Client, not 1").into()),
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
            let text = docs::text(document, operation);
            function.attrs.retain(|attribute| !attribute.path().is_ident("doc"));
            function.attrs.insert(0, syn::parse_quote!(#[doc = #text]));
            // Builders own their client.
            let builder = quote::format_ident!("{}", names::builder(&operation.id()));
            function.sig.output = syn::parse_quote!(-> builder::#builder);
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
        for expected in [
            "///Builds the request `GET /x/`, which is the operation `xList`.",
            "///Builds the request `DELETE /x/`, which is the operation `x_destroy`.",
            "/// Stays.",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in {text}");
        }
        assert!(!text.contains("Sends") && !text.contains("Other"), "{text}");

        document["paths"]["/x/"]["put"] = json!({"operationId": "x_update"});
        let error = super::document_functions(&mut file, &document).unwrap_err();
        assert_eq!(error.to_string(), "the generated client has no function x_update");
    }

    #[test]
    fn of_the_client_only_functions_stay() {
        let mut file: syn::File = syn::parse_quote! {
            pub use progenitor_client::Error;
            pub mod types {}
            pub struct Client {}
            impl Client { pub fn new_with_client() {} }
            impl ClientInfo<()> for Client {}
            impl ClientHooks<()> for &Client {}
            impl Client { pub fn things_list() {} }
            pub mod prelude {}
        };
        super::keep_functions(&mut file).unwrap();
        let code = crate::generator::tests::code(&file);
        assert_eq!(
            code,
            "use crate::client::Client; pub mod types {} impl Client { pub fn things_list() {} }"
        );
        let error = super::keep_functions(&mut file).unwrap_err();
        assert_eq!(error.to_string(), "0 structs named Client, not 1");
    }
}
