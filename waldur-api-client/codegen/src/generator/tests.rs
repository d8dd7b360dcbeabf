//! Everything that is generated for a tiny schema, and what the tests of the passes share.

use serde_json::{Value, json};

pub(crate) use crate::document::ref_to;

/// Returns content of JSON with the schema `schema`.
pub(crate) fn with(schema: &Value) -> Value {
    json!({"content": {"application/json": {"schema": schema}}})
}

/// Returns the code of `file` in one line.
pub(crate) fn code(file: &syn::File) -> String {
    prettyplease::unparse(file).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_model_does_not_name_has_a_field_of_its_own() {
    let model = |required| {
        json!({"type": "object", "x-additional": true, "required": required, "properties": {
            "additional": {"type": "string"}, "name": {"type": "string"}, "texts": {"type": "array", "items": {"type": "string"}}}})
    };
    let document = json!({
        "openapi": "3.0.3", "info": {"version": "1"},
        "paths": {"/x/": {"post": {
            "operationId": "things_create",
            "responses": {"2XX": with(&ref_to("Thing"))}, "requestBody": with(&ref_to("ThingRequest")),
        }}},
        "components": {"schemas": {
            "Thing": model(json!([])), "ThingRequest": model(json!(["name"])),
            "State": {"x-enum": ["a"], "x-rust-type": {"crate": "waldur-api-client", "version": "*", "path": "waldur_api_client::types::State", "parameters": []}},
        }},
    });
    let code: String =
        prettyplease::unparse(&crate::client_code(&document).unwrap()).split_whitespace().collect();
    for expected in [
        "constKEEPS_ADDITIONAL:bool=true;",
        "crate::wire::model::additional(map,&self.additional_2,|name|matchname{\"additional\"=>!",
        "#[serde(flatten)]pubadditional_2:::serde_json::Map<",
        "map.serialize_entry(\"name\",&self.name)?;",
        "\"name\"=>true,",
        "pubfnadditional_2<K,V>(mutself,",
        "crate::wire::open_enum!{",
        "///Buildstherequest`POST/x/`,whichistheoperation`things_create`.",
    ] {
        assert!(code.contains(expected), "{expected:?} is not in {code}");
    }
}
