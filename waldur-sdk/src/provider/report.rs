//! Reporting usage, component by component.

mod amounts;

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

pub(super) use self::amounts::exact;
pub use self::amounts::{AmountFn, Amounts};
use self::amounts::{named, of_all, refuse_decreases, refused, reported, rows_of, unknown_component};
use super::Provider;
use super::booking::{booked_elsewhere, first_day, this_month};
use super::usage::{Component, ComponentUsage, ReportedRow, Target};
use crate::confirm::{Confirm, Seen};
use waldur_api_client::Error;
use waldur_api_client::types::{ComponentUsageCreateRequest, ComponentUsageItemRequest};

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
    /// Of kind [`ErrorKind::Validation`](crate::ErrorKind::Validation) if no component is named, or one twice or with an empty type; if the
    /// offering has no such component, or one has no amount; if an amount has more than two decimals or
    /// fifteen digits before the point, or is less than what is reported already; if the resource is
    /// Creating, Erred or Terminated. [`Error::is_unsupported`] if the server isn't known to book the month.
    /// Of kind [`ErrorKind::UnexpectedResponse`](crate::ErrorKind::UnexpectedResponse) if a row of usage of a named component, or of an unknown one, can't be
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
                let usages =
                    amounts::amounts(reportable.filter_map(|one| Some((one.type_.as_str(), amount(one)?))))?;
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
    /// ([`Error::is_unsupported`]); if it arrived there all the same, an error of kind [`ErrorKind::UnexpectedResponse`](crate::ErrorKind::UnexpectedResponse)
    /// names that month. Other errors are those of [`dry_run`](Self::dry_run) and what the server refuses.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
