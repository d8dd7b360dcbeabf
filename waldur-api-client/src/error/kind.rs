//! The kinds of errors.

use std::fmt;

use http::StatusCode;

/// The kind of an [`Error`](super::Error).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// 401: the server doesn't accept the token.
    Unauthenticated,
    /// 403: the user has no permission.
    Forbidden,
    /// 404 or 410: the object doesn't exist, or is not visible to the user.
    NotFound,
    /// 409: the operation is not possible in the state of the object.
    Conflict,
    /// 400 and most other 4xx, or an invalid value in a request that was not sent.
    Validation,
    /// 429: too many requests.
    RateLimited,
    /// 5xx: the server or a proxy failed.
    Server,
    /// The connection could not be made, or broke; or 411: a proxy requires the length of the body.
    Transport,
    /// No response in time, or an order that didn't reach the awaited state in time.
    Timeout,
    /// A response that can't be decoded, or an HTML page.
    UnexpectedResponse,
    /// An invalid setting, such as the URL or the token; or 407: the proxy requires a user name and password.
    Configuration,
    /// An order ended in a state other than the awaited one.
    Ended,
    /// The back end of the provider failed. [`Error::cause`](crate::Error::cause) returns its error.
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

    /// Returns the description.
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
            Self::Timeout => "no response in time",
            Self::UnexpectedResponse => "unexpected response",
            Self::Configuration => "wrong configuration",
            Self::Ended => "ended",
            Self::Backend => "the back end failed",
        }
    }
}

/// Formats the description. [`ErrorKind::as_str`] returns the stable name.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
