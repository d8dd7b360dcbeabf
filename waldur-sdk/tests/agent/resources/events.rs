//! Resources that follow events, with the sandbox's broker.

use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;
use waldur_sandbox::{Actor, BrokerFault, BrokerMisbehaviour, Fault, Release, Sandbox};
use waldur_sdk::agent::ProcessedResource;
use waldur_sdk::agent::ResourceMode::{Normal, Paused};
use waldur_sdk::events::EventKind;
use waldur_sdk::{ClientExt as _, Report, Uuid};

use crate::common::client_as;
use crate::resources::limits::{cluster_with, sandbox_with_users, users};
use crate::resources::{Cluster, OF_EACH, client, offering, processor, resource, seed_cases};

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

/// Processes a resource by an event, after the first round. Returns the reports since then, until one has the
/// resource.
async fn by_event(
    sandbox: &Sandbox,
    cluster: &Cluster,
    resource: Uuid,
    before: impl FnOnce(),
) -> Vec<Report<ProcessedResource>> {
    let (client, offering) = (client(sandbox), offering(sandbox));
    let events = client.events().offering(offering).kinds([EventKind::Resource]).connect().await.unwrap();
    let processor = processor(sandbox, cluster).interval(Duration::from_secs(3600));
    let (sender, mut reports) = unbounded_channel();
    let mut seen = Vec::new();
    let work = async {
        drop(reports.recv().await.unwrap());
        before();
        let body =
            json!({ "resource_uuid": resource.simple().to_string(), "paused": false, "downscaled": false });
        assert_eq!(sandbox.broker().publish("resource", offering, body), 1);
        while seen.last().is_none_or(|report: &Report<ProcessedResource>| report.items.is_empty()) {
            seen.push(reports.recv().await.unwrap());
        }
    };
    let each = move |report| _ = sender.send(report);
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, each)).await.unwrap();
    seen
}

#[tokio::test]
async fn a_resource_that_can_be_read_only_after_its_event_is_processed() {
    let odd = Fault::MissingFields(vec!["state".to_owned()]);
    for (fault, is_named) in [(Fault::Status(404), false), (Fault::Status(403), false), (odd, true)] {
        let (sandbox, cluster) = (
            crate::resources::sandbox_with(crate::resources::SAME).await,
            Cluster::of(crate::resources::SAME),
        );
        let same = resource(&sandbox, "same").uuid;
        let path_end = format!("/marketplace-provider-resources/{}/", same.simple());
        let before = || sandbox.fail_next(1, "GET", &path_end, fault);
        let reports = by_event(&sandbox, &cluster, same, before).await;
        let [first, .., last] = &reports[..] else { panic!("{reports:#?}") };
        assert_eq!((first.items.len(), first.unreadable.len()), (0, usize::from(is_named)), "{first:#?}");
        assert_eq!(last.items[0].target.resource.uuid, same);
    }
}

#[tokio::test]
async fn limits_of_users_that_cannot_be_read_are_named_by_event_as_by_round() {
    let sandbox = sandbox_with_users().await;
    let cluster = cluster_with(users([("alice01", 5), ("bob01", 7)]));
    let limit = sandbox.documents("component-user-usage-limits")[0].uuid;
    sandbox.corrupt("component_user_usage_limits_list", limit, "limit", json!("much"));
    let reports = by_event(&sandbox, &cluster, resource(&sandbox, "shared").uuid, || ()).await;
    let [report] = &reports[..] else { panic!("{reports:#?}") };
    let [row] = &report.unreadable[..] else { panic!("{report:#?}") };
    assert_eq!((row.uuid, row.operation), (Some(limit), "component_user_usage_limits_list"));
}
