//! `.ci/refresh`, with a stand-in for cargo.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Notes its arguments. `regen` pins the version that it is given; `test` fails where there is a file
/// `failing`.
const CARGO: &str = r#"#!/usr/bin/env bash
set -euo pipefail
echo "$*" >>calls
case "$*" in
  "xtask versions") cat versions ;;
  "xtask regen --version "*) printf '[source]\nversion = "%s"\n' "$4" >openapi/pin.toml ;;
  "xtask diff "*) cat diff ;;
  "test "*) [ ! -e failing ] ;;
esac
"#;

/// A repository with the script, which has pinned a version.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new(pinned: &str, versions: &str) -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        for folder in [".ci", "bin", "openapi", "waldur-api-client"] {
            std::fs::create_dir(this.path(folder)).unwrap();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/refresh");
        this.write(".ci/refresh", &std::fs::read_to_string(script).unwrap());
        this.write("bin/cargo", CARGO);
        std::fs::set_permissions(this.path("bin/cargo"), PermissionsExt::from_mode(0o755)).unwrap();
        this.write("openapi/pin.toml", &format!("[source]\nversion = \"{pinned}\"\n"));
        this.write("openapi/waldur.json", "{}");
        this.write("versions", versions);
        this.write("diff", "an operation more\n");
        for arguments in [&["init", "--quiet"][..], &["add", "openapi"]] {
            assert!(Command::new("git").args(arguments).current_dir(&this.0).status().unwrap().success());
        }
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Runs the script. Returns what it printed, the commands of cargo, and the text of the pull request.
    fn refresh(&self) -> (String, Vec<String>, Option<String>) {
        let mut path = OsString::from(self.path("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut script = Command::new("bash");
        script.args([".ci/refresh", "text.md"]).current_dir(&self.0).env("PATH", path);
        let Output { status, stdout, stderr } = script.output().unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        let calls = std::fs::read_to_string(self.path("calls")).unwrap();
        let text = std::fs::read_to_string(self.path("text.md")).ok();
        (String::from_utf8(stdout).unwrap(), calls.lines().map(str::to_owned).collect(), text)
    }
}

#[test]
fn a_pin_as_new_as_the_newest_version_stays() {
    for (pinned, newest) in [("8.0.5", "8.0.5 (pinned)"), ("8.0.10", "8.0.9"), ("8.0.6-rc.1", "8.0.5")] {
        let (said, calls, text) = Repository::new(pinned, &format!("{newest}\n8.0.3\n")).refresh();
        assert_eq!(said, format!("{pinned} is the newest version\n"));
        assert_eq!((calls, text), (vec!["xtask versions".to_owned()], None), "{pinned}");
    }
}

#[test]
fn an_older_pin_is_moved_also_from_a_candidate_to_its_release() {
    for (pinned, newest) in [("8.0.9", "8.0.10"), ("8.0.6-rc.1", "8.0.6")] {
        let (_, calls, text) = Repository::new(pinned, &format!("{newest}\n8.0.3\n")).refresh();
        assert_eq!(calls[1], format!("xtask regen --version {newest}"));
        let text = text.unwrap();
        assert!(text.starts_with(&format!("Moves the pinned schema from {pinned} to {newest}.\n")), "{text}");
        assert!(text.contains("an operation more\n"), "{text}");
    }
}

#[test]
fn the_text_names_a_command_that_fails() {
    let repository = Repository::new("8.0.5", "8.0.6\n");
    repository.write("failing", "");
    let (_, _, text) = repository.refresh();
    let text = text.unwrap();
    for line in ["- `cargo xtask check` passes", "- **`cargo test --locked --workspace` fails**"] {
        assert!(text.lines().any(|other| other == line), "{line:?} is not in {text}");
    }
}

#[test]
fn a_text_that_is_too_long_ends_after_a_line() {
    let repository = Repository::new("8.0.5", "8.0.6\n");
    repository.write("diff", &format!("```\n{}```\n", "an operation more\n".repeat(5000)));
    let (_, _, text) = repository.refresh();
    let text = text.unwrap();
    assert!(text.len() < 60_000, "{}", text.len());
    let end = "an operation more\n```\n\nThe rest is too long: run `cargo xtask diff`.\n";
    assert!(text.ends_with(end), "{:?}", &text[text.len() - 200..]);
}
