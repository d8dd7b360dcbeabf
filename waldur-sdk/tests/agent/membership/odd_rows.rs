//! Rows that are missing, odd or unreadable.

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour};
use waldur_sdk::ClientExt as _;
use waldur_sdk::membership::{MemberStep, Membership, MembershipPlan};

use crate::membership::{Groups, Recorder, caller, sandbox, small};

fn step_of(plan: &MembershipPlan, name: &str) -> MemberStep {
    let named = |one: &&waldur_sdk::membership::PlannedMember| {
        one.username.as_ref().is_some_and(|there| *there == name)
    };
    plan.members.iter().find(named).unwrap_or_else(|| panic!("no {name} in\n{plan}")).step
}

/// An offering may keep its accounts to itself; the team shows them all the same.
#[tokio::test]
async fn members_whose_accounts_are_not_listed_stay() {
    let sandbox = sandbox().await;
    let (resource, client) = (sandbox.ids().resources.ok, caller(&sandbox, Actor::Provider));
    sandbox
        .misbehave(Misbehaviour::new(Fault::VanishedItems(100)).operation("marketplace_offering_users_list"));
    let groups = Groups::of(["alice01", "bob01", "root"]);
    let plan = Membership::new(&client, &groups).remove_unknown().plan(resource).await.unwrap();
    let step = |name: &str| step_of(&plan, name);
    assert_eq!((step("alice01"), step("carla01")), (MemberStep::Keep, MemberStep::Add));
    assert_eq!((step("bob01"), step("root")), (MemberStep::Unusable, MemberStep::Remove));
}

#[tokio::test]
async fn names_that_are_none_are_never_handed_back() {
    let sandbox = small().await;
    let (resource, client) = (sandbox.ids().resources.ok, caller(&sandbox, Actor::Provider));
    let recorder = Recorder::of(["", "alice01", " ", "alice01", "root"]);
    let report = Membership::new(&client, &recorder).remove_unknown().sync_resource(resource).await.unwrap();
    assert_eq!(report.count(MemberStep::Unnamed), 2);
    assert!(report.to_string().contains("3 skipped"), "{report}");
    assert_eq!(recorder.changes(), ["add polar_0001 carla01", "remove polar_0001 root"]);
    // An account with a blank name is no usable one, and its owner is named.
    sandbox.corrupt("marketplace-offering-users", sandbox.ids().offering_user, "username", json!("  "));
    let plan = Membership::new(&client, &Recorder::of([" "])).plan(resource).await.unwrap();
    let text = plan.to_string();
    assert!(text.contains("unusable account of Alice Öberg") && text.contains("no name"), "{text}");
    // Somebody without a name is named by uuid.
    let bob = sandbox.ids().users.bob;
    sandbox.corrupt("marketplace_provider_resources_team_list", bob, "full_name", json!(null));
    let plan = Membership::new(&client, &Recorder::of([])).plan(resource).await.unwrap();
    assert!(plan.to_string().contains(&format!("unusable account of user {}", bob.simple())), "{plan}");
}

/// Nobody is removed because their row can't be read, and the others are served.
#[tokio::test]
async fn rows_that_can_not_be_read_hold_removals_back() {
    let sandbox = small().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let resource = ids.resources.ok;
    let team = "marketplace_provider_resources_team_list";
    let accounts = "marketplace_offering_users_list";
    // Alice is in the team, and nobody can tell.
    sandbox.corrupt(team, ids.users.alice, "uuid", json!({}));
    let recorder = Recorder::of(["alice01", "root"]);
    let report = Membership::new(&client, &recorder).remove_unknown().sync_resource(resource).await.unwrap();
    assert_eq!(recorder.changes(), ["add polar_0001 carla01"]);
    assert_eq!((report.count(MemberStep::HeldBack), report.unreadable.len()), (2, 1), "{report}");
    assert!(!report.is_ok() && report.to_string().contains("2 failed, 1 unreadable"), "{report}");
    let plan = Membership::new(&client, &recorder).remove_unknown().plan(resource).await.unwrap();
    assert!(plan.to_string().contains("held back alice01 (Alice Öberg)"), "{plan}");
    assert!(plan.to_string().contains("unreadable: marketplace_provider_resources_team_list"), "{plan}");
    sandbox.clear_corruptions();
    // Her account can't be read; the team knows its name, but not whether it is restricted.
    sandbox.corrupt(accounts, ids.offering_user, "user_uuid", json!(null));
    for (there, changes) in [
        (Recorder::of(["alice01", "root"]), vec!["add polar_0001 carla01"]),
        (Recorder::of(["dora01"]), vec!["add polar_0001 carla01", "remove polar_0001 dora01"]),
    ] {
        let report = Membership::new(&client, &there).remove_unknown().sync_resource(resource).await.unwrap();
        assert_eq!(there.changes(), changes, "{report}");
        assert!(report.unreadable.len() == 1 && report.count(MemberStep::HeldBack) == 1, "{report}");
    }
    sandbox.clear_corruptions();
    // One resource that can't be read is named; the others are served.
    sandbox.corrupt("marketplace_provider_resources_list", resource, "offering_uuid", json!("?"));
    let recorder = Recorder::of(["dora01"]);
    let sync = Membership::new(&client, &recorder).remove_unknown().sync_all().await.unwrap();
    assert!(sync.resources.unreadable.len() == 1 && !sync.is_ok(), "{sync}");
    assert!(sync.to_string().contains(&resource.simple().to_string()), "{sync}");
    let changes = recorder.changes();
    assert!(changes.len() == 3 && changes.iter().all(|change| change.contains("polar_0002")), "{changes:?}");
}

/// One odd name among the members of a team, as a server shows somebody who hasn't signed in yet.
#[tokio::test]
async fn a_member_without_a_name_costs_no_other() {
    for name in [Some(json!("")), Some(json!(null)), Some(json!(["odd"])), None] {
        let sandbox = small().await;
        let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
        sandbox.corrupt("marketplace_provider_resources_team_list", ids.users.bob, "username", name);
        assert_eq!(client.provider().resource(ids.resources.ok).team().await.unwrap().len(), 3);
        let recorder = Recorder::of([]);
        let report = Membership::new(&client, &recorder).sync_resource(ids.resources.ok).await.unwrap();
        assert_eq!(recorder.changes(), ["add polar_0001 alice01", "add polar_0001 carla01"]);
        assert_eq!(report.count(MemberStep::Unusable), 1);
    }
}
