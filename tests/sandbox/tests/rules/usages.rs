//! Reporting usage.

use serde_json::{Value, json};
use waldur_sandbox::{Actor, ResourceState, Sandbox};

use crate::client::{Answer, get, hex, meant, post};

const SET: &str = "marketplace-component-usages/set_usage/";

async fn report(sandbox: &Sandbox, usages: Value) -> Answer {
    let body = json!({"plan_period": hex(sandbox.ids().plan_period), "usages": usages});
    post(sandbox, Actor::Provider, SET, body).await
}

fn amount(sandbox: &Sandbox, component: &str) -> String {
    let resource = sandbox.ids().resources.ok;
    let usages = sandbox.usages();
    usages
        .iter()
        .find(|usage| usage.resource == resource && usage.component == component)
        .unwrap()
        .amount
        .to_string()
}

#[tokio::test]
async fn usage_is_reported_by_plan_period_or_resource() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let done = report(
        &sandbox,
        json!([{"type": "cpu", "amount": 10, "description": "d"}, {"type": "ram", "amount": 20.5}, {"type": "gpu", "amount": "3.25"}]),
    )
    .await;
    assert_eq!((done.status, done.text.as_str()), (201, ""));
    let list = format!("marketplace-component-usages/?resource_uuid={}", hex(resource));
    let rows = get(&sandbox, Actor::Provider, &list).await.items();
    let seen: Vec<_> = rows.iter().map(|row| (row["type"].clone(), row["usage"].clone())).collect();
    assert_eq!(
        seen,
        [(json!("cpu"), json!("10.00")), (json!("gpu"), json!("3.25")), (json!("ram"), json!("20.50"))]
    );
    assert_eq!(rows[0]["uuid"], hex(sandbox.ids().usage));
    assert_eq!((&rows[0]["description"], &rows[0]["modified_by"]), (&json!("d"), &json!(2)));
    for target in [resource.simple().to_string(), resource.hyphenated().to_string()] {
        let body = json!({"resource": target, "usages": [{"type": "cpu", "amount": 11}]});
        assert_eq!(post(&sandbox, Actor::Provider, SET, body).await.status, 201);
    }
    assert_eq!(sandbox.usages().len(), 3);
    let one = format!("marketplace-provider-resources/{}/?field=current_usages", hex(resource));
    assert_eq!(
        get(&sandbox, Actor::Provider, &one).await.json(),
        json!({"current_usages": {"cpu": "11.00", "gpu": "3.25", "ram": "20.50"}})
    );
    let periods = format!("marketplace-provider-resources/{}/plan_periods/", hex(resource));
    let periods = get(&sandbox, Actor::Provider, &periods).await.items();
    assert_eq!(periods[0]["uuid"], hex(sandbox.ids().plan_period));
    assert_eq!(periods[0]["components"].as_array().unwrap().len(), 3);
    meant(&sandbox, ["$.usages[0].amount", "$.usages[1].amount"]);
}

#[tokio::test]
async fn valid_amounts_are_accepted() {
    let sandbox = Sandbox::start().await.unwrap();
    for (given, kept) in [
        (json!(-5), "-5"),
        (json!("7.5"), "7.5"),
        (json!(100.0), "100.0"),
        (json!("1e2"), "100"),
        (json!("999999999999999999.99"), "999999999999999999.99"),
    ] {
        assert_eq!(report(&sandbox, json!([{"type": "cpu", "amount": given}])).await.status, 201);
        assert_eq!(amount(&sandbox, "cpu"), kept);
    }
    let twice = json!([{"type": "cpu", "amount": 1}, {"type": "cpu", "amount": 2}]);
    assert_eq!(report(&sandbox, twice).await.status, 201);
    assert_eq!(amount(&sandbox, "cpu"), "2");
    assert_eq!(report(&sandbox, json!([])).await.status, 201);
    meant(&sandbox, ["$.usages[0].amount", "$.usages[1].amount"]);
}

