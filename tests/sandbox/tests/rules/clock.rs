//! A clock that is set.

use chrono::FixedOffset;
use serde_json::{Value, json};
use waldur_sandbox::{Actor, Fault, Misbehaviour, ResourceState, Sandbox};

use crate::client::{get, hex, post};

const SET: &str = "marketplace-component-usages/set_usage/";

#[tokio::test]
async fn months_follow_the_clock() {
    let last = "2024-02-29T23:59:59Z".parse().unwrap();
    let sandbox = Sandbox::builder().now(last).start().await.unwrap();
    assert_eq!(sandbox.now(), last);
    let resource = sandbox.ids().resources.ok;
    assert_eq!(sandbox.usages()[0].period.to_string(), "2024-02-01");
    assert_eq!(sandbox.usages()[0].uuid, sandbox.ids().usage);
    let report = || {
        post(
            &sandbox,
            Actor::Provider,
            SET,
            json!({"resource": hex(resource), "usages": [{"type": "cpu", "amount": "1"}]}),
        )
    };
    let done = report().await;
    assert_eq!((done.status, done.header("date")), (201, Some("Thu, 29 Feb 2024 23:59:59 GMT")));
    sandbox.set_now("2024-03-01T00:00:00Z".parse().unwrap());
    let done = report().await;
    assert_eq!((done.status, done.header("date")), (201, Some("Fri, 01 Mar 2024 00:00:00 GMT")));
    let periods: Vec<_> = sandbox.usages().iter().map(|usage| usage.period.to_string()).collect();
    assert_eq!(periods, ["2024-02-01", "2024-03-01"]);
}

#[tokio::test]
async fn a_fault_sets_the_clock_when_a_request_arrives() {
    let sandbox = Sandbox::builder().now("2024-02-29T23:59:59Z".parse().unwrap()).start().await.unwrap();
    let midnight = Fault::Clock("2024-03-01T00:00:00Z".parse().unwrap());
    sandbox.misbehave(Misbehaviour::new(midnight).operation("marketplace_orders_list").after(1).times(1));
    let mut dates = Vec::new();
    for _ in 0..3 {
        let answer = get(&sandbox, Actor::Provider, "marketplace-orders/").await;
        dates.push(answer.header("date").unwrap()[..11].to_owned());
    }
    assert_eq!(dates, ["Thu, 29 Feb", "Fri, 01 Mar", "Fri, 01 Mar"]);
    let text: Misbehaviour = "clock:1709251200".parse().unwrap();
    assert_eq!(text, Misbehaviour::new(Fault::Clock("2024-03-01T00:00:00Z".parse().unwrap())));
}

#[tokio::test]
async fn errors_and_pages_have_a_date() {
    let sandbox = Sandbox::builder().now("2024-02-29T23:59:59Z".parse().unwrap()).start().await.unwrap();
    sandbox.fail_next(1, "GET", "/users/me/", Fault::Status(502));
    for _ in 0..2 {
        let answer = get(&sandbox, Actor::Provider, "users/me/").await;
        assert_eq!(answer.header("date"), Some("Thu, 29 Feb 2024 23:59:59 GMT"));
    }
}

#[tokio::test]
async fn months_are_counted_in_the_server_s_zone() {
    let east = FixedOffset::east_opt(2 * 3600).unwrap();
    let west = FixedOffset::west_opt(5 * 3600).unwrap();
    for (zone, now, date, month) in [
        (east, "2024-02-29T22:30:00Z", Value::Null, "2024-03-01"),
        (east, "2024-02-29T21:30:00Z", Value::Null, "2024-02-01"),
        (west, "2024-03-01T04:30:00Z", Value::Null, "2024-02-01"),
        (west, "2024-03-15T00:00:00Z", json!("2024-03-01T00:00:00Z"), "2024-02-01"),
        (west, "2024-03-15T00:00:00Z", json!("2024-03-01T00:00:00"), "2024-03-01"),
        (east, "2024-03-15T00:00:00Z", json!("2024-02-29T22:30:00Z"), "2024-03-01"),
    ] {
        let sandbox = Sandbox::builder()
            .allow_violations()
            .without_resources()
            .seed(|seed| {
                let ids = *seed.ids();
                seed.resource(ids.offerings.slurm, ids.project, "waves", ResourceState::Ok);
            })
            .now(now.parse().unwrap())
            .time_zone(zone)
            .start()
            .await
            .unwrap();
        let usages = json!([{"type": "cpu", "amount": "1"}]);
        let mut body = json!({"resource": hex(sandbox.resources()[0].uuid), "usages": usages});
        if !date.is_null() {
            body["date"] = date.clone();
        }
        assert_eq!(post(&sandbox, Actor::Staff, SET, body).await.status, 201, "{now} {date}");
        assert_eq!(sandbox.usages()[0].period.to_string(), month, "{now} {date}");
    }
}
