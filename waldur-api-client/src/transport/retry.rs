//! When a request is sent again: a decision without clock, chance or network.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use http::Method;

use super::{FollowedRedirect, LONGEST};
use crate::error::BoxError;
use crate::error::connection::seconds;

/// Statuses after which another attempt may succeed.
pub(crate) const RETRYABLE_STATUSES: [u16; 4] = [429, 502, 503, 504];
/// How often and how long a call is retried.
///
/// Retried are GET, HEAD, OPTIONS, PUT and DELETE: after a 429, 502, 503 or 504, a connection that broke, no
/// response in time and, for GET, a response that broke off (one that is JSON or at most 1 MiB; longer ones
/// are returned before they are read). A DELETE whose first response was lost finds nothing the second time:
/// it ends with a 404 and more than one [attempt](crate::Error::attempts).
///
/// POST and PATCH are retried only if the connection could not be made, so that the request certainly wasn't
/// sent. No other failure tells whether it was applied: a proxy gives up with a 502, 503 or 504 on requests
/// that the server still handles, and a 429 can come from a proxy after the server applied the request. If a
/// call is safe to repeat, opt in with [`RetryPolicy::assume_idempotent`] or
/// [`Client::assume_idempotent`](crate::Client::assume_idempotent).
///
/// The pause is the longer of what the server asks for (`Retry-After`) and a random one that grows with each
/// attempt. If it doesn't fit in the time that is left, the failure is returned at once, and says so.
///
/// All calls of a client share a retry budget, so that an outage isn't answered with a multiple of the usual
/// requests. Each retry takes one from it. It comes back if the call succeeds, and each ten calls that succeed
/// at once add another, up to the full budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    #[doc(hidden)]
    pub max_attempts: u32,
    #[doc(hidden)]
    pub max_elapsed: Duration,
    min_backoff: Duration,
    pub(crate) max_backoff: Duration,
    pub(crate) budget: u32,
    pub(crate) assume_idempotent: bool,
}

impl Default for RetryPolicy {
    /// Four attempts, the last begun within two minutes, pauses from 0.2 s to 20 s, a budget of 100 retries.
    fn default() -> Self {
        Self {
            max_attempts: 4,
            max_elapsed: Duration::from_secs(120),
            min_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(20),
            budget: 100,
            assume_idempotent: false,
        }
    }
}

impl RetryPolicy {
    /// Returns a policy that sends every request once.
    #[must_use]
    pub fn never() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// Sets how many attempts a call has, the first included.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets how long after the beginning of a call another attempt may begin. The timeout of the call limits
    /// it too.
    #[must_use]
    pub fn max_elapsed(mut self, time: Duration) -> Self {
        self.max_elapsed = time;
        self
    }

    /// Sets the pause before the second attempt, and the longest one. Each is twice the one before, and up to
    /// twice that by chance.
    #[must_use]
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        (self.min_backoff, self.max_backoff) = (min.min(LONGEST), max.min(LONGEST));
        self
    }

    /// Sets how many retries all calls of the client may have in an outage.
    #[must_use]
    pub fn budget(mut self, retries: u32) -> Self {
        self.budget = retries;
        self
    }

    /// Retries POST and PATCH like GET. Use it only for calls that do no harm if they are applied twice.
    #[must_use]
    pub fn assume_idempotent(mut self) -> Self {
        self.assume_idempotent = true;
        self
    }

    /// Returns what is wrong with the policy, if anything.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if self.max_attempts == 0 {
            return Some("allows no attempt");
        }
        if self.min_backoff.is_zero() || self.max_backoff < self.min_backoff {
            return Some("has pauses that don't grow from more than zero");
        }
        None
    }

    /// Returns the pauses of one call, one after the other.
    #[doc(hidden)]
    #[must_use]
    pub fn pauses(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.min_backoff)
            .with_max_delay(self.max_backoff)
            .without_max_times()
            .with_jitter()
            .build()
    }

    /// Decides whether a failed attempt is followed by another, and after which pause.
    pub(crate) fn decide(&self, failed: &FailedAttempt<'_>) -> Decision {
        let asked = match failed.kind {
            FailureKind::Final => return Decision::Stop(StopReason::Final),
            FailureKind::Status { status, .. } if !RETRYABLE_STATUSES.contains(&status) => {
                return Decision::Stop(StopReason::Final);
            }
            FailureKind::Status { retry_after, .. } => retry_after,
            FailureKind::Unsent | FailureKind::Lost => None,
        };
        let safe =
            self.assume_idempotent || failed.kind == FailureKind::Unsent || is_idempotent(failed.method);
        if !safe {
            return Decision::Stop(StopReason::Unsafe);
        }
        if !failed.replayable {
            return Decision::Stop(StopReason::Gone);
        }
        if failed.attempt >= self.max_attempts {
            return Decision::Stop(StopReason::Attempts);
        }
        let pause = failed.backoff.max(asked.unwrap_or_default());
        if failed.elapsed.saturating_add(pause) > self.max_elapsed || pause >= failed.remaining {
            let left = self.max_elapsed.saturating_sub(failed.elapsed).min(failed.remaining);
            return Decision::Stop(match asked {
                Some(asked) if asked >= left => StopReason::Wait { asked, left },
                _ => StopReason::Time,
            });
        }
        Decision::Again(pause)
    }
}

