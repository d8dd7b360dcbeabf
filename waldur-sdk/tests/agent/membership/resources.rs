//! All resources of a provider at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde_json::json;
use waldur_sandbox::{
    Actor, Fault, Misbehaviour, OfferingUserState as State, Release, ResourceState, Sandbox, Seed,
};
use waldur_sdk::accounts::OfferingUser;
use waldur_sdk::agent::AgentIdentity;
use waldur_sdk::membership::{
    ListedMember, Member, Membership, MembershipBackend, MembershipResource, SyncedResource,
};
use waldur_sdk::{Error, Item, NoBackendId, Outcome};

use crate::common::{client, client_as};
use crate::membership::{Recorder, caller, sandbox, small};

/// Groups by resource, one of which can't be listed.
#[derive(Default)]
struct Clusters(Mutex<BTreeMap<String, BTreeSet<String>>>);

impl MembershipBackend for Clusters {
    type Error = String;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<ListedMember>, String> {
        if resource.name.ends_with("ok-2") {
            return Err("the directory is away".to_owned());
        }
        let mut clusters = self.0.lock().unwrap();
        let members = clusters.entry(resource.name.clone()).or_default().iter();
        Ok(members.cloned().map(ListedMember::from).collect())
    }

    async fn add(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        self.0.lock().unwrap().get_mut(&resource.name).unwrap().insert(member.username.to_string());
        Ok(())
    }

    async fn remove(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        self.0.lock().unwrap().get_mut(&resource.name).unwrap().remove(member.username.as_str());
        Ok(())
    }
}

#[tokio::test]
async fn all_resources_come_to_match_their_teams() {
    let sandbox = sandbox().await;
    let (client, slurm) = (caller(&sandbox, Actor::Provider), sandbox.ids().offerings.slurm);
    let clusters = Clusters::default();
    let sync = Membership::new(&client, &clusters).offering(slurm).sync_all().await.unwrap();
    let synced = &sync.resources.items;
    // The resources, the accounts, and the team of their one project.
    assert_eq!((synced.len(), sandbox.requests().len()), (3, 3));
    for Item { target, outcome, .. } in synced {
        match outcome.error() {
            None => assert_eq!((target.members.applied(), target.members.failed()), (22, 0), "{sync}"),
            Some(error) => assert!(target.name.ends_with("ok-2") && error.is_backend()),
        }
    }
    assert_eq!(synced.iter().filter(|one| one.outcome.is_ok()).count(), 2);
    let there = clusters.0.lock().unwrap().clone();
    assert!(there.len() == 2 && there.values().all(|members| members.len() == 22));

    // Again: nothing to do. And a team that can't be read for all is asked for by each.
    sandbox.clear_requests();
    sandbox.fail_next(1, "GET", "/team/", Fault::Status(404));
    let sync = Membership::new(&client, &clusters).offering(slurm).sync_all().await.unwrap();
    assert_eq!((sync.resources.unchanged(), sync.resources.failed()), (2, 1), "{sync}");
    assert_eq!(sandbox.requests().len(), 6);
    let outsider = client_as(&sandbox, Actor::Outsider);
    assert!(Membership::new(&outsider, &clusters).sync_all().await.unwrap().resources.items.is_empty());
}

/// Whether the deletion wasn't requested because something can't be read.
fn is_held_back(item: &Item<OfferingUser>) -> bool {
    item.outcome.to_string().contains("held back")
}

