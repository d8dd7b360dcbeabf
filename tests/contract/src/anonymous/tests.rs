use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::replay::{Verdict, replay};

const SERVER: &str = "https://hpc.uni.example:8443/waldur";
const ORDER: &str = "0123456789abcdef0123456789abcdef";

fn seen(path: &str, body: &Value) -> Seen {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.insert("set-cookie", "session=secret".parse().unwrap());
    let next = format!("<{SERVER}/api/marketplace-orders/?page=2&o=alice>; rel=\"next\"; title=\"Alice\"");
    headers.insert("link", next.parse().unwrap());
    Seen {
        method: Method::GET,
        path: path.to_owned(),
        status: StatusCode::OK,
        headers,
        body: body.to_string().into(),
        elapsed: Duration::ZERO,
    }
}

#[test]
fn details_are_replaced_and_the_form_is_kept() {
    let mut anonymizer = Anonymizer::new(SERVER, &[]);
    let body = json!([{
        "uuid": ORDER,
        "url": format!("{SERVER}/api/marketplace-orders/{ORDER}/?token=geheim"),
        "state": "done", "type": "Restore it", "output": "", "created": "2026-03-04T05:06:07.890123Z",
        "start_date": "2026-03-04", "cost": "12.50", "limits": { "cpu": 128, "cpu of Alice": 0 },
        "created_by_full_name": "Alice Öberg", "created_by_username": "alice@uni.example",
        "consumer_reviewed_by": null, "can_terminate": true,
        "attributes": {
            "name": "Alice Öberg", "ssh": "ssh-ed25519 AAAA", "ip": "10.1.2.3", "net": "fe80::1/64",
            "token": "w_0123", "site": "https://uni.example/alice", "phone": "+372 5550",
            "order": "01234567-89ab-cdef-0123-456789abcdef", "civil": "38001085718", "real": -1.5e-7
        },
        "from_the_future": "Alice", "Not an identifier": 7
    }]);
    let exchange = anonymizer.exchange("1", &seen("/api/marketplace-orders/?page_size=5&name=alice", &body));
    let order = "a0000000000040008000000000000001";
    assert_eq!(exchange.request.path, "/api/marketplace-orders/?page_size=5");
    let link = "<https://waldur.example.org/api/marketplace-orders/?page=2>; rel=\"next\"";
    let headers: Vec<_> =
        exchange.response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(headers, ["content-type: application/json".to_owned(), format!("link: {link}")]);
    let row = &exchange.response.body[0];
    let name = row["created_by_full_name"].as_str().unwrap();
    for (path, expected) in [
        ("/uuid", json!(order)),
        ("/url", json!(format!("https://waldur.example.org/api/marketplace-orders/{order}/"))),
        ("/state", json!("done")),
        ("/type", json!("Restore it")),
        ("/output", json!("")),
        ("/created", json!("2000-01-01T00:00:00.000000Z")),
        ("/start_date", json!("2000-01-01")),
        ("/cost", json!("11.11")),
        ("/consumer_reviewed_by", json!(null)),
        ("/can_terminate", json!(true)),
        ("/attributes/name", json!(name)),
    ] {
        assert_eq!(row.pointer(path), Some(&expected), "{path}");
    }
    assert!(name.starts_with("text-"), "{name}");
    assert!(row["created_by_username"].as_str().unwrap().ends_with("@example.org"));
    assert_eq!(row["limits"].as_object().unwrap().values().collect::<Vec<_>>(), [&json!(111), &json!(0)]);
    assert!(row["from_the_future"].is_string() && row.get("Not an identifier").is_none());
    let text = serde_json::to_string(&exchange).unwrap();
    assert!(text.contains("a0000000-0000-4000-8000-000000000001"), "{text}");
    assert!(text.contains("\"192.0.2.") && text.contains("\"2001:db8::"), "{text}");
    assert!(text.contains("-1.1e-7"), "{text}");
    for detail in [
        "Alice",
        "alice",
        "Öberg",
        "uni.example",
        "8443",
        "waldur/",
        "geheim",
        "secret",
        "ssh",
        "AAAA",
        "10.1",
        "fe80",
        "w_0123",
        "+372",
        "38001",
        ORDER,
        "128",
        "2026",
        "cpu",
        "phone",
    ] {
        assert!(!text.contains(detail), "{detail} in {text}");
    }
}

#[test]
fn a_word_that_is_a_detail_elsewhere_is_not_kept_as_a_value() {
    let mut anonymizer = Anonymizer::new(SERVER, &[]);
    let orders = |state: &str| seen("/api/marketplace-orders/", &json!([{ "state": state, "geheim": 1 }]));
    let people = seen("/api/users/", &json!([{ "username": "geheim", "first_name": "archived" }]));
    let state = |anonymizer: &mut Anonymizer, state| {
        let body = anonymizer.exchange("", &orders(state)).response.body;
        (body[0]["state"].as_str().unwrap().to_owned(), body[0].get("geheim").is_some())
    };
    assert_eq!(state(&mut anonymizer, "archived"), ("archived".to_owned(), true));
    assert!(anonymizer.may_show("archived"));
    anonymizer.learn(&people);
    assert_eq!(state(&mut anonymizer, "archived"), ("an unknown value".to_owned(), false));
    assert_eq!(state(&mut anonymizer, "executing"), ("executing".to_owned(), false));
    assert_eq!(state(&mut anonymizer, "alice@example.org").0, "an unknown value");
    assert!(!anonymizer.may_show("a0b1c2d3e4f5"), "keys and tokens have many digits");
}

