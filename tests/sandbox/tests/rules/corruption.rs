//! Rows that are odd on purpose.

use serde_json::{Value, json};
use waldur_sandbox::{Actor, Row, Sandbox};

use crate::client::{get, hex};

#[tokio::test]
async fn corruption_changes_one_field_of_one_row() {
    let sandbox = Sandbox::start().await.unwrap();
    let orders = sandbox.orders();
    let whole = get(&sandbox, Actor::Provider, "marketplace-orders/").await.items();
    sandbox.corrupt("marketplace-orders", orders[3].uuid, "limits", json!({"cpu": 1e30}));
    sandbox.corrupt("marketplace-orders", orders[3].uuid, "uuid", Value::Null);
    sandbox.corrupt("marketplace-orders", orders[3].uuid, "state", None);
    sandbox.corrupt("marketplace_orders_list", 5, "created", json!("tomorrow"));
    let odd = get(&sandbox, Actor::Provider, "marketplace-orders/").await.items();
    for (at, (odd, row)) in odd.iter().zip(&whole).enumerate() {
        match at {
            3 => {
                assert_eq!((&odd["limits"], &odd["uuid"]), (&json!({"cpu": 1e30}), &Value::Null));
                assert!(odd.get("state").is_none());
                assert_eq!(odd["created"], row["created"]);
            }
            5 => assert_eq!((&odd["created"], &odd["uuid"]), (&json!("tomorrow"), &row["uuid"])),
            _ => assert_eq!(odd, row),
        }
    }
    let one = format!("marketplace-orders/{}/", hex(orders[3].uuid));
    assert!(get(&sandbox, Actor::Provider, &one).await.json().get("state").is_none());
    let other = format!("marketplace-orders/{}/", hex(orders[5].uuid));
    assert_eq!(get(&sandbox, Actor::Provider, &other).await.json()["created"], whole[5]["created"]);
    sandbox.clear_corruptions();
    assert_eq!(get(&sandbox, Actor::Provider, "marketplace-orders/").await.items(), whole);
}

#[tokio::test]
async fn corruption_adds_no_unselected_field() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.corrupt("marketplace-orders", Row::Every, "attributes", json!([]));
    let path = "marketplace-orders/?page_size=1&field=uuid";
    let rows = get(&sandbox, Actor::Provider, path).await.items();
    assert_eq!(rows, [json!({"uuid": hex(sandbox.orders()[0].uuid)})]);
    let asked = get(&sandbox, Actor::Provider, &format!("{path}&field=attributes")).await.items();
    assert_eq!(asked[0]["attributes"], json!([]));
}

#[tokio::test]
async fn corruption_is_limited_to_one_operation() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = hex(sandbox.ids().resources.ok);
    sandbox.corrupt(
        "marketplace_provider_resources_team_list",
        sandbox.ids().users.bob,
        "username",
        json!(""),
    );
    let team = format!("marketplace-provider-resources/{resource}/team/");
    let names = |rows: Vec<Value>| rows.iter().map(|row| row["username"].clone()).collect::<Vec<_>>();
    assert_eq!(names(get(&sandbox, Actor::Provider, &team).await.items()), ["alice", ""]);
    let users = get(&sandbox, Actor::Staff, "users/").await.items();
    assert!(names(users).contains(&json!("bob")));
}
