//! Errors: one type for the calls of both crates, which can be cloned and sent to other threads.

use std::future::IntoFuture as _;
use waldur_sandbox::{Fault, Sandbox};
use waldur_sdk::accounts::{
    AccessGaps, CourseAccount, Ensured, NewUsername, OfferingUser, OfferingUserTransition, RobotAccount,
    RobotAccountTransition, ServiceAccount, ServiceAccountOwner, ServiceAccountToken,
};
use waldur_sdk::api::{Message, Messages};
use waldur_sdk::offerings::{
    ComponentDefinition, ComponentPlan, ComponentStep, Offering, OfferingComponent, OfferingDetails,
    OfferingPlan,
};
use waldur_sdk::orders::{Order, UnfinishedOrder};
use waldur_sdk::people::{
    ProjectPermission, ProviderCustomer, ProviderOffering, ProviderProject, ServiceProvider, SshKey, User,
};
use waldur_sdk::resources::{Endpoint, Resource, TeamMember};
use waldur_sdk::usage::{
    Component, ComponentUsage, PlanPeriod, ReportedUsage, ResourceUsage, Usage, UserAmount, UserUsage,
};
use waldur_sdk::{
    Applied, Client, ClientExt as _, Decimal, Error, ErrorKind, Item, ListExt as _, ListFailure, Month,
    Outcome, Problem, Report, Rows, UnreadableRow, Uuid,
};

use crate::common::client;

fn is_shared<T: Clone + Send + Sync + 'static>() {}
fn is_result<T: Clone + Send + Sync + serde::Serialize + 'static>() {}
fn is_error<T: std::error::Error + Clone + Send + Sync + 'static>() {}
fn is_send<T: Send>(value: T) -> T {
    value
}

/// Asserts the property of each of these types.
macro_rules! each {
    ($assert:ident: $($type:ty),* $(,)?) => {{ $( $assert::<$type>(); )* }};
}

#[test]
fn errors_are_clone_send_and_static() {
    each!(is_error: Error, waldur_sdk::api::Error, UnfinishedOrder, waldur_sdk::InvalidName);
    each!(is_result: Error, ErrorKind, Message, Messages);
    #[cfg(feature = "agent")]
    each!(is_error: waldur_sdk::NoBackendId, waldur_sdk::agent::BackendError);
}

