//! When a request is sent again: a decision without clock, chance or network.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use reqwest::Method;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::connection::seconds;
use crate::transport::LONGEST;

/// Statuses that another try may change.
pub(crate) const PASSING: [u16; 4] = [429, 502, 503, 504];
/// What a call that needed no repetition gives back to the budget, in hundredths of a repetition.
const DEPOSIT: u32 = 10;
const REPETITION: u32 = 100;

/// How often and how long a call is tried.
///
/// Only calls that may be repeated are: GET, HEAD, OPTIONS, PUT and DELETE after a 429, 502, 503 or 504, a
/// connection that broke, no answer in time, or, for GET, an answer that broke off (one that is JSON or at
/// most 1 MiB; longer ones are handed over before they are read). A DELETE whose first answer was lost finds
/// nothing the second time: it ends with a 404 and more than one [attempt](crate::Error::attempts).
///
/// POST and PATCH are tried again only if the connection could not be made, so that the request certainly
/// wasn't sent. No other failure tells whether it was applied: a proxy gives up with a 502, 503 or 504 on
/// requests that the server goes on with, and who limits the rate may stand behind who applied it. Who knows
/// that a call can be repeated says so: [`RetryPolicy::every_method`],
/// [`Client::repeating`](crate::Client::repeating).
///
/// The pause is the longer of what the server asks for (`Retry-After`) and a random one that grows with each
/// try. If it doesn't fit in the time that is left, the failure is reported at once, and its text says so.
///
/// All calls of a client share a budget of repetitions, so that an outage isn't answered with a multiple of
/// the usual requests: each repetition takes one; it comes back if the call succeeds, and each ten calls that
/// succeed at once bring another, up to the full budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    pub(crate) attempts: u32,
    pub(crate) within: Duration,
    pub(crate) first_pause: Duration,
    pub(crate) longest_pause: Duration,
    pub(crate) budget: u32,
    pub(crate) every_method: bool,
}

impl Default for RetryPolicy {
    /// Four tries, the last begun within two minutes, pauses from 0.2 s to 20 s, a budget of 100 repetitions.
    fn default() -> Self {
        Self {
            attempts: 4,
            within: Duration::from_secs(120),
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(20),
            budget: 100,
            every_method: false,
        }
    }
}

impl RetryPolicy {
    /// Every request is sent once.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// How many tries a call has, the first included.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long after the beginning of a call another try may begin; the timeout of the call limits it too.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// The pause before the second try, and the longest one: each is twice the one before, and up to twice
    /// that by chance.
    #[must_use]
    pub fn pauses(mut self, first: Duration, longest: Duration) -> Self {
        (self.first_pause, self.longest_pause) = (first.min(LONGEST), longest.min(LONGEST));
        self
    }

    /// How many repetitions all calls of the client may have under an outage.
    #[must_use]
    pub fn budget(mut self, repetitions: u32) -> Self {
        self.budget = repetitions;
        self
    }

    /// POST and PATCH are repeated like GET. Only for calls that do no harm if they are applied twice.
    #[must_use]
    pub fn every_method(mut self) -> Self {
        self.every_method = true;
        self
    }

    /// Whether anything is tried again at all.
    pub(crate) fn retries(&self) -> bool {
        self.attempts > 1
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if self.attempts == 0 {
            return Some("allows no attempt");
        }
        if self.first_pause.is_zero() || self.longest_pause < self.first_pause {
            return Some("has pauses that don't grow from more than zero");
        }
        None
    }

    /// The pauses of one call, one after the other.
    pub(crate) fn backoff(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.first_pause)
            .with_max_delay(self.longest_pause)
            .without_max_times()
            .with_jitter()
            .build()
    }

    /// Whether a try that failed is followed by another, and after which pause.
    pub(crate) fn decide(&self, failed: &Failed<'_>) -> Decision {
        let asked = match failed.how {
            How::Final => return Decision::Stop(Stop::Final),
            How::Status { status, .. } if !PASSING.contains(&status) => return Decision::Stop(Stop::Final),
            How::Status { retry_after, .. } => retry_after,
            How::Unsent | How::Lost => None,
        };
        let safe = self.every_method || failed.how == How::Unsent || is_repeatable(failed.method);
        if !safe {
            return Decision::Stop(Stop::Unsafe);
        }
        if !failed.replayable {
            return Decision::Stop(Stop::Gone);
        }
        if failed.attempt >= self.attempts {
            return Decision::Stop(Stop::Attempts);
        }
        let pause = failed.backoff.max(asked.unwrap_or_default());
        if failed.elapsed.saturating_add(pause) > self.within || pause >= failed.remaining {
            let left = self.within.saturating_sub(failed.elapsed).min(failed.remaining);
            return Decision::Stop(match asked {
                Some(asked) if asked >= left => Stop::Wait { asked, left },
                _ => Stop::Time,
            });
        }
        Decision::Again(pause)
    }
}

/// Whether a request of this method means the same if it arrives twice.
fn is_repeatable(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
}

