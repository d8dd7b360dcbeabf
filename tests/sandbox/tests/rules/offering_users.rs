//! Accounts at offerings.

use reqwest::Method;
use serde_json::{Value, json};
use waldur_sandbox::{Actor, OfferingUserState, Release, Sandbox};

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
    ] {
        let refused = create(Actor::Provider, body).await;
        assert_eq!((refused.status, refused.json()), (400, errors));
    }
    meant(&sandbox, ["$.offering", "$.user"]);
}

#[tokio::test]
async fn uuids_name_user_and_offering() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let (user, offering) = (hex(ids.users.bob), hex(ids.offerings.slurm));
    let user_url = format!("{}users/{user}/", sandbox.url());
    let offering_url = format!("{}marketplace-provider-offerings/{offering}/", sandbox.url());
    let nil = "00000000000000000000000000000001";
    for (body, property) in [
        (json!({}), "non_field_errors"),
        (json!({"user_uuid": user}), "non_field_errors"),
        (json!({"offering_uuid": offering}), "non_field_errors"),
        (json!({"user_uuid": user, "user": user_url, "offering_uuid": offering}), "non_field_errors"),
        (json!({"user_uuid": user, "offering": offering_url, "offering_uuid": offering}), "non_field_errors"),
        (json!({"user_uuid": nil, "offering_uuid": offering}), "user_uuid"),
        (json!({"user_uuid": user, "offering_uuid": nil}), "offering_uuid"),
    ] {
        let refused = post(&sandbox, Actor::Provider, LIST, body.clone()).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.json()[property].is_array(), "{body}: {}", refused.text);
    }
    let body = json!({"user_uuid": user, "offering": offering_url});
    assert_eq!(post(&sandbox, Actor::Consumer, LIST, body.clone()).await.status, 403);
    assert_eq!(post(&sandbox, Actor::Provider, LIST, body).await.status, 201);
    let twin = json!({"user": user_url, "offering_uuid": offering});
    let refused = post(&sandbox, Actor::Provider, LIST, twin).await;
    assert_eq!(refused.status, 400);
    assert!(refused.json()["non_field_errors"].is_array());
    // A server of late 2024 wants addresses.
    let older = Sandbox::builder().release(Release::Late2024).allow_violations().start().await.unwrap();
    let body = json!({"user_uuid": user, "offering_uuid": offering});
    let refused = post(&older, Actor::Provider, LIST, body).await;
    let required = "This field is required.";
    assert_eq!(refused.json(), json!({"user": [required], "offering": [required]}));
}

/// An account in a state, and its path.
async fn account(state: OfferingUserState) -> (Sandbox, String) {
    let sandbox = Sandbox::builder()
        .orders(0)
        .seed(move |seed| {
            let ids = *seed.ids();
            seed.offering_user(ids.offerings.slurm, ids.users.bob, "bob01", state);
        })
        .start()
        .await
        .unwrap();
    let uuid = sandbox.offering_users().into_iter().find(|row| row.username == "bob01").unwrap().uuid;
    (sandbox, format!("{LIST}{}/", hex(uuid)))
}

