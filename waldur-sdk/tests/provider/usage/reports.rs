//! Reports of a resource, planned and sent.

use std::collections::BTreeMap;

use waldur_sandbox::{Actor, Fault, Misbehaviour, Release, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::usage::UserAmount;
use waldur_sdk::{Decimal, NaiveDate, RetryPolicy};

use crate::common::{client_builder, posts, provider, provider_as, today};
use crate::usage::{amount, there, this_month};

#[tokio::test]
async fn a_report_of_one_month_sends_three_requests() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let report = provider(&sandbox).resource(resource).report_usage().all(amount("99.5")).skip_equal();
    let sent = report.await.unwrap();
    assert_eq!(sandbox.requests().len(), 3);
    let components = sandbox.components(sandbox.ids().offerings.slurm);
    assert_eq!(sent.usages.len(), components.len());
    for component in components {
        assert_eq!(there(&sandbox, resource, sent.month)[&component], amount("99.5"));
    }
    // Again: nothing is left to send.
    sandbox.clear_requests();
    let again =
        provider(&sandbox).resource(resource).report_usage().all(amount("99.50")).skip_equal().await.unwrap();
    assert_eq!((again.usages.len(), again.unchanged.len()), (0, sent.usages.len()));
    assert_eq!((sandbox.requests().len(), posts(&sandbox)), (2, 0));
}

#[tokio::test]
async fn components_that_are_not_named_keep_their_usage() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok_second;
    let provider = provider(&sandbox);
    let before = there(&sandbox, resource, this_month());
    let sent = provider.resource(resource).report_usage().amount("gpu", amount("3.25")).await.unwrap();
    assert_eq!((sent.usages.len(), sandbox.requests().len()), (1, 2));
    let amounts = BTreeMap::from([("gpu", amount("4")), ("ram", amount("20.5"))]);
    provider.resource(resource).report_usage().amounts(amounts).description("nightly").await.unwrap();
    let after = there(&sandbox, resource, sent.month);
    assert_eq!((after["gpu"], after["ram"]), (amount("4"), amount("20.5")));
    assert_eq!(after.get("cpu"), before.get("cpu"));
    assert!(sandbox.usages().iter().any(|usage| usage.description == "nightly"));
    // The same amount, but recurring; after that, nothing is left to send.
    let again =
        || provider.resource(resource).report_usage().amount("gpu", amount("4")).recurring().skip_equal();
    assert_eq!(again().await.unwrap().usages.len(), 1);
    assert_eq!(again().await.unwrap().usages.len(), 0);
    let usages = provider.resource(resource).usage(sent.month).await.unwrap();
    assert!(usages.iter().all(|usage| usage.recurring == (usage.type_ == "gpu")), "{usages:?}");
    let error = provider.resource(resource).report_usage().amount("disk", Decimal::ONE).await.unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("disk"), "{error}");
}

#[tokio::test]
async fn a_function_computes_the_amount_from_the_component() {
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let resource = seed.ids().resources.ok;
            seed.limit(resource, "cpu", 500);
        })
        .start()
        .await
        .unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    let components = provider.resource(resource).components().await.unwrap();
    let cpu = components.iter().find(|component| component.type_ == "cpu").unwrap();
    assert_eq!((cpu.measured_unit.as_str(), cpu.limit), ("hours", Some(amount("500"))));
    assert!(cpu.billing_type.is_some() && !cpu.name.is_empty());
    // Half of the limit, for components that have one.
    let report = provider.resource(resource).report_usage().each(|one| Some(one.limit? / Decimal::TWO));
    let planned = report.dry_run().await.unwrap();
    assert_eq!(posts(&sandbox), 0);
    assert_eq!(report.await.unwrap(), planned);
    assert_eq!((planned.usages.len(), planned.usages[0].amount), (1, amount("250")));
    assert_eq!(there(&sandbox, resource, planned.month)["cpu"], amount("250"));
}

#[tokio::test]
async fn inexact_amounts_are_refused_before_anything_is_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    // A server of 2024 responded to the last one with a 500.
    for wrong in ["0.301", "1000000000000000", "0.30000000000000004", "-1e15", "999999999999999999.99"] {
        let wrong = Decimal::from_scientific(wrong).unwrap_or_else(|_| amount(wrong));
        let error = provider.resource(resource).report_usage().amount("cpu", wrong).await.unwrap_err();
        assert!(error.is_validation() && error.attempts() == 0, "{error}");
        let share = UserAmount { component: "cpu".into(), username: "alice_hpc".into(), amount: wrong };
        let error = provider.resource(resource).report_user_usage(today(), [share]).await.unwrap_err();
        assert!(error.is_validation() && error.attempts() == 0, "{error}");
    }
    assert!(provider.resource(resource).report_usage().await.unwrap_err().is_validation());
    assert!(sandbox.requests().is_empty());
}

#[tokio::test]
async fn an_interrupted_report_is_completed_by_another_run() {
    for requests in 0..3 {
        let sandbox = Sandbox::start().await.unwrap();
        let resource = sandbox.ids().resources.ok;
        let client = client_builder(&sandbox);
        let provider = client.retry(RetryPolicy::never()).build().unwrap().provider();
        let report = || provider.resource(resource).report_usage().all(amount("99.5")).skip_equal();
        sandbox.misbehave(Misbehaviour::new(Fault::ResetAfter).after(requests));
        assert!(report().await.is_err());
        sandbox.clear_faults();
        report().await.unwrap();
        let there = there(&sandbox, resource, this_month());
        assert!(there.len() == 3 && there.values().all(|reported| *reported == amount("99.5")));
    }
}