/// A scheduler may take a blank account for all of them.
#[tokio::test]
async fn a_resource_without_an_id_is_not_for_the_back_end() {
    for id in [None, Some(""), Some(" ")] {
        let sandbox = small().await;
        let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
        sandbox.corrupt("marketplace-provider-resources", ids.resources.ok, "backend_id", id.map(Into::into));
        let recorder = Recorder::of(["alice01"]);
        for resource in [ids.resources.ok, ids.resources.ok_second] {
            let error = Membership::new(&client, &recorder).sync_resource(resource).await.unwrap_err();
            assert!(error.is_validation(), "{error}");
            assert_eq!(error.cause::<NoBackendId>().unwrap().resource, resource);
            assert!(error.to_string().contains(&resource.simple().to_string()), "{error}");
        }
        assert!(recorder.calls.lock().unwrap().is_empty());
        let sync = Membership::new(&client, &recorder).sync_all().await.unwrap();
        let has_no_id = |error: &Error| error.cause::<NoBackendId>().is_some();
        let without = |one: &&Item<SyncedResource>| one.outcome.error().is_some_and(has_no_id);
        assert_eq!((sync.resources.items.len(), sync.resources.items.iter().filter(without).count()), (4, 3));
        assert!(!sync.is_ok() && sync.to_string().contains("no id in the back end"), "{sync}");
        let calls = recorder.calls.lock().unwrap().clone();
        assert_eq!(calls, ["list polar_0002 -", "add polar_0002 carla01"]);
    }
}

/// Its order may have failed before the resource had an id.
#[tokio::test]
async fn an_erred_resource_without_an_id_is_skipped_and_another_one_has_failed() {
    let sandbox = small().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let (ok, erred) = (ids.resources.ok, ids.resources.ok_second);
    for resource in [ok, erred] {
        sandbox.corrupt("marketplace-provider-resources", resource, "backend_id", Some("".into()));
    }
    sandbox.corrupt("marketplace-provider-resources", erred, "state", Some("Erred".into()));
    let sync = Membership::new(&client, &Recorder::of([])).sync_all().await.unwrap();
    let item = |uuid| sync.resources.items.iter().find(|item| item.target.uuid == uuid).unwrap();
    assert!(matches!(item(ok).outcome, Outcome::Failed { .. }), "{sync}");
    assert!(matches!(item(erred).outcome, Outcome::Skipped { .. }), "{sync}");
    assert!(item(erred).outcome.to_string().contains("no id in the back end"), "{sync}");
}

#[tokio::test]
async fn accounts_of_those_who_left_go_when_told() {
    let seed = |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        let dora = seed.user("dora", "Dora", "Departed");
        seed.offering_user(ids.offerings.slurm, dora, "dora01", State::Ok);
        // Erik's project has nothing but a resource that is being made.
        let erik = seed.user("erik", "Erik", "Early");
        let project = seed.project(ids.consumer_customer, "Early");
        seed.role(erik, project, "PROJECT.MEMBER", None);
        seed.resource(ids.offerings.slurm, project, "early-1", ResourceState::Creating);
        seed.offering_user(ids.offerings.slurm, erik, "erik01", State::Ok);
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).start().await.unwrap();
    let client = caller(&sandbox, Actor::Provider);
    let state = |name: &str| sandbox.offering_users().iter().find(|row| row.username == name).unwrap().state;
    let sync = Membership::new(&client, &Recorder::of([])).sync_all().await.unwrap();
    assert!(sync.departed.items.is_empty() && state("dora01") == State::Ok);
    // Who may be in a team that can't be read hasn't left.
    let team = "marketplace_provider_resources_team_list";
    sandbox.corrupt(team, 0, "uuid", json!(7));
    let sync = Membership::new(&client, &Recorder::of([])).remove_departed().sync_all().await.unwrap();
    assert!(sync.departed.items.iter().all(is_held_back) && !sync.departed.items.is_empty(), "{sync}");
    assert!(sync.to_string().contains("held back"), "{sync}");
    sandbox.clear_corruptions();
    sandbox.misbehave(Misbehaviour::new(Fault::Status(403)).operation(team));
    let sync = Membership::new(&client, &Recorder::of([])).remove_departed().sync_all().await.unwrap();
    assert!(sync.departed.items.iter().all(is_held_back), "{sync}");
    sandbox.clear_faults();
    assert!(sandbox.requests().iter().all(|request| request.method == "GET"));

    let sync =
        Membership::new(&client, &Recorder::of(["dora01"])).remove_departed().sync_all().await.unwrap();
    assert_eq!(sync.departed.items.len(), 1, "{sync}");
    assert!(matches!(sync.departed.items[0].outcome, Outcome::Applied), "{sync}");
    assert_eq!((state("dora01"), state("erik01")), (State::RequestedDeletion, State::Ok));
    let sync = Membership::new(&client, &Recorder::of([])).remove_departed().sync_all().await.unwrap();
    assert!(sync.departed.items.is_empty(), "{sync}");
}

