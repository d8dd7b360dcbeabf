//! The workflows of Waldur's service providers: approve orders, report usage, manage accounts, run an agent.
//!
//! Waldur is the marketplace and self-service portal of clouds and HPC centres. This crate stands on the
//! generated client [`waldur_api_client`](api), which has every operation of the API, and adds what a
//! provider does every day in a form that is safe to run unattended, for months, against older and newer
//! servers.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sandbox::{Actor, Sandbox};
//! # let sandbox = Sandbox::start().await?;
//! # let (url, token) = (sandbox.url(), sandbox.token(Actor::Provider));
//! use waldur_sdk::{Client, ClientExt as _, dec};
//!
//! let client = Client::builder().url(url).token(token).build()?; // or Client::from_env()
//!
//! let report = client.approve_all_pending_orders().await?;
//! println!("{report}"); // 20 applied
//! for problem in report.problems() {
//!     eprintln!("{problem}");
//! }
//!
//! for resource in client.provider().resources().live().all().await? {
//!     client.set_usage_for_all_components(resource.uuid, dec!(12.50)).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The areas
//! Everything begins at [`ClientExt::provider`]. A collection is narrowed by filters and then listed or acted
//! on; a handle stands for one object. Nothing is sent before a verb is called.
//!
//! | area | collections and handles of [`Provider`] | verbs |
//! |---|---|---|
//! | [`orders`] | [`orders`](Provider::orders), [`order`](Provider::order) | approve, reject, cancel, complete, wait |
//! | [`resources`] | [`resources`](Provider::resources), [`resource`](Provider::resource) | backend id, limits, state, endpoints, team |
//! | [`usage`] | [`usages`](Provider::usages), and the resources' | read and report, by component and by user |
//! | [`offerings`] | [`offerings`](Provider::offerings), [`offering`](Provider::offering) | components, access gaps |
//! | [`accounts`] | [`offering_users`](Provider::offering_users), [`robot_accounts`](Provider::robot_accounts), service and course accounts | ensure, transition, rotate keys |
//! | [`people`] | [`users`](Provider::users), [`ssh_keys`](Provider::ssh_keys), [`service_provider`](Provider::service_provider) | list, set usernames |
//! | `agent` (feature `agent`) | `Agent`, `OrderProcessor`, `AgentIdentity` | carry out orders with your back end |
//! | `membership` (feature `agent`) | `Membership` | keep the members in your back end in line |
//!
//! The consumer's side has a perspective of its own, `ClientExt::consumer` (feature `consumer`): it finds
//! offerings, orders resources and waits for them, changes and ends them, and manages the members of
//! projects.
//!
//! What the areas don't cover, the functions of [`Client`] do, one per operation: `client.projects_list()`.
//!
//! # Lists, steps and bulk operations
//! A collection has the verbs `all`, `stream`, `first` and `count`. All pages are read, and only the fields
//! that are needed are requested; `select` reads the fields of your own struct instead. A row that can't be
//! read is set aside and named ([`Rows::unreadable`]).
//!
//! A step on one object returns [`Applied`]: it was applied now, or the object was already in that state. A
//! bulk operation is a [`Bulk`]: awaited, it lists the objects, takes the step for each side by side, and
//! returns a [`Report`] with an [`Outcome`] per object. One failure doesn't stop the others, and bulk
//! operations can be run again.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sandbox::{Actor, Sandbox};
//! # use waldur_sdk::{Client, ClientExt as _};
//! # let sandbox = Sandbox::start().await?;
//! # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
//! # let offering = sandbox.ids().offerings.bulk;
//! #[derive(serde::Deserialize)]
//! struct Row {
//!     name: String,
//!     slug: String,
//! }
//! let rows: Vec<Row> = client.provider().resources().live().select().all().await?;
//! println!("{} ({})", rows[0].name, rows[0].slug);
//!
//! let orders = client.provider().orders().pending().offering(offering);
//! let report = orders.approve_all().on_progress(|p| println!("{} of {}", p.finished, p.total)).await?;
//! println!("{} approved, {} failed", report.applied(), report.failed());
//! # Ok(())
//! # }
//! ```
//!
//! # Errors and retries
//! Every function of this crate and of the client returns [`Error`], so `?` works with both. Ask it by
//! predicate, such as [`Error::is_conflict`] or [`Error::is_unsupported`] (the server is too old). The page
//! [`docs::errors`] has the details, and the names of spans and metrics.
//!
//! Requests that change nothing are retried after lost connections, timeouts and the statuses 429, 502, 503
//! and 504, within a budget: see [`RetryPolicy`]. A request that changes something is never repeated on a
//! guess. If its response is lost, the object is read: if the change shows, the step succeeded; if the object
//! is provably as it was, the request is sent again. Otherwise the error says that it isn't known
//! ([`Error::is_unconfirmed`]).
//!
//! # Guides
//! The module [`docs`] has longer pages: writing an agent, reporting usage, testing with the sandbox, older
//! and newer servers, errors, and what does each step of Waldur's provider guide.
//!
//! # Public dependencies
//! Types of these crates are part of the interface: `chrono` (dates), `rust_decimal` (amounts), `uuid`,
//! `http` and `bytes` (raw requests), `reqwest` (a client of your own, uploads), `futures-core` (streams),
//! `serde` and `serde_json`.

pub mod accounts;
#[cfg(feature = "agent")]
pub mod agent;
#[cfg(any(feature = "agent", feature = "events"))]
mod agent_identity;
mod backend_id;
#[cfg(feature = "blocking")]
pub mod blocking;
mod bulk;
mod client_ext;
mod collection;
mod confirm;
#[cfg(feature = "consumer")]
pub mod consumer;
#[doc(hidden)]
pub mod decimal;
pub mod docs;
#[cfg(feature = "events")]
pub mod events;
mod filter;
#[cfg(feature = "agent")]
pub mod membership;
mod offering_user_state;
pub mod offerings;
#[cfg(feature = "agent")]
mod on_item;
pub mod orders;
mod outage;
mod pause;
pub mod people;
mod provider;
pub mod resources;
mod row;
pub mod usage;

#[cfg(feature = "agent")]
pub use backend_id::NoBackendId;
pub use backend_id::{AccountName, BackendId, InvalidName};
pub use bulk::{Bulk, Item, ListFailure, Outcome, Problem, Progress, Report};
pub use chrono::{DateTime, NaiveDate, Utc};
pub use client_ext::ClientExt;
pub use collection::List;
pub use confirm::Applied;
pub use provider::Provider;
pub use row::{Rows, UnreadableRow};
pub use usage::Month;
pub use waldur_api_client::{
    self as api, AccessToken, Client, ClientBuilder, ClientCredentials, Credentials, Decimal, Error,
    ErrorKind, ListExt, RetrieveExt, RetryPolicy, Uuid, types,
};

// The README's program is compiled like any other.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
