//! Order processing and registration, on the sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use rust_decimal::Decimal;
use tokio::sync::Notify;
use waldur_sandbox::{
    Actor, Fault, Misbehaviour, OrderState as State, OrderType as Type, Release, ResourceState, Sandbox, Seed,
};
use waldur_sdk::agent::{
    AgentIdentity, Approval, Backend, BackendError, Decision, Limits, OrderFailure, OrderOutcome,
    OrderOutcomeKind as Kind, OrderProcessor, Provisioned, RoundFailure, RoundReport, SkippedStep, Task,
};
use waldur_sdk::{BackendId, Client, NaiveDate, RetryPolicy, Uuid};

const APPROVE: &str = "/approve_by_provider/";
const SET_DONE: &str = "/set_state_done/";
const SET_ERRED: &str = "/set_state_erred/";
const SET_LIMITS: &str = "/set_limits/";
const SET_BACKEND_ID: &str = "/set_backend_id/";

/// What the tests' own back end does beside making accounts.
#[derive(Default)]
struct World {
    /// By the resource: what it is called, and its limits.
    accounts: BTreeMap<Uuid, (String, Limits)>,
    /// How often an account was really made.
    made: usize,
    calls: usize,
    seen: Vec<(Uuid, Option<String>, bool)>,
}

#[derive(Clone, Default)]
struct Cluster {
    world: Arc<Mutex<World>>,
    asks_for_team: bool,
    transient: bool,
    /// How much of each component is given beyond what is ordered.
    extra: Decimal,
    /// Waits in here after the first has said that it is.
    hold: Option<(Arc<Notify>, Arc<Notify>)>,
}

impl Cluster {
    async fn enter(&self, task: &Task) -> Result<(), BackendError> {
        {
            let mut world = self.world.lock().unwrap();
            world.calls += 1;
            let known = task.backend_id().map(|id| id.to_string());
            let seen = (task.order().uuid, known, task.is_rerun());
            world.seen.push(seen);
        }
        if self.asks_for_team {
            let team: Vec<&str> = task.team().await?.iter().map(|member| member.username.as_str()).collect();
            if !team.contains(&"alice") {
                return Err(BackendError::transient(format!("only {team:?}")));
            }
        }
        if let Some((inside, go)) = &self.hold {
            inside.notify_one();
            go.notified().await;
        }
        if self.transient {
            return Err(BackendError::transient("the cluster is busy"));
        }
        if task.order().resource_name.starts_with("broken") {
            let cause = std::io::Error::other("disk quota");
            return Err(BackendError::permanent(cause).with_traceback("at node 7"));
        }
        Ok(())
    }
}

impl Backend for Cluster {
    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        self.enter(task).await?;
        let mut world = self.world.lock().unwrap();
        let order = task.order();
        let name = format!("hpc_{}", order.resource_name);
        if let Some(known) = task.backend_id() {
            assert_eq!(*known, name.as_str());
        }
        if !world.accounts.contains_key(&order.resource_uuid) {
            world.made += 1;
        }
        world.accounts.insert(order.resource_uuid, (name.clone(), order.limits.clone()));
        let limits = order.limits.iter().map(|(name, limit)| (name.clone(), limit + self.extra)).collect();
        Ok(Provisioned::new(name)?.limits(limits))
    }

    async fn update(&self, task: &Task, id: &BackendId) -> Result<(), BackendError> {
        self.enter(task).await?;
        assert_eq!(Some(id), task.backend_id());
        let mut world = self.world.lock().unwrap();
        let order = task.order();
        world.accounts.insert(order.resource_uuid, ("updated".to_owned(), order.limits.clone()));
        Ok(())
    }

    async fn terminate(&self, task: &Task, id: &BackendId) -> Result<(), BackendError> {
        self.enter(task).await?;
        assert_eq!(Some(id), task.backend_id());
        self.world.lock().unwrap().accounts.remove(&task.order().resource_uuid);
        Ok(())
    }

    async fn restore(&self, task: &Task) -> Result<Provisioned, BackendError> {
        self.create(task).await
    }
}

fn client(sandbox: &Sandbox) -> Client {
    let policy = RetryPolicy::default().pauses(Duration::from_millis(1), Duration::from_millis(20));
    let builder = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider));
    builder.retry(policy).build().unwrap()
}

fn processor(sandbox: &Sandbox, cluster: &Cluster) -> OrderProcessor<Cluster> {
    let offerings = sandbox.ids().offerings;
    OrderProcessor::new(&client(sandbox), [offerings.bulk, offerings.slurm], cluster.clone())
        .backoff(Duration::from_millis(1), Duration::from_millis(2))
}

/// Adds an order of an offering on a resource of this name, asking for 64 `cpu`.
fn add(seed: &mut Seed<'_>, offering: Uuid, name: &str, type_: Type, state: State) -> Uuid {
    let before = match type_ {
        Type::Create | Type::Restore => ResourceState::Creating,
        Type::Update | Type::Terminate => ResourceState::Ok,
    };
    let project = seed.ids().project;
    let resource = seed.resource(offering, project, name, before);
    let order = seed.order(resource, type_, state);
    if matches!(type_, Type::Update | Type::Terminate) {
        seed.backend_id(resource, &format!("hpc_{name}"));
    }
    if type_ != Type::Terminate {
        seed.order_limit(order, "cpu", 64);
    }
    order
}

/// Only these orders, of two offerings in turn.
async fn sandbox_with(orders: &'static [(&'static str, Type, State)]) -> Sandbox {
    sandbox_of(Release::Schema, orders).await
}

async fn sandbox_of(release: Release, orders: &'static [(&'static str, Type, State)]) -> Sandbox {
    let builder = Sandbox::builder().release(release).orders(0).seed(move |seed| {
        let offerings = seed.ids().offerings;
        for (at, (name, type_, state)) in orders.iter().enumerate() {
            let offering = if at % 2 == 0 { offerings.bulk } else { offerings.slurm };
            add(seed, offering, name, *type_, *state);
        }
    });
    builder.start().await.unwrap()
}

