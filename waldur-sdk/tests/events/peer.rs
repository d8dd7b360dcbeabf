//! A broker that follows a script.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use waldur_sdk::events::__private::{Decoder, Frame};

use crate::LIMIT;

/// A listener for the connections of a client.
pub(crate) struct Broker {
    listener: TcpListener,
    pub(crate) url: String,
}

/// A connection of a client.
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
    decoder: Decoder,
    /// The `CONNECT` of the client.
    pub(crate) connect: Frame,
}

impl Broker {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/rmqws-stomp", listener.local_addr().unwrap());
        Self { listener, url }
    }

    /// Waits for a connection.
    pub(crate) async fn raw(&self) -> TcpStream {
        timeout(LIMIT, self.listener.accept()).await.expect("no connection in time").unwrap().0
    }

    /// Waits for a WebSocket and its `CONNECT`. The response names the protocol if `names_protocol`.
    pub(crate) async fn accept(&self, names_protocol: bool) -> Peer {
        let stream = self.raw().await;
        #[allow(clippy::result_large_err, reason = "the type is that of the crate's trait")]
        let callback = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/rmqws-stomp");
            assert_eq!(request.headers()["sec-websocket-protocol"], "v12.stomp");
            assert!(!request.headers().contains_key("authorization"));
            if names_protocol {
                let name = "v12.stomp".parse().unwrap();
                response.headers_mut().insert("sec-websocket-protocol", name);
            }
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(stream, callback).await.unwrap();
        let mut peer = Peer { socket, decoder: Decoder::new(1024), connect: Frame::default() };
        peer.connect = peer.expect("CONNECT").await;
        peer
    }

    /// Waits for a connection and accepts its login.
    pub(crate) async fn login(&self) -> Peer {
        let mut peer = self.accept(true).await;
        let beats = peer.connect.get("heart-beat").unwrap().to_owned();
        let connected = Frame::new("CONNECTED").header("version", "1.2").header("heart-beat", beats);
        peer.send(&connected.header("server", "RabbitMQ/3.10.8")).await;
        peer
    }

    /// Waits for a connection, and accepts its login and `count` subscriptions.
    pub(crate) async fn subscribe(&self, count: usize) -> Peer {
        let mut peer = self.login().await;
        for _ in 0..count {
            let subscribe = peer.expect("SUBSCRIBE").await;
            peer.receipt(&subscribe).await;
        }
        peer
    }
}

impl Peer {
    /// Returns the next frame of the client; `None` if the connection ended. Heartbeats are left out.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Some(frame);
            }
            let message = timeout(LIMIT, self.socket.next()).await.expect("nothing in time")?.ok()?;
            match message {
                Message::Text(_) | Message::Binary(_) => self.decoder.feed(&message.into_data()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Returns the next frame, which has this command.
    pub(crate) async fn expect(&mut self, command: &str) -> Frame {
        let frame = self.next().await.expect("the connection ended");
        assert_eq!(frame.command(), command);
        frame
    }

    pub(crate) async fn expect_end(&mut self) {
        assert_eq!(self.next().await, None);
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.write(frame.encode().unwrap()).await;
    }

    /// Sends bytes as a text message.
    pub(crate) async fn write(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::text(String::from_utf8(bytes).unwrap())).await.unwrap();
    }

    pub(crate) async fn write_binary(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    pub(crate) async fn receipt(&mut self, frame: &Frame) {
        let receipt = frame.get("receipt").unwrap().to_owned();
        self.send(&Frame::new("RECEIPT").header("receipt-id", receipt)).await;
    }

    pub(crate) async fn error(&mut self, message: &str, text: &str) {
        self.send(&Frame::new("ERROR").header("message", message).with_body(text)).await;
    }

    /// Closes the connection as RabbitMQ does after an error that it doesn't tell.
    pub(crate) async fn die(mut self) {
        let frame = CloseFrame { code: 1000.into(), reason: "STOMP died".into() };
        self.socket.close(Some(frame)).await.unwrap();
    }
}

/// Returns the message of a queue, as RabbitMQ sends it.
pub(crate) fn message(ack: &str, body: &serde_json::Value) -> Frame {
    Frame::new("MESSAGE")
        .header("subscription", "0")
        .header("destination", "/queue/q")
        .header("message-id", format!("T_0@@session@@{ack}"))
        .header("redelivered", "false")
        .header("ack", ack)
        .header("content-type", "application/json")
        .header("x-message-id", "f00d")
        .with_body(body.to_string())
}
