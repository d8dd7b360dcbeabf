//! An odd value in any field of any model affects neither the object, nor the page around it, nor other
//! fields.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use waldur_api_client::exchanges::{ALL, Exchange, MODELS, ReceivedModel};

/// Sets `field` of the second of three objects to `odd`, and checks that the rest of the page is read.
fn keeps_the_page(model: &ReceivedModel, field: &str, odd: &Value) {
    let neighbour = json!({ "a_field_that_no_model_has": [1, {}] });
    let page = json!([neighbour, { field: odd }, neighbour]).to_string();
    let reading = (model.read_page)(page.as_bytes()).unwrap();
    let items = reading.value.as_array().unwrap();
    assert_eq!(items.len(), 3, "{}.{field}: {odd}", model.name);
    let beside = if model.keeps_additional { &neighbour } else { &json!({}) };
    assert_eq!((&items[0], &items[2]), (beside, beside), "{}.{field}: {odd}", model.name);
    assert!(items[1].as_object().unwrap().keys().all(|key| key == field), "{}.{field}: {odd}", model.name);
    // A value that isn't kept is reported, unless it has no meaning.
    let here = format!("$[1].{field}");
    let mut told = reading.mismatches.iter().map(|mismatch| mismatch.path()).chain(reading.unknown);
    if says_something(odd) && !told.any(|path| path.starts_with(&here)) {
        assert!(items[1].get(field).is_some(), "{}.{field}: {odd} is lost without a word", model.name);
    }
    let alone = json!({ field: odd }).to_string();
    assert_eq!((model.read)(alone.as_bytes()).unwrap().value, items[1]);
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(says_something),
        Value::Object(fields) => fields.values().any(says_something),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

#[test]
fn odd_values_in_any_field_of_any_model_keep_the_page() {
    let odd_values = [
        json!(null),
        json!(""),
        json!("a text that no enum knows"),
        json!(" "),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(true),
        json!([]),
        json!([null, 1, {"a": []}]),
        json!({}),
        json!({"a": {"b": [null]}, "uuid": 1}),
    ];
    for model in MODELS {
        for field in model.fields {
            odd_values.iter().for_each(|odd| keeps_the_page(model, field, odd));
        }
    }
}

/// The table has every model that a response is, or is a list of, with the fields of the schema.
#[test]
fn every_model_of_a_response_is_in_the_table() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../waldur-api-client/schema/waldur.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    // A type writes the abbreviations of its name in another case than the schema.
    let models: BTreeMap<String, BTreeSet<&str>> = MODELS
        .iter()
        .map(|model| (model.name.to_lowercase(), model.fields.iter().copied().collect()))
        .collect();
    assert_eq!(models.len(), MODELS.len(), "a model occurs twice");
    let mut compared = BTreeSet::new();
    for Exchange { operation, .. } in ALL {
        let answers = &document["paths"][operation.path][operation.method.to_lowercase()]["responses"];
        for (_, answer) in answers.as_object().unwrap().iter().filter(|(status, _)| status.starts_with('2')) {
            let schema = &answer["content"]["application/json"]["schema"];
            let reference = schema["$ref"].as_str().or(schema["items"]["$ref"].as_str());
            let Some(reference) = reference else { continue };
            let model = document.pointer(reference.trim_start_matches('#')).unwrap();
            let Some(properties) = model["properties"].as_object() else { continue };
            let name = reference.rsplit('/').next().unwrap();
            let fields: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
            assert_eq!(models.get(&name.to_lowercase()), Some(&fields), "{}: {name}", operation.id);
            compared.insert(name);
        }
    }
    assert!(!compared.is_empty());
}

/// "" and null in every field at once, and an unknown value in every enum.
#[test]
fn objects_of_empty_and_of_unknown_values_are_read() {
    for model in MODELS {
        for (odd, is_nothing) in [(json!(null), true), (json!(""), true), (json!("new-value"), false)] {
            let object: Map<String, Value> =
                model.fields.iter().map(|field| ((*field).to_owned(), odd.clone())).collect();
            let reading = (model.read)(Value::Object(object).to_string().as_bytes()).unwrap();
            if is_nothing {
                assert!(reading.mismatches.is_empty(), "{}: {:?}", model.name, reading.mismatches);
            }
            // A text is kept as it is, whether it is a known value or not.
            let wrong = reading.value.as_object().unwrap().iter().find(|(_, kept)| **kept != odd);
            assert_eq!(wrong, None, "{}", model.name);
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9a-f]{32}".prop_map(Value::from),
        "-?[0-9]{1,30}(\\.[0-9]{1,30})?(E-?[0-9]{1,3})?".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?Z?)?".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_in_any_field_keeps_the_page(model in 0..MODELS.len(), field in any::<prop::sample::Index>(), odd in any_json()) {
        let model = &MODELS[model];
        if !model.fields.is_empty() {
            keeps_the_page(model, model.fields[field.index(model.fields.len())], &odd);
        }
    }
}