#[tokio::test]
async fn invalid_amounts_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let decimals = "Ensure that there are no more than 2 decimal places.";
    for (given, message) in [
        (json!(1.234), decimals),
        (json!("1.234"), decimals),
        (json!(0.1 + 0.2), decimals),
        (json!("123456789012345678901.00"), "Ensure that there are no more than 20 digits in total."),
        (
            json!("1234567890123456789"),
            "Ensure that there are no more than 18 digits before the decimal point.",
        ),
        (json!("x"), "A valid number is required."),
        (json!("--5"), "A valid number is required."),
        (json!("NaN"), "A valid number is required."),
        (json!(true), "A valid number is required."),
        (json!(null), "This field may not be null."),
    ] {
        let usages = json!([{"type": "ram", "amount": 1}, {"type": "cpu", "amount": given}]);
        let refused = report(&sandbox, usages).await;
        assert_eq!(
            (refused.status, refused.json()),
            (400, json!({"usages": [{}, {"amount": [message]}]})),
            "{given}"
        );
    }
    assert_eq!(amount(&sandbox, "cpu"), "7.25");
    assert_eq!(sandbox.usages().len(), 1, "nothing of a refused report is kept");
    meant(&sandbox, ["$.usages[0].amount", "$.usages[1].amount"]);
}

#[tokio::test]
async fn invalid_reports_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let usages = json!([{"type": "cpu", "amount": 1}]);
    let period = hex(ids.plan_period);
    let nil = "00000000000000000000000000000001";
    for (body, errors) in [
        (
            json!({"usages": usages}),
            json!({"non_field_errors": ["Either plan_period or resource should be provided."]}),
        ),
        (
            json!({"plan_period": nil, "usages": usages}),
            json!({"plan_period": [format!("Object with uuid={nil} does not exist.")]}),
        ),
        (
            json!({"plan_period": "nope", "usages": usages}),
            json!({"plan_period": ["Object with uuid=nope does not exist."]}),
        ),
        (
            json!({"resource": "nope", "usages": usages}),
            json!({"resource": ["Object with uuid=nope does not exist."]}),
        ),
        (
            json!({"resource": hex(ids.resources.terminated), "usages": usages}),
            json!({"resource": ["Resource is not in valid state."]}),
        ),
        (
            json!({"resource": hex(ids.resources.creating), "usages": usages}),
            json!({"resource": ["Resource is not in valid state."]}),
        ),
        (
            json!({"plan_period": period, "usages": [{"type": "disk", "amount": 1}, {"type": "cpu", "amount": 1}, {"type": "abc", "amount": 1}]}),
            json!({"non_field_errors": ["These components are invalid: abc, disk."]}),
        ),
        (
            json!({"plan_period": period, "usages": [{"type": "cpu", "amount": 1, "description": null}]}),
            json!({"usages": [{"description": ["This field may not be null."]}]}),
        ),
        (
            json!({"plan_period": period, "usages": [{}]}),
            json!({"usages": [{"type": ["This field is required."], "amount": ["This field is required."]}]}),
        ),
        (json!({"plan_period": period}), json!({"usages": ["This field is required."]})),
    ] {
        let refused = post(&sandbox, Actor::Provider, SET, body).await;
        assert_eq!((refused.status, refused.json()), (400, errors));
    }
    let body = json!({"plan_period": period, "usages": usages});
    for actor in [Actor::Outsider, Actor::Consumer, Actor::Alice] {
        assert_eq!(post(&sandbox, actor, SET, body.clone()).await.status, 403);
    }
    meant(
        &sandbox,
        [
            "$.plan_period",
            "$.resource",
            "$.usages",
            "$.usages[0].amount",
            "$.usages[0].description",
            "$.usages[0].type",
            "$.usages[1].amount",
            "$.usages[2].amount",
        ],
    );
}

