//! Resources that the back end keeps as Waldur wants them, on the sandbox.

mod ends;
mod events;
mod faults;
mod interrupted;
mod limits;
mod odd_resources;
mod rounds;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, json};
use waldur_sandbox::{ResourceState as State, ResourceView, Sandbox, Seed};
use waldur_sdk::agent::ResourceMode::{Downscaled, Normal, Paused};
use waldur_sdk::agent::{
    AgentResource, BackendError, Limits, ProcessedResource, PulledResource, ResourceBackend, ResourceMode,
    ResourceResultKind as Kind, ResourceStep as Step, ResourcesProcessor,
};
use waldur_sdk::{AccountName, BackendId, Client, NaiveDate, Report, Uuid};

use crate::common::{client_builder, quick};

const RESOURCES: &str = "marketplace-provider-resources";

/// An account in the tests' own cluster.
#[derive(Clone, Debug)]
struct Account {
    mode: ResourceMode,
    limits: Limits,
    user_limits: Option<BTreeMap<AccountName, Limits>>,
    members_restricted: Option<bool>,
    end_date: Option<Option<NaiveDate>>,
}

impl Account {
    fn new(mode: ResourceMode, cpu: i64) -> Self {
        let limits = cpus(cpu);
        Self { mode, limits, user_limits: None, members_restricted: None, end_date: None }
    }
}

fn cpus(cpu: i64) -> Limits {
    Limits::from([("cpu".to_owned(), cpu.into())])
}

#[derive(Debug, Default)]
struct World {
    accounts: BTreeMap<String, Account>,
    /// What was changed, in that order.
    calls: Vec<String>,
    pulls: usize,
    /// How each pull of an account fails.
    fails: BTreeMap<String, BackendError>,
    is_down: bool,
}

impl World {
    /// Changes an account. A change to what is there already would be one too many.
    fn change<T: PartialEq + std::fmt::Debug>(
        &mut self,
        id: &BackendId,
        what: &str,
        part: impl FnOnce(&mut Account) -> &mut T,
        to: T,
    ) -> Result<(), BackendError> {
        let account = self.accounts.get_mut(id.as_str()).expect("only what was pulled is changed");
        self.calls.push(format!("{id} {what}"));
        let part = part(account);
        assert_ne!(*part, to, "{id} {what}: it isn't idempotent");
        *part = to;
        Ok(())
    }
}

/// A cluster of which each change fails if it is made twice.
#[derive(Clone, Debug, Default)]
struct Cluster(Arc<Mutex<World>>);

impl Cluster {
    /// A cluster with these accounts; those of the cases if there are none.
    fn of(cases: &[Case]) -> Self {
        let cluster = Self::default();
        let accounts = cases.iter().filter_map(|case| Some((case.id(), case.there?)));
        let accounts = accounts.map(|(id, (mode, cpu))| (id, Account::new(mode, cpu)));
        cluster.0.lock().unwrap().accounts = accounts.collect();
        cluster
    }

    fn with<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    fn account(&self, id: &str) -> Account {
        self.with(|world| world.accounts[id].clone())
    }

    fn calls(&self) -> Vec<String> {
        self.with(|world| world.calls.clone())
    }
}

impl ResourceBackend for Cluster {
    async fn ready(&self) -> Result<(), BackendError> {
        match self.with(|world| world.is_down) {
            true => Err(BackendError::transient("the cluster is down")),
            false => Ok(()),
        }
    }

    async fn pull(&self, _: &AgentResource, id: &BackendId) -> Result<PulledResource, BackendError> {
        self.with(|world| {
            world.pulls += 1;
            if let Some(error) = world.fails.get(id.as_str()) {
                return Err(error.clone());
            }
            let Some(account) = world.accounts.get(id.as_str()).cloned() else {
                return Err(BackendError::permanent("the account doesn't exist").with_traceback("sacctmgr"));
            };
            let metadata = Map::from_iter([("qos".to_owned(), json!(account.mode))]);
            let mut pulled =
                PulledResource::new().mode(account.mode).limits(account.limits).metadata(metadata);
            if let Some(limits) = account.user_limits {
                pulled = pulled.user_limits(limits);
            }
            if let Some(restricted) = account.members_restricted {
                pulled = pulled.members_restricted(restricted);
            }
            if let Some(day) = account.end_date {
                pulled = pulled.end_date(day);
            }
            Ok(pulled)
        })
    }

    async fn pause(&self, _: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        self.with(|world| world.change(id, "pause", |account| &mut account.mode, Paused))
    }

    async fn downscale(&self, _: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        self.with(|world| world.change(id, "downscale", |account| &mut account.mode, Downscaled))
    }

    async fn restore(&self, _: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        self.with(|world| world.change(id, "restore", |account| &mut account.mode, Normal))
    }

    async fn set_limits(&self, resource: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        let limits = resource.limits.clone();
        self.with(|world| world.change(id, "limits", |account| &mut account.limits, limits))
    }

