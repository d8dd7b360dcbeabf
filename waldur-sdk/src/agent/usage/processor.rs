//! Rounds over the resources of some offerings.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rust_decimal::Decimal;
use uuid::Uuid;
use waldur_api_client::{Client, Error};

use super::meter::Meter;
use super::report::MeteredMonth;
use super::sift::Rules;
use crate::agent::listing::not_ready;
use crate::agent::rounds::{OnItem, repeat};
use crate::agent::stop::StopHandle;
use crate::bulk::{Item, ListFailure, Report};
use crate::confirm::Confirm;
use crate::outage::Outage;
use crate::usage::Month;

/// Reports the usage of some offerings' resources: has a [`Meter`] measure it, and sends to Waldur what isn't
/// reported yet.
///
/// A round reports the current month, by UTC and the server's clock, and before it as many past months as
/// [`months_back`](Self::months_back) says. For each month, the meter is called once for each offering, with
/// all of its resources that have an id in the back end and are OK, Updating or Terminating. A single
/// resource can be reported by itself ([`process`](Self::process)), such as before the back end removes it.
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
///             measured.add_user(resource, "cpu", "alice01", Decimal::from(90_000));
///             measured.add_user(resource, "cpu", "bob01", Decimal::from(4_500));
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
    pub(super) client: Client,
    pub(super) offerings: Vec<Uuid>,
    pub(super) meter: M,
    pub(super) rules: Rules,
    pub(super) months_back: u32,
    pub(in crate::agent) interval: Duration,
    pub(in crate::agent) on_resource: OnItem<MeteredMonth>,
    pub(super) closed: ClosedMonths,
    /// Held while something is measured and reported: an older measurement can't replace a newer one.
    pub(super) turn: tokio::sync::Mutex<()>,
    pub(super) stop: StopHandle,
}

/// The offerings and past months for which the server doesn't accept the usage of components that are billed
/// by usage.
#[derive(Debug, Default)]
pub(super) struct ClosedMonths(Mutex<BTreeSet<(Uuid, Month)>>);

impl ClosedMonths {
    pub(super) fn entries(&self) -> MutexGuard<'_, BTreeSet<(Uuid, Month)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            turn: tokio::sync::Mutex::new(()),
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
    /// refuses the others, they are left out ([`MonthClosed`](crate::agent::LeftOutReason::MonthClosed)), and
    /// not sent again by this processor. A server before 7.9.0 would book them into the current month, so
    /// nothing is sent to it.
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

    /// Measures the usage of one resource now, and reports what is new: such as before the back end removes
    /// the resource, since usage of terminated resources isn't accepted. The resource may be of any offering
    /// that the caller provides. A round in progress finishes with its offering first.
    /// (`marketplace_provider_resources_retrieve`)
    ///
    /// The report has an item for each month. A resource in another state than a round looks for is skipped.
    ///
    /// # Errors
    /// If the resource, its components or its reported usage can't be read. All other failures are in the
    /// report.
    pub async fn process(&self, resource: impl Into<Uuid>) -> Result<Report<MeteredMonth>, Error> {
        let mut report = Report::default();
        let enough = AtomicBool::new(false);
        if !self.is_over(&enough) {
            let outage = Outage::new(&self.client);
            self.report_one(resource.into(), self.confirm(&outage), &enough, &mut report).await?;
        }
        Ok(report)
    }

    /// Does round after round, until `until` ends (such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal)) or the processor is stopped. No further resource
    /// is begun then. Calls `each` after each round.
    ///
    /// Dropping this future interrupts the round. The next one goes on.
    pub async fn run(&self, until: impl Future, each: impl FnMut(Report<MeteredMonth>)) {
        let enough = AtomicBool::new(false);
        repeat(|_| self.interval, &enough, &self.stop, until, || self.round(&enough), each).await;
    }

    pub(super) fn is_over(&self, enough: &AtomicBool) -> bool {
        enough.load(Ordering::Relaxed) || self.stop.is_stopped()
    }

    /// Returns what sends the reports, during this outage.
    pub(super) fn confirm<'a>(&'a self, outage: &'a Outage) -> Confirm<'a> {
        Confirm::new(&self.client).during(outage).within(self.client.retry_policy().max_elapsed)
    }

    pub(super) async fn round(&self, enough: &AtomicBool) -> Report<MeteredMonth> {
        let mut report = Report::default();
        if self.is_over(enough) {
            return report;
        }
        self.on_resource.begin();
        if let Err(error) = self.meter.ready().await {
            return not_ready(&self.offerings, error);
        }
        // Of this round: an outage that ended between two rounds holds nothing back.
        let outage = Outage::new(&self.client);
        let confirm = self.confirm(&outage);
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
}
