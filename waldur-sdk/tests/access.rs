//! The accounts of users at offerings, on the sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::{Arc, Mutex};

use common::{client, posts, provider, provider_as, sent};
use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour, OfferingUserState as State, ResourceState, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::types::OfferingUserState;
use waldur_sdk::{OfferingUserTransition as Transition, RetryPolicy, Uuid};

const ACCOUNTS: &str = "/marketplace-offering-users/";

fn account(sandbox: &Sandbox, user: Uuid, offering: Uuid) -> Option<(String, State)> {
    let rows = sandbox.offering_users();
    let row = rows.into_iter().find(|row| row.user == user && row.offering == offering)?;
    Some((row.username, row.state))
}

/// Bob has an account at the cluster in this state.
async fn with_bob(username: &'static str, state: State) -> Sandbox {
    let seed = move |seed: &mut waldur_sandbox::Seed<'_>| {
        let ids = *seed.ids();
        seed.offering_user(ids.offerings.slurm, ids.users.bob, username, state);
    };
    Sandbox::builder().orders(0).seed(seed).start().await.unwrap()
}

#[tokio::test]
async fn access_is_granted_with_two_requests_and_found_the_next_time() {
    let sandbox = Sandbox::start().await.unwrap();
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    let access = provider(&sandbox).grant_access(bob, slurm, "bob01").await.unwrap();
    assert!(access.created && access.account.is_usable(), "{access:?}");
    assert_eq!((access.account.user_uuid, access.account.offering_uuid), (bob, slurm));
    assert_eq!(account(&sandbox, bob, slurm), Some(("bob01".to_owned(), State::Ok)));
    assert_eq!(sandbox.requests().len(), 2);

    let again = provider(&sandbox).grant_access(bob, slurm, "bob01").await.unwrap();
    assert!(!again.created);
    assert_eq!(again.account, access.account);
    assert_eq!((sandbox.requests().len(), posts(&sandbox)), (3, 1));
    // Another name doesn't rename.
    let other = provider(&sandbox).grant_access(bob, slurm, "bobby").await.unwrap();
    assert_eq!(other.account.username, "bob01");
}

#[tokio::test]
async fn an_account_may_be_named_later() {
    let sandbox = Sandbox::start().await.unwrap();
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    let provider = provider(&sandbox);
    let access = provider.grant_access(bob, slurm, "").await.unwrap();
    assert!(access.created && !access.account.is_usable());
    assert_eq!(access.account.state, Some(OfferingUserState::Requested));
    let access = provider.grant_access(bob, slurm, "bob01").await.unwrap();
    assert!(!access.created && access.account.is_usable(), "{access:?}");
    assert_eq!(account(&sandbox, bob, slurm), Some(("bob01".to_owned(), State::Ok)));
}

#[tokio::test]
async fn an_account_that_is_not_made_yet_is_made() {
    for state in [State::Requested, State::Creating, State::ErrorCreating] {
        let sandbox = with_bob("", state).await;
        let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
        let access = provider(&sandbox).grant_access(bob, slurm, "bob01").await.unwrap();
        assert!(access.account.is_usable() && !access.created, "{state}: {access:?}");
        assert_eq!(account(&sandbox, bob, slurm), Some(("bob01".to_owned(), State::Ok)));
    }
    // Who waits for the user goes on waiting.
    for state in [State::PendingAccountLinking, State::PendingAdditionalValidation] {
        let sandbox = with_bob("", state).await;
        let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
        let access = provider(&sandbox).grant_access(bob, slurm, "bob01").await.unwrap();
        assert!(!access.created && !access.account.is_usable());
        assert_eq!(account(&sandbox, bob, slurm), Some((String::new(), state)));
    }
}

