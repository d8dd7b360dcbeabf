//! Rounds that are cut off.

use waldur_sandbox::{Fault, Misbehaviour, Sandbox};
use waldur_sdk::Uuid;
use waldur_sdk::agent::OrderProcessor;

use crate::common::interrupting::{cut_off_after, single_minded};
use crate::orders::{Cluster, OF_EACH, all_ended, assert_looked_first, assert_true, sandbox_with};

/// What is compared between runs: orders, resources, accounts.
fn everything(sandbox: &Sandbox, cluster: &Cluster) -> String {
    let orders: Vec<_> =
        sandbox.orders().into_iter().map(|order| (order, sandbox.order_content(order.uuid))).collect();
    let world = cluster.world.lock().unwrap();
    let mut resources = sandbox.resources();
    for resource in &mut resources {
        // Made anew in each run.
        resource.plan_period = resource.plan_period.map(|_| Uuid::nil());
    }
    format!("{orders:#?} {resources:#?} {:#?} {}", world.accounts, world.made)
}

#[tokio::test]
async fn interrupted_at_any_request_and_run_again_it_ends_the_same() {
    let one = |sandbox: &Sandbox, cluster: &Cluster| {
        let offerings = sandbox.ids().offerings;
        let client = single_minded(sandbox);
        OrderProcessor::new(&client, [offerings.bulk, offerings.slurm], cluster.clone())
    };
    let sandbox = sandbox_with(OF_EACH).await;
    let cluster = Cluster::default();
    assert!(all_ended(&one(&sandbox, &cluster).run_once().await));
    let (expected, requests) = (everything(&sandbox, &cluster), sandbox.requests().len());
    assert!(requests > OF_EACH.len(), "each order takes some");
    // Dropped with the answer unread; or everything fails from then on, before it is applied or after.
    for how in [None, Some(Fault::ResetBefore), Some(Fault::ResetAfter), Some(Fault::Status(503))] {
        for count in 1..=requests {
            let sandbox = sandbox_with(OF_EACH).await;
            let cluster = Cluster::default();
            let first = one(&sandbox, &cluster);
            match &how {
                None => assert!(cut_off_after(count, &sandbox, first.run_once()).await),
                Some(fault) => {
                    sandbox.misbehave(Misbehaviour::new(fault.clone()).after(count - 1));
                    let report = first.run_once().await;
                    assert_true(&sandbox, &report);
                    assert!(!all_ended(&report) || count == requests, "{how:?} {count}");
                    sandbox.clear_faults();
                }
            }
            let report = one(&sandbox, &cluster).run_once().await;
            assert!(all_ended(&report), "{how:?} {count}: {report:#?}");
            assert_eq!(everything(&sandbox, &cluster), expected, "{how:?} {count}");
            assert_looked_first(&sandbox);
        }
    }
}
