//! The kinds of our answers beside those of a real server, where its recordings are at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use waldur_sandbox::{Actor, OrderState, Sandbox};

use crate::client::{get, hex, order_in};

/// Recordings lie beside the workspace; they are no part of it.
const RECORDINGS: &str = "../../../shared/recordings/mastermind.jsonl";

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The kinds that each key was seen with in successful answers of one sort.
fn kinds(values: &[Value]) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut kinds = BTreeMap::<_, BTreeSet<_>>::new();
    for (key, value) in values.iter().filter_map(Value::as_object).flatten() {
        kinds.entry(key.clone()).or_default().insert(kind(value));
    }
    kinds
}

/// The objects in recorded answers of a collection, whole ones only.
fn recorded(lines: &[Value], actor: &str, collection: &str, single: bool) -> Vec<Value> {
    let start = format!("/api/{collection}/");
    lines
        .iter()
        .filter(|line| line["actor"] == actor && line["request"]["method"] == "GET")
        .filter(|line| line["response"]["status"] == 200)
        .filter_map(|line| {
            let (path, query) = {
                let path = line["request"]["path"].as_str()?;
                path.split_once('?').unwrap_or((path, ""))
            };
            let rest = path.strip_prefix(&start)?;
            let body = &line["response"]["body"];
            let one = rest.len() == 33 && body.is_object();
            if query.contains("field=") && !query.contains(',') && !query.contains("bogus") || one != single {
                return None;
            }
            match body {
                Value::Object(_) if one => Some(vec![body.clone()]),
                Value::Array(items) if rest.is_empty() => Some(items.clone()),
                _ => None,
            }
        })
        .flatten()
        .collect()
}

#[tokio::test]
async fn keys_and_kinds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDINGS);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no recordings to compare with");
        return;
    };
    // A recorded request has NaN in its body, which is no JSON.
    let lines: Vec<Value> = text
        .lines()
        .filter(|line| !line.contains("NaN"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let order = order_in(&sandbox, OrderState::Executing, None);
    let mut wrong = Vec::new();
    for (actor, who, collection, uuid) in [
        ("provider", Actor::Provider, "marketplace-orders", None),
        ("staff", Actor::Staff, "marketplace-orders", Some(order.uuid)),
        ("provider", Actor::Provider, "marketplace-provider-resources", None),
        ("provider", Actor::Provider, "marketplace-provider-resources", Some(order.resource)),
        ("provider", Actor::Provider, "marketplace-provider-offerings", Some(ids.offerings.slurm)),
        ("provider", Actor::Provider, "marketplace-public-offerings", Some(ids.offerings.slurm)),
        ("provider", Actor::Provider, "marketplace-public-offerings", None),
        ("provider", Actor::Provider, "marketplace-component-usages", None),
        ("provider", Actor::Provider, "marketplace-plan-components", None),
        ("provider", Actor::Provider, "marketplace-offering-users", None),
        ("provider", Actor::Provider, "marketplace-service-providers", None),
        ("provider", Actor::Provider, "marketplace-service-providers", Some(ids.service_provider)),
        ("provider", Actor::Provider, "keys", None),
        ("staff", Actor::Staff, "keys", None),
        ("consumer", Actor::Consumer, "projects", Some(ids.project)),
        ("provider", Actor::Provider, "customers", Some(ids.provider_customer)),
        ("provider", Actor::Provider, "users", None),
    ] {
        let real = recorded(&lines, actor, collection, uuid.is_some());
        assert!(!real.is_empty(), "nothing recorded of {collection} as {actor}");
        let ours = match uuid {
            Some(uuid) => vec![get(&sandbox, who, &format!("{collection}/{}/", hex(uuid))).await.json()],
            None => get(&sandbox, who, &format!("{collection}/?page_size=300")).await.items(),
        };
        let ours = kinds(&ours);
        for (key, theirs) in kinds(&real) {
            match ours.get(&key) {
                None => wrong.push(format!("{collection} as {actor}: {key} is missing")),
                // Null stands for nothing on both sides.
                Some(kinds) => {
                    let extra: Vec<_> =
                        kinds.iter().filter(|kind| **kind != "null" && !theirs.contains(*kind)).collect();
                    let only_null = theirs.len() == 1 && theirs.contains("null");
                    if !extra.is_empty() && !only_null {
                        wrong.push(format!("{collection} as {actor}: {key} is {extra:?}, not {theirs:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
