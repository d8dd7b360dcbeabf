//! Filters take the enums of models, whatever a schema calls them: some versions declare the values of a
//! filter in place, which would make another type of each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::enums::values;
use crate::document::{
    content_schemas, each_operation, each_parameter, each_schema_in, ref_name, ref_to, schemas, travelling,
};

/// Gives each filter that is an enum of its own the enum of a model that has the same values. Where several
/// models' enums have them, it is the one in the field of the same name of the operation's answer; where that
/// tells nothing, the filter stays.
pub(super) fn of_models(document: &mut Value) -> usize {
    let models: BTreeSet<String> =
        [true, false].into_iter().flat_map(|body| travelling(document, body)).collect();
    let Some(all) = schemas(document) else { return 0 };
    let mut by_values: BTreeMap<Vec<&str>, Vec<&String>> = BTreeMap::new();
    let mut own: BTreeMap<&String, Vec<&str>> = BTreeMap::new();
    for (name, texts) in all.iter().filter_map(|(name, schema)| Some((name, texts(schema)?))) {
        if models.contains(name) {
            by_values.entry(texts).or_default().push(name);
        } else {
            own.insert(name, texts);
        }
    }
    let candidates: BTreeMap<String, Vec<String>> = own
        .into_iter()
        .filter_map(|(name, texts)| {
            Some((name.clone(), by_values.get(&texts)?.iter().map(|name| (*name).clone()).collect()))
        })
        .collect();
    let fields = fields_of_enums(all);
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        let mut answers = BTreeSet::new();
        for schema in content_schemas(operation, false) {
            each_schema_in(schema, &mut |schema| answers.extend(ref_name(schema).map(str::to_owned)));
        }
        each_parameter(operation, |parameter| {
            let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let Some(schema) = parameter.get_mut("schema") else { return };
            each_schema_in(schema, &mut |schema| {
                let Some(found) = ref_name(schema).and_then(|own| candidates.get(own)) else { return };
                let field = |candidate: &&String| {
                    answers.iter().any(|model| fields.get(&(model.clone(), name.clone())) == Some(*candidate))
                };
                let chosen = match found.as_slice() {
                    [only] => Some(only),
                    several => several.iter().find(field),
                };
                if let Some(chosen) = chosen {
                    schema["$ref"] = ref_to(chosen)["$ref"].clone();
                    times += 1;
                }
            });
        });
    });
    times
}

/// Returns the texts of an enum, sorted; "" is none of them.
fn texts(schema: &Value) -> Option<Vec<&str>> {
    let mut texts: Vec<&str> =
        values(schema)?.iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).collect();
    texts.sort_unstable();
    texts.dedup();
    Some(texts)
}

/// Returns the enum, or other component, in each field that has one: by model and property.
fn fields_of_enums(all: &serde_json::Map<String, Value>) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for (model, schema) in all {
        for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(name) = ref_name(schema).or_else(|| ref_name(&schema["items"])) {
                found.insert((model.clone(), property.clone()), name.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::document::ref_to;

    fn list(id: &str, filter: &str, parameter: &str, answer: &str) -> Value {
        let query =
            json!({"in": "query", "name": parameter, "schema": {"type": "array", "items": ref_to(filter)}});
        let schema = json!({"type": "array", "items": ref_to(answer)});
        json!({"get": {
            "operationId": id, "parameters": [query],
            "responses": {"2XX": {"content": {"application/json": {"schema": schema}}}},
        }})
    }

    #[test]
    fn a_filter_takes_the_enum_of_a_model_with_the_same_values() {
        let of = |texts: &[&str]| json!({"type": "string", "enum": texts});
        let mut document = json!({
            "paths": {
                "/orders/": list("orders_list", "OrdersListStateEnum", "state", "Order"),
                "/nodes/": list("nodes_list", "NodesListStateEnum", "state", "Node"),
                "/disks/": list("disks_list", "DisksListPhaseEnum", "phase", "Disk"),
                "/users/": list("users_list", "UsersListKindEnum", "kind", "User"),
                "/shared/": list("shared_list", "OrderState", "state", "Order"),
            },
            "components": {"schemas": {
                "Order": {"properties": {"state": ref_to("OrderState")}},
                "Node": {"properties": {"state": ref_to("NodeState")}},
                "Disk": {"properties": {"state": ref_to("DiskState")}},
                "User": {"properties": {"kind": ref_to("UserKind")}},
                "OrderState": of(&["done", "", "erred"]), "OrdersListStateEnum": of(&["erred", "done"]),
                "NodeState": of(&["up", "down"]), "DiskState": of(&["up", "down"]),
                "NodesListStateEnum": of(&["down", "up"]), "DisksListPhaseEnum": of(&["down", "up"]),
                "UserKind": of(&["a", "b"]), "UsersListKindEnum": of(&["a"]),
            }},
        });
        assert_eq!(super::of_models(&mut document), 2);
        let filter = |path: &str| document["paths"][path]["get"]["parameters"][0]["schema"]["items"].clone();
        assert_eq!(filter("/orders/"), ref_to("OrderState"), "of the same values in another order");
        assert_eq!(filter("/nodes/"), ref_to("NodeState"), "of two, the one in the answer's field");
        assert_eq!(filter("/disks/"), ref_to("DisksListPhaseEnum"), "of two, none in the answer's field");
        assert_eq!(filter("/users/"), ref_to("UsersListKindEnum"), "of other values");
        assert_eq!(filter("/shared/"), ref_to("OrderState"), "as it is");
    }
}
