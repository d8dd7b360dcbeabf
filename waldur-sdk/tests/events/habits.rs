//! What brokers do, also what they shouldn't, by a script.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use waldur_sdk::ClientExt as _;
use waldur_sdk::events::__private::Frame;
use waldur_sdk::events::{Event, EventKind, Events, EventsBuilder, ReconcileReason};

use crate::peer::{Broker, message};
use crate::registry::{Registry, Scheme};
use crate::{next_event, next_reconcile, number_of, offering, order};

/// A server, its broker, and a subscription that hasn't begun.
async fn setup(scheme: Scheme) -> (Arc<Registry>, Broker, EventsBuilder) {
    crate::trace();
    let (registry, broker) = (Registry::new(scheme, None), Broker::start().await);
    let events = registry.client().events().offering(offering()).kinds([EventKind::Order]).url(&*broker.url);
    let events = events.backoff(Duration::from_millis(1), Duration::from_millis(5));
    (registry, broker, events)
}

/// Checks that the last error isn't told anywhere together with the token.
fn is_secret(registry: &Registry, events: &Events) {
    let status = events.status();
    let error = status.borrow().last_error.clone().unwrap();
    let shown = format!("{events:?} {error:?} {error}");
    assert!(!shown.contains(&registry.token()), "{shown}");
}

#[tokio::test]
async fn a_session_subscribes_with_the_coordinates_of_the_server() {
    let (registry, broker, events) = setup(Scheme::Unified).await;
    let events = tokio::spawn(events.heartbeat(Duration::from_secs(7)).prefetch(3).connect());
    let mut peer = broker.login().await;
    let connect = &peer.connect;
    assert_eq!(connect.get("login"), Some(&*registry.login("order")));
    assert_eq!(connect.get("host"), Some(registry.vhost()));
    assert_eq!(connect.get("passcode"), Some(&*registry.token()));
    assert_eq!(connect.get("heart-beat"), Some("7000,7000"));
    let subscribe = peer.expect("SUBSCRIBE").await;
    let destination = format!("/amq/queue/{}", registry.queue("order"));
    assert_eq!(subscribe.get("destination"), Some(&*destination));
    assert_eq!(subscribe.get("ack"), Some("client-individual"));
    assert_eq!(subscribe.get("prefetch-count"), Some("3"));
    // A message may come before the receipt.
    peer.send(&message("T_1", &order(1))).await;
    assert!(!events.is_finished());
    peer.receipt(&subscribe).await;
    let mut events = events.await.unwrap().unwrap();
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    let delivery = next_event(&mut events).await;
    assert_eq!((delivery.offering(), delivery.message_id()), (offering(), Some("f00d")));
    assert_eq!(number_of(&delivery.ack()), 1);
    assert_eq!(peer.expect("ACK").await.get("id"), Some("T_1"));
}

#[tokio::test]
async fn frames_come_in_pieces_and_a_broker_names_no_protocol() {
    let (_, broker, events) = setup(Scheme::Unified).await;
    let events = tokio::spawn(events.connect());
    let mut peer = broker.accept(false).await;
    peer.write(b"CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0\n".to_vec()).await;
    let subscribe = peer.expect("SUBSCRIBE").await;
    peer.receipt(&subscribe).await;
    let mut events = events.await.unwrap().unwrap();
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    let bytes: Vec<u8> = (1..=3)
        .flat_map(|number| {
            let mut bytes = message(&format!("T_{number}"), &order(number)).encode().unwrap();
            bytes.push(b'\n');
            bytes
        })
        .collect();
    for chunk in bytes.chunks(37) {
        peer.write_binary(chunk.to_vec()).await;
    }
    for number in 1..=3 {
        assert_eq!(number_of(&next_event(&mut events).await.ack()), number);
    }
}

