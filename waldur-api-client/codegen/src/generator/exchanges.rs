//! The table of all operations with the types of their bodies and answers (`crate::exchanges`).

use quote::quote;
use serde_json::Value;
use syn::Ident;

use crate::Result;
use crate::document::parameters;
use crate::generator::answer::Answer;
use crate::generator::calls::Call;
use crate::generator::lists::element;
use crate::prune::paths;

/// Returns the module `exchanges` of the generated code. Its tables are constants, so that the functions they refer to are
/// compiled in the crate that uses them, and not with the client.
pub(crate) fn tables(document: &Value, calls: &[Call<'_>], received: &[Ident]) -> Result<syn::File> {
    let paths = paths(document);
    let exchanges = calls.iter().map(|Call { operation, ident, body, read, answer }| {
        let parameters = parameters(document, operation.value).filter(|one| one["in"] == "path").map(|one| {
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
        let answer = match read {
            Answer::Empty => quote!(Answer::Empty),
            Answer::Stream => quote!(Answer::Raw),
            Answer::Optional => quote!(Answer::Optional(read_answer::<#answer>)),
            Answer::Json => quote!(Answer::Json(read_answer::<#answer>)),
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
    let mut lists = Vec::new();
    for call @ Call { ident, .. } in calls.iter().filter(|call| call.operation.method == "get") {
        if element(call)?.is_some() {
            lists.push(quote!(List {
                operation: builder::#ident::OPERATION,
                facts: <builder::#ident as ListOperation>::LIST
            }));
        }
    }
    Ok(syn::parse2(quote! {
        use super::{builder, types};
        use crate::exchanges::{Answer, Exchange, List, Parameter, ReceivedModel, read_answer, write_body};
        use crate::list::sealed::ListOperation;
        use crate::wire::model::Model;
        /// All operations of the features that are on.
        pub const ALL: &[Exchange] = &[ #(#exchanges),* ];
        /// All paths of the schema, also of features that are off.
        pub const PATHS: &[&str] = &[ #(#paths),* ];
        /// All models that their answers lead to.
        pub const MODELS: &[ReceivedModel] = &[ #(#models),* ];
        /// All operations that are lists.
        pub const LISTS: &[List] = &[ #(#lists),* ];
    })?)
}
