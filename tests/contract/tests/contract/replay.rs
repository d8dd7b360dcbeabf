//! The program `replay` and its parts, on recordings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use waldur_api_client::exchanges::{ALL, Exchange};
use waldur_contract::recording;
use waldur_contract::replay::{Verdict, replay};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/exchanges.jsonl")
}

/// The beginning of each kind of verdict.
const KINDS: [&str; 5] = ["ok", "ok, ", "error kind: ", "skipped: ", "FAILED: "];

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_replay")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn each_exchange_has_the_expected_verdict() {
    let (mut wrong, mut names) = (Vec::new(), BTreeSet::new());
    let text = crate::common::fixture("exchanges.jsonl") + &crate::common::fixture("cases.jsonl");
    let mut kinds = KINDS.to_vec();
    for line in text.lines() {
        let exchange = recording::parse(line).unwrap();
        let expected: Value = serde_json::from_str(&line.replace("NaN", "null")).unwrap();
        assert!(names.insert(exchange.name.clone()), "two exchanges are named {}", exchange.name);
        let verdict = replay(&exchange, false).to_string();
        if verdict != expected["expect"].as_str().unwrap() {
            wrong.push(format!("{}: {verdict}", exchange.name));
        }
        kinds.retain(|kind| if kind.ends_with(' ') { !verdict.starts_with(kind) } else { verdict != *kind });
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(kinds.is_empty(), "no exchange has the verdict {kinds:?}");
}

#[test]
fn strict_mode_fails_on_dropped_fields() {
    let text = crate::common::fixture("exchanges.jsonl");
    let line = text.lines().find(|line| line.contains("field-of-another-kind")).unwrap();
    let verdict = replay(&recording::parse(line).unwrap(), true).to_string();
    let parts = ["FAILED", "$[0].created", "expected a time", "found an object"];
    assert!(parts.iter().all(|part| verdict.contains(part)), "{verdict}");
}

#[test]
fn the_program_prints_each_verdict_and_totals_and_fails_on_failures() {
    let (code, out, _) = run(&[fixture().to_str().unwrap()]);
    assert_eq!(code, Some(1), "{out}");
    for line in [
        "list marketplace_orders_list: ok",
        "field-of-another-kind marketplace_orders_list: ok, 2 fields dropped: $[0].created, $[0].uuid",
        "conflict marketplace_orders_approve_by_provider: error kind: conflict (409): in another state",
        "  marketplace_orders_list: 2 ok, 3 with dropped fields, 1 errors, 0 skipped, 0 FAILED, 1 unknown fields",
        "  marketplace_orders_list: $[].a_newer_field",
        "13 ok, 3 with dropped fields, 6 errors, 2 skipped, 4 FAILED, 2 unknown fields",
    ] {
        assert!(out.lines().any(|other| other == line), "{line}\nin\n{out}");
    }
}

#[test]
fn the_program_names_lines_that_it_can_not_read() {
    let (code, _, error) = run(&["no/such/file.jsonl"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("no/such/file.jsonl"), "{error}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-exchange.jsonl");
    std::fs::write(&file, "\n{\"request\": {}}\n").unwrap();
    let (code, out, _) = run(&[file.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(out.contains("line 2 no exchange: FAILED: not an exchange: missing field `method`"), "{out}");

    let whole =
        r#"{"request": {"method": "GET", "path": "/api/keys/"}, "response": {"status": 200, "body": []}}"#;
    let lines = [b"\xef\xbb\xbf", whole.as_bytes(), b"\r\n\xff\xfe\n", whole.as_bytes()].concat();
    std::fs::write(&file, lines).unwrap();
    let (code, out, error) = run(&[file.to_str().unwrap()]);
    assert_eq!((code, error.as_str()), (Some(1), ""), "{out}");
    for line in ["line 1 keys_list: ok", "line 3 keys_list: ok"] {
        assert!(out.lines().any(|other| other == line), "{line}\nin\n{out}");
    }
    assert!(out.contains("line 2 no exchange: FAILED: not an exchange: invalid utf-8"), "{out}");

    std::fs::write(&file, "\n").unwrap();
    let (code, _, error) = run(&[file.to_str().unwrap()]);
    assert!(code == Some(2) && error.ends_with("no-exchange.jsonl: there is no exchange\n"), "{error}");
}

#[test]
fn a_closed_pipe_does_not_change_the_exit_code() {
    // More than a pipe holds, so that the program writes on after its reader has gone.
    let name = "x".repeat(1000);
    let response = r#""response": {"status": 200, "body": []}"#;
    let line =
        format!(r#"{{"name": "{name}", "request": {{"method": "GET", "path": "/api/keys/"}}, {response}}}"#);
    let good = (line + "\n").repeat(100);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("closed-pipe.jsonl");
    for (lines, expected) in [(good.clone(), 0), (good + "{}\n", 1)] {
        std::fs::write(&file, lines).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_replay"));
        let mut child = program.arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*error), (Some(expected), ""));
    }
}

#[test]
#[ignore = "needs recorded exchanges: WALDUR_RECORDINGS names the folder of mastermind.jsonl"]
fn a_real_server_is_read_without_loss() {
    let text = crate::common::recording("mastermind.jsonl");
    assert!(!text.trim().is_empty());
    for line in text.lines() {
        let exchange = recording::parse(line).unwrap();
        for strict in [false, true] {
            match replay(&exchange, strict) {
                Verdict::Ok { dropped, .. } => assert!(dropped.is_empty(), "{}: {dropped:?}", exchange.name),
                Verdict::Refused(error) => {
                    assert_eq!(error.status(), Some(exchange.response.status));
                    let is_page =
                        exchange.response.header("content-type").is_some_and(|kind| kind.contains("html"));
                    // A redirect has a `Location`.
                    assert_eq!(error.messages().is_empty(), is_page && exchange.response.status >= 400);
                }
                Verdict::Skipped => {}
                Verdict::Failed(why) => panic!("{}: {why}", exchange.name),
            }
        }
    }
}

#[test]
fn a_body_is_written_by_its_type_and_what_does_not_fit_is_named_by_its_path() {
    let is_set_usage =
        |exchange: &&Exchange| exchange.operation.id == "marketplace_component_usages_set_usage";
    let write = ALL.iter().find(is_set_usage).unwrap().body.unwrap();
    let usages =
        |amount: Value| json!({ "usages": [{ "type": "cpu", "amount": amount, "zz": 1 }], "more": [] });
    let written = write(&usages(json!("12.5"))).unwrap();
    assert_eq!(written.value, json!({ "usages": [{ "type": "cpu", "amount": "12.5" }] }));
    assert_eq!(written.unknown, ["$.more", "$.usages[0].zz"]);
    let error = write(&usages(json!([]))).unwrap_err();
    assert_eq!(error.path().to_string(), "usages[0].amount");
    let error = write(&json!({ "usages": [{ "type": "cpu" }] })).unwrap_err();
    assert!(error.to_string().contains("missing field `amount`"), "{error}");
}
