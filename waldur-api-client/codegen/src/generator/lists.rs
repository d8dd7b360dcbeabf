//! Lists, and operations whose fields can be chosen (`crate::list`): from the facts, on the generated
//! builders.

use quote::{format_ident, quote};
use serde_json::Value;
use syn::Type;

use crate::document::{Operation, parameters, ref_name};
use crate::generator::answer;
use crate::generator::calls::Call;
use crate::generator::syntax::{argument_of, items, module};
use crate::{Result, names};

/// Makes the builders of `calls` lists where they are, or objects whose fields can be chosen. Returns how
/// many are which.
pub(crate) fn append(file: &mut syn::File, document: &Value, calls: &[Call<'_>]) -> Result<(usize, usize)> {
    let builders = module(file, "builder")?;
    let (mut lists, mut objects) = (0, 0);
    for call in calls.iter().filter(|call| call.operation.method == "get") {
        let Call { ident, operation: Operation { path, value, .. }, .. } = call;
        let query = || parameters(document, value).filter(|parameter| parameter["in"] == "query");
        let fields = query().find(|parameter| parameter["name"] == "field").and_then(|parameter| {
            Some(format_ident!("{}", names::model(ref_name(&parameter["schema"]["items"])?)))
        });
        let implementation = if let Some(of) = element(call)? {
            lists += 1;
            let paged = query().any(|parameter| parameter["name"] == "page");
            let head = match value["x-head"].as_str() {
                Some(id) => quote! {
                    Some(&Operation { id: #id, method: "HEAD", path: #path, body_required: false })
                },
                None => quote!(None),
            };
            let fields = match fields {
                Some(name) => quote!(Some(types::#name::KNOWN)),
                None => quote!(None),
            };
            quote! {
                impl crate::list::sealed::ListOperation for #ident {
                    const LIST: crate::list::ListFacts =
                        crate::list::ListFacts { head: #head, paged: #paged, fields: #fields };
                }
                impl crate::list::ListCall for #ident {
                    type Item = #of;
                }
            }
        } else if let Some(name) = fields {
            objects += 1;
            quote! {
                impl crate::list::RetrieveCall for #ident {
                    const FIELDS: &'static [&'static str] = types::#name::KNOWN;
                }
            }
        } else {
            continue;
        };
        builders.extend(items(quote! {
            impl crate::list::sealed::IntoCall for #ident {
                fn into_call(self) -> Call { self.0 }
            }
            #implementation
        })?);
    }
    Ok((lists, objects))
}

/// Returns what the answer to `call` is a list of, where it is a list.
pub(crate) fn element<'a>(call: &'a Call<'_>) -> Result<Option<&'a Type>> {
    if answer::schema(call.operation.value).is_none_or(|schema| schema["type"] != "array") {
        return Ok(None);
    }
    match argument_of(&call.answer, "Vec") {
        Some(of) => Ok(Some(of)),
        None => Err(format!("operation {}: the list it answers is no Vec", call.ident).into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::generator::tests::{code, ref_to, with};

    #[test]
    fn lists_and_objects_with_fields_to_choose_are_told_apart() {
        let field = json!({"in": "query", "name": "field", "schema": {"type": "array", "items": ref_to("ThingFieldEnum")}});
        let list = with(&json!({"type": "array", "items": ref_to("Thing")}));
        let document = json!({
            "openapi": "3.0.3", "info": {"version": "1"},
            "paths": {
                "/a/": {
                    "get": {"operationId": "a_list", "x-head": "a_count", "responses": {"2XX": list}, "parameters": [
                        field, {"$ref": "#/components/parameters/Page"}]},
                    "post": {"operationId": "a_post", "responses": {"2XX": list}},
                },
                "/b/": {"get": {"operationId": "b_list", "responses": {"2XX": list}}},
                "/c/": {"get": {"operationId": "c_retrieve", "responses": {"2XX": with(&ref_to("Thing"))}, "parameters": [field]}},
                "/d/": {"get": {"operationId": "d_retrieve", "responses": {"2XX": with(&ref_to("Thing"))}}},
            },
            "components": {
                "parameters": {"Page": {"in": "query", "name": "page", "schema": {"type": "integer"}}},
                "schemas": {
                    "Thing": {"type": "object", "properties": {"a": {"type": "integer"}}},
                    "ThingFieldEnum": {"x-enum": ["a"], "x-rust-type": {"crate": "waldur-api-client", "version": "*",
                        "path": "waldur_api_client::types::ThingFieldEnum", "parameters": []}},
                },
            },
        });
        let mut file = crate::generator::spec::generated(&document);
        let calls = crate::generator::calls::rewrite(&mut file, &document).unwrap();
        assert_eq!(super::append(&mut file, &document, &calls).unwrap(), (2, 1));
        let code = code(&file);
        for expected in [
            "crate::list::ListCall for AList { type Item = types::Thing; }",
            "crate::list::sealed::IntoCall for AList { fn into_call(self) -> Call { self.0 } }",
            "id: \"a_count\", method: \"HEAD\", path: \"/a/\", body_required: false, }, ), paged: true, \
             fields: Some(types::ThingFieldEnum::KNOWN),",
            "head: None, paged: false, fields: None,",
            "crate::list::RetrieveCall for CRetrieve { const FIELDS: &'static [&'static str] = types::ThingFieldEnum::KNOWN;",
        ] {
            assert!(code.contains(expected), "{expected:?} is not in {code}");
        }

        let received: Vec<syn::Ident> = vec![syn::parse_quote!(Thing)];
        let tables = crate::generator::exchanges::tables(&document, &calls, &received).unwrap();
        let code = crate::generator::tests::code(&tables);
        for (expected, times) in [
            ("Exchange { operation:", 5),
            ("answer: Answer::Json(", 5),
            ("List { operation:", 2),
            ("ReceivedModel { name: <types::Thing as Model>::NAME,", 1),
            ("&[\"/a/\", \"/b/\", \"/c/\", \"/d/\"]", 1),
        ] {
            assert_eq!(code.matches(expected).count(), times, "{expected:?} in {code}");
        }
    }
}
