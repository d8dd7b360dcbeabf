//! What a processor remembers of orders between rounds: which are in progress, which have to wait, and what
//! the back end answered.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;
use waldur_api_client::Error;

use super::backend::Provisioned;
use crate::pause::later;

/// The pauses before an order is tried again; each is twice as long as the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Backoff {
    /// Returns the pause after so many failures in a row.
    pub(super) fn pause(self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

/// What the back end answered when it had carried out an order.
#[derive(Clone, Debug)]
pub(super) struct CarriedOut {
    /// What it created or restored; none for other orders.
    pub(super) provisioned: Option<Provisioned>,
}

#[derive(Debug)]
struct Entry {
    offering: Uuid,
    in_progress: bool,
    failures: u32,
    /// When the next attempt may begin, and why not before.
    not_before: Option<(Instant, Pause)>,
    carried_out: Option<CarriedOut>,
}

/// What all rounds of a processor know of its orders.
///
/// An entry is removed when the order ends, or when it is no longer listed, so there are never more entries
/// than orders that were open when their offering was listed last.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<HashMap<Uuid, Entry>>);

/// Why an order isn't begun yet.
#[derive(Clone, Debug)]
pub(super) enum Pause {
    /// The last attempt failed.
    Failed(Error),
    /// The back end is at work on the order.
    InBackend,
}

/// Whether an order can be begun.
#[derive(Debug)]
pub(super) enum Begin<'a> {
    Begun(Attempt<'a>),
    InProgress,
    /// After this time.
    After(Duration, Pause),
}

/// An order in progress, until this is dropped.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    ledger: &'a Ledger,
    order: Uuid,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, HashMap<Uuid, Entry>> {
        // A panic can't have left an entry half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, order: Uuid, offering: Uuid) -> Begin<'_> {
        let mut entries = self.entries();
        let entry = entries.entry(order).or_insert(Entry {
            offering,
            in_progress: false,
            failures: 0,
            not_before: None,
            carried_out: None,
        });
        if entry.in_progress {
            return Begin::InProgress;
        }
        if let Some((time, pause)) = &entry.not_before {
            let wait = time.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                return Begin::After(wait, pause.clone());
            }
        }
        entry.in_progress = true;
        Begin::Begun(Attempt { ledger: self, order })
    }

    /// Forgets the orders of an offering that was listed without them.
    pub(super) fn keep(&self, offering: Uuid, listed: &HashSet<Uuid>) {
        self.entries()
            .retain(|order, entry| entry.in_progress || entry.offering != offering || listed.contains(order));
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries().len()
    }
}

impl Attempt<'_> {
    /// Returns what the back end answered in an earlier attempt.
    pub(super) fn carried_out(&self) -> Option<CarriedOut> {
        self.ledger.entries().get(&self.order)?.carried_out.clone()
    }

    /// Keeps what the back end answered, until the order ends.
    pub(super) fn keep(&self, answer: CarriedOut) {
        if let Some(entry) = self.ledger.entries().get_mut(&self.order) {
            entry.carried_out = Some(answer);
        }
    }

    /// The order needs no further attempt: forgets it.
    pub(super) fn ended(self) {
        self.ledger.entries().remove(&self.order);
    }

    /// Notes that the back end is at work on the order, so that it isn't begun again before this time.
    pub(super) fn in_backend(self, check_again_in: Duration) {
        if let Some(entry) = self.ledger.entries().get_mut(&self.order) {
            entry.failures = 0;
            entry.not_before = Some((later(check_again_in), Pause::InBackend));
        }
    }

    /// Notes that the order has to be tried again. Returns the pause before that, which is at least `asked`.
    pub(super) fn failed(self, backoff: Backoff, asked: Option<Duration>, error: &Error) -> Duration {
        let mut entries = self.ledger.entries();
        let Some(entry) = entries.get_mut(&self.order) else { return backoff.first };
        entry.failures = entry.failures.saturating_add(1);
        let pause = backoff.pause(entry.failures).max(asked.unwrap_or_default());
        entry.not_before = Some((later(pause), Pause::Failed(error.clone())));
        pause
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.ledger.entries().get_mut(&self.order) {
            entry.in_progress = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use waldur_api_client::ErrorKind;

    use super::*;
    use crate::backend_id::BackendId;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(5) };
    const OFFERING: Uuid = Uuid::from_u128(1);

    fn failure() -> Error {
        Error::new(ErrorKind::Backend, "the cluster is down")
    }

    fn begun(ledger: &Ledger, order: Uuid) -> Attempt<'_> {
        match ledger.begin(order, OFFERING) {
            Begin::Begun(attempt) => attempt,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_is_in_progress_once_and_waits_longer_after_each_failure() {
        let (ledger, order) = (Ledger::default(), Uuid::from_u128(7));
        for pause in [1, 2, 4, 5, 5] {
            let attempt = begun(&ledger, order);
            assert!(matches!(ledger.begin(order, OFFERING), Begin::InProgress));
            begun(&ledger, Uuid::nil()).ended();
            assert_eq!(attempt.failed(BACKOFF, None, &failure()), Duration::from_secs(pause));
            let wait = Duration::from_secs(pause);
            assert!(matches!(ledger.begin(order, OFFERING), Begin::After(left, _) if left == wait));
            tokio::time::advance(wait).await;
        }
        begun(&ledger, order).ended();
        let asked = Some(Duration::from_secs(9));
        assert_eq!(begun(&ledger, order).failed(BACKOFF, asked, &failure()), Duration::from_secs(9));
        ledger.keep(OFFERING, &HashSet::new());
        // Dropped on its way, as when a round is.
        drop(begun(&ledger, order));
        let attempt = begun(&ledger, order);
        ledger.keep(OFFERING, &HashSet::new());
        assert!(matches!(ledger.begin(order, OFFERING), Begin::InProgress));
        assert_eq!(attempt.failed(BACKOFF, None, &failure()), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_until_the_order_ends_or_is_no_longer_listed() {
        let (ledger, order) = (Ledger::default(), Uuid::from_u128(7));
        let provisioned = Provisioned::from(BackendId::new("hpc_7").unwrap());
        let answer = CarriedOut { provisioned: Some(provisioned.clone()) };
        for _ in 0..3 {
            let attempt = begun(&ledger, order);
            attempt.keep(answer.clone());
            attempt.failed(BACKOFF, None, &failure());
            tokio::time::advance(BACKOFF.longest).await;
        }
        let attempt = begun(&ledger, order);
        assert_eq!(attempt.carried_out().and_then(|answer| answer.provisioned), Some(provisioned));
        attempt.ended();
        assert_eq!(ledger.len(), 0);
        let attempt = begun(&ledger, order);
        assert!(attempt.carried_out().is_none());
        attempt.keep(answer);
        drop(attempt);
        // Another offering says nothing about it.
        ledger.keep(Uuid::nil(), &HashSet::new());
        ledger.keep(OFFERING, &HashSet::from([order]));
        assert_eq!(ledger.len(), 1);
        ledger.keep(OFFERING, &HashSet::new());
        assert_eq!(ledger.len(), 0);
    }

    #[test]
    fn pauses_stop_growing() {
        assert_eq!(BACKOFF.pause(u32::MAX), BACKOFF.longest);
    }
}
