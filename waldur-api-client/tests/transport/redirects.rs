//! Where redirects lead.

use waldur_api_client::{ClientBuilder, ListExt as _, Method};

use crate::common::client_builder_at;
use crate::server::{Act, Arrival, Server};
use crate::{TOKEN, builder, client};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

/// `/302/` leads to `target` with a 302, and so on.
fn lead(target: String) -> impl Fn(&Arrival) -> Act {
    move |arrival| match arrival.path.trim_matches('/').parse() {
        Ok(status) => Act::redirect(status, &target),
        Err(_) => Act::ok(),
    }
}

#[tokio::test]
async fn reading_is_led_on() {
    let server = Server::start(lead("/b/?c=d".into())).await;
    let client = client(&server);
    for (number, status) in STATUSES.into_iter().enumerate() {
        let answer = client.request(Method::GET, format!("/{status}/")).send().await.unwrap();
        assert_eq!((answer.body().as_ref(), answer.attempts()), (&b"[]"[..], 2));
        let last = &server.arrivals()[number * 2 + 1];
        assert_eq!(last.path, "/b/?c=d");
        assert_eq!(last.header("authorization"), format!("Token {TOKEN}"));
    }
}

#[tokio::test]
async fn changes_are_led_on_only_as_they_are() {
    let server = Server::start(lead("/b/".into())).await;
    let client = client(&server);
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for status in STATUSES {
            let before = server.total();
            let answer = client.request(method.clone(), format!("/{status}/")).json(&[1]).send().await;
            let arrivals = &server.arrivals()[before..];
            let same = |arrival: &Arrival| arrival.method == method.as_str() && arrival.body == b"[1]";
            assert!(arrivals.iter().all(same), "{arrivals:?}");
            if status > 303 {
                assert_eq!((answer.unwrap().status().as_u16(), arrivals.len()), (200, 2));
            } else {
                let error = answer.unwrap_err();
                assert_eq!((error.status(), error.attempts(), arrivals.len()), (Some(status), 1, 1));
                assert!(error.is_configuration(), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_missing_slash_is_told() {
    let server = Server::start(|arrival| Act::redirect(301, &format!("{}/", arrival.path))).await;
    let error = client(&server).request(Method::POST, "/api/orders").send().await.unwrap_err();
    assert!(error.to_string().contains("/api/orders needs a slash at its end"), "{error}");
    assert_eq!(server.count("POST"), 1);
}

#[tokio::test]
async fn nobody_else_gets_the_token() {
    let stranger = Server::start(|_| Act::ok()).await;
    let server = Server::start(lead(format!("{}/a/?token=geheim", stranger.url))).await;
    let leading = client(&server);
    for status in STATUSES {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let error = leading.request(method, format!("/{status}/")).send().await.unwrap_err();
            assert!(error.is_configuration() && error.to_string().contains(&stranger.url), "{error}");
            assert!(!format!("{error} {error:?}").contains("geheim"));
        }
    }
    // A page of a proxy and links of a list, which lead elsewhere too.
    let there = stranger.url.clone();
    let server = Server::start(move |arrival| {
        let page = format!("<meta http-equiv=\"refresh\" content=\"0;url={there}\">");
        let link = vec![
            ("link", format!("<{there}/api/marketplace-orders/?page=2>; rel=\"next\"")),
            ("content-type", "application/json".into()),
            ("x-result-count", "0".into()),
        ];
        match arrival.path.starts_with("/api/") {
            true => Act::Answer(200, link, "[]".into()),
            false => Act::Answer(503, vec![("location", there.clone()), ("refresh", there.clone())], page),
        }
    });
    let server = server.await;
    let client = client(&server);
    // The next page is asked for where the first one was, which leads to itself again.
    assert!(client.marketplace_orders_list().all().await.unwrap_err().to_string().contains("does not end"));
    client.request(Method::GET, "/proxy/").send().await.unwrap_err();
    client.request(Method::GET, stranger.url.clone()).send().await.unwrap_err();
    assert_eq!(stranger.total(), 0);
}

#[tokio::test]
async fn a_circle_ends() {
    let server = Server::start(|_| Act::redirect(302, "/a/")).await;
    let error = client(&server).request(Method::GET, "/a/").send().await.unwrap_err();
    assert_eq!((server.total(), error.attempts()), (6, 6));
    assert!(error.to_string().contains("redirects"), "{error}");
}

#[tokio::test]
async fn a_client_that_follows_by_itself_is_noticed() {
    let server = Server::start(lead("/b/".into())).await;
    let standard = reqwest::redirect::Policy::default();
    let follows = ClientBuilder::http_client_builder().no_proxy().redirect(standard).build().unwrap();
    let own = |http| client_builder_at(&server.url, TOKEN).http_client(http).build().unwrap();
    let error = own(follows).request(Method::POST, "/302/").send().await.unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("http_client"), "{error}");
    let right = ClientBuilder::http_client_builder().no_proxy().build().unwrap();
    own(right).request(Method::GET, "/302/").send().await.unwrap();
    // What it can't have is refused.
    let right = ClientBuilder::http_client_builder().build().unwrap();
    let error = builder(&server).http_client(right).build().unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("proxy"), "{error}");
}

#[tokio::test]
async fn generated_operations_tell_it_too() {
    let server = Server::start(|_| Act::redirect(301, "/elsewhere/")).await;
    let client = client(&server);
    let call = client.marketplace_orders_approve_by_provider().uuid(uuid::Uuid::from_u128(1));
    let error = call.send().await.unwrap_err();
    assert!(error.to_string().contains("/elsewhere/"), "{error}");
}
