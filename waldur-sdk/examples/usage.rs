//! Reports the usage of resources in the current month, also by user: `cargo run --example usage`.
//!
//! It runs on a sandbox in this process; `Client::from_env()` connects to a real server.

use std::error::Error;

use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::usage::{Component, UserAmount};
use waldur_sdk::{Client, ClientExt as _, Decimal};

/// Returns the usage that the back end measured.
fn measured(component: &Component) -> Option<Decimal> {
    match component.measured_unit.as_str() {
        "hours" => Some(Decimal::new(12_345, 2)),
        "GB-hours" => Some(Decimal::from(2048)),
        _ => None,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let provider = client.provider();
    let live = provider.resources().live().offering(sandbox.ids().offerings.slurm);

    for resource in live.clone().all().await? {
        let handle = provider.resource(&resource);
        // Skips amounts that are already reported. A lower amount is an error.
        let report = handle.report_usage().each(measured).skip_equal();
        println!("{}: {} to report", resource.name, report.dry_run().await?.usages.len());
        let sent = report.await?;

        let shares = sent.usages.iter().map(|usage| UserAmount {
            component: usage.type_.clone(),
            username: "alice_hpc".to_owned(),
            amount: usage.amount,
        });
        for item in handle.report_user_usage(sent.month, shares).await? {
            println!("  {} of {}: {}", item.target.component, item.target.username, item.outcome);
        }
        for usage in handle.usage(sent.month).await? {
            println!("  {}: {} {}", usage.name, usage.amount, usage.measured_unit);
        }
    }

    // All resources at once.
    let report = live.report_usage_all(|_resource, component| measured(component)).skip_equal().await?;
    println!("{report}");
    sandbox.shutdown().await;
    Ok(())
}
