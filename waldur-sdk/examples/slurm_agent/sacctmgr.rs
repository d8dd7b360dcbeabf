//! Accounts and associations, by `sacctmgr`. Each function can be repeated.

use std::collections::BTreeMap;

use waldur_sdk::Decimal;

use crate::command::{CommandError, Printed, Program};

/// What `sacctmgr` prints, with a status other than 0, when it did nothing. That may be because there is
/// nothing to do, or because what the command is about doesn't exist.
const NOTHING: [&str; 4] = ["Nothing new added", "Nothing modified", "Nothing deleted", "already exist"];

/// The units of memory, in MB.
const UNITS: [(char, i64); 4] = [('M', 1), ('G', 1 << 10), ('T', 1 << 20), ('P', 1 << 30)];

/// The accounts of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Sacctmgr {
    pub(crate) program: Program,
    pub(crate) cluster: String,
}

/// What is set for an account, or for a user of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Empty for the account itself.
    pub(crate) user: String,
    /// The limits of TRES-minutes.
    pub(crate) minutes: BTreeMap<String, Decimal>,
    /// Whether jobs can neither be submitted nor begin.
    pub(crate) is_paused: bool,
    /// The allowed QOS; empty if they are those of the parent account.
    pub(crate) qos: String,
}

impl Sacctmgr {
    /// Returns the version of SLURM, such as `23.11.4`.
    pub(crate) async fn version(&self) -> Result<String, CommandError> {
        let printed = self.program.run(&["--version".to_owned()]).await?;
        let lines =
            printed.read('|', |[line]| line.strip_prefix("slurm ").map(str::to_owned).ok_or("no version"))?;
        Ok(lines.into_iter().next().unwrap_or_default())
    }

    /// Returns whether the database answers and knows the cluster.
    pub(crate) async fn has_cluster(&self) -> Result<bool, CommandError> {
        let printed = self.show(&["cluster", &self.cluster], "Cluster").await?;
        Ok(printed.read('|', |[name]| Ok(name == self.cluster))?.contains(&true))
    }

    /// Returns what is set for an account; none if the cluster doesn't have it.
    pub(crate) async fn account(&self, account: &str) -> Result<Option<Entry>, CommandError> {
        Ok(self.associations(account).await?.into_iter().find(|one| one.user.is_empty()))
    }

    /// Lists the users of an account.
    pub(crate) async fn users(&self, account: &str) -> Result<Vec<String>, CommandError> {
        let users = self.associations(account).await?.into_iter().map(|one| one.user);
        Ok(users.filter(|user| !user.is_empty()).collect())
    }

    async fn associations(&self, account: &str) -> Result<Vec<Entry>, CommandError> {
        let of_account = named("account", account)?;
        // WOPLimits leaves out what the parent account sets.
        let what = ["association", "where", &of_account, &self.on(), "WOPLimits"];
        let printed = self.show(&what, "Account,User,GrpTRESMins,GrpJobs,GrpSubmitJobs,QOS").await?;
        printed.read('|', |[of, user, minutes, jobs, submitted, qos]| {
            if of != account {
                return Err("it is of another account");
            }
            let minutes = minutes.split(',').filter(|limit| !limit.is_empty()).map(limit);
            Ok(Entry {
                user: user.to_owned(),
                minutes: minutes.collect::<Option<_>>().ok_or("a limit is not a number")?,
                is_paused: jobs == "0" && submitted == "0",
                qos: qos.to_owned(),
            })
        })
    }

    /// Adds an account below another.
    pub(crate) async fn add_account(
        &self,
        account: &str,
        parent: &str,
        description: &str,
    ) -> Result<(), CommandError> {
        let (name, parent) = (named("name", account)?, named("parent", parent)?);
        let description = format!("description={description}");
        let command = ["add", "account", &name, &self.on(), &parent, &description];
        self.change(&command, async || self.has_account(account).await).await
    }

    /// Limits the TRES-minutes of an account.
    pub(crate) async fn set_limits(
        &self,
        account: &str,
        minutes: &[(String, Decimal)],
    ) -> Result<(), CommandError> {
        if minutes.is_empty() {
            return Ok(());
        }
        let limits: Vec<_> = minutes.iter().map(|(tres, minutes)| format!("{tres}={minutes}")).collect();
        self.set(account, &[&format!("GrpTRESMins={}", limits.join(","))]).await
    }

