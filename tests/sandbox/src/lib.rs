#![doc = include_str!("../README.md")]
//!
//! # Where the rules are
//!
//! Each rule of the server is in the module named after what it is about: `orders`, `resources`, `usages`,
//! `offering_users`, `providers`, `offerings`, `people`, `organisations`, and `documents` for the rest; what
//! holds for all of them in `actor` (who may), `listing` and `filters` (pages, fields, order), `answer`
//! (shapes of errors) and `server`. `contract` is the judge, `contract/drifts` the table of what real servers
//! do differently.

mod actor;
mod answer;
mod call;
mod contract;
mod corruption;
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
mod upload;
mod usages;

pub use actor::Actor;
pub use contract::{Side, Violation};
pub use corruption::Row;
pub use fault::{Fault, FaultError, Misbehaviour};
pub use model::{OfferingState, OfferingUserState, OrderState, OrderType, ResourceState};
pub use release::{GONE, Release, SINCE};
pub use sandbox::{
    Builder, DEFAULT_ORDERS, DocumentView, Error, OfferingUserView, OrderContent, OrderView, ResourceView,
    Sandbox, UsageView, UserUsageView,
};
pub use seed::{Ids, KeyIds, OfferingIds, ResourceIds, Seed, UserIds};
pub use server::Request;
pub use upload::Upload;
