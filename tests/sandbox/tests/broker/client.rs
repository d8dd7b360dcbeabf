//! The least of a STOMP client, and of a program that registers.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;
use waldur_sandbox::{Actor, Sandbox};

/// No test waits longer for anything.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn hex(uuid: Uuid) -> String {
    uuid.simple().to_string()
}

/// Returns an HTTP client without certificates, since a build without optimization takes long to load those of the system.
pub(crate) fn http() -> reqwest::Client {
    // reqwest asks for a crypto provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().tls_certs_only([]).build().unwrap()
}

/// Sends a request as an actor; `path` is what comes after `/api/`. Returns the status and the body.
pub(crate) async fn send(
    sandbox: &Sandbox,
    actor: Actor,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let mut request = http()
        .request(method, format!("{}{path}", sandbox.url()))
        .header("Authorization", format!("Token {}", sandbox.token(actor)));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

pub(crate) async fn post(sandbox: &Sandbox, actor: Actor, path: &str, body: Value) -> (u16, Value) {
    send(sandbox, actor, Method::POST, path, Some(body)).await
}

pub(crate) async fn get(sandbox: &Sandbox, actor: Actor, path: &str) -> (u16, Value) {
    send(sandbox, actor, Method::GET, path, None).await
}

pub(crate) async fn delete(sandbox: &Sandbox, actor: Actor, path: &str) -> u16 {
    send(sandbox, actor, Method::DELETE, path, None).await.0
}

/// What a client needs to receive events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Coordinates {
    pub(crate) login: String,
    pub(crate) passcode: String,
    pub(crate) vhost: String,
    pub(crate) queue: String,
}

/// Registers an agent of an offering. Returns its uuid.
pub(crate) async fn identity(sandbox: &Sandbox, offering: Uuid) -> String {
    let body = json!({ "offering": hex(offering), "name": format!("agent-{}", hex(offering)) });
    let (status, identity) = post(sandbox, Actor::Provider, "marketplace-site-agent-identities/", body).await;
    assert_eq!(status, 201, "{identity}");
    identity["uuid"].as_str().unwrap().to_owned()
}

/// Registers for events about one type of object of the cluster, in the three steps of the schema.
pub(crate) async fn register(sandbox: &Sandbox, object_type: &str) -> Coordinates {
    let offering = sandbox.ids().offerings.slurm;
    let identity = identity(sandbox, offering).await;
    let path = format!("marketplace-site-agent-identities/{identity}/register_event_subscription/");
    let (_, subscription) =
        post(sandbox, Actor::Provider, &path, json!({ "observable_object_type": object_type })).await;
    let subscription = subscription["uuid"].as_str().unwrap().to_owned();
    create_queue(sandbox, &subscription, object_type, offering).await
}

pub(crate) async fn create_queue(
    sandbox: &Sandbox,
    subscription: &str,
    object_type: &str,
    offering: Uuid,
) -> Coordinates {
    let body = json!({ "offering_uuid": hex(offering), "object_type": object_type });
    let path = format!("event-subscriptions/{subscription}/create_queue/");
    let (status, queue) = post(sandbox, Actor::Provider, &path, body).await;
    assert!(matches!(status, 200 | 201), "{status} {queue}");
    Coordinates {
        login: subscription.to_owned(),
        passcode: sandbox.token(Actor::Provider).to_owned(),
        vhost: queue["vhost"].as_str().unwrap().to_owned(),
        queue: queue["queue_name"].as_str().unwrap().to_owned(),
    }
}

/// A frame of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) command: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Whether a line end came after the NUL.
    pub(crate) newline: bool,
}

impl Frame {
    fn parse(text: &str) -> Self {
        let newline = text.ends_with("\0\n");
        let (head, body) = text.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let command = lines.next().unwrap().to_owned();
        let headers = lines.map(|line| line.split_once(':').unwrap());
        let headers = headers.map(|(name, value)| (name.to_owned(), value.replace("\\c", ":"))).collect();
        let body = body.trim_end_matches('\n').strip_suffix('\0').unwrap().to_owned();
        Self { command, headers, body, newline }
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no {name} in {self:?}")).1
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What arrives from the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Frame(Frame),
    Beat,
    /// A close frame with its code and reason.
    Close(u16, String),
    /// The end, without a close frame.
    End,
}

pub(crate) fn died() -> Arrival {
    Arrival::Close(1000, "STOMP died".to_owned())
}

/// A connection to the broker.
pub(crate) struct Stomp {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Stomp {
    pub(crate) async fn open(sandbox: &Sandbox) -> Self {
        let mut request = sandbox.broker().url().into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "v12.stomp".parse().unwrap());
        let (socket, response) = connect_async(request).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "v12.stomp");
        Self { socket }
    }