#[tokio::test]
async fn usages_are_filtered_by_month() {
    let sandbox = Sandbox::start().await.unwrap();
    let body = json!({
        "plan_period": hex(sandbox.ids().plan_period),
        "usages": [{"type": "cpu", "amount": "1.5"}],
        "date": "2020-02-15T10:00:00Z",
    });
    let refused = post(&sandbox, Actor::Provider, SET, body.clone()).await;
    assert_eq!(refused.status, 400);
    assert!(refused.json()["date"].is_array());
    assert_eq!(post(&sandbox, Actor::Staff, SET, body).await.status, 201);
    let past = sandbox.usages().pop().unwrap();
    assert_eq!((past.period.to_string().as_str(), past.amount.to_string().as_str()), ("2020-02-01", "1.5"));
    assert_eq!(amount(&sandbox, "cpu"), "7.25");
    let list = "marketplace-component-usages/?billing_period=2020-02-01";
    assert_eq!(get(&sandbox, Actor::Provider, list).await.count(), 1);
    let list = "marketplace-component-usages/?billing_period_year=2020&billing_period_month=2";
    assert_eq!(get(&sandbox, Actor::Consumer, list).await.count(), 1);
    assert_eq!(get(&sandbox, Actor::Outsider, list).await.count(), 0);
}

#[tokio::test]
async fn usage_is_refused_by_resource_state() {
    use ResourceState::{Creating, Erred, Ok, Terminated, Terminating, Updating};
    for (state, status) in
        [(Ok, 201), (Updating, 201), (Terminating, 201), (Creating, 400), (Erred, 400), (Terminated, 400)]
    {
        let sandbox = Sandbox::builder()
            .without_resources()
            .seed(move |seed| {
                let ids = *seed.ids();
                seed.resource(ids.offerings.slurm, ids.project, "r", state);
            })
            .start()
            .await
            .unwrap();
        let body = json!({
            "resource": hex(sandbox.resources()[0].uuid), "usages": [{"type": "cpu", "amount": "1.00"}],
        });
        let answer = post(&sandbox, Actor::Provider, SET, body).await;
        assert_eq!(answer.status, status, "{state}");
        assert_eq!(sandbox.usages().len(), usize::from(status == 201));
        if status == 400 {
            assert!(answer.json()["resource"].is_array());
        }
    }
}

#[tokio::test]
async fn components_with_other_billing_are_refused() {
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let slurm = seed.ids().offerings.slurm;
            for (type_, billing_type) in
                [("lim", "limit"), ("fix", "fixed"), ("once", "one"), ("switch", "few")]
            {
                seed.component(slurm, type_, type_, "", 1.into());
                seed.billing_type(slurm, type_, billing_type);
            }
        })
        .start()
        .await
        .unwrap();
    let path = format!("marketplace-provider-offerings/{}/", hex(sandbox.ids().offerings.slurm));
    let components = get(&sandbox, Actor::Provider, &path).await.json()["components"].clone();
    assert_eq!(components[0]["billing_type"], "usage");
    assert_eq!(components[4]["billing_type"], "fixed");
    for type_ in ["fix", "once", "switch"] {
        let usages = json!([{"type": "cpu", "amount": "1.00"}, {"type": type_, "amount": "1.00"}]);
        let refused = report(&sandbox, usages).await;
        let message = format!("These components are invalid: {type_}.");
        assert_eq!((refused.status, refused.json()), (400, json!({"non_field_errors": [message]})));
    }
    assert_eq!(amount(&sandbox, "cpu"), "7.25");
    let limit = json!({"type": "lim", "amount": "1.00"});
    assert_eq!(report(&sandbox, json!([limit])).await.status, 201);
    // What is billed by limit can be reported for a month that is over.
    let past = |usages: Value| {
        json!({
            "plan_period": hex(sandbox.ids().plan_period),
            "usages": usages,
            "date": "2020-02-15T10:00:00Z",
        })
    };
    assert_eq!(post(&sandbox, Actor::Provider, SET, past(json!([limit]))).await.status, 201);
    let both = past(json!([limit, {"type": "cpu", "amount": "1.00"}]));
    let refused = post(&sandbox, Actor::Provider, SET, both).await;
    assert_eq!((refused.status, refused.json()["date"].is_array()), (400, true));
    assert_eq!(sandbox.usages().len(), 3);
}

