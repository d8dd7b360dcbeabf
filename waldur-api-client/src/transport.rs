//! The one seam under all operations: who carries a request.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use progenitor_client::ClientInfo as _;

use crate::Client;
use crate::call::Operation;
use crate::error::BoxError;

/// Carries requests: adds credentials, retries, limits, or answers by itself in a test.
pub trait Transport: Send + Sync + Debug + 'static {
    /// Carries `request`, which is one of `operation`. An answer of any status is an answer; an error means that
    /// there is none, and reaches the caller as [`Failure::Transport`](crate::Failure::Transport).
    fn execute(
        &self,
        request: reqwest::Request,
        operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>>;
}

/// How an answer came, for transports that tell: they put it into the extensions of the response, and an error about
/// that answer carries it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// How many requests were sent.
    pub attempts: u32,
    /// How long all took, pauses included.
    pub elapsed: Duration,
}

/// The plain transport: each request is sent once, as it is.
impl Transport for reqwest::Client {
    fn execute(
        &self,
        request: reqwest::Request,
        _operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        let answer = Self::execute(self, request);
        Box::pin(async move { answer.await.map_err(BoxError::from) })
    }
}

/// What every call of a [`Client`] passes through.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    /// None: the plain HTTP client.
    transport: Option<Arc<dyn Transport>>,
    /// Whether a field that doesn't fit is an error.
    pub(crate) strict: bool,
}

impl Client {
    /// A client of the deployment at `base_url` (scheme, host and port, without `/api`), whose requests are built by
    /// `http` and carried by `transport`.
    pub fn with_transport(base_url: &str, http: reqwest::Client, transport: Arc<dyn Transport>) -> Self {
        let hooks = Hooks { transport: Some(transport), strict: false };
        Self::new_with_client(base_url.trim_end_matches('/'), http, hooks)
    }

    /// This client in strict mode: a field of an answer that doesn't fit its type makes a call that reads an error,
    /// which names the operation, the JSON path and both kinds. (A call that changes something has happened when
    /// it is answered with a 2xx; such an answer never becomes an error.)
    #[must_use]
    pub fn strict(&self) -> Self {
        let hooks = Hooks { strict: true, ..self.inner().clone() };
        Self::new_with_client(self.baseurl(), self.client().clone(), hooks)
    }

    pub(crate) async fn carry(
        &self,
        request: reqwest::Request,
        operation: &'static Operation,
    ) -> Result<reqwest::Response, BoxError> {
        match &self.inner().transport {
            Some(transport) => transport.execute(request, operation).await,
            None => Transport::execute(self.client(), request, operation).await,
        }
    }
}