#[tokio::test]
async fn states_follow_each_other() {
    use OfferingUserState as S;
    let table: &[(&str, &[S], S)] = &[
        ("begin_creating", &[S::Requested, S::ErrorCreating], S::Creating),
        (
            "set_pending_account_linking",
            &[S::Creating, S::ErrorCreating, S::PendingAdditionalValidation],
            S::PendingAccountLinking,
        ),
        (
            "set_pending_additional_validation",
            &[S::Creating, S::ErrorCreating, S::PendingAccountLinking],
            S::PendingAdditionalValidation,
        ),
        ("set_validation_complete", &[S::PendingAccountLinking, S::PendingAdditionalValidation], S::Ok),
        (
            "set_ok",
            &[
                S::Requested,
                S::Creating,
                S::PendingAccountLinking,
                S::PendingAdditionalValidation,
                S::ErrorCreating,
                S::ErrorDeleting,
            ],
            S::Ok,
        ),
        (
            "set_error_creating",
            &[S::Requested, S::Creating, S::PendingAccountLinking, S::PendingAdditionalValidation],
            S::ErrorCreating,
        ),
        ("request_deletion", &[S::Ok], S::RequestedDeletion),
        ("set_deleting", &[S::RequestedDeletion, S::ErrorDeleting], S::Deleting),
        ("set_deleted", &[S::Deleting], S::Deleted),
        ("set_error_deleting", &[S::RequestedDeletion, S::Deleting], S::ErrorDeleting),
    ];
    for &start in S::ALL {
        for &(action, from, to) in table {
            let (sandbox, path) = account(start).await;
            let answer = act(&sandbox, Actor::Provider, &format!("{path}{action}/")).await;
            let now = sandbox.offering_users().into_iter().find(|row| row.username == "bob01").unwrap().state;
            if from.contains(&start) {
                assert_eq!((answer.status, now), (200, to), "{action} from {start}");
            } else {
                assert_eq!((answer.status, now), (400, start), "{action} from {start}");
                assert!(answer.detail().contains("Valid states for operation: "));
            }
        }
    }
}

#[tokio::test]
async fn comments_are_cleared_by_validation_and_refused_after_deletion() {
    let (sandbox, path) = account(OfferingUserState::Creating).await;
    let comment = json!({"comment": "please link", "comment_url": "https://example.org/"});
    post(&sandbox, Actor::Provider, &format!("{path}set_pending_account_linking/"), comment).await;
    let shown = async || get(&sandbox, Actor::Provider, &path).await.json();
    assert_eq!(shown().await["service_provider_comment"], "please link");
    act(&sandbox, Actor::Provider, &format!("{path}set_validation_complete/")).await;
    let after = shown().await;
    assert_eq!(
        (&after["service_provider_comment"], &after["service_provider_comment_url"]),
        (&json!(""), &json!(""))
    );
    for (state, status) in [(OfferingUserState::Deleting, 200), (OfferingUserState::Deleted, 403)] {
        let (sandbox, path) = account(state).await;
        let body = json!({"service_provider_comment": " hello\n", "service_provider_comment_url": ""});
        let url = format!("{path}update_comments/");
        let set = send(&sandbox, Actor::Provider, Method::PATCH, &url, Some(body)).await;
        assert_eq!(set.status, status, "{state}");
        if status == 200 {
            // White space is cut off.
            assert_eq!(set.json()["service_provider_comment"], "hello");
        }
    }
}

#[tokio::test]
async fn an_unchanged_username_keeps_the_state() {
    use OfferingUserState::{Creating, ErrorCreating};
    for state in [Creating, ErrorCreating] {
        for (name, after) in [("bob01", state), ("", state), ("bob02", OfferingUserState::Ok)] {
            let (sandbox, path) = account(state).await;
            let body = json!({"username": name});
            let patched = send(&sandbox, Actor::Provider, Method::PATCH, &path, Some(body)).await;
            assert_eq!((patched.status, &patched.json()["state"]), (200, &json!(after.as_str())), "{name}");
        }
    }
}

#[tokio::test]
async fn lists_filter_by_state() {
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
    assert_eq!(refused.status, 400);
    assert!(refused.detail().contains("Valid states for operation: "));
    assert_eq!(act(&sandbox, Actor::Bob, &format!("{path}set_ok/")).await.status, 403);
    assert_eq!(act(&sandbox, Actor::Outsider, &format!("{path}set_ok/")).await.status, 404);
    let listed = get(&sandbox, Actor::Provider, &format!("{LIST}?state=Deleted")).await;
    assert_eq!(listed.count(), 1);
}

#[tokio::test]
async fn a_username_makes_an_offering_user_ok() {
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
async fn offering_users_are_removed() {
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
async fn one_username_is_set_at_all_offerings() {
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
