//! Who asks, and with which token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use waldur_api_client::{AccessToken, Client, ClientCredentials, Credentials, ErrorKind, Method};

use crate::common::{blank_client_builder, client_builder_at, quick};
use crate::server::{Act, Arrival, Server};
use crate::{TOKEN, client};

const SECRET: &str = "client secret/1";

async fn header_of(credentials: Credentials) -> String {
    let server = Server::start(|_| Act::ok()).await;
    with(&server, credentials).request(Method::GET, "/a/").send().await.unwrap();
    server.arrivals()[0].header("authorization").to_owned()
}

fn with(server: &Server, credentials: Credentials) -> Client {
    blank_client_builder()
        .url(&server.url)
        .no_proxy()
        .retry(quick())
        .credentials(credentials)
        .build()
        .unwrap()
}

#[tokio::test]
async fn each_kind_has_its_header() {
    assert_eq!(header_of(Credentials::token(TOKEN)).await, format!("Token {TOKEN}"));
    assert_eq!(header_of(Credentials::token("w_abc")).await, "Bearer w_abc");
    assert_eq!(
        header_of(Credentials::token("eyJhbGciOi.eyJzdWIi.c2ln")).await,
        "Bearer eyJhbGciOi.eyJzdWIi.c2ln"
    );
    assert_eq!(header_of(Credentials::plain_token("w_abc")).await, "Token w_abc");
    assert_eq!(header_of(Credentials::bearer("opaque")).await, "Bearer opaque");
    let provider = Credentials::provider(|| async { Ok(AccessToken::new("opaque").bearer()) });
    assert_eq!(header_of(provider).await, "Bearer opaque");
}

#[tokio::test]
async fn everything_goes_along() {
    let server = Server::start(|_| Act::ok()).await;
    let user = uuid::Uuid::from_u128(0xabc);
    let client = client_builder_at(&server.url, TOKEN)
        .no_proxy()
        .user_agent("agent/1.2")
        .header("X-Gateway", "key")
        .build()
        .unwrap();
    client.request(Method::GET, "/a/").send().await.unwrap();
    client.impersonating(user).request(Method::GET, "/b/").send().await.unwrap();
    let arrivals = server.arrivals();
    assert!(arrivals[0].header("user-agent").starts_with("agent/1.2 waldur-rust/"));
    assert_eq!(arrivals[0].header("x-gateway"), "key");
    assert_eq!(arrivals[0].header("x-impersonated-user-uuid"), "");
    assert_eq!(arrivals[1].header("x-impersonated-user-uuid"), user.simple().to_string());
}

