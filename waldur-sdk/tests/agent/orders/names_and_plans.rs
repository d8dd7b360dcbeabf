//! Ids that are free, and limits that a plan sets.

use std::sync::Mutex;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use waldur_sandbox::{
    Fault, Misbehaviour, OrderState as State, OrderType as Type, Release, ResourceState, Sandbox, Seed,
};
use waldur_sdk::agent::{
    Backend, BackendError, Limits, OrderProcessor, OrderResultKind as Kind, Provisioned, Task,
};
use waldur_sdk::api::Method;
use waldur_sdk::{BackendId, RetryPolicy, Uuid};

use crate::common::{client_builder, posts_to};
use crate::orders::{SET_BACKEND_ID, SET_DONE, client, kinds};

const CHECK: &str = "/check_unique_backend_id/";

/// Claims `hpc` for every resource, and writes down under which id and with which limits it creates them.
#[derive(Default)]
struct Claiming {
    created: Mutex<Vec<(String, Limits)>>,
    with_limits: bool,
}

impl Backend for &Claiming {
    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        let id = task.claim_backend_id(" hpc").await?;
        assert_eq!(task.claim_backend_id("another").await?, id);
        let limits = match self.with_limits {
            true => task.limits().await?.clone(),
            false => Limits::new(),
        };
        self.created.lock().unwrap().push((id.to_string(), limits));
        Ok(id.into())
    }
    async fn update(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
        Ok(())
    }
    async fn terminate(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
        Ok(())
    }
}

/// An order to create a resource, beside resources that have these ids.
async fn sandbox(release: Release, taken: &'static [&'static str]) -> Sandbox {
    let seed = move |seed: &mut Seed<'_>| {
        let (bulk, project) = (seed.ids().offerings.bulk, seed.ids().project);
        for id in taken {
            let other = seed.resource(bulk, project, &format!("other {id}"), ResourceState::Ok);
            seed.backend_id(other, id);
        }
        crate::orders::add(seed, bulk, "one", Type::Create, State::Executing);
    };
    Sandbox::builder().release(release).orders(0).seed(seed).start().await.unwrap()
}

fn processor<'c>(sandbox: &Sandbox, cluster: &'c Claiming) -> OrderProcessor<&'c Claiming> {
    OrderProcessor::new(&client(sandbox), [sandbox.ids().offerings.bulk], cluster)
}

fn id_in_waldur(sandbox: &Sandbox) -> String {
    sandbox.resource(sandbox.orders()[0].resource).unwrap().backend_id
}

#[tokio::test]
async fn the_first_free_id_is_claimed() {
    for release in Release::ALL {
        for (taken, free) in [(&[][..], "hpc"), (&["hpc"], "hpc-2"), (&["hpc", "hpc-2", "hpc-4"], "hpc-3")] {
            let (sandbox, cluster) = (sandbox(release, taken).await, Claiming::default());
            assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done], "{release:?}");
            assert_eq!(cluster.created.lock().unwrap()[0].0, free, "{release:?}");
            // It was set when it was claimed, and not again.
            assert_eq!((id_in_waldur(&sandbox).as_str(), posts_to(&sandbox, SET_BACKEND_ID)), (free, 1));
            if release != Release::Late2024 {
                let checks = free.strip_prefix("hpc-").map_or(1, |number| number.parse().unwrap());
                assert_eq!(posts_to(&sandbox, CHECK), checks);
            }
        }
    }
}

#[tokio::test]
async fn another_attempt_claims_the_same_id() {
    let (sandbox, cluster) = (sandbox(Release::Schema, &["hpc"]).await, Claiming::default());
    // The first process fails after the claim and is replaced.
    sandbox.fail_next(1, "POST", SET_DONE, Fault::Status(403));
    assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Failed]);
    assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done]);
    let created: Vec<String> = cluster.created.lock().unwrap().iter().map(|(id, _)| id.clone()).collect();
    assert_eq!((created, posts_to(&sandbox, SET_BACKEND_ID)), (vec!["hpc-2".to_owned(); 2], 1));
}

#[tokio::test]
async fn a_failing_server_claims_nothing_twice() {
    for (path_end, fault) in
        [(CHECK, Fault::Status(503)), (CHECK, Fault::ResetAfter), (SET_BACKEND_ID, Fault::ResetAfter)]
    {
        let (sandbox, cluster) = (sandbox(Release::Schema, &["hpc"]).await, Claiming::default());
        sandbox.fail_next(1, "POST", path_end, fault.clone());
        assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done], "{path_end}");
        let sets = posts_to(&sandbox, SET_BACKEND_ID);
        assert_eq!((id_in_waldur(&sandbox).as_str(), sets), ("hpc-2", 1), "{path_end} {fault:?}");
    }
    // Where nothing is repeated, the order stays as it is.
    let (sandbox, cluster) = (sandbox(Release::Schema, &[]).await, Claiming::default());
    sandbox.fail_next(1, "POST", CHECK, Fault::Status(500));
    let once = client_builder(&sandbox).retry(RetryPolicy::never()).build().unwrap();
    let processor = OrderProcessor::new(&once, [sandbox.ids().offerings.bulk], &cluster);
    assert_eq!(kinds(&processor.run_once().await), [Kind::Failed]);
    assert_eq!((sandbox.orders()[0].state, id_in_waldur(&sandbox).as_str()), (State::Executing, ""));
}

#[tokio::test]
async fn limits_of_the_plan_are_carried_with_the_ordered_ones() {
    let cluster = Claiming { with_limits: true, ..Claiming::default() };
    let limits = |cpu: u32, rest: &[(&str, Decimal)]| -> Limits {
        let cpu = ("cpu".to_owned(), Decimal::from(cpu));
        rest.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).chain([cpu]).collect()
    };
    let half = Decimal::new(5, 1);
    for (quotas, expected) in [
        (json!({}), limits(64, &[])),
        (json!({ "cpu": 8, "storage": 0, "gpu": 0.0 }), limits(64, &[])),
        (
            json!({ "cpu": 8, "storage": 0.5, "gpu": "4.00" }),
            limits(64, &[("storage", half), ("gpu", 4.into())]),
        ),
    ] {
        let sandbox = sandbox(Release::Schema, &[]).await;
        let order: Value = {
            let path = format!("/api/marketplace-orders/{}/", sandbox.orders()[0].uuid.simple());
            client(&sandbox).request(Method::GET, path).send().await.unwrap().json().unwrap()
        };
        let plan: Uuid = order["plan_uuid"].as_str().unwrap().parse().unwrap();
        sandbox.corrupt("marketplace_plans_retrieve", plan, "quotas", quotas);
        assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Done]);
        assert_eq!(cluster.created.lock().unwrap().pop().unwrap().1, expected);
        let plans = sandbox.requests().iter().filter(|one| one.path.contains("/marketplace-plans/")).count();
        assert_eq!(plans, 1);
    }
    // A plan that can't be read sets nothing, and the order waits.
    let sandbox = sandbox(Release::Schema, &[]).await;
    let blanked = Fault::MissingFields(vec!["uuid".to_owned()]);
    sandbox.misbehave(Misbehaviour::new(blanked).operation("marketplace_plans_retrieve"));
    assert_eq!(kinds(&processor(&sandbox, &cluster).run_once().await), [Kind::Failed]);
    assert_eq!((sandbox.orders()[0].state, cluster.created.lock().unwrap().len()), (State::Executing, 0));
}
