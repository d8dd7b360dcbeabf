//! A repository of its own for each test. The program is the constant `XTASK` of the test.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A repository with what `regen` needs to be there; gone when dropped.
pub(crate) struct Repository(tempfile::TempDir);

impl Repository {
    pub(crate) fn new(schema: &str) -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        for folder in ["openapi", "waldur-api-client/schema"] {
            std::fs::create_dir_all(this.path(folder)).unwrap();
        }
        this.write("openapi/overlay.yaml", "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions: []\n");
        this.write(
            "openapi/features.toml",
            "default = ['things']\nrest = 'other'\n[feature.things]\ndoc = 'd'\ntags = ['things']\n[feature.other]\ndoc = 'd'\n",
        );
        this.write(
            "waldur-api-client/Cargo.toml",
            "# features: written by `cargo xtask regen`\n# /features\n",
        );
        for readme in ["README.md", "waldur-api-client/README.md"] {
            this.write(readme, "<!-- features: written by `cargo xtask regen` -->\n<!-- /features -->\n");
        }
        this.write("Cargo.lock", "[[package]]\nname = 'progenitor'\nversion = '0.15.1'\n");
        this.write("schema.yaml", schema);
        this
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(crate::XTASK);
        if !arguments.contains(&"--root") {
            command.arg("--root").arg(self.0.path());
        }
        command.args(arguments).current_dir(self.0.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Runs what must fail with one line that holds each of `words`, and must write nothing.
    pub(crate) fn refuses(&self, arguments: &[&str], words: &[&str]) {
        let before = self.everything();
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?} must fail");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        for word in words {
            assert!(text.contains(word), "{arguments:?}: {word:?} is not in {text}");
        }
        assert_eq!(before, self.everything(), "{arguments:?} must write nothing");
    }

    pub(crate) fn everything(&self) -> Vec<(PathBuf, String)> {
        fn walk(folder: &Path, all: &mut Vec<(PathBuf, String)>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, all);
                } else {
                    all.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        let mut all = Vec::new();
        walk(self.0.path(), &mut all);
        all.sort();
        all
    }
}