#[test]
fn paths_have_names_of_fields_and_no_parts_of_keys() {
    let mut anonymizer = Anonymizer::new(SERVER, &[]);
    let orders = json!([{ "a_new_field": 1, "limits": { "alice": 1 } }]);
    anonymizer.learn(&seen("/api/marketplace-orders/", &orders));
    for (path, shown) in [
        ("$[3].limits.cpu of Alice.state[3].a_new_field", "$[3].limits.*.state[3].a_new_field"),
        ("$[].limits.alice", "$[].limits.*"),
        ("$[].limits.alice.smith", "$[].limits.*.*"),
        ("$[].limits.bob[alice]", "$[].limits.*"),
        ("$[].state[1][2]", "$[].state[1][2]"),
    ] {
        assert_eq!(anonymizer.path(path), shown, "{path}");
    }
}

#[test]
fn values_of_personal_enums_are_not_kept() {
    assert!(
        is_kept_enum("$[0].state") && is_kept_enum("$.billing_type") && is_kept_enum("$.states.state[1]")
    );
    for path in ["$.nationality", "$[0].gender", "$.nationalities[0]", "$.statement", "$"] {
        assert!(!is_kept_enum(path), "{path}");
    }
}

#[test]
fn the_version_is_kept_and_pages_are_not() {
    let mut anonymizer = Anonymizer::new(SERVER, &[]);
    let version = seen("/api/version/", &json!({ "version": "8.0.5+r1", "host": "node1" }));
    assert_eq!(anonymizer.exchange("", &version).response.body, json!({ "version": "8.0.5+r1" }));
    let odd = seen("/api/version/", &json!({ "version": "8.0.5 of Alice" }));
    assert!(!serde_json::to_string(&anonymizer.exchange("", &odd)).unwrap().contains("Alice"));
    let mut page = seen("/api/version/", &Value::Null);
    page.body = "<p>Alice".into();
    assert_eq!(anonymizer.exchange("", &page).response.body, json!("replaced"));
    page.headers.insert("content-type", "text/html".parse().unwrap());
    assert_eq!(anonymizer.exchange("", &page).response.body, json!("<html></html>"));
}

#[test]
fn spellings_stay_of_their_form() {
    let mut anonymizer = Anonymizer::new(SERVER, &[]);
    for (text, replaced) in [
        ("0E-10", "0E-10"),
        ("1E+3", "1E+3"),
        ("-20.50", "-11.11"),
        ("2026-01-02T03:04:05", "2000-01-01T00:00:00"),
        ("2026-01-02T03:04:05-05:00", "2000-01-01T00:00:00+00:00"),
        ("true", "true"),
    ] {
        assert_eq!(anonymizer.text(text), replaced);
    }
    let nil = Uuid::nil().to_string();
    assert_eq!(anonymizer.text(&nil), nil);
    let first = anonymizer.text("a");
    assert_ne!(anonymizer.text("b"), first);
    assert_eq!(anonymizer.text("a"), first);
}

/// Returns values that hold details: names, addresses, accounts, numbers, times, and odd ones.
fn details() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[A-ZÄÖÜ][a-zäöü]{4,9} [A-Z][a-z]{4,9}",
        "[A-Z]{2}[a-z]{4,9}@[a-z]{4,9}[.]example",
        "https://[A-Z]{2}[a-z]{4,9}[.]example/[a-z]{4,9}",
        "[2-9]{3}[.][2-9]{2}",
        "20[23][3-9]-0[2-9]-1[2-9]T1[2-9]:2[3-9]:3[4-9](Z|[.]789456Z)?",
        "[2-9a-f]{32}",
        "[2-9]{5,9}",
        "(w_)?[2-9a-f]{40}",
    ];
    let leaf = prop_oneof![
        text.prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::Null),
        Just(Value::from("")),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let items = prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array);
        let fields = prop::collection::btree_map("[A-Z]{2}[a-z]{4,9}", inner, 0..3);
        prop_oneof![items, fields.prop_map(|fields| Value::Object(fields.into_iter().collect()))]
    })
}

/// Returns every text of a value, and every key that isn't a field.
fn words(value: &Value, fields: &[&str], found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| words(item, fields, found)),
        Value::Object(object) => {
            found.extend(object.keys().filter(|key| !fields.contains(&key.as_str())).cloned());
            object.values().for_each(|value| words(value, fields, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_row_is_read_alike_without_its_details(
        row in prop::collection::vec((any::<prop::sample::Index>(), details()), 1..12)
    ) {
        let fields = MODELS.iter().find(|model| model.name == "OrderDetails").unwrap().fields;
        let fields: Vec<&str> =
            fields.iter().copied().filter(|field| !is_kept_enum(&format!("$.{field}"))).collect();
        let row: Map<String, Value> =
            row.into_iter().map(|(field, value)| ((*field.get(&fields)).to_owned(), value)).collect();
        let body = Value::Array(vec![Value::Object(row)]);
        let seen = seen("/api/marketplace-orders/", &body);
        let replaced = Anonymizer::new(SERVER, &[]).exchange("", &seen);

        let mut original = replaced.clone();
        original.response.body = body.clone();
        let counts = |exchange| match replay(exchange, false) {
            Verdict::Ok { dropped, unknown } => (dropped.len(), unknown.len()),
            other => panic!("{other}"),
        };
        prop_assert_eq!(counts(&original), counts(&replaced));

        let mut details = Vec::new();
        words(&body, &fields, &mut details);
        let text = serde_json::to_string(&replaced).unwrap();
        for detail in details.iter().filter(|detail| !detail.is_empty()) {
            prop_assert!(!text.contains(detail.as_str()), "{} in {}", detail, text);
        }
    }
}
