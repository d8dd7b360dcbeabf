//! Signing in, paths, methods, media types, headers.

use reqwest::Method;
use serde_json::json;
use waldur_sandbox::{Actor, Sandbox};

use crate::client::{act, anonymous, answer, get, hex, http, meant, post, send};

#[tokio::test]
async fn tokens_are_checked() {
    let sandbox = Sandbox::start().await.unwrap();
    let url = format!("{}users/me/", sandbox.url());
    for actor in Actor::ALL {
        let token = sandbox.token(actor);
        assert_eq!(token.len(), 40);
        assert!(token.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let me = get(&sandbox, actor, "users/me/").await.json();
        assert_eq!(me["username"], actor.username());
        assert_eq!(me["token"], token);
    }
    let token = sandbox.token(Actor::Provider).to_owned();
    for (header, text) in [
        (format!("Basic {token}"), "Authentication credentials were not provided."),
        (format!("Bearer {token}"), "Authentication credentials were not provided."),
        ("Token".to_owned(), "Invalid token header. No credentials provided."),
        (format!("Token {}", "0".repeat(40)), "Invalid token."),
        ("Token a b".to_owned(), "Invalid token. Token string should not contain spaces."),
        ("Bearer w_0".to_owned(), "Invalid token."),
    ] {
        let answer = answer(http().get(&url).header("Authorization", &header)).await;
        assert_eq!(answer.status, 401, "{header}");
        assert_eq!(answer.detail(), text);
        assert_eq!(answer.header("www-authenticate"), Some("Token"));
    }
    let answer = answer(http().get(&url).header("Authorization", format!("Bearer w_{token}"))).await;
    assert_eq!(answer.json()["username"], "provider");
}

#[tokio::test]
async fn staff_impersonates() {
    let sandbox = Sandbox::start().await.unwrap();
    for (caller, name) in [(Actor::Staff, "alice"), (Actor::Bob, "bob")] {
        let request = http()
            .get(format!("{}users/me/", sandbox.url()))
            .header("Authorization", format!("Token {}", sandbox.token(caller)))
            .header("X-IMPERSONATED-USER-UUID", hex(sandbox.ids().users.alice));
        assert_eq!(answer(request).await.json()["username"], name);
    }
}

#[tokio::test]
async fn some_routes_need_no_token() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = anonymous(&sandbox, "marketplace-service-providers/").await;
    assert_eq!(provider.count(), 1);
    assert!(provider.items()[0].get("enable_notifications").is_none());
    assert_eq!(anonymous(&sandbox, "marketplace-public-offerings/").await.count(), 3);
    assert_eq!(anonymous(&sandbox, "version/").await.status, 200);
    for path in ["marketplace-orders/", "marketplace-provider-offerings/", "users/", "users/me/", "keys/"] {
        let answer = anonymous(&sandbox, path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Token"));
    }
    let refused = answer(
        http()
            .get(format!("{}marketplace-service-providers/", sandbox.url()))
            .header("Authorization", "Token 0"),
    )
    .await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn missing_slashes_redirect() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = hex(sandbox.orders()[0].uuid);
    let list = get(&sandbox, Actor::Provider, "marketplace-orders?page_size=1").await;
    assert_eq!((list.status, list.header("location")), (301, Some("/api/marketplace-orders/?page_size=1")));
    let action =
        act(&sandbox, Actor::Provider, &format!("marketplace-orders/{order}/approve_by_provider")).await;
    assert_eq!(action.status, 301);
    assert_eq!(
        action.header("location").unwrap(),
        format!("/api/marketplace-orders/{order}/approve_by_provider/")
    );
    meant(&sandbox, ["path"]);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let nowhere = get(&sandbox, Actor::Provider, "marketplace-nothing/").await;
    assert_eq!(nowhere.status, 404);
    assert!(nowhere.is_page());
    let list = send(&sandbox, Actor::Provider, Method::DELETE, "marketplace-orders/", None).await;
    assert_eq!(list.status, 405);
    assert_eq!(list.detail(), "Method \"DELETE\" not allowed.");
    assert_eq!(list.header("allow"), Some("GET, POST, HEAD, OPTIONS"));
    let order = hex(sandbox.orders()[0].uuid);
    let path = format!("marketplace-orders/{order}/approve_by_provider/");
    let action = get(&sandbox, Actor::Provider, &path).await;
    assert_eq!((action.status, action.header("allow")), (405, Some("POST, OPTIONS")));
    // The real server has these.
    let path = format!("marketplace-orders/{order}/update_attachment/");
    assert_eq!(send(&sandbox, Actor::Provider, Method::POST, &path, Some(json!({}))).await.status, 501);
    assert_eq!(get(&sandbox, Actor::Provider, "daily-quotas/").await.status, 501);
    assert_eq!(anonymous(&sandbox, "daily-quotas/").await.status, 401);
    let refused = send(&sandbox, Actor::Provider, Method::DELETE, "daily-quotas/", None).await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    meant(&sandbox, ["path"]);
}

#[tokio::test]
async fn uuids_have_two_forms() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = &sandbox.orders()[0];
    for text in [order.uuid.simple().to_string(), order.uuid.hyphenated().to_string()] {
        let one = get(&sandbox, Actor::Provider, &format!("marketplace-orders/{text}/")).await;
        assert_eq!(one.json()["uuid"], hex(order.uuid));
        let path = format!("marketplace-orders/?resource_uuid={}", order.resource);
        assert_eq!(get(&sandbox, Actor::Provider, &path).await.count(), 1);
    }
    for text in ["nope", "abc123", "00000000000000000000000000000001"] {
        let none = get(&sandbox, Actor::Provider, &format!("marketplace-orders/{text}/")).await;
        assert_eq!((none.status, none.detail()), (404, "No Order matches the given query.".to_owned()));
    }
    meant(&sandbox, ["path.uuid"]);
}

