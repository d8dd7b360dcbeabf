//! Tells about resources what only the back end knows: `cargo run --example resources`.
//!
//! It runs on a sandbox in this process; with `Client::from_env()` it would be a real server.

use std::error::Error;

use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::types::ResourceState;
use waldur_sdk::{Client, ClientExt as _, ResourceFilter};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let provider = client.provider().of_offering(sandbox.ids().offerings.slurm);

    for resource in provider.resources(ResourceFilter::new().state(ResourceState::Ok)).await? {
        if resource.backend_id.is_empty() {
            let id = format!("hpc_{}", resource.uuid.simple());
            // Refused if another resource has it.
            provider.set_unique_backend_id(resource.uuid, &id).await?;
        }
        provider.set_limits(resource.uuid, [("cpu", 500)]).await?;
        provider.submit_report(resource.uuid, [("Quota", "500 CPU hours a month")]).await?;
        provider.refresh_last_sync(resource.uuid).await?;

        let now = provider.resource(resource.uuid).await?;
        println!("{} is {} in the back end, with limits {:?}", now.name, now.backend_id, now.limits);
        for member in provider.team(resource.uuid).await? {
            let account = member.offering_user_username.as_deref().unwrap_or("no account");
            println!("  {} ({}): {account}", member.full_name, member.role);
        }
        let found = provider.resource_by_backend_id(&now.backend_id).await?;
        assert_eq!(found.map(|found| found.uuid), Some(resource.uuid));
    }
    sandbox.shutdown().await;
    Ok(())
}
