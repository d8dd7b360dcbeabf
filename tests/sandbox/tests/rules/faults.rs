//! Misbehaviour on demand.

use std::time::{Duration, Instant};

use waldur_sandbox::{Actor, Fault, OrderState, Sandbox};

use crate::client::{act, get, hex, http, order_in};

#[tokio::test]
async fn statuses() {
    let sandbox = Sandbox::start().await.unwrap();
    for status in [500, 502, 503, 504] {
        sandbox.fail_next(1, "GET", "/users/me/", Fault::Status(status));
        let failed = get(&sandbox, Actor::Provider, "users/me/").await;
        assert_eq!(failed.status, status);
        assert!(failed.is_page());
        assert_eq!(get(&sandbox, Actor::Provider, "users/me/").await.status, 200);
    }
    sandbox.fail_next(2, "*", "/users/me/", Fault::RetryAfter(429, 3));
    for _ in 0..2 {
        let slow_down = get(&sandbox, Actor::Provider, "users/me/").await;
        assert_eq!((slow_down.status, slow_down.header("retry-after")), (429, Some("3")));
        assert!(!slow_down.detail().is_empty());
        assert_eq!(get(&sandbox, Actor::Provider, "users/").await.status, 200, "another path");
    }
    sandbox.fail_next(1, "GET", "/users/me/", Fault::Status(429));
    assert!(get(&sandbox, Actor::Provider, "users/me/").await.header("retry-after").is_none());
    sandbox.fail_next(1, "GET", "/users/me/", Fault::Status(500));
    sandbox.clear_faults();
    assert_eq!(get(&sandbox, Actor::Provider, "users/me/").await.status, 200);
}

#[tokio::test]
async fn lost_answers() {
    let sandbox = Sandbox::start().await.unwrap();
    for (fault, after) in
        [(Fault::ResetBefore, OrderState::PendingProvider), (Fault::ResetAfter, OrderState::Executing)]
    {
        let order = order_in(&sandbox, OrderState::PendingProvider, None);
        sandbox.fail_next(1, "post", "/approve_by_provider/", fault);
        let url = format!("{}marketplace-orders/{}/approve_by_provider/", sandbox.url(), hex(order.uuid));
        let lost = http()
            .post(url)
            .header("Authorization", format!("Token {}", sandbox.token(Actor::Provider)))
            .send()
            .await;
        assert!(lost.is_err());
        assert_eq!(sandbox.order(order.uuid).unwrap().state, after);
        assert_eq!(sandbox.requests().last().unwrap().status, 0);
    }
}

#[tokio::test]
async fn empty_bodies() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::EmptyBody);
    let empty = get(&sandbox, Actor::Provider, "marketplace-orders/").await;
    assert_eq!((empty.status, empty.text.as_str(), empty.count()), (200, "", 50));
}

#[tokio::test]
async fn faults_strike_before_anything_else() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = order_in(&sandbox, OrderState::PendingProvider, None);
    let path = format!("marketplace-orders/{}/approve_by_provider/", hex(order.uuid));
    sandbox.fail_next(1, "POST", "/approve_by_provider/", Fault::Status(503));
    assert_eq!(act(&sandbox, Actor::Provider, &path).await.status, 503);
    assert_eq!(sandbox.order(order.uuid).unwrap().state, OrderState::PendingProvider);
    assert_eq!(act(&sandbox, Actor::Provider, &path).await.status, 200);
}

#[tokio::test]
async fn latency() {
    let sandbox = Sandbox::builder().latency(Duration::from_millis(20)).start().await.unwrap();
    let start = Instant::now();
    let paths = ["users/", "keys/", "projects/", "customers/"];
    let (a, b, c, d) = tokio::join!(
        get(&sandbox, Actor::Alice, paths[0]),
        get(&sandbox, Actor::Alice, paths[1]),
        get(&sandbox, Actor::Alice, paths[2]),
        get(&sandbox, Actor::Alice, paths[3]),
    );
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert!([a, b, c, d].iter().all(|answer| answer.status == 200));
}