#[tokio::test]
async fn media_types_are_checked() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let path = format!("{}marketplace-provider-resources/{resource}/set_backend_id/", sandbox.url());
    let request =
        || http().post(&path).header("Authorization", format!("Token {}", sandbox.token(Actor::Provider)));
    let form =
        request().header("Content-Type", "application/x-www-form-urlencoded").body("backend_id=a%20b+c");
    assert_eq!(answer(form).await.status, 200);
    assert_eq!(sandbox.resource(resource).unwrap().backend_id, "a b c");
    let text = answer(request().header("Content-Type", "text/plain").body("x")).await;
    assert_eq!(text.status, 415);
    assert_eq!(text.detail(), "Unsupported media type \"text/plain\" in request.");
    let broken =
        answer(request().header("Content-Type", "application/json").body("{\"backend_id\": NaN}")).await;
    assert_eq!(broken.status, 400);
    assert!(broken.detail().starts_with("JSON parse error - "));
    let list = post(
        &sandbox,
        Actor::Provider,
        &format!("marketplace-provider-resources/{resource}/set_backend_id/"),
        json!([1]),
    )
    .await;
    assert_eq!(
        list.json(),
        json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})
    );
    meant(&sandbox, ["$", "content-type"]);
}

#[tokio::test]
async fn addresses_follow_the_host() {
    let sandbox = Sandbox::start().await.unwrap();
    let request = http()
        .get(format!("{}marketplace-service-providers/", sandbox.url()))
        .header("Host", "waldur.example.com")
        .header("X-Forwarded-Proto", "https");
    let answer = answer(request).await;
    assert!(answer.header("link").unwrap().starts_with("<https://waldur.example.com/api/"));
    let url = answer.items()[0]["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://waldur.example.com/api/marketplace-service-providers/"));
}

#[tokio::test]
async fn requests_are_logged() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = hex(sandbox.ids().resources.ok);
    let path = format!("marketplace-provider-resources/{resource}/set_backend_id/");
    get(&sandbox, Actor::Alice, "users/?username=bob").await;
    anonymous(&sandbox, "keys/").await;
    post(&sandbox, Actor::Provider, &path, json!({"backend_id": "x"})).await;
    let log = sandbox.requests();
    let seen: Vec<_> = log
        .iter()
        .map(|r| (r.method.as_str(), r.path.clone(), r.query.as_str(), r.status, r.actor))
        .collect();
    assert_eq!(
        seen,
        [
            ("GET", "/api/users/".to_owned(), "username=bob", 200, Some(Actor::Alice)),
            ("GET", "/api/keys/".to_owned(), "", 401, None),
            ("POST", format!("/api/{path}"), "", 200, Some(Actor::Provider)),
        ]
    );
    assert_eq!(log[2].body, Some(json!({"backend_id": "x"})));
    sandbox.clear_requests();
    assert!(sandbox.requests().is_empty());
}

#[tokio::test]
async fn shutdown_frees_the_port() {
    let sandbox = Sandbox::start().await.unwrap();
    let address = sandbox.url().replace("http://", "").replace("/api/", "");
    let client = http();
    client.get(format!("{}version/", sandbox.url())).send().await.unwrap();
    sandbox.shutdown().await;
    assert!(std::net::TcpStream::connect(&address).is_err());
    let dropped = Sandbox::builder().start_blocking().unwrap();
    let address = dropped.url().replace("http://", "").replace("/api/", "");
    drop(dropped);
    assert!(std::net::TcpStream::connect(&address).is_err());
}

#[tokio::test]
async fn the_accept_header_is_checked() {
    let sandbox = Sandbox::start().await.unwrap();
    let request = |kind: &str| {
        http()
            .get(format!("{}marketplace-orders/", sandbox.url()))
            .header("Authorization", format!("Token {}", sandbox.token(Actor::Provider)))
            .header("Accept", kind)
    };
    for (kind, status) in [
        ("application/json", 200),
        ("text/html, */*;q=0.1", 200),
        ("application/*", 200),
        ("application/xml", 406),
        ("text/csv, image/png", 406),
    ] {
        let answer = answer(request(kind)).await;
        assert_eq!(answer.status, status, "{kind}");
        assert!(status == 200 || !answer.detail().is_empty());
    }
}

#[tokio::test]
async fn options_and_the_root_respond() {
    let sandbox = Sandbox::start().await.unwrap();
    let options = send(&sandbox, Actor::Provider, Method::OPTIONS, "marketplace-orders/", None).await;
    assert_eq!((options.status, options.header("allow")), (200, Some("GET, POST, HEAD, OPTIONS")));
    assert!(options.json()["renders"].is_array());
    let root = get(&sandbox, Actor::Provider, "").await.json();
    assert_eq!(root["marketplace-orders"], format!("{}marketplace-orders/", sandbox.url()));
    assert_eq!(anonymous(&sandbox, "").await.status, 401);
    meant(&sandbox, ["path"]);
}
