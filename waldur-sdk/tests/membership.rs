//! Members of a back end in line with the team of a resource, on the sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use serde_json::json;
use waldur_sandbox::{
    Actor, Fault, Misbehaviour, OfferingUserState as State, Release, ResourceState, Sandbox, Seed,
};
use waldur_sdk::agent::AgentIdentity;
use waldur_sdk::{
    AccountName, Client, MemberOutcome, MemberStep, MembershipBackend, MembershipError, MembershipOptions,
    MembershipPlan, MembershipResource, Outcome, Provider, SyncedResource, Uuid,
};

const DEFAULT: fn() -> MembershipOptions = MembershipOptions::new;

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

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<String>, String> {
        assert_eq!(resource.backend_id, "polar_0001");
        match self.failing.contains("") {
            true => Err("the directory is away".to_owned()),
            false => Ok(self.members()),
        }
    }

    async fn add(&self, _: &MembershipResource, username: &AccountName) -> Result<(), String> {
        self.act(username.as_str(), |members, username| assert!(members.insert(username.to_owned()))).await
    }

    async fn remove(&self, _: &MembershipResource, username: &AccountName) -> Result<(), String> {
        self.act(username.as_str(), |members, username| assert!(members.remove(username))).await
    }
}

fn step_of(plan: &MembershipPlan, name: &str) -> MemberStep {
    let named = |one: &&waldur_sdk::PlannedMember| one.username.as_ref().is_some_and(|there| *there == name);
    plan.members.iter().find(named).unwrap_or_else(|| panic!("no {name} in\n{plan}")).step
}