#[tokio::test]
async fn a_login_that_is_refused_is_registered_anew_though_the_connection_stays_open() {
    let (registry, broker, events) = setup(Scheme::Unified).await;
    let mut events = events.subscribe().unwrap();
    let mut refused = broker.accept(true).await;
    let text = format!("Access refused for user 'u' with {}\n", registry.token());
    refused.error("Bad CONNECT", &text).await;
    refused.expect_end().await;
    let mut peer = broker.subscribe(1).await;
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    assert_eq!(registry.count("POST", "/register_queue/"), 2);
    is_secret(&registry, &events);
    // Later it is refused with another token, which the next registration makes valid.
    registry.set_token("w_another");
    peer.error("Server cancelled subscription", "The server has canceled a subscription.\n").await;
    peer.expect_end().await;
    let peer = broker.subscribe(1).await;
    assert_eq!(peer.connect.get("passcode"), Some("w_another"));
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Resubscribed);
    assert_eq!(registry.count("POST", "/register_queue/"), 3);
}

#[tokio::test]
async fn a_death_without_error_is_registered_anew_the_second_time() {
    let (registry, broker, events) = setup(Scheme::Unified).await;
    let mut events = events.subscribe().unwrap();
    for registrations in [1, 1, 2] {
        let mut peer = broker.login().await;
        peer.expect("SUBSCRIBE").await;
        assert_eq!(registry.count("POST", "/register_queue/"), registrations);
        peer.die().await;
    }
    broker.subscribe(1).await;
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    assert_eq!(events.status().borrow().disconnections, 3);
}

#[tokio::test]
async fn a_missing_queue_that_is_told_is_registered_anew_at_once() {
    let (registry, broker, events) = setup(Scheme::Unified).await;
    let mut events = events.subscribe().unwrap();
    let mut peer = broker.login().await;
    peer.expect("SUBSCRIBE").await;
    peer.error("not_found", "NOT_FOUND - no queue 'q' in vhost 'v'").await;
    peer.expect_end().await;
    broker.subscribe(1).await;
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    assert_eq!(registry.count("POST", "/register_queue/"), 2);
}

#[tokio::test]
async fn a_broken_connection_is_made_again_without_a_registration() {
    let (registry, broker, events) = setup(Scheme::Unified).await;
    let connecting = tokio::spawn(events.connect());
    let mut peer = broker.subscribe(1).await;
    let mut events = connecting.await.unwrap().unwrap();
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    peer.send(&message("T_1", &order(1))).await;
    let old = next_event(&mut events).await;
    peer.send(&message("T_2", &order(2))).await;
    for answer in ["", "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"] {
        drop(peer);
        let stream = broker.raw().await;
        tokio::io::AsyncWriteExt::write_all(&mut { stream }, answer.as_bytes()).await.unwrap();
        peer = broker.subscribe(1).await;
        assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Resubscribed);
    }
    // What the broker delivers again is delivered once, and the old delivery has no effect.
    old.ack();
    for (ack, number) in [("T_1", 1), ("T_2", 2)] {
        peer.send(&message(ack, &order(number))).await;
        assert_eq!(number_of(&next_event(&mut events).await.ack()), number);
        assert_eq!(peer.expect("ACK").await.get("id"), Some(ack));
    }
    assert_eq!(registry.count("POST", "/register_queue/"), 1);
    let status = events.status();
    assert!(status.borrow().is_connected() && status.borrow().disconnected().next().is_none());
    assert_eq!(status.borrow().registrations, 1);
}

#[tokio::test]
async fn a_broker_that_is_silent_or_never_answers_is_left() {
    let (_, broker, events) = setup(Scheme::Unified).await;
    let events = events.heartbeat(Duration::from_millis(500)).timeout(Duration::from_secs(1));
    let mut events = events.subscribe().unwrap();
    // Neither a WebSocket, nor CONNECTED, nor a receipt, nor a heartbeat comes.
    let held = broker.raw().await;
    let mut peer = broker.accept(true).await;
    peer.expect_end().await;
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
    let mut peer = broker.accept(true).await;
    let connected = Frame::new("CONNECTED").header("version", "1.2").header("heart-beat", "600000,500");
    peer.send(&connected).await;
    peer.expect("SUBSCRIBE").await;
    peer.expect_end().await;
    let mut peer = broker.subscribe(1).await;
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Resubscribed);
    peer.expect_end().await;
    let error = events.status().borrow().last_error.clone().unwrap();
    assert!(error.is_timeout() && error.to_string().contains("heartbeat"), "{error}");
    drop(held);
}

