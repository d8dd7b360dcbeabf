//! Answers that are lost, errors, and rounds that are cut off.

use std::time::Duration;

use waldur_sandbox::{Fault, Misbehaviour};
use waldur_sdk::agent::ImportResultKind as Kind;

use crate::common::interrupting::{cut_off_after, single_minded};
use crate::common::{client_builder, posts_to, quick};
use crate::imports::{
    ANSWERED, Cluster, importable, kinds, processor, processor_of, sandbox_by, sandbox_with, states,
};

#[tokio::test]
async fn lost_answers_are_looked_up_and_nothing_is_added_twice() {
    for path_end in ["/start_processing/", "/backend-resources/", "/set_done/"] {
        for (fault, is_applied) in
            [(Fault::ResetAfter, true), (Fault::StatusAfter(502), true), (Fault::ResetBefore, false)]
        {
            let sandbox = sandbox_with(1).await;
            sandbox.fail_next(1, "POST", path_end, fault.clone());
            let cluster = Cluster::of(&sandbox);
            let processor = processor(&sandbox, &cluster);
            let report = processor.run_once().await;
            // What adds a row isn't sent again in the same round.
            let is_put_off = path_end == "/backend-resources/" && !is_applied;
            let kind = if is_put_off { Kind::Failed } else { Kind::Answered };
            assert_eq!(kinds(&report), [kind], "{path_end} {fault:?}: {report:#?}");
            if is_put_off {
                assert_eq!(states(&sandbox), ["Processing"]);
                assert_eq!(kinds(&processor.run_once().await), [Kind::Answered]);
            } else if path_end != "/backend-resources/" {
                assert_eq!(posts_to(&sandbox, path_end), if is_applied { 1 } else { 2 }, "{fault:?}");
            }
            assert_eq!(
                (importable(&sandbox), states(&sandbox)),
                (ANSWERED.map(String::from).into(), vec!["Done".into()])
            );
        }
    }
}

#[tokio::test]
async fn a_failing_server_errs_no_request() {
    for operation in [
        "backend_resource_requests_start_processing",
        "backend_resource_requests_set_done",
        "marketplace_provider_resources_list",
        "backend_resources_list",
        "backend_resources_create",
    ] {
        for fault in
            [Fault::Status(500), Fault::Status(503), Fault::Status(403), Fault::ResetBefore, Fault::Portal]
        {
            let sandbox = sandbox_with(1).await;
            sandbox.misbehave(Misbehaviour::new(fault.clone()).operation(operation));
            let client = client_builder(&sandbox).retry(quick().max_elapsed(Duration::from_millis(50)));
            let processor = processor_of(&client.build().unwrap(), &sandbox, &Cluster::of(&sandbox));
            let report = processor.run_once().await;
            assert!(matches!(kinds(&report)[..], [Kind::Failed | Kind::Held]), "{operation}: {report:#?}");
            assert!(["Sent", "Processing"].contains(&states(&sandbox)[0].as_str()), "{operation} {fault:?}");
            sandbox.clear_faults();
            assert_eq!(kinds(&processor.run_once().await), [Kind::Answered], "{operation} {fault:?}");
            assert_eq!(importable(&sandbox), ANSWERED);
        }
    }
}

#[tokio::test]
async fn on_a_bad_day_every_request_is_answered_once() {
    for dice in 0..3 {
        let sandbox = sandbox_by(dice, 3).await;
        // What was added twice can't be told from what a server hides: an object that it leaves out, or one
        // whose id it doesn't show.
        let hides = |fault: &Fault| {
            matches!(fault, Fault::VanishedItems(_) | Fault::NullFields(_) | Fault::BlankFields(_))
        };
        let faults = Fault::each().into_iter().filter(|fault| !hides(fault));
        sandbox.misbehave(Misbehaviour::any_of(faults).chance(0.2));
        let client =
            client_builder(&sandbox).timeout(Duration::from_millis(400)).retry(quick()).build().unwrap();
        let cluster = Cluster::of(&sandbox);
        let mut rounds = 0;
        while states(&sandbox) != ["Done"; 3] {
            rounds += 1;
            assert!(rounds < 300, "{:?}", states(&sandbox));
            // A new process each time.
            let report = processor_of(&client, &sandbox, &cluster).run_once().await;
            assert_eq!(report.count(Kind::Erred), 0, "{report:#?}");
        }
        assert_eq!(importable(&sandbox), ANSWERED);
    }
}

#[tokio::test]
async fn interrupted_at_any_request_and_run_again_it_ends_the_same() {
    let sandbox = sandbox_with(2).await;
    let client = single_minded(&sandbox);
    assert!(processor_of(&client, &sandbox, &Cluster::of(&sandbox)).run_once().await.is_ok());
    let requests = sandbox.requests().len();
    for how in [None, Some(Fault::ResetBefore), Some(Fault::ResetAfter), Some(Fault::Status(503))] {
        for count in 1..=requests {
            let sandbox = sandbox_with(2).await;
            let (client, cluster) = (single_minded(&sandbox), Cluster::of(&sandbox));
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
            assert!(report.is_ok(), "{report:#?}");
            assert_eq!(
                (importable(&sandbox), states(&sandbox)),
                (ANSWERED.map(String::from).into(), vec!["Done".into(); 2]),
                "{how:?} {count}"
            );
        }
    }
}
