//! Orders that are processed by their events, with the sandbox's broker.

use std::time::Duration;

use tokio::sync::mpsc;
use waldur_sandbox::{
    Actor, BrokerFault, BrokerMisbehaviour, OrderState as State, OrderType as Type, Release, Sandbox,
};
use waldur_sdk::agent::{OrderProcessor, OrderResultKind as Kind, ProcessedOrder};
use waldur_sdk::events::{EventKind, Events};
use waldur_sdk::{ClientExt as _, Report, Uuid, api};

use crate::common::client_as;
use crate::line::Line;
use crate::orders::{Cluster, add, client};

/// The time limit of each test.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Orders of one offering that wait for the customer.
pub(crate) async fn sandbox_of(count: usize, fault: Option<BrokerMisbehaviour>) -> Sandbox {
    let builder = Sandbox::builder().release(Release::Newer).orders(0).seed(move |seed| {
        let bulk = seed.ids().offerings.bulk;
        for number in 0..count {
            add(seed, bulk, &format!("job{number}"), Type::Create, State::PendingConsumer);
        }
    });
    let builder = match fault {
        Some(fault) => builder.misbehave_broker(fault),
        None => builder,
    };
    builder.start().await.unwrap()
}

/// Lets the customer approve an order, which publishes its event.
pub(crate) async fn approve(sandbox: &Sandbox, order: Uuid) {
    let path = format!("/api/marketplace-orders/{}/approve_by_consumer/", order.simple());
    client_as(sandbox, Actor::Consumer).request(api::Method::POST, &path).send().await.unwrap();
}

pub(crate) async fn subscribe(sandbox: &Sandbox) -> Events {
    let events = client(sandbox).events().offering(sandbox.ids().offerings.bulk).kinds([EventKind::Order]);
    events.backoff(Duration::from_millis(1), Duration::from_millis(20)).connect().await.unwrap()
}

/// A processor that says which order had which result.
pub(crate) fn processor(
    sandbox: &Sandbox,
    cluster: &Cluster,
) -> (OrderProcessor<Cluster>, mpsc::UnboundedReceiver<(Uuid, Kind)>) {
    let (sender, results) = mpsc::unbounded_channel();
    let processor = OrderProcessor::new(&client(sandbox), [sandbox.ids().offerings.bulk], cluster.clone())
        .backoff(Duration::from_millis(20), Duration::from_millis(40))
        .on_order(move |item| {
            let _ = sender.send((item.target.order.uuid, item.target.result.kind()));
        });
    (processor, results)
}

async fn until_done(results: &mut mpsc::UnboundedReceiver<(Uuid, Kind)>, order: Uuid) {
    while results.recv().await.unwrap() != (order, Kind::Done) {}
}

#[tokio::test]
async fn an_order_is_carried_out_by_its_event_and_nothing_is_polled() {
    let sandbox = sandbox_of(1, None).await;
    let order = sandbox.orders()[0].uuid;
    let cluster = Cluster::default();
    let (processor, mut results) = processor(&sandbox, &cluster);
    let events = subscribe(&sandbox).await;
    let (first_round, begun) = tokio::sync::oneshot::channel();
    let mut first_round = Some(first_round);
    let work = async {
        begun.await.unwrap();
        sandbox.clear_requests();
        approve(&sandbox, order).await;
        until_done(&mut results, order).await;
    };
    let rounds = |_| {
        if let Some(first) = first_round.take() {
            first.send(()).unwrap();
        }
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, rounds)).await.unwrap();
    assert_eq!(cluster.world.lock().unwrap().made, 1);
    let lists =
        sandbox.requests().into_iter().filter(|request| request.path.ends_with("/marketplace-orders/"));
    assert_eq!(lists.count(), 0);
}

#[tokio::test]
async fn an_idle_agent_sends_heartbeats_and_no_request() {
    const BEATS: usize = 3;
    // A line end in a message of WebSocket, masked.
    const BEAT: usize = 2 + 4 + 1;
    let sandbox = sandbox_of(1, None).await;
    let (processor, _results) = processor(&sandbox, &Cluster::default());
    let line = Line::to(&sandbox.broker().url()).await;
    let events = client(&sandbox).events().offering(sandbox.ids().offerings.bulk).kinds([EventKind::Order]);
    let events = events.heartbeat(Duration::from_secs(1)).url(&*line.url).connect().await.unwrap();
    let (first_round, done) = tokio::sync::oneshot::channel();
    let mut first_round = Some(first_round);
    let idle = async {
        done.await.unwrap();
        sandbox.clear_requests();
        let before = *line.sent.borrow();
        line.sent.subscribe().wait_for(|sent| *sent >= before + BEATS * BEAT).await.unwrap();
        assert_eq!((*line.sent.borrow() - before) % BEAT, 0, "only heartbeats are sent");
        assert_eq!(sandbox.requests(), []);
    };
    let rounds = |_| {
        let first = first_round.take().expect("one round is enough");
        first.send(()).unwrap();
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, idle, rounds)).await.unwrap();
    assert_eq!(line.opened(), 1);
}

