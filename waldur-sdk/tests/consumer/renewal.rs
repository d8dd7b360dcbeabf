//! Renewals of prepaid resources.

use chrono::Months;
use serde_json::json;
use waldur_sandbox::{Actor, Builder, Fault, Misbehaviour, OrderType, Sandbox};
use waldur_sdk::consumer::{ResourceHandle, ResourceOrder};
use waldur_sdk::{Applied, Error, NaiveDate, Uuid};

use super::common::{posts_to, today};
use super::meddling::meddled;
use super::{cluster, consumer_as, finish, messages, ordered};

const END: NaiveDate = NaiveDate::from_ymd_opt(2099, 5, 6).unwrap();

/// Returns a sandbox whose cluster is paid in advance.
fn prepaid() -> Builder {
    cluster().seed(|seed| {
        let slurm = seed.ids().offerings.slurm;
        seed.prepaid(slurm, "cpu");
        seed.billing_type(slurm, "ram", "limit");
    })
}

/// Orders a resource that ends on [`END`], and lets the provider finish it.
async fn prepaid_resource(sandbox: &Sandbox) -> Uuid {
    let ids = sandbox.ids();
    let project = consumer_as(sandbox, Actor::Consumer).project(ids.project);
    let order = project.order(ids.offerings.slurm).name("waves").attribute("grant", "g1").limit("cpu", 4);
    let order = order.end_date(END).await.unwrap();
    finish(sandbox, &order).await;
    order.resource_uuid.unwrap()
}

#[tokio::test]
async fn a_renewal_moves_the_end_date_and_keeps_the_limits() {
    let sandbox = prepaid().start().await.unwrap();
    let uuid = prepaid_resource(&sandbox).await;
    let resource = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
    let order = resource.renew(12).comment("the second year").await.unwrap();
    assert_eq!(sandbox.order(order.order_uuid.unwrap()).unwrap().type_, OrderType::Update);
    let asked = order.order().unwrap().get().await.unwrap();
    assert_eq!(asked.request_comment, "the second year");
    assert_eq!(asked.attributes["extension_months"], json!(12));
    assert_eq!(resource.get().await.unwrap().end_date, Some(END));
    finish(&sandbox, &order).await;
    let renewed = order.wait().await.unwrap();
    assert_eq!(renewed.end_date, NaiveDate::from_ymd_opt(2100, 5, 6));
    assert_eq!(renewed.limits, [("cpu".to_owned(), 4.into())].into());
}

#[tokio::test]
async fn a_renewal_of_a_resource_without_an_end_begins_today() {
    let sandbox = prepaid().start().await.unwrap();
    let uuid = prepaid_resource(&sandbox).await;
    let resource = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
    resource.set_end_date(None).await.unwrap();
    let days = [today(), today().succ_opt().unwrap()];
    let order = resource.renew(60).await.unwrap();
    finish(&sandbox, &order).await;
    let end = order.wait().await.unwrap().end_date.unwrap();
    assert!(days.iter().any(|day| *day + Months::new(60) == end), "{end}");
}

#[tokio::test]
async fn a_renewal_with_other_limits_keeps_those_of_other_components() {
    let sandbox = prepaid().start().await.unwrap();
    let uuid = prepaid_resource(&sandbox).await;
    let resource = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
    finish(&sandbox, &resource.set_limits([("ram", 16)]).await.unwrap()).await;
    let order = resource.renew(12).limits([("cpu", 8)]).await.unwrap();
    finish(&sandbox, &order).await;
    let limits = order.wait().await.unwrap().limits;
    assert_eq!(limits, [("cpu".to_owned(), 8.into()), ("ram".to_owned(), 16.into())].into());
}

#[tokio::test]
async fn a_renewal_whose_response_is_lost_is_found_and_not_repeated() {
    let sandbox = prepaid().start().await.unwrap();
    let uuid = prepaid_resource(&sandbox).await;
    let resource = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
    sandbox.misbehave(Misbehaviour::new(Fault::ResetAfter).operation("marketplace_resources_renew").times(1));
    let order = resource.renew(12).await.unwrap();
    assert_eq!(order.applied, Applied::Now);
    assert_eq!(sandbox.orders().last().map(|order| order.uuid), order.order_uuid);
    assert_eq!(posts_to(&sandbox, "/renew/"), 1);
}

