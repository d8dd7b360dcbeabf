//! A server that doesn't know a filter ignores it, and lists more than was asked for. Bulk operations leave the
//! rest alone. (The rows of some lists are changed to be such a rest.)

use serde_json::json;
use waldur_sandbox::{OrderState as State, OrderType, ResourceState, Sandbox, Seed};
use waldur_sdk::accounts::{OfferingUserTransition, RobotAccountTransition};
use waldur_sdk::types::RequestTypes;
use waldur_sdk::{Decimal, Uuid};

use crate::common::{posts, posts_to, provider};

const OTHER: &str = "0123456789abcdef0123456789abcdef";
const ORDERS: &str = "marketplace_orders_list";
const APPROVE: &str = "/approve_by_provider/";

/// Returns a sandbox with this many pending orders to create resources of one offering.
async fn with_orders(count: usize) -> Sandbox {
    let seed = move |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        for number in 0..count {
            let name = format!("resource-{number}");
            let resource = seed.resource(ids.offerings.slurm, ids.project, &name, ResourceState::Creating);
            seed.order(resource, OrderType::Create, State::PendingProvider);
        }
    };
    Sandbox::builder().orders(0).seed(seed).start().await.unwrap()
}

#[tokio::test]
async fn orders_of_another_offering_or_type_are_left_alone() {
    let sandbox = with_orders(6).await;
    let (provider, slurm) = (provider(&sandbox), sandbox.ids().offerings.slurm);
    let orders = provider.orders().all().await.unwrap();
    let uuids: Vec<Uuid> = orders.iter().map(|order| order.uuid).collect();
    let wanted = || provider.orders().offering(slurm).of_type(RequestTypes::Create);
    assert_eq!(wanted().count().await.unwrap(), 6);

    sandbox.corrupt(ORDERS, 0, "offering_uuid", json!(OTHER));
    sandbox.corrupt(ORDERS, 1, "type", json!("Terminate"));
    sandbox.corrupt(ORDERS, 2, "offering_uuid", None);
    sandbox.corrupt(ORDERS, 3, "type", json!(null));
    let planned = wanted().approve_all().dry_run().await.unwrap();
    assert_eq!(planned.to_string(), "0 applied, 2 skipped, 2 unreadable");
    let report = wanted().approve_all().await.unwrap();
    assert_eq!(report.to_string(), "2 applied, 2 unreadable");
    assert_eq!(report.items.iter().map(|item| item.target.uuid).collect::<Vec<_>>(), uuids[4..]);
    let unreadable: Vec<String> = report.unreadable.iter().map(ToString::to_string).collect();
    for ((uuid, field), text) in [(uuids[2], "offering_uuid"), (uuids[3], "type")].iter().zip(&unreadable) {
        let expected = format!("{ORDERS}: row {}: no usable `{field}`", uuid.simple());
        assert_eq!(*text, expected);
    }
    assert_eq!(posts_to(&sandbox, APPROVE), 2);
}

#[tokio::test]
async fn without_a_filter_an_order_needs_no_more_than_its_uuid() {
    let sandbox = with_orders(2).await;
    for field in ["offering_uuid", "type", "marketplace_resource_uuid"] {
        sandbox.corrupt(ORDERS, 0, field, None);
    }
    let report = provider(&sandbox).orders().approve_all().await.unwrap();
    assert_eq!(report.to_string(), "2 applied");
}

#[tokio::test]
async fn orders_of_another_resource_are_left_alone() {
    let sandbox = with_orders(3).await;
    let provider = provider(&sandbox);
    let resource = provider.orders().first().await.unwrap().unwrap().resource_uuid.unwrap();
    sandbox.corrupt(ORDERS, 0, "marketplace_resource_uuid", json!(OTHER));
    let report = provider.orders().resource(resource).approve_all().await.unwrap();
    assert_eq!((report.to_string().as_str(), posts(&sandbox)), ("0 applied", 0));
}

#[tokio::test]
async fn orders_of_another_provider_are_left_alone() {
    let sandbox = with_orders(3).await;
    let provider = provider(&sandbox);
    let organization = provider.orders().first().await.unwrap().unwrap().provider_uuid.unwrap();
    sandbox.corrupt(ORDERS, 0, "provider_uuid", json!(OTHER));
    sandbox.corrupt(ORDERS, 1, "provider_uuid", None);
    let report = provider.orders().provider(organization).approve_all().await.unwrap();
    assert_eq!(report.to_string(), "1 applied, 1 unreadable");
    assert_eq!(posts_to(&sandbox, APPROVE), 1);
}

