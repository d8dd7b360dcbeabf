//! A whole agent: `cargo run --features agent --example order_processor` has it work until the sandbox has no more
//! orders. Its back end is a map, where a real one calls a cluster or a cloud.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::agent::{AgentIdentity, Backend, BackendError, Limits, OrderProcessor, Provisioned, Task};
use waldur_sdk::{Client, Uuid};

#[derive(Default)]
struct Cluster(Mutex<BTreeMap<Uuid, Limits>>);

impl Backend for Cluster {
    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        if task.team().await?.is_empty() {
            return Err(BackendError::transient("nobody is in the project yet"));
        }
        self.update(task).await?; // Whoever comes again finds the same account.
        Ok(Provisioned::new(format!("hpc_{}", task.order().resource_name))
            .limits(task.order().limits.clone()))
    }

    async fn update(&self, task: &Task) -> Result<(), BackendError> {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(task.order().resource_uuid, task.order().limits.clone());
        Ok(())
    }

    async fn terminate(&self, task: &Task) -> Result<(), BackendError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&task.order().resource_uuid);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::start().await?; // Client::from_env() is for a real server.
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let offering = sandbox.ids().offerings.bulk;
    let agent = AgentIdentity::register(&client, offering, "example", "1.0").await?;
    let service = agent.register_service(&client, "orders", "order_process").await?;

    let processor = OrderProcessor::new(&client, [offering], Cluster::default());
    let processor = processor.interval(Duration::from_millis(50));
    let (stop, mut done) = (processor.stop_handle(), 0);
    let each_round = |report: waldur_sdk::agent::RoundReport| {
        println!("{report}");
        done += report.count("done");
        if report.orders.is_empty() {
            stop.stop();
        }
    };
    // A real one runs until tokio::signal::ctrl_c().
    processor.run(std::future::pending::<()>(), each_round).await;
    service.set_statistics(&client, &serde_json::json!({ "done": done })).await?;
    Ok(())
}
