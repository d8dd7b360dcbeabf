//! Changes and the end of resources.

use waldur_sandbox::{Actor, Fault, Misbehaviour, OrderType, ResourceState as State};
use waldur_sdk::consumer::{ResourceHandle, ResourceOrder};
use waldur_sdk::types::ResourceState;
use waldur_sdk::{Applied, NaiveDate, Uuid};

use super::common::posts_to;
use super::meddling::meddled;
use super::{cluster, consumer_as, finish, messages, ordered};

#[tokio::test]
async fn limits_and_plan_are_changed_by_orders() {
    let sandbox = cluster()
        .seed(|seed| {
            let slurm = seed.ids().offerings.slurm;
            seed.plan(slurm, "Large");
        })
        .start()
        .await
        .unwrap();
    let uuid = ordered(&sandbox, "waves").await;
    let consumer = consumer_as(&sandbox, Actor::Consumer);
    let resource = consumer.resource(uuid);
    let order = resource.set_limits([("cpu", 32)]).comment("more").await.unwrap();
    assert_eq!(sandbox.order(order.order_uuid.unwrap()).unwrap().type_, OrderType::Update);
    let conflict = resource.set_limits([("cpu", 33)]).await.unwrap_err();
    let open = order.order_uuid.unwrap().simple();
    let why = format!("the resource is OK, and its order {open} is pending-provider");
    assert!(conflict.is_conflict() && conflict.to_string().contains(&why), "one order at a time: {conflict}");
    finish(&sandbox, &order).await;
    assert_eq!(order.wait().await.unwrap().limits["cpu"], 32.into());
    let offering = consumer.offering(sandbox.ids().offerings.slurm).get().await.unwrap();
    let large = offering.plans.iter().find(|plan| plan.name == "Large").unwrap();
    let order = resource.set_plan(large).await.unwrap();
    finish(&sandbox, &order).await;
    assert_eq!(order.wait().await.unwrap().plan_uuid, Some(large.uuid));
    let refused = resource.set_limits([("cpu", 65), ("disk", 1)]).await.unwrap_err();
    assert_eq!(
        messages(&refused),
        [
            "limits.cpu: 65 is more than the maximum 64",
            "limits.disk: the offering has no such component; limits can be set of: cpu",
        ]
    );
    let half = waldur_sdk::Decimal::new(15, 1);
    let refused = resource.set_limits([("cpu", half)]).await.unwrap_err();
    assert_eq!(messages(&refused), ["limits.cpu: 1.5 is not a whole number"]);
    let refused = resource.set_limits::<&str, u32>([]).unchecked().await.unwrap_err();
    assert_eq!(messages(&refused), ["limits: the order sets no limit"]);
    let refused = resource.set_limits([("disk", 1)]).unchecked().await.unwrap_err();
    assert_eq!(refused.messages().about("limits").count(), 1);
    let other = sandbox.ids().plans.basic;
    for plan in [resource.set_plan(other), resource.set_plan(other).unchecked()] {
        assert_eq!(plan.await.unwrap_err().messages().about("plan").count(), 1);
    }
    assert_eq!(resource.orders().count().await.unwrap(), 3);
}

/// Servers replace all limits by those of an order.
#[tokio::test]
async fn the_limits_of_other_components_stay() {
    let sandbox = cluster()
        .seed(|seed| {
            let slurm = seed.ids().offerings.slurm;
            seed.billing_type(slurm, "ram", "limit");
        })
        .start()
        .await
        .unwrap();
    let uuid = ordered(&sandbox, "waves").await;
    let resource = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
    let order = resource.set_limits([("ram", 16)]).await.unwrap();
    finish(&sandbox, &order).await;
    assert_eq!(order.wait().await.unwrap().limits.len(), 2);
    let order = resource.set_limits([("cpu", 8)]).unchecked().await.unwrap();
    finish(&sandbox, &order).await;
    let limits = order.wait().await.unwrap().limits;
    assert_eq!(limits, [("cpu".to_owned(), 8.into()), ("ram".to_owned(), 16.into())].into());
}

#[tokio::test]
async fn a_resource_is_ended_and_restored() {
    let sandbox = cluster().start().await.unwrap();
    let uuid = ordered(&sandbox, "waves").await;
    let resource = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
    let attributes = serde_json::json!({ "action": "force_destroy" });
    let order = resource.terminate().attributes(&attributes).await.unwrap();
    assert_eq!(order.order().unwrap().get().await.unwrap().attributes, attributes);
    finish(&sandbox, &order).await;
    assert_eq!(order.wait().await.unwrap().state, ResourceState::Terminated);
    let ended = resource.terminate().await.unwrap_err();
    assert!(ended.is_conflict() && ended.to_string().contains("the resource is Terminated"), "{ended}");
    // The conflict is the error also where the state can't be read.
    sandbox.misbehave(
        Misbehaviour::new(Fault::Status(403)).operation("marketplace_resources_retrieve").times(1),
    );
    let ended = resource.terminate().await.unwrap_err();
    assert!(ended.is_conflict() && !ended.to_string().contains("the resource is"), "{ended}");
    let order = resource.restore().await.unwrap();
    assert_eq!(sandbox.order(order.order_uuid.unwrap()).unwrap().type_, OrderType::Restore);
    finish(&sandbox, &order).await;
    assert_eq!(order.wait().await.unwrap().state, ResourceState::Ok);
}

