//! The one error of this crate.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};
use waldur_api_client::page::{self, is_page};
use waldur_api_client::{BoxError, Failure, Operation, Sending, SharedError};

use crate::connection::Lost;
use crate::messages::Messages;
use crate::retry::retry_after;

/// How much of an answer's body an error keeps.
const BODY_KEPT: usize = 4 * 1024;
/// Where servers and proxies put the id of a request.
const REQUEST_ID: [&str; 3] = ["x-request-id", "request-id", "x-correlation-id"];

/// What a transport has to say about an answer that is an error; it is in the answer's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Note(pub(crate) String);

/// In the extensions of an answer after which no attempt was left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GaveUp;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// 401: the server doesn't know the token.
    Unauthenticated,
    /// 403: the user of the token may not do that.
    Forbidden,
    /// 404 or 410: there is no such object, or the user of the token may not see it.
    NotFound,
    /// 409: the object is in another state.
    Conflict,
    /// 400 and most other 4xx, or a value that was refused before it was sent.
    Validation,
    /// 429: too many requests.
    RateLimited,
    /// 5xx: the server or a proxy before it failed.
    Server,
    /// The connection could not be made, or broke; or 411: a proxy demands the length of the body.
    Transport,
    /// No answer in time.
    Timeout,
    /// An answer that is not what it should be, such as an HTML page.
    Decode,
    /// A wrong setting, such as the URL or the token; or 407: the proxy demands a user name and password.
    Configuration,
    /// An order ended in another state than the one that was waited for.
    Ended,
    /// The provider's own back end failed. [`Error::cause`] returns its error.
    Backend,
}

