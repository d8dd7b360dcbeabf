//! Answers that are lost, errors, and rounds that are cut off.

use std::time::Duration;

use waldur_sandbox::{Fault, Misbehaviour, Release, Sandbox};
use waldur_sdk::RetryPolicy;

use crate::common::interrupting::{cut_off_after, single_minded};
use crate::common::{client_builder, posts_to, quick};
use crate::usage::{
    Accounting, Line, SET_USAGE, brief, expected, processor, processor_of, sandbox_of, this_month, totals,
    users,
};

const LINES: &[Line] =
    &[("cpu", "alice01", "7200"), ("cpu", "bob01", "3600"), ("gpu", "", "2"), ("ram", "alice01", "4")];

/// What is compared between runs.
fn everything(sandbox: &Sandbox) -> String {
    let month = this_month(sandbox);
    let all = sandbox.resources().into_iter().map(|one| totals(sandbox, one.uuid, month));
    format!("{:#?} {:#?}", all.collect::<Vec<_>>(), users(sandbox))
}

#[tokio::test]
async fn a_lost_answer_is_looked_up() {
    for (fault, times) in [(Fault::ResetAfter, 1), (Fault::StatusAfter(502), 1), (Fault::ResetBefore, 2)] {
        let (sandbox, accounting) = (sandbox_of(Release::Schema, 1).await, Accounting::of(LINES));
        sandbox.fail_next(1, "POST", SET_USAGE, fault.clone());
        let report = processor(&sandbox, &accounting).run_once().await;
        assert_eq!((report.applied(), posts_to(&sandbox, SET_USAGE)), (1, times), "{fault:?}: {report:#?}");
    }
}

#[tokio::test]
async fn users_that_the_server_accepted_are_named_though_others_failed() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 1).await, Accounting::of(LINES));
    let single = client_builder(&sandbox).bulk_concurrency(1).build().unwrap();
    sandbox.fail_next(1, "POST", "/set_user_usages/", Fault::Status(403));
    let processor = processor_of(&single, &sandbox, &accounting);
    let report = processor.run_once().await;
    let [item] = &report.items[..] else { panic!("{report:#?}") };
    assert!(item.outcome.error().unwrap().is_forbidden(), "{item}");
    let accepted: Vec<_> = item.target.users.iter().map(ToString::to_string).collect();
    assert_eq!(accepted, ["ram of alice01"]);
    assert_eq!((item.target.reported.len(), users(&sandbox).len()), (3, 1));
    let report = processor.run_once().await;
    assert_eq!((report.items[0].target.users.len(), users(&sandbox).len()), (2, 3), "{report:#?}");
}

#[tokio::test]
async fn a_failing_server_costs_one_round() {
    for (operation, fails) in [
        ("marketplace_provider_resources_list", 0),
        ("marketplace_provider_resources_retrieve", 0),
        ("marketplace_component_usages_list", 0),
        ("marketplace_component_usages_set_usage", 3),
        ("marketplace_component_usages_set_user_usages", 3),
    ] {
        for fault in [Fault::Status(500), Fault::Status(403), Fault::ResetBefore, Fault::Portal] {
            let (sandbox, accounting) = (sandbox_of(Release::Schema, 3).await, Accounting::of(LINES));
            sandbox.misbehave(Misbehaviour::new(fault.clone()).operation(operation));
            let client = client_builder(&sandbox).retry(brief()).build().unwrap();
            let processor = processor_of(&client, &sandbox, &accounting);
            let report = processor.run_once().await;
            let failed = report.failures().count();
            assert_eq!(
                (failed, report.unlisted.len()),
                (fails, usize::from(fails == 0)),
                "{operation} {fault:?}"
            );
            sandbox.clear_faults();
            let report = processor.run_once().await;
            assert_eq!(report.applied(), 3, "{operation} {fault:?}: {report:#?}");
            assert_eq!(users(&sandbox).len(), 9);
        }
    }
}

