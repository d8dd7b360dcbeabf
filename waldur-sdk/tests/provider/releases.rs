//! Every workflow of orders, resources and offerings on each release of the server: it works, or it is
//! unsupported and changes nothing, within a few requests. (Usage, accounts, members and the order processor
//! have their own tests.)

use serde_json::json;
use waldur_sandbox::{Actor, Ids, OrderState as State, OrderType, Release, ResourceState, Sandbox, Seed};
use waldur_sdk::offerings::ComponentDefinition;
use waldur_sdk::types::BillingTypeEnum;
use waldur_sdk::{Error, NaiveDate, Outcome, Provider, Report, Uuid};

use crate::common::{provider, provider_as};

/// The maximum number of requests of a workflow of one object.
const MOST_REQUESTS: usize = 12;

fn order(seed: &mut Seed<'_>, name: &str, state: State) {
    let ids = *seed.ids();
    let resource = seed.resource(ids.offerings.slurm, ids.project, name, ResourceState::Creating);
    seed.order(resource, OrderType::Create, state);
}

async fn sandbox(release: Release) -> Sandbox {
    let seed = |seed: &mut Seed<'_>| {
        order(seed, "waiting", State::PendingProvider);
        order(seed, "begun", State::Executing);
    };
    // Operations newer than the schema aren't validated by it.
    Sandbox::builder().orders(0).release(release).allow_violations().seed(seed).start().await.unwrap()
}

/// Returns the order of the resource with this name.
async fn order_of(provider: &Provider, name: &str) -> Uuid {
    let orders = provider.orders().all().await.unwrap();
    orders.iter().find(|order| order.resource_name == name).unwrap().uuid
}

/// The failure of a workflow: an error, or the reason of a refusal.
trait Ending {
    fn failure(self) -> Option<String>;
}

impl<T> Ending for Result<T, Error> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| {
            assert!(error.is_unsupported(), "{error}");
            error.to_string()
        })
    }
}

impl Ending for Outcome {
    fn failure(self) -> Option<String> {
        (!self.is_ok()).then(|| self.to_string())
    }
}

impl<T> Ending for Report<T> {
    fn failure(self) -> Option<String> {
        assert!(!self.items.is_empty());
        (!self.is_ok()).then(|| self.to_string())
    }
}

fn everything(sandbox: &Sandbox) -> String {
    let offerings = sandbox.ids().offerings;
    format!("{:?} {:?} {:?}", sandbox.orders(), sandbox.resources(), sandbox.components(offerings.slurm))
}

/// Runs the workflow on each release. `needs` are the operations that it requires.
async fn check<E: Ending>(
    name: &str,
    actor: Actor,
    needs: &[&str],
    workflow: impl AsyncFn(&Provider, &Ids) -> E,
) {
    for release in Release::ALL {
        let sandbox = sandbox(release).await;
        let provider = provider_as(&sandbox, actor);
        let before = everything(&sandbox);
        let is_there = needs.iter().all(|operation| release.has(operation));
        let failure = workflow(&provider, sandbox.ids()).await.failure();
        assert_eq!(failure.is_none(), is_there, "{name} on {release:?}: {failure:?}");
        if let Some(failure) = failure {
            assert!(failure.contains("no such operation"), "{name} on {release:?}: {failure}");
            assert_eq!(everything(&sandbox), before, "{name} on {release:?}");
        }
        let requests = sandbox.requests().len();
        assert!(requests <= MOST_REQUESTS, "{name} on {release:?}: {requests} requests");
    }
}

macro_rules! workflows {
    ($($name:ident as $actor:ident needs [$($need:literal),*]: |$provider:ident, $ids:ident| $call:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            check(stringify!($name), Actor::$actor, &[$($need),*], async |$provider, $ids| {
                let _ = $ids;
                $call
            })
            .await;
        }
    )*};
}

