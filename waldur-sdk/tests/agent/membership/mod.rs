//! Members of a back end in line with the team of a resource, on the sandbox.

mod events;
mod interrupted;
mod odd_rows;
mod one_user;
mod people;
mod project_accounts;
mod resources;
mod team;
mod two_hours;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use waldur_sandbox::{Actor, OfferingUserState as State, Sandbox, Seed};
use waldur_sdk::membership::{
    ListedMember, Member, MemberStep, MembershipBackend, MembershipResource, PlannedMember,
};
use waldur_sdk::{AccountName, Client, Item, Outcome, Report};

use crate::common::client_builder_as;

/// Groups in memory; what is done to some of its members fails.
#[derive(Default)]
struct Groups {
    members: Mutex<BTreeSet<String>>,
    failing: BTreeSet<&'static str>,
    calls: AtomicUsize,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

impl Groups {
    fn of<const N: usize>(members: [&str; N]) -> Self {
        Self { members: Mutex::new(members.map(str::to_owned).into()), ..Self::default() }
    }

    fn members(&self) -> Vec<String> {
        self.members.lock().unwrap().iter().cloned().collect()
    }

    async fn act(&self, username: &str, act: fn(&mut BTreeSet<String>, &str)) -> Result<(), String> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let now = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        if self.failing.contains(username) {
            return Err(format!("no quota for {username}"));
        }
        act(&mut self.members.lock().unwrap(), username);
        Ok(())
    }
}

impl MembershipBackend for Groups {
    type Error = String;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<ListedMember>, String> {
        assert_eq!(resource.backend_id, "polar_0001");
        match self.failing.contains("") {
            true => Err("the directory is away".to_owned()),
            false => Ok(self.members().into_iter().map(ListedMember::from).collect()),
        }
    }

    async fn add(&self, _: &MembershipResource, member: &Member) -> Result<(), String> {
        let add =
            |members: &mut BTreeSet<String>, username: &str| assert!(members.insert(username.to_owned()));
        self.act(member.username.as_str(), add).await
    }

    async fn remove(&self, _: &MembershipResource, member: &Member) -> Result<(), String> {
        self.act(member.username.as_str(), |members, username| assert!(members.remove(username))).await
    }
}

fn caller(sandbox: &Sandbox, actor: Actor) -> Client {
    client_builder_as(sandbox, actor).bulk_concurrency(4).build().unwrap()
}

/// Counts the members with this step that were changed now.
fn applied(report: &Report<PlannedMember>, step: MemberStep) -> usize {
    let is_applied = |item: &&Item<PlannedMember>| matches!(item.outcome, Outcome::Applied);
    report.items.iter().filter(is_applied).filter(|item| item.target.step == step).count()
}

fn added(report: &Report<PlannedMember>) -> usize {
    applied(report, MemberStep::Add)
}

fn removed(report: &Report<PlannedMember>) -> usize {
    applied(report, MemberStep::Remove)
}

/// In the team: Alice with an account, Bob whose account isn't made, Carla and twenty others with one. Not in
/// it: Dora, who has an account all the same.
async fn sandbox() -> Sandbox {
    let seed = |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        let slurm = ids.offerings.slurm;
        seed.backend_id(ids.resources.ok_second, "polar_0009");
        seed.offering_user(slurm, ids.users.bob, "bob01", State::Creating);
        let carla = seed.user("carla", "Carla", "Careful");
        seed.role(carla, ids.project, "PROJECT.MEMBER", None);
        seed.offering_user(slurm, carla, "carla01", State::Ok);
        let dora = seed.user("dora", "Dora", "Departed");
        seed.offering_user(slurm, dora, "dora01", State::Ok);
        for number in 0..20 {
            let user = seed.user(&format!("user{number:02}"), "User", &number.to_string());
            seed.role(user, ids.project, "PROJECT.MEMBER", None);
            seed.offering_user(slurm, user, &format!("u{number:02}"), State::Ok);
        }
    };
    Sandbox::builder().orders(0).seed(seed).start().await.unwrap()
}

/// Writes down what is asked of it, and fails a test that hands it a blank name.
#[derive(Default)]
struct Recorder {
    there: Vec<&'static str>,
    calls: Mutex<Vec<String>>,
}

impl Recorder {
    fn of<const N: usize>(there: [&'static str; N]) -> Self {
        Self { there: there.into(), ..Self::default() }
    }

    fn call(&self, what: &str, resource: &MembershipResource, username: Option<&AccountName>) {
        let (id, username) = (resource.backend_id.as_str(), username.map_or("-", AccountName::as_str));
        assert!(!id.trim().is_empty() && !username.trim().is_empty());
        self.calls.lock().unwrap().push(format!("{what} {id} {username}"));
    }

    /// The changes, in the order of the alphabet.
    fn changes(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        let mut changes: Vec<_> = calls.iter().filter(|call| !call.starts_with("list")).cloned().collect();
        changes.sort();
        changes
    }
}

impl MembershipBackend for Recorder {
    type Error = String;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<ListedMember>, String> {
        self.call("list", resource, None);
        Ok(self.there.iter().copied().map(ListedMember::from).collect())
    }

    async fn add(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        self.call("add", resource, Some(&member.username));
        Ok(())
    }

    async fn remove(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        self.call("remove", resource, Some(&member.username));
        Ok(())
    }
}

/// In the team: Alice and Carla with accounts, Bob without. Dora left.
async fn small() -> Sandbox {
    let seed = |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        let carla = seed.user("carla", "Carla", "Careful");
        seed.role(carla, ids.project, "PROJECT.MEMBER", None);
        seed.offering_user(ids.offerings.slurm, carla, "carla01", State::Ok);
        let dora = seed.user("dora", "Dora", "Departed");
        seed.offering_user(ids.offerings.slurm, dora, "dora01", State::Ok);
    };
    Sandbox::builder().orders(0).seed(seed).start().await.unwrap()
}
