//! The steps of a round over the resources of one offering, and of the work on a single one.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use chrono::Utc;
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Error, ListExt as _};

use super::meter::{Measurements, Meter, MeteredResource, ResourceRow};
use super::processor::UsageProcessor;
use super::report::{LeftOut, LeftOutReason, MeteredMonth};
use crate::bulk::{Item, Outcome, Report};
use crate::confirm::Confirm;
use crate::resources::{self, ResourceHandle, Resources};
use crate::row::{self, Rows};
use crate::usage::{
    Component, ComponentUsage, Month, OfferingUsage, UserAmount, books_by_date, components, report,
};

/// The states of resources whose usage servers accept.
const REPORTABLE: [ResourceState; 3] =
    [ResourceState::Ok, ResourceState::Updating, ResourceState::Terminating];

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
    /// Reports all months of an offering.
    ///
    /// # Errors
    /// If the resources, the components or the usage of the offering can't be read.
    pub(super) async fn report_offering(
        &self,
        offering: Uuid,
        confirm: Confirm<'_>,
        enough: &AtomicBool,
        report: &mut Report<MeteredMonth>,
    ) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let (mut rows, unreadable) = self.list(offering).await?.into_parts();
        report.unreadable.extend(unreadable);
        // A server that doesn't know a filter ignores it.
        rows.retain(|row| row.offering_uuid == offering);
        self.report_rows(offering, rows, confirm, enough, report).await
    }

    /// Reports all months of one resource.
    ///
    /// # Errors
    /// If the resource, the components or the usage can't be read.
    pub(super) async fn report_one(
        &self,
        resource: Uuid,
        confirm: Confirm<'_>,
        enough: &AtomicBool,
        report: &mut Report<MeteredMonth>,
    ) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let row: ResourceRow = confirm.read(|| resources::read(&self.client, resource)).await?;
        let target = MeteredMonth::new(row.uuid, &row.name, self.current_month());
        if !REPORTABLE.contains(&row.state) {
            let reason = format!("usage isn't accepted while the state is {}", row.state.as_str());
            self.add(report, target.skipped(&reason));
            return Ok(());
        }
        if let Err(error) = self.meter.ready().await {
            self.add(report, target.into_item(Some(error.into_error())));
            return Ok(());
        }
        self.report_rows(row.offering_uuid, vec![row], confirm, enough, report).await
    }

    /// Returns the current month of the server. A response was read before.
    fn current_month(&self) -> Month {
        Month::from(self.client.server_now().unwrap_or_else(Utc::now).date_naive())
    }

    /// Reports all months of some resources of an offering.
    async fn report_rows(
        &self,
        offering: Uuid,
        rows: Vec<ResourceRow>,
        confirm: Confirm<'_>,
        enough: &AtomicBool,
        report: &mut Report<MeteredMonth>,
    ) -> Result<(), Error> {
        let current = self.current_month();
        let mut resources = Vec::new();
        for row in rows {
            let ResourceRow { uuid, name, backend_id, state, offering_uuid, project_uuid } = row;
            let Some(backend_id) = backend_id else {
                let target = MeteredMonth::new(uuid, &name, current);
                self.add(report, Item::new(target, Outcome::without_backend_id(uuid, &state)));
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
                false => {
                    let only = match &resources[..] {
                        [one] => Some(one.uuid),
                        _ => None,
                    };
                    OfferingUsage::read(&self.client, offering, only, month, with_users).await?
                }
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
        row::all(list.unread(), self.client.bulk_concurrency()).await
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
            self.send_users(target, users).await?;
        }
        Ok(true)
    }

    /// Reports the usage by user. What the server accepted is in `target`, also after a failure.
    ///
    /// # Errors
    /// The first failure.
    async fn send_users(&self, target: &mut MeteredMonth, users: Vec<UserAmount>) -> Result<(), Error> {
        let resource = ResourceHandle::new(&self.client, target.resource_uuid);
        let mut failed = None;
        for item in resource.report_user_usage(target.month, users).await? {
            match item.outcome.error() {
                None => target.users.push(item.target),
                Some(error) => {
                    let note = || error.clone().with_note(format!("{} was not reported", item.target));
                    failed.get_or_insert_with(note);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

fn is_about_date(error: &Error) -> bool {
    error.is_validation() && error.messages().about("date").next().is_some()
}
