//! Members that follow events, with the sandbox's broker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use waldur_sandbox::{Actor, Fault, OfferingUserState as State, Release, Sandbox, Seed};
use waldur_sdk::accounts::ServiceAccountOwner;
use waldur_sdk::events::Events;
use waldur_sdk::membership::{
    ListedMember, Member, Membership, MembershipBackend, MembershipResource, MembershipSync,
};
use waldur_sdk::{Client, ClientExt as _, Error, NoBackendId, Uuid, api};

use crate::common::{client_as, provider_as};
use crate::membership::project_accounts::service_account;
use crate::membership::{Recorder, caller};

const LIMIT: Duration = Duration::from_secs(60);

/// In the team: Alice with an account. Dora has an account and no role.
async fn sandbox() -> (Sandbox, Uuid) {
    let (sender, mut dora) = unbounded_channel();
    let seed = move |seed: &mut Seed<'_>| {
        let user = seed.user("dora", "Dora", "Late");
        seed.offering_user(seed.ids().offerings.slurm, user, "dora01", State::Ok);
        sender.send(user).unwrap();
    };
    let sandbox = Sandbox::builder().release(Release::Newer).orders(0).seed(seed).start().await.unwrap();
    let dora = dora.recv().await.unwrap();
    (sandbox, dora)
}

async fn subscribe<B: MembershipBackend>(
    client: &Client,
    offering: Uuid,
    membership: &Membership<B>,
) -> Events {
    client.events().offering(offering).kinds(membership.event_kinds()).connect().await.unwrap()
}

/// Waits until a synchronization has ended after which the back end was called for `change`.
async fn until_change(rounds: &mut UnboundedReceiver<()>, recorder: &Recorder, change: &str) {
    while !recorder.changes().iter().any(|one| one == change) {
        rounds.recv().await.unwrap();
    }
}

#[tokio::test]
async fn members_follow_roles_and_restrictions() {
    let (sandbox, dora) = sandbox().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let recorder = Recorder::of(["alice01", "dora01"]);
    let membership = Membership::new(&client, &recorder).offering(ids.offerings.slurm);
    let events = subscribe(&client, ids.offerings.slurm, &membership).await;
    let (sender, mut rounds) = unbounded_channel();
    let each = move |sync: Result<MembershipSync, Error>| {
        assert!(sync.is_ok(), "{sync:?}");
        let _ = sender.send(());
    };
    let staff = client_as(&sandbox, Actor::Staff);
    let work = async {
        // The first synchronization is of everything.
        until_change(&mut rounds, &recorder, "remove polar_0001 dora01").await;
        recorder.calls.lock().unwrap().clear();
        let path = format!("/api/projects/{}/add_user/", ids.project.simple());
        let role = json!({ "role": "PROJECT.MEMBER", "user": dora.simple().to_string() });
        staff.request(api::Method::POST, &path).json(&role).send().await.unwrap();
        // Her role was read anew: she is listed, and stays.
        while recorder.calls.lock().unwrap().is_empty() {
            rounds.recv().await.unwrap();
        }
        assert_eq!(recorder.changes(), [""; 0]);
        staff.provider().resource(ids.resources.ok).set_restrict_member_access(true).await.unwrap();
        until_change(&mut rounds, &recorder, "remove polar_0001 alice01").await;
        until_change(&mut rounds, &recorder, "remove polar_0001 dora01").await;
    };
    tokio::time::timeout(LIMIT, membership.run_on_events(events, work, each)).await.unwrap();
    // The other resource of the project isn't restricted.
    assert!(recorder.changes().iter().all(|change| change.contains("polar_0001")));
}

#[tokio::test]
async fn a_failed_synchronization_is_repeated_after_the_interval() {
    let (sandbox, _) = sandbox().await;
    let (slurm, client) = (sandbox.ids().offerings.slurm, caller(&sandbox, Actor::Provider));
    let recorder = Recorder::of(["dora01"]);
    let membership = Membership::new(&client, &recorder).offering(slurm).interval(Duration::from_millis(5));
    let events = subscribe(&client, slurm, &membership).await;
    let list = "/marketplace-provider-resources/";
    sandbox.fail_next(2, "GET", list, Fault::Status(403));
    let (sender, mut rounds) = unbounded_channel();
    let mut failed = 0;
    let each = |sync: Result<MembershipSync, Error>| {
        failed += usize::from(sync.is_err());
        let _ = sender.send(());
    };
    let work = until_change(&mut rounds, &recorder, "remove polar_0001 dora01");
    tokio::time::timeout(LIMIT, membership.run_on_events(events, work, each)).await.unwrap();
    assert_eq!(failed, 2);
}

/// Fails the first time that a member is added.
struct Flaky(AtomicBool, Recorder);

impl MembershipBackend for Flaky {
    type Error = String;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<ListedMember>, String> {
        self.1.list(resource).await
    }

    async fn add(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        match self.0.swap(false, Ordering::Relaxed) {
            true => Err("the directory is busy".to_owned()),
            false => self.1.add(resource, member).await,
        }
    }