const ONE: &[(&str, Type, State)] = &[("one", Type::Create, State::PendingProvider)];
const OF_EACH: &[(&str, Type, State)] = &[
    ("new", Type::Create, State::PendingProvider),
    ("begun", Type::Create, State::Executing),
    ("larger", Type::Update, State::PendingProvider),
    ("gone", Type::Terminate, State::PendingProvider),
    ("back", Type::Restore, State::Executing),
    ("broken", Type::Create, State::PendingProvider),
];

fn states(sandbox: &Sandbox) -> Vec<State> {
    sandbox.orders().iter().map(|order| order.state).collect()
}

fn posts(sandbox: &Sandbox, path_end: &str) -> usize {
    let requests = sandbox.requests();
    requests.iter().filter(|request| request.method == "POST" && request.path.ends_with(path_end)).count()
}

fn kinds(report: &RoundReport) -> Vec<Kind> {
    report.orders.iter().map(|order| order.outcome.kind()).collect()
}

#[tokio::test]
async fn orders_of_all_types_are_carried_out() {
    for release in [Release::Schema, Release::Late2024, Release::Newer] {
        let can_set_limits = release.has("marketplace_provider_resources_set_limits");
        all_types_are_carried_out(&sandbox_of(release, OF_EACH).await, can_set_limits).await;
    }
}

async fn all_types_are_carried_out(sandbox: &Sandbox, can_set_limits: bool) {
    let cluster = Cluster::default();
    let report = processor(sandbox, &cluster).run_once().await;
    assert_eq!(
        (report.count(Kind::Done), report.count(Kind::Erred), report.orders.len()),
        (5, 1, 6),
        "{report:#?}"
    );
    // The erred one is not kept back.
    let failures: Vec<String> = report.failures().map(|failure| failure.to_string()).collect();
    assert!(!report.is_ok() && failures.len() == 1, "{failures:?}");
    assert!(failures[0].contains("erred: disk quota"), "{failures:?}");
    assert!(failures[0].contains(&report.orders[5].order.uuid.simple().to_string()), "{failures:?}");
    assert!(report.to_string().starts_with("5 done, 1 erred"), "{report}");
    use State::{Done, Erred};
    assert_eq!(states(sandbox), [Done, Done, Done, Done, Done, Erred]);
    for order in sandbox.orders() {
        let resource = sandbox.resource(order.resource).unwrap();
        let content = sandbox.order_content(order.uuid).unwrap();
        match resource.name.as_str() {
            "broken" => {
                assert_eq!(content.error_message, "disk quota");
                assert_eq!(content.error_traceback, "at node 7");
                assert_eq!(resource.state, ResourceState::Erred);
            }
            "gone" => assert_eq!(resource.state, ResourceState::Terminated),
            name => {
                assert_eq!(resource.state, ResourceState::Ok, "{name}");
                let limit = (can_set_limits || order.type_ == Type::Update).then(|| 64.into());
                assert_eq!(resource.limits.get("cpu"), limit.as_ref(), "{name}");
                if order.type_ != Type::Update {
                    assert_eq!(resource.backend_id, format!("hpc_{name}"));
                }
            }
        }
    }
    // Another round finds nothing, another processor neither.
    sandbox.clear_requests();
    assert_eq!(processor(sandbox, &cluster).run_once().await.to_string(), "no orders");
    assert_eq!(sandbox.requests().len(), 2);
}

/// A refusal that isn't about what was told may pass: what the back end made is told in the next round.
#[tokio::test]
async fn a_refusal_of_something_else_errs_nothing() {
    let (sandbox, cluster) = (sandbox_with(ONE).await, Cluster::default());
    let processor = processor(&sandbox, &cluster).backoff(Duration::ZERO, Duration::ZERO);
    sandbox.fail_next(1, "POST", SET_BACKEND_ID, Fault::Status(400));
    assert_eq!(kinds(&processor.run_once().await), [Kind::Failed]);
    assert_eq!(states(&sandbox), [State::Executing]);
    assert_eq!(kinds(&processor.run_once().await), [Kind::Done]);
    assert_eq!(cluster.world.lock().unwrap().made, 1);
}

/// Where an order can't be erred, what went wrong is told all the same.
#[tokio::test]
async fn a_failure_that_waldur_does_not_take_is_told() {
    let builder = Sandbox::builder().orders(0).seed(|seed| {
        let basic = seed.ids().offerings.basic;
        add(seed, basic, "broken", Type::Create, State::PendingProvider);
    });
    let (sandbox, cluster) = (builder.start().await.unwrap(), Cluster::default());
    let basic = sandbox.ids().offerings.basic;
    let report = OrderProcessor::new(&client(&sandbox), [basic], cluster).run_once().await;
    let text = report.orders[0].outcome.to_string();
    assert!(text.contains("405") && text.contains("disk quota"), "{text}");
    assert_eq!(states(&sandbox), [State::Executing]);
}

/// A customer may want it later: it is approved, and waits for its day.
#[tokio::test]
async fn an_order_for_later_is_approved_and_left() {
    let builder = Sandbox::builder().orders(0).seed(|seed| {
        let bulk = seed.ids().offerings.bulk;
        let order = add(seed, bulk, "one", Type::Create, State::PendingProvider);
        seed.start_date(order, NaiveDate::from_ymd_opt(2031, 5, 6).unwrap());
    });
    let (sandbox, cluster) = (builder.start().await.unwrap(), Cluster::default());
    let processor = processor(&sandbox, &cluster);
    let report = processor.run_once().await;
    assert!(
        report.is_ok() && report.orders[0].outcome.to_string().contains("pending-start-date"),
        "{report:#?}"
    );
    assert_eq!((states(&sandbox), cluster.world.lock().unwrap().made), (vec![State::PendingStartDate], 0));
    assert!(processor.run_once().await.orders.is_empty());
}

