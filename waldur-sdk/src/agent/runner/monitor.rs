//! What the loops tell of themselves, and the health that follows from it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;
use waldur_api_client::Error;

use super::activity::{Activity, LoopKind, LoopName, Observed, RoundSummary};
#[cfg(feature = "events")]
use super::health::EventsHealth;
use super::health::{AgentHealth, LoopCounts, LoopError, LoopHealth, LoopState};
use crate::agent::stop::StopHandle;
use crate::bulk::{Item, Outcome};
use crate::on_item::{Observer, RoundEvent};

/// What is called with each activity.
#[derive(Clone)]
pub(super) struct OnActivity(Arc<dyn Fn(&Activity<'_>) + Send + Sync>);

impl OnActivity {
    pub(super) fn new(on_activity: impl Fn(&Activity<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(on_activity))
    }

    fn call(&self, activity: &Activity<'_>) {
        (self.0)(activity);
    }
}

impl Default for OnActivity {
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for OnActivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnActivity")
    }
}

/// Watches an [`Agent`](super::Agent) from outside, such as for a health endpoint. Clones watch the same
/// agent, also after it has ended.
#[derive(Clone, Debug)]
pub struct AgentMonitor(Arc<State>);

#[derive(Debug)]
struct State {
    since: DateTime<Utc>,
    stop: StopHandle,
    probes: Vec<Arc<Probe>>,
    on_activity: OnActivity,
    registration_error: Mutex<Option<String>>,
    #[cfg(feature = "events")]
    events: Mutex<Option<tokio::sync::watch::Receiver<crate::events::EventsStatus>>>,
}

impl AgentMonitor {
    pub(super) fn new(stop: StopHandle, probes: Vec<Arc<Probe>>, on_activity: OnActivity) -> Self {
        Self(Arc::new(State {
            since: Utc::now(),
            stop,
            probes,
            on_activity,
            registration_error: Mutex::default(),
            #[cfg(feature = "events")]
            events: Mutex::default(),
        }))
    }

    /// Returns the health of the agent.
    #[must_use]
    pub fn health(&self) -> AgentHealth {
        AgentHealth {
            since: self.0.since,
            is_stopping: self.0.stop.is_stopped(),
            loops: self.0.probes.iter().map(|probe| probe.health()).collect(),
            registration_error: lock(&self.0.registration_error).clone(),
            #[cfg(feature = "events")]
            events: lock(&self.0.events).as_ref().map(|status| EventsHealth::from(&*status.borrow())),
        }
    }

    /// Returns a handle that stops the agent.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.0.stop.clone()
    }

    #[cfg(feature = "events")]
    pub(super) fn set_events(&self, status: tokio::sync::watch::Receiver<crate::events::EventsStatus>) {
        *lock(&self.0.events) = Some(status);
    }

    /// Notes whether the agent could register itself.
    pub(super) fn registered(&self, result: &Result<(), Error>) {
        *lock(&self.0.registration_error) = result.as_ref().err().map(ToString::to_string);
        if let Err(error) = result {
            tracing::warn!(%error, "the agent is not registered");
            self.0.on_activity.call(&Activity::NotRegistered { error });
        }
    }
}

/// What one loop tells of itself.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) kind: LoopKind,
    pub(super) offerings: Vec<Uuid>,
    /// The longest time between two rounds.
    interval: Duration,
    stalled_after: Duration,
    on_activity: OnActivity,
    seen: Mutex<Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    state: LoopState,
    /// The last sign of life, by the clock that intervals are measured with.
    active: Instant,
    last_activity: Option<DateTime<Utc>>,
    round_begun: Option<DateTime<Utc>>,
    round_ended: Option<DateTime<Utc>>,
    last_success: Option<DateTime<Utc>>,
    last_error: Option<LoopError>,
    restarts: u64,
    counts: LoopCounts,
}

impl Probe {
    pub(super) fn new(
        kind: LoopKind,
        offerings: Vec<Uuid>,
        interval: Duration,
        stalled_after: Duration,
        on_activity: OnActivity,
    ) -> Self {
        let seen = Seen {
            state: LoopState::NotBegun,
            active: Instant::now(),
            last_activity: None,
            round_begun: None,
            round_ended: None,
            last_success: None,
            last_error: None,
            restarts: 0,
            counts: LoopCounts::default(),
        };
        Self { kind, offerings, interval, stalled_after, on_activity, seen: Mutex::new(seen) }
    }

