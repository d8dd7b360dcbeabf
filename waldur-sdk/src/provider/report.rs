//! Reporting usage, component by component.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::builder;

use super::Provider;
use super::booking::{booked_elsewhere, first_day, this_month};
use super::usage::{Component, ComponentUsage, ReportedRow, Target};
use crate::confirm::{Confirm, Seen};
use waldur_api_client::types::{ComponentUsageCreateRequest, ComponentUsageItemRequest};
use waldur_api_client::{Error, ErrorKind};

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
    fn check(&self) -> Result<(), Error> {
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

/// What was reported of a resource, or would be. Amounts are in the units of the components.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReportedUsage {
    /// The resource.
    pub resource_uuid: Uuid,
    /// The first day of the month that it is for. What was reported is booked into this month.
    pub month: NaiveDate,
    /// What is sent, one for each component.
    pub usages: Vec<ComponentUsage>,
    /// What is left out because it is reported already, if that was asked for.
    pub unchanged: Vec<ComponentUsage>,
}

/// Which components a report is of.
enum What {
    /// Those that are named, as often as they are.
    Named(Vec<(String, Decimal)>),
    /// Those for which the function has an amount.
    Every(AmountFn),
    /// All that can be reported.
    All(Amounts),
}

/// A report of what a resource used in a month: made by [`Provider::report_usage`], sent when it is awaited,
/// or only worked out by [`dry_run`](Self::dry_run).
#[must_use = "nothing is sent until it is awaited"]
pub struct UsageReport {
    provider: Provider,
    resource: Uuid,
    what: What,
    month: NaiveDate,
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
    /// Reports what a resource used: say of which components, and await it. The month is that of this call
    /// (by UTC and this machine's clock), unless [`UsageReport::month`] names another.
    /// (`marketplace_component_usages_set_usage`)
    ///
    /// The user needs the permission to report usage of the offering's resources, such as its managers have.
    /// Errors are those of [`UsageReport::dry_run`], and what the server refuses.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
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
    /// let report = provider.report_usage(resource);
    /// let report = report.every(|component| match component.measured_unit.as_str() {
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
            what: What::Named(Vec::new()),
            month: this_month(),
            plan_period: None,
            description: None,
            recurring: false,
            skip_equal: false,
            allow_decrease: false,
        }
    }

    /// Reports, for this month, what a resource used of every component of its offering that
    /// [can be reported](Component::is_reportable). What was reported before for this month is replaced, so
    /// it is safe to do again: [`Provider::report_usage`] with [`UsageReport::all`] and
    /// [`UsageReport::allow_decrease`].
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
    /// use waldur_sdk::{Amounts, Decimal};
    ///
    /// let provider = client.provider();
    /// // The same of each, by a map, or by a function.
    /// provider.set_usage_for_all_components(resource, Decimal::new(1250, 2)).await?;
    /// let amounts = [("cpu", Decimal::new(2050, 2)), ("gpu", Decimal::ZERO), ("ram", Decimal::ONE_HUNDRED)];
    /// provider.set_usage_for_all_components(resource, amounts).await?;
    /// let hours = Amounts::by(|component| match component.measured_unit.as_str() {
    ///     "hours" => Some(Decimal::TEN),
    ///     _ => Some(Decimal::ONE),
    /// });
    /// let sent = provider.set_usage_for_all_components(resource, hours).await?;
    /// assert_eq!(sent.usages.len(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the components can't be read, an amount is missing or refused (see [`UsageReport::dry_run`]), or
    /// the server refuses the report.
    pub async fn set_usage_for_all_components(
        &self,
        resource: Uuid,
        amounts: impl Into<Amounts>,
    ) -> Result<ReportedUsage, Error> {
        self.report_usage(resource).all(amounts).allow_decrease().await
    }
}

impl UsageReport {
    /// Reports this amount of a component, by the component's type and in its unit. Call it once for each
    /// component; one that is named twice refuses the report.
    pub fn component(self, type_: impl Into<String>, amount: Decimal) -> Self {
        self.components([(type_, amount)])
    }

