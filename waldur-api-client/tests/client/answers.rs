//! Answers are read as servers send them.
use std::collections::HashMap;

use serde_json::{Value, json};
use waldur_api_client::__private::model::Model;
use waldur_api_client::__private::{Decoded, LenientDecode, decode};
use waldur_api_client::Decimal;
use waldur_api_client::types::{
    ComponentUsage, OfferingUser, OrderDetails, OrderState, Project, Resource, ServiceProvider, User,
};

/// Decodes an object, and gives the paths that were dropped.
fn read<T: LenientDecode>(value: &Value) -> (T, Vec<String>) {
    let Decoded { value, mismatches } = decode(value.to_string().as_bytes()).unwrap();
    (value, mismatches.iter().map(|mismatch| mismatch.path()).collect())
}

#[test]
fn uuids_times_and_numbers_come_in_every_form() {
    let uuid: uuid::Uuid = "227ed643-4294-531b-83de-eada77082d05".parse().unwrap();
    for text in ["227ed6434294531b83deeada77082d05", "227ed643-4294-531b-83de-eada77082d05"] {
        let (order, dropped) = read::<OrderDetails>(&json!({ "uuid": text }));
        assert_eq!((order.uuid, dropped.len()), (Some(uuid), 0));
    }
    for (sent, expected) in [
        ("2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05.123456Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05Z"),
        ("2026-01-02", "2026-01-02T00:00:00Z"),
    ] {
        let (order, dropped) = read::<OrderDetails>(&json!({ "created": sent }));
        assert_eq!((order.created, dropped.len()), (Some(expected.parse().unwrap()), 0), "{sent}");
    }
    let (order, dropped) = read::<OrderDetails>(&json!({"start_date": "2026-01-02T03:04:05Z"}));
    assert_eq!((order.start_date, dropped.len()), (Some("2026-01-02".parse().unwrap()), 0));
    for (sent, expected) in [
        (json!("12.3456789012"), "12.3456789012"),
        (json!("0E-10"), "0.0000000000"),
        (json!("11.00000"), "11.00000"),
        (json!(1.1), "1.1"),
        (json!(3), "3"),
        (json!("1e3"), "1000"),
    ] {
        let (usage, dropped) = read::<ComponentUsage>(&json!({ "usage": sent }));
        assert_eq!((usage.usage, dropped.len()), (Some(expected.parse::<Decimal>().unwrap()), 0), "{sent}");
    }
}

#[test]
fn unknown_states_are_kept_and_match() {
    let (order, dropped) = read::<OrderDetails>(&json!({"state": "pending-nobody", "type": "Restore"}));
    assert!(dropped.is_empty());
    let state = order.state.unwrap();
    assert_eq!(state, OrderState::Other("pending-nobody".to_owned()));
    assert_eq!(state.to_string(), "pending-nobody");
    assert!(matches!(OrderState::from("executing"), OrderState::Executing));
}

#[test]
fn what_does_not_fit_costs_its_field_and_is_said_where() {
    let (orders, dropped) = read::<Vec<OrderDetails>>(&json!([
        {"uuid": "227ed6434294531b83deeada77082d05", "created": "soon", "limits": [1]},
        {"uuid": 7, "state": "done", "unknown_field": {"a": [1, {}]}},
    ]));
    assert_eq!(dropped, ["$[0].created", "$[0].limits", "$[1].uuid"]);
    assert!(orders[0].uuid.is_some() && orders[0].created.is_none());
    assert_eq!(orders[1].state, Some(OrderState::Done));
}

#[test]
fn a_row_that_is_no_object_costs_itself_and_is_said_where() {
    let (orders, dropped) = read::<Vec<OrderDetails>>(&json!([
        null, {"uuid": "x", "state": "done"}, 7, "", [1], {"state": "erred"}, [],
    ]));
    assert_eq!(dropped, ["$[0]", "$[1].uuid", "$[2]", "$[3]", "$[4]", "$[6]"]);
    let states: Vec<_> = orders.into_iter().map(|order| order.state.unwrap()).collect();
    assert_eq!(states, [OrderState::Done, OrderState::Erred]);
    // A text that is null says nothing, which is no loss.
    let (texts, dropped) = read::<Vec<String>>(&json!([null, "a"]));
    assert_eq!((texts, dropped.len()), (vec!["a".to_owned()], 0));
    let (_, dropped) = read::<Vec<HashMap<String, String>>>(&json!([{}, null]));
    assert_eq!(dropped, ["$[1]"]);
}

#[test]
fn what_is_empty_may_be_written_as_the_other_kind() {
    type Free = serde_json::Map<String, Value>;
    let (read_one, dropped) = read::<HashMap<String, Vec<i64>>>(&json!({"a": {}, "b": [1]}));
    assert_eq!((read_one["a"].len(), read_one["b"].len(), dropped.len()), (0, 1, 0));
    let (read_one, dropped) = read::<HashMap<String, HashMap<String, i64>>>(&json!({"a": []}));
    assert_eq!((read_one["a"].len(), dropped.len()), (0, 0));
    let (read_one, dropped) = read::<HashMap<String, Free>>(&json!({"a": [], "b": {"c": null}}));
    assert_eq!((read_one["a"].len(), read_one["b"].len(), dropped.len()), (0, 1, 0));
    let (_, dropped) = read::<HashMap<String, OrderDetails>>(&json!({"a": []}));
    assert!(dropped.is_empty());
    // What holds something is of another kind.
    let (_, dropped) = read::<HashMap<String, Vec<i64>>>(&json!({"a": {"b": 1}}));
    assert_eq!(dropped, ["$.a"]);
    let (_, dropped) = read::<HashMap<String, Free>>(&json!({"a": [1]}));
    assert_eq!(dropped, ["$.a"]);
    let (_, dropped) = read::<HashMap<String, OrderDetails>>(&json!({"a": [1]}));
    assert_eq!(dropped, ["$.a"]);
}

