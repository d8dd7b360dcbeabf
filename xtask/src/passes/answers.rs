//! Passes over the answers of operations.

use serde_json::{Map, Value, json};

use super::{is_type, rust_type};
use crate::document::each_operation;

const JSON: &str = "application/json";

fn responses(operation: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    operation.get_mut("responses").and_then(Value::as_object_mut)
}

fn is_success(code: &str) -> bool {
    code.starts_with('2')
}

/// How much an answer says: a JSON body over another body over none.
fn weight(response: &Value) -> u8 {
    match response.get("content").and_then(Value::as_object) {
        Some(content)
            if content.get(JSON).is_some_and(|media| media.get("schema").is_some_and(Value::is_object)) =>
        {
            2
        }
        Some(content) if content.keys().any(|kind| kind != JSON) => 1,
        _ => 0,
    }
}

/// Servers answer any 2xx, whatever the schema says; the generator panics on several that differ. The one with a body
/// stays (the one of the lowest code where several have one), and stands for all of them.
pub(super) fn one_success(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        let Some(responses) = responses(operation) else { return };
        // The default is what every other code answers.
        if !responses.keys().any(|code| is_success(code))
            && let Some(default) = responses.remove("default")
        {
            responses.insert("2XX".to_owned(), default);
        }
        let codes: Vec<String> = responses.keys().filter(|code| is_success(code)).cloned().collect();
        let mut successes: Vec<Value> = codes.iter().filter_map(|code| responses.remove(code)).collect();
        times += usize::from(successes.len() > 1);
        successes.reverse();
        let mut best = successes.into_iter().max_by_key(weight).unwrap_or_else(|| json!({}));
        if weight(&best) == 0
            && let Some(best) = best.as_object_mut()
        {
            best.remove("content");
        }
        responses.insert("2XX".to_owned(), best);
    });
    times
}

/// JSON is JSON, whatever its media type says beside that.
pub(super) fn one_name_for_json(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        let mut holders: Vec<&mut Value> = Vec::new();
        for (key, part) in operation.iter_mut() {
            match key.as_str() {
                "requestBody" => holders.push(part),
                "responses" => holders.extend(part.as_object_mut().into_iter().flat_map(Map::values_mut)),
                _ => {}
            }
        }
        for content in holders.into_iter().filter_map(|holder| holder.get_mut("content")?.as_object_mut()) {
            let is_json = |kind: &String| {
                let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
                kind == JSON || (kind.starts_with("application/") && kind.ends_with("+json"))
            };
            let named: Vec<String> =
                content.keys().filter(|kind| *kind != JSON && is_json(kind)).cloned().collect();
            for kind in named {
                if let Some(media) = content.remove(&kind) {
                    content.entry(JSON).or_insert(media);
                    times += 1;
                }
            }
        }
    });
    times
}

/// Every error arrives whole and is classified in one place, so no error body is declared. (Typed and empty errors
/// side by side make the generator panic.)
pub(super) fn strip_errors(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        if let Some(responses) = responses(operation) {
            let before = responses.len();
            responses.retain(|code, _| is_success(code));
            times += before - responses.len();
        }
    });
    times
}

/// An answer to HEAD has no body to decode; its headers stay.
pub(super) fn head_without_body(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, method, operation| {
        if method == "head" {
            for response in responses(operation).into_iter().flat_map(Map::values_mut) {
                times += usize::from(response.as_object_mut().is_some_and(|r| r.remove("content").is_some()));
            }
        }
    });
    times
}

/// A file is handed over as it comes: an answer that is declared as binary, or as anything but JSON.
pub(super) fn files_are_raw(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        for response in responses(operation).into_iter().flat_map(Map::values_mut) {
            let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) else { continue };
            let raw = match content.get(JSON).and_then(|media| media.get("schema")) {
                Some(schema) => schema["format"].as_str() == Some("binary"),
                None => !content.is_empty(),
            };
            if raw {
                let kind = content.keys().find(|kind| *kind != JSON).cloned();
                content.clear();
                content.insert(kind.unwrap_or_else(|| "application/octet-stream".to_owned()), json!({}));
                times += 1;
            } else {
                content.retain(|kind, _| kind == JSON);
            }
        }
    });
    times
}

