//! What a program's log says of its calls: `cargo run --example tracing`, with RUST_LOG for more or less.
//!
//! Each line has the span of its call: the operation, the status, how often it was sent and how long it took.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use waldur_sandbox::{Actor, Fault, OrderState, Sandbox};
use waldur_sdk::{Client, ClientExt as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,waldur_sdk=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A line when a call is over, with all that became known of it.
        .with_span_events(FmtSpan::CLOSE)
        .with_target(false)
        .init();

    // Client::from_env() is for a real server.
    let sandbox = Sandbox::builder().orders(0).orders_in(OrderState::PendingProvider, 2).start().await?;
    let client = Client::builder()
        .url(sandbox.url())
        .token(sandbox.token(Actor::Provider))
        .user_agent("tracing-example/1.0")
        .build()?;

    // The first list meets a busy server and is asked for again; an approval would not be.
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::Status(503));
    println!("{}", client.approve_all_pending_orders().await?);

    sandbox.fail_next(9, "GET", "/marketplace-provider-resources/", Fault::Status(502));
    if let Err(error) = client.provider().resources().live().all().await {
        println!("{error}");
    }
    Ok(())
}
