//! What a round does with orders.

use std::time::Duration;

use rust_decimal::Decimal;
use waldur_sandbox::{Actor, Fault, OrderState as State, OrderType as Type, Release, ResourceState, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::agent::{
    Approval, Backend, BackendError, Decision, OrderProcessor, OrderResult, OrderResultKind as Kind,
    Provisioned, SkippedStep, Task,
};
use waldur_sdk::{BackendId, NaiveDate, RetryPolicy, Uuid};

use crate::common::{client_as, posts_to};
use crate::orders::{
    Cluster, OF_EACH, ONE, SET_BACKEND_ID, SET_LIMITS, add, all_ended, client, kinds, processor, sandbox_of,
    sandbox_with, states,
};

#[tokio::test]
async fn orders_of_all_types_are_carried_out() {
    for release in [Release::Schema, Release::Late2024, Release::Newer] {
        let can_set_limits = release.has("marketplace_provider_resources_set_limits");
        all_types_are_carried_out(&sandbox_of(release, OF_EACH).await, can_set_limits).await;
    }
}

async fn all_types_are_carried_out(sandbox: &Sandbox, can_set_limits: bool) {
    let cluster = Cluster::default();
    let report = processor(sandbox, &cluster).run_once().await;
    assert_eq!(
        (report.count(Kind::Done), report.count(Kind::Erred), report.items.len()),
        (5, 1, 6),
        "{report:#?}"
    );
    // The erred one is not kept back.
    let failures: Vec<String> = report.problems().map(|failure| failure.to_string()).collect();
    assert!(!report.is_ok() && failures.len() == 1, "{failures:?}");
    assert!(failures[0].contains("erred: disk quota"), "{failures:?}");
    assert!(failures[0].contains(&report.items[5].target.order.uuid.simple().to_string()), "{failures:?}");
    assert!(report.to_string().starts_with("5 applied, 1 failed"), "{report}");
    use State::{Done, Erred};
    assert_eq!(states(sandbox), [Done, Done, Done, Done, Done, Erred]);
    for order in sandbox.orders() {
        let resource = sandbox.resource(order.resource).unwrap();
        let content = sandbox.order_content(order.uuid).unwrap();
        match resource.name.as_str() {
            "broken" => {
                assert_eq!(content.error_message, "disk quota");
                assert_eq!(content.error_traceback, "at node 7");
                assert_eq!(resource.state, ResourceState::Erred);
            }
            "gone" => assert_eq!(resource.state, ResourceState::Terminated),
            name => {
                assert_eq!(resource.state, ResourceState::Ok, "{name}");
                let limit = (can_set_limits || order.type_ == Type::Update).then(|| 64.into());
                assert_eq!(resource.limits.get("cpu"), limit.as_ref(), "{name}");
                if order.type_ != Type::Update {
                    assert_eq!(resource.backend_id, format!("hpc_{name}"));
                }
            }
        }
    }
    // Another round finds nothing, another processor neither.
    sandbox.clear_requests();
    assert_eq!(processor(sandbox, &cluster).run_once().await.to_string(), "0 applied");
    assert_eq!(sandbox.requests().len(), 2);
}

/// A refusal that isn't about what was told may pass: what the back end made is told in the next round.
#[tokio::test]
async fn a_refusal_of_something_else_errs_nothing() {
    let (sandbox, cluster) = (sandbox_with(ONE).await, Cluster::default());
    let processor = processor(&sandbox, &cluster).backoff(Duration::ZERO, Duration::ZERO);
    sandbox.fail_next(1, "POST", SET_BACKEND_ID, Fault::Status(400));
    assert_eq!(kinds(&processor.run_once().await), [Kind::Failed]);
    assert_eq!(states(&sandbox), [State::Executing]);
    assert_eq!(kinds(&processor.run_once().await), [Kind::Done]);
    assert_eq!(cluster.world.lock().unwrap().made, 1);
}

/// Where an order can't be erred, what went wrong is told all the same.
#[tokio::test]
async fn a_failure_that_waldur_does_not_take_is_told() {
    let builder = Sandbox::builder().orders(0).seed(|seed| {
        let basic = seed.ids().offerings.basic;
        add(seed, basic, "broken", Type::Create, State::PendingProvider);
    });
    let (sandbox, cluster) = (builder.start().await.unwrap(), Cluster::default());
    let basic = sandbox.ids().offerings.basic;
    let report = OrderProcessor::new(&client(&sandbox), [basic], cluster).run_once().await;
    let text = report.items[0].outcome.to_string();
    assert!(text.contains("405") && text.contains("disk quota"), "{text}");
    assert_eq!(states(&sandbox), [State::Executing]);
}

/// A customer may want it later: it is approved, and waits for its day.
#[tokio::test]
async fn an_order_for_later_is_approved_and_left() {
    let builder = Sandbox::builder().orders(0).seed(|seed| {
        let bulk = seed.ids().offerings.bulk;
        let order = add(seed, bulk, "one", Type::Create, State::PendingProvider);
        seed.start_date(order, NaiveDate::from_ymd_opt(2031, 5, 6).unwrap());
    });
    let (sandbox, cluster) = (builder.start().await.unwrap(), Cluster::default());
    let processor = processor(&sandbox, &cluster);
    let report = processor.run_once().await;
    assert!(
        report.is_ok() && report.items[0].outcome.to_string().contains("pending-start-date"),
        "{report:#?}"
    );
    assert_eq!((states(&sandbox), cluster.world.lock().unwrap().made), (vec![State::PendingStartDate], 0));
    assert!(processor.run_once().await.items.is_empty());
}

#[tokio::test]
async fn a_create_order_takes_few_requests() {
    for (asks_for_team, expected) in [(false, 8), (true, 9)] {
        let sandbox = sandbox_with(ONE).await;
        let cluster = Cluster { asks_for_team, ..Cluster::default() };
        let offering = sandbox.ids().offerings.bulk;
        let report = OrderProcessor::new(&client(&sandbox), [offering], cluster).run_once().await;
        assert_eq!(kinds(&report), [Kind::Done]);
        let resource = sandbox.resource(sandbox.orders()[0].resource).unwrap();
        assert_eq!((resource.backend_id.as_str(), &resource.limits["cpu"]), ("hpc_one", &64.into()));
        assert_eq!(sandbox.requests().len(), expected, "{:#?}", sandbox.requests());
    }
}

#[tokio::test]
async fn it_is_decided_which_orders_are_approved() {
    let sandbox = sandbox_with(OF_EACH).await;
    let cluster = Cluster::default();
    let left = processor(&sandbox, &cluster).approval(Decision::Defer).run_once().await;
    assert_eq!((left.count(Kind::Deferred), left.count(Kind::Done)), (4, 2), "{left:#?}");
    let choosy = processor(&sandbox, &cluster).approval(Approval::by(|order| match order.type_.as_str() {
        "Create" => Decision::Reject(format!("no {}", order.resource_name)),
        _ => Decision::Approve,
    }));
    let report = choosy.run_once().await;
    assert_eq!((report.count(Kind::Rejected), report.count(Kind::Done)), (2, 2), "{report:#?}");
    let orders = sandbox.orders();
    let rejected: Vec<_> = orders.iter().filter(|order| order.state == State::Rejected).collect();
    assert_eq!(rejected.len(), 2);
    for order in rejected {
        let name = sandbox.resource(order.resource).unwrap().name;
        let comment = &sandbox.order_content(order.uuid).unwrap().properties["provider_rejection_comment"];
        assert_eq!(comment, &format!("no {name}"));
    }
}

#[tokio::test]
async fn passing_failures_err_nothing_and_rest_longer_each_time() {
    let sandbox = sandbox_with(ONE).await;
    let cluster = Cluster { transient: true, ..Cluster::default() };
    let patient = processor(&sandbox, &cluster).backoff(Duration::from_secs(50), Duration::from_secs(100));
    let report = patient.run_once().await;
    let OrderResult::Failed { again_in } = &report.items[0].target.result else { panic!("{report:?}") };
    let error = report.items[0].outcome.error().unwrap();
    assert!(error.is_backend() && !error.is_ambiguous());
    assert_eq!((error.to_string().as_str(), again_in.as_secs()), ("the back end: the cluster is busy", 50));
    let cause = error.cause::<BackendError>().unwrap();
    assert!(cause.is_transient() && cause.clone().to_string() == "the cluster is busy");
    assert_eq!(states(&sandbox), [State::Executing]);
    sandbox.clear_requests();
    assert_eq!(kinds(&patient.run_once().await), [Kind::Resting]);
    assert!(!report.is_ok() && sandbox.requests().len() == 2, "only the lists");
    // Somebody new takes it up as a re-run.
    let cluster = Cluster::default();
    assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done]);
    assert!(cluster.world.lock().unwrap().seen[0].2);
}

