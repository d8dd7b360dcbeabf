//! Logs the calls of a program: `cargo run --example tracing`. RUST_LOG sets the filter.
//!
//! Each line has the span of its call: the operation, the status, the number of attempts and the duration.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;
use waldur_sandbox::{Actor, Fault, OrderState, Sandbox};
use waldur_sdk::{Client, ClientExt as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "warn,waldur_sdk=info".to_owned());
    // Logs a line when a call is finished, with all fields of its span.
    let lines = fmt::layer().with_span_events(FmtSpan::CLOSE).with_target(false);
    let filter: Targets = filter.parse().map_err(|error| format!("RUST_LOG: {error}"))?;
    tracing_subscriber::registry().with(filter).with(lines).init();

    // Client::from_env() connects to a real server.
    let sandbox = Sandbox::builder().orders(0).orders_in(OrderState::PendingProvider, 2).start().await?;
    let client = Client::builder()
        .url(sandbox.url())
        .token(sandbox.token(Actor::Provider))
        .user_agent("tracing-example/1.0")
        .build()?;

    // The first request for the list gets a 503 and is retried. A request for an approval would not be.
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::Status(503));
    println!("{}", client.approve_all_pending_orders().await?);

    sandbox.fail_next(9, "GET", "/marketplace-provider-resources/", Fault::Status(502));
    if let Err(error) = client.provider().resources().live().all().await {
        println!("{error}");
    }
    Ok(())
}
