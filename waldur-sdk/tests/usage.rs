//! Usage on the sandbox: reported, planned, refused, read back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour, Release, Sandbox};
use waldur_sdk::{Client, Decimal, NaiveDate, Outcome, Provider, RetryPolicy, UserAmount, Utc, Uuid};

const SET_USAGE: &str = "/set_usage/";

fn as_actor(sandbox: &Sandbox, actor: Actor) -> Provider {
    Client::builder().url(sandbox.url()).token(sandbox.token(actor)).build().unwrap().provider()
}

fn provider(sandbox: &Sandbox) -> Provider {
    as_actor(sandbox, Actor::Provider)
}

fn posts(sandbox: &Sandbox) -> usize {
    sandbox.requests().iter().filter(|request| request.method == "POST").count()
}

fn amount(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Retries without long pauses.
fn quick() -> RetryPolicy {
    RetryPolicy::default().pauses(Duration::from_millis(1), Duration::from_millis(5))
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

fn this_month() -> NaiveDate {
    today().format("%Y-%m-01").to_string().parse().unwrap()
}

/// What the sandbox has of a resource in a month, by component.
fn there(sandbox: &Sandbox, resource: Uuid, month: NaiveDate) -> BTreeMap<String, Decimal> {
    let usages = sandbox.usages().into_iter();
    usages
        .filter(|usage| usage.resource == resource && usage.period == month)
        .map(|usage| (usage.component, usage.amount))
        .collect()
}

#[tokio::test]
async fn a_month_of_a_resource_takes_three_requests() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let report = provider(&sandbox).report_usage(resource).all(amount("99.5")).skip_equal();
    let sent = report.await.unwrap();
    assert_eq!(sandbox.requests().len(), 3);
    let components = sandbox.components(sandbox.ids().offerings.slurm);
    assert_eq!(sent.usages.len(), components.len());
    for component in components {
        assert_eq!(there(&sandbox, resource, sent.month)[&component], amount("99.5"));
    }
    // Once more: nothing is left to send.
    sandbox.clear_requests();
    let again = provider(&sandbox).report_usage(resource).all(amount("99.50")).skip_equal().await.unwrap();
    assert_eq!((again.usages.len(), again.unchanged.len()), (0, sent.usages.len()));
    assert_eq!((sandbox.requests().len(), posts(&sandbox)), (2, 0));
}

#[tokio::test]
async fn one_component_or_some_leave_the_others_alone() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok_second;
    let provider = provider(&sandbox);
    let before = there(&sandbox, resource, this_month());
    let sent = provider.report_usage(resource).component("gpu", amount("3.25")).await.unwrap();
    assert_eq!((sent.usages.len(), sandbox.requests().len()), (1, 2));
    let amounts = BTreeMap::from([("gpu", amount("4")), ("ram", amount("20.5"))]);
    provider.report_usage(resource).components(amounts).description("nightly").await.unwrap();
    let after = there(&sandbox, resource, sent.month);
    assert_eq!((after["gpu"], after["ram"]), (amount("4"), amount("20.5")));
    assert_eq!(after.get("cpu"), before.get("cpu"));
    assert!(sandbox.usages().iter().any(|usage| usage.description == "nightly"));
    // The same amount, but for the months to come too; then nothing is left to say.
    let again = || provider.report_usage(resource).component("gpu", amount("4")).recurring().skip_equal();
    assert_eq!(again().await.unwrap().usages.len(), 1);
    assert_eq!(again().await.unwrap().usages.len(), 0);
    let usages = provider.usages(resource, sent.month).await.unwrap();
    assert!(usages.iter().all(|usage| usage.recurring == (usage.type_ == "gpu")), "{usages:?}");
    let error = provider.report_usage(resource).component("disk", Decimal::ONE).await.unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("disk"), "{error}");
}

#[tokio::test]
async fn a_closure_sees_the_component() {
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
    let components = provider.components(resource).await.unwrap();
    let cpu = components.iter().find(|component| component.type_ == "cpu").unwrap();
    assert_eq!((cpu.measured_unit.as_str(), cpu.limit), ("hours", Some(amount("500"))));
    assert!(cpu.billing_type.is_some() && !cpu.name.is_empty());
    // Half of what may be used, of what has a limit.
    let report = provider.report_usage(resource).every(|one| Some(one.limit? / Decimal::TWO));
    let planned = report.dry_run().await.unwrap();
    assert_eq!(posts(&sandbox), 0);
    assert_eq!(report.await.unwrap(), planned);
    assert_eq!((planned.usages.len(), planned.usages[0].amount), (1, amount("250")));
    assert_eq!(there(&sandbox, resource, planned.month)["cpu"], amount("250"));
}

