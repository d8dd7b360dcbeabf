//! Offering users, on the sandbox.

mod gaps;
mod transitions;

use std::sync::{Arc, Mutex};

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour, OfferingUserState as State, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::accounts::{OfferingUserTransition as Transition, OfferingUsers};
use waldur_sdk::types::OfferingUserState;
use waldur_sdk::{Applied, RetryPolicy, Uuid};

use crate::common::{client, posts, provider, provider_as, sent};

const ACCOUNTS: &str = "/marketplace-offering-users/";

fn account(sandbox: &Sandbox, user: Uuid, offering: Uuid) -> Option<(String, State)> {
    let rows = sandbox.offering_users();
    let row = rows.into_iter().find(|row| row.user == user && row.offering == offering)?;
    Some((row.username, row.state))
}

/// Starts a sandbox in which Bob has an offering user in this state.
async fn with_bob(username: &'static str, state: State) -> Sandbox {
    let seed = move |seed: &mut waldur_sandbox::Seed<'_>| {
        let ids = *seed.ids();
        seed.offering_user(ids.offerings.slurm, ids.users.bob, username, state);
    };
    Sandbox::builder().orders(0).seed(seed).start().await.unwrap()
}

#[tokio::test]
async fn an_offering_user_is_created_with_two_requests_and_found_the_next_time() {
    let sandbox = Sandbox::start().await.unwrap();
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    let ensured = provider(&sandbox).ensure_offering_user(bob, slurm).username("bob01").await.unwrap();
    assert!(ensured.created && ensured.object.is_usable(), "{ensured:?}");
    assert_eq!((ensured.object.user_uuid, ensured.object.offering_uuid), (bob, slurm));
    assert_eq!(account(&sandbox, bob, slurm), Some(("bob01".to_owned(), State::Ok)));
    assert_eq!(sandbox.requests().len(), 2);

    let again = provider(&sandbox).ensure_offering_user(bob, slurm).username("bob01").await.unwrap();
    assert!(!again.created);
    assert_eq!(again.object, ensured.object);
    assert_eq!((sandbox.requests().len(), posts(&sandbox)), (3, 1));
    // Another username doesn't rename.
    let other = provider(&sandbox).ensure_offering_user(bob, slurm).username("bobby").await.unwrap();
    assert_eq!(other.object.username, "bob01");
}

#[tokio::test]
async fn an_offering_user_can_be_named_later() {
    let sandbox = Sandbox::start().await.unwrap();
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    let provider = provider(&sandbox);
    let ensured = provider.ensure_offering_user(bob, slurm).await.unwrap();
    assert!(ensured.created && !ensured.object.is_usable());
    assert_eq!(ensured.object.state, Some(OfferingUserState::Requested));
    let ensured = provider.ensure_offering_user(bob, slurm).username("bob01").await.unwrap();
    assert!(!ensured.created && ensured.object.is_usable(), "{ensured:?}");
    assert_eq!(account(&sandbox, bob, slurm), Some(("bob01".to_owned(), State::Ok)));
}

#[tokio::test]
async fn an_offering_user_that_is_being_created_is_named_unless_it_is_pending_on_the_user() {
    for state in [State::Requested, State::Creating, State::ErrorCreating] {
        let sandbox = with_bob("", state).await;
        let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
        let ensured = provider(&sandbox).ensure_offering_user(bob, slurm).username("bob01").await.unwrap();
        assert!(ensured.object.is_usable() && !ensured.created, "{state}: {ensured:?}");
        assert_eq!(account(&sandbox, bob, slurm), Some(("bob01".to_owned(), State::Ok)));
    }
    // An offering user that is pending on the user stays pending.
    for state in [State::PendingAccountLinking, State::PendingAdditionalValidation] {
        let sandbox = with_bob("", state).await;
        let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
        let ensured = provider(&sandbox).ensure_offering_user(bob, slurm).username("bob01").await.unwrap();
        assert!(!ensured.created && !ensured.object.is_usable());
        assert_eq!(account(&sandbox, bob, slurm), Some((String::new(), state)));
    }
}

