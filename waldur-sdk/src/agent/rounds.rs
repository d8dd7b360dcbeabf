//! Round after round, until the program ends.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
#[cfg(feature = "events")]
use futures_util::stream::{Stream, StreamExt as _};
use tokio::time::sleep;
#[cfg(feature = "events")]
use tokio::time::{Instant, sleep_until};
#[cfg(feature = "events")]
use uuid::Uuid;

use super::stop::StopHandle;
#[cfg(feature = "events")]
use crate::bulk::Report;
#[cfg(feature = "events")]
use crate::events::{Event, Notification};
pub(super) use crate::on_item::OnItem;
use crate::pause::check_again;
#[cfg(feature = "events")]
use crate::pause::later;

/// Returns the pause before the next round: `interval`, or less if a back end that is at work is to be called
/// earlier, but a second at least.
pub(super) fn until_next(interval: Duration, checks: impl Iterator<Item = Duration>) -> Duration {
    checks.map(check_again).min().map_or(interval, |check| check.min(interval))
}

/// Does a round and calls `each` with its report, again and again. After each, `pause` says how long to wait.
/// When `until` ends or the loop is stopped, sets `enough`, waits for the end of the round, and returns.
pub(super) async fn repeat<R, F>(
    pause: impl Fn(&R) -> Duration,
    enough: &AtomicBool,
    stop: &StopHandle,
    until: impl Future,
    round: impl Fn() -> F,
    mut each: impl FnMut(R),
) where
    F: Future<Output = R>,
{
    let (until, stopped) = (pin!(until), pin!(stop.stopped()));
    let mut until = select(until, stopped);
    while !stop.is_stopped() {
        let report = match select(pin!(round()), &mut until).await {
            Either::Left((report, _)) => report,
            Either::Right((_, round)) => {
                enough.store(true, Ordering::Relaxed);
                each(round.await);
                return;
            }
        };
        let pause = pause(&report);
        each(report);
        if let Either::Right(_) = select(pin!(sleep(pause)), &mut until).await {
            return;
        }
    }
}

/// How long an event waits for its round. A burst of events is one round, and the change can be read by then.
#[cfg(feature = "events")]
const SETTLE: Duration = Duration::from_millis(500);

