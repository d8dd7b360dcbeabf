//! Misbehaviour on demand.

use std::time::{Duration, Instant};

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour, OrderState, Sandbox};

use crate::client::{act, get, hex, http, order_in};

#[tokio::test]
async fn status_faults_do_not_apply_the_request() {
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
async fn requests_with_lost_responses_are_applied() {
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
async fn empty_bodies_keep_the_status() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::EmptyBody);
    let empty = get(&sandbox, Actor::Provider, "marketplace-orders/").await;
    assert_eq!((empty.status, empty.text.as_str(), empty.count()), (200, "", 50));
}

#[tokio::test]
async fn faults_precede_all_refusals() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = order_in(&sandbox, OrderState::PendingProvider, None);
    let path = format!("marketplace-orders/{}/approve_by_provider/", hex(order.uuid));
    sandbox.fail_next(1, "POST", "/approve_by_provider/", Fault::Status(503));
    assert_eq!(act(&sandbox, Actor::Provider, &path).await.status, 503);
    assert_eq!(sandbox.order(order.uuid).unwrap().state, OrderState::PendingProvider);
    assert_eq!(act(&sandbox, Actor::Provider, &path).await.status, 200);
}

#[tokio::test]
async fn latency_delays_each_response() {
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

#[tokio::test]
async fn faults_are_selected_by_operation_count_and_chance() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.misbehave(
        Misbehaviour::new(Fault::Status(503)).operation("marketplace_orders_list").after(1).times(2),
    );
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(get(&sandbox, Actor::Provider, "marketplace-orders/").await.status);
        assert_eq!(get(&sandbox, Actor::Provider, "users/").await.status, 200);
    }
    assert_eq!(seen, [200, 503, 503, 200]);
    assert_eq!(sandbox.requests()[2].fault, Some(Fault::Status(503)));
    let strikes = async |seed| {
        let sandbox = Sandbox::builder()
            .dice(seed)
            .misbehave(Misbehaviour::new(Fault::Status(500)).chance(0.3))
            .start()
            .await
            .unwrap();
        let mut seen = Vec::new();
        for _ in 0..40 {
            seen.push(get(&sandbox, Actor::Provider, "version/").await.status == 500);
        }
        seen
    };
    let (one, again, other) = (strikes(1).await, strikes(1).await, strikes(2).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    let count = one.iter().filter(|struck| **struck).count();
    assert!((4..=24).contains(&count), "{count}");
}

#[tokio::test]
async fn bodies_are_truncated_or_stalled() {
    let sandbox = Sandbox::start().await.unwrap();
    let url = format!("{}marketplace-orders/", sandbox.url());
    let request =
        || http().get(&url).header("Authorization", format!("Token {}", sandbox.token(Actor::Provider)));
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::Truncated);
    let answer = request().send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::Stalled);
    let answer = request().timeout(Duration::from_millis(200)).send().await.unwrap();
    assert!(answer.bytes().await.unwrap_err().is_timeout());
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::MediaType("text/html".to_owned()));
    let html = get(&sandbox, Actor::Provider, "marketplace-orders/").await;
    assert!(html.is_page() && html.items().len() == 10);
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::Delay(Duration::from_millis(30)));
    let start = Instant::now();
    assert_eq!(get(&sandbox, Actor::Provider, "marketplace-orders/").await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn fields_are_added_removed_and_replaced() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = "marketplace-orders/?page_size=1&field=uuid&field=state&field=output";
    let uuid = hex(sandbox.orders()[0].uuid);
    let state = sandbox.orders()[0].state.as_str();
    for (fault, row) in [
        (Fault::MissingFields(vec!["state".to_owned()]), json!({"uuid": uuid, "output": ""})),
        (Fault::NullFields(Vec::new()), json!({"uuid": uuid, "state": null, "output": null})),
        (Fault::BlankFields(vec!["state".to_owned()]), json!({"uuid": uuid, "state": "", "output": ""})),
        (Fault::UnknownValues(Vec::new()), json!({"uuid": uuid, "state": "Unheard of", "output": ""})),
        (
            Fault::ExtraFields,
            json!({
                "uuid": uuid,
                "state": state,
                "output": "",
                "from_the_future": {"nested": [1, "two", null]},
            }),
        ),
    ] {
        sandbox.fail_next(1, "GET", "/marketplace-orders/", fault);
        assert_eq!(get(&sandbox, Actor::Provider, path).await.items(), [row]);
    }
    let whole = "marketplace-orders/?page_size=1";
    let young = get(&sandbox, Actor::Provider, whole).await.items();
    assert!(young[0].get("completed_at").is_some());
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::OlderServer);
    let old = get(&sandbox, Actor::Provider, whole).await.items();
    assert!(old[0].get("completed_at").is_none());
}

