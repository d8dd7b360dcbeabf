//! One resource and its team.

use std::sync::atomic::Ordering;

use serde_json::json;
use waldur_sandbox::{Actor, Fault, OfferingUserState as State, Release, Sandbox, Seed};
use waldur_sdk::ClientExt as _;
use waldur_sdk::Uuid;
use waldur_sdk::membership::{MemberStep, Membership};

use crate::common::client_as;
use crate::membership::{Groups, Recorder, added, caller, removed, sandbox, small};

#[tokio::test]
async fn members_come_to_match_the_team() {
    let sandbox = sandbox().await;
    let (resource, client) = (sandbox.ids().resources.ok, caller(&sandbox, Actor::Provider));
    let groups = Groups::of(["alice01", "bob01", "dora01", "root"]);

    let plan = Membership::new(&client, &groups).plan(resource).await.unwrap();
    assert_eq!(sandbox.requests().len(), 3);
    assert_eq!(groups.calls.load(Ordering::Relaxed), 0);
    let text = plan.to_string();
    for line in [
        "keep alice01 (Alice Öberg)",
        "unusable account bob01 (Bob Berg)",
        "add carla01 (Carla Careful)",
        "remove dora01 (Dora Departed)",
        "unknown root",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}\n{text}");
    }

    let report = Membership::new(&client, &groups).sync_resource(resource).await.unwrap();
    assert_eq!(report.to_string(), "22 applied, 1 unchanged, 2 skipped");
    assert_eq!(report.items.len(), plan.members.len());
    let there = groups.members();
    assert!(there.contains(&"root".to_owned()) && !there.contains(&"dora01".to_owned()), "{there:?}");
    assert_eq!((there.len(), groups.calls.load(Ordering::Relaxed)), (24, 22));
    assert!((2..=4).contains(&groups.most.load(Ordering::Relaxed)));

    let again = Membership::new(&client, &groups).sync_resource(resource).await.unwrap();
    assert_eq!((added(&again), removed(&again), again.count(MemberStep::Keep)), (0, 0, 22));
    assert_eq!(groups.calls.load(Ordering::Relaxed), 22);
    // Nothing but GET was sent.
    assert!(sandbox.requests().iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn unknown_members_go_when_told() {
    let sandbox = sandbox().await;
    let (resource, client) = (sandbox.ids().resources.ok, caller(&sandbox, Actor::Provider));
    let groups = Groups::of(["root"]);
    let plan = Membership::new(&client, &groups).remove_unknown().plan(resource).await.unwrap();
    let report = Membership::new(&client, &groups).apply(&plan).await;
    assert_eq!((added(&report), removed(&report)), (22, 1));
    assert!(!groups.members().contains(&"root".to_owned()));
}

#[tokio::test]
async fn a_restricted_or_going_account_is_no_member() {
    let seed = |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        seed.offering_user(ids.offerings.slurm, ids.users.bob, "bob01", State::RequestedDeletion);
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).start().await.unwrap();
    let (resource, client) = (sandbox.ids().resources.ok, caller(&sandbox, Actor::Provider));
    let body = waldur_sdk::types::OfferingUserUpdateRestrictionRequest::builder().is_restricted(true);
    let call = client.marketplace_offering_users_update_restricted().uuid(sandbox.ids().offering_user);
    call.body(body).send().await.unwrap();
    let groups = Groups::of(["alice01", "bob01"]);
    let report = Membership::new(&client, &groups).sync_resource(resource).await.unwrap();
    assert_eq!((removed(&report), groups.members().len()), (2, 0), "{report:?}");
}

#[tokio::test]
async fn one_that_fails_stops_no_other_and_is_tried_again() {
    let sandbox = sandbox().await;
    let (resource, client) = (sandbox.ids().resources.ok, caller(&sandbox, Actor::Provider));
    let mut groups = Groups { failing: ["carla01", "dora01"].into(), ..Groups::of(["dora01"]) };
    let report = Membership::new(&client, &groups).sync_resource(resource).await.unwrap();
    assert_eq!((added(&report), removed(&report), report.failed()), (21, 0, 2));
    for item in report.items {
        if let Some(error) = item.outcome.error() {
            let problem = format!("no quota for {}", item.target.username.unwrap());
            assert!(error.is_backend());
            assert_eq!(error.to_string(), format!("the back end: {problem}"));
            assert_eq!(std::error::Error::source(error).unwrap().to_string(), problem);
        }
    }
    groups.failing.clear();
    let report = Membership::new(&client, &groups).sync_resource(resource).await.unwrap();
    assert_eq!((added(&report), removed(&report), report.failed()), (1, 1, 0));
}