/// An OpenID provider that hands out `t0`, `t1`, …, and a server that takes `good` of them.
fn oidc(good: fn(&str) -> bool, lifetime: u32) -> impl Fn(&Arrival) -> Act {
    move |arrival| match arrival.path.as_str() {
        "/token" => {
            let number = arrival.earlier;
            Act::json(200, &format!(r#"{{"access_token": "t{number}", "expires_in": {lifetime}}}"#))
        }
        _ => match arrival.header("authorization").strip_prefix("Bearer ") {
            Some(token) if good(token) => Act::ok(),
            _ => Act::status(401),
        },
    }
}

fn oidc_client(server: &Server) -> Client {
    let oidc =
        ClientCredentials::new(format!("{}/token", server.url), "agent", SECRET).scope("openid waldur");
    with(server, Credentials::client_credentials(oidc))
}

fn paths(server: &Server, path: &str) -> usize {
    server.arrivals().iter().filter(|arrival| arrival.path == path).count()
}

#[tokio::test]
async fn one_token_is_fetched_for_all() {
    let server = Server::start(oidc(|_| true, 300)).await;
    let client = oidc_client(&server);
    for answer in join_all((0..50).map(|_| client.request(Method::GET, "/a/").send())).await {
        answer.unwrap();
    }
    assert_eq!((paths(&server, "/token"), paths(&server, "/a/")), (1, 50));
    let arrivals = server.arrivals();
    let fetch = &arrivals[0];
    assert_eq!(fetch.method, "POST");
    assert_eq!(fetch.body, b"grant_type=client_credentials&scope=openid+waldur");
    assert_eq!(fetch.header("content-type"), "application/x-www-form-urlencoded");
    // agent:client+secret%2F1
    assert_eq!(fetch.header("authorization"), "Basic YWdlbnQ6Y2xpZW50K3NlY3JldCUyRjE=");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_all() {
    let server = Server::start(oidc(|token| token != "t0", 300)).await;
    let client = oidc_client(&server);
    for answer in
        join_all((0..20).map(|number| client.request(Method::POST, format!("/{number}/")).send())).await
    {
        answer.unwrap();
    }
    assert_eq!(paths(&server, "/token"), 2);
    assert!(server.applied().iter().all(|((_, path), times)| path == "/token" || *times == 1));
    assert_eq!(server.applied().len(), 21);
}

#[tokio::test]
async fn a_server_that_takes_none_is_asked_twice() {
    let server = Server::start(oidc(|_| false, 300)).await;
    let error = oidc_client(&server).request(Method::GET, "/a/").send().await.unwrap_err();
    assert!(error.is_unauthenticated());
    assert_eq!((error.attempts(), paths(&server, "/a/"), paths(&server, "/token")), (2, 2, 2));
    // A token that nobody can renew isn't tried twice.
    let error = client(&server).request(Method::GET, "/b/").send().await.unwrap_err();
    assert_eq!((error.attempts(), paths(&server, "/b/")), (1, 1));
}

#[tokio::test]
async fn a_token_that_expires_is_renewed() {
    let server = Server::start(oidc(|_| true, 0)).await;
    let client = oidc_client(&server);
    for _ in 0..3 {
        client.request(Method::GET, "/a/").send().await.unwrap();
    }
    assert_eq!(paths(&server, "/token"), 3);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_told_apart_from_one_that_is_busy() {
    let refusal = r#"{"error": "invalid_client", "error_description": "client secret/1 is wrong"}"#;
    let server = Server::start(move |_| Act::json(401, refusal)).await;
    let error = oidc_client(&server).request(Method::POST, "/a/").send().await.unwrap_err();
    assert!(error.is_unauthenticated() && error.to_string().contains("invalid_client"), "{error}");
    assert!(!format!("{error:?}").contains(SECRET) && !error.is_ambiguous());
    assert_eq!((server.total(), error.attempts()), (1, 0));
    let busy = Server::start(|arrival| match (arrival.path.as_str(), arrival.earlier) {
        ("/token", 0) => Act::status(503),
        ("/token", 1) => Act::Reset,
        ("/token", _) => Act::json(200, r#"{"access_token": "t"}"#),
        _ => Act::ok(),
    });
    let busy = busy.await;
    oidc_client(&busy).request(Method::POST, "/a/").send().await.unwrap();
    assert_eq!(paths(&busy, "/token"), 3);
    let odd = Server::start(|_| Act::json(200, r#"{"token": "geheim"}"#)).await;
    let error = oidc_client(&odd).request(Method::GET, "/a/").send().await.unwrap_err();
    assert!(error.is_unexpected_response() && !format!("{error} {error:?}").contains("geheim"), "{error:?}");
}

#[tokio::test]
async fn a_token_response_that_is_cut_off_is_fetched_again() {
    let server = Server::start(|arrival| match (arrival.path.as_str(), arrival.earlier) {
        ("/token", 0) => Act::Truncate,
        ("/token", _) => Act::json(200, r#"{"access_token": "t"}"#),
        _ => Act::ok(),
    });
    let server = server.await;
    oidc_client(&server).request(Method::POST, "/a/").send().await.unwrap();
    assert_eq!((paths(&server, "/token"), paths(&server, "/a/")), (2, 1));
    // An endpoint that never completes one fails the call.
    let server = Server::start(|_| Act::Truncate).await;
    let error = oidc_client(&server).request(Method::POST, "/a/").send().await.unwrap_err();
    assert!(error.is_transport() && !error.is_ambiguous(), "{error:?}");
    assert_eq!(paths(&server, "/token"), 4);
}

#[tokio::test]
async fn a_token_response_is_read_up_to_a_limit() {
    let server = Server::start(|_| Act::Endless).await;
    let client = oidc_client(&server);
    let call = client.request(Method::GET, "/a/").send();
    let error = tokio::time::timeout(Duration::from_secs(10), call).await.unwrap().unwrap_err();
    assert!(error.is_unexpected_response(), "{error:?}");
    assert_eq!(paths(&server, "/token"), 1);
}

#[tokio::test]
async fn errors_of_a_token_endpoint_say_why_it_is_not_asked_again() {
    let limited = Act::Answer(429, vec![("retry-after", "300".into())], SECRET.into());
    let server = Server::start(move |_| limited.clone()).await;
    let error = oidc_client(&server).request(Method::GET, "/a/").send().await.unwrap_err();
    let text = error.to_string();
    assert!(error.kind() == ErrorKind::RateLimited && text.contains("the token endpoint responded with 429"));
    assert!(text.contains("the server asks to wait 300 s, longer than the "), "{text}");
    assert!(!format!("{text} {error:?} {}", error.body()).contains(SECRET), "{error:?}");
    assert_eq!(paths(&server, "/token"), 1);
    // Redirects and missing pages show a wrong address.
    for act in [Act::redirect(302, &format!("/{SECRET}")), Act::status(404)] {
        let status = if matches!(act, Act::Answer(302, ..)) { 302 } else { 404 };
        let server = Server::start(move |_| act.clone()).await;
        let error = oidc_client(&server).request(Method::GET, "/a/").send().await.unwrap_err();
        let text = error.to_string();
        assert!(error.is_configuration(), "{error:?}");
        assert!(text.ends_with(&format!("the token endpoint responded with {status}")), "{text}");
        assert_eq!(server.total(), 1);
    }
}

#[tokio::test]
async fn a_provider_is_asked_when_it_is_needed() {
    let server = Server::start(|arrival| match arrival.header("authorization") {
        "Token t1" => Act::ok(),
        _ => Act::status(401),
    });
    let server = server.await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let client = with(
        &server,
        Credentials::provider(move || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            async move { Ok(AccessToken::new(format!("t{number}")).expires_in(Duration::from_secs(3600))) }
        }),
    );
    for _ in 0..3 {
        client.request(Method::GET, "/a/").send().await.unwrap();
    }
    assert_eq!((asked.load(Ordering::SeqCst), server.total()), (2, 4));
    let failing = with(&server, Credentials::provider(|| async { Err("the vault is shut".into()) }));
    let error = failing.request(Method::POST, "/a/").send().await.unwrap_err();
    assert!(error.is_unauthenticated() && !error.is_ambiguous(), "{error:?}");
    assert_eq!(server.total(), 4);
    let stuck = with(&server, Credentials::provider(std::future::pending));
    let error = stuck.with_timeout(Duration::from_millis(50)).request(Method::GET, "/a/").send().await;
    assert!(error.unwrap_err().is_timeout());
}
