//! Registration with servers newer than the schema: one queue per consumer.

use serde_json::{Value, json};
use waldur_sandbox::{Actor, OrderState, Release, Sandbox};

use crate::client::{Coordinates, Stomp, delete, get, hex, http, identity, number, post, publish, register};

async fn newer() -> Sandbox {
    Sandbox::builder().release(Release::Newer).start().await.unwrap()
}

fn coordinates(sandbox: &Sandbox, actor: Actor, answer: &Value) -> Coordinates {
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    Coordinates {
        login: text("rmq_username"),
        passcode: sandbox.token(actor).to_owned(),
        vhost: text("vhost"),
        queue: text("queue_name"),
    }
}

async fn register_queue(sandbox: &Sandbox, identity: &str, body: Value) -> (u16, Value) {
    let path = format!("marketplace-site-agent-identities/{identity}/register_queue/");
    post(sandbox, Actor::Provider, &path, body).await
}

#[tokio::test]
async fn an_agent_has_one_queue_for_the_types_that_it_names() {
    let sandbox = newer().await;
    let identity = identity(&sandbox, sandbox.ids().offerings.slurm).await;
    let (status, answer) = register_queue(&sandbox, &identity, json!({ "object_types": ["order"] })).await;
    assert_eq!((status, &answer["observable_object_types"]), (201, &json!(["order"])));
    let (status, same) = register_queue(&sandbox, &identity, json!({})).await;
    assert_eq!((status, &same), (200, &answer), "an absent list leaves the types");
    let at = coordinates(&sandbox, Actor::Provider, &answer);
    assert!(at.queue.starts_with("consumer_"));
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    let offering = sandbox.ids().offerings.slurm;
    assert_eq!(sandbox.broker().publish("resource", offering, json!({})), 0);
    assert_eq!(sandbox.broker().publish("order", sandbox.ids().offerings.bulk, json!({})), 0);
    publish(&sandbox, [1]);
    let message = stomp.frame().await;
    let expected =
        json!({ "n": 1, "offering_uuid": hex(offering), "object_type": "order", "schema_version": 1 });
    assert_eq!(message.json(), expected);
    assert!(!message.headers.iter().any(|(name, _)| name == "expiration"));
    let (_, all) = register_queue(&sandbox, &identity, json!({ "object_types": [] })).await;
    assert_eq!(all["observable_object_types"], json!([]));
    assert_eq!(sandbox.broker().publish("resource", offering, json!({})), 1);
    let (status, _) = register_queue(&sandbox, &identity, json!({ "object_types": ["weather"] })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn each_registration_resets_the_password() {
    let sandbox = newer().await;
    let identity = identity(&sandbox, sandbox.ids().offerings.slurm).await;
    let (_, answer) = register_queue(&sandbox, &identity, json!({})).await;
    let at = coordinates(&sandbox, Actor::Provider, &answer);
    assert!(sandbox.broker().rotate_password(&at.login, "new"));
    register_queue(&sandbox, &identity, json!({})).await;
    Stomp::login(&sandbox, &at).await;
    // A personal access token is the password if the request was made with it.
    let token = format!("w_{}", sandbox.token(Actor::Provider));
    let url = format!("{}marketplace-site-agent-identities/{identity}/register_queue/", sandbox.url());
    let request = http().post(url).bearer_auth(&token).json(&json!({}));
    assert_eq!(request.send().await.unwrap().status(), 200);
    Stomp::login(&sandbox, &Coordinates { passcode: token, ..at }).await;
}

#[tokio::test]
async fn a_consumer_whose_user_is_gone_gets_another_name() {
    let sandbox = newer().await;
    let identity = identity(&sandbox, sandbox.ids().offerings.slurm).await;
    let (_, answer) = register_queue(&sandbox, &identity, json!({})).await;
    let at = coordinates(&sandbox, Actor::Provider, &answer);
    sandbox.broker().delete_user(&at.login);
    let (status, again) = register_queue(&sandbox, &identity, json!({})).await;
    let fresh = coordinates(&sandbox, Actor::Provider, &again);
    assert_eq!((status, &fresh.queue), (200, &at.queue));
    assert_ne!(fresh.login, at.login);
    assert_eq!(sandbox.broker().queues()[0].user.as_ref(), Some(&fresh.login));
    Stomp::consume(&sandbox, &fresh).await;
}

#[tokio::test]
async fn the_queue_of_another_users_agent_is_refused() {
    let sandbox = newer().await;
    let identity = identity(&sandbox, sandbox.ids().offerings.slurm).await;
    assert_eq!(register_queue(&sandbox, &identity, json!({})).await.0, 201);
    let path = format!("marketplace-site-agent-identities/{identity}/register_queue/");
    assert_eq!(post(&sandbox, Actor::Staff, &path, json!({})).await.0, 409);
}

#[tokio::test]
async fn a_user_with_a_consumer_gets_nothing_by_subscription() {
    let sandbox = newer().await;
    let old = register(&sandbox, "order").await;
    publish(&sandbox, [1]);
    let identity = identity(&sandbox, sandbox.ids().offerings.slurm).await;
    let (_, answer) = register_queue(&sandbox, &identity, json!({ "object_types": ["order"] })).await;
    publish(&sandbox, [2]);
    let mut by_subscription = Stomp::consume(&sandbox, &old).await;
    assert_eq!(number(&by_subscription.frame().await), 1);
    by_subscription.nothing().await;
    let at = coordinates(&sandbox, Actor::Provider, &answer);
    let mut by_consumer = Stomp::consume(&sandbox, &at).await;
    assert_eq!(number(&by_consumer.frame().await), 2);
    // The virtual host goes with the last subscription, and with it the consumer's queue.
    delete(&sandbox, Actor::Provider, &format!("event-subscriptions/{}/", old.login)).await;
    assert_eq!(by_consumer.frame().await.header("message"), "Server cancelled subscription");
    let (status, answer) = register_queue(&sandbox, &identity, json!({})).await;
    assert_eq!(status, 200);
    Stomp::consume(&sandbox, &coordinates(&sandbox, Actor::Provider, &answer)).await;
}

#[tokio::test]
async fn consumers_select_by_scope_and_roles_are_looked_at_each_time() {
    let sandbox = newer().await;
    let ids = *sandbox.ids();
    let register = "event-consumers/register/";
    assert_eq!(post(&sandbox, Actor::Provider, register, json!({})).await.0, 403, "all events are for staff");
    let of = |kind: &str, uuid| json!({ "scopes": [{ "type": kind, "uuid": hex(uuid) }] });
    assert_eq!(post(&sandbox, Actor::Outsider, register, of("project", ids.project)).await.0, 403);
    let (status, answer) = post(&sandbox, Actor::Alice, register, of("project", ids.project)).await;
    assert_eq!(status, 201);
    assert_eq!(post(&sandbox, Actor::Alice, register, of("project", ids.project)).await.0, 200);
    let mut stomp = Stomp::consume(&sandbox, &coordinates(&sandbox, Actor::Alice, &answer)).await;
    let order =
        sandbox.orders().into_iter().find(|order| order.state == OrderState::PendingProvider).unwrap();
    let approve = format!("marketplace-orders/{}/approve_by_provider/", hex(order.uuid));
    assert_eq!(post(&sandbox, Actor::Provider, &approve, json!({})).await.0, 200);
    let event = stomp.frame().await.json();
    assert_eq!((&event["order_uuid"], &event["order_state"]), (&json!(hex(order.uuid)), &json!("executing")));
    assert_eq!(event["project_uuid"], hex(ids.project));
    let done = format!("marketplace-orders/{}/set_state_done/", hex(order.uuid));
    let body = json!({ "user": hex(ids.users.alice), "role": "PROJECT.ADMIN" });
    let leave = format!("projects/{}/delete_user/", hex(ids.project));
    assert_eq!(post(&sandbox, Actor::Consumer, &leave, body).await.0, 200);
    assert_eq!(post(&sandbox, Actor::Provider, &done, json!({})).await.0, 200);
    stomp.nothing().await;
    let (_, listed) = get(&sandbox, Actor::Alice, "event-consumers/").await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let path = format!("event-consumers/{}/", listed[0]["uuid"].as_str().unwrap());
    assert_eq!(delete(&sandbox, Actor::Bob, &path).await, 404);
    assert_eq!(delete(&sandbox, Actor::Alice, &path).await, 204);
    assert_eq!(stomp.frame().await.header("message"), "Server cancelled subscription");
}