/// Does a round when events ask for it: at once when a full pass is due, and shortly after an event that
/// `matters`. After a round, `pause` says when the next one is due in any case. Otherwise like [`repeat`];
/// ends with the stream, too.
#[cfg(feature = "events")]
#[allow(clippy::too_many_arguments, reason = "it is the one caller's whole state")]
pub(super) async fn repeat_on_events<T, F>(
    pause: impl Fn(&Report<T>) -> Option<Duration>,
    enough: &AtomicBool,
    stop: &StopHandle,
    events: impl Stream<Item = Notification>,
    matters: impl Fn(Uuid, &Event) -> bool,
    until: impl Future,
    round: impl Fn() -> F,
    mut each: impl FnMut(Report<T>),
) where
    F: Future<Output = Report<T>>,
{
    let note = |due: &mut Option<Instant>, notification| {
        let pause = match notification {
            Notification::Event(delivery) => match matters(delivery.offering(), &delivery.ack()) {
                true => SETTLE,
                false => return,
            },
            Notification::Reconcile { .. } => Duration::ZERO,
        };
        let at = later(pause);
        *due = Some(due.map_or(at, |planned| planned.min(at)));
    };
    let (mut events, until, stopped) = (pin!(events.fuse()), pin!(until), pin!(stop.stopped()));
    let mut until = select(until, stopped);
    let mut due: Option<Instant> = None;
    while !stop.is_stopped() {
        if due.is_none_or(|at| at > Instant::now()) {
            let next = due;
            let timer = pin!(async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            });
            match select(timer, select(events.next(), &mut until)).await {
                Either::Left(_) => {}
                Either::Right((Either::Left((Some(notification), _)), _)) => note(&mut due, notification),
                Either::Right(_) => return,
            }
            continue;
        }
        due = None;
        let mut work = pin!(round());
        let report = loop {
            match select(work.as_mut(), select(events.next(), &mut until)).await {
                Either::Left((report, _)) => break report,
                Either::Right((Either::Left((Some(notification), _)), _)) => note(&mut due, notification),
                Either::Right(_) => {
                    enough.store(true, Ordering::Relaxed);
                    each(work.await);
                    return;
                }
            }
        };
        if let Some(pause) = pause(&report) {
            let at = later(pause);
            due = Some(due.map_or(at, |planned| planned.min(at)));
        }
        each(report);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use tokio::time::Instant;

    use super::*;

    #[test]
    fn a_back_end_that_is_to_be_called_earlier_shortens_the_pause() {
        let seconds = Duration::from_secs;
        let pause = |checks: &[u64]| until_next(seconds(60), checks.iter().map(|check| seconds(*check)));
        assert_eq!(pause(&[]), seconds(60));
        assert_eq!(pause(&[90, 20, 30]), seconds(20));
        assert_eq!(pause(&[0]), seconds(1));
        assert_eq!(pause(&[600]), seconds(60));
    }

    #[tokio::test(start_paused = true)]
    async fn rounds_repeat_after_the_interval_and_the_last_one_is_finished() {
        let (begun, enough) = (Instant::now(), AtomicBool::new(false));
        let (rounds, reports) = (Cell::new(0), RefCell::new(Vec::new()));
        let round = || async {
            rounds.set(rounds.get() + 1);
            sleep(Duration::from_secs(4)).await;
            (rounds.get(), enough.load(Ordering::Relaxed))
        };
        let (handle, stop) = (StopHandle::new(), sleep(Duration::from_secs(30)));
        repeat(
            |_| Duration::from_secs(10),
            &enough,
            &handle,
            stop,
            round,
            |report| reports.borrow_mut().push(report),
        )
        .await;
        // They begin at 0 s, 14 s and 28 s; the last one ends after the stop.
        assert_eq!(*reports.borrow(), [(1, false), (2, false), (3, true)]);
        assert_eq!(begun.elapsed(), Duration::from_secs(32));
        // In a pause it ends at once.
        let begun = Instant::now();
        let stop = async {
            sleep(Duration::from_secs(6)).await;
            handle.stop();
            std::future::pending::<()>().await;
        };
        repeat(|_| Duration::from_secs(10), &enough, &handle, stop, round, drop).await;
        assert_eq!((begun.elapsed(), rounds.get()), (Duration::from_secs(6), 4));
        // It is stopped for good.
        repeat(|_| Duration::from_secs(10), &enough, &handle, sleep(Duration::ZERO), round, drop).await;
        assert_eq!(rounds.get(), 4);
    }

    #[cfg(feature = "events")]
    #[tokio::test(start_paused = true)]
    async fn rounds_on_events_are_repeated_for_what_is_still_to_do() {
        use futures_util::stream;

        use crate::events::ReconcileReason;

        let begun = Instant::now();
        let (rounds, enough, handle) = (RefCell::new(Vec::new()), AtomicBool::new(false), StopHandle::new());
        let round = || async {
            rounds.borrow_mut().push(begun.elapsed().as_secs());
            Report::<()>::default()
        };
        // Two rounds leave something to do, the third doesn't.
        let pause = |_: &Report<()>| (rounds.borrow().len() < 3).then_some(Duration::from_secs(7));
        let due = Notification::Reconcile { reason: ReconcileReason::Started };
        let events = stream::iter([due]).chain(stream::pending());
        let matters = |_: Uuid, _: &Event| false;
        let until = sleep(Duration::from_secs(100));
        repeat_on_events(pause, &enough, &handle, events, matters, until, round, drop).await;
        assert_eq!(*rounds.borrow(), [0, 7, 14]);
    }
}