#[tokio::test]
async fn accounts_of_another_offering_or_resource_are_left_alone() {
    let sandbox = Sandbox::start().await.unwrap();
    let (ids, provider) = (*sandbox.ids(), provider(&sandbox));
    let users = || provider.offering_users().offering(ids.offerings.slurm);
    assert!(users().count().await.unwrap() > 0);
    sandbox.corrupt("marketplace_offering_users_list", 0, "offering_uuid", json!(OTHER));
    let first = users().all().await.unwrap()[0].uuid;
    let report = users().transition_all(OfferingUserTransition::RequestDeletion).dry_run().await.unwrap();
    assert!(report.items.iter().all(|item| item.target.uuid != first), "{report:#?}");

    provider.ensure_robot_account(ids.resources.ok, "cicd").await.unwrap();
    sandbox.corrupt("marketplace_robot_accounts_list", 0, "resource_uuid", json!(OTHER));
    let robots = || provider.robot_accounts().resource(ids.resources.ok);
    let listed = robots().all().await.unwrap().len();
    let report = robots().transition_all(RobotAccountTransition::RequestDeletion).dry_run().await.unwrap();
    assert_eq!((listed, report.items.len()), (1, 0), "{report:#?}");
    let robots = provider.robot_accounts();
    for (field, wanted) in [
        ("project_uuid", robots.clone().project(ids.project)),
        ("customer_uuid", robots.clone().customer(ids.consumer_customer)),
        ("provider_uuid", robots.provider(ids.provider_customer)),
    ] {
        let wanted = || wanted.clone().transition_all(RobotAccountTransition::RequestDeletion).dry_run();
        assert_eq!(wanted().await.unwrap().items.len(), 1, "{field}");
        sandbox.corrupt("marketplace_robot_accounts_list", 0, field, json!(OTHER));
        assert_eq!(wanted().await.unwrap().items.len(), 0, "{field}");
    }
}

#[tokio::test]
async fn the_usage_of_another_offerings_resources_is_not_reported() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = provider(&sandbox);
    let resources = || provider.resources().live().offering(sandbox.ids().offerings.slurm);
    sandbox.corrupt("marketplace_provider_resources_list", 0, "offering_uuid", json!(OTHER));
    let listed: Vec<Uuid> = resources().all().await.unwrap().iter().map(|one| one.uuid).collect();
    assert!(!listed.is_empty());
    let report = resources().report_usage_all(|_, _| Some(Decimal::ONE)).dry_run().await.unwrap();
    let planned: Vec<Uuid> = report.items.iter().map(|item| item.target.resource.uuid).collect();
    assert_eq!(planned, listed[1..]);
}

#[tokio::test]
async fn the_usage_of_resources_beside_the_filters_is_not_reported() {
    let sandbox = Sandbox::start().await.unwrap();
    let (ids, provider) = (*sandbox.ids(), provider(&sandbox));
    let resources = || provider.resources();
    let first = resources().live().all().await.unwrap()[0].clone();
    for (field, wanted, odd) in [
        ("state", resources().live(), json!("Terminated")),
        ("project_uuid", resources().live().project(ids.project), json!(OTHER)),
        ("customer_uuid", resources().live().customer(ids.consumer_customer), json!(OTHER)),
        ("provider_uuid", resources().live().provider(ids.provider_customer), json!(OTHER)),
        ("backend_id", resources().live().backend_id(first.backend_id.as_str()), json!("another")),
    ] {
        let planned = async || {
            let report = wanted.clone().report_usage_all(|_, _| Some(Decimal::ONE)).dry_run().await.unwrap();
            (report.items.len(), report.unreadable.len())
        };
        let (all, _) = planned().await;
        sandbox.corrupt("marketplace_provider_resources_list", 0, field, odd);
        assert_eq!(planned().await, (all - 1, 0), "{field}");
        // A backend id that is absent is an empty one.
        for untold in [None, Some(json!(null))] {
            sandbox.corrupt("marketplace_provider_resources_list", 0, field, untold.clone());
            let unreadable = usize::from(field != "backend_id");
            assert_eq!(planned().await, (all - 1, unreadable), "{field} {untold:?}");
        }
        sandbox.clear_corruptions();
    }
}

#[tokio::test]
async fn accounts_of_another_user_or_type_are_left_alone() {
    let sandbox = Sandbox::start().await.unwrap();
    let (ids, provider) = (*sandbox.ids(), provider(&sandbox));
    let of_alice = || {
        let users = provider.offering_users().user(ids.users.alice);
        users.transition_all(OfferingUserTransition::RequestDeletion).dry_run()
    };
    let all = of_alice().await.unwrap().items.len();
    sandbox.corrupt("marketplace_offering_users_list", 0, "user_uuid", json!(OTHER));
    assert_eq!(of_alice().await.unwrap().items.len(), all - 1);

    provider.ensure_robot_account(ids.resources.ok, "cicd").await.unwrap();
    let of_cicd = || {
        let robots = provider.robot_accounts().of_type("cicd");
        robots.transition_all(RobotAccountTransition::RequestDeletion).dry_run()
    };
    assert_eq!(of_cicd().await.unwrap().items.len(), 1);
    sandbox.corrupt("marketplace_robot_accounts_list", 0, "type", json!("another"));
    assert_eq!(of_cicd().await.unwrap().items.len(), 0);
}
