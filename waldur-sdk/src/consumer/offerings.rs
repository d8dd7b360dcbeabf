//! Public offerings, as a consumer finds and reads them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{BillingTypeEnum, BillingUnit, LimitPeriodEnum, OfferingState};
use waldur_api_client::{Client, Error, builder};

use super::attributes::{AttributeField, OptionsRow};
use crate::collection::collection;
use crate::row::{self, row};

row! {
    /// An offering in the public list.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Offering {
        /// The offering's uuid.
        pub uuid: Uuid = need "uuid",
        /// The name.
        pub name: String = or_default "name",
        /// The type, such as `Marketplace.Slurm`.
        #[serde(rename = "type")]
        pub type_: String = or_default "type",
        /// The state; `Other("")` if the server doesn't send it.
        pub state: OfferingState = or_unknown "state",
        /// The category.
        pub category_uuid: Option<Uuid> = optional "category_uuid",
        /// The title of the category.
        pub category_title: String = or_default "category_title",
        /// The provider's organization.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// The name of the provider's organization.
        pub customer_name: String = or_default "customer_name",
    }
}

impl From<&Offering> for Uuid {
    fn from(offering: &Offering) -> Self {
        offering.uuid
    }
}

row! {
    /// A plan of an offering.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Plan {
        /// The plan's uuid.
        pub uuid: Uuid = need "uuid",
        /// The name.
        pub name: String = or_default "name",
        /// The description; empty if it has none.
        pub description: String = or_default "description",
        /// The period that its prices are for.
        pub unit: Option<BillingUnit> = optional "unit",
        /// Whether the plan can't be ordered any more.
        pub archived: bool = or_default "archived",
        /// The price of a unit of time without any limits or usage.
        pub unit_price: Decimal = or_default "unit_price",
        /// The price of each component, by its type.
        pub prices: BTreeMap<String, Decimal> = or_default "prices",
    }
}

impl From<&Plan> for Uuid {
    fn from(plan: &Plan) -> Self {
        plan.uuid
    }
}

row! {
    /// A component of an offering: what is measured, limited or billed.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Component {
        /// The type, which names the component in limits and usages, such as `cpu`.
        #[serde(rename = "type")]
        pub type_: String = need "type",
        /// The display name.
        pub name: String = or_default "name",
        /// The unit of limits and usages, such as `hours`; may be empty.
        pub measured_unit: String = or_default "measured_unit",
        /// What is billed.
        pub billing_type: BillingTypeEnum = or_unknown "billing_type",
        /// The least limit.
        pub min_value: Option<Decimal> = optional "min_value",
        /// The greatest limit.
        pub max_value: Option<Decimal> = optional "max_value",
        /// The limit that a form suggests.
        pub default_limit: Option<Decimal> = optional "default_limit",
        /// The sum of the limits of all resources must stay below this.
        pub max_available_limit: Option<Decimal> = optional "max_available_limit",
        /// The period that the limit applies to.
        pub limit_period: Option<LimitPeriodEnum> = optional "limit_period",
        /// Whether the component is a switch instead of an amount: its limit is 0 or 1.
        pub is_boolean: bool = or_default "is_boolean",
        /// Whether the limit is paid in advance.
        pub is_prepaid: bool = or_default "is_prepaid",
    }
}

impl Component {
    /// Returns whether an order may set a limit of this component. Servers refuse limits of the others.
    #[must_use]
    pub fn takes_limit(&self) -> bool {
        match self.billing_type {
            BillingTypeEnum::Limit => true,
            BillingTypeEnum::One => self.is_prepaid,
            BillingTypeEnum::Fixed | BillingTypeEnum::Usage | BillingTypeEnum::Few => false,
            // Unknown here; the server decides.
            _ => true,
        }
    }
}

/// An offering with what an order of it needs: plans, components and attributes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OfferingDetails {
    /// The offering's uuid.
    pub uuid: Uuid,
    /// The name.
    pub name: String,
    /// The type, such as `Marketplace.Slurm`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The state; only active offerings can be ordered.
    pub state: OfferingState,
    /// The description; empty if it has none.
    pub description: String,
    /// The title of the category.
    pub category_title: String,
    /// The provider's organization.
    pub customer_uuid: Option<Uuid>,
    /// The name of the provider's organization.
    pub customer_name: String,
    /// The plans, also archived ones.
    pub plans: Vec<Plan>,
    /// The components. Orders set the limits of those that [take a limit](Component::takes_limit).
    pub components: Vec<Component>,
    /// The attributes that an order has besides `name` and `description`, in the order of the form.
    pub attributes: Vec<AttributeField>,
}

