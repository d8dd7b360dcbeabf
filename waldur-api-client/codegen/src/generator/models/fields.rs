//! The fields of a model: what each is on the wire comes from the schema, its Rust type from the generated
//! code.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;
use syn::{FieldsNamed, Ident, Type};

use crate::generator::syntax::argument_of;
use crate::{Result, names};

/// A field of a model.
pub(super) struct Field {
    /// Its name in Rust.
    pub(super) ident: Ident,
    /// Its name on the wire.
    pub(super) name: String,
    /// Its type.
    pub(super) ty: Type,
    /// The type in `Option<…>`, where it is one.
    pub(super) inner: Option<Type>,
    /// Whether a request must have it.
    pub(super) is_required: bool,
}

/// The fields of a model, with how often they had to be changed for it.
pub(super) struct Named {
    /// The fields, in the order of the generated code.
    pub(super) fields: Vec<Field>,
    /// How many had another one's name.
    pub(super) renamed: usize,
    /// How many hold the model itself.
    pub(super) boxed: usize,
}

/// Returns the fields that typify wrote as `generated` for the properties of `schema`.
///
/// Changes `generated` so that all names differ, and so that a box in an option is one that is there.
pub(super) fn fields(generated: &mut FieldsNamed, schema: &Value) -> Result<Named> {
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = properties(schema, &required);
    if properties.len() != generated.named.len() {
        let (fields, properties) = (generated.named.len(), properties.len());
        return Err(format!("it has {fields} fields for {properties} properties").into());
    }
    for (field, (name, property)) in generated.named.iter().zip(&properties) {
        if field.ident.as_ref().is_none_or(|ident| ident != name) {
            return Err(format!("it has no field {name} for the property {property}").into());
        }
    }
    let renamed = tell_apart(generated, &properties);
    let boxed = box_what_is_there(generated);
    let mut fields = Vec::new();
    for (field, (_, name)) in generated.named.iter().zip(properties) {
        let inner = argument_of(&field.ty, "Option").cloned();
        fields.push(Field {
            ident: field.ident.clone().ok_or("a named field has a name")?,
            name: name.to_owned(),
            ty: field.ty.clone(),
            is_required: inner.is_none() && required.contains(name),
            inner,
        });
    }
    Ok(Named { fields, renamed, boxed })
}

/// Returns the properties of `schema` with the names of their fields, in typify's order: by the names in Rust, and
/// those of one name by their names on the wire.
fn properties<'a>(schema: &'a Value, required: &BTreeSet<&'a str>) -> Vec<(String, &'a str)> {
    let declared = schema["properties"].as_object();
    let is_declared = |name: &str| declared.is_some_and(|declared| declared.contains_key(name));
    let undeclared = required.iter().copied().filter(|name| !is_declared(name));
    // What is required and not declared can be anything, and comes last.
    let all = declared.into_iter().flat_map(serde_json::Map::keys).map(String::as_str).chain(undeclared);
    let mut all: Vec<(String, &str)> = all.map(|name| (names::field(name), name)).collect();
    all.sort_by_cached_key(|(field, name)| (field.clone(), !is_declared(name), *name));
    all
}

/// Gives two properties whose names are one in Rust two fields; the one that is named as in Rust keeps the
/// name. Returns how many it renamed.
fn tell_apart(generated: &mut FieldsNamed, properties: &[(String, &str)]) -> usize {
    let mut taken = BTreeSet::new();
    let mut times = 0;
    for is_own in [true, false] {
        let same = |(name, property): &(String, &str)| name == property;
        let pairs = generated.named.iter_mut().zip(properties).filter(|(_, names)| same(names) == is_own);
        for (field, (name, _)) in pairs {
            let free = names::first_free(name, "_", |name| taken.insert(name.to_owned()));
            if free != *name {
                field.ident = Some(format_ident!("{free}"));
                times += 1;
            }
        }
    }
    times
}

