//! Usage that is reported by events, with the sandbox's broker.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use waldur_sandbox::{Actor, OrderState, OrderType, Release, ResourceState, Sandbox};
use waldur_sdk::events::{EventKind, Events};
use waldur_sdk::{ClientExt as _, Uuid, api};

use crate::common::{client_as, posts_to};
use crate::usage::{Accounting, SET_USAGE, add, amount, client, processor, sandbox_of, this_month, totals};

/// The time limit of each test.
const LIMIT: Duration = Duration::from_secs(60);

async fn subscribe(sandbox: &Sandbox, kinds: &[EventKind]) -> Events {
    let kinds = kinds.iter().cloned();
    let events = client(sandbox).events().offering(sandbox.ids().offerings.slurm).kinds(kinds);
    events.connect().await.unwrap()
}

/// What a processor has done.
enum Done {
    Resource(Uuid),
    Round,
}

/// Runs a processor on events until `work` ends, which is told what is done.
async fn run<F: Future<Output = ()>>(
    sandbox: &Sandbox,
    accounting: &Accounting,
    kinds: &[EventKind],
    work: impl FnOnce(mpsc::UnboundedReceiver<Done>) -> F,
) {
    let (sender, done) = mpsc::unbounded_channel();
    let sender = Arc::new(sender);
    let told = Arc::clone(&sender);
    let processor = processor(sandbox, accounting).on_resource(move |item| {
        let _ = told.send(Done::Resource(item.target.resource_uuid));
    });
    let events = subscribe(sandbox, kinds).await;
    let each = |_| {
        let _ = sender.send(Done::Round);
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work(done), each)).await.unwrap();
}

async fn until_round(done: &mut mpsc::UnboundedReceiver<Done>) {
    while !matches!(done.recv().await.unwrap(), Done::Round) {}
}

/// Waits until this resource is reported. No other may be.
async fn until_reported(done: &mut mpsc::UnboundedReceiver<Done>, resource: Uuid) {
    match done.recv().await.unwrap() {
        Done::Resource(reported) => assert_eq!(reported, resource),
        Done::Round => panic!("a round was done"),
    }
}

async fn post(sandbox: &Sandbox, actor: Actor, order: Uuid, action: &str) {
    let path = format!("/api/marketplace-orders/{}/{action}/", order.simple());
    client_as(sandbox, actor).request(api::Method::POST, &path).send().await.unwrap();
}

#[tokio::test]
async fn a_resource_is_reported_by_its_event_and_no_other_is() {
    for release in [Release::Newer, Release::Schema] {
        let (sandbox, accounting) = (sandbox_of(release, 5).await, Accounting::of(&[("gpu", "", "3")]));
        let resource = sandbox.resources()[2].uuid;
        let work = async |mut done: mpsc::UnboundedReceiver<Done>| {
            until_round(&mut done).await;
            sandbox.clear_requests();
            accounting.set(&[("gpu", "", "4")]);
            for _ in 0..50 {
                let body = json!({"resource_uuid": resource.simple().to_string(), "paused": true});
                sandbox.broker().publish("resource", sandbox.ids().offerings.slurm, body);
            }
            until_reported(&mut done, resource).await;
        };
        run(&sandbox, &accounting, &[EventKind::Resource], work).await;
        assert_eq!(totals(&sandbox, resource, this_month(&sandbox))["gpu"], amount("4"));
        assert_eq!(posts_to(&sandbox, SET_USAGE), 1, "{release:?}");
        let calls = accounting.calls.lock().unwrap().clone();
        assert!(calls[0].0 == 5 && calls[1..].iter().all(|(resources, _)| *resources == 1), "{calls:?}");
        assert!(calls.len() < 10, "a burst is one piece of work: {calls:?}");
    }
}

#[tokio::test]
async fn the_resource_of_an_order_is_reported_when_it_is_made_and_before_it_ends() {
    for release in [Release::Newer, Release::Schema] {
        let builder = Sandbox::builder().release(release).orders(0).without_resources().seed(|seed| {
            let new = add(seed, "new", ResourceState::Creating);
            seed.order(new, OrderType::Create, OrderState::Executing);
            let old = add(seed, "old", ResourceState::Ok);
            seed.order(old, OrderType::Terminate, OrderState::PendingConsumer);
        });
        let (sandbox, accounting) = (builder.start().await.unwrap(), Accounting::of(&[("gpu", "", "3")]));
        let orders = sandbox.orders();
        let work = async |mut done: mpsc::UnboundedReceiver<Done>| {
            until_round(&mut done).await;
            accounting.set(&[("gpu", "", "4")]);
            post(&sandbox, Actor::Provider, orders[0].uuid, "set_state_done").await;
            until_reported(&mut done, orders[0].resource).await;
            post(&sandbox, Actor::Consumer, orders[1].uuid, "approve_by_consumer").await;
            until_reported(&mut done, orders[1].resource).await;
        };
        run(&sandbox, &accounting, &[EventKind::Order], work).await;
        for order in orders {
            assert_eq!(totals(&sandbox, order.resource, this_month(&sandbox))["gpu"], amount("4"));
        }
    }
}

#[tokio::test]
async fn events_about_many_resources_or_about_all_are_a_round() {
    let (sandbox, accounting) = (sandbox_of(Release::Newer, 30).await, Accounting::of(&[("gpu", "", "3")]));
    let offerings = sandbox.ids().offerings;
    let work = async |mut done: mpsc::UnboundedReceiver<Done>| {
        until_round(&mut done).await;
        for resource in sandbox.resources() {
            let body = json!({"resource_uuid": resource.uuid.simple().to_string()});
            sandbox.broker().publish("resource", offerings.slurm, body);
        }
        until_round(&mut done).await;
        sandbox.broker().publish("offering_resources_sync", offerings.slurm, json!({}));
        until_round(&mut done).await;
    };
    run(&sandbox, &accounting, &[EventKind::Resource, EventKind::OfferingResourcesSync], work).await;
    let rounds = accounting.calls.lock().unwrap().iter().filter(|(resources, _)| *resources == 30).count();
    assert!(rounds >= 3, "{rounds}");
}

#[tokio::test]
async fn rounds_go_on_without_events() {
    let (sandbox, accounting) = (sandbox_of(Release::Newer, 1).await, Accounting::of(&[("gpu", "", "3")]));
    let processor = processor(&sandbox, &accounting).interval(Duration::from_millis(5));
    let (enough, mut rounds) = (tokio::sync::Notify::new(), 0);
    let each = |_| {
        rounds += 1;
        if rounds == 3 {
            enough.notify_one();
        }
    };
    let events = futures_util::stream::pending();
    tokio::time::timeout(LIMIT, processor.run_on_events(events, enough.notified(), each)).await.unwrap();
    assert!(rounds >= 3);
    // It ends with the stream, too.
    let ended = processor.run_on_events(futures_util::stream::empty(), std::future::pending::<()>(), |_| {});
    tokio::time::timeout(LIMIT, ended).await.unwrap();
}
