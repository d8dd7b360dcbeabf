//! The workflows of Waldur service providers, over the generated API client.
//!
//! A [`Client`] is made from the environment or with a builder. It has the workflows that a provider needs
//! every day, each safe to run again; what they don't cover is in [`Client::api`], the generated client with
//! all operations.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use waldur_sandbox::{Actor, Sandbox};
//! use waldur_sdk::{Client, Decimal};
//!
//! let sandbox = Sandbox::start().await?; // or Client::from_env() for a real server
//! let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
//!
//! let report = client.approve_all_pending_orders().await?;
//! println!("{report}");
//! for item in report.failures() {
//!     eprintln!("{}: {}", item.order.uuid, item.outcome);
//! }
//!
//! client.complete_all_executing_orders().await?;
//! for resource in client.live_resources().await? {
//!     client.set_usage_for_all_components(resource.uuid, Decimal::new(1250, 2)).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Waldur's provider guide
//! What Waldur's guide for service providers shows, and what does it here:
//!
//! | in the guide | here |
//! |---|---|
//! | users, SSH keys | [`Provider::users`], [`Provider::ssh_keys`] |
//! | resource allocations, with chosen fields | [`Provider::resources`], [`Provider::select_resources`] |
//! | approving and rejecting orders | [`Provider::approve_all_pending_orders`], [`Provider::reject_all_pending_orders`], [`Provider::approve_order`], [`Provider::reject_order`] (its loop over executing orders is [`Provider::approve_all_executing_orders`]) |
//! | cancelling orders | [`Provider::cancel_order`] |
//! | the backend id | [`Provider::set_backend_id`], [`Provider::set_unique_backend_id`] |
//! | access details of an allocation | [`Provider::submit_report`] |
//! | pages, chosen fields | [`List`]: all pages are read, [`Listing::select`] |
//! | members of a project | [`Provider::team`] |
//! | usage of an allocation | [`Provider::set_usage_for_all_components`], [`Provider::report_usage`], [`Provider::plan_periods`] |
//! | access to a resource, also in batch | [`Provider::grant_access`], [`Provider::set_offerings_username`] |
//! | the provider of an organisation | [`Provider::service_provider_of`] |
//! | its users, keys, projects and project permissions | [`Provider::service_provider_users`], [`Provider::service_provider_keys`], [`Provider::service_provider_projects`], [`Provider::service_provider_project_permissions`] |
//!
//! # What a failure means
//! A request that changes something is never repeated on a guess: see [`RetryPolicy`] for what is tried
//! again. If its answer is lost, the object is read again before anything is reported. [`Error`] says what
//! kind of thing went wrong, in which operation, after how many attempts; no token is ever part of it.
//!
//! # What is told while it runs
//! Each call is a `tracing` span named `waldur.call`, with OpenTelemetry's names: `http.request.method`,
//! `url.template`, `http.response.status_code`, `http.request.resend_count`, `error.type`, `server.address`,
//! and `waldur.operation`, `waldur.result_count`, `waldur.duration_ms`. Attempts are events in it: answers
//! and failures at DEBUG, another try at INFO. With the feature `metrics` there are a histogram
//! `http.client.request.duration` (seconds), a gauge `http.client.active_requests` and a counter
//! `waldur.client.repetitions`.

#[cfg(feature = "agent")]
pub mod agent;
mod backend_id;
#[cfg(feature = "blocking")]
pub mod blocking;
mod client;
mod clock;
mod config;
mod confirm;
mod connection;
mod credentials;
mod error;
mod flow;
mod link;
mod list;
mod messages;
mod observe;
mod oidc;
mod outage;
mod outcome;
mod pager;
mod profile;
mod provider;
mod raw;
mod redirect;
mod retry;
mod row;
mod select;
mod settings;
mod transport;

pub use backend_id::{AccountName, BackendId};
pub use chrono::{DateTime, NaiveDate, Utc};
pub use client::Client;
pub use config::ClientBuilder;
pub use confirm::Applied;
pub use credentials::{AccessToken, Credentials};
pub use error::{Error, ErrorKind};
pub use list::{Items, List, Listing, MAX_PAGE_SIZE, Page, Pages};
pub use messages::{Message, Messages};
pub use oidc::ClientCredentials;
pub use outcome::{Item, Outcome, Progress, Report};
pub use pager::Continuation;
pub use provider::{Access, AccessGaps, OfferingUser, OfferingUserTransition};
pub use provider::{
    AmountFn, Amounts, Component, ComponentUsage, Endpoint, LiveResource, Order, OrderFilter, OrderWait,
    PlanPeriod, ProjectPermission, ProvidedOffering, Provider, ReportedUsage, Resource, ResourceFilter,
    ServedCustomer, ServedProject, ServiceProvider, SshKey, TeamMember, Usage, UsageReport, User, UserAmount,
    UserUsage, UserUsageItem, WaitError,
};
pub use provider::{
    ComponentDefinition, ComponentItem, ComponentPlan, ComponentStep, OfferingComponent, OfferingDetails,
    OfferingPlan,
};
pub use provider::{
    CourseAccount, RobotAccount, RobotAccountTransition, ServiceAccount, ServiceAccountOwner,
    ServiceAccountRequest, ServiceAccountToken,
};
#[cfg(feature = "agent")]
pub use provider::{
    DepartedAccount, MemberItem, MemberOutcome, MemberStep, MembershipBackend, MembershipError,
    MembershipOptions, MembershipPlan, MembershipReport, MembershipResource, MembershipSync, PlannedMember,
    SyncedResource,
};
pub use raw::{Answer, Request};
pub use reqwest::Method;
pub use retry::RetryPolicy;
pub use row::{Rows, UnreadableRow};
pub use rust_decimal::Decimal;
pub use secrecy::{ExposeSecret, SecretString};
pub use select::{Retrieve, Selection};
pub use settings::{CONFIG_FILE_VARIABLE, PROFILE_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE};
pub use uuid::Uuid;
/// The generated client.
pub use waldur_api_client as api;
/// The models of the generated client.
pub use waldur_api_client::types;

// The README's program is compiled like any other.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
