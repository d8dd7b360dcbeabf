//! Subscriptions, acknowledgements, redelivery, limits of queues.

use chrono::TimeDelta;
use serde_json::json;
use waldur_sandbox::Sandbox;

use crate::client::{Arrival, Coordinates, Stomp, died, number, publish, register};

async fn registered() -> (Sandbox, Coordinates) {
    let now = "2026-11-26T12:00:00Z".parse().unwrap();
    let sandbox = Sandbox::builder().now(now).start().await.unwrap();
    let at = register(&sandbox, "order").await;
    (sandbox, at)
}

const INDIVIDUAL: (&str, &str) = ("ack", "client-individual");

#[tokio::test]
async fn a_message_has_the_headers_of_a_real_broker() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    publish(&sandbox, [1]);
    let message = stomp.frame().await;
    let names: Vec<&str> = message.headers.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "subscription",
        "destination",
        "message-id",
        "redelivered",
        "ack",
        "x-message-id",
        "auto-delete",
        "durable",
        "expiration",
        "persistent",
        "content-type",
        "content-length",
    ];
    assert_eq!(names, expected);
    assert_eq!(message.header("subscription"), "s");
    assert_eq!(message.header("destination"), format!("/queue/{}", at.queue), "not /amq/queue/");
    assert_eq!(message.header("redelivered"), "false");
    assert_eq!(message.header("content-length"), message.body.len().to_string());
    let id = message.header("x-message-id");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    publish(&sandbox, [1, 2]);
    assert_eq!(stomp.frame().await.header("x-message-id"), id, "equal payloads have equal ids");
    assert_ne!(stomp.frame().await.header("x-message-id"), id);
}

#[tokio::test]
async fn a_refused_subscription_closes_without_an_error() {
    let (sandbox, at) = registered().await;
    let wrong = format!("/queue/{}", at.queue);
    for destination in ["/amq/queue/missing", &wrong] {
        let mut stomp = Stomp::login(&sandbox, &at).await;
        stomp.send("SUBSCRIBE", &[("id", "s"), ("destination", destination), ("receipt", "r")]).await;
        assert_eq!(stomp.arrival().await, died(), "{destination}");
    }
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    let destination = format!("/amq/queue/{}", at.queue);
    stomp.send("SUBSCRIBE", &[("id", "s"), ("destination", &destination)]).await;
    assert_eq!(stomp.arrival().await, died(), "an id is used twice");
}

