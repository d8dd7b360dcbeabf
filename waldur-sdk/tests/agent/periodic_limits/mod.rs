//! Limits for a period, with the sandbox's broker.

mod interrupted;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use waldur_sandbox::{Fault, Misbehaviour, Sandbox};
use waldur_sdk::agent::{
    AppliedLimits, BackendError, PeriodicLimits, PeriodicLimitsProcessor, PeriodicLimitsResult as Outcome,
    PeriodicSettings, ProcessedPeriodicLimits,
};
use waldur_sdk::api::Method;
use waldur_sdk::events::EventKind;
use waldur_sdk::{BackendId, Client, ClientExt as _, Item, Uuid};

use crate::common::{client_builder, posts, posts_to, quick};

const LIMIT: Duration = Duration::from_secs(60);
const REPORT: &str = "/report-command-result/";
const POLICIES: &str = "marketplace-slurm-periodic-usage-policies";

/// What the tests' own cluster was given, and how its next calls fail.
#[derive(Clone, Debug, Default)]
struct Slurm {
    applied: Arc<Mutex<Vec<(String, i64)>>>,
    fails: Arc<Mutex<VecDeque<BackendError>>>,
}

impl PeriodicLimits for Slurm {
    async fn apply(
        &self,
        settings: &PeriodicSettings,
        id: &BackendId,
    ) -> Result<AppliedLimits, BackendError> {
        if let Some(error) = self.fails.lock().unwrap().pop_front() {
            return Err(error);
        }
        let share = settings.fairshare().unwrap();
        self.applied.lock().unwrap().push((id.to_string(), share));
        Ok(AppliedLimits::new().command(format!("sacctmgr set {id} {share}")).command(""))
    }
}

impl Slurm {
    fn failing(errors: impl IntoIterator<Item = BackendError>) -> Self {
        Self { fails: Arc::new(Mutex::new(errors.into_iter().collect())), ..Self::default() }
    }

    fn shares(&self) -> Vec<i64> {
        self.applied.lock().unwrap().iter().map(|(_, share)| *share).collect()
    }
}

/// A sandbox with a policy of its offering.
async fn sandbox_with_policy() -> (Sandbox, Client, Uuid) {
    let sandbox = Sandbox::builder().orders(0).start().await.unwrap();
    let client = client_builder(&sandbox).retry(quick()).build().unwrap();
    let policy = add_policy(&sandbox, &client).await;
    sandbox.clear_requests();
    (sandbox, client, policy)
}

/// Adds a policy of the offering.
async fn add_policy(sandbox: &Sandbox, client: &Client) -> Uuid {
    let offering = sandbox.ids().offerings.slurm;
    let scope = format!("{}/api/marketplace-provider-offerings/{}/", sandbox.url(), offering.simple());
    let body =
        json!({ "scope": scope, "actions": "request_slurm_resource_pausing", "component_limits_set": [] });
    let path = format!("/api/{POLICIES}/");
    client.request(Method::POST, path).json(&body).send().await.unwrap();
    sandbox.documents(POLICIES).last().unwrap().uuid
}

/// Publishes settings of a resource, as servers do.
fn publish(sandbox: &Sandbox, policy: Uuid, share: i64, backend_id: &str) {
    publish_of(sandbox.ids().resources.ok, sandbox, policy, share, backend_id);
}

/// The same of this resource.
fn publish_of(resource: Uuid, sandbox: &Sandbox, policy: Uuid, share: i64, backend_id: &str) {
    let body = json!({
        "resource_uuid": resource, "policy_uuid": policy, "backend_id": backend_id,
        "action": "apply_periodic_settings", "timestamp": format!("2026-05-01T10:{share:02}:00"),
        "settings": { "fairshare": share, "limit_type": "GrpTRESMins", "grp_tres_mins": { "billing": 60 } },
    });
    let offering = sandbox.ids().offerings.slurm;
    assert_eq!(sandbox.broker().publish("resource_periodic_limits", offering, body), 1);
}

type Items = UnboundedReceiver<Item<ProcessedPeriodicLimits>>;

