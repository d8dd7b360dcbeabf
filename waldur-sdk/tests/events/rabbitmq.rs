//! A real RabbitMQ, administered as Waldur's server does.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::process::Command;

use http::Method;
use serde_json::{Value, json};
use waldur_sdk::ClientBuilder;

/// A broker, which the environment names.
#[derive(Clone, Debug)]
pub(crate) struct RabbitMq {
    http: reqwest::Client,
    management: String,
    /// The URL of STOMP over WebSocket.
    pub(crate) url: String,
}

impl RabbitMq {
    pub(crate) fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} isn't set"));
        let http = ClientBuilder::http_client_builder().no_proxy().build().unwrap();
        Self {
            http,
            management: variable("WALDUR_RABBITMQ_MANAGEMENT"),
            url: variable("WALDUR_RABBITMQ_URL"),
        }
    }

    /// Returns the status and the body of the response; the status 0 and a problem if there is none.
    async fn send(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.request(method, format!("{}/api/{path}", self.management));
        let response = match request.basic_auth("guest", Some("guest")).json(&body).send().await {
            Ok(response) => response,
            Err(error) => return (0, json!(error.to_string())),
        };
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    async fn try_sent(&self, method: Method, path: &str, body: Value) -> Result<Value, String> {
        let (status, answer) = self.send(method.clone(), path, body).await;
        match status {
            200..300 => Ok(answer),
            _ => Err(format!("{method} {path}: {status} {answer}")),
        }
    }

    async fn sent(&self, method: Method, path: &str, body: Value) -> Value {
        self.try_sent(method, path, body).await.unwrap()
    }

    /// Fails while a vhost of this name is being deleted.
    pub(crate) async fn make_user(&self, vhost: &str, login: &str, passcode: &str) -> Result<(), String> {
        self.try_sent(Method::PUT, &format!("vhosts/{vhost}"), json!({})).await?;
        let user = json!({"password": passcode, "tags": ""});
        self.try_sent(Method::PUT, &format!("users/{login}"), user).await?;
        let rights = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.try_sent(Method::PUT, &format!("permissions/{vhost}/{login}"), rights).await?;
        Ok(())
    }

    pub(crate) async fn set_passcode(&self, login: &str, passcode: &str) {
        let user = json!({"password": passcode, "tags": ""});
        self.sent(Method::PUT, &format!("users/{login}"), user).await;
    }

    pub(crate) async fn has_user(&self, login: &str) -> bool {
        self.send(Method::GET, &format!("users/{login}"), json!({})).await.0 == 200
    }

    pub(crate) async fn delete_user(&self, login: &str) {
        self.sent(Method::DELETE, &format!("users/{login}"), json!({})).await;
    }

    pub(crate) async fn delete_vhost(&self, vhost: &str) {
        self.send(Method::DELETE, &format!("vhosts/{vhost}"), json!({})).await;
    }

    pub(crate) async fn make_queue(&self, vhost: &str, queue: &str) -> Result<(), String> {
        let arguments = json!({
            "x-message-ttl": 3_600_000, "x-max-length": 10_000, "x-overflow": "reject-publish-dlx",
            "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "waldur.dlq.messages",
        });
        let queue_of = json!({"durable": true, "auto_delete": false, "arguments": arguments});
        self.try_sent(Method::PUT, &format!("queues/{vhost}/{queue}"), queue_of).await?;
        Ok(())
    }

    pub(crate) async fn delete_queue(&self, vhost: &str, queue: &str) {
        self.sent(Method::DELETE, &format!("queues/{vhost}/{queue}"), json!({})).await;
    }

    pub(crate) async fn publish(&self, vhost: &str, queue: &str, body: &Value) {
        self.try_publish(vhost, queue, body).await.unwrap();
    }

    /// Fails while the broker is down, and if there is no such queue.
    pub(crate) async fn try_publish(&self, vhost: &str, queue: &str, body: &Value) -> Result<(), String> {
        let properties = json!({"delivery_mode": 2, "content_type": "application/json"});
        let message = json!({
            "properties": properties, "routing_key": queue, "payload": body.to_string(),
            "payload_encoding": "string",
        });
        let path = format!("exchanges/{vhost}/amq.default/publish");
        match self.try_sent(Method::POST, &path, message).await? {
            answer if answer == json!({"routed": true}) => Ok(()),
            answer => Err(answer.to_string()),
        }
    }

    /// Takes all messages that no consumer has.
    pub(crate) async fn take(&self, vhost: &str, queue: &str) -> Vec<String> {
        let request = json!({"count": 1000, "ackmode": "ack_requeue_false", "encoding": "auto"});
        let taken = self.sent(Method::POST, &format!("queues/{vhost}/{queue}/get"), request).await;
        let payload = |message: &Value| message["payload"].as_str().unwrap().to_owned();
        taken.as_array().unwrap().iter().map(payload).collect()
    }

    /// Kills the broker, or starts it and waits until it answers.
    pub(crate) async fn control(&self, what: &'static str) {
        let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} isn't set"));
        let (program, folder) = (variable("WALDUR_RABBITMQ_CONTROL"), variable("WALDUR_RABBITMQ_DIR"));
        let run = move || Command::new(program).args([what, &folder]).status().unwrap();
        assert!(tokio::task::spawn_blocking(run).await.unwrap().success());
    }
}
