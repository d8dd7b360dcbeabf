//! Offerings: what they are made of, and components to match a given set.

mod plan;

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{Operation, builder};

pub use self::plan::{ComponentPlan, ComponentStep};
use super::Provider;
use crate::bulk::Outcome;
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::{self, row};
use waldur_api_client::types::{
    self, BillingTypeEnum, BillingUnit, LimitPeriodEnum, OfferingComponentRequest, OfferingState,
    RemoveOfferingComponentRequest, UpdateOfferingComponentRequest,
};
use waldur_api_client::{Error, ErrorKind};

const RETRIEVE: &Operation = builder::MarketplaceProviderOfferingsRetrieve::OPERATION;
const CREATE: &Operation = builder::MarketplaceProviderOfferingsCreateOfferingComponent::OPERATION;

/// An offering, as its provider sees it, with its components and plans.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OfferingDetails {
    /// The offering's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// What runs it, such as `Marketplace.Slurm`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Whether it can be ordered.
    pub state: OfferingState,
    /// The provider's organisation.
    pub customer_uuid: Option<Uuid>,
    /// What is measured of its resources.
    pub components: Vec<OfferingComponent>,
    /// What its resources can be ordered with.
    pub plans: Vec<OfferingPlan>,
}

/// A component that an offering has.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OfferingComponent {
    /// The component's uuid.
    pub uuid: Uuid,
    /// Whether it comes with the type of the offering, so that it can't be changed or removed.
    pub is_builtin: bool,
    /// What it is.
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
    /// How long its prices are for.
    pub unit: Option<BillingUnit>,
    /// Whether it can't be ordered any more.
    pub archived: bool,
    /// The price of each component, by its type.
    pub prices: BTreeMap<String, Decimal>,
}

/// What a component is, or shall be. Where a field is none, a component that is there keeps its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ComponentDefinition {
    /// Its name in usages, limits and prices, such as `cpu`: letters, digits and `_-/:`, at most 50. An
    /// offering has one of a type.
    #[serde(rename = "type")]
    pub type_: String,
    /// Its name for people, at most 150 characters.
    pub name: String,
    /// What is paid for.
    pub billing_type: BillingTypeEnum,
    /// The unit of its amounts, such as `hours`; at most 30 characters, may be "".
    pub measured_unit: String,
    /// More about it, at most 4096 characters.
    pub description: Option<String>,
    /// Its number in bookkeeping, at most 30 characters.
    pub article_code: Option<String>,
    /// What its limit is for.
    pub limit_period: Option<LimitPeriodEnum>,
    /// The most that may be used in that time.
    pub limit_amount: Option<i64>,
    /// The least limit that can be ordered.
    pub min_value: Option<i64>,
    /// The greatest limit that can be ordered.
    pub max_value: Option<i64>,
    /// The limit that an order form begins with.
    pub default_limit: Option<i64>,
    /// The greatest limit of all resources together.
    pub max_available_limit: Option<i64>,
    /// Whether it is there or not, instead of an amount.
    pub is_boolean: Option<bool>,
}

impl ComponentDefinition {
    /// One that has nothing but what every component has.
    pub fn new(
        type_: impl Into<String>,
        name: impl Into<String>,
        billing_type: BillingTypeEnum,
        measured_unit: impl Into<String>,
    ) -> Self {
        Self {
            type_: type_.into(),
            name: name.into(),
            billing_type,
            measured_unit: measured_unit.into(),
            description: None,
            article_code: None,
            limit_period: None,
            limit_amount: None,
            min_value: None,
            max_value: None,
            default_limit: None,
            max_available_limit: None,
            is_boolean: None,
        }
    }

    /// Why no server takes it.
    fn problem(&self) -> Option<String> {
        let lengths = [
            ("name", Some(&self.name), 150),
            ("measured_unit", Some(&self.measured_unit), 30),
            ("description", self.description.as_ref(), 4096),
            ("article_code", self.article_code.as_ref(), 30),
            ("type", Some(&self.type_), 50),
        ];
        for (field, text, most) in lengths {
            let length = text.map_or(0, |text| text.chars().count());
            if length > most {
                return Some(format!(
                    "{}: {field} has {length} characters; a server takes {most}",
                    self.type_
                ));
            }
        }
        let named = |letter: char| letter.is_ascii_alphanumeric() || "_-/:".contains(letter);
        if self.type_.is_empty() || !self.type_.chars().all(named) {
            return Some(format!("type: {:?} is not made of letters, digits and _-/:", self.type_));
        }
        self.name.is_empty().then(|| format!("{}: name is empty", self.type_))
    }

    /// What is there, changed to what is wanted, and the fields that change.
    fn onto(&self, there: &Self) -> (Self, Vec<&'static str>) {
        let mut merged = self.clone();
        let mut changed = Vec::new();
        macro_rules! compare {
            ($($field:ident),*) => {
                $(if self.$field != there.$field { changed.push(stringify!($field)); })*
            };
        }
        macro_rules! keep {
            ($($field:ident),*) => {$(
                match &self.$field {
                    None => merged.$field.clone_from(&there.$field),
                    wanted if *wanted != there.$field => changed.push(stringify!($field)),
                    _ => {}
                }
            )*};
        }
        compare!(name, billing_type, measured_unit);
        keep!(
            description,
            article_code,
            limit_period,
            limit_amount,
            min_value,
            max_value,
            default_limit,
            max_available_limit,
            is_boolean
        );
        (merged, changed)
    }
}

