//! `suspects`, and what `regen` says of it, as programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

#[path = "../../tests/repository/mod.rs"]
mod repository;

use repository::Repository;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask-regen");

/// A schema whose only model has these properties.
fn schema(properties: &str) -> String {
    format!(
        "
openapi: 3.0.3
info: {{title: T, version: 1.0.0}}
paths:
  /api/things/:
    get:
      operationId: things_list
      tags: [things]
      responses:
        '200': {{content: {{application/json: {{schema: {{$ref: '#/components/schemas/Thing'}}}}}}}}
components:
  schemas:
    Thing: {{type: object, properties: {{{properties}}}}}
"
    )
}

#[test]
fn a_refresh_lists_what_is_new_and_suspects_lists_all_until_the_overlay_corrects_it() {
    let old = "scope_name: {type: string, format: uuid}";
    let repository = Repository::new(&schema(old));
    let first = repository.succeeds(&["regen", "--from", "schema.yaml"]);
    assert!(first.contains("suspicious declarations: 1\n"), "{first}");

    repository.write("schema.yaml", &schema(&format!("{old}, cpu_usage: {{type: integer}}")));
    let second = repository.succeeds(&["regen", "--from", "schema.yaml"]);
    assert!(second.contains("suspicious declarations: 2, 1 of them new since the last pin\n"), "{second}");
    assert!(second.contains("  cpu_usage: integer in Thing\n"), "{second}");
    assert!(!second.contains("scope_name: uuid"), "{second}");

    let before = repository.everything();
    let all = repository.succeeds(&["suspects"]);
    assert!(all.contains("suspicious declarations in 1.0.0: 2"), "{all}");
    assert!(all.contains("  scope_name: uuid in Thing\n"), "{all}");
    assert_eq!(all, repository.succeeds(&["suspects", "schema.yaml", "--overlay", "none"]));
    assert_eq!(before, repository.everything(), "it writes nothing");

    repository.write(
        "openapi/overlay.yaml",
        "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions:\n- {target: $..scope_name, update: {format: null}, x-reason: r, x-expect: 1}\n",
    );
    let corrected = repository.succeeds(&["suspects"]);
    assert!(corrected.contains(": 1,") && !corrected.contains("scope_name"), "{corrected}");
}
