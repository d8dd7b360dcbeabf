//! Rounds that nothing disturbs.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use waldur_sandbox::{Release, ResourceState as State, Sandbox};
use waldur_sdk::agent::{ResourceResultKind as Kind, ResourceStep as Step, ResourcesProcessor};

use crate::common::{client_builder, posts, posts_to, sent};
use crate::resources::{
    CALLS, Cluster, OF_EACH, PAUSED, SAME, client, done, kinds, processor, resource, sandbox_with,
    seed_cases, sorted, there,
};

#[tokio::test]
async fn every_resource_becomes_as_waldur_wants_it_and_waldur_learns_how_it_is() {
    let (sandbox, cluster) = (sandbox_with(OF_EACH).await, Cluster::of(OF_EACH));
    let processor = processor(&sandbox, &cluster);
    let report = processor.run_once().await;
    assert_eq!((report.count(Kind::InSync), report.count(Kind::Erred)), (7, 2), "{report:#?}");
    assert_eq!(sorted(cluster.calls()), CALLS);
    use Step::{Downscaled, LimitsSet, MarkedErred, MarkedOk, MetadataReported, Paused, Restored};
    let expected: [&[Step]; 9] = [
        &[Paused, MetadataReported],
        &[Downscaled, MetadataReported],
        &[Restored, MetadataReported],
        &[LimitsSet, MetadataReported],
        &[LimitsSet, Paused, MetadataReported],
        &[MetadataReported],
        &[MetadataReported, MarkedOk],
        &[MarkedErred],
        &[MarkedErred],
    ];
    assert_eq!(done(&report), expected);
    for row in there(&sandbox) {
        let is_lost = ["gone", "lost"].contains(&row.name.as_str());
        assert_eq!(row.state, if is_lost { State::Erred } else { State::Ok }, "{}", row.name);
        let message = if is_lost { "the account doesn't exist" } else { "" };
        assert_eq!(row.error_message, message, "{}", row.name);
    }
    // The metadata are those after the change.
    assert_eq!(resource(&sandbox, "paused").backend_metadata["qos"], json!("paused"));
    assert_eq!(cluster.account("hpc_both").limits, crate::resources::cpus(16));
    sandbox.assert_contract();

    // Nothing is left to do: one list, and no request for those that are in line or known to be lost.
    sandbox.clear_requests();
    let report = processor.run_once().await;
    assert_eq!((report.unchanged(), report.count(Kind::Erred)), (7, 2), "{report:#?}");
    assert_eq!((sandbox.requests().len(), cluster.calls().len()), (1, CALLS.len()));
}

#[tokio::test]
async fn resources_take_few_requests() {
    // Besides the list: a read and the metadata each, a read of those that become OK or Erred, and the last
    // sync of the seven that are in line.
    let (sandbox, cluster) = (sandbox_with(OF_EACH).await, Cluster::of(OF_EACH));
    let _ = processor(&sandbox, &cluster).run_once().await;
    let of = |path_end| posts_to(&sandbox, path_end);
    assert_eq!(
        (of("/set_backend_metadata/"), of("/set_as_ok/"), of("/set_as_erred/"), of("/refresh_last_sync/")),
        (7, 1, 2, 7)
    );
    assert_eq!((sent(&sandbox, "GET"), posts(&sandbox)), (1 + 5 + 3, 17));
}

#[tokio::test]
async fn the_last_sync_is_refreshed_when_it_is_old() {
    let (sandbox, cluster) = (sandbox_with(SAME).await, Cluster::of(SAME));
    let client = client(&sandbox);
    let last_sync = || posts_to(&sandbox, "/refresh_last_sync/");
    let processor = |age| crate::resources::processor_of(&client, &sandbox, &cluster).sync_every(age);
    // It was created two hours ago.
    let _ = processor(Duration::from_secs(3 * 3600)).run_once().await;
    assert_eq!(last_sync(), 0);
    let _ = processor(Duration::from_secs(3600)).run_once().await;
    assert_eq!(last_sync(), 1);
    let _ = processor(Duration::from_secs(3600)).run_once().await;
    assert_eq!(last_sync(), 1);
    sandbox.set_now(sandbox.now() + Duration::from_secs(3601));
    let report = processor(Duration::from_secs(3600)).run_once().await;
    // It is no change of the resource.
    assert_eq!((last_sync(), report.unchanged()), (2, 1), "{report:#?}");
}

