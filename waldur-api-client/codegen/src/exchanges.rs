//! The table of all operations with the types of their bodies and answers (`crate::exchanges`).

use quote::quote;
use serde_json::Value;
use syn::Ident;

use super::lists::element;
use super::slim::Slimmed;
use super::{Result, paths};

/// Adds the module `exchanges` to the generated code.
pub(super) fn append(
    file: &mut syn::File,
    document: &Value,
    operations: &[Slimmed],
    received: &[Ident],
) -> Result<()> {
    let paths = paths(document);
    let exchanges = operations.iter().map(|Slimmed { ident, path, method, body, answer, read }| {
        let parameters = document["paths"][path][method]["parameters"].as_array();
        let parameters = parameters.into_iter().flatten().filter(|one| one["in"] == "path").map(|one| {
            let name = one["name"].as_str().unwrap_or_default();
            let schema = &one["schema"];
            if schema["format"] == "uuid" {
                quote!((#name, Parameter::Uuid))
            } else if schema["type"] == "integer" {
                quote!((#name, Parameter::Integer))
            } else {
                quote!((#name, Parameter::Text))
            }
        });
        let body = match body {
            Some(body) => quote!(Some(write_body::<#body>)),
            None => quote!(None),
        };
        let answer = match read.to_string().as_str() {
            "empty" => quote!(Answer::Empty),
            "stream" => quote!(Answer::Raw),
            "optional" => quote!(Answer::Optional(read_answer::<#answer>)),
            _ => quote!(Answer::Json(read_answer::<#answer>)),
        };
        quote!(Exchange {
            operation: builder::#ident::OPERATION,
            parameters: &[ #(#parameters),* ],
            body: #body,
            answer: #answer,
        })
    });
    let models = received.iter().map(|model| {
        quote!(ReceivedModel {
            name: <types::#model as Model>::NAME,
            fields: <types::#model as Model>::FIELDS,
            keeps_additional: <types::#model as Model>::KEEPS_ADDITIONAL,
            read: read_answer::<types::#model>,
            read_page: read_answer::<::std::vec::Vec<types::#model>>,
        })
    });
    let lists = operations.iter().filter(|one| one.method == "get" && element(&one.answer).is_some());
    let lists = lists.map(|Slimmed { ident, .. }| {
        quote!(List { operation: builder::#ident::OPERATION, facts: <builder::#ident<'_> as ListCall<'_>>::LIST })
    });
    let module: syn::Item = syn::parse2(quote! {
        /// Tables of what was generated.
        pub mod exchanges {
            use super::{builder, types};
            use crate::exchanges::{Answer, Exchange, List, Parameter, ReceivedModel, read_answer, write_body};
            use crate::list::ListCall;
            use crate::model::Model;
            /// All operations of the features that are on.
            pub static ALL: &[Exchange] = &[ #(#exchanges),* ];
            /// All paths of the schema, also of features that are off.
            pub static PATHS: &[&str] = &[ #(#paths),* ];
            /// All models that their answers lead to.
            pub static MODELS: &[ReceivedModel] = &[ #(#models),* ];
            /// All operations that are lists.
            pub static LISTS: &[List] = &[ #(#lists),* ];
        }
    })?;
    file.items.push(module);
    Ok(())
}
