//! A page in place of an answer, and proxies that demand a length.

use waldur_api_client::{Client, Error, ListExt as _, Method, Uuid};

use crate::client;
use crate::server::{Act, Arrival, Server};

const PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head></html>";
const ID: Uuid = Uuid::from_u128(7);

fn page(content_type: Option<&'static str>) -> Act {
    let mut headers = vec![("x-request-id", "r-1".to_owned())];
    headers.extend(content_type.map(|content_type| ("content-type", content_type.to_owned())));
    Act::Answer(200, headers, PAGE.into())
}

#[track_caller]
fn is_page(error: &Error) {
    assert!(error.is_page() && error.is_unexpected_response() && error.is_ambiguous(), "{error:?}");
    assert!(!error.is_retryable() && !error.is_unsupported());
    let text = error.to_string();
    assert!(
        text.contains("an HTML page; is the address the portal's, or does a login stand before"),
        "{text}"
    );
    assert_eq!((error.status(), error.request_id()), (Some(200), Some("r-1")), "{text}");
}

/// Every way of reading.
async fn calls(client: &Client) -> Vec<Result<(), Error>> {
    let api = client;
    let mut results = Vec::new();
    for failure in [
        api.marketplace_orders_approve_by_provider().uuid(ID).send().await.err(),
        api.marketplace_orders_retrieve().uuid(ID).send().await.err(),
    ] {
        results.push(failure.map_or(Ok(()), Err));
    }
    results.push(api.marketplace_orders_list().count().await.map(drop));
    results.push(api.marketplace_orders_list().all().await.map(drop));
    for method in [Method::GET, Method::POST, Method::DELETE, Method::HEAD] {
        results.push(client.request(method, "/api/a/").send().await.map(drop));
    }
    results
}

#[tokio::test]
async fn a_page_is_no_answer_of_waldur() {
    let server = Server::start(|_| page(Some("text/html; charset=utf-8"))).await;
    for (way, result) in calls(&client(&server)).await.into_iter().enumerate() {
        let error = result.unwrap_err();
        is_page(&error);
        // A HEAD has no body.
        assert!(error.body() == PAGE || [2, 7].contains(&way), "{way}: {}", error.body());
    }
    // One that comes where another answer led.
    let server = Server::start(|arrival: &Arrival| match arrival.path.as_str() {
        "/login/" => page(None),
        _ => Act::redirect(307, "/login/"),
    });
    let server = server.await;
    let client = client(&server);
    for error in [
        client.request(Method::POST, "/api/a/").send().await.unwrap_err(),
        client.marketplace_orders_list().all().await.unwrap_err(),
    ] {
        is_page(&error);
        assert_eq!(error.attempts(), 2);
    }
}

#[tokio::test]
async fn what_is_handed_over_as_it_comes_may_be_a_page() {
    let server = Server::start(|_| page(Some("text/html"))).await;
    let client = client(&server);
    let answer = client.request(Method::GET, "/a/").stream().await.unwrap();
    assert_eq!(answer.into_inner().read_to_end().await.unwrap(), PAGE);
    let file = client.marketplace_provider_offerings_glauth_users_config_retrieve().uuid(ID);
    file.send().await.unwrap();
}

#[tokio::test]
async fn any_other_success_stays_one() {
    let server = Server::start(|arrival: &Arrival| {
        let (content_type, body) = match arrival.path.as_str() {
            "/empty/" => ("text/html; charset=utf-8", ""),
            "/text/" => ("text/plain", PAGE),
            _ => ("", "accepted"),
        };
        Act::Answer(202, vec![("content-type", content_type.into())], body.into())
    });
    let server = server.await;
    for path in ["/empty/", "/text/", "/other/"] {
        client(&server).request(Method::POST, path).send().await.unwrap();
    }
    client(&server).marketplace_orders_approve_by_provider().uuid(ID).send().await.unwrap();
}

#[tokio::test]
async fn a_change_without_a_body_says_so_each_time() {
    let server = Server::start(|arrival: &Arrival| match (arrival.path.as_str(), arrival.earlier) {
        ("/led/", _) => Act::redirect(307, "/there/"),
        ("/busy/", 0) => Act::status(503),
        _ => Act::json(200, "{}"),
    });
    let server = server.await;
    let client = client(&server).assume_idempotent();
    let changing = [Method::POST, Method::PUT, Method::PATCH];
    for method in &changing {
        for path in ["/a/", "/led/", "/busy/"] {
            client.request(method.clone(), path).send().await.unwrap();
            client.request(method.clone(), path).body("text/plain", "").send().await.unwrap();
        }
    }
    client.marketplace_orders_approve_by_provider().uuid(ID).send().await.unwrap();
    let bare = server.arrivals();
    assert_eq!(bare.len(), 3 * (2 + 4 + 3) + 1);
    for arrival in &bare {
        assert_eq!(arrival.headers.get("content-length").map(String::as_str), Some("0"), "{arrival:?}");
        assert!(!arrival.headers.contains_key("transfer-encoding"));
    }
    for method in [Method::GET, Method::HEAD, Method::DELETE] {
        client.request(method, "/a/").send().await.unwrap();
    }
    client.request(Method::POST, "/a/").json(&[1]).send().await.unwrap();
    let lengths = |arrival: &Arrival| arrival.headers.get("content-length").cloned();
    let lengths: Vec<_> = server.arrivals()[bare.len()..].iter().map(lengths).collect();
    assert_eq!(lengths, [None, None, None, Some("3".to_owned())]);
}

#[tokio::test]
async fn what_a_proxy_demands_is_no_refusal_of_waldur() {
    let server = Server::start(|arrival: &Arrival| {
        let status = if arrival.path.contains("407") { 407 } else { 411 };
        let html = vec![("content-type", "text/html".to_owned())];
        Act::Answer(status, html, "<html><h1>Length Required</h1></html>".into())
    });
    let server = server.await;
    let client = client(&server);
    let error = client.request(Method::POST, "/a/").send().await.unwrap_err();
    assert!(error.is_transport() && !error.is_ambiguous() && !error.is_retryable(), "{error:?}");
    assert_eq!((error.status(), error.attempts()), (Some(411), 1));
    let text = "POST /a/: a proxy requires the length of the body and forwarded nothing (411)";
    assert_eq!(error.to_string(), text);
    let error = client.marketplace_orders_approve_by_provider().uuid(ID).send().await.unwrap_err();
    assert!(error.is_transport(), "{error}");
    let error = client.request(Method::POST, "/407/").send().await.unwrap_err();
    assert!(error.is_configuration() && !error.is_ambiguous(), "{error:?}");
    assert!(error.to_string().contains("the proxy requires a user name and password (407)"), "{error}");
}
