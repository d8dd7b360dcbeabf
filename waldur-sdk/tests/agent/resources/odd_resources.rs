//! Resources that are odd, and back ends that fail.

use std::time::Duration;

use serde_json::{Value, json};
use waldur_sandbox::{Fault, ResourceState as State};
use waldur_sdk::NoBackendId;
use waldur_sdk::agent::ResourceMode::{Normal, Paused};
use waldur_sdk::agent::{BackendError, ResourceResult, ResourceResultKind as Kind};

use crate::common::{posts, posts_to};
use crate::resources::{
    CALLS, Case, Cluster, OF_EACH, RESOURCES, case, kinds, processor, resource, sandbox_with, sorted,
};

const ERRED: &[Case] = &[
    case("one", State::Ok, Normal, 8, Some((Normal, 8))),
    case("two", State::Erred, Normal, 8, Some((Normal, 8))),
];

fn fail(cluster: &Cluster, error: &BackendError) {
    cluster.with(|world| {
        for id in ["hpc_one", "hpc_two"] {
            world.fails.insert(id.to_owned(), error.clone());
        }
    });
}

#[tokio::test]
async fn a_passing_failure_errs_nothing_and_mends_nothing() {
    let (sandbox, cluster) = (sandbox_with(ERRED).await, Cluster::of(ERRED));
    let hour = Duration::from_secs(3600);
    let processor = processor(&sandbox, &cluster).backoff(hour, hour);
    fail(&cluster, &BackendError::transient("no answer of the cluster"));
    let report = processor.run_once().await;
    assert_eq!(kinds(&report), [Kind::Failed; 2], "{report:#?}");
    let cause = report.items[0].outcome.error().unwrap().cause::<BackendError>();
    assert!(cause.is_some_and(BackendError::is_transient));
    assert_eq!(posts(&sandbox), 0);
    // They rest, with the error of the round before, and the back end isn't called.
    let pulls = cluster.with(|world| world.pulls);
    let report = processor.run_once().await;
    assert_eq!((kinds(&report), cluster.with(|world| world.pulls)), (vec![Kind::Resting; 2], pulls));
    assert!(
        matches!(report.items[0].target.result, ResourceResult::Resting { again_in } if again_in > hour / 2)
    );
    assert_eq!((resource(&sandbox, "one").state, resource(&sandbox, "two").state), (State::Ok, State::Erred));
}

#[tokio::test]
async fn a_back_end_that_is_not_ready_costs_the_round_and_no_request() {
    let (sandbox, cluster) = (sandbox_with(OF_EACH).await, Cluster::of(OF_EACH));
    let processor = processor(&sandbox, &cluster);
    cluster.with(|world| world.is_down = true);
    let report = processor.run_once().await;
    assert_eq!((report.items.len(), report.unlisted.len(), sandbox.requests().len()), (0, 1, 0));
    assert!(report.unlisted[0].to_string().contains("the cluster is down"), "{report:#?}");
    assert_eq!(report.to_string(), "0 applied, 1 offering not listed");
    let item = processor.process(resource(&sandbox, "paused").uuid).await.unwrap();
    assert_eq!((item.target.result.kind(), cluster.with(|world| world.pulls)), (Kind::Held, 0));
    cluster.with(|world| world.is_down = false);
    assert_eq!(processor.run_once().await.count(Kind::InSync), 7);
}

#[tokio::test]
async fn a_broken_resource_is_erred_once_and_mended_when_the_back_end_says_so() {
    let (sandbox, cluster) = (sandbox_with(ERRED).await, Cluster::of(ERRED));
    let processor = processor(&sandbox, &cluster);
    fail(&cluster, &BackendError::permanent("the file system is broken"));
    for _ in 0..3 {
        assert_eq!(kinds(&processor.run_once().await), [Kind::Erred; 2]);
    }
    assert_eq!(posts_to(&sandbox, "/set_as_erred/"), 2);
    assert_eq!(resource(&sandbox, "two").error_message, "the file system is broken");
    // Something else is broken: the message changes.
    fail(&cluster, &BackendError::permanent("the project is gone"));
    assert_eq!(kinds(&processor.run_once().await), [Kind::Erred; 2]);
    assert_eq!(resource(&sandbox, "one").error_message, "the project is gone");
    cluster.with(|world| world.fails.clear());
    assert_eq!(kinds(&processor.run_once().await), [Kind::InSync; 2]);
    assert_eq!((resource(&sandbox, "one").state, resource(&sandbox, "two").state), (State::Ok, State::Ok));
    assert_eq!(posts_to(&sandbox, "/set_as_ok/"), 2);
}

