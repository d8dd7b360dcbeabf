//! Usage: what was reported of the resources, and of which components it can be.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::builder;

use super::Provider;
use super::booking::Booking;
use super::booking::first_day;
use crate::row::{self, Rows, row};
use waldur_api_client::types::{BillingTypeEnum, ResourceState};
use waldur_api_client::{Error, ErrorKind};

row! {
    /// A resource in use.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct LiveResource {
        /// The resource's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// Its offering.
        pub offering_uuid: Option<Uuid> = optional "offering_uuid",
    }
}

/// A component of an offering, with what a resource may use of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Component {
    /// Its type, such as `cpu`: what a report names it by.
    #[serde(rename = "type")]
    pub type_: String,
    /// Its name, for people.
    pub name: String,
    /// What it is measured in, such as `hours`; empty if it isn't said.
    pub measured_unit: String,
    /// How it is billed; a server that doesn't say it leaves it out.
    pub billing_type: Option<BillingTypeEnum>,
    /// How much the resource may use, in that unit, where it has a limit.
    pub limit: Option<Decimal>,
}

impl Component {
    /// Whether a server takes reports of it: it is billed by usage or by limit. (What is billed once or at a
    /// fixed price isn't measured.)
    #[must_use]
    pub fn is_reportable(&self) -> bool {
        use BillingTypeEnum::{Limit, Other, Usage};
        matches!(self.billing_type, None | Some(Usage | Limit | Other(_)))
    }
}

row! {
    /// What was reported of a component of a resource in a month.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Usage {
        /// Its uuid.
        pub uuid: Uuid = need "uuid",
        /// The type of the component, such as `cpu`.
        #[serde(rename = "type")]
        pub type_: String = need "type",
        /// The name of the component, for people.
        pub name: String = or_default "name",
        /// What it is measured in; empty if it isn't said.
        pub measured_unit: String = or_default "measured_unit",
        /// How much, in the unit of the component.
        pub amount: Decimal = need "usage",
        /// The first day of the month.
        pub billing_period: NaiveDate = need "billing_period",
        /// When it was reported first.
        pub created: Option<DateTime<Utc>> = optional "created",
        /// What the provider says about it.
        pub description: String = or_default "description",
        /// Whether it counts for the following months too, until another is reported.
        pub recurring: bool = or_default "recurring",
    }
}

row! {
    /// What was reported of a component for a user of a resource in a month.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct UserUsage {
        /// Its uuid.
        pub uuid: Uuid = need "uuid",
        /// What was reported of the component itself: a [`Usage`].
        pub usage_uuid: Option<Uuid> = by_address "component_usage",
        /// The type of the component, such as `cpu`.
        #[serde(rename = "type")]
        pub type_: String = need "component_type",
        /// The user's name at the offering.
        pub username: String = need "username",
        /// How much, in the unit of the component.
        pub amount: Decimal = need "usage",
    }
}

row! {
    /// What was reported of one component, or would be.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ComponentUsage {
        /// The type of the component, such as `cpu`.
        #[serde(rename = "type")]
        pub type_: String = need "type",
        /// How much, in the unit of the component, exactly as sent.
        pub amount: Decimal = need "usage",
    }
}

row! {
    /// The time in which a resource has had a plan.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct PlanPeriod {
        /// Its uuid, for [`UsageReport::plan_period`](super::UsageReport::plan_period).
        pub uuid: Uuid = need "uuid",
        /// The plan's uuid.
        pub plan_uuid: Option<Uuid> = optional "plan_uuid",
        /// The plan's name.
        pub plan_name: String = or_default "plan_name",
        /// When it began.
        pub start: Option<DateTime<Utc>> = optional "start",
        /// When it ended; none if it hasn't.
        pub end: Option<DateTime<Utc>> = optional "end",
        /// What was reported in it.
        pub usages: Vec<ComponentUsage> = or_default "components",
    }
}

row! {
    struct ComponentRow {
        type_: String = need "type",
        name: String = or_default "name",
        measured_unit: String = or_default "measured_unit",
        billing_type: Option<BillingTypeEnum> = optional "billing_type",
    }
}

row! {
    struct OfferingRow {
        components: Vec<ComponentRow> = need "components",
        billing_type_classification: Option<String> = optional "billing_type_classification",
    }
}

row! {
    struct ResourceRow {
        offering_uuid: Uuid = need "offering_uuid",
        state: Option<ResourceState> = optional "state",
        limits: BTreeMap<String, Decimal> = or_default "limits",
        offering_components: Option<Vec<ComponentRow>> = optional "offering_components",
    }
}

row! {
    /// What a report has to know of a row of usage: less than a [`Usage`] has, so that fewer rows can't be
    /// judged.
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
    /// The error of a row that doesn't tell what has to be known of it.
    pub(super) fn unreadable(&self, field: &str) -> Error {
        let row = self.uuid.map_or("a row without uuid".to_owned(), |uuid| format!("row {}", uuid.simple()));
        let error =
            Error::new(ErrorKind::UnexpectedResponse, format!("{row} of usage has no usable `{field}`"));
        error.with_operation(builder::MarketplaceComponentUsagesList::OPERATION)
    }
}

