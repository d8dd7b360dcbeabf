//! A day's work of an agent, seen only through the API: on the sandbox, and on a server of your own.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use waldur_sandbox::{Actor, OfferingUserState, Release, Sandbox};
use waldur_sdk::agent::{Agent, BackendError, Measurements, Meter, MeteredResource, StopHandle};
use waldur_sdk::consumer::{OfferingDetails, PlacedOrder, Resource};
use waldur_sdk::types::{BillingTypeEnum, ResourceState};
use waldur_sdk::{Client, ClientExt as _, Decimal, Month, Utc, Uuid};

use super::common::{client_as, client_builder_at};
use super::day::replay;
use super::world::{World, account_of};
use super::{Activities, activities};

/// The resources that are ordered.
const RESOURCES: usize = 3;

/// Where the day takes place.
struct Site {
    /// The service provider's.
    provider: Client,
    /// A member of the project who may order.
    consumer: Client,
    offering: Uuid,
    project: Uuid,
    /// How many accounts of the project's members the back end has at least.
    members: usize,
    /// The pause between the rounds of each loop.
    interval: Duration,
    /// The time limit of each step.
    limit: Duration,
}

/// The usage of one component, of accounts of the back end.
#[derive(Debug)]
struct Metered {
    world: Arc<World>,
    component: String,
}

impl Meter for Metered {
    async fn measure(&self, resources: &[MeteredResource], _: Month) -> Result<Measurements, BackendError> {
        let state = self.world.state.lock().unwrap();
        let mut measured = Measurements::new();
        for resource in resources {
            if let Some(used) = state.used.get(resource.backend_id.as_str()) {
                measured.add(resource.uuid, self.component.as_str(), *used);
            }
        }
        Ok(measured)
    }
}

struct Running {
    agent: JoinHandle<Option<()>>,
    stop: StopHandle,
    seen: Activities,
}

impl Site {
    /// Reads where the day takes place from the environment.
    fn from_env() -> Self {
        let text = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} isn't set"));
        let uuid = |name: &str| text(name).parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let client = |token: &str| client_builder_at(text("WALDUR_DAY_URL"), text(token)).build().unwrap();
        Self {
            provider: client("WALDUR_DAY_PROVIDER_TOKEN"),
            consumer: client("WALDUR_DAY_CONSUMER_TOKEN"),
            offering: uuid("WALDUR_DAY_OFFERING"),
            project: uuid("WALDUR_DAY_PROJECT"),
            members: env::var("WALDUR_DAY_MEMBERS").map_or(0, |number| number.parse().unwrap()),
            interval: Duration::from_secs(2),
            limit: Duration::from_secs(600),
        }
    }

    fn start(&self, world: &Arc<World>, component: Option<&str>) -> Running {
        let (on_activity, seen) = activities();
        let pause = self.interval;
        let mut builder = Agent::builder(&self.provider)
            .offering(self.offering)
            .on_activity(on_activity)
            .orders_with(Arc::clone(world), move |orders| orders.interval(pause).backoff(pause, pause * 4))
            .membership_with(Arc::clone(world), move |membership| membership.interval(pause))
            .accounts_with(Arc::clone(world), move |accounts| {
                accounts.interval(pause).backoff(pause, pause * 4)
            });
        if let Some(component) = component {
            let metered = Metered { world: Arc::clone(world), component: component.to_owned() };
            builder = builder.usage_with(metered, move |usage| usage.interval(pause));
        }
        let agent = builder.build().unwrap();
        let stop = agent.stop_handle();
        Running { agent: tokio::spawn(agent.run_until(std::future::pending())), stop, seen }
    }

    /// Waits for the end of an order.
    async fn finished(&self, order: &PlacedOrder) -> Resource {
        let wait = order.wait().poll_interval(self.interval, self.interval * 4);
        wait.timeout(self.limit).await.unwrap()
    }

    /// What Waldur has of the usage of a component this month.
    async fn usage(&self, resource: Uuid, component: &str) -> Decimal {
        let usage = self.provider.provider().resource(resource).usage(Month::current()).await.unwrap();
        usage.iter().filter(|usage| usage.type_ == component).map(|usage| usage.amount).sum()
    }

    /// The usernames of the resource's team that the back end must have.
    async fn team(&self, resource: Uuid) -> BTreeSet<String> {
        let team = self.provider.provider().resource(resource).team().await.unwrap();
        assert!(team.unreadable().is_empty(), "{:#?}", team.unreadable());
        let usable = team.into_iter().filter(|member| member.has_usable_account());
        usable.filter_map(|member| member.offering_user_username).collect()
    }
}

/// The limits to order: those that the offering proposes, or the least.
fn limits_of(offering: &OfferingDetails, add: u64) -> BTreeMap<String, Decimal> {
    let limited = offering.components.iter().filter(|component| component.takes_limit());
    let limit = |least: Option<Decimal>| least.unwrap_or(Decimal::ONE) + Decimal::from(add);
    limited.map(|one| (one.type_.clone(), limit(one.default_limit.or(one.min_value)))).collect()
}

