//! Reporting the usage of one resource.

use std::fmt;
use std::future::IntoFuture;

use futures_util::future::BoxFuture;
use rust_decimal::Decimal;
use uuid::Uuid;
#[cfg(doc)]
use waldur_api_client::ErrorKind;
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
    /// Those that are named, as often as they are.
    Named(Vec<(String, Decimal)>),
    /// Those for which the function returns an amount.
    Each(AmountFn),
    /// All that can be reported.
    All(Amounts),
}

/// A report of what a resource used in a month, made by [`ResourceHandle::report_usage`]: sent when it is
/// awaited, or only worked out by [`dry_run`](Self::dry_run).
///
/// Awaited, it sends at most three requests, or four to a server before 7.9.3, which doesn't send the components
/// with the resource. The first report to a server that accepts no date for the current month has one more.
///
/// If the response is lost, the usage is read again; a report that isn't recorded is sent again, within the
/// client's retry policy. A server that isn't known to book by date is sent nothing so late that it may arrive
/// in the next month.
///
/// # Errors
/// Those of [`dry_run`](Self::dry_run), and what the server refuses. [`Error::is_unconfirmed`] if whether the
/// report is recorded isn't known. Of kind [`ErrorKind::UnexpectedResponse`] if the report arrived in another
/// month than it is for.
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
    /// Reports what the resource used in the current month (by UTC and this machine's clock) or in
    /// [another](UsageReport::month): name the components, and await it.
    /// (`marketplace_component_usages_set_usage`)
    ///
    /// Requires the right to report usage of the offering's resources, as the offering's managers have it.
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
    /// // What would be sent?
    /// let planned = resource.report_usage().amount("ram", 2).dry_run().await?;
    /// assert_eq!(planned.usages[0].amount, Decimal::TWO);
    ///
    /// // Each component, by its unit; what is reported already is left out.
    /// let report = resource.report_usage().each(|component| match component.measured_unit.as_str() {
    ///     "hours" => Some(Decimal::new(2050, 2)),
    ///     _ => None,
    /// });
    /// let sent = report.skip_equal().await?;
    ///
    /// // And who used it.
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
    /// The amounts of all components, which replace what was reported before, so that it is safe to run again:
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
    /// // The same of each, by a map, or by a function.
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
    /// Adds the amount of a component, by the component's type and in its unit. Call it once for each
    /// component; one that is named twice refuses the report.
    pub fn amount(self, component: impl Into<String>, amount: impl Into<Decimal>) -> Self {
        self.amounts([(component, amount)])
    }

    /// Adds amounts by the types of their components. Components that aren't named keep what they have; one
    /// that is named twice refuses the report. After [`UsageReport::all`] or [`UsageReport::each`], only what is
    /// named from here on is reported.
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

    /// Reports all components of the offering that [can be reported](Component::is_reportable), with amounts
    /// from a [`Decimal`], a map by their types, or [`Amounts::with`]. A component without an amount refuses
    /// the report, as does an amount of something that is no component. Replaces the components that were
    /// named before.
    pub fn all(mut self, amounts: impl Into<Amounts>) -> Self {
        self.selection = Selection::All(amounts.into());
        self
    }

    /// Calls the function for each component of the offering that [can be reported](Component::is_reportable);
    /// `None` leaves a component as it is. Replaces the components that were named before.
    pub fn each(mut self, amount: impl Fn(&Component) -> Option<Decimal> + Send + Sync + 'static) -> Self {
        self.selection = Selection::Each(Box::new(amount));
        self
    }

    /// Reports for this month, instead of the one in which [`ResourceHandle::report_usage`] was called (by UTC).
    ///
    /// Servers before 7.9.0 book every report into the month in which it arrives, so another month is refused
    /// for a server that isn't known to be younger: nothing is sent, and [`Error::is_unsupported`] is true. A
    /// month that is over is for staff, or for components that are billed by limit. Of a month that hasn't
    /// begun, servers accept nothing.
    pub fn month(mut self, month: impl Into<Month>) -> Self {
        self.options.month = month.into();
        self
    }

    /// Reports for this plan period (see [`ResourceHandle::plan_periods`]), instead of the current one of the
    /// resource. Servers accept none that ended before the current month.
    pub fn plan_period(mut self, period: impl Into<Uuid>) -> Self {
        self.options.plan_period = Some(period.into());
        self
    }

    /// Adds a description for the customer. Without it, a server drops the one that was there.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.options.description = Some(text.into());
        self
    }

    /// Makes it count for the following months too, until another is reported. Without it, a server lets one
    /// that did end with this month.
    pub fn recurring(mut self) -> Self {
        self.options.recurring = true;
        self
    }

    /// Leaves out what is reported already with the same amount, and with the description and recurrence of
    /// this report. If that is all, nothing is sent.
    pub fn skip_equal(mut self) -> Self {
        self.options.skip_equal = true;
        self
    }

    /// Lets amounts be less than what is reported already; otherwise that refuses the report, as does a row of
    /// usage that doesn't tell what is reported.
    pub fn allow_decrease(mut self) -> Self {
        self.options.allow_decrease = true;
        self
    }

    /// Works out what would be sent. Nothing is changed.
    ///
    /// It checks what can be known: amounts, names, the state of the resource, what is reported already, and
    /// whether the server books the month. Only the server knows whether the user may report, whether that
    /// holds for a month that is over, and whether the resource has a plan. It sends up to three requests.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Validation`] if no component is named, or one twice or with an empty type; if the
    /// offering has no such component, or one has no amount; if an amount has more than two decimals or
    /// fifteen digits before the point, or is less than what is reported already; if the resource is Creating,
    /// Erred or Terminated. [`Error::is_unsupported`] if the server isn't known to book the month. Of kind
    /// [`ErrorKind::UnexpectedResponse`] if a row of usage of a named component, or of an unknown one, can't be
    /// read, unless [decreases are allowed](Self::allow_decrease). Others if the resource, its offering or
    /// usages can't be read.
    pub async fn dry_run(&self) -> Result<ReportedUsage, Error> {
        self.prepare(true).await
    }

    /// Works it out; checks the resource and the names of components, too, if `thorough`.
    async fn prepare(&self, thorough: bool) -> Result<ReportedUsage, Error> {
        let (usages, target) = self.usages(thorough).await?;
        if let Some(target) = target.as_ref().filter(|_| thorough) {
            check_state(target.state.as_ref())?;
        }
        self.reporter().plan(usages, target.is_some()).await
    }

    /// Returns the amounts, and the resource where it was read.
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