    /// Reports these amounts, by the types of the components, beside those that are named already. Components
    /// that aren't named keep what they have; one that is named twice refuses the report. After
    /// [`UsageReport::all`] or [`UsageReport::every`], only what is named from here on is reported.
    pub fn components<K: Into<String>>(mut self, amounts: impl IntoIterator<Item = (K, Decimal)>) -> Self {
        let amounts = amounts.into_iter().map(|(type_, amount)| (type_.into(), amount));
        match &mut self.what {
            What::Named(named) => named.extend(amounts),
            What::Every(_) | What::All(_) => self.what = What::Named(amounts.collect()),
        }
        self
    }

    /// Reports all components of the offering that [can be reported](Component::is_reportable), with amounts
    /// from a [`Decimal`], a map by their types, or [`Amounts::by`]. One without an amount refuses the
    /// report, as does an amount of something that is no component. Takes the place of what was said before
    /// of components.
    pub fn all(mut self, amounts: impl Into<Amounts>) -> Self {
        self.what = What::All(amounts.into());
        self
    }

    /// Asks the function about each component of the offering that
    /// [can be reported](Component::is_reportable); `None` leaves a component as it is. Takes the place of
    /// what was said before of components.
    pub fn every(mut self, amount: impl Fn(&Component) -> Option<Decimal> + Send + Sync + 'static) -> Self {
        self.what = What::Every(Box::new(amount));
        self
    }

    /// Reports for the month of this day, instead of the month in which [`Provider::report_usage`] was called
    /// (by UTC).
    ///
    /// Servers before 7.9.0 book every report into the month in which it arrives, so another month is refused
    /// for a server that isn't known to be younger: nothing is sent, and [`Error::is_unsupported`] is true. A
    /// month that is over is for staff, or for components that are billed by limit. Of one that hasn't begun,
    /// servers take nothing.
    pub fn month(mut self, day: NaiveDate) -> Self {
        self.month = first_day(day);
        self
    }

    /// Reports for this plan period (see [`Provider::plan_periods`]), instead of the one that the resource is
    /// in. Servers take none that ended before the current month.
    pub fn plan_period(mut self, period: Uuid) -> Self {
        self.plan_period = Some(period);
        self
    }

    /// Adds what the customer reads about it. Without it, a server drops the one that was there.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Makes it count for the following months too, until another is reported. Without it, a server lets one
    /// that did end with this month.
    pub fn recurring(mut self) -> Self {
        self.recurring = true;
        self
    }

    /// Leaves out what is reported already with the same amount, and with the description and recurrence that
    /// are asked for. If that is all, nothing is sent.
    pub fn skip_equal(mut self) -> Self {
        self.skip_equal = true;
        self
    }

    /// Lets amounts be less than what is reported already; otherwise that refuses the report, as does a row
    /// of usage that doesn't tell what is reported.
    pub fn allow_decrease(mut self) -> Self {
        self.allow_decrease = true;
        self
    }

    /// Works out what would be sent. Nothing is changed.
    ///
    /// It checks what can be known: amounts, names, the state of the resource, what is reported already, and
    /// whether the server books the month. Only the server knows whether the user may report, whether that
    /// holds for a month that is over, and whether the resource has a plan. It takes up to three
    /// requests.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Validation`] if no component is named, or one twice or with an empty type; if the
    /// offering has no such component, or one has no amount; if an amount has more than two decimals or
    /// fifteen digits before the point, or is less than what is reported already; if the resource is
    /// Creating, Erred or Terminated. [`Error::is_unsupported`] if the server isn't known to book the month.
    /// Of kind [`ErrorKind::UnexpectedResponse`] if a row of usage of a named component, or of an unknown one, can't be
    /// read, unless [decreases are allowed](Self::allow_decrease). Others if the resource, its offering or
    /// usages can't be read.
    pub async fn dry_run(&self) -> Result<ReportedUsage, Error> {
        self.prepare(true).await
    }

