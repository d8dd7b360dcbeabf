//! How connections to the broker end.

use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use waldur_api_client::{Error, ErrorKind, ExposeSecret as _, SecretString};

use super::stomp::Frame;

/// The longest text of the broker in an error, in characters.
const LONGEST: usize = 300;

/// What an end of a connection means for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The connection broke, or the broker didn't answer.
    Connection,
    /// The broker doesn't accept the login.
    Refused,
    /// The broker ended the session without a reason: its user is gone, a queue is missing, or it stopped.
    Died,
    /// A queue is gone.
    QueueGone,
    /// Another error of the broker, or what it sent isn't STOMP.
    Broker,
    /// The caller stopped.
    Stopped,
}

impl Cause {
    /// Returns the label for telemetry.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Refused => "refused",
            Self::Died => "died",
            Self::QueueGone => "queue_gone",
            Self::Broker => "broker",
            Self::Stopped => "stopped",
        }
    }
}

/// The end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    pub(super) error: Error,
}

impl Failure {
    fn new(cause: Cause, kind: ErrorKind, headline: impl Into<String>) -> Self {
        Self { cause, error: Error::new(kind, "").with_headline(headline) }
    }

    /// The connection could not be made.
    pub(super) fn unconnected(error: Error) -> Self {
        Self { cause: Cause::Connection, error }
    }

    /// The connection broke.
    pub(super) fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        let text = format!("the connection to the broker failed: {error}");
        let mut failure = Self::new(Cause::Connection, ErrorKind::Transport, text);
        failure.error = failure.error.with_source(error);
        failure
    }

    /// The broker closed the connection.
    pub(super) fn closed(frame: Option<&CloseFrame>, secret: &SecretString) -> Self {
        let Some(frame) = frame else {
            let text = "the broker closed the connection";
            return Self::new(Cause::Connection, ErrorKind::Transport, text);
        };
        let reason = line(&frame.reason, secret);
        let text = format!("the broker closed the connection: {} {reason:?}", u16::from(frame.code));
        let died = reason.to_ascii_lowercase().contains("stomp died");
        Self::new(if died { Cause::Died } else { Cause::Connection }, ErrorKind::Transport, text)
    }

    /// The broker didn't answer in time.
    pub(super) fn late(step: &str, limit: Duration) -> Self {
        let text = format!("no {step} of the broker within {limit:?}");
        Self::new(Cause::Connection, ErrorKind::Timeout, text)
    }

    /// The broker sent nothing, not even heartbeats.
    pub(super) fn silent(limit: Duration) -> Self {
        let text = format!("the broker sent nothing, not even a heartbeat, for {limit:?}");
        Self::new(Cause::Connection, ErrorKind::Timeout, text)
    }

    /// The broker sent what it must not.
    pub(super) fn protocol(problem: impl std::fmt::Display) -> Self {
        let text = format!("unexpected from the broker: {problem}");
        Self::new(Cause::Broker, ErrorKind::UnexpectedResponse, text)
    }

    /// The caller stopped.
    pub(super) fn stopped() -> Self {
        Self::new(Cause::Stopped, ErrorKind::Transport, "stopped")
    }

    /// The broker sent an `ERROR`. It ends the session, though some brokers leave the connection open.
    pub(super) fn of_frame(frame: &Frame, secret: &SecretString) -> Self {
        let message = frame.get("message").unwrap_or_default();
        let text = line(&format!("{message} {}", String::from_utf8_lossy(frame.body())), secret);
        let lower = text.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let (cause, kind) = if has(&["access refused", "bad connect", "access_refused"]) {
            (Cause::Refused, ErrorKind::Forbidden)
        } else if has(&["server cancelled subscription", "not_found", "not found"]) {
            (Cause::QueueGone, ErrorKind::NotFound)
        } else {
            (Cause::Broker, ErrorKind::Server)
        };
        Self::new(cause, kind, format!("error of the broker: {text}"))
    }
}

/// Returns a text of the broker in one line, without the passcode.
fn line(text: &str, secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    let text = if secret.is_empty() { text.to_owned() } else { text.replace(secret, "[hidden]") };
    let words =
        text.split(|one: char| one.is_whitespace() || one.is_control()).filter(|word| !word.is_empty());
    let mut line = words.collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_broker_are_classified() {
        let secret = SecretString::from("geheim");
        let of = |message: &str, body: &str| {
            let frame = Frame::new("ERROR").header("message", message).with_body(body);
            Failure::of_frame(&frame, &secret)
        };
        for (message, body, cause) in [
            ("Bad CONNECT", "Access refused for user 'a'\n", Cause::Refused),
            ("Bad CONNECT", "Virtual host 'a' access denied", Cause::Refused),
            ("Server cancelled subscription", "The server has canceled a subscription.", Cause::QueueGone),
            ("not_found", "NOT_FOUND - no queue 'q' in vhost 'v'\n", Cause::QueueGone),
            ("Unknown command", "", Cause::Broker),
        ] {
            assert_eq!(of(message, body).cause, cause, "{message}");
        }
        let failure = of("Bad CONNECT", "no geheim\n\tfor geheim");
        assert_eq!(failure.error.to_string(), "error of the broker: Bad CONNECT no [hidden] for [hidden]");
        assert!(!format!("{failure:?}").contains("geheim"));
        assert!(of("", &"ä ".repeat(5000)).error.to_string().len() < 1000);
    }

    #[test]
    fn a_close_without_error_is_classified_by_its_reason() {
        let secret = SecretString::from("");
        let close = |reason: &str| {
            let frame = CloseFrame { code: 1000.into(), reason: reason.to_owned().into() };
            Failure::closed(Some(&frame), &secret)
        };
        assert_eq!(close("STOMP died").cause, Cause::Died);
        assert_eq!(close("going away").cause, Cause::Connection);
        assert_eq!(Failure::closed(None, &secret).cause, Cause::Connection);
    }
}
