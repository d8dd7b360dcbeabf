//! Connections that change to another protocol.

use http::HeaderMap;
use waldur_api_client::{AccessToken, Client, Credentials, ExposeSecret as _};

use crate::TOKEN;
use crate::common::client_builder_at;
use crate::server::{Act, Server};

#[tokio::test]
async fn headers_of_the_client_go_to_its_own_server_only() {
    let switching = |_: &_| {
        let headers = vec![("connection", "upgrade".to_owned()), ("upgrade", "echo".to_owned())];
        Act::Answer(101, headers, String::new())
    };
    let (own, other) = (Server::start(switching).await, Server::start(switching).await);
    let client = client_builder_at(&own.url, TOKEN).no_proxy().header("X-Gateway-Key", "geheim");
    let client = client.user_agent("agent/1").build().unwrap();
    for server in [&own, &other] {
        let url = format!("{}/events", server.url);
        let (_, headers) = client.upgrade(&url, "echo", HeaderMap::new()).await.unwrap();
        assert_eq!(headers["upgrade"], "echo");
    }
    let (at_own, at_other) = (own.arrivals().remove(0), other.arrivals().remove(0));
    assert_eq!(at_own.header("x-gateway-key"), "geheim");
    assert_eq!(at_other.header("x-gateway-key"), "");
    for arrival in [at_own, at_other] {
        assert_eq!((arrival.header("connection"), arrival.header("upgrade")), ("Upgrade", "echo"));
        assert!(arrival.header("user-agent").starts_with("agent/1 "));
        assert_eq!(arrival.header("authorization"), "");
    }
}

#[tokio::test]
async fn other_responses_are_errors() {
    for (status, kind) in [(200, "200 OK"), (404, "not found"), (302, "redirects"), (503, "server error")] {
        let server = Server::start(move |_| Act::status(status)).await;
        let client = client_builder_at(&server.url, TOKEN).no_proxy().build().unwrap();
        let url = format!("{}/events?a=geheim", server.url);
        let error = client.upgrade(&url, "echo", HeaderMap::new()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("GET /events: ") && text.contains(kind), "{text}");
    }
}

#[tokio::test]
async fn the_current_token_is_that_of_the_next_request() {
    let builder = || Client::builder().url("http://127.0.0.1:1");
    let fixed = builder().token("w_1").build().unwrap();
    assert_eq!(fixed.current_token().await.unwrap().unwrap().expose_secret(), "w_1");
    let provider = Credentials::provider(|| async { Ok(AccessToken::new("0123")) });
    let fetched = builder().credentials(provider).build().unwrap();
    assert_eq!(fetched.current_token().await.unwrap().unwrap().expose_secret(), "0123");
    let anonymous = builder().credentials(Credentials::anonymous()).build().unwrap();
    assert!(anonymous.current_token().await.unwrap().is_none());
    let failing = Credentials::provider(|| async { Err("no vault".into()) });
    let failing = builder().credentials(failing).build().unwrap();
    assert!(failing.current_token().await.unwrap_err().is_unauthenticated());
}
