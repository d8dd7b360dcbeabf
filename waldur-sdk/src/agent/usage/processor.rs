//! Rounds over the resources of some offerings.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use futures_util::{StreamExt as _, stream};
use rust_decimal::Decimal;
use uuid::Uuid;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Client, Error, ListExt as _};

use super::meter::{Measurements, Meter, MeteredResource, ResourceRow};
use super::report::{LeftOut, LeftOutReason, MeteredMonth};
use super::sift::Rules;
use crate::agent::rounds::{OnItem, repeat};
use crate::agent::stop::StopHandle;
use crate::backend_id::NoBackendId;
use crate::bulk::{Item, ListFailure, Report};
use crate::confirm::Confirm;
use crate::outage::Outage;
use crate::resources::{ResourceHandle, Resources};
use crate::row::{self, Rows};
use crate::usage::{
    Component, ComponentUsage, Month, OfferingUsage, UserAmount, books_by_date, components, report,
};

/// The states of resources whose usage servers accept.
const REPORTABLE: [ResourceState; 3] =
    [ResourceState::Ok, ResourceState::Updating, ResourceState::Terminating];

/// Reports the usage of some offerings' resources: has a [`Meter`] measure it, and sends to Waldur what isn't
/// reported yet.
///
/// A round reports the current month, by UTC and the server's clock, and before it as many past months as
/// [`months_back`](Self::months_back) says. For each month, the meter is called once for each offering, with
/// all of its resources that have an id in the back end and are OK, Updating or Terminating.
///
/// Each measured amount is divided by the component's [`factor`](Self::factor) and rounded to two decimals,
/// half to even. A component without an amount of its own gets the sum of its users' rounded amounts. What is
/// reported already isn't sent again. The usage by user is reported after that of the components.
///
/// An odd amount is left out and named in the report ([`MeteredMonth::left_out`]), and the rest is reported:
/// an amount that is negative, too large or of a component that the offering doesn't have, and one that is
/// less than the reported amount, unless [decreases are allowed](Self::allow_decrease).
///
/// Amounts replace those that were reported before, so a round can be interrupted anywhere, and repeated. If
/// an answer is lost, the usage is read. While the server fails, reports wait for it to come back, as long as
/// the [retry policy](crate::RetryPolicy::max_elapsed) allows.
///
/// A round takes three requests for each offering, one more if the meter tells users apart, and two more for
/// each further month, however many resources there are. Each resource with new amounts takes one, and each
/// with new amounts of users two and one for each of their components. To a server before 7.9.3, it is one
/// more for each offering.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use waldur_sdk::agent::{BackendError, Measurements, Meter, MeteredResource, UsageProcessor};
/// use waldur_sdk::{Client, Decimal, Month};
///
/// struct Accounting;
///
/// impl Meter for Accounting {
///     async fn measure(
///         &self,
///         resources: &[MeteredResource],
///         _: Month,
///     ) -> Result<Measurements, BackendError> {
///         let mut measured = Measurements::new();
///         for resource in resources {
///             // In seconds, as the batch system counts.
///             measured.add_user(resource.uuid, "cpu", "alice01", Decimal::from(90_000));
///             measured.add_user(resource.uuid, "cpu", "bob01", Decimal::from(4_500));
///         }
///         Ok(measured)
///     }
/// }
///
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::ClientExt as _;
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let offering = sandbox.ids().offerings.slurm;
/// let processor = UsageProcessor::new(&client, [offering], Accounting)
///     .factor("cpu", Decimal::from(3600))
///     .allow_decrease();
/// let report = processor.run_once().await;
/// println!("{report}"); // 2 applied
/// for item in report {
///     println!("{}: {:?}", item.target, item.target.reported); // … cpu: 26.25
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct UsageProcessor<M> {
    client: Client,
    offerings: Vec<Uuid>,
    meter: M,
    rules: Rules,
    months_back: u32,
    interval: Duration,
    on_resource: OnItem<MeteredMonth>,
    closed: ClosedMonths,
    stop: StopHandle,
}

/// The offerings and past months for which the server doesn't accept the usage of components that are billed
/// by usage.
#[derive(Debug, Default)]
struct ClosedMonths(Mutex<BTreeSet<(Uuid, Month)>>);

impl ClosedMonths {
    fn entries(&self) -> MutexGuard<'_, BTreeSet<(Uuid, Month)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An offering with its resources, in one month.
struct Batch<'a> {
    offering: Uuid,
    month: Month,
    is_past: bool,
    components: &'a [Component],
    measured: Measurements,
    there: OfferingUsage,
}

impl<M: Meter> UsageProcessor<M> {
    /// Returns a processor for the resources of these offerings.
    pub fn new(client: &Client, offerings: impl IntoIterator<Item = Uuid>, meter: M) -> Self {
        let mut seen = HashSet::new();
        Self {
            client: client.clone(),
            offerings: offerings.into_iter().filter(|offering| seen.insert(*offering)).collect(),
            meter,
            rules: Rules::default(),
            months_back: 0,
            interval: Duration::from_secs(3600),
            on_resource: OnItem::default(),
            closed: ClosedMonths::default(),
            stop: StopHandle::new(),
        }
    }