#[tokio::test]
async fn a_create_order_takes_few_requests() {
    for (asks_for_team, expected) in [(false, 8), (true, 9)] {
        let sandbox = sandbox_with(ONE).await;
        let cluster = Cluster { asks_for_team, ..Cluster::default() };
        let offering = sandbox.ids().offerings.bulk;
        let report = OrderProcessor::new(&client(&sandbox), [offering], cluster).run_once().await;
        assert_eq!(kinds(&report), [Kind::Done]);
        let resource = sandbox.resource(sandbox.orders()[0].resource).unwrap();
        assert_eq!((resource.backend_id.as_str(), &resource.limits["cpu"]), ("hpc_one", &64.into()));
        assert_eq!(sandbox.requests().len(), expected, "{:#?}", sandbox.requests());
    }
}

#[tokio::test]
async fn it_is_decided_which_orders_are_approved() {
    let sandbox = sandbox_with(OF_EACH).await;
    let cluster = Cluster::default();
    let left = processor(&sandbox, &cluster).approval(Decision::Defer).run_once().await;
    assert_eq!((left.count(Kind::Deferred), left.count(Kind::Done)), (4, 2), "{left:#?}");
    let choosy = processor(&sandbox, &cluster).approval(Approval::by(|order| match order.type_.as_str() {
        "Create" => Decision::Reject(format!("no {}", order.resource_name)),
        _ => Decision::Approve,
    }));
    let report = choosy.run_once().await;
    assert_eq!((report.count(Kind::Rejected), report.count(Kind::Done)), (2, 2), "{report:#?}");
    let orders = sandbox.orders();
    let rejected: Vec<_> = orders.iter().filter(|order| order.state == State::Rejected).collect();
    assert_eq!(rejected.len(), 2);
    for order in rejected {
        let name = sandbox.resource(order.resource).unwrap().name;
        let comment = &sandbox.order_content(order.uuid).unwrap().properties["provider_rejection_comment"];
        assert_eq!(comment, &format!("no {name}"));
    }
}

#[tokio::test]
async fn passing_failures_err_nothing_and_rest_longer_each_time() {
    let sandbox = sandbox_with(ONE).await;
    let cluster = Cluster { transient: true, ..Cluster::default() };
    let patient = processor(&sandbox, &cluster).backoff(Duration::from_secs(50), Duration::from_secs(100));
    let report = patient.run_once().await;
    let OrderOutcome::Failed { failure: OrderFailure::Backend(error), again_in } = &report.orders[0].outcome
    else {
        panic!("{report:?}")
    };
    assert_eq!((error.to_string().as_str(), again_in.as_secs()), ("the cluster is busy", 50));
    assert_eq!(states(&sandbox), [State::Executing]);
    sandbox.clear_requests();
    assert_eq!(kinds(&patient.run_once().await), [Kind::Resting]);
    assert!(!report.is_ok() && sandbox.requests().len() == 2, "only the lists");
    // Somebody new takes it up as a re-run.
    let cluster = Cluster::default();
    assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done]);
    assert!(cluster.world.lock().unwrap().seen[0].2);
}

#[tokio::test]
async fn what_is_known_already_is_told_to_the_back_end_and_not_again_to_waldur() {
    let sandbox = sandbox_with(&[("begun", Type::Create, State::Executing)]).await;
    let provider = client(&sandbox).provider();
    let order = sandbox.orders()[0];
    provider.set_backend_id(order.resource, "hpc_begun").await.unwrap();
    sandbox.clear_requests();
    let cluster = Cluster::default();
    assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done]);
    let seen = (order.uuid, Some("hpc_begun".to_owned()), true);
    assert_eq!(cluster.world.lock().unwrap().seen, [seen]);
    assert_eq!(posts(&sandbox, SET_BACKEND_ID), 0);
}

#[tokio::test]
async fn an_order_that_was_canceled_meanwhile_is_not_completed() {
    let sandbox =
        sandbox_with(&[("broken", Type::Create, State::Executing), ("x", Type::Create, State::Executing)])
            .await;
    let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let cluster = Cluster { hold: Some((inside.clone(), go.clone())), ..Cluster::default() };
    let processor = processor(&sandbox, &cluster);
    let staff = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Staff)).build().unwrap();
    let others = async {
        inside.notified().await;
        assert_eq!(staff.complete_all_executing_orders().await.unwrap().done(), 2);
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
    assert_eq!(posts(&sandbox, SET_ERRED), 0);
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
        let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider));
        let client = client.concurrency(2).build().unwrap();
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
            assert!(processor.run_once().await.orders.is_empty() && sandbox.requests().is_empty());
        }
    }
}

#[tokio::test]
async fn lost_answers_are_looked_up_and_nothing_sent_twice() {
    for path_end in [APPROVE, SET_BACKEND_ID, SET_LIMITS, SET_DONE] {
        let sandbox = sandbox_with(ONE).await;
        sandbox.fail_next(1, "POST", path_end, Fault::ResetAfter);
        let cluster = Cluster::default();
        assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done], "{path_end}");
        assert_eq!((states(&sandbox)[0], posts(&sandbox, path_end)), (State::Done, 1));
    }
    // Not applied: it is seen and sent again.
    for path_end in [APPROVE, SET_BACKEND_ID, SET_LIMITS, SET_DONE] {
        let sandbox = sandbox_with(ONE).await;
        sandbox.fail_next(1, "POST", path_end, Fault::ResetBefore);
        let cluster = Cluster::default();
        assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done], "{path_end}");
        assert_looked_first(&sandbox);
    }
    // Where nothing may be sent again, the failure says so, and the next round does it.
    for path_end in [APPROVE, SET_BACKEND_ID, SET_LIMITS, SET_DONE] {
        let sandbox = sandbox_with(ONE).await;
        sandbox.fail_next(1, "POST", path_end, Fault::ResetBefore);
        let client = client(&sandbox).with_retry(RetryPolicy::never());
        let offering = sandbox.ids().offerings.bulk;
        let processor = OrderProcessor::new(&client, [offering], Cluster::default())
            .backoff(Duration::ZERO, Duration::ZERO);
        let report = processor.run_once().await;
        assert_eq!(kinds(&report), [Kind::Failed], "{path_end}");
        let text = report.orders[0].outcome.to_string();
        assert!(text.contains("it was not applied") || text.contains("another value"), "{text}");
        assert_eq!(kinds(&processor.run_once().await), [Kind::Done]);
        assert_eq!(processor.backend().world.lock().unwrap().calls, 1);
    }
}

