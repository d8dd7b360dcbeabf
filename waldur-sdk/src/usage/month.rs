//! A month: the billing period of usage.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use waldur_api_client::__private::{LenientDecode, Source, Stopped};
use waldur_api_client::{Error, ErrorKind};

/// A month of a year, such as `2026-10`: the billing period of usage.
///
/// ```
/// use waldur_sdk::{Month, NaiveDate};
///
/// let month: Month = "2026-10".parse()?;
/// assert_eq!(month, NaiveDate::from_ymd_opt(2026, 10, 17).unwrap().into());
/// assert_eq!(month.last_day().to_string(), "2026-10-31");
/// assert_eq!(month.next().to_string(), "2026-11");
/// assert!(month.previous() < month);
/// # Ok::<(), waldur_sdk::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(NaiveDate);

impl Month {
    /// Returns the current month, by UTC and the local clock.
    #[must_use]
    pub fn current() -> Self {
        Utc::now().into()
    }

    /// Returns the previous month.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.checked_sub_months(Months::new(1)).unwrap_or(self.0))
    }

    /// Returns the next month.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add_months(Months::new(1)).unwrap_or(self.0))
    }

    /// Returns the first day of the month.
    #[must_use]
    pub fn first_day(self) -> NaiveDate {
        self.0
    }

    /// Returns the last day of the month.
    #[must_use]
    pub fn last_day(self) -> NaiveDate {
        let next = self.0.checked_add_months(Months::new(1));
        next.and_then(|next| next.checked_sub_days(Days::new(1))).unwrap_or(NaiveDate::MAX)
    }
}

/// Returns the month of the day.
impl From<NaiveDate> for Month {
    fn from(day: NaiveDate) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }
}

/// Returns the month of the time, by UTC.
impl From<DateTime<Utc>> for Month {
    fn from(time: DateTime<Utc>) -> Self {
        time.date_naive().into()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.format("%Y-%m").to_string())
    }
}

/// Reads a year of four digits and a month of two, such as `2026-10`.
impl FromStr for Month {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'-';
        let is_month = text.len() == "2026-10".len() && text.bytes().all(is_digit);
        let day = is_month.then(|| format!("{text}-01").parse().ok()).flatten();
        day.map(Self).ok_or_else(|| {
            Error::new(ErrorKind::Validation, format!("{text:?} is not a month such as 2026-10"))
        })
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Reads a day of the month.
impl LenientDecode for Month {
    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        Ok(<NaiveDate as LenientDecode>::read(source)?.map(Self::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_is_written_and_read_as_year_and_month() {
        assert_eq!(month("2026-10").to_string(), "2026-10");
        assert_eq!(serde_json::to_string(&month("2026-10")).unwrap(), "\"2026-10\"");
        assert_eq!(serde_json::from_str::<Month>("\"2024-02\"").unwrap(), month("2024-02"));
        for wrong in ["", "2026", "2026-13", "2026-1", "2026-10-01", "26-10-01", "+026-10", "2026/10"] {
            assert!(wrong.parse::<Month>().is_err_and(|error| error.is_validation()), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_in_the_month_that_it_has_in_utc() {
        for (time, expected) in [
            ("2026-10-31T23:59:59Z", "2026-10"),
            ("2026-11-01T00:00:00Z", "2026-11"),
            ("2026-11-01T00:30:00+01:00", "2026-10"),
        ] {
            let time: DateTime<Utc> = time.parse().unwrap();
            assert_eq!(Month::from(time), month(expected), "{time}");
        }
    }

    #[test]
    fn next_and_previous_cross_the_end_of_a_year() {
        assert_eq!(month("2026-12").next(), month("2027-01"));
        assert_eq!(month("2027-01").previous(), month("2026-12"));
        assert!(month("2026-12") < month("2027-01"));
        assert_eq!(month("2024-02").last_day(), NaiveDate::from_ymd_opt(2024, 2, 29).unwrap());
        assert_eq!(Month::from(NaiveDate::from_ymd_opt(2024, 2, 29).unwrap()), month("2024-02"));
        assert_eq!(Month::from(NaiveDate::MAX).next(), Month::from(NaiveDate::MAX));
    }
}
