//! Reports what resources used this month, and who used it: `cargo run --example usage`.
//!
//! It runs on a sandbox in this process; with `Client::from_env()` it would be a real server.

use std::error::Error;

use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::{Client, ClientExt as _, Component, Decimal, UserAmount};

/// What the back end would say.
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
    let provider = client.provider().of_offering(sandbox.ids().offerings.slurm);

    for resource in provider.live_resources().await? {
        // Nothing is sent of what is there already, and nothing that would be less.
        let report = provider.report_usage(resource.uuid).every(measured).skip_equal();
        println!("{}: {} to report", resource.name, report.dry_run().await?.usages.len());
        let sent = report.await?;

        let shares = sent.usages.iter().map(|usage| UserAmount {
            component: usage.type_.clone(),
            username: "alice_hpc".to_owned(),
            amount: usage.amount,
        });
        for item in provider.report_user_usages(resource.uuid, sent.month, shares).await? {
            println!("  users of {}: {}", item.component, item.outcome);
        }
        for usage in provider.usages(resource.uuid, sent.month).await? {
            println!("  {}: {} {}", usage.name, usage.amount, usage.measured_unit);
        }
    }
    sandbox.shutdown().await;
    Ok(())
}
