//! The provider's back end for usage.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::ResourceState;

use crate::agent::backend::BackendError;
use crate::backend_id::BackendId;
use crate::row::row;
use crate::usage::Month;

/// The provider's own system that measures usage, such as the accounting of a batch system.
///
/// See [`UsageProcessor`](super::UsageProcessor) for an example.
pub trait Meter: Send + Sync {
    /// Measures the usage of these resources of an offering in a month, from its first day to its last, or
    /// until now.
    ///
    /// What isn't measured is not reported; Waldur keeps what it has. Report an amount of zero for a
    /// component that wasn't used.
    fn measure(
        &self,
        resources: &[MeteredResource],
        month: Month,
    ) -> impl Future<Output = Result<Measurements, BackendError>> + Send;

    /// Checks whether usage can be measured now. It is called before each round, and before a resource that
    /// is reported [by itself](super::UsageProcessor::process). If it fails, the round is skipped: nothing is
    /// measured, and the report names the failure for each offering ([`Report::unlisted`]). By default the
    /// back end is always ready.
    ///
    /// [`Report::unlisted`]: crate::Report::unlisted
    fn ready(&self) -> impl Future<Output = Result<(), BackendError>> + Send {
        async { Ok(()) }
    }
}

impl<M: Meter> Meter for Arc<M> {
    async fn measure(
        &self,
        resources: &[MeteredResource],
        month: Month,
    ) -> Result<Measurements, BackendError> {
        M::measure(self, resources, month).await
    }

    async fn ready(&self) -> Result<(), BackendError> {
        M::ready(self).await
    }
}

row! {
    /// A resource, as it is listed.
    pub(super) struct ResourceRow {
        pub(super) uuid: Uuid = need "uuid",
        pub(super) name: String = or_default "name",
        pub(super) backend_id: Option<BackendId> = optional "backend_id",
        pub(super) state: ResourceState = or_unknown "state",
        pub(super) offering_uuid: Uuid = need "offering_uuid",
        pub(super) project_uuid: Option<Uuid> = optional "project_uuid",
    }
}

/// A resource whose usage is measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MeteredResource {
    /// The resource's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Its id in the back end.
    pub backend_id: BackendId,
    /// Its state.
    pub state: ResourceState,
    /// Its offering.
    pub offering_uuid: Uuid,
    /// The project that has it; none if the server doesn't send it.
    pub project_uuid: Option<Uuid>,
}

impl From<&MeteredResource> for Uuid {
    fn from(resource: &MeteredResource) -> Self {
        resource.uuid
    }
}

/// What a [`Meter`] has measured: amounts by resource, component and, optionally, user. Amounts are in the
/// units of the back end: see [`UsageProcessor::factor`](super::UsageProcessor::factor).
///
/// ```
/// use waldur_sdk::agent::Measurements;
/// use waldur_sdk::{Decimal, Uuid};
///
/// let resource = Uuid::from_u128(1);
/// let mut measured = Measurements::new();
/// measured.add(resource, "storage", Decimal::from(40));
/// measured.add_user(resource, "cpu", "alice01", Decimal::from(7200));
/// measured.add_user(resource, "cpu", "bob01", Decimal::from(3600));
/// assert_eq!(measured.total(resource, "cpu"), Some(Decimal::from(10_800)));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurements(BTreeMap<Uuid, BTreeMap<String, Measured>>);

/// What was measured of one component of a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Measured {
    /// The amount of the component, if it was measured apart from the users.
    pub(super) total: Option<Decimal>,
    pub(super) users: BTreeMap<String, Decimal>,
}

impl Measurements {
    /// Returns measurements of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds to the amount of a component.
    ///
    /// A component that has an amount of its own isn't summed up from its users.
    pub fn add(&mut self, resource: impl Into<Uuid>, component: impl Into<String>, amount: Decimal) {
        let measured = self.of_component(resource.into(), component.into());
        measured.total = Some(sum(measured.total.unwrap_or_default(), amount));
    }

    /// Adds to the amount that a user, by the name of the account, has used of a component.
    pub fn add_user(
        &mut self,
        resource: impl Into<Uuid>,
        component: impl Into<String>,
        username: impl Into<String>,
        amount: Decimal,
    ) {
        let users = &mut self.of_component(resource.into(), component.into()).users;
        // Servers trim both.
        let user = users.entry(username.into().trim().to_owned()).or_default();
        *user = sum(*user, amount);
    }

    /// Returns the amount of a component: its own, or the sum of its users.
    #[must_use]
    pub fn total(&self, resource: impl Into<Uuid>, component: &str) -> Option<Decimal> {
        let measured = self.0.get(&resource.into())?.get(component.trim())?;
        Some(measured.total.unwrap_or_else(|| measured.users.values().copied().fold(Decimal::ZERO, sum)))
    }

    /// Returns whether nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn of_resource(&self, resource: Uuid) -> Option<&BTreeMap<String, Measured>> {
        self.0.get(&resource)
    }

    pub(super) fn has_users(&self) -> bool {
        self.0.values().flat_map(BTreeMap::values).any(|measured| !measured.users.is_empty())
    }

    fn of_component(&mut self, resource: Uuid, component: String) -> &mut Measured {
        self.0.entry(resource).or_default().entry(component.trim().to_owned()).or_default()
    }
}

/// Adds amounts. What is too large for a sum stays too large to be reported.
pub(super) fn sum(one: Decimal, other: Decimal) -> Decimal {
    one.saturating_add(other)
}
