//! Order processing and registration, on the sandbox.

mod concurrency;
mod events;
mod faults;
mod in_progress;
mod interrupted;
mod names_and_plans;
mod odd_orders;
mod registration;
mod rounds;
mod stop_on_events;
mod two_hours;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rust_decimal::Decimal;
use tokio::sync::Notify;
use waldur_sandbox::{OrderState as State, OrderType as Type, Release, ResourceState, Sandbox, Seed};
use waldur_sdk::agent::{
    Backend, BackendError, Limits, OrderProcessor, OrderResult, OrderResultKind as Kind, ProcessedOrder,
    Provisioned, Task,
};
use waldur_sdk::{BackendId, Client, Report, RetryPolicy, Uuid};

use crate::common::client_builder;

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
    let policy = RetryPolicy::default().backoff(Duration::from_millis(1), Duration::from_millis(20));
    let builder = client_builder(sandbox);
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

fn kinds(report: &Report<ProcessedOrder>) -> Vec<Kind> {
    report.items.iter().map(|order| order.target.result.kind()).collect()
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
fn assert_true(sandbox: &Sandbox, report: &Report<ProcessedOrder>) {
    for item in &report.items {
        let state = sandbox.order(item.target.order.uuid).unwrap().state;
        match &item.target.result {
            OrderResult::Done { .. } => assert_eq!(state, State::Done),
            OrderResult::Erred { .. } => assert_eq!(state, State::Erred),
            OrderResult::Superseded { state: told } => assert_eq!(told.as_str(), state.as_str()),
            OrderResult::Failed { .. } => {
                let unsure = item.outcome.to_string().contains("not known");
                assert!(
                    unsure || matches!(state, State::PendingProvider | State::Executing),
                    "{item:?}: {state:?}"
                );
            }
            OrderResult::Resting { .. } | OrderResult::Unknown { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Whether nothing of the orders is left to do.
fn all_ended(report: &Report<ProcessedOrder>) -> bool {
    report.unlisted.is_empty()
        && report.unreadable.is_empty()
        && kinds(report).iter().all(|kind| matches!(kind, Kind::Done | Kind::Erred))
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
