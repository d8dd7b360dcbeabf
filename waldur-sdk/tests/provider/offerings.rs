//! Offerings and their components, on the sandbox.

use waldur_sandbox::{Actor, Fault, Misbehaviour, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::offerings::{ComponentDefinition, ComponentStep};
use waldur_sdk::types::{BillingTypeEnum, LimitPeriodEnum, OfferingState};
use waldur_sdk::{Decimal, Outcome, RetryPolicy, Uuid};

use crate::common::{client, posts, provider, provider_as};

/// Changes `cpu`, adds `storage`, and removes `gpu` and `ram`.
fn wanted() -> Vec<ComponentDefinition> {
    let cpu = ComponentDefinition::new("cpu", "Cores", BillingTypeEnum::Usage, "hours");
    let mut storage = ComponentDefinition::new("storage", "Storage", BillingTypeEnum::Limit, "GB");
    storage.limit_period = Some(LimitPeriodEnum::Month);
    storage.limit_amount = Some(100);
    storage.max_value = Some(1000);
    storage.description = Some("On disks".to_owned());
    vec![storage, cpu]
}

#[tokio::test]
async fn an_offering_has_components_and_plans() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let offering = provider(&sandbox).offering(ids.offerings.slurm).get().await.unwrap();
    assert_eq!((offering.name.as_str(), offering.type_.as_str()), ("Polar cluster", "Marketplace.Slurm"));
    assert_eq!(offering.state, OfferingState::Active);
    assert_eq!(offering.customer_uuid, Some(ids.provider_customer));
    let types: Vec<&str> = offering.components.iter().map(|row| row.definition.type_.as_str()).collect();
    assert_eq!(types, ["cpu", "gpu", "ram"]);
    assert_eq!(offering.components[0].definition.measured_unit, "hours");
    assert_eq!(offering.plans[0].uuid, ids.plans.slurm);
    assert_eq!(offering.plans[0].prices["gpu"], Decimal::new(15, 1));
    for actor in [Actor::Consumer, Actor::Outsider] {
        let error = provider_as(&sandbox, actor).offering(ids.offerings.slurm).get().await.unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}

#[tokio::test]
async fn components_are_changed_to_match_a_set() {
    let sandbox = Sandbox::builder().without_resources().start().await.unwrap();
    let (slurm, provider) = (sandbox.ids().offerings.slurm, provider(&sandbox));
    let plan = provider.offering(slurm).plan_components(&wanted()).await.unwrap();
    assert_eq!(plan.to_string(), "create storage\nupdate cpu: name\nremove gpu\nremove ram");
    assert_eq!((sandbox.requests().len(), sandbox.components(slurm).len()), (1, 3));

    let items = provider.offering(slurm).apply_components(&plan).await.unwrap();
    assert!(items.items.iter().all(|item| matches!(item.outcome, Outcome::Applied)), "{items:#?}");
    assert_eq!((posts(&sandbox), sandbox.requests().len()), (4, 5));
    assert_eq!(sandbox.components(slurm), ["cpu", "storage"]);
    let there = provider.offering(slurm).get().await.unwrap().components;
    let storage = &there.iter().find(|row| row.definition.type_ == "storage").unwrap().definition;
    assert_eq!((storage.limit_amount, storage.max_value), (Some(100), Some(1000)));
    assert_eq!(storage.limit_period, Some(LimitPeriodEnum::Month));

    let again = provider.offering(slurm).plan_components(&wanted()).await.unwrap();
    assert!(again.is_empty(), "{again}");
    assert!(
        provider
            .offering(slurm)
            .apply_components(&again)
            .await
            .unwrap()
            .items
            .iter()
            .all(|item| item.outcome.is_ok())
    );
    assert_eq!(posts(&sandbox), 4);
}

#[tokio::test]
async fn a_component_that_can_not_be_removed_does_not_stop_the_others() {
    // The offering has resources.
    let sandbox = Sandbox::start().await.unwrap();
    let (slurm, provider) = (sandbox.ids().offerings.slurm, provider(&sandbox));
    let wanted = [ComponentDefinition::new("node", "Nodes", BillingTypeEnum::Fixed, "")];
    let plan = provider.offering(slurm).plan_components(&wanted).await.unwrap();
    for item in provider.offering(slurm).apply_components(&plan).await.unwrap() {
        let kept = matches!(item.target, ComponentStep::Remove { .. });
        assert_eq!(
            matches!(item.outcome, Outcome::Refused { .. }),
            kept,
            "{}: {}",
            item.target,
            item.outcome
        );
    }
    assert_eq!(sandbox.components(slurm), ["cpu", "gpu", "ram", "node"]);
}

#[tokio::test]
async fn lost_responses_are_looked_up_before_anything_is_sent_again() {
    for fault in [Fault::ResetAfter, Fault::ResetBefore, Fault::Status(502)] {
        let sandbox = Sandbox::builder().without_resources().start().await.unwrap();
        let (slurm, provider) = (sandbox.ids().offerings.slurm, provider(&sandbox));
        let plan = provider.offering(slurm).plan_components(&wanted()).await.unwrap();
        sandbox.fail_next(1, "POST", "_offering_component/", fault.clone());
        sandbox.clear_requests();
        for item in provider.offering(slurm).apply_components(&plan).await.unwrap() {
            assert!(matches!(item.outcome, Outcome::Applied), "{}: {}", item.target, item.outcome);
        }
        // Sent again only after a read that shows that it was not applied.
        assert_eq!(posts(&sandbox), if fault == Fault::ResetAfter { 4 } else { 5 });
        let methods: Vec<_> = sandbox.requests().into_iter().map(|request| request.method).collect();
        assert_eq!(methods[..2], ["POST", "GET"]);
        // Running the first plan again has the same result.
        assert!(
            provider
                .offering(slurm)
                .apply_components(&plan)
                .await
                .unwrap()
                .items
                .iter()
                .all(|item| item.outcome.is_ok())
        );
        assert!(provider.offering(slurm).plan_components(&wanted()).await.unwrap().is_empty());
        assert_eq!(sandbox.components(slurm), ["cpu", "storage"]);
    }
}

#[tokio::test]
async fn invalid_sets_of_components_are_refused_before_anything_is_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let (slurm, provider) = (sandbox.ids().offerings.slurm, provider(&sandbox));
    let new = |type_: &str, name: &str, unit: &str| {
        ComponentDefinition::new(type_, name, BillingTypeEnum::Usage, unit)
    };
    for wanted in [
        vec![new("a b", "A", "")],
        vec![new("", "A", "")],
        vec![new("a", "", "")],
        vec![new("a", "A", &"h".repeat(31))],
        vec![new("a", "A", ""), new("a", "B", "")],
    ] {
        let error = provider.offering(slurm).plan_components(&wanted).await.unwrap_err();
        assert!(error.is_validation(), "{error}");
    }
    assert_eq!(posts(&sandbox), 0);
}

