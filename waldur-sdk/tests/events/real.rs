//! The behaviour on a real RabbitMQ. `.ci/rabbitmq` runs these tests.

use std::sync::Arc;
use std::time::Duration;

use waldur_sdk::ClientExt as _;
use waldur_sdk::events::{EventKind, Events, EventsBuilder, ReconcileReason};

use crate::line::Line;
use crate::rabbitmq::RabbitMq;
use crate::registry::{Registry, Scheme};
use crate::{next_event, next_reconcile, number_of, offering, order};

/// A server with its broker.
struct Server {
    registry: Arc<Registry>,
    rabbitmq: RabbitMq,
}

impl Server {
    fn new(scheme: Scheme) -> Self {
        crate::trace();
        let rabbitmq = RabbitMq::of_environment();
        Self { registry: Registry::new(scheme, Some(rabbitmq.clone())), rabbitmq }
    }

    fn events(&self) -> EventsBuilder {
        let builder = self.registry.client().events().offering(offering()).kinds([EventKind::Order]);
        let backoff = (Duration::from_millis(20), Duration::from_millis(500));
        builder.url(&*self.rabbitmq.url).backoff(backoff.0, backoff.1).heartbeat(Duration::from_secs(1))
    }

    async fn connect(&self) -> Events {
        let mut events = self.events().connect().await.unwrap();
        assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
        events
    }

    async fn publish(&self, numbers: impl IntoIterator<Item = u128>) {
        for number in numbers {
            let queue = self.registry.queue("order");
            self.rabbitmq.publish(self.registry.vhost(), &queue, &order(number)).await;
        }
    }

    /// Returns what is in the queue. Nothing may be subscribed.
    async fn left(&self) -> Vec<String> {
        self.rabbitmq.take(self.registry.vhost(), &self.registry.queue("order")).await
    }

    /// Checks that events come again after a gap, of which the caller is told.
    async fn is_whole_again(&self, events: &mut Events) {
        assert_eq!(next_reconcile(events).await, ReconcileReason::Resubscribed);
        self.publish([77]).await;
        let mut delivery = next_event(events).await;
        // An acknowledgement may have been lost with its connection.
        while number_of(delivery.event()) != 77 {
            assert!(delivery.is_redelivered());
            delivery.ack();
            delivery = next_event(events).await;
        }
        delivery.ack();
        assert!(events.status().borrow().is_connected());
    }

    async fn end(self, events: Events) {
        events.close().await;
        assert_eq!(self.left().await, Vec::<String>::new());
        self.rabbitmq.delete_vhost(self.registry.vhost()).await;
    }
}

#[tokio::test]
#[ignore = "needs a RabbitMQ"]
async fn events_come_by_both_schemes_and_are_gone_once_acknowledged() {
    for scheme in [Scheme::Unified, Scheme::Legacy(404), Scheme::Legacy(405)] {
        let server = Server::new(scheme);
        let mut events = server.connect().await;
        server.publish(0..25).await;
        for number in 0..25 {
            let delivery = next_event(&mut events).await;
            assert_eq!((number_of(delivery.event()), delivery.offering()), (number, offering()));
            assert!(!delivery.is_redelivered());
            delivery.ack();
        }
        server.end(events).await;
    }
}