#[tokio::test]
async fn a_change_by_somebody_else_is_not_taken_for_a_lost_renewal() {
    for meanwhile in ["another period", "other limits"] {
        let sandbox = prepaid().start().await.unwrap();
        let uuid = prepaid_resource(&sandbox).await;
        let other = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
        let consumer = meddled(&sandbox, Actor::Consumer, "marketplace_resources_renew", async move {
            match meanwhile {
                "another period" => other.renew(24).await.unwrap(),
                _ => other.set_limits([("cpu", 8)]).await.unwrap(),
            };
        });
        let error = consumer.resource(uuid).renew(12).await.unwrap_err();
        assert!(error.is_unconfirmed(), "{meanwhile}: {error}");
        assert_eq!(sandbox.orders().len(), 2, "{meanwhile}");
    }
}

/// An order by somebody else is taken for the lost one only if it is for the same change: renewals and changes
/// of limits are of one type, and both have limits.
#[tokio::test]
async fn a_lost_renewal_with_limits_is_told_apart_from_orders_of_other_clients() {
    const RENEW: &str = "marketplace_resources_renew";
    const LIMITS: &str = "marketplace_resources_update_limits";
    type Ask = fn(&ResourceHandle) -> ResourceOrder;
    let eight: Ask = |resource| resource.renew(12).limits([("cpu", 8)]);
    let limits: Ask = |resource| resource.set_limits([("cpu", 8)]);
    let plain: Ask = |resource| resource.renew(12);
    let sixteen: Ask = |resource| resource.renew(12).limits([("cpu", 16)]);
    let longer: Ask = |resource| resource.renew(24).limits([("cpu", 8)]);
    for (case, operation, ours, others, is_it) in [
        ("the same renewal", RENEW, eight, eight, true),
        ("another limit", RENEW, eight, sixteen, false),
        ("another period", RENEW, eight, longer, false),
        ("without limits", RENEW, eight, plain, false),
        ("only the limits", RENEW, eight, limits, false),
        ("a renewal for a change of limits", LIMITS, limits, eight, false),
        ("the same renewal without limits", RENEW, plain, plain, true),
        ("limits for a renewal without", RENEW, plain, eight, false),
    ] {
        let sandbox = prepaid().start().await.unwrap();
        let uuid = prepaid_resource(&sandbox).await;
        let other = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
        let consumer = meddled(&sandbox, Actor::Consumer, operation, async move {
            others(&other).await.unwrap();
        });
        match ours(&consumer.resource(uuid)).await {
            Ok(order) => {
                assert!(is_it, "{case}");
                assert_eq!(sandbox.orders().last().map(|order| order.uuid), order.order_uuid, "{case}");
            }
            Err(error) => assert!(!is_it && error.is_unconfirmed(), "{case}: {error}"),
        }
        assert_eq!(sandbox.orders().len(), 2, "{case}");
    }
}

#[tokio::test]
async fn what_cannot_be_renewed_is_refused_with_its_field() {
    let sandbox = prepaid().start().await.unwrap();
    let uuid = prepaid_resource(&sandbox).await;
    let resource = consumer_as(&sandbox, Actor::Consumer).resource(uuid);
    for months in [0, 11, 61] {
        let error = resource.renew(months).await.unwrap_err();
        assert!(error.is_validation(), "{error}");
        assert_eq!(error.messages().about("extension_months").count(), 1, "{error}");
    }
    // The bounds are the server's: older ones have others.
    assert_eq!(sandbox.take_violations().len(), 3);
    let error = resource.renew(12).limits([("cpu", 65), ("tpu", 1)]).await.unwrap_err();
    assert_eq!(
        messages(&error),
        [
            "limits.cpu: 65 is more than the maximum 64",
            "limits.tpu: the offering has no such component; limits can be set of: cpu, ram",
        ]
    );
    let error = resource.renew(12).limits([("tpu", 1)]).unchecked().await.unwrap_err();
    assert_eq!(error.messages().about("limits").count(), 1, "{error}");
    assert!(consumer_as(&sandbox, Actor::Bob).resource(uuid).renew(12).await.unwrap_err().is_forbidden());
    let outsider = consumer_as(&sandbox, Actor::Outsider);
    assert!(outsider.resource(uuid).renew(12).await.unwrap_err().is_not_found());
    resource.renew(12).await.unwrap();
    assert!(resource.renew(12).await.unwrap_err().is_conflict(), "one order at a time");
    let usual = cluster().start().await.unwrap();
    let uuid = ordered(&usual, "waves").await;
    let error: Error = consumer_as(&usual, Actor::Consumer).resource(uuid).renew(12).await.unwrap_err();
    assert!(error.is_validation() && error.status() == Some(400), "{error}");
}