#[tokio::test]
async fn items_vanish_between_pages() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = |page| format!("marketplace-orders/?field=uuid&page={page}");
    let whole = get(&sandbox, Actor::Provider, &path(2)).await;
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::VanishedItems(3));
    let less = get(&sandbox, Actor::Provider, &path(2)).await;
    assert_eq!((whole.count(), less.count()), (50, 47));
    assert_eq!(whole.items()[3..], less.items()[..7]);
}

#[test]
fn faults_are_parsed() {
    for (text, fault) in [
        ("503", Misbehaviour::new(Fault::Status(503))),
        ("429:3%10", Misbehaviour::new(Fault::RetryAfter(429, 3)).chance(0.1)),
        (
            "reset-after@marketplace_orders_approve_by_provider*2",
            Misbehaviour::new(Fault::ResetAfter).operation("marketplace_orders_approve_by_provider").times(2),
        ),
        ("delay:250", Misbehaviour::new(Fault::Delay(Duration::from_millis(250)))),
        (
            "missing:uuid+state@/marketplace-orders/",
            Misbehaviour::new(Fault::MissingFields(vec!["uuid".to_owned(), "state".to_owned()]))
                .path_end("/marketplace-orders/"),
        ),
        ("older", Misbehaviour::new(Fault::OlderServer)),
        ("after:502", Misbehaviour::new(Fault::StatusAfter(502))),
        ("portal", Misbehaviour::new(Fault::Portal)),
        ("portal:307*1", Misbehaviour::new(Fault::PortalRedirect(307)).times(1)),
        ("length-required", Misbehaviour::new(Fault::LengthRequired)),
        ("close:300", Misbehaviour::new(Fault::CloseAfter(Duration::from_micros(300)))),
    ] {
        assert_eq!(text.parse::<Misbehaviour>().unwrap(), fault, "{text}");
    }
    for text in ["", "nonsense", "99", "503*x", "503%x", "delay", "vanished:x"] {
        assert!(text.parse::<Misbehaviour>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn one_of_several_faults_is_chosen() {
    let statuses = [500, 502, 503].map(Fault::Status);
    let sandbox = Sandbox::builder().misbehave(Misbehaviour::any_of(statuses)).start().await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        seen.insert(get(&sandbox, Actor::Provider, "version/").await.status);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [500, 502, 503]);
    sandbox.clear_faults();
    sandbox.misbehave(Misbehaviour::any_of([]));
    assert_eq!(get(&sandbox, Actor::Provider, "version/").await.status, 200);
}

#[tokio::test]
async fn the_sandbox_survives_each_fault() {
    let sandbox = Sandbox::start().await.unwrap();
    let url = format!("{}marketplace-orders/?page_size=2", sandbox.url());
    for fault in Fault::each() {
        sandbox.fail_next(1, "GET", "/marketplace-orders/", fault.clone());
        let request = http()
            .get(&url)
            .header("Authorization", format!("Token {}", sandbox.token(Actor::Provider)))
            .timeout(Duration::from_millis(300));
        if let Ok(answer) = request.send().await {
            let _ = answer.bytes().await;
        }
        assert_eq!(sandbox.requests().last().unwrap().fault, Some(fault));
        let good = get(&sandbox, Actor::Provider, "marketplace-orders/").await;
        assert_eq!((good.status, good.count()), (200, 50));
    }
}

/// Whether an approval of an order is applied, and how it is answered.
async fn approval(sandbox: &Sandbox, fault: Fault) -> (crate::client::Answer, bool) {
    let order = order_in(sandbox, OrderState::PendingProvider, None);
    sandbox.fail_next(1, "POST", "/approve_by_provider/", fault);
    let path = format!("marketplace-orders/{}/approve_by_provider/", hex(order.uuid));
    let answer = act(sandbox, Actor::Provider, &path).await;
    (answer, sandbox.order(order.uuid).unwrap().state == OrderState::Executing)
}

#[tokio::test]
async fn proxies_and_portals_respond_with_pages() {
    let sandbox = Sandbox::start().await.unwrap();
    for (fault, status, applied) in [
        (Fault::Status(502), 502, false),
        (Fault::StatusAfter(502), 502, true),
        (Fault::Portal, 200, false),
        (Fault::PortalRedirect(307), 307, false),
        (Fault::PortalRedirect(302), 302, false),
    ] {
        let (answer, was_applied) = approval(&sandbox, fault.clone()).await;
        assert_eq!((answer.status, was_applied), (status, applied), "{fault:?}");
        assert!(answer.is_page(), "{fault:?}");
    }
    let (redirected, _) = approval(&sandbox, Fault::PortalRedirect(307)).await;
    let there = sandbox.url().replace("/api/", redirected.header("location").unwrap());
    for request in [http().get(&there), http().post(&there).json(&json!({}))] {
        let page = crate::client::answer(request).await;
        assert!(page.status == 200 && page.is_page());
    }
}

#[tokio::test]
async fn length_required_affects_bodies_without_length() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let sandbox = Sandbox::builder().allow_violations().start().await.unwrap();
    sandbox.misbehave(Misbehaviour::new(Fault::LengthRequired));
    let order = order_in(&sandbox, OrderState::PendingProvider, None);
    let path = format!("/api/marketplace-orders/{}/approve_by_provider/", hex(order.uuid));
    let address = sandbox.url().trim_start_matches("http://").trim_end_matches("/api/").to_owned();
    let mut statuses = Vec::new();
    for (method, length) in [("GET", ""), ("POST", ""), ("POST", "Content-Length: 0\r\n")] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let token = sandbox.token(Actor::Provider);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Token {token}\r\n{length}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        statuses.push(text[9..12].to_owned());
    }
    assert_eq!(statuses, ["405", "411", "200"]);
}

