//! Limits of concurrent requests and of requests per second.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Limits the concurrent requests of a client, and its requests per second.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimiter {
    permits: Arc<Semaphore>,
    rate: Option<RateLimiter>,
}

/// The permit of one concurrent request. Dropping it releases the permit.
#[derive(Debug)]
pub(crate) struct Permit {
    _permit: Option<OwnedSemaphorePermit>,
}

impl ConcurrencyLimiter {
    pub(crate) fn new(permits: usize, interval: Option<Duration>) -> Self {
        let permits = Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { permits, rate: interval.map(RateLimiter::new) }
    }

    /// Waits for the rate limit, then for a permit, in the order of calls.
    pub(crate) async fn acquire(&self) -> Permit {
        if let Some(rate) = &self.rate {
            rate.wait().await;
        }
        // The semaphore is never closed.
        Permit { _permit: Arc::clone(&self.permits).acquire_owned().await.ok() }
    }
}

/// Limits requests to one per interval, in the order of calls. A caller that stops waiting uses no interval.
#[derive(Debug)]
struct RateLimiter {
    interval: Duration,
    next: Mutex<Instant>,
}

impl RateLimiter {
    fn new(interval: Duration) -> Self {
        Self { interval, next: Mutex::new(Instant::now()) }
    }

    async fn wait(&self) {
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
    async fn permits_are_limited_and_released() {
        let limiter = ConcurrencyLimiter::new(2, None);
        let (first, _second) = (limiter.acquire().await, limiter.acquire().await);
        assert!(limiter.acquire().now_or_never().is_none());
        drop(first);
        assert!(limiter.acquire().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_spaced_by_the_rate() {
        let limiter = ConcurrencyLimiter::new(100, Some(Duration::from_millis(100)));
        let begun = Instant::now();
        for _ in 0..11 {
            limiter.acquire().await;
        }
        let tenths = begun.elapsed().as_millis() / 100;
        assert!((10..=11).contains(&tenths), "{tenths}");
        tokio::time::advance(Duration::from_secs(10)).await;
        let later = Instant::now();
        limiter.acquire().await;
        limiter.acquire().await;
        // An idle time allows no burst.
        assert!(later.elapsed() >= Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_stops_waiting_uses_no_interval() {
        let limiter = ConcurrencyLimiter::new(100, Some(Duration::from_secs(1)));
        limiter.acquire().await;
        for _ in 0..50 {
            assert!(limiter.acquire().now_or_never().is_none());
        }
        let begun = Instant::now();
        limiter.acquire().await;
        assert!(begun.elapsed() <= Duration::from_millis(1100));
    }
}
