//! The workflows of a client.

use std::future::IntoFuture as _;

use uuid::Uuid;
use waldur_api_client::{Client, Error};

use crate::bulk::Report;
#[cfg(feature = "consumer")]
use crate::consumer::Consumer;
#[cfg(feature = "events")]
use crate::events::EventsBuilder;
use crate::orders::Order;
use crate::provider::Provider;
use crate::usage::{Amounts, ReportedUsage};

mod sealed {
    pub trait Sealed {}
    impl Sealed for waldur_api_client::Client {}
}

/// Adds the workflows to [`Client`]. Import it to call them:
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
    /// Returns the workflows of a service provider. Nothing is sent.
    fn provider(&self) -> Provider;

    /// Returns the workflows of a consumer: to order, use and end resources. Nothing is sent.
    ///
    /// Requires the feature `consumer`.
    #[cfg(feature = "consumer")]
    fn consumer(&self) -> Consumer;

    /// Returns the builder of a subscription to events: see [`events`](crate::events). Nothing is sent.
    #[cfg(feature = "events")]
    fn events(&self) -> EventsBuilder;

    /// Lists the executing orders of all offerings and reports each as unchanged.
    ///
    /// Waldur's provider guide has this loop. An executing order is already approved, so no approval is sent.
    /// To approve orders, call [`approve_all_pending_orders`](Self::approve_all_pending_orders).
    ///
    /// # Errors
    /// The errors of listing the orders, such as [`Error::is_unauthenticated`].
    fn approve_all_executing_orders(&self) -> impl Future<Output = Result<Report<Order>, Error>> + Send;

    /// Approves all orders that wait for the provider:
    /// [`Orders::approve_all`](crate::orders::Orders::approve_all).
    ///
    /// Requires the permission `ORDER.APPROVE` on the organizations of the offerings.
    ///
    /// # Errors
    /// The errors of listing the orders. The failure of one order is in the report.
    fn approve_all_pending_orders(&self) -> impl Future<Output = Result<Report<Order>, Error>> + Send;

    /// Marks all executing orders as done: [`Orders::complete_all`](crate::orders::Orders::complete_all).
    ///
    /// Call this only when the back end has finished their work. Requires the permission `ORDER.APPROVE` on
    /// the organizations of the offerings.
    ///
    /// # Errors
    /// The errors of listing the orders. The failure of one order is in the report.
    fn complete_all_executing_orders(&self) -> impl Future<Output = Result<Report<Order>, Error>> + Send;

    /// Reports the usage of each component of a resource for the current month, and replaces what was
    /// reported before. Amounts are in the [`measured_unit`](crate::usage::Component::measured_unit) of each
    /// component.
    ///
    /// Calls [`ResourceHandle::report_usage`](crate::resources::ResourceHandle::report_usage) with
    /// [`all`](crate::usage::UsageReport::all) and
    /// [`allow_decrease`](crate::usage::UsageReport::allow_decrease).
    ///
    /// # Errors
    /// Those of [`UsageReport`](crate::usage::UsageReport), such as [`Error::is_validation`] if an amount is
    /// refused.
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

    #[cfg(feature = "consumer")]
    fn consumer(&self) -> Consumer {
        Consumer::new(self.clone())
    }

    #[cfg(feature = "events")]
    fn events(&self) -> EventsBuilder {
        EventsBuilder::new(self.clone())
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
