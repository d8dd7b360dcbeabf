//! Orders that are odd or unreadable.

use std::time::Duration;

use waldur_sandbox::{OrderState as State, OrderType as Type, ResourceState, Sandbox};
use waldur_sdk::Problem;
use waldur_sdk::agent::{Decision, OrderResultKind as Kind};

use crate::common::posts_to;
use crate::orders::{
    APPROVE, Cluster, ONE, SET_DONE, SET_ERRED, kinds, processor, sandbox_of_many, sandbox_with, states,
};

#[tokio::test]
async fn an_odd_order_is_named_and_the_others_are_done() {
    let too_much: serde_json::Value =
        serde_json::from_str(r#"{"cpu": 1000000000000000000000000000000}"#).unwrap();
    for (field, value) in [
        ("limits", too_much),
        ("attributes", "many".into()),
        ("marketplace_resource_uuid", serde_json::Value::Null),
        ("type", serde_json::Value::Null),
    ] {
        let sandbox = sandbox_of_many(5).await;
        let odd = sandbox.orders()[1].uuid;
        sandbox.corrupt("marketplace-orders", odd, field, value);
        let cluster = Cluster::default();
        let processor = processor(&sandbox, &cluster);
        let report = processor.run_once().await;
        assert_eq!(report.to_string(), "4 applied, 1 unreadable", "{field}");
        assert_eq!(report.unreadable[0].uuid, Some(odd));
        let failures: Vec<String> = report.problems().map(|failure| failure.to_string()).collect();
        assert!(matches!(report.problems().next(), Some(Problem::Unreadable(_))) && !report.is_ok());
        assert!(
            failures[0].contains(field) && failures[0].contains(&odd.simple().to_string()),
            "{failures:?}"
        );
        assert_eq!(sandbox.order(odd).unwrap().state, State::PendingProvider);
        assert_eq!(cluster.world.lock().unwrap().calls, 4);
    }
    // A plan that is "" is no plan.
    let sandbox = sandbox_with(ONE).await;
    sandbox.corrupt("marketplace-orders", sandbox.orders()[0].uuid, "plan_uuid", serde_json::Value::from(""));
    assert_eq!(kinds(&processor(&sandbox, &Cluster::default()).run_once().await), [Kind::Done]);
}

/// A server that doesn't know a filter ignores it.
#[tokio::test]
async fn an_order_of_another_offering_or_that_has_ended_is_left_alone() {
    let sandbox = sandbox_of_many(4).await;
    let list = "marketplace_orders_list";
    let other = serde_json::Value::from("0123456789abcdef0123456789abcdef");
    sandbox.corrupt(list, 0, "offering_uuid", other);
    sandbox.corrupt(list, 1, "state", serde_json::Value::from("done"));
    let cluster = Cluster::default();
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!((report.to_string().as_str(), cluster.world.lock().unwrap().calls), ("2 applied", 2));
    assert_eq!(posts_to(&sandbox, APPROVE), 2);
    let states: Vec<State> = sandbox.orders().iter().map(|order| order.state).collect();
    assert_eq!(states, [State::PendingProvider, State::PendingProvider, State::Done, State::Done]);
}

/// A success that nothing comes of is none.
#[tokio::test]
async fn an_approval_that_changed_nothing_is_a_failure() {
    let (sandbox, cluster) = (sandbox_with(ONE).await, Cluster::default());
    let order = sandbox.orders()[0].uuid;
    let still = serde_json::Value::from("pending-provider");
    sandbox.corrupt("marketplace_orders_retrieve", order, "state", still);
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!((kinds(&report), cluster.world.lock().unwrap().calls), (vec![Kind::Failed], 0));
    assert!(report.items[0].outcome.to_string().contains("still pending-provider"), "{report:#?}");
}

/// Any field of one order can be anything: the others are processed, and it is neither lost nor misread.
#[tokio::test]
async fn whatever_an_order_looks_like_the_others_are_processed() {
    let odd_values = serde_json::json!([
        null, true, 0, -1, 1.5, 1e30, "", " ", "x", "1000000000000000000000000000000",
        [], [null], [1, "x"], {},
        { "cpu": 1e30, "ram": "many", "gpu": 1 }, { "uuid": { "uuid": [] } },
    ]);
    let sandbox = sandbox_of_many(5).await;
    let processor = processor(&sandbox, &Cluster::default()).approval(Decision::Defer);
    assert_eq!(processor.run_once().await.to_string(), "0 applied, 5 skipped");
    let list = sandbox.requests().into_iter().find(|request| request.path.ends_with("/marketplace-orders/"));
    let query = list.unwrap().query;
    let fields: Vec<&str> = query.split('&').filter_map(|pair| pair.strip_prefix("field=")).collect();
    for needed in ["uuid", "state", "type", "limits", "attributes", "marketplace_resource_uuid"] {
        assert!(fields.contains(&needed), "{needed} is not in {query}");
    }
    for field in fields {
        let values = odd_values.as_array().unwrap().iter().cloned().map(Some);
        for value in values.chain([None]) {
            sandbox.corrupt("marketplace_orders_list", 2, field, value.clone());
            let report = processor.run_once().await;
            sandbox.clear_corruptions();
            let what = format!("{field} {value:?}: {report:#?}");
            assert_eq!(report.items.len() + report.unreadable.len(), 5, "{what}");
            assert!(report.count(Kind::Deferred) >= 4 && report.unreadable.len() <= 1, "{what}");
            assert_eq!(report.is_ok(), report.count(Kind::Deferred) == 5, "{what}");
        }
    }
}

#[tokio::test]
async fn an_order_that_is_odd_after_its_approval_is_not_lost() {
    let sandbox = sandbox_with(ONE).await;
    let order = sandbox.orders()[0].uuid;
    let odd = serde_json::json!({ "cpu": "many" });
    sandbox.corrupt("marketplace_orders_retrieve", order, "limits", odd);
    let cluster = Cluster::default();
    let processor = processor(&sandbox, &cluster).backoff(Duration::ZERO, Duration::ZERO);
    let report = processor.run_once().await;
    assert_eq!((kinds(&report), report.failures().count()), (vec![Kind::Failed], 1));
    assert!(report.items[0].outcome.to_string().contains("limits"), "{report:#?}");
    assert_eq!((states(&sandbox), cluster.world.lock().unwrap().calls), (vec![State::Executing], 0));
    sandbox.clear_corruptions();
    assert_eq!(kinds(&processor.run_once().await), [Kind::Done]);
}

/// A back end may take a blank id for "all".
#[tokio::test]
async fn a_resource_without_id_is_neither_changed_nor_terminated() {
    for state in [State::PendingProvider, State::Executing] {
        let builder = Sandbox::builder().orders(0).seed(move |seed| {
            let bulk = seed.ids().offerings.bulk;
            for type_ in [Type::Update, Type::Terminate] {
                for id in ["", " ", "hpc_x"] {
                    let resource = seed.resource(bulk, seed.ids().project, "one", ResourceState::Ok);
                    seed.backend_id(resource, id);
                    seed.order(resource, type_, state);
                }
            }
        });
        let (sandbox, cluster) = (builder.start().await.unwrap(), Cluster::default());
        let processor = processor(&sandbox, &cluster);
        for calls in [2, 2] {
            let report = processor.run_once().await;
            assert_eq!(report.count(Kind::NoBackendId), 4, "{report:#?}");
            assert_eq!(report.failures().count(), 4);
            assert!(
                report
                    .failures()
                    .all(|failure| failure.outcome.to_string().contains("has no id in the back end"))
            );
            assert_eq!(cluster.world.lock().unwrap().calls, calls);
        }
        assert_eq!(posts_to(&sandbox, APPROVE), if state == State::Executing { 0 } else { 2 });
        let open = states(&sandbox).into_iter().filter(|now| *now == state).count();
        assert_eq!((open, posts_to(&sandbox, SET_DONE), posts_to(&sandbox, SET_ERRED)), (4, 2, 0));
        // Who asks to reject them is heard.
        if state == State::PendingProvider {
            let decision = Decision::Reject("nothing there".to_owned());
            let report = processor.approval(decision).run_once().await;
            assert_eq!(report.to_string(), "4 applied");
        }
    }
}

#[tokio::test]
async fn a_type_that_nobody_knows_is_not_approved() {
    let sandbox = sandbox_with(ONE).await;
    sandbox.corrupt(
        "marketplace-orders",
        sandbox.orders()[0].uuid,
        "type",
        serde_json::Value::from("Transfer"),
    );
    let report = processor(&sandbox, &Cluster::default()).run_once().await;
    assert_eq!(kinds(&report), [Kind::Unknown]);
    assert_eq!((states(&sandbox), report.is_ok()), (vec![State::PendingProvider], false));
}
