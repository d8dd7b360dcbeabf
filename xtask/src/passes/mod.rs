//! The systematic part of normalisation: what the generator can't take, or would take to mean something else, said in
//! a way that it takes. Each pass is a pure function over the document that returns how often it applied; none of
//! them names an operation or a model, so they serve any version of the schema.

mod answers;
mod bodies;
mod enums;
mod hoist;
mod models;
mod names;
mod parameters;
mod references;
mod shapes;
mod types;

use serde_json::{Value, json};

/// What a pass did.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) pass: &'static str,
    pub(crate) times: usize,
}

type Pass = fn(&mut Value) -> usize;

/// The passes, in the order in which they run: structure first, then types, then which way each model travels.
const PASSES: [(&str, Pass); 45] = [
    ("shared paths, parameters, bodies and answers, put in place", references::shared_parts),
    ("parts of schemas that others refer to, put in place", references::nameless_schemas),
    ("operations without answers", references::answers_declared),
    ("operations named anew, whose names Rust can't take or tell apart", names::operations),
    ("models named anew, whose names Rust can't take or tell apart", names::models),
    ("types said that were only meant", shapes::say_types),
    ("objects in several parts, as one", shapes::merge_parts),
    ("path parameters that were not declared, declared as strings", parameters::declare_path_parameters),
    ("query parameters dropped that repeat a path parameter", parameters::drop_query_twins),
    ("cookie and header parameters dropped", parameters::drop_cookies_and_headers),
    ("parameters in unusual words", parameters::usual_words),
    ("query parameters dropped that are objects", parameters::drop_structured),
    ("media types that are JSON by another name", answers::one_name_for_json),
    ("success answers folded into one", answers::one_success),
    ("error answers stripped", answers::strip_errors),
    ("HEAD answers without a body", answers::head_without_body),
    ("answers that are files, as raw bytes", answers::files_are_raw),
    ("request bodies reduced to JSON", bodies::only_json),
    ("enums of integers, as numbers or texts", enums::integers),
    ("enums that mix kinds of values, as any JSON", enums::mixed_is_any),
    ("references to models without fields, as what they hold", models::inline_fieldless),
    ("request bodies of unknown shape, as any JSON", bodies::shapeless_is_any),
    ("alternatives with a blank or null enum folded", enums::fold_blank_and_null),
    ("alternatives between known and any text folded", enums::fold_known_or_any),
    ("wrapped schemas unwrapped", types::unwrap_single_parts),
    ("models of what is any JSON elsewhere, as objects that may hold more", shapes::may_hold_more),
    ("alternatives between formats of text, as text", types::fold_texts),
    ("other alternatives, as any JSON", types::alternatives_are_any),
    ("references to models that have no fields by now, as what they hold", models::inline_fieldless),
    ("parameters of any type, as text", parameters::any_is_text),
    ("enums in place hoisted to components", hoist::enums),
    ("objects in place hoisted to components", hoist::objects),
    ("maps of numbers in request bodies, as decimals that are sent as numbers", types::maps_of_numbers),
    ("numbers, as exact decimals", types::decimals),
    ("formats dropped that reject what servers send", types::lenient_formats),
    ("constraints dropped", types::drop_constraints),
    ("defaults dropped", types::drop_defaults),
    ("models split that are sent and received", models::split),
    ("properties of received models made optional", models::received_are_optional),
    (
        "nullable properties of bodies in which null clears, as absent, null or value",
        bodies::null_is_told_from_absent,
    ),
    ("optional arrays in request bodies, as lists that may be empty", bodies::lists_may_be_empty),
    ("comma-joined array parameters", parameters::comma_joined),
    ("parameters named anew, whose names Rust can't tell apart", names::parameters),
    ("answers to calls that change state, as optional", answers::optional_after_change),
    ("text enums opened to unknown values", enums::open),
];

/// Runs all passes, then drops the components that nothing refers to any more.
pub(crate) fn run(document: &mut Value) -> Vec<Applied> {
    let mut report: Vec<Applied> =
        PASSES.iter().map(|(pass, apply)| Applied { pass, times: apply(document) }).collect();
    report.push(Applied { pass: "models dropped that nothing uses", times: models::drop_unused(document) });
    report
}

/// Whether `schema` is of the JSON type `name`.
fn is_type(schema: &Value, name: &str) -> bool {
    schema.get("type").and_then(Value::as_str) == Some(name)
}

/// A schema whose Rust type is `path` (of `package`), with the types of `parameters` between its angle brackets.
fn rust_type(package: &str, path: &str, parameters: Vec<Value>) -> Value {
    json!({ "x-rust-type": { "crate": package, "version": "*", "path": path, "parameters": parameters } })
}

/// A type of the client crate's own.
fn own_type(name: &str, parameters: Vec<Value>) -> Value {
    rust_type("waldur-api-client", &format!("waldur_api_client::{name}"), parameters)
}