    /// Works it out; checks the resource and the names of components, too, if `thorough`.
    async fn prepare(&self, thorough: bool) -> Result<ReportedUsage, Error> {
        let (mut usages, target) = self.usages(thorough).await?;
        if let Some(target) = target.as_ref().filter(|_| thorough) {
            target.check_state()?;
        }
        let mut unchanged = Vec::new();
        let mut there = Vec::new();
        if !usages.is_empty() && (self.skip_equal || !self.allow_decrease) {
            there = self.provider.reported_rows(self.resource, self.month).await?.into_vec();
            if self.skip_equal {
                (unchanged, usages) = usages.into_iter().partition(|usage| self.is_so(usage, &there));
            }
        }
        if !usages.is_empty() {
            self.provider.check_month(self.resource, self.month, target.is_some()).await?;
            if !self.allow_decrease {
                refuse_decreases(&usages, self.month, &there)?;
            }
        }
        Ok(ReportedUsage { resource_uuid: self.resource, month: self.month, usages, unchanged })
    }

    /// The amounts, and the resource where it was read.
    async fn usages(&self, thorough: bool) -> Result<(Vec<ComponentUsage>, Option<Target>), Error> {
        let target = || self.provider.target(self.resource);
        Ok(match &self.what {
            What::Named(asked) if asked.is_empty() => {
                return Err(refused("no component is named".to_owned()));
            }
            What::Named(asked) => {
                let usages = named(asked)?;
                if !thorough {
                    return Ok((usages, None));
                }
                let target = target().await?;
                match usages.iter().find(|usage| !target.has(&usage.type_)) {
                    Some(unknown) => return Err(unknown_component(&unknown.type_)),
                    None => (usages, Some(target)),
                }
            }
            What::Every(amount) => {
                let target = target().await?;
                let reportable = target.components.iter().filter(|one| one.is_reportable());
                let usages = amounts(reportable.filter_map(|one| Some((one.type_.as_str(), amount(one)?))))?;
                (usages, Some(target))
            }
            What::All(wanted) => {
                wanted.check()?;
                let target = target().await?;
                (of_all(&target.components, wanted)?, Some(target))
            }
        })
    }

    /// Whether this would change nothing.
    fn is_so(&self, usage: &ComponentUsage, there: &[ReportedRow]) -> bool {
        let says_so = |row: &ReportedRow| {
            (row.recurring || !self.recurring)
                && self.description.as_ref().is_none_or(|text| row.description.trim() == text.trim())
        };
        matches!(reported(there, &usage.type_), Ok(Some(amount)) if amount == usage.amount)
            && rows_of(there, &usage.type_).all(says_so)
    }

