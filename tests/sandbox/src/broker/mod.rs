//! A stand-in for RabbitMQ with its plugin for STOMP over WebSocket: users, virtual hosts, queues, messages.
//! Knows nothing of Waldur's objects.

mod delivery;
mod fault;
mod frame;
mod node;
mod queue;
mod session;
mod socket;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

pub use fault::{BrokerFault, BrokerMisbehaviour};
pub use node::{BrokerCounts, BrokerQueue};

pub(crate) use fault::Occasion;
pub(crate) use node::Node;
pub(crate) use queue::{Arguments, Content};
pub(crate) use socket::serve;

/// The time by which messages expire.
pub(crate) type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The broker, shared by the server and all connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Broker {
    node: Arc<Mutex<Node>>,
    /// Wakes [`Broker::run`] when a message is held back.
    held: Arc<Notify>,
}

impl Broker {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Node> {
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes a message of the server.
    pub(crate) fn publish(
        &self,
        object_type: &str,
        queue: &(String, String),
        content: Content,
        now: DateTime<Utc>,
    ) {
        let mut node = self.lock();
        node.publish(object_type, queue, content, now);
        if node.next_due().is_some() {
            self.held.notify_one();
        }
    }

    /// Publishes messages that faults held back when they are due. Runs until it is dropped.
    pub(crate) async fn run(&self, clock: Clock) {
        loop {
            let due = self.lock().next_due();
            match due {
                None => self.held.notified().await,
                Some(due) if due > Instant::now() => tokio::select! {
                    () = self.held.notified() => {}
                    () = tokio::time::sleep_until(due.into()) => {}
                },
                Some(_) => {
                    let now = clock();
                    self.lock().release_due(now);
                }
            }
        }
    }
}
