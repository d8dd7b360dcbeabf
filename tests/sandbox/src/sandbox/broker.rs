//! The handle of the broker: what has gone through it, and its breakdowns.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::broker::{BrokerCounts, BrokerMisbehaviour, BrokerQueue};
use crate::rules::events::{self, Event};
use crate::sandbox::Sandbox;
use crate::server::shared::lock;

/// The broker of a sandbox, which sends events to subscribers.
///
/// Its queues are made by requests to the API. Their consumers log in with STOMP over WebSocket at
/// [`Broker::url`].
#[derive(Clone, Copy, Debug)]
pub struct Broker<'a> {
    sandbox: &'a Sandbox,
}

impl<'a> Broker<'a> {
    pub(super) fn new(sandbox: &'a Sandbox) -> Self {
        Self { sandbox }
    }

    fn node<T>(self, act: impl FnOnce(&mut crate::broker::Node, DateTime<Utc>) -> T) -> T {
        let now = self.sandbox.now();
        act(&mut self.sandbox.shared.broker.lock(), now)
    }

    /// Returns the addresses of queues whose name contains a text.
    fn addresses(self, name: &str) -> Vec<(String, String)> {
        let queues = self.queues().into_iter().filter(|queue| queue.name.contains(name));
        queues.map(|queue| (queue.vhost, queue.name)).collect()
    }

    /// Returns the address of STOMP over WebSocket: `ws://…/rmqws-stomp`.
    pub fn url(self) -> String {
        format!("ws://{}/rmqws-stomp", self.sandbox.shared.address)
    }

    /// Returns the numbers of messages, logins and connections.
    pub fn counts(self) -> BrokerCounts {
        self.sandbox.shared.broker.lock().counts()
    }

    /// Returns all queues.
    pub fn queues(self) -> Vec<BrokerQueue> {
        self.sandbox.shared.broker.lock().queues()
    }

    /// Publishes an event about an object of an offering, as the server does when its state changes. Returns
    /// the number of queues that it is published to.
    ///
    /// `offering_uuid` is added to the body, in the queues of consumers of [`Release::Newer`](crate::Release)
    /// `object_type` and `schema_version` too.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use waldur_sandbox::Sandbox;
    /// let sandbox = Sandbox::builder().start_blocking()?;
    /// let body = json!({ "resource_uuid": "51b0c9d8e7f64a5b8c7d6e5f4a3b2c1d", "action": "rotate" });
    /// let offering = sandbox.ids().offerings.slurm;
    /// assert_eq!(sandbox.broker().publish("resource_api_key_rotation", offering, body), 0);
    /// # Ok::<(), waldur_sandbox::Error>(())
    /// ```
    pub fn publish(self, object_type: &str, offering: Uuid, body: Value) -> usize {
        let body = match body {
            Value::Object(body) => body,
            _ => Map::new(),
        };
        let event = Event::new(object_type, offering, body);
        events::publish(&mut lock(&self.sandbox.shared.state), &event)
    }

    /// Adds a misbehaviour.
    pub fn misbehave(self, misbehaviour: BrokerMisbehaviour) {
        self.sandbox.shared.broker.lock().faults.add(misbehaviour);
    }

    /// Removes all misbehaviour of the broker.
    pub fn clear_faults(self) {
        self.sandbox.shared.broker.lock().faults.clear();
    }

    /// Cuts all connections, without a close frame. Messages in hand are delivered again.
    pub fn restart(self) {
        self.node(|node, now| node.restart(now));
    }

    /// Cuts all connections and refuses new ones with 502 until [`Broker::resume`]. Messages are published
    /// meanwhile.
    pub fn stop(self) {
        self.node(|node, now| {
            node.is_stopped = true;
            node.restart(now);
        });
    }

    /// Ends [`Broker::stop`] and [`Broker::stall`].
    pub fn resume(self) {
        self.node(|node, _| {
            node.is_stopped = false;
            node.stall_all(false);
        });
    }

    /// Stalls all open connections: they stay open, but no byte is sent or read until [`Broker::resume`]. The
    /// session of a client whose heartbeats are missed ends. Its connection stays open and silent.
    pub fn stall(self) {
        self.node(|node, _| node.stall_all(true));
    }

    /// Cancels the subscriptions to the queues whose name contains `name`. Connections stay open.
    pub fn cancel(self, name: &str) {
        for queue in self.addresses(name) {
            self.node(|node, _| node.cancel(&queue));
        }
    }

    /// Deletes the queues whose name contains `name`, with their messages. The API still lists them. Returns
    /// the number of deleted queues.
    pub fn delete_queue(self, name: &str) -> usize {
        let queues = self.addresses(name).into_iter();
        queues.filter(|queue| self.node(|node, _| node.delete_queue(queue))).count()
    }

    /// Expires the messages of the queues whose name contains `name`, except those that consumers have in
    /// hand.
    pub fn expire(self, name: &str) {
        for queue in self.addresses(name) {
            self.node(|node, _| node.expire(&queue));
        }
    }

    /// Deletes a user of the broker. Its connections die. Returns whether the user existed.
    pub fn delete_user(self, name: &str) -> bool {
        self.node(|node, now| node.delete_user(name, now))
    }

    /// Deletes a virtual host with its queues. Its connections die.
    pub fn delete_vhost(self, name: &str) {
        self.node(|node, now| node.delete_vhost(name, now));
    }

    /// Changes the password of a user of the broker. Open connections stay. Returns whether the user exists.
    pub fn rotate_password(self, name: &str, password: &str) -> bool {
        self.node(|node, _| node.set_password(name, password))
    }

    /// Makes the queue `waldur.dlq.messages`, which takes expired, rejected and refused messages of a virtual
    /// host.
    pub fn keep_dead_letters(self, vhost: &str) {
        self.node(|node, _| node.keep_dead_letters(vhost));
    }
}
