use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;
use crate::events::failure::Cause;

const SECOND: Duration = Duration::from_secs(1);
const TIMING: Timing = Timing { heartbeat: Duration::from_secs(10), timeout: Duration::from_secs(30) };

type Peer = WebSocketStream<DuplexStream>;

/// Starts a connection, and returns the side of the broker before it has answered.
async fn start() -> (JoinHandle<Result<Connection<DuplexStream>, Failure>>, Peer, Frame) {
    let (near, far) = duplex(64 * 1024);
    let opening = tokio::spawn(async move {
        let credentials = Credentials { host: "v", login: "l", passcode: SecretString::from("geheim") };
        Connection::open(near, credentials, TIMING).await
    });
    let mut peer = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    let connect = frames(&peer.next().await.unwrap().unwrap()).remove(0);
    (opening, peer, connect)
}

fn frames(message: &Message) -> Vec<Frame> {
    let mut decoder = Decoder::new(1024);
    decoder.feed(&message.clone().into_data());
    std::iter::from_fn(|| decoder.next_frame().unwrap()).collect()
}

fn text(frame: &Frame) -> Message {
    Message::text(String::from_utf8(frame.encode().unwrap()).unwrap())
}

async fn connected(heartbeat: &str) -> (Connection<DuplexStream>, Peer) {
    let (opening, mut peer, _) = start().await;
    let connected = Frame::new("CONNECTED").header("version", "1.2").header("heart-beat", heartbeat);
    peer.send(text(&connected)).await.unwrap();
    (opening.await.unwrap().unwrap(), peer)
}

/// Runs a connection until it fails, as a session does.
async fn until_failed(connection: &mut Connection<DuplexStream>) -> Failure {
    loop {
        let step = match connection.input().await {
            Ok(Input::Frame(_)) => Ok(()),
            Ok(Input::BeatDue) => connection.beat().await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = step {
            return failure;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn connect_has_login_vhost_and_heartbeats() {
    let (opening, mut peer, connect) = start().await;
    assert_eq!(connect.command(), "CONNECT");
    for (name, value) in [
        ("accept-version", "1.2"),
        ("host", "v"),
        ("login", "l"),
        ("passcode", "geheim"),
        ("heart-beat", "10000,10000"),
    ] {
        assert_eq!(connect.get(name), Some(value), "{name}");
    }
    peer.send(text(&Frame::new("CONNECTED").header("version", "1.1"))).await.unwrap();
    let failure = opening.await.unwrap().err().unwrap();
    assert!(failure.error.to_string().contains("STOMP 1.1"), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_answer_is_left_in_time() {
    let begun = Instant::now();
    let (opening, _peer, _) = start().await;
    let failure = opening.await.unwrap().err().unwrap();
    assert!(failure.cause == Cause::Connection && failure.error.is_timeout(), "{failure:?}");
    assert_eq!(begun.elapsed(), TIMING.timeout);
}

#[tokio::test(start_paused = true)]
async fn beats_are_sent_before_each_interval_ends_and_an_idle_connection_sends_nothing_else() {
    let (mut connection, mut peer) = connected("10000,10000").await;
    let begun = Instant::now();
    let running = tokio::spawn(async move { until_failed(&mut connection).await });
    let mut beats = Vec::new();
    while begun.elapsed() < 100 * SECOND {
        let message = peer.next().await.unwrap().unwrap();
        assert_eq!(message, Message::text("\n"));
        beats.push(begun.elapsed());
        peer.send(Message::text("\n")).await.unwrap();
    }
    assert_eq!(beats[0], 9 * SECOND);
    assert!(beats.windows(2).all(|pair| pair[1] - pair[0] == 9 * SECOND), "{beats:?}");
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_silent_for_two_intervals_is_cut_off() {
    let (mut connection, mut peer) = connected("10000,10000").await;
    tokio::time::sleep(15 * SECOND).await;
    peer.send(Message::text("\n")).await.unwrap();
    let begun = Instant::now();
    let failure = until_failed(&mut connection).await;
    assert!(failure.error.is_timeout() && failure.error.to_string().contains("heartbeat"), "{failure:?}");
    assert_eq!(begun.elapsed(), 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_longer_interval_of_both_sides_counts() {
    let (mut connection, _peer) = connected("25000,60000").await;
    assert_eq!((connection.beat, connection.silence), (54 * SECOND, 50 * SECOND));
    let begun = Instant::now();
    until_failed(&mut connection).await;
    assert_eq!(begun.elapsed(), 50 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_broker_without_heartbeats_is_pinged() {
    let (mut connection, mut peer) = connected("0,0").await;
    let begun = Instant::now();
    let running = tokio::spawn(async move { until_failed(&mut connection).await });
    // Reading answers the pings.
    while begun.elapsed() < 100 * SECOND {
        peer.next().await.unwrap().unwrap();
    }
    assert!(!running.is_finished());
    // A peer that doesn't read doesn't answer.
    let failure = running.await.unwrap();
    assert!(failure.error.is_timeout(), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn beats_are_sent_while_messages_never_pause() {
    let (mut connection, mut peer) = connected("10000,10000").await;
    let running = tokio::spawn(async move { until_failed(&mut connection).await });
    let (mut sink, mut stream) = (&mut peer).split();
    let flood = async {
        let message = text(&Frame::new("MESSAGE").with_body("x"));
        loop {
            sink.send(message.clone()).await.unwrap();
            tokio::time::sleep(SECOND / 100).await;
        }
    };
    tokio::select! {
        () = flood => {}
        beat = stream.next() => assert_eq!(beat.unwrap().unwrap(), Message::text("\n")),
    }
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn frames_are_read_from_split_joined_and_binary_messages() {
    let (mut connection, mut peer) = connected("10000,10000").await;
    let whole = Frame::new("MESSAGE").header("a", "ä").with_body("b").encode().unwrap();
    let two = [&whole[..], b"\n", &whole[..], b"\n"].concat();
    for byte in &whole {
        peer.send(Message::binary(vec![*byte])).await.unwrap();
    }
    peer.send(Message::text(String::from_utf8(two).unwrap())).await.unwrap();
    for _ in 0..3 {
        match connection.input().await.unwrap() {
            Input::Frame(frame) => assert_eq!(frame.encode().unwrap(), whole),
            Input::BeatDue => panic!("no beat is due"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_reading_does_not_hold_up_the_sender() {
    let (near, far) = duplex(512);
    let opening = tokio::spawn(async move {
        let credentials = Credentials { host: "v", login: "l", passcode: SecretString::from("p") };
        Connection::open(near, credentials, TIMING).await
    });
    let mut peer = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    peer.next().await.unwrap().unwrap();
    peer.send(text(&Frame::new("CONNECTED").header("heart-beat", "10000,10000"))).await.unwrap();
    let mut connection = opening.await.unwrap().unwrap();
    let begun = Instant::now();
    let frame = Frame::new("ACK").header("id", "x".repeat(100));
    let failure = loop {
        if let Err(failure) = connection.send(&frame).await {
            break failure;
        }
    };
    assert!(failure.error.is_timeout(), "{failure:?}");
    assert_eq!(begun.elapsed(), 20 * SECOND);
}