/// Sets what a definition says in a builder of a body; what it leaves open isn't sent.
macro_rules! define {
    ($body:expr, $definition:expr) => {{
        let definition: &ComponentDefinition = $definition;
        let mut body = $body
            .type_(definition.type_.clone())
            .name(definition.name.clone())
            .billing_type(definition.billing_type.clone())
            .measured_unit(definition.measured_unit.clone());
        define!(@optional body, definition, description, article_code, limit_period, limit_amount, min_value,
            max_value, default_limit, max_available_limit, is_boolean);
        body
    }};
    (@optional $body:ident, $definition:ident, $($field:ident),*) => {
        $(if let Some(value) = &$definition.$field {
            $body = $body.$field(value.clone());
        })*
    };
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
                // The server's "" is what nobody set.
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

/// A step and its result.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ComponentItem {
    /// The step.
    pub step: ComponentStep,
    /// The result.
    pub outcome: Outcome,
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

impl Provider {
    /// An offering of the caller's, with its components and plans.
    /// (`marketplace_provider_offerings_retrieve`)
    ///
    /// # Errors
    /// If it is none of the caller's.
    pub async fn offering(&self, offering: Uuid) -> Result<OfferingDetails, Error> {
        let call = self.client.marketplace_provider_offerings_retrieve().uuid(offering);
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
        Ok(OfferingDetails {
            uuid: row.uuid,
            name: row.name,
            type_: row.type_,
            state: row.state,
            customer_uuid: row.customer_uuid,
            plans: plans.collect(),
            components: row.components.into_iter().map(OfferingComponent::of).collect::<Result<_, _>>()?,
        })
    }

    /// What would have to be done so that the components of an offering match the set; nothing is changed.
    /// What the set leaves out is removed, unless it comes with the type of the offering.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let offering = sandbox.ids().offerings.slurm;
    /// use waldur_sdk::ComponentDefinition;
    /// use waldur_sdk::types::BillingTypeEnum;
    ///
    /// let provider = client.provider();
    /// let mut storage = ComponentDefinition::new("storage", "Storage", BillingTypeEnum::Limit, "GB");
    /// storage.max_value = Some(1000);
    /// let mut wanted = vec![storage];
    /// wanted.extend(provider.offering(offering).await?.components.into_iter().map(|there| there.definition));
    ///
    /// let plan = provider.plan_components(offering, &wanted).await?;
    /// assert_eq!(plan.to_string(), "create storage\nkeep cpu\nkeep gpu\nkeep ram");
    /// for item in provider.apply_component_plan(&plan).await {
    ///     println!("{}: {}", item.step, item.outcome);
    /// }
    /// assert!(provider.plan_components(offering, &wanted).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the offering is none of the caller's, the set has a type twice, or a component that no server
    /// takes.
    pub async fn plan_components(
        &self,
        offering: Uuid,
        wanted: &[ComponentDefinition],
    ) -> Result<ComponentPlan, Error> {
        ComponentPlan::between(&self.offering(offering).await?, wanted)
    }

    /// Does what a plan says, step by step, so that new components come in the order of the set. A step that
    /// fails stops no other; what is so already is not an error, so this is safe to do again.
    /// (`marketplace_provider_offerings_create_offering_component`, `…_update_offering_component`,
    /// `…_remove_offering_component`; where the offering has resources, no component can be removed.)
    pub async fn apply_component_plan(&self, plan: &ComponentPlan) -> Vec<ComponentItem> {
        let mut items = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let outcome = self.take(plan.offering_uuid, step).await;
            items.push(ComponentItem { step: step.clone(), outcome });
        }
        items
    }

    async fn take(&self, offering: Uuid, step: &ComponentStep) -> Outcome {
        if let ComponentStep::Keep { .. } = step {
            return Outcome::Unchanged;
        }
        let look = || async {
            let now = self.offering(offering).await?;
            Ok(match (step.is_so(&now.components), step) {
                (true, _) => Seen::Applied(()),
                // Another may have made it, or the server something else of it.
                (false, ComponentStep::Create { definition } | ComponentStep::Update { definition, .. })
                    if now.components.iter().any(|there| there.definition.type_ == definition.type_) =>
                {
                    Seen::Differs(format!("the component {} differs", definition.type_))
                }
                (false, _) => Seen::Unchanged(format!("the offering shows no such change: {step}")),
            })
        };
        // A server refuses what another was faster to do, or doesn't find the component any more.
        let looks_after = |error: &Error| {
            error.is_ambiguous() || error.is_conflict() || error.is_validation() || error.is_not_found()
        };
        let confirm = Confirm::new(&self.client).after(looks_after);
        let result: Result<((), Applied), Error> =
            confirm.send(|| self.send_step(offering, step), look).await;
        result.map(|(_, applied)| applied).into()
    }

    async fn send_step(&self, offering: Uuid, step: &ComponentStep) -> Result<(), Error> {
        let api = &self.client;
        match step {
            ComponentStep::Keep { .. } => Ok(()),
            ComponentStep::Create { definition } => {
                let body = define!(OfferingComponentRequest::builder(), definition);
                let call = api.marketplace_provider_offerings_create_offering_component().uuid(offering);
                call.body(body).send().await.map(drop)
            }
            ComponentStep::Update { uuid, definition, .. } => {
                let body = define!(UpdateOfferingComponentRequest::builder().uuid(*uuid), definition);
                let call = api.marketplace_provider_offerings_update_offering_component().uuid(offering);
                call.body(body).send().await.map(drop)
            }
            ComponentStep::Remove { uuid, .. } => {
                let body = RemoveOfferingComponentRequest::builder().uuid(*uuid);
                let call = api.marketplace_provider_offerings_remove_offering_component().uuid(offering);
                call.body(body).send().await.map(drop)
            }
        }
    }
}
