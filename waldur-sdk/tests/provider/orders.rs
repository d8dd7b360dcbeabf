//! Orders on the sandbox: handles, bulk operations and waiting.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use waldur_sandbox::{Actor, Fault, Misbehaviour, OrderState as State, OrderType, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::orders::UnfinishedOrder;
use waldur_sdk::types::{OrderState, RequestTypes};
use waldur_sdk::{Applied, DateTime, Error, Outcome, RetryPolicy, Utc, Uuid};

use crate::common::{client, client_builder, in_state, provider, provider_as};

const TICK: Duration = Duration::from_millis(1);

/// When an order was placed.
#[derive(PartialEq, serde::Deserialize)]
struct Placed {
    uuid: Uuid,
    created: Option<DateTime<Utc>>,
}

fn state(sandbox: &Sandbox, order: Uuid) -> State {
    sandbox.order(order).unwrap().state
}

/// A sandbox with an order of an offering with an agent, and one of an offering without.
async fn two(of: State) -> (Sandbox, Uuid, Uuid) {
    let sandbox = Sandbox::builder()
        .orders(0)
        .seed(move |seed| {
            let ids = *seed.ids();
            for offering in [ids.offerings.slurm, ids.offerings.basic] {
                let creating = waldur_sandbox::ResourceState::Creating;
                let resource = seed.resource(offering, ids.project, "waves", creating);
                seed.order(resource, OrderType::Create, of);
            }
        })
        .start()
        .await
        .unwrap();
    let of_offering = |offering| {
        sandbox.orders().iter().find(|order| order.offering == offering).map(|order| order.uuid).unwrap()
    };
    let (slurm, basic) =
        (of_offering(sandbox.ids().offerings.slurm), of_offering(sandbox.ids().offerings.basic));
    (sandbox, slurm, basic)
}

