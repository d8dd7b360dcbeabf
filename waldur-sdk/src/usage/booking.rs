//! Booking: ensures that a server books a report into the intended month.
//!
//! Servers since 7.9.0 book a report into the month of its `date`. Older servers ignore the date and book
//! into the month in which the report arrives, replacing that month's usage. A field that servers have since
//! a later release proves that a server books by date. Without such proof, only reports for the server's
//! current month are sent, and only if they arrive within that month.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::header::{DATE, HeaderMap};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::__private::Call;
use waldur_api_client::types::ComponentUsageCreateRequest;
use waldur_api_client::{Client, Error, ErrorKind, builder};

use super::month::Month;
use crate::resources;
use crate::row::row;

/// How long before the end of a month a report that must arrive within it is not sent any more. A `Date`
/// header has no fractions of a second, and the response took time to arrive.
const MARGIN: TimeDelta = TimeDelta::seconds(2);
/// The largest offsets from UTC, in hours.
const EASTERNMOST: i64 = 14;
const WESTERNMOST: i64 = 12;

/// What is known about the booking of a server. Clones of a client share it.
#[derive(Debug, Default)]
pub(crate) struct Booking {
    by_date: AtomicBool,
    refuses_dates: AtomicBool,
}

impl Booking {
    /// Returns what is known about the server of `client`.
    pub(super) fn of(client: &Client) -> Arc<Self> {
        client.extension()
    }

    /// Records that the server sent a field that was added in 7.9.2 or later, which shows that it books by
    /// date.
    pub(crate) fn note_younger_field(&self) {
        self.by_date.store(true, Ordering::Relaxed);
    }

    /// Returns whether the server is known to book by date.
    pub(super) fn is_by_date(&self) -> bool {
        self.by_date.load(Ordering::Relaxed)
    }

    /// Returns whether the server refused a `date` in its current month, and accepted the report without one.
    fn refuses_dates(&self) -> bool {
        self.refuses_dates.load(Ordering::Relaxed)
    }

    fn note_refused_date(&self) {
        self.refuses_dates.store(true, Ordering::Relaxed);
    }
}

row! {
    struct ProbeRow {
        offering_components: Option<Vec<Value>> = optional "offering_components",
    }
}

/// Checks that the server books a report into `month`. Reads the resource if needed, unless `read` says that
/// it was read just before.
///
/// # Errors
/// [`Error::is_unsupported`] if the server isn't known to book by date, and the month isn't its current one
/// or is about to end.
pub(super) async fn check_month(
    client: &Client,
    resource: Uuid,
    month: Month,
    read: bool,
) -> Result<(), Error> {
    // Long before its end, a report for the current month is booked correctly either way.
    if Booking::of(client).is_by_date() || time_left(client, month).is_ok_and(|left| left > client.timeout())
    {
        return Ok(());
    }
    if !read && books_by_date(client, resource).await? {
        return Ok(());
    }
    time_left(client, month).map(drop)
}

/// Returns whether the server is known to book by date. Reads the resource to find out.
///
/// # Errors
/// If the resource can't be read.
pub(super) async fn books_by_date(client: &Client, resource: Uuid) -> Result<bool, Error> {
    let booking = Booking::of(client);
    if !booking.is_by_date() {
        let row: ProbeRow = resources::read(client, resource).await?;
        if row.offering_components.is_some() {
            booking.note_younger_field();
        }
    }
    Ok(booking.is_by_date())
}

/// Sends a report, and returns the time of the response.
///
/// # Errors
/// [`Error::is_unsupported`] if the server isn't known to book by date, and the report might arrive in
/// another month.
pub(super) async fn book(
    client: &Client,
    month: Month,
    report: &ComponentUsageCreateRequest,
) -> Result<Option<DateTime<Utc>>, Error> {
    let now = client.server_now().unwrap_or_else(Utc::now);
    let amid = is_amid(month, now);
    if !(amid && Booking::of(client).refuses_dates()) {
        let client = match Booking::of(client).is_by_date() {
            true => client.clone(),
            false => client.with_timeout(client.timeout().min(time_left(client, month)?)),
        };
        match post(&client, report, date_in(month, now)).await {
            // Some servers refuse a date for components that are billed by usage, even in the current month.
            Err(error) if amid && refuses_date(&error) => {}
            result => return result,
        }
    }
    let in_time = client.with_timeout(client.timeout().min(time_left(client, month)?));
    let answered = post(&in_time, report, None).await?;
    Booking::of(client).note_refused_date();
    Ok(answered)
}

/// Returns the month other than `month` into which a report may still be booked, if any.
pub(super) fn next_booking(client: &Client, month: Month) -> Option<Month> {
    if Booking::of(client).is_by_date() || time_left(client, month).is_ok() {
        return None;
    }
    let now = client.server_now().map(month_of);
    Some(now.filter(|now| *now != month).unwrap_or_else(|| month.next()))
}

/// Returns the error of a report that arrived in another month than the intended one.
pub(super) fn booked_elsewhere(month: Month, booked: Month) -> Error {
    let problem = format!(
        "the report for {month} arrived in {booked}: the server isn't known to book by date, so it booked it \
         into {booked}"
    );
    with_operation(Error::new(ErrorKind::UnexpectedResponse, problem))
}

