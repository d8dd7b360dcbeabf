//! Registration by both schemes, and what a server or the settings refuse.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use waldur_sdk::ClientExt as _;
use waldur_sdk::Uuid;
use waldur_sdk::events::{EventKind, EventsBuilder};

use crate::peer::{Broker, message};
use crate::registry::{Registry, Scheme};
use crate::{next_event, next_reconcile, number_of, offering};

fn events(registry: &Arc<Registry>, broker: &Broker) -> EventsBuilder {
    crate::trace();
    let events = registry.client().events().offering(offering()).url(&*broker.url);
    events.backoff(Duration::from_millis(1), Duration::from_millis(5))
}

#[tokio::test]
async fn the_unified_scheme_registers_all_kinds_or_those_that_are_wanted() {
    for (kinds, sent) in
        [(vec![], json!([])), (vec![EventKind::Order, "call".into()], json!(["order", "call"]))]
    {
        let (registry, broker) = (Registry::new(Scheme::Unified, None), Broker::start().await);
        let events = events(&registry, &broker).identity("polar", "1.4").kinds(kinds);
        let (connected, _peer) = tokio::join!(events.connect(), broker.subscribe(1));
        connected.unwrap();
        assert_eq!(registry.bodies("/register_queue/"), [json!({"object_types": sent})]);
        let identity = &registry.bodies("/marketplace-site-agent-identities/")[1];
        assert_eq!((&identity["name"], &identity["version"]), (&json!("polar"), &json!("1.4")));
    }
}

#[tokio::test]
async fn the_legacy_scheme_has_a_login_for_each_kind() {
    for status in [404, 405] {
        let (registry, broker) = (Registry::new(Scheme::Legacy(status), None), Broker::start().await);
        let kinds = [EventKind::Order, EventKind::UserRole];
        let connecting = tokio::spawn(events(&registry, &broker).kinds(kinds).connect());
        let mut peers = [broker.subscribe(1).await, broker.subscribe(1).await];
        let mut events = connecting.await.unwrap().unwrap();
        next_reconcile(&mut events).await;
        let order = peers.iter_mut().find(|peer| peer.connect.get("login") == Some(&registry.login("order")));
        // The body doesn't tell its kind.
        let body = json!({"order_uuid": Uuid::from_u128(5).simple().to_string()});
        order.unwrap().send(&message("T_1", &body)).await;
        assert_eq!(number_of(&next_event(&mut events).await.ack()), 5);
        let types: Vec<_> = registry.bodies("/register_event_subscription/");
        assert_eq!(types.len(), 2);
        assert_eq!(types[1]["observable_object_type"], "user_role");
        assert_eq!(registry.bodies("/create_queue/").len(), 2);
        // One of the logins breaks: the other one stays.
        let [first, second] = peers;
        let login = first.connect.get("login").unwrap().to_owned();
        drop(first);
        let again = broker.subscribe(1).await;
        assert_eq!(again.connect.get("login"), Some(&*login));
        next_reconcile(&mut events).await;
        drop((second, again));
    }
}

#[tokio::test]
async fn kinds_that_an_older_server_does_not_know_are_left_out() {
    let (registry, broker) = (Registry::new(Scheme::Legacy(404), None), Broker::start().await);
    let unknown = (400, json!({"observable_object_type": ["\"x\" is not a valid choice."]}));
    registry.refuse([(404, json!({})), unknown.clone()]);
    let kinds = [EventKind::ResourceApiKeyRotation, EventKind::Order];
    let (connected, _peer) =
        tokio::join!(events(&registry, &broker).kinds(kinds).connect(), broker.subscribe(1));
    connected.unwrap();
    registry.refuse([(404, json!({})), unknown]);
    let error = events(&registry, &broker).kinds([EventKind::UserProfile]).connect().await.unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("observable_object_type"), "{error}");
}

