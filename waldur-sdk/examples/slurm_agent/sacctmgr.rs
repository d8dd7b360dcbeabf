//! Accounts and associations, by `sacctmgr`. Each function can be repeated.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::Mutex;
use waldur_sdk::Decimal;

use crate::command::{CommandError, Printed, Program};
use crate::tres::Limit;

/// What `sacctmgr` prints, with a status other than 0, when it did nothing. That may be because there is
/// nothing to do, or because what the command is about doesn't exist.
const NOTHING: [&str; 6] = [
    "Nothing new added",
    "Nothing added",
    "Already existing",
    "Nothing modified",
    "didn't affect anything",
    "Nothing deleted",
];

/// What `sacctmgr` prints if it removed nothing because of jobs.
const JOBS: &str = "Job(s) active";

/// How many users are passed to one command: the length of a command line is limited.
const USERS: usize = 1000;

/// The accounts of a cluster.
#[derive(Debug)]
pub(crate) struct Sacctmgr {
    program: Program,
    pub(crate) cluster: String,
    /// The account below which the others are made.
    parent: String,
    /// Held while something is changed. If two changes at once make the database roll one of them back, SLURM
    /// repeats only its last part: an account then has an association, but no user can be added to it.
    turn: Mutex<()>,
}

/// What is set for an account, or for a user of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Empty for the account itself.
    pub(crate) user: String,
    /// The limits of TRES-minutes.
    pub(crate) minutes: BTreeMap<String, Limit>,
    /// Whether jobs can neither be submitted nor begin.
    pub(crate) is_paused: bool,
    /// The allowed QOS; empty if they are those of the parent account.
    pub(crate) qos: String,
}

impl Sacctmgr {
    pub(crate) fn new(program: Program, cluster: &str, parent: &str) -> Self {
        Self { program, cluster: cluster.to_owned(), parent: parent.to_owned(), turn: Mutex::new(()) }
    }

    /// Returns the version of SLURM, such as `22.05.8`.
    pub(crate) async fn version(&self) -> Result<String, CommandError> {
        let printed = self.program.run(&["--version".to_owned()]).await?;
        // The name before it depends on who packaged it: slurm, slurm-wlm.
        let version = |line: &str| Some(line.rsplit_once(' ')?.1.to_owned());
        let lines = printed.read('|', |[line]| version(line).ok_or("no version"))?;
        Ok(lines.into_iter().next().unwrap_or_default())
    }

    /// Returns whether the database answers and knows the cluster.
    pub(crate) async fn has_cluster(&self) -> Result<bool, CommandError> {
        let printed = self.show(&["cluster", &self.cluster], "Cluster").await?;
        Ok(printed.read('|', |[name]| Ok(name == self.cluster))?.contains(&true))
    }

