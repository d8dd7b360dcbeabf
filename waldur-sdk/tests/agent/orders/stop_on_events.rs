//! Orders by their events: what is read while a round is at work, and what is begun when the processor is
//! stopped.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};
use waldur_sandbox::{Actor, OrderState as State, Sandbox};
use waldur_sdk::agent::{
    Backend, BackendError, OrderProcessor, OrderResultKind as Kind, ProcessedOrder, Provisioned, Task,
};
use waldur_sdk::{BackendId, Report, Uuid};

use crate::common::client_builder;
use crate::orders::events::{LIMIT, approve, processor, sandbox_of, subscribe};
use crate::orders::{Cluster, client};

/// How often the provider has read this order by itself.
fn reads(sandbox: &Sandbox, order: Uuid) -> usize {
    let end = format!("/marketplace-orders/{}/", order.simple());
    let is_read = |one: &waldur_sandbox::Request| one.method == "GET" && one.path.ends_with(&end);
    sandbox.requests().iter().filter(|one| one.actor == Some(Actor::Provider) && is_read(one)).count()
}

/// What says that the first round has ended, and what waits for that.
fn first_round() -> (impl FnMut(Report<ProcessedOrder>), oneshot::Receiver<()>) {
    let (ended, waiting) = oneshot::channel();
    let mut ended = Some(ended);
    let each = move |_| {
        if let Some(ended) = ended.take() {
            let _ = ended.send(());
        }
    };
    (each, waiting)
}

async fn next_of(results: &mut mpsc::UnboundedReceiver<(Uuid, Kind)>, order: Uuid) -> Kind {
    loop {
        let (of, kind) = results.recv().await.unwrap();
        if of == order {
            return kind;
        }
    }
}

#[tokio::test]
async fn an_order_that_a_round_is_at_work_on_is_read_again_when_the_round_ends() {
    let sandbox = sandbox_of(2, None).await;
    let [order, closed] = [0, 1].map(|index| sandbox.orders()[index].uuid);
    approve(&sandbox, order).await;
    let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let cluster = Cluster { hold: Some((Arc::clone(&inside), Arc::clone(&go))), ..Cluster::default() };
    let (processor, mut results) = processor(&sandbox, &cluster);
    let events = subscribe(&sandbox).await;
    let (each, ended) = first_round();
    let publish = |order: Uuid| {
        let body = serde_json::json!({ "order_uuid": order.simple().to_string() });
        sandbox.broker().publish("order", sandbox.ids().offerings.bulk, body);
    };
    let work = async {
        inside.notified().await;
        sandbox.clear_requests();
        publish(order);
        assert_eq!(next_of(&mut results, order).await, Kind::InProgress);
        // The looks at an order that isn't open take some time.
        publish(closed);
        for _ in 0..4 {
            assert_eq!(next_of(&mut results, closed).await, Kind::Superseded);
        }
        // The round's own approval is an event, too, and may have been read before.
        assert_eq!(reads(&sandbox, closed), 4);
        assert!(reads(&sandbox, order) <= 1);
        go.notify_one();
        assert_eq!(next_of(&mut results, order).await, Kind::Done);
        ended.await.unwrap();
        assert_eq!(next_of(&mut results, order).await, Kind::Superseded);
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, each)).await.unwrap();
    assert_eq!(cluster.world.lock().unwrap().calls, 1);
}

#[tokio::test]
async fn an_order_that_was_only_read_when_the_stop_came_is_not_begun() {
    for by_handle in [false, true] {
        let sandbox = sandbox_of(1, None).await;
        let order = sandbox.orders()[0].uuid;
        let cluster = Cluster::default();
        let (processor, mut results) = processor(&sandbox, &cluster);
        let (stop, events) = (processor.stop_handle(), subscribe(&sandbox).await);
        let (each, ended) = first_round();
        let work = async {
            ended.await.unwrap();
            sandbox.clear_requests();
            approve(&sandbox, order).await;
            // The request is noted before its answer arrives.
            while reads(&sandbox, order) == 0 {
                tokio::task::yield_now().await;
            }
            if by_handle {
                stop.stop();
                std::future::pending::<()>().await;
            }
        };
        tokio::time::timeout(LIMIT, processor.run_on_events(events, work, each)).await.unwrap();
        assert_eq!(results.try_recv().unwrap(), (order, Kind::NotBegun));
        assert_eq!(cluster.world.lock().unwrap().calls, 0);
        assert_eq!(sandbox.order(order).unwrap().state, State::PendingProvider);
    }
}

/// Says when it is asked whether it is ready, and waits until it may answer. It does nothing else.
struct Gate {
    asked: Notify,
    go: Notify,
}

impl Backend for Gate {
    async fn ready(&self) -> Result<(), BackendError> {
        self.asked.notify_one();
        self.go.notified().await;
        Ok(())
    }

    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        panic!("{} was begun after the stop", task.order().uuid);
    }

    async fn update(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
        unreachable!();
    }

    async fn terminate(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
        unreachable!();
    }
}

#[tokio::test]
async fn an_order_whose_back_end_is_not_ready_when_the_stop_comes_is_not_begun() {
    let sandbox = sandbox_of(1, None).await;
    let order = sandbox.orders()[0].uuid;
    let gate = Arc::new(Gate { asked: Notify::new(), go: Notify::new() });
    let processor = OrderProcessor::new(&client(&sandbox), [sandbox.ids().offerings.bulk], Arc::clone(&gate));
    let events = subscribe(&sandbox).await;
    let (each, ended) = first_round();
    let work = async {
        gate.asked.notified().await;
        gate.go.notify_one();
        ended.await.unwrap();
        approve(&sandbox, order).await;
        gate.asked.notified().await;
        gate.go.notify_one();
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, each)).await.unwrap();
    assert_eq!(sandbox.order(order).unwrap().state, State::PendingProvider);
}

#[tokio::test]
async fn a_stop_within_a_round_begins_no_further_order() {
    const ORDERS: usize = 4;
    let sandbox = sandbox_of(ORDERS, None).await;
    for order in sandbox.orders() {
        approve(&sandbox, order.uuid).await;
    }
    let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let cluster = Cluster { hold: Some((Arc::clone(&inside), Arc::clone(&go))), ..Cluster::default() };
    let client = client_builder(&sandbox).bulk_concurrency(1).build().unwrap();
    let processor = OrderProcessor::new(&client, [sandbox.ids().offerings.bulk], cluster.clone());
    let events = subscribe(&sandbox).await;
    let work = async {
        inside.notified().await;
        go.notify_one();
    };
    let mut reports = Vec::new();
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, |report| reports.push(report)))
        .await
        .unwrap();
    assert_eq!(reports.len(), 1);
    assert_eq!((reports[0].count(Kind::Done), reports[0].count(Kind::NotBegun)), (1, ORDERS - 1));
    assert_eq!(cluster.world.lock().unwrap().calls, 1);
}