#[tokio::test]
async fn a_burst_of_events_for_an_order_is_one_piece_of_work() {
    let sandbox = sandbox_of(1, None).await;
    let (order, offering) = (sandbox.orders()[0].uuid, sandbox.ids().offerings.bulk);
    let cluster = Cluster::default();
    let (processor, mut results) = processor(&sandbox, &cluster);
    let events = subscribe(&sandbox).await;
    let work = async {
        approve(&sandbox, order).await;
        for _ in 0..50 {
            let body = serde_json::json!({ "order_uuid": order.simple().to_string() });
            sandbox.broker().publish("order", offering, body);
        }
        until_done(&mut results, order).await;
        // The events that came meanwhile are taken.
        while sandbox.broker().counts().acknowledged < 50 {
            results.recv().await.unwrap();
        }
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, |_| {})).await.unwrap();
    let world = cluster.world.lock().unwrap();
    assert_eq!((world.made, world.calls), (1, 1));
}

#[tokio::test]
async fn an_order_that_failed_is_tried_again_without_a_round() {
    let sandbox = sandbox_of(1, None).await;
    let order = sandbox.orders()[0].uuid;
    let cluster = Cluster { asks_for_team: true, ..Cluster::default() };
    sandbox.fail_next(3, "GET", "/team/", waldur_sandbox::Fault::Status(403));
    let (processor, mut results) = processor(&sandbox, &cluster);
    let events = subscribe(&sandbox).await;
    let work = async {
        approve(&sandbox, order).await;
        until_done(&mut results, order).await;
    };
    let mut rounds = 0;
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, |_| rounds += 1)).await.unwrap();
    assert!(rounds <= 1);
    let world = cluster.world.lock().unwrap();
    assert_eq!((world.calls, world.made), (4, 1));
}

#[tokio::test]
async fn events_of_other_offerings_are_left_alone() {
    let builder = Sandbox::builder().release(Release::Newer).orders(0).seed(|seed| {
        let offerings = seed.ids().offerings;
        add(seed, offerings.slurm, "other", Type::Create, State::PendingConsumer);
        add(seed, offerings.bulk, "own", Type::Create, State::PendingConsumer);
    });
    let sandbox = builder.start().await.unwrap();
    let (other, own) = (sandbox.orders()[0].uuid, sandbox.orders()[1].uuid);
    let offerings = sandbox.ids().offerings;
    let events = client(&sandbox).events().offerings([offerings.slurm, offerings.bulk]);
    let events = events.kinds([EventKind::Order]).connect().await.unwrap();
    let (processor, mut results) = processor(&sandbox, &Cluster::default());
    let work = async {
        approve(&sandbox, other).await;
        // The event was taken, so that the other one is the only one left.
        approve(&sandbox, own).await;
        until_done(&mut results, own).await;
        let is_taken = || sandbox.broker().queues().iter().all(|queue| queue.ready + queue.in_hand == 0);
        while !is_taken() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, |_| {})).await.unwrap();
    assert_eq!(sandbox.order(other).unwrap().state, State::PendingProvider);
}

#[tokio::test]
async fn an_event_before_its_change_can_be_read_is_looked_up_again() {
    let late = BrokerMisbehaviour::new(BrokerFault::LateCommit(Duration::from_millis(300)));
    let sandbox = sandbox_of(1, Some(late)).await;
    let order = sandbox.orders()[0].uuid;
    let cluster = Cluster::default();
    let (processor, mut results) = processor(&sandbox, &cluster);
    let events = subscribe(&sandbox).await;
    let work = async {
        approve(&sandbox, order).await;
        until_done(&mut results, order).await;
    };
    let mut rounds = 0;
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, |_| rounds += 1)).await.unwrap();
    assert_eq!((rounds <= 1, cluster.world.lock().unwrap().made), (true, 1));
}

