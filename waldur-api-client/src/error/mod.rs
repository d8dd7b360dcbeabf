//! The one error of this crate and of those above it.

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

/// How much of a response's body an error keeps.
const BODY_KEPT: usize = 4 * 1024;

/// How many requests a call took, and how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attempts {
    /// How many requests were sent.
    pub(crate) count: u32,
    /// How long all took, pauses included.
    pub(crate) elapsed: Duration,
}

/// Anything that went wrong: what kind, in which operation, and what the server says about it.
///
/// Messages are for people and follow the language of the user; to decide what to do, use the kind.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    /// What went wrong in more words than those of the kind.
    headline: Option<String>,
    page: bool,
    gave_up: bool,
    status: Option<StatusCode>,
    operation: Option<&'static Operation>,
    /// Of a call that is none of the operations.
    raw: Option<(Method, String)>,
    attempts: Attempts,
    unsent: bool,
    /// Refused before it was sent, as the server isn't known to do it.
    unsupported: bool,
    request_id: Option<String>,
    messages: Messages,
    body: String,
    retry_after: Option<Duration>,
    confirmation: Option<Confirmation>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status.map(|status| status.as_u16())
    }

    /// The operation, as the schema names it; empty if it never came to one.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation.map_or("", |operation| operation.id)
    }

    /// The method of the request, in capitals; empty if it never came to one.
    #[must_use]
    pub fn method(&self) -> &str {
        match &self.0.raw {
            Some((method, _)) => method.as_str(),
            None => self.0.operation.map_or("", |operation| operation.method),
        }
    }

    /// The path of the operation, with the names of its parameters in braces, or that of a
    /// [`Request`](crate::Request) without its query; empty if it never came to one.
    #[must_use]
    pub fn path(&self) -> &str {
        match &self.0.raw {
            Some((_, path)) => path,
            None => self.0.operation.map_or("", |operation| operation.path),
        }
    }

    /// How many requests were sent, redirects that were followed included; 0 if it didn't come to one.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts.count
    }

    /// How long the call took, with all attempts and the pauses between them.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.attempts.elapsed
    }

    /// The id that the server or a proxy gave the request, for its operator to find it in the logs.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// What the server says, by field. Never HTML.
    #[must_use]
    pub fn messages(&self) -> &Messages {
        &self.0.messages
    }

    /// The beginning of the body of the answer, whatever it is: at most 4 KiB.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.0.body
    }

    /// How long the server asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// 401: the server doesn't know the token.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.kind() == ErrorKind::Unauthenticated
    }

    /// 403: the user of the token may not do that.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.kind() == ErrorKind::Forbidden
    }

    /// 404: there is no such object, or the user of the token may not see it.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// 409: the object is in another state.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// A value was refused, by the server or before it was sent.
    #[must_use]
    pub fn is_validation(&self) -> bool {
        self.kind() == ErrorKind::Validation
    }

    /// 429: too many requests.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.kind() == ErrorKind::RateLimited
    }

    /// 5xx: the server or a proxy before it failed.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.kind() == ErrorKind::Server
    }

    /// The connection could not be made, or broke; or a proxy demands the length of the body (411).
    #[must_use]
    pub fn is_transport(&self) -> bool {
        self.kind() == ErrorKind::Transport
    }

    /// No answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// An answer that is not what it should be, such as an HTML page.
    #[must_use]
    pub fn is_unexpected_response(&self) -> bool {
        self.kind() == ErrorKind::UnexpectedResponse
    }

    /// An HTML page with a status of 2xx in place of an answer: of a portal, of a login that stands before
    /// the API, of a proxy. Whether the request was applied isn't known ([`Error::is_ambiguous`]). The kind
    /// is [`ErrorKind::UnexpectedResponse`].
    #[must_use]
    pub fn is_page(&self) -> bool {
        self.0.page
    }

    /// A wrong setting, such as the URL or the token.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.kind() == ErrorKind::Configuration
    }

    /// An order ended in another state than the one that was waited for.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.kind() == ErrorKind::Ended
    }

    /// The provider's own back end failed. [`Error::cause`] returns its error.
    #[must_use]
    pub fn is_backend(&self) -> bool {
        self.kind() == ErrorKind::Backend
    }

    /// Returns the first of the errors behind this one that is a `T`: what a workflow found in place of an
    /// answer, or the error of the caller's own back end or token provider.
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

    /// Whether the same call may succeed later: 408, 429, 502, 503, 504, no answer in time, a connection that
    /// failed.
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

    /// Whether the server doesn't have the operation at all, being older or younger than the schema: a 404
    /// with a page for people. (Of an object that isn't there, or isn't for the caller to see, servers say so
    /// in JSON.) Also true of what was not sent because the server isn't known to do it, such as to book a
    /// report into another month than its current one; the kind is [`ErrorKind::Validation`] then.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.0.unsupported || self.is_of_unknown_route()
    }

    fn is_of_unknown_route(&self) -> bool {
        self.is_not_found() && self.0.body.trim_start().starts_with('<')
    }

    /// Whether a state-changing request may have been applied all the same: it may have arrived, and no word
    /// came back from the server itself, as when an HTML page came ([`Error::is_page`]).
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        !self.0.unsent
            && matches!(
                self.kind(),
                ErrorKind::Transport | ErrorKind::Timeout | ErrorKind::Server | ErrorKind::UnexpectedResponse
            )
    }

    /// Whether it isn't known if a change was applied: the answer was lost, and reading the object didn't
    /// tell. Look at the object before you send the change again.
    #[must_use]
    pub fn is_unconfirmed(&self) -> bool {
        self.0.confirmation == Some(Confirmation::Unknown)
    }

    /// Whether the server refuses the request and would refuse it again: it is forbidden, there is no such
    /// object or operation, a value isn't valid, or the object is in a state in which it isn't possible.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self.kind() {
            ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::Validation => true,
            ErrorKind::Conflict => self.0.confirmation != Some(Confirmation::NotApplied),
            _ => false,
        }
    }

    /// What is said beside the kind.
    pub(crate) fn what(&self) -> String {
        self.messages().to_string()
    }

    /// The kind, or what happened to the connection, and what the server says, without the operation: the
    /// reason of a refusal.
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
        // Of what was read the cause is the message.
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
