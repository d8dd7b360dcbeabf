//! Requests and responses keep the fields that their models don't name, wherever the schema allows such
//! fields.
//!
//! The tests generate a value of every body and response, by the published schema and by the normalised one,
//! and pass it through its type.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use waldur_api_client::exchanges::{ALL, Answer, Exchange, MODELS, ReadAnswer, WriteBody};
use waldur_contract::meaning;

/// The prefix of fields that the schema doesn't have.
const MORE: &str = "x_";

static DOCUMENTS: LazyLock<[Value; 2]> = LazyLock::new(|| {
    ["openapi/waldur.json", "waldur-api-client/schema/waldur.json"].map(|file| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    })
});

/// Generates values of schemas. Wherever any JSON is allowed, they have the fields `more`.
struct Sampler<'a> {
    document: &'a Value,
    more: &'a Map<String, Value>,
    /// How often `more` was used.
    times: usize,
}

impl<'a> Sampler<'a> {
    fn more(&mut self) -> Value {
        self.times += 1;
        Value::Object(self.more.clone())
    }

    /// Generates a value of `schema`, or `None` if it would be infinite.
    fn value(&mut self, schema: &'a Value, within: &mut Vec<&'a str>) -> Option<Value> {
        if let Some(reference) = schema["$ref"].as_str() {
            if within.contains(&reference) {
                return None;
            }
            within.push(reference);
            let value = self.value(self.document.pointer(reference.strip_prefix('#')?)?, within);
            within.pop();
            return value;
        }
        if let Some(path) = schema.pointer("/x-rust-type/path").and_then(Value::as_str) {
            let parameter = &schema["x-rust-type"]["parameters"][0];
            return Some(match path.rsplit("::").next()? {
                "Value" => self.more(),
                "Decimal" => json!("1.5"),
                "Number" => json!(1.5),
                "NumberOrText" => json!(7),
                "Option" | "Nullable" => self.value(parameter, within)?,
                "Vec" => self.value(parameter, within).into_iter().collect(),
                // An enum.
                _ => json!("a text of its own"),
            });
        }
        if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
            return Some(first.clone());
        }
        let parts = ["allOf", "oneOf", "anyOf"].map(|key| schema[key].as_array());
        if let [Some(parts), ..] = parts {
            let values: Vec<Value> = parts.iter().filter_map(|part| self.value(part, within)).collect();
            if values.iter().all(Value::is_object) {
                let fields = values.into_iter().filter_map(|value| value.as_object().cloned());
                return Some(Value::Object(fields.flatten().collect()));
            }
            return values.into_iter().next();
        }
        if let Some(first) = parts.into_iter().flatten().flatten().next() {
            return self.value(first, within);
        }
        match schema["type"].as_str() {
            Some("array") => Some(self.value(&schema["items"], within).into_iter().collect()),
            Some("integer") => Some(json!(7)),
            Some("number") => Some(json!(1.5)),
            Some("boolean") => Some(json!(true)),
            Some("string") => Some(match schema["format"].as_str() {
                Some("uuid") => json!("69846d71999058d5a659c45402fb0ffb"),
                Some("date") => json!("2026-01-02"),
                Some("date-time") => json!("2026-01-02T03:04:05Z"),
                Some("decimal") => json!("1.50"),
                _ => json!("a text"),
            }),
            _ if schema["properties"].is_object() || schema["additionalProperties"].is_object() => {
                self.object(schema, within)
            }
            _ => Some(self.more()),
        }
    }

    fn object(&mut self, schema: &'a Value, within: &mut Vec<&'a str>) -> Option<Value> {
        let mut object = Map::new();
        let properties = schema["properties"].as_object();
        for (name, property) in properties.into_iter().flatten() {
            if let Some(value) = self.value(property, within) {
                object.insert(name.clone(), value);
            }
        }
        let additional = &schema["additionalProperties"];
        let is_typed = properties.is_none() && additional.as_object().is_some_and(|inner| !inner.is_empty());
        if is_typed {
            for name in ["a", "b c"] {
                object.insert(name.to_owned(), self.value(additional, within)?);
            }
        } else if *additional == true || additional.is_object() || schema["x-additional"] == true {
            self.times += 1;
            object.extend(self.more.clone());
        }
        Some(Value::Object(object))
    }
}

/// Collects the paths of the fields beginning with [`MORE`] that `kept` doesn't have exactly as `sent` has
/// them.
fn changed(sent: &Value, kept: &Value, path: &str, found: &mut Vec<String>) {
    match (sent, kept) {
        (Value::Object(sent), kept) => {
            for (name, value) in sent {
                let path = format!("{path}.{name}");
                if !name.starts_with(MORE) {
                    changed(value, &kept[name], &path, found);
                } else if kept.get(name) != Some(value) {
                    found.push(path);
                }
            }
        }
        (Value::Array(sent), kept) => {
            for (index, value) in sent.iter().enumerate() {
                changed(value, &kept[index], &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

fn schema_of_body<'a>(document: &'a Value, exchange: &Exchange) -> Option<&'a Value> {
    operation(document, exchange)["requestBody"]["content"]["application/json"].get("schema")
}

fn schema_of_answer<'a>(document: &'a Value, exchange: &Exchange) -> Option<&'a Value> {
    let answers = operation(document, exchange)["responses"].as_object()?;
    let mut successes = answers.iter().filter(|(status, _)| status.starts_with('2'));
    successes.find_map(|(_, answer)| answer["content"]["application/json"].get("schema"))
}

fn operation<'a>(document: &'a Value, exchange: &Exchange) -> &'a Value {
    &document["paths"][exchange.operation.path][exchange.operation.method.to_lowercase()]
}