/// Members are synchronised on each release; what one hasn't got, it is said not to have, and nothing
/// changes.
#[tokio::test]
async fn each_release_does_it_or_says_that_it_can_not() {
    const AGENTS: [&str; 3] = [
        "marketplace-site-agent-identities",
        "marketplace-site-agent-services",
        "marketplace-site-agent-processors",
    ];
    for release in Release::ALL {
        let seed = |seed: &mut Seed<'_>| {
            let ids = *seed.ids();
            let dora = seed.user("dora", "Dora", "Departed");
            seed.offering_user(ids.offerings.slurm, dora, "dora01", State::Ok);
        };
        let sandbox = Sandbox::builder().orders(0).release(release).seed(seed).start().await.unwrap();
        let ids = *sandbox.ids();
        let client = client(&sandbox);
        let old = release == Release::Late2024;
        let recorder = Recorder::of(["dora01"]);
        let _ = Membership::new(&client, &recorder).sync_resource(ids.resources.ok).await.unwrap();
        assert_eq!(recorder.changes(), ["add polar_0001 alice01", "remove polar_0001 dora01"], "{release:?}");
        let sync = Membership::new(&client, &recorder).remove_departed().sync_all().await.unwrap();
        assert_eq!(sync.departed.items.len(), 1, "{release:?}: {sync}");
        let outcome = &sync.departed.items[0].outcome;
        assert_eq!(outcome.is_ok(), !old, "{release:?}: {outcome}");
        if old {
            assert!(outcome.to_string().contains("no such operation"), "{outcome}");
        }
        assert!(sandbox.requests().len() <= 15, "{release:?}");

        sandbox.clear_requests();
        let registered = AgentIdentity::register(&client, ids.offerings.slurm, "polar-agent", "1").await;
        match registered {
            Err(error) => assert!(old && error.is_unsupported(), "{release:?}: {error}"),
            Ok(agent) => {
                let service = agent.register_service(&client, "orders", "order_process").await.unwrap();
                let processor = service.register_processor(&client, "orders", "slurm", "23").await.unwrap();
                assert_eq!(processor.service_uuid, service.uuid);
                service.set_statistics(&client, &json!({ "done": 1 })).await.unwrap();
            }
        }
        let count = AGENTS.map(|name| sandbox.documents(name).len());
        assert_eq!(count, if old { [0; 3] } else { [1; 3] }, "{release:?}");
        assert!(sandbox.requests().len() <= 6, "{release:?}");
    }
}

#[tokio::test]
async fn members_are_synchronized_again_and_again_until_the_end() {
    let sandbox = small().await;
    let client = caller(&sandbox, Actor::Provider);
    let recorder = Recorder::of(["alice01"]);
    let membership = Membership::new(&client, &recorder).interval(std::time::Duration::from_millis(1));
    let (sender, mut rounds) = tokio::sync::mpsc::unbounded_channel();
    let until = async {
        for _ in 0..3 {
            rounds.recv().await.unwrap();
        }
    };
    membership.run(until, |sync| sender.send(sync.unwrap().resources.items.len()).unwrap()).await;
    assert!(sandbox.requests().iter().all(|request| request.method == "GET"));
    let lists = recorder.calls.lock().unwrap().iter().filter(|call| call.starts_with("list")).count();
    assert!(lists >= 6, "{lists}");
}
