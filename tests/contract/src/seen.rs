//! Responses of a server that a program visits.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// A response as it was received.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method of the request.
    pub method: Method,
    /// The path and the query of the request.
    pub path: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// The time from the request to the end of the body.
    pub elapsed: Duration,
}

impl Seen {
    /// Returns the text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns whether the body is declared as JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.contains("json"))
    }
}
