//! Accounts at offerings.

use reqwest::Method;
use serde_json::{Value, json};
use waldur_sandbox::{Actor, OfferingUserState, Sandbox};

use crate::client::{act, get, hex, meant, post, send};

const LIST: &str = "marketplace-offering-users/";

#[tokio::test]
async fn addresses_name_user_and_offering() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let user = |uuid| format!("{}users/{}/", sandbox.url(), hex(uuid));
    let offering = |uuid| format!("{}marketplace-provider-offerings/{}/", sandbox.url(), hex(uuid));
    let create = async |actor, body| post(&sandbox, actor, LIST, body).await;
    let bob =
        json!({"user": user(ids.users.bob), "offering": offering(ids.offerings.slurm), "username": "bob01"});
    let made = create(Actor::Provider, bob.clone()).await;
    assert_eq!(made.status, 201);
    assert_eq!((&made.json()["username"], &made.json()["state"]), (&json!("bob01"), &json!("OK")));
    assert_eq!(made.header("location").unwrap(), made.json()["url"]);
    let again = create(Actor::Provider, bob.clone()).await;
    assert_eq!(again.status, 400);
    assert!(again.json()["non_field_errors"].is_array());
    assert_eq!(create(Actor::Consumer, bob).await.status, 403);
    let path_only = json!({
        "user": format!("/api/users/{}/", hex(ids.users.alice)),
        "offering": format!("/api/marketplace-provider-offerings/{}/", hex(ids.offerings.basic)),
    });
    let nameless = create(Actor::Provider, path_only).await;
    assert_eq!((nameless.status, &nameless.json()["state"]), (201, &json!("Requested")));
    let public = format!("{}marketplace-public-offerings/{}/", sandbox.url(), hex(ids.offerings.basic));
    for (body, errors) in [
        (
            json!({"user": user(ids.users.bob), "offering": public}),
            json!({"offering": ["Invalid hyperlink - Incorrect URL match."]}),
        ),
        (
            json!({"user": hex(ids.users.bob), "offering": hex(ids.offerings.basic)}),
            json!({
                "user": ["Invalid hyperlink - No URL match."],
                "offering": ["Invalid hyperlink - No URL match."],
            }),
        ),
        (
            json!({"user": user(uuid::Uuid::from_u128(1)), "offering": offering(ids.offerings.basic)}),
            json!({"user": ["Invalid hyperlink - Object does not exist."]}),
        ),
        (json!({}), json!({"user": ["This field is required."], "offering": ["This field is required."]})),
    ] {
        let refused = create(Actor::Provider, body).await;
        assert_eq!((refused.status, refused.json()), (400, errors));
    }
    meant(&sandbox, ["$.offering", "$.user"]);
}

#[tokio::test]
async fn states() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let body = json!({
        "user": format!("{}users/{}/", sandbox.url(), hex(ids.users.bob)),
        "offering": format!("{}marketplace-provider-offerings/{}/", sandbox.url(), hex(ids.offerings.slurm)),
    });
    let made = post(&sandbox, Actor::Provider, LIST, body).await.json();
    let path = format!("{LIST}{}/", made["uuid"].as_str().unwrap());
    let state =
        async || get(&sandbox, Actor::Provider, &format!("{path}?field=state")).await.json()["state"].clone();
    let comment = json!({"comment": "please link", "comment_url": "https://example.org/"});
    for (action, after) in [
        ("begin_creating", "Creating"),
        ("set_pending_account_linking", "Pending account linking"),
        ("set_pending_additional_validation", "Pending additional validation"),
        ("set_validation_complete", "OK"),
        ("request_deletion", "Requested deletion"),
        ("set_deleting", "Deleting"),
        ("set_error_deleting", "Error deleting"),
        ("set_deleting", "Deleting"),
        ("set_deleted", "Deleted"),
    ] {
        let path = format!("{path}{action}/");
        let done = if action.starts_with("set_pending") {
            post(&sandbox, Actor::Provider, &path, comment.clone()).await
        } else {
            act(&sandbox, Actor::Provider, &path).await
        };
        assert_eq!((done.status, done.text.as_str()), (200, ""), "{action}");
        assert_eq!(state().await, after);
    }
    let refused = act(&sandbox, Actor::Provider, &format!("{path}set_ok/")).await;
    assert_eq!(refused.status, 409);
    assert!(refused.detail().starts_with("Valid states for operation: "));
    assert_eq!(act(&sandbox, Actor::Bob, &format!("{path}set_ok/")).await.status, 403);
    assert_eq!(act(&sandbox, Actor::Outsider, &format!("{path}set_ok/")).await.status, 404);
    let listed = get(&sandbox, Actor::Provider, &format!("{LIST}?state=Deleted")).await;
    assert_eq!(listed.count(), 1);
    assert_eq!(listed.items()[0]["service_provider_comment"], "please link");
}

