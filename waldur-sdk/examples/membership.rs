//! Synchronises the members of a group with the team of a resource:
//! `cargo run --example membership --features agent`.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::Client;
use waldur_sdk::membership::{ListedMember, Member, Membership, MembershipBackend, MembershipResource};

/// A back end in memory. A real one calls a directory or a scheduler.
struct Groups(Mutex<BTreeSet<String>>);

impl Groups {
    fn members(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MembershipBackend for Groups {
    type Error = std::io::Error;

    async fn list(&self, _: &MembershipResource) -> Result<Vec<ListedMember>, Self::Error> {
        Ok(self.members().iter().cloned().map(ListedMember::from).collect())
    }

    async fn add(&self, resource: &MembershipResource, member: &Member) -> Result<(), Self::Error> {
        println!("{}: + {} ({})", resource.backend_id, member.username, member.email);
        self.members().insert(member.username.to_string());
        Ok(())
    }

    async fn remove(&self, resource: &MembershipResource, member: &Member) -> Result<(), Self::Error> {
        println!("{}: - {}", resource.backend_id, member.username);
        self.members().remove(member.username.as_str());
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Client::from_env() connects to a real server.
    let sandbox = Sandbox::start().await?;
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let resource = sandbox.ids().resources.ok;
    let membership = Membership::new(&client, Groups(Mutex::new(["root".to_owned()].into())));

    println!("{}\n", membership.plan(resource).await?); // what would be done
    println!("{}", membership.sync_resource(resource).await?);
    println!("again: {}", membership.sync_resource(resource).await?);
    Ok(())
}
