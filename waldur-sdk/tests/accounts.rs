//! Accounts of robots, services and courses, on the sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{client, client_as, posts, provider, provider_as};
use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour, Release, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::api::{ExposeSecret as _, Method};
use waldur_sdk::types::{RobotAccountStates, ServiceAccountState};
use waldur_sdk::{
    OfferingUserTransition as AccountTransition, Provider, RetryPolicy, RobotAccountTransition as Transition,
    ServiceAccountOwner, ServiceAccountRequest,
};

const ROBOTS: &str = "marketplace-robot-accounts";

/// Sends nothing a second time.
fn impatient(sandbox: &Sandbox) -> Provider {
    client(sandbox).with_retry(RetryPolicy::never()).provider()
}

#[tokio::test]
async fn a_robot_is_made_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    let robot = provider.create_robot_account(resource, "cicd", "deployer").await.unwrap();
    assert_eq!((robot.state.clone(), robot.resource_uuid), (Some(RobotAccountStates::Ok), resource));
    assert_eq!(sandbox.requests().len(), 2);
    for name in ["deployer", ""] {
        assert_eq!(provider.create_robot_account(resource, "cicd", name).await.unwrap(), robot);
    }
    // A resource has one of a type.
    let error = provider.create_robot_account(resource, "cicd", "another").await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("deployer"), "{error}");
    assert_eq!((sandbox.documents(ROBOTS).len(), posts(&sandbox)), (1, 1));
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
            let state = now.state.as_ref().unwrap();
            assert_eq!(legal, other.is_legal_from(state));
            if !legal && other.target() != *state {
                let path = format!("/api/{ROBOTS}/{}/{other}/", robot.simple());
                let raw = client(&sandbox).request(Method::POST, path).json(&json!({}));
                assert!(raw.send().await.unwrap_err().is_conflict());
                assert!(provider.change_robot_account(robot, other).await.unwrap_err().is_conflict());
            }
        }
        assert!(now.transitions().any(|legal| legal == transition));
        for _ in 0..2 {
            let now = provider.change_robot_account(robot, transition).await.unwrap();
            assert_eq!(now.state.unwrap().as_str(), state);
            assert_eq!(sandbox.documents(ROBOTS)[0].state, state);
        }
    }
    // Nothing leads away from there.
    assert_eq!(provider.robot_account(robot).await.unwrap().transitions().count(), 0);
    sandbox.clear_requests();
    let error = provider.change_robot_account(robot, Transition::SetOk).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("set_state_ok"), "{error}");
    assert!(error.to_string().contains("Deleted") && posts(&sandbox) == 0, "{error}");
}

#[tokio::test]
async fn a_robot_that_failed_says_why() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    let robot = provider.create_robot_account(resource, "cicd", "").await.unwrap();
    let erred = provider.set_robot_account_erred(robot.uuid, "no room").await.unwrap();
    assert_eq!(
        (erred.state.clone(), erred.error_message.as_str()),
        (Some(RobotAccountStates::Error), "no room")
    );
    assert_eq!(*provider.robot_accounts_of(resource).await.unwrap(), [erred]);
}

#[tokio::test]
async fn lost_answers_are_looked_up() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    sandbox.fail_next(1, "POST", "/marketplace-robot-accounts/", Fault::ResetAfter);
    let robot = provider.create_robot_account(resource, "cicd", "deployer").await.unwrap();
    sandbox.fail_next(1, "POST", "/set_state_request_deletion/", Fault::ResetBefore);
    let error = impatient(&sandbox).change_robot_account(robot.uuid, Transition::RequestDeletion).await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("the account is still OK") && !error.is_unconfirmed(), "{error}");
    sandbox.fail_next(1, "POST", "/set_state_request_deletion/", Fault::ResetAfter);
    let now = provider.change_robot_account(robot.uuid, Transition::RequestDeletion).await.unwrap();
    assert_eq!(now.state, Some(RobotAccountStates::RequestedDeletion));
    assert_eq!((posts(&sandbox), sandbox.documents(ROBOTS).len()), (3, 1));
    sandbox.fail_next(1, "DELETE", "/", Fault::ResetAfter);
    provider.delete_robot_account(robot.uuid).await.unwrap();
    assert!(sandbox.documents(ROBOTS).is_empty());
}

