//! How an attempt failed.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use super::FollowedRedirect;
use crate::error::BoxError;

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// A response with this status, and its `Retry-After`.
    Status { status: u16, retry_after: Option<Duration> },
    /// The connection could not be made.
    Unsent,
    /// The connection broke or the time limit passed after the request may have been sent.
    NoResponse,
    /// Another attempt would fail as well, for example because a certificate isn't trusted.
    Permanent,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, .. } => write!(f, "{status}"),
            Self::Unsent => f.write_str("no connection"),
            Self::NoResponse => f.write_str("no response"),
            Self::Permanent => f.write_str("not possible"),
        }
    }
}

impl FailureKind {
    /// Returns how a request without a response failed. The only failure that the HTTP client reports
    /// reliably is that it could not connect.
    pub(crate) fn of(error: &BoxError) -> Self {
        if error.is::<FollowedRedirect>() {
            return Self::Permanent;
        }
        let Some(error) = error.downcast_ref::<reqwest::Error>() else { return Self::NoResponse };
        if error.is_builder() {
            return Self::Permanent;
        }
        if !error.is_connect() {
            return Self::NoResponse;
        }
        // A port without TLS, or a certificate that isn't trusted, stays so.
        if is_invalid_data(error) { Self::Permanent } else { Self::Unsent }
    }
}

/// Returns whether invalid data is the cause of an error.
fn is_invalid_data(error: &(dyn Error + 'static)) -> bool {
    let Some(io) = error.downcast_ref::<io::Error>() else {
        return error.source().is_some_and(is_invalid_data);
    };
    // The source of an I/O error skips the error that it wraps.
    io.kind() == ErrorKind::InvalidData || io.get_ref().is_some_and(|inner| is_invalid_data(inner))
}
