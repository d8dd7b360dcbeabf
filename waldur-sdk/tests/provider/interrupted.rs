//! Every state-changing workflow, interrupted at each of its requests and run again, ends as if it had not
//! been interrupted. (The order processor and memberships have their own tests.)

use serde_json::json;
use waldur_sandbox::{
    Actor, Fault, Ids, Misbehaviour, OfferingUserState, OrderState as State, OrderType, Release,
    ResourceState, Sandbox, Seed,
};
use waldur_sdk::accounts::{
    OfferingUserTransition, RobotAccountTransition, ServiceAccountOwner, ServiceAccountRequest,
};
#[cfg(feature = "agent")]
use waldur_sdk::agent::AgentIdentity;
use waldur_sdk::offerings::ComponentDefinition;
use waldur_sdk::types::BillingTypeEnum;
use waldur_sdk::usage::UserAmount;
use waldur_sdk::{Client, ClientExt as _, Decimal, Error, NaiveDate, Report, RetryPolicy, Uuid};

use crate::common::{client_builder_as, quick, today};

/// Returns a client that sends requests one at a time, without retries.
fn client(sandbox: &Sandbox, actor: Actor) -> Client {
    let builder = client_builder_as(sandbox, actor);
    builder.bulk_concurrency(1).retry(RetryPolicy::never()).build().unwrap()
}

/// Returns whether a workflow reported success.
trait Verdict {
    fn is_well(&self) -> bool;
}

impl<T> Verdict for Result<T, Error> {
    fn is_well(&self) -> bool {
        self.is_ok()
    }
}

/// The same, for workflows that return a report.
struct All(Result<bool, Error>);

impl Verdict for All {
    fn is_well(&self) -> bool {
        matches!(self.0, Ok(true))
    }
}

impl<T> From<Result<Report<T>, Error>> for All {
    fn from(report: Result<Report<T>, Error>) -> Self {
        Self(report.map(|report| report.is_ok()))
    }
}

/// Returns the state of the sandbox, without generated values.
fn everything(sandbox: &Sandbox) -> String {
    let orders: Vec<_> =
        sandbox.orders().into_iter().map(|order| (order, sandbox.order_content(order.uuid))).collect();
    let mut resources = sandbox.resources();
    for resource in &mut resources {
        resource.plan_period = resource.plan_period.map(|_| Uuid::nil());
        if let Some(endpoints) = resource.properties.get_mut("endpoints").and_then(|all| all.as_array_mut()) {
            endpoints.iter_mut().for_each(|one| one["uuid"] = json!(null));
        }
    }
    let mut accounts = sandbox.offering_users();
    for account in &mut accounts {
        account.uuid = Uuid::nil();
    }
    let documents = [
        "marketplace-robot-accounts",
        "marketplace-project-service-accounts",
        "marketplace-customer-service-accounts",
        "marketplace-course-accounts",
        "marketplace-site-agent-identities",
        "marketplace-site-agent-services",
        "marketplace-site-agent-processors",
    ];
    let documents = documents.map(|collection| {
        let mut documents = sandbox.documents(collection);
        for document in &mut documents {
            document.uuid = Uuid::nil();
            document.properties.remove("last_run");
        }
        documents
    });
    // In any order.
    let mut user_usages = sandbox.user_usages();
    user_usages.sort_by_key(|share| (share.usage, share.username.clone()));
    let offerings = sandbox.ids().offerings;
    let components = [offerings.slurm, offerings.basic, offerings.bulk].map(|uuid| sandbox.components(uuid));
    format!(
        "{orders:#?} {resources:#?} {:#?} {:#?} {accounts:#?} {documents:#?} {components:#?}",
        sandbox.usages(),
        user_usages
    )
}

/// The initial state of a workflow, and its caller.
struct Start {
    actor: Actor,
    seed: fn(&mut Seed<'_>),
    release: Release,
    resources: bool,
}

const PROVIDER: Start =
    Start { actor: Actor::Provider, seed: |_| {}, release: Release::Schema, resources: true };

impl Start {
    async fn sandbox(&self) -> Sandbox {
        let builder = Sandbox::builder().orders(9).release(self.release).seed(self.seed);
        let builder = if self.resources { builder } else { builder.orders(0).without_resources() };
        builder.start().await.unwrap()
    }

