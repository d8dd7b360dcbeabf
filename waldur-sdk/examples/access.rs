//! Gives everybody who should have one an account at an offering: `cargo run --example access`.

use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::{Client, ClientExt as _, OfferingUserTransition};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Client::from_env() is for a real server.
    let sandbox = Sandbox::start().await?;
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let offering = sandbox.ids().offerings.slurm;
    let provider = client.provider();

    let gaps = provider.access_gaps(offering).await?;
    println!("before: {gaps}");

    for member in &gaps.missing {
        // A real provider makes the account in its back end here.
        let username = format!("hpc_{}", member.username);
        let access = provider.grant_access(member.user_uuid, offering, username).await?;
        let how = if access.created { "made" } else { "found" };
        println!("{}: {} {how}", member.full_name, access.account.username);
    }
    for account in &gaps.unusable {
        let next: Vec<_> = account.transitions().map(|transition| transition.as_str()).collect();
        println!("{}: may {}", account.user_full_name, next.join(" or "));
    }
    for row in &gaps.unreadable {
        println!("can't be read: {row}");
    }
    for account in &gaps.surplus {
        provider.change_offering_user(account.uuid, OfferingUserTransition::RequestDeletion).await?;
        println!("{}: {} shall go", account.user_full_name, account.username);
    }

    println!("after: {}", provider.access_gaps(offering).await?);
    Ok(())
}