/// Returns whether a request of this method means the same if it arrives twice.
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// A response with this status, and the wait that it asks for.
    Status { status: u16, retry_after: Option<Duration> },
    /// The connection could not be made.
    Unsent,
    /// The connection broke or the time was over after the request may have been sent.
    Lost,
    /// Another attempt would fail likewise, such as one with a certificate that isn't trusted.
    Final,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, .. } => write!(f, "{status}"),
            Self::Unsent => f.write_str("no connection"),
            Self::Lost => f.write_str("answer lost"),
            Self::Final => f.write_str("not possible"),
        }
    }
}

impl FailureKind {
    /// Returns how a request failed that has no response. The HTTP client tells reliably only that it could not
    /// connect.
    pub(crate) fn of(error: &BoxError) -> Self {
        if error.is::<FollowedRedirect>() {
            return Self::Final;
        }
        let Some(error) = error.downcast_ref::<reqwest::Error>() else { return Self::Lost };
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

/// Returns whether data that makes no sense is behind an error.
fn is_invalid_data(error: &(dyn Error + 'static)) -> bool {
    let Some(io) = error.downcast_ref::<io::Error>() else {
        return error.source().is_some_and(is_invalid_data);
    };
    // An I/O error that wraps another error passes that over as its source.
    io.kind() == ErrorKind::InvalidData || io.get_ref().is_some_and(|inner| is_invalid_data(inner))
}

/// An attempt that failed, and where its call stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedAttempt<'a> {
    pub(crate) method: &'a Method,
    pub(crate) kind: FailureKind,
    /// Whether the body is still there.
    pub(crate) replayable: bool,
    /// Which attempt it was, from 1.
    pub(crate) attempt: u32,
    /// Since the call began.
    pub(crate) elapsed: Duration,
    /// Until the call's timeout.
    pub(crate) remaining: Duration,
    /// The pause that is due if the server asks for none.
    pub(crate) backoff: Duration,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Another, after this pause.
    Again(Duration),
    /// Nothing.
    Stop(StopReason),
}

/// Why nothing follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
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

impl StopReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Final => "another attempt would not help",
            Self::Unsafe => "it may have been applied",
            Self::Gone => "its body can't be sent again",
            Self::Attempts => "no attempt is left",
            Self::Time => "no time is left for another attempt",
            Self::Wait { .. } => "the server asks for too long a pause",
            Self::Budget => "the client's retry budget is used up",
        }
    }

    /// Returns what an error says about it, after a failure of this kind. The number of attempts tells by itself
    /// that none was left.
    pub(crate) fn note(self, kind: FailureKind) -> Option<String> {
        match (self, kind) {
            (Self::Wait { asked, left }, _) => {
                let (asked, left) = (seconds(asked), seconds(left));
                Some(format!("the server asks to wait {asked}, longer than the {left} left for retries"))
            }
            (Self::Unsafe, FailureKind::Status { retry_after: Some(asked), .. }) => {
                Some(format!("the server asks to wait {}", seconds(asked)))
            }
            (Self::Gone | Self::Time | Self::Budget, _) => Some(format!("not retried: {}", self.as_str())),
            (Self::Final | Self::Unsafe | Self::Attempts, _) => None,
        }
    }
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

    fn failed(method: &Method, kind: FailureKind) -> FailedAttempt<'_> {
        FailedAttempt {
            method,
            kind,
            replayable: true,
            attempt: 1,
            elapsed: Duration::from_secs(1),
            remaining: Duration::from_secs(100),
            backoff: Duration::from_millis(250),
        }
    }

    fn status(status: u16) -> FailureKind {
        FailureKind::Status { status, retry_after: None }
    }

    fn again(decision: Decision) -> bool {
        matches!(decision, Decision::Again(_))
    }

    #[test]
    fn only_idempotent_requests_are_retried() {
        let policy = RetryPolicy::default();
        for method in &METHODS {
            let safe = !matches!(*method, Method::POST | Method::PATCH);
            for code in [429, 502, 503, 504] {
                assert_eq!(again(policy.decide(&failed(method, status(code)))), safe, "{method} {code}");
            }
            for code in [200, 301, 400, 401, 403, 404, 408, 409, 500, 501, 505] {
                let decision = policy.decide(&failed(method, status(code)));
                assert_eq!(decision, Decision::Stop(StopReason::Final), "{method} {code}");
            }
            assert_eq!(again(policy.decide(&failed(method, FailureKind::Lost))), safe, "{method}");
            assert!(again(policy.decide(&failed(method, FailureKind::Unsent))), "{method}");
            assert_eq!(policy.decide(&failed(method, FailureKind::Final)), Decision::Stop(StopReason::Final));
            assert!(
                again(policy.clone().assume_idempotent().decide(&failed(method, FailureKind::Lost))),
                "{method}"
            );
            assert!(!again(RetryPolicy::never().decide(&failed(method, FailureKind::Unsent))), "{method}");
        }
    }

    #[test]
    fn the_longer_pause_counts_if_there_is_time() {
        let policy = RetryPolicy::default();
        let asking = |seconds| {
            let kind = FailureKind::Status { status: 503, retry_after: Some(Duration::from_secs(seconds)) };
            failed(&Method::GET, kind)
        };
        assert_eq!(policy.decide(&asking(0)), Decision::Again(Duration::from_millis(250)));
        assert_eq!(policy.decide(&asking(7)), Decision::Again(Duration::from_secs(7)));
        assert_eq!(
            policy.decide(&FailedAttempt { remaining: Duration::MAX, ..asking(120) }),
            Decision::Stop(StopReason::Wait {
                asked: Duration::from_secs(120),
                left: Duration::from_secs(119)
            })
        );
        let Decision::Stop(stop) = policy.decide(&asking(u64::MAX)) else { panic!("tried again") };
        let text = "the server asks to wait 18446744073709551616 s, longer than the 100 s left for retries";
        assert_eq!(stop.note(status(503)).as_deref(), Some(text));
        let late = FailedAttempt { remaining: Duration::from_secs(5), ..asking(7) };
        let wait = StopReason::Wait { asked: Duration::from_secs(7), left: Duration::from_secs(5) };
        assert_eq!(policy.decide(&late), Decision::Stop(wait));
        let late = FailedAttempt { elapsed: Duration::from_secs(121), ..failed(&Method::GET, status(503)) };
        assert_eq!(policy.decide(&late), Decision::Stop(StopReason::Time));
        assert!(StopReason::Time.note(status(503)).unwrap().contains("no time is left"));
    }

    #[test]
    fn attempts_and_bodies_come_to_an_end() {
        let policy = RetryPolicy::default().max_attempts(3);
        let base = failed(&Method::GET, FailureKind::Lost);
        assert!(again(policy.decide(&FailedAttempt { attempt: 2, ..base })));
        assert_eq!(
            policy.decide(&FailedAttempt { attempt: 3, ..base }),
            Decision::Stop(StopReason::Attempts)
        );
        assert_eq!(
            policy.decide(&FailedAttempt { replayable: false, ..base }),
            Decision::Stop(StopReason::Gone)
        );
    }

    #[test]
    fn pauses_grow_within_their_limits() {
        let policy = RetryPolicy::default().backoff(Duration::from_millis(100), Duration::from_secs(2));
        let pauses: Vec<Duration> = policy.pauses().take(20).collect();
        assert_eq!(pauses.len(), 20);
        assert!(pauses[0] >= Duration::from_millis(100) && pauses[0] <= Duration::from_millis(200));
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(4)), "{pauses:?}");
        assert!(pauses[19] >= Duration::from_secs(2));
        let endless = RetryPolicy::default().backoff(Duration::MAX, Duration::MAX);
        assert_eq!(endless.pauses().take(20).count(), 20);
    }
}
