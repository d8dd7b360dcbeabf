//! The behaviour on a broker: that of a sandbox, and a real RabbitMQ. `.ci/rabbitmq` runs the tests of the
//! latter.

use std::time::{Duration, Instant};

use waldur_sdk::events::ReconcileReason;

use crate::line::Line;
use crate::registry::Scheme;
use crate::site::{On, Site};
use crate::{next_event, next_reconcile, number_of};

/// Makes two tests of each function.
macro_rules! suite {
    ($($name:ident,)*) => {
        mod on_sandbox {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::On::Sandbox).await;
            })*
        }

        mod on_rabbitmq {
            $(#[tokio::test]
            #[ignore = "needs a RabbitMQ"]
            async fn $name() {
                super::$name(super::On::RabbitMq).await;
            })*
        }
    };
}

suite! {
    events_come_by_both_schemes_and_are_gone_once_acknowledged,
    what_is_not_acknowledged_comes_again,
    no_more_than_the_prefetch_limit_is_in_hand,
    a_queue_that_was_deleted_is_registered_anew,
    a_user_or_vhost_that_was_deleted_is_registered_anew,
    a_token_that_was_rotated_is_used,
    a_line_that_is_held_up_is_left,
    a_broker_that_is_killed_is_found_again,
    an_idle_subscription_sends_heartbeats_and_nothing_else,
}

async fn events_come_by_both_schemes_and_are_gone_once_acknowledged(on: On) {
    for scheme in [Scheme::Unified, Scheme::Legacy(404), Scheme::Legacy(405)] {
        let site = Site::start(on, scheme).await;
        let mut events = site.connect().await;
        site.publish(0..25).await;
        for number in 0..25 {
            let delivery = next_event(&mut events).await;
            assert_eq!((number_of(delivery.event()), delivery.offering()), (number, site.offering()));
            assert!(!delivery.is_redelivered());
            delivery.ack();
        }
        site.end(events).await;
    }
}

async fn what_is_not_acknowledged_comes_again(on: On) {
    let site = Site::start(on, Scheme::Unified).await;
    let mut events = site.connect().await;
    site.publish(0..3).await;
    let first = next_event(&mut events).await;
    let second = next_event(&mut events).await;
    first.ack();
    // Its connection ends before it is acknowledged.
    events.close().await;
    second.ack();
    let mut events = site.connect().await;
    for (number, redelivered) in [(1, true), (2, true)] {
        let delivery = next_event(&mut events).await;
        assert_eq!((number_of(delivery.event()), delivery.is_redelivered()), (number, redelivered));
        delivery.ack();
    }
    // One that is dropped comes again on the same connection.
    site.publish([3]).await;
    drop(next_event(&mut events).await);
    let again = next_event(&mut events).await;
    assert!(number_of(again.event()) == 3 && again.is_redelivered());
    again.nack(true);
    let again = next_event(&mut events).await;
    assert_eq!(number_of(again.event()), 3);
    again.nack(false);
    site.end(events).await;
}

async fn no_more_than_the_prefetch_limit_is_in_hand(on: On) {
    let site = Site::start(on, Scheme::Unified).await;
    let mut events = site.events().prefetch(2).connect().await.unwrap();
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    site.publish(0..4).await;
    let (first, second) = (next_event(&mut events).await, next_event(&mut events).await);
    let third = tokio::time::timeout(Duration::from_millis(300), next_event(&mut events)).await;
    assert!(third.is_err(), "the limit is two");
    second.ack();
    let third = next_event(&mut events).await;
    assert_eq!(number_of(third.event()), 2);
    third.ack();
    next_event(&mut events).await.ack();
    first.ack();
    site.end(events).await;
}

async fn a_queue_that_was_deleted_is_registered_anew(on: On) {
    for scheme in [Scheme::Unified, Scheme::Legacy(404)] {
        let site = Site::start(on, scheme).await;
        let mut events = site.connect().await;
        site.delete_queue().await;
        site.is_whole_again(&mut events).await;
        assert!(events.status().borrow().registrations == 2);
        site.end(events).await;
    }
}