    /// Sets how many units of the back end are one unit of a component in Waldur, such as 3600 for a back end
    /// that counts seconds and a component in hours. Measured amounts are divided by it. The default is 1.
    ///
    /// With a factor of zero, all amounts of the component are left out as too large.
    #[must_use]
    pub fn factor(mut self, component: impl Into<String>, factor: Decimal) -> Self {
        self.rules.factors.insert(component.into(), factor);
        self
    }

    /// Reports so many past months, too, the oldest first. The default is none.
    ///
    /// Servers accept a past month from staff, or for components that are billed by limit. Where a server
    /// refuses the others, they are left out ([`LeftOutReason::MonthClosed`]), and not sent again by this
    /// processor. A server before 7.9.0 would book them into the current month, so nothing is sent to it.
    #[must_use]
    pub fn months_back(mut self, months: u32) -> Self {
        self.months_back = months;
        self
    }

    /// Allows amounts that are less than the reported ones. By default they are left out.
    #[must_use]
    pub fn allow_decrease(mut self) -> Self {
        self.rules.allow_decrease = true;
        self
    }

    /// Sets the pause of [`run`](Self::run) between two rounds. The default is an hour.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Calls `on_resource` with each resource as soon as a month of it is reported, in the order in which
    /// that happens. It is called between requests and must not block.
    #[must_use]
    pub fn on_resource(mut self, on_resource: impl Fn(&Item<MeteredMonth>) + Send + Sync + 'static) -> Self {
        self.on_resource = OnItem::new(on_resource);
        self
    }

    /// Returns the meter.
    pub fn meter(&self) -> &M {
        &self.meter
    }

    /// Returns a handle that stops this processor.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Does one round: measures the usage of all resources, and reports what is new. All failures are in the
    /// report.
    pub async fn run_once(&self) -> Report<MeteredMonth> {
        self.round(&AtomicBool::new(false)).await
    }

    /// Does round after round, until `until` ends (such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal)) or the processor is stopped. No further resource
    /// is begun then. Calls `each` after each round.
    ///
    /// Dropping this future interrupts the round. The next one goes on.
    pub async fn run(&self, until: impl Future, each: impl FnMut(Report<MeteredMonth>)) {
        let enough = AtomicBool::new(false);
        repeat(self.interval, &enough, &self.stop, until, || self.round(&enough), each).await;
    }

    fn is_over(&self, enough: &AtomicBool) -> bool {
        enough.load(Ordering::Relaxed) || self.stop.is_stopped()
    }

    async fn round(&self, enough: &AtomicBool) -> Report<MeteredMonth> {
        let mut report = Report::default();
        // Of this round: an outage that ended between two rounds holds nothing back.
        let outage = Outage::new(&self.client);
        let confirm = Confirm::new(&self.client).during(&outage);
        let confirm = confirm.within(self.client.retry_policy().max_elapsed);
        for offering in &self.offerings {
            if self.is_over(enough) {
                break;
            }
            if let Err(error) = self.report_offering(*offering, confirm, enough, &mut report).await {
                report.unlisted.push(ListFailure { offering_uuid: *offering, error });
            }
        }
        report
    }

    /// Reports all months of an offering.
    ///
    /// # Errors
    /// If the resources, the components or the usage of the offering can't be read.
    async fn report_offering(
        &self,
        offering: Uuid,
        confirm: Confirm<'_>,
        enough: &AtomicBool,
        report: &mut Report<MeteredMonth>,
    ) -> Result<(), Error> {
        let (rows, unreadable) = self.list(offering).await?.into_parts();
        report.unreadable.extend(unreadable);
        // The list's response has told the server's time.
        let current = Month::from(self.client.server_now().unwrap_or_else(Utc::now).date_naive());
        let mut resources = Vec::new();
        // A server that doesn't know a filter ignores it.
        for row in rows.into_iter().filter(|row| row.offering_uuid == offering) {
            let ResourceRow { uuid, name, backend_id, state, offering_uuid, project_uuid } = row;
            let Some(backend_id) = backend_id else {
                let error = NoBackendId { resource: uuid }.into();
                self.add(report, MeteredMonth::new(uuid, &name, current).into_item(Some(error)));
                continue;
            };
            resources.push(MeteredResource { uuid, name, backend_id, state, offering_uuid, project_uuid });
        }
        let Some(first) = resources.first() else { return Ok(()) };
        let components = confirm.read(|| components(&self.client, first.uuid)).await?;
        let mut months = vec![current];
        for _ in 0..self.months_back {
            months.extend(months.last().map(|month| month.previous()));
        }
        for month in months.into_iter().rev() {
            if self.is_over(enough) {
                break;
            }
            let is_past = month < current;
            if is_past && !books_by_date(&self.client) {
                let reason = "the server isn't known to book a report into a past month";
                for resource in &resources {
                    self.add(report, MeteredMonth::of(resource, month).skipped(reason));
                }
                continue;
            }
            let measured = match self.meter.measure(&resources, month).await {
                Ok(measured) => measured,
                Err(error) if error.is_in_progress() => {
                    for resource in &resources {
                        let reason = "the back end is still measuring";
                        self.add(report, MeteredMonth::of(resource, month).skipped(reason));
                    }
                    continue;
                }
                Err(error) => {
                    let error = error.into_error();
                    for resource in &resources {
                        let item = MeteredMonth::of(resource, month).into_item(Some(error.clone()));
                        self.add(report, item);
                    }
                    continue;
                }
            };
            let with_users = measured.has_users();
            let there = match measured.is_empty() {
                true => OfferingUsage::default(),
                false => OfferingUsage::read(&self.client, offering, month, with_users).await?,
            };
            let batch = Batch { offering, month, is_past, components: &components, measured, there };
            let batch = &batch;
            let mut working = stream::iter(resources.clone())
                .map(|resource| self.report_resource(batch, resource, confirm, enough))
                .buffered(self.client.bulk_concurrency());
            while let Some(item) = working.next().await {
                self.add(report, item);
            }
        }
        Ok(())
    }

