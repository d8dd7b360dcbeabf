//! Passes over the types of values.

use serde_json::{Value, json};

use super::{is_type, own_type, rust_type};
use crate::document::{each_schema, each_schema_in, schemas_mut, travelling};

/// Any JSON value.
pub(super) fn any() -> Value {
    rust_type("serde_json", "serde_json::Value", vec![])
}

/// `allOf` and `oneOf` of a single part only carry notes beside it (OpenAPI 3.0 allows none on a reference).
pub(super) fn unwrap_single_parts(document: &mut Value) -> usize {
    let mut times = 0;
    each_schema(document, |schema| {
        for key in ["allOf", "oneOf", "anyOf"] {
            let single = match schema.get(key).and_then(Value::as_array).map(Vec::as_slice) {
                Some([single]) => single.clone(),
                _ => continue,
            };
            *schema = super::enums::keep_nullable(schema, single);
            times += 1;
        }
    });
    times
}

/// An address of either version, and its like: alternatives that are all text are text.
pub(super) fn fold_texts(document: &mut Value) -> usize {
    let mut times = 0;
    each_schema(document, |schema| {
        for key in ["oneOf", "anyOf"] {
            let texts = schema.get(key).and_then(Value::as_array).is_some_and(|parts| {
                !parts.is_empty()
                    && parts.iter().all(|part| is_type(part, "string") && part.get("enum").is_none())
            });
            if texts {
                let nullable = schema.get("nullable").cloned();
                *schema = json!({"type": "string"});
                if let Some(nullable) = nullable {
                    schema["nullable"] = nullable;
                }
                times += 1;
            }
        }
    });
    times
}

/// Alternatives of any other sort: which one holds can't be told from the value alone, so any JSON.
pub(super) fn alternatives_are_any(document: &mut Value) -> usize {
    let mut times = 0;
    each_schema(document, |schema| {
        if ["allOf", "oneOf", "anyOf"].iter().any(|key| schema.get(key).is_some()) {
            *schema = super::enums::keep_nullable(schema, any());
            times += 1;
        }
    });
    times
}

/// Sends the numbers of maps as JSON numbers, not as texts: a server may store such a map as it is.
pub(super) fn maps_of_numbers(document: &mut Value) -> usize {
    let sent = travelling(document, true);
    let mut times = 0;
    for (_, model) in schemas_mut(document).into_iter().flatten().filter(|(name, _)| sent.contains(*name)) {
        each_schema_in(model, &mut |schema| {
            if let Some(inner) = schema.get_mut("additionalProperties").filter(|one| is_type(one, "number")) {
                *inner = super::enums::keep_nullable(inner, own_type("Number", vec![]));
                times += 1;
            }
        });
    }
    times
}

/// All numbers that aren't integers, whichever way they travel: one exact type.
pub(super) fn decimals(document: &mut Value) -> usize {
    let mut times = 0;
    each_schema(document, |schema| {
        let decimal = is_type(schema, "number")
            || (is_type(schema, "string") && schema["format"].as_str() == Some("decimal"));
        if decimal && schema.get("enum").is_none() {
            let nullable = schema.get("nullable").cloned();
            *schema = own_type("Decimal", vec![]);
            if let Some(nullable) = nullable {
                schema["nullable"] = nullable;
            }
            times += 1;
        }
    });
    times
}

/// Formats whose Rust types would refuse "" or what servers really send. Of text, `uuid`, `date` and `date-time`
/// stay; integers have one width.
pub(super) fn lenient_formats(document: &mut Value) -> usize {
    let mut times = 0;
    each_schema(document, |schema| {
        let keep = is_type(schema, "string")
            && matches!(schema["format"].as_str(), Some("uuid" | "date" | "date-time"));
        if !keep {
            times +=
                usize::from(schema.as_object_mut().is_some_and(|schema| schema.remove("format").is_some()));
        }
    });
    times
}

/// Constraints make a type of its own of each field, which then rejects answers. The pin keeps them.
pub(super) fn drop_constraints(document: &mut Value) -> usize {
    const CONSTRAINTS: [&str; 14] = [
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "discriminator",
    ];
    let mut times = 0;
    each_schema(document, |schema| {
        if let Some(schema) = schema.as_object_mut() {
            let before = schema.len();
            // Which way a property travels is known from the model that holds it.
            schema.retain(|key, _| {
                !CONSTRAINTS.contains(&key.as_str()) && key != "readOnly" && key != "writeOnly"
            });
            times += before - schema.len();
        }
    });
    times
}

