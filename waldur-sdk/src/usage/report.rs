//! Reporting the usage of one resource.

use std::fmt;
use std::future::IntoFuture;

use futures_util::future::BoxFuture;
use rust_decimal::Decimal;
use uuid::Uuid;
use waldur_api_client::{Client, Error};

use super::amounts::{AmountFn, Amounts, amounts, named, of_all, refused, unknown_component};
use super::components::{Component, Target, check_state, target};
use super::month::Month;
use super::plan::{Options, ReportedUsage, Reporter};
use super::read::ComponentUsage;
use crate::confirm::Confirm;
use crate::resources::ResourceHandle;

/// The components of a report and their amounts.
enum Selection {
    /// The named components.
    Named(Vec<(String, Decimal)>),
    /// The components for which the function returns an amount.
    Each(AmountFn),
    /// All components that can be reported.
    All(Amounts),
}

/// A report of the usage of one resource in a month, made by [`ResourceHandle::report_usage`].
///
/// Awaiting it sends the report; [`dry_run`](Self::dry_run) only determines what would be sent.
///
/// It sends at most three requests, or four to a server before 7.9.3, which doesn't send the components with
/// the resource. The first report to a server that doesn't accept a date for the current month takes one
/// more.
///
/// If the response is lost, the usage is read; a report that isn't recorded is sent again, within the
/// client's retry policy. To a server that may book by the time of arrival, nothing is sent that may arrive
/// in the next month.
///
/// # Errors
/// - Those of [`dry_run`](Self::dry_run).
/// - [`Error::is_validation`]: the server refuses the report.
/// - [`Error::is_forbidden`]: the caller may not report usage of the resource.
/// - [`Error::is_unconfirmed`]: whether the report was recorded is unknown.
/// - [`Error::is_unexpected_response`]: the report arrived in another month than the intended one.
#[must_use = "nothing is sent until it is awaited"]
pub struct UsageReport {
    client: Client,
    resource: Uuid,
    selection: Selection,
    options: Options,
}

impl fmt::Debug for UsageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageReport")
            .field("resource", &self.resource)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl ResourceHandle {
    /// Returns a builder for a report of the resource's usage. Set amounts and await it.
    /// (`marketplace_component_usages_set_usage`)
    ///
    /// The usage is for the current month, by UTC and the local clock; [`month`](UsageReport::month) sets
    /// another. Amounts replace those that were reported for the month before, so it is safe to run again.
    ///
    /// Requires the permission to report usage, which the offering's managers have.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// use waldur_sdk::usage::UserAmount;
    /// use waldur_sdk::Decimal;
    ///
    /// let resource = client.provider().resource(sandbox.ids().resources.ok);
    ///
    /// // Determine what would be sent.
    /// let planned = resource.report_usage().amount("ram", 2).dry_run().await?;
    /// assert_eq!(planned.usages[0].amount, Decimal::TWO);
    ///
    /// // Report each component by its unit, and skip what is already reported.
    /// let report = resource.report_usage().each(|component| match component.measured_unit.as_str() {
    ///     "hours" => Some(Decimal::new(2050, 2)),
    ///     _ => None,
    /// });
    /// let sent = report.skip_equal().await?;
    ///
    /// // Report who used it.
    /// let component = sent.usages[0].type_.clone();
    /// let share = UserAmount { component, username: "alice_hpc".into(), amount: Decimal::TEN };
    /// let report = resource.report_user_usage(sent.month, [share]).await?;
    /// assert!(report.is_ok());
    ///
    /// for usage in resource.usage(sent.month).await? {
    ///     println!("{}: {} {}", usage.name, usage.amount, usage.measured_unit);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`all`](UsageReport::all) requires an amount for every component:
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// use waldur_sdk::usage::Amounts;
    /// use waldur_sdk::Decimal;
    ///
    /// let resource = client.provider().resource(sandbox.ids().resources.ok);
    /// // The same amount for each component, an amount by type, or a function.
    /// resource.report_usage().all(Decimal::new(1250, 2)).allow_decrease().await?;
    /// let amounts = [("cpu", Decimal::new(2050, 2)), ("gpu", Decimal::ZERO), ("ram", Decimal::ONE_HUNDRED)];
    /// resource.report_usage().all(amounts).allow_decrease().await?;
    /// let hours = Amounts::with(|component| match component.measured_unit.as_str() {
    ///     "hours" => Some(Decimal::TEN),
    ///     _ => Some(Decimal::ONE),
    /// });
    /// let sent = resource.report_usage().all(hours).allow_decrease().await?;
    /// assert_eq!(sent.usages.len(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn report_usage(&self) -> UsageReport {
        UsageReport {
            client: self.client.clone(),
            resource: self.uuid,
            selection: Selection::Named(Vec::new()),
            options: Options::new(),
        }
    }
}

impl UsageReport {
    /// Adds the amount of one component, by the component's type and in its
    /// [`measured_unit`](Component::measured_unit).
    ///
    /// Naming a component twice is an error ([`Error::is_validation`]) when the report is sent.
    pub fn amount(self, component: impl Into<String>, amount: impl Into<Decimal>) -> Self {
        self.amounts([(component, amount)])
    }

    /// Adds amounts of several components, as [`amount`](Self::amount) does.
    ///
    /// Components that aren't named keep their usage. Replaces an earlier [`all`](Self::all) or
    /// [`each`](Self::each).
    pub fn amounts<K: Into<String>, A: Into<Decimal>>(
        mut self,
        amounts: impl IntoIterator<Item = (K, A)>,
    ) -> Self {
        let amounts = amounts.into_iter().map(|(component, amount)| (component.into(), amount.into()));
        match &mut self.selection {
            Selection::Named(named) => named.extend(amounts),
            Selection::Each(_) | Selection::All(_) => self.selection = Selection::Named(amounts.collect()),
        }
        self
    }

