//! Usage: what the resources used.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{Datelike as _, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;
use waldur_api_client::{Operation, builder};

use super::{Provider, null_is_default};
use crate::error::{Error, ErrorKind};
use crate::list::List as _;
use crate::select::Retrieve as _;
use crate::types::{ComponentUsageCreateRequest, ComponentUsageItemRequest, ResourceState};

pub(super) const OFFERING: &Operation = builder::MarketplaceProviderOfferingsRetrieve::OPERATION;
pub(super) const SET_USAGE: &Operation = builder::MarketplaceComponentUsagesSetUsage::OPERATION;

/// What the server takes: two decimals, and 18 digits before them.
const DECIMALS: u32 = 2;
const LIMIT: i64 = 1_000_000_000_000_000_000;

/// A resource in use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LiveResource {
    /// The resource's uuid.
    pub uuid: Uuid,
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
    /// Its offering.
    pub offering_uuid: Uuid,
}

/// A function from the type of a component to its amount.
pub type AmountFn = Box<dyn Fn(&str) -> Option<Decimal> + Send + Sync>;

/// How much was used of each component.
///
/// A [`Decimal`] is the same for all, a map says it by the component's type, such as `cpu`, and
/// [`Amounts::by`] asks.
#[non_exhaustive]
pub enum Amounts {
    /// The same for all.
    Same(Decimal),
    /// By the type of the component; it must have all of the offering's, and no others.
    ByType(BTreeMap<String, Decimal>),
    /// As a function says; see [`Amounts::by`].
    By(AmountFn),
}

impl Amounts {
    /// Asked with the type of each component; `None` refuses the whole report.
    pub fn by(amount: impl Fn(&str) -> Option<Decimal> + Send + Sync + 'static) -> Self {
        Self::By(Box::new(amount))
    }

    fn of(&self, component: &str) -> Option<Decimal> {
        match self {
            Self::Same(amount) => Some(*amount),
            Self::ByType(amounts) => amounts.get(component).copied(),
            Self::By(amount) => amount(component),
        }
    }
}

impl fmt::Debug for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(amount) => f.debug_tuple("Same").field(amount).finish(),
            Self::ByType(amounts) => f.debug_tuple("ByType").field(amounts).finish(),
            Self::By(_) => f.debug_tuple("By").finish_non_exhaustive(),
        }
    }
}

impl From<Decimal> for Amounts {
    fn from(amount: Decimal) -> Self {
        Self::Same(amount)
    }
}

impl From<BTreeMap<String, Decimal>> for Amounts {
    fn from(amounts: BTreeMap<String, Decimal>) -> Self {
        Self::ByType(amounts)
    }
}

impl<K: Into<String>, const N: usize> From<[(K, Decimal); N]> for Amounts {
    fn from(amounts: [(K, Decimal); N]) -> Self {
        Self::ByType(amounts.into_iter().map(|(component, amount)| (component.into(), amount)).collect())
    }
}

/// What was reported of one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentUsage {
    /// The type of the component, such as `cpu`.
    pub type_: String,
    /// How much, exactly as sent.
    pub amount: Decimal,
}

/// What was reported of a resource, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportedUsage {
    /// The resource.
    pub resource_uuid: Uuid,
    /// The first day of the month that it is for.
    pub month: NaiveDate,
    /// What is sent, one for each component.
    pub usages: Vec<ComponentUsage>,
    /// What is left out because it is reported already, if that was asked for.
    pub unchanged: Vec<ComponentUsage>,
}

impl Provider {
    /// All resources in use: those in state OK.
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn live_resources(&self) -> Result<Vec<LiveResource>, Error> {
        let mut list = self.client.api().marketplace_provider_resources_list().state([ResourceState::Ok]);
        if let Some(uuid) = self.provider_uuid {
            list = list.provider_uuid(uuid);
        }
        if let Some(uuid) = self.offering_uuid {
            list = list.offering_uuid([uuid]);
        }
        list.select::<LiveResource>().dedup().all().await
    }