#[tokio::test]
async fn an_account_that_goes_is_no_access() {
    for state in [State::RequestedDeletion, State::Deleting, State::Deleted, State::ErrorDeleting] {
        let sandbox = with_bob("bob01", state).await;
        let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
        let error = provider(&sandbox).grant_access(bob, slurm, "bob01").await.unwrap_err();
        assert!(error.is_conflict() && error.to_string().contains(state.as_str()), "{error}");
        assert_eq!(sandbox.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_before_anything_is_sent_again() {
    // A server that answers 502 hasn't applied it: only then it is sent again.
    for (fault, posts) in
        [(Fault::ResetAfter, 1), (Fault::Truncated, 1), (Fault::EmptyBody, 1), (Fault::Status(502), 2)]
    {
        let sandbox = Sandbox::start().await.unwrap();
        let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
        sandbox.fail_next(1, "POST", ACCOUNTS, fault.clone());
        let access = provider(&sandbox).grant_access(bob, slurm, "bob01").await.unwrap();
        assert!(access.created && access.account.is_usable(), "{fault:?}");
        let methods: Vec<String> = sandbox.requests().into_iter().map(|request| request.method).collect();
        assert_eq!(methods.iter().filter(|method| *method == "POST").count(), posts, "{fault:?}");
        assert!(methods.windows(2).all(|two| two != ["POST", "POST"]), "{methods:?}");
        let again = provider(&sandbox).grant_access(bob, slurm, "bob01").await.unwrap();
        assert_eq!(again.account, access.account);
        assert_eq!(account(&sandbox, bob, slurm), Some(("bob01".to_owned(), State::Ok)));
    }
    // Without another attempt it isn't done, and that is what is said.
    let sandbox = Sandbox::start().await.unwrap();
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    sandbox.fail_next(1, "POST", ACCOUNTS, Fault::Status(502));
    let impatient = client(&sandbox).with_retry(RetryPolicy::never()).provider();
    let error = impatient.grant_access(bob, slurm, "bob01").await.unwrap_err();
    assert!(error.is_server() && error.to_string().contains("not applied"), "{error}");
    assert_eq!(account(&sandbox, bob, slurm), None);
}

#[tokio::test]
async fn whoever_is_faster_makes_the_account() {
    let sandbox = Sandbox::start().await.unwrap();
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    let all = (0..8).map(|_| {
        let provider = provider(&sandbox);
        async move { provider.grant_access(bob, slurm, "bob01").await.unwrap() }
    });
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|access| access.created).count(), 1);
    assert!(all.iter().all(|access| access.account.uuid == all[0].account.uuid));
}

#[tokio::test]
async fn only_the_provider_gives_access() {
    let sandbox = Sandbox::start().await.unwrap();
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    for actor in [Actor::Consumer, Actor::Outsider] {
        let provider = provider_as(&sandbox, actor);
        let error = provider.grant_access(bob, slurm, "bob01").await.unwrap_err();
        assert!(error.is_forbidden(), "{actor:?}: {error}");
        assert!(provider.offering_users([]).await.unwrap().is_empty());
        let error = provider.offering_user(sandbox.ids().offering_user).await.unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
    let nobody = Uuid::from_u128(1);
    let error = provider(&sandbox).grant_access(nobody, slurm, "nobody").await.unwrap_err();
    assert!(error.is_validation() && error.messages().to_string().contains("user"), "{error}");
    sandbox.clear_requests();
    let error = provider(&sandbox).grant_access(bob, slurm, "b".repeat(101)).await.unwrap_err();
    assert!(error.is_validation() && sandbox.requests().is_empty(), "{error}");
    let error = provider(&sandbox).grant_access(bob, slurm, " ").await.unwrap_err();
    assert!(error.is_validation() && sandbox.requests().is_empty(), "{error}");
}

#[tokio::test]
async fn the_legal_transitions_are_those_of_the_server() {
    let seed = |seed: &mut waldur_sandbox::Seed<'_>| {
        let slurm = seed.ids().offerings.slurm;
        for state in State::ALL {
            for transition in Transition::ALL {
                let user = seed.user(&format!("{state} {transition}"), "", "");
                seed.offering_user(slurm, user, &format!("{state} {transition}"), *state);
            }
        }
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).start().await.unwrap();
    let (provider, raw) = (provider(&sandbox), client(&sandbox));
    let accounts = provider.offering_users([]).await.unwrap();
    for state in State::ALL {
        for transition in Transition::ALL {
            let name = format!("{state} {transition}");
            let before = accounts.iter().find(|account| account.username == name).unwrap();
            let uuid = before.uuid;
            let offered = before.transitions().any(|offered| offered == transition);
            assert_eq!(offered, transition.is_legal_from(&OfferingUserState::from(state.as_str())));
            sandbox.clear_requests();
            match provider.change_offering_user(uuid, transition).await {
                Ok(now) if now.state == before.state => assert_eq!(posts(&sandbox), 0),
                Ok(now) => {
                    assert!(offered, "{name}");
                    let there = account(&sandbox, before.user_uuid, before.offering_uuid).unwrap();
                    assert_eq!((now.username, now.state.unwrap().as_str()), (there.0, there.1.as_str()));
                    // It is where it should be: nothing is sent.
                    provider.change_offering_user(uuid, transition).await.unwrap();
                    assert_eq!(posts(&sandbox), 1);
                }
                Err(error) => {
                    assert!(!offered && error.is_conflict(), "{name}: {error}");
                    let text = error.to_string();
                    assert!(text.contains(state.as_str()) && text.contains(transition.as_str()), "{text}");
                    // Refused before anything is sent, and the server would have refused it as well.
                    assert_eq!(posts(&sandbox), 0);
                    let path = format!("/api/marketplace-offering-users/{}/{transition}/", uuid.simple());
                    let error = raw.request(waldur_sdk::api::Method::POST, path).send().await.unwrap_err();
                    assert_eq!(error.status(), Some(400), "{name}: {error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn gaps_can_be_looked_for_in_the_background() {
    let sandbox = Sandbox::start().await.unwrap();
    let (slurm, provider) = (sandbox.ids().offerings.slurm, provider(&sandbox));
    let gaps = tokio::spawn(async move { provider.access_gaps(slurm).await.unwrap() });
    assert_eq!(gaps.await.unwrap().missing.len(), 1);
}

#[tokio::test]
async fn a_lost_answer_of_a_transition_is_looked_up() {
    let sandbox = with_bob("", State::Requested).await;
    let uuid = sandbox.offering_users().iter().find(|row| row.user == sandbox.ids().users.bob).unwrap().uuid;
    let provider = provider(&sandbox);
    sandbox.fail_next(1, "POST", "/begin_creating/", Fault::ResetAfter);
    let now = provider.change_offering_user(uuid, Transition::BeginCreating).await.unwrap();
    assert_eq!(now.state, Some(OfferingUserState::Creating));
    sandbox.fail_next(1, "POST", "/set_pending_account_linking/", Fault::ResetBefore);
    let impatient = client(&sandbox).with_retry(RetryPolicy::never()).provider();
    let error = impatient.change_offering_user(uuid, Transition::SetPendingAccountLinking).await.unwrap_err();
    assert!(error.to_string().contains("the account is Creating") && !error.is_unconfirmed(), "{error}");
    sandbox.fail_next(1, "PATCH", "/", Fault::ResetAfter);
    let now = provider.set_offering_user_username(uuid, "bob01").await.unwrap();
    assert!(now.is_usable());
    assert_eq!((posts(&sandbox), sent(&sandbox, "PATCH")), (2, 1));
}

#[tokio::test]
async fn users_are_told_what_to_do() {
    let sandbox = with_bob("bob01", State::Creating).await;
    let uuid = sandbox.offering_users().iter().find(|row| row.user == sandbox.ids().users.bob).unwrap().uuid;
    let provider = provider(&sandbox);
    let linking = Transition::SetPendingAccountLinking;
    let url = "https://idm.example.org/link";
    for (transition, url) in [(Transition::SetOk, url), (linking, "idm.example.org")] {
        let refused = provider.change_offering_user_with_comment(uuid, transition, "Link it", url).await;
        assert!(refused.unwrap_err().is_validation());
    }
    assert!(sandbox.requests().is_empty());
    let now = provider.change_offering_user_with_comment(uuid, linking, "Link it", url).await.unwrap();
    assert_eq!(now.state, Some(OfferingUserState::PendingAccountLinking));
    let client = client(&sandbox);
    let answer = client.marketplace_offering_users_retrieve().uuid(uuid);
    let there = answer.send().await.unwrap().into_inner();
    assert_eq!(there.service_provider_comment.as_deref(), Some("Link it"));
    assert_eq!(there.service_provider_comment_url.as_deref(), Some(url));
}

/// Where a comment would be lost, nothing is sent.
#[tokio::test]
async fn a_comment_is_taken_where_the_user_has_to_do_something() {
    let takes: Vec<Transition> = Transition::ALL.into_iter().filter(|one| one.takes_comment()).collect();
    assert_eq!(takes, [Transition::SetPendingAccountLinking, Transition::SetPendingAdditionalValidation]);
    for transition in Transition::ALL {
        let sandbox = with_bob("bob01", State::Creating).await;
        let uuid = sandbox.offering_users().iter().find(|row| row.username == "bob01").unwrap().uuid;
        let change =
            provider(&sandbox).change_offering_user_with_comment(uuid, transition, "Do it", "").await;
        let refused = change.is_err_and(|error| error.is_validation());
        assert_eq!(
            (refused, posts(&sandbox)),
            if transition.takes_comment() { (false, 1) } else { (true, 0) }
        );
    }
}

#[tokio::test]
async fn a_user_is_named_at_all_offerings() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let provider = provider(&sandbox);
    // The answer is lost: doing it again does no harm.
    sandbox.fail_next(1, "POST", "/set_offerings_username/", Fault::ResetAfter);
    provider.set_offerings_username(ids.service_provider, ids.users.alice, "alice_all").await.unwrap();
    let narrow = provider.clone().of_customer(ids.provider_customer);
    let accounts = narrow.offering_users([OfferingUserState::Ok]).await.unwrap();
    let alices: Vec<_> = accounts.iter().filter(|account| account.user_uuid == ids.users.alice).collect();
    assert!(alices.len() == 3 && alices.iter().all(|account| account.username == "alice_all"), "{alices:?}");

    let unknown =
        provider.set_offerings_username(ids.service_provider, Uuid::from_u128(1), "x").await.unwrap_err();
    assert!(unknown.is_validation(), "{unknown}");
    sandbox.clear_requests();
    let empty = provider.set_offerings_username(ids.service_provider, ids.users.alice, "").await.unwrap_err();
    assert!(empty.is_validation() && sandbox.requests().is_empty());
    let outsider = provider_as(&sandbox, Actor::Outsider);
    let error =
        outsider.set_offerings_username(ids.service_provider, ids.users.alice, "x").await.unwrap_err();
    assert!(error.is_forbidden(), "{error}");
}

#[tokio::test]
async fn gaps_are_what_is_missing_unusable_and_too_much() {
    let seed = |seed: &mut waldur_sandbox::Seed<'_>| {
        let ids = *seed.ids();
        let (carl, dora, gone) = (
            seed.user("carl", "Carl", "Creating"),
            seed.user("dora", "Dora", "Departed"),
            seed.user("gone", "Gus", "Gone"),
        );
        // A second project that uses the offering, with one member more.
        let project = seed.project(ids.consumer_customer, "Seas");
        seed.role(carl, project, "PROJECT.MEMBER", None);
        seed.resource(ids.offerings.slurm, project, "seas-1", ResourceState::Ok);
        seed.offering_user(ids.offerings.slurm, carl, "", State::Creating);
        seed.offering_user(ids.offerings.slurm, dora, "dora01", State::Ok);
        seed.offering_user(ids.offerings.slurm, gone, "gone01", State::Deleted);
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).start().await.unwrap();
    let slurm = sandbox.ids().offerings.slurm;
    let provider = provider(&sandbox);
    let gaps = provider.access_gaps(slurm).await.unwrap();
    assert_eq!(gaps.to_string(), "1 missing, 1 unusable, 1 too much");
    assert_eq!(gaps.missing[0].user_uuid, sandbox.ids().users.bob);
    assert_eq!(gaps.unusable[0].user_full_name, "Carl Creating");
    assert_eq!(gaps.surplus[0].username, "dora01");
    // The offering, accounts, resources, and a team for each of the two projects.
    assert_eq!(sandbox.requests().len(), 5);

    for member in &gaps.missing {
        provider.grant_access(member.user_uuid, slurm, member.username.as_str()).await.unwrap();
    }
    for account in &gaps.unusable {
        provider.set_offering_user_username(account.uuid, "carl01").await.unwrap();
    }
    for account in &gaps.surplus {
        provider.change_offering_user(account.uuid, Transition::RequestDeletion).await.unwrap();
    }
    assert!(provider.access_gaps(slurm).await.unwrap().is_empty());
    // Others see neither accounts nor resources, which is not the same as no gaps.
    for actor in [Actor::Consumer, Actor::Outsider] {
        let error = provider_as(&sandbox, actor).access_gaps(slurm).await.unwrap_err();
        assert!(error.is_not_found() && !error.is_unsupported(), "{error}");
    }
    let nothing = provider.access_gaps(Uuid::from_u128(1)).await.unwrap_err();
    assert!(nothing.is_not_found(), "{nothing}");
}

#[tokio::test]
async fn servers_without_states_are_served() {
    let sandbox = Sandbox::builder().release(waldur_sandbox::Release::Late2024).start().await.unwrap();
    let (alice, slurm) = (sandbox.ids().users.alice, sandbox.ids().offerings.slurm);
    let access = provider(&sandbox).grant_access(alice, slurm, "alice01").await.unwrap();
    assert!(!access.created && access.account.is_usable());
}

#[tokio::test]
async fn a_bad_day_ends_with_the_right_accounts() {
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
            match client.provider().grant_access(*user, slurm, name.as_str()).await {
                Ok(_) => break,
                Err(_) => errors += 1,
            }
        }
        assert_eq!(account(&sandbox, *user, slurm), Some((name, State::Ok)));
        // Nothing is sent again that may have been applied, without a look in between.
        let methods: Vec<String> = sandbox.requests().into_iter().map(|request| request.method).collect();
        assert!(methods.windows(2).all(|two| two[0] != "POST" || two[1] != "POST"), "{methods:?}");
    }
    assert!(errors > 0);
    assert_eq!(sandbox.offering_users().len(), users.len() + 1);
}

/// An offering may keep its accounts to itself; the team shows them all the same.
#[tokio::test]
async fn accounts_that_are_not_listed_are_not_missing() {
    // Of the three in the team Alice has an account, and Bob one that isn't made yet.
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let ids = *seed.ids();
            seed.offering_user(ids.offerings.slurm, ids.users.bob, "bob01", State::Creating);
            let carla = seed.user("carla", "Carla", "Careful");
            seed.role(carla, ids.project, "PROJECT.MEMBER", None);
        })
        .start()
        .await
        .unwrap();
    let (provider, slurm) = (provider(&sandbox), sandbox.ids().offerings.slurm);
    sandbox
        .misbehave(Misbehaviour::new(Fault::VanishedItems(100)).operation("marketplace_offering_users_list"));
    assert!(provider.offering_users([]).await.unwrap().is_empty());
    let gaps = provider.access_gaps(slurm).await.unwrap();
    let missing: Vec<&str> = gaps.missing.iter().map(|member| member.username.as_str()).collect();
    assert_eq!((missing, gaps.unusable.len(), gaps.surplus.len()), (vec!["carla"], 0, 0));
}

