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
//! | to | see |
//! |---|---|
//! | connect | [`Client::builder`], [`Client::from_env`], [`ClientBuilder::from_file`], [`Credentials`] |
//! | find an operation and its feature | [Operations and features](#operations-and-features), [`operations`] |
//! | call an operation | the functions of [`Client`], their builders in [`builder`], the models in [`types`] |
//! | read a list, or chosen fields only | [Lists](#lists), [`ListExt`], [`ListRequest`], [`RetrieveExt`] |
//! | handle errors | [Errors](#errors), [`Error`], [`ErrorKind`] |
//! | set retries and time limits | [Retries](#retries), [`RetryPolicy`], [`Client::with_timeout`] |
//! | send a request that no function sends | [Raw requests](#raw-requests), [`Client::request`] |
//! | send or receive files | [Uploads and downloads](#uploads-and-downloads), [`Multipart`], [`ByteStream`] |
//! | observe calls | [Telemetry](#telemetry) |
//! | test a program | [Testing](#testing), [`Transport`] |
//!
//! # Operations and features
//! [`Client`] has a function for each operation of the enabled features. It returns a builder ([`builder`])
//! whose setters are the parameters of the operation, and whose `send` sends the request. Models are in
//! [`types`]. The documentation of each function has the method, the path, the required permissions, and
//! the features. Where it names no permission, the schema declares none; the server may still refuse the
//! request.
//!
//! Operations are grouped by features, since the time to compile is linear in operations. If the compiler
//! finds "no method named `invoices_list`", the feature of this operation is off. The page [`operations`]
//! lists every operation with its features. In a checkout of the repository, `cargo xtask where
//! invoices_list` does the same.
//!
#![cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/features.md")))]
//!
//! The build script generates the operations of the features that are on (feature `generate`, which each
//! feature of operations but `provider` enables). With `provider` alone, it takes what was generated when the
//! schema was pinned: the same code, without the generator to compile.
//!
//! The feature `full` has all of them. Further features: `rustls-ring` (default), `rustls-aws-lc` or
//! `native-tls` for https, `socks` for SOCKS proxies, `metrics` for a recorder of the crate `metrics`, `mock` for
//! typed helpers of `httpmock`, `exchanges` for tables of all operations.
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
//! faster on the server. [`RetrieveExt`] does the same for single objects.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sandbox::{Actor, Sandbox};
//! use futures_util::TryStreamExt as _;
//! use waldur_api_client::types::ResourceState;
//! use waldur_api_client::{Client, ListExt as _};
//!
//! # let sandbox = Sandbox::start().await?;
//! # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
//! let resources = client.marketplace_provider_resources_list().state([ResourceState::Ok]);
//! println!("{} resources", resources.clone().count().await?);
//! let mut stream = resources.page_size(50).limit(200).stream();
//! while let Some(resource) = stream.try_next().await? {
//!     println!("{}", resource.name.unwrap_or_default());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Errors
//! All functions return [`Error`]. It has a kind with predicates, such as [`Error::is_conflict`], the
//! messages of the server, and whether a change may have been applied ([`Error::is_ambiguous`]).
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sandbox::{Actor, Sandbox};
//! use waldur_api_client::{Client, Uuid};
//!
//! # let sandbox = Sandbox::start().await?;
//! # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
//! # let order = Uuid::nil();
//! match client.marketplace_orders_retrieve().uuid(order).send().await {
//!     Ok(order) => println!("{:?}", order.state),
//!     Err(error) if error.is_not_found() => println!("no order {order}: {}", error.messages()),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Retries
//! Idempotent requests are retried with backoff, within the time limit of the call and a budget of the
//! client. POST and PATCH are retried only if they were certainly not sent. See [`RetryPolicy`];
//! [`ClientBuilder`] has the other settings.
//!
//! ```
//! # fn main() -> Result<(), waldur_api_client::Error> {
//! use std::time::Duration;
//! use waldur_api_client::{Client, RetryPolicy};
//!
//! let policy = RetryPolicy::default().max_attempts(8).max_elapsed(Duration::from_secs(120));
//! let client = Client::builder().url("https://waldur.example.org").token("secret").retry(policy).build()?;
//! let quick = client.with_timeout(Duration::from_secs(5)).with_retry(RetryPolicy::never());
//! # let _ = quick;
//! # Ok(())
//! # }
//! ```
//!
//! # Raw requests
//! [`Client::request`] sends a request of any method and path through the same pipeline. Use it for
//! operations that the schema doesn't have.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sandbox::{Actor, Sandbox};
//! use waldur_api_client::{Client, Method};
//!
//! # let sandbox = Sandbox::start().await?;
//! # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Staff)).build()?;
//! #[derive(serde::Deserialize)]
//! struct Version {
//!     version: String,
//! }
//! let version: Version = client.request(Method::GET, "/api/version/").send().await?.json()?;
//! println!("{}", version.version);
//! # Ok(())
//! # }
//! ```
//!
//! # Uploads and downloads
//! Operations that accept files have `upload` beside `send`. It takes a [`Multipart`], whose files are read
//! while they are sent.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sandbox::{Actor, Sandbox};
//! use waldur_api_client::{Client, ListExt as _, Multipart};
//!
//! # let sandbox = Sandbox::start().await?;
//! # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
//! # let order = client.marketplace_orders_list().first().await?.and_then(|one| one.uuid).ok_or("none")?;
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("contract.pdf");
//! # std::fs::write(&path, "%PDF-1.7")?;
//! let form = Multipart::new()
//!     .text("provider_message", "The contract is attached.")
//!     .file("provider_message_attachment", path)
//!     .await?;
//! client.marketplace_orders_set_provider_info().uuid(order).upload(form).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Operations whose response is a file return a [`ByteStream`], which is read chunk by chunk. For other
//! files use [`RawRequest::stream`].
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sandbox::{Actor, Sandbox};
//! use futures_util::TryStreamExt as _;
//! use tokio::io::AsyncWriteExt as _;
//! use waldur_api_client::{Client, ListExt as _};
//!
//! # let sandbox = Sandbox::start().await?;
//! # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
//! # let offering = client.marketplace_provider_offerings_list().first().await?;
//! # let offering = offering.and_then(|one| one.uuid).ok_or("none")?;
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("users.cfg");
//! let call = client.marketplace_provider_offerings_glauth_users_config_retrieve().uuid(offering);
//! let mut body = call.send().await?.into_inner();
//! let mut file = tokio::fs::File::create(path).await?;
//! while let Some(chunk) = body.try_next().await? {
//!     file.write_all(&chunk).await?;
//! }
//! file.flush().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Telemetry
//! Each call has a `tracing` span `waldur.call` with the operation, method, path template, status, duration
//! and number of resends. Its events are `response`, `no response`, `retrying` (level info), `not retrying`,
//! `sending again`, `done` and `failed`. The feature `metrics` records `http.client.request.duration`
//! (seconds), `http.client.active_requests` and `waldur.client.retries`. Tokens, headers, bodies, queries and
//! path values are never recorded.
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
#[cfg(doc)]
pub mod operations;
mod sealed;
mod server_url;
mod transport;
mod wire;

#[allow(missing_docs, clippy::all, clippy::unwrap_used, unreachable_pub, rust_2018_idioms, unused_imports)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/generated.rs"));

    #[cfg(feature = "exchanges")]
    pub mod exchanges {
        include!(concat!(env!("OUT_DIR"), "/exchanges.rs"));
    }
}

pub use auth::{AccessToken, ClientCredentials, Credentials};
pub use call::{ByteStream, RawRequest, RawResponse, Response, ResponseFuture};
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
    pub use crate::list::{PageItems, Unread, project};
    pub use crate::wire::{
        Checked, Decoded, LenientDecode, Source, Stopped, decode, note_mismatch, read_model, time,
    };

    /// Models as tables of fields.
    pub mod model {
        pub use crate::wire::model::{Model, hash_of, skip, slot};
    }
}

/// The examples of the README.
#[cfg(all(doctest, feature = "provider"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
