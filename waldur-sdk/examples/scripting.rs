//! A script without an async runtime: `cargo run --example scripting --features blocking`.
//!
//! It reads the URL and the token from the environment, or from a profile of `~/.config/waldur/config.toml`.
//! It changes nothing.

use waldur_sdk::ClientExt as _;
use waldur_sdk::blocking::Client;

fn main() -> Result<(), waldur_sdk::Error> {
    let client = Client::from_env()?;
    let orders = client.wait(client.provider().orders().pending().executing().all())?;
    for order in orders {
        println!("{}  {:<16}  {}", order.uuid, order.state, order.resource_name);
    }
    let resources = client.wait(client.provider().resources().live().all())?;
    println!("{} resources in use", resources.len());
    Ok(())
}
