//! What the hand-written wire types write, they read.
#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, reason = "tests state what must hold by panicking")]

use std::collections::HashMap;
use std::fmt::Debug;

use chrono::{DateTime, NaiveDate, Utc};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use waldur_api_client::types::{OrderState, ResourceState};
use waldur_api_client::wire::{Decoded, Wire, decode};
use waldur_api_client::{CommaSeparated, Decimal, Nullable, QueryValue};

/// Written and read leniently, it is the same, and nothing is told.
fn reads_what_it_writes<T: Wire + Serialize + PartialEq + Debug>(value: &T) {
    let Decoded { value: read, misfits } = decode::<T>(&serde_json::to_vec(value).unwrap()).unwrap();
    assert_eq!(&read, value);
    assert!(misfits.is_empty(), "{misfits:?}");
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
    fn joined_parameters(texts in prop::collection::vec("[a-z]{1,8}", 1..6)) {
        let joined = CommaSeparated(texts.clone()).texts();
        prop_assert_eq!(joined.len(), 1);
        prop_assert_eq!(joined[0].split(',').collect::<Vec<_>>(), texts);
    }
}

#[test]
fn known_texts_of_an_enum_are_variants() {
    assert!(
        ResourceState::KNOWN
            .iter()
            .all(|text| !matches!(ResourceState::from(*text), ResourceState::Other(_)))
    );
}
