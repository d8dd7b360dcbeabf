//! Answers that are lost, errors and outages.

use std::time::Duration;

use waldur_sandbox::{Fault, Misbehaviour, OrderState as State, OrderType as Type, Sandbox};
use waldur_sdk::agent::{OrderProcessor, OrderResultKind as Kind};
use waldur_sdk::{Client, RetryPolicy};

use crate::common::{client_builder, posts_to, quick};
use crate::orders::{
    APPROVE, Cluster, OF_EACH, ONE, SET_BACKEND_ID, SET_DONE, SET_LIMITS, add, all_ended,
    assert_looked_first, assert_true, client, kinds, processor, sandbox_of_many, sandbox_with, states,
};

#[tokio::test]
async fn lost_answers_are_looked_up_and_nothing_sent_twice() {
    for path_end in [APPROVE, SET_BACKEND_ID, SET_LIMITS, SET_DONE] {
        let sandbox = sandbox_with(ONE).await;
        sandbox.fail_next(1, "POST", path_end, Fault::ResetAfter);
        let cluster = Cluster::default();
        assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done], "{path_end}");
        assert_eq!((states(&sandbox)[0], posts_to(&sandbox, path_end)), (State::Done, 1));
    }
    // Not applied: it is seen and sent again.
    for path_end in [APPROVE, SET_BACKEND_ID, SET_LIMITS, SET_DONE] {
        let sandbox = sandbox_with(ONE).await;
        sandbox.fail_next(1, "POST", path_end, Fault::ResetBefore);
        let cluster = Cluster::default();
        assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done], "{path_end}");
        assert_looked_first(&sandbox);
    }
    // Where nothing may be sent again, the failure says so, and the next round does it.
    for path_end in [APPROVE, SET_BACKEND_ID, SET_LIMITS, SET_DONE] {
        let sandbox = sandbox_with(ONE).await;
        sandbox.fail_next(1, "POST", path_end, Fault::ResetBefore);
        let client = client(&sandbox).with_retry(RetryPolicy::never());
        let offering = sandbox.ids().offerings.bulk;
        let processor = OrderProcessor::new(&client, [offering], Cluster::default())
            .backoff(Duration::ZERO, Duration::ZERO);
        let report = processor.run_once().await;
        assert_eq!(kinds(&report), [Kind::Failed], "{path_end}");
        let text = report.items[0].outcome.to_string();
        assert!(text.contains("it was not applied") || text.contains("another value"), "{text}");
        assert_eq!(kinds(&processor.run_once().await), [Kind::Done]);
        assert_eq!(processor.backend().world.lock().unwrap().calls, 1);
    }
}

#[tokio::test]
async fn on_a_bad_day_every_order_ends_right() {
    for dice in 0..3 {
        let builder = Sandbox::builder().orders(0).dice(dice).seed(|seed| {
            let offerings = seed.ids().offerings;
            for round in 0..3 {
                for (at, (name, type_, state)) in OF_EACH.iter().enumerate() {
                    let offering = if at % 2 == 0 { offerings.bulk } else { offerings.slurm };
                    add(seed, offering, &format!("{name}-{round}"), *type_, *state);
                }
            }
        });
        let sandbox = builder.start().await.unwrap();
        sandbox.misbehave(Misbehaviour::any_of(Fault::each()).chance(0.2));
        let client =
            client_builder(&sandbox).timeout(Duration::from_millis(400)).retry(quick()).build().unwrap();
        let cluster = Cluster { asks_for_team: true, ..Cluster::default() };
        let offerings = sandbox.ids().offerings;
        let processor = OrderProcessor::new(&client, [offerings.bulk, offerings.slurm], cluster.clone())
            .backoff(Duration::ZERO, Duration::ZERO);
        let is_open = |state: &State| matches!(state, State::PendingProvider | State::Executing);
        let mut rounds = 0;
        while states(&sandbox).iter().any(is_open) {
            rounds += 1;
            assert!(rounds < 300, "{:?}", sandbox.orders());
            let report = processor.run_once().await;
            assert_true(&sandbox, &report);
        }
        sandbox.clear_faults();
        assert_looked_first(&sandbox);
        for order in sandbox.orders() {
            let resource = sandbox.resource(order.resource).unwrap();
            let broken = resource.name.starts_with("broken");
            assert_eq!(order.state, if broken { State::Erred } else { State::Done }, "{}", resource.name);
            if matches!(order.type_, Type::Create | Type::Restore) && !broken {
                assert_eq!(resource.backend_id, format!("hpc_{}", resource.name));
                assert_eq!(resource.limits["cpu"], 64);
            }
        }
        // Three each of new, begun and back, and no more.
        assert_eq!(cluster.world.lock().unwrap().made, 9);
    }
}

/// A client that tries again for so long.
fn patient(sandbox: &Sandbox, within: Duration) -> Client {
    let policy = RetryPolicy::default().max_elapsed(within);
    client(sandbox).with_retry(policy.backoff(Duration::from_millis(1), Duration::from_millis(20)))
}

