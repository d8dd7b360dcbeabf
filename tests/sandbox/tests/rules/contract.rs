//! Requests and answers against the schema.

use reqwest::Method;
use serde_json::json;
use waldur_sandbox::{Actor, Party, Sandbox};

use crate::client::{answer, get, hex, http, meant, post, send};

#[tokio::test]
async fn violations_name_operation_and_place() {
    let sandbox = Sandbox::start().await.unwrap();
    let body = json!({
        "resource": hex(sandbox.ids().resources.ok),
        "usages": [{"type": "cpu", "amount": "1.00"}, {"type": "gpu", "amont": "1.00"}],
    });
    post(&sandbox, Actor::Provider, "marketplace-component-usages/set_usage/", body).await;
    let mut found: Vec<_> = sandbox.take_violations();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|v| v.operation.as_deref() == Some("marketplace_component_usages_set_usage")));
    assert!(found.iter().all(|v| v.party == Party::Program && v.method == "POST"));
    found.sort_by(|a, b| a.at.cmp(&b.at));
    assert_eq!((found[0].at.as_str(), found[1].at.as_str()), ("$.usages[1].amont", "$.usages[1].amount"));
    assert_eq!(
        found[0].to_string(),
        "marketplace_component_usages_set_usage: request POST /api/marketplace-component-usages/set_usage/: \
         $.usages[1].amont: the schema has no such property"
    );
}

#[tokio::test]
async fn queries_are_validated() {
    let sandbox = Sandbox::start().await.unwrap();
    let uuid = hex(sandbox.ids().offerings.slurm);
    for (path, places) in [
        ("marketplace-orders/?state=executing&state=done&field=uuid&field=state".to_owned(), [].as_slice()),
        ("marketplace-orders/?state=executing,done".to_owned(), &["query.state"]),
        ("marketplace-orders/?o=created,-state".to_owned(), &[]),
        ("marketplace-orders/?o=created&o=-state".to_owned(), &["query.o"]),
        ("marketplace-orders/?page=x".to_owned(), &["query.page"]),
        ("marketplace-orders/?can_approve_as_provider=True".to_owned(), &["query.can_approve_as_provider"]),
        ("marketplace-orders/?created=2024-01-01".to_owned(), &["query.created"]),
        ("marketplace-provider-resources/?created=2024-01-01".to_owned(), &[]),
        (format!("marketplace-orders/?offering_uuid={uuid}&offering_uuid={uuid}"), &["query.offering_uuid"]),
        (format!("marketplace-provider-resources/?offering_uuid={uuid},{uuid}"), &[]),
        (
            format!("marketplace-provider-resources/?offering_uuid={uuid}&offering_uuid={uuid}"),
            &["query.offering_uuid"],
        ),
        ("marketplace-orders/?sate=executing".to_owned(), &["query.sate"]),
    ] {
        get(&sandbox, Actor::Provider, &path).await;
        let seen: Vec<String> = sandbox.take_violations().into_iter().map(|v| v.at).collect();
        assert_eq!(seen, places, "{path}");
    }
}

#[tokio::test]
async fn bodies_are_validated() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = hex(sandbox.ids().resources.ok);
    let backend_id = format!("marketplace-provider-resources/{resource}/set_backend_id/");
    let order = hex(sandbox.orders()[0].uuid);
    for (path, body, places) in [
        (backend_id.clone(), json!({"backend_id": "a"}), [].as_slice()),
        (backend_id.clone(), json!({"backend_id": 1}), &["$.backend_id"]),
        (backend_id.clone(), json!({"backend_id": "x".repeat(256)}), &["$.backend_id"]),
        (backend_id.clone(), json!({"backendId": "a"}), &["$.backendId"]),
        (backend_id, json!(["a"]), &["$"]),
        (format!("marketplace-orders/{order}/approve_by_provider/"), json!({"a": 1}), &["$.a"]),
        (format!("marketplace-offering-users/{order}/set_ok/"), json!({"a": 1}), &["$"]),
    ] {
        post(&sandbox, Actor::Provider, &path, body).await;
        let seen: Vec<String> = sandbox.take_violations().into_iter().map(|v| v.at).collect();
        assert_eq!(seen, places, "{path}");
    }
}

#[tokio::test]
async fn paths_methods_and_media_types_are_validated() {
    let sandbox = Sandbox::start().await.unwrap();
    get(&sandbox, Actor::Provider, "marketplace-orders").await;
    get(&sandbox, Actor::Provider, "marketplace-order/").await;
    get(&sandbox, Actor::Provider, "marketplace-orders/nope/").await;
    send(&sandbox, Actor::Provider, Method::PUT, "marketplace-orders/", None).await;
    meant(&sandbox, ["path", "path.uuid"]);
    let resource = hex(sandbox.ids().resources.ok);
    let path = format!("{}marketplace-provider-resources/{resource}/set_backend_id/", sandbox.url());
    let form = http()
        .post(path)
        .header("Authorization", format!("Token {}", sandbox.token(Actor::Provider)))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("backend_id=a");
    answer(form).await;
    meant(&sandbox, ["content-type"]);
}

#[test]
fn dropping_a_sandbox_with_violations_panics() {
    let wrong = |allowed: bool| {
        let builder = Sandbox::builder().orders(0);
        let builder = if allowed { builder.allow_violations() } else { builder };
        let sandbox = builder.start_blocking().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(get(&sandbox, Actor::Provider, "marketplace-orders/?bogus=1"));
        drop(sandbox);
    };
    wrong(true);
    let panic = std::panic::catch_unwind(|| wrong(false)).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("marketplace_orders_list: request GET /api/marketplace-orders/: query.bogus"));
}