/// A call that changes state and got a 2xx has happened, whatever its body is: the body becomes optional.
pub(super) fn optional_after_change(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, method, operation| {
        if matches!(method, "get" | "head" | "options") {
            return;
        }
        let schema = responses(operation).and_then(|responses| {
            responses.get_mut("2XX")?.get_mut("content")?.get_mut(JSON)?.get_mut("schema")
        });
        if let Some(schema) = schema {
            // A bare object has no type of its own that a parameter could name.
            let inner = if is_type(schema, "object") && schema.get("properties").is_none() {
                super::types::any()
            } else {
                schema.clone()
            };
            *schema = rust_type("std", "std::option::Option", vec![inner]);
            times += 1;
        }
    });
    times
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn with_responses(method: &str, responses: Value) -> Value {
        json!({"paths": {"/x/": {method: {"operationId": "x", "responses": responses}}}})
    }

    fn typed(name: &str) -> Value {
        json!({"content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}}})
    }

    #[test]
    fn the_success_with_a_body_stands_for_all() {
        for (answers, expected, times) in [
            (json!({"200": typed("A"), "204": {}}), typed("A"), 1),
            (json!({"200": {}, "201": typed("A")}), typed("A"), 1),
            (json!({"200": typed("A"), "201": typed("B")}), typed("A"), 1),
            (json!({"200": {}, "202": {}}), json!({}), 1),
            (json!({"200": {"content": {"application/json": {"schema": null}}}}), json!({}), 0),
            (json!({"404": {}}), json!({}), 0),
            (json!({"404": {}, "default": typed("A")}), typed("A"), 0),
            (json!({"204": {}, "default": typed("A")}), json!({}), 0),
        ] {
            let mut document = with_responses("post", answers);
            assert_eq!(super::one_success(&mut document), times);
            super::strip_errors(&mut document);
            assert_eq!(document["paths"]["/x/"]["post"]["responses"], json!({"2XX": expected}));
        }
    }

    #[test]
    fn json_by_any_name_is_json() {
        let schema = json!({"schema": {"type": "object"}});
        let mut document = with_responses(
            "post",
            json!({"200": {"content": {"application/json; charset=utf-8": schema, "text/csv": {}}}}),
        );
        document["paths"]["/x/"]["post"]["requestBody"] =
            json!({"content": {"application/merge-patch+json": schema}});
        assert_eq!(super::one_name_for_json(&mut document), 2);
        let operation = &document["paths"]["/x/"]["post"];
        assert_eq!(operation["requestBody"]["content"], json!({"application/json": schema}));
        assert_eq!(
            operation["responses"]["200"]["content"],
            json!({"application/json": schema, "text/csv": {}})
        );
    }

    #[test]
    fn errors_are_stripped() {
        let mut document =
            with_responses("get", json!({"2XX": {}, "400": typed("E"), "409": {}, "default": {}}));
        assert_eq!(super::strip_errors(&mut document), 3);
        assert_eq!(document["paths"]["/x/"]["get"]["responses"], json!({"2XX": {}}));
    }

    #[test]
    fn head_keeps_its_headers_only() {
        let mut response = typed("A");
        response["headers"] = json!({"x-result-count": {}});
        let mut document = with_responses("head", json!({"2XX": response}));
        assert_eq!(super::head_without_body(&mut document), 1);
        assert_eq!(
            document["paths"]["/x/"]["head"]["responses"]["2XX"],
            json!({"headers": {"x-result-count": {}}})
        );
    }

    #[test]
    fn files_become_raw() {
        let binary = json!({"2XX": {"content": {"application/json": {"schema": {"type": "string", "format": "binary"}}}}});
        let mut document = with_responses("get", binary);
        assert_eq!(super::files_are_raw(&mut document), 1);
        assert_eq!(
            document["paths"]["/x/"]["get"]["responses"]["2XX"]["content"],
            json!({"application/octet-stream": {}})
        );
    }

    #[test]
    fn answers_to_changes_are_optional_and_to_reads_are_not() {
        let mut document = with_responses("post", json!({"2XX": typed("A")}));
        assert_eq!(super::optional_after_change(&mut document), 1);
        let schema =
            &document["paths"]["/x/"]["post"]["responses"]["2XX"]["content"]["application/json"]["schema"];
        assert_eq!(schema["x-rust-type"]["path"], "std::option::Option");
        assert_eq!(super::optional_after_change(&mut with_responses("get", json!({"2XX": typed("A")}))), 0);
    }
}
