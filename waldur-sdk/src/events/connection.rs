//! A STOMP connection over a WebSocket: `CONNECT`, heartbeats both ways, and frames.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, protocol::Role};
use waldur_api_client::{ExposeSecret as _, SecretString};

use super::failure::Failure;
use super::stomp::{Decoder, Frame};

/// The longest body of a frame, in bytes. Brokers refuse longer ones themselves.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// The longest message of WebSocket, in bytes: a body with its headers.
const MAX_MESSAGE: usize = MAX_BODY + 128 * 1024;

/// What a session needs to log in.
pub(super) struct Credentials<'a> {
    pub(super) host: &'a str,
    pub(super) login: &'a str,
    pub(super) passcode: SecretString,
}

/// The times of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// How often each side sends something.
    pub(super) heartbeat: Duration,
    /// The time limit of each step of the handshake, and of sending a frame.
    pub(super) timeout: Duration,
}

/// What happens next on a connection.
#[derive(Debug)]
pub(super) enum Input {
    /// A frame arrived, which is no `ERROR`.
    Frame(Frame),
    /// A heartbeat has to be sent.
    BeatDue,
}

/// A STOMP connection.
pub(super) struct Connection<S> {
    socket: WebSocketStream<S>,
    decoder: Decoder,
    passcode: SecretString,
    timeout: Duration,
    /// When something was received or sent last.
    heard: Instant,
    sent: Instant,
    /// How often something is sent.
    beat: Duration,
    /// The longest silence of the broker.
    silence: Duration,
    /// Whether the broker sends no heartbeats. It is asked to answer then.
    pings: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Logs in on a connection that has become a WebSocket.
    pub(super) async fn open(
        stream: S,
        credentials: Credentials<'_>,
        timing: Timing,
    ) -> Result<Self, Failure> {
        let config =
            WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let now = Instant::now();
        let mut connection = Self {
            socket: WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await,
            decoder: Decoder::new(MAX_BODY),
            passcode: credentials.passcode,
            timeout: timing.timeout,
            heard: now,
            sent: now,
            // Nothing is due before the broker has answered, for which there is a limit.
            beat: timing.timeout * 2,
            silence: timing.timeout * 2,
            pings: false,
        };
        let interval = u64::try_from(timing.heartbeat.as_millis()).unwrap_or(u64::MAX);
        let connect = Frame::new("CONNECT")
            .header("accept-version", "1.2")
            .header("host", credentials.host)
            .header("login", credentials.login)
            .header("passcode", connection.passcode.expose_secret())
            .header("heart-beat", format!("{interval},{interval}"));
        connection.send(&connect).await?;
        let connected = connection.frame_within("CONNECTED").await?;
        match connected.get("version") {
            None | Some("1.2") if connected.command() == "CONNECTED" => {}
            Some(other) if connected.command() == "CONNECTED" => {
                return Err(Failure::protocol(format_args!("STOMP {other} in place of 1.2")));
            }
            _ => return Err(Failure::protocol(format_args!("{} before CONNECTED", connected.command()))),
        }
        connection.negotiate(timing.heartbeat, connected.get("heart-beat"));
        Ok(connection)
    }

    /// Sets the heartbeats by what the broker can send and wants to receive.
    fn negotiate(&mut self, ours: Duration, theirs: Option<&str>) {
        let (sends, wants) = theirs.and_then(heartbeats).unwrap_or_default();
        let heard = ours.max(sends);
        self.pings = sends.is_zero();
        // The broker expects something within the interval, so it is sent before the end.
        let told = ours.max(wants);
        self.beat = told - told / 10;
        self.silence = heard * 2;
        (self.heard, self.sent) = (Instant::now(), Instant::now());
    }