#[tokio::test]
async fn what_the_server_does_not_take_errs_the_order() {
    struct Wordy;
    impl Backend for Wordy {
        async fn create(&self, _: &Task) -> Result<Provisioned, BackendError> {
            Provisioned::new("x".repeat(256))
        }
        async fn update(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
            Ok(())
        }
        async fn terminate(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
            Ok(())
        }
    }
    let sandbox =
        sandbox_with(&[("a", Type::Create, State::Executing), ("b", Type::Restore, State::Executing)]).await;
    let offerings = sandbox.ids().offerings;
    let report =
        OrderProcessor::new(&client(&sandbox), [offerings.bulk, offerings.slurm], Wordy).run_once().await;
    assert_eq!(kinds(&report), [Kind::Erred, Kind::Erred], "{report:#?}");
    let messages: Vec<_> =
        sandbox.orders().iter().map(|order| sandbox.order_content(order.uuid).unwrap()).collect();
    assert!(messages[0].error_message.contains("256"), "{messages:?}");
    assert!(messages[1].error_message.contains("restored"), "{messages:?}");
}

#[tokio::test]
async fn an_offering_that_can_not_be_listed_stops_no_other() {
    let sandbox = sandbox_with(OF_EACH).await;
    let offering = sandbox.ids().offerings.bulk;
    let cluster = Cluster::default();
    let unknown = Uuid::nil();
    let retry = RetryPolicy::never();
    let client = client(&sandbox).with_retry(retry);
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::Status(500));
    let processor = OrderProcessor::new(&client, [unknown, offering], cluster);
    let report = processor.run_once().await;
    assert_eq!(report.list_failures.len(), 1, "{report:#?}");
    assert!(!report.is_ok() && report.list_failures[0].error.is_server());
    // Whose orders the caller may not touch are not seen.
    let outsider =
        Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Outsider)).build().unwrap();
    assert!(
        OrderProcessor::new(&outsider, [offering], Cluster::default()).run_once().await.orders.is_empty()
    );
    // A consumer sees them, but may do nothing.
    let consumer =
        Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Consumer)).build().unwrap();
    sandbox.clear_requests();
    let before = states(&sandbox);
    let slurm = sandbox.ids().offerings.slurm;
    let report = OrderProcessor::new(&consumer, [slurm], Cluster::default()).run_once().await;
    assert!(report.orders.iter().all(|order| order.outcome.kind() == Kind::Failed), "{report:#?}");
    assert_eq!(states(&sandbox), before);
}

/// Whether no state-changing request was sent again to a path without reading the object between.
fn assert_looked_first(sandbox: &Sandbox) {
    let mut open = BTreeSet::new();
    for request in sandbox.requests() {
        let path = request.path.trim_end_matches('/').to_owned();
        if request.method == "POST" {
            assert!(open.insert(path), "{} was sent again unseen", request.path);
        } else {
            // Reading the object, or the list, tells about all that may be changed of it.
            open.retain(|changed: &String| !changed.starts_with(&path));
        }
    }
}

