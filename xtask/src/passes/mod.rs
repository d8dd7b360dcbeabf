//! The systematic part of normalisation: what the generator can't take, or would take to mean something else, said in
//! a way that it takes. Each pass is a pure function over the document that returns how often or to what it applied;
//! none of them names an operation or a model, so they serve any version of the schema.

mod answers;
mod bodies;
mod enums;
mod filters;
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
    /// What it applied to, of passes that change which operations and parameters there are.
    pub(crate) names: Vec<String>,
}

/// A pure function over the document.
#[derive(Clone, Copy)]
enum Pass {
    /// Returns how often it applied.
    Counts(fn(&mut Value) -> usize),
    /// Returns what it applied to.
    Names(fn(&mut Value) -> Vec<String>),
}

use Pass::{Counts, Names};

impl Pass {
    fn apply(self, pass: &'static str, document: &mut Value) -> Applied {
        match self {
            Counts(apply) => Applied { pass, times: apply(document), names: Vec::new() },
            Names(apply) => {
                let names = apply(document);
                Applied { pass, times: names.len(), names }
            }
        }
    }
}

/// The passes, in the order in which they run: structure first, then types, then which way each model travels.
const PASSES: [(&str, Pass); 46] = [
    ("shared paths, parameters, bodies and answers, put in place", Counts(references::shared_parts)),
    ("parts of schemas that others refer to, put in place", Counts(references::nameless_schemas)),
    ("operations without answers", Counts(references::answers_declared)),
    ("operations named anew, whose names Rust can't take or tell apart", Names(names::operations)),
    ("models named anew, whose names Rust can't take or tell apart", Counts(names::models)),
    ("types said that were only meant", Counts(shapes::say_types)),
    ("objects in several parts, as one", Counts(shapes::merge_parts)),
    (
        "path parameters that were not declared, declared as strings",
        Counts(parameters::declare_path_parameters),
    ),
    ("query parameters dropped that repeat a path parameter", Names(parameters::drop_query_twins)),
    ("cookie and header parameters dropped", Names(parameters::drop_cookies_and_headers)),
    ("parameters in unusual words", Counts(parameters::usual_words)),
    ("query parameters dropped that are objects", Names(parameters::drop_structured)),
    ("media types that are JSON by another name", Counts(answers::one_name_for_json)),
    ("success answers folded into one", Counts(answers::one_success)),
    ("error answers stripped", Counts(answers::strip_errors)),
    ("HEAD answers without a body", Counts(answers::head_without_body)),
    ("answers that are files, as raw bytes", Counts(answers::files_are_raw)),
    ("request bodies reduced to JSON", Counts(bodies::only_json)),
    ("enums of integers, as numbers or texts", Counts(enums::integers)),
    ("enums that mix kinds of values, as any JSON", Counts(enums::mixed_is_any)),
    ("references to models without fields, as what they hold", Counts(models::inline_fieldless)),
    ("request bodies of unknown shape, as any JSON", Counts(bodies::shapeless_is_any)),
    ("alternatives with a blank or null enum folded", Counts(enums::fold_blank_and_null)),
    ("alternatives between known and any text folded", Counts(enums::fold_known_or_any)),
    ("wrapped schemas unwrapped", Counts(types::unwrap_single_parts)),
    ("models of what is any JSON elsewhere, as objects that may hold more", Counts(shapes::may_hold_more)),
    ("alternatives between formats of text, as text", Counts(types::fold_texts)),
    ("other alternatives, as any JSON", Counts(types::alternatives_are_any)),
    ("references to models that have no fields by now, as what they hold", Counts(models::inline_fieldless)),
    ("parameters of any type, as text", Counts(parameters::any_is_text)),
    ("enums in place hoisted to components", Counts(hoist::enums)),
    ("objects in place hoisted to components", Counts(hoist::objects)),
    (
        "maps of numbers in request bodies, as decimals that are sent as numbers",
        Counts(types::maps_of_numbers),
    ),
    ("numbers, as exact decimals", Counts(types::decimals)),
    ("formats dropped that reject what servers send", Counts(types::lenient_formats)),
    ("constraints dropped", Counts(types::drop_constraints)),
    ("defaults dropped", Counts(types::drop_defaults)),
    ("models split that are sent and received", Counts(models::split)),
    ("properties of received models made optional", Counts(models::received_are_optional)),
    (
        "nullable properties of bodies in which null clears, as absent, null or value",
        Counts(bodies::null_is_told_from_absent),
    ),
    ("optional arrays in request bodies, as lists that may be empty", Counts(bodies::lists_may_be_empty)),
    ("comma-joined array parameters", Counts(parameters::comma_joined)),
    ("parameters named anew, whose names Rust can't tell apart", Counts(names::parameters)),
    ("answers to calls that change state, as optional", Counts(answers::optional_after_change)),
    ("filters that take the enum of a model", Counts(filters::of_models)),
    ("text enums opened to unknown values", Counts(enums::open)),
];

/// Runs all passes, then drops the components that nothing refers to any more.
pub(crate) fn run(document: &mut Value) -> Vec<Applied> {
    let mut report: Vec<Applied> = PASSES.iter().map(|(pass, apply)| apply.apply(pass, document)).collect();
    report.push(Counts(models::drop_unused).apply("models dropped that nothing uses", document));
    report
}

/// Drops the components that nothing refers to. Returns how many.
pub(crate) fn drop_unused(document: &mut Value) -> usize {
    models::drop_unused(document)
}

/// The component of an open enum, whose type has the name of the component `name`, without its values.
pub(crate) fn enum_type(name: &str) -> Value {
    own_type(&format!("types::{}", waldur_api_codegen::names::model(name)), vec![])
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