#[tokio::test]
async fn nothing_is_removed_for_a_team_that_can_not_be_read() {
    let sandbox = sandbox().await;
    let ids = *sandbox.ids();
    let groups = Groups::of(["alice01"]);
    for resource in [ids.resources.creating, ids.resources.terminated] {
        let error = Membership::new(&caller(&sandbox, Actor::Provider), &groups)
            .sync_resource(resource)
            .await
            .unwrap_err();
        assert!(error.is_conflict());
    }
    for actor in [Actor::Consumer, Actor::Outsider] {
        let error = Membership::new(&caller(&sandbox, actor), &groups)
            .sync_resource(ids.resources.ok)
            .await
            .unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
    sandbox.fail_next(1, "GET", "/team/", Fault::Status(500));
    let error = Membership::new(&caller(&sandbox, Actor::Provider), &groups)
        .sync_resource(ids.resources.ok)
        .await
        .unwrap_err();
    assert!(error.is_server());
    let away = Groups { failing: [""].into(), ..Groups::of(["alice01"]) };
    let error = Membership::new(&caller(&sandbox, Actor::Provider), &away)
        .sync_resource(ids.resources.ok)
        .await
        .unwrap_err();
    assert!(error.is_backend());
    assert_eq!(error.to_string(), "the back end can't list the members: the directory is away");
    assert_eq!((groups.members().len(), groups.calls.load(Ordering::Relaxed)), (1, 0));
}

#[tokio::test]
async fn it_can_be_spawned() {
    let sandbox = sandbox().await;
    let (resource, client): (Uuid, _) = (sandbox.ids().resources.ok, caller(&sandbox, Actor::Provider));
    let report = tokio::spawn(async move {
        let groups = Groups::default();
        Membership::new(&client, &groups).sync_resource(resource).await.unwrap()
    });
    assert_eq!(added(&report.await.unwrap()), 22);
}

#[tokio::test]
async fn restricted_access_lets_nobody_in_and_everybody_out() {
    let sandbox = small().await;
    let (resource, client) = (sandbox.ids().resources.ok, caller(&sandbox, Actor::Provider));
    let staff = client_as(&sandbox, Actor::Staff);
    staff.provider().resource(resource).set_restrict_member_access(true).await.unwrap();
    let recorder = Recorder::of(["alice01", "dora01", "root"]);
    let report = Membership::new(&client, &recorder).sync_resource(resource).await.unwrap();
    assert_eq!(recorder.changes(), ["remove polar_0001 alice01", "remove polar_0001 dora01"]);
    assert_eq!((added(&report), removed(&report), report.count(MemberStep::Restricted)), (0, 2, 1));
    let recorder = Recorder::of([]);
    let sync = Membership::new(&client, &recorder).sync_all().await.unwrap();
    assert!(recorder.changes().iter().all(|change| !change.contains("polar_0001")), "{sync}");
    staff.provider().resource(resource).set_restrict_member_access(false).await.unwrap();
    let recorder = Recorder::of([]);
    let report = Membership::new(&client, &recorder).sync_resource(resource).await.unwrap();
    assert_eq!(added(&report), 2);
}

#[tokio::test]
async fn consent_can_be_demanded() {
    let sandbox = small().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let resource = ids.resources.ok;
    // Not demanded, it makes no difference.
    let recorder = Recorder::of(["alice01"]);
    let _ = Membership::new(&client, &recorder).sync_resource(resource).await.unwrap();
    assert_eq!(recorder.changes(), ["add polar_0001 carla01"]);
    // Nobody consented, as where there are no terms: nobody is added, and nobody is removed.
    let recorder = Recorder::of(["alice01"]);
    let report = Membership::new(&client, &recorder).require_consent().sync_resource(resource).await.unwrap();
    assert!(recorder.changes().is_empty() && !report.is_ok(), "{report}");
    assert_eq!((report.count(MemberStep::HeldBack), report.count(MemberStep::NoConsent)), (1, 1), "{report}");
    // There are terms: Carla consented, Alice didn't.
    let carla = sandbox.offering_users().iter().find(|row| row.username == "carla01").unwrap().uuid;
    sandbox.corrupt("marketplace-offering-users", carla, "has_consent", json!(true));
    let recorder = Recorder::of(["alice01"]);
    let _ = Membership::new(&client, &recorder).require_consent().sync_resource(resource).await.unwrap();
    assert_eq!(recorder.changes(), ["add polar_0001 carla01", "remove polar_0001 alice01"]);
    // Terms that changed have to be consented to again.
    sandbox.corrupt("marketplace-offering-users", carla, "requires_reconsent", json!(true));
    let recorder = Recorder::of(["carla01"]);
    let _ = Membership::new(&client, &recorder).require_consent().sync_all().await.unwrap();
    assert_eq!(recorder.changes(), ["remove polar_0001 carla01", "remove polar_0002 carla01"]);
    // A server that doesn't say.
    let late = Sandbox::builder().orders(0).release(Release::Late2024).start().await.unwrap();
    for there in [Recorder::of([]), Recorder::of(["alice01"])] {
        let client = caller(&late, Actor::Provider);
        let report = Membership::new(&client, &there)
            .require_consent()
            .sync_resource(late.ids().resources.ok)
            .await
            .unwrap();
        assert!(there.changes().is_empty(), "{report}");
    }
}

/// An account that is gone may have had the name of one that is there.
#[tokio::test]
async fn a_name_that_is_needed_is_not_removed() {
    let seed = |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        seed.offering_user(ids.offerings.slurm, ids.users.bob, "alice01", State::Deleted);
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).start().await.unwrap();
    let client = caller(&sandbox, Actor::Provider);
    let recorder = Recorder::of(["alice01"]);
    let report = Membership::new(&client, &recorder).sync_resource(sandbox.ids().resources.ok).await.unwrap();
    assert!(recorder.changes().is_empty() && report.count(MemberStep::Keep) == 1, "{report}");
}