/// Whether the report says what is so.
fn assert_true(sandbox: &Sandbox, report: &RoundReport) {
    for item in &report.orders {
        let state = sandbox.order(item.order.uuid).unwrap().state;
        match &item.outcome {
            OrderOutcome::Done { .. } => assert_eq!(state, State::Done),
            OrderOutcome::Erred { .. } => assert_eq!(state, State::Erred),
            OrderOutcome::Superseded { state: told } => assert_eq!(told.as_str(), state.as_str()),
            OrderOutcome::Failed { failure, .. } => {
                let unsure = failure.to_string().contains("not known");
                assert!(
                    unsure || matches!(state, State::PendingProvider | State::Executing),
                    "{item:?}: {state:?}"
                );
            }
            OrderOutcome::Resting { .. } | OrderOutcome::Unknown { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn on_a_bad_day_every_order_ends_right() {
    for dice in 0..3 {
        let builder = Sandbox::builder().orders(0).dice(dice).seed(|seed| {
            let offerings = seed.ids().offerings;
            for round in 0..3 {
                for (at, (name, type_, state)) in OF_EACH.iter().enumerate() {
                    let offering = if at % 2 == 0 { offerings.bulk } else { offerings.slurm };
                    add(seed, offering, &format!("{name}-{round}"), *type_, *state);
                }
            }
        });
        let sandbox = builder.start().await.unwrap();
        sandbox.misbehave(Misbehaviour::any_of(Fault::each()).chance(0.2));
        let client = Client::builder()
            .url(sandbox.url())
            .token(sandbox.token(Actor::Provider))
            .timeout(Duration::from_millis(400))
            .retry(RetryPolicy::default().pauses(Duration::from_millis(1), Duration::from_millis(5)))
            .build()
            .unwrap();
        let cluster = Cluster { asks_for_team: true, ..Cluster::default() };
        let offerings = sandbox.ids().offerings;
        let processor = OrderProcessor::new(&client, [offerings.bulk, offerings.slurm], cluster.clone())
            .backoff(Duration::ZERO, Duration::ZERO);
        let is_open = |state: &State| matches!(state, State::PendingProvider | State::Executing);
        let mut rounds = 0;
        while states(&sandbox).iter().any(is_open) {
            rounds += 1;
            assert!(rounds < 300, "{:?}", sandbox.orders());
            let report = processor.run_once().await;
            assert_true(&sandbox, &report);
        }
        sandbox.clear_faults();
        assert_looked_first(&sandbox);
        for order in sandbox.orders() {
            let resource = sandbox.resource(order.resource).unwrap();
            let broken = resource.name.starts_with("broken");
            assert_eq!(order.state, if broken { State::Erred } else { State::Done }, "{}", resource.name);
            if matches!(order.type_, Type::Create | Type::Restore) && !broken {
                assert_eq!(resource.backend_id, format!("hpc_{}", resource.name));
                assert_eq!(resource.limits["cpu"], 64);
            }
        }
        // Three each of new, begun and back, and no more.
        assert_eq!(cluster.world.lock().unwrap().made, 9);
    }
}

/// Whether nothing of the orders is left to do.
fn all_ended(report: &RoundReport) -> bool {
    report.list_failures.is_empty()
        && report.unreadable.is_empty()
        && kinds(report).iter().all(|kind| matches!(kind, Kind::Done | Kind::Erred))
}

/// What is compared between runs: orders, resources, accounts.
fn everything(sandbox: &Sandbox, cluster: &Cluster) -> String {
    let orders: Vec<_> =
        sandbox.orders().into_iter().map(|order| (order, sandbox.order_content(order.uuid))).collect();
    let world = cluster.world.lock().unwrap();
    let mut resources = sandbox.resources();
    for resource in &mut resources {
        // Made anew in each run.
        resource.plan_period = resource.plan_period.map(|_| Uuid::nil());
    }
    format!("{orders:#?} {resources:#?} {:#?} {}", world.accounts, world.made)
}

/// Ends as soon as so many requests were answered, whatever the work is waiting for then.
async fn cut_off_after(count: usize, sandbox: &Sandbox, work: impl Future) -> bool {
    let mut work = pin!(work);
    poll_fn(|context| match sandbox.requests().len() >= count {
        true => Poll::Ready(true),
        false => work.as_mut().poll(context).map(|_| false),
    })
    .await
}

/// A client that sends one request after the other, each once.
fn single_minded(sandbox: &Sandbox, http: &reqwest::Client) -> Client {
    let builder = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider));
    builder.concurrency(1).retry(RetryPolicy::never()).http_client(http.clone()).build().unwrap()
}

#[tokio::test]
async fn interrupted_at_any_request_and_run_again_it_ends_the_same() {
    // One for all the sandboxes: certificates take long to read.
    let http = reqwest::Client::new();
    let one = |sandbox: &Sandbox, cluster: &Cluster| {
        let offerings = sandbox.ids().offerings;
        let client = single_minded(sandbox, &http);
        OrderProcessor::new(&client, [offerings.bulk, offerings.slurm], cluster.clone())
    };
    let sandbox = sandbox_with(OF_EACH).await;
    let cluster = Cluster::default();
    assert!(all_ended(&one(&sandbox, &cluster).run_once().await));
    let (expected, requests) = (everything(&sandbox, &cluster), sandbox.requests().len());
    assert!(requests > 30);
    // Dropped with the answer unread; or everything fails from then on, before it is applied or after.
    for how in [None, Some(Fault::ResetBefore), Some(Fault::ResetAfter), Some(Fault::Status(503))] {
        for count in 1..=requests {
            let sandbox = sandbox_with(OF_EACH).await;
            let cluster = Cluster::default();
            let first = one(&sandbox, &cluster);
            match &how {
                None => assert!(cut_off_after(count, &sandbox, first.run_once()).await),
                Some(fault) => {
                    sandbox.misbehave(Misbehaviour::new(fault.clone()).after(count - 1));
                    let report = first.run_once().await;
                    assert_true(&sandbox, &report);
                    assert!(!all_ended(&report) || count == requests, "{how:?} {count}");
                    sandbox.clear_faults();
                }
            }
            let report = one(&sandbox, &cluster).run_once().await;
            assert!(all_ended(&report), "{how:?} {count}: {report:#?}");
            assert_eq!(everything(&sandbox, &cluster), expected, "{how:?} {count}");
            assert_looked_first(&sandbox);
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
async fn an_agent_registers_and_is_found_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let offering = sandbox.ids().offerings.slurm;
    let agent = AgentIdentity::register(&client, offering, "polar", "1").await.unwrap();
    sandbox.clear_requests();
    assert_eq!(AgentIdentity::register(&client, offering, "polar", "1").await.unwrap(), agent);
    assert_eq!(sandbox.requests().len(), 1, "only the list");
    let newer = AgentIdentity::register(&client, offering, "polar", "2").await.unwrap();
    assert_eq!((newer.uuid, newer.version.as_str()), (agent.uuid, "2"));
    let elsewhere =
        AgentIdentity::register(&client, sandbox.ids().offerings.bulk, "polar", "1").await.unwrap();
    assert_ne!(elsewhere.uuid, agent.uuid);
    let service = agent.register_service(&client, "orders", "order_process").await.unwrap();
    assert_eq!(agent.register_service(&client, "orders", "order_process").await.unwrap(), service);
    let worker = service.register_processor(&client, "orders", "slurm", "23").await.unwrap();
    assert_eq!(service.register_processor(&client, "orders", "slurm", "24").await.unwrap(), worker);
    let counts = RoundReport::default().counts();
    service.set_statistics(&client, &counts).await.unwrap();
    service.set_statistics(&client, &serde_json::json!({ "done": 1 })).await.unwrap();
    let documents = sandbox.documents("marketplace-site-agent-services");
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0].properties["statistics"], serde_json::json!({ "done": 1 }));
    let documents = sandbox.documents("marketplace-site-agent-identities");
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[0].properties["version"], "2");
}

#[tokio::test]
async fn registrations_that_get_lost_or_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let offering = sandbox.ids().offerings.slurm;
    sandbox.fail_next(1, "POST", "/marketplace-site-agent-identities/", Fault::ResetAfter);
    let agent = AgentIdentity::register(&client, offering, "polar", "1").await.unwrap();
    sandbox.fail_next(1, "POST", "/marketplace-site-agent-identities/", Fault::EmptyBody);
    AgentIdentity::register(&client, offering, "other", "1").await.unwrap();
    assert_eq!(sandbox.documents("marketplace-site-agent-identities").len(), 2);
    sandbox.fail_next(1, "POST", "/marketplace-site-agent-identities/", Fault::ResetBefore);
    let error = AgentIdentity::register(&client, offering, "third", "1").await.unwrap_err();
    assert!(error.is_transport(), "{error}");
    sandbox.fail_next(1, "POST", "/register_service/", Fault::ResetAfter);
    let service = agent.register_service(&client, "orders", "order_process").await.unwrap();
    assert_eq!(sandbox.documents("marketplace-site-agent-services").len(), 1);
    sandbox.clear_requests();
    for error in [
        AgentIdentity::register(&client, offering, "", "1").await.unwrap_err(),
        agent.register_service(&client, "", "").await.unwrap_err(),
        service.register_processor(&client, "orders", "", "").await.unwrap_err(),
    ] {
        assert!(error.is_validation() && error.attempts() == 0, "{error}");
    }
    assert!(sandbox.requests().is_empty());
    for actor in [Actor::Consumer, Actor::Outsider] {
        let stranger = Client::builder().url(sandbox.url()).token(sandbox.token(actor)).build().unwrap();
        let error = AgentIdentity::register(&stranger, offering, "polar", "1").await.unwrap_err();
        assert!(error.is_forbidden() || error.is_validation(), "{error}");
        assert!(agent.register_service(&stranger, "orders", "x").await.unwrap_err().is_not_found());
        assert!(service.set_statistics(&stranger, &1).await.is_err());
    }
}

