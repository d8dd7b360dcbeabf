//! What the hand-written wire types write, they read.
use std::collections::HashMap;
use std::fmt::Debug;

use chrono::{DateTime, NaiveDate, Utc};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;
use waldur_api_client::__private::{Decoded, LenientDecode, decode};
use waldur_api_client::types::{
    GenericOrderAttributes, OrderCreateRequest, OrderDetails, OrderState, ProviderOfferingDetails, Resource,
    ResourceState, User,
};
use waldur_api_client::{CommaSeparated, Decimal, Nullable, Number, NumberOrText, QueryValue};

/// Written and read leniently, it is the same, and nothing is told.
fn reads_what_it_writes<T: LenientDecode + Serialize + PartialEq + Debug>(value: &T) {
    let Decoded { value: read, mismatches } = decode::<T>(&serde_json::to_vec(value).unwrap()).unwrap();
    assert_eq!(&read, value);
    assert!(mismatches.is_empty(), "{mismatches:?}");
}

/// The same for what is sent.
fn deserializes_what_it_writes<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    assert_eq!(&serde_json::from_slice::<T>(&serde_json::to_vec(value).unwrap()).unwrap(), value);
}

fn decimals() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), 0..=18_u32).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

fn times() -> impl Strategy<Value = DateTime<Utc>> {
    // The years that a server can write, to the microsecond.
    (0..=253_402_300_799_i64, 0..1_000_000_u32)
        .prop_map(|(seconds, micros)| DateTime::from_timestamp(seconds, micros * 1000).unwrap())
}

fn uuids() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scalars(text in ".*", integer in any::<i64>(), flag in any::<bool>(), decimal in decimals(), uuid in uuids()) {
        reads_what_it_writes(&text);
        reads_what_it_writes(&integer);
        reads_what_it_writes(&flag);
        reads_what_it_writes(&decimal);
        reads_what_it_writes(&uuid);
        // A number may come as a text and the reverse.
        prop_assert_eq!(decode::<i64>(format!("\"{integer}\"").as_bytes()).unwrap().value, integer);
        prop_assert_eq!(decode::<Decimal>(integer.to_string().as_bytes()).unwrap().value, Decimal::from(integer));
        prop_assert_eq!(decode::<String>(integer.to_string().as_bytes()).unwrap().value, integer.to_string());
        prop_assert_eq!(decode::<Uuid>(format!("\"{}\"", uuid.simple()).as_bytes()).unwrap().value, uuid);
    }

    #[test]
    fn numbers_with_a_fraction_are_exact(number in -1.0e15..1.0e15_f64) {
        // What a server writes as a number is the shortest text of its float: the decimal has the same digits.
        let text = serde_json::to_string(&number).unwrap();
        let read = decode::<Decimal>(text.as_bytes()).unwrap().value;
        prop_assert_eq!(read.to_string().parse::<f64>().unwrap(), number);
    }

    #[test]
    fn times_and_dates(time in times()) {
        reads_what_it_writes(&time);
        let date: NaiveDate = time.date_naive();
        reads_what_it_writes(&date);
        // A date where a time is declared is its beginning; a time where a date is declared is its day.
        let midnight = date.and_hms_opt(0, 0, 0).unwrap().and_utc();
        prop_assert_eq!(decode::<DateTime<Utc>>(format!("\"{date}\"").as_bytes()).unwrap().value, midnight);
        prop_assert_eq!(decode::<NaiveDate>(format!("\"{}\"", time.to_rfc3339()).as_bytes()).unwrap().value, date);
    }

    #[test]
    fn open_enums(text in ".+", known in 0..OrderState::KNOWN.len()) {
        for text in [text.as_str(), OrderState::KNOWN[known]] {
            let state = OrderState::from(text);
            prop_assert_eq!(state.as_str(), text);
            prop_assert_eq!(&text.parse::<OrderState>().unwrap(), &state);
            prop_assert_eq!(&state.to_string(), text);
            prop_assert!(state == *text && state.texts() == [text]);
            prop_assert_eq!(matches!(state, OrderState::Other(_)), !OrderState::KNOWN.contains(&text));
            reads_what_it_writes(&state);
            deserializes_what_it_writes(&state);
        }
    }

    #[test]
    fn what_can_be_cleared(text in ".*", amount in prop::option::of(decimals())) {
        deserializes_what_it_writes(&Nullable::Value(text));
        let amount = amount.map_or(Nullable::Null, Nullable::Value);
        deserializes_what_it_writes(&amount);
        prop_assert_eq!(serde_json::to_value(amount).unwrap().is_null(), amount == Nullable::Null);
    }

    #[test]
    fn lists_and_maps(
        list in prop::collection::vec(decimals(), 0..20),
        map in prop::collection::hash_map(".*", uuids(), 0..20),
        options in prop::collection::vec(prop::option::of(any::<i64>()), 0..20),
    ) {
        reads_what_it_writes(&list);
        reads_what_it_writes::<HashMap<String, Uuid>>(&map);
        reads_what_it_writes(&options);
        reads_what_it_writes(&Box::new(list));
    }

    #[test]
    fn numbers_or_texts(number in any::<i64>(), text in ".+") {
        for value in [NumberOrText::from(number), NumberOrText::from(text.as_str())] {
            reads_what_it_writes(&value);
            deserializes_what_it_writes(&value);
            prop_assert_eq!(value.texts(), [value.to_string()]);
            prop_assert!(value.as_number().is_some() != value.as_text().is_some());
        }
    }

    #[test]
    fn decimals_that_are_sent_as_numbers(digits in any::<i64>(), short in any::<i32>(), scale in 0..=18_u32) {
        for decimal in [Decimal::new(digits, scale), Decimal::new(short.into(), scale.min(6))] {
            let number = Number(decimal);
            reads_what_it_writes(&number);
            deserializes_what_it_writes(&number);
        }
        // Few digits are never a text.
        let number = Number(Decimal::new(short.into(), scale.min(6)));
        prop_assert!(serde_json::to_value(number).unwrap().is_number());
    }

    #[test]
    fn joined_parameters(texts in prop::collection::vec("[a-z]{1,8}", 1..6)) {
        let joined = CommaSeparated(texts.clone()).texts();
        prop_assert_eq!(joined.len(), 1);
        prop_assert_eq!(joined[0].split(',').collect::<Vec<_>>(), texts);
    }
}

