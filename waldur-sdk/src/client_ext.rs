//! The workflows of a client.

use std::future::IntoFuture as _;

use uuid::Uuid;
use waldur_api_client::{Client, Error};

use crate::bulk::Report;
use crate::orders::Order;
use crate::provider::Provider;
use crate::usage::{Amounts, ReportedUsage};

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
/// use waldur_sdk::{Client, ClientExt as _};
///
/// let sandbox = Sandbox::start().await?;
/// let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
///
/// let waiting = client.provider().orders().pending().count().await?;
/// let report = client.approve_all_pending_orders().await?;
/// assert_eq!(report.applied() as u64, waiting);
/// # Ok(())
/// # }
/// ```
pub trait ClientExt: sealed::Sealed {
    /// Returns the work of a service provider, with all of the offerings that the user can see.
    fn provider(&self) -> Provider;

    /// Takes the executing orders of all offerings and reports each as unchanged, as Waldur's provider guide
    /// does: an executing order is past its approval, so nothing is sent beside the list.
    ///
    /// What waits for approval is approved by
    /// [`approve_all_pending_orders`](Self::approve_all_pending_orders).
    ///
    /// # Errors
    /// If the orders can't be listed.
    fn approve_all_executing_orders(&self) -> impl Future<Output = Result<Report<Order>, Error>> + Send;

    /// Approves all orders that wait for the provider:
    /// [`Orders::approve_all`](crate::orders::Orders::approve_all).
    ///
    /// # Errors
    /// If the orders can't be listed.
    fn approve_all_pending_orders(&self) -> impl Future<Output = Result<Report<Order>, Error>> + Send;

    /// Marks all executing orders as done: [`Orders::complete_all`](crate::orders::Orders::complete_all).
    ///
    /// # Errors
    /// If the orders can't be listed.
    fn complete_all_executing_orders(&self) -> impl Future<Output = Result<Report<Order>, Error>> + Send;

    /// Reports what a resource used of each component in the current month, in place of what was reported
    /// before: [`ResourceHandle::report_usage`](crate::resources::ResourceHandle::report_usage) with
    /// [`all`](crate::usage::UsageReport::all) and
    /// [`allow_decrease`](crate::usage::UsageReport::allow_decrease).
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

    async fn approve_all_executing_orders(&self) -> Result<Report<Order>, Error> {
        self.provider().orders().executing().approve_all().await
    }

    async fn approve_all_pending_orders(&self) -> Result<Report<Order>, Error> {
        self.provider().orders().pending().approve_all().await
    }

    async fn complete_all_executing_orders(&self) -> Result<Report<Order>, Error> {
        self.provider().orders().executing().complete_all().await
    }

    fn set_usage_for_all_components(
        &self,
        resource: Uuid,
        amounts: impl Into<Amounts>,
    ) -> impl Future<Output = Result<ReportedUsage, Error>> + Send {
        self.provider().resource(resource).report_usage().all(amounts).allow_decrease().into_future()
    }
}