/// A client that tries again for so long.
fn patient(sandbox: &Sandbox, within: Duration) -> Client {
    let policy = RetryPolicy::default().within(within);
    client(sandbox).with_retry(policy.pauses(Duration::from_millis(1), Duration::from_millis(20)))
}

/// So many pending orders of one offering, of all types in turn.
async fn sandbox_of_many(count: usize) -> Sandbox {
    let builder = Sandbox::builder().orders(0).seed(move |seed| {
        let bulk = seed.ids().offerings.bulk;
        for at in 0..count {
            let type_ = [Type::Create, Type::Update, Type::Terminate][at % 3];
            add(seed, bulk, &format!("job{at}"), type_, State::PendingProvider);
        }
    });
    builder.start().await.unwrap()
}

#[tokio::test]
async fn an_odd_order_is_named_and_the_others_are_done() {
    let too_much: serde_json::Value =
        serde_json::from_str(r#"{"cpu": 1000000000000000000000000000000}"#).unwrap();
    for (field, value) in [
        ("limits", too_much),
        ("attributes", "many".into()),
        ("marketplace_resource_uuid", serde_json::Value::Null),
        ("type", serde_json::Value::Null),
    ] {
        let sandbox = sandbox_of_many(5).await;
        let odd = sandbox.orders()[1].uuid;
        sandbox.corrupt("marketplace-orders", odd, field, value);
        let cluster = Cluster::default();
        let processor = processor(&sandbox, &cluster);
        let report = processor.run_once().await;
        assert_eq!(report.to_string(), "4 done, 1 unreadable", "{field}");
        assert_eq!(report.unreadable[0].uuid, Some(odd));
        let failures: Vec<String> = report.failures().map(|failure| failure.to_string()).collect();
        assert!(matches!(report.failures().next(), Some(RoundFailure::Unreadable(_))) && !report.is_ok());
        assert!(
            failures[0].contains(field) && failures[0].contains(&odd.simple().to_string()),
            "{failures:?}"
        );
        assert_eq!(sandbox.order(odd).unwrap().state, State::PendingProvider);
        assert_eq!(cluster.world.lock().unwrap().calls, 4);
    }
    // A plan that is "" is no plan.
    let sandbox = sandbox_with(ONE).await;
    sandbox.corrupt("marketplace-orders", sandbox.orders()[0].uuid, "plan_uuid", serde_json::Value::from(""));
    assert_eq!(kinds(&processor(&sandbox, &Cluster::default()).run_once().await), [Kind::Done]);
}

/// A success that nothing comes of is none.
#[tokio::test]
async fn an_approval_that_changed_nothing_is_a_failure() {
    let (sandbox, cluster) = (sandbox_with(ONE).await, Cluster::default());
    let order = sandbox.orders()[0].uuid;
    let still = serde_json::Value::from("pending-provider");
    sandbox.corrupt("marketplace_orders_retrieve", order, "state", still);
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!((kinds(&report), cluster.world.lock().unwrap().calls), (vec![Kind::Failed], 0));
    assert!(report.orders[0].outcome.to_string().contains("still pending-provider"), "{report:#?}");
}

/// Any field of one order can be anything: the others are processed, and it is neither lost nor misread.
#[tokio::test]
async fn whatever_an_order_looks_like_the_others_are_processed() {
    let odd_values = serde_json::json!([
        null, true, 0, -1, 1.5, 1e30, "", " ", "x", "1000000000000000000000000000000",
        [], [null], [1, "x"], {},
        { "cpu": 1e30, "ram": "many", "gpu": 1 }, { "uuid": { "uuid": [] } },
    ]);
    let sandbox = sandbox_of_many(5).await;
    let processor = processor(&sandbox, &Cluster::default()).approval(Decision::Defer);
    assert_eq!(processor.run_once().await.to_string(), "5 deferred");
    let list = sandbox.requests().into_iter().find(|request| request.path.ends_with("/marketplace-orders/"));
    let query = list.unwrap().query;
    let fields: Vec<&str> = query.split('&').filter_map(|pair| pair.strip_prefix("field=")).collect();
    assert!(fields.len() > 10, "{query}");
    for field in fields {
        let values = odd_values.as_array().unwrap().iter().cloned().map(Some);
        for value in values.chain([None]) {
            sandbox.corrupt("marketplace_orders_list", 2, field, value.clone());
            let report = processor.run_once().await;
            sandbox.clear_corruptions();
            let what = format!("{field} {value:?}: {report:#?}");
            assert_eq!(report.orders.len() + report.unreadable.len(), 5, "{what}");
            assert!(report.count(Kind::Deferred) >= 4 && report.unreadable.len() <= 1, "{what}");
            assert_eq!(report.is_ok(), report.count(Kind::Deferred) == 5, "{what}");
        }
    }
}

#[tokio::test]
async fn an_order_that_is_odd_after_its_approval_is_not_lost() {
    let sandbox = sandbox_with(ONE).await;
    let order = sandbox.orders()[0].uuid;
    let odd = serde_json::json!({ "cpu": "many" });
    sandbox.corrupt("marketplace_orders_retrieve", order, "limits", odd);
    let cluster = Cluster::default();
    let processor = processor(&sandbox, &cluster).backoff(Duration::ZERO, Duration::ZERO);
    let report = processor.run_once().await;
    assert_eq!((kinds(&report), report.failures().count()), (vec![Kind::Failed], 1));
    assert!(report.orders[0].outcome.to_string().contains("limits"), "{report:#?}");
    assert_eq!((states(&sandbox), cluster.world.lock().unwrap().calls), (vec![State::Executing], 0));
    sandbox.clear_corruptions();
    assert_eq!(kinds(&processor.run_once().await), [Kind::Done]);
}

/// A back end may take a blank id for "all".
#[tokio::test]
async fn a_resource_without_id_is_neither_changed_nor_terminated() {
    for state in [State::PendingProvider, State::Executing] {
        let builder = Sandbox::builder().orders(0).seed(move |seed| {
            let bulk = seed.ids().offerings.bulk;
            for type_ in [Type::Update, Type::Terminate] {
                for id in ["", " ", "hpc_x"] {
                    let resource = seed.resource(bulk, seed.ids().project, "one", ResourceState::Ok);
                    seed.backend_id(resource, id);
                    seed.order(resource, type_, state);
                }
            }
        });
        let (sandbox, cluster) = (builder.start().await.unwrap(), Cluster::default());
        let processor = processor(&sandbox, &cluster);
        for calls in [2, 2] {
            let report = processor.run_once().await;
            assert_eq!(report.count(Kind::NoBackendId), 4, "{report:#?}");
            assert_eq!(report.failures().count(), 4);
            assert!(
                report.failures().all(|failure| failure.to_string().contains("has no id in the back end"))
            );
            assert_eq!(cluster.world.lock().unwrap().calls, calls);
        }
        assert_eq!(posts(&sandbox, APPROVE), if state == State::Executing { 0 } else { 2 });
        let open = states(&sandbox).into_iter().filter(|now| *now == state).count();
        assert_eq!((open, posts(&sandbox, SET_DONE), posts(&sandbox, SET_ERRED)), (4, 2, 0));
        // Who asks to reject them is heard.
        if state == State::PendingProvider {
            let decision = Decision::Reject("nothing there".to_owned());
            let report = processor.approval(decision).run_once().await;
            assert_eq!(report.to_string(), "4 rejected");
        }
    }
}

#[tokio::test]
async fn a_type_that_nobody_knows_is_not_approved() {
    let sandbox = sandbox_with(ONE).await;
    sandbox.corrupt(
        "marketplace-orders",
        sandbox.orders()[0].uuid,
        "type",
        serde_json::Value::from("Transfer"),
    );
    let report = processor(&sandbox, &Cluster::default()).run_once().await;
    assert_eq!(kinds(&report), [Kind::Unknown]);
    assert_eq!((states(&sandbox), report.is_ok()), (vec![State::PendingProvider], false));
}

/// On a server that can't set limits, an order is done without them.
#[tokio::test]
async fn what_a_server_does_not_have_is_skipped_and_said() {
    let sandbox = sandbox_of(Release::Late2024, ONE).await;
    let cluster = Cluster { extra: Decimal::ONE, ..Cluster::default() };
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!(kinds(&report), [Kind::Done], "{report:#?}");
    assert_eq!(report.orders[0].outcome.skipped(), [SkippedStep::Limits]);
    assert!(report.orders[0].outcome.to_string().contains("can't set limits"), "{}", report.orders[0]);
    assert_eq!(report.to_string(), "1 done, 1 with skipped steps");
    assert_eq!((states(&sandbox), posts(&sandbox, SET_LIMITS)), (vec![State::Done], 1));
    assert_eq!(sandbox.resource(sandbox.orders()[0].resource).unwrap().backend_id, "hpc_one");
}

#[tokio::test]
async fn on_each_release_all_types_end_in_few_requests() {
    for release in [Release::Late2024, Release::Schema, Release::Newer] {
        let sandbox = sandbox_of(release, OF_EACH).await;
        let cluster = Cluster { extra: Decimal::ONE, asks_for_team: true, ..Cluster::default() };
        let processor = processor(&sandbox, &cluster).backoff(Duration::ZERO, Duration::ZERO);
        let first = processor.run_once().await;
        assert!(all_ended(&first), "{release:?}: {first:#?}");
        // Two lists, then at most eight requests for each order.
        assert!(sandbox.requests().len() <= 2 + 8 * OF_EACH.len(), "{:#?}", sandbox.requests());
        assert_eq!(cluster.world.lock().unwrap().calls, OF_EACH.len());
        sandbox.clear_requests();
        assert!(processor.run_once().await.orders.is_empty());
        assert_eq!(sandbox.requests().len(), 2);
    }
}

/// What the back end answered is kept while Waldur fails, for as long as the process lives.
#[tokio::test]
async fn a_back_end_that_succeeded_is_not_called_again() {
    const ALL: &[(&str, Type, State)] = &[
        ("new", Type::Create, State::PendingProvider),
        ("larger", Type::Update, State::PendingProvider),
        ("back", Type::Restore, State::Executing),
        ("gone", Type::Terminate, State::Executing),
    ];
    for (operation, fault) in [
        ("marketplace_provider_resources_set_backend_id", Fault::Status(500)),
        ("marketplace_provider_resources_set_limits", Fault::Status(403)),
        ("marketplace_orders_set_state_done", Fault::Status(500)),
        ("marketplace_orders_set_state_done", Fault::ResetBefore),
    ] {
        let (sandbox, cluster) = (sandbox_with(ALL).await, Cluster::default());
        let single = client(&sandbox).with_retry(RetryPolicy::never());
        let offerings = sandbox.ids().offerings;
        let processor = || {
            OrderProcessor::new(&single, [offerings.bulk, offerings.slurm], cluster.clone())
                .backoff(Duration::ZERO, Duration::ZERO)
        };
        sandbox.misbehave(Misbehaviour::new(fault).operation(operation));
        let first = processor();
        for round in 0..4 {
            let report = first.run_once().await;
            assert!(report.count(Kind::Failed) >= 2, "{operation}: {report:#?}");
            assert_eq!(cluster.world.lock().unwrap().calls, ALL.len(), "{operation} {round}");
        }
        // Another process knows nothing of that.
        let failing = sandbox.orders().iter().filter(|order| order.state == State::Executing).count();
        let second = processor();
        assert_eq!(second.run_once().await.count(Kind::Failed), failing);
        assert_eq!(cluster.world.lock().unwrap().calls, ALL.len() + failing);
        sandbox.clear_faults();
        assert!(all_ended(&second.run_once().await));
        assert_eq!(cluster.world.lock().unwrap().calls, ALL.len() + failing);
        assert_eq!(states(&sandbox), [State::Done; 4]);
    }
}

/// A login page answers in place of the API.
#[tokio::test]
async fn a_page_is_no_success() {
    for path_end in [APPROVE, SET_BACKEND_ID, SET_LIMITS, SET_DONE] {
        let (sandbox, cluster) = (sandbox_with(ONE).await, Cluster::default());
        let processor = processor(&sandbox, &cluster).backoff(Duration::ZERO, Duration::ZERO);
        sandbox.misbehave(Misbehaviour::new(Fault::Portal).method("POST").path_end(path_end));
        let report = processor.run_once().await;
        assert_eq!(kinds(&report), [Kind::Failed], "{path_end}");
        let text = report.orders[0].to_string();
        assert!(text.contains("page"), "{text}");
        let expected = if path_end == APPROVE { State::PendingProvider } else { State::Executing };
        assert_eq!((states(&sandbox), posts(&sandbox, path_end)), (vec![expected], 1));
        sandbox.clear_faults();
        assert_eq!(kinds(&processor.run_once().await), [Kind::Done]);
        assert_eq!(cluster.world.lock().unwrap().calls, 1);
    }
}

/// The database is gone for the next requests, reads included.
#[tokio::test]
async fn an_outage_is_waited_through() {
    for lost in [Fault::Status(500), Fault::Status(502), Fault::StatusAfter(502), Fault::ResetAfter] {
        for after in [1, 8, 40] {
            let sandbox = sandbox_of_many(12).await;
            sandbox.misbehave(Misbehaviour::new(lost.clone()).after(after).times(40));
            let client = patient(&sandbox, Duration::from_secs(60));
            let cluster = Cluster { asks_for_team: true, ..Cluster::default() };
            let processor = OrderProcessor::new(&client, [sandbox.ids().offerings.bulk], cluster.clone());
            let report = processor.run_once().await;
            assert_eq!(report.count(Kind::Done), 12, "{lost:?} {after}: {report:#?}");
            assert_eq!(states(&sandbox), [State::Done; 12]);
            assert_eq!(cluster.world.lock().unwrap().calls, 12);
        }
    }
}

#[tokio::test]
async fn a_long_outage_holds_the_rest_of_a_round_back() {
    let sandbox = sandbox_of_many(200).await;
    sandbox.misbehave(Misbehaviour::new(Fault::Status(500)).after(1));
    let client = patient(&sandbox, Duration::from_millis(200));
    let cluster = Cluster::default();
    let processor = OrderProcessor::new(&client, [sandbox.ids().offerings.bulk], cluster.clone());
    let report = processor.run_once().await;
    assert!(report.count(Kind::Held) > 150, "{report}");
    assert_eq!(report.failures().count(), 200);
    let held = report.orders.iter().find(|order| order.outcome.kind() == Kind::Held).unwrap();
    assert!(held.outcome.to_string().contains("the server has been failing"), "{held}");
    assert!(sandbox.requests().len() < 200, "{}", sandbox.requests().len());
    // What was held back doesn't rest.
    sandbox.clear_faults();
    let second = processor.run_once().await;
    assert_eq!(second.count(Kind::Done), report.count(Kind::Held), "{second}");
}

#[tokio::test]
async fn each_order_is_a_sign_of_life() {
    let sandbox = sandbox_of_many(4).await;
    let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let cluster = Cluster { hold: Some((inside.clone(), go.clone())), ..Cluster::default() };
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let processor = processor(&sandbox, &cluster)
        .on_order(move |order| sender.send((order.order.uuid, order.outcome.kind())).unwrap());
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

#[tokio::test]
async fn counts_are_texts_for_logs_and_statistics() {
    let sandbox = sandbox_with(OF_EACH).await;
    let report = processor(&sandbox, &Cluster::default()).run_once().await;
    assert_eq!(serde_json::to_value(report.counts()).unwrap(), serde_json::json!({ "done": 5, "erred": 1 }));
    assert_eq!(format!("{:>6}", Kind::Done), "  done");
}
