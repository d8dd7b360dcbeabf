//! A stateful stand-in for a Waldur deployment.
//!
//! A [`Sandbox`] listens on a loopback port and answers as a real server does: the same state machines and
//! refusals, the same pages, the same error shapes. It starts with two organisations, some people, three
//! offerings and any number of orders, and what requests do to them can be looked at afterwards.
//!
//! Say a program approves whatever waits for the provider. This tests it:
//!
//! ```
//! use waldur_sandbox::{Actor, OrderState, Sandbox};
//!
//! async fn approve_all(api: &str, token: &str) -> reqwest::Result<()> {
//!     let http = reqwest::Client::new();
//!     let token = format!("Token {token}");
//!     let list = format!("{api}marketplace-orders/?state=pending-provider&page_size=300&field=uuid");
//!     let waiting = http.get(list).header("Authorization", &token).send().await?;
//!     for order in waiting.json::<Vec<serde_json::Value>>().await? {
//!         let path = format!("marketplace-orders/{}/approve_by_provider/", order["uuid"].as_str().unwrap());
//!         http.post(format!("{api}{path}"))
//!             .header("Authorization", &token)
//!             .send()
//!             .await?
//!             .error_for_status()?;
//!     }
//!     Ok(())
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start().await?;
//! approve_all(sandbox.url(), sandbox.token(Actor::Provider)).await?;
//! assert!(sandbox.orders().iter().all(|order| order.state != OrderState::PendingProvider));
//! # Ok(())
//! # }
//! ```
//!
//! Each rule of the server is in the module named after what it is about: `orders`, `resources`, `usages`,
//! `offering_users`, `providers`, `offerings`, `people`, `organisations`; what holds for all of them in
//! `actor` (who may), `listing` (pages, fields, order), `answer` (shapes of errors) and `server`.

mod actor;
mod answer;
mod call;
mod contract;
mod documents;
mod fault;
mod filters;
mod listing;
mod model;
mod offering_users;
mod offerings;
mod orders;
mod organisations;
mod people;
mod providers;
mod references;
mod release;
mod resources;
mod routes;
mod sandbox;
mod seed;
mod server;
mod state;
mod usages;

pub use actor::Actor;
pub use contract::{Side, Violation};
pub use fault::{Fault, FaultError, Misbehaviour};
pub use model::{OfferingState, OfferingUserState, OrderState, OrderType, ResourceState};
pub use release::Release;
pub use sandbox::{
    Builder, DEFAULT_ORDERS, DocumentView, Error, OfferingUserView, OrderContent, OrderView, ResourceView,
    Sandbox, UsageView, UserUsageView,
};
pub use seed::{Ids, KeyIds, OfferingIds, ResourceIds, Seed, UserIds};
pub use server::Request;