#[tokio::test]
async fn a_subscription_of_an_older_token_is_removed_once() {
    let (registry, broker) = (Registry::new(Scheme::Legacy(404), None), Broker::start().await);
    let _events = events(&registry, &broker).kinds([EventKind::Order]).subscribe().unwrap();
    let mut logins = Vec::new();
    for _ in 0..5 {
        let mut peer = broker.accept(true).await;
        logins.push(peer.connect.get("login").unwrap().to_owned());
        peer.error("Bad CONNECT", "Access refused for user 'u'").await;
        peer.expect_end().await;
    }
    assert!(logins[0] == logins[1] && logins[1] != logins[2], "{logins:?}");
    assert!(logins[2..].iter().all(|login| *login == logins[2]), "{logins:?}");
    assert_eq!(registry.count("DELETE", "/"), 1);
}

#[tokio::test]
async fn a_subscription_is_never_removed_for_a_token_that_is_no_api_token() {
    let (registry, broker) = (Registry::new(Scheme::Legacy(404), None), Broker::start().await);
    registry.set_token("w_personal");
    let events = events(&registry, &broker).kinds([EventKind::Order]).subscribe().unwrap();
    for _ in 0..4 {
        let mut peer = broker.accept(true).await;
        peer.error("Bad CONNECT", "Access refused for user 'u'").await;
        peer.expect_end().await;
    }
    assert_eq!(registry.count("DELETE", "/"), 0);
    drop(events);
}

#[tokio::test]
async fn a_refused_registration_is_the_error_of_connect_and_is_repeated_by_subscribe() {
    let (registry, broker) = (Registry::new(Scheme::Unified, None), Broker::start().await);
    registry.refuse([(403, json!({"detail": "no"}))]);
    let error = events(&registry, &broker).connect().await.unwrap_err();
    assert!(error.is_forbidden(), "{error}");
    registry.refuse([(400, json!({"detail": "no"})), (500, json!({"detail": "no"}))]);
    let mut events = events(&registry, &broker).subscribe().unwrap();
    let _peer = broker.subscribe(1).await;
    next_reconcile(&mut events).await;
    assert!(events.status().borrow().last_error.as_ref().is_some_and(|error| error.status() == Some(500)));
    assert_eq!(registry.count("POST", "/register_queue/"), 4);
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_the_error_of_connect() {
    let registry = Registry::new(Scheme::Unified, None);
    let events = registry.client().events().offering(offering()).url("ws://127.0.0.1:1/rmqws-stomp");
    let error = events.connect().await.unwrap_err();
    assert!(error.is_transport() && error.to_string().contains("127.0.0.1:1"), "{error}");
    let broker = Broker::start().await;
    for (status, named) in [("404 Not Found", "404"), ("426 Upgrade Required", "426"), ("200 OK", "200")] {
        let answering = async {
            let mut stream = broker.raw().await;
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nno");
            tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 2048]).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.unwrap();
        };
        let (error, ()) = tokio::join!(self::events(&registry, &broker).connect(), answering);
        let error = error.unwrap_err();
        assert!(error.to_string().contains(named) && error.path() == "/rmqws-stomp", "{error}");
    }
}

#[tokio::test]
async fn invalid_settings_are_refused_before_anything_is_sent() {
    let registry = Registry::new(Scheme::Unified, None);
    let events = || registry.client().events().offering(offering());
    let (zero, second) = (Duration::ZERO, Duration::from_secs(1));
    for (events, setting) in [
        (registry.client().events(), "offering"),
        (events().url("https://user@a.example.org"), "url"),
        (events().url("amqp://a.example.org"), "url"),
        (events().heartbeat(zero), "heartbeat"),
        (events().timeout(Duration::MAX), "timeout"),
        (events().reconcile_every(zero), "reconcile_every"),
        (events().reconcile_while_disconnected_every(zero), "reconcile_while_disconnected_every"),
        (events().prefetch(0), "prefetch"),
        (events().backoff(zero, second), "backoff"),
        (events().backoff(second * 2, second), "backoff"),
    ] {
        let error = events.subscribe().unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(setting), "{error}");
    }
    assert_eq!(registry.count("GET", "/"), 0);
}
