//! Models that are only received: read by a table of their fields (`crate::model`), leniently.

use proc_macro2::Literal;
use quote::quote;
use syn::{Ident, Item};

use super::fields::{Field, written};
use crate::Result;
use crate::generator::field_hash::field_hash;
use crate::generator::syntax::items;

/// Returns the code of the model `ident`. What it doesn't name is in `additional`.
pub(super) fn model(ident: &Ident, fields: &[Field], additional: Option<&Ident>) -> Result<Vec<Item>> {
    let name = ident.to_string();
    let idents: Vec<&Ident> = fields.iter().map(|field| &field.ident).collect();
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let types = fields.iter().map(|field| &field.ty);
    let hashes: Vec<u8> = names.iter().map(|name| field_hash(name)).collect();
    let hashes = Literal::byte_string(&hashes);
    let docs = names.iter().map(|name| format!("`{name}`"));
    let doc = format!("`{name}` of responses. Fields that are absent, null or \"\" are `None`.");
    let index = 0..fields.len();
    let (mut field, mut keeps, mut more) = (None, None, None);
    if let Some(ident) = additional {
        field = Some(quote! {
            /// The fields that the schema doesn't declare.
            pub #ident: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        });
        keeps = Some(quote! {
            const KEEPS_ADDITIONAL: bool = true;
            fn additional(
                &mut self,
            ) -> Option<&mut ::serde_json::Map<::std::string::String, ::serde_json::Value>> {
                Some(&mut self.#ident)
            }
        });
        let written = written(fields);
        more = Some(quote! {
            crate::wire::model::additional(map, &self.#ident, |name| match name { #(#written,)* _ => false })?;
        });
    }
    items(quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, Default)]
        pub struct #ident { #( #[doc = #docs] pub #idents: #types, )* #field }
        impl crate::wire::model::Model for #ident {
            const NAME: &'static str = #name;
            const FIELDS: &'static [&'static str] = &[ #(#names),* ];
            const HASHES: &'static [u8] = #hashes;
            #keeps
            fn read(
                &mut self,
                index: usize,
                source: &mut dyn crate::wire::Source,
            ) -> Result<(), crate::wire::Stopped> {
                match index {
                    #( #index => crate::wire::model::slot(&mut self.#idents, source), )*
                    _ => crate::wire::model::skip(source),
                }
            }
        }
        impl crate::wire::model::WriteModel for #ident {
            fn write<M: ::serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                #( crate::wire::model::entry(map, #names, &self.#idents)?; )*
                #more
                Ok(())
            }
        }
        crate::wire::received! { #ident }
    })
}