async fn a_user_or_vhost_that_was_deleted_is_registered_anew(on: On) {
    for scheme in [Scheme::Unified, Scheme::Legacy(404)] {
        let site = Site::start(on, scheme).await;
        let mut events = site.connect().await;
        site.delete_user().await;
        site.is_whole_again(&mut events).await;
        if scheme == Scheme::Unified {
            site.delete_vhost().await;
            site.is_whole_again(&mut events).await;
        }
        site.end(events).await;
    }
}

async fn a_token_that_was_rotated_is_used(on: On) {
    for scheme in [Scheme::Unified, Scheme::Legacy(404)] {
        let site = Site::start(on, scheme).await;
        let line = Line::to(&site.url()).await;
        let mut events = site.events().url(&*line.url).connect().await.unwrap();
        assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
        site.rotate_token();
        // A server removes the logins of legacy subscriptions at once. Otherwise an open connection lives on,
        // and the next one is refused until the passcode is set anew.
        if on == On::RabbitMq || scheme == Scheme::Unified {
            site.publish([1]).await;
            next_event(&mut events).await.ack();
            line.hold_up();
        }
        site.is_whole_again(&mut events).await;
        // The passcode changes behind the program's back.
        if scheme == Scheme::Unified {
            site.change_passcode().await;
            line.hold_up();
            site.is_whole_again(&mut events).await;
        }
        site.end(events).await;
    }
}

async fn a_line_that_is_held_up_is_left(on: On) {
    let site = Site::start(on, Scheme::Unified).await;
    let line = Line::to(&site.url()).await;
    let mut events = site.events().url(&*line.url).connect().await.unwrap();
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    site.publish([1]).await;
    let delivery = next_event(&mut events).await;
    line.hold_up();
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Resubscribed);
    // It was acknowledged too late: the broker noticed the end of the line by itself.
    delivery.ack();
    let again = next_event(&mut events).await;
    assert!(number_of(again.event()) == 1 && again.is_redelivered());
    again.ack();
    assert_eq!(line.opened(), 2);
    site.end(events).await;
}

async fn a_broker_that_is_killed_is_found_again(on: On) {
    let site = Site::start(on, Scheme::Unified).await;
    let mut events = site.connect().await;
    let mut status = events.status();
    site.stop_broker().await;
    tokio::time::timeout(crate::LIMIT, status.wait_for(|status| !status.is_connected()))
        .await
        .unwrap()
        .unwrap();
    assert!(status.borrow().last_error.as_ref().is_some_and(|error| error.is_transport()));
    site.start_broker().await;
    site.is_whole_again(&mut events).await;
    site.end(events).await;
}

async fn an_idle_subscription_sends_heartbeats_and_nothing_else(on: On) {
    const BEATS: usize = 4;
    // A line end in a message of WebSocket, which a client masks.
    const SENT: usize = 2 + 4 + 1;
    const RECEIVED: usize = 2 + 1;
    let site = Site::start(on, Scheme::Unified).await;
    let line = Line::to(&site.url()).await;
    let mut events = site.events().url(&*line.url).connect().await.unwrap();
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    let requests = site.requests();
    let (sent, received, begun) = (*line.sent.borrow(), *line.received.borrow(), Instant::now());
    line.sent.subscribe().wait_for(|now| *now >= sent + BEATS * SENT).await.unwrap();
    let took = begun.elapsed();
    let (sent, received) = (*line.sent.borrow() - sent, *line.received.borrow() - received);
    assert_eq!((sent % SENT, received % RECEIVED), (0, 0), "{sent} {received}");
    // One in 0.9 s, so that each second has one; a broker sends up to twice as many.
    assert!(took > Duration::from_millis(900) * (BEATS as u32 - 1), "{took:?}");
    assert!((1..=3 * BEATS).contains(&(received / RECEIVED)), "{received} bytes in {took:?}");
    assert_eq!(site.requests(), requests, "nothing is polled");
    site.end(events).await;
}
