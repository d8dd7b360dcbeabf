//! Odd rows, lost responses and refusals.

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::usage::UserAmount;
use waldur_sdk::{Decimal, RetryPolicy};

use crate::common::{client_builder, posts, provider, provider_as, quick, today};
use crate::usage::{SET_USAGE, amount, there, this_month};

#[tokio::test]
async fn odd_rows_of_usage_are_not_mistaken_for_no_usage() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    provider.resource(resource).report_usage().all(amount("99.5")).await.unwrap();
    let uuid = |component: &str| {
        let usages = sandbox.usages().into_iter();
        usages
            .filter(|usage| usage.resource == resource)
            .find(|usage| usage.component == component)
            .unwrap()
            .uuid
    };
    let report =
        |component: &str| provider.resource(resource).report_usage().amount(component, amount("100"));
    let collection = "marketplace-component-usages";
    // Fields that a report doesn't need.
    sandbox.corrupt(collection, uuid("cpu"), "billing_period", json!("soon"));
    sandbox.corrupt(collection, uuid("cpu"), "created", json!("2026-11-01T00:00:00"));
    report("cpu").await.unwrap();
    sandbox.clear_corruptions();
    sandbox.corrupt(collection, uuid("cpu"), "usage", json!("1e40"));
    for report in [report("cpu"), report("cpu").skip_equal()] {
        let error = report.dry_run().await.unwrap_err();
        assert!(
            error.is_unexpected_response() && error.to_string().contains(&uuid("cpu").simple().to_string()),
            "{error}"
        );
        assert!(report.await.unwrap_err().is_unexpected_response());
    }
    // Other components, and reports that allow a decrease, are not affected.
    report("gpu").await.unwrap();
    let sent = report("cpu").allow_decrease().skip_equal().await.unwrap();
    assert_eq!((sent.usages.len(), sent.unchanged.len()), (1, 0));
    // A row without a type may be of any component.
    sandbox.clear_corruptions();
    sandbox.corrupt(collection, uuid("cpu"), "type", json!(null));
    assert!(report("ram").await.unwrap_err().is_unexpected_response());
    let share = |component: &str| UserAmount {
        component: component.to_owned(),
        username: "alice_hpc".to_owned(),
        amount: Decimal::ONE,
    };
    let error = provider.resource(resource).report_user_usage(today(), [share("cpu")]).await.unwrap_err();
    assert!(
        error.is_unexpected_response() && error.to_string().contains(&uuid("cpu").simple().to_string()),
        "{error}"
    );
    assert_eq!(there(&sandbox, resource, this_month())["ram"], amount("99.5"));
}

#[tokio::test]
async fn a_lost_report_is_looked_up() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let client = |policy| {
        let client = client_builder(&sandbox).retry(policy);
        client.build().unwrap().provider()
    };
    let (once, patient) = (client(RetryPolicy::never()), client(quick()));
    let report = |text: &str| once.resource(resource).report_usage().amount("gpu", amount(text));
    sandbox.fail_next(1, "POST", SET_USAGE, Fault::ResetAfter);
    assert_eq!(report("1").await.unwrap().usages.len(), 1);
    sandbox.fail_next(1, "POST", SET_USAGE, Fault::ResetBefore);
    let error = report("2").await.unwrap_err();
    assert!(error.to_string().contains("it was not applied: the usage is not recorded"), "{error}");
    // The same amount doesn't show that the report arrived.
    sandbox.fail_next(1, "POST", SET_USAGE, Fault::ResetBefore);
    let error = report("1").description("nightly").await.unwrap_err();
    assert!(error.to_string().contains("not recorded"), "{error}");
    assert_eq!(there(&sandbox, resource, this_month())["gpu"], Decimal::ONE);
    sandbox.fail_next(1, "POST", SET_USAGE, Fault::Status(403));
    assert!(report("2").await.unwrap_err().is_forbidden());
    assert_eq!(posts(&sandbox), 4);
    // A report that isn't recorded is sent again.
    for fault in [Fault::ResetBefore, Fault::Status(502), Fault::Status(500)] {
        sandbox.clear_requests();
        sandbox.fail_next(2, "POST", SET_USAGE, fault);
        let more = there(&sandbox, resource, this_month())["gpu"] + Decimal::ONE;
        patient.resource(resource).report_usage().amount("gpu", more).await.unwrap();
        assert_eq!((there(&sandbox, resource, this_month())["gpu"], posts(&sandbox)), (more, 3));
    }
    // If the usage can't be read, the result is unconfirmed.
    sandbox.misbehave(Misbehaviour::new(Fault::ResetAfter).after(1).times(2));
    let error = report("100").await.unwrap_err();
    assert!(error.is_unconfirmed() && error.to_string().contains("is not known"), "{error}");
}

#[tokio::test]
async fn users_without_the_permission_can_not_report() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    for actor in [Actor::Consumer, Actor::Outsider] {
        let report =
            provider_as(&sandbox, actor).resource(resource).report_usage().amount("cpu", amount("900"));
        let error = report.await.unwrap_err();
        // Servers refuse a date before they check the permission.
        assert!(error.is_refusal() && error.attempts() > 0, "{error}");
        assert!(
            provider_as(&sandbox, actor).resource(resource).report_usage().all(Decimal::ONE).await.is_err()
        );
    }
    let creating = sandbox.ids().resources.creating;
    let error =
        provider(&sandbox).resource(creating).report_usage().amount("cpu", Decimal::ONE).await.unwrap_err();
    assert!(error.is_validation() && error.status() == Some(400), "{error}");
}
