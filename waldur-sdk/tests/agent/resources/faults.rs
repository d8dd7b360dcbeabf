//! Answers that are lost, errors and outages.

use std::time::Duration;

use waldur_sandbox::{Actor, Fault, Misbehaviour, ResourceState as State, Sandbox};
use waldur_sdk::agent::ResourceMode::{Normal, Paused};
use waldur_sdk::agent::{Limits, LimitsSource, ResourceResultKind as Kind, ResourcesProcessor};
use waldur_sdk::{AccountName, ClientExt as _, RetryPolicy, Uuid};

use crate::common::interrupting::cut_off_after;
use crate::common::{client_as, client_builder, posts_to, quick};
use crate::resources::limits::{cluster_with, sandbox_with_users_by, users};
use crate::resources::{
    CALLS, Case, Cluster, OF_EACH, PAUSED, case, kinds, processor, processor_of, resource, sandbox_with,
    seed_cases, sorted, there,
};

const MENDED: &[Case] = &[case("mended", State::Erred, Normal, 16, Some((Normal, 8)))];
const GONE: &[Case] = &[case("gone", State::Ok, Normal, 8, None)];

#[tokio::test]
async fn lost_answers_are_looked_up_and_nothing_is_sent_twice() {
    for (cases, path_end, end) in [
        (MENDED, "/set_backend_metadata/", Kind::InSync),
        (MENDED, "/set_limits/", Kind::InSync),
        (MENDED, "/set_as_ok/", Kind::InSync),
        (GONE, "/set_as_erred/", Kind::Erred),
    ] {
        for (fault, times) in [(Fault::ResetAfter, 1), (Fault::StatusAfter(502), 1), (Fault::ResetBefore, 2)]
        {
            let (sandbox, cluster) = (sandbox_with(cases).await, Cluster::of(cases));
            sandbox.fail_next(1, "POST", path_end, fault.clone());
            let report = processor(&sandbox, &cluster).limits_source(LimitsSource::Backend).run_once().await;
            assert_eq!(kinds(&report), [end], "{path_end} {fault:?}: {report:#?}");
            assert_eq!(posts_to(&sandbox, path_end), times, "{path_end} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_failing_server_changes_no_state() {
    for (operation, cases, state) in [
        ("marketplace_provider_resources_retrieve", PAUSED, State::Ok),
        ("marketplace_provider_resources_retrieve", GONE, State::Ok),
        ("marketplace_provider_resources_set_backend_metadata", PAUSED, State::Ok),
        ("marketplace_provider_resources_refresh_last_sync", PAUSED, State::Ok),
        ("marketplace_provider_resources_set_as_ok", MENDED, State::Erred),
        ("marketplace_provider_resources_set_as_erred", GONE, State::Ok),
    ] {
        for fault in
            [Fault::Status(500), Fault::Status(503), Fault::Status(403), Fault::ResetBefore, Fault::Portal]
        {
            let (sandbox, cluster) = (sandbox_with(cases).await, Cluster::of(cases));
            sandbox.misbehave(Misbehaviour::new(fault.clone()).operation(operation));
            let client = client_builder(&sandbox).retry(quick().max_elapsed(Duration::from_millis(50)));
            let processor = processor_of(&client.build().unwrap(), &sandbox, &cluster);
            let report = processor.run_once().await;
            assert!(matches!(kinds(&report)[..], [Kind::Failed | Kind::Held]), "{operation}: {report:#?}");
            assert_eq!(there(&sandbox)[0].state, state, "{operation} {fault:?}");
            sandbox.clear_faults();
            let report = processor.run_once().await;
            let end = if cases[0].name == "gone" { Kind::Erred } else { Kind::InSync };
            assert_eq!(kinds(&report), [end], "{operation} {fault:?}: {report:#?}");
            assert!(cluster.calls().len() <= 1);
        }
    }
}

#[tokio::test]
async fn on_a_bad_day_every_resource_ends_right() {
    for dice in 0..3 {
        let builder = Sandbox::builder().orders(0).dice(dice);
        let sandbox = builder.seed(|seed| _ = seed_cases(seed, OF_EACH)).start().await.unwrap();
        sandbox.misbehave(Misbehaviour::any_of(Fault::each()).chance(0.2));
        let client =
            client_builder(&sandbox).timeout(Duration::from_millis(400)).retry(quick()).build().unwrap();
        let cluster = Cluster::of(OF_EACH);
        let is_lost = |name: &str| ["gone", "lost"].contains(&name);
        let is_right = || {
            there(&sandbox).iter().all(|row| {
                let is_told = row.error_message == "the account doesn't exist";
                let has_metadata = row.backend_metadata.get("qos").is_some();
                match is_lost(&row.name) {
                    true => row.state == State::Erred && is_told,
                    false => row.state == State::Ok && has_metadata,
                }
            }) && cluster.calls().len() >= CALLS.len()
        };
        let mut rounds = 0;
        while !is_right() {
            rounds += 1;
            assert!(rounds < 300, "{:?}", there(&sandbox));
            // A new process each time.
            let report = processor_of(&client, &sandbox, &cluster).run_once().await;
            for item in &report.items {
                let is_erred = item.target.result.kind() == Kind::Erred;
                assert!(!is_erred || is_lost(&item.target.resource.name), "{item}");
            }
            for row in there(&sandbox).iter().filter(|row| !is_lost(&row.name) && row.name != "mended") {
                assert_eq!(row.state, State::Ok, "{}", row.name);
            }
        }
        sandbox.clear_faults();
        assert_eq!(sorted(cluster.calls()), CALLS);
        let report = processor_of(&client, &sandbox, &cluster).run_once().await;
        assert_eq!((report.count(Kind::InSync), report.count(Kind::Erred)), (7, 2), "{report:#?}");
        assert_eq!(sorted(cluster.calls()), CALLS);
        assert_eq!(resource(&sandbox, "both").backend_metadata["qos"], serde_json::json!(Paused));
    }
}

#[tokio::test]
async fn on_a_bad_day_limits_of_users_are_set_once() {
    // A server that leaves users' limits or names out says that there are none.
    let hides = |fault: &Fault| {
        matches!(fault, Fault::VanishedItems(_) | Fault::NullFields(_) | Fault::BlankFields(_))
    };
    for dice in 0..5 {
        let sandbox = sandbox_with_users_by(dice).await;
        let cluster = cluster_with(users([("bob01", 1), ("carol01", 3)]));
        let faults = Fault::each().into_iter().filter(|fault| !hides(fault));
        sandbox.misbehave(Misbehaviour::any_of(faults).chance(0.2));
        let client =
            client_builder(&sandbox).timeout(Duration::from_millis(400)).retry(quick()).build().unwrap();
        let expected = ["alice01", "bob01", "carol01"].map(|name| format!("hpc_shared limits of {name}"));
        let mut rounds = 0;
        while cluster.calls().len() < expected.len() {
            rounds += 1;
            assert!(rounds < 300, "{:?}", cluster.calls());
            // A new process each time, which is killed after some requests.
            let requests = sandbox.requests().len() + rounds % 12;
            cut_off_after(requests, &sandbox, processor_of(&client, &sandbox, &cluster).run_once()).await;
        }
        sandbox.clear_faults();
        let report = processor_of(&client, &sandbox, &cluster).run_once().await;
        assert_eq!(report.count(Kind::InSync), 2, "{report:#?}");
        assert_eq!(sorted(cluster.calls()), expected, "{dice}");
        let mut there = users([("alice01", 5), ("bob01", 7)]);
        there.insert(AccountName::new("carol01").unwrap(), Limits::new());
        assert_eq!(cluster.account("hpc_shared").user_limits, Some(there));
    }
}

#[tokio::test]
async fn two_hours_of_changes_faults_and_restarts_end_as_waldur_wants_it() {
    for dice in 0..2 {
        let builder = Sandbox::builder().orders(0).dice(dice);
        let sandbox = builder.seed(|seed| _ = seed_cases(seed, &OF_EACH[..7])).start().await.unwrap();
        let cluster = Cluster::of(&OF_EACH[..7]);
        let staff = client_as(&sandbox, Actor::Staff).provider();
        let client =
            client_builder(&sandbox).timeout(Duration::from_millis(400)).retry(quick()).build().unwrap();
        let mut processor = processor_of(&client, &sandbox, &cluster);
        // A round every five minutes, and something that Waldur wants otherwise before each.
        for round in 0..24 {
            sandbox.set_now(sandbox.now() + Duration::from_secs(300));
            let row = &there(&sandbox)[round % 7];
            staff.resource(row.uuid).set_paused(round % 2 == 0).await.unwrap();
            staff.resource(row.uuid).set_limits([("cpu", round as u64)]).await.unwrap();
            sandbox.misbehave(Misbehaviour::any_of(Fault::each()).chance(0.2));
            let report = processor.run_once().await;
            assert_eq!(report.count(Kind::Erred), 0, "{report:#?}");
            sandbox.clear_faults();
            if round % 4 == 3 {
                processor = processor_of(&client, &sandbox, &cluster);
            }
        }
        let report = processor.run_once().await;
        assert_eq!(report.count(Kind::InSync), 7, "{report:#?}");
        for row in there(&sandbox) {
            let account = cluster.account(&row.backend_id);
            let is_paused = row.properties["paused"] == serde_json::json!(true);
            assert_eq!(row.state, State::Ok, "{}", row.name);
            assert_eq!(account.mode == Paused, is_paused, "{}", row.name);
            assert_eq!(row.backend_metadata["qos"], serde_json::json!(account.mode), "{}", row.name);
            assert_eq!(serde_json::json!(account.limits["cpu"].to_string()), row.limits["cpu"].to_string());
        }
        assert_eq!(processor.run_once().await.unchanged(), 7);
    }
}

#[tokio::test]
async fn an_offering_that_cannot_be_listed_costs_no_other() {
    let (sandbox, cluster) = (sandbox_with(PAUSED).await, Cluster::of(PAUSED));
    let client = client_builder(&sandbox).retry(RetryPolicy::never()).build().unwrap();
    let listed = Misbehaviour::new(Fault::Status(500)).operation("marketplace_provider_resources_list");
    sandbox.misbehave(listed.times(1));
    let offerings: [Uuid; 2] = [sandbox.ids().offerings.basic, crate::resources::offering(&sandbox)];
    let processor = ResourcesProcessor::new(&client, offerings, cluster.clone());
    let report = processor.run_once().await;
    assert_eq!((report.unlisted.len(), report.is_ok()), (1, false), "{report:#?}");
    assert!(processor.run_once().await.unlisted.is_empty());
    assert_eq!(cluster.calls(), ["hpc_paused pause"]);
}

#[tokio::test]
async fn a_long_outage_holds_the_rest_of_a_round_back() {
    let builder = Sandbox::builder().orders(0).seed(|seed| {
        let (provider, project) = (seed.ids().provider_customer, seed.ids().project);
        let offering = seed.offering(provider, "hpc");
        for at in 0..100 {
            let resource = seed.resource(offering, project, &format!("r{at}"), State::Ok);
            seed.backend_id(resource, &format!("hpc_{at}"));
        }
    });
    let sandbox = builder.start().await.unwrap();
    let cluster = Cluster::default();
    sandbox.misbehave(Misbehaviour::new(Fault::Status(500)).after(1));
    let policy = RetryPolicy::default().max_elapsed(Duration::from_millis(200));
    let policy = policy.backoff(Duration::from_millis(1), Duration::from_millis(20));
    let client = client_builder(&sandbox).retry(policy).build().unwrap();
    let processor = processor_of(&client, &sandbox, &cluster);
    let report = processor.run_once().await;
    assert!(report.count(Kind::Held) > 50, "{report}");
    assert!(there(&sandbox).iter().all(|row| row.state == State::Ok), "{report}");
    sandbox.clear_faults();
    // What was held back doesn't rest.
    assert_eq!(processor.run_once().await.count(Kind::Erred), 100);
}
