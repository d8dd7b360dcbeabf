//! What the generated code can do without, taken out: most of the time and memory of a build goes there.
//!
//! - Models that are only received lose their builders, and their derived `Deserialize` becomes a table
//!   (`crate::model`), which is lenient as well.
//! - Models that are sent keep a builder, without the conversions of each field.
//! - An operation's builder is one call in the making (`crate::call`), not a field and a conversion for each
//!   parameter and an async body of its own.
//!
//! Each pass counts what it did; a count that isn't what the schema says is an error: the generator changed.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToPascalCase, ToSnakeCase};
use quote::{ToTokens, format_ident, quote};
use serde_json::Value;
use syn::visit::Visit;
use syn::{Fields, Item, ItemImpl, ItemMod, ItemStruct, Type};

use super::field_hash::field_hash;
use super::{METHODS, Result, reach};

/// What the generated code makes of an operation.
pub(super) struct Slimmed {
    /// Its builder.
    pub(super) ident: syn::Ident,
    /// Its path.
    pub(super) path: String,
    /// Its method, in small letters.
    pub(super) method: String,
    /// The type of its body, where it has one.
    pub(super) body: Option<Type>,
    /// The type of its answer.
    pub(super) answer: Type,
    /// How that is read: the name of a function of `call::Prepared`.
    pub(super) read: syn::Ident,
}

/// Slims the generated `file`, and says what it has for each operation and which models it receives.
pub(super) fn slim(file: &mut syn::File, document: &Value) -> Result<(Vec<Slimmed>, Vec<syn::Ident>)> {
    let received = models(module(file, "types")?, document)?;
    let operations = operations(module(file, "builder")?, document)?;
    hooks(file)?;
    methods(file, document)?;
    Ok((operations, received))
}

/// The generator's hooks, which nothing calls: requests pass through `crate::transport`.
fn hooks(file: &mut syn::File) -> Result<()> {
    let before = file.items.len();
    file.items.retain(|item| !matches!(item, Item::Impl(item) if is_of_trait(item, "ClientHooks")));
    match before - file.items.len() {
        1 => Ok(()),
        times => Err(format!("{times} impls of ClientHooks dropped, not 1").into()),
    }
}

fn is_of_trait(item: &ItemImpl, name: &str) -> bool {
    item.trait_.as_ref().is_some_and(|of| of.0.segments.last().is_some_and(|last| last.ident == name))
}

pub(super) fn module<'a>(file: &'a mut syn::File, name: &str) -> Result<&'a mut Vec<Item>> {
    file.items
        .iter_mut()
        .find_map(|item| match item {
            Item::Mod(ItemMod { ident, content: Some((_, items)), .. }) if ident == name => Some(items),
            _ => None,
        })
        .ok_or_else(|| format!("the generated code has no module `{name}`").into())
}

/// The Rust names of the models that request bodies lead to.
fn sent(document: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in document["paths"].as_object().into_iter().flat_map(serde_json::Map::values) {
        for operation in item.as_object().into_iter().flat_map(serde_json::Map::values) {
            reach(document, &operation["requestBody"], &mut names);
        }
    }
    names.iter().map(|name| name.to_pascal_case()).collect()
}

/// Returns the Rust names of the models that keep the fields that they don't name.
fn open(document: &Value) -> BTreeSet<String> {
    let all = document["components"]["schemas"].as_object().into_iter().flatten();
    all.filter(|(_, schema)| schema["x-additional"] == true).map(|(name, _)| name.to_pascal_case()).collect()
}

/// Returns a name for the field that holds what a model doesn't name, which no other field has.
fn additional(fields: &[Field]) -> syn::Ident {
    let mut name = "additional".to_owned();
    let mut number = 2;
    while fields.iter().any(|field| field.ident == name) {
        name = format!("additional_{number}");
        number += 1;
    }
    format_ident!("{name}")
}

