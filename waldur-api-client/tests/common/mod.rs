//! What the tests and benchmarks share: builders of clients.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::time::Duration;

use waldur_api_client::{Client, ClientBuilder, RetryPolicy};

/// Returns the builder of a client that has no settings yet.
pub(crate) fn blank_client_builder() -> ClientBuilder {
    Client::builder()
}

/// Returns the builder of a client for a server, with a token.
pub(crate) fn client_builder_at(url: impl Into<String>, token: impl Into<String>) -> ClientBuilder {
    blank_client_builder().url(url).token(token.into())
}

/// Returns the usual retry policy with pauses of 1 ms to 5 ms.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy::default().backoff(Duration::from_millis(1), Duration::from_millis(5))
}
