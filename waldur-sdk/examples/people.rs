//! Lists the offerings, customers, project roles and SSH keys of a service provider:
//! `cargo run --example people`.
//!
//! It runs on a sandbox in this process; `Client::from_env()` connects to a real server.

use std::error::Error;

use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::{Client, ClientExt as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let provider = client.provider();

    let organisation = sandbox.ids().provider_customer;
    let Some(own) = provider.service_providers().of_customer(organisation).await? else {
        println!("the organisation provides nothing");
        return Ok(());
    };
    println!("{} has", own.customer_name);
    for offering in provider.service_provider(own.uuid).offerings().all().await? {
        println!("  {} ({}, {} resources)", offering.name, offering.state, offering.resources_count);
    }
    println!("for");
    for customer in provider.service_provider(own.uuid).customers().all().await? {
        println!("  {} with {} users", customer.name, customer.users_count);
    }
    let keys = provider.service_provider(own.uuid).ssh_keys().all().await?;
    for permission in provider.service_provider(own.uuid).project_permissions().all().await? {
        let (name, role, project) = (permission.user_full_name, permission.role, permission.project_name);
        println!("{name} is {role} of {project}");
        for key in keys.iter().filter(|key| key.user_uuid == permission.user_uuid) {
            println!("  {} {}", key.type_, key.name);
        }
    }
    sandbox.shutdown().await;
    Ok(())
}
