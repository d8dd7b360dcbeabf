//! A day of a provider: customers order, people come and go, resources are used, every fifth request fails,
//! and the agent is stopped and killed again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use waldur_sandbox::{
    Actor, Fault, Misbehaviour, OfferingUserState, OrderState, Release, ResourceState, Sandbox,
};
use waldur_sdk::agent::{Agent, StopHandle};
use waldur_sdk::{Client, ClientExt as _, DateTime, Decimal, Utc, Uuid};

use super::common::{client_as, client_builder, quick};
use super::world::{World, account_of};
use super::{Activities, activities, all_loops};

/// The hours that are simulated.
const HOURS: u32 = 24;

/// The requests that the agent sends in an hour before the next one begins, or before it is ended.
const REQUESTS: usize = 60;

/// An agent that runs.
struct Running {
    agent: JoinHandle<Option<()>>,
    stop: StopHandle,
    seen: Activities,
}

impl Running {
    fn start(client: &Client, sandbox: &Sandbox, world: &Arc<World>) -> Self {
        let (on_activity, seen) = activities();
        let builder = Agent::builder(client)
            .offering(sandbox.ids().offerings.slurm)
            .identity("polar", "1.4.0")
            .heartbeat(Duration::from_millis(200))
            .on_activity(on_activity);
        let agent = all_loops(builder, world).build().unwrap();
        let stop = agent.stop_handle();
        Self { agent: tokio::spawn(agent.run_until(std::future::pending())), stop, seen }
    }

    async fn stop(self) {
        self.stop.stop();
        timeout(Duration::from_secs(120), self.agent).await.unwrap().unwrap();
    }

    /// Ends it in the middle of whatever it does.
    async fn kill(self) {
        self.agent.abort();
        let _ = self.agent.await;
    }
}

/// What the customers of an hour do.
async fn customers(sandbox: &Sandbox, hour: u32, people: &[Uuid]) {
    let ids = *sandbox.ids();
    let consumer = client_as(sandbox, Actor::Consumer).consumer();
    let project = consumer.project(ids.project);
    let name = format!("job{hour}");
    project
        .order(ids.offerings.slurm)
        .name(name)
        .limit("ram", 8 + u64::from(hour))
        .accept_terms()
        .await
        .unwrap();
    let usable: Vec<Uuid> = sandbox
        .resources()
        .into_iter()
        .filter(|resource| resource.state == ResourceState::Ok && !resource.backend_id.is_empty())
        .map(|resource| resource.uuid)
        .collect();
    // An order that is open refuses another one for its resource.
    if let (0, Some(resource)) = (hour % 3, usable.first()) {
        let _ = consumer.resource(*resource).set_limits([("ram", 100 + hour)]).await;
    }
    if let (2, Some(resource)) = (hour % 4, usable.last()) {
        let _ = consumer.resource(*resource).terminate().await;
    }
    let (comes, goes) = (people[hour as usize % people.len()], people[(hour as usize + 3) % people.len()]);
    project.add_member(comes, "PROJECT.MEMBER", None).await.unwrap();
    project.remove_member(goes, "PROJECT.MEMBER").await.unwrap();
}

/// What the users of an hour use.
fn users(world: &World) {
    let mut state = world.state.lock().unwrap();
    let accounts: Vec<String> = state.accounts.keys().cloned().collect();
    for (number, account) in (1_i64..).zip(accounts) {
        *state.used.entry(account).or_default() += Decimal::new(125 * number, 2);
    }
}

/// Whether nothing is left to do.
fn is_settled(sandbox: &Sandbox, world: &World) -> bool {
    let orders =
        sandbox.orders().iter().all(|order| matches!(order.state, OrderState::Done | OrderState::Erred));
    let users = sandbox.offering_users().iter().all(|user| user.state == OfferingUserState::Ok);
    orders
        && users
        && expected_members(sandbox).eq(&members(sandbox, world))
        && usage(sandbox) == used(sandbox, world)
}

fn ok_resources(sandbox: &Sandbox) -> impl Iterator<Item = (Uuid, String)> + '_ {
    let resources = sandbox.resources().into_iter().filter(|resource| resource.state == ResourceState::Ok);
    resources.map(|resource| (resource.uuid, resource.backend_id))
}

/// The accounts of the people in the project, by account of a resource.
fn expected_members(sandbox: &Sandbox) -> BTreeMap<String, BTreeSet<String>> {
    let in_project: BTreeSet<String> =
        sandbox.members(sandbox.ids().project).into_iter().map(|(user, _)| format!("hpc_{user}")).collect();
    let has_account = |name: &String| sandbox.offering_users().iter().any(|user| user.username == *name);
    let team: BTreeSet<String> = in_project.into_iter().filter(has_account).collect();
    ok_resources(sandbox).map(|(_, account)| (account, team.clone())).collect()
}

fn members(sandbox: &Sandbox, world: &World) -> BTreeMap<String, BTreeSet<String>> {
    let state = world.state.lock().unwrap();
    let of = |account: &String| state.members.get(account).cloned().unwrap_or_default();
    ok_resources(sandbox).map(|(_, account)| (account.clone(), of(&account))).collect()
}

