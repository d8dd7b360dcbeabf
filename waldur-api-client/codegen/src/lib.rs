//! Generates the code of `waldur-api-client` from a normalised schema of the Waldur API.
//!
//! The client's build script [`prune`]s the schema to the features that are on and writes what [`generate`]
//! makes of it. Maintainers' tools generate every operation before a schema is pinned. The interface follows
//! the needs of these two; a version of this crate fits the client of the same version only.
//!
//! The feature `generate`, which is on by default, has the generator. Without it, this crate walks and prunes schemas
//! only, and takes little time to compile.

pub mod document;
#[cfg_attr(not(feature = "generate"), expect(dead_code, reason = "its source is written out"))]
mod field_hash;
#[cfg(feature = "generate")]
mod generator;
mod kept;
pub mod names;
mod pages;
mod permissions;
mod prune;

/// The source of the function by which the names of fields are found, which the client compiles as well.
pub const FIELD_HASH: &str = include_str!("field_hash.rs");

#[cfg(feature = "generate")]
pub use generator::{Result, file, generate, mock};
pub use kept::{KEPT, kept_file, kept_parts};
pub use pages::{feature_table, operation_table};
pub use permissions::permissions;
pub use prune::prune;