/// Makes a match arm for each field, which says whether the field is written.
fn written<'a>(fields: &'a [Field]) -> impl Iterator<Item = proc_macro2::TokenStream> + 'a {
    fields.iter().map(|Field { ident, name, inner, has_default, .. }| {
        if inner.is_some() || *has_default {
            quote!(#name => !crate::model::Entry::is_none(&self.#ident))
        } else {
            quote!(#name => true)
        }
    })
}

/// A field of a generated model.
struct Field {
    ident: syn::Ident,
    /// Its name on the wire.
    name: String,
    ty: Type,
    /// The type in `Option<…>`, where it is one.
    inner: Option<Type>,
    /// Left out where it is empty.
    has_default: bool,
}

fn fields(item: &ItemStruct) -> Result<Option<Vec<Field>>> {
    let Fields::Named(named) = &item.fields else { return Ok(None) };
    let mut fields = Vec::new();
    for field in &named.named {
        let ident = field.ident.clone().ok_or("a named field has a name")?;
        let mut name = ident.to_string().trim_start_matches("r#").to_owned();
        let mut has_default = false;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    name = meta.value()?.parse::<syn::LitStr>()?.value();
                } else if meta.path.is_ident("default") {
                    has_default = true;
                    if meta.input.peek(syn::Token![=]) {
                        meta.value()?.parse::<syn::LitStr>()?;
                    }
                } else if meta.input.peek(syn::Token![=]) {
                    meta.value()?.parse::<syn::LitStr>()?;
                }
                Ok(())
            })?;
        }
        fields.push(Field { ident, name, inner: option_inner(&field.ty), ty: field.ty.clone(), has_default });
    }
    Ok(Some(fields))
}

/// Two properties whose names are one in Rust are two fields; the one that is named as in Rust keeps the name.
fn tell_fields_apart(item: &mut ItemStruct) {
    let Fields::Named(named) = &mut item.fields else { return };
    let is_renamed = |field: &syn::Field| serde_says(field, "rename =");
    let mut taken = BTreeSet::new();
    for renamed in [false, true] {
        for field in named.named.iter_mut().filter(|field| is_renamed(field) == renamed) {
            let Some(name) = field.ident.as_ref().map(ToString::to_string) else { continue };
            let mut free = name.clone();
            let mut number = 2;
            while !taken.insert(free.clone()) {
                free = format!("{name}_{number}");
                number += 1;
            }
            if free != name {
                field.ident = Some(format_ident!("{free}"));
            }
        }
    }
}

fn serde_says(field: &syn::Field, what: &str) -> bool {
    field.attrs.iter().any(|attribute| {
        attribute.path().is_ident("serde") && attribute.to_token_stream().to_string().contains(what)
    })
}