#[tokio::test]
async fn accounts_of_services_are_made_and_closed() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = provider_as(&sandbox, Actor::Consumer);
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
        let outsider = provider_as(&sandbox, Actor::Outsider);
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
    assert!(lost.to_string().contains("not known") && posts(&sandbox) == 1, "{lost}");
    assert!(lost.is_unconfirmed());
    // A look tells that nothing was made.
    sandbox.fail_next(1, "POST", "-service-accounts/", Fault::ResetBefore);
    let other = ServiceAccountRequest { username: "other".to_owned(), ..wanted.clone() };
    let lost = consumer.create_project_service_account(ids.project, other).await.unwrap_err();
    assert!(lost.to_string().contains("not applied") && !lost.is_unconfirmed(), "{lost}");
    assert_eq!(posts(&sandbox), 2);
    let refused = provider(&sandbox).create_project_service_account(ids.project, wanted).await;
    assert!(refused.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn accounts_of_courses_are_made_and_closed() {
    let sandbox = Sandbox::start().await.unwrap();
    let project = sandbox.ids().project;
    let consumer = provider_as(&sandbox, Actor::Consumer);
    let made = consumer.create_course_account(project, "student@example.org", "Physics").await.unwrap();
    assert_eq!((made.email.as_str(), made.project_uuid), ("student@example.org", Some(project)));
    sandbox.fail_next(1, "DELETE", "/", Fault::ResetAfter);
    for _ in 0..2 {
        consumer.close_course_account(made.uuid).await.unwrap();
        assert_eq!(sandbox.documents("marketplace-course-accounts")[0].state, "Closed");
    }
    let outsider = provider_as(&sandbox, Actor::Outsider);
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
    let outsider = provider_as(&sandbox, Actor::Outsider);
    assert!(outsider.create_robot_account(resource, "cicd", "a").await.unwrap_err().is_forbidden());
    assert!(outsider.robot_accounts().await.unwrap().is_empty());
}

#[tokio::test]
async fn accounts_of_services_and_courses_are_listed() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = client_as(&sandbox, Actor::Consumer);
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
    let outsider = provider_as(&sandbox, Actor::Outsider);
    assert!(outsider.course_accounts(ids.offerings.slurm).await.unwrap_err().is_not_found());
    assert!(outsider.all_course_accounts(ids.service_provider).await.unwrap_err().is_forbidden());
}

/// The answer to a creation lost what is needed of it: the account is there all the same.
#[tokio::test]
async fn an_answer_that_lost_a_field_is_looked_up() {
    let sandbox = Sandbox::start().await.unwrap();
    let (ids, provider) = (*sandbox.ids(), provider(&sandbox));
    let lost = |operation| {
        let fault = Fault::MissingFields(vec!["uuid".to_owned()]);
        sandbox.misbehave(Misbehaviour::new(fault).operation(operation).times(1));
    };
    lost("marketplace_robot_accounts_create");
    let robot = provider.create_robot_account(ids.resources.ok, "cicd", "bot").await.unwrap();
    assert_eq!(robot.uuid, sandbox.documents(ROBOTS)[0].uuid);

    // Nothing tells a new one from another like it: it isn't said to be made, and isn't said not to be.
    let consumer = provider_as(&sandbox, Actor::Consumer);
    lost("marketplace_course_accounts_create");
    let error = consumer.create_course_account(ids.project, "s@example.org", "Physics").await.unwrap_err();
    assert!(error.is_unconfirmed() && !error.to_string().contains("not applied"), "{error}");
    lost("marketplace_project_service_accounts_create");
    let wanted = ServiceAccountRequest { username: "svc".to_owned(), ..ServiceAccountRequest::default() };
    let error = consumer.create_project_service_account(ids.project, wanted).await.unwrap_err();
    assert!(error.is_unconfirmed() && error.to_string().contains("1 accounts are like it"), "{error}");
    assert_eq!(posts(&sandbox), 3);
}

