//! Registration in the three steps of the schema.

use serde_json::json;
use waldur_sandbox::{Actor, Release, Sandbox};

use crate::client::{
    Coordinates, Stomp, create_queue, delete, died, get, hex, http, identity, number, post, publish, register,
};

async fn subscribe(sandbox: &Sandbox, identity: &str, object_type: &str) -> (u16, String) {
    let path = format!("marketplace-site-agent-identities/{identity}/register_event_subscription/");
    let body = json!({ "observable_object_type": object_type });
    let (status, subscription) = post(sandbox, Actor::Provider, &path, body).await;
    (status, subscription["uuid"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_subscription_is_found_by_user_and_type_whichever_agent_asks() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let first = identity(&sandbox, ids.offerings.slurm).await;
    let second = identity(&sandbox, ids.offerings.bulk).await;
    let (status, subscription) = subscribe(&sandbox, &first, "order").await;
    assert_eq!(status, 201);
    assert_eq!(subscribe(&sandbox, &second, "order").await, (200, subscription.clone()));
    let (status, other) = subscribe(&sandbox, &first, "resource").await;
    assert_eq!(status, 201);
    assert_ne!(other, subscription);
    assert_eq!(
        delete(&sandbox, Actor::Provider, &format!("marketplace-site-agent-identities/{first}/")).await,
        204
    );
    assert_eq!(subscribe(&sandbox, &second, "order").await, (200, subscription), "it outlives the agent");
    let (status, _) = subscribe(&sandbox, &second, "weather").await;
    assert_eq!(status, 400);
    sandbox.take_violations();
}

#[tokio::test]
async fn a_queue_has_the_name_and_the_host_that_follow_from_its_objects() {
    let sandbox = Sandbox::start().await.unwrap();
    let offering = sandbox.ids().offerings.slurm;
    let at = register(&sandbox, "order").await;
    assert_eq!(at.vhost, hex(sandbox.ids().users.provider));
    assert_eq!(at.queue, format!("subscription_{}_offering_{}_order", at.login, hex(offering)));
    let queue = &sandbox.broker().queues()[0];
    assert_eq!((&queue.name, &queue.vhost, queue.user.as_ref()), (&at.queue, &at.vhost, Some(&at.login)));
    // The second request finds it, and makes it again if the broker has lost it.
    let path = format!("event-subscriptions/{}/create_queue/", at.login);
    let body = json!({ "offering_uuid": hex(offering), "object_type": "order" });
    assert_eq!(sandbox.broker().delete_queue(""), 1);
    let (status, again) = post(&sandbox, Actor::Provider, &path, body).await;
    assert_eq!((status, again["queue_name"].as_str()), (200, Some(at.queue.as_str())));
    assert_eq!(sandbox.broker().queues().len(), 1);
    let (_, listed) = get(&sandbox, Actor::Provider, "event-subscription-queues/?object_type=order").await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_queue_for_an_offering_of_others_is_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let (_, subscription) = post(&sandbox, Actor::Outsider, "event-subscriptions/", json!({})).await;
    let path = format!("event-subscriptions/{}/create_queue/", subscription["uuid"].as_str().unwrap());
    let offering = hex(sandbox.ids().offerings.slurm);
    for offering in [offering.as_str(), "00000000000000000000000000000001"] {
        let body = json!({ "offering_uuid": offering, "object_type": "order" });
        let (status, refusal) = post(&sandbox, Actor::Outsider, &path, body).await;
        assert!(status == 400 && refusal["offering_uuid"].is_array(), "{refusal}");
    }
    let body = json!({ "offering_uuid": offering, "object_type": "weather" });
    let (status, refusal) = post(&sandbox, Actor::Outsider, &path, body).await;
    assert!(status == 400 && refusal["object_type"].is_array(), "{refusal}");
    assert!(sandbox.broker().queues().is_empty());
    sandbox.take_violations();
}

#[tokio::test]
async fn a_subscription_whose_user_is_gone_is_made_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let at = register(&sandbox, "order").await;
    assert!(sandbox.broker().delete_user(&at.login));
    let identity = identity(&sandbox, sandbox.ids().offerings.slurm).await;
    let (status, subscription) = subscribe(&sandbox, &identity, "order").await;
    assert_eq!(status, 201);
    assert_ne!(subscription, at.login);
    assert!(sandbox.broker().queues().is_empty(), "its queues are gone too");
    let at = create_queue(&sandbox, &subscription, "order", sandbox.ids().offerings.slurm).await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    publish(&sandbox, [1]);
    assert_eq!(number(&stomp.frame().await), 1);
}

#[tokio::test]
async fn registering_again_keeps_the_password() {
    let sandbox = Sandbox::start().await.unwrap();
    let at = register(&sandbox, "order").await;
    assert!(sandbox.broker().rotate_password(&at.login, "new"));
    let same = register(&sandbox, "order").await;
    assert_eq!(same, at);
    let mut stomp = Stomp::open(&sandbox).await;
    stomp.connect(&at, "0,0").await;
    assert_eq!(stomp.frame().await.command, "ERROR");
    // Only deleting the subscription helps.
    assert_eq!(delete(&sandbox, Actor::Provider, &format!("event-subscriptions/{}/", at.login)).await, 204);
    let fresh = register(&sandbox, "order").await;
    assert_ne!(fresh.login, at.login);
    Stomp::login(&sandbox, &fresh).await;
}

#[tokio::test]
async fn deleting_a_subscription_deletes_its_user_and_queues() {
    let sandbox = Sandbox::start().await.unwrap();
    let orders = register(&sandbox, "order").await;
    let resources = register(&sandbox, "resource").await;
    let mut stomp = Stomp::consume(&sandbox, &orders).await;
    let mut other = Stomp::consume(&sandbox, &resources).await;
    assert_eq!(
        delete(&sandbox, Actor::Consumer, &format!("event-subscriptions/{}/", orders.login)).await,
        404
    );
    assert_eq!(
        delete(&sandbox, Actor::Provider, &format!("event-subscriptions/{}/", orders.login)).await,
        204
    );
    assert_eq!(stomp.frame().await.header("message"), "Server cancelled subscription");
    assert_eq!(stomp.arrival().await, died());
    other.nothing().await;
    // The virtual host goes with the last one.
    assert_eq!(
        delete(&sandbox, Actor::Staff, &format!("event-subscriptions/{}/", resources.login)).await,
        204
    );
    assert_eq!(other.frame().await.header("message"), "Server cancelled subscription");
    assert_eq!(other.arrival().await, died());
    assert!(sandbox.broker().queues().is_empty());
}

#[tokio::test]
async fn deleting_a_queue_cancels_its_consumers() {
    let sandbox = Sandbox::start().await.unwrap();
    let at = register(&sandbox, "order").await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    let (_, queues) = get(&sandbox, Actor::Provider, "event-subscription-queues/").await;
    let path = format!("event-subscription-queues/{}/", queues[0]["uuid"].as_str().unwrap());
    assert_eq!(delete(&sandbox, Actor::Provider, &path).await, 204);
    assert_eq!(stomp.frame().await.header("message"), "Server cancelled subscription");
}

#[tokio::test]
async fn a_server_of_the_schema_has_no_consumers() {
    for (release, expected) in [(Release::Schema, 404), (Release::Newer, 201)] {
        let sandbox = Sandbox::builder().release(release).allow_violations().start().await.unwrap();
        let identity = identity(&sandbox, sandbox.ids().offerings.slurm).await;
        let path = format!("marketplace-site-agent-identities/{identity}/register_queue/");
        assert_eq!(post(&sandbox, Actor::Provider, &path, json!({})).await.0, expected);
        let (status, _) = post(&sandbox, Actor::Staff, "event-consumers/register/", json!({})).await;
        assert_eq!(status, expected);
    }
}

#[tokio::test]
async fn a_replaced_token_ends_subscriptions_until_they_are_made_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let at = register(&sandbox, "order").await;
    let mut stomp = Stomp::consume(&sandbox, &at).await;
    let token = sandbox.rotate_token(Actor::Provider);
    assert_eq!(stomp.arrival().await, died());
    let (status, _) = get(&sandbox, Actor::Provider, "users/me/").await;
    assert_eq!(status, 401);
    let path = "marketplace-site-agent-identities/";
    let request = |method: reqwest::Method, path: &str| {
        http()
            .request(method, format!("{}{path}", sandbox.url()))
            .header("Authorization", format!("Token {token}"))
    };
    let agents = request(reqwest::Method::GET, path).send().await.unwrap().text().await.unwrap();
    let agents: serde_json::Value = serde_json::from_str(&agents).unwrap();
    let path = format!("{path}{}/register_event_subscription/", agents[0]["uuid"].as_str().unwrap());
    let body = json!({ "observable_object_type": "order" });
    let made = request(reqwest::Method::POST, &path).json(&body).send().await.unwrap();
    assert_eq!(made.status(), 201);
    let made: serde_json::Value = serde_json::from_str(&made.text().await.unwrap()).unwrap();
    let login = made["uuid"].as_str().unwrap().to_owned();
    assert_ne!(login, at.login);
    Stomp::login(&sandbox, &Coordinates { login, passcode: token, ..at }).await;
}
