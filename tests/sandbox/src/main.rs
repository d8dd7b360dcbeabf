//! Runs a sandbox until it is interrupted.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Parser;
use waldur_sandbox::{Actor, DEFAULT_ORDERS, Misbehaviour, Release, Sandbox};

/// A stateful stand-in for a Waldur deployment, on the loopback interface.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The port to listen on; 0 is any free port.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The seed of the random numbers that decide about faults by chance.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The number of initial orders.
    #[arg(long, default_value_t = DEFAULT_ORDERS)]
    orders: usize,
    /// The minimum time from a request to its response, in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// Faults, separated by commas: FAULT[@OPERATION or path end][*TIMES][%PERCENT].
    ///
    /// FAULT is a status such as 503 (429:3 adds Retry-After: 3), reset-before, reset-after, empty, delay:MS,
    /// truncated, stalled, media-type:TYPE, extra, missing[:NAMES], null[:NAMES], blank[:NAMES],
    /// unknown[:NAMES] (NAMES are property names separated by +), vanished:COUNT, older, after:STATUS,
    /// portal[:STATUS], length-required, close:MICROSECONDS or clock:SECONDS. For example:
    /// 503%5,reset-after@marketplace_orders_approve_by_provider*2
    #[arg(long, value_delimiter = ',', value_name = "FAULTS")]
    faults: Vec<Misbehaviour>,
    /// A fixed time, such as 2026-10-31T23:59:59Z. By default the system's clock is used.
    #[arg(long, value_name = "TIME")]
    now: Option<DateTime<Utc>>,
    /// Respond as a server of late 2024 does, without properties added since.
    #[arg(long)]
    older: bool,
    /// Respond as a server newer than the schema does, with operations that the schema lacks.
    #[arg(long, conflicts_with = "older")]
    newer: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
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
    println!("{} (events by STOMP)", sandbox.broker().url());
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
        "\n{} orders; violations of the schema are printed to standard error; Ctrl-C stops the server",
        sandbox.orders().len()
    );
}