#[tokio::test]
async fn future_dates_and_dates_of_others_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let body = |hours| {
        let date = chrono::Utc::now() + chrono::TimeDelta::hours(hours);
        json!({
            "plan_period": hex(sandbox.ids().plan_period),
            "usages": [{"type": "cpu", "amount": "1.00"}],
            "date": date.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        })
    };
    for (actor, hours) in [(Actor::Provider, 2), (Actor::Staff, 2), (Actor::Consumer, 0)] {
        let refused = post(&sandbox, actor, SET, body(hours)).await;
        assert_eq!((refused.status, refused.json()["date"].is_array()), (400, true), "{actor:?}");
    }
    assert_eq!(amount(&sandbox, "cpu"), "7.25");
    assert_eq!(post(&sandbox, Actor::Provider, SET, body(0)).await.status, 201);
    // What is wrong with a body is said before who may send it.
    let unknown = json!({
        "plan_period": hex(sandbox.ids().plan_period), "usages": [{"type": "disk", "amount": "1.00"}],
    });
    assert_eq!(post(&sandbox, Actor::Consumer, SET, unknown).await.status, 400);
}

#[tokio::test]
async fn omitted_descriptions_are_reset() {
    let sandbox = Sandbox::start().await.unwrap();
    let shown = async || {
        let path = format!("marketplace-component-usages/{}/", hex(sandbox.ids().usage));
        let row = get(&sandbox, Actor::Provider, &path).await.json();
        (row["description"].clone(), row["recurring"].clone())
    };
    let whole = json!([{"type": "cpu", "amount": "1.00", "description": "d", "recurring": true}]);
    assert_eq!(report(&sandbox, whole).await.status, 201);
    assert_eq!(shown().await, (json!("d"), json!(true)));
    assert_eq!(report(&sandbox, json!([{"type": "cpu", "amount": "2.00"}])).await.status, 201);
    assert_eq!(shown().await, (json!(""), json!(false)));
}

#[tokio::test]
async fn shares_of_users_are_reported() {
    let sandbox = Sandbox::start().await.unwrap();
    let usage = hex(sandbox.ids().usage);
    let one = format!("marketplace-component-usages/{usage}/set_user_usage/");
    for amount in [json!(5), json!("5.5")] {
        let done =
            post(&sandbox, Actor::Provider, &one, json!({"username": "alice01", "usage": amount})).await;
        assert_eq!((done.status, done.text.as_str()), (201, ""));
    }
    let many = format!("marketplace-component-usages/{usage}/set_user_usages/");
    let account =
        format!("{}marketplace-offering-users/{}/", sandbox.url(), hex(sandbox.ids().offering_user));
    let body = json!({"usages": [
        {"username": "alice01", "usage": "1.25", "user": account},
        {"username": "bob01", "usage": 2},
    ]});
    assert_eq!(post(&sandbox, Actor::Provider, &many, body).await.status, 201);
    let rows = get(&sandbox, Actor::Provider, "marketplace-component-user-usages/?o=-username").await.items();
    let seen: Vec<_> =
        rows.iter().map(|row| (row["username"].clone(), row["usage"].clone(), row["user"].clone())).collect();
    assert_eq!(
        seen,
        [(json!("bob01"), json!("2.00"), Value::Null), (json!("alice01"), json!("1.25"), json!(account))]
    );
    let bad = json!({"usages": [{"username": "a", "usage": 1}, {"usage": "1.234"}]});
    let refused = post(&sandbox, Actor::Provider, &many, bad).await;
    assert_eq!(
        (refused.status, refused.json()),
        (
            400,
            json!({"usages": [{}, {
                "username": ["This field is required."],
                "usage": ["Ensure that there are no more than 2 decimal places."],
            }]})
        )
    );
    assert_eq!(sandbox.user_usages().len(), 2, "all of them or none");
    let empty = post(&sandbox, Actor::Provider, &many, json!({"usages": []})).await;
    assert_eq!((empty.status, empty.json()["usages"].is_array()), (400, true));
    assert_eq!(post(&sandbox, Actor::Consumer, &many, json!({"usages": []})).await.status, 403);
    assert_eq!(post(&sandbox, Actor::Outsider, &many, json!({"usages": []})).await.status, 404);
    meant(&sandbox, ["$.usage", "$.usages[0].usage", "$.usages[1].usage", "$.usages[1].username"]);
}
