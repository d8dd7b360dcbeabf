//! Every operation and model of the [Waldur](https://waldur.com) API, generated at build time from a pinned
//! schema.
//!
//! [`Client`] has a function for each operation of the features that are on; each gives a builder whose
//! setters are the operation's parameters and whose `send` sends it. Models are in [`types`].
//!
//! Answers are read leniently: what a server leaves out, or sends as null or "", is none; a value that
//! doesn't fit its field costs that field, with a `tracing` warning. An object that may hold more than the
//! schema names keeps the rest in the field `additional`, in answers and in requests. Enums are open. Numbers
//! that aren't integers are [`Decimal`]s. Requests are strict: what is required must be set, and nothing is
//! sent that wasn't.
//!
//! Behaviour (credentials, retries, limits) belongs to a [`Transport`], which carries every request.

// The generated code names this crate as others do.
#[allow(unused_extern_crates, reason = "without any feature nothing names it")]
extern crate self as waldur_api_client;

pub mod call;
mod comma_separated;
mod error;
#[cfg(feature = "exchanges")]
pub mod exchanges;
/// A byte for each name of a field, as the generator computes it for its tables: the same source for both.
mod field_hash {
    include!(concat!(env!("OUT_DIR"), "/field_hash.rs"));
}
pub mod list;
#[cfg(feature = "mock")]
pub mod mock;
pub mod model;
mod multipart;
mod nullable;
mod number;
mod number_or_text;
mod open_enum;
pub mod page;
mod query;
mod transport;
pub mod wire;

pub use call::Operation;
pub use comma_separated::CommaSeparated;
pub use error::{BoxError, Error, Failure, SharedError};
pub use multipart::Multipart;
pub use nullable::Nullable;
pub use number::Number;
pub use number_or_text::NumberOrText;
pub use query::QueryValue;
pub use rust_decimal::Decimal;
pub use transport::{Hooks, Sending, Transport, declare_length};

#[allow(missing_docs, clippy::all, clippy::unwrap_used, unreachable_pub, rust_2018_idioms, unused_imports)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/generated.rs"));
}

pub use generated::{ByteStream, Client, ClientInfo, ResponseValue, builder, types};