#[tokio::test]
async fn a_meter_that_fails_changes_nothing() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 2).await, Accounting::of(LINES));
    *accounting.is_down.lock().unwrap() = true;
    let report = processor(&sandbox, &accounting).run_once().await;
    assert_eq!((report.failed(), sandbox.usages().len()), (2, 0), "{report:#?}");
    let error = report.items[0].outcome.error().unwrap();
    assert!(error.is_backend() && error.to_string().contains("no answer of the accounting"), "{error}");
    *accounting.is_down.lock().unwrap() = false;
    assert_eq!(processor(&sandbox, &accounting).run_once().await.applied(), 2);
}

#[tokio::test]
async fn an_offering_that_cannot_be_listed_costs_no_other() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 2).await, Accounting::of(LINES));
    let once = client_builder(&sandbox).retry(RetryPolicy::never()).build().unwrap();
    let listed = Misbehaviour::new(Fault::Status(500)).operation("marketplace_provider_resources_list");
    sandbox.misbehave(listed.times(1));
    let offerings = [sandbox.ids().offerings.bulk, sandbox.ids().offerings.slurm];
    let report = waldur_sdk::agent::UsageProcessor::new(&once, offerings, accounting).run_once().await;
    assert_eq!((report.unlisted.len(), report.applied()), (1, 2), "{report:#?}");
    assert_eq!(report.unlisted[0].offering_uuid, offerings[0]);
}

#[tokio::test]
async fn on_a_bad_day_all_usage_is_reported() {
    for dice in 0..3 {
        let builder = Sandbox::builder().orders(0).without_resources().dice(dice).seed(|seed| {
            for at in 0..10 {
                crate::usage::add(seed, &format!("r{at}"), waldur_sandbox::ResourceState::Ok);
            }
        });
        let (sandbox, accounting) = (builder.start().await.unwrap(), Accounting::of(LINES));
        sandbox.misbehave(Misbehaviour::any_of(Fault::each()).chance(0.2));
        let client =
            client_builder(&sandbox).timeout(Duration::from_millis(400)).retry(quick()).build().unwrap();
        let mut rounds = 0;
        while !processor_of(&client, &sandbox, &accounting).run_once().await.is_ok() {
            rounds += 1;
            assert!(rounds < 300, "{}", everything(&sandbox));
        }
        sandbox.clear_faults();
        let report = processor(&sandbox, &accounting).run_once().await;
        assert!(report.is_ok(), "{report:#?}");
        let there = expected([("cpu", "3"), ("gpu", "2"), ("ram", "4")]);
        for resource in sandbox.resources() {
            assert_eq!(totals(&sandbox, resource.uuid, this_month(&sandbox)), there);
        }
        assert_eq!(users(&sandbox).len(), 30);
    }
}

#[tokio::test]
async fn interrupted_at_any_request_and_run_again_it_ends_the_same() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 3).await, Accounting::of(LINES));
    let client = single_minded(&sandbox);
    assert_eq!(processor_of(&client, &sandbox, &accounting).run_once().await.applied(), 3);
    let (expected, requests) = (everything(&sandbox), sandbox.requests().len());
    // Dropped with the answer unread; or everything fails from then on, before it is applied or after.
    for how in [None, Some(Fault::ResetBefore), Some(Fault::ResetAfter), Some(Fault::Status(503))] {
        for count in 1..=requests {
            let sandbox = sandbox_of(Release::Schema, 3).await;
            let client = single_minded(&sandbox);
            let first = processor_of(&client, &sandbox, &accounting);
            match &how {
                None => assert!(cut_off_after(count, &sandbox, first.run_once()).await),
                Some(fault) => {
                    sandbox.misbehave(Misbehaviour::new(fault.clone()).after(count - 1));
                    assert!(!first.run_once().await.is_ok(), "{how:?} {count}");
                    sandbox.clear_faults();
                }
            }
            let report = processor_of(&client, &sandbox, &accounting).run_once().await;
            assert!(report.is_ok(), "{how:?} {count}: {report:#?}");
            assert_eq!(everything(&sandbox), expected, "{how:?} {count}");
        }
    }
}