#[tokio::test]
async fn a_message_that_the_server_stores_differently_is_sent_once() {
    for message in ["slurmctld: no such account\n", "\n  \t"] {
        let (sandbox, cluster) = (sandbox_with(ERRED).await, Cluster::of(ERRED));
        let processor = processor(&sandbox, &cluster);
        fail(&cluster, &BackendError::permanent(message));
        // The answer is lost, and the resource shows that it was applied.
        sandbox.fail_next(1, "POST", "/set_as_erred/", Fault::ResetAfter);
        for _ in 0..3 {
            assert_eq!(kinds(&processor.run_once().await), [Kind::Erred; 2]);
        }
        let told = if message.trim().is_empty() { 1 } else { 2 };
        assert_eq!(posts_to(&sandbox, "/set_as_erred/"), told, "{message:?}");
        assert_eq!(resource(&sandbox, "one").error_message, message.trim());
    }
}

#[tokio::test]
async fn a_resource_that_an_order_is_changing_is_neither_erred_nor_mended() {
    for error in [Some("gone"), None] {
        let (sandbox, cluster) = (sandbox_with(ERRED).await, Cluster::of(ERRED));
        if let Some(message) = error {
            fail(&cluster, &BackendError::permanent(message));
        }
        let two = resource(&sandbox, "two").uuid;
        // The list was read before.
        sandbox.corrupt("marketplace_provider_resources_retrieve", two, "state", json!("Terminating"));
        let report = processor(&sandbox, &cluster).run_once().await;
        assert_eq!(kinds(&report)[1], Kind::Superseded, "{report:#?}");
        assert!(report.items[1].outcome.to_string().contains("Terminating"), "{report:#?}");
        let changes = posts_to(&sandbox, "/set_as_ok/") + posts_to(&sandbox, "/set_as_erred/");
        assert_eq!(changes, usize::from(error.is_some()), "{report:#?}");
    }
}

#[tokio::test]
async fn a_back_end_at_work_is_not_called_again_too_early() {
    let (sandbox, cluster) = (sandbox_with(ERRED).await, Cluster::of(ERRED));
    let processor = processor(&sandbox, &cluster);
    fail(&cluster, &BackendError::in_progress(Duration::from_secs(3600)));
    for _ in 0..2 {
        let report = processor.run_once().await;
        assert_eq!((kinds(&report), report.is_ok()), (vec![Kind::InBackend; 2], true), "{report:#?}");
    }
    assert_eq!((cluster.with(|world| world.pulls), posts(&sandbox)), (2, 0));
}

#[tokio::test]
async fn a_resource_without_an_id_is_named_and_the_back_end_is_not_called() {
    for id in [json!(" "), Value::Null, json!("x".repeat(256))] {
        let (sandbox, cluster) = (sandbox_with(ERRED).await, Cluster::of(ERRED));
        for name in ["one", "two"] {
            sandbox.corrupt(RESOURCES, resource(&sandbox, name).uuid, "backend_id", id.clone());
        }
        let report = processor(&sandbox, &cluster).run_once().await;
        assert_eq!((kinds(&report), cluster.with(|world| world.pulls)), (vec![Kind::NoBackendId; 2], 0));
        let error = report.items[0].outcome.error().unwrap();
        assert!(error.cause::<NoBackendId>().is_some(), "{error}");
        // An order that failed has left it so.
        assert_eq!((report.failed(), report.skipped()), (1, 1), "{report:#?}");
    }
}

#[tokio::test]
async fn an_odd_row_is_named_and_the_others_are_done() {
    for (field, value) in [
        ("uuid", json!("x")),
        ("state", Value::Null),
        ("limits", json!({ "cpu": "many" })),
        ("backend_id", json!(["a"])),
        ("offering_uuid", Value::Null),
    ] {
        let (sandbox, cluster) = (sandbox_with(OF_EACH).await, Cluster::of(OF_EACH));
        let odd = resource(&sandbox, "paused").uuid;
        sandbox.corrupt("marketplace_provider_resources_list", odd, field, value);
        let report = processor(&sandbox, &cluster).run_once().await;
        assert_eq!((report.count(Kind::InSync), report.unreadable.len()), (6, 1), "{field}: {report:#?}");
        assert!(report.unreadable[0].problem.contains(field), "{report:#?}");
        assert_eq!(cluster.account("hpc_paused").mode, Normal);
        assert_eq!(cluster.calls().len(), CALLS.len() - 1);
    }
    // A state of the future is left alone, and so is a mode that isn't sent.
    let (sandbox, cluster) = (sandbox_with(OF_EACH).await, Cluster::of(OF_EACH));
    sandbox.corrupt(RESOURCES, resource(&sandbox, "paused").uuid, "state", json!("Resting"));
    sandbox.corrupt(RESOURCES, resource(&sandbox, "resumed").uuid, "paused", None);
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!((report.items.len(), report.count(Kind::InSync)), (8, 6), "{report:#?}");
    assert_eq!(cluster.account("hpc_resumed").mode, Paused);
    let is_left = |call: &&str| !call.contains("paused p") && !call.contains("resumed");
    let expected: Vec<_> = CALLS.into_iter().filter(is_left).collect();
    assert_eq!(sorted(cluster.calls()), expected);
}
