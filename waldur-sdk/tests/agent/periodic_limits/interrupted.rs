//! Processes that end at any request.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;
use waldur_sandbox::{Fault, Misbehaviour, Sandbox};
use waldur_sdk::agent::{PeriodicLimitsProcessor, ProcessedPeriodicLimits};
use waldur_sdk::events::{EventKind, Events};
use waldur_sdk::{Client, ClientExt as _, Item, Uuid};

use crate::common::interrupting::{cut_off_when, single_minded};
use crate::common::{client, posts_to};
use crate::periodic_limits::{LIMIT, POLICIES, REPORT, Slurm, add_policy, publish_of};

/// How many resources get settings, each by a policy of its own.
const COUNT: usize = 3;

/// The resources whose settings are applied and reported.
type Done = Mutex<BTreeSet<Uuid>>;

/// What is compared between runs: what was reported of each policy, and what was applied last.
fn everything(sandbox: &Sandbox, slurm: &Slurm) -> (Vec<Value>, Vec<(String, i64)>) {
    let results = sandbox.documents(POLICIES).into_iter().map(|row| row.properties["last_result"].clone());
    let mut applied = slurm.applied.lock().unwrap().clone();
    applied.sort_unstable();
    applied.dedup();
    (results.collect(), applied)
}

/// A sandbox with settings in the queue of an agent that isn't there.
async fn sandbox_with_settings() -> Sandbox {
    let sandbox = Sandbox::builder().orders(0).start().await.unwrap();
    let client = client(&sandbox);
    drop(subscribe(&client, &sandbox).await);
    let offering = sandbox.ids().offerings.slurm;
    let resources = sandbox.resources().into_iter().filter(|row| row.offering == offering);
    for (share, resource) in (1..).zip(resources.take(COUNT)) {
        let policy = add_policy(&sandbox, &client).await;
        publish_of(resource.uuid, &sandbox, policy, share, &format!("hpc_{share}"));
    }
    sandbox
}

async fn subscribe(client: &Client, sandbox: &Sandbox) -> Events {
    let events = client.events().offering(sandbox.ids().offerings.slurm);
    events.kinds([EventKind::ResourcePeriodicLimits]).connect().await.unwrap()
}

/// A process: it works until all settings are applied and reported, or some can't be. `done` has the resources
/// of those that are. Returns whether all are.
async fn process(requests: &Client, sandbox: &Sandbox, slurm: &Slurm, done: &Done) -> bool {
    let events = subscribe(&client(sandbox), sandbox).await;
    sandbox.clear_requests();
    let minute = Duration::from_secs(60);
    let processor = PeriodicLimitsProcessor::new(requests, [sandbox.ids().offerings.slurm], slurm.clone());
    let processor = processor.backoff(minute, minute);
    let (sender, mut ended) = unbounded_channel();
    let is_all = || done.lock().unwrap().len() == COUNT;
    let until = async { while !is_all() && ended.recv().await.unwrap() {} };
    let each = |item: Item<ProcessedPeriodicLimits>| {
        if item.outcome.is_ok() {
            done.lock().unwrap().insert(item.target.settings.resource_uuid);
        }
        let _ = sender.send(item.outcome.is_ok());
    };
    timeout(LIMIT, processor.run_on_events(events, until, each)).await.unwrap();
    is_all()
}

#[tokio::test]
async fn interrupted_at_any_request_and_run_again_it_ends_the_same() {
    let (sandbox, slurm) = (sandbox_with_settings().await, Slurm::default());
    let client = single_minded(&sandbox);
    assert!(process(&client, &sandbox, &slurm, &Done::default()).await);
    let expected = everything(&sandbox, &slurm);
    let requests = sandbox.requests().len();
    assert_eq!((requests, expected.1.len()), (COUNT, COUNT));
    // Dropped with the answer unread; or everything fails from then on, before it is applied or after.
    for how in [None, Some(Fault::ResetBefore), Some(Fault::ResetAfter), Some(Fault::Status(503))] {
        for count in 1..=requests {
            let (sandbox, slurm) = (sandbox_with_settings().await, Slurm::default());
            let (client, done) = (single_minded(&sandbox), Done::default());
            match &how {
                None => {
                    let work = process(&client, &sandbox, &slurm, &done);
                    let is_reported = || posts_to(&sandbox, REPORT) >= count;
                    assert!(cut_off_when(is_reported, work).await);
                }
                Some(fault) => {
                    sandbox.misbehave(Misbehaviour::new(fault.clone()).path_end(REPORT).after(count - 1));
                    assert!(!process(&client, &sandbox, &slurm, &done).await, "{how:?} {count}");
                    sandbox.clear_faults();
                }
            }
            let first = slurm.applied.lock().unwrap().len();
            assert_eq!((first, done.lock().unwrap().len()), (count, count - 1), "{how:?}");
            // Another process takes up what wasn't acknowledged.
            assert!(process(&client, &sandbox, &slurm, &done).await, "{how:?} {count}");
            assert_eq!(everything(&sandbox, &slurm), expected, "{how:?} {count}");
        }
    }
}
