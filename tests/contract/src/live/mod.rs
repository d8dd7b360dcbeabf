//! A read-only visit to a server: what it has, and how its responses fit the types of the client.
//!
//! Every request passes [`ReadOnly`], which refuses all methods but GET, HEAD and OPTIONS. The parts of a
//! visit are the lists ([`lists`]), the operations of a provider ([`operations`]), `field=` ([`fields`]),
//! paging ([`paging`]) and times ([`timing`]). A part that fails is reported and doesn't end the visit.

pub mod document;
pub mod fields;
pub mod lists;
mod most_read;
pub mod operations;
pub mod paging;
mod read_only;
mod report;
pub mod timing;
mod visit;
mod visitor;

pub use read_only::{Log, ReadOnly, Refused};
pub use report::{Report, Version};
pub use visit::{Error, Visit, visit};
pub use visitor::{Settings, Unanswered};
