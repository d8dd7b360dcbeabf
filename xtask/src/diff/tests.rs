//! What is found between two schemas.

use serde_json::json;

#[test]
fn each_kind_of_change_is_found_and_breaking_comes_first() {
    let old = json!({
        "info": {"version": "1"},
        "paths": {
            "/a/": {"get": {"operationId": "a", "parameters": [
                {"name": "gone", "in": "query"}, {"name": "q", "in": "query", "schema": {"type": "string"}},
                {"name": "same", "in": "query", "style": "form", "explode": true, "required": false, "schema": {"type": "array", "items": {"enum": ["one", "two"]}}},
                {"name": "e", "in": "query", "schema": {"enum": ["x", "y"]}}, {"name": "way", "in": "query", "schema": {"type": "array"}}],
                "requestBody": {"required": false, "content": {"application/json": {"schema": {"type": "string", "format": "uri"}}}},
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/M"}}}}, "400": {}}}},
            "/b/": {"get": {"operationId": "b"}},
        },
        "components": {"schemas": {
            "M": {"type": "object", "properties": {"x": {"type": "string"}, "y": {"type": "integer"}, "l": {"type": "string", "maxLength": 3}, "r": {"type": "string", "nullable": true}}},
            "E": {"enum": ["one", "two"]}, "Gone": {}, "Same": {"enum": ["two", "one"]},
        }},
    });
    let new = json!({
        "info": {"version": "2"},
        "paths": {
            "/a/": {"get": {"operationId": "a", "parameters": [
                {"name": "q", "in": "query", "schema": {"type": "integer"}}, {"name": "n", "in": "query"},
                {"name": "same", "in": "query", "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Same"}}},
                {"name": "e", "in": "query", "schema": {"enum": ["y", "z"]}}, {"name": "way", "in": "query", "explode": false, "schema": {"type": "array"}}],
                "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "string"}}}},
                "responses": {"200": {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/M"}}}}}, "404": {}}}},
            "/c/": {"get": {"operationId": "c"}},
        },
        "components": {"schemas": {
            "M": {"type": "object", "required": ["z"], "properties": {"y": {"type": "string"}, "z": {}, "l": {"type": "string", "maxLength": 4}, "r": {"$ref": "#/components/schemas/E"}}},
            "E": {"enum": ["two", "three"]}, "New": {}, "Same": {"enum": ["one", "two"]},
        }},
    });
    let text = super::between(&old, &new).markdown();
    let (breaking, other) = text.split_once("## Other").unwrap();
    for line in [
        "- `b` (GET /b/)",
        "`a`: parameter `gone (query)` removed",
        "`a`: parameter `q (query)` changed from string to integer",
        "`a`: parameter `e (query)`: removed `\"x\"`",
        "`a`: parameter `way (query)`: lists are sent another way",
        "`a`: body now required",
        "`a`: answer 200 changed from `M` to list of `M`",
        "`M`: field `r` changed from string or null to `E`",
        "`M`: field `x` removed",
        "`M`: field `y` changed",
        "`M`: required field `z` added",
        "`E`: value `\"one\"` removed",
        "`Gone`",
    ] {
        assert!(breaking.contains(line), "{line} in {breaking}");
    }
    for line in [
        "- `c` (GET /c/)",
        "parameter `n (query)` added",
        "parameter `e (query)`: added `\"z\"`",
        "`a`: answer 400 removed",
        "`a`: answer 404 added",
        "`M`: field `l`: other limits",
        "`E`: value `\"three\"` added",
        "`New`",
    ] {
        assert!(other.contains(line), "{line} in {other}");
    }
    assert!(!text.contains("same (query)") && !text.contains("`Same`"), "{text}");
    assert!(super::between(&old, &old).markdown().contains("No change."));
}
