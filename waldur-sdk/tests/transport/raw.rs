//! Requests of one's own, on the sandbox.

use serde::Deserialize;
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::{Client, Method};

#[derive(Deserialize)]
struct Row {
    uuid: String,
    url: Option<String>,
}

#[tokio::test]
async fn any_path_is_reached() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build().unwrap();
    let list =
        client.request(Method::GET, "/api/marketplace-orders/").query("page_size", 3).query("field", "uuid");
    let answer = list.send().await.unwrap();
    let rows: Vec<Row> = answer.json().unwrap();
    assert_eq!((answer.status(), rows.len()), (200, 3));
    assert!(answer.headers().contains_key("x-result-count"));
    let error = answer.json::<Vec<u32>>().unwrap_err();
    assert!(error.is_decode());
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
