//! The servers that the suite runs on: a sandbox with its broker, or a registry with a RabbitMQ.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use waldur_sandbox::{Actor, Release, Sandbox};
use waldur_sdk::events::{EventKind, Events, EventsBuilder, ReconcileReason};
use waldur_sdk::{AccessToken, Client, ClientExt as _, Credentials, RetryPolicy, Uuid};

use crate::rabbitmq::RabbitMq;
use crate::registry::{Registry, Scheme, rand};
use crate::{next_event, next_reconcile, number_of, offering, order};

/// What a server is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Sandbox,
    RabbitMq,
}

/// A server with its broker.
pub(crate) enum Site {
    Sandbox { sandbox: Box<Sandbox>, token: Arc<Mutex<String>> },
    RabbitMq { registry: Arc<Registry>, rabbitmq: RabbitMq },
}

impl Site {
    pub(crate) async fn start(on: On, scheme: Scheme) -> Self {
        crate::trace();
        match on {
            On::Sandbox => {
                let builder = Sandbox::builder().orders(0);
                let builder = match scheme {
                    Scheme::Unified => builder.release(Release::Newer),
                    Scheme::Legacy(_) => builder.release(Release::Schema),
                };
                let sandbox = builder.start().await.unwrap();
                let token = Arc::new(Mutex::new(sandbox.token(Actor::Provider).to_owned()));
                Self::Sandbox { sandbox: Box::new(sandbox), token }
            }
            On::RabbitMq => {
                let rabbitmq = RabbitMq::of_environment();
                Self::RabbitMq { registry: Registry::new(scheme, Some(rabbitmq.clone())), rabbitmq }
            }
        }
    }

    pub(crate) fn offering(&self) -> Uuid {
        match self {
            Self::Sandbox { sandbox, .. } => sandbox.ids().offerings.slurm,
            Self::RabbitMq { .. } => offering(),
        }
    }

