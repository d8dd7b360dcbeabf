//! The customer, whose approvals make the events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use waldur_sandbox::{OrderState as State, Sandbox};
use waldur_sdk::{Client, Uuid, api};

/// A customer who approves orders one after the other, while not too many are open.
pub(crate) struct Customer<'a> {
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) client: Client,
    /// Tells that an agent has done something.
    pub(crate) progress: Arc<Notify>,
    pub(crate) open: VecDeque<Uuid>,
}

impl<'a> Customer<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox, client: Client, progress: &Arc<Notify>) -> Self {
        Self { sandbox, client, progress: Arc::clone(progress), open: VecDeque::new() }
    }

    pub(crate) async fn approve(&mut self, order: Uuid) {
        let path = format!("/api/marketplace-orders/{}/approve_by_consumer/", order.simple());
        self.client.request(api::Method::POST, &path).send().await.unwrap();
        self.open.push_back(order);
    }

    /// Waits until at most so many orders are open.
    pub(crate) async fn wait_for(&mut self, open: usize) {
        loop {
            let sandbox = self.sandbox;
            self.open.retain(|order| sandbox.order(*order).unwrap().state != State::Done);
            if self.open.len() <= open {
                return;
            }
            self.progress.notified().await;
        }
    }

    /// Waits until there is a queue with at most so many messages.
    pub(crate) async fn wait_for_queue(&self, messages: usize) {
        // Nobody tells when a message is taken.
        const LOOK: Duration = Duration::from_millis(2);
        loop {
            let queues = self.sandbox.broker().queues();
            if queues.iter().any(|queue| queue.ready + queue.in_hand <= messages) {
                return;
            }
            let _ = tokio::time::timeout(LOOK, self.progress.notified()).await;
        }
    }
}
