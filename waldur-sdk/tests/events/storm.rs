//! Many events while the broker of a sandbox fails in all ways that lose no message.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use waldur_sandbox::{Actor, BrokerFault, BrokerMisbehaviour, Release, Sandbox};
use waldur_sdk::events::{EventKind, Notification, ReconcileReason};
use waldur_sdk::{Client, ClientExt as _, RetryPolicy, Uuid};

use crate::{LIMIT, next, number_of};

const EVENTS: u128 = 5000;
const PREFETCH: usize = 5;

#[tokio::test]
async fn every_event_comes_though_each_twentieth_breaks_something() {
    for release in [Release::Newer, Release::Schema] {
        crate::trace();
        let faults = BrokerMisbehaviour::any_of([
            BrokerFault::Duplicate,
            BrokerFault::Reorder,
            BrokerFault::Delay(Duration::from_millis(20)),
            BrokerFault::Cancel,
            BrokerFault::Restart,
            BrokerFault::RefuseLogin,
        ]);
        let sandbox = Sandbox::builder().orders(0).release(release);
        let sandbox = sandbox.misbehave_broker(faults.chance(0.05)).start().await.unwrap();
        let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).no_proxy();
        let client = client.retry(RetryPolicy::never()).build().unwrap();
        let offering = sandbox.ids().offerings.slurm;
        let events = client.events().offering(offering).kinds([EventKind::Order]).prefetch(PREFETCH as u16);
        let events = events.backoff(Duration::from_millis(1), Duration::from_millis(10));
        let mut events = events.connect().await.unwrap();
        let mut seen = BTreeMap::<u128, usize>::new();
        let mut reconciles = Vec::new();
        let storm = async {
            let mut published = 0;
            while published < EVENTS || seen.len() < EVENTS as usize {
                // A few at a time, so that faults meet messages in hand.
                for _ in 0..20.min(EVENTS - published) {
                    let body = json!({ "order_uuid": Uuid::from_u128(published).simple().to_string() });
                    sandbox.broker().publish("order", offering, body);
                    published += 1;
                }
                while seen.len() < published as usize {
                    match next(&mut events).await {
                        Notification::Event(delivery) => {
                            *seen.entry(number_of(&delivery.ack())).or_default() += 1;
                        }
                        Notification::Reconcile { reason } => reconciles.push(reason),
                        other => panic!("{other:?}"),
                    }
                }
            }
        };
        tokio::time::timeout(LIMIT, storm).await.expect("some events never came");
        let status = events.status().borrow().clone();
        assert!(status.disconnections > 5, "{status:?}");
        assert_eq!(reconciles[0], ReconcileReason::Started);
        assert!(reconciles[1..].iter().all(|reason| *reason == ReconcileReason::Resubscribed));
        assert!(reconciles.len() > 5, "each gap is told: {reconciles:?}");
        sandbox.broker().clear_faults();
        events.close().await;
        assert_eq!(sandbox.broker().counts().connections, 0);
    }
}