/// How a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// An answer with this status, and the wait that it asks for.
    Status { status: u16, retry_after: Option<Duration> },
    /// The connection could not be made.
    Unsent,
    /// The connection broke or the time was over after the request may have been sent.
    Lost,
    /// Another try would fail likewise, such as one with a certificate that isn't trusted.
    Final,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, .. } => write!(f, "{status}"),
            Self::Unsent => f.write_str("no connection"),
            Self::Lost => f.write_str("answer lost"),
            Self::Final => f.write_str("not possible"),
        }
    }
}

impl How {
    /// How a request failed that has no answer. The HTTP client tells reliably only that it could not
    /// connect.
    pub(crate) fn of_reqwest(error: &reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::Final;
        }
        if !error.is_connect() {
            return Self::Lost;
        }
        // What isn't TLS, or a certificate that isn't trusted, stays so.
        if is_invalid_data(error) { Self::Final } else { Self::Unsent }
    }
}

/// Whether data that makes no sense is behind an error.
fn is_invalid_data(error: &(dyn Error + 'static)) -> bool {
    let Some(io) = error.downcast_ref::<io::Error>() else {
        return error.source().is_some_and(is_invalid_data);
    };
    // An I/O error that wraps another error passes that over as its source.
    io.kind() == ErrorKind::InvalidData || io.get_ref().is_some_and(|inner| is_invalid_data(inner))
}

/// A try that failed, and where its call stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed<'a> {
    pub(crate) method: &'a Method,
    pub(crate) how: How,
    /// Whether the body is still there.
    pub(crate) replayable: bool,
    /// Which try it was, from 1.
    pub(crate) attempt: u32,
    /// Since the call began.
    pub(crate) elapsed: Duration,
    /// Until the call's timeout.
    pub(crate) remaining: Duration,
    /// The pause that is due if the server asks for none.
    pub(crate) backoff: Duration,
}

/// What follows a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Another, after this pause.
    Again(Duration),
    /// Nothing.
    Stop(Stop),
}

/// Why nothing follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Final,
    Unsafe,
    Gone,
    Attempts,
    Time,
    /// The server asks for a pause that doesn't fit in what is left.
    Wait {
        asked: Duration,
        left: Duration,
    },
    Budget,
}

impl Stop {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Final => "another try would not help",
            Self::Unsafe => "it may have been applied",
            Self::Gone => "its body can't be sent again",
            Self::Attempts => "no attempt is left",
            Self::Time => "no time is left for another try",
            Self::Wait { .. } => "the server asks for too long a pause",
            Self::Budget => "the client's retry budget is used up",
        }
    }

    /// What an error says about it, after a failure of this kind. Of the last attempt the number of attempts
    /// tells.
    pub(crate) fn note(self, how: How) -> Option<String> {
        match (self, how) {
            (Self::Wait { asked, left }, _) => {
                let (asked, left) = (seconds(asked), seconds(left));
                Some(format!("the server asks to wait {asked}, longer than the {left} left for retries"))
            }
            (Self::Unsafe, How::Status { retry_after: Some(asked), .. }) => {
                Some(format!("the server asks to wait {}", seconds(asked)))
            }
            (Self::Gone | Self::Time | Self::Budget, _) => {
                Some(format!("not tried again: {}", self.as_str()))
            }
            (Self::Final | Self::Unsafe | Self::Attempts, _) => None,
        }
    }
}

/// The repetitions that all calls of a client share.
#[derive(Debug)]
pub(crate) struct Budget {
    full: u32,
    left: Mutex<u32>,
}

impl Budget {
    pub(crate) fn new(repetitions: u32) -> Self {
        let full = repetitions.saturating_mul(REPETITION);
        Self { full, left: Mutex::new(full) }
    }

    /// Takes a repetition, if one is left.
    pub(crate) fn take(&self) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = left.checked_sub(REPETITION);
        *left = taken.unwrap_or(*left);
        taken.is_some()
    }

    /// A call came through: gives back what its last repetition took, or a little if it had none.
    pub(crate) fn came_through(&self, repeated: bool) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_add(if repeated { REPETITION } else { DEPOSIT }).min(self.full);
    }
}