row! {
    struct DetailsRow {
        uuid: Uuid = need "uuid",
        name: String = or_default "name",
        type_: String = or_default "type",
        state: OfferingState = or_unknown "state",
        description: String = or_default "description",
        category_title: String = or_default "category_title",
        customer_uuid: Option<Uuid> = optional "customer_uuid",
        customer_name: String = or_default "customer_name",
        plans: Vec<Plan> = or_default "plans",
        components: Vec<Component> = or_default "components",
        options: Option<OptionsRow> = optional "options",
    }
}

impl From<DetailsRow> for OfferingDetails {
    fn from(row: DetailsRow) -> Self {
        Self {
            uuid: row.uuid,
            name: row.name,
            type_: row.type_,
            state: row.state,
            description: row.description,
            category_title: row.category_title,
            customer_uuid: row.customer_uuid,
            customer_name: row.customer_name,
            plans: row.plans,
            components: row.components,
            attributes: row.options.map(OptionsRow::into_fields).unwrap_or_default(),
        }
    }
}

impl From<&OfferingDetails> for Uuid {
    fn from(offering: &OfferingDetails) -> Self {
        offering.uuid
    }
}

impl OfferingDetails {
    /// Returns the component of this type.
    #[must_use]
    pub fn component(&self, type_: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.type_ == type_)
    }

    /// Returns the plans that can be ordered.
    pub fn orderable_plans(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter().filter(|plan| !plan.archived)
    }
}

/// The public offerings that can be ordered: those in the state active. Filters narrow the collection; its
/// verbs list it. Nothing is sent until a verb is called. (`marketplace_public_offerings_list`)
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Alice)).build()?;
/// let consumer = client.consumer();
/// for offering in consumer.offerings().of_type("Marketplace.Slurm").all().await? {
///     let details = consumer.offering(&offering).get().await?;
///     for component in details.components.iter().filter(|component| component.takes_limit()) {
///         println!("{}: {:?} to {:?}", component.type_, component.min_value, component.max_value);
///     }
///     for field in &details.attributes {
///         println!("{} ({}){}", field.label, field.type_, if field.required { " *" } else { "" });
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Offerings {
    client: Client,
    name: Option<String>,
    name_exact: Option<String>,
    types: Vec<String>,
    category: Option<Uuid>,
    project: Option<Uuid>,
    customer: Option<Uuid>,
    provider: Option<Uuid>,
}

collection!(Offerings, Offering);

impl Offerings {
    pub(super) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            name: None,
            name_exact: None,
            types: Vec::new(),
            category: None,
            project: None,
            customer: None,
            provider: None,
        }
    }

    /// Keeps offerings whose name contains this text, in any case.
    pub fn name(mut self, part: impl Into<String>) -> Self {
        self.name = Some(part.into());
        self
    }

    /// Keeps offerings with this name.
    pub fn name_exact(mut self, name: impl Into<String>) -> Self {
        self.name_exact = Some(name.into());
        self
    }

    /// Keeps offerings of this type, such as `Marketplace.Slurm`. Call it again to accept further types.
    pub fn of_type(mut self, type_: impl Into<String>) -> Self {
        self.types.push(type_.into());
        self
    }

    /// Keeps offerings of this category.
    pub fn category(mut self, category: impl Into<Uuid>) -> Self {
        self.category = Some(category.into());
        self
    }

    /// Keeps offerings that can be ordered in this project.
    pub fn project(mut self, project: impl Into<Uuid>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Keeps offerings that this organization can order.
    pub fn customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Keeps offerings of this provider, by the uuid of the provider's organization.
    pub fn provider(mut self, customer: impl Into<Uuid>) -> Self {
        self.provider = Some(customer.into());
        self
    }

    fn request(&self) -> builder::MarketplacePublicOfferingsList {
        let mut list = self.client.marketplace_public_offerings_list().state([OfferingState::Active]);
        if let Some(part) = &self.name {
            list = list.name(part.clone());
        }
        if let Some(name) = &self.name_exact {
            list = list.name_exact(name.clone());
        }
        if !self.types.is_empty() {
            list = list.type_(self.types.clone());
        }
        if let Some(uuid) = self.category {
            list = list.category_uuid(uuid);
        }
        if let Some(uuid) = self.project {
            list = list.project_uuid(uuid);
        }
        if let Some(uuid) = self.customer {
            list = list.allowed_customer_uuid(uuid);
        }
        if let Some(uuid) = self.provider {
            list = list.customer_uuid(uuid);
        }
        list
    }
}

/// A handle of one public offering. Nothing is sent until a verb is called.
#[derive(Clone, Debug)]
pub struct OfferingHandle {
    client: Client,
    uuid: Uuid,
}

impl OfferingHandle {
    pub(super) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the offering's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the offering with its plans, components and attributes. (`marketplace_public_offerings_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the offering doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<OfferingDetails, Error> {
        let call = self.client.marketplace_public_offerings_retrieve().uuid(self.uuid);
        Ok(row::retrieve::<DetailsRow, _>(call).await?.into())
    }
}
