//! Reading the reported usage of resources.

use std::fmt;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{Client, Error, ErrorKind, ListExt as _, builder};

use super::month::Month;
use crate::collection::collection;
use crate::resources::ResourceHandle;
use crate::row::{self, Rows, row};

row! {
    /// The reported usage of one component of a resource in a month.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Usage {
        /// The uuid of the usage.
        pub uuid: Uuid = need "uuid",
        /// The resource.
        pub resource_uuid: Option<Uuid> = optional "resource_uuid",
        /// The name of the resource.
        pub resource_name: String = or_default "resource_name",
        /// The offering of the resource.
        pub offering_uuid: Option<Uuid> = optional "offering_uuid",
        /// The name of the offering.
        pub offering_name: String = or_default "offering_name",
        /// The project that has the resource.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The name of the project.
        pub project_name: String = or_default "project_name",
        /// The organization (Waldur's customer) of the project.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// The name of the organization.
        pub customer_name: String = or_default "customer_name",
        /// The type of the component, such as `cpu`.
        #[serde(rename = "type")]
        pub type_: String = need "type",
        /// The name of the component, for display.
        pub name: String = or_default "name",
        /// The unit of the amount; empty if the server doesn't send it.
        pub measured_unit: String = or_default "measured_unit",
        /// The amount, in `measured_unit`.
        pub amount: Decimal = need "usage",
        /// The month.
        pub month: Month = need "billing_period",
        /// When the usage was first reported.
        pub created: Option<DateTime<Utc>> = optional "created",
        /// The provider's description.
        pub description: String = or_default "description",
        /// Whether the usage also counts for the following months, until other usage is reported.
        pub recurring: bool = or_default "recurring",
    }
}

row! {
    /// The reported usage of one component of a resource by one user in a month.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct UserUsage {
        /// The uuid of the user's usage.
        pub uuid: Uuid = need "uuid",
        /// The [`Usage`] of the component that this is a share of.
        pub usage_uuid: Option<Uuid> = by_address "component_usage",
        /// The type of the component, such as `cpu`.
        #[serde(rename = "type")]
        pub type_: String = need "component_type",
        /// The username of the offering user.
        pub username: String = need "username",
        /// The amount, in the unit of the component.
        pub amount: Decimal = need "usage",
    }
}

row! {
    /// The amount of one component in a report. Displays as the type and the amount, such as `cpu 123.45`.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ComponentUsage {
        /// The type of the component, such as `cpu`.
        #[serde(rename = "type")]
        pub type_: String = need "type",
        /// The amount as sent, in the unit of the component.
        pub amount: Decimal = need "usage",
    }
}

impl fmt::Display for ComponentUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.type_, self.amount)
    }
}

row! {
    /// A period in which a resource had one plan.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct PlanPeriod {
        /// The uuid of the period, for [`UsageReport::plan_period`](super::UsageReport::plan_period).
        pub uuid: Uuid = need "uuid",
        /// The plan's uuid.
        pub plan_uuid: Option<Uuid> = optional "plan_uuid",
        /// The plan's name.
        pub plan_name: String = or_default "plan_name",
        /// When the period began.
        pub start: Option<DateTime<Utc>> = optional "start",
        /// When the period ended; `None` for the current period.
        pub end: Option<DateTime<Utc>> = optional "end",
        /// The usage reported in the period.
        pub usages: Vec<ComponentUsage> = or_default "components",
    }
}

impl From<&PlanPeriod> for Uuid {
    fn from(period: &PlanPeriod) -> Self {
        period.uuid
    }
}

row! {
    /// The fields of a row of usage that a report needs. Fewer fields than in [`Usage`] are required, so that
    /// fewer rows are unreadable.
    pub(super) struct ReportedRow {
        pub(super) uuid: Option<Uuid> = optional "uuid",
        pub(super) type_: Option<String> = non_empty "type",
        pub(super) amount: Option<Decimal> = optional "usage",
        pub(super) created: Option<DateTime<Utc>> = optional "created",
        pub(super) description: String = or_default "description",
        pub(super) recurring: bool = or_default "recurring",
    }
}

impl ReportedRow {
    /// Returns the error of a row whose `field` can't be read.
    pub(super) fn unreadable(&self, field: &str) -> Error {
        let row = self.uuid.map_or("a row without uuid".to_owned(), |uuid| format!("row {}", uuid.simple()));
        let error =
            Error::new(ErrorKind::UnexpectedResponse, format!("{row} of usage has no usable `{field}`"));
        error.with_operation(builder::MarketplaceComponentUsagesList::OPERATION)
    }
}