fn provider(sandbox: &Sandbox, actor: Actor) -> Provider {
    let builder = Client::builder().url(sandbox.url()).token(sandbox.token(actor)).concurrency(4);
    builder.build().unwrap().provider()
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

#[tokio::test]
async fn members_come_to_match_the_team() {
    let sandbox = sandbox().await;
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    let groups = Groups::of(["alice01", "bob01", "dora01", "root"]);

    let plan = provider.plan_membership(resource, &groups, DEFAULT()).await.unwrap();
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

    let report = provider.sync_membership(resource, &groups, DEFAULT()).await.unwrap();
    assert_eq!(
        report.to_string(),
        "21 added, 1 removed, 1 kept, 1 with an unusable account, 1 unknown, 0 failed"
    );
    assert_eq!(report.items.len(), plan.members.len());
    let there = groups.members();
    assert!(there.contains(&"root".to_owned()) && !there.contains(&"dora01".to_owned()), "{there:?}");
    assert_eq!((there.len(), groups.calls.load(Ordering::Relaxed)), (24, 22));
    assert!((2..=4).contains(&groups.most.load(Ordering::Relaxed)));

    let again = provider.sync_membership(resource, &groups, DEFAULT()).await.unwrap();
    assert_eq!((again.added(), again.removed(), again.untouched(MemberStep::Keep)), (0, 0, 22));
    assert_eq!(groups.calls.load(Ordering::Relaxed), 22);
    // Nothing but GET was sent.
    assert!(sandbox.requests().iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn unknown_members_go_when_told() {
    let sandbox = sandbox().await;
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    let groups = Groups::of(["root"]);
    let plan = provider.plan_membership(resource, &groups, DEFAULT().remove_unknown()).await.unwrap();
    let report = provider.apply_membership_plan(&plan, &groups).await;
    assert_eq!((report.added(), report.removed()), (22, 1));
    assert!(!groups.members().contains(&"root".to_owned()));
}

#[tokio::test]
async fn a_restricted_or_going_account_is_no_member() {
    let seed = |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        seed.offering_user(ids.offerings.slurm, ids.users.bob, "bob01", State::RequestedDeletion);
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    let body = waldur_sdk::types::OfferingUserUpdateRestrictionRequest::builder().is_restricted(true);
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build().unwrap();
    let call = client.api().marketplace_offering_users_update_restricted().uuid(sandbox.ids().offering_user);
    call.body(body).send().await.unwrap();
    let groups = Groups::of(["alice01", "bob01"]);
    let report = provider.sync_membership(resource, &groups, DEFAULT()).await.unwrap();
    assert_eq!((report.removed(), groups.members().len()), (2, 0), "{report:?}");
}

#[tokio::test]
async fn one_that_fails_stops_no_other_and_is_tried_again() {
    let sandbox = sandbox().await;
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    let mut groups = Groups { failing: ["carla01", "dora01"].into(), ..Groups::of(["dora01"]) };
    let report = provider.sync_membership(resource, &groups, DEFAULT()).await.unwrap();
    assert_eq!((report.added(), report.removed(), report.failed()), (21, 0, 2));
    for item in report.items {
        if let MemberOutcome::Failed { error } = item.outcome {
            assert_eq!(error.to_string(), format!("no quota for {}", item.member.username.unwrap()));
        }
    }
    groups.failing.clear();
    let report = provider.sync_membership(resource, &groups, DEFAULT()).await.unwrap();
    assert_eq!((report.added(), report.removed(), report.failed()), (1, 1, 0));
}

#[tokio::test]
async fn nothing_is_removed_for_a_team_that_can_not_be_read() {
    let sandbox = sandbox().await;
    let ids = *sandbox.ids();
    let groups = Groups::of(["alice01"]);
    let refused = |error: MembershipError| match error {
        MembershipError::Waldur(error) => error,
        other => panic!("{other}"),
    };
    for resource in [ids.resources.creating, ids.resources.terminated] {
        let error = provider(&sandbox, Actor::Provider)
            .sync_membership(resource, &groups, DEFAULT())
            .await
            .unwrap_err();
        assert!(refused(error).is_conflict());
    }
    for actor in [Actor::Consumer, Actor::Outsider] {
        let error = provider(&sandbox, actor)
            .sync_membership(ids.resources.ok, &groups, DEFAULT())
            .await
            .unwrap_err();
        let error = refused(error);
        assert!(error.is_not_found(), "{error}");
    }
    sandbox.fail_next(1, "GET", "/team/", Fault::Status(500));
    let error = provider(&sandbox, Actor::Provider)
        .sync_membership(ids.resources.ok, &groups, DEFAULT())
        .await
        .unwrap_err();
    assert!(refused(error).is_server());
    let away = Groups { failing: [""].into(), ..Groups::of(["alice01"]) };
    let error = provider(&sandbox, Actor::Provider)
        .sync_membership(ids.resources.ok, &away, DEFAULT())
        .await
        .unwrap_err();
    assert!(matches!(error, MembershipError::Backend(_)) && error.to_string().contains("directory is away"));
    assert_eq!((groups.members().len(), groups.calls.load(Ordering::Relaxed)), (1, 0));
}

#[tokio::test]
async fn it_can_be_spawned() {
    let sandbox = sandbox().await;
    let (resource, provider): (Uuid, _) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    let report = tokio::spawn(async move {
        let groups = Groups::default();
        provider.sync_membership(resource, &groups, DEFAULT()).await.unwrap()
    });
    assert_eq!(report.await.unwrap().added(), 22);
}

/// Groups by resource, one of which can't be listed.
#[derive(Default)]
struct Clusters(Mutex<BTreeMap<String, BTreeSet<String>>>);

impl MembershipBackend for Clusters {
    type Error = String;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<String>, String> {
        if resource.name.ends_with("ok-2") {
            return Err("the directory is away".to_owned());
        }
        Ok(self.0.lock().unwrap().entry(resource.name.clone()).or_default().iter().cloned().collect())
    }

    async fn add(&self, resource: &MembershipResource, username: &AccountName) -> Result<(), String> {
        self.0.lock().unwrap().get_mut(&resource.name).unwrap().insert(username.to_string());
        Ok(())
    }

    async fn remove(&self, resource: &MembershipResource, username: &AccountName) -> Result<(), String> {
        self.0.lock().unwrap().get_mut(&resource.name).unwrap().remove(username.as_str());
        Ok(())
    }
}

#[tokio::test]
async fn all_resources_come_to_match_their_teams() {
    let sandbox = sandbox().await;
    let provider = provider(&sandbox, Actor::Provider).of_offering(sandbox.ids().offerings.slurm);
    let clusters = Clusters::default();
    let sync = provider.sync_all_memberships(&clusters, DEFAULT()).await.unwrap();
    let synced = &sync.resources;
    // The resources, the accounts, and the team of their one project.
    assert_eq!((synced.len(), sandbox.requests().len()), (3, 3));
    for SyncedResource { name, outcome, .. } in synced {
        match outcome {
            Ok(report) => assert_eq!((report.added(), report.failed()), (22, 0), "{report}"),
            Err(error) => {
                assert!(name.ends_with("ok-2") && matches!(error, MembershipError::Backend(_)))
            }
        }
    }
    assert_eq!(synced.iter().filter(|one| one.outcome.is_ok()).count(), 2);
    let there = clusters.0.lock().unwrap().clone();
    assert!(there.len() == 2 && there.values().all(|members| members.len() == 22));

    // Again: nothing to do. And a team that can't be read for all is asked for by each.
    sandbox.clear_requests();
    sandbox.fail_next(1, "GET", "/team/", Fault::Status(404));
    let sync = provider.sync_all_memberships(&clusters, DEFAULT()).await.unwrap();
    let reports: Vec<_> = sync.resources.iter().filter_map(|one| one.outcome.as_ref().ok()).collect();
    assert!(reports.len() == 2 && reports.iter().all(|report| report.added() + report.removed() == 0));
    assert_eq!(sandbox.requests().len(), 6);
    let outsider =
        Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Outsider)).build().unwrap();
    assert!(
        outsider.provider().sync_all_memberships(&clusters, DEFAULT()).await.unwrap().resources.is_empty()
    );
}

/// An offering may keep its accounts to itself; the team shows them all the same.
#[tokio::test]
async fn members_whose_accounts_are_not_listed_stay() {
    let sandbox = sandbox().await;
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    sandbox
        .misbehave(Misbehaviour::new(Fault::VanishedItems(100)).operation("marketplace_offering_users_list"));
    let groups = Groups::of(["alice01", "bob01", "root"]);
    let plan = provider.plan_membership(resource, &groups, DEFAULT().remove_unknown()).await.unwrap();
    let step = |name: &str| step_of(&plan, name);
    assert_eq!((step("alice01"), step("carla01")), (MemberStep::Keep, MemberStep::Add));
    assert_eq!((step("bob01"), step("root")), (MemberStep::Unusable, MemberStep::Remove));
}

/// Cut off at any request, or after any call of the back end, and run again: the same members.
#[tokio::test]
async fn interrupted_anywhere_and_run_again_it_ends_the_same() {
    const BEFORE: [&str; 3] = ["alice01", "dora01", "root"];
    let sandbox = sandbox().await;
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    let whole = Groups::of(BEFORE);
    assert_eq!(provider.sync_membership(resource, &whole, DEFAULT()).await.unwrap().failed(), 0);
    let (expected, calls) = (whole.members(), whole.calls.load(Ordering::Relaxed));
    assert!(calls > 20 && expected.len() > 20);

    let denied = |count| Misbehaviour::new(Fault::Status(403)).after(count);
    for count in 0..3 {
        let groups = Groups::of(BEFORE);
        sandbox.misbehave(denied(count));
        assert!(provider.sync_membership(resource, &groups, DEFAULT()).await.is_err());
        sandbox.clear_faults();
        // Nothing is done before everything is known.
        assert_eq!(groups.calls.load(Ordering::Relaxed), 0);
        let _ = provider.sync_membership(resource, &groups, DEFAULT()).await.unwrap();
        assert_eq!(groups.members(), expected);
    }
    for count in 1..=calls {
        let groups = Groups::of(BEFORE);
        {
            let mut work = pin!(provider.sync_membership(resource, &groups, DEFAULT()));
            poll_fn(|context| match groups.calls.load(Ordering::Relaxed) >= count {
                true => Poll::Ready(()),
                false => work.as_mut().poll(context).map(drop),
            })
            .await;
        }
        let _ = provider.sync_membership(resource, &groups, DEFAULT()).await.unwrap();
        assert_eq!(groups.members(), expected, "{count}");
    }
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

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<String>, String> {
        self.call("list", resource, None);
        Ok(self.there.iter().map(|name| (*name).to_owned()).collect())
    }

    async fn add(&self, resource: &MembershipResource, username: &AccountName) -> Result<(), String> {
        self.call("add", resource, Some(username));
        Ok(())
    }

    async fn remove(&self, resource: &MembershipResource, username: &AccountName) -> Result<(), String> {
        self.call("remove", resource, Some(username));
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

/// A scheduler may take a blank account for all of them.
#[tokio::test]
async fn a_resource_without_an_id_is_not_for_the_back_end() {
    for id in [None, Some(""), Some(" ")] {
        let sandbox = small().await;
        let (ids, provider) = (*sandbox.ids(), provider(&sandbox, Actor::Provider));
        sandbox.corrupt("marketplace-provider-resources", ids.resources.ok, "backend_id", id.map(Into::into));
        let recorder = Recorder::of(["alice01"]);
        for resource in [ids.resources.ok, ids.resources.ok_second] {
            let error = provider.sync_membership(resource, &recorder, DEFAULT()).await.unwrap_err();
            assert!(matches!(error, MembershipError::NoBackendId { .. }), "{error}");
            assert!(error.to_string().contains(&resource.simple().to_string()), "{error}");
        }
        assert!(recorder.calls.lock().unwrap().is_empty());
        let sync = provider.sync_all_memberships(&recorder, DEFAULT()).await.unwrap();
        let without = |one: &&SyncedResource| matches!(one.outcome, Err(MembershipError::NoBackendId { .. }));
        assert_eq!((sync.resources.len(), sync.resources.iter().filter(without).count()), (4, 3));
        assert!(!sync.is_ok() && sync.to_string().contains("no id in the back end"), "{sync}");
        let calls = recorder.calls.lock().unwrap().clone();
        assert_eq!(calls, ["list polar_0002 -", "add polar_0002 carla01"]);
    }
}

#[tokio::test]
async fn names_that_are_none_are_never_handed_back() {
    let sandbox = small().await;
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    let recorder = Recorder::of(["", "alice01", " ", "alice01", "root"]);
    let options = DEFAULT().remove_unknown();
    let report = provider.sync_membership(resource, &recorder, options).await.unwrap();
    assert_eq!(report.untouched(MemberStep::Unnamed), 2);
    assert!(report.to_string().contains("2 without a name"), "{report}");
    assert_eq!(recorder.changes(), ["add polar_0001 carla01", "remove polar_0001 root"]);
    // An account with a blank name is no usable one, and its owner is named.
    sandbox.corrupt("marketplace-offering-users", sandbox.ids().offering_user, "username", json!("  "));
    let plan = provider.plan_membership(resource, &Recorder::of([" "]), DEFAULT()).await.unwrap();
    let text = plan.to_string();
    assert!(text.contains("unusable account of Alice Öberg") && text.contains("no name"), "{text}");
    // Somebody without a name is named by uuid.
    let bob = sandbox.ids().users.bob;
    sandbox.corrupt("marketplace_provider_resources_team_list", bob, "full_name", json!(null));
    let plan = provider.plan_membership(resource, &Recorder::of([]), DEFAULT()).await.unwrap();
    assert!(plan.to_string().contains(&format!("unusable account of user {}", bob.simple())), "{plan}");
}

#[tokio::test]
async fn restricted_access_lets_nobody_in_and_everybody_out() {
    let sandbox = small().await;
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    let staff = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Staff)).build().unwrap();
    staff.provider().set_restrict_member_access(resource, true).await.unwrap();
    let recorder = Recorder::of(["alice01", "dora01", "root"]);
    let report = provider.sync_membership(resource, &recorder, DEFAULT()).await.unwrap();
    assert_eq!(recorder.changes(), ["remove polar_0001 alice01", "remove polar_0001 dora01"]);
    assert_eq!((report.added(), report.removed(), report.untouched(MemberStep::Restricted)), (0, 2, 1));
    let recorder = Recorder::of([]);
    let sync = provider.sync_all_memberships(&recorder, DEFAULT()).await.unwrap();
    assert!(recorder.changes().iter().all(|change| !change.contains("polar_0001")), "{sync}");
    staff.provider().set_restrict_member_access(resource, false).await.unwrap();
    let recorder = Recorder::of([]);
    let report = provider.sync_membership(resource, &recorder, DEFAULT()).await.unwrap();
    assert_eq!(report.added(), 2);
}

#[tokio::test]
async fn consent_can_be_demanded() {
    let sandbox = small().await;
    let (ids, provider) = (*sandbox.ids(), provider(&sandbox, Actor::Provider));
    let resource = ids.resources.ok;
    let demanded = DEFAULT().require_consent();
    // Not demanded, it makes no difference.
    let recorder = Recorder::of(["alice01"]);
    let _ = provider.sync_membership(resource, &recorder, DEFAULT()).await.unwrap();
    assert_eq!(recorder.changes(), ["add polar_0001 carla01"]);
    // Nobody consented, as where there are no terms: nobody is added, and nobody is removed.
    let recorder = Recorder::of(["alice01"]);
    let report = provider.sync_membership(resource, &recorder, demanded).await.unwrap();
    assert!(recorder.changes().is_empty() && !report.is_ok(), "{report}");
    assert_eq!(
        (report.untouched(MemberStep::HeldBack), report.untouched(MemberStep::NoConsent)),
        (1, 1),
        "{report}"
    );
    // There are terms: Carla consented, Alice didn't.
    let carla = sandbox.offering_users().iter().find(|row| row.username == "carla01").unwrap().uuid;
    sandbox.corrupt("marketplace-offering-users", carla, "has_consent", json!(true));
    let recorder = Recorder::of(["alice01"]);
    let _ = provider.sync_membership(resource, &recorder, demanded).await.unwrap();
    assert_eq!(recorder.changes(), ["add polar_0001 carla01", "remove polar_0001 alice01"]);
    // Terms that changed have to be consented to again.
    sandbox.corrupt("marketplace-offering-users", carla, "requires_reconsent", json!(true));
    let recorder = Recorder::of(["carla01"]);
    let _ = provider.sync_all_memberships(&recorder, demanded).await.unwrap();
    assert_eq!(recorder.changes(), ["remove polar_0001 carla01", "remove polar_0002 carla01"]);
    // A server that doesn't say.
    let late = Sandbox::builder().orders(0).release(Release::Late2024).start().await.unwrap();
    for there in [Recorder::of([]), Recorder::of(["alice01"])] {
        let provider = self::provider(&late, Actor::Provider);
        let report = provider.sync_membership(late.ids().resources.ok, &there, demanded).await.unwrap();
        assert!(there.changes().is_empty(), "{report}");
    }
}

/// Nobody is removed because their row can't be read, and the others are served.
#[tokio::test]
async fn rows_that_can_not_be_read_hold_removals_back() {
    let sandbox = small().await;
    let (ids, provider) = (*sandbox.ids(), provider(&sandbox, Actor::Provider));
    let resource = ids.resources.ok;
    let options = DEFAULT().remove_unknown();
    let team = "marketplace_provider_resources_team_list";
    let accounts = "marketplace_offering_users_list";
    // Alice is in the team, and nobody can tell.
    sandbox.corrupt(team, ids.users.alice, "uuid", json!({}));
    let recorder = Recorder::of(["alice01", "root"]);
    let report = provider.sync_membership(resource, &recorder, options).await.unwrap();
    assert_eq!(recorder.changes(), ["add polar_0001 carla01"]);
    assert_eq!((report.untouched(MemberStep::HeldBack), report.unreadable.len()), (2, 1), "{report}");
    assert!(!report.is_ok() && report.to_string().contains("2 held back, 1 unreadable"), "{report}");
    let plan = provider.plan_membership(resource, &recorder, options).await.unwrap();
    assert!(plan.to_string().contains("held back alice01 (Alice Öberg)"), "{plan}");
    assert!(plan.to_string().contains("unreadable: marketplace_provider_resources_team_list"), "{plan}");
    sandbox.clear_corruptions();
    // Her account can't be read; the team knows its name, but not whether it is restricted.
    sandbox.corrupt(accounts, ids.offering_user, "user_uuid", json!(null));
    for (there, changes) in [
        (Recorder::of(["alice01", "root"]), vec!["add polar_0001 carla01"]),
        (Recorder::of(["dora01"]), vec!["add polar_0001 carla01", "remove polar_0001 dora01"]),
    ] {
        let report = provider.sync_membership(resource, &there, options).await.unwrap();
        assert_eq!(there.changes(), changes, "{report}");
        assert!(report.unreadable.len() == 1 && report.untouched(MemberStep::HeldBack) == 1, "{report}");
    }
    sandbox.clear_corruptions();
    // One resource that can't be read is named; the others are served.
    sandbox.corrupt("marketplace_provider_resources_list", resource, "offering_uuid", json!("?"));
    let recorder = Recorder::of(["dora01"]);
    let sync = provider.sync_all_memberships(&recorder, options).await.unwrap();
    assert!(sync.unreadable.len() == 1 && !sync.is_ok(), "{sync}");
    assert!(sync.to_string().contains(&resource.simple().to_string()), "{sync}");
    let changes = recorder.changes();
    assert!(changes.len() == 3 && changes.iter().all(|change| change.contains("polar_0002")), "{changes:?}");
}

/// An account that is gone may have had the name of one that is there.
#[tokio::test]
async fn a_name_that_is_needed_is_not_removed() {
    let seed = |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        seed.offering_user(ids.offerings.slurm, ids.users.bob, "alice01", State::Deleted);
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).start().await.unwrap();
    let provider = provider(&sandbox, Actor::Provider);
    let recorder = Recorder::of(["alice01"]);
    let report = provider.sync_membership(sandbox.ids().resources.ok, &recorder, DEFAULT()).await.unwrap();
    assert!(recorder.changes().is_empty() && report.untouched(MemberStep::Keep) == 1, "{report}");
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
    let provider = provider(&sandbox, Actor::Provider);
    let state = |name: &str| sandbox.offering_users().iter().find(|row| row.username == name).unwrap().state;
    let options = DEFAULT().remove_departed();
    let sync = provider.sync_all_memberships(&Recorder::of([]), DEFAULT()).await.unwrap();
    assert!(sync.departed.is_empty() && state("dora01") == State::Ok);
    // Who may be in a team that can't be read hasn't left.
    let team = "marketplace_provider_resources_team_list";
    sandbox.corrupt(team, 0, "uuid", json!(7));
    let sync = provider.sync_all_memberships(&Recorder::of([]), options).await.unwrap();
    assert!(sync.departed.iter().all(|one| one.outcome.is_none()) && !sync.departed.is_empty(), "{sync}");
    assert!(sync.to_string().contains("held back"), "{sync}");
    sandbox.clear_corruptions();
    sandbox.misbehave(Misbehaviour::new(Fault::Status(403)).operation(team));
    let sync = provider.sync_all_memberships(&Recorder::of([]), options).await.unwrap();
    assert!(sync.departed.iter().all(|one| one.outcome.is_none()), "{sync}");
    sandbox.clear_faults();
    assert!(sandbox.requests().iter().all(|request| request.method == "GET"));

    let sync = provider.sync_all_memberships(&Recorder::of(["dora01"]), options).await.unwrap();
    assert_eq!(sync.departed.len(), 1, "{sync}");
    assert!(matches!(sync.departed[0].outcome, Some(Outcome::Done)), "{sync}");
    assert_eq!((state("dora01"), state("erik01")), (State::RequestedDeletion, State::Ok));
    let sync = provider.sync_all_memberships(&Recorder::of([]), options).await.unwrap();
    assert!(sync.departed.is_empty(), "{sync}");
}

