//! Generates the code of `waldur-api-client` from a normalised schema of the Waldur API.
//!
//! The client's build script writes the [`files`] for the features that are on. Maintainers' tools generate every
//! operation before a schema is pinned, and the files that the client keeps. The interface follows the needs of
//! these two; a version of this crate fits the client of the same version only.
//!
//! The feature `generate`, which is on by default, has the generator. Without it, this crate walks and prunes schemas
//! only, and takes little time to compile.

pub mod document;
#[cfg(feature = "generate")]
mod generator;
pub mod names;
mod pages;
mod permissions;
mod prune;

/// The feature whose operations the client keeps as generated code: what `waldur-sdk` needs. All other features of
/// operations turn on the feature `generate`.
pub const KEPT: &str = "provider";

#[cfg(feature = "generate")]
pub use generator::{Files, Result, client_code, files, kept_files};
pub use pages::{feature_table, operation_table};
pub use permissions::permissions;
pub use prune::prune;