#[test]
fn numbers_are_sent_as_numbers() {
    for (number, sent) in
        [("64", json!(64)), ("64.00", json!(64)), ("1.50", json!(1.5)), ("-0.1", json!(-0.1))]
    {
        let number = Number(number.parse().unwrap());
        assert_eq!(serde_json::to_value(number).unwrap(), sent);
    }
    let long = "1.2345678901234567890123";
    assert_eq!(serde_json::to_value(Number(long.parse().unwrap())).unwrap(), json!(long));
}

#[test]
fn what_a_model_does_not_name_is_kept() {
    let attributes = GenericOrderAttributes::builder()
        .name("a")
        .additional([("flavor", json!("small")), ("ports", json!([{"subnet": null}]))])
        .additional([("size", 10)]);
    let attributes = GenericOrderAttributes::try_from(attributes).unwrap();
    let sent = json!({"name": "a", "flavor": "small", "ports": [{"subnet": null}], "size": 10});
    assert_eq!(serde_json::to_value(&attributes).unwrap(), sent);
    let read: GenericOrderAttributes = serde_json::from_value(sent.clone()).unwrap();
    assert_eq!((read.name.as_deref(), read.additional.len()), (Some("a"), 3));
    assert_eq!(serde_json::to_value(&read).unwrap(), sent);
    // A field is written once: where it isn't set, what is among the additional ones is sent.
    let mut twice = read.clone();
    twice.additional.insert("description".to_owned(), json!("b"));
    assert_eq!(serde_json::to_value(&twice).unwrap()["description"], "b");
    twice.additional.insert("name".to_owned(), json!("c"));
    let error = serde_json::to_value(&twice).unwrap_err().to_string();
    assert_eq!(error, "`name` is set twice: as a field, and among the additional ones");
}

#[test]
fn what_an_answer_does_not_name_is_kept_beside_what_does_not_fit() {
    let sent = json!({"backend_metadata": {
        "external_ips": ["192.0.2.1"], "state": {"no": "text"}, "action": "pull", "ports": null,
    }});
    let Decoded { value: resource, mismatches } = decode::<Resource>(sent.to_string().as_bytes()).unwrap();
    assert_eq!(mismatches.iter().map(|one| one.path()).collect::<Vec<_>>(), ["$.backend_metadata.state"]);
    let metadata = resource.backend_metadata.unwrap();
    assert_eq!(metadata.action.as_deref(), Some("pull"));
    let kept = json!({"external_ips": ["192.0.2.1"], "ports": null});
    assert_eq!(Value::Object(metadata.additional.clone()), kept);
    let written = serde_json::to_value(&metadata).unwrap();
    assert_eq!(written, json!({"action": "pull", "external_ips": ["192.0.2.1"], "ports": null}));
}

#[test]
fn what_is_declared_in_another_way_than_servers_answer_is_kept() {
    let limits = json!({"limits": {"cpu": 1.5, "ram": "2", "gpu": 3}}).to_string();
    let Decoded { value: order, mismatches } = decode::<OrderDetails>(limits.as_bytes()).unwrap();
    assert!(mismatches.is_empty(), "{mismatches:?}");
    assert_eq!(order.limits["cpu"], "1.5".parse().unwrap());
    assert_eq!((order.limits["ram"], order.limits["gpu"]), (2.into(), 3.into()));
    let create = OrderCreateRequest::builder()
        .offering("o")
        .project("p")
        .limits(HashMap::from([("cpu".to_owned(), "1.5".parse::<Decimal>().unwrap().into())]));
    let create = OrderCreateRequest::try_from(create).unwrap();
    assert_eq!(serde_json::to_value(create).unwrap()["limits"], json!({"cpu": 1.5}));
    for (sent, gender) in [
        (json!(2), NumberOrText::Number(2)),
        (json!("female"), NumberOrText::Text("female".to_owned())),
        (json!(77), NumberOrText::Number(77)),
    ] {
        let user = decode::<User>(json!({"gender": sent}).to_string().as_bytes()).unwrap();
        assert_eq!((user.value.gender, user.mismatches.len()), (Some(gender), 0));
    }
    let name = br#"{"scope_name": "a-tenant"}"#;
    let offering = decode::<ProviderOfferingDetails>(name).unwrap();
    assert_eq!((offering.value.scope_name.as_deref(), offering.mismatches.len()), (Some("a-tenant"), 0));
}

#[test]
fn known_texts_of_an_enum_are_variants() {
    assert!(
        ResourceState::KNOWN
            .iter()
            .all(|text| !matches!(ResourceState::from(*text), ResourceState::Other(_)))
    );
}
