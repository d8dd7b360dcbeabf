//! The builders of the operations: each is one call in the making (`crate::call`).

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;
use syn::{Ident, Item, ItemImpl, ItemStruct, Type};

use crate::document::{self, Operation, operations};
use crate::generator::answer::Answer;
use crate::generator::syntax::{argument, argument_of, function, items, module};
use crate::{Result, names};

/// What the generated code has for an operation.
pub(crate) struct Call<'a> {
    /// The operation.
    pub(crate) operation: Operation<'a>,
    /// Its builder.
    pub(crate) ident: Ident,
    /// The type of its body, where it has one.
    pub(crate) body: Option<Type>,
    /// How its answer is read.
    pub(crate) read: Answer,
    /// The type of its answer.
    pub(crate) answer: Type,
}

/// Writes the builders of `file` anew, one for each operation of `document`.
pub(crate) fn rewrite<'a>(file: &mut syn::File, document: &'a Value) -> Result<Vec<Call<'a>>> {
    let builders = module(file, "builder")?;
    let mut known: BTreeMap<String, Operation<'_>> =
        operations(document).map(|operation| (names::builder(&operation.id()), operation)).collect();
    let mut structs: BTreeMap<String, ItemStruct> = BTreeMap::new();
    let mut kept = items(quote! {
        use super::types;
        use crate::call::{ByteStream, Call, Operation, ResponseFuture};
    })?;
    let mut calls = Vec::new();
    for item in std::mem::take(builders) {
        match item {
            Item::Struct(item) => {
                structs.insert(item.ident.to_string(), item);
            }
            Item::Impl(item) => {
                let Type::Path(path) = &*item.self_ty else { return Err("an impl of no named type".into()) };
                let name = path.path.segments.last().ok_or("an impl of an empty path")?.ident.to_string();
                let operation =
                    known.remove(&name).ok_or_else(|| format!("the schema has no operation {name}"))?;
                let generated =
                    structs.get(&name).ok_or_else(|| format!("{name} has an impl and no struct"))?;
                let (code, call) = call(&item, generated, document, operation)
                    .map_err(|reason| format!("operation {name}: {reason}"))?;
                kept.extend(code);
                calls.push(call);
            }
            // Only what the calls need is imported.
            Item::Use(_) => {}
            other => kept.push(other),
        }
    }
    if let Some((name, _)) = known.first_key_value() {
        return Err(format!("the generated code has no builder {name}").into());
    }
    *builders = kept;
    Ok(calls)
}

/// A parameter, as the schema has it.
#[derive(Clone, Copy)]
enum Parameter<'a> {
    Path(&'a str),
    Query(&'a str),
    Body,
}

/// Returns the parameters of `operation` by the names of their setters.
fn parameters<'a>(document: &'a Value, operation: &'a Value) -> Result<BTreeMap<String, Parameter<'a>>> {
    let mut found = BTreeMap::new();
    for parameter in document::parameters(document, operation) {
        let name = parameter["name"].as_str().unwrap_or_default();
        let setter = names::setter(name);
        let value = match parameter["in"].as_str() {
            Some("path") => Parameter::Path(name),
            // Where two names are one in Rust, this is the name on the wire.
            Some("query") => Parameter::Query(parameter["x-name"].as_str().unwrap_or(name)),
            _ => return Err(format!("parameter {name} is neither in the path nor in the query").into()),
        };
        if found.insert(setter, value).is_some() {
            return Err(format!("two functions would be named {}", names::setter(name)).into());
        }
    }
    if operation.get("requestBody").is_some() && found.insert("body".to_owned(), Parameter::Body).is_some() {
        return Err("two functions would be named body".into());
    }
    Ok(found)
}

impl Parameter<'_> {
    /// Returns the setter `ident`, which takes a `value`.
    fn setter(self, ident: &Ident, value: &Type) -> TokenStream {
        match self {
            Self::Path(name) => {
                let doc = format!("Sets the path parameter `{name}`, which is required.");
                quote! {
                    #[doc = #doc]
                    pub fn #ident(mut self, value: impl ::std::convert::Into<#value>) -> Self {
                        self.0.path(#name, &value.into());
                        self
                    }
                }
            }
            Self::Query(name) => {
                let doc = format!("Sets the query parameter `{name}`.");
                quote! {
                    #[doc = #doc]
                    pub fn #ident(mut self, value: impl ::std::convert::Into<#value>) -> Self {
                        self.0.query(#name, &value.into());
                        self
                    }
                }
            }
            Self::Body => quote! {
                /// Sets the body: the model or its builder.
                pub fn body<V>(mut self, value: V) -> Self
                where
                    V: ::std::convert::TryInto<#value>,
                    V::Error: ::std::fmt::Display,
                {
                    self.0.body(value.try_into());
                    self
                }
            },
        }
    }
}

