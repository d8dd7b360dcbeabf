//! Outages: a bulk operation slows down while the server fails, and continues when it recovers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::ExponentialBackoff;
use futures_util::future::select;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use waldur_api_client::Client;
use waldur_api_client::Error;
use waldur_api_client::RetryPolicy;

/// Limits the requests of a bulk operation while the server fails. After a failure of the server (a 5xx, a
/// lost connection, a timeout), one request is let through after each pause, until one succeeds. Pauses grow
/// by the retry policy. If the policy allows no retry, requests never wait.
#[derive(Debug)]
pub(crate) struct Outage {
    policy: RetryPolicy,
    state: Mutex<State>,
    /// Wakes the waiting requests when the outage is over.
    over: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Counts the changes between working and failing, so that failures of concurrent requests count once.
    generation: u64,
    failing: Option<Failing>,
}

#[derive(Debug)]
struct Failing {
    since: Instant,
    /// When the next request is let through.
    next: Instant,
    pauses: ExponentialBackoff,
    /// The pause that the server requested with its last failure.
    requested: Option<Duration>,
    /// The last failure, for the error of requests that give up.
    reason: String,
}

impl Failing {
    /// Describes the outage, such as `the server has been failing for 42 s, at last with: server error: down;
    /// the next attempt is due in 15 s`.
    fn describe(&self, now: Instant) -> String {
        let seconds = |time: Duration| time.as_secs_f64().ceil();
        let mut text = match now - self.since {
            time if time < Duration::from_secs(1) => format!("the server failed with: {}", self.reason),
            time => {
                let seconds = time.as_secs();
                format!("the server has been failing for {seconds} s, at last with: {}", self.reason)
            }
        };
        text.push_str(&format!("; the next attempt is due in {} s", seconds(self.next - now)));
        if let Some(requested) = self.requested {
            text.push_str(&format!(", as the server requested a pause of {} s", seconds(requested)));
        }
        text
    }
}

/// The turn of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn(u64);

impl Outage {
    pub(crate) fn new(client: &Client) -> Self {
        Self { policy: client.retry_policy().clone(), state: Mutex::default(), over: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request may be sent.
    ///
    /// # Errors
    /// [`Error::is_held_back`] if the server has been failing for longer than the retry policy allows, and
    /// the next attempt is not due yet. Nothing was sent.
    pub(crate) async fn turn(&self) -> Result<Turn, Error> {
        loop {
            let over = self.over.notified();
            let next = {
                let mut state = self.state();
                let generation = state.generation;
                let now = Instant::now();
                let Some(failing) = &mut state.failing else { return Ok(Turn(generation)) };
                if failing.next <= now {
                    failing.next = now + failing.pauses.next().unwrap_or_default();
                    failing.requested = None;
                    return Ok(Turn(generation));
                }
                // The server may ask to wait for longer than the whole policy allows.
                let wait = (failing.next - now).max(failing.since.elapsed());
                if wait > self.policy.max_elapsed {
                    return Err(Error::held_back(format!("not sent: {}", failing.describe(now))));
                }
                failing.next
            };
            select(std::pin::pin!(over), std::pin::pin!(sleep_until(next))).await;
        }
    }

    /// Records the result of a request.
    pub(crate) fn report(&self, turn: Turn, error: Option<&Error>) {
        let fails =
            error.is_some_and(|error| error.is_server() || error.is_transport() || error.is_timeout());
        let mut state = self.state();
        match fails {
            false if state.failing.take().is_some() => {
                state.generation += 1;
                drop(state);
                self.over.notify_waiters();
            }
            false => {}
            true if turn.0 == state.generation && self.policy.max_attempts > 1 => {
                let reason = error.map(Error::reason).unwrap_or_default();
                let requested = error.and_then(Error::retry_after);
                let now = Instant::now();
                let mut failing = state.failing.take().unwrap_or_else(|| Failing {
                    since: now,
                    next: now,
                    pauses: self.policy.pauses(),
                    requested: None,
                    reason: String::new(),
                });
                failing.reason = reason;
                let pause = failing.pauses.next().unwrap_or_default();
                // A shorter pause than that of the policy makes no difference.
                let requested = requested.filter(|requested| *requested > pause);
                let next = now + requested.unwrap_or(pause);
                if next >= failing.next {
                    (failing.next, failing.requested) = (next, requested);
                }
                state.failing = Some(failing);
                state.generation += 1;
            }
            // Another request of the same generation has failed before.
            true => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;
    use http::{HeaderMap, HeaderValue, StatusCode};
    use waldur_api_client::ErrorKind;

    use super::*;

    fn outage(within: Duration) -> Outage {
        let policy = RetryPolicy::default().max_elapsed(within);
        let client = Client::builder().url("http://127.0.0.1:9").token("t".repeat(40));
        Outage::new(&client.retry(policy).build().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_passes_when_the_last_failure_is_long_ago() {
        let within = Duration::from_secs(60);
        let outage = outage(within);
        let failure = Error::new(ErrorKind::Server, "down");
        outage.report(outage.turn().await.unwrap(), Some(&failure));
        // No request is sent for a while.
        tokio::time::advance(within * 5).await;
        let turn = outage.turn().await.unwrap();
        // One request passes; the others don't wait for longer than the policy allows.
        let error = outage.turn().await.unwrap_err();
        let problem = "not sent: the server has been failing for 300 s, at last with: server error: down; \
                       the next attempt is due in";
        assert!(error.to_string().contains(problem), "{error}");
        #[cfg(feature = "agent")]
        assert!(error.is_held_back());
        outage.report(turn, None);
        for _ in 0..3 {
            outage.turn().await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_message_tells_the_pause_that_the_server_requested() {
        let outage = outage(Duration::from_secs(60));
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("120"));
        let failure = Error::from_response(StatusCode::SERVICE_UNAVAILABLE, &headers, b"");
        let turn = outage.turn().await.unwrap();
        outage.report(turn, Some(&failure));
        let message = || async { outage.turn().await.unwrap_err().to_string() };
        let reason = failure.reason();
        let first = message().await;
        let due = |seconds: u32| {
            format!("the next attempt is due in {seconds} s, as the server requested a pause of 120 s")
        };
        assert!(
            first.contains(&format!("not sent: the server failed with: {reason}; {}", due(120))),
            "{first}"
        );
        tokio::time::advance(Duration::from_secs(45)).await;
        let later = message().await;
        let failing =
            format!("not sent: the server has been failing for 45 s, at last with: {reason}; {}", due(75));
        assert!(later.contains(&failing), "{later}");
        // The pause is over, and the next failure requests none.
        tokio::time::advance(Duration::from_secs(80)).await;
        let turn = outage.turn().await.unwrap();
        assert!(!message().await.contains("requested"));
        outage.report(turn, Some(&Error::new(ErrorKind::Server, "down")));
        let last = message().await;
        assert!(
            last.contains("failing for 125 s, at last with: server error: down")
                && !last.contains("requested"),
            "{last}"
        );
    }
}
