//! Whether two schemas make the same Rust type, but for the names of models.

use serde_json::{Map, Value};

use crate::document::ref_name;

/// Marks a model of the needs that is sent.
pub(super) const SENT: &str = "x-sent";

/// What of a schema or a parameter says nothing about its type.
const PROSE: [&str; 8] =
    ["description", "title", "summary", "example", "examples", "deprecated", "readOnly", "writeOnly"];

/// How one schema compares with another.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Likeness<'a> {
    /// They are the same.
    Same,
    /// They name other models in the same places: these pairs.
    Named(Vec<(&'a str, &'a str)>),
    /// They differ in more than names.
    Different,
}

/// Compares `one` with `other`.
pub(super) fn compare<'a>(one: &'a Value, other: &'a Value) -> Likeness<'a> {
    let mut pairs = Vec::new();
    if !walk(one, other, &mut pairs) {
        Likeness::Different
    } else if pairs.is_empty() {
        Likeness::Same
    } else {
        Likeness::Named(pairs)
    }
}

/// Adds the names that differ in the same places. Returns false where anything else differs.
fn walk<'a>(one: &'a Value, other: &'a Value, pairs: &mut Vec<(&'a str, &'a str)>) -> bool {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            if let (Some(a), Some(b)) = (ref_name(one), ref_name(other))
                && a != b
            {
                pairs.push((a, b));
            }
            telling(a).count() == telling(b).count()
                && telling(a).all(|(key, a)| {
                    b.get(key).is_some_and(|b| {
                        (key == "$ref" && ref_name(one).is_some() && ref_name(other).is_some())
                            || walk(a, b, pairs)
                    })
                })
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| walk(a, b, pairs))
        }
        _ => one == other,
    }
}

fn telling(map: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    map.iter().filter(|(key, _)| !PROSE.contains(&key.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Likeness::{Different, Named, Same};
    use super::compare;
    use crate::document::ref_to;

    #[test]
    fn names_of_models_are_told_from_other_differences() {
        let list = |inner: Value| json!({"type": "array", "items": inner});
        let text = json!({"type": "string"});
        let prose = json!({"type": "string", "description": "d", "readOnly": true});
        let nullable = |mut schema: Value| {
            schema["nullable"] = json!(true);
            schema
        };
        for (one, other, expected) in [
            (text.clone(), text.clone(), Same),
            (text.clone(), prose, Same),
            (text.clone(), json!({"type": "integer"}), Different),
            (text.clone(), list(text.clone()), Different),
            (ref_to("A"), text, Different),
            (list(ref_to("A")), list(ref_to("A")), Same),
            (list(ref_to("A")), list(ref_to("B")), Named(vec![("A", "B")])),
            (ref_to("A"), nullable(ref_to("B")), Different),
            (nullable(ref_to("A")), nullable(ref_to("B")), Named(vec![("A", "B")])),
            (json!({"allOf": [ref_to("A")]}), json!({"allOf": [ref_to("A"), ref_to("B")]}), Different),
        ] {
            assert_eq!(compare(&one, &other), expected, "{one} and {other}");
        }
    }
}
