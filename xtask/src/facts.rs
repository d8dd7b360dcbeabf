//! From the published schema to the pin: what the contract says stays, prose goes.
//!
//! The filter knows where in a document it stands, so a property that happens to be called `description` stays.
//! What may stay is listed; anything else is dropped and reported, so that text in a new place can't slip in.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::METHODS;

/// What was left out, by the key's name.
pub(crate) type Dropped = BTreeMap<String, usize>;

const PROSE: [&str; 5] = ["description", "summary", "example", "examples", "title"];
const DOCUMENT: [&str; 4] = ["openapi", "info", "paths", "components"];
const OPERATION: [&str; 8] = [
    "operationId",
    "tags",
    "parameters",
    "requestBody",
    "responses",
    "security",
    "deprecated",
    "x-permissions",
];
const PARAMETER: [&str; 11] = [
    "$ref",
    "name",
    "in",
    "required",
    "deprecated",
    "schema",
    "style",
    "explode",
    "content",
    "allowEmptyValue",
    "allowReserved",
];
const SCHEMA: [&str; 31] = [
    "$ref",
    "type",
    "format",
    "enum",
    "nullable",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "allOf",
    "oneOf",
    "anyOf",
    "not",
    "discriminator",
    "readOnly",
    "writeOnly",
    "deprecated",
    "default",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The facts of `document`, and what was dropped. With `keep_docs`, prose stays.
pub(crate) fn facts(document: &Value, keep_docs: bool) -> (Value, Dropped) {
    let mut filter = Filter { keep_docs, dropped: Dropped::new() };
    let facts = filter.document(document);
    (facts, filter.dropped)
}

struct Filter {
    keep_docs: bool,
    dropped: Dropped,
}

impl Filter {
    /// The keys of `value` that are in `allowed`, each passed through `f`.
    fn only(
        &mut self,
        value: &Value,
        allowed: &[&str],
        mut f: impl FnMut(&mut Self, &str, &Value) -> Value,
    ) -> Value {
        let Some(map) = value.as_object() else { return value.clone() };
        let mut kept = Map::new();
        for (key, inner) in map {
            if allowed.contains(&key.as_str()) {
                kept.insert(key.clone(), f(self, key, inner));
            } else if self.keep_docs && PROSE.contains(&key.as_str()) {
                kept.insert(key.clone(), inner.clone());
            } else {
                *self.dropped.entry(key.clone()).or_default() += 1;
            }
        }
        Value::Object(kept)
    }

    /// Every value of the map `value` (keys are names, not keywords), passed through `f`.
    fn each(&mut self, value: &Value, mut f: impl FnMut(&mut Self, &Value) -> Value) -> Value {
        match value.as_object() {
            Some(map) => map.iter().map(|(key, inner)| (key.clone(), f(self, inner))).collect(),
            None => value.clone(),
        }
    }

    fn list(&mut self, value: &Value, mut f: impl FnMut(&mut Self, &Value) -> Value) -> Value {
        match value.as_array() {
            Some(list) => list.iter().map(|inner| f(self, inner)).collect(),
            None => value.clone(),
        }
    }

    fn document(&mut self, value: &Value) -> Value {
        self.only(value, &DOCUMENT, |this, key, inner| match key {
            "info" => this.only(inner, &["version"], |_, _, version| version.clone()),
            "paths" => this.each(inner, Self::path_item),
            "components" => {
                let kinds =
                    ["schemas", "parameters", "headers", "responses", "requestBodies", "securitySchemes"];
                this.only(inner, &kinds, |this, kind, components| {
                    this.each(components, |this, component| match kind {
                        "schemas" => this.schema(component),
                        "parameters" => this.parameter(component),
                        "headers" => this.header(component),
                        "responses" => this.response(component),
                        "requestBodies" => this.body(component),
                        _ => {
                            let scheme = ["$ref", "type", "name", "in", "scheme", "bearerFormat", "flows"];
                            this.only(component, &scheme, |_, _, fact| fact.clone())
                        }
                    })
                })
            }
            _ => inner.clone(),
        })
    }

    fn path_item(&mut self, value: &Value) -> Value {
        let mut allowed = METHODS.to_vec();
        allowed.extend(["parameters", "$ref"]);
        self.only(value, &allowed, |this, key, inner| match key {
            "parameters" => this.parameters(inner),
            "$ref" => inner.clone(),
            _ => this.operation(inner),
        })
    }

    fn operation(&mut self, value: &Value) -> Value {
        self.only(value, &OPERATION, |this, key, inner| match key {
            "parameters" => this.parameters(inner),
            "requestBody" => this.body(inner),
            "responses" => this.each(inner, Self::response),
            "x-permissions" => this.list(inner, |this, permission| {
                this.only(permission, &["permission", "scopes"], |_, _, fact| fact.clone())
            }),
            _ => inner.clone(),
        })
    }

    /// Parameters have no order that means anything: sorted, a move upstream is no change here.
    fn parameters(&mut self, value: &Value) -> Value {
        let mut list = self.list(value, Self::parameter);
        if let Some(list) = list.as_array_mut() {
            list.sort_by_key(|parameter| {
                ["$ref", "in", "name"].map(|key| parameter[key].as_str().unwrap_or_default().to_owned())
            });
        }
        list
    }

    fn parameter(&mut self, value: &Value) -> Value {
        self.only(value, &PARAMETER, |this, key, inner| match key {
            "schema" => this.schema(inner),
            "content" => this.content(inner),
            _ => inner.clone(),
        })
    }

    fn header(&mut self, value: &Value) -> Value {
        self.only(value, &["$ref", "schema", "required"], |this, key, inner| match key {
            "schema" => this.schema(inner),
            _ => inner.clone(),
        })
    }

    fn body(&mut self, value: &Value) -> Value {
        self.only(value, &["$ref", "content", "required"], |this, key, inner| match key {
            "content" => this.content(inner),
            _ => inner.clone(),
        })
    }

    fn response(&mut self, value: &Value) -> Value {
        self.only(value, &["$ref", "content", "headers"], |this, key, inner| match key {
            "content" => this.content(inner),
            "headers" => this.each(inner, Self::header),
            _ => inner.clone(),
        })
    }

    fn content(&mut self, value: &Value) -> Value {
        self.each(value, |this, media| {
            this.only(media, &["schema", "encoding"], |this, key, inner| match key {
                "schema" => this.schema(inner),
                _ => inner.clone(),
            })
        })
    }

    fn schema(&mut self, value: &Value) -> Value {
        self.only(value, &SCHEMA, |this, key, inner| match key {
            "properties" => this.each(inner, Self::schema),
            "items" | "additionalProperties" | "not" => this.schema(inner),
            "allOf" | "oneOf" | "anyOf" => this.list(inner, Self::schema),
            // Names in no order that means anything, like parameters.
            "required" => {
                let mut names = inner.clone();
                if let Some(names) = names.as_array_mut() {
                    names.sort_by_key(|name| name.as_str().unwrap_or_default().to_owned());
                }
                names
            }
            _ => inner.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn prose_goes_and_properties_of_the_same_name_stay() {
        let document = json!({
            "openapi": "3.0.3",
            "info": {"title": "T", "version": "1", "description": "prose"},
            "tags": [{"name": "x", "description": "prose"}],
            "paths": {"/x/": {"get": {
                "operationId": "x", "summary": "prose", "x-new": "prose",
                "parameters": [
                    {"name": "b", "in": "query", "description": "prose", "schema": {"type": "string", "example": "prose"}},
                    {"name": "a", "in": "query", "schema": {"type": "string"}}],
                "x-permissions": [{"permission": "P", "scopes": null, "note": "prose"}],
                "responses": {"200": {"description": "prose", "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/X"}, "examples": {"e": {"value": "prose"}}}}}},
            }}},
            "components": {"schemas": {"X": {
                "type": "object", "description": "prose", "required": ["title", "description"],
                "properties": {"description": {"type": "string", "title": "prose"}, "title": {"type": "string"}},
            }}},
        });
        let (facts, dropped) = super::facts(&document, false);
        assert!(!facts.to_string().contains("prose"), "{facts}");
        let model = &facts["components"]["schemas"]["X"];
        assert_eq!(
            model["properties"],
            json!({"description": {"type": "string"}, "title": {"type": "string"}})
        );
        assert_eq!(model["required"], json!(["description", "title"]));
        assert_eq!(facts["paths"]["/x/"]["get"]["parameters"][0]["name"], "a");
        assert_eq!(dropped["x-new"], 1);
        let (kept, _) = super::facts(&document, true);
        assert_eq!(kept["paths"]["/x/"]["get"]["summary"], "prose");
        assert!(kept["paths"]["/x/"]["get"].get("x-new").is_none());
    }
}
