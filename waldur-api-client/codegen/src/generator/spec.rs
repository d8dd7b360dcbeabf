//! What progenitor is given, and what it makes of it.

use proc_macro2::TokenStream;
use progenitor::{CrateVers, GenerationSettings, Generator, InterfaceStyle, TagStyle};
use serde_json::{Map, Value, json};

use crate::Result;
use crate::document::each_operation;

/// Returns what progenitor makes of `document`.
pub(crate) fn tokens(document: &Value) -> Result<TokenStream> {
    let (spec, settings) = spec(document)?;
    Ok(Generator::new(&settings).generate_tokens(&spec)?)
}

/// Returns `document` as progenitor takes it, and what it is told.
pub(crate) fn spec(document: &Value) -> Result<(openapiv3::OpenAPI, GenerationSettings)> {
    let mut document = document.clone();
    complete(&mut document);
    let spec: openapiv3::OpenAPI = serde_json::from_value(document)?;
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Builder)
        .with_tag(TagStyle::Merged)
        .with_crate("waldur-api-client", CrateVers::Any, None)
        .with_crate("std", CrateVers::Any, None)
        .with_crate("serde_json", CrateVers::Any, None);
    Ok((spec, settings))
}

/// Adds what OpenAPI requires and the pin, which holds no prose, leaves out. Returns how many answers it
/// completed.
fn complete(document: &mut Value) -> usize {
    let mut times = 0;
    document["info"]["title"] = json!("Waldur");
    each_operation(document, |_, _, operation| {
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        for response in responses.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
            response.entry("description").or_insert_with(|| json!(""));
            response.remove("headers");
            times += 1;
        }
    });
    times
}

/// Returns progenitor's code for `document`, ready to be rewritten.
#[cfg(test)]
pub(crate) fn generated(document: &Value) -> syn::File {
    syn::parse2(crate::generator::trim::trim(tokens(document).unwrap())).unwrap()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn answers_get_a_description_and_lose_their_headers() {
        let mut document = json!({"info": {}, "paths": {"/x/": {
            "get": {"responses": {"2XX": {"headers": {}}, "default": {"description": "d"}}},
            "head": {"responses": {"2XX": {}}},
        }}});
        assert_eq!(super::complete(&mut document), 3);
        let responses = json!({"2XX": {"description": ""}, "default": {"description": "d"}});
        assert_eq!(document["paths"]["/x/"]["get"]["responses"], responses);
    }
}
