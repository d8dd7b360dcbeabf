//! What a back end learns of a member, and roles that change.

use std::sync::Mutex;

use serde_json::{Value, json};
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::membership::{
    ListedMember, Member, MemberKind, MemberStep, Membership, MembershipBackend, MembershipResource,
};
use waldur_sdk::{Client, api};

use crate::common::client_as;
use crate::membership::{caller, small};

/// A directory that keeps roles, or doesn't, and what it was told.
#[derive(Default)]
struct Directory {
    there: Mutex<Vec<ListedMember>>,
    told: Mutex<Vec<(Member, String)>>,
    changes: Mutex<Vec<String>>,
}

impl Directory {
    fn of(there: impl IntoIterator<Item = ListedMember>) -> Self {
        Self { there: Mutex::new(there.into_iter().collect()), ..Self::default() }
    }

    fn tell(&self, what: String, resource: &MembershipResource, member: &Member) {
        self.told.lock().unwrap().push((member.clone(), resource.project_name.clone()));
        self.changes.lock().unwrap().push(what);
    }

    fn changes(&self) -> Vec<String> {
        let mut changes = self.changes.lock().unwrap().clone();
        changes.sort_unstable();
        changes
    }

    fn told_of(&self, name: &str) -> Member {
        let told = self.told.lock().unwrap();
        told.iter().find(|(member, _)| member.username == name).unwrap().0.clone()
    }
}

impl MembershipBackend for Directory {
    type Error = String;

    async fn list(&self, _: &MembershipResource) -> Result<Vec<ListedMember>, String> {
        Ok(self.there.lock().unwrap().clone())
    }

    async fn add(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        self.tell(format!("add {}", member.username), resource, member);
        let added = ListedMember::new(member.username.as_str()).role(member.role.as_str());
        self.there.lock().unwrap().push(added);
        Ok(())
    }

    async fn remove(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        self.tell(format!("remove {}", member.username), resource, member);
        self.there.lock().unwrap().retain(|there| member.username != there.username.as_str());
        Ok(())
    }

    async fn change_role(
        &self,
        resource: &MembershipResource,
        member: &Member,
        before: &str,
    ) -> Result<(), String> {
        self.tell(format!("{}: {before} to {}", member.username, member.role), resource, member);
        let mut there = self.there.lock().unwrap();
        let listed = there.iter_mut().find(|there| member.username == there.username.as_str()).unwrap();
        assert_eq!(listed.role.replace(member.role.clone()).as_deref(), Some(before));
        Ok(())
    }
}

#[tokio::test]
async fn a_back_end_learns_who_a_member_is() {
    let sandbox = small().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let directory = Directory::of([ListedMember::from("dora01"), ListedMember::from("root")]);
    let membership = Membership::new(&client, &directory).remove_unknown();
    assert!(membership.sync_resource(ids.resources.ok).await.unwrap().is_ok());
    // The resource, its team and the accounts.
    assert_eq!(sandbox.requests().len(), 3);
    assert_eq!(directory.changes(), ["add alice01", "add carla01", "remove dora01", "remove root"]);
    let carla = directory.told_of("carla01");
    assert_eq!((carla.user_username.as_str(), carla.full_name.as_str()), ("carla", "Carla Careful"));
    assert_eq!((carla.email.as_str(), carla.role.as_str()), ("carla@example.org", "member"));
    assert_eq!((carla.kind, carla.user_uuid.is_some()), (MemberKind::Person, true));
    // Who left is known by the offering user, and has no role.
    let dora = directory.told_of("dora01");
    assert_eq!((dora.user_username.as_str(), dora.full_name.as_str()), ("dora", "Dora Departed"));
    assert_eq!((dora.email.as_str(), dora.role.as_str()), ("dora@example.org", ""));
    let root = directory.told_of("root");
    assert_eq!((root.kind, root.user_uuid, root.full_name.as_str()), (MemberKind::Unknown, None, ""));
    let projects: Vec<String> = directory.told.lock().unwrap().iter().map(|(_, name)| name.clone()).collect();
    assert!(projects.iter().all(|name| *name == projects[0] && !name.is_empty()), "{projects:?}");
    // The resources, the accounts, and one team per project and offering.
    sandbox.clear_requests();
    let sync = Membership::new(&client, &directory).offering(ids.offerings.slurm).sync_all().await.unwrap();
    assert_eq!((sandbox.requests().len(), sync.resources.unchanged()), (3, 2), "{sync}");
}

