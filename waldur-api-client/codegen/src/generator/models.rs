//! The models: what is received is read by a table, what is sent has a builder.

mod fields;
mod received;
mod sent;

use std::collections::{BTreeMap, BTreeSet};

use quote::quote;
use serde_json::Value;
use syn::{Fields, Ident, Item, ItemImpl};

use crate::document::{schemas, travelling};
use crate::generator::syntax::{function, is_of_trait, module};
use crate::{Result, names};

/// What was done to the models.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    /// The models that are only received.
    pub(crate) received: Vec<Ident>,
    /// How many are sent.
    pub(crate) sent: usize,
    /// How many hold more than they name.
    pub(crate) open: usize,
    /// How many fields had another one's name.
    pub(crate) renamed: usize,
    /// How many fields hold a model in itself.
    pub(crate) boxed: usize,
}

/// Writes the models of `file` anew, as `document` says which are sent and what they hold.
pub(crate) fn rewrite(file: &mut syn::File, document: &Value) -> Result<Rewritten> {
    let items = module(file, "types")?;
    let sent: BTreeSet<String> = travelling(document, true).iter().map(|name| names::model(name)).collect();
    let mut known: BTreeMap<String, &Value> =
        schemas(document).into_iter().flatten().map(|(name, schema)| (names::model(name), schema)).collect();
    let mut done = Rewritten::default();
    let mut kept = Vec::new();
    let mut builders = Vec::new();
    for item in std::mem::take(items) {
        match item {
            Item::Mod(module) if module.ident == "builder" => {}
            Item::Struct(mut item) => {
                let Fields::Named(generated) = &mut item.fields else {
                    // A model that is one value: serde's own code for it.
                    kept.push(Item::Struct(item));
                    continue;
                };
                let name = item.ident.to_string();
                let schema = known.remove(&name).ok_or_else(|| format!("the schema has no model {name}"))?;
                let found = fields::fields(generated, schema)
                    .map_err(|reason| format!("the generated model {name}: {reason}"))?;
                done.renamed += found.renamed;
                done.boxed += found.boxed;
                let additional = (schema["x-additional"] == true).then(|| fields::additional(&found.fields));
                done.open += usize::from(additional.is_some());
                if sent.contains(&name) {
                    let (model, builder) = sent::model(&item, &found.fields, additional.as_ref())?;
                    kept.extend(model);
                    builders.extend(builder);
                    done.sent += 1;
                } else {
                    kept.extend(received::model(&item.ident, &found.fields, additional.as_ref())?);
                    done.received.push(item.ident);
                }
            }
            // The impls of models with fields are written anew.
            Item::Impl(item) if is_of_model(&item) => {}
            other => kept.push(other),
        }
    }
    // Those that are left are no structs.
    for (name, schema) in known {
        if schema["x-additional"] == true {
            return Err(format!("{name} may hold more than it names, and has no fields").into());
        }
        if schema["properties"].as_object().is_some_and(|properties| !properties.is_empty()) {
            return Err(format!("the generated code has no model {name}").into());
        }
    }
    kept.push(syn::parse2(quote! {
        /// Builders of the models that are sent.
        pub mod builder {
            #(#builders)*
        }
    })?);
    *items = kept;
    Ok(done)
}

/// `impl X { fn builder() }` and `impl Default for X`.
fn is_of_model(item: &ItemImpl) -> bool {
    match &item.trait_ {
        None => function(item, "builder").is_some(),
        Some(_) => is_of_trait(item, "Default"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::generator::tests::{code, ref_to, with};

    fn document() -> Value {
        let model = |parent: Value, required| {
            json!({"type": "object", "required": required, "properties": {
                "fooBar": {"type": "integer"}, "foo_bar": {"type": "string"}, "foo-bar": {"type": "boolean"},
                "parent": {"nullable": true, "allOf": [parent]}, "list": {"type": "array", "items": {"type": "string"}}}})
        };
        let open =
            json!({"type": "object", "x-additional": true, "properties": {"additional": {"type": "string"}}});
        json!({
            "openapi": "3.0.3", "info": {"version": "1"},
            "paths": {"/x/": {"post": {
                "operationId": "things_create",
                "responses": {"2XX": with(&ref_to("Thing"))}, "requestBody": with(&ref_to("ThingRequest")),
            }}},
            "components": {"schemas": {
                "Thing": model(ref_to("Thing"), json!([])),
                "ThingRequest": model(ref_to("ThingRequest"), json!(["foo_bar"])),
                "Open": open,
                // typify breaks the circle of a model where it comes to it first.
                "First": {"type": "object", "properties": {"a": ref_to("Thing"), "b": ref_to("ThingRequest")}},
            }},
        })
    }

    #[test]
    fn every_model_is_written_anew_once() {
        let document = document();
        let mut file = crate::generator::spec::generated(&document);
        let done = super::rewrite(&mut file, &document).unwrap();
        assert_eq!(done.received, ["First", "Open", "Thing"]);
        assert_eq!((done.sent, done.open, done.renamed, done.boxed), (1, 1, 4, 2));
        let code = code(&file);
        for expected in [
            // Those that are received have a table.
            "const FIELDS: &'static [&'static str] = &[ \"foo-bar\", \"fooBar\", \"foo_bar\", \"list\", \"parent\", ];",
            "crate::wire::model::entry(map, \"foo_bar\", &self.foo_bar)",
            "pub foo_bar_2: ::std::option::Option<bool>",
            "pub foo_bar_3: ::std::option::Option<i64>",
            "pub parent: ::std::option::Option<::std::boxed::Box<Thing>>",
            "pub additional_2: ::serde_json::Map<",
            // Those that are sent have a builder.
            "#[serde( rename = \"fooBar\", skip_serializing_if = \"::std::option::Option::is_none\" )]",
            "///Sets `foo_bar`, which is required.",
            "///Sets `list`.",
            "foo_bar: value .foo_bar .ok_or(\"ThingRequest: `foo_bar` is required and was not set\")?",
            "list: value.list.unwrap_or_default()",
            "parent: value.parent,",
        ] {
            assert!(code.contains(expected), "{expected:?} is not in {code}");
        }
        let parent =
            code.split("pub parent: ::std::option::Option<::std::boxed::Box<ThingRequest>>").next().unwrap();
        assert!(
            parent.trim_end().ends_with("#[serde(skip_serializing_if = \"::std::option::Option::is_none\")]")
        );
    }

    #[test]
    fn models_that_are_not_those_of_the_schema_are_an_error() {
        let mut document = document();
        let generated = crate::generator::spec::generated(&document);
        let error =
            |document: &Value| super::rewrite(&mut generated.clone(), document).unwrap_err().to_string();
        let schemas = document["components"]["schemas"].as_object_mut().unwrap();
        let open = schemas.remove("Open").unwrap();
        schemas.insert("Opened".to_owned(), open.clone());
        assert_eq!(error(&document), "the schema has no model Open");
        document["components"]["schemas"]["Open"] = open;
        assert_eq!(error(&document), "Opened may hold more than it names, and has no fields");
        document["components"]["schemas"]["Opened"]["x-additional"] = json!(false);
        assert_eq!(error(&document), "the generated code has no model Opened");
        document["components"]["schemas"]["Thing"]["properties"]["more"] = json!({});
        assert_eq!(error(&document), "the generated model Thing: it has 5 fields for 6 properties");
    }
}