#[tokio::test]
async fn one_odd_row_costs_no_other() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = provider_as(&sandbox, Actor::Consumer);
    for number in 0..3 {
        let wanted = ServiceAccountRequest { username: format!("svc{number}"), ..Default::default() };
        consumer.create_project_service_account(ids.project, wanted.clone()).await.unwrap();
        consumer.create_customer_service_account(ids.consumer_customer, wanted).await.unwrap();
        consumer.create_course_account(ids.project, format!("{number}@example.org"), "").await.unwrap();
        provider(&sandbox).create_robot_account(ids.resources.ok, format!("t{number}"), "").await.unwrap();
    }
    let lists = [
        "marketplace_provider_offerings_list_project_service_accounts_list",
        "marketplace_provider_offerings_list_customer_service_accounts_list",
        "marketplace_provider_offerings_list_course_accounts_list",
        "marketplace_robot_accounts_list",
    ];
    let provider = provider(&sandbox);
    let counts = async || {
        let slurm = ids.offerings.slurm;
        let of_project = provider.project_service_accounts(slurm).await.unwrap();
        assert!(of_project.iter().all(|row| row.owner == ServiceAccountOwner::Project));
        let of_customer = provider.customer_service_accounts(slurm).await.unwrap();
        assert!(of_customer.iter().all(|row| row.owner == ServiceAccountOwner::Customer));
        let of_course = provider.course_accounts(slurm).await.unwrap();
        let robots = provider.robot_accounts().await.unwrap();
        [
            (of_project.len(), of_project.unreadable().len()),
            (of_customer.len(), of_customer.unreadable().len()),
            (of_course.len(), of_course.unreadable().len()),
            (robots.len(), robots.unreadable().len()),
        ]
    };
    for field in ["state", "username", "email", "error_message", "project_uuid", "customer_uuid", "user_uuid"]
    {
        for value in [None, Some(json!(null)), Some(json!(7)), Some(json!([{}])), Some(json!(""))] {
            for list in lists {
                sandbox.corrupt(list, 1, field, value.clone());
            }
            assert_eq!(counts().await, [(3, 0); 4], "{field}: {value:?}");
            sandbox.clear_corruptions();
        }
    }
    for list in lists {
        sandbox.corrupt(list, 1, "uuid", json!("odd"));
    }
    assert_eq!(counts().await, [(2, 1); 4]);
}

/// An account that can't be read may be the one that is asked for.
#[tokio::test]
async fn a_robot_that_can_not_be_read_is_not_made_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let (resource, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    provider.create_robot_account(resource, "cicd", "bot").await.unwrap();
    sandbox.corrupt("marketplace_robot_accounts_list", 0, "type", json!({}));
    let error = provider.create_robot_account(resource, "cicd", "bot").await.unwrap_err();
    assert!(error.is_unexpected_response() && error.to_string().contains("cicd"), "{error}");
    assert_eq!((posts(&sandbox), sandbox.documents(ROBOTS).len()), (1, 1));
}

/// What a server may keep of accounts.
fn kept(sandbox: &Sandbox) -> String {
    let collections = [
        ROBOTS,
        "marketplace-project-service-accounts",
        "marketplace-customer-service-accounts",
        "marketplace-course-accounts",
    ];
    let documents: Vec<_> = collections.into_iter().map(|name| sandbox.documents(name)).collect();
    format!("{:?} {documents:?}", sandbox.offering_users())
}

