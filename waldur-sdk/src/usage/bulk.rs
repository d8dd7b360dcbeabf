//! Reporting the usage of many resources.

use std::collections::BTreeMap;
use std::fmt;
use std::future::IntoFuture;
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use uuid::Uuid;
use waldur_api_client::{Client, Error};

use super::amounts::amounts;
use super::components::{Component, ComponentRow, Target, check_state, of_offering};
use super::month::Month;
use super::plan::{Options, ReportedUsage, Reporter};
use super::read::ComponentUsage;
#[cfg(doc)]
use super::report::UsageReport;
use crate::bulk::{Bulk, Item, OnProgress, Outcome, Progress, Report};
use crate::confirm::{Applied, Confirm};
use crate::resources::{Resource, Resources};
use crate::row::Rows;

/// A resource and the usage that was reported for it: an item of the report of [`UsageReports`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ResourceUsage {
    /// The resource, as it was listed.
    pub resource: Resource,
    /// The amounts of the components that can be reported, or why they couldn't be determined.
    #[serde(skip)]
    wanted: Result<Vec<ComponentUsage>, Error>,
    #[serde(rename = "reported", serialize_with = "as_option")]
    plan: OnceLock<ReportedUsage>,
}

/// Writes `resource`, the uuid and the name.
impl fmt::Display for ResourceUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resource {} ({})", self.resource.uuid.simple(), self.resource.name)
    }
}

impl ResourceUsage {
    /// Returns the usage that was sent, or would be sent in a dry run; `None` if it couldn't be determined.
    ///
    /// Whether the server accepted the report is in [`Item::outcome`].
    #[must_use]
    pub fn reported(&self) -> Option<&ReportedUsage> {
        self.plan.get()
    }

    /// Determines what is sent, once.
    async fn plan(&self, client: &Client, options: &Options) -> Result<&ReportedUsage, Error> {
        if let Some(plan) = self.plan.get() {
            return Ok(plan);
        }
        let reporter = Reporter { client, resource: self.resource.uuid, options };
        let plan = reporter.plan(self.wanted.clone()?, true).await?;
        Ok(self.plan.get_or_init(|| plan))
    }

    /// Reports the usage.
    async fn report(
        &self,
        client: &Client,
        options: &Options,
        confirm: Confirm<'_>,
        doubt: Option<Error>,
    ) -> Result<Applied, Error> {
        let plan = self.plan(client, options).await?;
        Reporter { client, resource: self.resource.uuid, options }.send(confirm, doubt, plan).await
    }
}

fn as_option<S: Serializer>(plan: &OnceLock<ReportedUsage>, serializer: S) -> Result<S::Ok, S::Error> {
    plan.get().serialize(serializer)
}

type AmountOf<'a> = Box<dyn Fn(&Resource, &Component) -> Option<Decimal> + Send + Sync + 'a>;

/// Usage reports of many resources for one month, made by [`Resources::report_usage_all`]. Awaiting it sends
/// them and returns a [`Report`].
///
/// The resources are listed first, and the components of each offering are read once. Up to
/// [`bulk_concurrency`](waldur_api_client::ClientBuilder::bulk_concurrency) reports are sent concurrently.
///
/// Each report is sent once. If its response leaves open whether it was recorded, the usage is read, and read
/// again after all other resources, until the retry policy's
/// [`max_elapsed`](waldur_api_client::RetryPolicy::max_elapsed) is over.
///
/// # Errors
/// The errors of listing the resources, such as [`Error::is_unauthenticated`]. The failure of one resource is
/// in the report.
#[must_use = "nothing is sent until it is awaited"]
pub struct UsageReports<'a> {
    resources: Resources,
    amount: AmountOf<'a>,
    options: Options,
    on_progress: Box<OnProgress<'a, ResourceUsage>>,
    dry_run: bool,
}

impl fmt::Debug for UsageReports<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageReports")
            .field("resources", &self.resources)
            .field("options", &self.options)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

impl Resources {
    /// Reports the usage of each resource that matches the filters.
    /// (`marketplace_component_usages_set_usage`)
    ///
    /// `amount` is called for each resource and each component that [can be
    /// reported](Component::is_reportable). It returns the amount in the component's
    /// [`measured_unit`](Component::measured_unit), or `None` to leave the component unchanged. A resource
    /// without any amount to send is reported as [`Outcome::Unchanged`].
    ///
    /// The usage is for the current month, by UTC and the local clock; [`month`](UsageReports::month) sets
    /// another.
    ///
    /// Requires the permission to report usage, which the offering's managers have.
    ///
    /// A server that doesn't know a filter ignores it and lists more resources. No usage is reported for
    /// those that don't match the filters. One that doesn't tell is among the
    /// [unreadable](crate::Report::unreadable) ones.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::collections::BTreeMap;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _, Decimal};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let offering = sandbox.ids().offerings.slurm;
    /// # let measured = BTreeMap::from([("cpu", Decimal::TEN)]);
    /// let resources = client.provider().resources().live().offering(offering);
    /// let report = resources
    ///     .report_usage_all(|_resource, component| measured.get(component.type_.as_str()).copied())
    ///     .skip_equal()
    ///     .await?;
    /// println!("{report}"); // 2 applied
    /// for item in report.failures() {
    ///     eprintln!("{}: {}", item.target.resource.name, item.outcome);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn report_usage_all<'a>(
        self,
        amount: impl Fn(&Resource, &Component) -> Option<Decimal> + Send + Sync + 'a,
    ) -> UsageReports<'a> {
        UsageReports {
            resources: self,
            amount: Box::new(amount),
            options: Options::new(),
            on_progress: Box::new(|_| {}),
            dry_run: false,
        }
    }
}

