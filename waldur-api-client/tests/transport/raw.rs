//! Requests of one's own, on the sandbox.

use serde::Deserialize;
use waldur_api_client::Method;

use crate::common::client_builder_at;
use waldur_sandbox::{Actor, Sandbox};

use crate::server::{Act, Server};

#[derive(Deserialize)]
struct Row {
    uuid: String,
    url: Option<String>,
}

#[tokio::test]
async fn any_path_is_reached() {
    // One of the requests is wrong on purpose.
    let sandbox = Sandbox::builder().allow_violations().start().await.unwrap();
    let client = client_builder_at(sandbox.url(), sandbox.token(Actor::Provider)).build().unwrap();
    let list =
        client.request(Method::GET, "/api/marketplace-orders/").query("page_size", 3).query("field", "uuid");
    let answer = list.send().await.unwrap();
    let rows: Vec<Row> = answer.json().unwrap();
    assert_eq!((answer.status().as_u16(), rows.len()), (200, 3));
    assert!(answer.headers().contains_key("x-result-count"));
    let error = answer.json::<Vec<u32>>().unwrap_err();
    assert!(error.is_unexpected_response());
    assert_eq!((error.method(), error.path(), error.operation()), ("GET", "/api/marketplace-orders/", ""));
    // An address that the server gave out.
    let order = format!("/api/marketplace-orders/{}/", rows[0].uuid);
    let order: Row = client.request(Method::GET, order).send().await.unwrap().json().unwrap();
    if let Some(url) = order.url {
        let again: Row = client.request(Method::GET, url).send().await.unwrap().json().unwrap();
        assert_eq!(again.uuid, order.uuid);
    }
    // Errors are those of every other call.
    let error =
        client.request(Method::GET, "/api/marketplace-orders/nothing/?a=geheim").send().await.unwrap_err();
    assert!(error.is_not_found() && !error.messages().is_empty());
    assert!(error.to_string().starts_with("GET /api/marketplace-orders/nothing/: "), "{error}");
    let error = client.request(Method::GET, "api/marketplace-orders/").send().await.unwrap_err();
    assert!(error.is_validation() && error.attempts() == 0, "{error}");
    assert!(!format!("{:?}", client.request(Method::GET, "/a/?b=geheim")).contains("geheim"));
    let head = client.request(Method::HEAD, "/api/marketplace-orders/").send().await.unwrap();
    assert!(head.body().is_empty());
}

#[tokio::test]
async fn messages_are_found_by_their_field() {
    let body = r#"{"detail": "no", "usages": [{"amount": ["too much", "odd"]}, {"amount": ["negative"]}]}"#;
    let server = Server::start(move |_| Act::json(400, body)).await;
    let error = crate::client(&server).request(Method::POST, "/a/").send().await.unwrap_err();
    let messages = error.messages();
    let about = |path: &str| messages.about(path).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(about("usages[0].amount"), ["too much", "odd"]);
    assert_eq!(about("usages[1].amount"), ["negative"]);
    assert_eq!(about(""), ["no"]);
    assert!(about("usages").is_empty() && about("amount").is_empty());
}
