//! A server whose events go through a RabbitMQ: a sandbox for all requests but those that register queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use serde_json::json;
use waldur_sdk::api::{BoxError, Operation, Transport};
use waldur_sdk::{ClientBuilder, Uuid};

use crate::rabbitmq::RabbitMq;
use crate::registry::{Registry, Scheme};

/// Sends requests to a sandbox, and publishes the events of the changes that they make.
#[derive(Debug)]
pub(crate) struct Relay {
    http: reqwest::Client,
    registry: Arc<Registry>,
    rabbitmq: RabbitMq,
    published: AtomicUsize,
    lost: AtomicUsize,
}

impl Relay {
    pub(crate) fn new(rabbitmq: &RabbitMq) -> Arc<Self> {
        Arc::new(Self {
            http: ClientBuilder::http_client_builder().no_proxy().build().unwrap(),
            registry: Registry::new(Scheme::Unified, Some(rabbitmq.clone())),
            rabbitmq: rabbitmq.clone(),
            published: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
        })
    }

    /// Publishes an event of an order, unless the broker is down. As on a server, nobody is told of that.
    pub(crate) async fn publish(&self, order: Uuid) {
        self.published.fetch_add(1, Ordering::Relaxed);
        let body = json!({"order_uuid": order.simple().to_string(), "object_type": "order"});
        // Queues are made before their first consumer comes.
        let is_made = self.registry.count("POST", "/register_queue/") > 0;
        if !is_made || self.rabbitmq.try_publish(self.registry.vhost(), &self.queue(), &body).await.is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how many events were published, and how many of them were lost at once.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.published.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }

    /// Returns how often the queue was registered.
    pub(crate) fn registrations(&self) -> usize {
        self.registry.count("POST", "/register_queue/")
    }

    fn queue(&self) -> String {
        self.registry.queue("order")
    }

    pub(crate) async fn delete_queue(&self) {
        self.rabbitmq.delete_queue(self.registry.vhost(), &self.queue()).await;
    }

    /// Changes the passcode of the login, without anybody's knowledge.
    pub(crate) async fn change_passcode(&self) {
        self.rabbitmq.set_passcode(&self.registry.login("order"), "other").await;
    }

    /// Removes everything.
    pub(crate) async fn end(&self) {
        self.rabbitmq.delete_vhost(self.registry.vhost()).await;
    }
}

impl Transport for Relay {
    fn execute(
        &self,
        request: reqwest::Request,
        operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        if request.url().path().contains("/marketplace-site-agent-identities/") {
            return self.registry.execute(request, operation);
        }
        let path = request.url().path().to_owned();
        let order = path.strip_prefix("/api/marketplace-orders/").and_then(|rest| rest.split_once('/'));
        let changed = order.and_then(|(order, _)| order.parse().ok()).filter(|_| request.method() == "POST");
        Box::pin(async move {
            let response = self.http.execute(request).await?;
            if let Some(order) = changed.filter(|_| response.status().is_success()) {
                self.publish(order).await;
            }
            Ok(response)
        })
    }
}