impl ErrorKind {
    fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            300..=399 => Self::Configuration,
            401 => Self::Unauthenticated,
            403 => Self::Forbidden,
            404 | 410 => Self::NotFound,
            407 => Self::Configuration,
            408 => Self::Timeout,
            409 => Self::Conflict,
            411 => Self::Transport,
            429 => Self::RateLimited,
            400..=499 => Self::Validation,
            500..=599 => Self::Server,
            _ => Self::Decode,
        }
    }

    fn of_reqwest(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_builder() {
            Self::Configuration
        } else {
            Self::Transport
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "not authenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::Validation => "not valid",
            Self::RateLimited => "too many requests",
            Self::Server => "server error",
            Self::Transport => "connection failed",
            Self::Timeout => "no answer in time",
            Self::Decode => "unexpected answer",
            Self::Configuration => "wrong configuration",
            Self::Ended => "ended",
            Self::Backend => "the back end failed",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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
    attempts: u32,
    elapsed: Duration,
    unsent: bool,
    /// Refused before it was sent, as the server isn't known to do it.
    unsupported: bool,
    request_id: Option<String>,
    messages: Messages,
    body: String,
    retry_after: Option<Duration>,
    confirmation: Option<Confirmation>,
    source: Option<SharedError>,
}

/// What reading an object showed about a change whose request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Confirmation {
    /// It was not applied, and still could be.
    NotApplied,
    /// It isn't possible in the state that the object is in by now.
    Superseded,
    /// The object could not be read, or doesn't tell.
    Unknown,
    /// Nothing was sent, because the server kept failing.
    HeldBack,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            headline: None,
            page: false,
            gave_up: false,
            status: None,
            operation: None,
            raw: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            unsent: false,
            unsupported: false,
            request_id: None,
            messages: Messages::of(message),
            body: String::new(),
            retry_after: None,
            confirmation: None,
            source: None,
        }))
    }

    /// A wrong setting; `name` is the variable or the field.
    pub(crate) fn configuration(name: &str, problem: &str) -> Self {
        Self::new(ErrorKind::Configuration, format!("{name} {problem}"))
    }

    /// This error, of a call of `operation`.
    #[must_use]
    pub fn in_operation(mut self, operation: &'static Operation) -> Self {
        self.0.operation = Some(operation);
        self
    }

    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> Self {
        self.with_shared_source(source.into().into())
    }

    fn with_shared_source(mut self, source: SharedError) -> Self {
        self.0.source = Some(source);
        self
    }

    /// Something to know beside what the server says.
    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.0.messages.add(note);
        self
    }

    /// A call that is none of the operations.
    pub(crate) fn in_raw(mut self, method: Method, path: String) -> Self {
        self.0.raw = Some((method, path));
        self
    }

    pub(crate) fn sent(mut self, sending: Sending) -> Self {
        (self.0.attempts, self.0.elapsed) = (sending.attempts, sending.elapsed);
        self
    }

    /// Whether it is certain that nothing of the call arrived.
    pub(crate) fn unsent(mut self, unsent: bool) -> Self {
        self.0.unsent = unsent;
        self
    }

    /// The server isn't known to do what was asked for.
    pub(crate) fn unsupported(mut self) -> Self {
        self.0.unsupported = true;
        self
    }

    /// What the HTTP client says, without the address: queries may hold secrets.
    pub(crate) fn of_reqwest(source: reqwest::Error) -> Self {
        Self::of_lost(source, Lost::default())
    }

    /// An answer that broke off.
    fn of_broken(source: Arc<reqwest::Error>) -> Self {
        let headline = Lost::default().describe(&source);
        Self::new(ErrorKind::of_reqwest(&source), "").with_headline(Some(headline)).with_shared_source(source)
    }

    /// [`Error::of_reqwest`], of a request about which more is known than the HTTP client says.
    pub(crate) fn of_lost(source: reqwest::Error, lost: Lost<'_>) -> Self {
        let kind = ErrorKind::of_reqwest(&source);
        let headline = (kind != ErrorKind::Configuration).then(|| lost.describe(&source));
        Self::new(kind, "").with_headline(headline).with_source(source.without_url())
    }

    /// What went wrong, in place of the words of the kind.
    pub(crate) fn with_headline(mut self, headline: Option<String>) -> Self {
        self.0.headline = headline;
        self
    }

    pub(crate) fn headline(&self) -> Option<&str> {
        self.0.headline.as_deref()
    }

    /// The call was tried as often as it may be.
    pub(crate) fn gave_up(mut self) -> Self {
        self.0.gave_up = true;
        self
    }

    /// An HTML page in place of an answer; `body` is its beginning.
    pub(crate) fn page(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let mut error =
            Self::new(ErrorKind::Decode, page::PROBLEM).with_answer(status, headers).with_body(body);
        error.0.page = true;
        error
    }

    fn with_answer(mut self, status: StatusCode, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        self.0.status = Some(status);
        self.0.request_id = REQUEST_ID.iter().find_map(|name| text(name)).map(str::to_owned);
        self.0.retry_after = retry_after(headers, SystemTime::now());
        self
    }

    fn with_body(mut self, body: &[u8]) -> Self {
        self.0.body = capped(body);
        self
    }

    /// What a transport says: an error of this crate as it is, any other as the source of one.
    fn of_transport(source: SharedError) -> Self {
        if let Some(error) = source.downcast_ref::<Self>() {
            return error.clone();
        }
        let kind = source.downcast_ref().map_or(ErrorKind::Transport, ErrorKind::of_reqwest);
        Self::new(kind, "").with_shared_source(source)
    }

    /// Awaits a call that changes something, whose answer holds nothing of interest.
    pub(crate) async fn of_change<T>(
        call: impl Future<Output = Result<T, waldur_api_client::Error>>,
    ) -> Result<(), Self> {
        call.await?;
        Ok(())
    }

    /// What an answer other than 2xx says, by its status and its shape: for answers that didn't come through
    /// a [`Client`](crate::Client), such as recorded ones. The operation can be added by
    /// [`Error::in_operation`].
    #[must_use]
    pub fn from_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        if status.is_success() && is_page(headers, body) {
            return Self::page(status, headers, body);
        }
        let mut error = Self::new(ErrorKind::of_status(status), "").with_answer(status, headers);
        match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                error.0.headline = Some("the proxy demands a user name and password".to_owned());
            }
            StatusCode::LENGTH_REQUIRED => {
                let text = "a proxy demands the length of the body and passed nothing on";
                error.0.headline = Some(text.to_owned());
                error.0.unsent = true;
            }
            _ => {}
        }
        if status.is_redirection() {
            let target = headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let target = target.unwrap_or("another address");
            return error.with_note(format!("the server redirects to {target}"));
        }
        error.0.messages = Messages::parse(body);
        error.with_body(body)
    }

    /// An answer other than 2xx, with what the transport has to say about it.
    pub(crate) fn of_refusal(answer: &http::Response<Bytes>) -> Self {
        let (status, notes) = (answer.status(), answer.extensions());
        let mut error = match notes.get::<Note>() {
            // Which says where to, as far as that may be said.
            Some(_) if status.is_redirection() => {
                Self::new(ErrorKind::of_status(status), "").with_answer(status, answer.headers())
            }
            _ => Self::from_answer(status, answer.headers(), answer.body()),
        };
        if let Some(sending) = notes.get() {
            error = error.sent(*sending);
        }
        error.0.gave_up = notes.get::<GaveUp>().is_some();
        match notes.get() {
            Some(Note(note)) => error.with_note(note.as_str()),
            None => error,
        }
    }

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
        self.0.attempts
    }

    /// How long the call took, with all attempts and the pauses between them.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
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
    pub fn is_decode(&self) -> bool {
        self.kind() == ErrorKind::Decode
    }

    /// An HTML page with a status of 2xx in place of an answer: of a portal, of a login that stands before
    /// the API, of a proxy. Whether the request was applied isn't known ([`Error::is_answer_lost`]). The kind
    /// is [`ErrorKind::Decode`].
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
    /// Does not say whether a state-changing call was applied; see [`Error::is_answer_lost`].
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
    pub fn is_answer_lost(&self) -> bool {
        !self.0.unsent
            && matches!(
                self.kind(),
                ErrorKind::Transport | ErrorKind::Timeout | ErrorKind::Server | ErrorKind::Decode
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

    /// The object was read after this error: the change was not applied. `state` says how the object is.
    pub(crate) fn not_applied(mut self, state: &str) -> Self {
        self.0.confirmation = Some(Confirmation::NotApplied);
        self.with_note(format!("it was not applied: {state}"))
    }

    /// The object was read after this error, and doesn't tell whether the change was applied, or could not be
    /// read.
    pub(crate) fn unconfirmed(mut self, why: &dyn fmt::Display) -> Self {
        self.0.confirmation = Some(Confirmation::Unknown);
        self.with_note(format!("whether it was applied is not known: {why}"))
    }

    /// A request that isn't sent because the server kept failing. `problem` says since when.
    pub(crate) fn held_back(problem: String) -> Self {
        let mut error = Self::new(ErrorKind::Server, problem).unsent(true);
        error.0.confirmation = Some(Confirmation::HeldBack);
        error
    }

    /// Whether this is [`Error::held_back`].
    #[cfg(feature = "agent")]
    pub(crate) fn is_held_back(&self) -> bool {
        self.0.confirmation == Some(Confirmation::HeldBack)
    }

    /// Whether this is [`Error::superseded`].
    #[cfg(feature = "agent")]
    pub(crate) fn is_superseded(&self) -> bool {
        self.0.confirmation == Some(Confirmation::Superseded)
    }

    /// The object was read after this error: it is in a state in which the change isn't possible any more.
    pub(crate) fn superseded(self, state: String) -> Self {
        let mut error = Self::new(ErrorKind::Conflict, state);
        error.0.confirmation = Some(Confirmation::Superseded);
        (error.0.attempts, error.0.elapsed) = (self.0.attempts, self.0.elapsed);
        (error.0.operation, error.0.raw) = (self.0.operation, self.0.raw.clone());
        error.with_source(self)
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
        let mut text = self.headline().map_or_else(|| self.kind().to_string(), str::to_owned);
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
        if let (ErrorKind::Decode, Some(source)) = (self.kind(), &self.0.source) {
            text.push_str(&format!(": {source}"));
        }
        text
    }
}

/// So that `?` takes the errors of [`Client::api`](crate::Client::api)'s calls.
impl From<waldur_api_client::Error> for Error {
    fn from(error: waldur_api_client::Error) -> Self {
        let (operation, sending) = (error.operation, error.sending);
        let error = match *error.failure {
            Failure::Request(problem) => Self::new(ErrorKind::Validation, problem),
            Failure::Transport(source) => Self::of_transport(source),
            Failure::Status(answer) => Self::of_refusal(&answer),
            Failure::Broken { status, headers, source } => {
                Self::of_broken(source).with_answer(status, &headers)
            }
            Failure::Page { status, headers, body } => Self::page(status, &headers, &body),
            Failure::Decode { status, headers, body, source } => Self::new(ErrorKind::Decode, "")
                .with_answer(status, &headers)
                .with_body(&body)
                .with_shared_source(source),
            other => Self::new(ErrorKind::Transport, format!("{other:?}")),
        };
        let error = error.in_operation(operation);
        match sending {
            Some(sending) => error.sent(sending),
            None => error,
        }
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
            .field("attempts", &inner.attempts)
            .field("elapsed", &inner.elapsed)
            .field("source", &inner.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

fn capped(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&body[..body.len().min(BODY_KEPT)]).into_owned();
    while text.len() > BODY_KEPT {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_no_missing_object() {
        let headers = HeaderMap::new();
        let page =
            Error::from_answer(StatusCode::NOT_FOUND, &headers, b"\n<!doctype html><h1>Not Found</h1>");
        assert!(
            page.is_not_found() && page.is_unsupported() && page.to_string().contains("no such operation")
        );
        let object =
            Error::from_answer(StatusCode::NOT_FOUND, &headers, br#"{"detail":"No Order matches."}"#);
        assert!(object.is_not_found() && !object.is_unsupported());
        let proxy = Error::from_answer(StatusCode::BAD_GATEWAY, &headers, b"<html></html>");
        assert!(!proxy.is_unsupported());
    }

    #[test]
    fn bodies_are_capped() {
        assert_eq!(capped(&[b'x'; 5000]).len(), BODY_KEPT);
        assert!(capped(&[0xff; 5000]).len() <= BODY_KEPT);
    }
}