    /// Returns the trackable resources, such as `cpu` and `gres/gpu`.
    pub(crate) async fn tres(&self) -> Result<BTreeSet<String>, CommandError> {
        let printed = self.show(&["tres"], "Type,Name").await?;
        let tres = printed.read('|', |[type_, name]| match name {
            "" => Ok(type_.to_owned()),
            name => Ok(format!("{type_}/{name}")),
        });
        Ok(tres?.into_iter().collect())
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

    /// Lists what is set for an account and its users.
    ///
    /// If the database fails, `sacctmgr` prints nothing and succeeds. So the parent account is requested,
    /// too: an answer without it says nothing about the account.
    async fn associations(&self, account: &str) -> Result<Vec<Entry>, CommandError> {
        let accounts = format!("{},{account}", named("account", &self.parent)?);
        named("account", account)?;
        // WOPLimits leaves out what the parent account sets.
        let what = ["association", "where", &accounts, &self.on(), "WOPLimits"];
        let printed = self.show(&what, "Account,User,GrpTRESMins,GrpJobs,GrpSubmitJobs,QOS").await?;
        let command = printed.command.clone();
        let rows = printed.read('|', |[of, user, minutes, jobs, submitted, qos]| {
            let minutes = minutes.split(',').filter(|limit| !limit.is_empty()).map(Limit::parse);
            let entry = Entry {
                user: user.to_owned(),
                minutes: minutes.collect::<Option<_>>().ok_or("a limit is not a number")?,
                is_paused: jobs == "0" && submitted == "0",
                qos: qos.to_owned(),
            };
            Ok((of.to_owned(), entry))
        })?;
        if !rows.iter().any(|(of, entry)| *of == self.parent && entry.user.is_empty()) {
            return Err(CommandError::Without { command, account: self.parent.clone() });
        }
        Ok(rows.into_iter().filter(|(of, _)| of == account).map(|(_, entry)| entry).collect())
    }

    /// Adds an account below the parent account. Without a description, it is described by its name.
    pub(crate) async fn add_account(&self, account: &str, description: &str) -> Result<(), CommandError> {
        let (name, parent) = (named("name", account)?, named("parent", &self.parent)?);
        // SLURM refuses an empty one.
        let description = if description.is_empty() { account } else { description };
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

    /// Removes an account with its associations.
    ///
    /// # Errors
    /// [`CommandError::HasJobs`] while jobs of it are running or queued.
    pub(crate) async fn delete_account(&self, account: &str) -> Result<(), CommandError> {
        // SLURM removes no account that is the default one of a user.
        self.remove_users(account, &self.users(account).await?).await?;
        let command = ["delete", "account", "where", &named("name", account)?, &self.on()];
        self.change(&command, async || Ok(!self.has_account(account).await?)).await
    }

    /// Adds a user to an account.
    pub(crate) async fn add_user(&self, account: &str, user: &str) -> Result<(), CommandError> {
        let command = ["add", "user", &named("name", user)?, &named("account", account)?, &self.on()];
        self.change(&command, async || self.has_user(account, user).await).await
    }

    /// Removes a user from an account.
    ///
    /// # Errors
    /// [`CommandError::HasJobs`] while jobs of the user are running or queued.
    pub(crate) async fn remove_user(&self, account: &str, user: &str) -> Result<(), CommandError> {
        named("name", user)?;
        self.remove_users(account, &[user.to_owned()]).await
    }

    /// Removes users, whose names are valid, from an account. Those whose default account it is get another
    /// of theirs: SLURM wouldn't remove them, or would leave them without one. It may also refuse to remove
    /// several at once.
    async fn remove_users(&self, account: &str, users: &[String]) -> Result<(), CommandError> {
        let of_account = named("account", account)?;
        let mut others = BTreeMap::new();
        for users in users.chunks(USERS) {
            others.extend(self.other_defaults(account, users).await?);
        }
        for user in users {
            let name = format!("name={user}");
            if let Some(other) = others.get(user) {
                let default = format!("DefaultAccount={other}");
                let command = ["modify", "user", "where", &name, &self.on(), "set", &default];
                self.change(&command, async || Ok(true)).await?;
            }
            let command = ["delete", "user", "where", &name, &of_account, &self.on()];
            self.change(&command, async || Ok(!self.has_user(account, user).await?)).await?;
        }
        Ok(())
    }

    /// Returns another account of each of these users whose default account this is, if they have one.
    async fn other_defaults(
        &self,
        account: &str,
        users: &[String],
    ) -> Result<BTreeMap<String, String>, CommandError> {
        let names = format!("name={}", users.join(","));
        let what = ["user", "where", &names, &self.on(), "withassoc"];
        let printed = self.show(&what, "User,DefaultAccount,Account").await?;
        let rows = printed.read('|', |fields: [&str; 3]| Ok(fields.map(str::to_owned)))?;
        let others = rows.into_iter().filter(|[_, default, of]| default == account && of != account);
        Ok(others.map(|[user, _, of]| (user, of)).collect())
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
        let printed = {
            let _turn = self.turn.lock().await;
            self.program.run(&arguments).await?
        };
        let did_nothing = || NOTHING.iter().any(|text| printed.contains(text));
        match printed.is_success() || did_nothing() && is_done().await? {
            true => Ok(()),
            false if printed.contains(JOBS) => Err(CommandError::HasJobs { command: printed.command }),
            false => Err(printed.fail()),
        }
    }
}

/// Returns whether commands take this as one name, and SLURM prints it like that: it separates lists by
/// commas, and writes names in lower case. An option of a command is no name.
pub(crate) fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.@".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain)
}

/// Returns the argument for a name.
pub(crate) fn named(key: &str, name: &str) -> Result<String, CommandError> {
    match is_name(name) {
        true => Ok(format!("{key}={name}")),
        false => Err(CommandError::Name { name: name.to_owned() }),
    }
}
