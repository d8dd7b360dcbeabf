//! How many requests are under way at once, and how quickly they follow each other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// The gate through which all requests of a client leave.
#[derive(Debug)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    pace: Option<Pace>,
}

/// A request's place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Gate {
    pub(crate) fn new(places: usize, interval: Option<Duration>) -> Self {
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { places, pace: interval.map(Pace::new) }
    }

    /// Waits for its turn, then for a place, in the order of asking.
    pub(crate) async fn enter(&self) -> Place {
        if let Some(pace) = &self.pace {
            pace.turn().await;
        }
        // An error would mean that the semaphore is closed, which nobody does.
        Place { _permit: Arc::clone(&self.places).acquire_owned().await.ok() }
    }
}

/// One turn an interval, in the order of asking. Who stops waiting takes no turn.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    fn new(interval: Duration) -> Self {
        Self { interval, next: Mutex::new(Instant::now()) }
    }

    async fn turn(&self) {
        let mut next = self.next.lock().await;
        sleep_until(*next).await;
        *next = Instant::now() + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn places_are_limited_and_come_free() {
        let gate = Gate::new(2, None);
        let (first, _second) = (gate.enter().await, gate.enter().await);
        assert!(gate.enter().now_or_never().is_none());
        drop(first);
        assert!(gate.enter().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_is_kept() {
        let gate = Gate::new(100, Some(Duration::from_millis(100)));
        let begun = Instant::now();
        for _ in 0..11 {
            gate.enter().await;
        }
        let tenths = begun.elapsed().as_millis() / 100;
        assert!((10..=11).contains(&tenths), "{tenths}");
        tokio::time::advance(Duration::from_secs(10)).await;
        let later = Instant::now();
        gate.enter().await;
        gate.enter().await;
        // A quiet time saves nothing up.
        assert!(later.elapsed() >= Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_the_queue_takes_no_turn() {
        let gate = Gate::new(100, Some(Duration::from_secs(1)));
        gate.enter().await;
        for _ in 0..50 {
            assert!(gate.enter().now_or_never().is_none());
        }
        let begun = Instant::now();
        gate.enter().await;
        assert!(begun.elapsed() <= Duration::from_millis(1100));
    }
}