    /// Reports every component of the offering that [can be reported](Component::is_reportable), with amounts
    /// from a [`Decimal`], a map by type, or [`Amounts::with`].
    ///
    /// A component without an amount, and an amount without a component, are errors
    /// ([`Error::is_validation`]) when the report is sent. Replaces amounts that were set before.
    pub fn all(mut self, amounts: impl Into<Amounts>) -> Self {
        self.selection = Selection::All(amounts.into());
        self
    }

    /// Calls `amount` for each component of the offering that [can be reported](Component::is_reportable),
    /// and reports the result, in the component's [`measured_unit`](Component::measured_unit).
    ///
    /// `None` leaves the usage of a component unchanged. Replaces amounts that were set before.
    pub fn each(mut self, amount: impl Fn(&Component) -> Option<Decimal> + Send + Sync + 'static) -> Self {
        self.selection = Selection::Each(Box::new(amount));
        self
    }

    /// Sets the month of the usage. By default it is the month, by UTC, in which
    /// [`ResourceHandle::report_usage`] was called.
    ///
    /// Servers before 7.9.0 book every report into the month in which it arrives. If the server may be one of
    /// them, a report for another month is not sent ([`Error::is_unsupported`]). Servers accept a past month
    /// from staff, or for components that are billed by limit, and never a future month.
    pub fn month(mut self, month: impl Into<Month>) -> Self {
        self.options.month = month.into();
        self
    }

    /// Sets the plan period of the usage (see [`ResourceHandle::plan_periods`]). By default it is the
    /// resource's current one.
    ///
    /// Servers don't accept a period that ended before the current month.
    pub fn plan_period(mut self, period: impl Into<Uuid>) -> Self {
        self.options.plan_period = Some(period.into());
        self
    }

    /// Sets a description for the customer. Without one, servers remove the existing description.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.options.description = Some(text.into());
        self
    }

    /// Marks the usage as recurring: it also counts for the following months, until other usage is reported.
    ///
    /// Without it, usage that was recurring before ends with this month.
    pub fn recurring(mut self) -> Self {
        self.options.recurring = true;
        self
    }

    /// Skips components that are already reported with the same amount, description and recurrence. If that
    /// is all of them, nothing is sent.
    pub fn skip_equal(mut self) -> Self {
        self.options.skip_equal = true;
        self
    }

    /// Allows amounts that are less than the reported ones.
    ///
    /// By default, a lower amount is an error ([`Error::is_validation`]), as is a row of reported usage that
    /// can't be read ([`Error::is_unexpected_response`]).
    pub fn allow_decrease(mut self) -> Self {
        self.options.allow_decrease = true;
        self
    }

    /// Determines what would be sent, without sending it. Reads up to three objects.
    ///
    /// It validates the amounts, the names of the components, the state of the resource, the reported usage,
    /// and whether the server books into the month. It can't check whether the caller may report usage,
    /// whether that includes a past month, and whether the resource has a plan.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: no component is named, or one is named twice or has an empty type; the
    ///   offering has no such component; a component has no amount; an amount has more than two decimals or
    ///   fifteen digits before the decimal point, or is less than the reported one; the resource is Creating,
    ///   Erred or Terminated.
    /// - [`Error::is_unsupported`]: the server may book into another month.
    /// - [`Error::is_unexpected_response`]: reported usage that matters can't be read, unless
    ///   [decreases are allowed](Self::allow_decrease).
    /// - The errors of reading the resource, its offering and its usage, such as [`Error::is_not_found`].
    pub async fn dry_run(&self) -> Result<ReportedUsage, Error> {
        self.prepare(true).await
    }

    /// Determines what is sent. If `thorough`, also checks the state of the resource and the names of
    /// components.
    async fn prepare(&self, thorough: bool) -> Result<ReportedUsage, Error> {
        let (usages, target) = self.usages(thorough).await?;
        if let Some(target) = target.as_ref().filter(|_| thorough) {
            check_state(target.state.as_ref())?;
        }
        self.reporter().plan(usages, target.is_some()).await
    }

    /// Returns the amounts, and the resource if it was read.
    async fn usages(&self, thorough: bool) -> Result<(Vec<ComponentUsage>, Option<Target>), Error> {
        let target = || target(&self.client, self.resource);
        Ok(match &self.selection {
            Selection::Named(wanted) if wanted.is_empty() => {
                return Err(refused("no component is named".to_owned()));
            }
            Selection::Named(wanted) => {
                let usages = named(wanted)?;
                if !thorough {
                    return Ok((usages, None));
                }
                let target = target().await?;
                match usages.iter().find(|usage| !target.has(&usage.type_)) {
                    Some(unknown) => return Err(unknown_component(&unknown.type_)),
                    None => (usages, Some(target)),
                }
            }
            Selection::Each(amount) => {
                let target = target().await?;
                let reportable = target.components.iter().filter(|one| one.is_reportable());
                let usages = amounts(reportable.filter_map(|one| Some((one.type_.as_str(), amount(one)?))))?;
                (usages, Some(target))
            }
            Selection::All(wanted) => {
                wanted.check()?;
                let target = target().await?;
                (of_all(&target.components, wanted)?, Some(target))
            }
        })
    }

    fn reporter(&self) -> Reporter<'_> {
        Reporter { client: &self.client, resource: self.resource, options: &self.options }
    }

    async fn send(self) -> Result<ReportedUsage, Error> {
        let report = self.prepare(false).await?;
        self.reporter().send(Confirm::new(&self.client), None, &report).await?;
        Ok(report)
    }
}

impl IntoFuture for UsageReport {
    type Output = Result<ReportedUsage, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
