//! The report of one resource: planning, sending and confirming it.

use std::fmt;

use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{ComponentUsageCreateRequest, ComponentUsageItemRequest};
use waldur_api_client::{Client, Error};

use super::amounts::refused;
use super::booking::{book, booked_elsewhere, books_by_date, check_month, month_of, next_booking};
use super::month::Month;
use super::read::{ComponentUsage, ReportedRow, reported_rows};
use crate::confirm::{Applied, Confirm, Seen};

/// The usage that was reported for a resource, or would be in a dry run. Amounts are in the units of the
/// components. Displays as one line, such as `2026-10: cpu 123.45, gpu 12; unchanged: ram 2048`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReportedUsage {
    /// The resource.
    pub resource_uuid: Uuid,
    /// The month of the usage.
    pub month: Month,
    /// The usage that is sent, one for each component.
    pub usages: Vec<ComponentUsage>,
    /// The usage that is not sent because it is already reported:
    /// see [`UsageReport::skip_equal`](super::UsageReport::skip_equal).
    pub unchanged: Vec<ComponentUsage>,
}

impl fmt::Display for ReportedUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts =
            |usages: &[ComponentUsage]| usages.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "{}: ", self.month)?;
        match (self.usages.is_empty(), self.unchanged.is_empty()) {
            (true, true) => f.write_str("nothing"),
            (false, true) => f.write_str(&texts(&self.usages)),
            (true, false) => write!(f, "unchanged: {}", texts(&self.unchanged)),
            (false, false) => write!(f, "{}; unchanged: {}", texts(&self.usages), texts(&self.unchanged)),
        }
    }
}

/// The options of a report.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) month: Month,
    pub(super) plan_period: Option<Uuid>,
    pub(super) description: Option<String>,
    pub(super) recurring: bool,
    pub(super) skip_equal: bool,
    pub(super) allow_decrease: bool,
}

impl Options {
    pub(super) fn new() -> Self {
        Self {
            month: Month::current(),
            plan_period: None,
            description: None,
            recurring: false,
            skip_equal: false,
            allow_decrease: false,
        }
    }

    /// Returns whether this usage is already reported.
    fn is_so(&self, usage: &ComponentUsage, there: &[ReportedRow]) -> bool {
        let says_so = |row: &ReportedRow| {
            (row.recurring || !self.recurring)
                && self.description.as_ref().is_none_or(|text| row.description.trim() == text.trim())
        };
        matches!(reported(there, &usage.type_), Ok(Some(amount)) if amount == usage.amount)
            && rows_of(there, &usage.type_).all(says_so)
    }
}

/// Reports the usage of one resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reporter<'a> {
    pub(super) client: &'a Client,
    pub(super) resource: Uuid,
    pub(super) options: &'a Options,
}

impl Reporter<'_> {
    /// Determines which of these amounts are sent. `read` is whether the resource was read just before.
    ///
    /// # Errors
    /// [`Error::is_validation`] if an amount is less than the reported one, and [`Error::is_unsupported`] if
    /// the server may book into another month.
    pub(super) async fn plan(
        self,
        mut usages: Vec<ComponentUsage>,
        read: bool,
    ) -> Result<ReportedUsage, Error> {
        let Self { client, resource, options } = self;
        let month = options.month;
        let mut unchanged = Vec::new();
        let mut there = Vec::new();
        if !usages.is_empty() && (options.skip_equal || !options.allow_decrease) {
            there = reported_rows(client, resource, month).await?.into_vec();
            if options.skip_equal {
                (unchanged, usages) = usages.into_iter().partition(|usage| options.is_so(usage, &there));
            }
        }
        if !usages.is_empty() {
            check_month(client, resource, month, read).await?;
            if !options.allow_decrease {
                refuse_decreases(&usages, month, &there)?;
            }
        }
        Ok(ReportedUsage { resource_uuid: resource, month, usages, unchanged })
    }

    /// Sends a report, unless it is empty, and reads the usage if the response leaves open whether the report
    /// was recorded. With `doubt`, the error of an earlier attempt, the usage is read first.
    ///
    /// # Errors
    /// The server's refusal, or [`Error::is_unconfirmed`] if whether the report was recorded is unknown.
    pub(super) async fn send(
        self,
        confirm: Confirm<'_>,
        doubt: Option<Error>,
        report: &ReportedUsage,
    ) -> Result<Applied, Error> {
        if report.usages.is_empty() {
            return Ok(Applied::Already);
        }
        let (client, month) = (self.client, report.month);
        let body = self.body(&report.usages)?;
        let send = || book(client, month, &body);
        let look = || async {
            let there = reported_rows(client, self.resource, month).await?.into_vec();
            if report.usages.iter().all(|usage| self.options.is_so(usage, &there)) {
                return Ok(Seen::Applied(None));
            }
            if let Some(booked) = next_booking(client, month) {
                let problem = format!("it isn't recorded for {month}, and may be booked into {booked}");
                return Ok(Seen::Unclear(problem));
            }
            Ok(self.missing(report, &there))
        };
        let (answered, applied) = confirm.after(Error::is_ambiguous).go_on(doubt, send, look).await?;
        match answered.map(month_of) {
            Some(booked) if booked != month => match books_by_date(client, self.resource).await {
                Ok(true) => Ok(applied),
                _ => Err(booked_elsewhere(month, booked)),
            },
            _ => Ok(applied),
        }
    }

    /// Makes the request, without the month.
    fn body(&self, usages: &[ComponentUsage]) -> Result<ComponentUsageCreateRequest, Error> {
        let mut items = Vec::with_capacity(usages.len());
        for usage in usages {
            let mut item = ComponentUsageItemRequest::builder().type_(&usage.type_).amount(usage.amount);
            if let Some(text) = &self.options.description {
                item = item.description(text);
            }
            if self.options.recurring {
                item = item.recurring(true);
            }
            let item = ComponentUsageItemRequest::try_from(item);
            items.push(item.map_err(|problem| refused(format!("{problem}")))?);
        }
        let body = ComponentUsageCreateRequest::builder().usages(items);
        let body = match self.options.plan_period {
            Some(period) => body.plan_period(period),
            None => body.resource(self.resource),
        };
        ComponentUsageCreateRequest::try_from(body).map_err(|problem| refused(format!("{problem}")))
    }

    /// Returns what it means that the usage doesn't show all of a report.
    fn missing<T>(&self, report: &ReportedUsage, there: &[ReportedRow]) -> Seen<T> {
        let month = report.month;
        for usage in report.usages.iter().filter(|usage| !self.options.is_so(usage, there)) {
            let shown = match reported(there, &usage.type_) {
                Err(unreadable) => return Seen::Unclear(unreadable.to_string()),
                Ok(None) => continue,
                Ok(Some(shown)) => shown,
            };
            // Of the rows of several plans, a report replaces one.
            if rows_of(there, &usage.type_).count() > 1 {
                let shown = shown.normalize();
                return Seen::Differs(format!("{shown} of {} is recorded for {month}", usage.type_));
            }
        }
        Seen::Unchanged(format!("the usage is not recorded for {month}"))
    }
}