    /// Keeps jobs of an account from being submitted and from beginning, or allows both. Jobs that run go on.
    pub(crate) async fn set_paused(&self, account: &str, paused: bool) -> Result<(), CommandError> {
        match paused {
            true => self.set(account, &["GrpJobs=0", "GrpSubmitJobs=0"]).await,
            false => self.set(account, &["GrpJobs=-1", "GrpSubmitJobs=-1"]).await,
        }
    }

    /// Sets the only QOS that an account may use; that of the parent account if it is empty.
    pub(crate) async fn set_qos(&self, account: &str, qos: &str) -> Result<(), CommandError> {
        self.set(account, &[&format!("QOS={qos}")]).await
    }

    async fn set(&self, account: &str, options: &[&str]) -> Result<(), CommandError> {
        let (name, on) = (named("name", account)?, self.on());
        let command = [&["modify", "account", "where", &name, &on, "set"], options].concat();
        self.change(&command, async || self.has_account(account).await).await
    }

    /// Removes an account with its associations. Fails while jobs are running.
    pub(crate) async fn delete_account(&self, account: &str) -> Result<(), CommandError> {
        let command = ["delete", "account", "where", &named("name", account)?, &self.on()];
        self.change(&command, async || Ok(!self.has_account(account).await?)).await
    }

    /// Adds a user to an account.
    pub(crate) async fn add_user(&self, account: &str, user: &str) -> Result<(), CommandError> {
        let command = ["add", "user", &named("name", user)?, &named("account", account)?, &self.on()];
        self.change(&command, async || self.has_user(account, user).await).await
    }

    /// Removes a user from an account.
    pub(crate) async fn remove_user(&self, account: &str, user: &str) -> Result<(), CommandError> {
        let (name, of_account) = (named("name", user)?, named("account", account)?);
        let command = ["delete", "user", "where", &name, &of_account, &self.on()];
        self.change(&command, async || Ok(!self.has_user(account, user).await?)).await
    }

    async fn has_account(&self, account: &str) -> Result<bool, CommandError> {
        Ok(self.account(account).await?.is_some())
    }

    async fn has_user(&self, account: &str, user: &str) -> Result<bool, CommandError> {
        Ok(self.users(account).await?.iter().any(|one| one == user))
    }

    fn on(&self) -> String {
        format!("cluster={}", self.cluster)
    }

    async fn show(&self, what: &[&str], format: &str) -> Result<Printed, CommandError> {
        let format = format!("format={format}");
        let options = ["--noheader", "--parsable2", "show"];
        let arguments = options.iter().chain(what).copied().chain([format.as_str()]);
        self.program.run(&arguments.map(str::to_owned).collect::<Vec<_>>()).await
    }

    /// Runs a command that changes something. If it did nothing, `is_done` looks whether that is fine.
    async fn change(
        &self,
        command: &[&str],
        is_done: impl AsyncFnOnce() -> Result<bool, CommandError>,
    ) -> Result<(), CommandError> {
        let arguments: Vec<_> = ["--immediate"].iter().chain(command).map(|one| (*one).to_owned()).collect();
        let printed = self.program.run(&arguments).await?;
        let did_nothing = || NOTHING.iter().any(|text| printed.contains(text));
        match printed.is_success() || did_nothing() && is_done().await? {
            true => Ok(()),
            false => Err(printed.fail()),
        }
    }
}

/// Returns whether commands take this as one name, and SLURM prints it like that: it separates lists by
/// commas, and writes names in lower case. An option of a command is no name.
pub(crate) fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain)
}

/// Returns the argument for a name.
fn named(key: &str, name: &str) -> Result<String, CommandError> {
    match is_name(name) {
        true => Ok(format!("{key}={name}")),
        false => Err(CommandError::Name { name: name.to_owned() }),
    }
}

/// Parses a limit such as `cpu=6000` or `mem=480G`.
fn limit(text: &str) -> Option<(String, Decimal)> {
    let (tres, amount) = text.rsplit_once('=')?;
    let in_unit = |(unit, mb): (char, i64)| Some((amount.strip_suffix(unit)?, mb));
    let (number, mb) = UNITS.into_iter().find_map(in_unit).unwrap_or((amount, 1));
    Some((tres.to_owned(), number.parse::<Decimal>().ok()?.checked_mul(mb.into())?))
}
