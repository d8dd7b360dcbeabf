//! The workflows of a client.

use uuid::Uuid;
use waldur_api_client::types::OrderState;
use waldur_api_client::{Client, Error};

use crate::outcome::Report;
use crate::provider::{Amounts, LiveResource, Order, Provider, ReportedUsage};
use crate::row::Rows;

mod sealed {
    pub trait Sealed {}
    impl Sealed for waldur_api_client::Client {}
}

/// The workflows of a [`Client`]. Import it to call them:
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use waldur_sandbox::{Actor, Sandbox};
/// use waldur_sdk::types::OrderState;
/// use waldur_sdk::{Client, ClientExt as _};
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
pub trait ClientExt: sealed::Sealed {
    /// Returns the work of a service provider, with all of the offerings that the user can see.
    fn provider(&self) -> Provider;

    /// Calls [`Provider::orders`] for all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    fn orders(
        &self,
        states: impl IntoIterator<Item = OrderState>,
    ) -> impl Future<Output = Result<Rows<Order>, Error>> + Send;

    /// Calls [`Provider::approve_all_executing_orders`] for all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    fn approve_all_executing_orders(&self) -> impl Future<Output = Result<Report, Error>> + Send;

    /// Calls [`Provider::approve_all_pending_orders`] for all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    fn approve_all_pending_orders(&self) -> impl Future<Output = Result<Report, Error>> + Send;

    /// Calls [`Provider::complete_all_executing_orders`] for all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    fn complete_all_executing_orders(&self) -> impl Future<Output = Result<Report, Error>> + Send;

    /// Calls [`Provider::live_resources`] for all offerings.
    ///
    /// # Errors
    /// If the resources can't be listed.
    fn live_resources(&self) -> impl Future<Output = Result<Rows<LiveResource>, Error>> + Send;

    /// Calls [`Provider::set_usage_for_all_components`].
    ///
    /// # Errors
    /// If the components can't be read, an amount is refused or the report fails.
    fn set_usage_for_all_components(
        &self,
        resource: Uuid,
        amounts: impl Into<Amounts>,
    ) -> impl Future<Output = Result<ReportedUsage, Error>> + Send;
}

impl ClientExt for Client {
    fn provider(&self) -> Provider {
        Provider::new(self.clone())
    }

    fn orders(
        &self,
        states: impl IntoIterator<Item = OrderState>,
    ) -> impl Future<Output = Result<Rows<Order>, Error>> + Send {
        let (provider, states) = (self.provider(), states.into_iter().collect::<Vec<_>>());
        async move { provider.orders(states).await }
    }

    async fn approve_all_executing_orders(&self) -> Result<Report, Error> {
        self.provider().approve_all_executing_orders().await
    }

    async fn approve_all_pending_orders(&self) -> Result<Report, Error> {
        self.provider().approve_all_pending_orders().await
    }

    async fn complete_all_executing_orders(&self) -> Result<Report, Error> {
        self.provider().complete_all_executing_orders().await
    }

    async fn live_resources(&self) -> Result<Rows<LiveResource>, Error> {
        self.provider().live_resources().await
    }

    fn set_usage_for_all_components(
        &self,
        resource: Uuid,
        amounts: impl Into<Amounts>,
    ) -> impl Future<Output = Result<ReportedUsage, Error>> + Send {
        let (provider, amounts) = (self.provider(), amounts.into());
        async move { provider.set_usage_for_all_components(resource, amounts).await }
    }
}
