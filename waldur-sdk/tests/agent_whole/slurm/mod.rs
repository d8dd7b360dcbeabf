//! The example `slurm_agent`: a process, with stand-ins for the commands of SLURM.

mod limits;
mod on_slurm;
mod orders;
mod real;
mod removal;
mod resources;
mod usernames;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use waldur_sandbox::{Actor, OfferingUserState, Release, Sandbox};
use waldur_sdk::consumer::PlacedOrder;
use waldur_sdk::{ClientExt as _, Uuid};

use super::LIMIT;
use super::common::client_as;

/// A cluster: the stand-ins and their state.
struct Slurm {
    directory: TempDir,
    /// What the configuration says instead of its example.
    settings: Vec<(&'static str, &'static str)>,
}

impl Slurm {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("state")).unwrap();
        let stand_ins = [
            ("sacctmgr", include_str!("../stand_ins/sacctmgr")),
            ("sreport", include_str!("../stand_ins/sreport")),
            ("scancel", include_str!("../stand_ins/scancel")),
            ("getent", include_str!("../stand_ins/getent")),
        ];
        for (name, text) in stand_ins {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { directory, settings: quick_settings() }
    }

    /// Replaces a line of the configuration.
    fn set(mut self, line: &'static str, by: &'static str) -> Self {
        self.settings.retain(|(before, _)| *before != line);
        self.settings.push((line, by));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file of the state of an account.
    fn of_account(&self, account: &str, file: &str) -> PathBuf {
        self.path("state/accounts").join(account).join(file)
    }

    fn has_changed(&self, change: &str) -> bool {
        self.lines("changes").iter().any(|one| one == change)
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path("state").join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Writes a configuration with short intervals.
    fn configure(&self, offering: Uuid) -> PathBuf {
        configure(self.directory.path(), self.directory.path(), offering, &self.settings)
    }
}

/// Short intervals, instead of those of the example.
fn quick_settings() -> Vec<(&'static str, &'static str)> {
    let intervals = ["orders = 60", "membership = 600", "accounts = 60", "resources = 300", "usage = 3600"];
    let seconds = ["orders = 1", "membership = 1", "accounts = 1", "resources = 1", "usage = 1"];
    let mut settings: Vec<_> = intervals.into_iter().zip(seconds).collect();
    settings.extend([("127.0.0.1:9464", "127.0.0.1:0"), ("events = true", "events = false")]);
    settings
}

/// Writes a configuration with these settings and the commands of a directory.
fn configure(
    directory: &Path,
    commands: &Path,
    offering: Uuid,
    settings: &[(&'static str, &'static str)],
) -> PathBuf {
    let mut text = include_str!("../../../examples/slurm_agent/slurm_agent.toml")
        .replace("5d3c0000-0000-4000-8000-000000000001", &offering.to_string());
    for (line, by) in settings {
        assert!(text.contains(line), "{line}");
        text = text.replace(line, by);
    }
    let path = directory.join("agent.toml");
    fs::write(&path, text.replace("/usr/bin", commands.to_str().unwrap())).unwrap();
    path
}

/// The command that starts an agent.
fn command(sandbox: &Sandbox, configuration: &Path) -> Command {
    // Next to the tests: cargo builds examples with them.
    let mut program = std::env::current_exe().unwrap();
    program.pop();
    program.pop();
    program.extend(["examples", "slurm_agent"]);
    assert!(
        program.exists(),
        "build it: cargo build -p waldur-sdk --features agent,events --example slurm_agent"
    );
    let mut command = Command::new(program);
    command.arg(configuration);
    command.env("WALDUR_API_URL", sandbox.url());
    command.env("WALDUR_ACCESS_TOKEN", sandbox.token(Actor::Provider));
    command.env_remove("RUST_LOG").kill_on_drop(true);
    command
}

/// A process of the agent.
struct Process {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

impl Process {
    fn start(sandbox: &Sandbox, slurm: &Slurm) -> Self {
        Self::with(sandbox, &slurm.configure(sandbox.ids().offerings.slurm))
    }

    fn with(sandbox: &Sandbox, configuration: &Path) -> Self {
        let mut child = command(sandbox, configuration).stdout(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, log, seen: Vec::new() }
    }

    /// Waits until `holds`, which is asked after each line of the log. Returns the line.
    async fn until(&mut self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let seen = &mut self.seen;
        let waited = timeout(LIMIT, async {
            loop {
                let line = self.log.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("{what}: the agent has ended: {seen:#?}"));
                seen.push(line.clone());
                if holds(&line) {
                    return line;
                }
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}: {:#?}", self.seen))
    }

    /// Ends it as systemd does.
    async fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        timeout(LIMIT, self.child.wait()).await.unwrap().unwrap()
    }
}

/// Alice and Bob have accounts at the offering, whose `ram` is limited.
async fn sandbox() -> Sandbox {
    sandbox_with(["alice01", "bob01"].map(str::to_owned)).await
}

/// Like `sandbox`, with these names of Alice's and Bob's accounts.
async fn sandbox_with(names: [String; 2]) -> Sandbox {
    let builder =
        Sandbox::builder().release(Release::Newer).orders(0).without_resources().seed(move |seed| {
            let ids = *seed.ids();
            seed.billing_type(ids.offerings.slurm, "ram", "limit");
            for (user, name) in [ids.users.alice, ids.users.bob].into_iter().zip(&names) {
                seed.offering_user(ids.offerings.slurm, user, name, OfferingUserState::Ok);
            }
        });
    builder.start().await.unwrap()
}

async fn place(sandbox: &Sandbox, name: &str) -> PlacedOrder {
    let ids = *sandbox.ids();
    let project = client_as(sandbox, Actor::Consumer).consumer().project(ids.project);
    project.order(ids.offerings.slurm).name(name).limit("ram", 8).accept_terms().await.unwrap()
}

/// The name of the account of an order's resource.
fn account_of(placed: &PlacedOrder) -> String {
    format!("w_{}", placed.resource_uuid.unwrap().simple())
}