#[tokio::test]
#[ignore = "needs a RabbitMQ"]
async fn what_is_not_acknowledged_comes_again() {
    let server = Server::new(Scheme::Unified);
    let mut events = server.connect().await;
    server.publish(0..3).await;
    let first = next_event(&mut events).await;
    let second = next_event(&mut events).await;
    first.ack();
    // Its connection ends before it is acknowledged.
    events.close().await;
    second.ack();
    let mut events = server.connect().await;
    for (number, redelivered) in [(1, true), (2, true)] {
        let delivery = next_event(&mut events).await;
        assert_eq!((number_of(delivery.event()), delivery.is_redelivered()), (number, redelivered));
        delivery.ack();
    }
    // One that is dropped comes again on the same connection.
    server.publish([3]).await;
    drop(next_event(&mut events).await);
    let again = next_event(&mut events).await;
    assert!(number_of(again.event()) == 3 && again.is_redelivered());
    again.nack(true);
    let again = next_event(&mut events).await;
    assert_eq!(number_of(again.event()), 3);
    again.nack(false);
    server.end(events).await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ"]
async fn no_more_than_the_prefetch_limit_is_in_hand() {
    let server = Server::new(Scheme::Unified);
    let mut events = server.events().prefetch(2).connect().await.unwrap();
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    server.publish(0..4).await;
    let (first, second) = (next_event(&mut events).await, next_event(&mut events).await);
    let third = tokio::time::timeout(Duration::from_millis(300), next_event(&mut events)).await;
    assert!(third.is_err(), "the limit is two");
    second.ack();
    let third = next_event(&mut events).await;
    assert_eq!(number_of(third.event()), 2);
    third.ack();
    next_event(&mut events).await.ack();
    first.ack();
    server.end(events).await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ"]
async fn a_queue_that_was_deleted_is_registered_anew() {
    for scheme in [Scheme::Unified, Scheme::Legacy(404)] {
        let server = Server::new(scheme);
        let mut events = server.connect().await;
        server.rabbitmq.delete_queue(server.registry.vhost(), &server.registry.queue("order")).await;
        server.is_whole_again(&mut events).await;
        assert!(events.status().borrow().registrations == 2);
        server.end(events).await;
    }
}

#[tokio::test]
#[ignore = "needs a RabbitMQ"]
async fn a_user_or_vhost_that_was_deleted_is_registered_anew() {
    for scheme in [Scheme::Unified, Scheme::Legacy(404)] {
        let server = Server::new(scheme);
        let mut events = server.connect().await;
        server.rabbitmq.delete_user(&server.registry.login("order")).await;
        server.is_whole_again(&mut events).await;
        if scheme == Scheme::Unified {
            server.rabbitmq.delete_vhost(server.registry.vhost()).await;
            server.is_whole_again(&mut events).await;
        }
        server.end(events).await;
    }
}

#[tokio::test]
#[ignore = "needs a RabbitMQ"]
async fn a_token_that_was_rotated_is_used() {
    for scheme in [Scheme::Unified, Scheme::Legacy(404)] {
        let server = Server::new(scheme);
        let line = Line::to(&server.rabbitmq.url).await;
        let mut events = server.events().url(&*line.url).connect().await.unwrap();
        assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
        // An open connection lives on; the next one is refused until the passcode is set anew.
        server.registry.set_token("abcdefabcdefabcdefabcdefabcdefabcdefabcd");
        server.publish([1]).await;
        next_event(&mut events).await.ack();
        line.hold_up();
        server.is_whole_again(&mut events).await;
        let removed = server.registry.count("DELETE", "/");
        assert_eq!(removed, usize::from(scheme != Scheme::Unified), "{scheme:?}");
        // The passcode changes behind the program's back.
        if scheme == Scheme::Unified {
            server.rabbitmq.set_passcode(&server.registry.login("order"), "other").await;
            line.hold_up();
            server.is_whole_again(&mut events).await;
        }
        server.end(events).await;
    }
}

#[tokio::test]
#[ignore = "needs a RabbitMQ"]
async fn a_line_that_is_held_up_is_left() {
    let server = Server::new(Scheme::Unified);
    let line = Line::to(&server.rabbitmq.url).await;
    let mut events = server.events().url(&*line.url).connect().await.unwrap();
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    server.publish([1]).await;
    let delivery = next_event(&mut events).await;
    line.hold_up();
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Resubscribed);
    // It was acknowledged too late: the broker noticed the end of the line by itself.
    delivery.ack();
    let again = next_event(&mut events).await;
    assert!(number_of(again.event()) == 1 && again.is_redelivered());
    again.ack();
    assert_eq!(line.opened(), 2);
    server.end(events).await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ"]
async fn a_broker_that_is_killed_is_found_again() {
    let server = Server::new(Scheme::Unified);
    let mut events = server.connect().await;
    let mut status = events.status();
    server.rabbitmq.control("kill").await;
    tokio::time::timeout(crate::LIMIT, status.wait_for(|status| !status.is_connected()))
        .await
        .unwrap()
        .unwrap();
    assert!(status.borrow().last_error.as_ref().is_some_and(|error| error.is_transport()));
    server.rabbitmq.control("start").await;
    server.is_whole_again(&mut events).await;
    server.end(events).await;
}
