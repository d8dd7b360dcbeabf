//! The retry policy: decides whether a request is sent again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use http::Method;

use super::LONGEST;
use super::failure::FailureKind;
use crate::error::connection::seconds;

/// Statuses after which another attempt may succeed.
pub(crate) const RETRYABLE_STATUSES: [u16; 4] = [429, 502, 503, 504];

/// Policy for retries: how often and how long a call is retried.
///
/// GET, HEAD, OPTIONS, PUT and DELETE are idempotent. They are retried after a 429, 502, 503 or 504, a broken
/// connection, and a read timeout. A GET is also retried if its response is cut off, unless the response is
/// longer than 1 MiB and not JSON. If the first response to a DELETE is lost, the second attempt finds
/// nothing: the call ends with a 404 and more than one [attempt](crate::Error::attempts).
///
/// POST and PATCH are retried only if the connection could not be made, so that the request was certainly not
/// sent. After any other failure, the request may have been applied: a proxy responds with a 502, 503 or 504
/// to requests that the server still handles, and a 429 can come from a proxy after the server applied the
/// request. If a call is safe to repeat, opt in with [`RetryPolicy::assume_idempotent`] or
/// [`Client::assume_idempotent`](crate::Client::assume_idempotent).
///
/// The pause is the longer of the server's `Retry-After` and a random backoff that grows with each attempt.
/// If the pause is longer than the remaining time, the failure is returned at once.
///
/// All calls of a client share a retry budget, which limits the additional requests in an outage. Each retry
/// takes one from the budget. A call that succeeds after a retry returns one, and ten calls that succeed
/// without a retry return another, up to the full budget.
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
    /// Returns a policy with four attempts, of which the last begins within two minutes, pauses from 0.2 s to
    /// 20 s, and a budget of 100 retries.
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

    /// Sets the number of attempts of a call, the first included.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets the time after the beginning of a call within which another attempt may begin. The timeout of the
    /// call applies as well.
    #[must_use]
    pub fn max_elapsed(mut self, time: Duration) -> Self {
        self.max_elapsed = time;
        self
    }

    /// Sets the shortest and the longest pause. Each pause is twice the one before, and up to twice that at
    /// random.
    #[must_use]
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        (self.min_backoff, self.max_backoff) = (min.min(LONGEST), max.min(LONGEST));
        self
    }

    /// Sets the retry budget: the number of retries that all calls of the client have in an outage.
    #[must_use]
    pub fn budget(mut self, retries: u32) -> Self {
        self.budget = retries;
        self
    }

    /// Treats POST and PATCH as idempotent and retries them like GET. Use it only for calls that do no harm
    /// if they are applied twice.
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

    /// Returns the pauses of one call in their order.
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

    /// Decides whether another attempt follows a failed one, and after which pause.
    pub(crate) fn decide(&self, failed: &FailedAttempt<'_>) -> Decision {
        let asked = match failed.kind {
            FailureKind::Permanent => return Decision::Stop(StopReason::Permanent),
            FailureKind::Status { status, .. } if !RETRYABLE_STATUSES.contains(&status) => {
                return Decision::Stop(StopReason::Permanent);
            }
            FailureKind::Status { retry_after, .. } => retry_after,
            FailureKind::Unsent | FailureKind::NoResponse => None,
        };
        let safe =
            self.assume_idempotent || failed.kind == FailureKind::Unsent || is_idempotent(failed.method);
        if !safe {
            return Decision::Stop(StopReason::Unsafe);
        }
        if !failed.replayable {
            return Decision::Stop(StopReason::NotReplayable);
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

/// Returns whether a request of this method can be applied twice without harm.
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
}

/// An attempt that failed, and the state of its call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedAttempt<'a> {
    pub(crate) method: &'a Method,
    pub(crate) kind: FailureKind,
    /// Whether the body can be sent again.
    pub(crate) replayable: bool,
    /// The number of the attempt, from 1.
    pub(crate) attempt: u32,
    /// The time since the call began.
    pub(crate) elapsed: Duration,
    /// The time until the timeout of the call.
    pub(crate) remaining: Duration,
    /// The pause without `Retry-After`.
    pub(crate) backoff: Duration,
}

/// The decision after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Another attempt, after this pause.
    Again(Duration),
    /// No other attempt.
    Stop(StopReason),
}

/// The reason why no attempt follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    Permanent,
    Unsafe,
    NotReplayable,
    Attempts,
    Time,
    /// The server asks for a pause that is longer than the remaining time.
    Wait {
        asked: Duration,
        left: Duration,
    },
    Budget,
}

impl StopReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "another attempt would not help",
            Self::Unsafe => "it may have been applied",
            Self::NotReplayable => "its body can't be sent again",
            Self::Attempts => "no attempt is left",
            Self::Time => "no time is left for another attempt",
            Self::Wait { .. } => "the server asks for too long a pause",
            Self::Budget => "the client's retry budget is used up",
        }
    }

    /// Returns the note in the error of a call that ends with a failure of this kind. `None` for a call that
    /// had all its attempts, since the error has their number.
    pub(crate) fn note(self, kind: FailureKind) -> Option<String> {
        match (self, kind) {
            (Self::Wait { asked, left }, _) => {
                let (asked, left) = (seconds(asked), seconds(left));
                Some(format!("the server asks to wait {asked}, longer than the {left} left for retries"))
            }
            (Self::Unsafe, FailureKind::Status { retry_after: Some(asked), .. }) => {
                Some(format!("the server asks to wait {}", seconds(asked)))
            }
            (Self::NotReplayable | Self::Time | Self::Budget, _) => {
                Some(format!("not retried: {}", self.as_str()))
            }
            (Self::Permanent | Self::Unsafe | Self::Attempts, _) => None,
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
                assert_eq!(decision, Decision::Stop(StopReason::Permanent), "{method} {code}");
            }
            assert_eq!(again(policy.decide(&failed(method, FailureKind::NoResponse))), safe, "{method}");
            assert!(again(policy.decide(&failed(method, FailureKind::Unsent))), "{method}");
            assert_eq!(
                policy.decide(&failed(method, FailureKind::Permanent)),
                Decision::Stop(StopReason::Permanent)
            );
            assert!(
                again(policy.clone().assume_idempotent().decide(&failed(method, FailureKind::NoResponse))),
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
        let base = failed(&Method::GET, FailureKind::NoResponse);
        assert!(again(policy.decide(&FailedAttempt { attempt: 2, ..base })));
        assert_eq!(
            policy.decide(&FailedAttempt { attempt: 3, ..base }),
            Decision::Stop(StopReason::Attempts)
        );
        assert_eq!(
            policy.decide(&FailedAttempt { replayable: false, ..base }),
            Decision::Stop(StopReason::NotReplayable)
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
