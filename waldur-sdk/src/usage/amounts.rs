//! The amounts of a usage report, and their validation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rust_decimal::Decimal;
use waldur_api_client::{Error, ErrorKind, builder};

use super::components::Component;
use super::read::ComponentUsage;

/// The maximum number of decimals that Waldur accepts.
const DECIMALS: u32 = 2;
/// The smallest amount that is too large. Servers accept 18 digits before the point, but respond with 500 to
/// more than 15, which their invoices can't hold. Invoices of newer servers hold 12, which matters only for
/// components that are billed by usage.
const LIMIT: i64 = 1_000_000_000_000_000;

/// A function from a component to its amount, in the component's [`measured_unit`](Component::measured_unit).
pub type AmountFn = Box<dyn Fn(&Component) -> Option<Decimal> + Send + Sync>;

/// The amounts of all components that [can be reported](Component::is_reportable), each in the component's
/// [`measured_unit`](Component::measured_unit).
///
/// It is made from a [`Decimal`], which is the amount of each component; from a map, an array or a vector of
/// pairs of a component's type, such as `cpu`, and its amount; or by [`Amounts::with`], which calls a
/// function.
///
/// A type that occurs twice is an error ([`Error::is_validation`]) when the report is sent.
#[non_exhaustive]
pub enum Amounts {
    /// The same amount of each component.
    Uniform(Decimal),
    /// An amount for each component, by the component's type. Each component that can be reported must occur
    /// once, and no type that the offering doesn't have.
    ByComponent(Vec<(String, Decimal)>),
    /// The result of a function: see [`Amounts::with`].
    Computed(AmountFn),
}

impl Amounts {
    /// Makes amounts by calling `amount` for each component. `None` for any component is an error
    /// ([`Error::is_validation`]) when the report is sent.
    pub fn with(amount: impl Fn(&Component) -> Option<Decimal> + Send + Sync + 'static) -> Self {
        Self::Computed(Box::new(amount))
    }

    pub(super) fn of(&self, component: &Component) -> Option<Decimal> {
        match self {
            Self::Uniform(amount) => Some(*amount),
            Self::ByComponent(amounts) => {
                amounts.iter().find(|(type_, _)| *type_ == component.type_).map(|(_, amount)| *amount)
            }
            Self::Computed(amount) => amount(component),
        }
    }

    /// Validates the amounts as far as possible without the components.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Uniform(amount) => match exact(*amount) {
                Ok(_) => Ok(()),
                Err(problem) => Err(refused(format!("every component: {problem}"))),
            },
            Self::ByComponent(amounts) => named(amounts).map(drop),
            Self::Computed(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform(amount) => f.debug_tuple("Uniform").field(amount).finish(),
            Self::ByComponent(amounts) => f.debug_tuple("ByComponent").field(amounts).finish(),
            Self::Computed(_) => f.debug_tuple("Computed").finish_non_exhaustive(),
        }
    }
}

impl From<Decimal> for Amounts {
    fn from(amount: Decimal) -> Self {
        Self::Uniform(amount)
    }
}

impl From<BTreeMap<String, Decimal>> for Amounts {
    fn from(amounts: BTreeMap<String, Decimal>) -> Self {
        Self::ByComponent(amounts.into_iter().collect())
    }
}

impl<K: Into<String>> From<Vec<(K, Decimal)>> for Amounts {
    fn from(amounts: Vec<(K, Decimal)>) -> Self {
        Self::ByComponent(amounts.into_iter().map(|(component, amount)| (component.into(), amount)).collect())
    }
}

impl<K: Into<String>, const N: usize> From<[(K, Decimal); N]> for Amounts {
    fn from(amounts: [(K, Decimal); N]) -> Self {
        Self::ByComponent(amounts.into_iter().map(|(component, amount)| (component.into(), amount)).collect())
    }
}

/// Returns the normalised amount, or the reason why servers don't accept it.
pub(super) fn exact(amount: Decimal) -> Result<Decimal, String> {
    let amount = amount.normalize();
    if amount.scale() > DECIMALS {
        return Err(format!("{amount} has more than {DECIMALS} decimals"));
    }
    if amount.abs() >= Decimal::from(LIMIT) {
        return Err(format!("{amount} has more than 15 digits before the decimal point"));
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

/// Validates amounts by component. Each component may occur once.
pub(super) fn named(asked: &[(String, Decimal)]) -> Result<Vec<ComponentUsage>, Error> {
    let mut types = BTreeSet::new();
    for (type_, amount) in asked {
        // Servers trim types.
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

/// Returns an amount for each component that can be reported. Other components that the caller names are sent
/// too; newer servers accept some of them.
pub(super) fn of_all(components: &[Component], wanted: &Amounts) -> Result<Vec<ComponentUsage>, Error> {
    let is_named =
        |type_: &str| matches!(wanted, Amounts::ByComponent(named) if named.iter().any(|one| one.0 == type_));
    if let Amounts::ByComponent(named) = wanted
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

#[cfg(test)]
mod tests {
    use waldur_api_client::types::BillingTypeEnum;

    use super::*;

    fn component(type_: &str) -> Component {
        Component {
            type_: type_.to_owned(),
            name: type_.to_uppercase(),
            measured_unit: "hours".to_owned(),
            billing_type: None,
            limit: None,
        }
    }

    #[test]
    fn amounts_that_servers_refuse_are_validation_errors() {
        let check = |amount: &str| of_all(&[component("cpu")], &Amounts::Uniform(amount.parse().unwrap()));
        for amount in ["0.3", "12.50000", "999999999999999.99", "0", "-1.5"] {
            assert_eq!(check(amount).unwrap()[0].amount, amount.parse().unwrap());
        }
        for amount in ["0.301", "0.30000000000000004", "1000000000000000", "-999999999999999999.99"] {
            let error = check(amount).unwrap_err();
            assert!(error.is_validation() && error.to_string().contains("cpu"), "{error}");
        }
    }

    #[test]
    fn components_that_cannot_be_reported_are_left_out_unless_named() {
        let one = Decimal::ONE;
        let fixed = Component { billing_type: Some(BillingTypeEnum::Fixed), ..component("licence") };
        let components = [component("cpu"), fixed];
        assert_eq!(of_all(&components, &Amounts::Uniform(one)).unwrap().len(), 1);
        assert_eq!(of_all(&components, &[("cpu", one)].into()).unwrap().len(), 1);
        // A component that is named is sent: newer servers accept more.
        assert_eq!(of_all(&components, &[("cpu", one), ("licence", one)].into()).unwrap().len(), 2);
    }

    #[test]
    fn amounts_must_match_the_components() {
        let one = Decimal::ONE;
        let components = [component("cpu"), component("gpu")];
        let usages = |amounts: Amounts| of_all(&components, &amounts);
        assert!(usages([("cpu", one)].into()).unwrap_err().to_string().contains("gpu: no amount"));
        assert!(usages([("cpu", one), ("gpu", one), ("ram", one)].into()).is_err());
        assert!(usages([("cpu", one), ("gpu", one)].into()).is_ok());
        assert!(usages(Amounts::with(move |component| (component.type_ == "cpu").then_some(one))).is_err());
    }
}