/// Passes a body through its type. Returns how many places of it may hold any JSON.
fn writes(document: &Value, exchange: &Exchange, write: WriteBody, more: &Map<String, Value>) -> usize {
    let Some(schema) = schema_of_body(document, exchange) else { return 0 };
    let mut sampler = Sampler { document, more, times: 0 };
    let Some(body) = sampler.value(schema, &mut Vec::new()) else { return 0 };
    let id = exchange.operation.id;
    let written = match write(&body) {
        Ok(written) => written,
        Err(error) => panic!("{id}: {error} in {body}"),
    };
    let mut wrong = meaning::lost(&body, &written.value);
    changed(&body, &written.value, "$", &mut wrong);
    assert!(wrong.is_empty() && written.unknown.is_empty(), "{id}: {wrong:?}, {:?}", written.unknown);
    sampler.times
}

/// Passes a response through its type. Returns how many places of it may hold any JSON.
fn reads(document: &Value, exchange: &Exchange, read: ReadAnswer, more: &Map<String, Value>) -> usize {
    let Some(schema) = schema_of_answer(document, exchange) else { return 0 };
    let mut sampler = Sampler { document, more, times: 0 };
    let Some(answer) = sampler.value(schema, &mut Vec::new()) else { return 0 };
    let id = exchange.operation.id;
    let reading = read(answer.to_string().as_bytes()).unwrap();
    let mut wrong = meaning::lost(&answer, &reading.value);
    changed(&answer, &reading.value, "$", &mut wrong);
    wrong.extend(reading.mismatches.iter().map(ToString::to_string));
    assert!(wrong.is_empty() && reading.unknown.is_empty(), "{id}: {wrong:?}, {:?}", reading.unknown);
    sampler.times
}

/// Passes the body and the response of an operation through their types. Returns how many places may hold any
/// JSON.
fn comes_through(document: &Value, exchange: &Exchange, more: &Map<String, Value>) -> (usize, usize) {
    let body = exchange.body.map_or(0, |write| writes(document, exchange, write, more));
    let answer = match exchange.answer {
        Answer::Json(read) | Answer::Optional(read) => reads(document, exchange, read, more),
        Answer::Empty | Answer::Raw => 0,
    };
    (body, answer)
}

#[test]
fn no_field_of_any_body_or_response_is_lost() {
    let more = json!({
        "x_text": "a", "x_blank": "", "x_null": null, "x_list": [], "x_object": {}, "x_number": -1.5,
        "x_big": u64::MAX, "x_deep": {"a": [1, {"b": null, "": [null]}, "c"], "uuid": true}, "x_ü \"": false,
    });
    for document in &*DOCUMENTS {
        let (mut bodies, mut answers) = (0, 0);
        for exchange in ALL {
            let (body, answer) = comes_through(document, exchange, more.as_object().unwrap());
            bodies += body;
            answers += answer;
        }
        assert!(bodies > 0 && answers > 0, "{bodies} in bodies, {answers} in answers");
    }
}

#[test]
fn an_odd_value_in_a_field_keeps_unnamed_fields() {
    let schemas = DOCUMENTS[1]["components"]["schemas"].as_object().unwrap();
    for model in MODELS {
        // A type writes the abbreviations of its name in another case than the schema.
        let schema = schemas.iter().find(|(name, _)| name.eq_ignore_ascii_case(model.name)).unwrap().1;
        let additional = &schema["additionalProperties"];
        let is_open = *additional == true || additional.is_object() || schema["x-additional"] == true;
        assert_eq!(model.keeps_additional, is_open, "{}", model.name);
    }
    for model in MODELS.iter().filter(|model| model.keeps_additional) {
        for field in model.fields {
            let odd = json!({"x_first": [1], *field: {"a": [{}]}, "x_last": null});
            let kept = (model.read)(odd.to_string().as_bytes()).unwrap().value;
            let what = format!("{}.{field}: {kept}", model.name);
            assert_eq!((&kept["x_first"], kept.get("x_last")), (&json!([1]), Some(&Value::Null)), "{what}");
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
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The operations whose body or response may hold any JSON.
static FREE: LazyLock<Vec<&Exchange>> = LazyLock::new(|| {
    let is_free = |exchange: &&Exchange| {
        DOCUMENTS.iter().any(|document| comes_through(document, exchange, &Map::new()) != (0, 0))
    };
    ALL.iter().filter(is_free).collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_kept_where_the_schema_allows_it(
        exchange in 0..FREE.len(),
        fields in prop::collection::vec(("x_.{0,6}", any_json()), 1..5),
    ) {
        let more: Map<String, Value> = fields.into_iter().collect();
        for document in &*DOCUMENTS {
            comes_through(document, FREE[exchange], &more);
        }
    }
}
