//! Generated code that is kept in the client's package, so that a build without the generator has it.

use serde_json::Value;

use crate::prune;

/// The feature whose operations are kept: what `waldur-sdk` needs. All other features of operations turn on the
/// feature `generate`.
pub const KEPT: &str = "provider";

/// Returns the name of the file of the client's folder `generated` that holds the operations of the features that are
/// on.
#[must_use]
pub fn kept_file(is_on: impl Fn(&str) -> bool) -> &'static str {
    if is_on(KEPT) { "provider.rs" } else { "none.rs" }
}

/// Returns the names of the files that are kept, each with the part of `document` that it is generated from.
#[must_use]
pub fn kept_parts(document: &Value) -> [(&'static str, Value); 2] {
    [true, false].map(|has_operations| {
        let is_on = |feature: &str| has_operations && feature == KEPT;
        let mut part = document.clone();
        prune(&mut part, is_on);
        (kept_file(is_on), part)
    })
}