/// Lets a model that holds itself do so in a box that is there or isn't, not in a box of what isn't there.
/// Returns in how many fields.
fn box_what_is_there(generated: &mut FieldsNamed) -> usize {
    let mut times = 0;
    for field in &mut generated.named {
        if let Some(inner) = argument_of(&field.ty, "Box").and_then(|held| argument_of(held, "Option")) {
            field.ty = syn::parse_quote!(::std::option::Option<::std::boxed::Box<#inner>>);
            // typify leaves out only what it has in an option itself.
            field
                .attrs
                .push(syn::parse_quote!(#[serde(skip_serializing_if = "::std::option::Option::is_none")]));
            times += 1;
        }
    }
    times
}

/// Returns a name for the field that holds what a model doesn't name, which no other field has.
pub(super) fn additional(fields: &[Field]) -> Ident {
    let is_free = |name: &str| fields.iter().all(|field| field.ident != name);
    format_ident!("{}", names::first_free("additional", "_", is_free))
}

/// Makes a match arm for each field, which says whether the field is written.
pub(super) fn written(fields: &[Field]) -> impl Iterator<Item = TokenStream> {
    fields.iter().map(|Field { ident, name, is_required, .. }| {
        if *is_required {
            quote!(#name => true)
        } else {
            quote!(#name => !crate::wire::model::Entry::is_none(&self.#ident))
        }
    })
}

#[cfg(test)]
mod tests {
    use quote::ToTokens as _;
    use serde_json::{Value, json};

    use super::{Named, additional, fields};

    fn of(schema: &Value, generated: &str) -> Result<(Named, String), String> {
        let mut item: syn::ItemStruct = syn::parse_str(&format!("struct A {{ {generated} }}")).unwrap();
        let syn::Fields::Named(named) = &mut item.fields else { panic!("it has names") };
        let found = fields(named, schema).map_err(|error| error.to_string())?;
        let code: Vec<String> =
            named.named.iter().map(|field| field.to_token_stream().to_string().replace(' ', "")).collect();
        Ok((found, code.join(";")))
    }

    #[test]
    fn names_and_what_is_required_are_those_of_the_schema() {
        let schema = json!({"properties": {"type": {}, "list": {}, "null": {}, "must": {}},
            "required": ["must", "null", "gone"]});
        // Attributes are not looked at.
        let generated = "#[serde(rename = \"other\")] gone: Value, list: Vec<u8>, must: u8, null: Option<u8>, type_: Option<u8>";
        let (found, _) = of(&schema, generated).unwrap();
        let facts: Vec<_> = found
            .fields
            .iter()
            .map(|field| {
                (field.name.as_str(), field.ident.to_string(), field.is_required, field.inner.is_some())
            })
            .collect();
        assert_eq!(
            facts,
            [
                ("gone", "gone".to_owned(), true, false),
                ("list", "list".to_owned(), false, false),
                ("must", "must".to_owned(), true, false),
                ("null", "null".to_owned(), false, true),
                ("type", "type_".to_owned(), false, true),
            ]
        );
        assert_eq!((found.renamed, found.boxed), (0, 0));
    }

    #[test]
    fn fields_of_one_name_are_told_apart_and_the_one_named_as_in_rust_keeps_it() {
        let schema = json!({"properties": {"fooBar": {}, "foo_bar": {}, "foo-bar": {}}});
        let (found, code) = of(&schema, "foo_bar: A, foo_bar: B, foo_bar: C").unwrap();
        assert_eq!(code, "foo_bar_2:A;foo_bar_3:B;foo_bar:C");
        assert_eq!(
            found.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(),
            ["foo-bar", "fooBar", "foo_bar"]
        );
        assert_eq!(found.renamed, 2);
    }

    #[test]
    fn a_box_is_in_the_option() {
        let schema = json!({"properties": {"a": {}, "b": {}}});
        let (found, code) =
            of(&schema, "a: ::std::boxed::Box<::std::option::Option<A>>, b: ::std::boxed::Box<A>").unwrap();
        assert_eq!(
            code,
            "#[serde(skip_serializing_if=\"::std::option::Option::is_none\")]\
             a:::std::option::Option<::std::boxed::Box<A>>;b:::std::boxed::Box<A>"
        );
        assert_eq!(found.boxed, 1);
    }

    #[test]
    fn generated_fields_that_the_schema_does_not_lead_to_are_an_error() {
        let schema = json!({"properties": {"a": {}}});
        assert_eq!(of(&schema, "b: A").err().unwrap(), "it has no field a for the property a");
        assert_eq!(of(&schema, "a: A, extra: B").err().unwrap(), "it has 2 fields for 1 properties");
    }

    #[test]
    fn what_a_model_does_not_name_has_a_name_that_no_field_has() {
        let schema = json!({"properties": {"additional": {}, "additional_2": {}}});
        let (found, _) = of(&schema, "additional: A, additional_2: A").unwrap();
        assert_eq!(additional(&found.fields), "additional_3");
        assert_eq!(additional(&[]), "additional");
    }
}
