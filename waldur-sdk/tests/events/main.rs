//! Events: registration, odd habits of brokers by a script, and a suite for the sandbox and a real RabbitMQ.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod habits;
mod line;
mod peer;
mod rabbitmq;
mod registration;
mod registry;
mod site;
mod storm;
mod suite;
#[cfg(feature = "metrics")]
mod telemetry;

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::timeout;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;
use waldur_sdk::Uuid;
use waldur_sdk::events::{Delivery, Event, Events, Notification, ReconcileReason};

/// What takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);

fn offering() -> Uuid {
    Uuid::from_u128(0xaa << 120 | 0x10)
}

/// Shows what happens, as `RUST_LOG` says, where a test fails.
fn trace() {
    let filter: Targets = std::env::var("RUST_LOG").as_deref().unwrap_or("error").parse().unwrap();
    let lines = tracing_subscriber::fmt::layer().with_test_writer();
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

async fn next(events: &mut Events) -> Notification {
    timeout(LIMIT, events.next()).await.expect("no notification in time").expect("the stream ended")
}

/// Returns the next event. No full pass may be due before.
async fn next_event(events: &mut Events) -> Delivery {
    match next(events).await {
        Notification::Event(delivery) => delivery,
        other => panic!("{other:?}"),
    }
}

/// Returns the next reason of a full pass. No event may come before.
async fn next_reconcile(events: &mut Events) -> ReconcileReason {
    match next(events).await {
        Notification::Reconcile { reason } => reason,
        other => panic!("{other:?}"),
    }
}

fn order(number: u128) -> serde_json::Value {
    serde_json::json!({"order_uuid": Uuid::from_u128(number).simple().to_string(), "object_type": "order"})
}

fn number_of(event: &Event) -> u128 {
    match event {
        Event::Order(order) => order.order_uuid.as_u128(),
        other => panic!("{other:?}"),
    }
}