#[tokio::test]
async fn amounts_that_are_not_exact_are_not_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    // The last is what a server of 2024 answered with a 500.
    for wrong in ["0.301", "1000000000000000", "0.30000000000000004", "-1e15", "999999999999999999.99"] {
        let wrong = Decimal::from_scientific(wrong).unwrap_or_else(|_| amount(wrong));
        let error = provider.report_usage(resource).component("cpu", wrong).await.unwrap_err();
        assert!(error.is_validation() && error.attempts() == 0, "{error}");
        let share = UserAmount { component: "cpu".into(), username: "alice_hpc".into(), amount: wrong };
        let error = provider.report_user_usages(resource, today(), [share]).await.unwrap_err();
        assert!(error.is_validation() && error.attempts() == 0, "{error}");
    }
    assert!(provider.report_usage(resource).await.unwrap_err().is_validation());
    assert!(sandbox.requests().is_empty());
}

#[tokio::test]
async fn a_report_that_was_interrupted_is_made_again() {
    for requests in 0..3 {
        let sandbox = Sandbox::start().await.unwrap();
        let resource = sandbox.ids().resources.ok;
        let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider));
        let provider = client.retry(RetryPolicy::never()).build().unwrap().provider();
        let report = || provider.report_usage(resource).all(amount("99.5")).skip_equal();
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
        || provider.report_usage(resource).component("cpu", amount("5")).component("ram", amount("7"));
    provider.report_usage(resource).component("cpu", amount("99.5")).await.unwrap();
    let error = report().await.unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("cpu: 5 is less than the 99.5"), "{error}");
    assert_eq!(there(&sandbox, resource, this_month())["cpu"], amount("99.5"));
    sandbox.clear_requests();
    let sent = report().allow_decrease().await.unwrap();
    assert_eq!(sandbox.requests().len(), 1);
    assert_eq!(there(&sandbox, resource, sent.month)["cpu"], amount("5"));
}

#[tokio::test]
async fn a_past_month_and_a_plan_period_can_be_named() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    let error = provider(&sandbox).report_usage(resource).month(day).component("cpu", Decimal::ONE).await;
    assert!(error.unwrap_err().is_validation());
    let staff = as_actor(&sandbox, Actor::Staff);
    let sent = staff.report_usage(resource).month(day).component("cpu", Decimal::ONE).await.unwrap();
    assert_eq!(sent.month, NaiveDate::from_ymd_opt(2024, 2, 1).unwrap());
    assert_eq!(there(&sandbox, resource, sent.month)["cpu"], Decimal::ONE);
    let usages = staff.usages(resource, day).await.unwrap();
    assert_eq!((usages.len(), usages[0].amount, usages[0].billing_period), (1, Decimal::ONE, sent.month));

    let provider = provider(&sandbox);
    let periods = provider.plan_periods(resource).await.unwrap();
    assert_eq!((periods.len(), periods[0].uuid), (1, sandbox.ids().plan_period));
    assert!(periods[0].start.is_some() && periods[0].end.is_none() && !periods[0].plan_name.is_empty());
    let report =
        provider.report_usage(resource).component("gpu", amount("3.25")).plan_period(periods[0].uuid);
    let sent = report.await.unwrap();
    assert_eq!(there(&sandbox, resource, sent.month)["gpu"], amount("3.25"));
    let usages = provider.plan_periods(resource).await.unwrap()[0].clone().usages;
    assert!(usages.iter().any(|usage| usage.type_ == "gpu" && usage.amount == amount("3.25")));
}

#[tokio::test]
async fn the_largest_amount_is_taken() {
    let sandbox = Sandbox::builder().release(Release::Late2024).start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let largest = amount("999999999999999.99");
    let sent = provider(&sandbox).report_usage(resource).component("cpu", largest).await.unwrap();
    assert_eq!(there(&sandbox, resource, sent.month)["cpu"], largest);
}

