#![doc = include_str!("../README.md")]
//!
//! # Where the rules are
//!
//! | folder | what |
//! |---|---|
//! | `wire` | spelling of uuids and times, coding of queries and forms, lookup of paths |
//! | `broker` | a stand-in for RabbitMQ: STOMP over WebSocket, queues, their faults |
//! | `store` | the state: typed rows, and the ways from one row to another |
//! | `seed` | what a sandbox starts with |
//! | `judge` | validation of requests and answers against the recorded schema; `deviations` lists how real servers differ |
//! | `protocol` | one request and its answer: paging, filters, field selection, shapes of errors |
//! | `render` | how objects are answered |
//! | `rules` | what the server allows and does, by collection; `access` says who may |
//! | `server` | connections, routes, faults |
//! | `sandbox` | the handle that tests hold |
//!
//! Each folder imports only from those above it.

mod broker;
mod dice;
mod judge;
mod protocol;
mod release;
mod render;
mod rules;
mod sandbox;
mod seed;
mod server;
mod store;
mod wire;

pub use broker::{BrokerCounts, BrokerFault, BrokerMisbehaviour, BrokerQueue};
pub use judge::{Party, Violation};
pub use release::{GONE, Release, SINCE};
pub use sandbox::{
    Broker, Builder, DEFAULT_ORDERS, Error, GenericObjectView, OfferingUserView, OrderContent, OrderView,
    ResourceView, Sandbox, UsageView, UserUsageView,
};
pub use seed::{Ids, KeyIds, OfferingIds, ResourceIds, Seed, UserIds};
pub use server::{Fault, FaultError, Misbehaviour, Request, Row};
pub use store::{Actor, OfferingState, OfferingUserState, OrderState, OrderType, ResourceState};
pub use wire::Upload;
