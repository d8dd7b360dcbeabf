//! A complete agent. `cargo run --features agent --example order_processor` runs it until the sandbox has no
//! more orders. Its back end is a map in memory; a real one calls a cluster or a cloud.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::agent::{
    AgentIdentity, Backend, BackendError, Limits, OrderProcessor, OrderResultKind, ProcessedOrder,
    Provisioned, Task,
};
use waldur_sdk::{BackendId, Client, Report, Uuid};

#[derive(Default)]
struct Cluster(Mutex<BTreeMap<Uuid, Limits>>);

impl Backend for Cluster {
    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        if task.team().await?.is_empty() {
            return Err(BackendError::transient("nobody is in the project yet"));
        }
        self.set(task); // Another attempt finds the same account.
        let provisioned = Provisioned::new(format!("hpc_{}", task.order().resource_name))?;
        Ok(provisioned.limits(task.order().limits.clone()))
    }

    async fn update(&self, task: &Task, id: &BackendId) -> Result<(), BackendError> {
        println!("{id} is changed");
        self.set(task);
        Ok(())
    }

    async fn terminate(&self, task: &Task, id: &BackendId) -> Result<(), BackendError> {
        println!("{id} is removed");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&task.order().resource_uuid);
        Ok(())
    }
}

impl Cluster {
    fn set(&self, task: &Task) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(task.order().resource_uuid, task.order().limits.clone());
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::start().await?; // Client::from_env() connects to a real server.
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let offering = sandbox.ids().offerings.bulk;
    let agent = AgentIdentity::register(&client, offering, "example", "1.0").await?;
    let service = agent.register_service(&client, "orders", "order_process").await?;

    let processor = OrderProcessor::new(&client, [offering], Cluster::default());
    // Each order is a sign of life.
    let processor = processor.interval(Duration::from_millis(50)).on_order(|order| println!("{order}"));
    let (stop, mut done) = (processor.stop_handle(), 0);
    let each_round = |report: Report<ProcessedOrder>| {
        println!("{report}");
        for problem in report.problems() {
            eprintln!("{problem}");
        }
        done += report.count(OrderResultKind::Done);
        if report.items.is_empty() {
            stop.stop();
        }
    };
    // A real one runs until tokio::signal::ctrl_c().
    processor.run(std::future::pending::<()>(), each_round).await;
    service.set_statistics(&client, &serde_json::json!({ "done": done })).await?;
    Ok(())
}
