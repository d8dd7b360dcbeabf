//! Tries the generator on every operation, so that a schema that can't be built is never pinned.

// What build.rs uses and this doesn't is no dead code there.
#[allow(dead_code)]
#[path = "../../waldur-api-client/build/codegen.rs"]
mod shared;

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use crate::document::{Operation, operations};

/// Generates the whole of `document`; where that fails, finds the operation that fails and names it.
pub(crate) fn try_all(document: &Value) -> Result<()> {
    let Err(whole) = attempt(document) else { return Ok(()) };
    for operation in operations(document) {
        if let Err(reason) = attempt(&alone(document, &operation)) {
            bail!(
                "the generator can't take {} ({} {}): {reason}",
                operation.id(),
                operation.method.to_uppercase(),
                operation.path
            );
        }
    }
    bail!("the generator can't take the schema as a whole: {whole}")
}

/// `document` with only one operation, and what it leads to.
fn alone(document: &Value, operation: &Operation<'_>) -> Value {
    let mut path = Map::new();
    let mut only = operation.value.clone();
    only["x-features"] = json!(["this"]);
    path.insert(operation.method.to_owned(), only);
    let mut document = document.clone();
    document["paths"] = json!({ operation.path: path });
    shared::prune(&mut document, |feature| feature == "this");
    document
}

/// The generator panics on much that it doesn't take.
fn attempt(document: &Value) -> std::result::Result<(), String> {
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result =
        catch_unwind(AssertUnwindSafe(|| shared::tokens(document).map(drop).map_err(|e| e.to_string())));
    std::panic::set_hook(silent);
    match result {
        Ok(result) => result,
        Err(panic) => Err(match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => panic.downcast_ref::<&str>().map_or("it panics", |text| text).to_owned(),
        }),
    }
}