#[tokio::test]
async fn a_change_that_was_not_applied_is_sent_again() {
    let sandbox = with_bob("", State::Requested).await;
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    let uuid = sandbox.offering_users().iter().find(|row| row.user == bob).unwrap().uuid;
    let provider = provider(&sandbox);
    sandbox.fail_next(1, "POST", "/begin_creating/", Fault::ResetBefore);
    provider.change_offering_user(uuid, Transition::BeginCreating).await.unwrap();
    sandbox.fail_next(1, "PATCH", "/", Fault::ResetBefore);
    assert!(provider.set_offering_user_username(uuid, "bob01").await.unwrap().is_usable());
    assert_eq!((posts(&sandbox), sent(&sandbox, "PATCH")), (2, 2));
    assert_eq!(account(&sandbox, bob, slurm), Some(("bob01".to_owned(), State::Ok)));
}

/// An answer that isn't Waldur's proves nothing: it is looked up.
#[tokio::test]
async fn an_odd_answer_is_no_success_and_no_failure() {
    let sandbox = with_bob("", State::Requested).await;
    let ids = *sandbox.ids();
    let (bob, slurm) = (ids.users.bob, ids.offerings.slurm);
    let uuid = sandbox.offering_users().iter().find(|row| row.user == bob).unwrap().uuid;
    let provider = provider(&sandbox);
    // Not applied.
    sandbox.fail_next(1, "POST", ACCOUNTS, Fault::Status(200));
    let error = provider.grant_access(ids.users.consumer, slurm, "cora").await.unwrap_err();
    assert!(error.is_unexpected_response() && error.to_string().contains("not applied"), "{error}");
    sandbox.fail_next(1, "PATCH", "/", Fault::Status(200));
    let error = provider.set_offering_user_username(uuid, "bob01").await.unwrap_err();
    assert!(
        error.is_unexpected_response() && error.to_string().contains("the account has no name"),
        "{error}"
    );
    sandbox.misbehave(Misbehaviour::new(Fault::Portal).method("POST").times(3));
    for result in [
        provider.change_offering_user(uuid, Transition::BeginCreating).await.map(drop),
        provider.grant_access(ids.users.consumer, slurm, "cora").await.map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(error.is_page() && error.to_string().contains("not applied"), "{error}");
    }
    let error = provider.set_offerings_username(ids.service_provider, bob, "bob01").await.unwrap_err();
    assert!(error.is_page() && error.is_unconfirmed(), "{error}");
    assert_eq!(account(&sandbox, bob, slurm), Some((String::new(), State::Requested)));
    // Applied, and the answer passes for a page.
    let page = || Fault::MediaType("text/html".to_owned());
    sandbox.fail_next(1, "POST", "/begin_creating/", page());
    let now = provider.change_offering_user(uuid, Transition::BeginCreating).await.unwrap();
    assert_eq!(now.state, Some(OfferingUserState::Creating));
    sandbox.fail_next(1, "PATCH", "/", page());
    assert!(provider.set_offering_user_username(uuid, "bob01").await.unwrap().is_usable());
    for lost in [page(), Fault::MissingFields(vec!["uuid".to_owned()])] {
        let user = if matches!(lost, Fault::MediaType(_)) { ids.users.consumer } else { ids.users.outsider };
        sandbox.fail_next(1, "POST", ACCOUNTS, lost);
        let access = provider.grant_access(user, slurm, user.simple().to_string()).await.unwrap();
        assert!(access.created && access.account.is_usable(), "{access:?}");
    }
    assert_eq!((posts(&sandbox), sent(&sandbox, "PATCH")), (7, 2));
}