    /// What is sent, without the month.
    fn body(&self, usages: &[ComponentUsage]) -> Result<ComponentUsageCreateRequest, Error> {
        let mut items = Vec::with_capacity(usages.len());
        for usage in usages {
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
        let body = ComponentUsageCreateRequest::builder().usages(items);
        let body = match self.plan_period {
            Some(period) => body.plan_period(period),
            None => body.resource(self.resource),
        };
        ComponentUsageCreateRequest::try_from(body).map_err(|problem| refused(format!("{problem}")))
    }

    async fn send(self) -> Result<ReportedUsage, Error> {
        let report = self.prepare(false).await?;
        if report.usages.is_empty() {
            return Ok(report);
        }
        let (provider, month) = (&self.provider, report.month);
        let body = self.body(&report.usages)?;
        let send = || provider.book(month, &body);
        let look = || async {
            let there = provider.reported_rows(self.resource, month).await?.into_vec();
            if report.usages.iter().all(|usage| self.is_so(usage, &there)) {
                return Ok(Seen::Applied(None));
            }
            if let Some(booked) = provider.next_booking(month) {
                let (month, booked) = (month.format("%Y-%m"), booked.format("%Y-%m"));
                let problem = format!("it isn't recorded for {month}, and may be booked into {booked}");
                return Ok(Seen::Unclear(problem));
            }
            Ok(self.missing(&report, &there))
        };
        let confirm = Confirm::new(&provider.client).after(Error::is_ambiguous);
        let (answered, _) = confirm.send(send, look).await?;
        match answered.map(|time| first_day(time.date_naive())) {
            Some(booked) if booked != month => match provider.books_by_date(self.resource).await {
                Ok(true) => Ok(report),
                _ => Err(booked_elsewhere(month, booked)),
            },
            _ => Ok(report),
        }
    }

    /// What it means that not all of a report shows.
    fn missing<T>(&self, report: &ReportedUsage, there: &[ReportedRow]) -> Seen<T> {
        let month = report.month.format("%Y-%m");
        for usage in report.usages.iter().filter(|usage| !self.is_so(usage, there)) {
            let shown = match reported(there, &usage.type_) {
                Err(unreadable) => return Seen::Unclear(unreadable.to_string()),
                Ok(None) => continue,
                Ok(Some(shown)) => shown,
            };
            // Of the rows of several plans a report replaces one.
            if rows_of(there, &usage.type_).count() > 1 {
                return Seen::Differs(format!(
                    "{} of {} is recorded for {month}",
                    shown.normalize(),
                    usage.type_
                ));
            }
        }
        Seen::Unchanged(format!("the usage is not recorded for {month}"))
    }
}

impl IntoFuture for UsageReport {
    type Output = Result<ReportedUsage, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Works it out and sends it: at most three requests, or four where a server before 7.9.3 doesn't tell
    /// the components with the resource. The first report to a server that takes no date for the current
    /// month has one more. (`marketplace_component_usages_set_usage`)
    ///
    /// If the answer is lost, the usages are read again; a report that isn't recorded is sent again, within
    /// the client's retry policy. If that doesn't tell, [`Error::is_unconfirmed`] is true. On a server that
    /// isn't known to book by date, nothing is sent so late that it may arrive in the next month
    /// ([`Error::is_unsupported`]); if it arrived there all the same, an error of kind [`ErrorKind::UnexpectedResponse`]
    /// names that month. Other errors are those of [`dry_run`](Self::dry_run) and what the server refuses.
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
        return Err(format!("{amount} has more than 15 digits before the point, with which servers fail"));
    }
    Ok(amount)
}

fn refused(problem: String) -> Error {
    let error = Error::new(ErrorKind::Validation, problem);
    error.with_operation(builder::MarketplaceComponentUsagesSetUsage::OPERATION)
}

fn unknown_component(type_: &str) -> Error {
    refused(format!("{type_}: the offering has no such component"))
}

/// The amounts that are named, each with a name of its own.
fn named(asked: &[(String, Decimal)]) -> Result<Vec<ComponentUsage>, Error> {
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
fn of_all(components: &[Component], wanted: &Amounts) -> Result<Vec<ComponentUsage>, Error> {
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

fn amounts<'a>(asked: impl Iterator<Item = (&'a str, Decimal)>) -> Result<Vec<ComponentUsage>, Error> {
    asked
        .map(|(type_, amount)| match exact(amount) {
            Ok(amount) => Ok(ComponentUsage { type_: type_.to_owned(), amount }),
            Err(problem) => Err(refused(format!("{type_}: {problem}"))),
        })
        .collect()
}

/// The rows of a component, and those that may be: of them no type is known.
fn rows_of<'a>(there: &'a [ReportedRow], type_: &str) -> impl Iterator<Item = &'a ReportedRow> {
    there.iter().filter(move |row| row.type_.as_ref().is_none_or(|there| *there == type_))
}

/// What is reported of a component for the month: newer servers have a row for each plan that the resource
/// had in it, of which a report is the sum.
///
/// # Errors
/// If a row of it can't be read. Those of other components don't matter.
fn reported(there: &[ReportedRow], type_: &str) -> Result<Option<Decimal>, Error> {
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

fn refuse_decreases(usages: &[ComponentUsage], month: NaiveDate, there: &[ReportedRow]) -> Result<(), Error> {
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
