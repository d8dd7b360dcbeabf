//! Misbehaviour of the broker.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Notify;
use tokio::time::timeout;
use waldur_sandbox::{Actor, BrokerFault, BrokerMisbehaviour, Fault, Misbehaviour, OrderState, Sandbox};

use crate::client::{Arrival, Coordinates, Stomp, died, get, hex, number, post, publish, register};

async fn registered() -> (Sandbox, Coordinates) {
    let sandbox = Sandbox::start().await.unwrap();
    let at = register(&sandbox, "order").await;
    (sandbox, at)
}

fn once(fault: BrokerFault) -> BrokerMisbehaviour {
    BrokerMisbehaviour::new(fault).times(1)
}

#[tokio::test]
async fn messages_are_lost_repeated_and_swapped() {
    for (fault, expected) in [
        (BrokerFault::Drop, vec![2, 3]),
        (BrokerFault::Duplicate, vec![1, 1, 2, 3]),
        (BrokerFault::Reorder, vec![2, 1, 3]),
    ] {
        let (sandbox, at) = registered().await;
        sandbox.broker().misbehave(once(fault.clone()));
        let mut stomp = Stomp::consume(&sandbox, &at).await;
        publish(&sandbox, 1..=3);
        for expected in expected {
            assert_eq!(number(&stomp.frame().await), expected, "{fault:?}");
        }
        stomp.nothing().await;
    }
}

#[tokio::test]
async fn a_duplicate_has_the_same_id() {
    let (sandbox, at) = registered().await;
    sandbox.broker().misbehave(once(BrokerFault::Duplicate));
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    publish(&sandbox, [1]);
    let (first, second) = (stomp.frame().await, stomp.frame().await);
    assert_eq!(first.header("x-message-id"), second.header("x-message-id"));
    assert_ne!(first.header("message-id"), second.header("message-id"));
}

#[tokio::test]
async fn held_messages_come_by_themselves() {
    for fault in [BrokerFault::Reorder, BrokerFault::Delay(Duration::from_millis(100))] {
        let (sandbox, at) = registered().await;
        sandbox.broker().misbehave(once(fault));
        let mut stomp = Stomp::consume(&sandbox, &at).await;
        let start = Instant::now();
        publish(&sandbox, [1]);
        assert_eq!(number(&stomp.frame().await), 1);
        assert!(start.elapsed() >= Duration::from_millis(100));
    }
}

#[tokio::test]
async fn a_stalled_connection_is_silent_until_it_resumes() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    sandbox.broker().stall();
    publish(&sandbox, [1]);
    stomp.send("SEND", &[("destination", "/amq/queue/x"), ("receipt", "r")]).await;
    assert!(timeout(Duration::from_millis(100), stomp.arrival()).await.is_err());
    sandbox.broker().resume();
    assert_eq!(number(&stomp.frame().await), 1);
    assert_eq!(stomp.frame().await.command, "RECEIPT");
}

#[tokio::test]
async fn messages_of_a_stalled_connection_go_to_others_when_its_beats_are_missed() {
    let (sandbox, at) = registered().await;
    sandbox.broker().misbehave(once(BrokerFault::Stall));
    let mut stalled = Stomp::open(&sandbox).await;
    stalled.connect(&at, "300,0").await;
    assert_eq!(stalled.frame().await.command, "CONNECTED");
    stalled.subscribe(&at.queue, &[("ack", "client-individual")]).await;
    publish(&sandbox, [1]);
    let mut other = Stomp::consume(&sandbox, &at).await;
    let message = other.frame().await;
    assert_eq!((number(&message), message.header("redelivered")), (1, "true"));
    assert!(timeout(Duration::from_millis(50), stalled.arrival()).await.is_err(), "not even closed");
}