/// Changes a role as the project's manager does: the old one is revoked, the new one granted.
async fn change_role(staff: &Client, sandbox: &Sandbox, from: &str, to: &str) {
    let carla = sandbox.offering_users().into_iter().find(|row| row.username == "carla01").unwrap().user;
    let (project, carla) = (sandbox.ids().project.simple(), carla.simple().to_string());
    for (action, role) in [("delete_user", from), ("add_user", to)] {
        let body: Value = json!({ "role": role, "user": carla });
        let path = format!("/api/projects/{project}/{action}/");
        staff.request(api::Method::POST, &path).json(&body).send().await.unwrap();
    }
}

#[tokio::test]
async fn a_changed_role_is_a_step() {
    let sandbox = small().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let staff = client_as(&sandbox, Actor::Staff);
    let directory = Directory::default();
    let membership = Membership::new(&client, &directory);
    assert_eq!(membership.sync_resource(ids.resources.ok).await.unwrap().applied(), 2);
    change_role(&staff, &sandbox, "PROJECT.MEMBER", "PROJECT.ADMIN").await;
    let plan = membership.plan(ids.resources.ok).await.unwrap();
    assert_eq!((plan.count(MemberStep::ChangeRole), plan.is_empty()), (1, false));
    assert!(
        plan.to_string().contains("change role carla01 (Carla Careful) from \"member\" to \"admin\""),
        "{plan}"
    );
    let report = membership.sync_resource(ids.resources.ok).await.unwrap();
    assert_eq!((report.applied(), report.count(MemberStep::Keep)), (1, 1), "{report}");
    assert_eq!(directory.changes(), ["add alice01", "add carla01", "carla01: member to admin"]);
    let report = membership.sync_resource(ids.resources.ok).await.unwrap();
    assert_eq!((report.applied(), report.count(MemberStep::Keep)), (0, 2), "{report}");
}

#[tokio::test]
async fn roles_change_nothing_where_nothing_is_known_of_them() {
    let sandbox = small().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let team = "marketplace_provider_resources_team_list";
    let listed = |role: Option<&str>| {
        let member = ListedMember::new("alice01");
        [role.map_or(member.clone(), |role| member.role(role)), ListedMember::new("carla01")]
    };
    // The back end keeps no roles.
    let directory = Directory::of(listed(None));
    let report = Membership::new(&client, &directory).sync_resource(ids.resources.ok).await.unwrap();
    assert_eq!((report.count(MemberStep::Keep), directory.changes().len()), (2, 0), "{report}");
    // The server doesn't say.
    sandbox.corrupt(team, ids.users.alice, "role", json!(null));
    let directory = Directory::of(listed(Some("guest")));
    let report = Membership::new(&client, &directory).sync_resource(ids.resources.ok).await.unwrap();
    assert_eq!((report.count(MemberStep::Keep), directory.changes().len()), (2, 0), "{report}");
    sandbox.clear_corruptions();
    // Two members share an account, and have different roles.
    sandbox.corrupt("marketplace-offering-users", ids.offering_user, "username", json!("carla01"));
    sandbox.corrupt(team, ids.users.alice, "role", json!("admin"));
    let directory = Directory::of([ListedMember::new("carla01").role("member")]);
    let report = Membership::new(&client, &directory).sync_resource(ids.resources.ok).await.unwrap();
    assert_eq!((report.count(MemberStep::Keep), directory.changes().len()), (2, 0), "{report}");
}

/// A back end that doesn't implement the change of roles.
struct Roleless;

impl MembershipBackend for Roleless {
    type Error = String;

    async fn list(&self, _: &MembershipResource) -> Result<Vec<ListedMember>, String> {
        Ok(vec![ListedMember::new("alice01").role("guest")])
    }

    async fn add(&self, _: &MembershipResource, _: &Member) -> Result<(), String> {
        Ok(())
    }

    async fn remove(&self, _: &MembershipResource, _: &Member) -> Result<(), String> {
        Ok(())
    }
}

#[tokio::test]
async fn a_change_of_roles_does_nothing_by_default() {
    let sandbox = small().await;
    let client = caller(&sandbox, Actor::Provider);
    let report = Membership::new(&client, Roleless).sync_resource(sandbox.ids().resources.ok).await.unwrap();
    assert!(report.is_ok() && report.count(MemberStep::ChangeRole) == 1, "{report}");
}
