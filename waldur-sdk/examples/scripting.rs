//! A script without an async runtime: `cargo run --example scripting --features blocking`.
//!
//! It takes server and token from the environment, or from a profile of `~/.config/waldur/config.toml`, and
//! only reads.

use waldur_sdk::ClientExt as _;
use waldur_sdk::blocking::Client;
use waldur_sdk::types::OrderState;

fn main() -> Result<(), waldur_sdk::Error> {
    let client = Client::from_env()?;
    for order in client.orders([OrderState::PendingProvider, OrderState::Executing])? {
        println!("{}  {:<16}  {}", order.uuid, order.state.to_string(), order.resource_name);
    }
    let resources = client.block_on(|client| async move { client.provider().live_resources().await })??;
    println!("{} resources in use", resources.len());
    Ok(())
}
