//! Reporting usage, component by component.

use std::collections::BTreeMap;
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use chrono::{DateTime, Months, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;
use waldur_api_client::builder;

use super::Provider;
use super::usage::{Component, ComponentUsage, Usage, first_day};
use crate::error::{Error, ErrorKind};
use crate::types::{ComponentUsageCreateRequest, ComponentUsageItemRequest};

/// What a server takes: two decimals, and 18 digits before them.
const DECIMALS: u32 = 2;
const LIMIT: i64 = 1_000_000_000_000_000_000;
/// A function from a component to its amount.
pub type AmountFn = Box<dyn Fn(&Component) -> Option<Decimal> + Send + Sync>;

/// How much was used of each component of an offering that usage can be reported of.
///
/// A [`Decimal`] is the same for all, a map says it by the component's type, such as `cpu`, and
/// [`Amounts::by`] asks.
#[non_exhaustive]
pub enum Amounts {
    /// The same for all.
    Same(Decimal),
    /// By the type of the component; it must have all that can be reported, and none that the offering doesn't have.
    ByType(BTreeMap<String, Decimal>),
    /// As a function says; see [`Amounts::by`].
    By(AmountFn),
}

impl Amounts {
    /// Asked about each component; `None` refuses the whole report.
    pub fn by(amount: impl Fn(&Component) -> Option<Decimal> + Send + Sync + 'static) -> Self {
        Self::By(Box::new(amount))
    }

    fn of(&self, component: &Component) -> Option<Decimal> {
        match self {
            Self::Same(amount) => Some(*amount),
            Self::ByType(amounts) => amounts.get(&component.type_).copied(),
            Self::By(amount) => amount(component),
        }
    }

    /// Those that are known before the components are.
    fn known(&self) -> Vec<(&str, Decimal)> {
        match self {
            Self::Same(amount) => vec![("every component", *amount)],
            Self::ByType(amounts) => {
                amounts.iter().map(|(type_, amount)| (type_.as_str(), *amount)).collect()
            }
            Self::By(_) => Vec::new(),
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

/// Which components a report is of.
enum What {
    /// Those that are named.
    Named(BTreeMap<String, Decimal>),
    /// Those for which the function has an amount.
    Every(AmountFn),
    /// All that can be reported.
    All(Amounts),
}

/// A report of what a resource used in a month: made by [`Provider::report_usage`], sent when it is awaited, or only
/// worked out by [`dry_run`](Self::dry_run).
#[must_use = "nothing is sent until it is awaited"]
pub struct UsageReport {
    provider: Provider,
    resource: Uuid,
    what: What,
    month: Option<NaiveDate>,
    plan_period: Option<Uuid>,
    description: Option<String>,
    recurring: bool,
    skip_equal: bool,
    allow_decrease: bool,
}

impl fmt::Debug for UsageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageReport")
            .field("resource", &self.resource)
            .field("month", &self.month)
            .field("plan_period", &self.plan_period)
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// Reports what a resource used: say of which components, and await it.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, Decimal, UserAmount};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let provider = client.provider();
    ///
    /// // What would be sent?
    /// let twice = Decimal::TWO;
    /// let planned = provider.report_usage(resource).component("ram", twice).dry_run().await?;
    /// assert_eq!(planned.usages[0].amount, twice);
    ///
    /// // Every component, by its unit; what is as it was is left out.
    /// let report = provider.report_usage(resource).every(|component| match component.measured_unit.as_str() {
    ///     "hours" => Some(Decimal::new(2050, 2)),
    ///     _ => None,
    /// });
    /// let sent = report.skip_equal().await?;
    ///
    /// // And who used it.
    /// let component = sent.usages[0].type_.clone();
    /// let share = UserAmount { component, username: "alice_hpc".into(), amount: Decimal::TEN };
    /// let items = provider.report_user_usages(resource, sent.month, [share]).await?;
    /// assert!(items.iter().all(|item| item.outcome.is_ok()));
    ///
    /// for usage in provider.usages(resource, sent.month).await? {
    ///     println!("{}: {} {}", usage.name, usage.amount, usage.measured_unit);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn report_usage(&self, resource: Uuid) -> UsageReport {
        UsageReport {
            provider: self.clone(),
            resource,
            what: What::Named(BTreeMap::new()),
            month: None,
            plan_period: None,
            description: None,
            recurring: false,
            skip_equal: false,
            allow_decrease: false,
        }
    }

    /// Reports, for this month, what a resource used of every component of its offering that
    /// [can be reported](Component::is_reportable). What was reported before for this month is replaced, so it is safe to
    /// do again: [`Provider::report_usage`] with [`UsageReport::all`] and [`UsageReport::allow_decrease`].
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// use waldur_sdk::{Amounts, Decimal};
    ///
    /// let provider = client.provider();
    /// // The same of each, by a map, or by a function.
    /// provider.set_usage_for_all_components(resource, Decimal::new(1250, 2)).await?;
    /// let amounts = [("cpu", Decimal::new(2050, 2)), ("gpu", Decimal::ZERO), ("ram", Decimal::ONE_HUNDRED)];
    /// provider.set_usage_for_all_components(resource, amounts).await?;
    /// let hours = Amounts::by(|component| Some(if component.measured_unit == "hours" { Decimal::TEN } else { Decimal::ONE }));
    /// let sent = provider.set_usage_for_all_components(resource, hours).await?;
    /// assert_eq!(sent.usages.len(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the components can't be read, an amount is missing or refused (see [`UsageReport::dry_run`]), or the server
    /// refuses the report.
    pub async fn set_usage_for_all_components(
        &self,
        resource: Uuid,
        amounts: impl Into<Amounts>,
    ) -> Result<ReportedUsage, Error> {
        self.report_usage(resource).all(amounts).allow_decrease().await
    }
}

impl UsageReport {
    /// This amount of a component, by its type; of several, each by a call.
    pub fn component(self, type_: impl Into<String>, amount: Decimal) -> Self {
        self.components([(type_, amount)])
    }

    /// These amounts, by the types of the components. Components that aren't named keep what they have.
    pub fn components<K: Into<String>>(mut self, amounts: impl IntoIterator<Item = (K, Decimal)>) -> Self {
        let amounts = amounts.into_iter().map(|(type_, amount)| (type_.into(), amount));
        match &mut self.what {
            What::Named(named) => named.extend(amounts),
            What::Every(_) | What::All(_) => self.what = What::Named(amounts.collect()),
        }
        self
    }

    /// Of all components of the offering that [can be reported](Component::is_reportable): a [`Decimal`], a map by their
    /// types, or [`Amounts::by`]. One without an amount refuses the report, as does an amount of something that is no
    /// component.
    pub fn all(mut self, amounts: impl Into<Amounts>) -> Self {
        self.what = What::All(amounts.into());
        self
    }

    /// Asked about each component of the offering that [can be reported](Component::is_reportable); `None` leaves it as it
    /// is.
    pub fn every(mut self, amount: impl Fn(&Component) -> Option<Decimal> + Send + Sync + 'static) -> Self {
        self.what = What::Every(Box::new(amount));
        self
    }

    /// For the month of this day, instead of this month (by UTC). A server may need a permission for a month that is
    /// over.
    pub fn month(mut self, day: NaiveDate) -> Self {
        self.month = Some(first_day(day));
        self
    }

    /// For this plan period (see [`Provider::plan_periods`]), instead of the one that the resource is in.
    pub fn plan_period(mut self, period: Uuid) -> Self {
        self.plan_period = Some(period);
        self
    }

    /// What the customer reads about it. Without it, a server drops the one that was there.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// It counts for the following months too, until another is reported. Without it, a server lets one that did end with
    /// this month.
    pub fn recurring(mut self) -> Self {
        self.recurring = true;
        self
    }

    /// Leaves out what is reported already with the same amount, and with the description and recurrence that are asked
    /// for. If that is all, nothing is sent.
    pub fn skip_equal(mut self) -> Self {
        self.skip_equal = true;
        self
    }

    /// Amounts may be less than what is reported already; otherwise that refuses the report.
    pub fn allow_decrease(mut self) -> Self {
        self.allow_decrease = true;
        self
    }

    /// What would be sent. Nothing is changed.
    ///
    /// # Errors
    /// If no component is named, the components or usages can't be read, or an amount is missing or refused: more than
    /// two decimals or twenty digits, or less than what is reported already.
    pub async fn dry_run(&self) -> Result<ReportedUsage, Error> {
        let month = self.month.unwrap_or_else(|| first_day(Utc::now().date_naive()));
        let mut usages = match &self.what {
            What::Named(named) if named.is_empty() => {
                return Err(refused("no component is named".to_owned()));
            }
            What::Named(named) => amounts(named.iter().map(|(type_, amount)| (type_.as_str(), *amount)))?,
            What::Every(amount) => {
                let components = self.provider.components(self.resource).await?;
                let reportable = components.iter().filter(|one| one.is_reportable());
                amounts(reportable.filter_map(|one| Some((one.type_.as_str(), amount(one)?))))?
            }
            What::All(wanted) => {
                amounts(wanted.known().into_iter())?;
                of_all(&self.provider.components(self.resource).await?, wanted)?
            }
        };
        let mut unchanged = Vec::new();
        if !usages.is_empty() && (self.skip_equal || !self.allow_decrease) {
            let there = self.provider.usages(self.resource, month).await?;
            if !self.allow_decrease {
                refuse_decreases(&usages, month, |type_| reported(&there, type_))?;
            }
            if self.skip_equal {
                (unchanged, usages) = usages.into_iter().partition(|usage| self.is_so(usage, &there));
            }
        }
        Ok(ReportedUsage { resource_uuid: self.resource, month, usages, unchanged })
    }

    /// Whether this would change nothing.
    fn is_so(&self, usage: &ComponentUsage, there: &[Usage]) -> bool {
        let mut rows = there.iter().filter(|one| one.type_ == usage.type_);
        let says_so = |one: &Usage| {
            (one.recurring || !self.recurring)
                && self.description.as_ref().is_none_or(|text| one.description == *text)
        };
        reported(there, &usage.type_) == Some(usage.amount) && rows.all(says_so)
    }

    async fn send(self) -> Result<ReportedUsage, Error> {
        let report = self.dry_run().await?;
        if report.usages.is_empty() {
            return Ok(report);
        }
        let mut items = Vec::with_capacity(report.usages.len());
        for usage in &report.usages {
            let mut item = ComponentUsageItemRequest::builder().type_(&usage.type_).amount(usage.amount);
            if let Some(text) = &self.description {
                item = item.description(text);
            }
            if self.recurring {
                item = item.recurring(true);
            }
            let item = ComponentUsageItemRequest::try_from(item);
            items.push(item.map_err(|problem| refused(format!("{problem}")))?);
        }
        let mut body = ComponentUsageCreateRequest::builder().usages(items);
        body = match self.plan_period {
            Some(period) => body.plan_period(period),
            None => body.resource(self.resource),
        };
        if let Some(time) = self.month.and_then(time_in) {
            body = body.date(time);
        }
        let provider = &self.provider;
        let call = provider.client.api().marketplace_component_usages_set_usage().body(body);
        let error = match call.send().await {
            Ok(_) => return Ok(report),
            Err(error) => Error::from(error),
        };
        if !error.is_answer_lost() {
            return Err(error);
        }
        match provider.usages(self.resource, report.month).await {
            Ok(there) => {
                let recorded = report.usages.iter().all(|usage| self.is_so(usage, &there));
                if recorded { Ok(report) } else { Err(error.with_note("the usage is not recorded")) }
            }
            Err(unread) => {
                Err(error.with_note(format!("whether the usage is recorded is not known: {unread}")))
            }
        }
    }
}

impl IntoFuture for UsageReport {
    type Output = Result<ReportedUsage, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Works it out and sends it: at most three requests, or four where a server before 2025 doesn't tell the
    /// components with the resource. (`marketplace_component_usages_set_usage`) If the answer is lost, the usages are
    /// read again before anything is reported.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
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

fn refused(problem: String) -> Error {
    let error = Error::new(ErrorKind::Validation, problem);
    error.in_operation(builder::MarketplaceComponentUsagesSetUsage::OPERATION)
}

/// An amount for each component that can be reported, and none for what is no component. What else is named is left to
/// the server.
fn of_all(components: &[Component], wanted: &Amounts) -> Result<Vec<ComponentUsage>, Error> {
    if let Amounts::ByType(wanted) = wanted
        && let Some(unknown) = wanted.keys().find(|name| components.iter().all(|one| one.type_ != **name))
    {
        return Err(refused(format!("{unknown}: the offering has no such component")));
    }
    let missing = |type_: &str| refused(format!("{type_}: no amount"));
    let asked: Result<Vec<_>, Error> = components
        .iter()
        .filter(|one| {
            one.is_reportable() || matches!(wanted, Amounts::ByType(named) if named.contains_key(&one.type_))
        })
        .map(|one| Ok((one.type_.as_str(), wanted.of(one).ok_or_else(|| missing(&one.type_))?)))
        .collect();
    amounts(asked?.into_iter())
}

fn amounts<'a>(asked: impl Iterator<Item = (&'a str, Decimal)>) -> Result<Vec<ComponentUsage>, Error> {
    asked
        .map(|(type_, amount)| match exact(amount) {
            Ok(amount) => Ok(ComponentUsage { type_: type_.to_owned(), amount }),
            Err(problem) => Err(refused(format!("{type_}: {problem}"))),
        })
        .collect()
}

/// What is reported of a component for the month: newer servers have a row for each plan that the resource had in it, of
/// which a report is the sum.
fn reported(there: &[Usage], type_: &str) -> Option<Decimal> {
    there.iter().filter(|one| one.type_ == type_).map(|one| one.amount).reduce(|sum, amount| sum + amount)
}

fn refuse_decreases(
    usages: &[ComponentUsage],
    month: NaiveDate,
    reported: impl Fn(&str) -> Option<Decimal>,
) -> Result<(), Error> {
    for ComponentUsage { type_, amount } in usages {
        if let Some(there) = reported(type_)
            && *amount < there
        {
            let month = month.format("%Y-%m");
            return Err(refused(format!("{type_}: {amount} is less than the {there} reported for {month}")));
        }
    }
    Ok(())
}

/// A time in the month that is in it wherever the server is, and when a resource that was made in that month was
/// there already: noon of its last day. None for the month that it is now.
fn time_in(month: NaiveDate) -> Option<DateTime<Utc>> {
    if month == first_day(Utc::now().date_naive()) {
        return None;
    }
    let last = month.checked_add_months(Months::new(1))?.pred_opt()?;
    Some(last.and_hms_opt(12, 0, 0)?.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BillingTypeEnum;

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
    fn a_month_of_several_plans_is_their_sum() {
        let usage = |type_: &str, amount: i64| Usage {
            uuid: Uuid::nil(),
            type_: type_.to_owned(),
            name: String::new(),
            measured_unit: String::new(),
            amount: Decimal::new(amount, 2),
            billing_period: NaiveDate::MIN,
            created: None,
            description: String::new(),
            recurring: false,
        };
        let there = [usage("cpu", 250), usage("gpu", 100), usage("cpu", 750)];
        assert_eq!(reported(&there, "cpu"), Some(Decimal::TEN));
        assert_eq!(reported(&there, "ram"), None);
    }

    #[test]
    fn amounts_that_the_server_would_refuse_are_not_sent() {
        let check = |amount: &str| of_all(&[component("cpu")], &Amounts::Same(amount.parse().unwrap()));
        for amount in ["0.3", "12.50000", "999999999999999999.99", "0", "-1.5"] {
            assert_eq!(check(amount).unwrap()[0].amount, amount.parse().unwrap());
        }
        for amount in ["0.301", "0.30000000000000004", "1000000000000000000"] {
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

    #[test]
    fn a_month_has_a_time_of_its_own() {
        let february = NaiveDate::from_ymd_opt(2024, 2, 1).unwrap();
        assert_eq!(time_in(february).unwrap().to_rfc3339(), "2024-02-29T12:00:00+00:00");
        assert_eq!(first_day(NaiveDate::from_ymd_opt(2024, 2, 29).unwrap()), february);
        assert_eq!(time_in(first_day(Utc::now().date_naive())), None);
    }
}