#[tokio::test]
async fn a_component_is_named_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    let report = || provider.report_usage(resource);
    let (five, seven) = (amount("5"), amount("7"));
    let rows = vec![("gpu".to_owned(), five), ("cpu".to_owned(), five), ("gpu".to_owned(), seven)];
    let twice = [
        report().component("gpu", five).component("gpu", seven),
        report().component("gpu", five).component("gpu", five),
        report().component("gpu", five).component("gpu ", seven),
        report().components(rows.clone()),
        report().components([("gpu", five)]).components([("gpu", seven)]),
        report().all([("cpu", five), ("gpu", five), ("gpu", seven), ("ram", five)]),
        report().all(rows),
        // The first is there, too.
        report().component("gpu", amount("0.001")).component("gpu", five),
    ];
    for report in twice {
        let error = report.dry_run().await.unwrap_err();
        assert!(error.is_validation() && error.to_string().contains("gpu"), "{error}");
        let error = report.await.unwrap_err();
        assert!(error.is_validation() && error.attempts() == 0, "{error}");
    }
    let nameless = [report().component("", five), report().components([("cpu", five), (" ", seven)])];
    for report in nameless {
        let error = report.await.unwrap_err();
        assert!(error.is_validation() && error.to_string().contains("empty type"), "{error}");
    }
    assert!(sandbox.requests().is_empty());
    // What `all` said is forgotten.
    let planned = report().component("cpu", five).all(seven).component("gpu", seven).dry_run().await.unwrap();
    assert_eq!((planned.usages.len(), planned.usages[0].type_.as_str()), (1, "gpu"));
    assert_eq!(posts(&sandbox), 0);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = provider(&sandbox);
    let ids = sandbox.ids().resources;
    let unknown = provider.report_usage(ids.ok).component("disk", Decimal::ONE).dry_run().await.unwrap_err();
    assert!(unknown.is_validation() && unknown.to_string().contains("disk"), "{unknown}");
    for (resource, state) in
        [(ids.creating, "Creating"), (ids.erred, "Erred"), (ids.terminated, "Terminated")]
    {
        let reports = || {
            [
                provider.report_usage(resource).component("cpu", Decimal::ONE),
                provider.report_usage(resource).all(Decimal::ONE),
                provider.report_usage(resource).every(|_| Some(Decimal::ONE)),
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
    let planned = provider.report_usage(ids.ok).component("cpu", amount("50")).dry_run().await.unwrap();
    assert_eq!((planned.usages.len(), sandbox.requests().len()), (1, 2));
    assert_eq!(posts(&sandbox), 0);
}

#[tokio::test]
async fn odd_rows_of_usage_are_not_taken_for_none() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    provider.report_usage(resource).all(amount("99.5")).await.unwrap();
    let uuid = |component: &str| {
        let usages = sandbox.usages().into_iter();
        usages
            .filter(|usage| usage.resource == resource)
            .find(|usage| usage.component == component)
            .unwrap()
            .uuid
    };
    let report = |component: &str| provider.report_usage(resource).component(component, amount("100"));
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
            error.is_decode() && error.to_string().contains(&uuid("cpu").simple().to_string()),
            "{error}"
        );
        assert!(report.await.unwrap_err().is_decode());
    }
    // Neither other components nor what may be less is in the way.
    report("gpu").await.unwrap();
    let sent = report("cpu").allow_decrease().skip_equal().await.unwrap();
    assert_eq!((sent.usages.len(), sent.unchanged.len()), (1, 0));
    // It may be of any component.
    sandbox.clear_corruptions();
    sandbox.corrupt(collection, uuid("cpu"), "type", json!(null));
    assert!(report("ram").await.unwrap_err().is_decode());
    let share = |component: &str| UserAmount {
        component: component.to_owned(),
        username: "alice_hpc".to_owned(),
        amount: Decimal::ONE,
    };
    let error = provider.report_user_usages(resource, today(), [share("cpu")]).await.unwrap_err();
    assert!(error.is_decode() && error.to_string().contains(&uuid("cpu").simple().to_string()), "{error}");
    assert_eq!(there(&sandbox, resource, this_month())["ram"], amount("99.5"));
}

