//! The pipeline of all calls: authorization, retries, redirects, limits and telemetry.

mod authorization;
mod budget;
mod clock;
mod failure;
mod limiter;
mod pipeline;
mod received;
pub(crate) mod redact;
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
pub(crate) use received::{Received, SecretResponses};
pub use retry::RetryPolicy;

/// The longest duration of a setting. Longer ones could overflow a clock.
pub(crate) const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Sends single requests. Retries, redirects, limits and telemetry are above it.
///
/// [`reqwest::Client`] implements it. A test can implement it to respond without a network:
///
/// ```
/// use std::sync::Arc;
///
/// use futures_util::future::BoxFuture;
/// use waldur_api_client::{BoxError, Client, Method, Operation, Transport};
///
/// #[derive(Debug)]
/// struct Empty;
///
/// impl Transport for Empty {
///     fn execute(
///         &self,
///         request: reqwest::Request,
///         operation: &'static Operation,
///     ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
///         assert_eq!((request.url().path(), operation.id), ("/api/version/", "raw"));
///         Box::pin(async { Ok(http::Response::new("[]").into()) })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), waldur_api_client::Error> {
/// let client = Client::builder().url("https://waldur.example.org").token("0123").transport(Arc::new(Empty));
/// let response = client.build()?.request(Method::GET, "/api/version/").send().await?;
/// assert_eq!(response.json::<Vec<String>>()?.len(), 0);
/// # Ok(())
/// # }
/// ```
pub trait Transport: Send + Sync + Debug + 'static {
    /// Sends `request`, which is a request of `operation`, once. Returns a response of any status.
    ///
    /// # Errors
    /// If there is no response. A [`reqwest::Error`] shows how the connection failed, which decides whether
    /// the request is retried. After any other error, the request counts as one that may have arrived.
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

/// The error of a caller's own HTTP client that follows redirects by itself.
#[derive(Debug)]
pub(crate) struct FollowedRedirect;

impl std::fmt::Display for FollowedRedirect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("follows redirects by itself: it has to be built with redirect::Policy::none()")
    }
}

impl std::error::Error for FollowedRedirect {}
