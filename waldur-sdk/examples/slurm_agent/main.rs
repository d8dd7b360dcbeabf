//! A whole agent for a SLURM cluster: `cargo run --features agent,events --example slurm_agent -- FILE`.
//!
//! It makes an account for each resource, with the ordered limits, keeps the associations of the account in
//! line with the team, and reports the usage of the month. Between orders it pauses, downscales and restores
//! accounts as Waldur says, sets limits that were changed, and marks resources whose account is gone as
//! erred. It cancels the jobs of accounts and members that have to go. It tells Waldur the names that users
//! have in the directory of the site.
//!
//! It is tested on SLURM 22.05 and 24.11, with slurmdbd. It changes one thing at a time, since SLURM may
//! carry out only half of a change if others are made at the same time.
//!
//! FILE is like the one next to this source. The server and the token are in the environment, WALDUR_API_URL
//! and WALDUR_ACCESS_TOKEN, or in a profile of the client. SIGTERM and Ctrl-C end the agent when what is in
//! progress is finished.

mod cluster;
mod command;
mod config;
mod directory;
mod health;
mod resources;
mod sacctmgr;
mod scancel;
mod sreport;
mod tres;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;
use waldur_sdk::agent::{Activity, Agent, shutdown_signal};
use waldur_sdk::{Client, Outcome};

use cluster::Cluster;
use config::Config;
use directory::Directory;

/// Serves an offering with a SLURM cluster.
#[derive(Parser)]
struct Arguments {
    /// The configuration file.
    config: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned());
    let lines = fmt::layer().with_ansi(false);
    let filter: Targets = filter.parse().map_err(|error| format!("RUST_LOG: {error}"))?;
    tracing_subscriber::registry().with(filter).with(lines).init();
    let config = Config::read(&Arguments::parse().config)?;
    let client = Client::from_env()?;
    let cluster = Arc::new(Cluster::new(&config));

    let seconds = Duration::from_secs;
    let intervals = config.intervals;
    let factors = cluster.factors();
    let builder = Agent::builder(&client)
        .offering(config.offering)
        .identity(config.name, env!("CARGO_PKG_VERSION"))
        .backend("slurm", cluster.version().await?)
        .orders_with(Arc::clone(&cluster), move |orders| orders.interval(seconds(intervals.orders)))
        .membership_with(Arc::clone(&cluster), move |members| {
            // The associations of the accounts are the agent's: nobody else adds any.
            members.remove_unknown().interval(seconds(intervals.membership))
        })
        .resources_with(Arc::clone(&cluster), move |resources| {
            resources.interval(seconds(intervals.resources))
        })
        .usage_with(Arc::clone(&cluster), move |usage| {
            let usage = usage.interval(seconds(intervals.usage));
            factors.into_iter().fold(usage, |usage, (component, factor)| usage.factor(component, factor))
        })
        .on_activity(log);
    let builder = match config.usernames.as_ref().map(Directory::new) {
        Some(directory) => {
            builder.accounts_with(directory, move |accounts| accounts.interval(seconds(intervals.accounts)))
        }
        None => builder,
    };
    let agent = if config.events { builder.events() } else { builder }.build()?;

    let endpoint = health::serve(config.health, agent.monitor()).await?;
    if let Some(signal) = agent.run_until(shutdown_signal()).await {
        signal?;
    }
    endpoint.abort();
    tracing::info!("the agent has ended");
    Ok(())
}

/// Logs what the agent does: what was done as information, what failed as a warning.
fn log(activity: &Activity<'_>) {
    let outcome = match activity {
        Activity::Order(item) => &item.outcome,
        Activity::Members(item) => &item.outcome,
        Activity::Account(item) => &item.outcome,
        Activity::Resource(item) => &item.outcome,
        Activity::Usage(item) => &item.outcome,
        // The items were logged. What concerns none of them, such as a list that failed, is in the summary.
        Activity::RoundEnded { kind, summary, .. } if !summary.is_ok() => {
            return tracing::warn!("{kind}: {summary}");
        }
        Activity::RoundBegun { .. } => return tracing::debug!("{activity}"),
        // The agent has logged them.
        Activity::Panicked { .. } | Activity::NotRegistered { .. } => return,
        _ => return tracing::info!("{activity}"),
    };
    match outcome {
        Outcome::Unchanged => tracing::debug!("{activity}"),
        outcome if outcome.error().is_some() => tracing::warn!("{activity}"),
        _ => tracing::info!("{activity}"),
    }
}