impl<'a> UsageReports<'a> {
    /// Sets the month of the usage: see [`UsageReport::month`].
    pub fn month(mut self, month: impl Into<Month>) -> Self {
        self.options.month = month.into();
        self
    }

    /// Sets a description for the customers: see [`UsageReport::description`].
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.options.description = Some(text.into());
        self
    }

    /// Marks the usage as recurring: see [`UsageReport::recurring`].
    pub fn recurring(mut self) -> Self {
        self.options.recurring = true;
        self
    }

    /// Skips components whose usage is already reported: see [`UsageReport::skip_equal`].
    pub fn skip_equal(mut self) -> Self {
        self.options.skip_equal = true;
        self
    }

    /// Allows amounts below the reported ones: see [`UsageReport::allow_decrease`].
    pub fn allow_decrease(mut self) -> Self {
        self.options.allow_decrease = true;
        self
    }

    /// Calls `f` after each resource is finished.
    pub fn on_progress(mut self, f: impl FnMut(Progress<'_, ResourceUsage>) + Send + 'a) -> Self {
        self.on_progress = Box::new(f);
        self
    }

    /// Determines what would be sent without sending it.
    ///
    /// Each resource is reported as [`Outcome::Skipped`], with the usage that would be
    /// [reported](ResourceUsage::reported), or as refused.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    async fn run(self) -> Result<Report<ResourceUsage>, Error> {
        let Self { resources, amount, options, on_progress, dry_run } = self;
        let client = resources.client.clone();
        let list = list(resources, amount);
        if dry_run {
            return plan_all(&client, list.await?, &options, on_progress).await;
        }
        let (own, options) = (client.clone(), Arc::new(options));
        let bulk = Bulk::new(&client, list, move |confirm, doubt, target: &ResourceUsage| {
            let (client, options) = (own.clone(), Arc::clone(&options));
            Box::pin(async move { target.report(&client, &options, confirm, doubt).await })
        });
        bulk.on_progress(on_progress).await
    }
}

impl<'a> IntoFuture for UsageReports<'a> {
    type Output = Result<Report<ResourceUsage>, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Lists the resources with the amounts of their components.
async fn list(resources: Resources, amount: AmountOf<'_>) -> Result<Rows<ResourceUsage>, Error> {
    let client = resources.client.clone();
    let resources = resources.all_matching().await?;
    // Without the uuid of the offering, the components are read for the resource itself.
    let key = |resource: &Resource| resource.offering_uuid.unwrap_or(resource.uuid);
    let one_of_each: BTreeMap<Uuid, Uuid> =
        resources.iter().map(|resource| (key(resource), resource.uuid)).collect();
    let components: BTreeMap<Uuid, Result<Vec<ComponentRow>, Error>> = stream::iter(one_of_each)
        .map(|(key, resource)| {
            let client = client.clone();
            async move { (key, of_offering(&client, resource).await) }
        })
        .buffer_unordered(client.bulk_concurrency())
        .collect()
        .await;
    Ok(resources.map(|resource| {
        let wanted = match components.get(&key(&resource)) {
            Some(Ok(components)) => {
                let target = Target::new(None, resource.limits.clone(), components.iter().cloned());
                let reportable = target.components.iter().filter(|one| one.is_reportable());
                amounts(reportable.filter_map(|one| Some((one.type_.as_str(), amount(&resource, one)?))))
            }
            Some(Err(error)) => Err(error.clone()),
            None => Ok(Vec::new()),
        };
        ResourceUsage { resource, wanted, plan: OnceLock::new() }
    }))
}

/// Determines what would be sent.
async fn plan_all(
    client: &Client,
    resources: Rows<ResourceUsage>,
    options: &Options,
    mut on_progress: impl FnMut(Progress<'_, ResourceUsage>),
) -> Result<Report<ResourceUsage>, Error> {
    let (targets, unreadable) = resources.into_parts();
    let total = targets.len();
    let mut planned = stream::iter(targets)
        .map(|target| async move {
            let result = match check_state(Some(&target.resource.state)) {
                Ok(()) => target.plan(client, options).await.map(drop),
                Err(refused) => Err(refused),
            };
            let outcome = match result {
                Ok(()) => Outcome::Skipped { reason: "dry run".to_owned() },
                Err(error) => Err(error).into(),
            };
            Item::new(target, outcome)
        })
        .buffered(client.bulk_concurrency());
    let mut items = Vec::with_capacity(total);
    while let Some(item) = planned.next().await {
        on_progress(Progress { finished: items.len() + 1, total, item: &item });
        items.push(item);
    }
    Ok(Report { items, unreadable, ..Report::default() })
}
