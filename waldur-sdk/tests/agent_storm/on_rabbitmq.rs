//! A real RabbitMQ with the orders of a sandbox. `.ci/rabbitmq` runs these tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Notify;
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::agent::OrderProcessor;
use waldur_sdk::events::{EventKind, EventsBuilder};
use waldur_sdk::{Client, ClientExt as _, Uuid};

use crate::common::{client_builder_as, quick};
use crate::counting::Counting;
use crate::customer::Customer;
use crate::line::Line;
use crate::memory::resident;
use crate::rabbitmq::RabbitMq;
use crate::relay::Relay;
use crate::{
    COPIES, DOWNTIME, EARLY, EVENTS, GROWTH, IN_PROGRESS, KILLS, OPEN, ORDERS, STOPS, sandbox_of, weather,
};

/// The numbers of orders after which the queue is deleted.
const DELETIONS: [usize; 2] = [250, 700];
/// The number of orders after which the passcode is changed. The next login is refused.
const OTHER_PASSCODE: usize = STOPS[1] - 10;

/// A sandbox whose events go through RabbitMQ.
struct Site {
    sandbox: Sandbox,
    rabbitmq: RabbitMq,
    relay: Arc<Relay>,
}

impl Site {
    async fn start(orders: usize) -> Self {
        let (sandbox, rabbitmq) = (sandbox_of(orders).start().await.unwrap(), RabbitMq::of_environment());
        let relay = Relay::new(&rabbitmq);
        Self { sandbox, rabbitmq, relay }
    }

    fn client(&self, actor: Actor) -> Client {
        let relay = Arc::clone(&self.relay);
        client_builder_as(&self.sandbox, actor).retry(quick()).transport(relay).build().unwrap()
    }

    fn offering(&self) -> Uuid {
        self.sandbox.ids().offerings.bulk
    }

    fn orders(&self) -> Vec<Uuid> {
        self.sandbox.orders().iter().map(|order| order.uuid).collect()
    }

    fn events(&self, url: &str) -> EventsBuilder {
        self.client(Actor::Provider).events().offering(self.offering()).kinds([EventKind::Order]).url(url)
    }

    fn processor(&self, backend: &Counting, progress: &Arc<Notify>) -> OrderProcessor<Counting> {
        let told = Arc::clone(progress);
        OrderProcessor::new(&self.client(Actor::Provider), [self.offering()], backend.clone())
            .backoff(Duration::from_millis(20), Duration::from_millis(40))
            .on_order(move |_| told.notify_one())
    }
}

#[tokio::test]
#[ignore = "needs a RabbitMQ"]
async fn each_order_is_carried_out_once_though_the_broker_is_killed() {
    let site = Site::start(ORDERS).await;
    let (backend, progress, kill) = (Counting::default(), Arc::new(Notify::new()), Notify::new());
    let agent = async || {
        let events = site.events(&site.rabbitmq.url);
        let events = events
            .backoff(Duration::from_millis(20), Duration::from_millis(500))
            .heartbeat(Duration::from_secs(1))
            .reconcile_every(Duration::from_secs(5))
            .reconcile_while_disconnected_every(Duration::from_secs(1))
            .subscribe()
            .unwrap();
        let processor = site.processor(&backend, &progress);
        let each = |_| progress.notify_one();
        processor.run_on_events(events, std::future::pending::<()>(), each).await;
    };
    let (begun, orders) = (Instant::now(), site.orders());
    let mut memory = Vec::new();
    let storm = async {
        let mut customer = Customer::new(&site.sandbox, site.client(Actor::Consumer), &progress);
        for (number, order) in orders.iter().enumerate() {
            customer.wait_for(OPEN - 1).await;
            customer.approve(*order).await;
            let copies = &orders[(number + 1).saturating_sub(COPIES)..=number];
            join_all(copies.iter().map(|order| site.relay.publish(*order))).await;
            if KILLS.contains(&number) {
                kill.notify_one();
            }
            if STOPS.contains(&number) {
                site.rabbitmq.control("kill").await;
            }
            if STOPS.iter().any(|stop| stop + DOWNTIME == number) {
                site.rabbitmq.control("start").await;
            }
            if DELETIONS.contains(&number) {
                site.relay.delete_queue().await;
            }
            if number == OTHER_PASSCODE {
                site.relay.change_passcode().await;
            }
            if number % 50 == 0 {
                site.sandbox.clear_requests();
            }
            if number == EARLY {
                memory.extend(resident());
            }
        }
        customer.wait_for(0).await;
        memory.extend(resident());
    };
    weather(storm, &kill, agent).await;
    let (published, lost) = site.relay.counts();
    println!(
        "{ORDERS} orders and {published} events, {lost} of them lost, in {:?}, resident KiB: {memory:?}",
        begun.elapsed()
    );
    backend.assert_once(&site.sandbox, KILLS.len() * IN_PROGRESS);
    assert!(published >= EVENTS && (1..EVENTS / 10).contains(&lost), "{published} {lost}");
    // Each agent, after each deletion, and after the change of the passcode.
    assert!(site.relay.registrations() > 1 + KILLS.len() + DELETIONS.len());
    if let [early, late] = memory[..] {
        assert!(late < early + GROWTH, "{early} KiB after {EARLY} orders, {late} KiB after {ORDERS}");
    }
    site.relay.end().await;
}

/// Nothing gets through for a minute, and no connection is closed. The heartbeats are those by default.
#[tokio::test]
#[ignore = "needs a RabbitMQ"]
async fn a_minute_of_silence_is_noticed_and_loses_nothing() {
    const SILENCE: Duration = Duration::from_secs(60);
    const EACH: usize = 10;
    let site = Site::start(3 * EACH).await;
    let (backend, progress) = (Counting::default(), Arc::new(Notify::new()));
    let line = Line::to(&site.rabbitmq.url).await;
    let processor = site.processor(&backend, &progress);
    let events = site.events(&line.url).connect().await.unwrap();
    let mut status = events.status();
    let mut times = Vec::new();
    let storm = async {
        let (mut customer, orders) =
            (Customer::new(&site.sandbox, site.client(Actor::Consumer), &progress), site.orders());
        let mut batches = orders.chunks(EACH);
        let mut approve = async |customer: &mut Customer<'_>| {
            for order in batches.next().unwrap() {
                customer.approve(*order).await;
            }
        };
        approve(&mut customer).await;
        customer.wait_for(0).await;
        line.pause(true);
        let begun = Instant::now();
        approve(&mut customer).await;
        status.wait_for(|status| !status.is_connected()).await.unwrap();
        times.push(begun.elapsed());
        tokio::time::sleep(SILENCE.saturating_sub(begun.elapsed())).await;
        line.pause(false);
        status.wait_for(|status| status.is_connected()).await.unwrap();
        customer.wait_for(0).await;
        times.push(begun.elapsed());
        approve(&mut customer).await;
        customer.wait_for(0).await;
    };
    let each = |_| progress.notify_one();
    tokio::time::timeout(crate::LIMIT, processor.run_on_events(events, storm, each)).await.unwrap();
    println!("the silence was noticed after {:?}, all was done after {:?}", times[0], times[1]);
    backend.assert_once(&site.sandbox, 0);
    // Two intervals after the last heartbeat.
    assert!((Duration::from_secs(9)..Duration::from_secs(25)).contains(&times[0]), "{times:?}");
    assert!(times[1] < SILENCE + Duration::from_secs(40), "{times:?}");
    site.relay.end().await;
}
