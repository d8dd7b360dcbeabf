//! What a sandbox starts with.

use serde_json::json;
use waldur_sandbox::{Actor, OfferingUserState, OrderState, OrderType, ResourceState, Sandbox};

use crate::client::{get, hex};

#[tokio::test]
async fn the_default_state_is_reproducible() {
    let (one, other) = (Sandbox::start().await.unwrap(), Sandbox::start().await.unwrap());
    assert_eq!(one.ids(), other.ids());
    assert_eq!(one.orders(), other.orders());
    assert_eq!(one.resources().len(), other.resources().len());
    assert_ne!(one.url(), other.url());
}

#[tokio::test]
async fn each_order_state_occurs() {
    for count in [9, 50, 1000] {
        let sandbox = Sandbox::builder().orders(count).start().await.unwrap();
        let orders = sandbox.orders();
        assert_eq!(orders.len(), count);
        let of = |state| orders.iter().filter(|order| order.state == state).count();
        assert!(OrderState::ALL.iter().all(|&state| of(state) > 0));
        if count >= 50 {
            assert_eq!(of(OrderState::PendingProvider), count * 3 / 10);
            assert_eq!(of(OrderState::Executing), count * 3 / 10);
            for kind in [OrderType::Create, OrderType::Update, OrderType::Terminate] {
                assert!(orders.iter().any(|o| o.state == OrderState::PendingProvider && o.type_ == kind));
            }
        }
        let mut resources: Vec<_> = orders.iter().map(|order| order.resource).collect();
        resources.sort_unstable();
        resources.dedup();
        assert_eq!(resources.len(), count, "an order has its own resource");
    }
}

#[tokio::test]
async fn the_number_of_orders_is_exact() {
    let sandbox =
        Sandbox::builder().orders(0).orders_in(OrderState::PendingProvider, 1000).start().await.unwrap();
    assert_eq!(sandbox.orders().len(), 1000);
    assert!(sandbox.orders().iter().all(|order| order.state == OrderState::PendingProvider));
    let sandbox = Sandbox::builder()
        .orders_in(OrderState::Done, 0)
        .orders_in(OrderState::Erred, 7)
        .start()
        .await
        .unwrap();
    let of = |state| sandbox.orders().iter().filter(|order| order.state == state).count();
    assert_eq!((of(OrderState::Done), of(OrderState::Erred), of(OrderState::Executing)), (0, 7, 15));
}

#[tokio::test]
async fn named_resources_have_no_open_order() {
    let sandbox = Sandbox::builder().orders(0).start().await.unwrap();
    let ids = sandbox.ids().resources;
    for (uuid, state) in [
        (ids.ok, ResourceState::Ok),
        (ids.ok_second, ResourceState::Ok),
        (ids.basic_ok, ResourceState::Ok),
        (ids.creating, ResourceState::Creating),
        (ids.erred, ResourceState::Erred),
        (ids.terminated, ResourceState::Terminated),
    ] {
        assert_eq!(sandbox.resource(uuid).unwrap().state, state);
    }
    assert_eq!(sandbox.resource(ids.ok).unwrap().plan_period, Some(sandbox.ids().plan_period));
    assert_eq!(sandbox.usages()[0].uuid, sandbox.ids().usage);
    assert_eq!(sandbox.offering_users()[0].uuid, sandbox.ids().offering_user);
}

#[tokio::test]
async fn seeds_add_objects() {
    let sandbox = Sandbox::builder()
        .without_resources()
        .seed(|seed| {
            let ids = *seed.ids();
            let customer = seed.customer("Institute");
            let project = seed.project(customer, "Plasma");
            let carl = seed.user("carl", "Carl", "Carlsson");
            seed.role(carl, project, "PROJECT.MANAGER", None);
            seed.role(ids.users.outsider, customer, "CUSTOMER.OWNER", None);
            seed.key(carl, "carl-key");
            let offering = seed.offering(ids.provider_customer, "Archive");
            seed.component(offering, "tape", "Tape", "TB", "0.5".parse().unwrap());
            let resource = seed.resource(offering, project, "shelf", ResourceState::Ok);
            seed.backend_id(resource, "shelf-1");
            seed.limit(resource, "tape", 3);
            seed.scope(resource);
            let order = seed.order(resource, OrderType::Update, OrderState::PendingProvider);
            seed.order_limit(order, "tape", 5);
            seed.ordered_by(order, Actor::Outsider);
            let month = chrono::Utc::now().date_naive();
            let usage = seed.usage(resource, "tape", month, "2.5".parse().unwrap());
            seed.user_usage(usage, "carl01", "1.25".parse().unwrap());
            seed.offering_user(offering, carl, "carl01", OfferingUserState::Creating);
        })
        .start()
        .await
        .unwrap();
    let list = async |actor, path: &str| get(&sandbox, actor, path).await.items();
    let resources = list(Actor::Outsider, "marketplace-resources/").await;
    assert_eq!((resources.len(), &resources[0]["backend_id"]), (1, &json!("shelf-1")));
    assert_eq!(resources[0]["limits"], json!({"tape": 3}));
    let orders = list(Actor::Provider, "marketplace-orders/").await;
    assert_eq!(
        (&orders[0]["limits"], &orders[0]["created_by_username"]),
        (&json!({"tape": 5}), &json!("outsider"))
    );
    let team = list(
        Actor::Provider,
        &format!("marketplace-provider-resources/{}/team/", hex(sandbox.resources()[0].uuid)),
    )
    .await;
    assert_eq!((&team[0]["role"], &team[0]["offering_user_username"]), (&json!("manager"), &json!("carl01")));
    let usages = list(Actor::Provider, "marketplace-component-user-usages/").await;
    assert_eq!((&usages[0]["username"], &usages[0]["usage"]), (&json!("carl01"), &json!("1.25")));
    let provider = format!("marketplace-service-providers/{}/keys/", hex(sandbox.ids().service_provider));
    assert_eq!(list(Actor::Provider, &provider).await[0]["name"], "carl-key");
    assert_eq!(sandbox.components(sandbox.resources()[0].offering).last().unwrap(), "tape");
    // The same names, the same uuids.
    let again = Sandbox::builder().without_resources().seed(|seed| _ = seed.customer("Institute"));
    let again = again.start().await.unwrap();
    let customers = get(&again, Actor::Staff, "customers/?name=Institute").await.items();
    let first = get(&sandbox, Actor::Outsider, "customers/?name=Institute").await.items();
    assert_eq!(customers[0]["uuid"], first[0]["uuid"]);
}
