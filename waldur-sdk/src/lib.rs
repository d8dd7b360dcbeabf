//! The workflows of Waldur service providers, over the generated API client.
//!
//! A [`Client`] is made from the environment or with a builder. [`ClientExt`] gives it the workflows that a
//! provider needs every day, each safe to run again; what they don't cover, the client's functions for all operations
//! of the API do.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sdk::ClientExt as _;
//! use waldur_sandbox::{Actor, Sandbox};
//! use waldur_sdk::{Client, Decimal};
//!
//! let sandbox = Sandbox::start().await?; // or Client::from_env() for a real server
//! let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
//!
//! let report = client.approve_all_pending_orders().await?;
//! println!("{report}");
//! for item in report.failures() {
//!     eprintln!("{}: {}", item.target.uuid, item.outcome);
//! }
//!
//! client.complete_all_executing_orders().await?;
//! for resource in client.provider().resources().live().all().await? {
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
//! | resource allocations, with chosen fields | [`Provider::resources`], [`Resources::select`] |
//! | approving and rejecting orders | [`Orders::approve_all`], [`Orders::reject_all`], [`OrderHandle::approve`], [`OrderHandle::reject`] (its loop over executing orders is [`ClientExt::approve_all_executing_orders`]) |
//! | cancelling orders | [`OrderHandle::cancel`] |
//! | the backend id | [`ResourceHandle::set_backend_id`], [`ResourceHandle::claim_backend_id`] |
//! | access details of an allocation | [`ResourceHandle::submit_report`] |
//! | pages, chosen fields | [`ListExt`]: all pages are read, [`ListExt::select`] |
//! | members of a project | [`ResourceHandle::team`] |
//! | usage of an allocation | [`ResourceHandle::report_usage`], [`Resources::report_usage_all`], [`ResourceHandle::plan_periods`] |
//! | access to a resource, also in batch | [`Provider::ensure_offering_user`], [`Provider::set_usernames`] |
//! | the provider of an organisation | [`Provider::service_provider_of`] |
//! | its users, keys, projects and project permissions | [`Provider::service_provider_users`], [`Provider::service_provider_keys`], [`Provider::service_provider_projects`], [`Provider::service_provider_project_permissions`] |
//!
//! # What a failure means
//! A request that changes something is never repeated on a guess: see [`RetryPolicy`] for what is tried
//! again. If its answer is lost, the object is read again before anything is reported. [`Error`] says what
//! kind of thing went wrong, in which operation, after how many attempts; no token is ever part of it.
//!
//! Every fallible function of this crate returns [`Error`]. A failure that isn't about a request has a kind of
//! its own ([`ErrorKind::Ended`], [`ErrorKind::Backend`]) or that of the like failure of a request. Its details
//! are the cause of the error, which [`Error::cause`] returns by its type:
//!
//! | what failed | kind | cause |
//! |---|---|---|
//! | an order ended in another state | [`ErrorKind::Ended`] | [`UnfinishedOrder`] |
//! | an order isn't in the awaited state in time | [`ErrorKind::Timeout`] | [`UnfinishedOrder`], if the order could be read; [`Error`], if reading it failed last |
//! | a resource has no backend id | [`ErrorKind::Validation`] | `NoBackendId` (feature `agent`) |
//! | a membership back end | [`ErrorKind::Backend`] | the back end's own error |
//! | an order's back end | [`ErrorKind::Backend`] | `agent::BackendError` (feature `agent`), or the error in it |
//!
//! Only what implements a back end returns errors of other types: its own, or `agent::BackendError`, which says
//! whether another attempt may succeed.
//!
//! Errors and results can be cloned, sent to other threads and serialized.
//!
//! ```
//! use waldur_sdk::types::OrderState;
//! use waldur_sdk::{Error, UnfinishedOrder};
//!
//! /// Returns the state in which the order was last.
//! fn last_state(error: &Error) -> Option<&OrderState> {
//!     error.cause::<UnfinishedOrder>().map(|unfinished| &unfinished.order.state)
//! }
//! # let _ = last_state;
//! ```
//!
//! # Telemetry
//! Each call is a `tracing` span named `waldur.call`, with OpenTelemetry's names: `http.request.method`,
//! `url.template`, `http.response.status_code`, `http.request.resend_count`, `error.type`, `server.address`,
//! and `waldur.operation`, `waldur.result_count`, `waldur.duration_ms`. Attempts are events in it: answers
//! and failures at DEBUG, retries at INFO. With the feature `metrics` there are a histogram
//! `http.client.request.duration` (seconds), a gauge `http.client.active_requests` and a counter
//! `waldur.client.retries`.

mod accounts;
#[cfg(feature = "agent")]
pub mod agent;
mod backend_id;
#[cfg(feature = "blocking")]
pub mod blocking;
mod bulk;
mod client_ext;
mod collection;
mod confirm;
mod offering_user_state;
mod orders;
mod outage;
mod provider;
mod resources;
mod row;
mod team;
mod usage;

pub use accounts::{
    AccessGaps, CourseAccount, CourseAccountHandle, CourseAccounts, CustomerServiceAccounts,
    EnsureOfferingUser, EnsureRobotAccount, Ensured, NewUsername, OfferingUser, OfferingUserHandle,
    OfferingUserTransition, OfferingUsers, ProjectServiceAccounts, RobotAccount, RobotAccountHandle,
    RobotAccountTransition, RobotAccounts, ServiceAccount, ServiceAccountHandle, ServiceAccountOwner,
    ServiceAccountRequest, ServiceAccountToken, TransitionCall,
};
pub use backend_id::{AccountName, BackendId};
pub use bulk::{Bulk, Item, Outcome, Progress, Report};
pub use chrono::{DateTime, NaiveDate, Utc};
pub use client_ext::ClientExt;
pub use confirm::Applied;
pub use orders::{Order, OrderHandle, OrderWait, Orders, UnfinishedOrder};
pub use provider::{
    ComponentDefinition, ComponentItem, ComponentPlan, ComponentStep, OfferingComponent, OfferingDetails,
    OfferingPlan,
};
#[cfg(feature = "agent")]
pub use provider::{
    DepartedAccount, MemberItem, MemberOutcome, MemberStep, MembershipBackend, MembershipOptions,
    MembershipPlan, MembershipReport, MembershipResource, MembershipSync, NoBackendId, PlannedMember,
    SyncedResource,
};
pub use provider::{
    ProjectPermission, ProvidedOffering, Provider, ServedCustomer, ServedProject, ServiceProvider, SshKey,
    User,
};
pub use resources::{Endpoint, Resource, ResourceHandle, Resources};
pub use row::{Rows, UnreadableRow};
pub use team::TeamMember;
pub use usage::{
    AmountFn, Amounts, Component, ComponentUsage, Month, PlanPeriod, ReportedUsage, ResourceUsage, Usage,
    UsageReport, UsageReports, Usages, UserAmount, UserUsage,
};
pub use waldur_api_client::{
    self as api, AccessToken, Client, ClientBuilder, ClientCredentials, Credentials, Decimal, Error,
    ErrorKind, ListExt, RetrieveExt, RetryPolicy, Uuid, types,
};

// The README's program is compiled like any other.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