#[tokio::test]
async fn a_plan_of_another_provider_is_refused() {
    let sandbox = Sandbox::builder().without_resources().start().await.unwrap();
    let slurm = sandbox.ids().offerings.slurm;
    let plan = provider(&sandbox).offering(slurm).plan_components(&wanted()).await.unwrap();
    for item in provider_as(&sandbox, Actor::Outsider).offering(slurm).apply_components(&plan).await.unwrap()
    {
        assert!(matches!(item.outcome, Outcome::Refused { .. }), "{}: {}", item.target, item.outcome);
    }
    // A component that doesn't exist any more counts as removed.
    let mut plan = plan;
    plan.steps = vec![ComponentStep::Remove { uuid: Uuid::from_u128(1), type_: "tpu".to_owned() }];
    let items = provider(&sandbox).offering(slurm).apply_components(&plan).await.unwrap();
    assert!(matches!(items.items[0].outcome, Outcome::Unchanged), "{}", items.items[0].outcome);
}

#[tokio::test]
async fn components_survive_random_faults() {
    for dice in 0..10 {
        let sandbox = Sandbox::builder().without_resources().dice(dice).start().await.unwrap();
        let bad =
            Fault::each().into_iter().filter(|fault| !matches!(fault, Fault::Stalled | Fault::Delay(_)));
        sandbox.misbehave(Misbehaviour::any_of(bad).chance(0.2));
        let client = client(&sandbox);
        let provider = client.with_retry(RetryPolicy::never()).provider();
        let slurm = sandbox.ids().offerings.slurm;
        let mut rounds = 0;
        loop {
            rounds += 1;
            assert!(rounds < 30);
            let Ok(plan) = provider.offering(slurm).plan_components(&wanted()).await else { continue };
            for item in provider.offering(slurm).apply_components(&plan).await.unwrap() {
                // A reported success is true.
                if matches!((&item.target, &item.outcome), (ComponentStep::Create { .. }, Outcome::Applied)) {
                    assert!(sandbox.components(slurm).contains(&"storage".to_owned()), "{item:?}");
                }
            }
            if sandbox.components(slurm) == ["cpu", "storage"] && plan.is_empty() {
                break;
            }
        }
    }
}
