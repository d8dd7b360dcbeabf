//! The permissions that operations need, in words.

use serde_json::Value;

/// Returns a sentence for each permission that `operation` declares.
pub fn permissions(operation: &Value) -> Vec<String> {
    let all = operation["x-permissions"].as_array().into_iter().flatten();
    all.map(|permission| {
        let name = permission["permission"].as_str().unwrap_or_default();
        let scopes = permission["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let scopes: Vec<String> = scopes.map(scope).collect();
        if scopes.is_empty() {
            format!("Needs the permission `{name}`.")
        } else {
            format!("Needs the permission `{name}` on {}.", alternatives(&scopes))
        }
    })
    .collect()
}

/// Returns the scope of a permission in words. It is a path of relations from the object of the request.
fn scope(path: &str) -> String {
    if path == "*" {
        return "the object itself".to_owned();
    }
    let mut relations = path.split('.');
    let first = format!("the object's `{}`", relations.next().unwrap_or_default());
    relations.fold(first, |owner, relation| format!("the `{relation}` of {owner}"))
}

/// Joins `texts` as alternatives: "a", "a or b", "a, b or c".
pub(crate) fn alternatives(texts: &[String]) -> String {
    match texts {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn scopes_are_named_from_the_object_on() {
        let scopes = json!(["offering", "offering.customer", "resource.offering.customer"]);
        let operation = json!({"x-permissions": [{"permission": "X", "scopes": scopes}, {"permission": "Y", "scopes": null}]});
        assert_eq!(
            super::permissions(&operation),
            [
                "Needs the permission `X` on the object's `offering`, the `customer` of the object's `offering` or \
                 the `customer` of the `offering` of the object's `resource`.",
                "Needs the permission `Y`.",
            ]
        );
        assert!(super::permissions(&json!({})).is_empty());
    }
}