#[tokio::test]
async fn what_is_known_already_is_told_to_the_back_end_and_not_again_to_waldur() {
    let sandbox = sandbox_with(&[("begun", Type::Create, State::Executing)]).await;
    let provider = client(&sandbox).provider();
    let order = sandbox.orders()[0];
    provider.resource(order.resource).set_backend_id("hpc_begun").await.unwrap();
    sandbox.clear_requests();
    let cluster = Cluster::default();
    assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done]);
    let seen = (order.uuid, Some("hpc_begun".to_owned()), true);
    assert_eq!(cluster.world.lock().unwrap().seen, [seen]);
    assert_eq!(posts_to(&sandbox, SET_BACKEND_ID), 0);
}

#[tokio::test]
async fn what_the_server_does_not_take_errs_the_order() {
    struct Wordy;
    impl Backend for Wordy {
        async fn create(&self, _: &Task) -> Result<Provisioned, BackendError> {
            Provisioned::new("x".repeat(256))
        }
        async fn update(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
            Ok(())
        }
        async fn terminate(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
            Ok(())
        }
    }
    let sandbox =
        sandbox_with(&[("a", Type::Create, State::Executing), ("b", Type::Restore, State::Executing)]).await;
    let offerings = sandbox.ids().offerings;
    let report =
        OrderProcessor::new(&client(&sandbox), [offerings.bulk, offerings.slurm], Wordy).run_once().await;
    assert_eq!(kinds(&report), [Kind::Erred, Kind::Erred], "{report:#?}");
    let messages: Vec<_> =
        sandbox.orders().iter().map(|order| sandbox.order_content(order.uuid).unwrap()).collect();
    assert!(messages[0].error_message.contains("256"), "{messages:?}");
    assert!(messages[1].error_message.contains("restored"), "{messages:?}");
}