    /// Returns the URL of the broker.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sandbox { sandbox, .. } => sandbox.broker().url(),
            Self::RabbitMq { rabbitmq, .. } => rabbitmq.url.clone(),
        }
    }

    fn client(&self) -> Client {
        match self {
            Self::Sandbox { sandbox, token } => {
                let token = Arc::clone(token);
                let credentials = Credentials::provider(move || {
                    let token = token.lock().unwrap().clone();
                    async move { Ok(AccessToken::new(token).expires_in(Duration::from_millis(1))) }
                });
                let client = Client::builder().url(sandbox.url()).no_proxy().credentials(credentials);
                client.retry(RetryPolicy::never()).build().unwrap()
            }
            Self::RabbitMq { registry, .. } => registry.client(),
        }
    }

    /// Returns a subscription to orders, with short times.
    pub(crate) fn events(&self) -> EventsBuilder {
        let builder = self.client().events().offering(self.offering()).kinds([EventKind::Order]);
        let backoff = (Duration::from_millis(20), Duration::from_millis(500));
        builder.url(self.url()).backoff(backoff.0, backoff.1).heartbeat(Duration::from_secs(1))
    }

    pub(crate) async fn connect(&self) -> Events {
        let mut events = self.events().connect().await.unwrap();
        assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
        events
    }

    pub(crate) async fn publish(&self, numbers: impl IntoIterator<Item = u128>) {
        for number in numbers {
            match self {
                Self::Sandbox { sandbox, .. } => {
                    let body = json!({"order_uuid": Uuid::from_u128(number).simple().to_string()});
                    assert_eq!(sandbox.broker().publish("order", self.offering(), body), 1);
                }
                Self::RabbitMq { registry, rabbitmq } => {
                    rabbitmq.publish(registry.vhost(), &registry.queue("order"), &order(number)).await;
                }
            }
        }
    }

    /// Returns how many messages are left in the queue. Nothing may be subscribed.
    pub(crate) async fn left(&self) -> usize {
        match self {
            Self::Sandbox { sandbox, .. } => {
                sandbox.broker().queues().iter().map(|queue| queue.ready + queue.in_hand).sum()
            }
            Self::RabbitMq { registry, rabbitmq } => {
                rabbitmq.take(registry.vhost(), &registry.queue("order")).await.len()
            }
        }
    }

    /// Returns how many requests the server got.
    pub(crate) fn requests(&self) -> usize {
        match self {
            Self::Sandbox { sandbox, .. } => sandbox.requests().len(),
            Self::RabbitMq { registry, .. } => registry.count_all(),
        }
    }

    pub(crate) async fn delete_queue(&self) {
        match self {
            Self::Sandbox { sandbox, .. } => assert_eq!(sandbox.broker().delete_queue(""), 1),
            Self::RabbitMq { registry, rabbitmq } => {
                rabbitmq.delete_queue(registry.vhost(), &registry.queue("order")).await;
            }
        }
    }

    /// Returns the login and the vhost of the queue in a sandbox.
    fn address(sandbox: &Sandbox) -> (String, String) {
        let queue = sandbox.broker().queues().remove(0);
        (queue.user.unwrap(), queue.vhost)
    }

    pub(crate) async fn delete_user(&self) {
        match self {
            Self::Sandbox { sandbox, .. } => {
                assert!(sandbox.broker().delete_user(&Self::address(sandbox).0));
            }
            Self::RabbitMq { registry, rabbitmq } => rabbitmq.delete_user(&registry.login("order")).await,
        }
    }

    pub(crate) async fn delete_vhost(&self) {
        match self {
            Self::Sandbox { sandbox, .. } => sandbox.broker().delete_vhost(&Self::address(sandbox).1),
            Self::RabbitMq { registry, rabbitmq } => rabbitmq.delete_vhost(registry.vhost()).await,
        }
    }

    /// Replaces the token of the user.
    pub(crate) fn rotate_token(&self) {
        match self {
            Self::Sandbox { sandbox, token } => {
                *token.lock().unwrap() = sandbox.rotate_token(Actor::Provider)
            }
            Self::RabbitMq { registry, .. } => registry.set_token("abcdefabcdefabcdefabcdefabcdefabcdefabcd"),
        }
    }

    /// Changes the passcode of the login, without anybody's knowledge.
    pub(crate) async fn change_passcode(&self) {
        match self {
            Self::Sandbox { sandbox, .. } => {
                assert!(sandbox.broker().rotate_password(&Self::address(sandbox).0, "other"));
            }
            Self::RabbitMq { registry, rabbitmq } => {
                rabbitmq.set_passcode(&registry.login("order"), "other").await;
            }
        }
    }

    pub(crate) async fn stop_broker(&self) {
        match self {
            Self::Sandbox { sandbox, .. } => sandbox.broker().stop(),
            Self::RabbitMq { rabbitmq, .. } => rabbitmq.control("kill").await,
        }
    }

    pub(crate) async fn start_broker(&self) {
        match self {
            Self::Sandbox { sandbox, .. } => sandbox.broker().resume(),
            Self::RabbitMq { rabbitmq, .. } => rabbitmq.control("start").await,
        }
    }

    /// Checks that events come again after a gap, of which the caller is told.
    pub(crate) async fn is_whole_again(&self, events: &mut Events) {
        assert_eq!(next_reconcile(events).await, ReconcileReason::Resubscribed);
        let number = rand();
        self.publish([number]).await;
        let mut delivery = next_event(events).await;
        // An acknowledgement may have been lost with its connection.
        while number_of(delivery.event()) != number {
            assert!(delivery.is_redelivered());
            delivery.ack();
            delivery = next_event(events).await;
        }
        delivery.ack();
        assert!(events.status().borrow().is_connected());
    }

    pub(crate) async fn end(self, events: Events) {
        events.close().await;
        assert_eq!(self.left().await, 0);
        if matches!(self, Self::RabbitMq { .. }) {
            self.delete_vhost().await;
        }
    }
}