#[tokio::test]
async fn a_lost_report_is_looked_up() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let client = |policy| {
        let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).retry(policy);
        client.build().unwrap().provider()
    };
    let (once, patient) = (client(RetryPolicy::never()), client(quick()));
    let report = |text: &str| once.report_usage(resource).component("gpu", amount(text));
    sandbox.fail_next(1, "POST", SET_USAGE, Fault::ResetAfter);
    assert_eq!(report("1").await.unwrap().usages.len(), 1);
    sandbox.fail_next(1, "POST", SET_USAGE, Fault::ResetBefore);
    let error = report("2").await.unwrap_err();
    assert!(error.to_string().contains("it was not applied: the usage is not recorded"), "{error}");
    // That it is the same amount doesn't show that it arrived.
    sandbox.fail_next(1, "POST", SET_USAGE, Fault::ResetBefore);
    let error = report("1").description("nightly").await.unwrap_err();
    assert!(error.to_string().contains("not recorded"), "{error}");
    assert_eq!(there(&sandbox, resource, this_month())["gpu"], Decimal::ONE);
    sandbox.fail_next(1, "POST", SET_USAGE, Fault::Status(403));
    assert!(report("2").await.unwrap_err().is_forbidden());
    assert_eq!(posts(&sandbox), 4);
    // What isn't recorded is sent again.
    for fault in [Fault::ResetBefore, Fault::Status(502), Fault::Status(500)] {
        sandbox.clear_requests();
        sandbox.fail_next(2, "POST", SET_USAGE, fault);
        let more = there(&sandbox, resource, this_month())["gpu"] + Decimal::ONE;
        patient.report_usage(resource).component("gpu", more).await.unwrap();
        assert_eq!((there(&sandbox, resource, this_month())["gpu"], posts(&sandbox)), (more, 3));
    }
    // What can't be looked at isn't known.
    sandbox.misbehave(Misbehaviour::new(Fault::ResetAfter).after(1).times(2));
    let error = report("100").await.unwrap_err();
    assert!(error.is_unconfirmed() && error.to_string().contains("is not known"), "{error}");
}

#[tokio::test]
async fn others_may_not_report() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    for actor in [Actor::Consumer, Actor::Outsider] {
        let report = as_actor(&sandbox, actor).report_usage(resource).component("cpu", amount("900"));
        let error = report.await.unwrap_err();
        // A date is refused before the right to report is looked at.
        assert!(error.is_refusal() && error.attempts() > 0, "{error}");
        assert!(as_actor(&sandbox, actor).report_usage(resource).all(Decimal::ONE).await.is_err());
    }
    let creating = sandbox.ids().resources.creating;
    let error = provider(&sandbox).report_usage(creating).component("cpu", Decimal::ONE).await.unwrap_err();
    assert!(error.is_validation() && error.status() == Some(400), "{error}");
}

#[tokio::test]
async fn a_server_that_hides_the_components_is_asked_for_the_offering() {
    let sandbox = Sandbox::builder().release(Release::Late2024).start().await.unwrap();
    let hidden = Fault::MissingFields(vec!["offering_components".to_owned()]);
    sandbox.misbehave(Misbehaviour::new(hidden).operation("marketplace_provider_resources_retrieve"));
    let resource = sandbox.ids().resources.ok;
    let sent = provider(&sandbox).report_usage(resource).all(amount("99.5")).await.unwrap();
    assert_eq!(sent.usages.len(), sandbox.components(sandbox.ids().offerings.slurm).len());
    assert_eq!(sandbox.requests().len(), 4);
    // Without looking what is there:
    sandbox.clear_requests();
    provider(&sandbox).set_usage_for_all_components(resource, amount("99.5")).await.unwrap();
    assert_eq!(sandbox.requests().len(), 3);
}

#[tokio::test]
async fn usage_is_reported_to_every_release() {
    for release in Release::ALL {
        let sandbox = Sandbox::builder().release(release).start().await.unwrap();
        let resource = sandbox.ids().resources.ok;
        let provider = provider(&sandbox);
        let report =
            || provider.report_usage(resource).all(amount("99.5")).description("nightly").skip_equal();
        let planned = report().dry_run().await.unwrap();
        assert_eq!((planned.usages.len(), posts(&sandbox)), (3, 0));
        assert_eq!(report().await.unwrap(), planned);
        assert!(report().await.unwrap().usages.is_empty());
        let shares = ["alice_hpc", "bob_hpc"].map(|username| UserAmount {
            component: "cpu".to_owned(),
            username: username.to_owned(),
            amount: amount("49.75"),
        });
        let items = provider.report_user_usages(resource, today(), shares.clone()).await.unwrap();
        assert!(matches!(items[0].outcome, Outcome::Done), "{release:?}: {items:?}");
        let items = provider.report_user_usages(resource, today(), shares).await.unwrap();
        assert!(matches!(items[0].outcome, Outcome::AlreadySo), "{release:?}: {items:?}");
        assert_eq!(provider.user_usages(resource, today()).await.unwrap().len(), 2);
        assert_eq!(there(&sandbox, resource, planned.month)["cpu"], amount("99.5"));
    }
}

#[tokio::test]
async fn what_is_not_measured_is_left_out() {
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let slurm = seed.ids().offerings.slurm;
            seed.billing_type(slurm, "gpu", "fixed");
        })
        .start()
        .await
        .unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    let sent = provider.set_usage_for_all_components(resource, amount("2")).await.unwrap();
    assert_eq!(sent.usages.iter().map(|usage| usage.type_.as_str()).collect::<Vec<_>>(), ["cpu", "ram"]);
    let error = provider.report_usage(resource).component("gpu", amount("2")).await.unwrap_err();
    assert!(error.is_validation() && error.status() == Some(400), "{error}");
}

