//! Events: what happens in Waldur, as it happens.
//!
//! Waldur publishes events to a broker (RabbitMQ), from which they arrive by STOMP over WebSocket.
//! [`ClientExt::events`](crate::ClientExt::events) subscribes to those of offerings:
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sandbox::{Actor, Release, Sandbox};
//! # use waldur_sdk::Client;
//! # let sandbox = Sandbox::builder().release(Release::Newer).start().await?;
//! # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
//! # let offering = sandbox.ids().offerings.slurm;
//! use futures_util::StreamExt as _;
//! use waldur_sdk::ClientExt as _;
//! use waldur_sdk::events::{Event, EventKind, Notification};
//!
//! let mut events = client.events().offering(offering).kinds([EventKind::Order]).connect().await?;
//! # let body = serde_json::json!({ "order_uuid": "0f0e0000000000000000000000000001" });
//! # sandbox.broker().publish("order", offering, body);
//! while let Some(notification) = events.next().await {
//!     match notification {
//!         Notification::Event(delivery) => {
//!             if let Event::Order(order) = delivery.ack() {
//!                 println!("look at the order {}", order.order_uuid);
//! #               break;
//!             }
//!         }
//!         Notification::Reconcile { reason } => println!("look at all orders: {reason}"),
//!         _ => {}
//!     }
//! }
//! events.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What is delivered
//! Each event that the broker has comes at least once, in any order. The server itself loses events: it keeps
//! them for an hour at most, and drops them while its broker fails. So an event is a hint to read an object
//! anew, and a full pass is due from time to time: after the subscription was made, after each gap, and by an
//! interval. [`Notification::Reconcile`] says when.
//!
//! # Connections
//! Connections are made again for ever, with growing pauses. Heartbeats go both ways; a silent broker is cut
//! off. If the broker doesn't accept the login any more, or a queue is gone, the queues are registered anew,
//! with the token that the client has then. [`Events::status`] tells how things are. Each offering has a
//! `tracing` span `waldur.events` with the events `registered`, `subscribed` (info), `disconnected` and
//! `registration failed` (warn). The feature `metrics` adds the counters `waldur.events.received`,
//! `waldur.events.disconnections` and `waldur.events.registrations`, and the gauge `waldur.events.connected`.
//! The token is never part of them.

mod connection;
mod delivery;
mod event;
mod failure;
mod link;
mod mailbox;
mod registration;
mod session;
mod shared;
mod startup;
mod status;
mod stomp;
mod subscription;
mod websocket;

pub use crate::agent_identity::AgentIdentity;
pub use delivery::{Delivery, Notification, ReconcileReason};
pub use event::{
    AccountEvent, Event, EventAction, EventKind, ImportableResourcesEvent, OfferingResourcesSyncEvent,
    OfferingUserEvent, OrderEvent, ResourceApiKeyRotationEvent, ResourceEndDateChangeRequestEvent,
    ResourceEvent, ResourcePeriodicLimitsEvent, UserLifecycleEvent, UserProfileEvent, UserRoleEvent,
    UserSshKeyEvent,
};
pub use status::EventsStatus;
pub use subscription::{Events, EventsBuilder};

/// For the tests and fuzz targets of this workspace. Not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use super::stomp::{DecodeError, Decoder, EncodeError, Frame};
}
