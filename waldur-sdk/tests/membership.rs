//! Members of a back end in line with the team of a resource, on the sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use waldur_sandbox::{Actor, Fault, Misbehaviour, OfferingUserState as State, Sandbox, Seed};
use waldur_sdk::{
    Client, MemberOutcome, MemberStep, MembershipBackend, MembershipError, MembershipResource, Provider,
    SyncedResource, Uuid,
};

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

    async fn add(&self, _: &MembershipResource, username: &str) -> Result<(), String> {
        self.act(username, |members, username| assert!(members.insert(username.to_owned()))).await
    }

    async fn remove(&self, _: &MembershipResource, username: &str) -> Result<(), String> {
        self.act(username, |members, username| assert!(members.remove(username))).await
    }
}

fn provider(sandbox: &Sandbox, actor: Actor) -> Provider {
    let builder = Client::builder().url(sandbox.url()).token(sandbox.token(actor)).concurrency(4);
    builder.build().unwrap().provider()
}

/// In the team: Alice with an account, Bob whose account isn't made, Carla and twenty others with one. Not in it: Dora,
/// who has an account all the same.
async fn sandbox() -> Sandbox {
    let seed = |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        let slurm = ids.offerings.slurm;
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

    let plan = provider.plan_membership(resource, &groups).await.unwrap();
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

    let report = provider.sync_membership(resource, &groups).await.unwrap();
    assert_eq!(
        report.to_string(),
        "21 added, 1 removed, 1 kept, 1 with an unusable account, 1 unknown, 0 failed"
    );
    assert_eq!(report.items.len(), plan.members.len());
    let there = groups.members();
    assert!(there.contains(&"root".to_owned()) && !there.contains(&"dora01".to_owned()), "{there:?}");
    assert_eq!((there.len(), groups.calls.load(Ordering::Relaxed)), (24, 22));
    assert!((2..=4).contains(&groups.most.load(Ordering::Relaxed)));

    let again = provider.sync_membership(resource, &groups).await.unwrap();
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
    let plan = provider.plan_membership(resource, &groups).await.unwrap().removing_unknown();
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
    let report = provider.sync_membership(resource, &groups).await.unwrap();
    assert_eq!((report.removed(), groups.members().len()), (2, 0), "{report:?}");
}

#[tokio::test]
async fn one_that_fails_stops_no_other_and_is_tried_again() {
    let sandbox = sandbox().await;
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    let mut groups = Groups { failing: ["carla01", "dora01"].into(), ..Groups::of(["dora01"]) };
    let report = provider.sync_membership(resource, &groups).await.unwrap();
    assert_eq!((report.added(), report.removed(), report.failed()), (21, 0, 2));
    for item in report.items {
        if let MemberOutcome::Failed { error } = item.outcome {
            assert_eq!(error.to_string(), format!("no quota for {}", item.member.username));
        }
    }
    groups.failing.clear();
    let report = provider.sync_membership(resource, &groups).await.unwrap();
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
        let error = provider(&sandbox, Actor::Provider).sync_membership(resource, &groups).await.unwrap_err();
        assert!(refused(error).is_conflict());
    }
    for actor in [Actor::Consumer, Actor::Outsider] {
        let error = provider(&sandbox, actor).sync_membership(ids.resources.ok, &groups).await.unwrap_err();
        let error = refused(error);
        assert!(error.is_not_found(), "{error}");
    }
    sandbox.fail_next(1, "GET", "/team/", Fault::Status(500));
    let error =
        provider(&sandbox, Actor::Provider).sync_membership(ids.resources.ok, &groups).await.unwrap_err();
    assert!(refused(error).is_server());
    let away = Groups { failing: [""].into(), ..Groups::of(["alice01"]) };
    let error =
        provider(&sandbox, Actor::Provider).sync_membership(ids.resources.ok, &away).await.unwrap_err();
    assert!(matches!(error, MembershipError::Backend(_)) && error.to_string().contains("directory is away"));
    assert_eq!((groups.members().len(), groups.calls.load(Ordering::Relaxed)), (1, 0));
}

