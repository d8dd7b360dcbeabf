//! How long it takes to approve 1,000 orders of a server that takes 20 ms for each answer, 16 at once:
//! `cargo bench -p waldur-sdk --bench approvals`.
//!
//! If nothing but the approvals took time, that would be 1.25 s. The best of three runs, lists included, must
//! stay under 1.1 of it. (The client itself has at most 100 requests under way unless told otherwise,
//! whatever the workflow asks for: see `ClientBuilder::max_concurrent_requests`.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::client_builder;
use waldur_sandbox::{OrderState, Sandbox};
use waldur_sdk::ClientExt as _;

const ORDERS: usize = 1000;
const AT_ONCE: usize = 16;
const LATENCY: Duration = Duration::from_millis(20);
const LIMIT: f64 = 1.1;

async fn approve() -> Duration {
    let builder = Sandbox::builder().orders(0).orders_in(OrderState::PendingProvider, ORDERS);
    let sandbox = builder.latency(LATENCY).start().await.unwrap();
    let client = client_builder(&sandbox).bulk_concurrency(AT_ONCE).build().unwrap();
    let begun = Instant::now();
    let report = client.approve_all_pending_orders().await.unwrap();
    let took = begun.elapsed();
    assert_eq!(report.applied(), ORDERS, "{report}");
    let requests = sandbox.requests().len();
    assert!(requests <= ORDERS + ORDERS.div_ceil(300) + 1, "{requests} requests");
    sandbox.shutdown().await;
    took
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ideal = LATENCY.as_secs_f64() * ORDERS as f64 / AT_ONCE as f64;
    let runs: Vec<f64> = (0..3).map(|_| runtime.block_on(approve()).as_secs_f64() / ideal).collect();
    let best = runs.iter().copied().fold(f64::INFINITY, f64::min);
    println!("{ORDERS} orders, {AT_ONCE} at once: {runs:.3?} of the ideal {ideal:.2} s (limit {LIMIT})");
    if best > LIMIT {
        eprintln!("the approvals take too long");
        std::process::exit(1);
    }
}
