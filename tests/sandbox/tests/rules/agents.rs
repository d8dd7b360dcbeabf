//! Agents and what they register; back-end resources; subscriptions; limits and roles of users.

use reqwest::Method;
use serde_json::{Value, json};
use waldur_sandbox::{Actor, OrderState, Sandbox};

use crate::client::{act, get, hex, post, send};

const IDENTITIES: &str = "marketplace-site-agent-identities/";
const SERVICES: &str = "marketplace-site-agent-services/";

fn uuid(value: &Value) -> String {
    value["uuid"].as_str().unwrap().to_owned()
}

async fn identity(sandbox: &Sandbox) -> Value {
    let body = json!({"name": "agent-1", "offering": hex(sandbox.ids().offerings.slurm), "version": "1"});
    let made = post(sandbox, Actor::Provider, IDENTITIES, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

#[tokio::test]
async fn identities_are_created_and_deleted() {
    let sandbox = Sandbox::start().await.unwrap();
    let made = identity(&sandbox).await;
    assert_eq!(made["offering"], hex(sandbox.ids().offerings.slurm));
    let again = json!({"name": "agent-1", "offering": hex(sandbox.ids().offerings.slurm)});
    let twin = post(&sandbox, Actor::Provider, IDENTITIES, again.clone()).await;
    assert_eq!(twin.status, 201, "names aren't unique");
    assert_ne!(twin.json()["uuid"], made["uuid"]);
    assert_eq!(post(&sandbox, Actor::Consumer, IDENTITIES, again).await.status, 403);
    let unknown = json!({"name": "agent-2", "offering": "00000000000000000000000000000001"});
    let refused = post(&sandbox, Actor::Provider, IDENTITIES, unknown).await;
    assert!(refused.json()["offering"].is_array());
    let path = format!("{IDENTITIES}{}/", uuid(&made));
    let put = json!({"name": "agent-1", "offering": made["offering"], "version": "2"});
    let updated = send(&sandbox, Actor::Provider, Method::PUT, &path, Some(put)).await;
    assert_eq!((updated.status, &updated.json()["version"]), (200, &json!("2")));
    for (query, count) in [("name=agent-1", 2), ("name=agent-9", 0), ("version=2", 1)] {
        assert_eq!(get(&sandbox, Actor::Provider, &format!("{IDENTITIES}?{query}")).await.count(), count);
    }
    assert_eq!(get(&sandbox, Actor::Outsider, IDENTITIES).await.count(), 0);
    assert_eq!(send(&sandbox, Actor::Provider, Method::DELETE, &path, None).await.status, 204);
    assert_eq!(get(&sandbox, Actor::Provider, &path).await.status, 404);
}

#[tokio::test]
async fn staff_removes_stale_identities_and_services() {
    let sandbox = Sandbox::start().await.unwrap();
    let (used, lonely) = (identity(&sandbox).await, identity(&sandbox).await);
    let register = format!("{IDENTITIES}{}/register_service/", uuid(&used));
    let service = post(&sandbox, Actor::Provider, &register, json!({"name": "orders"})).await.json();
    let orphaned = format!("{IDENTITIES}cleanup_orphaned/");
    let stale = format!("{SERVICES}cleanup_stale/");
    for path in [&orphaned, &stale] {
        assert_eq!(post(&sandbox, Actor::Provider, path, json!({"dry_run": true})).await.status, 403);
    }
    // Nothing goes unless that is said; how old they are doesn't count.
    for body in [json!({}), json!({"dry_run": true, "older_than_hours": 1})] {
        let said = post(&sandbox, Actor::Staff, &orphaned, body).await.json();
        assert_eq!((&said["deleted_count"], &said["dry_run"]), (&json!(1), &json!(true)));
        assert_eq!(said["items"][0]["uuid"], lonely["uuid"]);
    }
    assert_eq!(get(&sandbox, Actor::Provider, IDENTITIES).await.count(), 2);
    let gone = post(&sandbox, Actor::Staff, &orphaned, json!({"dry_run": false})).await.json();
    assert_eq!((&gone["deleted_count"], &gone["dry_run"]), (&json!(1), &json!(false)));
    let left = get(&sandbox, Actor::Provider, IDENTITIES).await.items();
    assert_eq!((left.len(), &left[0]["uuid"]), (1, &used["uuid"]));
    let young = post(&sandbox, Actor::Staff, &stale, json!({"dry_run": false})).await.json();
    assert_eq!(young["deleted_count"], 0);
    let path = format!("{SERVICES}{}/", uuid(&service));
    assert_eq!(get(&sandbox, Actor::Provider, &path).await.status, 200);
}

#[tokio::test]
async fn services_and_processors_are_registered_by_name() {
    let sandbox = Sandbox::start().await.unwrap();
    let identity = identity(&sandbox).await;
    let register = format!("{IDENTITIES}{}/register_service/", uuid(&identity));
    let body = json!({"name": "order-processing", "mode": "order_process"});
    let service = post(&sandbox, Actor::Provider, &register, body.clone()).await;
    assert_eq!((service.status, &service.json()["state"]), (201, &json!("Active")));
    assert_eq!(service.json()["identity_name"], "agent-1");
    let again = post(&sandbox, Actor::Provider, &register, body).await;
    assert_eq!((again.status, uuid(&again.json())), (200, uuid(&service.json())));
    let path = format!("{SERVICES}{}/", uuid(&service.json()));
    let processor = json!({"name": "orders", "backend_type": "slurm"});
    let made =
        post(&sandbox, Actor::Provider, &format!("{path}register_processor/"), processor.clone()).await;
    assert_eq!((made.status, &made.json()["service_name"]), (201, &json!("order-processing")));
    let again = post(&sandbox, Actor::Provider, &format!("{path}register_processor/"), processor).await;
    assert_eq!(again.status, 200);
    let counted =
        post(&sandbox, Actor::Provider, &format!("{path}set_statistics/"), json!({"statistics": {"n": 1}}))
            .await;
    assert_eq!((counted.status, &counted.json()["statistics"]["n"]), (200, &json!(1)));
    assert_eq!(counted.json()["processors"][0]["name"], "orders");
    let whole = get(&sandbox, Actor::Provider, &format!("{IDENTITIES}{}/", uuid(&identity))).await.json();
    assert_eq!(whole["services"][0]["name"], "order-processing");
    let listed = format!("marketplace-site-agent-processors/?service_uuid={}", uuid(&service.json()));
    assert_eq!(get(&sandbox, Actor::Provider, &listed).await.count(), 1);
    assert_eq!(post(&sandbox, Actor::Outsider, &register, json!({"name": "x"})).await.status, 404);
    send(&sandbox, Actor::Provider, Method::DELETE, &format!("{IDENTITIES}{}/", uuid(&identity)), None).await;
    assert_eq!(get(&sandbox, Actor::Provider, &listed).await.count(), 0, "they go with the identity");
}

#[tokio::test]
async fn subscriptions_and_queues_belong_to_their_user() {
    let sandbox = Sandbox::start().await.unwrap();
    let identity = identity(&sandbox).await;
    let path = format!("{IDENTITIES}{}/register_event_subscription/", uuid(&identity));
    let body = json!({"observable_object_type": "order"});
    let made = post(&sandbox, Actor::Provider, &path, body.clone()).await;
    assert_eq!((made.status, &made.json()["user_username"]), (201, &json!("provider")));
    let again = post(&sandbox, Actor::Provider, &path, body).await;
    assert_eq!((again.status, uuid(&again.json())), (200, uuid(&made.json())));
    let own = post(&sandbox, Actor::Provider, "event-subscriptions/", json!({"description": "mine"})).await;
    assert_eq!(own.status, 201);
    assert_eq!(get(&sandbox, Actor::Provider, "event-subscriptions/").await.count(), 2);
    assert_eq!(get(&sandbox, Actor::Consumer, "event-subscriptions/").await.count(), 0);
    let subscription = format!("event-subscriptions/{}/", uuid(&made.json()));
    let queue = json!({"object_type": "order", "offering_uuid": hex(sandbox.ids().offerings.slurm)});
    for status in [201, 200] {
        let made =
            post(&sandbox, Actor::Provider, &format!("{subscription}create_queue/"), queue.clone()).await;
        assert_eq!((made.status, &made.json()["object_type"]), (status, &json!("order")));
        assert!(!made.json()["queue_name"].as_str().unwrap().is_empty());
    }
    let queues = get(&sandbox, Actor::Provider, "event-subscription-queues/").await.items();
    let path = format!("event-subscription-queues/{}/", uuid(&queues[0]));
    assert_eq!(send(&sandbox, Actor::Provider, Method::DELETE, &path, None).await.status, 204);
    assert_eq!(send(&sandbox, Actor::Provider, Method::DELETE, &subscription, None).await.status, 204);
}

#[tokio::test]
async fn backend_resources_are_imported_and_requests_processed() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let offering = hex(ids.offerings.slurm);
    let body =
        json!({"name": "found", "backend_id": "f1", "offering": offering, "project": hex(ids.project)});
    let made = post(&sandbox, Actor::Provider, "backend-resources/", body.clone()).await;
    assert_eq!((made.status, &made.json()["offering_name"]), (201, &json!("Polar cluster")));
    assert_eq!(post(&sandbox, Actor::Provider, "backend-resources/", body).await.status, 400);
    let path = format!("backend-resources/{}/import_resource/", uuid(&made.json()));
    let imported = post(&sandbox, Actor::Provider, &path, json!({})).await;
    assert_eq!((imported.status, &imported.json()["backend_id"]), (201, &json!("f1")));
    assert_eq!(imported.json()["state"], "OK");
    assert_eq!(sandbox.orders().last().unwrap().state, OrderState::Done);
    assert_eq!(get(&sandbox, Actor::Provider, "backend-resources/").await.count(), 0);
    let request =
        post(&sandbox, Actor::Provider, "backend-resource-requests/", json!({"offering": offering}))
            .await
            .json();
    assert_eq!(request["state"], "Sent");
    let path = format!("backend-resource-requests/{}/", uuid(&request));
    assert_eq!(act(&sandbox, Actor::Provider, &format!("{path}set_done/")).await.status, 409);
    for (action, state) in [("start_processing", "Processing"), ("set_done", "Done")] {
        assert_eq!(act(&sandbox, Actor::Provider, &format!("{path}{action}/")).await.status, 200);
        assert_eq!(get(&sandbox, Actor::Provider, &path).await.json()["state"], state);
    }
    let done = get(&sandbox, Actor::Provider, &path).await.json();
    assert!(done["started"].is_string() && done["finished"].is_string());
}

#[tokio::test]
async fn limits_and_roles_of_users_are_unique() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let url = |path: &str, uuid| format!("{}{path}/{}/", sandbox.url(), hex(uuid));
    let offering = get(
        &sandbox,
        Actor::Provider,
        &format!("marketplace-provider-offerings/{}/", hex(ids.offerings.slurm)),
    )
    .await
    .json();
    let resource = url("marketplace-resources", ids.resources.ok);
    let user = url("users", ids.users.alice);
    let account = url("marketplace-offering-users", ids.offering_user);
    let body = json!({"component": offering["components"][0]["uuid"], "limit": "5.00", "resource": resource, "user": account});
    let limit = post(&sandbox, Actor::Provider, "component-user-usage-limits/", body).await;
    assert_eq!((limit.status, &limit.json()["component_type"]), (201, &json!("cpu")), "{}", limit.text);
    for (filter, count) in [("username=alice01", 1), ("username=bob01", 0), ("component_type=gpu", 0)] {
        let listed = format!("component-user-usage-limits/?{filter}");
        assert_eq!(get(&sandbox, Actor::Provider, &listed).await.count(), count, "{filter}");
    }
    let path = format!("component-user-usage-limits/{}/", uuid(&limit.json()));
    let more = send(&sandbox, Actor::Provider, Method::PATCH, &path, Some(json!({"limit": "6.00"}))).await;
    assert_eq!(more.json()["limit"], "6.00");
    assert_eq!(send(&sandbox, Actor::Provider, Method::DELETE, &path, None).await.status, 204);
    let role =
        json!({"name": "admins", "offering": url("marketplace-provider-offerings", ids.offerings.slurm)});
    let role = post(&sandbox, Actor::Provider, "marketplace-offering-user-roles/", role).await.json();
    let address = format!("{}marketplace-offering-user-roles/{}/", sandbox.url(), uuid(&role));
    let body = json!({"resource": resource, "role": address, "user": user});
    let member = post(&sandbox, Actor::Provider, "marketplace-resource-users/", body).await;
    assert_eq!((member.status, &member.json()["role_name"]), (201, &json!("admins")), "{}", member.text);
    assert_eq!(member.json()["user_username"], "alice");
    let listed = format!("marketplace-resource-users/?user_uuid={}", hex(ids.users.alice));
    assert_eq!(get(&sandbox, Actor::Provider, &listed).await.count(), 1);
}
