//! Orders a resource, waits until it is there, changes its limits, and ends it:
//! `cargo run --example order_and_wait --features consumer`.
//!
//! It runs on a sandbox in this process; `Client::from_env()` connects to a real server.

use std::error::Error;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::consumer::{EndedOrder, OrderEnd, PlacedOrder, Resource};
use waldur_sdk::{Client, ClientExt as _};

/// The attributes of an order, as the order form of the offering has them.
#[derive(Serialize)]
struct Attributes {
    name: String,
    queue: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::builder()
        .orders(0)
        .seed(|seed| {
            let slurm = seed.ids().offerings.slurm;
            seed.billing_type(slurm, "cpu", "limit");
            seed.limit_bounds(slurm, "cpu", Some(1), Some(64));
            let queue = json!({ "label": "Queue", "type": "select_string", "choices": ["short", "long"] });
            seed.order_option(slurm, "queue", queue);
        })
        .start()
        .await?;
    let provider = tokio::spawn(provide(client(&sandbox, Actor::Provider)?));
    let consumer = client(&sandbox, Actor::Consumer)?.consumer();

    let project = consumer.projects().name("Climate").first().await?.ok_or("no such project")?;
    let offering = consumer.offerings().name("Polar").first().await?.ok_or("no such offering")?;
    let details = consumer.offering(&offering).get().await?;
    for component in details.components.iter().filter(|component| component.takes_limit()) {
        println!("limit {}: {:?} to {:?}", component.type_, component.min_value, component.max_value);
    }
    for field in &details.attributes {
        println!("attribute {}: {} {:?}", field.name, field.type_, field.choices);
    }

    let request = consumer.project(&project).order(&offering);
    let mistaken = request.clone().limit("cpu", 1000).attribute("queue", "night");
    if let Err(error) = mistaken.check().await {
        for message in error.messages() {
            println!("refused before it is sent: {message}");
        }
    }

    let attributes = Attributes { name: "waves".to_owned(), queue: "long".to_owned() };
    let order = request.attributes(attributes).limit("cpu", 16).find_existing().await?;
    let resource = finished(&order).await?;
    println!("{} is {}, with {:?}", resource.name, resource.state, resource.limits);
    if let Some(scope) = resource.scope() {
        println!("behind it is the {} {}", scope.type_, scope.uuid.simple());
    }

    let handle = consumer.resource(&resource);
    let changed = finished(&handle.set_limits([("cpu", 32)]).await?).await?;
    println!("{} has {:?} now", changed.name, changed.limits);
    let ended = finished(&handle.terminate().await?).await?;
    println!("{} is {}", ended.name, ended.state);

    provider.abort();
    sandbox.shutdown().await;
    Ok(())
}

fn client(sandbox: &Sandbox, actor: Actor) -> Result<Client, waldur_sdk::Error> {
    Client::builder().url(sandbox.url()).token(sandbox.token(actor)).build()
}

/// Waits for an order, and tells its states.
async fn finished(order: &PlacedOrder) -> Result<Resource, waldur_sdk::Error> {
    let wait = order.wait().poll_interval(Duration::from_millis(20), Duration::from_millis(200));
    let wait = wait.timeout(Duration::from_secs(30));
    let result = wait.on_change(|order| println!("  the order is {}", order.state)).await;
    if let Err(error) = &result
        && let Some(EndedOrder { end: OrderEnd::Rejected { comment, .. }, .. }) = error.cause()
    {
        println!("  the order was rejected: {comment}");
    }
    result
}

/// Approves and finishes every order. Usually, another program of the provider does that.
async fn provide(client: Client) -> Result<(), waldur_sdk::Error> {
    loop {
        let _ = client.approve_all_pending_orders().await?;
        let _ = client.complete_all_executing_orders().await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
