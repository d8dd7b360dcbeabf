//! `needs`, and what `regen` and `check` make of it, as programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

#[path = "../../tests/repository/mod.rs"]
mod repository;

use repository::Repository;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask-regen");

const SCHEMA: &str = r##"
openapi: 3.0.3
info: {title: T, version: 1.0.0}
paths:
  /api/things/:
    get:
      operationId: things_list
      tags: [things]
      responses:
        '200': {description: '', content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Thing'}}}}}
  /api/things/{uuid}/close/:
    post:
      operationId: things_close
      tags: [things]
      parameters:
      - {in: path, name: uuid, required: true, schema: {type: string, format: uuid}}
      responses: {'204': {description: none}}
components:
  schemas:
    Thing: {type: object, properties: {uuid: {type: string, format: uuid}, size: {type: integer}}}
"##;

/// A repository whose SDK closes things.
fn repository() -> Repository {
    let repository = Repository::new(SCHEMA);
    std::fs::create_dir_all(repository.path("waldur-sdk/src")).unwrap();
    repository.write("waldur-sdk/src/lib.rs", "fn f(client: &Client) { client.things_close().uuid(1); }");
    repository.succeeds(&["regen", "--from", "schema.yaml"]);
    repository
}

#[test]
fn the_file_follows_the_sources_and_check_says_where_it_does_not() {
    let repository = repository();
    repository.refuses(
        &["check"],
        &["openapi/needs.json is not what the sources need (it lacks operation things_close, it lacks parameter uuid", "run `cargo xtask needs`"],
    );
    let report = repository.succeeds(&["needs"]);
    assert!(report.contains("openapi/needs.json: 1 operation, 0 models"), "{report}");
    repository.succeeds(&["check"]);
    repository.succeeds(&["needs", "--check"]);
    let before = repository.everything();
    repository.succeeds(&["needs"]);
    assert_eq!(before, repository.everything());

    repository.write("waldur-sdk/src/lib.rs", "fn f(client: &Client) { client.things_list().send(); }");
    repository.refuses(
        &["needs", "--check"],
        &["it lacks operation things_list", "nothing uses operation things_close"],
    );
}

#[test]
fn what_a_schema_lacks_is_generated_as_it_was_and_check_names_it() {
    let repository = repository();
    repository.succeeds(&["needs"]);
    let older = SCHEMA.find("  /api/things/{uuid}").unwrap()..SCHEMA.find("components:").unwrap();
    let mut schema = SCHEMA.replace("1.0.0", "0.9.0");
    schema.replace_range(older, "");
    repository.write("older.yaml", &schema);
    let report = repository.succeeds(&["regen", "--from", "older.yaml"]);
    for line in [
        "needs: 1 place taken from openapi/needs.json, which the workspace needs so\n  operation things_close: not in the schema\n",
        "warning: 0.9.0 lacks 1 operation that waldur-sdk calls: things_close\n",
        "pinned 0.9.0: 1 operation, 1 model",
    ] {
        assert!(report.contains(line), "{line:?} is not in {report}");
    }
    assert!(repository.read("waldur-api-client/schema/waldur.json").contains("things_close"));
    assert!(repository.read("waldur-api-client/OPERATIONS.txt").contains("  things_close\n"));
    repository.refuses(&["check"], &["0.9.0 lacks 1 operation that waldur-sdk calls: things_close"]);
    repository.succeeds(&["needs", "--check"]);

    // What the file says doesn't depend on the pins in between.
    let needs = repository.read("openapi/needs.json");
    repository.succeeds(&["needs"]);
    assert_eq!(needs, repository.read("openapi/needs.json"));
    repository.succeeds(&["regen", "--from", "schema.yaml"]);
    repository.succeeds(&["check"]);
}
