//! Whole agents: all loops side by side, on the sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod day;
mod events;
mod figures;
mod on_a_server;
mod presence;
mod side_by_side;
#[cfg(target_os = "linux")]
mod slurm;
mod world;

use std::sync::Arc;
use std::time::Duration;

use common::{client_builder, quick};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use waldur_sandbox::{OfferingUserState, Release, Sandbox};
use waldur_sdk::Client;
use waldur_sdk::agent::{Activity, AgentBuilder};

use world::World;

/// The time limit of each test.
const LIMIT: Duration = Duration::from_secs(60);

fn client(sandbox: &Sandbox) -> Client {
    client_builder(sandbox).retry(quick()).build().unwrap()
}

/// An offering without orders, whose user Bob needs an account.
async fn sandbox() -> Sandbox {
    let builder = Sandbox::builder().release(Release::Newer).orders(0).seed(|seed| {
        let ids = *seed.ids();
        seed.billing_type(ids.offerings.slurm, "ram", "limit");
        seed.offering_user(ids.offerings.slurm, ids.users.bob, "", OfferingUserState::Requested);
    });
    builder.start().await.unwrap()
}

/// Switches all loops on, with short intervals.
fn all_loops(builder: AgentBuilder, world: &Arc<World>) -> AgentBuilder {
    let pause = Duration::from_millis(20);
    builder
        .orders_with(Arc::clone(world), move |orders| {
            orders.interval(pause).backoff(Duration::from_millis(1), pause)
        })
        .membership_with(Arc::clone(world), move |membership| membership.interval(pause).remove_unknown())
        .accounts_with(Arc::clone(world), move |accounts| {
            accounts.interval(pause).backoff(Duration::from_millis(1), pause)
        })
        .usage_with(Arc::clone(world), move |usage| usage.interval(pause))
        .resources_with(Arc::clone(world), move |resources| {
            resources.interval(pause).backoff(Duration::from_millis(1), pause)
        })
        .imports_with(Arc::clone(world), move |imports| imports.interval(pause))
}

/// What an agent does, as lines.
struct Activities(UnboundedReceiver<String>);

fn activities() -> (impl Fn(&Activity<'_>) + Send + Sync + 'static, Activities) {
    let (sender, receiver): (UnboundedSender<String>, _) = unbounded_channel();
    let on_activity = move |activity: &Activity<'_>| {
        let _ = sender.send(activity.to_string());
    };
    (on_activity, Activities(receiver))
}

impl Activities {
    /// Waits for a line with this text.
    async fn until(&mut self, text: &str) -> String {
        let mut lines = Vec::new();
        let found = timeout(LIMIT, async {
            loop {
                let line = self.0.recv().await.expect("the agent goes on");
                if line.contains(text) {
                    return line;
                }
                lines.push(line);
            }
        });
        found.await.unwrap_or_else(|_| panic!("no {text:?} in {lines:#?}"))
    }

    /// Waits until `holds`, which is asked after each activity.
    async fn until_holds(&mut self, what: &str, holds: impl Fn() -> bool) {
        let waited = timeout(LIMIT, async {
            while !holds() {
                self.0.recv().await.expect("the agent goes on");
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{what}"));
    }

    /// Waits until `holds`, which asks the server after each activity.
    async fn until_seen(&mut self, what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
        let waited = timeout(limit, async {
            while !holds().await {
                self.0.recv().await.expect("the agent goes on");
                while self.0.try_recv().is_ok() {}
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{what}"));
    }
}