/// Returns the code of the call that progenitor wrote as `generated`, with the functions of `item`.
fn call<'a>(
    item: &ItemImpl,
    generated: &ItemStruct,
    document: &Value,
    operation: Operation<'a>,
) -> Result<(Vec<Item>, Call<'a>)> {
    let Operation { path, method, value } = operation;
    let ident = &generated.ident;
    let id = value["operationId"].as_str().unwrap_or_default();
    let mut parameters = parameters(document, value)?;
    let mut setters = Vec::new();
    let mut body = None;
    // The first field is the client.
    for field in generated.fields.iter().skip(1) {
        let setter = field.ident.as_ref().ok_or("a parameter has a name")?;
        let parameter = parameters
            .remove(&setter.to_string())
            .ok_or_else(|| format!("the schema has no parameter {setter}"))?;
        let held = argument(&field.ty).ok_or("a parameter is a Result")?;
        let mut ty = argument_of(held, "Option").unwrap_or(held).clone();
        if let Parameter::Body = parameter {
            ty = of_builder(ty);
            body = Some(ty.clone());
        }
        setters.push(parameter.setter(setter, &ty));
    }
    if let Some((setter, _)) = parameters.first_key_value() {
        return Err(format!("the parameter {setter} has no setter").into());
    }
    let answer = answer(item)?;
    let read = Answer::of(value);
    read.check(&answer)?;
    let reader = read.function();
    let upper = method.to_uppercase();
    let body_required = value["requestBody"]["required"] == true || value["x-body-required"] == true;
    let upload = (value["x-multipart"] == true).then(|| {
        quote! {
            /// Sends the request with a body of `multipart/form-data` in place of JSON, and reads the response.
            ///
            /// # Errors
            /// Those of [`send`](Self::send).
            pub fn upload(self, body: crate::wire::Multipart) -> ResponseFuture<#answer> {
                self.0.upload(body).#reader()
            }
        }
    });
    let doc =
        format!("`{upper} {path}`: the builder of [`Client::{0}`](super::Client::{0}).", names::function(id));
    let items = items(quote! {
        #[doc = #doc]
        #[derive(Clone, Debug)]
        #[must_use]
        pub struct #ident(Call);
        impl #ident {
            /// The operation.
            pub const OPERATION: &'static Operation =
                &Operation { id: #id, method: #upper, path: #path, body_required: #body_required };
            /// Creates a builder without parameters.
            pub fn new(client: &super::Client) -> Self {
                Self(Call::new(client, Self::OPERATION))
            }
            #(#setters)*
            /// Sends the request, and reads the response.
            ///
            /// # Errors
            /// If a required parameter is missing or can't be encoded, there is no response, its status is not 2xx,
            /// or it can't be decoded.
            pub fn send(self) -> ResponseFuture<#answer> {
                self.0.prepare().#reader()
            }
            #upload
        }
    })?;
    Ok((items, Call { operation, ident: ident.clone(), body, read, answer }))
}

/// Returns the type that `send` of `item` answers.
fn answer(item: &ItemImpl) -> Result<Type> {
    let send = function(item, "send").ok_or("no function send")?;
    let syn::ReturnType::Type(_, result) = &send.sig.output else {
        return Err("send answers nothing".into());
    };
    let answer = argument(result).and_then(argument).ok_or("send answers no ResponseValue")?;
    Ok(answer.clone())
}

/// Returns the model of a builder: `types::X` of `types::builder::X`. Other types stay.
fn of_builder(mut ty: Type) -> Type {
    if let Type::Path(of) = &mut ty {
        let segments = std::mem::take(&mut of.path.segments);
        of.path.segments = segments.into_iter().filter(|segment| segment.ident != "builder").collect();
    }
    ty
}

#[cfg(test)]
mod tests {
    use quote::ToTokens as _;
    use serde_json::{Value, json};

    use crate::generator::answer::Answer;
    use crate::generator::tests::{code, ref_to, with};

    fn document() -> Value {
        let optional = json!({"x-rust-type": {"crate": "std", "version": "*", "path": "std::option::Option",
            "parameters": [ref_to("Thing")]}});
        json!({
            "openapi": "3.0.3", "info": {"version": "1"},
            "paths": {
                "/x/": {
                    "get": {
                        "operationId": "things_list_2",
                        "responses": {"2XX": with(&json!({"type": "array", "items": ref_to("Thing")}))},
                        "parameters": [
                            {"$ref": "#/components/parameters/Page"},
                            {"in": "query", "name": "created__gt_2", "x-name": "created__gt", "schema": {"type": "string"}},
                            {"in": "query", "name": "created_gt", "required": true, "schema": {"type": "string"}}]},
                    "options": {"operationId": "things_options", "responses": {"2XX": {}}},
                    "post": {
                        "operationId": "things_create", "x-multipart": true,
                        "responses": {"2XX": with(&optional)},
                        "requestBody": {"required": true, "content": with(&ref_to("ThingRequest"))["content"]}},
                    "put": {
                        "operationId": "things_put", "responses": {"2XX": {"content": {"text/csv": {"schema": {}}}}},
                        "requestBody": with(&json!({"type": "array", "items": ref_to("ThingRequest")}))},
                },
                "/x/{b}/{a}/": {"delete": {"operationId": "things_destroy", "responses": {"2XX": {}}, "parameters": [
                    {"in": "path", "name": "a", "required": true, "schema": {"type": "integer"}},
                    {"in": "path", "name": "b", "required": true, "schema": {"type": "string"}}]}},
            },
            "components": {
                "parameters": {"Page": {"in": "query", "name": "page", "schema": {"type": "integer"}}},
                "schemas": {
                    "Thing": {"type": "object", "properties": {"a": {"type": "integer"}}},
                    "ThingRequest": {"type": "object", "properties": {"a": {"type": "integer"}}},
                },
            },
        })
    }

