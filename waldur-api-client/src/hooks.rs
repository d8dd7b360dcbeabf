//! The one seam under all operations: who carries a request.

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use progenitor_client::{ClientHooks, ClientInfo as _, OperationInfo};

use crate::Client;

/// Carries requests: adds credentials, retries, limits, or answers by itself in a test.
pub trait Transport: Send + Sync + Debug + 'static {
    /// Carries `request`, which is of the operation with the id `operation`.
    fn execute(
        &self,
        request: reqwest::Request,
        operation: &'static str,
    ) -> BoxFuture<'_, reqwest::Result<reqwest::Response>>;
}

/// What every call of a [`Client`] passes through: its transport, or the plain HTTP client where there is none.
#[derive(Clone, Debug, Default)]
pub struct Hooks(pub(crate) Option<Arc<dyn Transport>>);

impl Client {
    /// A client of the deployment at `base_url` (scheme, host and port, without `/api`), whose requests are built by
    /// `http` and carried by `transport`.
    pub fn with_transport(base_url: &str, http: reqwest::Client, transport: Arc<dyn Transport>) -> Self {
        Self::new_with_client(base_url.trim_end_matches('/'), http, Hooks(Some(transport)))
    }
}

impl ClientHooks<Hooks> for Client {
    async fn exec(
        &self,
        request: reqwest::Request,
        info: &OperationInfo,
    ) -> reqwest::Result<reqwest::Response> {
        match &self.inner().0 {
            Some(transport) => transport.execute(request, info.operation_id).await,
            None => self.client().execute(request).await,
        }
    }
}
