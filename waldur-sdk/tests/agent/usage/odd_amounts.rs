//! Amounts that can't be reported.

use serde_json::{Value, json};
use waldur_sandbox::{Release, ResourceState, Sandbox};
use waldur_sdk::Decimal;
use waldur_sdk::agent::LeftOutReason;

use crate::common::posts;
use crate::usage::{
    Accounting, Line, add, expected, left_out, processor, sandbox_of, this_month, totals, users,
};

#[tokio::test]
async fn an_odd_component_is_named_and_the_rest_is_reported() {
    let odd: &[(Line, &str)] = &[
        (("gpu", "", "-0.5"), "gpu: -0.5 is negative"),
        (("gpu", "", "1000000000000000"), "gpu: 1000000000000000 is too large"),
        (("gpu", "", "79228162514264337593543950335"), "gpu: 79228162514264337593543950335 is too large"),
        (("tpu", "", "4"), "tpu: 4 is of no component of the offering"),
        (("tpu", "alice01", "4"), "tpu: 4 is of no component of the offering"),
        (("", "", "4"), ": 4 is of no component of the offering"),
    ];
    for (line, text) in odd {
        let lines = [("cpu", "", "7200"), *line, ("ram", "bob01", "2")];
        let (sandbox, accounting) = (sandbox_of(Release::Schema, 2).await, Accounting::of(&lines));
        let report = processor(&sandbox, &accounting).run_once().await;
        assert_eq!((report.failed(), left_out(&report)), (2, vec![(*text).to_owned()]), "{report:#?}");
        let item = &report.items[0];
        assert!(item.to_string().ends_with(&format!("failed: left out: {text}")), "{item}");
        let there = totals(&sandbox, item.target.resource_uuid, this_month(&sandbox));
        assert_eq!((there, users(&sandbox).len()), (expected([("cpu", "2"), ("ram", "2")]), 2));
    }
}

#[tokio::test]
async fn odd_users_are_named_and_the_others_are_reported() {
    let long: &'static str = "x".repeat(101).leak();
    let lines = [
        ("cpu", "alice01", "7200"),
        ("cpu", " ", "3600"),
        ("cpu", long, "3600"),
        ("cpu", "bob01", "-3600"),
        ("ram", "carol01", "-1"),
    ];
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 1).await, Accounting::of(&lines));
    let report = processor(&sandbox, &accounting).run_once().await;
    let named = [
        "cpu of \"\": 3600 is of an invalid username".to_owned(),
        "cpu of \"bob01\": -3600 is negative".to_owned(),
        format!("cpu of \"{long}\": 3600 is of an invalid username"),
        // It has no amount but that.
        "ram: -1 is negative".to_owned(),
    ];
    assert_eq!(left_out(&report), named);
    // The component's amount is the sum of what is reported by user.
    let resource = sandbox.resources()[0].uuid;
    assert_eq!(totals(&sandbox, resource, this_month(&sandbox)), expected([("cpu", "2")]));
    assert_eq!(users(&sandbox), [("alice01".to_owned(), Decimal::TWO)]);
}

#[tokio::test]
async fn a_decrease_is_left_out_unless_allowed() {
    let builder = Sandbox::builder().orders(0).without_resources().seed(|seed| {
        let resource = add(seed, "r0", ResourceState::Ok);
        let today = seed.now().date_naive();
        seed.usage(resource, "cpu", today, Decimal::TEN);
        seed.usage(resource, "ram", today, Decimal::TEN);
    });
    let sandbox = builder.start().await.unwrap();
    let accounting = Accounting::of(&[("cpu", "alice01", "7200"), ("ram", "", "11")]);
    let report = processor(&sandbox, &accounting).run_once().await;
    assert_eq!(left_out(&report), ["cpu: 2 is less than the 10 reported before"], "{report:#?}");
    let reason = &report.items[0].target.left_out[0].reason;
    assert_eq!(*reason, LeftOutReason::Decrease { reported: Decimal::TEN });
    let resource = sandbox.resources()[0].uuid;
    let month = this_month(&sandbox);
    assert_eq!(totals(&sandbox, resource, month), expected([("cpu", "10"), ("ram", "11")]));
    assert!(users(&sandbox).is_empty());
    let report = processor(&sandbox, &accounting).allow_decrease().run_once().await;
    assert!(report.is_ok() && report.applied() == 1, "{report:#?}");
    assert_eq!(totals(&sandbox, resource, month), expected([("cpu", "2"), ("ram", "11")]));
    assert_eq!(users(&sandbox).len(), 1);
}

