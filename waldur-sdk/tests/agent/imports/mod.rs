//! Requests for importable resources, on the sandbox.

mod faults;
mod rounds;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Map;
use waldur_sandbox::{ResourceState, Sandbox};
use waldur_sdk::agent::{
    BackendError, ImportResultKind as Kind, Importable, ImportableResource, ImportsProcessor, ProcessedImport,
};
use waldur_sdk::{BackendId, Client, Report, Uuid};

use crate::common::{client_builder, quick};

const REQUESTS: &str = "backend-resource-requests";
const IMPORTABLE: &str = "backend-resources";

/// The tests' own cluster: what it has, and how it fails.
#[derive(Clone, Debug, Default)]
struct Cluster {
    resources: Vec<ImportableResource>,
    fails: Arc<Mutex<Option<BackendError>>>,
    lists: Arc<Mutex<usize>>,
}

impl Importable for Cluster {
    async fn list(&self, _: Uuid) -> Result<Vec<ImportableResource>, BackendError> {
        *self.lists.lock().unwrap() += 1;
        match &*self.fails.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(self.resources.clone()),
        }
    }
}

impl Cluster {
    /// A cluster with the resources that Waldur knows, and `hpc_new1` and `hpc_new2`, the second one twice.
    fn of(sandbox: &Sandbox) -> Self {
        let project = sandbox.ids().project;
        let ids = ["hpc_known", "hpc_new1", "hpc_terminated", "hpc_listed", "hpc_new2", "hpc_new2"];
        let resource = |id: &str| {
            let metadata = Map::from_iter([("nodes".to_owned(), 4.into())]);
            ImportableResource::new(BackendId::new(id).unwrap(), id, project).metadata(metadata)
        };
        Self { resources: ids.map(resource).into(), ..Self::default() }
    }

    fn failing(self, error: BackendError) -> Self {
        *self.fails.lock().unwrap() = Some(error);
        self
    }
}

/// An offering of its own with `count` requests.
async fn sandbox_with(count: usize) -> Sandbox {
    sandbox_by(0, count).await
}

/// The same, with these dice for faults.
async fn sandbox_by(dice: u64, count: usize) -> Sandbox {
    let builder = Sandbox::builder().orders(0).dice(dice).seed(move |seed| {
        let (provider, project) = (seed.ids().provider_customer, seed.ids().project);
        let offering = seed.offering(provider, "hpc");
        let states = [
            ("known", ResourceState::Ok),
            ("terminated", ResourceState::Terminated),
            ("later", ResourceState::Creating),
        ];
        for (name, state) in states {
            let resource = seed.resource(offering, project, name, state);
            if name != "later" {
                seed.backend_id(resource, &format!("hpc_{name}"));
            }
        }
        for _ in 0..count {
            seed.import_request(offering);
        }
        seed.importable(offering, project, "hpc_listed");
        // Of another offering: it says nothing about this one.
        seed.importable(seed.ids().offerings.slurm, project, "hpc_new1");
    });
    builder.start().await.unwrap()
}

fn offering(sandbox: &Sandbox) -> Uuid {
    sandbox.resources().into_iter().find(|row| row.name == "known").unwrap().offering
}

/// The ids of what can be imported into the offering, sorted.
fn importable(sandbox: &Sandbox) -> Vec<String> {
    let offering = offering(sandbox);
    let rows = sandbox.documents(IMPORTABLE).into_iter().filter(|row| row.offering == Some(offering));
    let mut ids: Vec<_> = rows.map(|row| row.properties["backend_id"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}

/// What can be imported once a request is answered.
const ANSWERED: [&str; 4] = ["hpc_listed", "hpc_new1", "hpc_new2", "hpc_terminated"];

fn states(sandbox: &Sandbox) -> Vec<String> {
    sandbox.documents(REQUESTS).into_iter().map(|row| row.state).collect()
}

fn client(sandbox: &Sandbox) -> Client {
    client_builder(sandbox).retry(quick()).build().unwrap()
}

fn processor(sandbox: &Sandbox, cluster: &Cluster) -> ImportsProcessor<Cluster> {
    processor_of(&client(sandbox), sandbox, cluster)
}

fn processor_of(client: &Client, sandbox: &Sandbox, cluster: &Cluster) -> ImportsProcessor<Cluster> {
    ImportsProcessor::new(client, [offering(sandbox)], cluster.clone())
        .backoff(Duration::ZERO, Duration::ZERO)
}

fn kinds(report: &Report<ProcessedImport>) -> Vec<Kind> {
    report.items.iter().map(|item| item.target.result.kind()).collect()
}
