//! The program `live`, and its recording in the program `replay`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;
use waldur_sandbox::{Actor, Sandbox};

use super::sandbox;

/// Runs the program with the server and the token in the environment.
fn live(url: &str, token: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_live"));
    command.args(arguments).env_clear().env("WALDUR_API_URL", url).env("NO_PROXY", "127.0.0.1");
    if !token.is_empty() {
        command.env("WALDUR_ACCESS_TOKEN", token);
    }
    finished(command)
}

fn finished(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

const QUICK: [&str; 4] = ["--rate", "10000", "--repeat", "1"];

fn start() -> Sandbox {
    sandbox().start_blocking().unwrap()
}

#[test]
fn the_program_writes_its_report_and_a_recording_that_replays() {
    let sandbox = start();
    let directory = tempfile::tempdir().unwrap();
    let (markdown, record) = (directory.path().join("visit.md"), directory.path().join("visit.jsonl"));
    let files = ["--markdown", markdown.to_str().unwrap(), "--record", record.to_str().unwrap()];
    let (code, out, error) =
        live(sandbox.url(), sandbox.token(Actor::Provider), &[&QUICK[..], &files[..]].concat());
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    assert!(out.starts_with("Visit to a Waldur server\n") && out.ends_with("  everything holds\n"), "{out}");
    assert!(std::fs::read_to_string(&markdown).unwrap().starts_with("# Visit to a Waldur server\n"));

    let mut command = Command::new(env!("CARGO_BIN_EXE_replay"));
    command.args(["--strict"]).arg(&record);
    let (code, out, _) = finished(command);
    assert_eq!(code, Some(0), "{out}");
    let total = out.lines().last().unwrap();
    assert!(total.contains(" 0 with dropped fields, 0 errors, 0 skipped, 0 FAILED, 0 unknown"), "{total}");
    let lines = std::fs::read_to_string(&record).unwrap().lines().count();
    assert!(lines > 60 && total.starts_with(&format!("{lines} ok")), "{lines}: {total}");
}

#[test]
fn the_exit_code_says_whether_something_does_not_hold() {
    let sandbox = start();
    sandbox.corrupt("keys_list", 0, "is_shared", json!("perhaps"));
    let (code, out, _) = live(sandbox.url(), sandbox.token(Actor::Provider), &QUICK);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.ends_with("Result\n  1 problem\n  - keys_list: $[].is_shared is lost\n"), "{out}");
}

#[test]
fn a_visit_that_is_impossible_is_explained() {
    let sandbox = start();
    let missing = Path::new("no/such/directory/visit.md").to_str().unwrap();
    let refused = "live: the server doesn't respond: GET /api/users/me/: connection to 127.0.0.1:1 failed: \
                   connection refused";
    let quick = [&QUICK[..], &["--max-requests", "3", "--markdown", missing]].concat();
    let twice = ["--markdown", "visit", "--record", "visit"];
    let spelled = ["--markdown", "visit", "--record", "./visit"];
    for (url, token, arguments, expected) in [
        (sandbox.url(), "", &QUICK[..], "live: wrong configuration: token (WALDUR_ACCESS_TOKEN) is not set"),
        (sandbox.url(), "0000", &QUICK[..], "live: the server doesn't accept the token (401)"),
        ("http://127.0.0.1:1", "0000", &QUICK[..], "live: the server doesn't respond: "),
        ("https://127.0.0.1:1", "0000", &QUICK[..], refused),
        (sandbox.url(), sandbox.token(Actor::Provider), &quick[..], "live: no/such/directory/visit.md: "),
        (sandbox.url(), "0000", &twice[..], "live: --markdown and --record are the same file"),
        (sandbox.url(), "0000", &spelled[..], "live: --markdown and --record are the same file"),
        (sandbox.url(), "0000", &["--rate", "0"][..], "error: invalid value '0' for '--rate"),
    ] {
        let (code, _, error) = live(url, token, arguments);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.starts_with(expected), "{expected}\n{error}");
    }
}

#[test]
fn files_are_prepared_before_the_visit_and_written_where_nobody_reads_the_report() {
    let sandbox = start();
    let directory = tempfile::tempdir().unwrap();
    let (new, old) = (directory.path().join("new.jsonl"), directory.path().join("old.md"));
    std::fs::write(&old, "old").unwrap();
    let files = ["--record", new.to_str().unwrap(), "--markdown", old.to_str().unwrap()];

    let missing = [&QUICK[..], &files[..2], &["--markdown", "no/such/directory/visit.md"]].concat();
    let (code, _, error) = live(sandbox.url(), sandbox.token(Actor::Provider), &missing);
    assert!(code == Some(2) && error.starts_with("live: no/such/directory/visit.md: "), "{error}");
    assert!(sandbox.requests().is_empty() && !new.exists());

    let (code, _, error) = live(sandbox.url(), "0000", &[&QUICK[..], &files].concat());
    assert!(code == Some(2) && error.contains("doesn't accept the token"), "{error}");
    assert!(!new.exists() && std::fs::read_to_string(&old).unwrap() == "old");

    let mut command = Command::new(env!("CARGO_BIN_EXE_live"));
    command
        .args(QUICK)
        .args(files)
        .env_clear()
        .env("WALDUR_API_URL", sandbox.url())
        .env("NO_PROXY", "127.0.0.1");
    command.env("WALDUR_ACCESS_TOKEN", sandbox.token(Actor::Provider));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!((status.code(), String::from_utf8(stderr).unwrap().as_str()), (Some(0), ""));
    assert!(std::fs::read_to_string(&new).unwrap().lines().count() > 60);
    assert!(std::fs::read_to_string(&old).unwrap().starts_with("# Visit to a Waldur server\n"));
}
