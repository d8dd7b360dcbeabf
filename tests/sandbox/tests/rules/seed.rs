//! What a sandbox starts with.

use waldur_sandbox::{OrderState, OrderType, ResourceState, Sandbox};

#[tokio::test]
async fn the_same_every_time() {
    let (one, other) = (Sandbox::start().await.unwrap(), Sandbox::start().await.unwrap());
    assert_eq!(one.ids(), other.ids());
    assert_eq!(one.orders(), other.orders());
    assert_eq!(one.resources().len(), other.resources().len());
    assert_ne!(one.url(), other.url());
}

#[tokio::test]
async fn all_states() {
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
async fn to_measure() {
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
async fn named_resources() {
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