#[tokio::test]
async fn a_queue_made_by_a_subscription_locks_the_server_out() {
    let (sandbox, at) = registered().await;
    sandbox.broker().delete_queue(&at.queue);
    let mut stomp = Stomp::login(&sandbox, &at).await;
    let destination = format!("/queue/{}", at.queue);
    stomp.send("SUBSCRIBE", &[("id", "s"), ("destination", &destination), ("receipt", "r")]).await;
    assert_eq!(stomp.frame().await.command, "RECEIPT");
    let path = format!("event-subscriptions/{}/create_queue/", at.login);
    let offering = sandbox.ids().offerings.slurm.simple().to_string();
    let body = json!({ "offering_uuid": offering, "object_type": "order" });
    let (status, _) = crate::client::post(&sandbox, waldur_sandbox::Actor::Provider, &path, body).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn messages_wait_for_consumers_and_prefetch_limits_those_in_hand() {
    let (sandbox, at) = registered().await;
    publish(&sandbox, 1..=4);
    assert_eq!(sandbox.broker().queues()[0].ready, 4);
    let mut stomp = Stomp::login(&sandbox, &at).await;
    stomp.subscribe(&at.queue, &[INDIVIDUAL, ("prefetch-count", "2")]).await;
    let first = stomp.frame().await;
    let second = stomp.frame().await;
    assert_eq!((number(&first), number(&second)), (1, 2));
    stomp.nothing().await;
    let queue = &sandbox.broker().queues()[0];
    assert_eq!((queue.ready, queue.in_hand, queue.consumers), (2, 2, 1));
    stomp.ack(&second).await;
    assert_eq!(number(&stomp.frame().await), 3);
    let counts = sandbox.broker().counts();
    assert_eq!((counts.delivered, counts.acknowledged), (3, 1));
    assert_eq!((counts.published, counts.lost), (5, 1), "one of each is the message to nowhere");
}

#[tokio::test]
async fn a_client_ack_acknowledges_all_before() {
    let (sandbox, at) = registered().await;
    publish(&sandbox, 1..=3);
    let mut stomp = Stomp::login(&sandbox, &at).await;
    stomp.subscribe(&at.queue, &[("ack", "client")]).await;
    stomp.frame().await;
    let second = stomp.frame().await;
    stomp.frame().await;
    stomp.ack(&second).await;
    let queue = &sandbox.broker().queues()[0];
    assert_eq!((queue.ready, queue.in_hand), (0, 1));
    assert_eq!(sandbox.broker().counts().acknowledged, 2);
}

#[tokio::test]
async fn an_auto_consumer_loses_what_it_was_sent() {
    let (sandbox, at) = registered().await;
    publish(&sandbox, 1..=3);
    let mut stomp = Stomp::login(&sandbox, &at).await;
    stomp.subscribe(&at.queue, &[]).await;
    let message = stomp.frame().await;
    assert!(!message.headers.iter().any(|(name, _)| name == "ack"));
    drop(stomp);
    assert_eq!(sandbox.broker().counts().acknowledged, 3);
    assert_eq!(sandbox.broker().queues()[0].ready, 0);
}

#[tokio::test]
async fn unacknowledged_messages_come_again_in_order_and_marked() {
    let (sandbox, at) = registered().await;
    publish(&sandbox, 1..=3);
    let mut first = Stomp::consume(&sandbox, &at).await;
    let mut messages = Vec::new();
    for expected in 1..=3 {
        let message = first.frame().await;
        assert_eq!(number(&message), expected);
        messages.push(message);
    }
    first.ack(&messages[1]).await;
    publish(&sandbox, [4]);
    assert_eq!(number(&first.frame().await), 4);
    first.send("DISCONNECT", &[]).await;
    assert_eq!(first.arrival().await, died());
    let mut second = Stomp::consume(&sandbox, &at).await;
    for expected in [1, 3, 4] {
        let message = second.frame().await;
        assert_eq!((number(&message), message.header("redelivered")), (expected, "true"));
    }
}

#[tokio::test]
async fn a_nack_requeues_at_once_or_rejects_to_the_dead_letters() {
    let (sandbox, at) = registered().await;
    sandbox.broker().keep_dead_letters(&at.vhost);
    publish(&sandbox, [1]);
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    let message = stomp.frame().await;
    stomp.send("NACK", &[("id", message.header("ack")), ("receipt", "r")]).await;
    assert_eq!(stomp.frame().await.command, "RECEIPT");
    let again = stomp.frame().await;
    assert_eq!((number(&again), again.header("redelivered")), (1, "true"));
    stomp.send("NACK", &[("id", again.header("ack")), ("requeue", "false"), ("receipt", "r")]).await;
    assert_eq!(stomp.frame().await.command, "RECEIPT");
    stomp.nothing().await;
    let mut dead = Stomp::login(&sandbox, &at).await;
    dead.subscribe("waldur.dlq.messages", &[]).await;
    let message = dead.frame().await;
    assert_eq!(message.header("x-first-death-reason"), "rejected");
    assert_eq!(message.header("x-first-death-queue"), at.queue);
}

#[tokio::test]
async fn a_second_ack_has_a_receipt_and_then_the_connection_dies() {
    let (sandbox, at) = registered().await;
    publish(&sandbox, [1]);
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    let message = stomp.frame().await;
    stomp.ack(&message).await;
    stomp.ack(&message).await;
    assert_eq!(stomp.arrival().await, died());
}

#[tokio::test]
async fn two_consumers_share_a_queue() {
    let (sandbox, at) = registered().await;
    let mut first = Stomp::consume(&sandbox, &at).await;
    let mut second = Stomp::consume(&sandbox, &at).await;
    publish(&sandbox, 1..=4);
    assert_eq!((number(&first.frame().await), number(&first.frame().await)), (1, 3));
    assert_eq!((number(&second.frame().await), number(&second.frame().await)), (2, 4));
}

#[tokio::test]
async fn an_unsubscribed_consumer_gets_nothing_more() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    stomp.send("UNSUBSCRIBE", &[("id", "s"), ("receipt", "r")]).await;
    assert_eq!(stomp.frame().await.command, "RECEIPT");
    publish(&sandbox, [1]);
    stomp.nothing().await;
    assert_eq!(sandbox.broker().queues()[0].ready, 1);
}

