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

pub use mock::generate as mock;

/// The outcome of generating; an error says what could not be generated.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Returns the client's code for all operations of `document`, with the table of their types where
/// `with_exchanges`.
///
/// # Errors
/// What progenitor can't take, and code of progenitor's that isn't what the schema lets expect.
///
/// # Panics
/// progenitor panics on some schemas. A normalised one is none of them.
pub fn generate(document: &Value, with_exchanges: bool) -> Result<String> {
    Ok(prettyplease::unparse(&file(document, with_exchanges)?))
}

/// Does what [`generate`] does, and returns the code before it is written out.
///
/// # Errors
/// Those of [`generate`].
pub fn file(document: &Value, with_exchanges: bool) -> Result<syn::File> {
    let mut file: syn::File = syn::parse2(trim::trim(spec::tokens(document)?))?;
    let received = models::rewrite(&mut file, document)?.received;
    let calls = calls::rewrite(&mut file, document)?;
    client::keep_functions(&mut file)?;
    client::document_functions(&mut file, document)?;
    enums::append(&mut file, document)?;
    lists::append(&mut file, document, &calls)?;
    if with_exchanges {
        exchanges::append(&mut file, document, &calls, &received)?;
    }
    let marked = inline::mark(&mut file);
    if marked < 3 * calls.len() {
        // Each has at least its function, `new` and `send`.
        return Err(format!("{marked} functions marked as inline for {} operations", calls.len()).into());
    }
    Ok(file)
}