#[tokio::test]
async fn only_those_who_manage_the_project_change_resources() {
    let sandbox = cluster().start().await.unwrap();
    let uuid = ordered(&sandbox, "waves").await;
    let member = consumer_as(&sandbox, Actor::Bob).resource(uuid);
    assert!(member.terminate().await.unwrap_err().is_forbidden());
    assert!(member.set_limits([("cpu", 2)]).await.unwrap_err().is_forbidden());
    assert!(member.rename("mine").await.unwrap_err().is_forbidden());
    let outsider = consumer_as(&sandbox, Actor::Outsider).resource(uuid);
    assert!(outsider.get().await.unwrap_err().is_not_found());
    assert!(outsider.terminate().await.unwrap_err().is_not_found());
    let manager = consumer_as(&sandbox, Actor::Alice).resource(uuid);
    manager.rename("ours").await.unwrap();
    let order = manager.terminate().await.unwrap();
    let owner = consumer_as(&sandbox, Actor::Consumer).order(order.order_uuid.unwrap());
    owner.approve().await.unwrap();
    finish(&sandbox, &order).await;
    assert_eq!(sandbox.resource(uuid).unwrap().state, State::Terminated);
}

#[tokio::test]
async fn a_change_whose_response_is_lost_is_found_and_not_repeated() {
    let sandbox = cluster().start().await.unwrap();
    let uuid = ordered(&sandbox, "waves").await;
    let resource = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
    sandbox.misbehave(
        Misbehaviour::new(Fault::ResetAfter).operation("marketplace_resources_update_limits").times(1),
    );
    let order = resource.set_limits([("cpu", 8)]).await.unwrap();
    assert_eq!((order.applied, order.resource_uuid), (Applied::Now, Some(uuid)));
    assert_eq!(sandbox.orders().last().map(|order| order.uuid), order.order_uuid);
    finish(&sandbox, &order).await;
    sandbox.misbehave(
        Misbehaviour::new(Fault::ResetBefore).operation("marketplace_resources_terminate").times(1),
    );
    assert!(resource.terminate().await.unwrap_err().is_unconfirmed());
    assert_eq!(posts_to(&sandbox, "/terminate/"), 1);
    assert_eq!(sandbox.resource(uuid).unwrap().state, State::Ok);
}

/// Orders of limits and plans are of one type. Somebody else's order is not taken for a lost one.
#[tokio::test]
async fn a_change_by_somebody_else_is_not_taken_for_a_lost_one() {
    const LIMITS: &str = "marketplace_resources_update_limits";
    const PLAN: &str = "marketplace_resources_switch_plan";
    type Ask = fn(&ResourceHandle, [Uuid; 2]) -> ResourceOrder;
    let limits: Ask = |resource, _| resource.set_limits([("cpu", 8)]);
    let other_limits: Ask = |resource, _| resource.set_limits([("cpu", 16)]);
    let plan: Ask = |resource, plans| resource.set_plan(plans[0]);
    let other_plan: Ask = |resource, plans| resource.set_plan(plans[1]);
    for (operation, ask, meanwhile, is_it) in [
        (LIMITS, limits, other_limits, false),
        (LIMITS, limits, plan, false),
        (PLAN, plan, other_plan, false),
        (PLAN, plan, limits, false),
        // The same change by somebody else is the requested one.
        (LIMITS, limits, limits, true),
        (PLAN, plan, plan, true),
    ] {
        let sandbox = cluster()
            .seed(|seed| {
                let slurm = seed.ids().offerings.slurm;
                seed.plan(slurm, "Large");
                seed.plan(slurm, "Huge");
            })
            .start()
            .await
            .unwrap();
        let uuid = ordered(&sandbox, "waves").await;
        let owner = consumer_as(&sandbox, Actor::Consumer);
        let offering = owner.offering(sandbox.ids().offerings.slurm).get().await.unwrap();
        let named = |name| offering.plans.iter().find(|plan| plan.name == name).unwrap().uuid;
        let plans = [named("Large"), named("Huge")];
        let other = owner.resource(uuid);
        let consumer = meddled(&sandbox, Actor::Consumer, operation, async move {
            meanwhile(&other, plans).await.unwrap();
        });
        let result = ask(&consumer.resource(uuid), plans).await;
        match result {
            Ok(order) => {
                assert!(is_it, "{operation}");
                assert_eq!(sandbox.orders().last().map(|order| order.uuid), order.order_uuid);
            }
            Err(error) => assert!(!is_it && error.is_unconfirmed(), "{operation}: {error}"),
        }
        assert_eq!(sandbox.orders().len(), 2, "{operation}");
    }
}

#[tokio::test]
async fn name_description_and_end_date_are_set_at_once() {
    let sandbox = cluster().start().await.unwrap();
    let uuid = ordered(&sandbox, "waves").await;
    let resource = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
    let day = NaiveDate::from_ymd_opt(2099, 5, 6);
    sandbox.misbehave(
        Misbehaviour::new(Fault::ResetAfter).operation("marketplace_resources_partial_update").times(1),
    );
    assert_eq!(resource.set_end_date(day).await.unwrap(), Applied::Now);
    assert_eq!(resource.rename("tides").await.unwrap(), Applied::Now);
    assert_eq!(resource.rename("tides").await.unwrap(), Applied::Already);
    let now = resource.get().await.unwrap();
    assert_eq!((now.name.as_str(), now.end_date), ("tides", day));
    assert_eq!(resource.set_description("of the course").await.unwrap(), Applied::Now);
    assert_eq!(resource.set_description("of the course").await.unwrap(), Applied::Already);
    let now = resource.get().await.unwrap();
    assert_eq!((now.description.as_str(), now.end_date), ("of the course", day));
    resource.set_end_date(None).await.unwrap();
    assert_eq!(resource.get().await.unwrap().end_date, None);
    let past = resource.set_end_date(NaiveDate::from_ymd_opt(2000, 1, 1)).await.unwrap_err();
    assert_eq!(past.messages().about("end_date").count(), 1);
}
