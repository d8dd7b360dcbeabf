//! A back end that counts what it does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use waldur_sandbox::{OrderState as State, ResourceState, Sandbox};
use waldur_sdk::agent::{Backend, BackendError, Provisioned, Task};
use waldur_sdk::{BackendId, Uuid};

/// Makes accounts, and counts.
#[derive(Clone, Default)]
pub(crate) struct Counting(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// The accounts by resource, and how often each was asked for.
    accounts: HashMap<Uuid, usize>,
    /// How many accounts were really made.
    made: usize,
}

impl Counting {
    /// Checks that each order was carried out once. Agents that were killed may have asked for so many accounts
    /// again.
    pub(crate) fn assert_once(&self, sandbox: &Sandbox, again: usize) {
        let counts = self.0.lock().unwrap();
        let (orders, resources) = (sandbox.orders(), sandbox.resources());
        assert_eq!((counts.made, counts.accounts.len()), (orders.len(), orders.len()));
        let calls: usize = counts.accounts.values().sum();
        println!("{calls} calls of the back end for {} orders", orders.len());
        assert!(calls <= orders.len() + again, "{calls} calls for {} orders", orders.len());
        assert!(orders.iter().all(|order| order.state == State::Done));
        for resource in resources {
            assert_eq!(resource.state, ResourceState::Ok);
            assert_eq!(resource.backend_id, name(resource.uuid));
        }
    }
}

fn name(resource: Uuid) -> String {
    format!("hpc_{}", resource.simple())
}

impl Backend for Counting {
    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        let resource = task.order().resource_uuid;
        {
            let counts = &mut *self.0.lock().unwrap();
            let asked = counts.accounts.entry(resource).or_default();
            counts.made += usize::from(*asked == 0);
            *asked += 1;
        }
        // An agent may be killed here, too.
        tokio::task::yield_now().await;
        Provisioned::new(name(resource))
    }

    async fn update(&self, _: &Task, id: &BackendId) -> Result<(), BackendError> {
        Err(BackendError::permanent(format!("{id} isn't to be updated")))
    }

    async fn terminate(&self, _: &Task, id: &BackendId) -> Result<(), BackendError> {
        Err(BackendError::permanent(format!("{id} isn't to be terminated")))
    }
}