/// How long an answer asks to wait: seconds, or a date by the server's own clock if it tells that.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    let date = httpdate::parse_http_date(asked).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PUT,
        Method::DELETE,
        Method::POST,
        Method::PATCH,
    ];

    fn failed(method: &Method, how: How) -> Failed<'_> {
        Failed {
            method,
            how,
            replayable: true,
            attempt: 1,
            elapsed: Duration::from_secs(1),
            remaining: Duration::from_secs(100),
            backoff: Duration::from_millis(250),
        }
    }

    fn status(status: u16) -> How {
        How::Status { status, retry_after: None }
    }

    fn again(decision: Decision) -> bool {
        matches!(decision, Decision::Again(_))
    }

    #[test]
    fn only_what_may_be_repeated_is() {
        let policy = RetryPolicy::default();
        for method in &METHODS {
            let safe = !matches!(*method, Method::POST | Method::PATCH);
            for code in [429, 502, 503, 504] {
                assert_eq!(again(policy.decide(&failed(method, status(code)))), safe, "{method} {code}");
            }
            for code in [200, 301, 400, 401, 403, 404, 408, 409, 500, 501, 505] {
                let decision = policy.decide(&failed(method, status(code)));
                assert_eq!(decision, Decision::Stop(Stop::Final), "{method} {code}");
            }
            assert_eq!(again(policy.decide(&failed(method, How::Lost))), safe, "{method}");
            assert!(again(policy.decide(&failed(method, How::Unsent))), "{method}");
            assert_eq!(policy.decide(&failed(method, How::Final)), Decision::Stop(Stop::Final));
            assert!(again(policy.clone().every_method().decide(&failed(method, How::Lost))), "{method}");
            assert!(!again(RetryPolicy::never().decide(&failed(method, How::Unsent))), "{method}");
        }
    }

    #[test]
    fn the_later_of_both_pauses_counts_if_there_is_time() {
        let policy = RetryPolicy::default();
        let asking = |seconds| {
            let how = How::Status { status: 503, retry_after: Some(Duration::from_secs(seconds)) };
            failed(&Method::GET, how)
        };
        assert_eq!(policy.decide(&asking(0)), Decision::Again(Duration::from_millis(250)));
        assert_eq!(policy.decide(&asking(7)), Decision::Again(Duration::from_secs(7)));
        assert_eq!(
            policy.decide(&Failed { remaining: Duration::MAX, ..asking(120) }),
            Decision::Stop(Stop::Wait { asked: Duration::from_secs(120), left: Duration::from_secs(119) })
        );
        let Decision::Stop(stop) = policy.decide(&asking(u64::MAX)) else { panic!("tried again") };
        let text = "the server asks to wait 18446744073709551616 s, longer than the 100 s left for retries";
        assert_eq!(stop.note(status(503)).as_deref(), Some(text));
        let late = Failed { remaining: Duration::from_secs(5), ..asking(7) };
        let wait = Stop::Wait { asked: Duration::from_secs(7), left: Duration::from_secs(5) };
        assert_eq!(policy.decide(&late), Decision::Stop(wait));
        let late = Failed { elapsed: Duration::from_secs(121), ..failed(&Method::GET, status(503)) };
        assert_eq!(policy.decide(&late), Decision::Stop(Stop::Time));
        assert!(Stop::Time.note(status(503)).unwrap().contains("no time is left"));
    }

    #[test]
    fn attempts_and_bodies_come_to_an_end() {
        let policy = RetryPolicy::default().attempts(3);
        let base = failed(&Method::GET, How::Lost);
        assert!(again(policy.decide(&Failed { attempt: 2, ..base })));
        assert_eq!(policy.decide(&Failed { attempt: 3, ..base }), Decision::Stop(Stop::Attempts));
        assert_eq!(policy.decide(&Failed { replayable: false, ..base }), Decision::Stop(Stop::Gone));
    }

    #[test]
    fn pauses_grow_within_their_limits() {
        let policy = RetryPolicy::default().pauses(Duration::from_millis(100), Duration::from_secs(2));
        let pauses: Vec<Duration> = policy.backoff().take(20).collect();
        assert_eq!(pauses.len(), 20);
        assert!(pauses[0] >= Duration::from_millis(100) && pauses[0] <= Duration::from_millis(200));
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(4)), "{pauses:?}");
        assert!(pauses[19] >= Duration::from_secs(2));
        let endless = RetryPolicy::default().pauses(Duration::MAX, Duration::MAX);
        assert_eq!(endless.backoff().take(20).count(), 20);
    }

    #[test]
    fn a_budget_ends_and_comes_back() {
        let budget = Budget::new(2);
        assert!(budget.take() && budget.take() && !budget.take());
        budget.came_through(true);
        assert!(budget.take() && !budget.take());
        for _ in 0..10 {
            assert!(!budget.take());
            budget.came_through(false);
        }
        assert!(budget.take() && !budget.take());
        for _ in 0..1000 {
            budget.came_through(true);
        }
        assert!(budget.take() && budget.take() && !budget.take());
    }

    #[test]
    fn waits_are_read_in_both_forms() {
        let headers = |pairs: &[(reqwest::header::HeaderName, &str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
        };
        let now = httpdate::parse_http_date("Fri, 01 Jan 2027 00:00:00 GMT").unwrap();
        let wait = |pairs: &[_]| retry_after(&headers(pairs), now);
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[(RETRY_AFTER, " 12 ")]), Some(Duration::from_secs(12)));
        assert_eq!(wait(&[(RETRY_AFTER, "-1")]), None);
        assert_eq!(wait(&[(RETRY_AFTER, "soon")]), None);
        let date = (RETRY_AFTER, "Fri, 01 Jan 2027 00:00:30 GMT");
        assert_eq!(wait(std::slice::from_ref(&date)), Some(Duration::from_secs(30)));
        let server = (DATE, "Fri, 01 Jan 2027 00:00:20 GMT");
        assert_eq!(wait(&[date.clone(), server]), Some(Duration::from_secs(10)));
        let past = (RETRY_AFTER, "Thu, 31 Dec 2026 00:00:00 GMT");
        assert_eq!(wait(&[past]), Some(Duration::ZERO));
    }
}