#[test]
fn numbers_that_nothing_holds_cost_their_field_alone() {
    let huge = [
        "1000000000000000000000000000000",
        "-1e30",
        "1e400",
        "-1E+400",
        "1e-400",
        "1e99999999999",
        "\"NaN\"",
        "\"1e400\"",
        "\"1e99999999999\"",
        "\"Infinity\"",
        "\"1000000000000000000000000000000\"",
    ];
    for number in huge {
        let text = format!(
            r#"[{{"cost": {number}, "state": "done"}}, {{"limits": {{"cpu": {number}, "ram": 1}}, "output": "\\\"1e400"}},
                {{"attributes": {{"a": {number}, "b": 1e400}}, "a_newer_field": [{number}]}}]"#
        );
        let Decoded { value: orders, mismatches } = decode::<Vec<OrderDetails>>(text.as_bytes()).unwrap();
        assert_eq!(orders.len(), 3, "{number}");
        assert_eq!(orders[0].state, Some(OrderState::Done), "{number}");
        assert_eq!(orders[1].output.as_deref(), Some("\\\"1e400"), "{number}");
        assert_eq!(orders[1].limits["ram"].to_string(), "1", "{number}");
        // Free JSON keeps it, as a text if need be.
        let attributes = orders[2].attributes.as_ref().unwrap();
        assert!(!attributes["a"].is_null() && attributes["b"] == "1e400", "{number}: {attributes}");
        let paths: Vec<_> = mismatches.iter().map(|mismatch| mismatch.path()).collect();
        if number == "1e-400" {
            assert!(orders[0].cost.is_some_and(|cost| cost.is_zero()));
        } else {
            assert_eq!(paths, ["$[0].cost", "$[1].limits.cpu"], "{number}");
        }
    }
}

#[test]
fn times_without_a_zone_are_utc() {
    for (sent, expected) in [
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.5", "2026-01-02T03:04:05.5Z"),
        ("2026-01-02 03:04:05", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04", "2026-01-02T03:04:00Z"),
        ("2026-01-02T05:04:05+0200", "2026-01-02T03:04:05Z"),
    ] {
        let (order, dropped) = read::<OrderDetails>(&json!({ "created": sent }));
        assert_eq!((order.created, dropped.len()), (Some(expected.parse().unwrap()), 0), "{sent}");
    }
}

#[test]
fn a_whole_of_another_kind_is_an_error() {
    for text in ["null", "[]", "7", "{", "", "{} x", "<html>"] {
        assert!(decode::<OrderDetails>(text.as_bytes()).is_err(), "{text}");
    }
    for text in ["null", "{}", "7", "\"\""] {
        assert!(decode::<Vec<OrderDetails>>(text.as_bytes()).is_err(), "{text}");
    }
    let error = decode::<Vec<OrderDetails>>(b" {}").unwrap_err();
    assert_eq!(error.to_string(), "$: expected an array, found an object");
    let error = decode::<Vec<OrderDetails>>(br#"{"detail": "no"}"#).unwrap_err();
    assert!(error.to_string().contains("expected an array, found an object"), "{error}");
}

/// Every field of `M` with each odd value: the object is read, and the other fields with it.
fn survives_anything<M: Model + LenientDecode>(keeps_uuid: impl Fn(&M) -> bool) {
    let uuid = "227ed6434294531b83deeada77082d05";
    for field in M::FIELDS.iter().filter(|field| **field != "uuid") {
        for odd in [
            json!(null),
            json!(""),
            json!("\u{1}?"),
            json!(1.5),
            json!(true),
            json!([1, {}]),
            json!({"a": [{}]}),
        ] {
            for object in [
                json!({"uuid": uuid, *field: odd}).to_string(),
                format!(r#"{{"{field}": {odd}, "uuid": "{uuid}"}}"#),
            ] {
                let Decoded { value: model, mismatches } = decode::<M>(object.as_bytes()).unwrap();
                assert!(keeps_uuid(&model), "{}: {object}", M::NAME);
                // Null and blank are none, and nothing to speak of.
                if odd.is_null() || odd == "" {
                    assert!(mismatches.is_empty(), "{}: {object}: {mismatches:?}", M::NAME);
                }
            }
        }
    }
}

#[test]
fn no_value_of_any_field_loses_the_object() {
    survives_anything::<OrderDetails>(|m| m.uuid.is_some());
    survives_anything::<Resource>(|m| m.uuid.is_some());
    survives_anything::<OfferingUser>(|m| m.uuid.is_some());
    survives_anything::<ServiceProvider>(|m| m.uuid.is_some());
    survives_anything::<Project>(|m| m.uuid.is_some());
    survives_anything::<User>(|m| m.uuid.is_some());
    survives_anything::<ComponentUsage>(|m| m.uuid.is_some());
}

#[test]
fn models_write_what_they_hold() {
    let sent = json!({"uuid": "227ed643-4294-531b-83de-eada77082d05", "state": "done", "cost": "1.50"});
    let (order, _) = read::<OrderDetails>(&sent);
    assert_eq!(serde_json::to_value(&order).unwrap(), sent);
}
