//! Thousands of events through an order processor while its broker fails: each order is carried out once, and
//! no memory is lost. A program of its own, since it measures the memory of its process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod counting;
mod customer;
#[path = "../events/line.rs"]
mod line;
mod memory;
mod on_rabbitmq;
mod on_sandbox;
#[path = "../events/rabbitmq.rs"]
mod rabbitmq;
#[path = "../events/registry.rs"]
mod registry;
mod relay;

use std::time::Duration;

use tokio::sync::Notify;
use waldur_sandbox::{Builder, OrderState as State, OrderType as Type, Release, ResourceState, Sandbox};

/// Each of these orders has ten events. The server publishes three of them: it waits for the provider, is
/// executing, is done.
const ORDERS: usize = 1010;
/// Its further events, as a server publishes them for orders that it thinks forgotten.
const COPIES: usize = 7;
const EVENTS: usize = 10_000;
/// The largest number of orders that are open at a time.
const OPEN: usize = 30;
/// The numbers of orders after which the agent is killed and another one starts.
const KILLS: [usize; 3] = [50, 100, 150];
/// How many orders each of them may have had in progress, by events and in a round.
const IN_PROGRESS: usize = 2 * 8;
/// The numbers of orders after which the broker stops. It starts again some orders later.
const STOPS: [usize; 3] = [300, 550, 800];
const DOWNTIME: usize = 10;
/// The number of orders after which the memory is measured first: after 2000 events.
const EARLY: usize = 200;
/// How much more memory may be in use at the end, in KiB. Half a kilobyte for each event would be more.
const GROWTH: u64 = 4 * 1024;

/// What takes longer has failed.
const LIMIT: Duration = Duration::from_secs(600);

/// A server with so many orders of one offering that wait for their customer.
fn sandbox_of(orders: usize) -> Builder {
    Sandbox::builder().release(Release::Newer).orders(0).without_resources().seed(move |seed| {
        let (bulk, project) = (seed.ids().offerings.bulk, seed.ids().project);
        for number in 0..orders {
            let resource = seed.resource(bulk, project, &format!("job{number}"), ResourceState::Creating);
            seed.order(resource, Type::Create, State::PendingConsumer);
        }
    })
}

/// Runs agents until the storm is over: one after the other, each until it is killed.
async fn weather<F: Future<Output = ()>>(
    storm: impl Future<Output = ()>,
    kill: &Notify,
    agent: impl Fn() -> F,
) {
    let agents = async {
        loop {
            tokio::select! {
                // Dropping the future is what a kill does to the orders in progress.
                () = kill.notified() => {}
                () = agent() => panic!("the agent ended"),
            }
        }
    };
    let storm = async {
        tokio::select! {
            () = storm => {}
            () = agents => {}
        }
    };
    tokio::time::timeout(LIMIT, storm).await.expect("some orders were never carried out");
}