/// A default in a request would always be sent, and overwrite what the server holds.
pub(super) fn drop_defaults(document: &mut Value) -> usize {
    let mut times = 0;
    each_schema(document, |schema| {
        times += usize::from(schema.as_object_mut().is_some_and(|schema| schema.remove("default").is_some()));
    });
    times
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn property(schema: Value) -> Value {
        json!({"components": {"schemas": {"X": {"type": "object", "properties": {"a": schema}}}}})
    }

    fn after(pass: fn(&mut Value) -> usize, schema: Value) -> (usize, Value) {
        let mut document = property(schema);
        let times = pass(&mut document);
        (times, document["components"]["schemas"]["X"]["properties"]["a"].take())
    }

    #[test]
    fn a_single_part_is_the_whole() {
        for part in [json!({"$ref": "#/r"}), json!({"type": "integer"})] {
            let mut whole = part.clone();
            whole["nullable"] = json!(true);
            let (times, schema) =
                after(super::unwrap_single_parts, json!({"allOf": [part], "nullable": true, "minimum": 1}));
            assert_eq!((times, schema), (1, whole));
        }
    }

    #[test]
    fn either_address_is_text() {
        let either =
            json!({"oneOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]});
        assert_eq!(after(super::fold_texts, either), (1, json!({"type": "string"})));
    }

    #[test]
    fn alternatives_between_models_are_any_json() {
        let either = json!({"oneOf": [{"$ref": "#/a"}, {"$ref": "#/b"}], "nullable": true});
        let (times, schema) = after(super::alternatives_are_any, either);
        assert_eq!((times, &schema["x-rust-type"]["path"]), (1, &json!("serde_json::Value")));
        assert_eq!(schema["nullable"], true);
    }

    #[test]
    fn numbers_and_decimal_texts_are_one_exact_type() {
        for schema in
            [json!({"type": "number", "format": "double"}), json!({"type": "string", "format": "decimal"})]
        {
            let (times, schema) = after(super::decimals, schema);
            assert_eq!((times, &schema["x-rust-type"]["path"]), (1, &json!("waldur_api_client::Decimal")));
        }
        assert_eq!(after(super::decimals, json!({"type": "integer"})).0, 0);
    }

    #[test]
    fn maps_of_numbers_that_are_sent_are_numbers() {
        let map = json!({"type": "object", "additionalProperties": {"type": "number", "minimum": 0}});
        let model = json!({"type": "object", "properties": {"limits": map, "price": {"type": "number"}}});
        let r = |name: &str| json!({"content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}}});
        let mut document = json!({
            "paths": {"/x/": {"post": {"requestBody": r("Sent"), "responses": {"2XX": r("Received")}}}},
            "components": {"schemas": {"Sent": model, "Received": model}},
        });
        assert_eq!(super::maps_of_numbers(&mut document), 1);
        assert_eq!(super::decimals(&mut document), 3);
        let path = |model: &str| {
            let map = &document["components"]["schemas"][model]["properties"]["limits"];
            map["additionalProperties"]["x-rust-type"]["path"].clone()
        };
        assert_eq!(path("Sent"), "waldur_api_client::Number");
        assert_eq!(path("Received"), "waldur_api_client::Decimal");
    }

    #[test]
    fn formats_that_refuse_blank_text_go_and_the_others_stay() {
        for format in ["uri", "email", "ipv4", "binary", "ip"] {
            let schema = json!({"type": "string", "format": format});
            assert_eq!(after(super::lenient_formats, schema), (1, json!({"type": "string"})));
        }
        for format in ["uuid", "date", "date-time"] {
            let schema = json!({"type": "string", "format": format});
            assert_eq!(after(super::lenient_formats, schema.clone()), (0, schema));
        }
    }

    #[test]
    fn constraints_and_defaults_go() {
        let schema =
            json!({"type": "string", "maxLength": 3, "pattern": "x", "readOnly": true, "default": "x"});
        let (times, schema) = after(super::drop_constraints, schema);
        assert_eq!((times, &schema), (3, &json!({"type": "string", "default": "x"})));
        assert_eq!(after(super::drop_defaults, schema), (1, json!({"type": "string"})));
    }
}
