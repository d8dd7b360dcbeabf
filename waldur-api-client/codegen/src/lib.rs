//! Generates the code of `waldur-api-client` from a normalised schema of the Waldur API.
//!
//! The client's build script [`prune`]s the schema to the features that are on and writes what [`generate`]
//! makes of it. Maintainers' tools generate every operation before a schema is pinned. The interface follows
//! the needs of these two; a version of this crate fits the client of the same version only.
//!
//! The feature `generate`, which is on by default, has the generator. Without it, this crate walks and prunes schemas
//! only, and takes little time to compile.

pub mod document;
#[cfg(feature = "generate")]
mod generator;
pub mod names;
mod permissions;
mod prune;

#[cfg(feature = "generate")]
pub use generator::{FIELD_HASH, Result, feature_table, file, generate, mock, operation_table};
pub use permissions::permissions;
pub use prune::prune;
