//! Settings that wait, by a clock that is moved on.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::stream;
use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use waldur_api_client::Client;

use super::{AppliedLimits, PeriodicLimits, PeriodicLimitsProcessor, PeriodicSettings};
use crate::agent::BackendError;
use crate::backend_id::BackendId;
use crate::events::{Delivery, Event, EventKind, Notification};

const OFFERING: Uuid = Uuid::from_u128(1);

/// Notes when it was called, with which share, and fails at first.
#[derive(Debug)]
struct Slow {
    begun: Instant,
    calls: Mutex<Vec<(u64, i64)>>,
    fails: Mutex<VecDeque<BackendError>>,
}

impl Slow {
    fn failing(fails: impl IntoIterator<Item = BackendError>) -> Self {
        let fails = Mutex::new(fails.into_iter().collect());
        Self { begun: Instant::now(), calls: Mutex::default(), fails }
    }
}

impl PeriodicLimits for Slow {
    async fn apply(&self, settings: &PeriodicSettings, _: &BackendId) -> Result<AppliedLimits, BackendError> {
        let share = settings.fairshare().unwrap();
        self.calls.lock().unwrap().push((self.begun.elapsed().as_secs(), share));
        self.fails.lock().unwrap().pop_front().map_or_else(|| Ok(AppliedLimits::new()), Err)
    }
}

/// Returns the event of settings without a policy, whose result isn't reported.
fn event(share: i64) -> Event {
    let body = json!({
        "resource_uuid": Uuid::from_u128(2), "backend_id": "hpc_1", "action": "apply_periodic_settings",
        "settings": { "fairshare": share }, "timestamp": format!("2026-05-01T10:{share:02}:00"),
    });
    Event::read(body.to_string().as_bytes(), Some(&EventKind::ResourcePeriodicLimits))
}

fn processor(slow: Slow) -> PeriodicLimitsProcessor<Slow> {
    let client = Client::builder().url("http://127.0.0.1:9").token("t").build().unwrap();
    PeriodicLimitsProcessor::new(&client, [OFFERING], slow)
}

/// Lets a broker deliver an event, again after a second whenever it is given back, until it is acknowledged.
/// Returns when it was given back.
async fn deliver(processor: &PeriodicLimitsProcessor<Slow>, share: i64) -> Vec<u64> {
    let (sender, mut receiver) = unbounded_channel();
    let events = stream::poll_fn(move |context| receiver.poll_recv(context));
    let mut given_back = Vec::new();
    let broker = async {
        let mut is_again = false;
        loop {
            let (delivery, is_requeued) = Delivery::in_test(event(share), OFFERING, is_again);
            sender.send(Notification::Event(delivery)).unwrap();
            if !is_requeued().await {
                return;
            }
            given_back.push(processor.backend().begun.elapsed().as_secs());
            sleep(Duration::from_secs(1)).await;
            is_again = true;
        }
    };
    processor.run_on_events(events, broker, drop).await;
    given_back
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_is_kept_though_the_event_is_delivered_again() {
    let hour = Duration::from_secs(3600);
    let processor = processor(Slow::failing([
        BackendError::in_progress(hour),
        BackendError::transient("no answer of slurmctld"),
        BackendError::transient("no answer of slurmctld"),
    ]));
    // The server or the operator wants longer pauses than the event can be held.
    let processor = processor.backoff(hour, 2 * hour);
    let given_back = deliver(&processor, 1).await;
    // Twice as long after the second failure, which a redelivery doesn't make the first.
    let hours = [0, 1, 2, 4].map(|hour| (hour * 3600, 1));
    assert_eq!(*processor.backend().calls.lock().unwrap(), hours);
    // It is held for twenty minutes each time.
    assert_eq!(given_back[..3], [1200, 2401, 3602]);
    assert!(given_back.windows(2).all(|two| two[1] - two[0] == 1201), "{given_back:?}");
}

#[tokio::test(start_paused = true)]
async fn settings_are_applied_though_the_broker_has_forgotten_their_event() {
    let processor = processor(Slow::failing([BackendError::in_progress(Duration::from_secs(3600))]));
    let (delivery, is_requeued) = Delivery::in_test(event(1), OFFERING, false);
    let events = stream::iter([Notification::Event(delivery)]);
    let forgotten = async {
        assert!(is_requeued().await);
        sleep(Duration::from_secs(3600)).await;
    };
    processor.run_on_events(futures_util::StreamExt::chain(events, stream::pending()), forgotten, drop).await;
    assert_eq!(*processor.backend().calls.lock().unwrap(), [(0, 1), (3600, 1)]);
}

#[tokio::test(start_paused = true)]
async fn newer_settings_replace_those_whose_event_was_given_back() {
    let processor = processor(Slow::failing([BackendError::in_progress(Duration::from_secs(3600))]));
    let (older, is_requeued) = Delivery::in_test(event(1), OFFERING, false);
    let (newer, is_newer_requeued) = Delivery::in_test(event(2), OFFERING, false);
    let (again, is_again_requeued) = Delivery::in_test(event(1), OFFERING, true);
    let (sender, mut receiver) = unbounded_channel();
    let events = stream::poll_fn(move |context| receiver.poll_recv(context));
    let work = async {
        sender.send(older).unwrap();
        assert!(is_requeued().await);
        sender.send(newer).unwrap();
        assert!(!is_newer_requeued().await);
        sender.send(again).unwrap();
        assert!(!is_again_requeued().await);
    };
    processor.run_on_events(futures_util::StreamExt::map(events, Notification::Event), work, drop).await;
    assert_eq!(*processor.backend().calls.lock().unwrap(), [(0, 1), (1200, 2)]);
}
