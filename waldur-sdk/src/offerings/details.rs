//! An offering with its components and plans.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{self, BillingUnit, OfferingState};
use waldur_api_client::{Client, Error, ErrorKind, Operation, builder};

use super::definition::ComponentDefinition;
use crate::row::{self, row};

const RETRIEVE: &Operation = builder::MarketplaceProviderOfferingsRetrieve::OPERATION;

/// An offering, as its provider sees it, with its components and plans.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OfferingDetails {
    /// The offering's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Its type, such as `Marketplace.Slurm`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Its state.
    pub state: OfferingState,
    /// The provider's organization (Waldur's customer).
    pub customer_uuid: Option<Uuid>,
    /// The components of its resources.
    pub components: Vec<OfferingComponent>,
    /// The plans that its resources can be ordered with.
    pub plans: Vec<OfferingPlan>,
}

/// A component of an offering.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OfferingComponent {
    /// The component's uuid.
    pub uuid: Uuid,
    /// Whether the component comes with the type of the offering, so that it can't be changed or removed.
    pub is_builtin: bool,
    /// The definition.
    pub definition: ComponentDefinition,
}

/// A plan of an offering.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OfferingPlan {
    /// The plan's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// The period that its prices are for.
    pub unit: Option<BillingUnit>,
    /// Whether the plan can't be ordered any more.
    pub archived: bool,
    /// The price of each component, by its type.
    pub prices: BTreeMap<String, Decimal>,
}

impl OfferingComponent {
    fn of(model: types::OfferingComponent) -> Result<Self, Error> {
        let missing = |field: &str| {
            Error::new(ErrorKind::UnexpectedResponse, format!("a component without {field}"))
                .with_operation(RETRIEVE)
        };
        Ok(Self {
            uuid: model.uuid.ok_or_else(|| missing("uuid"))?,
            is_builtin: model.is_builtin.unwrap_or_default(),
            definition: ComponentDefinition {
                type_: model.type_.ok_or_else(|| missing("type"))?,
                name: model.name.unwrap_or_default(),
                billing_type: model.billing_type.ok_or_else(|| missing("billing_type"))?,
                measured_unit: model.measured_unit.unwrap_or_default(),
                // Servers send "" for what isn't set.
                description: Some(model.description.unwrap_or_default()),
                article_code: Some(model.article_code.unwrap_or_default()),
                limit_period: model.limit_period,
                limit_amount: model.limit_amount,
                min_value: model.min_value,
                max_value: model.max_value,
                default_limit: model.default_limit,
                max_available_limit: model.max_available_limit,
                is_boolean: Some(model.is_boolean.unwrap_or_default()),
            },
        })
    }
}

row! {
    struct OfferingRow {
        uuid: Uuid = need "uuid",
        name: String = or_default "name",
        type_: String = or_default "type",
        state: OfferingState = or_unknown "state",
        customer_uuid: Option<Uuid> = optional "customer_uuid",
        components: Vec<types::OfferingComponent> = need "components",
        plans: Vec<types::BaseProviderPlan> = or_default "plans",
    }
}

impl OfferingDetails {
    /// Reads an offering.
    ///
    /// # Errors
    /// If there is no such offering that the caller provides, or it can't be read.
    pub(super) async fn read(client: &Client, offering: Uuid) -> Result<Self, Error> {
        let call = client.marketplace_provider_offerings_retrieve().uuid(offering);
        let row: OfferingRow = row::retrieve(call).await?;
        let plans = row.plans.into_iter().filter_map(|plan| {
            Some(OfferingPlan {
                uuid: plan.uuid?,
                name: plan.name.unwrap_or_default(),
                unit: plan.unit,
                archived: plan.archived.unwrap_or_default(),
                prices: plan.prices.into_iter().collect(),
            })
        });
        Ok(Self {
            uuid: row.uuid,
            name: row.name,
            type_: row.type_,
            state: row.state,
            customer_uuid: row.customer_uuid,
            plans: plans.collect(),
            components: row.components.into_iter().map(OfferingComponent::of).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&OfferingDetails> for Uuid {
    fn from(offering: &OfferingDetails) -> Self {
        offering.uuid
    }
}
