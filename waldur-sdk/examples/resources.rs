//! Sets the backend ids, limits and reports of resources: `cargo run --example resources`.
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

    for resource in provider.resources().live().offering(sandbox.ids().offerings.slurm).all().await? {
        let handle = provider.resource(&resource);
        if resource.backend_id.is_empty() {
            let id = format!("hpc_{}", resource.uuid.simple());
            // An error if another resource has the id.
            handle.claim_backend_id(&id).await?;
        }
        handle.set_limits([("cpu", 500)]).await?;
        handle.submit_report([("Quota", "500 CPU hours a month")]).await?;
        handle.touch().await?;

        let now = handle.get().await?;
        println!("{} is {} in the back end, with limits {:?}", now.name, now.backend_id, now.limits);
        for member in handle.team().await? {
            let account = member.offering_user_username.as_deref().unwrap_or("no account");
            println!("  {} ({}): {account}", member.full_name, member.role);
        }
        let found = provider.resources().find_by_backend_id(&now.backend_id).await?;
        assert_eq!(found.map(|found| found.uuid), Some(resource.uuid));
    }
    sandbox.shutdown().await;
    Ok(())
}