#[tokio::test]
async fn acknowledgements_are_sent_before_the_end() {
    let (_, broker, events) = setup(Scheme::Unified).await;
    let connecting = tokio::spawn(events.connect());
    let mut peer = broker.subscribe(1).await;
    let mut events = connecting.await.unwrap().unwrap();
    next_reconcile(&mut events).await;
    for (ack, number) in [("T_1", 1), ("T_2", 2), ("T_3", 3)] {
        peer.send(&message(ack, &order(number))).await;
    }
    let deliveries =
        [next_event(&mut events).await, next_event(&mut events).await, next_event(&mut events).await];
    let [first, second, third] = deliveries;
    first.ack();
    second.nack(false);
    third.nack(true);
    let ended = tokio::spawn(events.close());
    assert_eq!(peer.expect("ACK").await.get("id"), Some("T_1"));
    let nack = peer.expect("NACK").await;
    assert_eq!((nack.get("id"), nack.get("requeue")), (Some("T_2"), Some("false")));
    // The third is given back by the end of the session. No receipt comes for it.
    peer.expect("DISCONNECT").await;
    peer.expect_end().await;
    drop(peer);
    ended.await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_dropped_ends_its_connections() {
    let (_, broker, events) = setup(Scheme::Unified).await;
    let connecting = tokio::spawn(events.connect());
    let mut peer = broker.subscribe(1).await;
    let events = connecting.await.unwrap().unwrap();
    let mut status = events.status();
    drop(events);
    peer.expect_end().await;
    // The task is gone, and the status with it.
    while status.changed().await.is_ok() {}
}

#[tokio::test]
async fn what_is_no_stomp_or_no_event_does_not_end_the_stream() {
    let (registry, broker, events) = setup(Scheme::Unified).await;
    let connecting = tokio::spawn(events.prefetch(4).connect());
    let mut peer = broker.subscribe(1).await;
    let mut events = connecting.await.unwrap().unwrap();
    next_reconcile(&mut events).await;
    peer.send(&message("T_1", &json!(["no", "object"]))).await;
    peer.send(&message("T_2", &json!({"object_type": "call", "call_uuid": 1}))).await;
    for kind in ["", "call"] {
        match next_event(&mut events).await.ack() {
            Event::Unknown { kind: known, .. } => assert_eq!(known.as_str(), kind),
            other => panic!("{other:?}"),
        }
    }
    for garbage in [
        b"no frame\n\n\0".to_vec(),
        b"MESSAGE\ncontent-length:1073741824\n\n".to_vec(),
        message("T_3", &order(3)).encode().unwrap().repeat(5),
        Frame::new("MESSAGE").header("subscription", "7").encode().unwrap(),
        Frame::new("CONNECTED").encode().unwrap(),
    ] {
        peer.write(garbage).await;
        peer = loop {
            // Acknowledgements of what came before.
            if peer.next().await.is_none() {
                break broker.subscribe(1).await;
            }
        };
        assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Resubscribed);
    }
    assert_eq!(registry.count("POST", "/register_queue/"), 6);
}

#[tokio::test]
async fn full_passes_are_due_by_intervals() {
    let (_, broker, events) = setup(Scheme::Unified).await;
    let events = events.reconcile_every(Duration::from_millis(30));
    let events = events.reconcile_while_disconnected_every(Duration::from_millis(20));
    let mut events = events.timeout(Duration::from_secs(5)).subscribe().unwrap();
    let held = broker.raw().await;
    assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Disconnected);
    drop(held);
    let _peer = broker.subscribe(1).await;
    let mut due = Vec::new();
    while !due.ends_with(&[ReconcileReason::Interval, ReconcileReason::Interval]) {
        due.push(next_reconcile(&mut events).await);
    }
    assert!(due.contains(&ReconcileReason::Started), "{due:?}");
}