#[tokio::test]
async fn an_offering_user_that_is_being_deleted_is_a_conflict() {
    for state in [State::RequestedDeletion, State::Deleting, State::Deleted, State::ErrorDeleting] {
        let sandbox = with_bob("bob01", state).await;
        let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
        let error = provider(&sandbox).ensure_offering_user(bob, slurm).username("bob01").await.unwrap_err();
        assert!(error.is_conflict() && error.to_string().contains(state.as_str()), "{error}");
        assert_eq!(sandbox.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_lost_response_is_looked_up_before_anything_is_sent_again() {
    // The request that got a 502 was not applied: it is sent again.
    for (fault, posts) in
        [(Fault::ResetAfter, 1), (Fault::Truncated, 1), (Fault::EmptyBody, 1), (Fault::Status(502), 2)]
    {
        let sandbox = Sandbox::start().await.unwrap();
        let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
        sandbox.fail_next(1, "POST", ACCOUNTS, fault.clone());
        let ensured = provider(&sandbox).ensure_offering_user(bob, slurm).username("bob01").await.unwrap();
        assert!(ensured.created && ensured.object.is_usable(), "{fault:?}");
        let methods: Vec<String> = sandbox.requests().into_iter().map(|request| request.method).collect();
        assert_eq!(methods.iter().filter(|method| *method == "POST").count(), posts, "{fault:?}");
        assert!(methods.windows(2).all(|two| two != ["POST", "POST"]), "{methods:?}");
        let again = provider(&sandbox).ensure_offering_user(bob, slurm).username("bob01").await.unwrap();
        assert_eq!(again.object, ensured.object);
        assert_eq!(account(&sandbox, bob, slurm), Some(("bob01".to_owned(), State::Ok)));
    }
    // Without another attempt, it is reported as not applied.
    let sandbox = Sandbox::start().await.unwrap();
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    sandbox.fail_next(1, "POST", ACCOUNTS, Fault::Status(502));
    let impatient = client(&sandbox).with_retry(RetryPolicy::never()).provider();
    let error = impatient.ensure_offering_user(bob, slurm).username("bob01").await.unwrap_err();
    assert!(error.is_server() && error.to_string().contains("not applied"), "{error}");
    assert_eq!(account(&sandbox, bob, slurm), None);
}

#[tokio::test]
async fn of_several_callers_at_once_one_creates_the_offering_user() {
    let sandbox = Sandbox::start().await.unwrap();
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    let all = (0..8).map(|_| {
        let provider = provider(&sandbox);
        async move { provider.ensure_offering_user(bob, slurm).username("bob01").await.unwrap() }
    });
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|ensured| ensured.created).count(), 1);
    assert!(all.iter().all(|ensured| ensured.object.uuid == all[0].object.uuid));
}

#[tokio::test]
async fn only_the_provider_creates_and_sees_offering_users() {
    let sandbox = Sandbox::start().await.unwrap();
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    for actor in [Actor::Consumer, Actor::Outsider] {
        let provider = provider_as(&sandbox, actor);
        let error = provider.ensure_offering_user(bob, slurm).username("bob01").await.unwrap_err();
        assert!(error.is_forbidden(), "{actor:?}: {error}");
        assert!(provider.offering_users().all().await.unwrap().is_empty());
        let error = provider.offering_user(sandbox.ids().offering_user).get().await.unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
    let nobody = Uuid::from_u128(1);
    let error = provider(&sandbox).ensure_offering_user(nobody, slurm).username("nobody").await.unwrap_err();
    assert!(error.is_validation() && error.messages().to_string().contains("user"), "{error}");
    sandbox.clear_requests();
    let error =
        provider(&sandbox).ensure_offering_user(bob, slurm).username("b".repeat(101)).await.unwrap_err();
    assert!(error.is_validation() && sandbox.requests().is_empty(), "{error}");
    for blank in ["", " "] {
        let error = provider(&sandbox).ensure_offering_user(bob, slurm).username(blank).await.unwrap_err();
        assert!(error.is_validation() && sandbox.requests().is_empty(), "{error}");
    }
}

#[tokio::test]
async fn usernames_are_set_at_all_offerings_and_reported_by_user() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let (own, alice, bob) = (ids.service_provider, ids.users.alice, ids.users.bob);
    let provider = provider(&sandbox);
    // The response is lost: the request is idempotent and sent again.
    sandbox.fail_next(1, "POST", "/set_offerings_username/", Fault::ResetAfter);
    let report =
        provider.service_provider(own).set_usernames([(alice, "alice_all"), (bob, "bob_all")]).await.unwrap();
    assert_eq!((report.applied(), report.to_string().as_str()), (2, "2 applied"));
    let accounts = provider.offering_users().provider(ids.provider_customer).state(OfferingUserState::Ok);
    let accounts = accounts.all().await.unwrap();
    for (user, name) in [(alice, "alice_all"), (bob, "bob_all")] {
        let of_user: Vec<_> = accounts.iter().filter(|account| account.user_uuid == user).collect();
        assert!(of_user.len() == 3 && of_user.iter().all(|account| account.username == name), "{of_user:?}");
    }

    // One unknown user doesn't stop the others.
    let names = [(Uuid::from_u128(1), "x"), (alice, "alice_new")];
    let report = provider.service_provider(own).set_usernames(names).await.unwrap();
    assert_eq!((report.applied(), report.refused()), (1, 1));
    let refused = &report.items[0];
    assert!(
        refused.target.user_uuid == Uuid::from_u128(1) && refused.outcome.error().unwrap().is_validation()
    );
    sandbox.clear_requests();
    let report = provider.service_provider(own).set_usernames([(alice, "")]).await.unwrap();
    assert!(report.items[0].outcome.error().unwrap().is_validation() && sandbox.requests().is_empty());
    let report = provider.service_provider(own).set_usernames([(alice, "x")]).dry_run().await.unwrap();
    assert!(report.skipped() == 1 && sandbox.requests().is_empty());
    let outsider = provider_as(&sandbox, Actor::Outsider);
    let report = outsider.service_provider(own).set_usernames([(alice, "x")]).await.unwrap();
    assert!(report.items[0].outcome.error().unwrap().is_forbidden(), "{report}");
}

#[tokio::test]
async fn offering_users_are_narrowed_by_user_offering_state_and_restriction() {
    let sandbox = with_bob("", State::Requested).await;
    let (ids, provider) = (*sandbox.ids(), provider(&sandbox));
    let (alice, bob, slurm) = (ids.users.alice, ids.users.bob, ids.offerings.slurm);
    let users = async |list: OfferingUsers| -> Vec<Uuid> {
        list.all().await.unwrap().iter().map(|row| row.user_uuid).collect()
    };
    let all = || provider.offering_users();
    assert_eq!(users(all().user(bob)).await, [bob]);
    assert_eq!(users(all().state(OfferingUserState::Requested)).await, [bob]);
    assert_eq!(users(all().user(alice).offering(slurm).restricted(false)).await, [alice]);
    assert!(users(all().restricted(true)).await.is_empty());
    assert!(users(all().offering(ids.offerings.bulk)).await.is_empty());
    assert_eq!(users(all().offering(ids.offerings.bulk).offering(slurm)).await.len(), 2);
    assert_eq!(all().offering(slurm).count().await.unwrap(), 2);
    let first = all().user(bob).offering(slurm).first().await.unwrap().unwrap();
    assert_eq!(first, provider.offering_user(&first).get().await.unwrap());
}

#[tokio::test]
async fn servers_without_states_are_served() {
    let sandbox = Sandbox::builder().release(waldur_sandbox::Release::Late2024).start().await.unwrap();
    let (alice, slurm) = (sandbox.ids().users.alice, sandbox.ids().offerings.slurm);
    let ensured = provider(&sandbox).ensure_offering_user(alice, slurm).username("alice01").await.unwrap();
    assert!(!ensured.created && ensured.object.is_usable());
}

#[tokio::test]
async fn offering_users_survive_random_faults() {
    let users: Arc<Mutex<Vec<Uuid>>> = Arc::default();
    let made = Arc::clone(&users);
    let seed = move |seed: &mut waldur_sandbox::Seed<'_>| {
        let users = (0..25).map(|number| seed.user(&format!("user{number:02}"), "User", &number.to_string()));
        *made.lock().unwrap() = users.collect();
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).dice(7).start().await.unwrap();
    let slurm = sandbox.ids().offerings.slurm;
    // Those that hang only take time.
    let bad = Fault::each().into_iter().filter(|fault| !matches!(fault, Fault::Stalled | Fault::Delay(_)));
    sandbox.misbehave(Misbehaviour::any_of(bad).chance(0.2));
    let client = client(&sandbox).with_retry(RetryPolicy::never());
    let users = users.lock().unwrap().clone();
    let mut errors = 0;
    for (number, user) in users.iter().enumerate() {
        sandbox.clear_requests();
        let name = format!("u{number:02}");
        for _ in 0..20 {
            match client.provider().ensure_offering_user(*user, slurm).username(name.as_str()).await {
                Ok(_) => break,
                Err(_) => errors += 1,
            }
        }
        assert_eq!(account(&sandbox, *user, slurm), Some((name, State::Ok)));
        // No request that may have been applied is sent again without a read in between.
        let methods: Vec<String> = sandbox.requests().into_iter().map(|request| request.method).collect();
        assert!(methods.windows(2).all(|two| two[0] != "POST" || two[1] != "POST"), "{methods:?}");
    }
    assert!(errors > 0);
    assert_eq!(sandbox.offering_users().len(), users.len() + 1);
}

