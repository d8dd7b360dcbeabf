//! Which orders are in work, and which are not to be tried again yet.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// The pauses before an order is tried again: each twice the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Backoff {
    /// After so many failures one after the other.
    fn pause(self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

#[derive(Debug, Default)]
struct Entry {
    in_work: bool,
    failures: u32,
    not_before: Option<Instant>,
}

/// What all rounds of a processor know of orders.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<HashMap<Uuid, Entry>>);

/// Whether an order can be begun.
#[derive(Debug)]
pub(super) enum Begin<'a> {
    Begun(InWork<'a>),
    InWork,
    After(Duration),
}

/// An order in work; it isn't any more when this is dropped.
#[derive(Debug)]
pub(super) struct InWork<'a> {
    ledger: &'a Ledger,
    order: Uuid,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, HashMap<Uuid, Entry>> {
        // Whoever panicked left nothing half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, order: Uuid) -> Begin<'_> {
        let mut entries = self.entries();
        let entry = entries.entry(order).or_default();
        if entry.in_work {
            return Begin::InWork;
        }
        let wait = entry.not_before.map(|time| time.saturating_duration_since(Instant::now()));
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            return Begin::After(wait);
        }
        entry.in_work = true;
        Begin::Begun(InWork { ledger: self, order })
    }

    /// Forgets orders that are no longer listed.
    pub(super) fn keep(&self, listed: &HashSet<Uuid>) {
        self.entries().retain(|order, entry| entry.in_work || listed.contains(order));
    }
}

impl InWork<'_> {
    /// It came to an end: nothing is remembered of it.
    pub(super) fn ended(self) {
        self.ledger.entries().remove(&self.order);
    }

    /// It is to be tried again, and not before what this says, which is at least `asked`.
    pub(super) fn failed(self, backoff: Backoff, asked: Option<Duration>) -> Duration {
        let mut entries = self.ledger.entries();
        let entry = entries.entry(self.order).or_default();
        entry.failures = entry.failures.saturating_add(1);
        let pause = backoff.pause(entry.failures).max(asked.unwrap_or_default());
        entry.not_before = Instant::now().checked_add(pause);
        pause
    }
}

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.ledger.entries().get_mut(&self.order) {
            entry.in_work = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(5) };

    fn begun(ledger: &Ledger, order: Uuid) -> InWork<'_> {
        match ledger.begin(order) {
            Begin::Begun(work) => work,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_is_in_work_once_and_waits_longer_after_each_failure() {
        let (ledger, order) = (Ledger::default(), Uuid::from_u128(7));
        for pause in [1, 2, 4, 5, 5] {
            let work = begun(&ledger, order);
            assert!(matches!(ledger.begin(order), Begin::InWork));
            begun(&ledger, Uuid::nil()).ended();
            assert_eq!(work.failed(BACKOFF, None), Duration::from_secs(pause));
            assert!(matches!(ledger.begin(order), Begin::After(wait) if wait == Duration::from_secs(pause)));
            tokio::time::advance(Duration::from_secs(pause)).await;
        }
        begun(&ledger, order).ended();
        let asked = Some(Duration::from_secs(9));
        assert_eq!(begun(&ledger, order).failed(BACKOFF, asked), Duration::from_secs(9));
        ledger.keep(&HashSet::new());
        // Dropped on its way, as when a round is.
        drop(begun(&ledger, order));
        let work = begun(&ledger, order);
        ledger.keep(&HashSet::new());
        assert!(matches!(ledger.begin(order), Begin::InWork));
        assert_eq!(work.failed(BACKOFF, None), Duration::from_secs(1));
    }

    #[test]
    fn pauses_stop_growing() {
        assert_eq!(BACKOFF.pause(u32::MAX), BACKOFF.longest);
    }
}
