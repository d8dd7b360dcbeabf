//! STOMP over WebSocket: frames, heartbeats, and the ends of a connection.

use std::future::pending;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::frame::{Decoder, Frame};
use super::node::Command;
use super::session::Session;
use super::{Broker, Clock};

/// The time in which a client without heartbeats has to send something.
const IDLE: Duration = Duration::from_secs(60);

/// The time in which a client has to respond to a close frame, or to take a frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// The number of beats without which a client counts as gone.
const MISSED_BEATS: u32 = 3;

/// How a connection ends.
enum End {
    /// With a close frame.
    Close(u16, String),
    /// Without a close frame.
    Cut,
    /// The connection stays open, but nothing is sent any longer.
    Mute,
}

/// Serves a connection that has been upgraded to WebSocket.
pub(crate) async fn serve<S>(stream: S, broker: Broker, clock: Clock)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    match converse(&mut socket, broker, clock).await {
        End::Cut => {}
        End::Mute => drain(socket.get_mut()).await,
        End::Close(code, reason) => {
            let frame = CloseFrame { code: code.into(), reason: reason.into() };
            let goodbye = async {
                if socket.close(Some(frame)).await.is_ok() && socket.get_mut().shutdown().await.is_ok() {
                    drain(socket.get_mut()).await;
                }
            };
            let _ = timeout(PATIENCE, goodbye).await;
        }
    }
}

/// Reads until the client's end. A connection that is dropped with unread bytes is reset, and the client may
/// lose what it hasn't read yet.
async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
}

/// Exchanges frames until either side ends the connection.
async fn converse<S>(socket: &mut WebSocketStream<S>, broker: Broker, clock: Clock) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (sender, mut commands) = unbounded_channel();
    let mut session = Session::new(broker, clock, sender);
    let mut decoder = Decoder::default();
    let mut waiting: Vec<Frame> = Vec::new();
    let mut stalled = false;
    let mut frames = 0;
    let (mut heard, mut sent) = (Instant::now(), Instant::now());
    loop {
        let silence = session.beats.from_client.map_or(IDLE, |interval| interval * MISSED_BEATS);
        let beat = session.beats.from_broker.filter(|_| !stalled).map(|interval| sent + interval);
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Send(frame)) if stalled => waiting.push(frame),
                Some(Command::Send(frame)) => {
                    if send(socket, text(&frame, frames)).await.is_err() {
                        return End::Cut;
                    }
                    frames += 1;
                    sent = Instant::now();
                    if frame.command == "CONNECTED" {
                        // The first beat comes after half of an interval.
                        sent -= session.beats.from_broker.unwrap_or_default() / 2;
                    }
                }
                Some(Command::Close(..) | Command::Cut) if stalled => return End::Mute,
                Some(Command::Close(code, reason)) => return End::Close(code, reason.to_owned()),
                Some(Command::Cut) | None => return End::Cut,
                Some(Command::Stall) => stalled = true,
                Some(Command::Resume) => {
                    stalled = false;
                    heard = Instant::now();
                    for frame in waiting.drain(..) {
                        if send(socket, text(&frame, frames)).await.is_err() {
                            return End::Cut;
                        }
                        frames += 1;
                    }
                }
            },
            message = socket.next(), if !stalled => {
                heard = Instant::now();
                let bytes = match message {
                    Some(Ok(Message::Text(text))) => text.into(),
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                    Some(Ok(Message::Close(_))) => {
                        // What is flushed is the response to the close frame.
                        let _ = timeout(PATIENCE, socket.flush()).await;
                        return End::Cut;
                    }
                    Some(Err(_)) | None => return End::Cut,
                };
                decoder.feed(&bytes);
                loop {
                    match decoder.next() {
                        Ok(Some(frame)) => session.handle(&frame),
                        Ok(None) => break,
                        Err(error) if error.code() == 1007 => return End::Close(1007, error.to_string()),
                        Err(error) => return End::Close(error.code(), String::new()),
                    }
                }
            }
            () = at(beat) => {
                if send(socket, Message::text("\n")).await.is_err() {
                    return End::Cut;
                }
                sent = Instant::now();
            }
            () = sleep_until(heard + silence) => {
                return if stalled { End::Mute } else { End::Close(1000, "STOMP died".to_owned()) };
            }
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Sends a message; an error is a client that has gone or takes nothing.
async fn send<S>(socket: &mut WebSocketStream<S>, message: Message) -> Result<(), ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

/// Returns the message of a frame. After the NUL comes a line end, except for each fourth frame: not all
/// brokers add it.
fn text(frame: &Frame, number: usize) -> Message {
    let mut bytes = frame.encode();
    if number % 4 != 3 {
        bytes.push(b'\n');
    }
    match String::from_utf8(bytes) {
        Ok(text) => Message::text(text),
        Err(error) => Message::binary(error.into_bytes()),
    }
}
