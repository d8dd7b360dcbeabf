//! Waiting for orders and their resources.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use waldur_sandbox::{Actor, OrderState as State, Sandbox};
use waldur_sdk::consumer::{EndedOrder, OrderEnd, PlacedOrder, PlacedOrderWait};
use waldur_sdk::orders::UnfinishedOrder;
use waldur_sdk::types::{OrderState, ResourceState};

use super::common::{self, provider};
use super::{cluster, consumer_as};

const TICK: Duration = Duration::from_millis(1);

async fn placed(sandbox: &Sandbox, actor: Actor) -> PlacedOrder {
    let ids = sandbox.ids();
    let project = consumer_as(sandbox, actor).project(ids.project);
    project.order(ids.offerings.slurm).name("waves").attribute("grant", "g1").await.unwrap()
}

pub(crate) fn quickly(wait: PlacedOrderWait) -> PlacedOrderWait {
    wait.poll_interval(TICK, TICK).timeout(Duration::from_secs(60))
}

#[tokio::test]
async fn the_states_between_are_told_and_the_resource_is_returned() {
    let sandbox = cluster().start().await.unwrap();
    let order = placed(&sandbox, Actor::Bob).await;
    let uuid = order.order_uuid.unwrap();
    let owner = consumer_as(&sandbox, Actor::Consumer).order(uuid);
    let provided = provider(&sandbox).order(uuid);
    let (told, mut states) = tokio::sync::mpsc::unbounded_channel();
    let steps = async {
        let mut seen = Vec::new();
        // The next step is taken once the state is told.
        while let Some(state) = states.recv().await {
            match state {
                OrderState::PendingConsumer => drop(owner.approve().await.unwrap()),
                OrderState::PendingProvider => drop(provided.approve().await.unwrap()),
                OrderState::Executing => drop(provided.set_done().await.unwrap()),
                _ => {}
            }
            seen.push(state);
        }
        seen
    };
    let wait = quickly(order.wait()).on_change(move |order| told.send(order.state.clone()).unwrap());
    let (resource, seen) = tokio::join!(wait.into_future(), steps);
    let resource = resource.unwrap();
    let expected =
        [OrderState::PendingConsumer, OrderState::PendingProvider, OrderState::Executing, OrderState::Done];
    assert_eq!(seen, expected);
    assert_eq!((resource.name.as_str(), &resource.state), ("waves", &ResourceState::Ok));
    let scope = resource.scope().unwrap();
    assert_eq!(scope.type_, "SLURM.Allocation");
    assert!(scope.url.contains(&scope.uuid.simple().to_string()), "{}", scope.url);
}

#[tokio::test]
async fn the_ends_of_orders_are_told_apart() {
    let sandbox = cluster().start().await.unwrap();
    let ended = async |order: &PlacedOrder| {
        let error = quickly(order.wait()).await.unwrap_err();
        assert!(error.is_ended(), "{error}");
        (error.to_string(), error.cause::<EndedOrder>().unwrap().end.clone())
    };
    let erred = placed(&sandbox, Actor::Consumer).await;
    let handle = provider(&sandbox).order(erred.order_uuid.unwrap());
    handle.approve().await.unwrap();
    handle.set_erred("no room", "").await.unwrap();
    let (text, end) = ended(&erred).await;
    assert_eq!(end, OrderEnd::Erred { message: "no room".to_owned() });
    assert!(text.contains("(waves) failed: no room"), "{text}");
    let rejected = placed(&sandbox, Actor::Consumer).await;
    provider(&sandbox).order(rejected.order_uuid.unwrap()).reject("not you").await.unwrap();
    assert_eq!(ended(&rejected).await.1, OrderEnd::Rejected { comment: "not you".to_owned() });
    let refused = placed(&sandbox, Actor::Bob).await;
    consumer_as(&sandbox, Actor::Consumer)
        .order(refused.order_uuid.unwrap())
        .reject("too dear")
        .await
        .unwrap();
    assert_eq!(ended(&refused).await.1, OrderEnd::Rejected { comment: "too dear".to_owned() });
    let project = consumer_as(&sandbox, Actor::Consumer).project(sandbox.ids().project);
    let canceled = project.order(sandbox.ids().offerings.basic).name("advice").await.unwrap();
    canceled.order().unwrap().cancel().await.unwrap();
    assert_eq!(ended(&canceled).await.1, OrderEnd::Canceled);
    assert_eq!(sandbox.order(canceled.order_uuid.unwrap()).unwrap().state, State::Canceled);
}

#[tokio::test]
async fn a_wait_has_a_time_limit() {
    let sandbox = cluster().start().await.unwrap();
    let order = placed(&sandbox, Actor::Consumer).await;
    let seen = Arc::new(Mutex::new(0));
    let count = Arc::clone(&seen);
    let wait = order.wait().poll_interval(TICK, TICK).timeout(Duration::from_millis(200));
    let late = wait.on_change(move |_| *count.lock().unwrap() += 1).await.unwrap_err();
    assert!(late.is_timeout(), "{late}");
    if let Some(last) = late.cause::<UnfinishedOrder>() {
        assert_eq!(last.order.state, OrderState::PendingProvider);
        assert_eq!(*seen.lock().unwrap(), 1);
    }
    assert!(common::sent(&sandbox, "GET") > 0);
}