#[tokio::test]
async fn one_resource_is_processed_by_itself() {
    let (sandbox, cluster) = (sandbox_with(OF_EACH).await, Cluster::of(OF_EACH));
    let processor = processor(&sandbox, &cluster);
    let item = processor.process(resource(&sandbox, "paused").uuid).await.unwrap();
    assert_eq!(item.target.done, [Step::Paused, Step::MetadataReported], "{item}");
    assert_eq!(cluster.calls(), ["hpc_paused pause"]);
    // One that an order is at work on is left alone.
    let creating = processor.process(sandbox.ids().resources.creating).await.unwrap();
    assert_eq!(creating.target.result.kind(), Kind::Superseded);
    assert!(processor.process(sandbox.ids().offerings.slurm).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_server_without_the_operations_is_no_failure() {
    let builder = Sandbox::builder().orders(0).release(Release::Late2024);
    let sandbox = builder.seed(|seed| _ = seed_cases(seed, OF_EACH)).start().await.unwrap();
    let cluster = Cluster::of(OF_EACH);
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!(report.count(Kind::InSync), 7, "{report:#?}");
    let mended = report.items.iter().find(|item| item.target.resource.name == "mended").unwrap();
    assert_eq!(mended.target.unsupported, [Step::MarkedOk], "{report:#?}");
    // Only staff marks a resource as erred there.
    for item in report.failures() {
        assert!(item.outcome.error().unwrap().is_forbidden(), "{item}");
        assert!(item.outcome.to_string().contains("the account doesn't exist"), "{item}");
    }
}

#[tokio::test]
async fn rounds_go_on_until_they_are_stopped() {
    let (sandbox, cluster) = (sandbox_with(PAUSED).await, Cluster::of(PAUSED));
    let processor = processor(&sandbox, &cluster).interval(Duration::from_millis(1));
    let third = Notify::new();
    let mut rounds = Vec::new();
    let each = |report| {
        rounds.push(kinds(&report));
        if rounds.len() == 3 {
            third.notify_one();
        }
    };
    processor.run(third.notified(), each).await;
    assert!(rounds.len() >= 3 && rounds.iter().all(|round| *round == [Kind::InSync]), "{rounds:?}");
    assert_eq!(cluster.calls(), ["hpc_paused pause"]);
    processor.stop_handle().stop();
    sandbox.clear_requests();
    assert_eq!((processor.run_once().await.items.len(), sandbox.requests().len()), (0, 0));
    let item = processor.process(resource(&sandbox, "paused").uuid).await.unwrap();
    assert_eq!(item.target.result.kind(), Kind::NotBegun);
}

#[tokio::test]
async fn a_stopped_round_finishes_what_it_has_begun() {
    let (sandbox, cluster) = (sandbox_with(OF_EACH).await, Cluster::of(OF_EACH));
    let single = client_builder(&sandbox).bulk_concurrency(1).build().unwrap();
    let first = Arc::new(Notify::new());
    let told = Arc::clone(&first);
    let processor = ResourcesProcessor::new(&single, [crate::resources::offering(&sandbox)], cluster.clone())
        .on_resource(move |_| told.notify_one());
    let mut reports = Vec::new();
    processor.run(first.notified(), |report| reports.push(kinds(&report))).await;
    let [kinds] = reports.try_into().unwrap();
    let begun = kinds.iter().filter(|kind| **kind != Kind::NotBegun).count();
    assert!(
        (1..9).contains(&begun) && kinds[begun..].iter().all(|kind| *kind == Kind::NotBegun),
        "{kinds:?}"
    );
    assert_eq!(cluster.calls().first().unwrap(), "hpc_paused pause");
    assert!(cluster.calls().len() <= begun + 1);
}