    async fn remove(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        self.1.remove(resource, member).await
    }
}

#[tokio::test]
async fn a_member_that_failed_is_tried_again_after_the_interval() {
    let sandbox = Sandbox::builder().release(Release::Newer).orders(0).start().await.unwrap();
    let (slurm, client) = (sandbox.ids().offerings.slurm, caller(&sandbox, Actor::Provider));
    let flaky = Flaky(true.into(), Recorder::of([]));
    let membership = Membership::new(&client, &flaky).offering(slurm).interval(Duration::from_millis(5));
    let events = subscribe(&client, slurm, &membership).await;
    let (sender, mut rounds) = unbounded_channel();
    let each = move |_: Result<MembershipSync, Error>| {
        let _ = sender.send(());
    };
    let work = until_change(&mut rounds, &flaky.1, "add polar_0001 alice01");
    tokio::time::timeout(LIMIT, membership.run_on_events(events, work, each)).await.unwrap();
}

#[tokio::test]
async fn a_resource_without_an_id_waits_for_its_event() {
    let (sandbox, dora) = sandbox().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    sandbox.corrupt("marketplace_provider_resources_list", ids.resources.ok, "backend_id", json!(""));
    sandbox.corrupt("marketplace_provider_resources_retrieve", ids.resources.ok, "backend_id", json!(""));
    let recorder = Recorder::of([]);
    let membership =
        Membership::new(&client, &recorder).offering(ids.offerings.slurm).interval(Duration::ZERO);
    let events = subscribe(&client, ids.offerings.slurm, &membership).await;
    let (sender, mut rounds) = unbounded_channel();
    let each = move |sync: Result<MembershipSync, Error>| {
        let _ = sender.send(sync);
    };
    let staff = client_as(&sandbox, Actor::Staff);
    let work = async {
        let has_no_id = |error: Option<&Error>| error.unwrap().cause::<NoBackendId>().is_some();
        let sync = rounds.recv().await.unwrap().unwrap();
        assert!(sync.resources.failures().all(|item| has_no_id(item.outcome.error())), "{sync}");
        assert!(!sync.is_ok());
        staff.provider().resource(ids.resources.ok).set_restrict_member_access(true).await.unwrap();
        let of_resource = rounds.recv().await.unwrap();
        assert!(has_no_id(of_resource.as_ref().err()), "{of_resource:?}");
        // Without a further synchronization in between.
        let path = format!("/api/projects/{}/add_user/", ids.project.simple());
        let role = json!({ "role": "PROJECT.MEMBER", "user": dora.simple().to_string() });
        staff.request(api::Method::POST, &path).json(&role).send().await.unwrap();
        let of_dora = rounds.recv().await.unwrap().unwrap();
        assert!(recorder.changes().iter().any(|change| change.ends_with(" dora01")), "{of_dora}");
    };
    tokio::time::timeout(LIMIT, membership.run_on_events(events, work, each)).await.unwrap();
}

#[tokio::test]
async fn an_event_of_all_resources_synchronizes_the_offering() {
    let (sandbox, _) = sandbox().await;
    let (slurm, client) = (sandbox.ids().offerings.slurm, caller(&sandbox, Actor::Provider));
    let recorder = Recorder::of(["dora01"]);
    let membership = Membership::new(&client, &recorder).offering(slurm);
    let events = subscribe(&client, slurm, &membership).await;
    let (sender, mut rounds) = unbounded_channel();
    let each = move |_: Result<MembershipSync, Error>| {
        let _ = sender.send(());
    };
    let work = async {
        rounds.recv().await.unwrap();
        recorder.calls.lock().unwrap().clear();
        let event = json!({ "offering_uuid": slurm.simple().to_string(), "action": "sync_all_resources" });
        assert_eq!(sandbox.broker().publish("offering_resources_sync", slurm, event), 1);
        rounds.recv().await.unwrap();
        assert!(recorder.changes().contains(&"remove polar_0001 dora01".to_owned()));
    };
    tokio::time::timeout(LIMIT, membership.run_on_events(events, work, each)).await.unwrap();
}