/// Customers order, change and end resources, and use them; the agent is killed in the middle of an order.
/// At the end, the server has what the log of the back end says, and the resources are terminated. Returns the
/// log.
async fn a_day(site: &Site) -> Vec<String> {
    let consumer = site.consumer.consumer();
    let offering = consumer.offering(site.offering).get().await.unwrap();
    let metered = offering.components.iter().find(|one| one.billing_type == BillingTypeEnum::Usage);
    let metered = metered.map(|component| component.type_.as_str());
    let world = Arc::new(World::default());
    let run = Utc::now().timestamp();

    let mut agent = site.start(&world, metered);
    let mut placed = Vec::new();
    for number in 1..=RESOURCES {
        let mut order = consumer.project(site.project).order(site.offering).accept_terms();
        order = order.name(format!("day-{run}-{number}")).limits(limits_of(&offering, 0));
        if let (false, Some(plan)) = (offering.plans.is_empty(), offering.orderable_plans().next()) {
            order = order.plan(plan.uuid);
        }
        placed.push(order.await.unwrap());
    }
    agent.seen.until_seen("an account", site.limit, async || !world.log().is_empty()).await;
    agent.agent.abort();
    let _ = agent.agent.await;
    agent = site.start(&world, metered);
    let mut resources = Vec::new();
    for order in &placed {
        let resource = site.finished(order).await;
        assert_eq!(
            (resource.state.clone(), resource.limits.clone()),
            (ResourceState::Ok, limits_of(&offering, 0))
        );
        resources.push(resource.uuid);
    }

    let [changed, ended, kept] = resources[..] else { panic!("{resources:?}") };
    if !limits_of(&offering, 1).is_empty() {
        let order = consumer.resource(changed).set_limits(limits_of(&offering, 1)).await.unwrap();
        assert_eq!(site.finished(&order).await.limits, limits_of(&offering, 1));
        assert_eq!(world.state.lock().unwrap().accounts[&account_of(changed)], limits_of(&offering, 1));
    }
    let order = consumer.resource(ended).terminate().await.unwrap();
    assert_eq!(site.finished(&order).await.state, ResourceState::Terminated);

    for resource in [changed, kept] {
        let account = account_of(resource);
        let has_team = async || {
            let team = site.team(resource).await;
            let members = world.state.lock().unwrap().members.get(&account).cloned().unwrap_or_default();
            team.len() >= site.members && members == team
        };
        agent.seen.until_seen("the members", site.limit, has_team).await;
        let used = Decimal::new(1234, 2);
        world.state.lock().unwrap().used.insert(account, used);
        if let Some(component) = metered {
            let is_reported = async || site.usage(resource, component).await == used;
            agent.seen.until_seen("the usage", site.limit, is_reported).await;
        }
        let pulled = site.provider.provider().resource(resource).get().await.unwrap();
        assert_eq!((pulled.state, pulled.backend_id), (ResourceState::Ok, account_of(resource)));
    }
    for resource in [changed, kept] {
        let order = consumer.resource(resource).terminate().await.unwrap();
        assert_eq!(site.finished(&order).await.state, ResourceState::Terminated);
    }
    agent.stop.stop();
    agent.agent.await.unwrap();

    let log = world.log();
    let created: BTreeSet<String> = resources.iter().map(|resource| account_of(*resource)).collect();
    let of_log = log.iter().filter_map(|entry| entry.strip_prefix("create ")).map(str::to_owned);
    assert_eq!(of_log.collect::<BTreeSet<_>>(), created, "{log:#?}");
    assert!(replay(&log).is_empty(), "{log:#?}");
    log
}

#[tokio::test]
async fn a_day_on_the_sandbox_agrees_with_the_log() {
    let builder = Sandbox::builder().release(Release::Newer).orders(0).without_resources();
    let builder = builder.seed(|seed| {
        let ids = *seed.ids();
        seed.billing_type(ids.offerings.slurm, "ram", "limit");
        seed.offering_user(ids.offerings.slurm, ids.users.bob, "", OfferingUserState::Requested);
    });
    let sandbox = builder.start().await.unwrap();
    let ids = *sandbox.ids();
    let log = a_day(&Site {
        provider: client_as(&sandbox, Actor::Provider),
        consumer: client_as(&sandbox, Actor::Consumer),
        offering: ids.offerings.slurm,
        project: ids.project,
        members: 1,
        interval: Duration::from_millis(20),
        limit: Duration::from_secs(60),
    })
    .await;
    // Nothing of the day was left out.
    for entry in ["create ", "update ", "terminate ", "add "] {
        assert!(log.iter().any(|one| one.starts_with(entry)), "{log:#?}");
    }
    assert!(sandbox.usages().iter().any(|usage| usage.component == "cpu"));
    sandbox.assert_contract();
}

#[tokio::test]
#[ignore = "changes the server that WALDUR_DAY_URL names, and ends what it made"]
async fn a_day_on_a_server_agrees_with_the_log() {
    println!("{:#?}", a_day(&Site::from_env()).await);
}
