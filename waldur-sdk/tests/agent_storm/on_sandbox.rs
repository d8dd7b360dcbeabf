//! All faults of the sandbox's broker, restarts of it, and agents that are killed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Notify;
use waldur_sandbox::{Actor, BrokerFault, BrokerMisbehaviour, Sandbox};
use waldur_sdk::agent::OrderProcessor;
use waldur_sdk::events::EventKind;
use waldur_sdk::{ClientExt as _, Uuid};

use crate::common::{client_as, client_builder, quick};
use crate::counting::Counting;
use crate::customer::Customer;
use crate::memory::resident;
use crate::{
    COPIES, DOWNTIME, EARLY, EVENTS, GROWTH, IN_PROGRESS, KILLS, OPEN, ORDERS, STOPS, sandbox_of, weather,
};

/// The largest number of messages in the queue before the next order. All of them are lost with the queue.
const QUEUED: usize = 20;

/// Publishes further events of orders that may be at any step by now.
fn publish_copies(sandbox: &Sandbox, orders: &[Uuid]) {
    for order in orders {
        let body = json!({"order_uuid": order.simple().to_string(), "order_state": "pending-provider"});
        sandbox.broker().publish("order", sandbox.ids().offerings.bulk, body);
    }
}

#[tokio::test]
async fn each_order_is_carried_out_once_and_no_memory_is_lost() {
    let faults = BrokerMisbehaviour::any_of(BrokerFault::each()).chance(0.05);
    let sandbox = sandbox_of(ORDERS).misbehave_broker(faults).start().await.unwrap();
    let orders: Vec<Uuid> = sandbox.orders().iter().map(|order| order.uuid).collect();
    let (backend, progress, kill) = (Counting::default(), Arc::new(Notify::new()), Notify::new());
    let client = client_builder(&sandbox).retry(quick()).build().unwrap();
    let offering = sandbox.ids().offerings.bulk;
    let agent = async || {
        let told = Arc::clone(&progress);
        let processor = OrderProcessor::new(&client, [offering], backend.clone())
            .backoff(Duration::from_millis(20), Duration::from_millis(40))
            .on_order(move |_| told.notify_one());
        let events = client.events().offering(offering).kinds([EventKind::Order]);
        let events = events
            .backoff(Duration::from_millis(1), Duration::from_millis(20))
            .heartbeat(Duration::from_millis(100))
            // A lost message leaves no gap that a subscriber could see.
            .reconcile_every(Duration::from_secs(1))
            .subscribe()
            .unwrap();
        let each = |_| progress.notify_one();
        processor.run_on_events(events, std::future::pending::<()>(), each).await;
    };
    let begun = Instant::now();
    let mut memory = Vec::new();
    let storm = async {
        let mut customer = Customer::new(&sandbox, client_as(&sandbox, Actor::Consumer), &progress);
        let mut is_down = false;
        for (number, order) in orders.iter().enumerate() {
            customer.wait_for(OPEN - 1).await;
            if !is_down {
                customer.wait_for_queue(QUEUED).await;
            }
            customer.approve(*order).await;
            publish_copies(&sandbox, &orders[(number + 1).saturating_sub(COPIES)..=number]);
            if KILLS.contains(&number) {
                kill.notify_one();
            }
            if STOPS.contains(&number) {
                sandbox.broker().stop();
                is_down = true;
            }
            if STOPS.iter().any(|stop| stop + DOWNTIME == number) {
                sandbox.broker().resume();
                is_down = false;
            }
            if number % 50 == 0 {
                sandbox.clear_requests();
            }
            if number == EARLY {
                memory.extend(resident());
            }
        }
        customer.wait_for(0).await;
        memory.extend(resident());
    };
    weather(storm, &kill, agent).await;
    let counts = sandbox.broker().counts();
    println!("{ORDERS} orders in {:?}, resident KiB: {memory:?}, {counts:?}", begun.elapsed());
    backend.assert_once(&sandbox, KILLS.len() * IN_PROGRESS);
    assert!(counts.published >= EVENTS && counts.lost > 0 && counts.refused > 0, "{counts:?}");
    assert!(counts.logins > 50, "{counts:?}");
    // Rounds are not all that has worked.
    assert!(counts.acknowledged > EVENTS * 7 / 10, "{counts:?}");
    if let [early, late] = memory[..] {
        assert!(late < early + GROWTH, "{early} KiB after {EARLY} orders, {late} KiB after {ORDERS}");
    }
}
