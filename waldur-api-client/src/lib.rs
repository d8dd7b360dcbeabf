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
//! Every call passes one pipeline, with credentials, retries, redirects, limits and telemetry: see
//! [`ClientBuilder`] for the settings, [`RetryPolicy`] for what is retried, and [`Error`] for what can go wrong.

// The generated code names this crate as others do.
#[allow(unused_extern_crates, reason = "without any feature nothing names it")]
extern crate self as waldur_api_client;

mod auth;
mod call;
mod client;
mod config;
mod error;
#[cfg(feature = "exchanges")]
pub mod exchanges;
mod list;
#[cfg(feature = "mock")]
pub mod mock;
mod transport;
mod wire;

#[allow(missing_docs, clippy::all, clippy::unwrap_used, unreachable_pub, rust_2018_idioms, unused_imports)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/generated.rs"));
}

pub use auth::{AccessToken, ClientCredentials, Credentials};
pub use call::{ByteStream, RawRequest, RawResponse, Response};
pub use client::Client;
pub use config::{CONFIG_FILE_VARIABLE, ClientBuilder, PROFILE_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE};
pub use error::{BoxError, Error, ErrorKind, Message, Messages};
pub use generated::{builder, types};
pub use http::{Method, StatusCode};
pub use list::{
    ItemStream, ListCall, ListExt, ListRequest, MAX_PAGE_SIZE, Page, PageStream, PageToken, Projection,
    RetrieveCall, RetrieveExt,
};
pub use rust_decimal::Decimal;
pub use secrecy::{ExposeSecret, SecretString};
pub use transport::{RetryPolicy, Transport};
pub use uuid::Uuid;
pub use wire::{
    CommaSeparated, DecodeError, Multipart, Nullable, Number, NumberOrText, Operation, QueryValue,
    TypeMismatch,
};

/// For the crates of this workspace: no part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::call::{BufferedResponse, Call, PreparedRequest};
    pub use crate::list::{ListFacts, ReadPage, project};
    pub use crate::wire::model;
    pub use crate::wire::{
        Checked, Decoded, Shape, Text, Wire, decode, decode_noting_unknown, note_misfit, read_model, time,
    };
}
