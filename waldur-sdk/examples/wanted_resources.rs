//! Reads a TOML file of wanted resources, plans what has to be ordered, and orders it:
//! `cargo run --example wanted_resources --features consumer -- [FILE] [--apply]`.
//!
//! Resources are told apart by their names: a second run has nothing to do. It runs on a sandbox in this
//! process; `Client::from_env()` connects to a real server.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use clap::Parser;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::consumer::{Consumer, OrderRequest, PlacedOrder, ProjectHandle, ResourceHandle};
use waldur_sdk::{Client, ClientExt as _, Decimal};

#[derive(Parser)]
struct Arguments {
    /// The file of wanted resources; by default one that fits the sandbox.
    file: Option<std::path::PathBuf>,
    /// Orders what the plan says.
    #[arg(long)]
    apply: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    project: String,
    #[serde(rename = "resource")]
    resources: Vec<WantedResource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedResource {
    name: String,
    offering: String,
    plan: Option<String>,
    #[serde(default)]
    limits: BTreeMap<String, Decimal>,
    #[serde(default)]
    attributes: Map<String, Value>,
}

/// What has to be done for a resource.
enum Step {
    Keep,
    Create(Box<OrderRequest>),
    Change(ResourceHandle, BTreeMap<String, Decimal>),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.write_str("keep"),
            Self::Create(_) => f.write_str("order"),
            Self::Change(_, limits) => write!(f, "set the limits {limits:?}"),
        }
    }
}

/// Finds out what has to be done, and checks it. Nothing is ordered.
async fn plan(
    consumer: &Consumer,
    project: &ProjectHandle,
    wanted: &WantedResource,
) -> Result<Step, Box<dyn Error>> {
    let offering = consumer.offerings().name_exact(&wanted.offering).project(project.uuid());
    let offering = offering.first().await?.ok_or_else(|| format!("no offering `{}`", wanted.offering))?;
    let there = project.resources().not_terminated().name_exact(&wanted.name).offering(&offering);
    if let Some(resource) = there.first().await? {
        let is_so = wanted.limits.iter().all(|(type_, limit)| resource.limits.get(type_) == Some(limit));
        return Ok(match is_so {
            true => Step::Keep,
            false => Step::Change(consumer.resource(&resource), wanted.limits.clone()),
        });
    }
    let details = consumer.offering(&offering).get().await?;
    let mut request = project.order(&offering).attributes(&wanted.attributes).name(&wanted.name);
    request = request.limits(wanted.limits.clone()).find_existing();
    if let Some(name) = &wanted.plan {
        let plan = details.orderable_plans().find(|plan| plan.name == *name);
        request = request.plan(plan.ok_or_else(|| format!("no plan `{name}`"))?);
    }
    request.check_against(&details)?;
    Ok(Step::Create(Box::new(request)))
}

async fn apply(step: Step) -> Result<Option<PlacedOrder>, waldur_sdk::Error> {
    Ok(match step {
        Step::Keep => None,
        Step::Create(request) => Some((*request).await?),
        Step::Change(resource, limits) => Some(resource.set_limits(limits).await?),
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let text = match &arguments.file {
        Some(path) => std::fs::read_to_string(path)?,
        None => include_str!("wanted_resources.toml").to_owned(),
    };
    let wanted: Wanted = toml::from_str(&text)?;

    let sandbox = sandbox().await?;
    let provider = tokio::spawn(provide(client(&sandbox, Actor::Provider)?));
    let consumer = client(&sandbox, Actor::Consumer)?.consumer();
    let project = consumer.projects().name_exact(&wanted.project).first().await?;
    let project = consumer.project(&project.ok_or_else(|| format!("no project `{}`", wanted.project))?);

    // The whole plan is made before anything is ordered.
    let mut steps = Vec::new();
    for resource in &wanted.resources {
        let step = plan(&consumer, &project, resource).await;
        let step = step.map_err(|error| format!("{}: {error}", resource.name))?;
        println!("{}: {step}", resource.name);
        steps.push((&resource.name, step));
    }
    if !arguments.apply {
        return Ok(());
    }
    let mut orders = Vec::new();
    for (name, step) in steps {
        if let Some(order) = apply(step).await? {
            orders.push((name, order));
        }
    }
    // They are carried out side by side.
    for (name, order) in orders {
        let wait = order.wait().poll_interval(Duration::from_millis(20), Duration::from_millis(200));
        let resource = wait.timeout(Duration::from_secs(30)).await?;
        println!("{name} is {}, with {:?}", resource.state, resource.limits);
    }
    for resource in &wanted.resources {
        let step = plan(&consumer, &project, resource).await?;
        assert!(matches!(step, Step::Keep), "{}: {step}", resource.name);
    }
    provider.abort();
    sandbox.shutdown().await;
    Ok(())
}

async fn sandbox() -> Result<Sandbox, Box<dyn Error>> {
    let builder = Sandbox::builder().orders(0).seed(|seed| {
        let slurm = seed.ids().offerings.slurm;
        seed.billing_type(slurm, "cpu", "limit");
        seed.limit_bounds(slurm, "cpu", Some(1), Some(64));
        let queue = json!({ "label": "Queue", "type": "select_string", "choices": ["short", "long"] });
        seed.order_option(slurm, "queue", queue);
    });
    Ok(builder.start().await?)
}

fn client(sandbox: &Sandbox, actor: Actor) -> Result<Client, waldur_sdk::Error> {
    Client::builder().url(sandbox.url()).token(sandbox.token(actor)).build()
}

/// Approves and finishes every order. Usually, another program of the provider does that.
async fn provide(client: Client) -> Result<(), waldur_sdk::Error> {
    loop {
        let _ = client.approve_all_pending_orders().await?;
        let _ = client.complete_all_executing_orders().await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
