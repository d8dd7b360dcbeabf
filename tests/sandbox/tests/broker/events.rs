//! What is published when the state changes.

use reqwest::Method;
use serde_json::{Value, json};
use waldur_sandbox::{Actor, OfferingUserState, OrderState, OrderType, Release, ResourceState, Sandbox};

use crate::client::{Frame, Stomp, hex, post, register, send};

async fn consumer(sandbox: &Sandbox, object_type: &str) -> Stomp {
    let at = register(sandbox, object_type).await;
    Stomp::consume(sandbox, &at).await
}

/// Returns the body of the next event without the offering, which is that of the cluster.
async fn event(sandbox: &Sandbox, stomp: &mut Stomp) -> Value {
    let frame: Frame = stomp.frame().await;
    let mut body = frame.json();
    let offering = body.as_object_mut().unwrap().remove("offering_uuid");
    assert_eq!(offering, Some(json!(hex(sandbox.ids().offerings.slurm))), "{body}");
    body
}

async fn act(sandbox: &Sandbox, actor: Actor, path: &str, body: Value) {
    let (status, answer) = post(sandbox, actor, path, body).await;
    assert!(status < 300, "{path}: {status} {answer}");
}

async fn with_order(release: Release) -> (Sandbox, String) {
    let sandbox = Sandbox::builder()
        .release(release)
        .orders(0)
        .seed(|seed| {
            let ids = *seed.ids();
            let resource = seed.resource(ids.offerings.slurm, ids.project, "waves", ResourceState::Creating);
            seed.order(resource, OrderType::Create, OrderState::PendingConsumer);
        })
        .start()
        .await
        .unwrap();
    let order = hex(sandbox.orders()[0].uuid);
    (sandbox, order)
}

#[tokio::test]
async fn orders_are_published_in_the_states_that_matter() {
    let (sandbox, order) = with_order(Release::Schema).await;
    let mut stomp = consumer(&sandbox, "order").await;
    for (actor, action, body) in [
        (Actor::Consumer, "approve_by_consumer", json!({})),
        (Actor::Provider, "approve_by_provider", json!({})),
        (Actor::Provider, "set_provider_info", json!({ "provider_message": "soon" })),
        (Actor::Provider, "set_state_done", json!({})),
    ] {
        act(&sandbox, actor, &format!("marketplace-orders/{order}/{action}/"), body).await;
    }
    let state = |state: &str| json!({ "order_uuid": order, "order_state": state });
    assert_eq!(event(&sandbox, &mut stomp).await, state("pending-provider"));
    let info = json!({ "order_uuid": order, "action": "provider_info_set" });
    assert_eq!(event(&sandbox, &mut stomp).await, info);
    assert_eq!(event(&sandbox, &mut stomp).await, state("done"));
    stomp.nothing().await;
}

#[tokio::test]
async fn newer_servers_publish_each_state() {
    let (sandbox, order) = with_order(Release::Newer).await;
    let mut stomp = consumer(&sandbox, "order").await;
    for (actor, action) in
        [(Actor::Consumer, "approve_by_consumer"), (Actor::Provider, "approve_by_provider")]
    {
        act(&sandbox, actor, &format!("marketplace-orders/{order}/{action}/"), json!({})).await;
    }
    assert_eq!(event(&sandbox, &mut stomp).await["order_state"], "pending-provider");
    assert_eq!(event(&sandbox, &mut stomp).await["order_state"], "executing");
}

#[tokio::test]
async fn a_new_order_is_published_and_can_be_read() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let mut stomp = consumer(&sandbox, "order").await;
    let body = json!({
        "offering": format!("{}marketplace-public-offerings/{}/", sandbox.url(), hex(ids.offerings.slurm)),
        "project": format!("{}projects/{}/", sandbox.url(), hex(ids.project)),
        "attributes": { "name": "waves" },
    });
    let (status, order) = post(&sandbox, Actor::Consumer, "marketplace-orders/", body).await;
    assert_eq!(status, 201, "{order}");
    let event = event(&sandbox, &mut stomp).await;
    assert_eq!(event, json!({ "order_uuid": order["uuid"], "order_state": "pending-provider" }));
}

#[tokio::test]
async fn only_changed_flags_of_a_resource_are_published() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = hex(sandbox.ids().resources.ok);
    let path = format!("marketplace-provider-resources/{resource}");
    let mut stomp = consumer(&sandbox, "resource").await;
    act(&sandbox, Actor::Staff, &format!("{path}/set_paused/"), json!({ "paused": true })).await;
    act(&sandbox, Actor::Staff, &format!("{path}/set_paused/"), json!({ "paused": true })).await;
    act(&sandbox, Actor::Provider, &format!("{path}/set_limits/"), json!({ "limits": { "cpu": 1 } })).await;
    act(&sandbox, Actor::Provider, &format!("{path}/pull/"), json!({})).await;
    for number in [1, 2] {
        let expected = json!({
            "resource_uuid": resource,
            "resource_backend_id": "polar_0001",
            "downscaled": false,
            "restrict_member_access": false,
            "paused": true,
            "sequence_number": number,
        });
        assert_eq!(event(&sandbox, &mut stomp).await, expected);
    }
    stomp.nothing().await;
}