/// Returns the rows of a component, and the rows without a type, which may belong to it.
fn rows_of<'a>(there: &'a [ReportedRow], type_: &str) -> impl Iterator<Item = &'a ReportedRow> {
    there.iter().filter(move |row| row.type_.as_ref().is_none_or(|there| *there == type_))
}

/// Returns the reported amount of a component for the month. Newer servers have a row for each plan that the
/// resource had in the month; the amount is their sum.
///
/// # Errors
/// [`Error::is_unexpected_response`] if a row of the component can't be read.
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

fn refuse_decreases(usages: &[ComponentUsage], month: Month, there: &[ReportedRow]) -> Result<(), Error> {
    for ComponentUsage { type_, amount } in usages {
        if let Some(reported) = reported(there, type_)?
            && *amount < reported
        {
            let reported = reported.normalize();
            return Err(refused(format!(
                "{type_}: {amount} is less than the {reported} reported for {month}; \
                 a lower amount needs `allow_decrease`"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_displays_what_is_sent_and_what_is_unchanged() {
        let usage =
            |type_: &str, cents| ComponentUsage { type_: type_.to_owned(), amount: Decimal::new(cents, 2) };
        let (cpu, gpu, ram) = (usage("cpu", 12_345), usage("gpu", 1_200), usage("ram", 204_850));
        for (usages, unchanged, expected) in [
            (vec![], vec![], "2026-10: nothing"),
            (vec![cpu.clone(), gpu.clone()], vec![], "2026-10: cpu 123.45, gpu 12.00"),
            (vec![], vec![ram.clone()], "2026-10: unchanged: ram 2048.50"),
            (vec![cpu, gpu], vec![ram], "2026-10: cpu 123.45, gpu 12.00; unchanged: ram 2048.50"),
        ] {
            let resource_uuid = Uuid::from_u128(7);
            let report =
                ReportedUsage { resource_uuid, month: "2026-10".parse().unwrap(), usages, unchanged };
            assert_eq!(report.to_string(), expected);
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
    fn amounts_of_several_plans_are_added() {
        let there = [row(Some("cpu"), Some(250)), row(Some("gpu"), Some(100)), row(Some("cpu"), Some(750))];
        assert_eq!(reported(&there, "cpu").unwrap(), Some(Decimal::TEN));
        assert_eq!(reported(&there, "ram").unwrap(), None);
    }

    #[test]
    fn an_unreadable_row_is_an_error_of_its_component() {
        let there = [row(Some("gpu"), None), row(Some("cpu"), Some(100))];
        assert_eq!(reported(&there, "cpu").unwrap(), Some(Decimal::ONE));
        let error = reported(&there, "gpu").unwrap_err();
        assert!(
            error.is_unexpected_response()
                && error.to_string().contains(&Uuid::from_u128(7).simple().to_string())
        );
        assert!(reported(&[row(None, Some(100))], "cpu").unwrap_err().is_unexpected_response());
    }
}