#[test]
fn results_are_clone_send_and_serialize() {
    each!(is_result: Applied, Item<Uuid>, Outcome, Report<Order>, Rows<Uuid>, UnreadableRow);
    each!(is_result: Order, Resource, Endpoint, Month, TeamMember);
    each!(is_result: Component, ComponentUsage, PlanPeriod, ReportedUsage, ResourceUsage, Usage);
    each!(is_result: UserAmount, UserUsage);
    each!(is_result: AccessGaps, Ensured<OfferingUser>, NewUsername, OfferingUser, OfferingUserTransition);
    each!(is_result: RobotAccount, RobotAccountTransition, ServiceAccount, ServiceAccountOwner, CourseAccount);
    each!(is_result: ComponentDefinition, ComponentPlan, ComponentStep, Report<ComponentStep>);
    each!(is_result: ListFailure, Problem<'static, Uuid>);
    each!(is_result: Offering);
    each!(is_result: OfferingComponent, OfferingDetails, OfferingPlan, ProviderOffering);
    each!(is_result: User, SshKey, ServiceProvider, ProviderCustomer, ProviderProject, ProjectPermission);
    // Holds a secret.
    is_shared::<ServiceAccountToken>();
}

#[cfg(feature = "agent")]
#[test]
fn results_of_agents_are_clone_send_and_serialize() {
    use waldur_sdk::agent::{
        AgentIdentity, AgentOrder, AgentProcessor, AgentService, OrderResult, OrderResultKind,
        ProcessedOrder, SkippedStep,
    };
    use waldur_sdk::membership::{
        ListedMember, Member, MemberKind, MemberStep, MembershipPlan, MembershipResource, MembershipSync,
        PlannedMember, SyncedResource,
    };
    each!(is_result: AgentIdentity, AgentOrder, AgentProcessor, AgentService);
    each!(is_result: OrderResult, OrderResultKind, ProcessedOrder, Report<ProcessedOrder>, SkippedStep);
    each!(is_result: ListedMember, Member, MemberKind);
    each!(is_result: MemberStep, PlannedMember, Report<PlannedMember>);
    each!(is_result: MembershipPlan, MembershipResource, MembershipSync, SyncedResource);
}

#[test]
fn futures_of_workflows_are_send() {
    let client = Client::builder().url("https://waldur.example.org").token("secret").build().unwrap();
    let (provider, id) = (client.provider(), Uuid::nil());
    drop(is_send(provider.orders().all()));
    drop(is_send(provider.orders().pending().approve_all()));
    drop(is_send(provider.orders().executing().complete_all()));
    drop(is_send(provider.order(id).approve()));
    drop(is_send(provider.order(id).reject("no room")));
    drop(is_send(provider.order(id).wait().into_future()));
    drop(is_send(provider.order(id).wait().changes()));
    drop(is_send(provider.resources().all()));
    drop(is_send(provider.resource(id).set_backend_id("polar_0001")));
    drop(is_send(client.set_usage_for_all_components(id, Decimal::ONE)));
    drop(is_send(provider.resources().live().report_usage_all(|_, _| Some(Decimal::ONE)).into_future()));
    drop(is_send(provider.resource(id).report_user_usage(Month::current(), [])));
    drop(is_send(provider.resource(id).usage(Month::current())));
    drop(is_send(provider.resource(id).report_usage().amount("cpu", Decimal::ONE).into_future()));
    drop(is_send(provider.ensure_offering_user(id, id).username("alice").into_future()));
    drop(is_send(provider.offering_users().all()));
    drop(is_send(provider.offering_user(id).transition(OfferingUserTransition::SetOk).into_future()));
    drop(is_send(provider.robot_account(id).transition(RobotAccountTransition::SetOk)));
    drop(is_send(provider.service_provider(id).set_usernames([(id, "alice")]).into_future()));
    drop(is_send(provider.offering(id).access_gaps()));
    drop(is_send(provider.offering(id).get()));
    drop(is_send(provider.offerings().all()));
    drop(is_send(provider.users().all()));
    drop(is_send(provider.service_provider(id).users().all()));
    drop(is_send(provider.resource(id).team()));
}

#[cfg(feature = "agent")]
#[test]
fn futures_of_agents_are_send() {
    use waldur_sdk::BackendId;
    use waldur_sdk::agent::{AgentIdentity, Backend, BackendError, OrderProcessor, Provisioned, Task};
    use waldur_sdk::membership::{ListedMember, Member, Membership, MembershipBackend, MembershipResource};

    struct Nothing;

    impl Backend for Nothing {
        async fn create(&self, _: &Task) -> Result<Provisioned, BackendError> {
            Err(BackendError::permanent("there is no room"))
        }
        async fn update(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
            Ok(())
        }
        async fn terminate(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
            Ok(())
        }
    }

    impl MembershipBackend for Nothing {
        type Error = String;
        async fn list(&self, _: &MembershipResource) -> Result<Vec<ListedMember>, String> {
            Ok(Vec::new())
        }
        async fn add(&self, _: &MembershipResource, _: &Member) -> Result<(), String> {
            Ok(())
        }
        async fn remove(&self, _: &MembershipResource, _: &Member) -> Result<(), String> {
            Ok(())
        }
    }

    let client = Client::builder().url("https://waldur.example.org").token("secret").build().unwrap();
    let (membership, id) = (Membership::new(&client, Nothing), Uuid::nil());
    drop(is_send(membership.plan(id)));
    drop(is_send(membership.sync_resource(id)));
    drop(is_send(membership.sync_user(id)));
    drop(is_send(membership.sync_all()));
    drop(is_send(AgentIdentity::register(&client, id, "polar-agent", "1.4.0")));
    let processor = OrderProcessor::new(&client, [id], Nothing);
    drop(is_send(processor.run_once()));
    drop(is_send(processor.run(std::future::pending::<()>(), |_| ())));
}

async fn mixed(client: &Client, order: Uuid) -> Result<usize, Error> {
    // The generated client's calls and the workflows', by the same `?`.
    client.marketplace_orders_retrieve().uuid(order).send().await?;
    let users = client.users_list().all().await?;
    Ok(users.len() + client.provider().orders().all().await?.len())
}

#[tokio::test]
async fn calls_of_both_crates_return_one_error_type() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let order = sandbox.orders()[0].uuid;
    assert!(is_send(mixed(&client, order)).await.unwrap() > 0);

    let error = mixed(&client, Uuid::nil()).await.unwrap_err();
    assert!(error.is_not_found() && error.operation() == "marketplace_orders_retrieve", "{error}");
    assert!(error.attempts() == 1 && !error.messages().is_empty());
    let kept = error.clone();
    assert_eq!((kept.to_string(), kept.kind()), (error.to_string(), error.kind()));

    sandbox.fail_next(1, "GET", &format!("/{}/", order.simple()), Fault::Status(500));
    let error = mixed(&client, order).await.unwrap_err();
    assert!(error.is_server() && error.status() == Some(500) && error.body().contains('<'), "{error}");
}
