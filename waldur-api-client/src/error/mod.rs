//! The error type of this crate and of the crates above.

mod change;
pub(crate) mod connection;
pub(crate) mod html_page;
mod kind;
mod messages;
pub(crate) mod retry_after;
mod serialize;
mod source;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use self::change::Confirmation;
use crate::wire::Operation;

pub use kind::ErrorKind;
pub use messages::{Message, Messages};

/// An error of any type, as transports and token providers return it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// How much of the body of a response an error keeps, in bytes.
const BODY_KEPT: usize = 4 * 1024;

/// The number of requests of a call, and its duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attempts {
    /// The number of requests that were sent.
    pub(crate) count: u32,
    /// The duration of the call, pauses included.
    pub(crate) elapsed: Duration,
}

/// The error of a call: its kind, the operation, and the messages of the server.
///
/// Decide by the kind or its predicates, such as [`Error::is_conflict`]. Messages are for people, and the
/// server writes them in the language of the user.
///
/// # Troubleshooting
/// - [`Error::is_configuration`]: a setting is invalid, and the message names it.
/// - [`Error::is_page`]: the URL is probably that of the portal.
/// - [`Error::is_unauthenticated`]: the token has expired or is of another server.
/// - [`Error::is_unsupported`]: the server is older or newer than the schema.
/// - [`Error::is_ambiguous`]: a change may have been applied. Read the object before you send it again.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    /// A description in place of that of the kind.
    headline: Option<String>,
    page: bool,
    gave_up: bool,
    status: Option<StatusCode>,
    operation: Option<&'static Operation>,
    /// Method and path of a raw request.
    raw: Option<(Method, String)>,
    attempts: Attempts,
    unsent: bool,
    /// Whether the request was not sent because the server may not support it.
    unsupported: bool,
    request_id: Option<String>,
    messages: Messages,
    body: String,
    retry_after: Option<Duration>,
    confirmation: Option<Confirmation>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the status of the response, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status.map(|status| status.as_u16())
    }

    /// Returns the id of the operation in the schema; empty if the error is not of an operation.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation.map_or("", |operation| operation.id)
    }

    /// Returns the method of the request, in uppercase; empty if the error is not of a request.
    #[must_use]
    pub fn method(&self) -> &str {
        match &self.0.raw {
            Some((method, _)) => method.as_str(),
            None => self.0.operation.map_or("", |operation| operation.method),
        }
    }

    /// Returns the path of the operation with the names of its parameters in braces, or the path of a
    /// [`RawRequest`](crate::RawRequest) without its query; empty if the error is not of a request.
    #[must_use]
    pub fn path(&self) -> &str {
        match &self.0.raw {
            Some((_, path)) => path,
            None => self.0.operation.map_or("", |operation| operation.path),
        }
    }

    /// Returns the number of requests that were sent, retries and redirects included.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts.count
    }

    /// Returns the duration of the call, with all attempts and pauses.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.attempts.elapsed
    }

    /// Returns the id that the server or a proxy gave the request, for a search in its logs.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns the messages of the server, with the fields that they are about.
    #[must_use]
    pub fn messages(&self) -> &Messages {
        &self.0.messages
    }

    /// Returns the beginning of the body of the response, at most 4 KiB. The body may be of any kind.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.0.body
    }

    /// Returns the `Retry-After` of the response: how long to wait before another attempt, at most a day.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns whether the server doesn't accept the token (401).
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.kind() == ErrorKind::Unauthenticated
    }

    /// Returns whether the user has no permission (403).
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.kind() == ErrorKind::Forbidden
    }

    /// Returns whether the object doesn't exist, or is not visible to the user (404, 410).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Returns whether the operation is not possible in the state of the object (409).
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// Returns whether a value is invalid. The server refused it (400 and most other 4xx), or it was not
    /// sent.
    #[must_use]
    pub fn is_validation(&self) -> bool {
        self.kind() == ErrorKind::Validation
    }

    /// Returns whether there were too many requests (429).
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.kind() == ErrorKind::RateLimited
    }

    /// Returns whether the server or a proxy failed (5xx).
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.kind() == ErrorKind::Server
    }

    /// Returns whether the connection could not be made, or broke, or a proxy requires the length of the body
    /// (411).
    #[must_use]
    pub fn is_transport(&self) -> bool {
        self.kind() == ErrorKind::Transport
    }

    /// Returns whether there was no response in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Returns whether the response can't be decoded, or is an HTML page.
    #[must_use]
    pub fn is_unexpected_response(&self) -> bool {
        self.kind() == ErrorKind::UnexpectedResponse
    }

    /// Returns whether the response is an HTML page with a status of 2xx: of a portal, of a login before the
    /// API, of a proxy. It is not known whether the request was applied ([`Error::is_ambiguous`]). The kind
    /// is
    /// [`ErrorKind::UnexpectedResponse`].
    #[must_use]
    pub fn is_page(&self) -> bool {
        self.0.page
    }

    /// Returns whether a setting is invalid, such as the URL or the token.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.kind() == ErrorKind::Configuration
    }

    /// Returns whether an order ended in a state other than the awaited one.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.kind() == ErrorKind::Ended
    }

    /// Returns whether the back end of the provider failed. [`Error::cause`] returns its error.
    #[must_use]
    pub fn is_backend(&self) -> bool {
        self.kind() == ErrorKind::Backend
    }

    /// Returns the first source that is a `T`, such as the error of the caller's own back end or token
    /// provider.
    #[must_use]
    pub fn cause<T: StdError + 'static>(&self) -> Option<&T> {
        let mut next = self.source();
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// Returns whether the same call may succeed later: after 408, 429, 502, 503, 504, a timeout, or a failed
    /// connection.
    ///
    /// Does not say whether a state-changing call was applied; see [`Error::is_ambiguous`].
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::RateLimited | ErrorKind::Timeout => true,
            ErrorKind::Transport => self.status() != Some(411),
            ErrorKind::Server => matches!(self.status(), Some(502..=504)),
            _ => false,
        }
    }

    /// Returns whether the server doesn't support the operation, because it is older or newer than the
    /// schema.
    ///
    /// The server responds with 404 and an HTML page then; for a missing object, the body is JSON. Also true
    /// for a request that was not sent because the server may not support it; its kind is
    /// [`ErrorKind::Validation`].
    ///
    /// False for 405. An older server responds so if it has the path for other methods, but servers also
    /// refuse in this way what they do for other objects.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.0.unsupported || self.is_of_unknown_route()
    }

    fn is_of_unknown_route(&self) -> bool {
        self.is_not_found() && self.0.body.trim_start().starts_with('<')
    }

    /// Returns whether a state-changing request may have been applied: it was sent, and the server itself did
    /// not respond.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        !self.0.unsent
            && matches!(
                self.kind(),
                ErrorKind::Transport | ErrorKind::Timeout | ErrorKind::Server | ErrorKind::UnexpectedResponse
            )
    }

    /// Returns whether it is unknown if a change was applied: there was no response, and the object doesn't
    /// show it or could not be read. Read the object before you send the change again.
    #[must_use]
    pub fn is_unconfirmed(&self) -> bool {
        self.0.confirmation == Some(Confirmation::Unknown)
    }

    /// Returns whether the server refused the request and would refuse it again: the user has no permission,
    /// the object or operation doesn't exist, a value is invalid, or the state of the object doesn't allow
    /// it.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self.kind() {
            ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::Validation => true,
            ErrorKind::Conflict => self.0.confirmation != Some(Confirmation::NotApplied),
            _ => false,
        }
    }

    /// Returns the messages as one text.
    pub(crate) fn what(&self) -> String {
        self.messages().to_string()
    }

    /// Returns the message without the operation: the kind or the failure of the connection, and the messages
    /// of the server.
    #[must_use]
    pub fn reason(&self) -> String {
        if self.0.confirmation == Some(Confirmation::Superseded) {
            return self.what();
        }
        let mut text = self.0.headline.clone().unwrap_or_else(|| self.kind().to_string());
        if let Some(status) = self.status() {
            text.push_str(&format!(" ({status})"));
        }
        if !self.messages().is_empty() {
            text.push_str(&format!(": {}", self.messages()));
        }
        if self.is_of_unknown_route() {
            text.push_str(
                ": the server has no such operation; it may be older, or the address is not Waldur's",
            );
        }
        // The source has the position in the response.
        if let (ErrorKind::UnexpectedResponse, Some(source)) = (self.kind(), &self.0.source) {
            text.push_str(&format!(": {source}"));
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.raw, self.0.operation) {
            (Some((method, path)), _) => write!(f, "{method} {path}: ")?,
            (None, Some(operation)) => write!(f, "{}: ", operation.id)?,
            (None, None) => {}
        }
        f.write_str(&self.reason())?;
        if self.attempts() > 1 {
            let so = if self.0.gave_up { "gave up after " } else { "" };
            write!(f, " ({so}{} attempts in {:.1} s)", self.attempts(), self.elapsed().as_secs_f64())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("status", &self.status())
            .field("operation", &self.operation())
            .field("method", &self.method())
            .field("path", &self.path())
            .field("request_id", &inner.request_id)
            .field("messages", &inner.messages)
            .field("retry_after", &inner.retry_after)
            .field("attempts", &inner.attempts.count)
            .field("elapsed", &inner.attempts.elapsed)
            .field("source", &inner.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}
