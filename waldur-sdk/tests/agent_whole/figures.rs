//! The requests that each piece of work takes, against the table of the documentation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use waldur_sandbox::{
    Actor, OfferingUserState, OrderState, OrderType, Release, ResourceState, Sandbox, Seed,
};
use waldur_sdk::agent::{AccountsProcessor, Agent, OrderProcessor, ResourcesProcessor, UsageProcessor};
use waldur_sdk::events::EventKind;
use waldur_sdk::membership::{Membership, MembershipSync};
use waldur_sdk::{ClientExt as _, Decimal, Error, Uuid};

use super::common::client_as;
use super::world::World;
use super::{LIMIT, activities, client};

const PAGE: &str = include_str!("../../docs/requests-of-an-agent.md");

/// How many resources a round is over.
const RESOURCES: usize = 10;

/// An offering with ten resources of one project, whose team has two people with accounts.
pub(crate) async fn sandbox_with(seed: impl Fn(&mut Seed<'_>) + Send + Sync + 'static) -> Sandbox {
    let builder = Sandbox::builder().release(Release::Newer).orders(0).without_resources();
    let builder = builder.seed(move |sandbox| {
        let ids = *sandbox.ids();
        for (user, name) in [(ids.users.alice, "hpc_alice"), (ids.users.bob, "hpc_bob")] {
            sandbox.offering_user(ids.offerings.slurm, user, name, OfferingUserState::Ok);
        }
        for number in 0..RESOURCES {
            let name = format!("r{number}");
            let resource = sandbox.resource(ids.offerings.slurm, ids.project, &name, ResourceState::Ok);
            sandbox.backend_id(resource, &name);
        }
        seed(sandbox);
    });
    builder.start().await.unwrap()
}

/// An order of this type, beside the ten resources.
pub(crate) fn add_order(seed: &mut Seed<'_>, type_: OrderType, state: OrderState) {
    let (offering, project) = (seed.ids().offerings.slurm, seed.ids().project);
    let before = match type_ {
        OrderType::Create | OrderType::Restore => ResourceState::Creating,
        OrderType::Update | OrderType::Terminate => ResourceState::Ok,
    };
    let resource = seed.resource(offering, project, "ordered", before);
    if before == ResourceState::Ok {
        seed.backend_id(resource, "ordered");
    }
    let order = seed.order(resource, type_, state);
    if type_ != OrderType::Terminate {
        seed.order_limit(order, "cpu", 64);
    }
}

async fn orders_round(order: Option<OrderType>) -> usize {
    let sandbox = sandbox_with(move |seed| {
        if let Some(type_) = order {
            add_order(seed, type_, OrderState::PendingProvider);
        }
    })
    .await;
    let world = Arc::new(World::default());
    let report =
        OrderProcessor::new(&client(&sandbox), [sandbox.ids().offerings.slurm], world).run_once().await;
    assert_eq!((report.applied(), report.is_ok()), (usize::from(order.is_some()), true), "{report:?}");
    sandbox.requests().len()
}

async fn membership_round() -> usize {
    let sandbox = sandbox_with(|_| {}).await;
    let world = World::with_accounts(sandbox.resources().into_iter().map(|resource| resource.backend_id));
    let membership = Membership::new(&client(&sandbox), Arc::new(world));
    let sync = membership.offering(sandbox.ids().offerings.slurm).sync_all().await.unwrap();
    assert_eq!((sync.resources.applied(), sync.is_ok()), (RESOURCES, true), "{sync}");
    sandbox.requests().len()
}

async fn resources_round() -> usize {
    let sandbox = sandbox_with(|_| {}).await;
    let world = World::with_accounts(sandbox.resources().into_iter().map(|resource| resource.backend_id));
    let offering = sandbox.ids().offerings.slurm;
    let report = ResourcesProcessor::new(&client(&sandbox), [offering], world).run_once().await;
    assert_eq!((report.unchanged(), report.is_ok()), (RESOURCES, true), "{report:?}");
    sandbox.requests().len()
}

async fn account() -> usize {
    let sandbox = sandbox_with(|seed| {
        let user = seed.user("dora", "Dora", "Late");
        seed.offering_user(seed.ids().offerings.slurm, user, "", OfferingUserState::Requested);
    })
    .await;
    let world = Arc::new(World::default());
    let offering = sandbox.ids().offerings.slurm;
    let report = AccountsProcessor::new(&client(&sandbox), [offering], world).run_once().await;
    assert_eq!((report.applied(), report.is_ok()), (1, true), "{report:?}");
    sandbox.requests().len()
}

/// The requests of a round in which all usage is new, and of one in which nothing is.
async fn usage_rounds() -> (usize, usize) {
    let (sandbox, world) = (sandbox_with(|_| {}).await, Arc::new(World::default()));
    for resource in sandbox.resources() {
        world.state.lock().unwrap().used.insert(resource.backend_id, Decimal::from(12));
    }
    let processor = UsageProcessor::new(&client(&sandbox), [sandbox.ids().offerings.slurm], world);
    let report = processor.run_once().await;
    assert_eq!((report.applied(), report.is_ok()), (RESOURCES, true), "{report:?}");
    let first = sandbox.requests().len();
    sandbox.clear_requests();
    assert_eq!(processor.run_once().await.unchanged(), RESOURCES);
    (first, sandbox.requests().len())
}

/// The requests by which an agent with one loop registers, and those of each further heartbeat.
async fn registration() -> (usize, usize) {
    let sandbox = sandbox_with(|_| {}).await;
    let (on_activity, mut seen) = activities();
    let agent = Agent::builder(&client(&sandbox))
        .offering(sandbox.ids().offerings.slurm)
        .identity("polar", "1.4.0")
        .backend("slurm", "23.11")
        .heartbeat(Duration::from_millis(10))
        .orders_with(Arc::new(World::default()), |orders| orders.interval(Duration::from_millis(1)))
        .on_activity(on_activity)
        .build()
        .unwrap();
    let stop = agent.stop_handle();
    let running = tokio::spawn(agent.run_until(std::future::pending::<()>()));
    let told = || {
        let requests = sandbox.requests();
        let of_agent =
            requests.into_iter().filter(|request| request.path.contains("/marketplace-site-agent-"));
        let paths: Vec<_> = of_agent.map(|request| request.path).collect();
        let rounds: Vec<usize> = paths
            .split_inclusive(|path| path.ends_with("/set_statistics/"))
            .filter(|round| round.last().is_some_and(|path| path.ends_with("/set_statistics/")))
            .map(<[String]>::len)
            .collect();
        rounds
    };
    seen.until_holds("two heartbeats", || told().len() >= 3).await;
    stop.stop();
    timeout(LIMIT, running).await.unwrap().unwrap();
    (told()[0], told()[1])
}

/// The requests for an order whose event arrives.
async fn order_by_event() -> usize {
    let sandbox = sandbox_with(|seed| add_order(seed, OrderType::Create, OrderState::PendingConsumer)).await;
    let (offering, sandbox) = (sandbox.ids().offerings.slurm, Arc::new(sandbox));
    let (sender, mut done) = tokio::sync::mpsc::unbounded_channel();
    let counter = Arc::clone(&sandbox);
    let processor = OrderProcessor::new(&client(&sandbox), [offering], Arc::new(World::default())).on_order(
        move |item| {
            if item.outcome.is_ok() {
                let requests = counter.requests();
                let own = requests.iter().filter(|request| request.actor == Some(Actor::Provider));
                let _ = sender.send(own.count());
            }
        },
    );
    let events =
        client(&sandbox).events().offering(offering).kinds([EventKind::Order]).connect().await.unwrap();
    let (ended, mut first) = tokio::sync::mpsc::unbounded_channel();
    let order = sandbox.orders()[0].uuid;
    let work = async {
        first.recv().await.unwrap();
        sandbox.clear_requests();
        approve(&sandbox, order).await;
        done.recv().await.unwrap()
    };
    let mut count = 0;
    let work = async { count = work.await };
    timeout(LIMIT, processor.run_on_events(events, work, |_| assert!(ended.send(()).is_ok()))).await.unwrap();
    count
}

/// The requests by which the members of a project's ten resources follow the event of a role.
async fn role_by_event() -> usize {
    let sandbox = Arc::new(sandbox_with(|_| {}).await);
    let ids = *sandbox.ids();
    let world = World::with_accounts(sandbox.resources().into_iter().map(|resource| resource.backend_id));
    let membership = Membership::new(&client(&sandbox), Arc::new(world)).offering(ids.offerings.slurm);
    let kinds = [EventKind::UserRole];
    let events =
        client(&sandbox).events().offering(ids.offerings.slurm).kinds(kinds).connect().await.unwrap();
    let (ended, mut syncs) = tokio::sync::mpsc::unbounded_channel();
    let work = async {
        syncs.recv().await.unwrap();
        sandbox.clear_requests();
        let project = client_as(&sandbox, Actor::Consumer).consumer().project(ids.project);
        project.remove_member(ids.users.bob, "PROJECT.MEMBER").await.unwrap();
        syncs.recv().await.unwrap();
    };
    let each =
        |sync: Result<MembershipSync, Error>| assert!(ended.send(sync.unwrap().resources.applied()).is_ok());
    timeout(LIMIT, membership.run_on_events(events, work, each)).await.unwrap();
    sandbox.requests().iter().filter(|request| request.actor == Some(Actor::Provider)).count()
}

async fn approve(sandbox: &Sandbox, order: Uuid) {
    let consumer = client_as(sandbox, Actor::Consumer).consumer();
    consumer.order(order).approve().await.unwrap();
}

/// The rows of the table: what it is, our requests, and those of the official agent.
fn table() -> BTreeMap<&'static str, (usize, usize)> {
    let rows = PAGE.lines().filter_map(|line| {
        let cells: Vec<&str> =
            line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        match cells[..] {
            [what, _, ours, theirs] => Some((what, (ours.parse().ok()?, theirs.parse().ok()?))),
            _ => None,
        }
    });
    rows.collect()
}

