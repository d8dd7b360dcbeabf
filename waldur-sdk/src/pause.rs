//! When something is done after a pause.

use std::time::Duration;

use tokio::time::Instant;

/// Longer pauses could overflow the clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The shortest pause before a back end that is still at work is called again.
#[cfg(feature = "agent")]
const SHORTEST_CHECK: Duration = Duration::from_secs(1);

/// Returns the time after a pause of any length, such as [`Duration::MAX`]: after a year for longer ones.
pub(crate) fn later(pause: Duration) -> Instant {
    Instant::now() + pause.min(LONGEST)
}

/// Returns the pause before a back end that requests this one is called again. A back end that says zero is
/// called after a second.
#[cfg(feature = "agent")]
pub(crate) fn check_again(asked: Duration) -> Duration {
    asked.max(SHORTEST_CHECK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_of_any_length_has_an_end() {
        let now = Instant::now();
        assert_eq!(later(Duration::from_secs(5)), now + Duration::from_secs(5));
        assert_eq!(later(Duration::MAX), now + LONGEST);
    }

    #[cfg(feature = "agent")]
    #[test]
    fn a_back_end_is_not_called_again_at_once() {
        assert_eq!(check_again(Duration::ZERO), Duration::from_secs(1));
        assert_eq!(check_again(Duration::from_secs(90)), Duration::from_secs(90));
    }
}