/// What the back end answered is kept while Waldur fails, for as long as the process lives.
#[tokio::test]
async fn a_back_end_that_succeeded_is_not_called_again() {
    const ALL: &[(&str, Type, State)] = &[
        ("new", Type::Create, State::PendingProvider),
        ("larger", Type::Update, State::PendingProvider),
        ("back", Type::Restore, State::Executing),
        ("gone", Type::Terminate, State::Executing),
    ];
    for (operation, fault) in [
        ("marketplace_provider_resources_set_backend_id", Fault::Status(500)),
        ("marketplace_provider_resources_set_limits", Fault::Status(403)),
        ("marketplace_orders_set_state_done", Fault::Status(500)),
        ("marketplace_orders_set_state_done", Fault::ResetBefore),
    ] {
        let (sandbox, cluster) = (sandbox_with(ALL).await, Cluster::default());
        let single = client(&sandbox).with_retry(RetryPolicy::never());
        let offerings = sandbox.ids().offerings;
        let processor = || {
            OrderProcessor::new(&single, [offerings.bulk, offerings.slurm], cluster.clone())
                .backoff(Duration::ZERO, Duration::ZERO)
        };
        sandbox.misbehave(Misbehaviour::new(fault).operation(operation));
        let first = processor();
        for round in 0..4 {
            let report = first.run_once().await;
            assert!(report.count(Kind::Failed) >= 2, "{operation}: {report:#?}");
            assert_eq!(cluster.world.lock().unwrap().calls, ALL.len(), "{operation} {round}");
        }
        // Another process knows nothing of that.
        let failing = sandbox.orders().iter().filter(|order| order.state == State::Executing).count();
        let second = processor();
        assert_eq!(second.run_once().await.count(Kind::Failed), failing);
        assert_eq!(cluster.world.lock().unwrap().calls, ALL.len() + failing);
        sandbox.clear_faults();
        assert!(all_ended(&second.run_once().await));
        assert_eq!(cluster.world.lock().unwrap().calls, ALL.len() + failing);
        assert_eq!(states(&sandbox), [State::Done; 4]);
    }
}

/// A login page answers in place of the API.
#[tokio::test]
async fn a_page_is_no_success() {
    for path_end in [APPROVE, SET_BACKEND_ID, SET_LIMITS, SET_DONE] {
        let (sandbox, cluster) = (sandbox_with(ONE).await, Cluster::default());
        let processor = processor(&sandbox, &cluster).backoff(Duration::ZERO, Duration::ZERO);
        sandbox.misbehave(Misbehaviour::new(Fault::Portal).method("POST").path_end(path_end));
        let report = processor.run_once().await;
        assert_eq!(kinds(&report), [Kind::Failed], "{path_end}");
        let text = report.items[0].to_string();
        assert!(text.contains("page"), "{text}");
        let expected = if path_end == APPROVE { State::PendingProvider } else { State::Executing };
        assert_eq!((states(&sandbox), posts_to(&sandbox, path_end)), (vec![expected], 1));
        sandbox.clear_faults();
        assert_eq!(kinds(&processor.run_once().await), [Kind::Done]);
        assert_eq!(cluster.world.lock().unwrap().calls, 1);
    }
}

/// The database is gone for the next requests, reads included.
#[tokio::test]
async fn an_outage_is_waited_through() {
    for lost in [Fault::Status(500), Fault::Status(502), Fault::StatusAfter(502), Fault::ResetAfter] {
        for after in [1, 8, 40] {
            let sandbox = sandbox_of_many(12).await;
            sandbox.misbehave(Misbehaviour::new(lost.clone()).after(after).times(40));
            let client = patient(&sandbox, Duration::from_secs(60));
            let cluster = Cluster { asks_for_team: true, ..Cluster::default() };
            let processor = OrderProcessor::new(&client, [sandbox.ids().offerings.bulk], cluster.clone());
            let report = processor.run_once().await;
            assert_eq!(report.count(Kind::Done), 12, "{lost:?} {after}: {report:#?}");
            assert_eq!(states(&sandbox), [State::Done; 12]);
            assert_eq!(cluster.world.lock().unwrap().calls, 12);
        }
    }
}

#[tokio::test]
async fn a_long_outage_holds_the_rest_of_a_round_back() {
    let sandbox = sandbox_of_many(200).await;
    sandbox.misbehave(Misbehaviour::new(Fault::Status(500)).after(1));
    let client = patient(&sandbox, Duration::from_millis(200));
    let cluster = Cluster::default();
    let processor = OrderProcessor::new(&client, [sandbox.ids().offerings.bulk], cluster.clone());
    let report = processor.run_once().await;
    assert!(report.count(Kind::Held) > 150, "{report}");
    assert_eq!(report.failures().count(), 200);
    let held = report.items.iter().find(|order| order.target.result.kind() == Kind::Held).unwrap();
    assert!(held.outcome.to_string().contains("not sent: the server "), "{held}");
    assert!(sandbox.requests().len() < 200, "{}", sandbox.requests().len());
    // What was held back doesn't rest.
    sandbox.clear_faults();
    let second = processor.run_once().await;
    assert_eq!(second.count(Kind::Done), report.count(Kind::Held), "{second}");
}
