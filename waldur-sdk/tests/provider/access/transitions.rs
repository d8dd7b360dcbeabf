//! The transitions of offering users.

use serde_json::json;
use waldur_sandbox::{Fault, OfferingUserState as State, Sandbox};
use waldur_sdk::accounts::OfferingUserTransition as Transition;
use waldur_sdk::types::OfferingUserState;
use waldur_sdk::{Applied, ClientExt as _, RetryPolicy};

use crate::access::{account, with_bob};
use crate::common::{client, posts, provider, sent};

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
    let accounts = provider.offering_users().all().await.unwrap();
    for state in State::ALL {
        for transition in Transition::ALL.iter().copied() {
            let name = format!("{state} {transition}");
            let before = accounts.iter().find(|account| account.username == name).unwrap();
            let uuid = before.uuid;
            let offered = before.transitions().any(|offered| offered == transition);
            assert_eq!(offered, transition.is_legal_from(&OfferingUserState::from(state.as_str())));
            sandbox.clear_requests();
            match provider.offering_user(uuid).transition(transition).await {
                Ok(Applied::Already) => {
                    assert_eq!((before.state.as_ref(), posts(&sandbox)), (Some(&transition.target()), 0));
                }
                Ok(_) => {
                    assert!(offered, "{name}");
                    let there = account(&sandbox, before.user_uuid, before.offering_uuid).unwrap();
                    assert_eq!((there.0, there.1.as_str()), (name, transition.target().as_str()));
                    let now = provider.offering_user(uuid).get().await.unwrap();
                    assert_eq!(now.state, Some(transition.target()));
                    // It is in the target state: nothing is sent.
                    let again = provider.offering_user(uuid).transition(transition).await.unwrap();
                    assert_eq!((again, posts(&sandbox)), (Applied::Already, 1));
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
async fn a_lost_response_to_a_transition_is_looked_up() {
    let sandbox = with_bob("", State::Requested).await;
    let uuid = sandbox.offering_users().iter().find(|row| row.user == sandbox.ids().users.bob).unwrap().uuid;
    let provider = provider(&sandbox);
    sandbox.fail_next(1, "POST", "/begin_creating/", Fault::ResetAfter);
    let offering_user = provider.offering_user(uuid);
    assert_eq!(offering_user.transition(Transition::BeginCreating).await.unwrap(), Applied::Now);
    assert_eq!(offering_user.get().await.unwrap().state, Some(OfferingUserState::Creating));
    sandbox.fail_next(1, "POST", "/set_pending_account_linking/", Fault::ResetBefore);
    let impatient = client(&sandbox).with_retry(RetryPolicy::never()).provider();
    let error =
        impatient.offering_user(uuid).transition(Transition::SetPendingAccountLinking).await.unwrap_err();
    assert!(
        error.to_string().contains("the offering user is still Creating") && !error.is_unconfirmed(),
        "{error}"
    );
    sandbox.fail_next(1, "PATCH", "/", Fault::ResetAfter);
    assert_eq!(offering_user.set_username("bob01").await.unwrap(), Applied::Now);
    assert!(offering_user.get().await.unwrap().is_usable());
    assert_eq!((posts(&sandbox), sent(&sandbox, "PATCH")), (2, 1));
}

#[tokio::test]
async fn a_comment_and_its_url_are_sent_with_a_transition() {
    let sandbox = with_bob("bob01", State::Creating).await;
    let uuid = sandbox.offering_users().iter().find(|row| row.user == sandbox.ids().users.bob).unwrap().uuid;
    let provider = provider(&sandbox);
    let linking = Transition::SetPendingAccountLinking;
    let url = "https://idm.example.org/link";
    for (transition, url) in [(Transition::SetOk, url), (linking, "idm.example.org")] {
        let refused =
            provider.offering_user(uuid).transition(transition).comment("Link it").comment_url(url).await;
        assert!(refused.unwrap_err().is_validation());
    }
    assert!(sandbox.requests().is_empty());
    let call = provider.offering_user(uuid).transition(linking).comment("Link it").comment_url(url);
    assert_eq!(call.await.unwrap(), Applied::Now);
    let now = provider.offering_user(uuid).get().await.unwrap();
    assert_eq!(now.state, Some(OfferingUserState::PendingAccountLinking));
    let client = client(&sandbox);
    let answer = client.marketplace_offering_users_retrieve().uuid(uuid);
    let there = answer.send().await.unwrap().into_inner();
    assert_eq!(there.service_provider_comment.as_deref(), Some("Link it"));
    assert_eq!(there.service_provider_comment_url.as_deref(), Some(url));
}

/// Nothing is sent if the transition doesn't accept the comment.
#[tokio::test]
async fn a_comment_is_accepted_where_the_user_has_to_do_something() {
    let takes: Vec<Transition> = Transition::ALL.iter().copied().filter(|one| one.takes_comment()).collect();
    assert_eq!(takes, [Transition::SetPendingAccountLinking, Transition::SetPendingAdditionalValidation]);
    for transition in Transition::ALL.iter().copied() {
        let sandbox = with_bob("bob01", State::Creating).await;
        let uuid = sandbox.offering_users().iter().find(|row| row.username == "bob01").unwrap().uuid;
        let call = provider(&sandbox).offering_user(uuid).transition(transition).comment("Do it");
        let refused = call.await.is_err_and(|error| error.is_validation());
        assert_eq!(
            (refused, posts(&sandbox)),
            if transition.takes_comment() { (false, 1) } else { (true, 0) }
        );
    }
}

#[tokio::test]
async fn transitions_of_all_are_reported_and_illegal_ones_are_refused_without_a_request() {
    let sandbox = with_bob("", State::Requested).await;
    let (bob, slurm) = (sandbox.ids().users.bob, sandbox.ids().offerings.slurm);
    let provider = provider(&sandbox);
    let all = || provider.offering_users().offering(slurm);
    let report = all().transition_all(Transition::BeginCreating).dry_run().await.unwrap();
    assert_eq!((report.skipped(), posts(&sandbox)), (2, 0));
    // The response to the one that is legal is lost.
    sandbox.fail_next(1, "POST", "/begin_creating/", Fault::ResetAfter);
    let report = all().transition_all(Transition::BeginCreating).await.unwrap();
    assert_eq!((report.applied(), report.refused(), posts(&sandbox)), (1, 1, 1), "{report}");
    let refused = report.failures().next().unwrap();
    assert!(refused.target.user_uuid != bob && refused.outcome.error().unwrap().is_conflict());
    assert_eq!(account(&sandbox, bob, slurm), Some((String::new(), State::Creating)));
    let creating = all().state(OfferingUserState::Creating);
    let report = creating.transition_all(Transition::BeginCreating).await.unwrap();
    assert_eq!((report.unchanged(), posts(&sandbox)), (1, 1));
}

#[test]
fn transitions_are_written_and_read_by_the_names_of_the_server() {
    for transition in Transition::ALL {
        assert_eq!(transition.to_string(), transition.as_str());
        assert_eq!(transition.as_str().parse::<Transition>().unwrap(), *transition);
        assert_eq!(serde_json::to_value(transition).unwrap(), json!(transition.as_str()));
    }
    let error = "set_state_ok".parse::<Transition>().unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("set_state_ok"), "{error}");
}