    /// Returns what observes the rounds of the loop.
    pub(super) fn observer<T: Observed + 'static>(self: &Arc<Self>) -> Observer<T> {
        let probe = Arc::clone(self);
        Arc::new(move |event| match event {
            RoundEvent::Begun => probe.begun(),
            RoundEvent::Item(item) => probe.item(item),
        })
    }

    /// Notes a sign of life.
    fn note(&self, change: impl FnOnce(&mut Seen, DateTime<Utc>)) {
        let mut seen = lock(&self.seen);
        let now = Utc::now();
        seen.active = Instant::now();
        seen.last_activity = Some(now);
        change(&mut seen, now);
    }

    /// The loop begins, or begins again.
    pub(super) fn started(&self) {
        self.note(|seen, _| seen.state = LoopState::Waiting);
    }

    fn begun(&self) {
        self.note(|seen, now| (seen.state, seen.round_begun) = (LoopState::InRound, Some(now)));
        self.on_activity.call(&Activity::RoundBegun { kind: self.kind, offerings: &self.offerings });
    }

    pub(super) fn item<T: Observed>(&self, item: &Item<T>) {
        self.note(|seen, now| {
            let counts = &mut seen.counts;
            let count = match &item.outcome {
                Outcome::Applied => &mut counts.applied,
                Outcome::Unchanged => &mut counts.unchanged,
                Outcome::Skipped { .. } => &mut counts.skipped,
                Outcome::Refused { .. } => &mut counts.refused,
                Outcome::Failed { .. } => &mut counts.failed,
            };
            *count += 1;
            if let Some(error) = item.outcome.error() {
                seen.last_error = Some(LoopError { at: now, message: error.to_string() });
            }
        });
        self.on_activity.call(&T::activity(item));
    }

    /// A loop that does no rounds is at work on an item.
    #[cfg(feature = "events")]
    pub(super) fn item_begun(&self) {
        self.note(|seen, _| seen.state = LoopState::InRound);
    }

    /// A loop that does no rounds is through with an item.
    #[cfg(feature = "events")]
    pub(super) fn item_ended<T: Observed>(&self, item: &Item<T>) {
        self.note(|seen, _| seen.state = LoopState::Waiting);
        self.item(item);
    }

    /// A round has ended.
    pub(super) fn ended_round<R>(&self, result: R)
    where
        for<'a> RoundSummary: From<&'a R>,
    {
        let summary = &RoundSummary::from(&result);
        self.note(|seen, now| {
            seen.state = LoopState::Waiting;
            seen.round_ended = Some(now);
            seen.counts.rounds += 1;
            match summary.problems.first() {
                None => seen.last_success = Some(now),
                Some(problem) => {
                    seen.last_error = Some(LoopError { at: now, message: problem.clone() });
                }
            }
        });
        let (kind, offerings) = (self.kind, &self.offerings);
        self.on_activity.call(&Activity::RoundEnded { kind, offerings, summary });
    }

    pub(super) fn panicked(&self, message: &str, again_in: Duration) {
        let (kind, offerings) = (self.kind, &self.offerings);
        tracing::error!(r#loop = %LoopName { kind, offerings }, message, ?again_in, "a loop panicked");
        self.note(|seen, now| {
            seen.state = LoopState::Panicked;
            seen.last_error = Some(LoopError { at: now, message: format!("panicked: {message}") });
            seen.restarts += 1;
        });
        self.on_activity.call(&Activity::Panicked { kind, offerings, message, again_in });
    }

    pub(super) fn ended(&self) {
        self.note(|seen, _| seen.state = LoopState::Ended);
        self.on_activity.call(&Activity::Ended { kind: self.kind, offerings: &self.offerings });
    }

    pub(super) fn health(&self) -> LoopHealth {
        let seen = lock(&self.seen).clone();
        let quiet = seen.active.elapsed();
        let limit = match seen.state {
            LoopState::InRound => Some(self.stalled_after),
            LoopState::Waiting => self.interval.checked_add(self.stalled_after),
            LoopState::Panicked | LoopState::NotBegun | LoopState::Ended => None,
        };
        LoopHealth {
            kind: self.kind,
            offerings: self.offerings.clone(),
            state: seen.state,
            is_stalled: limit.is_some_and(|limit| quiet > limit),
            round_begun: seen.round_begun,
            round_ended: seen.round_ended,
            last_activity: seen.last_activity,
            last_success: seen.last_success,
            last_error: seen.last_error,
            restarts: seen.restarts,
            counts: seen.counts,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::super::super::report::ProcessedOrder;
    use super::*;
    use crate::bulk::Report;
    use crate::membership::SyncedResource;

    #[test]
    fn activities_of_a_loop_of_one_offering_name_it() {
        for (kind, name) in [
            (LoopKind::Membership, "membership of offering 00000000000000000000000000000000"),
            (LoopKind::Orders, "orders"),
        ] {
            let (told, hour) = (Arc::new(Mutex::new(Vec::new())), Duration::from_secs(3600));
            let on_activity = OnActivity::new({
                let told = Arc::clone(&told);
                move |activity| lock(&told).push(activity.to_string())
            });
            let probe = Arc::new(Probe::new(kind, vec![Uuid::nil()], hour, hour, on_activity));
            (probe.observer::<SyncedResource>())(RoundEvent::Begun);
            probe.ended_round(Report::<SyncedResource>::default());
            probe.panicked("no space left", hour);
            probe.ended();
            let expected = [
                format!("{name}: a round begins"),
                format!("{name}: 0 applied"),
                format!("{name}: panicked, begins again in 3600s: no space left"),
                format!("{name}: ended"),
            ];
            assert_eq!(*lock(&told), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_stalls_sooner_within_a_round_than_between_two() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let probe = Probe::new(LoopKind::Orders, Vec::new(), 10 * minute, minute, OnActivity::default());
        let probe = Arc::new(probe);
        let monitor = AgentMonitor::new(StopHandle::new(), vec![Arc::clone(&probe)], OnActivity::default());
        let stalls_after = async |state, limit: Duration| {
            assert_eq!(probe.health().state, state);
            advance(limit).await;
            assert!(!probe.health().is_stalled && monitor.health().is_live());
            advance(second).await;
            assert!(probe.health().is_stalled && !monitor.health().is_live());
        };
        probe.started();
        stalls_after(LoopState::Waiting, 11 * minute).await;
        probe.begun();
        stalls_after(LoopState::InRound, minute).await;
        // A sign of life.
        probe.begun();
        stalls_after(LoopState::InRound, minute).await;
        probe.ended_round(Report::<ProcessedOrder>::default());
        stalls_after(LoopState::Waiting, 11 * minute).await;
        // Nothing is expected of these.
        probe.panicked("broken", minute);
        advance(100 * minute).await;
        assert!(!probe.health().is_stalled);
        probe.ended();
        advance(100 * minute).await;
        assert!(!probe.health().is_stalled);
    }
}
