//! The handshake, logins, heartbeats, and frames that the broker refuses.

use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use waldur_sandbox::Sandbox;

use crate::client::{Arrival, Coordinates, Stomp, died, http, register};

async fn registered() -> (Sandbox, Coordinates) {
    let sandbox = Sandbox::start().await.unwrap();
    let at = register(&sandbox, "order").await;
    (sandbox, at)
}

#[tokio::test]
async fn a_plain_get_is_asked_to_upgrade() {
    let sandbox = Sandbox::start().await.unwrap();
    for path in ["rmqws-stomp", "ws"] {
        let url = sandbox.url().replace("/api/", &format!("/{path}"));
        let response = http().get(url).send().await.unwrap();
        assert_eq!(response.status(), 426);
        assert_eq!(response.headers()["upgrade"], "websocket");
    }
    assert!(sandbox.requests().is_empty());
}

#[tokio::test]
async fn a_subprotocol_is_answered_only_if_it_is_offered() {
    let sandbox = Sandbox::start().await.unwrap();
    let (_, response) = connect_async(sandbox.broker().url()).await.unwrap();
    assert!(!response.headers().contains_key("sec-websocket-protocol"));
    Stomp::open(&sandbox).await;
}

#[tokio::test]
async fn a_login_is_answered_with_the_offered_heartbeats_in_turn() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::open(&sandbox).await;
    stomp.connect(&at, "10000,5000").await;
    let connected = stomp.frame().await;
    assert_eq!(connected.command, "CONNECTED");
    assert_eq!((connected.header("version"), connected.header("heart-beat")), ("1.2", "5000,10000"));
    assert!(connected.header("server").starts_with("RabbitMQ/"));
    assert!(connected.newline, "a line end comes after the NUL");
    assert_eq!(sandbox.broker().counts().connections, 1);
}

#[tokio::test]
async fn a_refused_login_leaves_the_socket_open() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::open(&sandbox).await;
    for (wrong, body) in [
        (
            Coordinates { passcode: "x".to_owned(), ..at.clone() },
            format!("Access refused for user '{}'\n", at.login),
        ),
        (Coordinates { login: "x".to_owned(), ..at.clone() }, "Access refused for user 'x'\n".to_owned()),
        (Coordinates { vhost: "x".to_owned(), ..at.clone() }, "Virtual host 'x' access denied".to_owned()),
    ] {
        stomp.connect(&wrong, "0,0").await;
        let error = stomp.frame().await;
        assert_eq!((error.command.as_str(), error.header("message")), ("ERROR", "Bad CONNECT"));
        assert_eq!(error.body, body);
    }
    stomp.is_open().await;
    stomp.connect(&at, "0,0").await;
    assert_eq!(stomp.frame().await.command, "CONNECTED");
    assert_eq!((sandbox.broker().counts().refused, sandbox.broker().counts().logins), (3, 1));
    // A second login is not allowed.
    stomp.connect(&at, "0,0").await;
    assert_eq!(stomp.arrival().await, Arrival::Close(1011, String::new()));
}

#[tokio::test]
async fn frames_that_make_no_sense_are_answered_with_errors() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::open(&sandbox).await;
    stomp.send("SUBSCRIBE", &[("id", "s"), ("destination", "/amq/queue/q")]).await;
    assert_eq!(stomp.frame().await.header("message"), "Illegal command");
    stomp.send("CONNECT", &[("accept-version", "2.0"), ("host", &at.vhost)]).await;
    assert_eq!(stomp.frame().await.header("message"), "Version mismatch");
    stomp.connect(&at, "0,0").await;
    assert_eq!(stomp.frame().await.command, "CONNECTED");
    for (command, headers, message) in [
        ("LEVITATE", vec![], "Bad command"),
        ("SUBSCRIBE", vec![("id", "s")], "Missing destination"),
        ("SUBSCRIBE", vec![("id", "s"), ("destination", "/nothing/q")], "Unknown destination"),
        ("UNSUBSCRIBE", vec![("id", "s")], "No subscription found"),
        ("ACK", vec![("id", "nonsense")], "Invalid header"),
        ("SEND", vec![("destination", "/amq/queue/q"), ("message-id", "mine")], "Invalid header"),
    ] {
        stomp.send(command, &headers).await;
        let error = stomp.frame().await;
        assert_eq!((error.command.as_str(), error.header("message")), ("ERROR", message));
    }
    stomp.text("SEND\nno colon\n\n\0").await;
    assert!(matches!(stomp.arrival().await, Arrival::Close(1007, _)));
}

#[tokio::test]
async fn frames_arrive_in_any_pieces_of_text_and_binary() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::open(&sandbox).await;
    let connect = format!(
        "CONNECT\naccept-version:1.2\nhost:{}\nlogin:{}\npasscode:{}\n\n\0",
        at.vhost, at.login, at.passcode
    );
    let (head, tail) = connect.split_at(30);
    stomp.text(head).await;
    stomp.socket.send(Message::binary(tail.as_bytes().to_vec())).await.unwrap();
    assert_eq!(stomp.frame().await.header("heart-beat"), "0,0");
    let destination = format!("destination:/amq/queue/{}", at.queue);
    stomp
        .text(&format!(
            "SUBSCRIBE\nid:s\n{destination}\nreceipt:1\n\n\0\n\nUNSUBSCRIBE\nid:s\nreceipt:2\n\n\0"
        ))
        .await;
    assert_eq!(stomp.frame().await.header("receipt-id"), "1");
    assert_eq!(stomp.frame().await.header("receipt-id"), "2");
}

#[tokio::test]
async fn a_client_without_its_promised_beats_is_closed() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::open(&sandbox).await;
    stomp.connect(&at, "200,0").await;
    assert_eq!(stomp.frame().await.command, "CONNECTED");
    let start = Instant::now();
    assert_eq!(stomp.arrival().await, died());
    assert!(start.elapsed() > Duration::from_millis(500), "{:?}", start.elapsed());
    assert_eq!(sandbox.broker().counts().connections, 0);
}

#[tokio::test]
async fn the_broker_beats_and_any_byte_counts_as_the_clients_beat() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::open(&sandbox).await;
    stomp.connect(&at, "400,50").await;
    assert_eq!(stomp.frame().await.command, "CONNECTED");
    let start = Instant::now();
    // Longer than the client may be silent.
    while start.elapsed() < Duration::from_millis(1500) {
        assert_eq!(stomp.arrival().await, Arrival::Beat);
        stomp.text("\n").await;
    }
}

#[tokio::test]
async fn a_disconnect_is_closed_without_its_receipt() {
    let (sandbox, at) = registered().await;
    let mut stomp = Stomp::login(&sandbox, &at).await;
    stomp.send("DISCONNECT", &[("receipt", "bye")]).await;
    assert_eq!(stomp.arrival().await, died());
}