#[tokio::test]
async fn a_change_that_was_not_applied_is_sent_again() {
    let sandbox = with_bob("", State::Requested).await;
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    let uuid = sandbox.offering_users().iter().find(|row| row.user == bob).unwrap().uuid;
    let provider = provider(&sandbox);
    sandbox.fail_next(1, "POST", "/begin_creating/", Fault::ResetBefore);
    provider.offering_user(uuid).transition(Transition::BeginCreating).await.unwrap();
    sandbox.fail_next(1, "PATCH", "/", Fault::ResetBefore);
    assert_eq!(provider.offering_user(uuid).set_username("bob01").await.unwrap(), Applied::Now);
    assert_eq!((posts(&sandbox), sent(&sandbox, "PATCH")), (2, 2));
    assert_eq!(account(&sandbox, bob, slurm), Some(("bob01".to_owned(), State::Ok)));
}

/// A response that isn't Waldur's proves nothing: the object is read.
#[tokio::test]
async fn an_odd_response_is_looked_up() {
    let sandbox = with_bob("", State::Requested).await;
    let ids = *sandbox.ids();
    let (bob, slurm) = (ids.users.bob, ids.offerings.slurm);
    let uuid = sandbox.offering_users().iter().find(|row| row.user == bob).unwrap().uuid;
    let provider = provider(&sandbox);
    // Not applied.
    sandbox.fail_next(1, "POST", ACCOUNTS, Fault::Status(200));
    let error = provider.ensure_offering_user(ids.users.consumer, slurm).username("cora").await.unwrap_err();
    assert!(error.is_unexpected_response() && error.to_string().contains("not applied"), "{error}");
    sandbox.fail_next(1, "PATCH", "/", Fault::Status(200));
    let error = provider.offering_user(uuid).set_username("bob01").await.unwrap_err();
    assert!(
        error.is_unexpected_response() && error.to_string().contains("the offering user has no name"),
        "{error}"
    );
    sandbox.misbehave(Misbehaviour::new(Fault::Portal).method("POST").times(3));
    for result in [
        provider.offering_user(uuid).transition(Transition::BeginCreating).await.map(drop),
        provider.ensure_offering_user(ids.users.consumer, slurm).username("cora").await.map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(error.is_page() && error.to_string().contains("not applied"), "{error}");
    }
    let report =
        provider.service_provider(ids.service_provider).set_usernames([(bob, "bob01")]).await.unwrap();
    let error = report.items[0].outcome.error().unwrap();
    assert!(error.is_page() && error.is_unconfirmed() && report.failed() == 1, "{error}");
    assert_eq!(account(&sandbox, bob, slurm), Some((String::new(), State::Requested)));
    // Applied, and the response is a page.
    let page = || Fault::MediaType("text/html".to_owned());
    sandbox.fail_next(1, "POST", "/begin_creating/", page());
    let offering_user = provider.offering_user(uuid);
    assert_eq!(offering_user.transition(Transition::BeginCreating).await.unwrap(), Applied::Now);
    assert_eq!(offering_user.get().await.unwrap().state, Some(OfferingUserState::Creating));
    sandbox.fail_next(1, "PATCH", "/", page());
    assert_eq!(offering_user.set_username("bob01").await.unwrap(), Applied::Now);
    assert!(offering_user.get().await.unwrap().is_usable());
    for lost in [page(), Fault::MissingFields(vec!["uuid".to_owned()])] {
        let user = if matches!(lost, Fault::MediaType(_)) { ids.users.consumer } else { ids.users.outsider };
        sandbox.fail_next(1, "POST", ACCOUNTS, lost);
        let ensured =
            provider.ensure_offering_user(user, slurm).username(user.simple().to_string()).await.unwrap();
        assert!(ensured.created && ensured.object.is_usable(), "{ensured:?}");
    }
    assert_eq!((posts(&sandbox), sent(&sandbox, "PATCH")), (7, 2));
}

#[tokio::test]
async fn offering_users_show_whether_their_users_consented() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.corrupt("marketplace-offering-users", sandbox.ids().offering_user, "has_consent", json!(true));
    let account = provider(&sandbox).offering_user(sandbox.ids().offering_user).get().await.unwrap();
    assert_eq!((account.has_consent, account.requires_reconsent), (Some(true), Some(false)));
    let late = Sandbox::builder().release(waldur_sandbox::Release::Late2024).start().await.unwrap();
    let account = provider(&late).offering_user(late.ids().offering_user).get().await.unwrap();
    assert_eq!((account.has_consent, account.requires_reconsent), (None, None));
}
