//! Reporting measured usage: what a loop over the resources of an offering needs.

use rust_decimal::Decimal;
use uuid::Uuid;
use waldur_api_client::{Client, Error, ListExt as _};

use super::amounts::exact;
use super::booking::Booking;
use super::components::{Component, Target, of_offering};
use super::month::Month;
use super::plan::{Options, Reporter};
use super::read::{ComponentUsage, Usages};
use crate::confirm::{Applied, Confirm};
use crate::row::{self, Rows, row};

row! {
    #[derive(Debug)]
    struct TotalRow {
        resource_uuid: Option<Uuid> = optional "resource_uuid",
        type_: Option<String> = non_empty "type",
        amount: Option<Decimal> = optional "usage",
    }
}

row! {
    #[derive(Debug)]
    struct ShareRow {
        resource_uuid: Option<Uuid> = optional "resource_uuid",
        type_: Option<String> = non_empty "component_type",
        username: Option<String> = non_empty "username",
        amount: Option<Decimal> = optional "usage",
    }
}

/// What is known of a reported amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportedAmount {
    /// Nothing is reported.
    Nothing,
    /// This is reported.
    Is(Decimal),
    /// A row that belongs to it, or may do so, can't be read.
    Unreadable,
}

/// The usage that is reported for the resources of an offering in a month.
#[derive(Debug, Default)]
pub(crate) struct OfferingUsage {
    totals: Rows<TotalRow>,
    shares: Rows<ShareRow>,
}

impl OfferingUsage {
    /// Lists the usage by component, and by user if `with_shares`; only that of one resource if it is given.
    ///
    /// # Errors
    /// If the usage can't be listed.
    pub(crate) async fn read(
        client: &Client,
        offering: Uuid,
        resource: Option<Uuid>,
        month: Month,
        with_shares: bool,
    ) -> Result<Self, Error> {
        let mut totals = Usages::new(client).offering(offering).month(month);
        if let Some(resource) = resource {
            totals = totals.resource(resource);
        }
        let totals = totals.request();
        let totals = row::all(totals.unread(), client.bulk_concurrency()).await?;
        let mut shares = Rows::default();
        if with_shares {
            let list = client.marketplace_component_user_usages_list().offering_uuid(offering);
            let list = match resource {
                Some(resource) => list.resource_uuid(resource),
                None => list,
            };
            let list = list.component_usage_billing_period(month.first_day());
            shares = row::all(list.unread(), client.bulk_concurrency()).await?;
        }
        Ok(Self { totals, shares })
    }

    /// Returns the reported amount of a component. Newer servers have a row for each plan that the resource
    /// had in the month; the amount is their sum.
    pub(crate) fn total(&self, resource: Uuid, type_: &str) -> ReportedAmount {
        let mut sum = ReportedAmount::Nothing;
        for row in self.totals.iter().filter(|row| {
            row.resource_uuid.is_none_or(|uuid| uuid == resource)
                && row.type_.as_ref().is_none_or(|there| there == type_)
        }) {
            let before = match sum {
                ReportedAmount::Is(sum) => sum,
                _ => Decimal::ZERO,
            };
            let (Some(_), Some(_), Some(amount)) = (row.resource_uuid, &row.type_, row.amount) else {
                return ReportedAmount::Unreadable;
            };
            match before.checked_add(amount) {
                Some(amount) => sum = ReportedAmount::Is(amount),
                None => return ReportedAmount::Unreadable,
            }
        }
        match self.totals.unreadable() {
            [] => sum,
            _ => ReportedAmount::Unreadable,
        }
    }

    /// Returns whether exactly this amount is reported for a user. If several plans have a share of the user,
    /// the answer is no.
    pub(crate) fn has_share(&self, resource: Uuid, type_: &str, username: &str, amount: Decimal) -> bool {
        let mut rows = self.shares.iter().filter(|row| {
            row.resource_uuid == Some(resource)
                && row.type_.as_deref() == Some(type_)
                && row.username.as_deref() == Some(username)
        });
        rows.next().is_some_and(|row| row.amount == Some(amount)) && rows.next().is_none()
    }
}

/// Reads the components of the resource's offering, without limits. Records how the server books.
///
/// # Errors
/// If they can't be read.
pub(crate) async fn components(client: &Client, resource: Uuid) -> Result<Vec<Component>, Error> {
    Ok(Target::new(None, Default::default(), of_offering(client, resource).await?).components)
}

/// Returns whether the server is known to book a report into the month of its date. It is known once the
/// components were read.
pub(crate) fn books_by_date(client: &Client) -> bool {
    Booking::of(client).is_by_date()
}

/// Returns the amount as servers accept it, rounded to two decimals, half to even; `None` if it is too large.
pub(crate) fn rounded(amount: Decimal) -> Option<Decimal> {
    exact(amount.round_dp(2)).ok()
}

/// Reports the amounts of a resource, whatever is reported so far. The components were read before.
///
/// # Errors
/// Those of [`UsageReport`](super::UsageReport).
pub(crate) async fn report(
    client: &Client,
    confirm: Confirm<'_>,
    resource: Uuid,
    month: Month,
    usages: Vec<ComponentUsage>,
) -> Result<Applied, Error> {
    let options = Options { month, allow_decrease: true, ..Options::new() };
    let reporter = Reporter { client, resource, options: &options };
    let plan = reporter.plan(usages, true).await?;
    reporter.send(confirm, None, &plan).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCE: Uuid = Uuid::from_u128(1);

    fn total(resource: Option<Uuid>, type_: Option<&str>, amount: Option<i64>) -> TotalRow {
        let amount = amount.map(|amount| Decimal::new(amount, 2));
        TotalRow { resource_uuid: resource, type_: type_.map(str::to_owned), amount }
    }

    fn of(rows: Vec<TotalRow>) -> ReportedAmount {
        let usage = OfferingUsage { totals: rows.into_iter().map(Ok).collect(), ..OfferingUsage::default() };
        usage.total(RESOURCE, "cpu")
    }

    #[test]
    fn amounts_of_several_plans_are_added_and_an_odd_row_is_not_taken_for_nothing() {
        let (this, other) = (Some(RESOURCE), Some(Uuid::from_u128(2)));
        let cpu = Some("cpu");
        assert_eq!(
            of(vec![total(other, cpu, Some(100)), total(this, Some("gpu"), Some(1))]),
            ReportedAmount::Nothing
        );
        let twice = vec![total(this, cpu, Some(250)), total(this, cpu, Some(750))];
        assert_eq!(of(twice), ReportedAmount::Is(Decimal::TEN));
        for odd in [total(this, cpu, None), total(None, cpu, Some(1)), total(this, None, Some(1))] {
            assert_eq!(of(vec![total(this, cpu, Some(250)), odd]), ReportedAmount::Unreadable);
        }
        assert_eq!(of(vec![total(other, cpu, None)]), ReportedAmount::Nothing);
    }

    #[test]
    fn amounts_are_rounded_half_to_even() {
        for (amount, expected) in [
            ("0.005", "0"),
            ("0.015", "0.02"),
            ("0.025", "0.02"),
            ("1.239", "1.24"),
            ("999999999999999.99", "999999999999999.99"),
        ] {
            assert_eq!(rounded(amount.parse().unwrap()), Some(expected.parse().unwrap()), "{amount}");
        }
        assert_eq!(rounded("999999999999999.995".parse().unwrap()), None);
    }
}