#[tokio::test]
async fn a_name_makes_an_account_usable() {
    for (action, after) in [("begin_creating", "OK"), ("set_error_creating", "OK"), ("", "Requested")] {
        let sandbox = Sandbox::start().await.unwrap();
        let ids = sandbox.ids();
        let body = json!({
            "user": format!("{}users/{}/", sandbox.url(), hex(ids.users.bob)),
            "offering": format!("{}marketplace-provider-offerings/{}/", sandbox.url(), hex(ids.offerings.slurm)),
        });
        let made = post(&sandbox, Actor::Provider, LIST, body).await.json();
        let path = format!("{LIST}{}/", made["uuid"].as_str().unwrap());
        if !action.is_empty() {
            act(&sandbox, Actor::Provider, &format!("{path}{action}/")).await;
        }
        let patched =
            send(&sandbox, Actor::Provider, Method::PATCH, &path, Some(json!({"username": "bob01"}))).await;
        assert_eq!(patched.status, 200);
        assert_eq!((&patched.json()["state"], &patched.json()["username"]), (&json!(after), &json!("bob01")));
    }
}

#[tokio::test]
async fn removal() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = format!("{LIST}{}/", hex(sandbox.ids().offering_user));
    assert_eq!(get(&sandbox, Actor::Alice, &path).await.json()["username"], "alice01");
    assert_eq!(get(&sandbox, Actor::Bob, &path).await.status, 404);
    assert_eq!(send(&sandbox, Actor::Provider, Method::DELETE, &path, None).await.status, 204);
    let gone = send(&sandbox, Actor::Provider, Method::DELETE, &path, None).await;
    assert_eq!((gone.status, gone.detail()), (404, "No OfferingUser matches the given query.".to_owned()));
    assert!(sandbox.offering_users().is_empty());
}

#[tokio::test]
async fn one_name_everywhere() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let path = format!("marketplace-service-providers/{}/set_offerings_username/", hex(ids.service_provider));
    let set = async |body: Value| post(&sandbox, Actor::Provider, &path, body).await;
    for user in [hex(ids.users.alice), ids.users.alice.hyphenated().to_string()] {
        let done = set(json!({"user_uuid": user, "username": "al"})).await;
        assert_eq!((done.status, done.json()), (201, json!({"detail": "Offering users have been set."})));
    }
    let accounts = sandbox.offering_users();
    assert_eq!(accounts.len(), 3);
    assert!(accounts.iter().all(|row| row.username == "al" && row.state == OfferingUserState::Ok));
    let required = "This field is required.";
    for (body, errors) in [
        (json!({"user_uuid": "nope", "username": "x"}), json!({"user_uuid": ["Must be a valid UUID."]})),
        (json!({}), json!({"user_uuid": [required], "username": [required]})),
        (
            json!({"user_uuid": hex(ids.users.alice), "username": ""}),
            json!({"username": ["This field may not be blank."]}),
        ),
    ] {
        let refused = set(body).await;
        assert_eq!((refused.status, refused.json()), (400, errors));
    }
    let unknown = set(json!({"user_uuid": "00000000000000000000000000000001", "username": "x"})).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.json().is_array());
    let consumer = post(&sandbox, Actor::Consumer, &path, json!({})).await;
    assert_eq!(consumer.status, 403);
    meant(&sandbox, ["$.user_uuid", "$.username"]);
}
