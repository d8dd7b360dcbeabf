//! The form in which schemas are committed: keys sorted, one operation or component a line, so that the difference
//! between two versions is the difference of the contract.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// Writes `document` with one operation, one component and one other top-level value a line.
pub(crate) fn to_string(document: &Value) -> String {
    let mut out = String::new();
    write_levels(&mut out, document, &mut Vec::new());
    out.push('\n');
    out
}

/// How far an object is opened, by where it stands: `paths` to the operations, `components` to each component.
fn is_opened(at: &[&str]) -> bool {
    match at {
        [] => true,
        [top] => matches!(*top, "paths" | "components"),
        [top, _] => matches!(*top, "paths" | "components"),
        _ => false,
    }
}

fn write_levels<'a>(out: &mut String, value: &'a Value, at: &mut Vec<&'a str>) {
    match value.as_object() {
        Some(map) if is_opened(at) && !map.is_empty() => {
            out.push_str("{\n");
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            let last = sorted.len() - 1;
            for (index, (key, inner)) in sorted.into_iter().enumerate() {
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                at.push(key);
                write_levels(out, inner, at);
                at.pop();
                out.push_str(if index == last { "\n" } else { ",\n" });
            }
            out.push('}');
        }
        _ => write_line(out, value),
    }
}

/// Writes `value` without line breaks, with the keys of every object sorted.
fn write_line(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            out.push('{');
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            for (index, (key, inner)) in sorted.into_iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let _ = write!(out, "{comma}{}:", Value::from(key.as_str()));
                write_line(out, inner);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (index, inner) in list.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_line(out, inner);
            }
            out.push(']');
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn operations_and_components_take_a_line_each() {
        let document = json!({
            "paths": {"/b/": {"post": {"z": 1, "a": {"y": 1, "b": [1, {"d": 1, "c": 2}]}}, "get": {}}, "/a/": {}},
            "components": {"schemas": {"B": {"type": "object"}, "A": {}}},
            "info": {"version": "1"},
        });
        let expected = "{\n\"components\":{\n\"schemas\":{\n\"A\":{},\n\"B\":{\"type\":\"object\"}\n}\n},\n\
                        \"info\":{\"version\":\"1\"},\n\
                        \"paths\":{\n\"/a/\":{},\n\"/b/\":{\n\"get\":{},\n\
                        \"post\":{\"a\":{\"b\":[1,{\"c\":2,\"d\":1}],\"y\":1},\"z\":1}\n}\n}\n}\n";
        let written = super::to_string(&document);
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), document);
    }
}