/// Runs a processor until `work` is done, which gets the items.
async fn run<W: Future>(client: &Client, sandbox: &Sandbox, slurm: &Slurm, work: impl FnOnce(Items) -> W) {
    let offering = sandbox.ids().offerings.slurm;
    let events = client.events().offering(offering).kinds([EventKind::ResourcePeriodicLimits]);
    let events = events.connect().await.unwrap();
    sandbox.clear_requests();
    let processor = PeriodicLimitsProcessor::new(client, [offering], slurm.clone());
    let processor = processor.backoff(Duration::from_millis(1), Duration::from_millis(1));
    let (sender, items) = unbounded_channel();
    let each = move |item| _ = sender.send(item);
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work(items), each)).await.unwrap();
}

fn last_result(sandbox: &Sandbox) -> Value {
    sandbox.documents(POLICIES)[0].properties["last_result"].clone()
}

#[tokio::test]
async fn settings_are_applied_and_reported() {
    let ((sandbox, client, policy), slurm) = (sandbox_with_policy().await, Slurm::default());
    run(&client, &sandbox, &slurm, async |mut items: Items| {
        publish(&sandbox, policy, 1, "hpc_1");
        let item = items.recv().await.unwrap();
        assert!(matches!(item.target.result, Outcome::Applied { reported: true, .. }), "{item:#?}");
        assert!(item.outcome.is_ok());
    })
    .await;
    assert_eq!(*slurm.applied.lock().unwrap(), [("hpc_1".to_owned(), 1)]);
    let expected = json!({
        "resource_uuid": sandbox.ids().resources.ok, "success": true,
        "commands_executed": ["sacctmgr set hpc_1 1"],
    });
    assert_eq!((last_result(&sandbox), posts(&sandbox)), (expected, 1));
    sandbox.assert_contract();
}

#[tokio::test]
async fn a_permanent_failure_is_reported_and_a_passing_one_is_not() {
    let failures = [
        BackendError::transient("no answer of slurmctld"),
        BackendError::in_progress(Duration::from_millis(1)),
        BackendError::permanent("no such account"),
    ];
    let ((sandbox, client, policy), slurm) = (sandbox_with_policy().await, Slurm::failing(failures));
    run(&client, &sandbox, &slurm, async |mut items: Items| {
        publish(&sandbox, policy, 1, "hpc_1");
        assert!(matches!(items.recv().await.unwrap().target.result, Outcome::Failed { .. }));
        assert!(matches!(items.recv().await.unwrap().target.result, Outcome::InBackend { .. }));
        assert_eq!(posts_to(&sandbox, REPORT), 0);
        let item = items.recv().await.unwrap();
        assert!(matches!(item.target.result, Outcome::Erred { .. }), "{item:#?}");
        // Without an id in the back end it isn't called.
        publish(&sandbox, policy, 2, "");
        let item = items.recv().await.unwrap();
        assert!(item.outcome.to_string().contains("no id in the back end"), "{item}");
    })
    .await;
    assert_eq!((slurm.shares().len(), posts_to(&sandbox, REPORT)), (0, 2));
    assert_eq!(last_result(&sandbox)["success"], false);
}