#[tokio::test]
async fn a_decrease_must_be_allowed() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    let report =
        || provider.resource(resource).report_usage().amount("cpu", amount("5")).amount("ram", amount("7"));
    provider.resource(resource).report_usage().amount("cpu", amount("99.5")).await.unwrap();
    let error = report().await.unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("cpu: 5 is less than the 99.5"), "{error}");
    assert_eq!(there(&sandbox, resource, this_month())["cpu"], amount("99.5"));
    sandbox.clear_requests();
    let sent = report().allow_decrease().await.unwrap();
    assert_eq!(sandbox.requests().len(), 1);
    assert_eq!(there(&sandbox, resource, sent.month)["cpu"], amount("5"));
}

#[tokio::test]
async fn a_past_month_and_a_plan_period_can_be_reported() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    let error =
        provider(&sandbox).resource(resource).report_usage().month(day).amount("cpu", Decimal::ONE).await;
    assert!(error.unwrap_err().is_validation());
    let staff = provider_as(&sandbox, Actor::Staff);
    let sent = staff.resource(resource).report_usage().month(day).amount("cpu", Decimal::ONE).await.unwrap();
    assert_eq!((sent.month, sent.month.to_string().as_str()), (day.into(), "2024-02"));
    assert_eq!(there(&sandbox, resource, sent.month)["cpu"], Decimal::ONE);
    let usages = staff.resource(resource).usage(day).await.unwrap();
    assert_eq!((usages.len(), usages[0].amount, usages[0].month), (1, Decimal::ONE, sent.month));

    let provider = provider(&sandbox);
    let periods = provider.resource(resource).plan_periods().await.unwrap();
    assert_eq!((periods.len(), periods[0].uuid), (1, sandbox.ids().plan_period));
    assert!(periods[0].start.is_some() && periods[0].end.is_none() && !periods[0].plan_name.is_empty());
    let report =
        provider.resource(resource).report_usage().amount("gpu", amount("3.25")).plan_period(periods[0].uuid);
    let sent = report.await.unwrap();
    assert_eq!(there(&sandbox, resource, sent.month)["gpu"], amount("3.25"));
    let usages = provider.resource(resource).plan_periods().await.unwrap()[0].clone().usages;
    assert!(usages.iter().any(|usage| usage.type_ == "gpu" && usage.amount == amount("3.25")));
}

#[tokio::test]
async fn the_largest_amount_is_accepted() {
    let sandbox = Sandbox::builder().release(Release::Late2024).start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let largest = amount("999999999999999.99");
    let sent = provider(&sandbox).resource(resource).report_usage().amount("cpu", largest).await.unwrap();
    assert_eq!(there(&sandbox, resource, sent.month)["cpu"], largest);
}

#[tokio::test]
async fn a_component_named_twice_is_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    let report = || provider.resource(resource).report_usage();
    let (five, seven) = (amount("5"), amount("7"));
    let rows = vec![("gpu".to_owned(), five), ("cpu".to_owned(), five), ("gpu".to_owned(), seven)];
    let twice = [
        report().amount("gpu", five).amount("gpu", seven),
        report().amount("gpu", five).amount("gpu", five),
        report().amount("gpu", five).amount("gpu ", seven),
        report().amounts(rows.clone()),
        report().amounts([("gpu", five)]).amounts([("gpu", seven)]),
        report().all([("cpu", five), ("gpu", five), ("gpu", seven), ("ram", five)]),
        report().all(rows),
        // The first amount is named, too.
        report().amount("gpu", amount("0.001")).amount("gpu", five),
    ];
    for report in twice {
        let error = report.dry_run().await.unwrap_err();
        assert!(error.is_validation() && error.to_string().contains("gpu"), "{error}");
        let error = report.await.unwrap_err();
        assert!(error.is_validation() && error.attempts() == 0, "{error}");
    }
    let nameless = [report().amount("", five), report().amounts([("cpu", five), (" ", seven)])];
    for report in nameless {
        let error = report.await.unwrap_err();
        assert!(error.is_validation() && error.to_string().contains("empty type"), "{error}");
    }
    assert!(sandbox.requests().is_empty());
    // `amount` replaces `all`.
    let planned = report().amount("cpu", five).all(seven).amount("gpu", seven).dry_run().await.unwrap();
    assert_eq!((planned.usages.len(), planned.usages[0].type_.as_str()), (1, "gpu"));
    assert_eq!(posts(&sandbox), 0);
}

#[tokio::test]
async fn a_dry_run_returns_the_error_of_a_report_that_would_be_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = provider(&sandbox);
    let ids = sandbox.ids().resources;
    let unknown =
        provider.resource(ids.ok).report_usage().amount("disk", Decimal::ONE).dry_run().await.unwrap_err();
    assert!(unknown.is_validation() && unknown.to_string().contains("disk"), "{unknown}");
    for (resource, state) in
        [(ids.creating, "Creating"), (ids.erred, "Erred"), (ids.terminated, "Terminated")]
    {
        let reports = || {
            [
                provider.resource(resource).report_usage().amount("cpu", Decimal::ONE),
                provider.resource(resource).report_usage().all(Decimal::ONE),
                provider.resource(resource).report_usage().each(|_| Some(Decimal::ONE)),
            ]
        };
        for report in reports() {
            let error = report.dry_run().await.unwrap_err();
            assert!(error.is_validation() && error.to_string().contains(state), "{error}");
        }
        assert_eq!(posts(&sandbox), 0);
        for report in reports() {
            assert!(report.await.unwrap_err().is_validation());
        }
        sandbox.clear_requests();
    }
    let planned =
        provider.resource(ids.ok).report_usage().amount("cpu", amount("50")).dry_run().await.unwrap();
    assert_eq!((planned.usages.len(), sandbox.requests().len()), (1, 2));
    assert_eq!(posts(&sandbox), 0);
}