    /// Opens a connection and logs in, without heartbeats.
    pub(crate) async fn login(sandbox: &Sandbox, at: &Coordinates) -> Self {
        let mut stomp = Self::open(sandbox).await;
        stomp.connect(at, "0,0").await;
        assert_eq!(stomp.frame().await.command, "CONNECTED");
        stomp
    }

    pub(crate) async fn connect(&mut self, at: &Coordinates, beats: &str) {
        let headers = [
            ("accept-version", "1.2"),
            ("host", &at.vhost),
            ("login", &at.login),
            ("passcode", &at.passcode),
            ("heart-beat", beats),
        ];
        self.send("CONNECT", &headers).await;
    }

    pub(crate) async fn send(&mut self, command: &str, headers: &[(&str, &str)]) {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        self.text(&format!("{command}\n{lines}\n\0")).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        // A connection that has ended shows it to readers.
        let _ = self.socket.send(Message::text(text)).await;
    }

    pub(crate) async fn arrival(&mut self) -> Arrival {
        let message = timeout(LIMIT, self.socket.next()).await.expect("nothing arrived");
        match message {
            Some(Ok(Message::Text(text))) if text.as_str() == "\n" => Arrival::Beat,
            Some(Ok(Message::Text(text))) => Arrival::Frame(Frame::parse(&text)),
            Some(Ok(Message::Close(Some(frame)))) => {
                Arrival::Close(frame.code.into(), frame.reason.to_string())
            }
            Some(Ok(other)) => panic!("{other:?}"),
            Some(Err(_)) | None => Arrival::End,
        }
    }

    pub(crate) async fn frame(&mut self) -> Frame {
        match self.arrival().await {
            Arrival::Frame(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    /// Subscribes and awaits the receipt.
    pub(crate) async fn subscribe(&mut self, queue: &str, more: &[(&str, &str)]) {
        let destination = format!("/amq/queue/{queue}");
        let headers = [("id", "s"), ("destination", &destination), ("receipt", "subscribed")];
        self.send("SUBSCRIBE", &[&headers, more].concat()).await;
        let receipt = self.frame().await;
        assert_eq!((receipt.command.as_str(), receipt.header("receipt-id")), ("RECEIPT", "subscribed"));
    }

    /// Opens a connection that consumes a queue and acknowledges each message.
    pub(crate) async fn consume(sandbox: &Sandbox, at: &Coordinates) -> Self {
        let mut stomp = Self::login(sandbox, at).await;
        stomp.subscribe(&at.queue, &[("ack", "client-individual")]).await;
        stomp
    }

    /// Acknowledges a message and awaits the receipt.
    pub(crate) async fn ack(&mut self, message: &Frame) {
        self.send("ACK", &[("id", message.header("ack")), ("receipt", "acked")]).await;
        let receipt = self.frame().await;
        assert_eq!((receipt.command.as_str(), receipt.header("receipt-id")), ("RECEIPT", "acked"));
    }

    /// Checks that nothing has arrived: the next frame is the receipt of a message to nowhere.
    pub(crate) async fn nothing(&mut self) {
        self.send("SEND", &[("destination", "/amq/queue/nowhere"), ("receipt", "nothing")]).await;
        let receipt = self.frame().await;
        assert_eq!(receipt.command, "RECEIPT", "{receipt:?}");
        assert_eq!(receipt.header("receipt-id"), "nothing");
    }

    /// Checks that the connection is open, by a ping of WebSocket.
    pub(crate) async fn is_open(&mut self) {
        self.socket.send(Message::Ping("x".into())).await.unwrap();
        let pong = timeout(LIMIT, self.socket.next()).await.unwrap();
        assert_eq!(pong.unwrap().unwrap(), Message::Pong("x".into()));
    }
}

/// Publishes events with numbers.
pub(crate) fn publish(sandbox: &Sandbox, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        let count = sandbox.broker().publish("order", sandbox.ids().offerings.slurm, json!({ "n": number }));
        assert_eq!(count, 1);
    }
}

/// Returns the number of an event published by [`publish`].
pub(crate) fn number(frame: &Frame) -> u64 {
    assert_eq!(frame.command, "MESSAGE", "{frame:?}");
    frame.json()["n"].as_u64().unwrap()
}