#[tokio::test]
async fn the_table_of_the_documentation_is_true() {
    let (usage, no_usage) = usage_rounds().await;
    let (registration, heartbeat) = registration().await;
    let membership = membership_round().await;
    let measured = BTreeMap::from([
        ("orders: a round without orders", orders_round(None).await),
        ("orders: a Create order", orders_round(Some(OrderType::Create)).await),
        ("orders: an Update order", orders_round(Some(OrderType::Update)).await),
        ("orders: a Terminate order", orders_round(Some(OrderType::Terminate)).await),
        ("orders: a Create order, by its event", order_by_event().await),
        ("members: a round over 10 resources", membership),
        ("members: 10 resources, by the event of a role", role_by_event().await),
        ("members and accounts: a round over 10 resources, a new account", membership + account().await),
        (
            "resources: a round over 10 resources, with the times of their synchronization",
            resources_round().await,
        ),
        ("usage: a round over 10 resources, all new", usage),
        ("usage: a round over 10 resources, nothing new", no_usage),
        ("registration: a day of a loop, statistics included", registration + (24 * 4 - 1) * heartbeat),
    ]);
    let written: BTreeMap<&str, usize> = table().into_iter().map(|(what, (ours, _))| (what, ours)).collect();
    assert_eq!(written, measured);
    for (what, (ours, theirs)) in table() {
        assert!(ours * 2 <= theirs, "{what}: {ours} are more than half of {theirs}");
    }
}
