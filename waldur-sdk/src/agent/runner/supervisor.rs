//! Keeps a loop running: a panic ends its task, and it begins again after a pause.

use std::any::Any;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

#[cfg(feature = "events")]
use super::hub::Hub;
use super::loops::{Loop, Run};
use super::monitor::Probe;
use crate::agent::ledger::Backoff;
use crate::agent::stop::StopHandle;

/// The pauses after a panic.
const PAUSES: Backoff = Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(600) };

/// A loop and what belongs to it.
pub(super) struct Supervised {
    pub(super) task: Arc<dyn Loop>,
    pub(super) probe: Arc<Probe>,
    /// The number of the loop at the hub, if it goes by events.
    #[cfg(feature = "events")]
    pub(super) slot: Option<usize>,
}

impl Supervised {
    /// Runs the loop until the agent is stopped, or until it ends by itself. Dropping this future interrupts
    /// it.
    pub(super) async fn run(&self, stop: &StopHandle, #[cfg(feature = "events")] hub: &Hub) {
        let mut panics = 0;
        loop {
            let begun = Instant::now();
            let run = Run {
                probe: Arc::clone(&self.probe),
                stop: stop.clone(),
                #[cfg(feature = "events")]
                inbox: self.slot.and_then(|slot| hub.open(slot, panics > 0)),
            };
            self.probe.started();
            // A task of its own: it is aborted when the set is dropped.
            let mut tasks = JoinSet::new();
            tasks.spawn(Arc::clone(&self.task).run(run));
            let Some(Err(error)) = tasks.join_next().await else { break };
            // A task that was cancelled means that the runtime ends.
            let Ok(panic) = error.try_into_panic() else { break };
            panics = if begun.elapsed() > PAUSES.longest { 1 } else { panics + 1 };
            let pause = PAUSES.pause(panics);
            self.probe.panicked(message(&*panic), pause);
            match select(pin!(sleep(pause)), pin!(stop.stopped())).await {
                Either::Left(_) => {}
                Either::Right(_) => break,
            }
        }
        self.probe.ended();
    }
}

/// Returns the message of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        (None, None) => "no message",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::{BoxFuture, FutureExt as _};

    #[cfg(feature = "events")]
    use futures_util::stream::StreamExt as _;

    use super::*;
    #[cfg(feature = "events")]
    use crate::events::{EventKind, Notification, ReconcileReason};

    use super::super::activity::LoopKind;
    use super::super::health::LoopState;
    use super::super::monitor::{AgentMonitor, OnActivity};

    /// Panics so often, then waits until it is stopped.
    #[derive(Default)]
    struct Fragile {
        panics: AtomicUsize,
        ends: bool,
        begun: Mutex<Vec<Instant>>,
        #[cfg(feature = "events")]
        reconciled: Mutex<Vec<ReconcileReason>>,
    }

    impl Loop for Fragile {
        fn run(self: Arc<Self>, run: Run) -> BoxFuture<'static, ()> {
            async move {
                self.begun.lock().unwrap().push(Instant::now());
                if self
                    .panics
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    panic!("no {} left", 7);
                }
                #[cfg(feature = "events")]
                if let Some(mut inbox) = run.inbox {
                    while let Some(Notification::Reconcile { reason }) = inbox.next().await {
                        self.reconciled.lock().unwrap().push(reason);
                    }
                }
                if !self.ends {
                    run.stop.stopped().await;
                }
            }
            .boxed()
        }

        fn interval(&self) -> Duration {
            Duration::from_secs(60)
        }

        fn observe(&mut self, _: &Arc<Probe>) {}

        #[cfg(feature = "events")]
        fn kinds(&self) -> Vec<EventKind> {
            Vec::new()
        }
    }

    fn supervised(fragile: &Arc<Fragile>, stop: &StopHandle) -> (Supervised, AgentMonitor) {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        let probe = Probe::new(LoopKind::Usage, Vec::new(), minute, hour, OnActivity::default());
        let probe = Arc::new(probe);
        let monitor = AgentMonitor::new(stop.clone(), vec![Arc::clone(&probe)], OnActivity::default());
        let supervised = Supervised {
            task: Arc::clone(fragile) as Arc<dyn Loop>,
            probe,
            #[cfg(feature = "events")]
            slot: None,
        };
        (supervised, monitor)
    }

    async fn run(supervised: &Supervised, stop: &StopHandle) {
        supervised
            .run(
                stop,
                #[cfg(feature = "events")]
                &Hub::default(),
            )
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_begins_again_after_growing_pauses() {
        let stop = StopHandle::new();
        let fragile = Arc::new(Fragile { panics: AtomicUsize::new(8), ..Fragile::default() });
        let (supervised, monitor) = supervised(&fragile, &stop);
        let begun = Instant::now();
        let work = async {
            sleep(Duration::from_secs(5)).await;
            let health = monitor.health().loops.remove(0);
            assert_eq!((health.state, health.restarts, health.is_stalled), (LoopState::Panicked, 1, false));
            assert_eq!(health.last_error.unwrap().message, "panicked: no 7 left");
            sleep(Duration::from_secs(3 * 3600)).await;
            let health = monitor.health();
            // It has begun and done no round since.
            assert_eq!((health.loops[0].state, health.is_live()), (LoopState::Waiting, false));
            stop.stop();
        };
        futures_util::future::join(run(&supervised, &stop), work).await;
        let begins: Vec<u64> =
            fragile.begun.lock().unwrap().iter().map(|at| at.duration_since(begun).as_secs()).collect();
        assert_eq!(begins, [0, 10, 30, 70, 150, 310, 630, 1230, 1830]);
        assert_eq!(monitor.health().loops[0].state, LoopState::Ended);
    }

    #[cfg(feature = "events")]
    #[tokio::test(start_paused = true)]
    async fn events_reach_a_loop_that_has_begun_again() {
        let (stop, mut hub) = (StopHandle::new(), Hub::default());
        let fragile = Arc::new(Fragile { panics: AtomicUsize::new(1), ..Fragile::default() });
        let (mut supervised, _) = supervised(&fragile, &stop);
        supervised.slot = Some(hub.add(Vec::new(), Vec::new()));
        let pass = |reason| hub.pass(Notification::Reconcile { reason });
        let work = async {
            sleep(Duration::from_secs(5)).await;
            // It has panicked: this one is lost, and a full pass makes up for it.
            pass(ReconcileReason::Interval);
            sleep(Duration::from_secs(10)).await;
            pass(ReconcileReason::Resubscribed);
            sleep(Duration::from_secs(1)).await;
        };
        select(pin!(supervised.run(&stop, &hub)), pin!(work)).await;
        let reconciled = fragile.reconciled.lock().unwrap();
        assert_eq!(*reconciled, [ReconcileReason::Started, ReconcileReason::Resubscribed]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_pause_and_a_loop_may_end_by_itself() {
        let stop = StopHandle::new();
        let fragile = Arc::new(Fragile { panics: AtomicUsize::new(1), ..Fragile::default() });
        let (panicked, _) = supervised(&fragile, &stop);
        let begun = Instant::now();
        let work = async {
            sleep(Duration::from_secs(1)).await;
            stop.stop();
        };
        futures_util::future::join(run(&panicked, &stop), work).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        let stop = StopHandle::new();
        let (ended, monitor) = supervised(&Arc::new(Fragile { ends: true, ..Fragile::default() }), &stop);
        run(&ended, &stop).await;
        assert_eq!(
            (monitor.health().loops[0].state, monitor.health().is_stopping),
            (LoopState::Ended, false)
        );
    }
}
