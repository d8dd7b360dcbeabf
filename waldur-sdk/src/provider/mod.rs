//! What a service provider does every day.

mod access;
mod booking;
#[cfg(feature = "agent")]
mod membership;
mod offerings;
mod orders;
mod report;
mod resources;
mod robot_accounts;
mod service_accounts;
mod team;
mod usage;
mod user_usage;
mod users;
mod waiting;

use futures_util::future::BoxFuture;
use uuid::Uuid;

pub use access::{Access, AccessGaps, OfferingUser, OfferingUserTransition};
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
#[cfg(feature = "agent")]
pub(crate) use orders::Action;
pub use orders::{Order, OrderFilter};
pub use report::{AmountFn, Amounts, ReportedUsage, UsageReport};
pub use resources::{Endpoint, Resource, ResourceFilter};
pub use robot_accounts::{RobotAccount, RobotAccountTransition};
pub use service_accounts::{
    CourseAccount, ServiceAccount, ServiceAccountOwner, ServiceAccountRequest, ServiceAccountToken,
};
pub use team::TeamMember;
pub use usage::{Component, ComponentUsage, LiveResource, PlanPeriod, Usage, UserUsage};
pub use user_usage::{UserAmount, UserUsageItem};
pub use users::{
    ProjectPermission, ProvidedOffering, ServedCustomer, ServedProject, ServiceProvider, SshKey, User,
};
pub use waiting::{OrderWait, UnfinishedOrder};

use crate::row::{self, Row, Rows};
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
    pub(crate) fn new(client: Client) -> Self {
        Self { client, provider_uuid: None, offering_uuid: None }
    }

    /// Only orders and resources of this provider, by the uuid of its organisation.
    #[must_use]
    pub fn of_customer(mut self, customer: Uuid) -> Self {
        self.provider_uuid = Some(customer);
        self
    }

    /// Only orders and resources of this offering.
    #[must_use]
    pub fn of_offering(mut self, offering: Uuid) -> Self {
        self.offering_uuid = Some(offering);
        self
    }
}

impl Provider {
    /// All rows of a list, each once; pages beyond the first are asked for side by side.
    pub(crate) fn rows<R: Row>(&self, list: impl ListExt) -> BoxFuture<'static, Result<Rows<R>, Error>> {
        row::all(list.listing(), self.client.bulk_concurrency())
    }
}