    fn add(&self, report: &mut Report<MeteredMonth>, item: Item<MeteredMonth>) {
        tracing::debug!(resource = %item.target.resource_uuid, outcome = %item.outcome, "usage was reported");
        self.on_resource.call(&item);
        report.items.push(item);
    }

    async fn list(&self, offering: Uuid) -> Result<Rows<ResourceRow>, Error> {
        let list = Resources::new(&self.client).offering(offering);
        let list = REPORTABLE.into_iter().fold(list, Resources::state).request();
        row::all(list.into_request(), self.client.bulk_concurrency()).await
    }

    /// Reports a month of a resource.
    async fn report_resource(
        &self,
        batch: &Batch<'_>,
        resource: MeteredResource,
        confirm: Confirm<'_>,
        enough: &AtomicBool,
    ) -> Item<MeteredMonth> {
        let mut target = MeteredMonth::of(&resource, batch.month);
        if self.is_over(enough) {
            return target.skipped("the processor was stopped");
        }
        let error = match self.send(batch, &mut target, confirm).await {
            Ok(false) => return target.skipped("nothing was measured"),
            Ok(true) => None,
            Err(error) => Some(error),
        };
        target.into_item(error)
    }

    /// Sends what isn't reported yet. Returns whether anything was measured.
    async fn send(
        &self,
        batch: &Batch<'_>,
        target: &mut MeteredMonth,
        confirm: Confirm<'_>,
    ) -> Result<bool, Error> {
        let Batch { offering, month, is_past, components, .. } = *batch;
        let resource = target.resource_uuid;
        let Some(measured) = batch.measured.of_resource(resource) else { return Ok(false) };
        let is_closed = self.closed.entries().contains(&(offering, month));
        let by_usage = components.iter().filter(|one| !one.is_limited()).map(|one| one.type_.clone());
        let closed = if is_closed { by_usage.collect() } else { BTreeSet::new() };
        let sifted = self.rules.sift(resource, measured, components, &batch.there, &closed);
        target.unchanged = sifted.unchanged;
        target.left_out = sifted.left_out;
        // A past month may be refused for one of these groups, and then for the whole report.
        let is_limited = |usage: &ComponentUsage| {
            components.iter().any(|one| one.type_ == usage.type_ && one.is_limited())
        };
        let (first, second) = match is_past {
            true => sifted.usages.into_iter().partition(is_limited),
            false => (sifted.usages, Vec::new()),
        };
        let mut users = sifted.users;
        for (usages, may_be_closed) in [(first, false), (second, true)] {
            if usages.is_empty() {
                continue;
            }
            match report(&self.client, confirm, resource, month, usages.clone()).await {
                Ok(_) => target.reported.extend(usages),
                Err(error) if may_be_closed && is_about_date(&error) => {
                    self.closed.entries().insert((offering, month));
                    users.retain(|user| usages.iter().all(|usage| usage.type_ != user.component));
                    target.left_out.extend(usages.into_iter().map(|usage| LeftOut {
                        component: usage.type_,
                        username: None,
                        amount: usage.amount,
                        reason: LeftOutReason::MonthClosed,
                    }));
                }
                Err(error) => return Err(error),
            }
        }
        if !users.is_empty() {
            target.users = self.send_users(resource, month, users).await?;
        }
        Ok(true)
    }

    /// Reports the usage by user. Returns what the server accepted.
    async fn send_users(
        &self,
        resource: Uuid,
        month: Month,
        users: Vec<UserAmount>,
    ) -> Result<Vec<UserAmount>, Error> {
        let report = ResourceHandle::new(&self.client, resource).report_user_usage(month, users).await?;
        if let Some(item) = report.failures().next()
            && let Some(error) = item.outcome.error()
        {
            return Err(error.clone().with_note(format!("{} was not reported", item.target)));
        }
        Ok(report.into_iter().map(|item| item.target).collect())
    }
}

fn is_about_date(error: &Error) -> bool {
    error.is_validation() && error.messages().about("date").next().is_some()
}