#[tokio::test]
async fn components_that_are_not_billed_by_use_are_left_out() {
    let builder = Sandbox::builder().orders(0).without_resources().seed(|seed| {
        let slurm = seed.ids().offerings.slurm;
        seed.billing_type(slurm, "gpu", "fixed");
        add(seed, "r0", ResourceState::Ok);
    });
    let (sandbox, accounting) =
        (builder.start().await.unwrap(), Accounting::of(&[("gpu", "", "1"), ("ram", "", "2")]));
    let report = processor(&sandbox, &accounting).run_once().await;
    assert_eq!(left_out(&report), ["gpu: 1 is of a component whose usage isn't reported"]);
    assert_eq!((report.items[0].target.reported.len(), posts(&sandbox)), (1, 1));
}

#[tokio::test]
async fn a_factor_of_zero_reports_nothing() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 1).await, Accounting::of(&[("cpu", "", "1")]));
    let report = processor(&sandbox, &accounting).factor("cpu", Decimal::ZERO).run_once().await;
    assert_eq!((left_out(&report), posts(&sandbox)), (vec!["cpu: 1 is too large".to_owned()], 0));
}

/// A reported amount that can't be read may be a larger one.
#[tokio::test]
async fn an_unreadable_reported_amount_is_not_overwritten() {
    for (field, value) in [("usage", json!("many")), ("type", Value::Null), ("resource_uuid", Value::Null)] {
        let (sandbox, accounting) =
            (sandbox_of(Release::Schema, 2).await, Accounting::of(&[("cpu", "", "3600"), ("ram", "", "1")]));
        let processor = processor(&sandbox, &accounting);
        assert_eq!(processor.run_once().await.applied(), 2);
        let usages = sandbox.usages();
        let odd = usages.iter().find(|usage| usage.component == "cpu").unwrap();
        let row = client_row(&sandbox, odd.resource).await;
        sandbox.corrupt("marketplace_component_usages_list", row, field, value);
        accounting.set(&[("cpu", "", "7200"), ("ram", "", "2")]);
        sandbox.clear_requests();
        let report = processor.run_once().await;
        let text = "cpu: 2 can't be compared: the reported usage can't be read";
        assert!(left_out(&report).contains(&text.to_owned()), "{field}: {report:#?}");
        let item = report.items.iter().find(|item| item.target.resource_uuid == odd.resource).unwrap();
        assert!(item.outcome.error().is_some());
        assert_eq!(totals(&sandbox, odd.resource, this_month(&sandbox))["cpu"], Decimal::ONE);
        // The other resource is left out only where the row may belong to it.
        let other = report.items.iter().find(|item| item.target.resource_uuid != odd.resource).unwrap();
        assert_eq!(other.outcome.is_ok(), field != "resource_uuid", "{field}: {report:#?}");
    }
}

/// The uuid of the row of cpu.
async fn client_row(sandbox: &Sandbox, resource: waldur_sdk::Uuid) -> waldur_sdk::Uuid {
    let provider = crate::common::provider(sandbox);
    let rows = provider.resource(resource).usage(this_month(sandbox)).await.unwrap();
    rows.iter().find(|row| row.type_ == "cpu").unwrap().uuid
}