    #[test]
    fn every_operation_has_one_call_with_the_names_of_the_schema() {
        let document = document();
        let mut file = crate::generator::spec::generated(&document);
        let calls = super::rewrite(&mut file, &document).unwrap();
        let text = |ty: &syn::Type| ty.to_token_stream().to_string().replace([' ', ','], "");
        let facts: Vec<_> = calls
            .iter()
            .map(|call| (call.ident.to_string(), call.body.as_ref().map(text), call.read, text(&call.answer)))
            .collect();
        let fact = |ident: &str, body: Option<&str>, read, answer: &str| {
            (ident.to_owned(), body.map(str::to_owned), read, answer.to_owned())
        };
        assert_eq!(
            facts,
            [
                fact("ThingsList2", None, Answer::Json, "::std::vec::Vec<types::Thing>"),
                fact("ThingsPut", Some("::std::vec::Vec<types::ThingRequest>"), Answer::Stream, "ByteStream"),
                fact(
                    "ThingsCreate",
                    Some("types::ThingRequest"),
                    Answer::Optional,
                    "::std::option::Option<types::Thing>"
                ),
                fact("ThingsOptions", None, Answer::Empty, "()"),
                fact("ThingsDestroy", None, Answer::Empty, "()"),
            ]
        );
        let code = code(&file);
        for (expected, times) in [
            ("self.0.query(", 3),
            ("self.0.query(\"page\", &value.into())", 1),
            ("pub fn created_gt_2(", 1),
            ("self.0.query(\"created__gt\", &value.into())", 1),
            ("self.0.query(\"created_gt\", &value.into())", 1),
            ("self.0.path(", 2),
            (
                "pub fn a(mut self, value: impl ::std::convert::Into<i64>) -> Self { self.0.path(\"a\", &value.into());",
                1,
            ),
            ("self.0.body(", 2),
            ("V: ::std::convert::TryInto<types::ThingRequest>,", 1),
            ("body_required: true", 1),
            ("body_required: false", 4),
            ("self.0.upload(body).optional()", 1),
            ("self.0.prepare().stream()", 1),
            ("method: \"OPTIONS\"", 1),
        ] {
            assert_eq!(code.matches(expected).count(), times, "{expected:?} in {code}");
        }
    }

    #[test]
    fn calls_that_are_not_those_of_the_schema_are_an_error() {
        let document = document();
        let generated = crate::generator::spec::generated(&document);
        for (pointer, value, expected) in [
            ("/paths/~1x~1/get/operationId", json!("other"), "the schema has no operation ThingsList2"),
            ("/paths/~1x~1/trace", json!({"operationId": "more"}), "the generated code has no builder More"),
            ("/paths/~1x~1/get/parameters/2/name", json!("other"), "the schema has no parameter created_gt"),
            (
                "/paths/~1x~1/options/parameters",
                json!([{"in": "query", "name": "p"}]),
                "the parameter p has no setter",
            ),
            ("/paths/~1x~1/options/requestBody", json!({}), "the parameter body has no setter"),
            (
                "/paths/~1x~1/get/parameters/1/in",
                json!("cookie"),
                "parameter created__gt_2 is neither in the path nor in the query",
            ),
            (
                "/paths/~1x~1/get/parameters/1/name",
                json!("created_gt"),
                "two functions would be named created_gt",
            ),
            (
                "/paths/~1x~1/options/responses/2XX",
                with(&json!({})),
                "its answer is Json, and has another type",
            ),
        ] {
            let mut other = document.clone();
            let (place, key) = pointer.rsplit_once('/').unwrap();
            let place = other.pointer_mut(place).unwrap();
            match key.parse::<usize>() {
                Ok(index) => place[index] = value,
                Err(_) => place[key] = value,
            }
            let error = super::rewrite(&mut generated.clone(), &other).err().unwrap().to_string();
            assert!(error.ends_with(expected), "{expected:?}: {error:?}");
        }
    }
}