#[tokio::test]
async fn connections_close_after_their_response() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.misbehave(Misbehaviour::new(Fault::CloseAfter(Duration::from_micros(300))).times(20));
    let client = http();
    let url = format!("{}marketplace-orders/?page_size=50", sandbox.url());
    let token = format!("Token {}", sandbox.token(Actor::Provider));
    let mut answered = 0;
    for _ in 0..40 {
        let request = client.get(&url).header("Authorization", &token).timeout(Duration::from_secs(5));
        match request.send().await {
            Ok(answer) => {
                assert_eq!(answer.json::<Vec<serde_json::Value>>().await.unwrap().len(), 50);
                answered += 1;
            }
            Err(error) => assert!(!error.is_timeout(), "{error}"),
        }
    }
    assert!(answered >= 20, "{answered}");
    assert_eq!(sandbox.requests().len(), answered, "what came too late is not dealt with");
}

#[tokio::test]
async fn faults_last_for_a_time() {
    let sandbox = Sandbox::start().await.unwrap();
    let outage = Duration::from_millis(150);
    sandbox.misbehave(Misbehaviour::new(Fault::Status(500)).after(1).lasting(outage));
    assert_eq!(get(&sandbox, Actor::Provider, "users/").await.status, 200);
    let start = Instant::now();
    let mut failed = 0;
    while get(&sandbox, Actor::Provider, "users/").await.status == 500 {
        failed += 1;
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    assert!(failed >= 1 && start.elapsed() >= outage, "{failed}");
}
