//! Rounds that nothing disturbs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use waldur_sandbox::{Release, ResourceState, Sandbox};
use waldur_sdk::agent::UsageProcessor;

use crate::common::{client_builder, posts, posts_to};
use crate::usage::{
    Accounting, Line, SET_USAGE, add, amount, expected, processor, sandbox_of, this_month, totals, users,
};

const LINES: &[Line] = &[
    ("cpu", "alice01", "90000"),
    ("cpu", "bob01", "4518"),
    // Of nobody.
    ("ram", "", "12.3450000001"),
    ("ram", "alice01", "7.005"),
];

#[tokio::test]
async fn usage_is_reported_by_component_and_user_and_not_sent_again() {
    for release in Release::ALL {
        let (sandbox, accounting) = (sandbox_of(release, 3).await, Accounting::of(LINES));
        let processor = processor(&sandbox, &accounting);
        let report = processor.run_once().await;
        assert_eq!(report.to_string(), "3 applied", "{report:#?}");
        // 25 h and 1.255 h, which is rounded to the even digit; ram is more than its users'.
        let totals_there = expected([("cpu", "26.26"), ("ram", "12.35")]);
        for item in &report.items {
            let resource = item.target.resource_uuid;
            assert_eq!(totals(&sandbox, resource, this_month(&sandbox)), totals_there);
            assert_eq!((item.target.reported.len(), item.target.users.len()), (2, 3));
        }
        let shares = [("alice01", "7"), ("alice01", "25"), ("bob01", "1.26")];
        let shares = shares.map(|(user, text)| (user.to_owned(), amount(text)));
        let mut thrice = [&shares[..], &shares[..], &shares[..]].concat();
        thrice.sort_unstable();
        assert_eq!(users(&sandbox), thrice, "{release:?}");
        // Each month is measured once for all resources.
        assert_eq!(*accounting.calls.lock().unwrap(), [(3, this_month(&sandbox))]);

        // Nothing is new.
        sandbox.clear_requests();
        let report = processor.run_once().await;
        assert_eq!((report.unchanged(), posts(&sandbox)), (3, 0), "{report:#?}");
        assert_eq!(report.items[0].target.unchanged.len(), 2);
        // Something is: only that is sent.
        accounting.set(&[
            ("cpu", "alice01", "90000"),
            ("cpu", "bob01", "7200"),
            ("ram", "", "12.3450000001"),
            ("ram", "alice01", "7.005"),
        ]);
        let report = processor.run_once().await;
        assert_eq!((report.applied(), posts_to(&sandbox, SET_USAGE)), (3, 3), "{report:#?}");
        let target = &report.items[0].target;
        assert_eq!((target.reported.len(), target.reported[0].amount), (1, amount("27")));
        assert_eq!((target.users.len(), target.users[0].username.as_str()), (1, "bob01"));
        sandbox.assert_contract();
    }
}

#[tokio::test]
async fn rounds_take_few_requests() {
    // Without users: the list, the components, the reported usage, and a report for each resource.
    let (sandbox, accounting) =
        (sandbox_of(Release::Schema, 30).await, Accounting::of(&[("cpu", "", "3600")]));
    let processor = processor(&sandbox, &accounting);
    assert_eq!(processor.run_once().await.applied(), 30);
    assert_eq!(sandbox.requests().len(), 3 + 30);
    sandbox.clear_requests();
    assert_eq!(processor.run_once().await.unchanged(), 30);
    assert_eq!(sandbox.requests().len(), 3);
    // With users of two components: another list, and four more for each resource.
    accounting.set(&[("cpu", "alice01", "7200"), ("cpu", "bob01", "7200"), ("ram", "alice01", "2")]);
    sandbox.clear_requests();
    assert_eq!(processor.run_once().await.applied(), 30);
    assert_eq!(sandbox.requests().len(), 4 + 30 * 5);
    sandbox.clear_requests();
    assert_eq!(processor.run_once().await.unchanged(), 30);
    assert_eq!(sandbox.requests().len(), 4);
    // Nothing is measured: the reported usage isn't even read.
    accounting.set(&[]);
    sandbox.clear_requests();
    let report = processor.run_once().await;
    assert_eq!((report.skipped(), sandbox.requests().len()), (30, 2), "{report:#?}");
}

