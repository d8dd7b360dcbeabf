//! Robot accounts.

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Sandbox};
use waldur_sdk::accounts::RobotAccountTransition as Transition;
use waldur_sdk::api::Method;
use waldur_sdk::types::RobotAccountStates;
use waldur_sdk::{Applied, ClientExt as _, Provider, RetryPolicy};

use crate::accounts::ROBOTS;
use crate::common::{client, posts, provider, provider_as};

/// Returns a client without retries.
fn impatient(sandbox: &Sandbox) -> Provider {
    client(sandbox).with_retry(RetryPolicy::never()).provider()
}

#[tokio::test]
async fn a_resource_has_one_robot_account_of_a_type() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    let ensured = provider.ensure_robot_account(resource, "cicd").username("deployer").await.unwrap();
    let robot = ensured.object;
    assert!(ensured.created);
    assert_eq!((robot.state.clone(), robot.resource_uuid), (Some(RobotAccountStates::Ok), resource));
    assert_eq!(sandbox.requests().len(), 2);
    for name in ["deployer", ""] {
        let found = provider.ensure_robot_account(resource, "cicd").username(name).await.unwrap();
        let is_same = (found.object.uuid, found.object.username) == (robot.uuid, robot.username.clone());
        assert!(is_same && !found.created);
    }
    // A resource has one account of a type.
    let error = provider.ensure_robot_account(resource, "cicd").username("another").await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("deployer"), "{error}");
    assert_eq!((sandbox.documents(ROBOTS).len(), posts(&sandbox)), (1, 1));
    // An account that is being deleted is a conflict.
    provider.robot_account(robot.uuid).transition(Transition::RequestDeletion).await.unwrap();
    let error = provider.ensure_robot_account(resource, "cicd").username("deployer").await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("Requested deletion"), "{error}");
    provider.robot_account(robot.uuid).delete().await.unwrap();
    assert!(provider.robot_accounts().all().await.unwrap().is_empty());
    assert!(provider.robot_account(robot.uuid).delete().await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_robot_account_passes_through_its_legal_transitions_only() {
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let resource = seed.ids().resources.ok;
            seed.robot_account(resource, "early", "Requested");
        })
        .start()
        .await
        .unwrap();
    let (robot, provider) = (sandbox.documents(ROBOTS)[0].uuid, provider(&sandbox));
    for (transition, state) in [
        (Transition::SetCreating, "Creating"),
        (Transition::SetOk, "OK"),
        (Transition::RequestDeletion, "Requested deletion"),
        (Transition::SetDeleted, "Deleted"),
    ] {
        let now = provider.robot_account(robot).get().await.unwrap();
        // An illegal transition is refused by the server and by the client.
        for other in Transition::ALL.iter().copied() {
            let legal = now.transitions().any(|legal| legal == other);
            let state = now.state.as_ref().unwrap();
            assert_eq!(legal, other.is_legal_from(state));
            if !legal && other.target() != *state {
                let path = format!("/api/{ROBOTS}/{}/{other}/", robot.simple());
                let raw = client(&sandbox).request(Method::POST, path).json(&json!({}));
                assert!(raw.send().await.unwrap_err().is_conflict());
                assert!(provider.robot_account(robot).transition(other).await.unwrap_err().is_conflict());
            }
        }
        assert!(now.transitions().any(|legal| legal == transition));
        for expected in [Applied::Now, Applied::Already] {
            let applied = provider.robot_account(robot).transition(transition).await.unwrap();
            assert_eq!(applied, expected);
            assert_eq!(transition.target().as_str(), state);
            assert_eq!(sandbox.documents(ROBOTS)[0].state, state);
        }
    }
    // No transition is legal from this state.
    assert_eq!(provider.robot_account(robot).get().await.unwrap().transitions().count(), 0);
    sandbox.clear_requests();
    let error = provider.robot_account(robot).transition(Transition::SetOk).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("set_state_ok"), "{error}");
    assert!(error.to_string().contains("Deleted") && posts(&sandbox) == 0, "{error}");
}

#[tokio::test]
async fn an_erred_robot_account_shows_its_message() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    let robot = provider.ensure_robot_account(resource, "cicd").await.unwrap().object;
    let account = provider.robot_account(&robot);
    assert_eq!(account.set_erred("no room").await.unwrap(), Applied::Now);
    let erred = account.get().await.unwrap();
    assert_eq!(
        (erred.state.clone(), erred.error_message.as_str()),
        (Some(RobotAccountStates::Error), "no room")
    );
    assert_eq!(*provider.robot_accounts().resource(resource).all().await.unwrap(), [erred]);
}

#[tokio::test]
async fn lost_responses_of_robot_accounts_are_looked_up() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    sandbox.fail_next(1, "POST", "/marketplace-robot-accounts/", Fault::ResetAfter);
    let robot = provider.ensure_robot_account(resource, "cicd").username("deployer").await.unwrap();
    assert!(robot.created);
    let robot = provider.robot_account(&robot.object);
    sandbox.fail_next(1, "POST", "/set_state_request_deletion/", Fault::ResetBefore);
    let error = impatient(&sandbox).robot_account(robot.uuid()).transition(Transition::RequestDeletion).await;
    let error = error.unwrap_err();
    assert!(
        error.to_string().contains("the robot account is still OK") && !error.is_unconfirmed(),
        "{error}"
    );
    sandbox.fail_next(1, "POST", "/set_state_request_deletion/", Fault::ResetAfter);
    assert_eq!(robot.transition(Transition::RequestDeletion).await.unwrap(), Applied::Now);
    assert_eq!(robot.get().await.unwrap().state, Some(RobotAccountStates::RequestedDeletion));
    assert_eq!((posts(&sandbox), sandbox.documents(ROBOTS).len()), (3, 1));
    sandbox.fail_next(1, "DELETE", "/", Fault::ResetAfter);
    assert_eq!(robot.delete().await.unwrap(), Applied::Now);
    assert!(sandbox.documents(ROBOTS).is_empty());
}

#[tokio::test]
async fn invalid_robot_accounts_are_refused_before_anything_is_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let long = "x".repeat(33);
    for (type_, username) in [("", "a"), ("deploy", "a"), ("cicd", long.as_str())] {
        let error =
            provider(&sandbox).ensure_robot_account(resource, type_).username(username).await.unwrap_err();
        assert!(error.is_validation(), "{error}");
    }
    assert!(sandbox.requests().is_empty());
    let outsider = provider_as(&sandbox, Actor::Outsider);
    assert!(outsider.ensure_robot_account(resource, "cicd").username("a").await.unwrap_err().is_forbidden());
    assert!(outsider.robot_accounts().all().await.unwrap().is_empty());
}

/// An account that can't be read may be the requested one.
#[tokio::test]
async fn a_robot_account_that_can_not_be_read_is_not_created_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    provider.ensure_robot_account(resource, "cicd").username("bot").await.unwrap();
    sandbox.corrupt("marketplace_robot_accounts_list", 0, "type", json!({}));
    let error = provider.ensure_robot_account(resource, "cicd").username("bot").await.unwrap_err();
    assert!(error.is_unexpected_response() && error.to_string().contains("cicd"), "{error}");
    assert_eq!((posts(&sandbox), sandbox.documents(ROBOTS).len()), (1, 1));
}
