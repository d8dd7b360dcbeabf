//! Runs a sandbox until it is interrupted.

use std::time::Duration;

use clap::Parser;
use waldur_sandbox::{Actor, DEFAULT_ORDERS, Sandbox};

/// A stateful stand-in for a Waldur deployment, on the loopback interface.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The port to listen on; 0 is any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many orders to start with.
    #[arg(long, default_value_t = DEFAULT_ORDERS)]
    orders: usize,
    /// How many milliseconds each answer takes at least.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let sandbox = Sandbox::builder()
        .port(arguments.port)
        .orders(arguments.orders)
        .latency(Duration::from_millis(arguments.latency))
        .start()
        .await?;
    print(&sandbox);
    tokio::signal::ctrl_c().await?;
    sandbox.shutdown().await;
    Ok(())
}

fn print(sandbox: &Sandbox) {
    println!("{}", sandbox.url());
    println!("\ntokens (Authorization: Token …)");
    for actor in Actor::ALL {
        println!("  {:<20} {}", actor.username(), sandbox.token(actor));
    }
    let ids = sandbox.ids();
    println!("\nuuids");
    for (name, uuid) in [
        ("provider customer", ids.provider_customer),
        ("consumer customer", ids.consumer_customer),
        ("service provider", ids.service_provider),
        ("offering slurm", ids.offerings.slurm),
        ("offering basic", ids.offerings.basic),
        ("offering bulk", ids.offerings.bulk),
        ("project", ids.project),
        ("empty project", ids.empty_project),
        ("resource ok", ids.resources.ok),
        ("resource creating", ids.resources.creating),
        ("resource terminated", ids.resources.terminated),
        ("plan period", ids.plan_period),
        ("usage", ids.usage),
        ("offering user", ids.offering_user),
    ] {
        println!("  {name:<20} {}", uuid.simple());
    }
    println!("\n{} orders; Ctrl-C ends", sandbox.orders().len());
}