#[tokio::test]
async fn only_resources_whose_usage_can_be_reported_are_measured() {
    let builder = Sandbox::builder().orders(0).without_resources().seed(|seed| {
        use ResourceState::{Creating, Erred, Ok, Terminated, Terminating, Updating};
        for (name, state) in [
            ("ok", Ok),
            ("updating", Updating),
            ("terminating", Terminating),
            ("creating", Creating),
            ("erred", Erred),
            ("terminated", Terminated),
            ("idle", Ok),
        ] {
            add(seed, name, state);
        }
        let (slurm, project) = (seed.ids().offerings.slurm, seed.ids().project);
        seed.resource(slurm, project, "nameless", Ok);
    });
    let (sandbox, accounting) = (builder.start().await.unwrap(), Accounting::of(&[("gpu", "", "3")]));
    let report = processor(&sandbox, &accounting).run_once().await;
    assert_eq!((report.applied(), report.skipped(), report.failed()), (3, 1, 1), "{report:#?}");
    let problems: Vec<String> = report.problems().map(|problem| problem.to_string()).collect();
    assert!(
        problems[0].contains("nameless") && problems[0].contains("no id in the back end"),
        "{problems:?}"
    );
    assert_eq!(accounting.calls.lock().unwrap()[0].0, 4);
    assert_eq!(sandbox.usages().len(), 3);
}

#[tokio::test]
async fn an_odd_resource_is_named_and_the_others_are_reported() {
    for (field, value) in [("uuid", json!(7)), ("offering_uuid", json!("x"))] {
        let (sandbox, accounting) =
            (sandbox_of(Release::Schema, 4).await, Accounting::of(&[("gpu", "", "3")]));
        let operation = "marketplace_provider_resources_list";
        sandbox.corrupt(operation, sandbox.resources()[1].uuid, field, value);
        let report = processor(&sandbox, &accounting).run_once().await;
        assert_eq!(report.to_string(), "3 applied, 1 unreadable", "{field}");
    }
}

#[tokio::test]
async fn rounds_go_on_until_they_are_stopped() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 5).await, Accounting::of(LINES));
    let seen = Arc::new(Mutex::new(0));
    let told = Arc::clone(&seen);
    let processor = processor(&sandbox, &accounting)
        .interval(Duration::from_millis(1))
        .on_resource(move |_| *told.lock().unwrap() += 1);
    let (enough, each) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (stop, done) = (Arc::clone(&enough), Arc::clone(&each));
    let running = tokio::spawn(async move {
        let mut rounds = Vec::new();
        let report = |report: waldur_sdk::Report<_>| {
            rounds.push(report.items.len());
            if rounds.len() == 3 {
                done.notify_one();
            }
        };
        processor.run(stop.notified(), report).await;
        rounds
    });
    each.notified().await;
    enough.notify_one();
    let rounds = running.await.unwrap();
    assert!(rounds.len() >= 3 && rounds[..3] == [5; 3], "{rounds:?}");
    assert_eq!(*seen.lock().unwrap(), rounds.iter().sum::<usize>());
    assert_eq!(posts_to(&sandbox, SET_USAGE), 5);
}

#[tokio::test]
async fn a_stopped_round_begins_no_further_resource() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 6).await, Accounting::of(&[("gpu", "", "3")]));
    let single = client_builder(&sandbox).bulk_concurrency(1).build().unwrap();
    let first = Arc::new(Notify::new());
    let told = Arc::clone(&first);
    let slurm = [sandbox.ids().offerings.slurm];
    let processor = UsageProcessor::new(&single, slurm, accounting).on_resource(move |_| told.notify_one());
    let mut reports = Vec::new();
    processor.run(first.notified(), |report| reports.push((report.applied(), report.skipped()))).await;
    let [(applied, skipped)] = reports.try_into().unwrap();
    assert!((1..6).contains(&applied) && applied + skipped == 6, "{applied} {skipped}");
    assert_eq!(sandbox.usages().len(), applied);
}

#[tokio::test]
async fn a_stopped_processor_does_nothing() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 1).await, Accounting::of(LINES));
    let processor = processor(&sandbox, &accounting);
    let handle = processor.stop_handle();
    let stopping = async {
        handle.stop();
        std::future::pending::<()>().await;
    };
    // The first round may have begun.
    processor.run(stopping, drop).await;
    sandbox.clear_requests();
    assert_eq!(processor.run_once().await.items.len(), 0);
    processor.run(std::future::pending::<()>(), |_| panic!("it was stopped")).await;
    assert_eq!(sandbox.requests().len(), 0);
}