/// A model that holds itself does so in a box that is there or isn't, not in a box of what isn't there.
fn box_what_is_there(item: &mut ItemStruct) {
    for field in &mut item.fields {
        let Type::Path(of) = &field.ty else { continue };
        let is_box = of.path.segments.last().is_some_and(|last| last.ident == "Box");
        let inner = argument(&field.ty).as_ref().and_then(option_inner);
        if let (true, Some(inner)) = (is_box, inner) {
            field.ty = syn::parse_quote!(::std::option::Option<::std::boxed::Box<#inner>>);
            if !serde_says(field, "skip_serializing_if") {
                field.attrs.push(
                    syn::parse_quote!(#[serde(skip_serializing_if = "::std::option::Option::is_none")]),
                );
            }
        }
    }
}

fn option_inner(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    match &last.arguments {
        syn::PathArguments::AngleBracketed(inner) if last.ident == "Option" => match inner.args.first()? {
            syn::GenericArgument::Type(inner) => Some(inner.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn models(items: &mut Vec<Item>, document: &Value) -> Result<Vec<syn::Ident>> {
    let sent = sent(document);
    let mut open = open(document);
    let mut received = Vec::new();
    let mut kept = Vec::new();
    let mut builders = Vec::new();
    for item in std::mem::take(items) {
        match item {
            Item::Mod(module) if module.ident == "builder" => {}
            Item::Struct(mut item) => {
                tell_fields_apart(&mut item);
                box_what_is_there(&mut item);
                let Some(fields) = fields(&item)? else {
                    // A model that is one value: serde's own code for it.
                    kept.push(Item::Struct(item));
                    continue;
                };
                let additional = open.remove(&item.ident.to_string()).then(|| additional(&fields));
                if sent.contains(&item.ident.to_string()) {
                    let (model, builder) = sent_model(&item, &fields, additional.as_ref())?;
                    kept.extend(model);
                    builders.extend(builder);
                } else {
                    kept.extend(received_model(&item, &fields, additional.as_ref())?);
                    received.push(item.ident);
                }
            }
            // The impls of models with fields are written anew.
            Item::Impl(item) if is_of_model(&item) => {}
            other => kept.push(other),
        }
    }
    if let Some(name) = open.first() {
        return Err(format!("{name} may hold more than it names, and has no fields").into());
    }
    let builder: Item = syn::parse2(quote! {
        /// Builders of the models that are sent.
        pub mod builder {
            #(#builders)*
        }
    })?;
    kept.push(builder);
    *items = kept;
    Ok(received)
}

/// `impl X { fn builder() }` and `impl Default for X`.
fn is_of_model(item: &ItemImpl) -> bool {
    match &item.trait_ {
        None => {
            item.items.iter().any(|inner| matches!(inner, syn::ImplItem::Fn(f) if f.sig.ident == "builder"))
        }
        Some(_) => is_of_trait(item, "Default"),
    }
}

fn items(tokens: proc_macro2::TokenStream) -> Result<Vec<Item>> {
    Ok(syn::parse2::<syn::File>(tokens)?.items)
}

fn received_model(item: &ItemStruct, fields: &[Field], additional: Option<&syn::Ident>) -> Result<Vec<Item>> {
    let (ident, name) = (&item.ident, item.ident.to_string());
    let (idents, names, types) = parts(fields);
    let hashes: Vec<u8> = names.iter().map(|name| field_hash(name)).collect();
    let hashes = proc_macro2::Literal::byte_string(&hashes);
    let docs = names.iter().map(|name| format!("`{name}`"));
    let doc = format!("`{name}`, as servers send it: what they leave out or send as null or \"\" is none.");
    let index = 0..fields.len();
    let (mut field, mut keeps, mut more) = (None, None, None);
    if let Some(ident) = additional {
        field = Some(quote! {
            /// The fields that the model doesn't name.
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
            crate::model::additional(map, &self.#ident, |name| match name { #(#written,)* _ => false })?;
        });
    }
    items(quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, Default)]
        pub struct #ident { #( #[doc = #docs] pub #idents: #types, )* #field }
        impl crate::model::Model for #ident {
            const NAME: &'static str = #name;
            const FIELDS: &'static [&'static str] = &[ #(#names),* ];
            const HASHES: &'static [u8] = #hashes;
            #keeps
            fn read<'de, A: ::serde::de::MapAccess<'de>>(&mut self, index: usize, map: &mut A) -> Result<(), A::Error> {
                match index {
                    #( #index => crate::model::slot(&mut self.#idents, map), )*
                    _ => crate::model::skip(map),
                }
            }
        }
        impl crate::model::WriteModel for #ident {
            fn write<M: ::serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                #( crate::model::entry(map, #names, &self.#idents)?; )*
                #more
                Ok(())
            }
        }
        crate::received! { #ident }
    })
}

fn parts(fields: &[Field]) -> (Vec<&syn::Ident>, Vec<&str>, Vec<&Type>) {
    (
        fields.iter().map(|field| &field.ident).collect(),
        fields.iter().map(|field| field.name.as_str()).collect(),
        fields.iter().map(|field| &field.ty).collect(),
    )
}

fn sent_model(
    item: &ItemStruct,
    fields: &[Field],
    additional: Option<&syn::Ident>,
) -> Result<(Vec<Item>, Vec<Item>)> {
    let ident = &item.ident;
    let name = ident.to_string();
    let mut model = item.clone();
    let doc = format!("`{name}`, as it is sent: what is none is left out.");
    model.attrs.retain(|attribute| !attribute.path().is_ident("doc") && !attribute.path().is_ident("derive"));
    let all_optional = fields.iter().all(|field| field.inner.is_some() || field.has_default);
    let default = all_optional.then(|| quote!(Default,));
    if let Fields::Named(named) = &mut model.fields {
        for (field, facts) in named.named.iter_mut().zip(fields) {
            let doc = format!("`{}`", facts.name);
            field.attrs.retain(|attribute| !attribute.path().is_ident("doc"));
            field.attrs.insert(0, syn::parse_quote!(#[doc = #doc]));
        }
        if let Some(ident) = additional {
            named.named.push(syn::parse_quote! {
                /// The fields that the model doesn't name.
                #[serde(flatten)]
                pub #ident: ::serde_json::Map<::std::string::String, ::serde_json::Value>
            });
        }
    }
    // Derived code would write a field twice that is among the additional ones as well.
    let (derived, serialize) = match additional {
        None => (quote!(::serde::Serialize), None),
        Some(additional) => (quote!(), Some(serialize(ident, fields, additional))),
    };
    let additional = additional.into_iter().collect::<Vec<_>>();
    let builder_doc = format!("A builder of [`{name}`](super::{name}).");
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    // In the builder's module the models are one level up.
    let held: Vec<Type> =
        fields.iter().map(|field| one_up(field.inner.as_ref().unwrap_or(&field.ty))).collect();
    let docs: Vec<String> = fields
        .iter()
        .map(|field| {
            let must = if field.inner.is_some() || field.has_default { "" } else { ", which is required" };
            format!("Sets `{}`{must}.", field.name)
        })
        .collect();
    let taken = fields.iter().map(|field| {
        let ident = &field.ident;
        if field.inner.is_some() {
            quote!(value.#ident)
        } else if field.has_default {
            quote!(value.#ident.unwrap_or_default())
        } else {
            let missing = format!("{name}: `{}` is required and was not set", field.name);
            quote!(value.#ident.ok_or(#missing)?)
        }
    });
    let model = items(quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, #default ::serde::Deserialize, #derived)]
        #model
        #serialize
        impl #ident {
            /// An empty builder.
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
                /// Adds fields that the model doesn't name. Setting a field twice, here and by its own setter, is an error.
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

/// Makes the code that writes a sent model with the fields that it doesn't name.
fn serialize(ident: &syn::Ident, fields: &[Field], additional: &syn::Ident) -> proc_macro2::TokenStream {
    let entries = fields.iter().map(|Field { ident, name, inner, has_default, .. }| {
        if inner.is_some() || *has_default {
            quote!(crate::model::entry(&mut map, #name, &self.#ident)?)
        } else {
            quote!(map.serialize_entry(#name, &self.#ident)?)
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
                crate::model::additional(&mut map, &self.#additional, |name| match name {
                    #(#written,)*
                    _ => false,
                })?;
                map.end()
            }
        }
    }
}

/// A type of the module `types`, seen from the module `builder` within it.
fn one_up(ty: &Type) -> Type {
    struct Up;
    impl syn::visit_mut::VisitMut for Up {
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
    syn::visit_mut::VisitMut::visit_type_mut(&mut Up, &mut ty);
    ty
}

/// The operations of the document by the name of their function.
fn by_function(document: &Value) -> BTreeMap<String, (&str, &str, &Value)> {
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if METHODS.contains(&method.as_str()) {
                let id = operation["operationId"].as_str().unwrap_or_default();
                found.insert(id.to_snake_case(), (path.as_str(), method.as_str(), operation));
            }
        }
    }
    found
}

fn operations(builders: &mut Vec<Item>, document: &Value) -> Result<Vec<Slimmed>> {
    let known = by_function(document);
    let by_builder: BTreeMap<String, _> =
        known.iter().map(|(function, facts)| (function.to_pascal_case(), *facts)).collect();
    let mut structs: BTreeMap<String, ItemStruct> = BTreeMap::new();
    let mut kept = Vec::new();
    let mut slimmed = Vec::new();
    for item in std::mem::take(builders) {
        match item {
            Item::Struct(item) => {
                structs.insert(item.ident.to_string(), item);
            }
            Item::Impl(item) => {
                let Type::Path(path) = &*item.self_ty else { return Err("an impl of no named type".into()) };
                let name = path.path.segments.last().ok_or("an impl of an empty path")?.ident.to_string();
                let (path, method, operation) = by_builder
                    .get(&name)
                    .copied()
                    .ok_or_else(|| format!("the schema has no operation {name}"))?;
                let fields = structs.get(&name).ok_or_else(|| format!("{name} has an impl and no struct"))?;
                let (items, one) = call(&item, fields, path, method, operation)
                    .map_err(|reason| format!("operation {name}: {reason}"))?;
                kept.extend(items);
                slimmed.push(one);
            }
            // Only what the calls need is imported.
            Item::Use(_) => {}
            other => kept.push(other),
        }
    }
    if slimmed.len() != known.len() {
        return Err(format!("{} operations slimmed of {}", slimmed.len(), known.len()).into());
    }
    let imports: Item = syn::parse_quote!(
        use super::{types, ByteStream, ResponseValue};
    );
    kept.insert(0, imports);
    let call_import: Item = syn::parse_quote!(
        use crate::call::{Call, Operation};
    );
    kept.insert(1, call_import);
    *builders = kept;
    Ok(slimmed)
}

/// The name that a parameter has on the wire, where Rust calls it something else.
fn on_the_wire<'a>(operation: &'a Value, name: &'a str) -> &'a str {
    let parameters = operation["parameters"].as_array();
    let found = parameters.into_iter().flatten().find(|one| one["name"] == name && one["in"] == "query");
    found.and_then(|one| one["x-name"].as_str()).unwrap_or(name)
}

/// Which query names go with which setters.
#[derive(Default)]
struct Queries(BTreeMap<String, String>);

impl<'a> Visit<'a> for Queries {
    fn visit_expr_call(&mut self, call: &'a syn::ExprCall) {
        if call.func.to_token_stream().to_string().ends_with("QueryParam :: new") {
            let mut arguments = call.args.iter();
            if let (Some(syn::Expr::Lit(name)), Some(syn::Expr::Reference(ident))) =
                (arguments.next(), arguments.next())
                && let syn::Lit::Str(name) = &name.lit
            {
                self.0.insert(ident.expr.to_token_stream().to_string(), name.value());
            }
        }
        syn::visit::visit_expr_call(self, call);
    }
}

fn function<'a>(item: &'a ItemImpl, name: &str) -> Option<&'a syn::ImplItemFn> {
    item.items.iter().find_map(|inner| match inner {
        syn::ImplItem::Fn(function) if function.sig.ident == name => Some(function),
        _ => None,
    })
}

/// The first type argument of the last segment of a path.
fn argument(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    match &path.path.segments.last()?.arguments {
        syn::PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|one| match one {
            syn::GenericArgument::Type(ty) => Some(ty.clone()),
            _ => None,
        }),
        _ => None,
    }
}

fn call(
    item: &ItemImpl,
    fields: &ItemStruct,
    path: &str,
    method: &str,
    operation: &Value,
) -> Result<(Vec<Item>, Slimmed)> {
    let ident = &fields.ident;
    let id = operation["operationId"].as_str().unwrap_or_default();
    let send = function(item, "send").ok_or("no function send")?;
    let mut queries = Queries::default();
    queries.visit_impl_item_fn(send);
    let mut template = path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name));

    let mut setters = Vec::new();
    let mut body_type = None;
    let mut asked = 0;
    for field in fields.fields.iter().skip(1) {
        let setter = field.ident.as_ref().ok_or("a parameter has a name")?;
        let held = argument(&field.ty).ok_or("a parameter is a Result")?;
        let value = option_inner(&held).unwrap_or(held);
        if let Some(name) = queries.0.get(&setter.to_string()) {
            let name = on_the_wire(operation, name);
            let doc = format!("The query parameter `{name}`.");
            asked += 1;
            setters.push(quote! {
                #[doc = #doc]
                pub fn #setter(mut self, value: impl ::std::convert::Into<#value>) -> Self {
                    self.0.query(#name, &value.into());
                    self
                }
            });
        } else if setter == "body" && operation.get("requestBody").is_some() {
            let body = function(item, "body").ok_or("no function body")?;
            let bounds = body.sig.generics.where_clause.as_ref().ok_or("the body has no bounds")?;
            let value = bounds
                .predicates
                .iter()
                .find_map(|predicate| match predicate {
                    syn::WherePredicate::Type(bound) => bound.bounds.iter().find_map(|bound| match bound {
                        syn::TypeParamBound::Trait(bound) => {
                            argument(&syn::parse2(bound.path.to_token_stream()).ok()?)
                        }
                        _ => None,
                    }),
                    _ => None,
                })
                .ok_or("the body has no type")?;
            body_type = Some(value.clone());
            setters.push(quote! {
                /// The body: the model, or a builder of it.
                pub fn body<V>(mut self, value: V) -> Self
                where
                    V: ::std::convert::TryInto<#value>,
                    V::Error: ::std::fmt::Display,
                {
                    self.0.body(value.try_into());
                    self
                }
            });
        } else if let Some(name) = template.next() {
            let doc = format!("`{name}` in the path, which is required.");
            setters.push(quote! {
                #[doc = #doc]
                pub fn #setter(mut self, value: impl ::std::convert::Into<#value>) -> Self {
                    self.0.path(#name, &value.into());
                    self
                }
            });
        } else {
            return Err(
                format!("parameter {setter} is neither in the path, nor in the query, nor the body").into()
            );
        }
    }
    if asked != queries.0.len() || template.next().is_some() {
        return Err("not every parameter has a setter".into());
    }

    let syn::ReturnType::Type(_, result) = &send.sig.output else {
        return Err("send answers nothing".into());
    };
    let answer =
        argument(result).and_then(|value| argument(&value)).ok_or("send answers no ResponseValue")?;
    let text = answer.to_token_stream().to_string();
    let read = match text.as_str() {
        "()" => format_ident!("empty"),
        "ByteStream" => format_ident!("stream"),
        _ if option_inner(&answer).is_some() => format_ident!("optional"),
        _ => format_ident!("json"),
    };
    let upper = method.to_uppercase();
    let body_required = operation["requestBody"]["required"] == true || operation["x-body-required"] == true;
    let upload = (operation["x-multipart"] == true).then(|| {
        quote! {
            /// Sends the request with a body of `multipart/form-data` in place of the JSON one, and reads the answer.
            ///
            /// # Errors
            /// Those of [`send`](Self::send).
            pub fn upload(self, body: crate::Multipart) -> impl Future<Output = Result<ResponseValue<#answer>, crate::Error>> + Send + use<'a> {
                self.0.upload(body).#read()
            }
        }
    });
    let doc = format!(
        "`{upper} {path}`: a call in the making of [`Client::{0}`](super::Client::{0}).",
        id.to_snake_case()
    );
    let items = items(quote! {
        #[doc = #doc]
        #[derive(Clone, Debug)]
        #[must_use]
        pub struct #ident<'a>(Call<'a>);
        impl<'a> #ident<'a> {
            /// The facts of the operation.
            pub const OPERATION: &'static Operation =
                &Operation { id: #id, method: #upper, path: #path, body_required: #body_required };
            /// A call without any parameter yet.
            pub fn new(client: &'a super::Client) -> Self {
                Self(Call::new(client, Self::OPERATION))
            }
            #(#setters)*
            /// Sends the request, and reads the answer.
            ///
            /// # Errors
            /// A parameter that is missing or can't be encoded, a transport that fails, an answer other than 2xx
            /// (which is handed over unread), an answer that isn't JSON.
            pub fn send(self) -> impl Future<Output = Result<ResponseValue<#answer>, crate::Error>> + Send + use<'a> {
                self.0.prepare().#read()
            }
            #upload
        }
    })?;
    let slimmed = Slimmed {
        ident: ident.clone(),
        path: path.to_owned(),
        method: method.to_owned(),
        body: body_type,
        answer,
        read,
    };
    Ok((items, slimmed))
}

/// The client's functions keep what the facts say and lose the sample that can't be run.
fn methods(file: &mut syn::File, document: &Value) -> Result<()> {
    let known = by_function(document);
    let mut times = 0;
    for item in &mut file.items {
        let Item::Impl(item) = item else { continue };
        for inner in &mut item.items {
            let syn::ImplItem::Fn(function) = inner else { continue };
            if known.contains_key(&function.sig.ident.to_string()) {
                for attribute in &mut function.attrs {
                    if let syn::Meta::NameValue(meta) = &mut attribute.meta
                        && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &mut meta.value
                    {
                        let whole = text.value();
                        let facts = whole.split("\n\nSends a `").next().unwrap_or_default().to_owned();
                        *text = syn::LitStr::new(&facts, text.span());
                    }
                }
                times += 1;
            }
        }
    }
    if times != known.len() {
        return Err(format!("{times} functions documented of {}", known.len()).into());
    }
    Ok(())
}
