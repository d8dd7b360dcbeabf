//! Runs a sandbox until it is interrupted.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Parser;
use waldur_sandbox::{Actor, DEFAULT_ORDERS, Misbehaviour, Release, Sandbox};

/// A stateful stand-in for a Waldur deployment, on the loopback interface.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The port to listen on; 0 is any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What the dice start with that decide about faults by chance.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many orders to start with.
    #[arg(long, default_value_t = DEFAULT_ORDERS)]
    orders: usize,
    /// How many milliseconds each answer takes at least.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// How to misbehave, with commas between: FAULT[@OPERATION or path end][*TIMES][%PERCENT].
    ///
    /// FAULT is a status such as 503 (429:3 adds Retry-After: 3), reset-before, reset-after, empty, delay:MS,
    /// truncated, stalled, media-type:TYPE, extra, missing[:NAMES], null[:NAMES], blank[:NAMES],
    /// unknown[:NAMES] (NAMES are property names with + between), vanished:COUNT, older, after:STATUS,
    /// portal[:STATUS], length-required, close:MICROSECONDS or clock:SECONDS. For example:
    /// 503%5,reset-after@marketplace_orders_approve_by_provider*2
    #[arg(long, value_delimiter = ',', value_name = "FAULTS")]
    faults: Vec<Misbehaviour>,
    /// The time to begin with, such as 2026-10-31T23:59:59Z, which stands still; without it, the machine's.
    #[arg(long, value_name = "TIME")]
    now: Option<DateTime<Utc>>,
    /// Answer as a server of late 2024 does, without younger properties.
    #[arg(long)]
    older: bool,
    /// Answer as a server younger than the schema does, with operations that the schema doesn't know.
    #[arg(long, conflicts_with = "older")]
    newer: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let mut builder = Sandbox::builder()
        .port(arguments.port)
        .orders(arguments.orders)
        .latency(Duration::from_millis(arguments.latency))
        .dice(arguments.seed)
        .release(match arguments {
            Arguments { older: true, .. } => Release::Late2024,
            Arguments { newer: true, .. } => Release::Newer,
            _ => Release::Schema,
        })
        .allow_violations()
        .print_violations();
    for fault in arguments.faults {
        builder = builder.misbehave(fault);
    }
    if let Some(now) = arguments.now {
        builder = builder.now(now);
    }
    let sandbox = builder.start().await?;
    print(&sandbox);
    tokio::signal::ctrl_c().await?;
    println!("{} requests, {} violations", sandbox.requests().len(), sandbox.violations().len());
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
    println!(
        "\n{} orders; what breaks the schema is said on standard error; Ctrl-C ends",
        sandbox.orders().len()
    );
}
