//! Accounts of robots, services and courses, on the sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Sandbox};
use waldur_sdk::types::{RobotAccountStates, ServiceAccountState};
use waldur_sdk::{
    Client, ExposeSecret as _, Method, Provider, RobotAccountTransition as Transition, ServiceAccountRequest,
};

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
async fn a_robot_is_made_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    let robot = provider.create_robot_account(resource, "cicd", "deployer").await.unwrap();
    assert_eq!((robot.state.clone(), robot.resource_uuid), (RobotAccountStates::Ok, resource));
    assert_eq!(sandbox.requests().len(), 2);
    for name in ["deployer", ""] {
        assert_eq!(provider.create_robot_account(resource, "cicd", name).await.unwrap(), robot);
    }
    // A resource has one of a type.
    let error = provider.create_robot_account(resource, "cicd", "another").await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("deployer"), "{error}");
    assert_eq!((sandbox.documents(ROBOTS).len(), sent(&sandbox, "POST")), (1, 1));
    // One that is going is none to be had.
    provider.change_robot_account(robot.uuid, Transition::RequestDeletion).await.unwrap();
    let error = provider.create_robot_account(resource, "cicd", "deployer").await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("Requested deletion"), "{error}");
    provider.delete_robot_account(robot.uuid).await.unwrap();
    assert!(provider.robot_accounts().await.unwrap().is_empty());
    assert!(provider.delete_robot_account(robot.uuid).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_robot_goes_its_way() {
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
        let now = provider.robot_account(robot).await.unwrap();
        // What isn't offered isn't taken either, by the server or here.
        for other in Transition::ALL {
            let legal = now.transitions().any(|legal| legal == other);
            assert_eq!(legal, other.is_legal_from(&now.state));
            if !legal && other.target() != now.state {
                let path = format!("/api/{ROBOTS}/{}/{other}/", robot.simple());
                let raw = client(&sandbox, Actor::Provider).request(Method::POST, path).json(&json!({}));
                assert!(raw.send().await.unwrap_err().is_conflict());
                assert!(provider.change_robot_account(robot, other).await.unwrap_err().is_conflict());
            }
        }
        assert!(now.transitions().any(|legal| legal == transition));
        for _ in 0..2 {
            let now = provider.change_robot_account(robot, transition).await.unwrap();
            assert_eq!(now.state.as_str(), state);
            assert_eq!(sandbox.documents(ROBOTS)[0].state, state);
        }
    }
    // Nothing leads away from there.
    assert_eq!(provider.robot_account(robot).await.unwrap().transitions().count(), 0);
    sandbox.clear_requests();
    let error = provider.change_robot_account(robot, Transition::SetOk).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("set_state_ok"), "{error}");
    assert!(error.to_string().contains("Deleted") && sent(&sandbox, "POST") == 0, "{error}");
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
    sandbox.fail_next(1, "POST", "/set_state_request_deletion/", Fault::ResetBefore);
    let error = provider.change_robot_account(robot.uuid, Transition::RequestDeletion).await.unwrap_err();
    assert!(error.to_string().contains("the account is OK"), "{error}");
    sandbox.fail_next(1, "POST", "/set_state_request_deletion/", Fault::ResetAfter);
    let now = provider.change_robot_account(robot.uuid, Transition::RequestDeletion).await.unwrap();
    assert_eq!(now.state, RobotAccountStates::RequestedDeletion);
    assert_eq!((sent(&sandbox, "POST"), sandbox.documents(ROBOTS).len()), (3, 1));
    sandbox.fail_next(1, "DELETE", "/", Fault::ResetAfter);
    provider.delete_robot_account(robot.uuid).await.unwrap();
    assert!(sandbox.documents(ROBOTS).is_empty());
}

#[tokio::test]
async fn accounts_of_services_are_made_and_closed() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = client(&sandbox, Actor::Consumer).provider();
    let wanted = ServiceAccountRequest {
        email: "ops@example.org".to_owned(),
        description: "nightly".to_owned(),
        username: "svc".to_owned(),
        ..ServiceAccountRequest::default()
    };
    let of_project = consumer.create_project_service_account(ids.project, wanted.clone()).await.unwrap();
    let of_customer =
        consumer.create_customer_service_account(ids.consumer_customer, wanted.clone()).await.unwrap();
    assert_eq!(of_project.account.project_uuid, Some(ids.project));
    assert_eq!(
        (of_customer.account.project_uuid, of_customer.account.email.as_str()),
        (None, "ops@example.org")
    );
    for (made, collection) in [
        (of_project, "marketplace-project-service-accounts"),
        (of_customer, "marketplace-customer-service-accounts"),
    ] {
        let account = &made.account;
        assert_eq!((account.state.clone(), account.username.as_str()), (ServiceAccountState::Ok, "svc"));
        assert!(!format!("{made:?}").contains(made.token.expose_secret()) && !made.expires_at.is_empty());
        let rotated = consumer.rotate_service_account_key(account).await.unwrap();
        assert_ne!(rotated.token.expose_secret(), made.token.expose_secret());
        sandbox.fail_next(1, "POST", "/rotate_api_key/", Fault::ResetAfter);
        let lost = consumer.rotate_service_account_key(account).await.unwrap_err();
        assert!(lost.to_string().contains("do it again"), "{lost}");
        let outsider = client(&sandbox, Actor::Outsider).provider();
        assert!(outsider.rotate_service_account_key(account).await.unwrap_err().is_not_found());
        assert!(outsider.close_service_account(account).await.unwrap_err().is_not_found());

        // Not done, though the server says so; and done, though nobody hears it.
        sandbox.fail_next(1, "DELETE", "/", Fault::Status(204));
        let open = consumer.close_service_account(account).await.unwrap_err();
        assert!(open.to_string().contains("the account is OK"), "{open}");
        sandbox.fail_next(1, "DELETE", "/", Fault::ResetAfter);
        consumer.close_service_account(account).await.unwrap();
        assert_eq!(sandbox.documents(collection)[0].state, "Closed");
        assert!(consumer.close_service_account(account).await.unwrap_err().is_not_found());
    }
    // Nothing tells two of them apart: a lost one isn't made again.
    sandbox.clear_requests();
    sandbox.fail_next(1, "POST", "-service-accounts/", Fault::ResetAfter);
    let lost = consumer.create_project_service_account(ids.project, wanted.clone()).await.unwrap_err();
    assert!(lost.to_string().contains("not known") && sent(&sandbox, "POST") == 1, "{lost}");
    let refused = provider(&sandbox).create_project_service_account(ids.project, wanted).await;
    assert!(refused.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn accounts_of_courses_are_made_and_closed() {
    let sandbox = Sandbox::start().await.unwrap();
    let project = sandbox.ids().project;
    let consumer = client(&sandbox, Actor::Consumer).provider();
    let made = consumer.create_course_account(project, "student@example.org", "Physics").await.unwrap();
    assert_eq!((made.email.as_str(), made.project_uuid), ("student@example.org", Some(project)));
    sandbox.fail_next(1, "DELETE", "/", Fault::ResetAfter);
    for _ in 0..2 {
        consumer.close_course_account(made.uuid).await.unwrap();
        assert_eq!(sandbox.documents("marketplace-course-accounts")[0].state, "Closed");
    }
    let outsider = client(&sandbox, Actor::Outsider).provider();
    assert!(outsider.close_course_account(made.uuid).await.unwrap_err().is_not_found());
    assert!(outsider.create_course_account(project, "", "").await.unwrap_err().is_forbidden());
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
