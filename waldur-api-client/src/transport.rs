//! The one seam under all operations: who carries a request.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use progenitor_client::ClientInfo as _;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, HeaderValue};

use crate::Client;
use crate::call::Operation;
use crate::error::BoxError;

/// Carries requests: adds credentials, retries, limits, or answers by itself in a test.
pub trait Transport: Send + Sync + Debug + 'static {
    /// Carries `request`, which is one of `operation`. An answer of any status is an answer; an error means
    /// that there is none, and reaches the caller as [`Failure::Transport`](crate::Failure::Transport).
    fn execute(
        &self,
        request: reqwest::Request,
        operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>>;
}

/// How an answer came, for transports that tell: they put it into the extensions of the response, and an
/// error about that answer carries it on.
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
        // Addresses may hold secrets.
        Box::pin(async move { answer.await.map_err(|error| BoxError::from(error.without_url())) })
    }
}

/// Says of a POST, PUT or PATCH without a body that it has none, by a `Content-Length` of 0. The HTTP client
/// leaves that out, and some proxies demand it (411).
pub fn declare_length(request: &mut reqwest::Request) {
    let empty = request.body().is_none_or(|body| body.as_bytes().is_some_and(<[u8]>::is_empty));
    if empty && [Method::POST, Method::PUT, Method::PATCH].contains(request.method()) {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
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
    /// A client of the deployment at `base_url` (scheme, host and port, without `/api`), whose requests are
    /// built by `http` and carried by `transport`.
    pub fn with_transport(base_url: &str, http: reqwest::Client, transport: Arc<dyn Transport>) -> Self {
        let hooks = Hooks { transport: Some(transport), strict: false };
        Self::new_with_client(base_url.trim_end_matches('/'), http, hooks)
    }

    /// This client in strict mode: a field of an answer that doesn't fit its type makes a call that reads an
    /// error, which names the operation, the JSON path and both kinds. (A call that changes something has
    /// happened when it is answered with a 2xx; such an answer never becomes an error.)
    #[must_use]
    pub fn strict(&self) -> Self {
        let hooks = Hooks { strict: true, ..self.inner().clone() };
        Self::new_with_client(self.baseurl(), self.client().clone(), hooks)
    }

    pub(crate) async fn carry(
        &self,
        mut request: reqwest::Request,
        operation: &'static Operation,
    ) -> Result<reqwest::Response, BoxError> {
        declare_length(&mut request);
        match &self.inner().transport {
            Some(transport) => transport.execute(request, operation).await,
            None => Transport::execute(self.client(), request, operation).await,
        }
    }
}