    /// Returns when the broker was heard last.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    async fn frame_within(&mut self, step: &'static str) -> Result<Frame, Failure> {
        let limit = self.timeout;
        let frame = async {
            loop {
                match self.input().await? {
                    Input::Frame(frame) => return Ok(frame),
                    Input::BeatDue => self.beat().await?,
                }
            }
        };
        timeout(limit, frame).await.unwrap_or_else(|_| Err(Failure::late(step, limit)))
    }

    /// Sends a frame.
    pub(super) async fn send(&mut self, frame: &Frame) -> Result<(), Failure> {
        let text = frame.encode().map_err(Failure::protocol)?;
        let text = String::from_utf8(text).map_err(Failure::protocol)?;
        self.write(Message::text(text)).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Failure> {
        let limit = self.timeout.min(self.silence);
        match timeout(limit, self.socket.send(message)).await {
            Ok(Ok(())) => {
                self.sent = Instant::now();
                Ok(())
            }
            // The reason is what the broker sent before.
            Ok(Err(SocketError::ConnectionClosed | SocketError::AlreadyClosed)) => {
                Err(Failure::closed(None, &self.passcode))
            }
            Ok(Err(error)) => Err(Failure::broken(error)),
            Err(_) => Err(Failure::late("reading", limit)),
        }
    }

    /// Sends a heartbeat.
    pub(super) async fn beat(&mut self) -> Result<(), Failure> {
        if self.pings {
            self.write(Message::Ping(Vec::new().into())).await?;
        }
        self.write(Message::text("\n")).await
    }

    /// Waits for a frame, or for the time of the next heartbeat. It may be cancelled: nothing is lost.
    ///
    /// An `ERROR` is a failure, as is a broker that is silent.
    pub(super) async fn input(&mut self) -> Result<Input, Failure> {
        loop {
            if let Some(frame) = self.decoder.next_frame().map_err(Failure::protocol)? {
                if frame.command() == "ERROR" {
                    return Err(Failure::of_frame(&frame, &self.passcode));
                }
                return Ok(Input::Frame(frame));
            }
            let beat_due = self.sent + self.beat;
            // Otherwise a broker that never pauses would keep beats from being sent.
            if beat_due <= Instant::now() {
                return Ok(Input::BeatDue);
            }
            let message = tokio::select! {
                biased;
                message = self.socket.next() => message,
                () = sleep_until(beat_due.min(self.heard + self.silence)) => {
                    if Instant::now() < self.heard + self.silence {
                        return Ok(Input::BeatDue);
                    }
                    return Err(Failure::silent(self.silence));
                }
            };
            self.heard = Instant::now();
            match message {
                Some(Ok(Message::Text(text))) => self.decoder.feed(text.as_bytes()),
                Some(Ok(Message::Binary(bytes))) => self.decoder.feed(&bytes),
                Some(Ok(Message::Close(frame))) => {
                    return Err(Failure::closed(frame.as_ref(), &self.passcode));
                }
                Some(Ok(_)) => {}
                None => return Err(Failure::closed(None, &self.passcode)),
                Some(Err(error)) => return Err(Failure::broken(error)),
            }
        }
    }

    /// Ends the session, and waits within the time limit until the broker has ended it, too: it has read
    /// everything then.
    pub(super) async fn close(&mut self) {
        let limit = self.timeout;
        let ended = async {
            self.send(&Frame::new("DISCONNECT")).await?;
            self.socket.close(None).await.map_err(Failure::broken)?;
            while let Some(Ok(_)) = self.socket.next().await {}
            Ok::<(), Failure>(())
        };
        let _ = timeout(limit, ended).await;
    }
}

/// Reads the header `heart-beat`: how often the broker sends something, and how often it wants to receive
/// something.
fn heartbeats(text: &str) -> Option<(Duration, Duration)> {
    let (sends, wants) = text.split_once(',')?;
    let milliseconds = |text: &str| text.trim().parse().ok().map(Duration::from_millis);
    Some((milliseconds(sends)?, milliseconds(wants)?))
}

#[cfg(test)]
mod tests;