/// Of whom it isn't certain whether they are members, nobody says that their account is too much.
#[tokio::test]
async fn gaps_show_the_rows_that_can_not_be_read() {
    let seed = |seed: &mut waldur_sandbox::Seed<'_>| {
        let ids = *seed.ids();
        let dora = seed.user("dora", "Dora", "Departed");
        seed.offering_user(ids.offerings.slurm, dora, "dora01", State::Ok);
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).start().await.unwrap();
    let (provider, slurm) = (provider(&sandbox), sandbox.ids().offerings.slurm);
    let gaps = provider.access_gaps(slurm).await.unwrap();
    assert_eq!((gaps.missing.len(), gaps.surplus.len(), gaps.unreadable.len()), (1, 1, 0));
    for (list, missing) in
        [("marketplace_provider_resources_team_list", 0..=1), ("marketplace_provider_resources_list", 1..=1)]
    {
        sandbox.corrupt(list, 0, "uuid", json!({}));
        let gaps = provider.access_gaps(slurm).await.unwrap();
        assert!(missing.contains(&gaps.missing.len()) && gaps.surplus.is_empty(), "{list}: {gaps:?}");
        assert!(gaps.unreadable.len() == 1 && !gaps.is_empty() && gaps.to_string().contains("1 unreadable"));
        sandbox.clear_corruptions();
    }
    // An account whose name can't be read isn't one without a name, which would get one.
    sandbox.corrupt("marketplace-offering-users", sandbox.ids().offering_user, "username", json!([]));
    assert_eq!(provider.access_gaps(slurm).await.unwrap().unreadable.len(), 1);
    let error = provider.grant_access(sandbox.ids().users.alice, slurm, "other").await.unwrap_err();
    assert!(error.is_unexpected_response() && posts(&sandbox) + sent(&sandbox, "PATCH") == 0, "{error}");
    assert!(error.to_string().contains(&sandbox.ids().users.alice.simple().to_string()), "{error}");
}

#[tokio::test]
async fn accounts_tell_whether_their_users_consented() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.corrupt("marketplace-offering-users", sandbox.ids().offering_user, "has_consent", json!(true));
    let account = provider(&sandbox).offering_user(sandbox.ids().offering_user).await.unwrap();
    assert_eq!((account.has_consent, account.requires_reconsent), (Some(true), Some(false)));
    let late = Sandbox::builder().release(waldur_sandbox::Release::Late2024).start().await.unwrap();
    let account = provider(&late).offering_user(late.ids().offering_user).await.unwrap();
    assert_eq!((account.has_consent, account.requires_reconsent), (None, None));
}