workflows! {
    approve_order as Provider needs ["marketplace_orders_approve_by_provider"]: |provider, ids| {
        provider.order(order_of(provider, "waiting").await).approve().await
    };
    approve_all as Provider needs ["marketplace_orders_approve_by_provider"]: |provider, ids| {
        provider.orders().pending().approve_all().await.unwrap()
    };
    complete_all as Provider needs ["marketplace_orders_set_state_done"]: |provider, ids| {
        provider.orders().executing().complete_all().await.unwrap()
    };
    reject_order as Provider needs ["marketplace_orders_reject_by_provider"]: |provider, ids| {
        provider.order(order_of(provider, "waiting").await).reject("no room").await
    };
    begin_order as Provider needs ["marketplace_orders_set_state_executing"]: |provider, ids| {
        provider.order(order_of(provider, "waiting").await).set_executing().await
    };
    complete_order as Provider needs ["marketplace_orders_set_state_done"]: |provider, ids| {
        provider.order(order_of(provider, "begun").await).set_done().await
    };
    order_erred as Provider needs ["marketplace_orders_set_state_erred"]: |provider, ids| {
        provider.order(order_of(provider, "begun").await).set_erred("no room", "line 7").await
    };
    resources as Provider needs ["marketplace_provider_resources_list"]: |provider, ids| {
        provider.resources().all().await
    };
    find_by_backend_id as Provider needs ["marketplace_provider_resources_list"]: |provider, ids| {
        provider.resources().find_by_backend_id("polar_0001").await
    };
    set_backend_id as Provider needs ["marketplace_provider_resources_set_backend_id"]: |provider, ids| {
        provider.resource(ids.resources.ok).set_backend_id("a-17").await
    };
    claim_backend_id as Provider needs ["marketplace_provider_resources_set_backend_id"]: |provider, ids| {
        provider.resource(ids.resources.ok).claim_backend_id("a-17").await
    };
    submit_report as Provider needs ["marketplace_provider_resources_submit_report"]: |provider, ids| {
        provider.resource(ids.resources.ok).submit_report([("Quota", "1")]).await
    };
    set_limits as Provider needs ["marketplace_provider_resources_set_limits"]: |provider, ids| {
        provider.resource(ids.resources.ok).set_limits([("cpu", 500)]).await
    };
    set_metadata as Provider needs ["marketplace_provider_resources_set_backend_metadata"]: |provider, ids| {
        provider.resource(ids.resources.ok).set_metadata(json!({ "runtime_state": "up" })).await
    };
    resource_ok as Provider needs ["marketplace_provider_resources_set_as_ok"]: |provider, ids| {
        provider.resource(ids.resources.erred).mark_ok().await
    };
    // On releases on which the provider may not, staff may.
    resource_erred as Staff needs ["marketplace_provider_resources_set_as_erred"]: |provider, ids| {
        provider.resource(ids.resources.ok).mark_erred("disk full", "line 7").await
    };
    refresh_last_sync as Provider needs ["marketplace_provider_resources_refresh_last_sync"]: |provider, ids| {
        provider.resource(ids.resources.ok).touch().await
    };
    set_paused as Staff needs ["marketplace_provider_resources_set_paused"]: |provider, ids| {
        provider.resource(ids.resources.ok).set_paused(true).await
    };
    set_downscaled as Staff needs ["marketplace_provider_resources_set_downscaled"]: |provider, ids| {
        provider.resource(ids.resources.ok).set_downscaled(true).await
    };
    set_restrict_member_access as Staff
        needs ["marketplace_provider_resources_set_restrict_member_access"]: |provider, ids| {
        provider.resource(ids.resources.ok).set_restrict_member_access(true).await
    };
    set_end_date as Provider needs ["marketplace_provider_resources_set_end_date_by_provider"]: |provider, ids| {
        provider.resource(ids.resources.ok_second).set_end_date(NaiveDate::from_ymd_opt(2031, 5, 6)).await
    };
    set_endpoints as Provider needs ["marketplace_provider_resources_set_endpoints"]: |provider, ids| {
        provider.resource(ids.resources.ok).set_endpoints([("login", "ssh://login.polar.example.org")]).await
    };
    components as Provider needs ["marketplace_provider_resources_retrieve"]: |provider, ids| {
        provider.resource(ids.resources.ok).components().await
    };
    plan_periods as Provider needs ["marketplace_provider_resources_plan_periods_list"]: |provider, ids| {
        provider.resource(ids.resources.ok).plan_periods().await
    };
    create_component as Provider needs ["marketplace_provider_offerings_create_offering_component"]: |provider, ids| {
        let mut wanted = vec![ComponentDefinition::new("node", "Nodes", BillingTypeEnum::Fixed, "")];
        let there = provider.offering(ids.offerings.slurm).get().await.unwrap().components;
        wanted.extend(there.into_iter().map(|there| there.definition));
        let plan = provider.offering(ids.offerings.slurm).plan_components(&wanted).await.unwrap();
        provider.offering(ids.offerings.slurm).apply_components(&plan).await.unwrap().items.remove(0).outcome
    };
}

#[tokio::test]
async fn an_old_server_lets_only_staff_mark_a_resource_as_erred() {
    let sandbox = sandbox(Release::Late2024).await;
    let (provider, ok) = (provider(&sandbox), sandbox.ids().resources.ok);
    let before = everything(&sandbox);
    let error = provider.resource(ok).mark_erred("disk full", "line 7").await.unwrap_err();
    assert!(error.is_forbidden() && everything(&sandbox) == before, "{error}");
}
