//! The generator's typed helpers for `httpmock`, made to fit the client's own types (`crate::mock`).

use proc_macro2::{TokenStream, TokenTree};
use progenitor::Generator;
use quote::ToTokens as _;
use serde_json::Value;
use syn::visit_mut::VisitMut;

use crate::Result;
use crate::document::{self, operations};
use crate::generator::spec::spec;

/// Generates the typed helpers for `httpmock` for all operations of `document`.
pub(super) fn generate(document: &Value) -> Result<String> {
    let (spec, settings) = spec(document)?;
    let tokens = Generator::new(&settings).httpmock(&spec, "waldur_api_client")?;
    let mut file: syn::File = syn::parse2(tokens)?;
    let mut texts = Texts::default();
    texts.visit_file_mut(&mut file);
    if let Some(reason) = texts.wrong {
        return Err(reason.into());
    }
    let (paths, queries) = parameters(document);
    if (texts.paths, texts.queries) != (paths, queries) {
        return Err(format!(
            "{} parameters in paths and {} in queries are matched of {paths} and {queries}",
            texts.paths, texts.queries
        )
        .into());
    }
    Ok(prettyplease::unparse(&file))
}

/// Returns how many parameters `document` has in paths, and how many in queries.
fn parameters(document: &Value) -> (usize, usize) {
    let (mut paths, mut queries) = (0, 0);
    for operation in operations(document) {
        for parameter in document::parameters(document, operation.value) {
            paths += usize::from(parameter["in"] == "path");
            queries += usize::from(parameter["in"] == "query");
        }
    }
    (paths, queries)
}

/// The generator writes values with `to_string`, where the client writes them as `crate::QueryValue`s.
#[derive(Default)]
struct Texts {
    paths: usize,
    queries: usize,
    wrong: Option<&'static str>,
}

impl VisitMut for Texts {
    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        // `let re = regex::Regex::new(&format!("^…{}…$", value.to_string())).unwrap();`
        if let Some(syn::Stmt::Local(local)) = block.stmts.first() {
            match literal(local.to_token_stream()) {
                Some(pattern) => {
                    self.paths += 1;
                    *block = syn::parse_quote!({ Self(super::path(self.0, #pattern, value.texts())) });
                }
                None => self.wrong = Some("a path is matched in another way"),
            }
        }
        syn::visit_mut::visit_block_mut(self, block);
    }

    fn visit_expr_mut(&mut self, expr: &mut syn::Expr) {
        syn::visit_mut::visit_expr_mut(self, expr);
        // `self.0.query_param("…", value.to_string())`
        if let syn::Expr::MethodCall(call) = expr
            && call.method == "query_param"
            && let Some(name) = call.args.first()
        {
            self.queries += 1;
            let when = &call.receiver;
            *expr = syn::parse_quote!(super::query(#when, #name, value.texts()));
        }
    }
}

/// The first text in `tokens`.
fn literal(tokens: TokenStream) -> Option<syn::LitStr> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => literal(group.stream()),
        TokenTree::Literal(literal) => syn::parse2(TokenTree::Literal(literal).into()).ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn every_parameter_is_matched_as_the_client_writes_it() {
        let document = json!({
            "openapi": "3.0.3", "info": {"version": "1"},
            "paths": {"/x/{uuid}/": {"get": {"operationId": "x", "responses": {"2XX": {}}, "parameters": [
                {"in": "path", "name": "uuid", "required": true, "schema": {"type": "string"}},
                {"$ref": "#/components/parameters/Page"},
                {"in": "query", "name": "o", "schema": {"type": "string"}}]}}},
            "components": {"parameters": {"Page": {"in": "query", "name": "page", "schema": {"type": "integer"}}}},
        });
        assert_eq!(super::parameters(&document), (1, 2));
        let code = super::generate(&document).unwrap();
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(code.matches("super::path(self.0, ").count(), 1, "{code}");
        assert_eq!(code.matches("super::query(").count(), 2, "{code}");
        assert!(!code.contains("to_string()"), "{code}");
    }
}
