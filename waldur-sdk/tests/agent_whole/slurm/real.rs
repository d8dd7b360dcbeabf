//! A real SLURM, which `.ci/slurm` has started.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use waldur_sdk::{Decimal, Uuid};

use super::{configure, quick_settings};

/// What is set for an account, as `sacctmgr` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) limits: String,
    pub(super) jobs: String,
    pub(super) submitted: String,
    pub(super) qos: String,
    pub(super) users: BTreeSet<String>,
}

/// The cluster. Its daemons are started, and ended, by `.ci/slurm`.
pub(super) struct RealSlurm {
    commands: PathBuf,
    control: PathBuf,
    daemons: PathBuf,
    /// The user whose jobs are submitted.
    pub(super) job_user: String,
    directory: TempDir,
}

impl RealSlurm {
    /// Reads where it is from the environment.
    pub(super) fn from_env() -> Self {
        let text = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} isn't set: run .ci/slurm"));
        Self {
            commands: text("WALDUR_SLURM_BIN").into(),
            control: text("WALDUR_SLURM_CONTROL").into(),
            daemons: text("WALDUR_SLURM_DIR").into(),
            job_user: text("WALDUR_SLURM_JOB_USER"),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Writes a configuration of the agent.
    pub(super) fn configure(&self, offering: Uuid) -> PathBuf {
        configure(self.directory.path(), &self.commands, offering, &quick_settings())
    }

    /// Runs a command of SLURM, and returns what it printed.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(self.commands.join(program)).args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Calls `.ci/slurm` for these daemons. Returns whether it succeeded, and what it printed.
    fn control(&self, what: &str, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(&self.control);
        let output = command.arg(what).arg(&self.daemons).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn must(&self, what: &str, arguments: &[&str]) {
        let (is_done, errors) = self.control(what, arguments);
        assert!(is_done, "{what} {arguments:?}: {errors}");
    }

    /// Kills slurmdbd: no command of the agent succeeds until it is started again.
    pub(super) fn kill_database_daemon(&self) {
        self.must("kill", &[]);
    }

    pub(super) fn start_database_daemon(&self) {
        self.must("start", &[]);
    }

    /// Begins a job of so many seconds.
    pub(super) fn begin_job(&self, account: &str, seconds: &str) {
        self.must("submit", &[account, seconds]);
    }

    /// Tries to submit a job. Returns why it was refused.
    pub(super) fn refuses_job(&self, account: &str) -> Option<String> {
        let (is_done, errors) = self.control("submit", &[account, "0"]);
        (!is_done).then_some(errors)
    }

    /// Adds the usage of the current hour to what reports show.
    pub(super) fn roll_up(&self) {
        self.must("roll", &[]);
    }

    /// The accounts that the agent made, by name.
    pub(super) fn accounts(&self) -> BTreeMap<String, Account> {
        let text = self.run(
            "sacctmgr",
            &[
                "-nP",
                "show",
                "association",
                "cluster=polar",
                "WOPLimits",
                "format=Account,User,GrpTRESMins,GrpJobs,GrpSubmit,QOS",
            ],
        );
        let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
        for line in text.lines().filter(|line| line.starts_with("w_")) {
            let fields: Vec<String> = line.split('|').map(str::to_owned).collect();
            let [name, user, limits, jobs, submitted, qos] = <[String; 6]>::try_from(fields).unwrap();
            let account = accounts.entry(name).or_default();
            match user.as_str() {
                "" => {
                    (account.limits, account.jobs, account.submitted, account.qos) =
                        (limits, jobs, submitted, qos)
                }
                _ => assert!(account.users.insert(user), "{line}"),
            }
        }
        accounts
    }

    /// The jobs that are running or queued.
    pub(super) fn jobs(&self) -> usize {
        self.run("squeue", &["--noheader"]).lines().count()
    }

    /// The core-hours of the jobs of an account, by the accounting of jobs; none while one hasn't ended.
    pub(super) fn core_hours(&self, account: &str) -> Option<Decimal> {
        let account = format!("--accounts={account}");
        let text = self.run("sacct", &["--allusers", "-nXP", &account, "--format=State,CPUTimeRAW"]);
        let seconds = text.lines().map(|line| line.strip_prefix("COMPLETED|")?.parse::<Decimal>().ok());
        Some(seconds.sum::<Option<Decimal>>()? / Decimal::from(3600))
    }
}
