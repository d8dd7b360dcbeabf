//! The client.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::config::ClientBuilder;
use crate::error::Error;
use crate::outcome::Report;
use crate::provider::{Amounts, LiveResource, Order, Provider, ReportedUsage};
use crate::types::OrderState;

/// A Waldur server as one user sees it. Clones are cheap and share the connections.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use waldur_sandbox::{Actor, Sandbox};
/// use waldur_sdk::Client;
/// use waldur_sdk::types::OrderState;
///
/// let sandbox = Sandbox::start().await?;
/// let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
///
/// let waiting = client.orders([OrderState::PendingProvider]).await?;
/// assert!(waiting.iter().all(|order| order.state == OrderState::PendingProvider));
///
/// let report = client.approve_all_pending_orders().await?;
/// assert_eq!(report.done(), waiting.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) api: waldur_api_client::Client,
    pub(crate) url: String,
    pub(crate) concurrency: usize,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.shared.url)
            .field("concurrency", &self.shared.concurrency)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// A client to one's own wishes.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client for the server of `WALDUR_API_URL` with the token of `WALDUR_ACCESS_TOKEN`.
    ///
    /// # Errors
    /// If one of them is missing or wrong; the error names it.
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.build()
    }

    /// The generated client, with the same token and connections: every operation of the API.
    #[must_use]
    pub fn api(&self) -> &waldur_api_client::Client {
        &self.shared.api
    }

    /// The address of the server, without `/api`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// How many requests of one workflow are under way at once.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.shared.concurrency
    }

    /// What a service provider does, with all of the offerings that the user can see.
    #[must_use]
    pub fn provider(&self) -> Provider {
        Provider::new(self.clone())
    }

    /// [`Provider::orders`] of all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn orders(&self, states: impl IntoIterator<Item = OrderState>) -> Result<Vec<Order>, Error> {
        self.provider().orders(states).await
    }

    /// [`Provider::approve_all_executing_orders`] of all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn approve_all_executing_orders(&self) -> Result<Report, Error> {
        self.provider().approve_all_executing_orders().await
    }

    /// [`Provider::approve_all_pending_orders`] of all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn approve_all_pending_orders(&self) -> Result<Report, Error> {
        self.provider().approve_all_pending_orders().await
    }

    /// [`Provider::complete_all_executing_orders`] of all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn complete_all_executing_orders(&self) -> Result<Report, Error> {
        self.provider().complete_all_executing_orders().await
    }

    /// [`Provider::live_resources`] of all offerings.
    ///
    /// # Errors
    /// If the resources can't be listed.
    pub async fn live_resources(&self) -> Result<Vec<LiveResource>, Error> {
        self.provider().live_resources().await
    }

    /// [`Provider::set_usage_for_all_components`].
    ///
    /// # Errors
    /// If the components can't be read, an amount is refused or the report fails.
    pub async fn set_usage_for_all_components(
        &self,
        resource: Uuid,
        amounts: impl Into<Amounts>,
    ) -> Result<ReportedUsage, Error> {
        self.provider().set_usage_for_all_components(resource, amounts).await
    }
}
