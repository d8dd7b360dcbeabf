//! Approves one order, waits until it is done, and rejects the other pending ones:
//! `cargo run --example orders`.
//!
//! It runs on a sandbox in this process; `Client::from_env()` connects to a real server.

use std::error::Error;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::types::{OrderState, RequestTypes};
use waldur_sdk::{Client, ClientExt as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let provider = client.provider();

    let orders = provider.orders().pending().of_type(RequestTypes::Create).all().await?;
    println!("{} orders wait for approval", orders.len());
    let Some(order) = orders.first() else { return Ok(()) };

    // The steps of the order are applied here; usually, another program does that.
    let wait =
        provider.order(order.uuid).wait().poll_interval(Duration::from_millis(20), Duration::from_secs(1));
    let mut changes = wait.timeout(Duration::from_secs(10)).changes();
    while let Some(change) = changes.try_next().await? {
        println!("order {} of {} is {}", change.uuid, change.resource_name, change.state);
        let step = match change.state {
            OrderState::PendingProvider => provider.order(change.uuid).approve().await,
            OrderState::Executing => provider.order(change.uuid).set_done().await,
            _ => continue,
        };
        println!("  {:?}", step?);
    }

    let report = provider.orders().pending().reject_all("The cluster is being replaced").await?;
    println!("rejected: {report}");
    for item in report.failures() {
        println!("order {}: {}", item.target.uuid, item.outcome);
    }
    sandbox.shutdown().await;
    Ok(())
}
