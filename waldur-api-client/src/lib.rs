//! A client for the API of [Waldur](https://waldur.com): every operation and model, generated at build time
//! from a pinned schema, over a core with authorization, retries, limits and telemetry.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sandbox::{Actor, Sandbox};
//! use waldur_api_client::types::OrderState;
//! use waldur_api_client::{Client, ListExt as _, Uuid};
//!
//! #[derive(serde::Deserialize)]
//! struct Order {
//!     uuid: Uuid,
//! }
//!
//! # let sandbox = Sandbox::start().await?;
//! # let (url, token) = (sandbox.url(), sandbox.token(Actor::Provider));
//! let client = Client::builder().url(url).token(token).build()?; // or Client::from_env()?
//! let pending = client.marketplace_orders_list().state([OrderState::PendingProvider]);
//! for order in pending.select::<Order>().all().await? {
//!     client.marketplace_orders_approve_by_provider().uuid(order.uuid).send().await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The crate `waldur-sdk` has the workflows of service providers on top of this client.
//!
//! # Operations and features
//! [`Client`] has a function for each operation of the enabled features. It returns a builder ([`builder`]) whose
//! setters are the parameters of the operation, and whose `send` sends the request. Models are in [`types`].
//! The documentation of each function has the method, the path, the required permissions, and the feature.
//! The README has the table of features; `OPERATIONS.txt` lists the operations of each.
//!
//! Responses are decoded leniently. A field that is absent, null or "" is `None`. A value that doesn't fit
//! its field is dropped with a `tracing` warning, or is an error in [strict mode](Client::strict). Enums are
//! open, and numbers other than integers are [`Decimal`]s. Fields that the schema doesn't declare are in
//! `additional`, if the object may have them. Requests are strict: required fields must be set, and only what
//! is set is sent.
//!
//! # Lists
//! Import [`ListExt`] to read lists as a whole (`all`), as a stream of items (`stream`) or of pages
//! (`pages`), or to count them (`count`). [`ListRequest`] has page size, concurrency, limit, and resumption
//! by a [`PageToken`]. `select::<Row>()` requests only the fields of a struct of your own, which is much
//! faster on the server.
//! [`RetrieveExt`] does the same for single objects.
//!
//! # Errors
//! All functions return [`Error`]. It has a kind with predicates, such as [`Error::is_conflict`], the
//! messages of the server, and whether a change may have been applied ([`Error::is_ambiguous`]).
//!
//! # Retries
//! Idempotent requests are retried with backoff, within the time limit of the call and a budget of the
//! client. POST and PATCH are retried only if they were certainly not sent. See [`RetryPolicy`];
//! [`ClientBuilder`] has the other settings.
//!
//! # Telemetry
//! Each call has a `tracing` span `waldur.call` with the operation, method, path template, status, duration
//! and number of resends. Its events are `response`, `no response`, `retrying` (level info), `not retrying`,
//! `sending again`, `done` and `failed`. The feature `metrics` records `http.client.request.duration`
//! (seconds), `http.client.active_requests` and `waldur.client.retries`. Tokens, headers, bodies, queries and
//! path values are never recorded.
//!
//! # Raw requests
//! [`Client::request`] sends a request of any method and path through the same pipeline.
//!
//! # Testing
//! Implement [`Transport`] to respond without a network. The feature `mock` has typed helpers for `httpmock`,
//! and the crate `waldur-sandbox` is a server with state.

// Without any operation, much of the crate has no user.
#![cfg_attr(no_operations, allow(dead_code, unused_imports, unused_macros))]

// The generated code refers to this crate by its name.
#[allow(unused_extern_crates, reason = "without features, nothing refers to it")]
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
mod sealed;
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
pub use http::{HeaderMap, Method, StatusCode};
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

/// For the crates of this workspace. Not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::call::{BufferedResponse, Call};
    pub use crate::list::project;
    pub use crate::wire::{Checked, Decoded, LenientDecode, decode, note_mismatch, read_model, time};

    /// Models as tables of fields.
    pub mod model {
        pub use crate::wire::model::{Model, hash_of, skip, slot};
    }
}

/// The examples of the README.
#[cfg(all(doctest, feature = "provider"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
