//! Models that are sent: strict, and made by a builder.

use proc_macro2::TokenStream;
use quote::quote;
use syn::visit_mut::VisitMut;
use syn::{Fields, Ident, Item, ItemStruct, Type};

use super::fields::{Field, written};
use crate::Result;
use crate::generator::syntax::items;

/// Returns the code of the model that typify wrote as `item`, and that of its builder.
pub(super) fn model(
    item: &ItemStruct,
    fields: &[Field],
    additional: Option<&Ident>,
) -> Result<(Vec<Item>, Vec<Item>)> {
    let ident = &item.ident;
    let name = ident.to_string();
    let mut model = item.clone();
    let doc = format!("`{name}` of requests. Fields that are `None` are not sent.");
    model.attrs.retain(|attribute| !attribute.path().is_ident("doc") && !attribute.path().is_ident("derive"));
    let all_optional = fields.iter().all(|field| !field.is_required);
    let default = all_optional.then(|| quote!(Default,));
    if let Fields::Named(generated) = &mut model.fields {
        for (field, facts) in generated.named.iter_mut().zip(fields) {
            let doc = format!("`{}`", facts.name);
            field.attrs.retain(|attribute| !attribute.path().is_ident("doc"));
            field.attrs.insert(0, syn::parse_quote!(#[doc = #doc]));
        }
        if let Some(ident) = additional {
            generated.named.push(syn::parse_quote! {
                /// The fields that the schema doesn't declare.
                #[serde(flatten)]
                pub #ident: ::serde_json::Map<::std::string::String, ::serde_json::Value>
            });
        }
    }
    // Derived code would write a field twice that is among the additional ones as well.
    let (derived, serialize) = match additional {
        None => (quote!(#[derive(Clone, Debug, #default ::serde::Serialize)]), None),
        Some(additional) => (
            // Something has to be derived for the fields' attributes of serde.
            quote!(#[derive(Clone, Debug, #default ::serde::Deserialize)]),
            Some(serialize(ident, fields, additional)),
        ),
    };
    // Reading takes more code than everything else of a model, and only recorded requests are read.
    let readable = additional
        .is_none()
        .then(|| quote!(#[cfg_attr(feature = "exchanges", derive(::serde::Deserialize))]));
    let additional = additional.into_iter().collect::<Vec<_>>();
    let builder_doc = format!("A builder of [`{name}`](super::{name}).");
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    // In the builder's module the models are one level up.
    let held: Vec<Type> =
        fields.iter().map(|field| one_up(field.inner.as_ref().unwrap_or(&field.ty))).collect();
    let docs: Vec<String> = fields
        .iter()
        .map(|field| {
            let must = if field.is_required { ", which is required" } else { "" };
            format!("Sets `{}`{must}.", field.name)
        })
        .collect();
    let taken = fields.iter().map(|field| {
        let ident = &field.ident;
        if field.is_required {
            let missing = format!("{name}: `{}` is required and was not set", field.name);
            quote!(value.#ident.ok_or(#missing)?)
        } else if field.inner.is_some() {
            quote!(value.#ident)
        } else {
            quote!(value.#ident.unwrap_or_default())
        }
    });
    let model = items(quote! {
        #[doc = #doc]
        #derived
        #readable
        // Another schema has other fields, so other crates use the builder.
        #[non_exhaustive]
        #model
        #serialize
        impl #ident {
            /// Creates an empty builder.
            pub fn builder() -> builder::#ident { Default::default() }
        }
        impl ::std::convert::TryFrom<builder::#ident> for #ident {
            type Error = error::ConversionError;
            fn try_from(value: builder::#ident) -> ::std::result::Result<Self, Self::Error> {
                Ok(Self { #( #idents: #taken, )* #( #additional: value.#additional, )* })
            }
        }
    })?;
    let builder = items(quote! {
        #[doc = #builder_doc]
        #[derive(Clone, Debug, Default)]
        #[must_use]
        pub struct #ident {
            #( pub(super) #idents: ::std::option::Option<#held>, )*
            #( pub(super) #additional: ::serde_json::Map<::std::string::String, ::serde_json::Value>, )*
        }
        impl #ident {
            #(
                /// Adds fields that the schema doesn't declare. Setting a field here and by its own setter is an error.
                pub fn #additional<K, V>(mut self, fields: impl ::std::iter::IntoIterator<Item = (K, V)>) -> Self
                where
                    K: ::std::convert::Into<::std::string::String>,
                    V: ::std::convert::Into<::serde_json::Value>,
                {
                    self.#additional.extend(fields.into_iter().map(|(name, value)| (name.into(), value.into())));
                    self
                }
            )*
            #(
                #[doc = #docs]
                pub fn #idents(mut self, value: impl ::std::convert::Into<#held>) -> Self {
                    self.#idents = Some(value.into());
                    self
                }
            )*
        }
    })?;
    Ok((model, builder))
}

/// Returns the code that writes a sent model with the fields that it doesn't name.
fn serialize(ident: &Ident, fields: &[Field], additional: &Ident) -> TokenStream {
    let entries = fields.iter().map(|Field { ident, name, is_required, .. }| {
        if *is_required {
            quote!(map.serialize_entry(#name, &self.#ident)?)
        } else {
            quote!(crate::wire::model::entry(&mut map, #name, &self.#ident)?)
        }
    });
    let written = written(fields);
    quote! {
        impl ::serde::Serialize for #ident {
            fn serialize<S: ::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                use ::serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                #(#entries;)*
                crate::wire::model::additional(&mut map, &self.#additional, |name| match name {
                    #(#written,)*
                    _ => false,
                })?;
                map.end()
            }
        }
    }
}

/// Returns a type of the module `types` as it is named in the module `builder` within it.
fn one_up(ty: &Type) -> Type {
    struct Up;
    impl VisitMut for Up {
        fn visit_path_mut(&mut self, path: &mut syn::Path) {
            syn::visit_mut::visit_path_mut(self, path);
            let named = path.leading_colon.is_none()
                && path.segments.len() == 1
                && path.segments.first().is_some_and(|only| {
                    let name = only.ident.to_string();
                    !["bool", "i64", "u64", "f64", "i32", "String"].contains(&name.as_str())
                });
            if named {
                path.segments.insert(0, syn::parse_quote!(super));
            }
        }
    }
    let mut ty = ty.clone();
    Up.visit_type_mut(&mut ty);
    ty
}