/// Each workflow works on each release, or is unsupported and changes nothing, after a few requests.
#[tokio::test]
async fn each_release_does_it_or_says_that_it_can_not() {
    let lists: &[&str] = &["course", "all course", "project", "all project", "customer"];
    let young = [
        "transition",
        "pending",
        "robot erred",
        "robot deletion",
        "make project",
        "make customer",
        "make course",
    ];
    let young: Vec<&str> =
        young.iter().chain(lists).chain(&["rotate", "close", "close course"]).copied().collect();
    for (release, expected) in
        [(Release::Late2024, young), (Release::Schema, Vec::new()), (Release::Newer, Vec::new())]
    {
        let sandbox = Sandbox::builder().release(release).start().await.unwrap();
        let ids = *sandbox.ids();
        let (slurm, own, resource) = (ids.offerings.slurm, ids.service_provider, ids.resources.ok);
        let provider = provider(&sandbox);
        let consumer = provider_as(&sandbox, Actor::Consumer);
        let mut unsupported: Vec<&str> = Vec::new();
        macro_rules! go {
            ($name:literal, $work:expr) => {{
                sandbox.clear_requests();
                let before = kept(&sandbox);
                let result = $work.await;
                assert!(sandbox.requests().len() <= 6, "{release:?} {}: {:?}", $name, sandbox.requests());
                match &result {
                    Ok(_) => {}
                    Err(error) => {
                        assert!(error.is_unsupported(), "{release:?} {}: {error}", $name);
                        assert_eq!(before, kept(&sandbox), "{release:?} {}", $name);
                        unsupported.push($name);
                    }
                }
                result.ok()
            }};
        }
        go!("accounts", provider.offering_users([]));
        go!("gaps", provider.access_gaps(slurm));
        let bob = go!("grant", provider.grant_access(ids.users.bob, slurm, "")).unwrap().account.uuid;
        go!("name", provider.set_offering_user_username(ids.offering_user, "alice02"));
        go!("name at all", provider.set_offerings_username(own, ids.users.alice, "alice03"));
        go!("transition", provider.change_offering_user(bob, AccountTransition::BeginCreating));
        go!(
            "pending",
            provider.change_offering_user_with_comment(
                bob,
                AccountTransition::SetPendingAccountLinking,
                "x",
                ""
            )
        );
        go!("grant again", provider.grant_access(ids.users.bob, slurm, "bob01"));
        go!("team", provider.team(resource));
        let robot = go!("robot", provider.create_robot_account(resource, "cicd", "bot")).unwrap();
        assert_eq!(
            go!("robot again", provider.create_robot_account(resource, "cicd", "bot")),
            Some(robot.clone())
        );
        assert_eq!(go!("robots", provider.robot_accounts()).unwrap().len(), 1);
        go!("robots of", provider.robot_accounts_of(resource));
        go!("robot erred", provider.set_robot_account_erred(robot.uuid, "x"));
        let second = go!("robot 2", provider.create_robot_account(resource, "sync", "")).unwrap();
        go!("robot deletion", provider.change_robot_account(second.uuid, Transition::RequestDeletion));
        go!("robot gone", provider.delete_robot_account(robot.uuid));
        let wanted = || ServiceAccountRequest { username: "svc".to_owned(), ..Default::default() };
        let made = go!("make project", consumer.create_project_service_account(ids.project, wanted()));
        go!("make customer", consumer.create_customer_service_account(ids.consumer_customer, wanted()));
        let course = go!("make course", consumer.create_course_account(ids.project, "c@example.org", ""));
        go!("course", provider.course_accounts(slurm));
        go!("all course", provider.all_course_accounts(own));
        go!("project", provider.project_service_accounts(slurm));
        go!("all project", provider.all_project_service_accounts(own));
        go!("customer", provider.customer_service_accounts(slurm));
        match (made, course) {
            (Some(made), Some(course)) => {
                go!("rotate", consumer.rotate_service_account_key(&made.account));
                go!("close", consumer.close_service_account(&made.account));
                go!("close course", consumer.close_course_account(course.uuid));
            }
            // There is nothing to do it with, but for an account from elsewhere.
            _ => {
                let elsewhere = Sandbox::start().await.unwrap();
                let there = provider_as(&elsewhere, Actor::Consumer);
                let made = there.create_project_service_account(ids.project, wanted()).await.unwrap();
                go!("rotate", consumer.rotate_service_account_key(&made.account));
                go!("close", consumer.close_service_account(&made.account));
                go!("close course", consumer.close_course_account(made.account.uuid));
            }
        }
        go!("users", provider.users());
        go!("keys", provider.ssh_keys());
        go!("provider", provider.service_provider_of(ids.provider_customer));
        go!("provider users", provider.service_provider_users(own));
        go!("provider keys", provider.service_provider_keys(own));
        go!("provider projects", provider.service_provider_projects(own));
        go!("provider permissions", provider.service_provider_project_permissions(own));
        go!("provider customers", provider.service_provider_customers(own));
        go!("provider offerings", provider.service_provider_offerings(own));
        assert_eq!(unsupported, expected, "{release:?}");
    }
}
