//! The clock of the server, from the header `Date` of its responses.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use http::header::{AGE, DATE, HeaderMap};

/// The value before the first date.
const UNKNOWN: i64 = i64::MIN;
/// The precision of a `Date`, in milliseconds.
const SECOND: i64 = 1000;

/// The difference between the clocks of the server and of this machine, in milliseconds.
///
/// A `Date` has a precision of one second, so that a response gives a range for the difference. The value is
/// changed only as far as it is outside of the newest range. So it becomes more exact with each response, and
/// follows a clock that is set.
#[derive(Debug)]
pub(crate) struct ServerClock(AtomicI64);

impl ServerClock {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }

    /// Adjusts the difference by a response that was received at `received` to a request sent at `sent`.
    pub(crate) fn learn(&self, headers: &HeaderMap, sent: SystemTime, received: SystemTime) {
        // The date of a cached response is in the past.
        if headers.contains_key(AGE) {
            return;
        }
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let Some(date) = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok()) else { return };
        let (date, sent, received) = (millis(date), millis(sent), millis(received));
        let least = date.saturating_sub(received);
        // The clock of this machine may have been set back meanwhile.
        let most = date.saturating_add(SECOND).saturating_sub(sent).max(least);
        let before = self.0.load(Ordering::Relaxed);
        let after = if before == UNKNOWN { least } else { before.clamp(least, most) };
        if after != before {
            // Of two concurrent responses, either may win: both are right.
            self.0.store(after, Ordering::Relaxed);
        }
    }

    /// Returns the server's time at `now` of this machine; `None` before the first date.
    pub(crate) fn at(&self, now: SystemTime) -> Option<DateTime<Utc>> {
        match self.0.load(Ordering::Relaxed) {
            UNKNOWN => None,
            ahead => DateTime::from_timestamp_millis(millis(now).saturating_add(ahead)),
        }
    }
}

/// Returns the milliseconds since 1970.
fn millis(time: SystemTime) -> i64 {
    let whole = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => whole(after),
        Err(before) => -whole(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a time of this machine's clock.
    fn here(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_798_761_600_000 + millis)
    }

    fn dated(date: &str) -> HeaderMap {
        [(DATE, date.parse().unwrap())].into_iter().collect()
    }

    fn at(clock: &ServerClock, millis: u64) -> String {
        clock.at(here(millis)).unwrap().format("%F %T%.3f").to_string()
    }

    #[test]
    fn nothing_is_known_without_a_date() {
        let clock = ServerClock::new();
        assert_eq!(clock.at(here(0)), None);
        clock.learn(&HeaderMap::new(), here(0), here(1));
        clock.learn(&dated("yesterday"), here(0), here(1));
        let mut cached = dated("Thu, 31 Dec 2026 20:00:00 GMT");
        cached.insert(AGE, "14400".parse().unwrap());
        clock.learn(&cached, here(0), here(1));
        assert_eq!(clock.at(here(2)), None);
    }

    #[test]
    fn the_server_time_advances_with_the_local_clock() {
        let clock = ServerClock::new();
        assert_eq!(here(0), httpdate::parse_http_date("Fri, 01 Jan 2027 00:00:00 GMT").unwrap());
        clock.learn(&dated("Thu, 31 Dec 2026 23:59:58 GMT"), here(0), here(200));
        assert_eq!(at(&clock, 200), "2026-12-31 23:59:58.000");
        assert_eq!(at(&clock, 1700), "2026-12-31 23:59:59.500");
        assert_eq!(at(&clock, 2200), "2027-01-01 00:00:00.000");
    }

    #[test]
    fn each_response_narrows_the_difference() {
        let clock = ServerClock::new();
        // The server is 10 s ahead and 0.9 s into its second; then it is 0.05 s into one.
        clock.learn(&dated("Fri, 01 Jan 2027 00:00:10 GMT"), here(890), here(900));
        assert_eq!(at(&clock, 900), "2027-01-01 00:00:10.000");
        clock.learn(&dated("Fri, 01 Jan 2027 00:00:12 GMT"), here(2040), here(2050));
        assert_eq!(at(&clock, 2050), "2027-01-01 00:00:12.000");
        // A response whose range has the value changes nothing.
        clock.learn(&dated("Fri, 01 Jan 2027 00:00:12 GMT"), here(2500), here(2510));
        assert_eq!(at(&clock, 2050), "2027-01-01 00:00:12.000");
        // The range of a slow response is too wide to change anything.
        clock.learn(&dated("Fri, 01 Jan 2027 00:00:13 GMT"), here(3000), here(9000));
        assert_eq!(at(&clock, 2050), "2027-01-01 00:00:12.000");
    }

    #[test]
    fn a_clock_that_was_set_is_followed() {
        let clock = ServerClock::new();
        clock.learn(&dated("Fri, 01 Jan 2027 01:00:00 GMT"), here(0), here(10));
        clock.learn(&dated("Fri, 01 Jan 2027 00:00:01 GMT"), here(1000), here(1010));
        assert_eq!(at(&clock, 1010), "2027-01-01 00:00:02.010");
        clock.learn(&dated("Fri, 01 Jan 2027 02:00:00 GMT"), here(2000), here(2010));
        assert_eq!(at(&clock, 2010), "2027-01-01 02:00:00.000");
        // The clock of this machine was set back before the response.
        clock.learn(&dated("Fri, 01 Jan 2027 00:00:09 GMT"), here(9_000_000), here(5000));
        assert_eq!(at(&clock, 5000), "2027-01-01 00:00:09.000");
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let clock = ServerClock::new();
        clock.learn(&dated("Fri, 31 Dec 9999 23:59:59 GMT"), UNIX_EPOCH, UNIX_EPOCH);
        assert!(clock.at(UNIX_EPOCH + Duration::from_secs(1 << 40)).is_some());
        assert!(millis(UNIX_EPOCH - Duration::from_millis(5)) == -5);
    }
}
