//! The part of a server that registers queues, as a transport: requests are answered without a network.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use waldur_sdk::api::{BoxError, Operation, Transport};
use waldur_sdk::{AccessToken, Client, Credentials, Uuid};

use crate::rabbitmq::RabbitMq;

/// How the server registers queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// By `register_queue`.
    Unified,
    /// It answers to `register_queue` with this status.
    Legacy(u16),
}

#[derive(Debug, Default)]
struct State {
    identities: Vec<Value>,
    /// By kind: the uuid of the subscription.
    subscriptions: BTreeMap<String, Uuid>,
    requests: Vec<(String, String, Value)>,
    refusals: Vec<(u16, Value)>,
}

/// A server that registers queues and makes them in the broker, if there is one.
#[derive(Debug)]
pub(crate) struct Registry {
    scheme: Scheme,
    vhost: String,
    rabbitmq: Option<RabbitMq>,
    token: Mutex<String>,
    state: Mutex<State>,
}

impl Registry {
    pub(crate) fn new(scheme: Scheme, rabbitmq: Option<RabbitMq>) -> Arc<Self> {
        let vhost = Uuid::from_u128(rand()).simple().to_string();
        let token = Mutex::new("0123456789012345678901234567890123456789".to_owned());
        Arc::new(Self { scheme, vhost, rabbitmq, token, state: Mutex::default() })
    }

    /// Returns a client whose token is the registry's.
    pub(crate) fn client(self: &Arc<Self>) -> Client {
        let registry = Arc::clone(self);
        let credentials = Credentials::provider(move || {
            let token = registry.token();
            async move { Ok(AccessToken::new(token).expires_in(std::time::Duration::from_millis(1))) }
        });
        let builder = Client::builder().url("http://127.0.0.1:1").no_proxy().credentials(credentials);
        let retry = waldur_sdk::RetryPolicy::never();
        builder.retry(retry).transport(Arc::clone(self) as Arc<dyn Transport>).build().unwrap()
    }

    pub(crate) fn token(&self) -> String {
        self.token.lock().unwrap().clone()
    }

    pub(crate) fn set_token(&self, token: &str) {
        token.clone_into(&mut self.token.lock().unwrap());
    }

    pub(crate) fn vhost(&self) -> &str {
        &self.vhost
    }

    /// Returns how many requests were sent with this method to paths that end like this.
    pub(crate) fn count(&self, method: &str, path_end: &str) -> usize {
        let state = self.state.lock().unwrap();
        state.requests.iter().filter(|(m, path, _)| m == method && path.ends_with(path_end)).count()
    }

    /// Returns how many requests were sent.
    pub(crate) fn count_all(&self) -> usize {
        self.state.lock().unwrap().requests.len()
    }

    /// Returns the bodies that were sent to paths that end like this.
    pub(crate) fn bodies(&self, path_end: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let to = state.requests.iter().filter(|(_, path, _)| path.ends_with(path_end));
        to.map(|(_, _, body)| body.clone()).collect()
    }

    /// Answers the next registrations of a queue or subscription with these refusals.
    pub(crate) fn refuse(&self, refusals: impl IntoIterator<Item = (u16, Value)>) {
        self.state.lock().unwrap().refusals.extend(refusals);
    }

    /// Returns the name of the queue for events of this kind.
    pub(crate) fn queue(&self, kind: &str) -> String {
        let state = self.state.lock().unwrap();
        match self.scheme {
            Scheme::Unified => format!("consumer_{}", text(&state.identities[0], "uuid").replace('-', "")),
            Scheme::Legacy(_) => {
                let offering = text(&state.identities[0], "offering");
                queue_of(state.subscriptions[kind], &offering, kind)
            }
        }
    }

    /// Returns the login for events of this kind.
    pub(crate) fn login(&self, kind: &str) -> String {
        match self.scheme {
            Scheme::Unified => format!("u{}", self.vhost),
            Scheme::Legacy(_) => self.state.lock().unwrap().subscriptions[kind].simple().to_string(),
        }
    }