/// One odd name among the members of a team, as a server shows somebody who hasn't signed in yet.
#[tokio::test]
async fn a_member_without_a_name_costs_no_other() {
    for name in [Some(json!("")), Some(json!(null)), Some(json!(["odd"])), None] {
        let sandbox = small().await;
        let (ids, provider) = (*sandbox.ids(), provider(&sandbox, Actor::Provider));
        sandbox.corrupt("marketplace_provider_resources_team_list", ids.users.bob, "username", name);
        assert_eq!(provider.team(ids.resources.ok).await.unwrap().len(), 3);
        let recorder = Recorder::of([]);
        let report = provider.sync_membership(ids.resources.ok, &recorder, DEFAULT()).await.unwrap();
        assert_eq!(recorder.changes(), ["add polar_0001 alice01", "add polar_0001 carla01"]);
        assert_eq!(report.untouched(MemberStep::Unusable), 1);
    }
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
        let client =
            Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build().unwrap();
        let (provider, old) = (client.provider(), release == Release::Late2024);
        let recorder = Recorder::of(["dora01"]);
        let _ = provider.sync_membership(ids.resources.ok, &recorder, DEFAULT()).await.unwrap();
        assert_eq!(recorder.changes(), ["add polar_0001 alice01", "remove polar_0001 dora01"], "{release:?}");
        let sync = provider.sync_all_memberships(&recorder, DEFAULT().remove_departed()).await.unwrap();
        assert_eq!(sync.departed.len(), 1, "{release:?}: {sync}");
        let outcome = sync.departed[0].outcome.as_ref().unwrap();
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

/// The answers to registrations are looked up where they don't say what was registered.
#[tokio::test]
async fn a_registration_whose_answer_lost_its_uuid_is_found() {
    let sandbox = Sandbox::builder().orders(0).start().await.unwrap();
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build().unwrap();
    let slurm = sandbox.ids().offerings.slurm;
    let lost = || Fault::MissingFields(vec!["uuid".to_owned()]);
    sandbox.fail_next(1, "POST", "/marketplace-site-agent-identities/", lost());
    let agent = AgentIdentity::register(&client, slurm, "polar-agent", "1").await.unwrap();
    sandbox.fail_next(1, "POST", "/register_service/", lost());
    let service = agent.register_service(&client, "orders", "order_process").await.unwrap();
    sandbox.fail_next(1, "POST", "/register_processor/", lost());
    let processor = service.register_processor(&client, "orders", "slurm", "23").await.unwrap();
    for (uuid, name) in [
        (agent.uuid, "marketplace-site-agent-identities"),
        (service.uuid, "marketplace-site-agent-services"),
        (processor.uuid, "marketplace-site-agent-processors"),
    ] {
        let there = sandbox.documents(name);
        assert!(there.len() == 1 && there[0].uuid == uuid, "{name}: {there:?}");
    }
    // One that can't be read may be the one that is looked for: no second is made.
    sandbox.corrupt("marketplace_site_agent_identities_list", 0, "uuid", json!(null));
    let error = AgentIdentity::register(&client, slurm, "polar-agent", "1").await.unwrap_err();
    assert!(error.is_decode() && error.to_string().contains("polar-agent"), "{error}");
    sandbox.clear_corruptions();
    // A page isn't Waldur's: what was registered before proves nothing.
    sandbox.fail_next(9, "POST", "/register_service/", Fault::MediaType("text/html".to_owned()));
    let error = agent.register_service(&client, "orders", "order_process").await.unwrap_err();
    assert!(error.is_page() && error.is_answer_lost(), "{error}");
    // The version changes though the answer is a page.
    sandbox.fail_next(1, "PUT", "/", Fault::MediaType("text/html".to_owned()));
    let agent = AgentIdentity::register(&client, slurm, "polar-agent", "2").await.unwrap();
    assert_eq!(agent.version, "2");
    assert_eq!(sandbox.documents("marketplace-site-agent-identities").len(), 1);
}