#[tokio::test]
async fn it_can_be_spawned() {
    let sandbox = sandbox().await;
    let (resource, provider): (Uuid, _) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    let report = tokio::spawn(async move {
        let groups = Groups::default();
        provider.sync_membership(resource, &groups).await.unwrap()
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

    async fn add(&self, resource: &MembershipResource, username: &str) -> Result<(), String> {
        self.0.lock().unwrap().get_mut(&resource.name).unwrap().insert(username.to_owned());
        Ok(())
    }

    async fn remove(&self, resource: &MembershipResource, username: &str) -> Result<(), String> {
        self.0.lock().unwrap().get_mut(&resource.name).unwrap().remove(username);
        Ok(())
    }
}

#[tokio::test]
async fn all_resources_come_to_match_their_teams() {
    let sandbox = sandbox().await;
    let provider = provider(&sandbox, Actor::Provider).of_offering(sandbox.ids().offerings.slurm);
    let clusters = Clusters::default();
    let synced = provider.sync_all_memberships(&clusters).await.unwrap();
    // The resources, the accounts, and the team of their one project.
    assert_eq!((synced.len(), sandbox.requests().len()), (3, 3));
    for SyncedResource { resource, outcome, .. } in &synced {
        match outcome {
            Ok(report) => assert_eq!((report.added(), report.failed()), (22, 0), "{report}"),
            Err(error) => {
                assert!(resource.name.ends_with("ok-2") && matches!(error, MembershipError::Backend(_)))
            }
        }
    }
    assert_eq!(synced.iter().filter(|one| one.outcome.is_ok()).count(), 2);
    let there = clusters.0.lock().unwrap().clone();
    assert!(there.len() == 2 && there.values().all(|members| members.len() == 22));

    // Again: nothing to do. And a team that can't be read for all is asked for by each.
    sandbox.clear_requests();
    sandbox.fail_next(1, "GET", "/team/", Fault::Status(404));
    let synced = provider.sync_all_memberships(&clusters).await.unwrap();
    let reports: Vec<_> = synced.iter().filter_map(|one| one.outcome.as_ref().ok()).collect();
    assert!(reports.len() == 2 && reports.iter().all(|report| report.added() + report.removed() == 0));
    assert_eq!(sandbox.requests().len(), 6);
    let outsider =
        Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Outsider)).build().unwrap();
    assert!(outsider.provider().sync_all_memberships(&clusters).await.unwrap().is_empty());
}

/// An offering may keep its accounts to itself; the team shows them all the same.
#[tokio::test]
async fn members_whose_accounts_are_not_listed_stay() {
    let sandbox = sandbox().await;
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox, Actor::Provider));
    sandbox
        .misbehave(Misbehaviour::new(Fault::VanishedItems(100)).operation("marketplace_offering_users_list"));
    let groups = Groups::of(["alice01", "bob01", "root"]);
    let plan = provider.plan_membership(resource, &groups).await.unwrap().removing_unknown();
    let step = |name: &str| plan.members.iter().find(|one| one.username == name).unwrap().step;
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
    assert_eq!(provider.sync_membership(resource, &whole).await.unwrap().failed(), 0);
    let (expected, calls) = (whole.members(), whole.calls.load(Ordering::Relaxed));
    assert!(calls > 20 && expected.len() > 20);

    let denied = |count| Misbehaviour::new(Fault::Status(403)).after(count);
    for count in 0..3 {
        let groups = Groups::of(BEFORE);
        sandbox.misbehave(denied(count));
        assert!(provider.sync_membership(resource, &groups).await.is_err());
        sandbox.clear_faults();
        // Nothing is done before everything is known.
        assert_eq!(groups.calls.load(Ordering::Relaxed), 0);
        let _ = provider.sync_membership(resource, &groups).await.unwrap();
        assert_eq!(groups.members(), expected);
    }
    for count in 1..=calls {
        let groups = Groups::of(BEFORE);
        {
            let mut work = pin!(provider.sync_membership(resource, &groups));
            poll_fn(|context| match groups.calls.load(Ordering::Relaxed) >= count {
                true => Poll::Ready(()),
                false => work.as_mut().poll(context).map(drop),
            })
            .await;
        }
        let _ = provider.sync_membership(resource, &groups).await.unwrap();
        assert_eq!(groups.members(), expected, "{count}");
    }
}