    async fn answer(&self, method: &str, path: &str, query: &str, body: Value, token: &str) -> (u16, Value) {
        let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
        let made = match (method, &parts[..]) {
            ("GET", ["marketplace-site-agent-identities"]) => {
                let state = self.state.lock().unwrap();
                let query = query.replace('-', "");
                let fits = |identity: &&Value| query.contains(&text(identity, "offering").replace('-', ""));
                let found: Vec<Value> = state.identities.iter().filter(fits).cloned().collect();
                return (200, json!(found));
            }
            ("POST", ["marketplace-site-agent-identities"]) => {
                let mut identity = body;
                identity["uuid"] = json!(Uuid::from_u128(rand()).simple().to_string());
                self.state.lock().unwrap().identities.push(identity.clone());
                return (201, identity);
            }
            ("POST", ["marketplace-site-agent-identities", identity, "register_queue"]) => {
                match self.scheme {
                    Scheme::Legacy(status) => return (status, json!({"detail": "no such operation"})),
                    Scheme::Unified => self.register_queue(identity, token).await,
                }
            }
            ("POST", ["marketplace-site-agent-identities", _, "register_event_subscription"]) => {
                self.register_subscription(&text(&body, "observable_object_type"), token).await
            }
            ("POST", ["event-subscriptions", subscription, "create_queue"]) => {
                let (kind, offering) = (text(&body, "object_type"), text(&body, "offering_uuid"));
                let name = queue_of(subscription.parse().unwrap(), &offering, &kind);
                let made = match &self.rabbitmq {
                    Some(rabbitmq) => rabbitmq.make_queue(&self.vhost, &name).await,
                    None => Ok(()),
                };
                made.map(|()| json!({"uuid": Uuid::from_u128(1), "queue_name": name, "vhost": self.vhost}))
            }
            ("DELETE", ["event-subscriptions", subscription]) => {
                let subscription: Uuid = subscription.parse().unwrap();
                self.state.lock().unwrap().subscriptions.retain(|_, known| *known != subscription);
                if let Some(rabbitmq) = &self.rabbitmq {
                    rabbitmq.delete_user(&subscription.simple().to_string()).await;
                }
                return (204, Value::Null);
            }
            other => panic!("{other:?}"),
        };
        match made {
            Ok(made) => (200, made),
            Err(problem) => (400, json!({"detail": problem})),
        }
    }

    async fn register_queue(&self, identity: &str, token: &str) -> Result<Value, String> {
        let (login, name) = (format!("u{}", self.vhost), format!("consumer_{}", identity.replace('-', "")));
        if let Some(rabbitmq) = &self.rabbitmq {
            rabbitmq.make_user(&self.vhost, &login, token).await?;
            rabbitmq.make_queue(&self.vhost, &name).await?;
        }
        Ok(json!({
            "rmq_username": login, "queue_name": name, "vhost": self.vhost, "observable_object_types": [],
        }))
    }

    async fn register_subscription(&self, kind: &str, token: &str) -> Result<Value, String> {
        let known = self.state.lock().unwrap().subscriptions.get(kind).copied();
        let uuid = known.unwrap_or_else(|| Uuid::from_u128(rand()));
        let login = uuid.simple().to_string();
        if let Some(rabbitmq) = &self.rabbitmq {
            // The passcode of a user that is there is left as it is.
            if known.is_none() || !rabbitmq.has_user(&login).await {
                rabbitmq.make_user(&self.vhost, &login, token).await?;
            }
        }
        self.state.lock().unwrap().subscriptions.insert(kind.to_owned(), uuid);
        Ok(json!({"uuid": login, "user_uuid": self.vhost}))
    }
}

impl Transport for Registry {
    fn execute(
        &self,
        request: reqwest::Request,
        _: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        Box::pin(async move {
            let (method, path) = (request.method().to_string(), request.url().path().to_owned());
            let query = request.url().query().unwrap_or_default().to_owned();
            let token = request.headers()["authorization"].to_str().unwrap();
            let token = token.split_once(' ').unwrap().1.to_owned();
            let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let refusal = {
                let mut state = self.state.lock().unwrap();
                state.requests.push((method.clone(), path.clone(), body.clone()));
                let registers = path.ends_with("/register_queue/") || path.ends_with("subscription/");
                (registers && !state.refusals.is_empty()).then(|| state.refusals.remove(0))
            };
            let (status, answer) = match refusal {
                Some(refusal) => refusal,
                None => self.answer(&method, &path, &query, body, &token).await,
            };
            let response = http::Response::builder()
                .status(status)
                .header("content-type", "application/json")
                .header("x-result-count", answer.as_array().map_or(0, Vec::len).to_string());
            Ok(response.body(answer.to_string())?.into())
        })
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

fn queue_of(subscription: Uuid, offering: &str, kind: &str) -> String {
    let offering = offering.replace('-', "");
    format!("subscription_{}_offering_{offering}_{kind}", subscription.simple())
}

/// Returns a number that no other call returns, in any test program of this machine.
pub(crate) fn rand() -> u128 {
    use std::hash::{BuildHasher as _, RandomState};
    let half = || u128::from(RandomState::new().hash_one(std::process::id()));
    half() << 64 | half()
}
