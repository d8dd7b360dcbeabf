//! Schemas as no sound server publishes them: what can be generated is, and the rest is refused by name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

#[path = "../../tests/repository/mod.rs"]
mod repository;

use repository::Repository;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask-regen");

/// Everything odd that can be generated. That the whole of it compiles is shown by pinning it in a copy of the
/// repository (`cargo xtask regen --from xtask/regen/tests/hostile.yaml --overlay none --allow-shrink`) and checking the client
/// with the feature `full`.
const HOSTILE: &str = include_str!("hostile.yaml");

#[test]
fn what_is_odd_is_generated_all_the_same() {
    let repository = Repository::new(HOSTILE);
    let report = repository.succeeds(&["regen", "--from", "schema.yaml"]);
    repository.succeeds(&["check"]);
    for line in [
        "tag _matrix: no feature names it",
        "tag untagged: no feature names it",
        "pinned 1.0.0: 47 operations",
    ] {
        assert!(report.contains(line), "{line:?} is not in {report}");
    }
    let listing = repository.read("waldur-api-client/OPERATIONS.txt");
    let ids: Vec<&str> = listing.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let mut once = ids.clone();
    once.dedup();
    assert_eq!(ids, once, "sorted, and every operation once");
    for id in
        ["_matrix_transactions", "call_2", "strict_2", "get_unnamed_id", "operation_9lives", "things_list_2"]
    {
        assert!(ids.contains(&id), "{id} is not in {ids:?}");
    }
    let schema: serde_json::Value =
        serde_json::from_str(&repository.read("waldur-api-client/schema/waldur.json")).unwrap();
    let answer = |path: &str| {
        let answer = format!("/paths/{}/responses/2XX/content", path.replace(' ', "/"));
        schema.pointer(&answer).cloned().unwrap_or_default()
    };
    assert!(answer("~1files~1 get").get("text/csv").is_some());
    assert!(answer("~1shared~1 post").get("application/pdf").is_some());
    assert!(answer("~1unnamed~1{id}~1 head").is_null());
    assert!(schema["paths"]["/without/answers"]["delete"]["responses"].get("2XX").is_some());
    let models = &schema["components"]["schemas"];
    assert!(models.get("NeverUsed").is_none() && models["Self_2"]["properties"]["a"].is_object());
    assert_eq!(models["Option2"]["x-enum"], serde_json::json!(["Some", "None"]));
    assert_eq!(models["Order"]["properties"]["endless"]["x-rust-type"]["path"], "serde_json::Value");
    assert_eq!(models["Order"]["properties"]["extra"]["type"], "integer", "of a part");
}

const SCHEMA: &str = r##"
openapi: 3.0.3
info: {title: T, version: 1.0.0}
paths:
  /api/things/{uuid}/:
    get:
      operationId: things_retrieve
      parameters:
      - {in: path, name: uuid, required: true, schema: {type: string, format: uuid}}
      - {in: query, name: of, schema: {type: string}}
      responses:
        '200': {description: '', content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}
components:
  schemas:
    Thing: {type: object, properties: {name: {type: string}, size: {type: integer}}}
"##;

#[test]
fn what_can_not_be_generated_is_refused_by_name() {
    let repository = Repository::new(SCHEMA);
    repository.succeeds(&["regen", "--from", "schema.yaml"]);
    for (old, new, words) in [
        (
            "name: of, schema: {type: string}",
            "name: of, required: true, schema: {type: object}",
            ["things_retrieve", "parameter of"],
        ),
        (
            "in: path, name: uuid,",
            "in: path, style: matrix, name: uuid,",
            ["things_retrieve", "parameter uuid"],
        ),
        (
            "schemas/Thing'",
            "schemas/Gone'",
            ["schema.yaml is not whole", "#/components/schemas/Gone of things_retrieve"],
        ),
        (
            "name: {type: string}",
            "name: {$ref: 'other.yaml#/Name'}",
            ["model Thing", "leads nowhere, other.yaml#/Name"],
        ),
        ("components:", "  /y/: {$ref: 'y.yaml'}\ncomponents:", ["path /y/", "leads nowhere, y.yaml"]),
        (
            "name: {type: string}",
            "name: {type: text}",
            ["model Thing", "a type that OpenAPI 3.0 doesn't know"],
        ),
        (
            "name: {type: string}",
            "name: {type: [string, 'null']}",
            ["model Thing", "a type that OpenAPI 3.0 doesn't know"],
        ),
        (
            "name: {type: string}",
            "name: {type: string}, name: {type: integer}",
            ["schema.yaml", "\"name\" stands twice"],
        ),
        (
            "{uuid}/:",
            "{uuid}/{UUID}/:",
            ["things_retrieve (GET /api/things/{uuid}/{UUID}/)", "two functions"],
        ),
        ("/{uuid}/:", "/{uuid/:", ["things_retrieve (GET /api/things/{uuid/)", "path"]),
        ("/api/things/", "api/things/", ["things_retrieve", "slash"]),
        ("in: query", "in: formData", ["things_retrieve (GET /api/things/{uuid}/)", "formData"]),
        ("openapi: 3.0.3", "openapi: 3.1.0", ["schema.yaml", "OpenAPI 3.1.0, not 3.0"]),
        (
            "size: {type: integer}",
            "size: {oneOf: [{enum: ['']}, text]}",
            ["schema.yaml can't be used", "part 2 of oneOf of components.schemas.Thing is no schema"],
        ),
        (
            "components:",
            "    put: 7\ncomponents:",
            ["schema.yaml is not whole", "operation put /api/things/{uuid}/ is no object"],
        ),
    ] {
        assert!(SCHEMA.contains(old), "{old:?}");
        repository.write("schema.yaml", &SCHEMA.replace(old, new));
        repository.refuses(&["regen", "--from", "schema.yaml"], &words);
    }
}
