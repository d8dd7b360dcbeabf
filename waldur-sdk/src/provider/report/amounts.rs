//! The amounts of a report: who names them, and what servers accept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use waldur_api_client::{Error, ErrorKind, builder};

use crate::provider::usage::{Component, ComponentUsage, ReportedRow};

/// How many decimals a server takes.
const DECIMALS: u32 = 2;
/// Servers take 18 digits before the point, and then fail (500) with what their invoices can't hold: more
/// than
/// 15. Invoices of younger servers hold 12, which matters only where a component is billed by usage.
const LIMIT: i64 = 1_000_000_000_000_000;

/// A function from a component to its amount, in the component's [`measured_unit`](Component::measured_unit).
pub type AmountFn = Box<dyn Fn(&Component) -> Option<Decimal> + Send + Sync>;

/// How much was used of each component of an offering that usage can be reported of, in the component's
/// [`measured_unit`](Component::measured_unit).
///
/// A [`Decimal`] is the same for all. A map, an array or a list of pairs says it by the component's type,
/// such as `cpu`; a type that is there twice refuses the report. [`Amounts::by`] asks.
#[non_exhaustive]
pub enum Amounts {
    /// The same for all.
    Same(Decimal),
    /// By the type of the component; it must have all that can be reported, each once, and none that the
    /// offering doesn't have.
    ByType(Vec<(String, Decimal)>),
    /// As a function says; see [`Amounts::by`].
    By(AmountFn),
}

impl Amounts {
    /// Asks the function about each component; `None` refuses the whole report.
    pub fn by(amount: impl Fn(&Component) -> Option<Decimal> + Send + Sync + 'static) -> Self {
        Self::By(Box::new(amount))
    }

    fn of(&self, component: &Component) -> Option<Decimal> {
        match self {
            Self::Same(amount) => Some(*amount),
            Self::ByType(amounts) => {
                amounts.iter().find(|(type_, _)| *type_ == component.type_).map(|(_, amount)| *amount)
            }
            Self::By(amount) => amount(component),
        }
    }

    /// Checks what is known before the components are.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Same(amount) => match exact(*amount) {
                Ok(_) => Ok(()),
                Err(problem) => Err(refused(format!("every component: {problem}"))),
            },
            Self::ByType(amounts) => named(amounts).map(drop),
            Self::By(_) => Ok(()),
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
        Self::ByType(amounts.into_iter().collect())
    }
}

impl<K: Into<String>> From<Vec<(K, Decimal)>> for Amounts {
    fn from(amounts: Vec<(K, Decimal)>) -> Self {
        Self::ByType(amounts.into_iter().map(|(component, amount)| (component.into(), amount)).collect())
    }
}

impl<K: Into<String>, const N: usize> From<[(K, Decimal); N]> for Amounts {
    fn from(amounts: [(K, Decimal); N]) -> Self {
        Self::ByType(amounts.into_iter().map(|(component, amount)| (component.into(), amount)).collect())
    }
}

/// The amount as it is sent, or why a server wouldn't take it.
pub(in crate::provider) fn exact(amount: Decimal) -> Result<Decimal, String> {
    let amount = amount.normalize();
    if amount.scale() > DECIMALS {
        return Err(format!("{amount} has more than {DECIMALS} decimals"));
    }
    if amount.abs() >= Decimal::from(LIMIT) {
        return Err(format!("{amount} has more than 15 digits before the point, with which servers fail"));
    }
    Ok(amount)
}

pub(super) fn refused(problem: String) -> Error {
    let error = Error::new(ErrorKind::Validation, problem);
    error.with_operation(builder::MarketplaceComponentUsagesSetUsage::OPERATION)
}

pub(super) fn unknown_component(type_: &str) -> Error {
    refused(format!("{type_}: the offering has no such component"))
}

/// The amounts that are named, each with a name of its own.
pub(super) fn named(asked: &[(String, Decimal)]) -> Result<Vec<ComponentUsage>, Error> {
    let mut types = BTreeSet::new();
    for (type_, amount) in asked {
        // Servers trim.
        let type_ = type_.trim();
        if type_.is_empty() {
            return Err(refused(format!("the component with the amount {amount} has an empty type")));
        }
        if !types.insert(type_) {
            let amounts = asked.iter().filter(|(other, _)| other.trim() == type_);
            let amounts: Vec<String> = amounts.map(|(_, amount)| amount.to_string()).collect();
            return Err(refused(format!("{type_} is named more than once: {}", amounts.join(", "))));
        }
    }
    amounts(asked.iter().map(|(type_, amount)| (type_.trim(), *amount)))
}

/// An amount for each component that can be reported, and none for what is no component. What else is named
/// is left to the server.
pub(super) fn of_all(components: &[Component], wanted: &Amounts) -> Result<Vec<ComponentUsage>, Error> {
    let is_named =
        |type_: &str| matches!(wanted, Amounts::ByType(named) if named.iter().any(|one| one.0 == type_));
    if let Amounts::ByType(named) = wanted
        && let Some((unknown, _)) =
            named.iter().find(|(name, _)| components.iter().all(|one| one.type_ != *name))
    {
        return Err(unknown_component(unknown));
    }
    let missing = |type_: &str| refused(format!("{type_}: no amount"));
    let asked: Result<Vec<_>, Error> = components
        .iter()
        .filter(|one| one.is_reportable() || is_named(&one.type_))
        .map(|one| Ok((one.type_.as_str(), wanted.of(one).ok_or_else(|| missing(&one.type_))?)))
        .collect();
    amounts(asked?.into_iter())
}

