//! What kinds of errors there are.

use std::fmt;

use http::StatusCode;

/// The kind of an [`Error`](super::Error).
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
    /// No response in time, or an order that isn't in the awaited state in time.
    Timeout,
    /// A response that is not what it should be, such as an HTML page.
    UnexpectedResponse,
    /// A wrong setting, such as the URL or the token; or 407: the proxy demands a user name and password.
    Configuration,
    /// An order ended in another state than the one that was waited for.
    Ended,
    /// The provider's own back end failed. [`Error::cause`] returns its error.
    Backend,
}

impl ErrorKind {
    pub(super) fn of_status(status: StatusCode) -> Self {
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
            _ => Self::UnexpectedResponse,
        }
    }

    pub(super) fn of_reqwest(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_builder() {
            Self::Configuration
        } else {
            Self::Transport
        }
    }

    /// Returns the words for people.
    fn words(self) -> &'static str {
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
            Self::UnexpectedResponse => "unexpected response",
            Self::Configuration => "wrong configuration",
            Self::Ended => "ended",
            Self::Backend => "the back end failed",
        }
    }
}

/// Shows words for people. [`ErrorKind::as_str`] returns the name for programs.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
