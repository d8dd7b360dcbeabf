//! The metrics of a subscription.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use waldur_sdk::ClientExt as _;
use waldur_sdk::events::ReconcileReason;

use crate::peer::{Broker, message};
use crate::registry::{Registry, Scheme};
use crate::{next_event, next_reconcile, offering, order};

/// The values, by name and labels.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

impl Kept {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<String> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Arc::clone(self.0.lock().unwrap().entry(name.trim().to_owned()).or_default())
    }

    fn value(&self, name: &str) -> u64 {
        let all = self.0.lock().unwrap();
        all.get(name).unwrap_or_else(|| panic!("no {name} in {all:?}")).load(Ordering::Relaxed)
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn events_and_connections_are_counted() {
    let kept = Kept::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&kept, || {
        runtime.block_on(async {
            let (registry, broker) = (Registry::new(Scheme::Unified, None), Broker::start().await);
            let events = registry.client().events().offering(offering()).url(&*broker.url);
            let (events, mut peer) = tokio::join!(events.connect(), broker.subscribe(1));
            let mut events = events.unwrap();
            assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Started);
            peer.send(&message("T_1", &order(1))).await;
            peer.send(&message("T_2", &serde_json::json!({"object_type": "of the server"}))).await;
            next_event(&mut events).await.ack();
            next_event(&mut events).await.ack();
            assert_eq!(f64::from_bits(kept.value("waldur.events.connected")), 1.0);
            peer.error("Server cancelled subscription", "").await;
            let _peer = broker.subscribe(1).await;
            assert_eq!(next_reconcile(&mut events).await, ReconcileReason::Resubscribed);
        });
        drop(runtime);
    });
    for (name, value) in [
        ("waldur.events.received waldur.event.kind=order", 1),
        ("waldur.events.received waldur.event.kind=other", 1),
        ("waldur.events.registrations", 2),
        ("waldur.events.disconnections error.type=queue_gone", 1),
    ] {
        assert_eq!(kept.value(name), value, "{name}");
    }
    assert_eq!(f64::from_bits(kept.value("waldur.events.connected")), 0.0);
}
