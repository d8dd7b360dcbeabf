//! Two hours of changing members, with processes that die and a server that fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;
use waldur_sandbox::{Actor, OfferingUserState as State, Sandbox, Seed};
use waldur_sdk::accounts::ServiceAccountOwner;
use waldur_sdk::membership::{
    ListedMember, Member, Membership, MembershipBackend, MembershipResource, MembershipSync,
};
use waldur_sdk::{Client, ClientExt as _, Error, api};

use crate::common::{client_as, client_builder, provider_as, quick};
use crate::hours::{Hours, MINUTE, disturb};
use crate::membership::project_accounts::service_account;

/// The members of each resource with their roles, and every change.
type Members = BTreeMap<String, BTreeMap<String, String>>;

/// A directory that is away at times. It doesn't take the same change twice.
#[derive(Clone)]
struct Directory {
    begun: Instant,
    members: Arc<Mutex<Members>>,
    changes: Arc<Mutex<Vec<String>>>,
}

impl Directory {
    fn change(
        &self,
        what: String,
        resource: &MembershipResource,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<(), String> {
        change(self.members.lock().unwrap().entry(resource.name.clone()).or_default());
        self.changes.lock().unwrap().push(format!("{} {what}", resource.name));
        Ok(())
    }
}

impl MembershipBackend for Directory {
    type Error = String;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<ListedMember>, String> {
        if (40..45).contains(&(self.begun.elapsed().as_secs() / 60)) {
            return Err("the directory is away".to_owned());
        }
        let mut members = self.members.lock().unwrap();
        let members = members.entry(resource.name.clone()).or_default().iter();
        Ok(members.map(|(name, role)| ListedMember::new(name.as_str()).role(role.as_str())).collect())
    }

    async fn add(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        let name = member.username.to_string();
        self.change(format!("+ {name}"), resource, |members| {
            assert_eq!(members.insert(name, member.role.clone()), None, "{member:?}");
        })
    }

    async fn remove(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        let name = member.username.as_str();
        self.change(format!("- {name}"), resource, |members| {
            assert!(members.remove(name).is_some(), "{member:?}");
        })
    }

    async fn change_role(
        &self,
        resource: &MembershipResource,
        member: &Member,
        before: &str,
    ) -> Result<(), String> {
        let name = member.username.to_string();
        self.change(format!("{name} {before} to {}", member.role), resource, |members| {
            assert_eq!(members.insert(name, member.role.clone()).as_deref(), Some(before));
        })
    }
}

/// What happens in Waldur at some minute.
async fn happen(minute: u64, sandbox: &Sandbox, staff: &Client) {
    let ids = *sandbox.ids();
    let role = async |action: &str, account: &str, role: &str| {
        let user = sandbox.offering_users().into_iter().find(|row| row.username == account).unwrap().user;
        let body = json!({ "role": role, "user": user.simple().to_string() });
        let path = format!("/api/projects/{}/{action}/", ids.project.simple());
        staff.request(api::Method::POST, &path).json(&body).send().await.unwrap();
    };
    let resource = staff.provider().resource(ids.resources.ok);
    match minute {
        20 => drop(service_account(sandbox, "svc-ci").await),
        70 => {
            let account = sandbox.documents("marketplace-project-service-accounts")[0].uuid;
            let consumer = provider_as(sandbox, Actor::Consumer);
            consumer.service_account(ServiceAccountOwner::Project, account).close().await.unwrap();
        }
        10 => role("add_user", "dora01", "PROJECT.MEMBER").await,
        30 => role("delete_user", "carla01", "PROJECT.MEMBER").await,
        // While the directory is away.
        42 => {
            role("delete_user", "dora01", "PROJECT.MEMBER").await;
            role("add_user", "dora01", "PROJECT.ADMIN").await;
        }
        60 => drop(resource.set_restrict_member_access(true).await.unwrap()),
        80 => drop(resource.set_restrict_member_access(false).await.unwrap()),
        90 => role("add_user", "carla01", "PROJECT.MEMBER").await,
        _ => {}
    }
}

/// Runs an agent for two hours and returns the end state, and the changes in the order of the alphabet.
async fn two_hours(dice: Option<u64>) -> (Members, Vec<String>) {
    let seed = |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        for (name, is_member) in [("carla", true), ("dora", false)] {
            let user = seed.user(name, "Test", name);
            seed.offering_user(ids.offerings.slurm, user, &format!("{name}01"), State::Ok);
            if is_member {
                seed.role(user, ids.project, "PROJECT.MEMBER", None);
            }
        }
        seed.backend_id(ids.resources.ok_second, "polar_0009");
    };
    let builder = Sandbox::builder().orders(0).dice(dice.unwrap_or_default()).seed(seed);
    let sandbox = builder.start().await.unwrap();
    let client = client_builder(&sandbox).retry(quick()).build().unwrap();
    let staff = client_as(&sandbox, Actor::Staff);
    let mut hours = Hours::new(dice, 100);
    let (members, changes) = <(Arc<Mutex<Members>>, Arc<Mutex<Vec<String>>>)>::default();
    let directory =
        Directory { begun: Instant::now(), members: Arc::clone(&members), changes: Arc::clone(&changes) };
    // The last twenty minutes are quiet.
    for minute in [10, 20, 30, 42, 60, 70, 80, 90, 100, 120] {
        if hours.is_disturbed() && minute < 120 {
            disturb(&sandbox);
        }
        while hours.minute() < minute {
            let membership = Membership::new(&client, directory.clone()).interval(MINUTE);
            let membership = membership.offering(sandbox.ids().offerings.slurm);
            let membership = membership.service_accounts().remove_unknown();
            let (sender, mut rounds) = unbounded_channel();
            let each = |_: Result<MembershipSync, Error>| {
                let _ = sender.send(());
            };
            hours.live(membership.run(std::future::pending::<()>(), each), &mut rounds, minute).await;
        }
        sandbox.clear_faults();
        happen(minute, &sandbox, &staff).await;
    }
    assert!(dice.is_none() || hours.restarts >= 3, "{hours:?}");
    let membership = Membership::new(&client, &directory).offering(sandbox.ids().offerings.slurm);
    assert!(membership.sync_all().await.unwrap().is_ok());
    // A row that lost its role on the way adds a member without one, and the role follows.
    let follows = |change: &String| change.contains("01  to ");
    let mut changes = changes.lock().unwrap().clone();
    changes.retain(|change| !follows(change));
    changes.sort_unstable();
    (members.lock().unwrap().clone(), changes)
}

#[tokio::test]
async fn two_hours_with_faults_and_restarts_end_as_quiet_ones() {
    let expected = two_hours(None).await;
    // Three members of three resources come, one of them twice and all again to the restricted one.
    assert!(expected.1.len() > 12 && expected.0.len() == 3, "{expected:#?}");
    for change in ["dora01 member to admin", "+ svc-ci", "- svc-ci"] {
        assert!(expected.1.iter().any(|one| one.ends_with(change)), "{change}: {expected:#?}");
    }
    for dice in 0..2 {
        assert_eq!(two_hours(Some(dice)).await, expected, "{dice}");
    }
}
