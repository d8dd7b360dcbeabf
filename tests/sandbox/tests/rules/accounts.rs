//! Accounts of robots, services and courses.

use reqwest::Method;
use serde_json::{Value, json};
use waldur_sandbox::{Actor, Sandbox};

use crate::client::{act, get, hex, meant, post, send};

const ROBOTS: &str = "marketplace-robot-accounts/";

async fn robot(sandbox: &Sandbox) -> (Value, String) {
    let ids = sandbox.ids();
    let body = json!({
        "resource": format!("{}marketplace-resources/{}/", sandbox.url(), hex(ids.resources.ok)),
        "type": "cicd",
        "username": "robo",
        "users": [format!("{}users/{}/", sandbox.url(), hex(ids.users.alice))],
    });
    let made = post(sandbox, Actor::Provider, ROBOTS, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let uuid = made.json()["uuid"].as_str().unwrap().to_owned();
    (made.json(), format!("{ROBOTS}{uuid}/"))
}

#[tokio::test]
async fn robot_accounts_belong_to_resources() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let (made, path) = robot(&sandbox).await;
    assert_eq!(made["state"], "OK");
    assert!(made["resource"].as_str().unwrap().contains("/api/marketplace-resources/"));
    assert!(made["users"][0].as_str().unwrap().contains("/api/users/"));
    let details = get(&sandbox, Actor::Provider, &path).await.json();
    assert_eq!(details["resource_uuid"], hex(ids.resources.ok));
    assert_eq!(details["project_uuid"], hex(ids.project));
    assert_eq!(details["customer_uuid"], hex(ids.consumer_customer));
    assert_eq!(details["provider_uuid"], hex(ids.provider_customer));
    assert_eq!(details["users"][0]["username"], "alice");
    for (actor, status) in [(Actor::Consumer, 200), (Actor::Alice, 200), (Actor::Outsider, 404)] {
        assert_eq!(get(&sandbox, actor, &path).await.status, status);
    }
    let twin = json!({"resource": made["resource"], "type": "cicd", "username": "another"});
    let refused = post(&sandbox, Actor::Provider, ROBOTS, twin).await;
    assert_eq!(refused.status, 400);
    assert!(refused.json()["non_field_errors"].is_array());
    let refused = post(&sandbox, Actor::Provider, ROBOTS, json!({"type": "toolong"})).await;
    assert_eq!(
        refused.json(),
        json!({
            "resource": ["This field is required."],
            "type": ["Ensure this field has no more than 5 characters."],
        })
    );
    meant(&sandbox, ["$.resource", "$.type"]);
    let patched =
        send(&sandbox, Actor::Provider, Method::PATCH, &path, Some(json!({"username": "r2"}))).await;
    assert_eq!((patched.status, &patched.json()["username"]), (200, &json!("r2")));
    let resource = hex(ids.resources.ok);
    for (query, count) in [
        (format!("resource_uuid={resource}"), 1),
        (format!("resource_uuid={}", hex(ids.resources.ok_second)), 0),
        // By number, as the schema has it.
        ("state=3".to_owned(), 1),
        ("state=1".to_owned(), 0),
        ("type=cicd".to_owned(), 1),
        (format!("project_uuid={}", ids.project), 1),
        ("created=2020-01-01T00:00:00Z".to_owned(), 1),
    ] {
        assert_eq!(
            get(&sandbox, Actor::Provider, &format!("{ROBOTS}?{query}")).await.count(),
            count,
            "{query}"
        );
    }
    let provider = format!("marketplace-service-providers/{}/", hex(ids.service_provider));
    for (part, uuid) in
        [("robot_account_projects", ids.project), ("robot_account_customers", ids.consumer_customer)]
    {
        let rows = get(&sandbox, Actor::Provider, &format!("{provider}{part}/")).await.items();
        assert_eq!((rows.len(), &rows[0]["uuid"]), (1, &json!(hex(uuid))));
    }
    assert_eq!(send(&sandbox, Actor::Provider, Method::DELETE, &path, None).await.status, 204);
    assert_eq!(get(&sandbox, Actor::Provider, &path).await.status, 404);
}

