//! Rounds that nothing disturbs, and back ends that fail.

use std::time::Duration;

use serde_json::{Value, json};
use waldur_sandbox::{Release, Sandbox};
use waldur_sdk::agent::{
    BackendError, ImportResult, ImportResultKind as Kind, ImportableResource, ImportsProcessor,
};
use waldur_sdk::{BackendId, Uuid};

use crate::common::{posts, posts_to, sent};
use crate::imports::{
    ANSWERED, Cluster, IMPORTABLE, REQUESTS, importable, kinds, processor, sandbox_with, states,
};

const LIST: &str = "backend_resource_requests_list";

#[tokio::test]
async fn what_waldur_does_not_know_is_added() {
    let sandbox = sandbox_with(1).await;
    let cluster = Cluster::of(&sandbox);
    let report = processor(&sandbox, &cluster).run_once().await;
    let [item] = &report.items[..] else { panic!("{report:#?}") };
    assert_eq!(item.target.result.to_string(), "answered: 3 added");
    assert_eq!(
        (importable(&sandbox), states(&sandbox)),
        (ANSWERED.map(String::from).into(), vec!["Done".into()])
    );
    let rows = sandbox.documents("backend-resources");
    assert!(rows.iter().any(|row| row.properties.get("backend_metadata") == Some(&json!({ "nodes": 4 }))));
    // The list, two of what is known, and the changes of the request.
    assert_eq!((sent(&sandbox, "GET"), posts(&sandbox)), (3, 2 + 3));
    sandbox.assert_contract();

    // Nothing is requested any more: one list, and the back end isn't called.
    sandbox.clear_requests();
    assert_eq!(processor(&sandbox, &cluster).run_once().await.items.len(), 0);
    assert_eq!((sandbox.requests().len(), *cluster.lists.lock().unwrap()), (1, 1));
}