#[tokio::test]
async fn roles_in_projects_are_published() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let mut stomp = consumer(&sandbox, "user_role").await;
    let body = json!({ "user": hex(ids.users.bob), "role": "PROJECT.MANAGER" });
    for action in ["add_user", "delete_user"] {
        act(&sandbox, Actor::Consumer, &format!("projects/{}/{action}/", hex(ids.project)), body.clone())
            .await;
    }
    for granted in [true, false] {
        let expected = json!({
            "user_uuid": hex(ids.users.bob),
            "user_username": "bob",
            "project_uuid": hex(ids.project),
            "project_name": "Climate models",
            "role_name": "PROJECT.MANAGER",
            "granted": granted,
        });
        assert_eq!(event(&sandbox, &mut stomp).await, expected);
    }
    // A project without resources of the offering is none of its business.
    let path = format!("projects/{}/add_user/", hex(ids.empty_project));
    act(&sandbox, Actor::Consumer, &path, body).await;
    stomp.nothing().await;
}

#[tokio::test]
async fn offering_users_are_published_by_action() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let mut stomp = consumer(&sandbox, "offering_user").await;
    let body = json!({ "offering_uuid": hex(ids.offerings.slurm), "user_uuid": hex(ids.users.bob) });
    let (_, made) = post(&sandbox, Actor::Provider, "marketplace-offering-users/", body).await;
    let path = format!("marketplace-offering-users/{}/", made["uuid"].as_str().unwrap());
    act(&sandbox, Actor::Provider, &format!("{path}begin_creating/"), json!({})).await;
    let name = json!({ "username": "bob01" });
    assert_eq!(send(&sandbox, Actor::Provider, Method::PATCH, &path, Some(name)).await.0, 200);
    assert_eq!(send(&sandbox, Actor::Provider, Method::DELETE, &path, None).await.0, 204);
    let mut events = Vec::new();
    for _ in 0..5 {
        let event = event(&sandbox, &mut stomp).await;
        assert_eq!(event["offering_user_uuid"], made["uuid"]);
        assert_eq!(event["user_uuid"], hex(ids.users.bob));
        events.push(event);
    }
    let actions: Vec<&str> = events.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["create", "update", "update", "username_set", "delete"]);
    assert_eq!(events[0]["state"], OfferingUserState::Requested.as_str());
    assert!(events[0]["attributes"].is_object());
    assert_eq!(events[1]["changed_fields"], json!(["state"]));
    assert_eq!(events[2]["changed_fields"], json!(["username", "state"]));
    assert_eq!((&events[3]["username"], &events[3]["state"]), (&json!("bob01"), &json!("OK")));
    stomp.nothing().await;
}

#[tokio::test]
async fn accounts_and_requests_for_lists_are_published() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let project = hex(ids.project);
    let mut service = consumer(&sandbox, "service_account").await;
    let body = json!({ "project": project, "username": "svc-waves" });
    let path = "marketplace-project-service-accounts/";
    let (status, made) = post(&sandbox, Actor::Consumer, path, body).await;
    assert_eq!(status, 201, "{made}");
    let one = format!("{path}{}/", made["uuid"].as_str().unwrap());
    assert_eq!(send(&sandbox, Actor::Consumer, Method::DELETE, &one, None).await.0, 204);
    for action in ["create", "delete"] {
        let expected = json!({
            "account_uuid": made["uuid"],
            "account_username": "svc-waves",
            "scope_type": "project",
            "project_uuid": hex(ids.project),
            "project_name": "Climate models",
            "action": action,
        });
        assert_eq!(event(&sandbox, &mut service).await, expected);
    }
    let mut course = consumer(&sandbox, "course_account").await;
    let body = json!({ "project": project, "email": "course@example.org" });
    act(&sandbox, Actor::Consumer, "marketplace-course-accounts/", body).await;
    assert_eq!(event(&sandbox, &mut course).await["action"], "create");
    let mut importable = consumer(&sandbox, "importable_resources").await;
    let body = json!({ "offering": hex(ids.offerings.slurm) });
    let (_, request) = post(&sandbox, Actor::Provider, "backend-resource-requests/", body).await;
    let expected = json!({ "backend_resource_request_uuid": request["uuid"] });
    assert_eq!(event(&sandbox, &mut importable).await, expected);
}