/// What Waldur has of the usage, by account.
fn usage(sandbox: &Sandbox) -> BTreeMap<String, Decimal> {
    let usages = sandbox.usages();
    let of = |resource: Uuid| {
        let mut usages = usages.iter().filter(|usage| usage.resource == resource && usage.component == "cpu");
        usages.next().map(|usage| usage.amount).unwrap_or_default()
    };
    ok_resources(sandbox).map(|(resource, account)| (account, of(resource))).collect()
}

fn used(sandbox: &Sandbox, world: &World) -> BTreeMap<String, Decimal> {
    let state = world.state.lock().unwrap();
    let of = |account: &str| state.used.get(account).copied().unwrap_or_default();
    ok_resources(sandbox).map(|(_, account)| (account.clone(), of(&account))).collect()
}

/// Replays the log. Returns what the back end must have: nothing was made twice, or removed when it wasn't
/// there.
pub(super) fn replay(log: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let mut accounts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut ever, mut users) = (BTreeSet::new(), BTreeSet::new());
    for entry in log {
        let words: Vec<&str> = entry.split(' ').collect();
        match words[..] {
            ["create", account] => {
                assert!(ever.insert(account), "made twice: {account}");
                accounts.insert(account.to_owned(), BTreeSet::new());
            }
            ["terminate", account] => assert!(accounts.remove(account).is_some(), "{entry}"),
            ["update", account] => assert!(accounts.contains_key(account), "{entry}"),
            ["user", name] => assert!(users.insert(name), "made twice: {name}"),
            ["add", user, "to", account] => {
                let members = accounts.get_mut(account).unwrap_or_else(|| panic!("no account: {entry}"));
                assert!(members.insert(user.to_owned()), "added twice: {entry}");
            }
            ["remove", user, "from", account] => {
                let members = accounts.get_mut(account).unwrap_or_else(|| panic!("no account: {entry}"));
                assert!(members.remove(user), "removed twice: {entry}");
            }
            _ => panic!("{entry}"),
        }
    }
    accounts
}

#[tokio::test]
async fn after_a_day_the_server_agrees_with_the_log_of_the_back_end() {
    let begun: DateTime<Utc> = "2026-03-10T00:00:00Z".parse().unwrap();
    let (sender, mut people) = tokio::sync::mpsc::unbounded_channel();
    let builder = Sandbox::builder().release(Release::Newer).orders(0).without_resources().now(begun);
    let builder = builder.dice(7).seed(move |seed| {
        let offering = seed.ids().offerings.slurm;
        seed.billing_type(offering, "ram", "limit");
        for name in ["dora", "emil", "faye", "gus", "hana"] {
            let user = seed.user(name, name, "Late");
            seed.offering_user(offering, user, "", OfferingUserState::Requested);
            sender.send(user).unwrap();
        }
    });
    let sandbox = builder.start().await.unwrap();
    let people: Vec<Uuid> = std::iter::from_fn(|| people.try_recv().ok()).collect();
    let world = Arc::new(World::default());
    // Long enough for a few attempts, so that some failures remain for the next round.
    let policy = quick().max_elapsed(Duration::from_millis(500));
    let client = client_builder(&sandbox).timeout(Duration::from_millis(400)).retry(policy).build().unwrap();
    let misbehave = || sandbox.misbehave(Misbehaviour::any_of(Fault::each()).chance(0.2));

    let mut agent = Running::start(&client, &sandbox, &world);
    for hour in 0..HOURS {
        sandbox.set_now(begun + Duration::from_secs(3600) * hour);
        customers(&sandbox, hour, &people).await;
        misbehave();
        users(&world);
        let before = sandbox.requests().len();
        agent.seen.until_holds("requests", || sandbox.requests().len() >= before + REQUESTS).await;
        // By turns it goes on, is stopped, and is killed.
        match hour % 3 {
            0 => {}
            1 => {
                agent.stop().await;
                agent = Running::start(&client, &sandbox, &world);
            }
            _ => {
                agent.kill().await;
                agent = Running::start(&client, &sandbox, &world);
            }
        }
        sandbox.clear_faults();
    }
    agent.seen.until_holds("all is done", || is_settled(&sandbox, &world)).await;
    agent.stop().await;

    let log = world.log();
    let replayed = replay(&log);
    let of_sandbox: BTreeMap<String, BTreeSet<String>> = expected_members(&sandbox);
    assert_eq!(replayed, of_sandbox, "{log:#?}");
    assert!(sandbox.orders().iter().all(|order| order.state == OrderState::Done), "{:#?}", sandbox.orders());
    let state = world.state.lock().unwrap();
    for resource in sandbox.resources() {
        let account = account_of(resource.uuid);
        match resource.state {
            ResourceState::Ok => {
                assert_eq!(resource.backend_id, account);
                let ram = state.accounts[&account]["ram"];
                assert_eq!(resource.limits["ram"].as_u64().map(Decimal::from), Some(ram));
            }
            ResourceState::Terminated => assert!(!state.accounts.contains_key(&account)),
            other => panic!("{}: {other:?}", resource.name),
        }
    }
    assert_eq!(log.iter().filter(|entry| entry.starts_with("create")).count(), HOURS as usize);
    let requests = sandbox.requests();
    let failed = requests.iter().filter(|request| request.fault.is_some()).count();
    assert!(failed * 10 > requests.len(), "{failed} of {}", requests.len());
    assert!(
        log.iter().any(|entry| entry.starts_with("terminate"))
            && log.iter().any(|one| one.starts_with("update"))
    );
}
