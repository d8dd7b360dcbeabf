//! The files that the client compiles.

use serde_json::Value;

use crate::document::operations;
use crate::generator::{Result, code, mock};
use crate::{KEPT, feature_table, operation_table, prune};

/// The source of the function by which the names of fields are found, which the client compiles as well.
const FIELD_HASH: &str = include_str!("field_hash.rs");

/// The files of generated code and documentation for a choice of features.
#[derive(Debug)]
pub struct Files {
    /// The names and the texts.
    pub files: Vec<(&'static str, String)>,
    /// How many operations they have.
    pub operations: usize,
}

/// Generates all files for the features of which `is_on` says so. `schema` is the text of the whole normalised schema.
///
/// # Errors
/// A text that isn't JSON, what progenitor can't take, and code of progenitor's that isn't what the schema lets expect.
///
/// # Panics
/// progenitor panics on some schemas. A normalised one is none of them.
pub fn files(schema: &str, is_on: impl Fn(&str) -> bool) -> Result<Files> {
    of_document(serde_json::from_str(schema)?, is_on)
}

fn of_document(mut document: Value, is_on: impl Fn(&str) -> bool) -> Result<Files> {
    let mut files = vec![
        ("features.md", feature_table(&document, &is_on)),
        ("operations.md", operation_table(&document, &is_on)),
    ];
    prune(&mut document, &is_on);
    let code = code(&document)?;
    files.push(("generated.rs", prettyplease::unparse(&code.client)));
    if is_on("exchanges") {
        files.push(("exchanges.rs", prettyplease::unparse(&code.exchanges)));
    }
    if is_on("mock") {
        files.push(("mock.rs", mock::generate(&document)?));
    }
    files.push(("field_hash.rs", FIELD_HASH.to_owned()));
    Ok(Files { files, operations: operations(&document).count() })
}

/// Generates the files that the client keeps, for builds without the generator: with the operations of [`KEPT`], and
/// with none. The names are paths in the client's folder `generated`.
///
/// # Errors
/// Those of [`files`].
///
/// # Panics
/// As [`files`] does.
pub fn kept_files(document: &Value) -> Result<Vec<(String, String)>> {
    let mut kept = Vec::new();
    for (folder, has_operations) in [(KEPT, true), ("none", false)] {
        let is_on = |feature: &str| feature == "exchanges" || (has_operations && feature == KEPT);
        let made = of_document(document.clone(), is_on)?;
        kept.extend(made.files.into_iter().map(|(name, text)| (format!("{folder}/{name}"), text)));
    }
    Ok(kept)
}