#[tokio::test]
async fn an_offering_that_can_not_be_listed_stops_no_other() {
    let sandbox = sandbox_with(OF_EACH).await;
    let offering = sandbox.ids().offerings.bulk;
    let cluster = Cluster::default();
    let unknown = Uuid::nil();
    let retry = RetryPolicy::never();
    let client = client(&sandbox).with_retry(retry);
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::Status(500));
    let processor = OrderProcessor::new(&client, [unknown, offering], cluster);
    let report = processor.run_once().await;
    assert_eq!(report.unlisted.len(), 1, "{report:#?}");
    assert!(!report.is_ok() && report.unlisted[0].error.is_server());
    // Whose orders the caller may not touch are not seen.
    let outsider = client_as(&sandbox, Actor::Outsider);
    assert!(OrderProcessor::new(&outsider, [offering], Cluster::default()).run_once().await.items.is_empty());
    // A consumer sees them, but may do nothing.
    let consumer = client_as(&sandbox, Actor::Consumer);
    sandbox.clear_requests();
    let before = states(&sandbox);
    let slurm = sandbox.ids().offerings.slurm;
    let report = OrderProcessor::new(&consumer, [slurm], Cluster::default()).run_once().await;
    assert!(report.items.iter().all(|order| order.target.result.kind() == Kind::Failed), "{report:#?}");
    assert_eq!(states(&sandbox), before);
}

/// On a server that can't set limits, an order is done without them.
#[tokio::test]
async fn what_a_server_does_not_have_is_skipped_and_said() {
    let sandbox = sandbox_of(Release::Late2024, ONE).await;
    let cluster = Cluster { extra: Decimal::ONE, ..Cluster::default() };
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!(kinds(&report), [Kind::Done], "{report:#?}");
    assert_eq!(report.items[0].target.result.skipped(), [SkippedStep::Limits]);
    assert!(report.items[0].target.result.to_string().contains("can't set limits"), "{report:?}");
    assert_eq!(report.to_string(), "1 applied");
    assert_eq!((states(&sandbox), posts_to(&sandbox, SET_LIMITS)), (vec![State::Done], 1));
    assert_eq!(sandbox.resource(sandbox.orders()[0].resource).unwrap().backend_id, "hpc_one");
}

#[tokio::test]
async fn on_each_release_all_types_end_in_few_requests() {
    for release in [Release::Late2024, Release::Schema, Release::Newer] {
        let sandbox = sandbox_of(release, OF_EACH).await;
        let cluster = Cluster { extra: Decimal::ONE, asks_for_team: true, ..Cluster::default() };
        let processor = processor(&sandbox, &cluster).backoff(Duration::ZERO, Duration::ZERO);
        let first = processor.run_once().await;
        assert!(all_ended(&first), "{release:?}: {first:#?}");
        // Two lists, then at most eight requests for each order.
        assert!(sandbox.requests().len() <= 2 + 8 * OF_EACH.len(), "{:#?}", sandbox.requests());
        assert_eq!(cluster.world.lock().unwrap().calls, OF_EACH.len());
        sandbox.clear_requests();
        assert!(processor.run_once().await.items.is_empty());
        assert_eq!(sandbox.requests().len(), 2);
    }
}

#[tokio::test]
async fn counts_are_texts_for_logs_and_statistics() {
    let sandbox = sandbox_with(OF_EACH).await;
    let report = processor(&sandbox, &Cluster::default()).run_once().await;
    assert_eq!(serde_json::to_value(report.counts()).unwrap(), serde_json::json!({ "done": 5, "erred": 1 }));
    assert_eq!(format!("{:>6}", Kind::Done), "  done");
    assert_eq!(
        (Kind::NoBackendId.as_str(), Kind::NoBackendId.to_string().as_str()),
        ("no_backend_id", "without backend id")
    );
}
