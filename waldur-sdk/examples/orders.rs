//! Approves one order, waits until it is done, rejects what else waits: `cargo run --example orders`.
//!
//! It runs on a sandbox in this process; with `Client::from_env()` it would be a real server.

use std::error::Error;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::types::{OrderState, RequestTypes};
use waldur_sdk::{Client, ClientExt as _, OrderFilter};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let provider = client.provider();

    let waiting = OrderFilter::new().state(OrderState::PendingProvider).of_type(RequestTypes::Create);
    let orders = provider.find_orders(waiting).await?;
    println!("{} resources are asked for", orders.len());
    let Some(order) = orders.first() else { return Ok(()) };

    // What another program would do meanwhile is done here, change by change.
    let wait = provider.wait_for_order(order.uuid).every(Duration::from_millis(20), Duration::from_secs(1));
    let mut changes = wait.within(Duration::from_secs(10)).changes();
    while let Some(change) = changes.try_next().await? {
        println!("order {} of {} is {}", change.uuid, change.resource_name, change.state);
        let outcome = match change.state {
            OrderState::PendingProvider => provider.approve_order(change.uuid).await,
            OrderState::Executing => provider.set_order_done(change.uuid).await,
            _ => continue,
        };
        println!("  {outcome}");
    }

    let report = provider.reject_all_pending_orders("The cluster is being replaced").await?;
    println!("rejected: {report}");
    for item in report.failures() {
        println!("order {}: {}", item.order.uuid, item.outcome);
    }
    sandbox.shutdown().await;
    Ok(())
}