/// The reported usage of resources. Filters narrow the collection; its verbs list the usage. Nothing is sent
/// until a verb is called. (`marketplace_component_usages_list`)
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let offering = sandbox.ids().offerings.slurm;
/// use waldur_sdk::Month;
///
/// let usages = client.provider().usages().month(Month::current()).offering(offering);
/// for usage in usages.all().await? {
///     println!("{}: {} {} of {}", usage.resource_name, usage.amount, usage.measured_unit, usage.name);
/// }
/// # Ok(())
/// # }
/// ```
///
/// One list has the usage of all resources, so an exporter sends one request per page, not per resource.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Usages {
    client: Client,
    month: Option<Month>,
    offering: Option<Uuid>,
    resource: Option<Uuid>,
    project: Option<Uuid>,
    customer: Option<Uuid>,
    type_: Option<String>,
}

collection!(Usages, Usage);

impl Usages {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            month: None,
            offering: None,
            resource: None,
            project: None,
            customer: None,
            type_: None,
        }
    }

    /// Keeps the usage of this month.
    pub fn month(mut self, month: impl Into<Month>) -> Self {
        self.month = Some(month.into());
        self
    }

    /// Keeps the usage of this offering's resources.
    pub fn offering(mut self, offering: impl Into<Uuid>) -> Self {
        self.offering = Some(offering.into());
        self
    }

    /// Keeps the usage of this resource.
    pub fn resource(mut self, resource: impl Into<Uuid>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Keeps the usage of this project's resources.
    pub fn project(mut self, project: impl Into<Uuid>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Keeps the usage of resources that belong to this organization as a customer.
    pub fn customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Keeps the usage of components of this type, such as `cpu`.
    pub fn component(mut self, type_: impl Into<String>) -> Self {
        self.type_ = Some(type_.into());
        self
    }

    /// Returns the operation `marketplace_component_usages_list` with these filters.
    pub(super) fn request(&self) -> builder::MarketplaceComponentUsagesList {
        let mut list = self.client.marketplace_component_usages_list();
        if let Some(month) = self.month {
            list = list.billing_period(month.first_day());
        }
        if let Some(uuid) = self.offering {
            list = list.offering_uuid(uuid);
        }
        if let Some(uuid) = self.resource {
            list = list.resource_uuid(uuid);
        }
        if let Some(uuid) = self.project {
            list = list.project_uuid(uuid);
        }
        if let Some(uuid) = self.customer {
            list = list.customer_uuid(uuid);
        }
        if let Some(type_) = &self.type_ {
            list = list.type_(type_.clone());
        }
        list
    }
}

impl ResourceHandle {
    /// Lists the reported usage of the resource in a month, one row per component.
    /// (`marketplace_component_usages_list`)
    ///
    /// # Errors
    /// The errors of the request, such as [`Error::is_unauthenticated`] or [`Error::is_server`]. For a
    /// resource that is not visible to the caller, the list is empty.
    pub async fn usage(&self, month: impl Into<Month>) -> Result<Rows<Usage>, Error> {
        let usages = Usages::new(&self.client).resource(self.uuid).month(month);
        usages.all().await
    }

    /// Lists the reported usage of the resource by user in a month.
    /// (`marketplace_component_user_usages_list`)
    ///
    /// # Errors
    /// Those of [`usage`](Self::usage).
    pub async fn user_usage(&self, month: impl Into<Month>) -> Result<Rows<UserUsage>, Error> {
        user_usages(&self.client, self.uuid, month.into()).await
    }

    /// Lists the plans of the resource, each with its period and usage.
    /// (`marketplace_provider_resources_plan_periods_list`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the resource doesn't exist or is not visible to the caller.
    pub async fn plan_periods(&self) -> Result<Rows<PlanPeriod>, Error> {
        let list = self.client.marketplace_provider_resources_plan_periods_list().uuid(self.uuid);
        row::all(list.unread(), self.client.bulk_concurrency()).await
    }
}

/// Lists the reported usage of a resource by user in a month.
///
/// # Errors
/// If the usage can't be listed.
pub(super) async fn user_usages(
    client: &Client,
    resource: Uuid,
    month: Month,
) -> Result<Rows<UserUsage>, Error> {
    let list = client.marketplace_component_user_usages_list().resource_uuid(resource);
    let list = list.component_usage_billing_period(month.first_day());
    row::all(list.unread(), client.bulk_concurrency()).await
}

/// Lists the reported usage of a resource in a month, with the fields that a report needs.
///
/// # Errors
/// If the usage can't be listed.
pub(super) async fn reported_rows(
    client: &Client,
    resource: Uuid,
    month: Month,
) -> Result<Rows<ReportedRow>, Error> {
    let list = Usages::new(client).resource(resource).month(month).request();
    row::all(list.unread(), client.bulk_concurrency()).await
}
