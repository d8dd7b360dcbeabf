//! What a service provider does every day.

mod accounts;
#[cfg(feature = "agent")]
mod membership;
mod offerings;
mod users;

use futures_util::future::BoxFuture;
use uuid::Uuid;

#[cfg(feature = "agent")]
pub use membership::{
    DepartedAccount, MemberItem, MemberOutcome, MemberStep, MembershipBackend, MembershipOptions,
    MembershipPlan, MembershipReport, MembershipResource, MembershipSync, NoBackendId, PlannedMember,
    SyncedResource,
};
pub use offerings::{
    ComponentDefinition, ComponentItem, ComponentPlan, ComponentStep, OfferingComponent, OfferingDetails,
    OfferingPlan,
};
pub use users::{
    ProjectPermission, ProvidedOffering, ServedCustomer, ServedProject, ServiceProvider, SshKey, User,
};

use crate::bulk::Bulk;
use crate::orders::{self, Action, OrderHandle, Orders};
use crate::resources::{ResourceHandle, Resources};
use crate::row::{self, Row, Rows};
use crate::usage::Usages;
use waldur_api_client::Client;
use waldur_api_client::Error;
use waldur_api_client::ListExt;

/// The work of a service provider, for all offerings that the user can see or for some of them.
///
/// A user who is more than a provider, such as staff, sees orders of others too: narrow it down.
#[derive(Clone, Debug)]
pub struct Provider {
    client: Client,
    provider_uuid: Option<Uuid>,
    offering_uuid: Option<Uuid>,
}

impl Provider {
    /// Returns the orders of the provider's offerings, to narrow and to list or act on them.
    pub fn orders(&self) -> Orders {
        Orders::new(&self.client)
    }

    /// Returns a handle of one order.
    #[must_use]
    pub fn order(&self, order: impl Into<Uuid>) -> OrderHandle {
        OrderHandle::new(&self.client, order.into())
    }

    /// Approves the orders with these uuids. (`marketplace_orders_approve_by_provider`)
    ///
    /// Requires the permission `ORDER.APPROVE` on their offerings.
    pub fn approve_orders(&self, orders: impl IntoIterator<Item = impl Into<Uuid>>) -> Bulk<'static, Uuid> {
        orders::each_of(&self.client, orders, Action::Approve)
    }

    /// Rejects the orders with these uuids, with a reason for the customers, which may be empty.
    /// (`marketplace_orders_reject_by_provider`)
    ///
    /// Requires the permission `ORDER.REJECT` on their offerings.
    pub fn reject_orders(
        &self,
        orders: impl IntoIterator<Item = impl Into<Uuid>>,
        reason: impl Into<String>,
    ) -> Bulk<'static, Uuid> {
        orders::each_of(&self.client, orders, Action::Reject { reason: reason.into() })
    }

    /// Returns the resources of the provider's offerings, to narrow and to list or report on them.
    pub fn resources(&self) -> Resources {
        Resources::new(&self.client)
    }

    /// Returns a handle of one resource.
    #[must_use]
    pub fn resource(&self, resource: impl Into<Uuid>) -> ResourceHandle {
        ResourceHandle::new(&self.client, resource.into())
    }

    /// Returns the usage that was reported of the resources, to narrow and to list it.
    pub fn usages(&self) -> Usages {
        Usages::new(&self.client)
    }

    pub(crate) fn new(client: Client) -> Self {
        Self { client, provider_uuid: None, offering_uuid: None }
    }

    /// Narrows memberships to this provider, by the uuid of its organization.
    #[must_use]
    pub fn of_customer(mut self, customer: Uuid) -> Self {
        self.provider_uuid = Some(customer);
        self
    }

    /// Narrows memberships to this offering.
    #[must_use]
    pub fn of_offering(mut self, offering: Uuid) -> Self {
        self.offering_uuid = Some(offering);
        self
    }
}

impl Provider {
    /// All rows of a list, each once; pages beyond the first are asked for side by side.
    pub(crate) fn rows<R: Row>(&self, list: impl ListExt) -> BoxFuture<'static, Result<Rows<R>, Error>> {
        row::all(list.into_request(), self.client.bulk_concurrency())
    }
}