pub(super) fn amounts<'a>(
    asked: impl Iterator<Item = (&'a str, Decimal)>,
) -> Result<Vec<ComponentUsage>, Error> {
    asked
        .map(|(type_, amount)| match exact(amount) {
            Ok(amount) => Ok(ComponentUsage { type_: type_.to_owned(), amount }),
            Err(problem) => Err(refused(format!("{type_}: {problem}"))),
        })
        .collect()
}

/// The rows of a component, and those that may be: of them no type is known.
pub(super) fn rows_of<'a>(there: &'a [ReportedRow], type_: &str) -> impl Iterator<Item = &'a ReportedRow> {
    there.iter().filter(move |row| row.type_.as_ref().is_none_or(|there| *there == type_))
}

/// What is reported of a component for the month: newer servers have a row for each plan that the resource
/// had in it, of which a report is the sum.
///
/// # Errors
/// If a row of it can't be read. Those of other components don't matter.
pub(super) fn reported(there: &[ReportedRow], type_: &str) -> Result<Option<Decimal>, Error> {
    let mut sum: Option<Decimal> = None;
    for row in rows_of(there, type_) {
        if row.type_.is_none() {
            return Err(row.unreadable("type"));
        }
        let amount = row.amount.ok_or_else(|| row.unreadable("usage"))?;
        sum = Some(sum.unwrap_or_default().checked_add(amount).ok_or_else(|| row.unreadable("usage"))?);
    }
    Ok(sum)
}

pub(super) fn refuse_decreases(
    usages: &[ComponentUsage],
    month: NaiveDate,
    there: &[ReportedRow],
) -> Result<(), Error> {
    for ComponentUsage { type_, amount } in usages {
        if let Some(reported) = reported(there, type_)?
            && *amount < reported
        {
            let (month, reported) = (month.format("%Y-%m"), reported.normalize());
            return Err(refused(format!(
                "{type_}: {amount} is less than the {reported} reported for {month}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use waldur_api_client::types::BillingTypeEnum;

    fn component(type_: &str) -> Component {
        Component {
            type_: type_.to_owned(),
            name: type_.to_uppercase(),
            measured_unit: "hours".to_owned(),
            billing_type: None,
            limit: None,
        }
    }

    fn row(type_: Option<&str>, amount: Option<i64>) -> ReportedRow {
        ReportedRow {
            uuid: Some(Uuid::from_u128(7)),
            type_: type_.map(str::to_owned),
            amount: amount.map(|amount| Decimal::new(amount, 2)),
            created: None,
            description: String::new(),
            recurring: false,
        }
    }

    #[test]
    fn a_month_of_several_plans_is_their_sum() {
        let there = [row(Some("cpu"), Some(250)), row(Some("gpu"), Some(100)), row(Some("cpu"), Some(750))];
        assert_eq!(reported(&there, "cpu").unwrap(), Some(Decimal::TEN));
        assert_eq!(reported(&there, "ram").unwrap(), None);
    }

    #[test]
    fn a_row_that_cannot_be_read_counts_where_it_may_belong() {
        let there = [row(Some("gpu"), None), row(Some("cpu"), Some(100))];
        assert_eq!(reported(&there, "cpu").unwrap(), Some(Decimal::ONE));
        let error = reported(&there, "gpu").unwrap_err();
        assert!(
            error.is_unexpected_response()
                && error.to_string().contains(&Uuid::from_u128(7).simple().to_string())
        );
        assert!(reported(&[row(None, Some(100))], "cpu").unwrap_err().is_unexpected_response());
    }

    #[test]
    fn amounts_that_the_server_would_refuse_are_not_sent() {
        let check = |amount: &str| of_all(&[component("cpu")], &Amounts::Same(amount.parse().unwrap()));
        for amount in ["0.3", "12.50000", "999999999999999.99", "0", "-1.5"] {
            assert_eq!(check(amount).unwrap()[0].amount, amount.parse().unwrap());
        }
        for amount in ["0.301", "0.30000000000000004", "1000000000000000", "-999999999999999999.99"] {
            let error = check(amount).unwrap_err();
            assert!(error.is_validation() && error.to_string().contains("cpu"), "{error}");
        }
    }

    #[test]
    fn what_is_not_measured_is_not_reported() {
        let one = Decimal::ONE;
        let fixed = Component { billing_type: Some(BillingTypeEnum::Fixed), ..component("licence") };
        let components = [component("cpu"), fixed];
        assert_eq!(of_all(&components, &Amounts::Same(one)).unwrap().len(), 1);
        assert_eq!(of_all(&components, &[("cpu", one)].into()).unwrap().len(), 1);
        // Whoever names it means it: newer servers take more.
        assert_eq!(of_all(&components, &[("cpu", one), ("licence", one)].into()).unwrap().len(), 2);
    }

    #[test]
    fn every_component_needs_an_amount_and_has_one() {
        let one = Decimal::ONE;
        let components = [component("cpu"), component("gpu")];
        let usages = |amounts: Amounts| of_all(&components, &amounts);
        assert!(usages([("cpu", one)].into()).unwrap_err().to_string().contains("gpu: no amount"));
        assert!(usages([("cpu", one), ("gpu", one), ("ram", one)].into()).is_err());
        assert!(usages([("cpu", one), ("gpu", one)].into()).is_ok());
        assert!(usages(Amounts::by(move |component| (component.type_ == "cpu").then_some(one))).is_err());
    }
}