#[tokio::test]
async fn orders_are_found_by_state_type_resource_and_offering() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = provider(&sandbox);
    // One that was modified later than it was created.
    let waiting = provider.orders().pending().all().await.unwrap();
    provider.order(&waiting[0]).approve().await.unwrap();
    let all = provider.orders().all().await.unwrap();
    assert_eq!(all.len(), sandbox.orders().len());
    let one = &all[0];
    let same = provider.orders().resource(one.resource_uuid.unwrap()).all().await.unwrap();
    assert!(!same.is_empty() && same.iter().all(|order| order.resource_uuid == one.resource_uuid));
    let done = provider.orders().of_type(RequestTypes::Create).state(OrderState::Done);
    let done = done.state(OrderState::Executing).all().await.unwrap();
    let wanted = |order: &&waldur_sandbox::OrderView| {
        order.type_ == OrderType::Create && matches!(order.state, State::Done | State::Executing)
    };
    assert_eq!(done.len(), sandbox.orders().iter().filter(wanted).count());
    let offerings = sandbox.ids().offerings;
    let bulk = provider.orders().offering(offerings.bulk).all().await.unwrap();
    assert!(!bulk.is_empty() && bulk.iter().all(|order| order.offering_uuid == Some(offerings.bulk)));
    assert_eq!(provider.order(one.uuid).get().await.unwrap(), *one);
    let placed: Vec<Placed> = provider.orders().select().all().await.unwrap();
    assert!(all.iter().all(|order| placed.contains(&Placed { uuid: order.uuid, created: order.created })));
    assert!(one.created.is_some());
    assert!(provider.order(Uuid::nil()).get().await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn approving_an_order_twice_sends_one_approval() {
    let (sandbox, order, _) = two(State::PendingProvider).await;
    let provider = provider(&sandbox);
    assert_eq!(provider.order(order).approve().await.unwrap(), Applied::Now);
    assert_eq!(state(&sandbox, order), State::Executing);
    assert_eq!(provider.order(order).approve().await.unwrap(), Applied::Already);
    assert_eq!(provider.order(order).set_done().await.unwrap(), Applied::Now);
    assert_eq!(provider.order(order).set_done().await.unwrap(), Applied::Already);
    assert_eq!(provider.order(order).approve().await.unwrap(), Applied::Already);
    let error = provider.order(order).reject("late").await.unwrap_err();
    assert!(error.is_refusal() && error.reason() == "the order is done", "{error}");
    let consumer = provider_as(&sandbox, Actor::Consumer);
    assert!(consumer.order(order).approve().await.unwrap_err().is_refusal());
    let outsider = provider_as(&sandbox, Actor::Outsider);
    assert!(outsider.order(order).approve().await.unwrap_err().is_refusal());
}

#[tokio::test]
async fn a_rejection_is_stored_with_its_reason() {
    let (sandbox, order, other) = two(State::PendingProvider).await;
    let provider = provider(&sandbox);
    assert_eq!(provider.order(order).reject("no room").await.unwrap(), Applied::Now);
    assert_eq!(state(&sandbox, order), State::Rejected);
    let content = sandbox.order_content(order).unwrap();
    assert_eq!(content.properties["provider_rejection_comment"], "no room");
    assert_eq!(provider.order(order).reject("no room").await.unwrap(), Applied::Already);
    let report = provider.orders().pending().reject_all("closed").await.unwrap();
    assert_eq!((report.applied(), report.items.len()), (1, 1));
    assert_eq!(sandbox.order_content(other).unwrap().properties["provider_rejection_comment"], "closed");
    assert!(provider.orders().pending().reject_all("closed").await.unwrap().items.is_empty());
}

#[tokio::test]
async fn only_the_customer_cancels_an_order() {
    let (sandbox, slurm, basic) = two(State::PendingProvider).await;
    let consumer = provider_as(&sandbox, Actor::Consumer);
    assert!(provider(&sandbox).order(basic).cancel().await.unwrap_err().is_refusal());
    // 405: an agent works on it.
    assert!(consumer.order(slurm).cancel().await.unwrap_err().is_refusal());
    sandbox.fail_next(1, "POST", "/cancel/", Fault::ResetAfter);
    assert_eq!(consumer.order(basic).cancel().await.unwrap(), Applied::Now);
    assert_eq!(consumer.order(basic).cancel().await.unwrap(), Applied::Already);
    assert_eq!((state(&sandbox, slurm), state(&sandbox, basic)), (State::PendingProvider, State::Canceled));
}

#[tokio::test]
async fn an_erred_order_can_be_executed_again() {
    let (sandbox, order, basic) = two(State::PendingProvider).await;
    let provider = provider(&sandbox);
    assert_eq!(provider.order(order).set_executing().await.unwrap(), Applied::Now);
    assert_eq!(provider.order(order).set_executing().await.unwrap(), Applied::Already);
    sandbox.fail_next(1, "POST", "/set_state_erred/", Fault::ResetAfter);
    assert_eq!(provider.order(order).set_erred("no room", "line 7").await.unwrap(), Applied::Now);
    assert_eq!(state(&sandbox, order), State::Erred);
    let content = sandbox.order_content(order).unwrap();
    assert_eq!((content.error_message.as_str(), content.error_traceback.as_str()), ("no room", "line 7"));
    assert_eq!(provider.order(order).get().await.unwrap().error_message, "no room");
    sandbox.fail_next(1, "POST", "/set_state_executing/", Fault::ResetBefore);
    let once = client(&sandbox).with_retry(RetryPolicy::never()).provider();
    let error = once.order(order).set_executing().await.unwrap_err();
    assert!(error.to_string().contains("still erred"), "{error}");
    // A read shows that it was not applied, and it is sent again.
    sandbox.fail_next(1, "POST", "/set_state_executing/", Fault::ResetBefore);
    assert_eq!(provider.order(order).set_executing().await.unwrap(), Applied::Now);
    assert_eq!(provider.order(order).set_done().await.unwrap(), Applied::Now);
    // Servers accept this for orders that are done or pending.
    for other in [order, basic] {
        sandbox.clear_requests();
        let before = state(&sandbox, other);
        let error = provider.order(other).set_erred("a", "b").await.unwrap_err();
        assert!(error.is_refusal() && error.is_conflict(), "{error}");
        let text = format!("the order is {before}");
        assert_eq!((error.reason(), state(&sandbox, other)), (text, before));
        assert!(sandbox.requests().iter().all(|request| request.method == "GET"));
    }
    // 405: no agent works on it.
    assert_eq!(provider.order(basic).approve().await.unwrap(), Applied::Now);
    assert!(provider.order(basic).set_erred("a", "b").await.unwrap_err().is_refusal());
}

#[tokio::test]
async fn an_unknown_state_is_unconfirmed_not_refused() {
    let (sandbox, order, _) = two(State::PendingProvider).await;
    sandbox.fail_next(1, "POST", "/approve_by_provider/", Fault::ResetAfter);
    sandbox.fail_next(1, "GET", &format!("/{}/", order), Fault::UnknownValues(Vec::new()));
    sandbox.fail_next(1, "GET", &format!("/{}/", order.simple()), Fault::UnknownValues(Vec::new()));
    let error = provider(&sandbox).order(order).approve().await.unwrap_err();
    assert!(error.to_string().contains("not known"), "{error}");
}

#[tokio::test]
async fn approving_all_requests_few_fields_and_pages() {
    for count in [1, 300, 650] {
        let sandbox =
            Sandbox::builder().orders(0).orders_in(State::PendingProvider, count).start().await.unwrap();
        let report = provider(&sandbox).orders().approve_all().await.unwrap();
        assert_eq!(report.applied(), count);
        let requests = sandbox.requests().len();
        assert!(requests <= count + count.div_ceil(300) + 1, "{requests} requests for {count} orders");
    }
}

#[tokio::test]
async fn interrupted_bulk_approval_is_completed_by_another_run() {
    const ORDERS: usize = 5;
    for requests in 0..=ORDERS + 1 {
        let builder = Sandbox::builder().orders(0).orders_in(State::PendingProvider, ORDERS);
        let sandbox = builder.start().await.unwrap();
        let client = client_builder(&sandbox);
        let client = client.retry(RetryPolicy::never()).bulk_concurrency(1).build().unwrap();
        sandbox.misbehave(Misbehaviour::new(Fault::ResetAfter).after(requests));
        let _ = client.approve_all_pending_orders().await;
        sandbox.clear_faults();
        assert!(client.approve_all_pending_orders().await.unwrap().is_ok());
        assert_eq!(in_state(&sandbox, State::Executing).len(), ORDERS);
    }
}

/// With faults in every fifth request, each order ends in the right state, no approval is repeated without a
/// read before, and each report is true.
#[tokio::test]
async fn bulk_calls_on_orders_survive_random_faults() {
    const ORDERS: usize = 200;
    for dice in 0..3 {
        let bad = Misbehaviour::any_of(Fault::each()).chance(0.2);
        let builder = Sandbox::builder().orders(0).orders_in(State::PendingProvider, ORDERS).dice(dice);
        let sandbox = builder.start().await.unwrap();
        sandbox.misbehave(bad);
        let policy = RetryPolicy::default().max_attempts(4).backoff(TICK, 10 * TICK).budget(10_000);
        let http = crate::common::http_client_builder().read_timeout(150 * TICK).build().unwrap();
        let client = client_builder(&sandbox).http_client(http);
        let client = client.retry(policy).bulk_concurrency(16).build().unwrap();
        let mut runs = 0;
        while in_state(&sandbox, State::Executing).len() < ORDERS {
            runs += 1;
            assert!(runs <= 40, "{} approved", in_state(&sandbox, State::Executing).len());
            let Ok(report) = client.approve_all_pending_orders().await else { continue };
            for item in &report.items {
                let state = state(&sandbox, item.target.uuid);
                match &item.outcome {
                    Outcome::Applied | Outcome::Unchanged => assert_eq!(state, State::Executing),
                    Outcome::Failed { error } if error.to_string().contains("is still") => {
                        assert_eq!(state, State::PendingProvider, "{error}");
                    }
                    Outcome::Failed { .. } => {}
                    other => panic!("{other}"),
                }
            }
        }
        let mut asked = BTreeSet::new();
        for request in sandbox.requests() {
            match request.method.as_str() {
                // A list, or the order itself.
                "GET" if request.path.ends_with("/marketplace-orders/") => asked.clear(),
                "GET" => {
                    asked.remove(&request.path);
                }
                _ => {
                    let order = request.path.replace("approve_by_provider/", "");
                    assert!(asked.insert(order), "{} without a look", request.path);
                }
            }
        }
    }
}

#[tokio::test]
async fn an_order_is_waited_for_until_it_is_done() {
    let (sandbox, order, _) = two(State::PendingProvider).await;
    let provider = provider(&sandbox);
    let wait = provider.order(order).wait().poll_interval(TICK, TICK);
    let mut changes = wait.changes();
    let mut seen = Vec::new();
    while let Some(change) = changes.try_next().await.unwrap() {
        match change.state {
            OrderState::PendingProvider => assert!(provider.order(order).approve().await.is_ok()),
            OrderState::Executing => assert!(provider.order(order).set_done().await.is_ok()),
            _ => {}
        }
        seen.push(change.state);
    }
    assert_eq!(seen, [OrderState::PendingProvider, OrderState::Executing, OrderState::Done]);
    assert_eq!(provider.order(order).wait().await.unwrap().state, OrderState::Done);
}

#[tokio::test]
async fn waiting_survives_temporary_failures() {
    let (sandbox, order, _) = two(State::Executing).await;
    let policy = RetryPolicy::default().max_attempts(2).backoff(TICK, TICK);
    let client = client_builder(&sandbox).retry(policy);
    let provider = client.build().unwrap().provider();
    sandbox
        .misbehave(Misbehaviour::new(Fault::Status(503)).operation("marketplace_orders_retrieve").times(5));
    let reached = provider
        .order(order)
        .wait()
        .poll_interval(TICK, TICK)
        .until(|order| order.state == OrderState::Executing);
    assert_eq!(reached.await.unwrap().uuid, order);
    let error = provider.order(Uuid::nil()).wait().await.unwrap_err();
    assert!(error.is_not_found() && error.operation() == "marketplace_orders_retrieve", "{error}");
    assert!(error.to_string().ends_with(&format!("order {} can't be read", Uuid::nil().simple())), "{error}");
}

#[tokio::test]
async fn an_ended_order_and_a_timeout_are_different_errors() {
    let (sandbox, order, other) = two(State::Executing).await;
    let provider = provider(&sandbox);
    let name = provider.order(order).get().await.unwrap().resource_name;
    let shown = format!("order {} ({name})", order.simple());
    let wait = provider.order(order).wait().poll_interval(TICK, 20 * TICK).timeout(1000 * TICK);
    let error = wait.await.unwrap_err();
    assert!(error.is_timeout() && !error.is_ambiguous());
    assert_eq!(error.to_string(), format!("{shown} is still executing after 1s"));
    let unfinished = error.cause::<UnfinishedOrder>().unwrap();
    assert_eq!((&unfinished.order.state, unfinished.error.is_none()), (&OrderState::Executing, true));
    assert!(provider.order(order).set_erred("no room", "").await.is_ok());
    let error = provider.order(order).wait().await.unwrap_err();
    assert_eq!(error.to_string(), format!("{shown} ended: it is erred: no room"));
    assert!(error.is_ended());
    assert_eq!(error.cause::<UnfinishedOrder>().unwrap().order.state, OrderState::Erred);
    // A final state can be awaited; another one is an error after the changes.
    let erred = provider.order(order).wait().until(|order| order.is_terminal()).await.unwrap();
    assert_eq!(erred.state, OrderState::Erred);
    assert!(provider.order(other).set_done().await.is_ok());
    let wait = provider.order(other).wait().until(|order| order.state == OrderState::Executing);
    let changes: Vec<_> = wait.changes().collect().await;
    let [Ok(done), Err(error)] = &changes[..] else { panic!("{changes:?}") };
    assert!(done.state == OrderState::Done && error.is_ended());
}

/// The error of a timeout has the last order, and the error of the last read.
#[tokio::test]
async fn a_timeout_has_the_last_order_and_the_last_error() {
    let (sandbox, order, _) = two(State::Executing).await;
    let policy = RetryPolicy::default().max_attempts(1);
    let client = client_builder(&sandbox).retry(policy);
    let provider = client.build().unwrap().provider();
    let unavailable = || Misbehaviour::new(Fault::Status(503)).operation("marketplace_orders_retrieve");

    let (within, longest) = (1000 * TICK, 50 * TICK);
    let mut changes = provider.order(order).wait().poll_interval(TICK, longest).timeout(within).changes();
    assert_eq!(changes.next().await.unwrap().unwrap().state, OrderState::Executing);
    sandbox.misbehave(unavailable());
    let error = changes.next().await.unwrap().unwrap_err();
    assert!(error.is_timeout() && changes.next().await.is_none(), "{error}");
    let unfinished = error.cause::<UnfinishedOrder>().unwrap();
    let reason = unfinished.error.as_ref().unwrap().reason();
    let shown = &unfinished.order;
    assert_eq!(error.to_string(), format!("{shown} was executing and can't be read after 1s: {reason}"));
    assert_eq!(unfinished.order.state, OrderState::Executing);
    assert!(unfinished.error.as_ref().is_some_and(Error::is_server));
    assert_eq!(error.cause::<Error>().unwrap().status(), Some(503));

    let error = provider.order(order).wait().poll_interval(TICK, longest).timeout(within).await.unwrap_err();
    let reason = error.cause::<Error>().unwrap().reason();
    let order = order.simple();
    assert_eq!(error.to_string(), format!("order {order} could not be read within 1s: {reason}"));
    assert!(error.is_timeout() && error.cause::<UnfinishedOrder>().is_none());
    assert_eq!(error.cause::<Error>().unwrap().status(), Some(503));
}
