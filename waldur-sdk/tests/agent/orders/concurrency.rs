//! Rounds, stops and others at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Notify;
use waldur_sandbox::{Actor, OrderState as State, OrderType as Type, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::agent::{OrderProcessor, OrderResultKind as Kind};

use crate::common::{client_as, client_builder, posts_to};
use crate::orders::{Cluster, ONE, SET_ERRED, add, kinds, processor, sandbox_of_many, sandbox_with, states};

#[tokio::test]
async fn an_order_that_was_canceled_meanwhile_is_not_completed() {
    let sandbox =
        sandbox_with(&[("broken", Type::Create, State::Executing), ("x", Type::Create, State::Executing)])
            .await;
    let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let cluster = Cluster { hold: Some((inside.clone(), go.clone())), ..Cluster::default() };
    let processor = processor(&sandbox, &cluster);
    let staff = client_as(&sandbox, Actor::Staff);
    let others = async {
        inside.notified().await;
        assert_eq!(staff.complete_all_executing_orders().await.unwrap().applied(), 2);
        go.notify_waiters();
        loop {
            go.notify_one();
            tokio::task::yield_now().await;
        }
    };
    let report = tokio::select! {
        report = processor.run_once() => report,
        () = others => unreachable!(),
    };
    assert_eq!(kinds(&report), [Kind::Superseded, Kind::Superseded], "{report:#?}");
    assert_eq!(states(&sandbox), [State::Done, State::Done]);
    assert_eq!(posts_to(&sandbox, SET_ERRED), 0);
}

#[tokio::test]
async fn overlapping_rounds_work_on_an_order_once() {
    let sandbox = sandbox_with(ONE).await;
    let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let cluster = Cluster { hold: Some((inside.clone(), go.clone())), ..Cluster::default() };
    let processor = processor(&sandbox, &cluster);
    let second = async {
        inside.notified().await;
        let report = processor.run_once().await;
        go.notify_one();
        report
    };
    let (first, second) = tokio::join!(processor.run_once(), second);
    assert_eq!((kinds(&first), kinds(&second)), (vec![Kind::Done], vec![Kind::InProgress]));
    assert_eq!(cluster.world.lock().unwrap().calls, 1);
}

#[tokio::test]
async fn a_stop_brings_what_is_in_work_to_its_end_and_begins_nothing() {
    for by_handle in [true, false] {
        let sandbox = Sandbox::builder().orders(0).seed(|seed| {
            let offering = seed.ids().offerings.bulk;
            for number in 0..6 {
                add(seed, offering, &format!("job{number}"), Type::Create, State::PendingProvider);
            }
        });
        let sandbox = sandbox.start().await.unwrap();
        let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let cluster = Cluster { hold: Some((inside.clone(), go.clone())), ..Cluster::default() };
        let client = client_builder(&sandbox);
        let client = client.bulk_concurrency(2).build().unwrap();
        let processor = OrderProcessor::new(&client, [sandbox.ids().offerings.bulk], cluster);
        let enough = Notify::new();
        let stop = processor.stop_handle();
        let mut reports = Vec::new();
        let stopping = async {
            inside.notified().await;
            if by_handle {
                stop.stop();
            } else {
                enough.notify_one();
                // So that it is seen before the back end goes on.
                tokio::task::yield_now().await;
            }
            loop {
                go.notify_one();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = processor.run(enough.notified(), |report| reports.push(report)) => {}
            () = stopping => unreachable!(),
        }
        assert_eq!(reports.len(), 1);
        let (done, not_begun) = (reports[0].count(Kind::Done), reports[0].count(Kind::NotBegun));
        assert_eq!(done + not_begun, 6, "{:#?}", reports[0]);
        assert!(not_begun >= 4 && done >= 1, "{}", reports[0]);
        let state = |wanted| states(&sandbox).iter().filter(|state| **state == wanted).count();
        assert_eq!((state(State::Done), state(State::PendingProvider)), (done, not_begun));
        if by_handle {
            sandbox.clear_requests();
            assert!(processor.run_once().await.items.is_empty() && sandbox.requests().is_empty());
        }
    }
}

#[tokio::test]
async fn the_future_can_be_spawned() {
    let sandbox = sandbox_with(ONE).await;
    let processor = processor(&sandbox, &Cluster::default());
    let stop = processor.stop_handle();
    let task = tokio::spawn(async move {
        processor.run(std::future::pending::<()>(), |report| assert!(report.is_ok())).await;
    });
    while states(&sandbox) != [State::Done] {
        tokio::task::yield_now().await;
    }
    stop.stop();
    task.await.unwrap();
}

#[tokio::test]
async fn each_order_is_a_sign_of_life() {
    let sandbox = sandbox_of_many(4).await;
    let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let cluster = Cluster { hold: Some((inside.clone(), go.clone())), ..Cluster::default() };
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let processor = processor(&sandbox, &cluster)
        .on_order(move |order| sender.send((order.target.order.uuid, order.target.result.kind())).unwrap());
    let others = async {
        let mut all = BTreeSet::new();
        for _ in 0..4 {
            // One is let go, and is told of before the next is.
            inside.notified().await;
            go.notify_one();
            let (order, kind) = seen.recv().await.unwrap();
            assert_eq!(kind, Kind::Done);
            all.insert(order);
            inside.notify_one();
        }
        all.len()
    };
    let (report, seen) = tokio::join!(processor.run_once(), others);
    assert_eq!((report.count(Kind::Done), seen), (4, 4));
}