#[tokio::test]
async fn breakdowns_of_the_broker_are_seen_by_consumers() {
    for fault in [
        BrokerFault::Cancel,
        BrokerFault::Restart,
        BrokerFault::DeleteQueue,
        BrokerFault::DeleteUser,
        BrokerFault::Expire,
    ] {
        let (sandbox, at) = registered().await;
        sandbox.broker().misbehave(once(fault.clone()).object_type("order").queue("subscription_"));
        let mut stomp = Stomp::consume(&sandbox, &at).await;
        publish(&sandbox, [1]);
        match fault {
            BrokerFault::Cancel | BrokerFault::DeleteQueue => {
                assert_eq!(stomp.frame().await.header("message"), "Server cancelled subscription");
                stomp.is_open().await;
            }
            BrokerFault::Restart => {
                // The message may be on its way already.
                let first = stomp.arrival().await;
                assert!(matches!(first, Arrival::End | Arrival::Frame(_)), "{first:?}");
            }
            BrokerFault::DeleteUser => assert_eq!(stomp.arrival().await, died()),
            _ => stomp.nothing().await,
        }
        let ready: usize = sandbox.broker().queues().iter().map(|queue| queue.ready).sum();
        let kept = matches!(fault, BrokerFault::Cancel | BrokerFault::Restart | BrokerFault::DeleteUser);
        assert_eq!(ready, usize::from(kept), "{fault:?}");
    }
}

#[tokio::test]
async fn logins_are_refused_by_fault_and_connections_by_a_stopped_broker() {
    let (sandbox, at) = registered().await;
    sandbox.broker().misbehave(once(BrokerFault::RefuseLogin));
    let mut stomp = Stomp::open(&sandbox).await;
    stomp.connect(&at, "0,0").await;
    assert!(stomp.frame().await.body.starts_with("Access refused"));
    stomp.connect(&at, "0,0").await;
    assert_eq!(stomp.frame().await.command, "CONNECTED");
    sandbox.broker().stop();
    assert_eq!(stomp.arrival().await, Arrival::End);
    let refused = tokio_tungstenite::connect_async(sandbox.broker().url()).await.unwrap_err();
    assert!(refused.to_string().contains("502"), "{refused}");
    publish(&sandbox, [1]);
    sandbox.broker().resume();
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    assert_eq!(number(&stomp.frame().await), 1);
}

#[tokio::test]
async fn an_event_can_come_before_its_change_can_be_read() {
    let (sandbox, at) = registered().await;
    let late = Duration::from_millis(300);
    sandbox.broker().misbehave(once(BrokerFault::LateCommit(late)));
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    let slurm = sandbox.ids().offerings.slurm;
    let order = sandbox
        .orders()
        .into_iter()
        .find(|order| order.state == OrderState::PendingConsumer && order.offering == slurm)
        .unwrap();
    let order = hex(order.uuid);
    let path = format!("marketplace-orders/{order}/");
    let approve = format!("{path}approve_by_consumer/");
    let start = Instant::now();
    let approval = async { post(&sandbox, Actor::Consumer, &approve, json!({})).await };
    let reading = async {
        assert_eq!(stomp.frame().await.json()["order_state"], "pending-provider");
        let (_, read) = get(&sandbox, Actor::Provider, &path).await;
        let early = start.elapsed() < late;
        (read["state"].as_str().unwrap().to_owned(), early)
    };
    let ((status, _), (state, early)) = tokio::join!(approval, reading);
    assert_eq!(status, 200);
    assert!(start.elapsed() >= late, "the response comes with the commit");
    assert!(state == "pending-consumer" || !early, "{state}");
    assert_eq!(get(&sandbox, Actor::Provider, &path).await.1["state"], "pending-provider");
}

#[tokio::test]
async fn a_row_of_a_late_commit_is_not_there_before() {
    let (sandbox, at) = registered().await;
    let late = Duration::from_millis(300);
    sandbox.broker().misbehave(once(BrokerFault::LateCommit(late)));
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    let ids = *sandbox.ids();
    let body = json!({
        "offering": format!("{}marketplace-public-offerings/{}/", sandbox.url(), hex(ids.offerings.slurm)),
        "project": format!("{}projects/{}/", sandbox.url(), hex(ids.project)),
        "attributes": { "name": "waves" },
    });
    let start = Instant::now();
    let creation = async { post(&sandbox, Actor::Consumer, "marketplace-orders/", body).await };
    let reading = async {
        let order = stomp.frame().await.json()["order_uuid"].as_str().unwrap().to_owned();
        let (status, _) = get(&sandbox, Actor::Provider, &format!("marketplace-orders/{order}/")).await;
        (order, status, start.elapsed() < late)
    };
    let ((status, made), (order, read, early)) = tokio::join!(creation, reading);
    assert_eq!((status, made["uuid"].as_str()), (201, Some(order.as_str())));
    assert!(read == 404 || !early, "{read}");
    assert_eq!(get(&sandbox, Actor::Provider, &format!("marketplace-orders/{order}/")).await.0, 200);
}