/// Lost messages, cut connections and restarts of the broker: each order is carried out once.
#[tokio::test]
async fn each_order_is_carried_out_once_though_the_broker_fails() {
    const ORDERS: usize = 60;
    let faults = BrokerMisbehaviour::any_of([
        BrokerFault::Drop,
        BrokerFault::Duplicate,
        BrokerFault::Reorder,
        BrokerFault::Cancel,
        BrokerFault::Restart,
        BrokerFault::Expire,
        BrokerFault::DeleteQueue,
        BrokerFault::RefuseLogin,
    ]);
    let sandbox = sandbox_of(ORDERS, Some(faults.chance(0.2))).await;
    let orders: Vec<Uuid> = sandbox.orders().iter().map(|order| order.uuid).collect();
    let cluster = Cluster::default();
    let (processor, mut results) = processor(&sandbox, &cluster);
    let client = client(&sandbox);
    let events = client.events().offering(sandbox.ids().offerings.bulk).kinds([EventKind::Order]);
    let events = events
        .backoff(Duration::from_millis(1), Duration::from_millis(20))
        // A lost message leaves no gap that a subscriber could see.
        .reconcile_every(Duration::from_millis(500))
        .subscribe()
        .unwrap();
    let is_open = |sandbox: &Sandbox| sandbox.orders().iter().any(|order| order.state != State::Done);
    let work = async {
        for order in &orders {
            approve(&sandbox, *order).await;
        }
        while is_open(&sandbox) {
            results.recv().await.unwrap();
        }
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, |_| {})).await.unwrap();
    let world = cluster.world.lock().unwrap();
    assert_eq!((world.made, world.calls, world.accounts.len()), (ORDERS, ORDERS, ORDERS));
}

/// Rounds, and attempts after failures, are hours away.
#[tokio::test]
async fn nothing_but_its_event_makes_an_order_reach_the_back_end() {
    const ORDERS: usize = 20;
    const HOURS: Duration = Duration::from_secs(12 * 3600);
    let sandbox = sandbox_of(ORDERS, None).await;
    let cluster = Cluster::default();
    let (processor, mut results) = processor(&sandbox, &cluster);
    let processor = processor.interval(HOURS).backoff(HOURS, HOURS);
    let events = client(&sandbox).events().offering(sandbox.ids().offerings.bulk).kinds([EventKind::Order]);
    let events = events.reconcile_every(HOURS).connect().await.unwrap();
    let (first_round, begun) = tokio::sync::oneshot::channel();
    let mut first_round = Some(first_round);
    let work = async {
        begun.await.unwrap();
        for order in sandbox.orders() {
            approve(&sandbox, order.uuid).await;
            until_done(&mut results, order.uuid).await;
        }
    };
    let rounds = |report: Report<ProcessedOrder>| {
        assert_eq!(report.items.len(), 0);
        first_round.take().expect("there is one round").send(()).unwrap();
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, rounds)).await.unwrap();
    let world = cluster.world.lock().unwrap();
    assert_eq!((world.made, world.calls), (ORDERS, ORDERS));
}

/// Killed after each few milliseconds, with orders in progress, and started anew: the same end.
#[tokio::test]
async fn an_agent_that_is_killed_and_started_again_ends_the_same() {
    const ORDERS: usize = 30;
    let sandbox = sandbox_of(ORDERS, None).await;
    let orders: Vec<Uuid> = sandbox.orders().iter().map(|order| order.uuid).collect();
    let cluster = Cluster::default();
    let customer = async {
        for order in &orders {
            approve(&sandbox, *order).await;
        }
    };
    let agents = async {
        let is_open = || sandbox.orders().iter().any(|order| order.state != State::Done);
        let mut life = Duration::from_millis(3);
        while is_open() {
            let (processor, _results) = processor(&sandbox, &cluster);
            let events = subscribe(&sandbox).await;
            let work = processor.run_on_events(events, std::future::pending::<()>(), |_| {});
            // Dropping the future is what a kill does to the orders in progress.
            let _ = tokio::time::timeout(life, work).await;
            life += Duration::from_millis(3);
        }
    };
    tokio::time::timeout(LIMIT, futures_util::future::join(customer, agents)).await.unwrap();
    let world = cluster.world.lock().unwrap();
    assert_eq!((world.made, world.accounts.len()), (ORDERS, ORDERS));
}