#[tokio::test]
async fn messages_expire_after_an_hour_of_the_sandboxs_clock() {
    let (sandbox, at) = registered().await;
    publish(&sandbox, [1]);
    sandbox.set_now(sandbox.now() + TimeDelta::minutes(59));
    publish(&sandbox, [2]);
    sandbox.set_now(sandbox.now() + TimeDelta::minutes(1));
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    assert_eq!(number(&stomp.frame().await), 2);
    stomp.nothing().await;
}

#[tokio::test]
async fn a_full_queue_refuses_the_newest() {
    let (sandbox, at) = registered().await;
    publish(&sandbox, 0..10_001);
    assert_eq!(sandbox.broker().queues()[0].ready, 10_000);
    assert_eq!(sandbox.broker().counts().lost, 1);
    let mut stomp = Stomp::login(&sandbox, &at).await;
    let destination = format!("/amq/queue/{}", at.queue);
    stomp.send("SEND", &[("destination", &destination), ("receipt", "refused")]).await;
    // There is no receipt for it.
    stomp.nothing().await;
}

#[tokio::test]
async fn a_deleted_queue_cancels_and_leaves_the_socket_open() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    assert_eq!(sandbox.broker().delete_queue(&at.queue), 1);
    let error = stomp.frame().await;
    assert_eq!(error.header("message"), "Server cancelled subscription");
    assert_eq!(error.header("subscription"), "s");
    stomp.is_open().await;
    assert_eq!(sandbox.broker().counts().connections, 1);
}

#[tokio::test]
async fn a_deleted_user_or_host_ends_its_connections() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    assert!(sandbox.broker().delete_user(&at.login));
    assert_eq!(stomp.arrival().await, died());
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    sandbox.broker().delete_vhost(&at.vhost);
    assert_eq!(stomp.frame().await.header("message"), "Server cancelled subscription");
    assert_eq!(stomp.arrival().await, died());
}

#[tokio::test]
async fn a_changed_password_refuses_only_new_logins() {
    let (sandbox, at) = registered().await;
    let mut open = Stomp::consume(&sandbox, &at).await;
    assert!(sandbox.broker().rotate_password(&at.login, "new"));
    publish(&sandbox, [1]);
    assert_eq!(number(&open.frame().await), 1);
    let mut stomp = Stomp::open(&sandbox).await;
    stomp.connect(&at, "0,0").await;
    assert_eq!(stomp.frame().await.header("message"), "Bad CONNECT");
}

#[tokio::test]
async fn a_restart_cuts_all_connections_and_keeps_messages() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    publish(&sandbox, [1]);
    assert_eq!(number(&stomp.frame().await), 1);
    sandbox.broker().restart();
    assert_eq!(stomp.arrival().await, Arrival::End);
    let mut again = Stomp::consume(&sandbox, &at).await;
    let message = again.frame().await;
    assert_eq!((number(&message), message.header("redelivered")), (1, "true"));
}