#[tokio::test]
async fn chances_follow_the_seed() {
    let mut outcomes = Vec::new();
    for seed in [1, 1, 2] {
        let sandbox = Sandbox::builder()
            .dice(seed)
            .misbehave_broker(BrokerMisbehaviour::new(BrokerFault::Drop).chance(0.5))
            .start()
            .await
            .unwrap();
        let at = register(&sandbox, "order").await;
        publish(&sandbox, 0..40);
        let mut stomp = Stomp::consume(&sandbox, &at).await;
        let mut numbers = Vec::new();
        for _ in 0..sandbox.broker().counts().delivered {
            numbers.push(number(&stomp.frame().await));
        }
        assert!((5..35).contains(&numbers.len()), "{numbers:?}");
        outcomes.push(numbers);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_ne!(outcomes[0], outcomes[2]);
}

#[tokio::test]
async fn faults_of_requests_leave_the_broker_alone() {
    let (sandbox, at) = registered().await;
    sandbox.misbehave(Misbehaviour::new(Fault::Status(500)));
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    publish(&sandbox, [1]);
    assert_eq!(number(&stomp.frame().await), 1);
}

#[tokio::test]
async fn a_stopped_sandbox_ends_its_connections() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    sandbox.shutdown().await;
    assert_eq!(stomp.arrival().await, Arrival::End);
}

/// Consumes with acknowledgements until all of `count` messages are settled, and connects again after each end.
/// `published` tells that the last one is published.
async fn settle_all(sandbox: &Sandbox, at: &Coordinates, count: usize, published: &Notify) {
    let is_settled = || {
        let counts = sandbox.broker().counts();
        counts.published == count && counts.acknowledged + counts.lost == count
    };
    while !is_settled() {
        let mut stomp = Stomp::open(sandbox).await;
        stomp.connect(at, "0,0").await;
        let destination = format!("/amq/queue/{}", at.queue);
        let headers = [("id", "s"), ("destination", &destination), ("ack", "client-individual")];
        stomp.send("SUBSCRIBE", &headers).await;
        while !is_settled() {
            let arrival = tokio::select! {
                arrival = stomp.arrival() => arrival,
                () = published.notified() => continue,
            };
            match arrival {
                Arrival::Frame(frame) => match frame.command.as_str() {
                    "MESSAGE" => stomp.send("ACK", &[("id", frame.header("ack")), ("receipt", "r")]).await,
                    "ERROR" => break,
                    _ => {}
                },
                Arrival::Beat => {}
                Arrival::Close(..) | Arrival::End => break,
            }
        }
    }
}

#[tokio::test]
async fn each_message_is_acknowledged_or_counted_as_lost() {
    let faults = [
        BrokerFault::Drop,
        BrokerFault::Reorder,
        BrokerFault::Delay(Duration::from_millis(20)),
        BrokerFault::Cancel,
        BrokerFault::Restart,
        BrokerFault::Expire,
    ];
    let (sandbox, at) = registered().await;
    sandbox.broker().misbehave(BrokerMisbehaviour::any_of(faults).chance(0.05));
    for round in 0..20 {
        let published = Notify::new();
        let publishing = async {
            for number in 0..25 {
                publish(&sandbox, [number]);
                tokio::task::yield_now().await;
            }
            published.notify_one();
        };
        tokio::join!(publishing, settle_all(&sandbox, &at, (round + 1) * 25, &published));
        let queue = &sandbox.broker().queues()[0];
        assert_eq!((queue.ready, queue.in_hand), (0, 0));
    }
    let counts = sandbox.broker().counts();
    assert!(counts.lost > 3 && counts.acknowledged > 400, "{counts:?}");
}