    /// Runs the workflow without faults, then with each fault at each request, followed by a second run.
    async fn check<V: Verdict>(&self, workflow: impl AsyncFn(&Client, &Ids) -> V) {
        let sandbox = self.sandbox().await;
        assert!(workflow(&client(&sandbox, self.actor), sandbox.ids()).await.is_well());
        let (expected, requests) = (everything(&sandbox), sandbox.requests().len());
        assert!(requests > 0 && expected != everything(&self.sandbox().await), "it changes something");
        // With retries as well: a request that is sent again is applied once.
        for fault in [Fault::ResetBefore, Fault::ResetAfter, Fault::Status(500), Fault::StatusAfter(502)] {
            for count in 0..requests {
                let sandbox = self.sandbox().await;
                let client = client(&sandbox, self.actor).with_retry(quick());
                sandbox.misbehave(Misbehaviour::new(fault.clone()).after(count).times(1));
                let first = workflow(&client, sandbox.ids()).await.is_well();
                assert!(!first || everything(&sandbox) == expected, "{fault:?} {count} with retries");
                assert!(first || workflow(&client, sandbox.ids()).await.is_well(), "{fault:?} {count} again");
                assert_eq!(everything(&sandbox), expected, "{fault:?} {count} with retries");
            }
        }
        for fault in [Fault::ResetBefore, Fault::ResetAfter, Fault::Status(503), Fault::Truncated] {
            for count in 0..requests {
                let sandbox = self.sandbox().await;
                let client = client(&sandbox, self.actor);
                sandbox.misbehave(Misbehaviour::new(fault.clone()).after(count));
                let first = workflow(&client, sandbox.ids()).await.is_well();
                sandbox.clear_faults();
                // A reported success is true.
                assert!(!first || everything(&sandbox) == expected, "{fault:?} {count}");
                assert!(workflow(&client, sandbox.ids()).await.is_well(), "{fault:?} {count}");
                assert_eq!(everything(&sandbox), expected, "{fault:?} {count}");
            }
        }
    }
}

/// Creates an order of an offering with an agent.
fn order(seed: &mut Seed<'_>, state: State) -> Uuid {
    let ids = *seed.ids();
    let resource = seed.resource(ids.offerings.slurm, ids.project, "one", ResourceState::Creating);
    seed.order(resource, OrderType::Create, state)
}

/// Returns the uuid of the order that [`order`] creates.
async fn the_order(client: &Client) -> Result<Uuid, Error> {
    let orders = client.provider().orders().all().await?;
    Ok(orders.into_iter().find(|order| order.resource_name == "one").unwrap().uuid)
}

#[tokio::test]
async fn interrupted_bulk_calls_on_orders_are_completed_by_another_run() {
    PROVIDER.check(async |client, _| All::from(client.approve_all_pending_orders().await)).await;
    PROVIDER.check(async |client, _| All::from(client.complete_all_executing_orders().await)).await;
    PROVIDER
        .check(async |client, _| All::from(client.provider().orders().pending().reject_all("no room").await))
        .await;
}

#[tokio::test]
async fn interrupted_steps_of_orders_are_completed_by_another_run() {
    let waiting = Start { seed: |seed| _ = order(seed, State::PendingProvider), ..PROVIDER };
    let begun = Start { seed: |seed| _ = order(seed, State::Executing), ..PROVIDER };
    macro_rules! check {
        ($start:ident, $call:ident $(, $argument:expr)*) => {
            $start.check(async |client, _| match the_order(client).await {
                Ok(order) => client.provider().order(order).$call($($argument),*).await,
                Err(error) => Err(error),
            }).await
        };
    }
    check!(waiting, approve);
    check!(waiting, reject, "no room");
    check!(waiting, set_executing);
    check!(begun, set_done);
    check!(begun, set_erred, "no room", "line 7");
    let basic = Start {
        actor: Actor::Consumer,
        seed: |seed| {
            let ids = *seed.ids();
            let resource = seed.resource(ids.offerings.basic, ids.project, "one", ResourceState::Creating);
            seed.order(resource, OrderType::Create, State::PendingProvider);
        },
        ..PROVIDER
    };
    check!(basic, cancel);
}

#[tokio::test]
async fn interrupted_changes_of_resources_are_completed_by_another_run() {
    PROVIDER
        .check(async |client, ids| {
            client.provider().resource(ids.resources.ok_second).set_backend_id("new").await
        })
        .await;
    PROVIDER
        .check(async |client, ids| {
            client.provider().resource(ids.resources.ok_second).claim_backend_id("new").await
        })
        .await;
    PROVIDER
        .check(async |client, ids| {
            client.provider().resource(ids.resources.ok).submit_report([("Login", "ssh polar")]).await
        })
        .await;
    PROVIDER
        .check(async |client, ids| {
            client.provider().resource(ids.resources.ok).set_limits([("cpu", 500)]).await
        })
        .await;
    PROVIDER
        .check(async |client, ids| {
            client.provider().resource(ids.resources.ok).set_metadata(json!({ "runtime_state": "up" })).await
        })
        .await;
    PROVIDER.check(async |client, ids| client.provider().resource(ids.resources.erred).mark_ok().await).await;
    PROVIDER
        .check(async |client, ids| {
            client.provider().resource(ids.resources.ok).mark_erred("disk full", "line 7").await
        })
        .await;
    let day = NaiveDate::from_ymd_opt(2031, 5, 6);
    PROVIDER
        .check(async |client, ids| {
            client.provider().resource(ids.resources.ok_second).set_end_date(day).await
        })
        .await;
    let newer = Start { release: Release::Newer, ..PROVIDER };
    newer
        .check(async |client, ids| {
            client.provider().resource(ids.resources.ok).set_endpoints([("login", "ssh://polar")]).await
        })
        .await;
    let staff = Start { actor: Actor::Staff, ..PROVIDER };
    staff
        .check(async |client, ids| client.provider().resource(ids.resources.ok).set_paused(true).await)
        .await;
    staff
        .check(async |client, ids| client.provider().resource(ids.resources.ok).set_downscaled(true).await)
        .await;
    staff
        .check(async |client, ids| {
            client.provider().resource(ids.resources.ok).set_restrict_member_access(true).await
        })
        .await;
}

#[tokio::test]
async fn interrupted_usage_reports_are_completed_by_another_run() {
    PROVIDER
        .check(async |client, ids| {
            client.set_usage_for_all_components(ids.resources.ok, Decimal::ONE_HUNDRED).await
        })
        .await;
    PROVIDER
        .check(async |client, ids| {
            let report =
                client.provider().resource(ids.resources.ok).report_usage().all(Decimal::ONE_HUNDRED);
            report.skip_equal().description("nightly").await
        })
        .await;
    PROVIDER
        .check(async |client, ids| {
            let provider = client.provider();
            let shares =
                [("cpu", "alice01"), ("cpu", "bob01"), ("gpu", "bob01")].map(|(component, username)| {
                    UserAmount {
                        component: component.into(),
                        username: username.into(),
                        amount: Decimal::TWO,
                    }
                });
            All(async {
                provider.resource(ids.resources.ok).report_usage().all(Decimal::TEN).skip_equal().await?;
                let items = provider.resource(ids.resources.ok).report_user_usage(today(), shares).await?;
                Ok(items.is_ok())
            }
            .await)
        })
        .await;
}

#[tokio::test]
async fn interrupted_changes_of_offering_users_are_completed_by_another_run() {
    PROVIDER
        .check(async |client, ids| {
            let (bob, slurm) = (ids.users.bob, ids.offerings.slurm);
            client.provider().ensure_offering_user(bob, slurm).username("bob01").await
        })
        .await;
    // An offering user without a username, and one with a username that isn't OK.
    for (state, username) in [
        (OfferingUserState::Requested, ""),
        (OfferingUserState::Creating, "bob01"),
        (OfferingUserState::ErrorCreating, "old"),
    ] {
        type Case = (OfferingUserState, &'static str);
        fn seed(seed: &mut Seed<'_>, (state, username): Case) {
            let ids = *seed.ids();
            seed.offering_user(ids.offerings.slurm, ids.users.bob, username, state);
        }
        let seed = match username {
            "" => |one: &mut Seed<'_>| seed(one, (OfferingUserState::Requested, "")),
            "bob01" => |one: &mut Seed<'_>| seed(one, (OfferingUserState::Creating, "bob01")),
            _ => |one: &mut Seed<'_>| seed(one, (OfferingUserState::ErrorCreating, "old")),
        };
        let start = Start { seed, ..PROVIDER };
        start
            .check(async |client, ids| {
                let (bob, slurm) = (ids.users.bob, ids.offerings.slurm);
                let ensured = client.provider().ensure_offering_user(bob, slurm).username("bob01").await;
                ensured.map(|ensured| assert!(ensured.object.is_usable(), "{state}: {ensured:?}"))
            })
            .await;
    }
    PROVIDER
        .check(async |client, ids| {
            let transition = OfferingUserTransition::RequestDeletion;
            client.provider().offering_user(ids.offering_user).transition(transition).await
        })
        .await;
    PROVIDER
        .check(async |client, ids| {
            client.provider().offering_user(ids.offering_user).set_username("al01").await
        })
        .await;
    PROVIDER
        .check(async |client, ids| {
            let names = [(ids.users.bob, "bob01")];
            All::from(client.provider().service_provider(ids.service_provider).set_usernames(names).await)
        })
        .await;
}

fn robot_in(seed: &mut Seed<'_>, state: &str) {
    let resource = seed.ids().resources.ok;
    seed.robot_account(resource, "cicd", state);
}

#[tokio::test]
async fn interrupted_changes_of_accounts_are_completed_by_another_run() {
    PROVIDER
        .check(async |client, ids| {
            client.provider().ensure_robot_account(ids.resources.ok, "cicd").username("deployer").await
        })
        .await;
    let robot = Start { seed: |seed| robot_in(seed, "OK"), ..PROVIDER };
    let leaving = Start { seed: |seed| robot_in(seed, "Requested deletion"), ..PROVIDER };
    for (start, transition) in
        [(&robot, RobotAccountTransition::RequestDeletion), (&leaving, RobotAccountTransition::SetDeleted)]
    {
        start
            .check(async |client, ids| {
                let provider = client.provider();
                let robots = provider.robot_accounts().resource(ids.resources.ok).all().await?;
                provider.robot_account(&robots[0]).transition(transition).await
            })
            .await;
    }
    robot
        .check(async |client, ids| {
            let provider = client.provider();
            let robots = provider.robot_accounts().resource(ids.resources.ok).all().await?;
            provider.robot_account(&robots[0]).set_erred("no room").await
        })
        .await;
}

/// Creating a service account is not idempotent, so only closing it is tested.
#[tokio::test]
async fn interrupted_closing_of_accounts_is_completed_by_another_run() {
    for fault in [Fault::ResetBefore, Fault::ResetAfter, Fault::Status(503), Fault::Truncated] {
        for count in 0..3 {
            let sandbox = PROVIDER.sandbox().await;
            let (ids, provider) = (*sandbox.ids(), client(&sandbox, Actor::Consumer).provider());
            let wanted = ServiceAccountRequest::default();
            let owner = ServiceAccountOwner::Project;
            let service = provider.create_service_account(owner, ids.project, wanted).await.unwrap().account;
            let service = provider.service_account(owner, &service);
            let course = provider.create_course_account(ids.project, "", "").await.unwrap();
            let course = provider.course_account(&course);
            sandbox.misbehave(Misbehaviour::new(fault.clone()).after(count));
            let first = service.close().await;
            sandbox.clear_faults();
            let state = || sandbox.documents("marketplace-project-service-accounts")[0].state.clone();
            assert!(first.is_err() || state() == "Closed");
            let second = service.close().await;
            assert!(second.is_ok() || second.unwrap_err().is_not_found());
            assert_eq!(state(), "Closed");
            sandbox.misbehave(Misbehaviour::new(fault.clone()).after(count));
            let first = course.close().await;
            sandbox.clear_faults();
            let state = || sandbox.documents("marketplace-course-accounts")[0].state.clone();
            assert!(first.is_err() || state() == "Closed");
            course.close().await.unwrap();
            assert_eq!(state(), "Closed");
        }
    }
}

#[tokio::test]
async fn interrupted_changes_of_components_are_completed_by_another_run() {
    let cpu = ComponentDefinition::new("cpu", "Cores", BillingTypeEnum::Usage, "hours");
    let storage = ComponentDefinition::new("storage", "Storage", BillingTypeEnum::Limit, "GB");
    let wanted = [cpu, storage];
    let fresh = Start { resources: false, ..PROVIDER };
    fresh
        .check(async |client, ids| {
            let provider = client.provider();
            All(async {
                let plan = provider.offering(ids.offerings.slurm).plan_components(&wanted).await?;
                Ok(provider.offering(ids.offerings.slurm).apply_components(&plan).await?.is_ok())
            }
            .await)
        })
        .await;
}

#[cfg(feature = "agent")]
#[tokio::test]
async fn interrupted_registration_is_completed_by_another_run() {
    PROVIDER
        .check(async |client, ids| {
            let identity = AgentIdentity::register(client, ids.offerings.slurm, "polar", "1.4.0").await?;
            let service = identity.register_service(client, "orders", "order_process").await?;
            service.register_processor(client, "orders", "slurm", "23.11").await?;
            service.set_statistics(client, &json!({ "done": 17 })).await
        })
        .await;
}
