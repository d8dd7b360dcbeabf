//! The least of a client.

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, redirect};
use serde_json::Value;
use uuid::Uuid;
use waldur_sandbox::{Actor, Sandbox};

/// An answer with the parts that tests look at.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn items(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json().as_array().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.header("x-result-count").unwrap().parse().unwrap()
    }

    pub(crate) fn is_page(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
    }

    pub(crate) fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap().to_owned()
    }
}

/// Returns an HTTP client without certificates, since a build without optimization takes long to load those of the system.
pub(crate) fn http() -> reqwest::Client {
    // reqwest asks for a crypto provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().tls_certs_only([]).redirect(redirect::Policy::none()).build().unwrap()
}

/// Sends as an actor; `path` is what comes after `/api/`.
pub(crate) async fn send(
    sandbox: &Sandbox,
    actor: Actor,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let mut request = http()
        .request(method, format!("{}{path}", sandbox.url()))
        .header(AUTHORIZATION, format!("Token {}", sandbox.token(actor)));
    if let Some(body) = body {
        request = request.json(&body);
    }
    answer(request).await
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

pub(crate) async fn get(sandbox: &Sandbox, actor: Actor, path: &str) -> Answer {
    send(sandbox, actor, Method::GET, path, None).await
}

pub(crate) async fn post(sandbox: &Sandbox, actor: Actor, path: &str, body: Value) -> Answer {
    send(sandbox, actor, Method::POST, path, Some(body)).await
}

/// Without a body.
pub(crate) async fn act(sandbox: &Sandbox, actor: Actor, path: &str) -> Answer {
    send(sandbox, actor, Method::POST, path, None).await
}

pub(crate) async fn anonymous(sandbox: &Sandbox, path: &str) -> Answer {
    answer(http().get(format!("{}{path}", sandbox.url()))).await
}

pub(crate) fn hex(uuid: Uuid) -> String {
    uuid.simple().to_string()
}

/// An order in a state, of an offering if one is given.
pub(crate) fn order_in(
    sandbox: &Sandbox,
    state: waldur_sandbox::OrderState,
    offering: Option<Uuid>,
) -> waldur_sandbox::OrderView {
    sandbox
        .orders()
        .into_iter()
        .find(|order| order.state == state && offering.is_none_or(|uuid| order.offering == uuid))
        .unwrap()
}

/// Takes out the violations of the schema that a test means to cause: all of them, and at these places only.
#[track_caller]
pub(crate) fn meant<const N: usize>(sandbox: &Sandbox, places: [&str; N]) {
    let seen: std::collections::BTreeSet<String> =
        sandbox.take_violations().into_iter().map(|violation| violation.at).collect();
    let meant: std::collections::BTreeSet<String> = places.into_iter().map(str::to_owned).collect();
    assert_eq!(seen, meant);
}
