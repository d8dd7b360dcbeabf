//! Accounts of robots, services and courses, on the sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Sandbox};
use waldur_sdk::types::{RobotAccountStates, ServiceAccountState};
use waldur_sdk::{Client, Method, Provider, RobotAccountTransition as Transition};

const ROBOTS: &str = "marketplace-robot-accounts";

fn client(sandbox: &Sandbox, actor: Actor) -> Client {
    Client::builder().url(sandbox.url()).token(sandbox.token(actor)).build().unwrap()
}

fn provider(sandbox: &Sandbox) -> Provider {
    client(sandbox, Actor::Provider).provider()
}

fn sent(sandbox: &Sandbox, method: &str) -> usize {
    sandbox.requests().iter().filter(|request| request.method == method).count()
}

#[tokio::test]
async fn a_robot_is_made_once_and_goes_its_way() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    let robot = provider.create_robot_account(resource, "cicd", "deployer").await.unwrap();
    assert_eq!((robot.state.clone(), robot.resource_uuid), (RobotAccountStates::Requested, resource));
    assert_eq!(sandbox.requests().len(), 2);
    assert_eq!(provider.create_robot_account(resource, "cicd", "deployer").await.unwrap(), robot);
    assert_eq!(sandbox.documents(ROBOTS).len(), 1);

    for (transition, state) in [
        (Transition::SetCreating, "Creating"),
        (Transition::SetOk, "OK"),
        (Transition::RequestDeletion, "Requested deletion"),
        (Transition::SetDeleted, "Deleted"),
    ] {
        let now = provider.robot_account(robot.uuid).await.unwrap();
        assert!(now.transitions().any(|legal| legal == transition));
        for _ in 0..2 {
            let now = provider.change_robot_account(robot.uuid, transition).await.unwrap();
            assert_eq!(now.state.as_str(), state);
            assert_eq!(sandbox.documents(ROBOTS)[0].state, state);
        }
    }
    assert_eq!(sent(&sandbox, "POST"), 5);
    // Nothing leads away from there.
    assert_eq!(provider.robot_account(robot.uuid).await.unwrap().transitions().count(), 0);
    let error = provider.change_robot_account(robot.uuid, Transition::SetOk).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("set_state_ok"), "{error}");
    assert!(error.to_string().contains("Deleted") && sent(&sandbox, "POST") == 5, "{error}");

    provider.delete_robot_account(robot.uuid).await.unwrap();
    assert!(provider.robot_accounts().await.unwrap().is_empty());
    assert!(provider.delete_robot_account(robot.uuid).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_robot_that_failed_says_why() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    let robot = provider.create_robot_account(resource, "cicd", "").await.unwrap();
    let erred = provider.set_robot_account_erred(robot.uuid, "no room").await.unwrap();
    assert_eq!((erred.state.as_str(), erred.error_message.as_str()), ("Error", "no room"));
    assert_eq!(provider.robot_accounts_of(resource).await.unwrap(), [erred]);
}

#[tokio::test]
async fn lost_answers_are_looked_up() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    sandbox.fail_next(1, "POST", "/marketplace-robot-accounts/", Fault::ResetAfter);
    let robot = provider.create_robot_account(resource, "cicd", "deployer").await.unwrap();
    sandbox.fail_next(1, "POST", "/set_state_ok/", Fault::ResetAfter);
    let now = provider.change_robot_account(robot.uuid, Transition::SetOk).await.unwrap();
    assert_eq!(now.state, RobotAccountStates::Ok);
    sandbox.fail_next(1, "POST", "/set_state_request_deletion/", Fault::ResetBefore);
    let error = provider.change_robot_account(robot.uuid, Transition::RequestDeletion).await.unwrap_err();
    assert!(error.to_string().contains("the account is OK"), "{error}");
    assert_eq!((sent(&sandbox, "POST"), sandbox.documents(ROBOTS).len()), (3, 1));
    sandbox.fail_next(1, "DELETE", "/", Fault::ResetAfter);
    provider.delete_robot_account(robot.uuid).await.unwrap();
    assert!(sandbox.documents(ROBOTS).is_empty());
}

#[tokio::test]
async fn wrong_robots_are_refused_before_they_are_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let long = "x".repeat(33);
    for (type_, username) in [("", "a"), ("deploy", "a"), ("cicd", long.as_str())] {
        let error = provider(&sandbox).create_robot_account(resource, type_, username).await.unwrap_err();
        assert!(error.is_validation(), "{error}");
    }
    assert!(sandbox.requests().is_empty());
    let outsider = client(&sandbox, Actor::Outsider).provider();
    assert!(outsider.create_robot_account(resource, "cicd", "a").await.unwrap_err().is_forbidden());
    assert!(outsider.robot_accounts().await.unwrap().is_empty());
}

#[tokio::test]
async fn accounts_of_services_and_courses_are_listed() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = client(&sandbox, Actor::Consumer);
    for (collection, body) in [
        ("marketplace-project-service-accounts", json!({ "project": ids.project, "username": "svc" })),
        ("marketplace-customer-service-accounts", json!({ "customer": ids.consumer_customer })),
        ("marketplace-course-accounts", json!({ "project": ids.project, "email": "c@example.org" })),
    ] {
        let path = format!("/api/{collection}/");
        consumer.request(Method::POST, path).json(&body).send().await.unwrap();
    }
    let provider = provider(&sandbox);
    let of_project = provider.project_service_accounts(ids.offerings.slurm).await.unwrap();
    assert_eq!((of_project[0].username.as_str(), of_project[0].project_uuid), ("svc", Some(ids.project)));
    assert_eq!(of_project[0].state, ServiceAccountState::Ok);
    assert_eq!(of_project, provider.all_project_service_accounts(ids.service_provider).await.unwrap());
    let of_customer = provider.customer_service_accounts(ids.offerings.slurm).await.unwrap();
    assert_eq!(of_customer[0].customer_uuid, Some(ids.consumer_customer));
    let of_course = provider.course_accounts(ids.offerings.slurm).await.unwrap();
    assert_eq!(
        (of_course[0].email.as_str(), of_course[0].project_uuid),
        ("c@example.org", Some(ids.project))
    );
    assert_eq!(of_course, provider.all_course_accounts(ids.service_provider).await.unwrap());
    let outsider = client(&sandbox, Actor::Outsider).provider();
    assert!(outsider.course_accounts(ids.offerings.slurm).await.unwrap_err().is_not_found());
    assert!(outsider.all_course_accounts(ids.service_provider).await.unwrap_err().is_forbidden());
}
