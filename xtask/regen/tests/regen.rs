//! `regen`, `check` and `diff` as programs, on a repository of their own with a tiny schema.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

#[path = "../../tests/repository/mod.rs"]
mod repository;

use std::process::Stdio;

use repository::Repository;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask-regen");

const SCHEMA: &str = r##"
openapi: 3.0.3
info: {title: T, version: 1.0.0, description: prose}
paths:
  /api/things/:
    get:
      operationId: things_list
      summary: prose
      tags: [things]
      parameters:
      - {in: query, name: page, schema: {type: integer}}
      - {in: query, name: o, explode: false, schema: {type: array, items: {type: string, enum: [name, -name]}}}
      responses:
        '200': {description: '', content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Thing'}}}}}
        '404': {description: no}
  /api/things/{uuid}/close/:
    post:
      operationId: things_close
      tags: [things]
      parameters:
      - {in: path, name: uuid, required: true, schema: {type: string, format: uuid}}
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/ThingRequest'}}}}
      responses:
        '200': {description: '', content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}
        '204': {description: none}
components:
  schemas:
    Thing: {type: object, required: [uuid], properties: {uuid: {type: string, format: uuid}, description: {type: string, description: prose}, size: {type: number}}}
    ThingRequest: {type: object, required: [name], properties: {name: {type: string, maxLength: 3}}}
"##;

#[test]
fn the_same_input_gives_the_same_bytes_and_all_agrees() {
    let repository = Repository::new(SCHEMA);
    let first = repository.succeeds(&["regen", "--from", "schema.yaml"]);
    assert!(first.contains("pinned 1.0.0: 2 operations, 2 models"), "{first}");
    assert!(first.contains("pass: comma-joined array parameters: 1"), "{first}");
    let before = repository.everything();
    let second = repository.succeeds(&["regen", "--from", "schema.yaml", "--version", "1.0.0"]);
    assert!(second.contains("no change since the last pin"), "{second}");
    assert_eq!(before, repository.everything());
    repository.succeeds(&["check"]);
    repository.succeeds(&["check", "--upstream", "schema.yaml"]);
    // JSON that says the same is another file, but the same facts.
    let json = repository.read("openapi/waldur.json");
    assert!(!json.contains("prose"), "{json}");
    repository.write("schema.json", &json);
    repository.succeeds(&["regen", "--from", "schema.json"]);
    assert_eq!(json, repository.read("openapi/waldur.json"));
    assert!(repository.read("waldur-api-client/Cargo.toml").contains("default = [\"things\"]"));
    assert!(repository.read("waldur-api-client/OPERATIONS.txt").contains("  things_close\n"));
}

#[test]
fn the_kept_code_is_generated_with_the_pin_and_after_a_change_of_the_generator() {
    const KEPT: &str = "waldur-api-client/generated/provider/generated.rs";
    let repository = Repository::new(SCHEMA);
    repository.refuses(&["generate"], &["can't read waldur-api-client/schema/waldur.json"]);
    let features = repository.read("openapi/features.toml");
    let features =
        features.replace("['things']\nrest", "['provider']\nrest").replace(".things]", ".provider]");
    repository.write("openapi/features.toml", &features);
    repository.succeeds(&["regen", "--from", "schema.yaml"]);
    let generated = repository.read(KEPT);
    assert!(generated.contains("pub fn things_close("), "{generated}");
    assert!(!repository.read("waldur-api-client/generated/none/generated.rs").contains("things_close"));
    repository.write(KEPT, "of another generator");
    assert!(repository.succeeds(&["generate"]).contains(KEPT));
    assert_eq!(repository.read(KEPT), generated);
}

#[test]
fn keep_docs_keeps_the_prose() {
    let repository = Repository::new(SCHEMA);
    repository.succeeds(&["regen", "--from", "schema.yaml", "--keep-docs"]);
    assert!(repository.read("openapi/waldur.json").contains("prose"));
}

#[test]
fn what_can_not_be_a_pin_is_refused_in_one_line_and_nothing_is_written() {
    let repository = Repository::new(SCHEMA);
    repository.succeeds(&["regen", "--from", "schema.yaml"]);
    repository.write("empty.yaml", "\n");
    repository.write("page.yaml", "<html><p>Not found</p></html>");
    repository.write("new.yaml", &SCHEMA.replace("3.0.3", "3.1.0"));
    repository.write(
        "fewer.yaml",
        &SCHEMA.replace(
            "    post:\n      operationId: things_close",
            "    x-post:\n      operationId: things_close",
        ),
    );
    repository.write(
        "panics.yaml",
        &SCHEMA.replace(
            "{in: path, name: uuid,",
            "{in: formData, name: file, schema: {type: string}}\n      - {in: path, name: uuid,",
        ),
    );
    repository.write(
        "overlay.yaml",
        "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions:\n- {target: $.gone, remove: true, x-reason: was wrong, x-expect: 1}\n",
    );
    let regen = |from| ["regen", "--from", from];
    repository.refuses(&regen("absent.yaml"), &["absent.yaml"]);
    repository.refuses(&regen("http://127.0.0.1:1/schema.yaml"), &["http://127.0.0.1:1/schema.yaml"]);
    repository.refuses(&regen("empty.yaml"), &["empty.yaml is empty"]);
    repository.refuses(&regen("page.yaml"), &["page.yaml is not an OpenAPI document"]);
    repository.refuses(&regen("new.yaml"), &["OpenAPI 3.1.0, not 3.0"]);
    repository.refuses(
        &["regen", "--from", "schema.yaml", "--version", "2.0.0"],
        &["is version 1.0.0, not 2.0.0 as asked"],
    );
    repository.refuses(
        &regen("fewer.yaml"),
        &["fewer.yaml (1.0.0) has 1 operation where the pin has 2 (1.0.0)", "--allow-shrink"],
    );
    repository.refuses(
        &regen("panics.yaml"),
        &["can't take things_close (POST /api/things/{uuid}/close/)", "formData"],
    );
    repository.refuses(
        &["regen", "--from", "schema.yaml", "--overlay", "overlay.yaml"],
        &["action 1 ($.gone) matches 0 places and expects 1", "was wrong", "--overlay none"],
    );
    repository.succeeds(&["regen", "--from", "fewer.yaml", "--allow-shrink"]);
    repository.succeeds(&["regen", "--from", "schema.yaml"]);
    repository.write("candidate.yaml", &repository.read("fewer.yaml").replace("1.0.0", "1.0.0-rc.1"));
    repository.succeeds(&["regen", "--from", "candidate.yaml"]);
    repository.succeeds(&["regen", "--from", "schema.yaml"]);
    repository.write("older.yaml", &repository.read("fewer.yaml").replace("1.0.0", "0.9.0"));
    repository.succeeds(&["regen", "--from", "older.yaml"]);
    repository.succeeds(&["regen", "--from", "schema.yaml", "--overlay", "none"]);
    repository.succeeds(&["check"]);
}

#[test]
fn a_newer_schema_in_which_upstream_mended_an_error_is_pinned_and_the_overlay_must_be_adapted() {
    let repository = Repository::new(SCHEMA);
    let overlay = |version: &str, actions: &str| {
        format!(
            "overlay: 1.0.0\ninfo: {{}}\nextends: https://example.org/schema-{version}.yaml\nactions:\n{actions}"
        )
    };
    let kept = "- {target: '$..name.maxLength', remove: true, x-reason: was short, x-expect: 1}\n";
    let mended = "- {target: $.gone, remove: true, x-reason: was wrong, x-expect: 1}\n";
    repository.write("openapi/overlay.yaml", &overlay("0.9.0", &format!("{kept}{mended}")));
    let report = repository.succeeds(&["regen", "--from", "schema.yaml"]);
    let action = "overlay action 2 ($.gone) matches 0 places and expects 1: upstream mended or moved what it corrects (was wrong)";
    assert!(report.contains(&format!("warning: {action}: adapt it")), "{report}");
    assert!(!repository.read("waldur-api-client/schema/waldur.json").contains("maxLength"), "{report}");
    for upstream in [&[][..], &["--upstream", "schema.yaml"]] {
        repository.refuses(
            &[&["check"], upstream].concat(),
            &[action, "adapt openapi/overlay.yaml to 1.0.0, and run `cargo xtask regen --version 1.0.0`"],
        );
    }
    repository.write("openapi/overlay.yaml", &overlay("1.0.0", kept));
    repository.succeeds(&["regen", "--from", "schema.yaml"]);
    repository.succeeds(&["check", "--upstream", "schema.yaml"]);
}

#[test]
fn check_finds_every_file_that_was_changed_by_hand_and_says_how_to_mend_it() {
    let repository = Repository::new(SCHEMA);
    repository.succeeds(&["regen", "--from", "schema.yaml"]);
    for (file, old, new, word) in [
        ("openapi/waldur.json", "\"name\"", "\"nome\"", "openapi/waldur.json"),
        (
            "waldur-api-client/schema/waldur.json",
            "things_close",
            "things_shut",
            "waldur-api-client/schema/waldur.json",
        ),
        ("openapi/overlay.yaml", "title: t", "title: u", "openapi/overlay.yaml"),
        ("waldur-api-client/OPERATIONS.txt", "things_close", "", "waldur-api-client/OPERATIONS.txt"),
        ("waldur-api-client/Cargo.toml", "things = [\"generate\"]", "", "waldur-api-client/Cargo.toml"),
        ("README.md", "`things`", "`thing`", "README.md"),
        (
            "openapi/features.toml",
            "doc = 'd'",
            "doc = 'e'",
            "the overlay, openapi/features.toml and the passes",
        ),
        ("Cargo.lock", "0.15.1", "0.15.2", "Cargo.lock"),
    ] {
        let text = repository.read(file);
        assert!(text.contains(old), "{file}: {text}");
        repository.write(file, &text.replace(old, new));
        repository.refuses(&["check"], &[word, "run `cargo xtask regen --version 1.0.0`"]);
        repository.write(file, &text);
    }
    repository.write("other.yaml", &SCHEMA.replace("maxLength: 3", "maxLength: 4"));
    repository.refuses(&["check", "--upstream", "other.yaml"], &["not the file that the pin was made from"]);
}

#[test]
fn diff_prints_markdown() {
    let repository = Repository::new(SCHEMA);
    repository.write("b.yaml", &SCHEMA.replace("1.0.0", "1.1.0").replace("things_close", "things_shut"));
    let text = repository.succeeds(&["diff", "schema.yaml", "b.yaml"]);
    assert!(text.starts_with("# Waldur API: 1.0.0 to 1.1.0\n"), "{text}");
    let (breaking, other) = text.split_once("## Other").unwrap();
    assert!(breaking.contains("`things_close`") && other.contains("`things_shut`"), "{text}");
}

#[test]
fn a_schema_that_was_cut_off_is_refused_before_the_overlay_is_applied() {
    let repository = Repository::new(SCHEMA);
    repository.write(
        "openapi/overlay.yaml",
        "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions:\n- {target: $.gone, remove: true, x-reason: r, x-expect: 1}\n",
    );
    let components = SCHEMA.find("components:").unwrap();
    for (end, words) in [
        (
            components,
            ["cut.yaml is not whole: it has no components, to which its operations refer 3 times", ""],
        ),
        (
            SCHEMA.find("    ThingRequest: {").unwrap(),
            [
                "cut.yaml is not whole: 1 of the components to which it refers is missing",
                "ThingRequest of things_close",
            ],
        ),
        (SCHEMA.find(", maxLength: 3}").unwrap(), ["cut.yaml is cut off", ""]),
        (SCHEMA.find("        '204'").unwrap() + 14, ["cut.yaml is not whole: it has no components", ""]),
    ] {
        repository.write("cut.yaml", &SCHEMA[..end]);
        repository.refuses(&["regen", "--from", "cut.yaml"], &words);
    }
    // The whole schema gets as far as the overlay.
    repository.refuses(&["regen", "--from", "schema.yaml"], &["overlay action 1 ($.gone) matches 0 places"]);
}

#[test]
fn operations_named_anew_and_dropped_parameters_are_listed_by_name() {
    let odd = SCHEMA.replace("      operationId: things_list\n", "      operationId: self\n").replace(
        "- {in: query, name: page,",
        "- {in: header, name: X-Trace, schema: {type: string}}\n      - {in: query, name: page,",
    );
    let repository = Repository::new(&odd);
    let report = repository.succeeds(&["regen", "--from", "schema.yaml"]);
    for lines in [
        "pass: operations named anew, whose names Rust can't take or tell apart: 1\n  self_2 (GET /api/things/) for \"self\"\n",
        "pass: cookie and header parameters dropped: 1\n  header X-Trace of self_2\n",
    ] {
        assert!(report.contains(lines), "{lines:?} is not in {report}");
    }
}

#[test]
fn an_operation_that_the_sdk_calls_and_the_schema_lacks_is_named_and_check_fails() {
    let repository = Repository::new(SCHEMA);
    std::fs::create_dir_all(repository.path("waldur-sdk/src/things")).unwrap();
    repository.write("waldur-sdk/src/lib.rs", "mod things;");
    repository
        .write("waldur-sdk/src/things/mod.rs", "fn f(client: &Client) { client.things_close().uuid(1); }");
    let report = repository.succeeds(&["regen", "--from", "schema.yaml"]);
    assert!(!report.contains("warning"), "{report}");

    // The name is known from the last pin, and from the features from then on.
    let features = repository.read("openapi/features.toml");
    repository.write(
        "openapi/features.toml",
        &features.replace("tags = ['things']", "tags = ['things']\noperations = ['things_close']"),
    );
    repository.write("schema.yaml", &SCHEMA.replace("things_close", "things_shut").replace("1.0.0", "1.1.0"));
    let report = repository.succeeds(&["regen", "--from", "schema.yaml"]);
    let missing = "1.1.0 lacks 1 operation that waldur-sdk calls: things_close";
    assert!(report.contains(&format!("warning: {missing}\n")), "{report}");
    repository.refuses(&["check"], &[missing, "pin a version that has them"]);
}

#[test]
fn what_can_not_be_written_as_a_whole_is_not_written_at_all() {
    let repository = Repository::new(SCHEMA);
    // A file can't take the place of a folder.
    let listing = repository.path("waldur-api-client/OPERATIONS.txt");
    std::fs::create_dir(&listing).unwrap();
    let regen = ["regen", "--from", "schema.yaml"];
    repository.refuses(&regen, &["can't read waldur-api-client/OPERATIONS.txt"]);
    std::fs::remove_dir(&listing).unwrap();
    repository.succeeds(&regen);
    repository.write("openapi/waldur.json", "{");
    repository.refuses(&regen, &["openapi/waldur.json is not JSON: restore it first"]);
    std::fs::remove_file(repository.path("openapi/waldur.json")).unwrap();
    std::fs::create_dir(repository.path("openapi/waldur.json")).unwrap();
    repository.refuses(&regen, &["can't read openapi/waldur.json: restore it first"]);
}

#[test]
fn regen_ends_its_work_where_nobody_reads_its_report() {
    let repository = Repository::new(SCHEMA);
    let mut regen = repository.command(&["regen", "--from", "schema.yaml"]);
    let mut child = regen.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    repository.succeeds(&["check"]);
}

#[test]
fn an_overlay_of_the_same_name_elsewhere_is_told_apart_from_the_repositorys_own() {
    let repository = Repository::new(SCHEMA);
    repository.succeeds(&["regen", "--from", "schema.yaml", "--overlay", "openapi/overlay.yaml"]);
    repository.succeeds(&["check"]);
    std::fs::create_dir(repository.path("other")).unwrap();
    repository.write(
        "other/overlay.yaml",
        "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions:\n\
         - {target: $.components.schemas.Thing.properties.size, remove: true, x-reason: r, x-expect: 1}\n",
    );
    repository.succeeds(&["regen", "--from", "schema.yaml", "--overlay", "other/overlay.yaml"]);
    repository.refuses(
        &["check"],
        &["made with the overlay another overlay.yaml, which is not openapi/overlay.yaml: put it there"],
    );
}

#[test]
fn a_version_that_can_not_be_fetched_is_told_with_where_to_find_others() {
    let repository = Repository::new(SCHEMA);
    repository.succeeds(&["regen", "--from", "schema.yaml"]);
    let pin = repository.read("openapi/pin.toml");
    repository.write("openapi/pin.toml", &pin.replace("https://docs.waldur.com/", "http://127.0.0.1:1/"));
    repository.refuses(
        &["regen", "--version", "9.9.9"],
        &[
            "`cargo xtask versions` lists those there are: can't fetch http://127.0.0.1:1/",
            "9.9.9.yaml: curl",
        ],
    );
}