#[tokio::test]
async fn users_are_reported_in_bulk() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    let share = |component: &str, username: &str, text: &str| UserAmount {
        component: component.to_owned(),
        username: username.to_owned(),
        amount: amount(text),
    };
    let sent = provider.report_usage(resource).all(amount("99.5")).await.unwrap();
    let shares = [
        share("cpu", "alice_hpc", "60.25"),
        share("cpu", "bob_hpc", "39.25"),
        share("gpu", "alice_hpc", "99.5"),
    ];
    sandbox.clear_requests();
    let items = provider.report_user_usages(resource, today(), shares.clone()).await.unwrap();
    assert_eq!(sandbox.requests().len(), 4);
    assert!(items.len() == 2 && items.iter().all(|item| matches!(item.outcome, Outcome::Done)), "{items:?}");
    let usages = provider.user_usages(resource, sent.month).await.unwrap();
    for wanted in &shares {
        let found =
            usages.iter().find(|one| one.type_ == wanted.component && one.username == wanted.username);
        assert_eq!(found.unwrap().amount, wanted.amount);
        // It says of which usage it is a share.
        let whole = provider.usages(resource, sent.month).await.unwrap();
        let whole = whole.iter().find(|one| one.type_ == wanted.component).unwrap();
        assert_eq!((found.unwrap().usage_uuid, whole.created.is_some()), (Some(whole.uuid), true));
    }
    // Again: nothing is left to send. And what changes, with answers that are lost.
    sandbox.clear_requests();
    let items = provider.report_user_usages(resource, today(), shares.clone()).await.unwrap();
    assert!(items.iter().all(|item| matches!(item.outcome, Outcome::AlreadySo)), "{items:?}");
    assert_eq!(posts(&sandbox), 0);
    let shares = shares.map(|share| UserAmount { amount: share.amount - Decimal::ONE, ..share });
    sandbox.fail_next(2, "POST", "/set_user_usages/", Fault::ResetAfter);
    let items = provider.report_user_usages(resource, today(), shares).await.unwrap();
    assert!(items.iter().all(|item| matches!(item.outcome, Outcome::Done)), "{items:?}");
    assert_eq!(posts(&sandbox), 2);
    // What isn't recorded is sent again, or said.
    sandbox.fail_next(2, "POST", "/set_user_usages/", Fault::ResetBefore);
    let one = [share("cpu", "alice_hpc", "62")];
    let patient = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).retry(quick());
    let patient = patient.build().unwrap().provider();
    let items = patient.report_user_usages(resource, today(), one).await.unwrap();
    assert!(matches!(items[0].outcome, Outcome::Done) && posts(&sandbox) == 5, "{items:?}");
    sandbox.fail_next(9, "POST", "/set_user_usages/", Fault::ResetBefore);
    let one = [share("cpu", "alice_hpc", "63")];
    let items = patient.report_user_usages(resource, today(), one).await.unwrap();
    assert!(items[0].outcome.to_string().contains("it was not applied"), "{items:?}");
    sandbox.clear_faults();

    // One by one, where a server has it only so.
    sandbox.misbehave(Misbehaviour::new(Fault::NoSuchOperation).path_end("/set_user_usages/"));
    let two = [share("cpu", "alice_hpc", "61"), share("cpu", "bob_hpc", "30")];
    let items = provider.report_user_usages(resource, today(), two).await.unwrap();
    assert!(matches!(items[0].outcome, Outcome::Done), "{items:?}");
    let usages = provider.user_usages(resource, sent.month).await.unwrap();
    assert!(usages.iter().any(|one| one.type_ == "cpu" && one.amount == amount("30")), "{usages:?}");

    let wrong = [
        share("cpu", "", "1"),
        share("cpu", " ", "1"),
        share("", "alice_hpc", "1"),
        share("cpu", "alice_hpc", "0.001"),
    ];
    sandbox.clear_requests();
    for wrong in wrong {
        assert!(provider.report_user_usages(resource, today(), [wrong]).await.unwrap_err().is_validation());
    }
    assert!(sandbox.requests().is_empty());
    let other = sandbox.ids().resources.ok_second;
    let none = provider.report_user_usages(other, today(), [share("gpu", "alice_hpc", "1")]).await;
    assert!(none.unwrap_err().to_string().contains("no usage is reported"));
}