    /// Reports, for this month, what a resource used of every component of its offering. What was reported
    /// before for this month is replaced, so it is safe to do again.
    ///
    /// Amounts are sent exactly. More than two decimals or twenty digits are refused before anything is sent.
    ///
    /// # Errors
    /// If the components can't be read, an amount is missing or refused, or the server refuses the report.
    pub async fn set_usage_for_all_components(
        &self,
        resource: Uuid,
        amounts: impl Into<Amounts>,
    ) -> Result<ReportedUsage, Error> {
        let amounts = amounts.into();
        #[derive(Deserialize)]
        struct Row {
            offering_uuid: Uuid,
        }
        let call = self.client.api().marketplace_provider_resources_retrieve().uuid(resource);
        let offering = call.select::<Row>().await?.offering_uuid;
        let usages = usages(&self.component_types(offering).await?, &amounts)?;
        let items = usages
            .iter()
            .map(|usage| ComponentUsageItemRequest {
                type_: usage.type_.clone(),
                amount: usage.amount,
                description: None,
                recurring: None,
            })
            .collect();
        let body = ComponentUsageCreateRequest {
            resource: Some(resource),
            usages: items,
            date: None,
            plan_period: None,
        };
        match self.client.api().marketplace_component_usages_set_usage().body(body).send().await {
            Ok(_) => {
                let month = first_day(Utc::now().date_naive());
                Ok(ReportedUsage { resource_uuid: resource, month, usages, unchanged: Vec::new() })
            }
            Err(error) => {
                let error = Error::from_api(error).await;
                Err(match error.is_answer_lost() {
                    true => error.with_note("whether the usage was recorded is not known; report it again"),
                    false => error,
                })
            }
        }
    }

    async fn component_types(&self, offering: Uuid) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Component {
            #[serde(rename = "type")]
            type_: String,
        }
        #[derive(Deserialize)]
        struct Row {
            components: Vec<Component>,
        }
        let call = self.client.api().marketplace_provider_offerings_retrieve().uuid(offering);
        let components = call.select::<Row>().await?.components;
        if components.is_empty() {
            let error = Error::new(ErrorKind::Validation, "the offering has no components");
            return Err(error.in_operation(OFFERING));
        }
        Ok(components.into_iter().map(|component| component.type_).collect())
    }
}

fn usages(components: &[String], amounts: &Amounts) -> Result<Vec<ComponentUsage>, Error> {
    let refuse = |problem: String| Error::new(ErrorKind::Validation, problem).in_operation(SET_USAGE);
    if let Amounts::ByType(amounts) = amounts
        && let Some(unknown) = amounts.keys().find(|name| !components.contains(name))
    {
        return Err(refuse(format!("{unknown}: the offering has no such component")));
    }
    components
        .iter()
        .map(|type_| {
            let amount = amounts.of(type_).ok_or_else(|| refuse(format!("{type_}: no amount")))?;
            let amount = exact(amount).map_err(|problem| refuse(format!("{type_}: {problem}")))?;
            Ok(ComponentUsage { type_: type_.clone(), amount })
        })
        .collect()
}

/// The amount as it is sent, or why a server wouldn't take it.
pub(super) fn exact(amount: Decimal) -> Result<Decimal, String> {
    let amount = amount.normalize();
    if amount.scale() > DECIMALS {
        return Err(format!("{amount} has more than {DECIMALS} decimals"));
    }
    if amount.abs() >= Decimal::from(LIMIT) {
        return Err(format!("{amount} has more than 20 digits with its decimals"));
    }
    Ok(amount)
}

pub(super) fn first_day(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(amount: &str) -> Result<Vec<ComponentUsage>, Error> {
        usages(&["cpu".to_owned()], &Amounts::Same(amount.parse().unwrap()))
    }

    #[test]
    fn amounts_that_the_server_would_refuse_are_not_sent() {
        for amount in ["0.3", "12.50000", "999999999999999999.99", "0", "-1.5"] {
            assert_eq!(check(amount).unwrap()[0].amount, amount.parse().unwrap());
        }
        for amount in ["0.301", "0.30000000000000004", "1000000000000000000"] {
            let error = check(amount).unwrap_err();
            assert!(error.is_validation() && error.to_string().contains("cpu"), "{error}");
        }
    }

    #[test]
    fn every_component_needs_an_amount_and_has_one() {
        let one = Decimal::ONE;
        let components = ["cpu".to_owned(), "gpu".to_owned()];
        assert!(usages(&components, &[("cpu", one)].into()).is_err());
        assert!(usages(&components, &[("cpu", one), ("gpu", one), ("ram", one)].into()).is_err());
        assert!(usages(&components, &[("cpu", one), ("gpu", one)].into()).is_ok());
        assert!(usages(&components, &Amounts::by(move |kind| (kind == "cpu").then_some(one))).is_err());
    }
}