#[tokio::test]
async fn robot_accounts_change_state() {
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let resource = seed.ids().resources.ok;
            seed.robot_account(resource, "early", "Requested");
        })
        .start()
        .await
        .unwrap();
    let path = format!("{ROBOTS}{}/", hex(sandbox.documents("marketplace-robot-accounts")[0].uuid));
    for (action, state) in [
        ("creating", "Creating"),
        ("ok", "OK"),
        ("request_deletion", "Requested deletion"),
        ("deleted", "Deleted"),
    ] {
        for other in ["creating", "ok", "erred", "request_deletion", "deleted"] {
            let legal = other == action || other == "erred" && action == "request_deletion";
            if !legal {
                let refused = act(&sandbox, Actor::Provider, &format!("{path}set_state_{other}/")).await;
                assert_eq!(
                    (refused.status, refused.detail().is_empty()),
                    (409, false),
                    "{other} before {state}"
                );
            }
        }
        let consumer = act(&sandbox, Actor::Consumer, &format!("{path}set_state_{action}/")).await;
        assert_eq!(consumer.status, 403);
        let done = act(&sandbox, Actor::Provider, &format!("{path}set_state_{action}/")).await;
        assert_eq!((done.status, &done.json()["state"]), (200, &json!(state)));
    }
    let sandbox = Sandbox::start().await.unwrap();
    let (_, path) = robot(&sandbox).await;
    let why = json!({"error_message": "no"});
    let erred = post(&sandbox, Actor::Provider, &format!("{path}set_state_erred/"), why).await;
    assert_eq!((&erred.json()["state"], &erred.json()["error_message"]), (&json!("Error"), &json!("no")));
    assert_eq!(act(&sandbox, Actor::Provider, &format!("{path}set_state_ok/")).await.status, 409);
    assert_eq!(act(&sandbox, Actor::Outsider, &format!("{path}set_state_ok/")).await.status, 404);
}

#[tokio::test]
async fn service_and_course_accounts_are_closed_by_deletion() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let provider = format!("marketplace-service-providers/{}/", hex(ids.service_provider));
    let offering = format!("marketplace-provider-offerings/{}/", hex(ids.offerings.slurm));
    for (collection, body, lists) in [
        (
            "marketplace-project-service-accounts/",
            json!({"project": hex(ids.project), "username": "svc"}),
            vec![
                format!("{provider}project_service_accounts/"),
                format!("{offering}list_project_service_accounts/"),
            ],
        ),
        (
            "marketplace-customer-service-accounts/",
            json!({"customer": hex(ids.consumer_customer), "username": "svc"}),
            vec![format!("{offering}list_customer_service_accounts/")],
        ),
        (
            "marketplace-course-accounts/",
            json!({"project": hex(ids.project), "email": "c@example.org"}),
            vec![format!("{provider}course_accounts/"), format!("{offering}list_course_accounts/")],
        ),
    ] {
        assert_eq!(post(&sandbox, Actor::Provider, collection, body.clone()).await.status, 403);
        let made = post(&sandbox, Actor::Consumer, collection, body).await;
        assert_eq!((made.status, &made.json()["state"]), (201, &json!("OK")), "{}", made.text);
        assert_eq!(made.json()["customer_uuid"], hex(ids.consumer_customer));
        for list in lists {
            let rows = get(&sandbox, Actor::Provider, &list).await.items();
            assert_eq!((rows.len(), &rows[0]["uuid"]), (1, &made.json()["uuid"]), "{list}");
        }
        let path = format!("{collection}{}/", made.json()["uuid"].as_str().unwrap());
        assert_eq!(get(&sandbox, Actor::Outsider, &path).await.status, 404);
        assert_eq!(send(&sandbox, Actor::Consumer, Method::DELETE, &path, None).await.status, 204);
        // Closed accounts of services are not shown any more; those of courses are, and closed once.
        let closed = get(&sandbox, Actor::Consumer, &path).await;
        let again = send(&sandbox, Actor::Consumer, Method::DELETE, &path, None).await;
        if collection == "marketplace-course-accounts/" {
            assert_eq!((&closed.json()["state"], again.status), (&json!("Closed"), 409));
        } else {
            assert_eq!((closed.status, again.status), (404, 404));
        }
    }
    let accounts = sandbox.documents("marketplace-course-accounts");
    assert_eq!((accounts.len(), accounts[0].state.as_str()), (1, "Closed"));
}

#[tokio::test]
async fn api_keys_of_service_accounts_rotate() {
    let sandbox = Sandbox::start().await.unwrap();
    let body = json!({"project": hex(sandbox.ids().project)});
    let made = post(&sandbox, Actor::Consumer, "marketplace-project-service-accounts/", body).await.json();
    assert!(made["token"].is_string() && made["expires_at"].is_string());
    let path =
        format!("marketplace-project-service-accounts/{}/rotate_api_key/", made["uuid"].as_str().unwrap());
    // It is shown when it is made, and never again.
    let shown = get(&sandbox, Actor::Consumer, path.trim_end_matches("rotate_api_key/")).await.json();
    assert_eq!((&shown["token"], &shown["expires_at"]), (&Value::Null, &Value::Null));
    let rotated = act(&sandbox, Actor::Consumer, &path).await.json();
    assert!(rotated["token"].is_string());
    assert_ne!(act(&sandbox, Actor::Consumer, &path).await.json()["token"], rotated["token"]);
}
