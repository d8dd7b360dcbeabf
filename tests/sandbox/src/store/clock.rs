//! The sandbox's clock.

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, Offset as _, Utc};

/// The time, and the zone in which the server counts months.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// A fixed time; `None` is the system's time.
    pub(crate) set: Option<DateTime<Utc>>,
    pub(crate) zone: FixedOffset,
}

impl Default for Clock {
    fn default() -> Self {
        Self { set: None, zone: Utc.fix() }
    }
}

impl Clock {
    pub(crate) fn now(self) -> DateTime<Utc> {
        self.set.unwrap_or_else(Utc::now)
    }

    /// Returns the first day of a time's month, in the server's zone.
    pub(crate) fn month_of(self, time: DateTime<Utc>) -> NaiveDate {
        month_of(time.with_timezone(&self.zone).date_naive())
    }

    pub(crate) fn month(self) -> NaiveDate {
        self.month_of(self.now())
    }
}

/// Returns the first day of a day's month, which identifies a billing period.
pub(crate) fn month_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}
