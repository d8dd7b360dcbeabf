//! Robot, service and course accounts, on the sandbox.

mod releases;
mod robots;

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour, Sandbox};
use waldur_sdk::accounts::ServiceAccountOwner::{Customer, Project};
use waldur_sdk::accounts::{RobotAccountTransition as Transition, ServiceAccountRequest};
use waldur_sdk::api::{ExposeSecret as _, Method};
use waldur_sdk::types::ServiceAccountState;
use waldur_sdk::{Applied, Uuid};

use crate::common::{client_as, posts, provider, provider_as};

const ROBOTS: &str = "marketplace-robot-accounts";

#[tokio::test]
async fn service_accounts_are_created_rotated_and_closed() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = provider_as(&sandbox, Actor::Consumer);
    let wanted = ServiceAccountRequest {
        email: "ops@example.org".to_owned(),
        description: "nightly".to_owned(),
        username: "svc".to_owned(),
        ..ServiceAccountRequest::default()
    };
    let of_project = consumer.create_service_account(Project, ids.project, wanted.clone()).await.unwrap();
    let of_customer =
        consumer.create_service_account(Customer, ids.consumer_customer, wanted.clone()).await.unwrap();
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
        let handle = consumer.service_account(account.owner, account);
        assert_eq!(handle.get().await.unwrap(), *account);
        assert_eq!((account.state.clone(), account.username.as_str()), (ServiceAccountState::Ok, "svc"));
        assert!(!format!("{made:?}").contains(made.token.expose_secret()) && !made.expires_at.is_empty());
        let rotated = handle.rotate_key().await.unwrap();
        assert_ne!(rotated.token.expose_secret(), made.token.expose_secret());
        sandbox.fail_next(1, "POST", "/rotate_api_key/", Fault::ResetAfter);
        let lost = handle.rotate_key().await.unwrap_err();
        assert!(lost.to_string().contains("rotate the key again"), "{lost}");
        let theirs = provider_as(&sandbox, Actor::Outsider).service_account(account.owner, account);
        assert!(theirs.rotate_key().await.unwrap_err().is_not_found());
        assert!(theirs.close().await.unwrap_err().is_not_found());

        // A success that was not applied, and an applied request whose response is lost.
        sandbox.fail_next(1, "DELETE", "/", Fault::Status(204));
        let open = handle.close().await.unwrap_err();
        assert!(open.to_string().contains("the account is OK"), "{open}");
        sandbox.fail_next(1, "DELETE", "/", Fault::ResetAfter);
        assert_eq!(handle.close().await.unwrap(), Applied::Now);
        assert_eq!(sandbox.documents(collection)[0].state, "Closed");
        assert!(handle.close().await.unwrap_err().is_not_found());
    }
    // Creation is not idempotent: after a lost response it isn't sent again.
    sandbox.clear_requests();
    sandbox.fail_next(1, "POST", "-service-accounts/", Fault::ResetAfter);
    let lost = consumer.create_service_account(Project, ids.project, wanted.clone()).await.unwrap_err();
    assert!(lost.to_string().contains("not known") && posts(&sandbox) == 1, "{lost}");
    assert!(lost.is_unconfirmed());
    // A read shows that no account was created.
    sandbox.fail_next(1, "POST", "-service-accounts/", Fault::ResetBefore);
    let other = ServiceAccountRequest { username: "other".to_owned(), ..wanted.clone() };
    let lost = consumer.create_service_account(Project, ids.project, other).await.unwrap_err();
    assert!(lost.to_string().contains("not applied") && !lost.is_unconfirmed(), "{lost}");
    assert_eq!(posts(&sandbox), 2);
    let refused = provider(&sandbox).create_service_account(Project, ids.project, wanted).await;
    assert!(refused.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn course_accounts_are_created_and_closed() {
    let sandbox = Sandbox::start().await.unwrap();
    let project = sandbox.ids().project;
    let consumer = provider_as(&sandbox, Actor::Consumer);
    let made = consumer.create_course_account(project, "student@example.org", "Physics").await.unwrap();
    assert_eq!((made.email.as_str(), made.project_uuid), ("student@example.org", Some(project)));
    sandbox.fail_next(1, "DELETE", "/", Fault::ResetAfter);
    assert_eq!(consumer.course_account(&made).get().await.unwrap(), made);
    for expected in [Applied::Now, Applied::Already] {
        assert_eq!(consumer.course_account(&made).close().await.unwrap(), expected);
        assert_eq!(sandbox.documents("marketplace-course-accounts")[0].state, "Closed");
    }
    let outsider = provider_as(&sandbox, Actor::Outsider);
    assert!(outsider.course_account(made.uuid).close().await.unwrap_err().is_not_found());
    assert!(outsider.create_course_account(project, "", "").await.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn service_and_course_accounts_are_listed() {
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
    let of_project = provider.offering(ids.offerings.slurm).service_accounts(Project).await.unwrap();
    assert_eq!((of_project[0].username.as_str(), of_project[0].project_uuid), ("svc", Some(ids.project)));
    assert_eq!(of_project[0].state, ServiceAccountState::Ok);
    let of_provider = provider.project_service_accounts().service_provider(ids.service_provider);
    assert_eq!(of_project, of_provider.all().await.unwrap());
    let of_customer = provider.offering(ids.offerings.slurm).service_accounts(Customer).await.unwrap();
    assert_eq!(of_customer[0].customer_uuid, Some(ids.consumer_customer));
    let of_course = provider.offering(ids.offerings.slurm).course_accounts().await.unwrap();
    assert_eq!(
        (of_course[0].email.as_str(), of_course[0].project_uuid),
        ("c@example.org", Some(ids.project))
    );
    let of_provider = provider.course_accounts().service_provider(ids.service_provider);
    assert_eq!(of_course, of_provider.all().await.unwrap());
    let outsider = provider_as(&sandbox, Actor::Outsider);
    assert!(outsider.offering(ids.offerings.slurm).course_accounts().await.unwrap_err().is_not_found());
    let theirs = outsider.course_accounts().service_provider(ids.service_provider);
    assert!(theirs.all().await.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn accounts_are_narrowed_by_owner_state_and_type() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = provider_as(&sandbox, Actor::Consumer);
    for _ in 0..2 {
        let wanted = ServiceAccountRequest::default();
        consumer.create_service_account(Project, ids.project, wanted.clone()).await.unwrap();
        consumer.create_service_account(Customer, ids.consumer_customer, wanted).await.unwrap();
        consumer.create_course_account(ids.project, "", "").await.unwrap();
    }
    let elsewhere = Uuid::from_u128(1);
    let of_projects = || consumer.project_service_accounts();
    let listed = of_projects().project(ids.project).all().await.unwrap();
    assert!(listed.len() == 2 && listed.iter().all(|account| account.owner == Project));
    assert_eq!(of_projects().project(ids.project).first().await.unwrap().as_ref(), Some(&listed[0]));
    assert_eq!(of_projects().project(elsewhere).all().await.unwrap().len(), 0);
    let of_customers = || consumer.customer_service_accounts();
    let listed = of_customers().customer(ids.consumer_customer).all().await.unwrap();
    assert!(listed.len() == 2 && listed.iter().all(|account| account.owner == Customer));
    assert_eq!(of_customers().customer(elsewhere).all().await.unwrap().len(), 0);
    let course = consumer.course_accounts().first().await.unwrap().unwrap();
    consumer.course_account(&course).close().await.unwrap();
    let of_courses = || consumer.course_accounts().project(ids.project);
    assert_eq!(of_courses().count().await.unwrap(), 2);
    let open = of_courses().state(ServiceAccountState::Ok).all().await.unwrap();
    assert!(open.len() == 1 && open[0].uuid != course.uuid);

    let provider = provider(&sandbox);
    for type_ in ["cicd", "sync"] {
        provider.ensure_robot_account(ids.resources.ok, type_).await.unwrap();
    }
    let robots = || provider.robot_accounts().provider(ids.provider_customer).project(ids.project);
    assert_eq!(robots().customer(ids.consumer_customer).count().await.unwrap(), 2);
    assert_eq!(robots().of_type("sync").all().await.unwrap()[0].type_, "sync");
    assert_eq!(robots().resource(elsewhere).all().await.unwrap().len(), 0);
    let report = robots().of_type("cicd").transition_all(Transition::RequestDeletion).await.unwrap();
    assert_eq!(report.to_string(), "1 applied");
    let report = robots().transition_all(Transition::SetDeleted).await.unwrap();
    assert_eq!(report.to_string(), "1 applied, 1 refused");
}

/// The response to a creation lacks a required field, but the account was created.
#[tokio::test]
async fn a_creation_whose_response_lacks_a_field_is_looked_up() {
    let sandbox = Sandbox::start().await.unwrap();
    let (ids, provider) = (*sandbox.ids(), provider(&sandbox));
    let lost = |operation| {
        let fault = Fault::MissingFields(vec!["uuid".to_owned()]);
        sandbox.misbehave(Misbehaviour::new(fault).operation(operation).times(1));
    };
    lost("marketplace_robot_accounts_create");
    let robot = provider.ensure_robot_account(ids.resources.ok, "cicd").username("bot").await.unwrap();
    assert_eq!(robot.object.uuid, sandbox.documents(ROBOTS)[0].uuid);

    // The new account can't be distinguished from an existing one: the result is unconfirmed.
    let consumer = provider_as(&sandbox, Actor::Consumer);
    lost("marketplace_course_accounts_create");
    let error = consumer.create_course_account(ids.project, "s@example.org", "Physics").await.unwrap_err();
    assert!(error.is_unconfirmed() && !error.to_string().contains("not applied"), "{error}");
    lost("marketplace_project_service_accounts_create");
    let wanted = ServiceAccountRequest { username: "svc".to_owned(), ..ServiceAccountRequest::default() };
    let error = consumer.create_service_account(Project, ids.project, wanted).await.unwrap_err();
    assert!(error.is_unconfirmed() && error.to_string().contains("accounts that match it: 1"), "{error}");
    assert_eq!(posts(&sandbox), 3);
}

#[tokio::test]
async fn one_odd_row_does_not_affect_the_others() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = provider_as(&sandbox, Actor::Consumer);
    for number in 0..3 {
        let wanted = ServiceAccountRequest { username: format!("svc{number}"), ..Default::default() };
        consumer.create_service_account(Project, ids.project, wanted.clone()).await.unwrap();
        consumer.create_service_account(Customer, ids.consumer_customer, wanted).await.unwrap();
        consumer.create_course_account(ids.project, format!("{number}@example.org"), "").await.unwrap();
        provider(&sandbox).ensure_robot_account(ids.resources.ok, format!("t{number}")).await.unwrap();
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
        let of_project = provider.offering(slurm).service_accounts(Project).await.unwrap();
        assert!(of_project.iter().all(|row| row.owner == Project));
        let of_customer = provider.offering(slurm).service_accounts(Customer).await.unwrap();
        assert!(of_customer.iter().all(|row| row.owner == Customer));
        let of_course = provider.offering(slurm).course_accounts().await.unwrap();
        let robots = provider.robot_accounts().all().await.unwrap();
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