/// The requests since they were cleared, without those of others than the provider.
fn reads(sandbox: &Sandbox) -> Vec<String> {
    let paths = sandbox.requests().into_iter().filter(|request| request.method == "GET");
    let mut names: Vec<String> = paths
        .map(|request| {
            let path = request.path.trim_end_matches('/').trim_start_matches("/api/").to_owned();
            path.split('/').filter(|part| part.parse::<Uuid>().is_err()).collect::<Vec<_>>().join("/")
        })
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn an_event_reads_what_it_is_about() {
    let (sandbox, dora) = sandbox().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let recorder = Recorder::of([]);
    let membership = Membership::new(&client, &recorder).offering(ids.offerings.slurm).service_accounts();
    let events = subscribe(&client, ids.offerings.slurm, &membership).await;
    let (sender, mut rounds) = unbounded_channel();
    let each = move |sync: Result<MembershipSync, Error>| {
        let _ = sender.send(sync.unwrap());
    };
    let staff = client_as(&sandbox, Actor::Staff);
    let work = async {
        // The first synchronization is of everything.
        let _ = rounds.recv().await.unwrap();
        let forget = || {
            sandbox.clear_requests();
            recorder.calls.lock().unwrap().clear();
        };
        forget();
        let path = format!("/api/projects/{}/add_user/", ids.project.simple());
        let role = json!({ "role": "PROJECT.MEMBER", "user": dora.simple().to_string() });
        staff.request(api::Method::POST, &path).json(&role).send().await.unwrap();
        let sync = rounds.recv().await.unwrap();
        // Her alone, at the resources of the project.
        let [resources, users] = ["marketplace-provider-resources", "marketplace-offering-users"];
        let team = "marketplace-provider-resources/team";
        assert_eq!(reads(&sandbox), [users, resources, team], "{sync}");
        assert!(recorder.changes().iter().all(|change| change.ends_with(" dora01")), "{sync}");
        assert!(recorder.changes().contains(&"add polar_0001 dora01".to_owned()), "{sync}");

        forget();
        service_account(&sandbox, "svc-ci").await;
        let sync = rounds.recv().await.unwrap();
        let list = "marketplace-provider-offerings/list_project_service_accounts";
        assert_eq!(reads(&sandbox), [list, resources, team], "{sync}");
        assert!(recorder.changes().contains(&"add polar_0001 svc-ci".to_owned()), "{sync}");
        assert!(recorder.changes().iter().all(|change| change.ends_with(" svc-ci")), "{sync}");
    };
    tokio::time::timeout(LIMIT, membership.run_on_events(events, work, each)).await.unwrap();
}

#[tokio::test]
async fn a_new_resource_gets_its_members_when_its_order_is_done() {
    let (sandbox, _) = sandbox().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let recorder = Recorder::of([]);
    let membership = Membership::new(&client, &recorder).offering(ids.offerings.slurm);
    let events = subscribe(&client, ids.offerings.slurm, &membership).await;
    let (sender, mut rounds) = unbounded_channel();
    let each = move |sync: Result<MembershipSync, Error>| {
        let _ = sender.send(sync.unwrap());
    };
    let publish = |mut event: Value| {
        event["order_uuid"] = json!(Uuid::from_u128(7));
        assert_eq!(sandbox.broker().publish("order", ids.offerings.slurm, event), 1);
    };
    let resource = ids.resources.ok.simple().to_string();
    let work = async {
        // The first synchronization is of everything.
        let _ = rounds.recv().await.unwrap();
        sandbox.clear_requests();
        recorder.calls.lock().unwrap().clear();
        for (state, type_) in [("executing", "Create"), ("done", "Update"), ("erred", "Create")] {
            publish(json!({ "order_state": state, "order_type": type_, "resource_uuid": resource }));
        }
        publish(json!({ "order_state": "done", "order_type": "Create", "resource_uuid": resource }));
        let sync = rounds.recv().await.unwrap();
        let [resources, users] = ["marketplace-provider-resources", "marketplace-offering-users"];
        assert_eq!(reads(&sandbox), [users, resources, "marketplace-provider-resources/team"], "{sync}");
        assert_eq!(*recorder.calls.lock().unwrap(), ["list polar_0001 -", "add polar_0001 alice01"]);
        // Older servers don't name the resource.
        publish(json!({ "order_state": "done" }));
        let sync = rounds.recv().await.unwrap();
        assert!(sync.resources.items.len() > 1, "{sync}");
    };
    tokio::time::timeout(LIMIT, membership.run_on_events(events, work, each)).await.unwrap();
}

/// The event has the name of an account that the server no longer lists.
#[tokio::test]
async fn a_closed_account_is_removed_by_its_event() {
    let (sandbox, _) = sandbox().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let recorder = Recorder::of(["alice01", "svc-ci", "svc-other"]);
    let account = service_account(&sandbox, "svc-ci").await;
    let membership = Membership::new(&client, &recorder).offering(ids.offerings.slurm).service_accounts();
    let events = subscribe(&client, ids.offerings.slurm, &membership).await;
    let (sender, mut rounds) = unbounded_channel();
    let each = move |_: Result<MembershipSync, Error>| {
        let _ = sender.send(());
    };
    let work = async {
        rounds.recv().await.unwrap();
        assert_eq!(recorder.changes(), [""; 0]);
        let consumer = provider_as(&sandbox, Actor::Consumer);
        consumer.service_account(ServiceAccountOwner::Project, account).close().await.unwrap();
        until_change(&mut rounds, &recorder, "remove polar_0001 svc-ci").await;
    };
    tokio::time::timeout(LIMIT, membership.run_on_events(events, work, each)).await.unwrap();
    assert!(recorder.changes().iter().all(|change| change.ends_with(" svc-ci")), "{:?}", recorder.changes());
}
