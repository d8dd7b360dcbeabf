//! The generator.
//!
//! progenitor generates, which decides how a schema's types are written in Rust. Its code is then rewritten,
//! because most of the time and memory of a build would go there:
//!
//! - Models that are only received lose their builders, and their derived `Deserialize` becomes a table,
//!   which is read leniently as well (`models`).
//! - Models that are sent keep a builder, without the conversions of each field.
//! - The builder of an operation is one call in the making, not a field and a conversion for each parameter
//!   and an async body of its own (`calls`).
//!
//! What a call or a model is comes from the schema; only Rust types are taken from the generated code. Each
//! pass counts what it did: a count that isn't what the schema says is an error, since the generator changed.

mod answer;
mod calls;
mod client;
mod docs;
mod enums;
mod exchanges;
mod field_hash;
mod files;
mod inline;
mod lists;
mod mock;
mod models;
mod spec;
mod syntax;
#[cfg(test)]
mod tests;
mod trim;

use std::error::Error;

use serde_json::Value;

pub use files::{Files, files, kept_files};

/// The outcome of generating; an error says what could not be generated.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The client's code.
struct Code {
    /// The models and operations.
    client: syn::File,
    /// The tables of the module `exchanges`.
    exchanges: syn::File,
}

/// Returns the models and operations of `document`, before they are written out.
///
/// # Errors
/// Those of [`files`].
///
/// # Panics
/// As [`files`] does.
pub fn client_code(document: &Value) -> Result<syn::File> {
    Ok(code(document)?.client)
}

fn code(document: &Value) -> Result<Code> {
    let mut file: syn::File = syn::parse2(trim::trim(spec::tokens(document)?))?;
    let received = models::rewrite(&mut file, document)?.received;
    let calls = calls::rewrite(&mut file, document)?;
    client::keep_functions(&mut file)?;
    client::document_functions(&mut file, document)?;
    enums::append(&mut file, document)?;
    lists::append(&mut file, document, &calls)?;
    let exchanges = exchanges::tables(document, &calls, &received)?;
    let marked = inline::mark(&mut file);
    if marked < 3 * calls.len() {
        // Each has at least its function, `new` and `send`.
        return Err(format!("{marked} functions marked as inline for {} operations", calls.len()).into());
    }
    Ok(Code { client: file, exchanges })
}
