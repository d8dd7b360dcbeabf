//! The loops that an agent runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};

#[cfg(feature = "events")]
use super::hub::Inbox;
use super::monitor::Probe;
use crate::agent::accounts::{AccountsProcessor, Usernames};
use crate::agent::backend::Backend;
use crate::agent::imports::{Importable, ImportsProcessor};
#[cfg(feature = "events")]
use crate::agent::periodic_limits::{PeriodicLimits, PeriodicLimitsProcessor};
use crate::agent::processor::OrderProcessor;
use crate::agent::resources::{ResourceBackend, ResourcesProcessor};
use crate::agent::stop::StopHandle;
use crate::agent::usage::{Meter, UsageProcessor};
#[cfg(feature = "events")]
use crate::events::EventKind;
use crate::membership::{Membership, MembershipBackend};

/// What a loop gets when it begins.
pub(super) struct Run {
    pub(super) probe: Arc<Probe>,
    pub(super) stop: StopHandle,
    /// The events, if there is a subscription and the loop goes by them.
    #[cfg(feature = "events")]
    pub(super) inbox: Option<Inbox>,
}

/// A loop: it does rounds until it is stopped.
pub(super) trait Loop: Send + Sync {
    /// Does rounds until the agent is stopped. What is in progress then is finished.
    fn run(self: Arc<Self>, run: Run) -> BoxFuture<'static, ()>;

    /// Returns the pause between two rounds.
    fn interval(&self) -> Duration;

    /// Passes what happens in the rounds to the probe.
    fn observe(&mut self, probe: &Arc<Probe>);

    /// Returns the kinds of events that the loop goes by.
    #[cfg(feature = "events")]
    fn kinds(&self) -> Vec<EventKind>;
}

/// Implements [`Loop`] for loops that do rounds. Last comes the field with what is called with each item.
macro_rules! rounds {
    ($($name:ident<$backend:ident> where { $($bounds:tt)* }, $on_item:ident;)*) => {$(
        impl<$backend> Loop for $name<$backend>
        where
            $($bounds)*
        {
            fn run(self: Arc<Self>, run: Run) -> BoxFuture<'static, ()> {
                async move {
                    let (stopped, each) = (run.stop.stopped(), |result| run.probe.ended_round(result));
                    #[cfg(feature = "events")]
                    if let Some(inbox) = run.inbox {
                        return self.run_on_events(inbox, stopped, each).await;
                    }
                    $name::run(&self, stopped, each).await;
                }
                .boxed()
            }

            fn interval(&self) -> Duration {
                self.interval
            }

            fn observe(&mut self, probe: &Arc<Probe>) {
                self.$on_item.observe(probe.observer());
            }

            #[cfg(feature = "events")]
            fn kinds(&self) -> Vec<EventKind> {
                self.event_kinds()
            }
        }
    )*};
}

rounds! {
    OrderProcessor<B> where { B: Backend + 'static }, on_order;
    Membership<B> where { B: MembershipBackend + 'static, B::Error: Send }, on_resource;
    AccountsProcessor<U> where { U: Usernames + 'static }, on_account;
    ResourcesProcessor<B> where { B: ResourceBackend + 'static }, on_resource;
    ImportsProcessor<B> where { B: Importable + 'static }, on_request;
    UsageProcessor<M> where { M: Meter + 'static }, on_resource;
}

#[cfg(feature = "events")]
impl<B: PeriodicLimits + 'static> Loop for PeriodicLimitsProcessor<B> {
    fn run(self: Arc<Self>, run: Run) -> BoxFuture<'static, ()> {
        async move {
            match run.inbox {
                Some(inbox) => {
                    let (begin, each) = (|| run.probe.item_begun(), |item| run.probe.item_ended(&item));
                    self.run_observed(inbox, run.stop.stopped(), begin, each).await;
                }
                None => run.stop.stopped().await,
            }
        }
        .boxed()
    }

    /// It does nothing between events.
    fn interval(&self) -> Duration {
        Duration::MAX
    }

    fn observe(&mut self, _: &Arc<Probe>) {}

    fn kinds(&self) -> Vec<EventKind> {
        self.event_kinds()
    }
}

#[cfg(all(test, feature = "events"))]
mod tests {
    use serde_json::json;
    use tokio::time::sleep;
    use uuid::Uuid;
    use waldur_api_client::Client;

    use super::super::activity::LoopKind;
    use super::super::health::LoopState;
    use super::super::hub::Hub;
    use super::super::monitor::OnActivity;
    use super::*;
    use crate::agent::backend::BackendError;
    use crate::agent::periodic_limits::{AppliedLimits, PeriodicSettings};
    use crate::backend_id::BackendId;
    use crate::events::{Delivery, Event, Notification};

    const MINUTE: Duration = Duration::from_secs(60);

    struct Slow;

    impl PeriodicLimits for Slow {
        async fn apply(&self, _: &PeriodicSettings, _: &BackendId) -> Result<AppliedLimits, BackendError> {
            sleep(90 * MINUTE).await;
            Ok(AppliedLimits::new())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn limits_for_a_period_are_stalled_while_the_back_end_hangs() {
        let offering = Uuid::from_u128(1);
        let client = Client::builder().url("http://127.0.0.1:9").token("t").build().unwrap();
        let limits = Arc::new(PeriodicLimitsProcessor::new(&client, [offering], Slow));
        let (mut hub, stop) = (Hub::default(), StopHandle::new());
        let slot = hub.add(vec![offering], limits.event_kinds());
        let kind = LoopKind::PeriodicLimits;
        let on_activity = OnActivity::default();
        let probe = Arc::new(Probe::new(kind, vec![offering], Duration::MAX, 30 * MINUTE, on_activity));
        let run = Run { probe: Arc::clone(&probe), stop: stop.clone(), inbox: hub.open(slot, false) };
        let state = || (probe.health().state, probe.health().is_stalled);
        let work = async {
            probe.started();
            sleep(1000 * MINUTE).await;
            assert_eq!(state(), (LoopState::Waiting, false), "it has nothing to do");
            let body = json!({ "resource_uuid": Uuid::from_u128(2), "backend_id": "hpc_1" });
            let event = Event::read(body.to_string().as_bytes(), Some(&EventKind::ResourcePeriodicLimits));
            hub.pass(Notification::Event(Delivery::in_test(event, offering, false).0));
            sleep(20 * MINUTE).await;
            assert_eq!(state(), (LoopState::InRound, false));
            sleep(20 * MINUTE).await;
            assert_eq!(state(), (LoopState::InRound, true));
            sleep(1000 * MINUTE).await;
            assert_eq!(state(), (LoopState::Waiting, false));
            assert_eq!(probe.health().counts.applied, 1);
            stop.stop();
        };
        futures_util::future::join(Loop::run(limits, run), work).await;
    }
}