/// A resource that usage is reported of.
#[derive(Debug)]
pub(super) struct Target {
    state: Option<ResourceState>,
    pub(super) components: Vec<Component>,
}

impl Target {
    /// Checks that servers take reports of a resource in its state.
    pub(super) fn check_state(&self) -> Result<(), Error> {
        use ResourceState::{Creating, Erred, Terminated};
        match &self.state {
            Some(state @ (Creating | Erred | Terminated)) => {
                let problem = format!("the resource is {}: no usage can be reported of it", state.as_str());
                let error = Error::new(ErrorKind::Validation, problem);
                Err(error.with_operation(builder::MarketplaceComponentUsagesSetUsage::OPERATION))
            }
            _ => Ok(()),
        }
    }

    /// Whether the offering has a component of this type.
    pub(super) fn has(&self, type_: &str) -> bool {
        self.components.iter().any(|component| component.type_ == type_)
    }
}

impl Provider {
    /// Lists all resources in use: those in state OK. (`marketplace_provider_resources_list`)
    ///
    /// # Errors
    /// If they can't be listed; a user without the right to see a resource doesn't get it, which is no error.
    pub async fn live_resources(&self) -> Result<Rows<LiveResource>, Error> {
        let mut list = self.client.marketplace_provider_resources_list().state([ResourceState::Ok]);
        if let Some(uuid) = self.provider_uuid {
            list = list.provider_uuid(uuid);
        }
        if let Some(uuid) = self.offering_uuid {
            list = list.offering_uuid([uuid]);
        }
        self.rows(list).await
    }

    /// Lists what was reported of a resource in the month of a day, a row for each component that has any.
    /// (`marketplace_component_usages_list`)
    ///
    /// # Errors
    /// If it can't be listed.
    pub async fn usages(&self, resource: Uuid, month: NaiveDate) -> Result<Rows<Usage>, Error> {
        let list = self.client.marketplace_component_usages_list();
        let list = list.resource_uuid(resource).billing_period(first_day(month));
        self.rows(list).await
    }

    /// Lists what was reported for the users of a resource in the month of a day.
    /// (`marketplace_component_user_usages_list`)
    ///
    /// # Errors
    /// If it can't be listed.
    pub async fn user_usages(&self, resource: Uuid, month: NaiveDate) -> Result<Rows<UserUsage>, Error> {
        let list = self.client.marketplace_component_user_usages_list();
        let list = list.resource_uuid(resource).component_usage_billing_period(first_day(month));
        self.rows(list).await
    }

    /// Lists the plans that a resource has had, and when.
    /// (`marketplace_provider_resources_plan_periods_list`)
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn plan_periods(&self, resource: Uuid) -> Result<Rows<PlanPeriod>, Error> {
        let list = self.client.marketplace_provider_resources_plan_periods_list().uuid(resource);
        self.rows(list).await
    }

    /// Reads the components of a resource's offering, with the limits of the resource: one request, or two
    /// where a server before 7.9.3 doesn't tell them with the resource.
    /// (`marketplace_provider_resources_retrieve`, `marketplace_provider_offerings_retrieve`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let token = sandbox.token(Actor::Provider);
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(token).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let provider = client.provider();
    /// for component in provider.components(resource).await? {
    ///     println!("{} in {}, at most {:?}", component.name, component.measured_unit, component.limit);
    /// }
    /// for period in provider.plan_periods(resource).await? {
    ///     println!("{} from {:?} to {:?}: {:?}", period.plan_name, period.start, period.end, period.usages);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the resource can't be read, or its offering has no components.
    pub async fn components(&self, resource: Uuid) -> Result<Vec<Component>, Error> {
        Ok(self.target(resource).await?.components)
    }

    /// What was reported of a resource in a month, as far as a report has to know it.
    pub(super) async fn reported_rows(
        &self,
        resource: Uuid,
        month: NaiveDate,
    ) -> Result<Rows<ReportedRow>, Error> {
        let list = self.client.marketplace_component_usages_list();
        let list = list.resource_uuid(resource).billing_period(first_day(month));
        self.rows(list).await
    }

    /// A resource with the components of its offering. Takes note of how the server books.
    pub(super) async fn target(&self, resource: Uuid) -> Result<Target, Error> {
        let mut resource: ResourceRow = self.retrieve_resource(resource).await?;
        let components = match resource.offering_components {
            Some(components) => {
                Booking::of(&self.client).note_younger_field();
                components
            }
            None => {
                let api = &self.client;
                let call = api.marketplace_provider_offerings_retrieve().uuid(resource.offering_uuid);
                let offering: OfferingRow = row::retrieve(call).await?;
                if offering.billing_type_classification.is_some() {
                    Booking::of(&self.client).note_younger_field();
                }
                offering.components
            }
        };
        if components.is_empty() {
            let error = Error::new(ErrorKind::Validation, "the offering has no components");
            return Err(error.with_operation(builder::MarketplaceProviderOfferingsRetrieve::OPERATION));
        }
        let components = components.into_iter().map(|row| Component {
            limit: resource.limits.remove(&row.type_),
            type_: row.type_,
            name: row.name,
            measured_unit: row.measured_unit,
            billing_type: row.billing_type,
        });
        Ok(Target { state: resource.state, components: components.collect() })
    }
}
