//! Compares the offering users of an offering with its members, and creates what is missing:
//! `cargo run --example access`.

use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::accounts::OfferingUserTransition;
use waldur_sdk::{Client, ClientExt as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Client::from_env() connects to a real server.
    let sandbox = Sandbox::start().await?;
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let offering = sandbox.ids().offerings.slurm;
    let provider = client.provider();

    let gaps = provider.offering(offering).access_gaps().await?;
    println!("before: {gaps}");

    for member in &gaps.missing {
        // A real provider creates the account in its back end here.
        let username = format!("hpc_{}", member.username);
        let ensured = provider.ensure_offering_user(member.user_uuid, offering).username(username).await?;
        let how = if ensured.created { "created" } else { "found" };
        println!("{}: {} {how}", member.full_name, ensured.object.username);
    }
    for offering_user in &gaps.unusable {
        let next: Vec<_> = offering_user.transitions().map(|transition| transition.as_str()).collect();
        println!("{}: next is {}", offering_user.user_full_name, next.join(" or "));
    }
    for row in &gaps.unreadable {
        println!("can't be read: {row}");
    }
    for row in &gaps.unexpected {
        provider.offering_user(row).transition(OfferingUserTransition::RequestDeletion).await?;
        println!("{}: deletion of {} is requested", row.user_full_name, row.username);
    }

    println!("after: {}", provider.offering(offering).access_gaps().await?);
    Ok(())
}