    async fn set_user_limits(
        &self,
        _: &AgentResource,
        id: &BackendId,
        username: &AccountName,
        limits: &Limits,
    ) -> Result<(), BackendError> {
        let what = format!("limits of {username}");
        let mut world = self.0.lock().unwrap();
        let users = world.accounts.get_mut(id.as_str()).and_then(|account| account.user_limits.as_mut());
        let before = users.expect("only what was pulled is set").insert(username.clone(), limits.clone());
        assert_ne!(before.as_ref(), Some(limits), "{id} {what}: it isn't idempotent");
        world.calls.push(format!("{id} {what}"));
        Ok(())
    }

    async fn restrict_members(
        &self,
        _: &AgentResource,
        id: &BackendId,
        restricted: bool,
    ) -> Result<(), BackendError> {
        self.with(|world| world.change(id, "members", |one| &mut one.members_restricted, Some(restricted)))
    }

    async fn set_end_date(&self, resource: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        let day = Some(resource.end_date);
        self.with(|world| world.change(id, "end", |account| &mut account.end_date, day))
    }
}

/// A resource in Waldur, and its account in the cluster.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    state: State,
    mode: ResourceMode,
    cpu: u64,
    there: Option<(ResourceMode, i64)>,
}

impl Case {
    fn id(&self) -> String {
        format!("hpc_{}", self.name)
    }
}

const fn case(
    name: &'static str,
    state: State,
    mode: ResourceMode,
    cpu: u64,
    there: Option<(ResourceMode, i64)>,
) -> Case {
    Case { name, state, mode, cpu, there }
}

/// One of each kind of difference, and one without.
const OF_EACH: &[Case] = &[
    case("paused", State::Ok, Paused, 8, Some((Normal, 8))),
    case("slowed", State::Ok, Downscaled, 8, Some((Normal, 8))),
    case("resumed", State::Ok, Normal, 8, Some((Paused, 8))),
    case("grown", State::Ok, Normal, 16, Some((Normal, 8))),
    case("both", State::Ok, Paused, 16, Some((Downscaled, 8))),
    case("same", State::Ok, Normal, 8, Some((Normal, 8))),
    case("mended", State::Erred, Normal, 8, Some((Normal, 8))),
    case("gone", State::Ok, Normal, 8, None),
    case("lost", State::Erred, Normal, 8, None),
];

/// What has to be called for these, in any order.
const CALLS: [&str; 6] = [
    "hpc_both limits",
    "hpc_both pause",
    "hpc_grown limits",
    "hpc_paused pause",
    "hpc_resumed restore",
    "hpc_slowed downscale",
];

const SAME: &[Case] = &[case("same", State::Ok, Normal, 8, Some((Normal, 8)))];
const PAUSED: &[Case] = &[case("paused", State::Ok, Paused, 8, Some((Normal, 8)))];

/// Adds the cases to an offering of their own.
fn seed_cases(seed: &mut Seed<'_>, cases: &[Case]) -> Uuid {
    let (provider, project) = (seed.ids().provider_customer, seed.ids().project);
    let offering = seed.offering(provider, "hpc");
    for case in cases {
        let resource = seed.resource(offering, project, case.name, case.state);
        seed.backend_id(resource, &case.id());
        seed.limit(resource, "cpu", case.cpu);
        seed.flags(resource, case.mode == Paused, case.mode == Downscaled);
    }
    offering
}

async fn sandbox_with(cases: &'static [Case]) -> Sandbox {
    let builder = Sandbox::builder().orders(0).seed(|seed| _ = seed_cases(seed, cases));
    builder.start().await.unwrap()
}

/// The resources of the cases, in their order.
fn there(sandbox: &Sandbox) -> Vec<ResourceView> {
    let resources = sandbox.resources();
    resources.into_iter().filter(|row| row.backend_id.starts_with("hpc_")).collect()
}

fn resource(sandbox: &Sandbox, name: &str) -> ResourceView {
    there(sandbox).into_iter().find(|row| row.name == name).unwrap()
}

fn offering(sandbox: &Sandbox) -> Uuid {
    there(sandbox)[0].offering
}

fn client(sandbox: &Sandbox) -> Client {
    client_builder(sandbox).retry(quick()).build().unwrap()
}

fn processor(sandbox: &Sandbox, cluster: &Cluster) -> ResourcesProcessor<Cluster> {
    processor_of(&client(sandbox), sandbox, cluster)
}

fn processor_of(client: &Client, sandbox: &Sandbox, cluster: &Cluster) -> ResourcesProcessor<Cluster> {
    ResourcesProcessor::new(client, [offering(sandbox)], cluster.clone())
        .backoff(Duration::ZERO, Duration::ZERO)
}

fn kinds(report: &Report<ProcessedResource>) -> Vec<Kind> {
    report.items.iter().map(|item| item.target.result.kind()).collect()
}

fn done(report: &Report<ProcessedResource>) -> Vec<&[Step]> {
    report.items.iter().map(|item| item.target.done.as_slice()).collect()
}

fn sorted(mut calls: Vec<String>) -> Vec<String> {
    calls.sort_unstable();
    calls
}
