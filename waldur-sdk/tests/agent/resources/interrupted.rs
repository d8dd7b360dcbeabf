//! Rounds that are cut off.

use waldur_sandbox::{Fault, Misbehaviour, Sandbox};
use waldur_sdk::agent::ResourceResultKind as Kind;

use crate::common::interrupting::{cut_off_after, single_minded};
use crate::resources::{Cluster, OF_EACH, processor_of, sandbox_with, sorted, there};

/// What is compared between runs: the resources, the accounts, and what was called.
fn everything(sandbox: &Sandbox, cluster: &Cluster) -> String {
    let (calls, accounts) = cluster.with(|world| (world.calls.clone(), world.accounts.clone()));
    format!("{:#?} {accounts:#?} {:?}", there(sandbox), sorted(calls))
}

#[tokio::test]
async fn interrupted_at_any_request_and_run_again_it_ends_the_same() {
    let (sandbox, expected_cluster) = (sandbox_with(OF_EACH).await, Cluster::of(OF_EACH));
    let client = single_minded(&sandbox);
    let report = processor_of(&client, &sandbox, &expected_cluster).run_once().await;
    assert_eq!((report.count(Kind::InSync), report.count(Kind::Erred)), (7, 2), "{report:#?}");
    let requests = sandbox.requests().len();
    let expected = everything(&sandbox, &expected_cluster);
    // Dropped with the answer unread; or everything fails from then on, before it is applied or after.
    for how in [None, Some(Fault::ResetBefore), Some(Fault::ResetAfter), Some(Fault::Status(503))] {
        for count in 1..=requests {
            let (sandbox, cluster) = (sandbox_with(OF_EACH).await, Cluster::of(OF_EACH));
            let client = single_minded(&sandbox);
            let first = processor_of(&client, &sandbox, &cluster);
            match &how {
                None => assert!(cut_off_after(count, &sandbox, first.run_once()).await),
                Some(fault) => {
                    sandbox.misbehave(Misbehaviour::new(fault.clone()).after(count - 1));
                    assert!(!first.run_once().await.is_ok(), "{how:?} {count}");
                    sandbox.clear_faults();
                }
            }
            // Another process takes it up.
            let report = processor_of(&client, &sandbox, &cluster).run_once().await;
            assert_eq!((report.count(Kind::InSync), report.count(Kind::Erred)), (7, 2), "{report:#?}");
            assert_eq!(everything(&sandbox, &cluster), expected, "{how:?} {count}");
        }
    }
}