async fn post(
    client: &Client,
    report: &ComponentUsageCreateRequest,
    date: Option<String>,
) -> Result<Option<DateTime<Utc>>, Error> {
    /// The generated type holds no time without zone.
    #[derive(Serialize)]
    struct Dated<'a> {
        #[serde(flatten)]
        report: &'a ComponentUsageCreateRequest,
        #[serde(skip_serializing_if = "Option::is_none")]
        date: Option<String>,
    }

    let mut call = Call::new(client, builder::MarketplaceComponentUsagesSetUsage::OPERATION);
    call.body(Ok::<_, Error>(Dated { report, date }));
    let response = call.prepare().empty().await?;
    Ok(date_of(response.headers()).or_else(|| client.server_now()))
}

fn date_of(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date.trim()).ok().map(DateTime::from)
}

/// Returns whether the server refused the `date`.
fn refuses_date(error: &Error) -> bool {
    error.is_validation() && error.messages().about("date").next().is_some()
}

/// Returns how much time is left of a month by the server's clock.
///
/// # Errors
/// [`Error::is_unsupported`] if the month isn't the server's current one or is about to end, or if the
/// server's time is unknown.
fn time_left(client: &Client, month: Month) -> Result<Duration, Error> {
    const WHY: &str = "the server isn't known to book a report by its date, as servers do since 7.9.0";
    let refused = |why: String| {
        let error = Error::new(ErrorKind::Validation, format!("not sent: {why}"));
        Err(with_operation(error.unsent(true).unsupported()))
    };
    let Some(now) = client.server_now() else {
        return refused(format!("{WHY}, and doesn't tell whether its current month is {month}"));
    };
    let current = month_of(now);
    if current != month {
        let what = format!("it would book {month} into its current month, {current}, over what is there");
        return refused(format!("{WHY}: {what}"));
    }
    let left = start_of(month.next()) - MARGIN - now;
    match left.to_std().ok().filter(|left| !left.is_zero()) {
        Some(left) => Ok(left),
        None => refused(format!("{WHY}, and {month} is about to end there: it may book into the next month")),
    }
}

/// Returns a time that is in the month in every time zone and not in the future, or `None` if there is none.
/// Servers interpret a time without a zone in their own zone.
fn date_in(month: Month, now: DateTime<Utc>) -> Option<String> {
    let naive = |time: chrono::NaiveDateTime| time.format("%Y-%m-%dT%H:%M:%S").to_string();
    let utc = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    Some(match month_of(now) {
        // A resource that was created in that month existed on its last day.
        current if current > month => naive(month.last_day().and_hms_opt(12, 0, 0)?),
        // The server refuses it.
        current if current < month => naive(month.first_day().and_hms_opt(0, 0, 0)?),
        // West of UTC the month hasn't begun everywhere: the server refuses what is the future there.
        _ if now < start_of(month) + TimeDelta::hours(WESTERNMOST) => naive(now.naive_utc()),
        // East of UTC it may be over.
        _ => utc(now.min(start_of(month.next()) - TimeDelta::hours(EASTERNMOST) - TimeDelta::seconds(1))),
    })
}

/// Returns whether a time is in the month in every time zone.
fn is_amid(month: Month, now: DateTime<Utc>) -> bool {
    let begin = start_of(month) + TimeDelta::hours(WESTERNMOST);
    let end = start_of(month.next()) - TimeDelta::hours(EASTERNMOST);
    (begin..end).contains(&now)
}

fn start_of(month: Month) -> DateTime<Utc> {
    month.first_day().and_time(chrono::NaiveTime::MIN).and_utc()
}

/// Returns the month that a time is in, by UTC.
pub(super) fn month_of(time: DateTime<Utc>) -> Month {
    time.date_naive().into()
}

fn with_operation(error: Error) -> Error {
    error.with_operation(builder::MarketplaceComponentUsagesSetUsage::OPERATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(month: &str, now: &str) -> String {
        date_in(month.parse().unwrap(), now.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_date_is_in_its_month_in_every_time_zone() {
        let month: Month = "2026-11".parse().unwrap();
        let times = ["00:00:00", "03:59:59", "11:59:59", "12:00:00", "23:59:59"];
        for text in ["2026-11-01", "2026-11-02", "2026-11-15", "2026-11-29", "2026-11-30", "2027-03-01"] {
            for time in times {
                let now: DateTime<Utc> = format!("{text}T{time}Z").parse().unwrap();
                let date = date_in(month, now).unwrap();
                for hours in -WESTERNMOST..=EASTERNMOST {
                    let local = match date.parse::<DateTime<Utc>>() {
                        Ok(time) => {
                            assert!(time <= now, "{date} is after {now}");
                            time.naive_utc() + TimeDelta::hours(hours)
                        }
                        Err(_) => date.parse().unwrap(),
                    };
                    assert_eq!(Month::from(local.date()), month, "{date} at {hours} h, sent at {now}");
                }
            }
        }
    }

    #[test]
    fn a_date_is_now_where_that_is_possible() {
        assert_eq!(date("2026-11", "2026-11-15T08:30:00.7Z"), "2026-11-15T08:30:00Z");
        assert_eq!(date("2026-11", "2026-11-01T03:00:00Z"), "2026-11-01T03:00:00");
        assert_eq!(date("2026-11", "2026-11-30T23:59:59Z"), "2026-11-30T09:59:59Z");
        assert_eq!(date("2024-02", "2026-11-15T08:30:00Z"), "2024-02-29T12:00:00");
        assert_eq!(date("2027-01", "2026-11-15T08:30:00Z"), "2027-01-01T00:00:00");
    }
}
