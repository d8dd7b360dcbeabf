//! Resources that follow events, with the sandbox's broker.

use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use waldur_sandbox::{Actor, BrokerFault, BrokerMisbehaviour, Release, Sandbox};
use waldur_sdk::agent::ProcessedResource;
use waldur_sdk::agent::ResourceMode::{Normal, Paused};
use waldur_sdk::events::EventKind;
use waldur_sdk::{ClientExt as _, Report};

use crate::common::client_as;
use crate::{Cluster, OF_EACH, client, offering, processor, resource, seed_cases};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_pause_is_carried_out_by_its_event_for_that_resource_only() {
    pause_and_restore(None).await;
}

#[tokio::test]
async fn a_pause_that_can_be_read_only_after_its_event_is_carried_out() {
    // Later than the resource is read for the event.
    let late = BrokerMisbehaviour::new(BrokerFault::LateCommit(Duration::from_millis(1200)));
    pause_and_restore(Some(late)).await;
}

/// Pauses a resource in Waldur and ends that, while only events tell the processor.
async fn pause_and_restore(misbehaviour: Option<BrokerMisbehaviour>) {
    let builder = Sandbox::builder().orders(0).release(Release::Newer);
    let sandbox = builder.seed(|seed| _ = seed_cases(seed, &OF_EACH[5..7])).start().await.unwrap();
    let (client, cluster) = (client(&sandbox), Cluster::of(&OF_EACH[5..7]));
    let events = client.events().offering(offering(&sandbox)).kinds([EventKind::Resource]);
    let events = events.connect().await.unwrap();
    if let Some(misbehaviour) = misbehaviour {
        sandbox.broker().misbehave(misbehaviour);
    }
    // Rounds by the interval would come too late for the test.
    let processor = processor(&sandbox, &cluster).interval(Duration::from_secs(3600));
    let (sender, mut reports) = unbounded_channel();
    let uuid = resource(&sandbox, "same").uuid;
    let work = async {
        // The first round is that of the subscription.
        assert_eq!(reports.recv().await.unwrap(), 2);
        for (paused, mode) in [(true, Paused), (false, Normal)] {
            let staff = client_as(&sandbox, Actor::Staff).provider();
            staff.resource(uuid).set_paused(paused).await.unwrap();
            while cluster.account("hpc_same").mode != mode {
                assert_eq!(reports.recv().await.unwrap(), 1);
            }
        }
    };
    let each = move |report: Report<ProcessedResource>| {
        assert!(report.is_ok(), "{report:#?}");
        let _ = sender.send(report.items.len());
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, each)).await.unwrap();
    assert_eq!(cluster.calls(), ["hpc_same pause", "hpc_same restore"]);
}
