//! How requests leave: one pipeline under all calls, with retries, redirects, limits and telemetry.

mod authorization;
mod budget;
mod clock;
mod limiter;
mod pipeline;
mod received;
mod redact;
mod redirect;
mod retry;
mod telemetry;

use std::fmt::Debug;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::error::BoxError;
use crate::wire::Operation;

pub(crate) use authorization::{AuthHeader, Authorize, secret_header};
pub(crate) use budget::RetryBudget;
pub(crate) use clock::ServerClock;
pub(crate) use limiter::ConcurrencyLimiter;
pub(crate) use pipeline::{Connections, IMPERSONATED, Pipeline};
pub(crate) use received::Received;
pub use retry::RetryPolicy;

/// The longest that a time may be; more could not be added to a clock.
pub(crate) const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Sends one request: the network under all calls.
///
/// It is implemented by [`reqwest::Client`]. A test can bring its own, to answer without a network: see
/// [`ClientBuilder::transport`](crate::ClientBuilder::transport).
pub trait Transport: Send + Sync + Debug + 'static {
    /// Sends `request`, which is one of `operation`, once. A response of any status is a response.
    ///
    /// # Errors
    /// If there is no response. A [`reqwest::Error`] tells how the connection failed, which decides whether
    /// the request is retried; of any other error it isn't known whether the request arrived.
    fn execute(
        &self,
        request: reqwest::Request,
        operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>>;
}

impl Transport for reqwest::Client {
    fn execute(
        &self,
        request: reqwest::Request,
        _operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        let url = request.url().clone();
        let response = Self::execute(self, request);
        Box::pin(async move {
            let response = response.await?;
            if *response.url() == url { Ok(response) } else { Err(FollowedRedirect.into()) }
        })
    }
}

/// A caller's own HTTP client followed a redirect by itself.
#[derive(Debug)]
pub(crate) struct FollowedRedirect;

impl std::fmt::Display for FollowedRedirect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("follows redirects by itself: it has to be built with redirect::Policy::none()")
    }
}

impl std::error::Error for FollowedRedirect {}