#[tokio::test]
async fn several_requests_add_nothing_twice() {
    let sandbox = sandbox_with(3).await;
    let cluster = Cluster::of(&sandbox);
    let processor = processor(&sandbox, &cluster);
    let request = sandbox.documents(REQUESTS)[1].uuid;
    let (report, item) = tokio::join!(processor.run_once(), processor.process(request));
    let mut all = kinds(&report);
    all.push(item.unwrap().target.result.kind());
    let answered = all.iter().filter(|kind| **kind == Kind::Answered).count();
    assert_eq!(answered, 3, "{all:?}");
    assert_eq!(
        (importable(&sandbox), states(&sandbox)),
        (ANSWERED.map(String::from).into(), vec!["Done".into(); 3])
    );
    let again = processor.process(request).await.unwrap();
    assert_eq!(again.target.result.kind(), Kind::Superseded, "{again}");
    assert!(processor.process(Uuid::from_u128(1)).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_resource_that_waldur_refuses_is_named_and_the_rest_is_added() {
    let sandbox = sandbox_with(1).await;
    let mut cluster = Cluster::of(&sandbox);
    let odd = |id: &str, name: &str, project: Uuid| {
        ImportableResource::new(BackendId::new(id).unwrap(), name, project)
    };
    let project = sandbox.ids().project;
    cluster.resources.insert(0, odd("hpc_long", &"x".repeat(151), project));
    cluster.resources.insert(0, odd("hpc_blank", "", project));
    cluster.resources.insert(0, odd("hpc_nowhere", "nowhere", Uuid::from_u128(7)));
    let report = processor(&sandbox, &cluster).run_once().await;
    let ImportResult::Answered { added, left_out } = &report.items[0].target.result else {
        panic!("{report:#?}");
    };
    assert_eq!(added.len(), 3);
    let left_out: Vec<_> = left_out.iter().map(|one| one.backend_id.as_str()).collect();
    assert_eq!(left_out, ["hpc_nowhere", "hpc_blank", "hpc_long"], "{report:#?}");
    assert_eq!(
        (importable(&sandbox), states(&sandbox)),
        (ANSWERED.map(String::from).into(), vec!["Done".into()])
    );
}

#[tokio::test]
async fn a_failing_back_end_errs_a_request_only_for_good() {
    let sandbox = sandbox_with(1).await;
    let cluster = Cluster::of(&sandbox).failing(BackendError::transient("no answer of the cluster"));
    let processor = processor(&sandbox, &cluster);
    assert_eq!(kinds(&processor.run_once().await), [Kind::Failed]);
    let cluster = cluster.failing(BackendError::in_progress(Duration::ZERO));
    assert_eq!(kinds(&processor.run_once().await), [Kind::InBackend]);
    assert_eq!((states(&sandbox), posts(&sandbox)), (vec!["Processing".into()], 1));
    let error = BackendError::permanent("imports are closed").with_traceback("at sacctmgr");
    let cluster = cluster.failing(error);
    let report = processor.run_once().await;
    assert_eq!((kinds(&report), states(&sandbox)), (vec![Kind::Erred], vec!["Erred".into()]));
    let properties = &sandbox.documents(REQUESTS)[0].properties;
    assert_eq!(properties["error_message"], "imports are closed");
    assert_eq!(properties["error_traceback"], "at sacctmgr");
    *cluster.fails.lock().unwrap() = None;
    assert_eq!(processor.run_once().await.items.len(), 0);
    sandbox.assert_contract();
}

#[tokio::test]
async fn an_odd_request_is_named_and_the_others_are_answered() {
    for field in ["offering", "state"] {
        let sandbox = sandbox_with(2).await;
        sandbox.corrupt(LIST, sandbox.documents(REQUESTS)[0].uuid, field, Value::Null);
        let report = processor(&sandbox, &Cluster::of(&sandbox)).run_once().await;
        let [row] = &report.unreadable[..] else { panic!("{report:#?}") };
        assert!(row.problem.contains(field), "{row}");
        assert_eq!((kinds(&report), &*states(&sandbox)[1]), (vec![Kind::Answered], "Done"));
    }
}

#[tokio::test]
async fn nothing_is_added_while_a_row_may_hide_an_id() {
    for (list, field, value) in [
        ("marketplace_provider_resources_list", "backend_id", Some(json!(["a"]))),
        ("marketplace_provider_resources_list", "backend_id", None),
        ("backend_resources_list", "backend_id", Some(json!({}))),
    ] {
        let sandbox = sandbox_with(1).await;
        let row = match list {
            "backend_resources_list" => sandbox.documents(IMPORTABLE)[0].uuid,
            _ => sandbox.resources().into_iter().find(|row| row.name == "known").unwrap().uuid,
        };
        sandbox.corrupt(list, row, field, value);
        let processor = processor(&sandbox, &Cluster::of(&sandbox));
        let report = processor.run_once().await;
        assert_eq!((kinds(&report), states(&sandbox)), (vec![Kind::Failed], vec!["Processing".into()]));
        let error = report.items[0].outcome.error().unwrap();
        assert!(error.is_unexpected_response() && error.to_string().contains(list), "{error}");
        assert!(report.unreadable[0].problem.contains(field), "{report:#?}");
        assert_eq!(posts_to(&sandbox, "/backend-resources/"), 0);
        sandbox.clear_corruptions();
        assert_eq!(kinds(&processor.run_once().await), [Kind::Answered]);
        assert_eq!(importable(&sandbox), ANSWERED);
    }
    // The id is what matters.
    let sandbox = sandbox_with(1).await;
    sandbox.corrupt("backend_resources_list", sandbox.documents(IMPORTABLE)[0].uuid, "uuid", json!("x"));
    assert_eq!(kinds(&processor(&sandbox, &Cluster::of(&sandbox)).run_once().await), [Kind::Answered]);
    assert_eq!(importable(&sandbox), ANSWERED);
}

#[tokio::test]
async fn a_server_without_imports_is_named() {
    let sandbox = Sandbox::builder().release(Release::Late2024).start().await.unwrap();
    let client = crate::imports::client(&sandbox);
    let slurm = [sandbox.ids().offerings.slurm];
    let report = ImportsProcessor::new(&client, slurm, Cluster::default()).run_once().await;
    assert!(report.unlisted[0].error.is_unsupported(), "{report:#?}");
}

#[tokio::test]
async fn a_stopped_processor_answers_nothing() {
    let sandbox = sandbox_with(1).await;
    let processor = processor(&sandbox, &Cluster::of(&sandbox));
    let mut reports = 0;
    processor.run(std::future::ready(()), |_| reports += 1).await;
    processor.stop_handle().stop();
    sandbox.clear_requests();
    assert_eq!(processor.run_once().await.items.len(), 0);
    assert_eq!(sandbox.requests().len(), 0);
    let item = processor.process(sandbox.documents(REQUESTS)[0].uuid).await.unwrap();
    assert!([Kind::NotBegun, Kind::Superseded].contains(&item.target.result.kind()));
    assert_eq!(posts_to(&sandbox, "/start_processing/"), 0);
}

#[tokio::test]
async fn a_request_is_answered_by_its_event() {
    use tokio::sync::mpsc::unbounded_channel;
    use waldur_sdk::ClientExt as _;
    use waldur_sdk::api::Method;
    use waldur_sdk::events::EventKind;

    let sandbox = sandbox_with(0).await;
    let (client, cluster) = (crate::imports::client(&sandbox), Cluster::of(&sandbox));
    let offering = crate::imports::offering(&sandbox);
    let events = client.events().offering(offering).kinds([EventKind::ImportableResources]);
    let events = events.connect().await.unwrap();
    let processor = processor(&sandbox, &cluster).interval(Duration::from_secs(3600));
    let (sender, mut rounds) = unbounded_channel();
    let work = async {
        // The first round is that of the subscription.
        rounds.recv().await.unwrap();
        let body = json!({ "offering": offering });
        let path = "/api/backend-resource-requests/";
        client.request(Method::POST, path).json(&body).send().await.unwrap();
        while states(&sandbox) != ["Done"] {
            rounds.recv().await.unwrap();
        }
    };
    let each = move |_| _ = sender.send(());
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, processor.run_on_events(events, work, each)).await.unwrap();
    assert_eq!(importable(&sandbox), ANSWERED);
}