#[tokio::test]
async fn a_report_that_fails_is_sent_again_without_another_call() {
    for fault in [Fault::Status(500), Fault::ResetBefore, Fault::ResetAfter, Fault::Portal] {
        let ((sandbox, _, policy), slurm) = (sandbox_with_policy().await, Slurm::default());
        let once = client_builder(&sandbox).retry(waldur_sdk::RetryPolicy::never()).build().unwrap();
        let operation = "marketplace_slurm_periodic_usage_policies_report_command_result";
        sandbox.misbehave(Misbehaviour::new(fault.clone()).operation(operation).times(3));
        run(&once, &sandbox, &slurm, async |mut items: Items| {
            publish(&sandbox, policy, 1, "hpc_1");
            while !items.recv().await.unwrap().outcome.is_ok() {}
        })
        .await;
        assert_eq!(
            (slurm.shares(), last_result(&sandbox)["success"].clone()),
            (vec![1], json!(true)),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn newer_settings_replace_those_that_wait() {
    let failures = [BackendError::in_progress(Duration::from_secs(3600))];
    let ((sandbox, client, policy), slurm) = (sandbox_with_policy().await, Slurm::failing(failures));
    run(&client, &sandbox, &slurm, async |mut items: Items| {
        publish(&sandbox, policy, 1, "hpc_1");
        assert!(matches!(items.recv().await.unwrap().target.result, Outcome::InBackend { .. }));
        publish(&sandbox, policy, 2, "hpc_1");
        assert!(items.recv().await.unwrap().outcome.is_ok());
    })
    .await;
    assert_eq!(slurm.shares(), [2]);
}

#[tokio::test]
async fn resources_that_wait_do_not_hold_up_others() {
    let (sandbox, client, policy) = sandbox_with_policy().await;
    let busy = || BackendError::in_progress(Duration::from_secs(3600));
    let slurm = Slurm::failing(std::iter::repeat_with(busy).take(12));
    run(&client, &sandbox, &slurm, async |mut items: Items| {
        for number in 1..=12 {
            publish_of(Uuid::from_u128(number), &sandbox, policy, 1, "busy");
        }
        publish(&sandbox, policy, 2, "hpc_1");
        while items.recv().await.unwrap().target.settings.resource_uuid != sandbox.ids().resources.ok {}
    })
    .await;
    assert_eq!(*slurm.applied.lock().unwrap(), [("hpc_1".to_owned(), 2)]);
}

#[tokio::test]
async fn what_was_not_applied_is_delivered_to_the_next_process() {
    let failures = [BackendError::in_progress(Duration::from_secs(3600))];
    let ((sandbox, client, policy), slurm) = (sandbox_with_policy().await, Slurm::failing(failures));
    run(&client, &sandbox, &slurm, async |mut items: Items| {
        publish(&sandbox, policy, 1, "hpc_1");
        assert!(matches!(items.recv().await.unwrap().target.result, Outcome::InBackend { .. }));
    })
    .await;
    run(&client, &sandbox, &slurm, async |mut items: Items| {
        assert!(items.recv().await.unwrap().outcome.is_ok());
    })
    .await;
    assert_eq!(slurm.shares(), [1]);
}

#[tokio::test]
async fn a_report_that_is_refused_is_not_repeated() {
    let ((sandbox, client, _), slurm) = (sandbox_with_policy().await, Slurm::default());
    run(&client, &sandbox, &slurm, async |mut items: Items| {
        publish(&sandbox, Uuid::from_u128(7), 1, "hpc_1");
        let item = items.recv().await.unwrap();
        assert!(matches!(item.target.result, Outcome::Refused), "{item:#?}");
    })
    .await;
    assert_eq!((slurm.shares(), posts_to(&sandbox, REPORT)), (vec![1], 1));
}

#[tokio::test]
async fn on_a_bad_day_the_newest_settings_are_applied_and_reported() {
    let ((sandbox, client, policy), slurm) = (sandbox_with_policy().await, Slurm::default());
    let faults = [
        Fault::Status(500),
        Fault::Status(503),
        Fault::StatusAfter(502),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Truncated,
        Fault::EmptyBody,
        Fault::Portal,
    ];
    let processes = 10;
    for share in 1..=processes {
        // Every other process ends after its first attempt, whatever that came to.
        let until_ok = share % 2 == 0;
        run(&client, &sandbox, &slurm, async |mut items: Items| {
            sandbox.misbehave(Misbehaviour::any_of(faults.clone()).chance(0.2));
            publish(&sandbox, policy, share, "hpc_1");
            // What the process before left may come first.
            let is_done = |item: &Item<_>| item.outcome.is_ok() && slurm.shares().last() == Some(&share);
            while !is_done(&items.recv().await.unwrap()) && until_ok {}
            sandbox.clear_faults();
        })
        .await;
    }
    let shares = slurm.shares();
    // Settings are never replaced by older ones, and applied again only by the next process.
    assert!(shares.is_sorted() && shares.len() <= 2 * usize::try_from(processes).unwrap(), "{shares:?}");
    assert_eq!(shares.last(), Some(&processes));
    let last = last_result(&sandbox);
    assert_eq!(
        (&last["success"], &last["commands_executed"][0]),
        (&json!(true), &json!("sacctmgr set hpc_1 10"))
    );
}
