//! Accounts and associations, by `sacctmgr`. Each function can be repeated.

use waldur_sdk::Decimal;

use crate::command::{CommandError, Printed, Program};

/// What `sacctmgr` prints, with a status other than 0, when there was nothing to do.
const NOTHING: [&str; 4] = ["Nothing new added", "Nothing modified", "Nothing deleted", "already exist"];

/// The accounts of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Sacctmgr {
    pub(crate) program: Program,
    pub(crate) cluster: String,
}

impl Sacctmgr {
    /// Returns the version of SLURM, such as `23.11.4`.
    pub(crate) async fn version(&self) -> Result<String, CommandError> {
        let printed = self.program.run(&["--version".to_owned()]).await?;
        let lines =
            printed.read(|[line]| line.strip_prefix("slurm ").map(str::to_owned).ok_or("no version"))?;
        Ok(lines.into_iter().next().unwrap_or_default())
    }

    /// Returns whether the database answers and knows the cluster.
    pub(crate) async fn has_cluster(&self) -> Result<bool, CommandError> {
        let printed = self.show(&["cluster", &self.cluster], "Cluster").await?;
        Ok(printed.read(|[name]| Ok(name == self.cluster))?.contains(&true))
    }

    /// Returns whether the account exists.
    pub(crate) async fn has_account(&self, account: &str) -> Result<bool, CommandError> {
        let printed = self.show(&["account", account], "Account").await?;
        Ok(printed.read(|[name]| Ok(name == account))?.contains(&true))
    }

    /// Adds an account below another.
    pub(crate) async fn add_account(
        &self,
        account: &str,
        parent: &str,
        description: &str,
    ) -> Result<(), CommandError> {
        let (parent, description) = (format!("parent={parent}"), format!("description={description}"));
        self.change(&["add", "account", &format!("name={account}"), &self.on(), &parent, &description]).await
    }

    /// Limits the TRES-minutes of an account. A limit of -1 removes the one that is there.
    pub(crate) async fn set_limits(
        &self,
        account: &str,
        minutes: &[(String, Decimal)],
    ) -> Result<(), CommandError> {
        if minutes.is_empty() {
            return Ok(());
        }
        let limits: Vec<_> = minutes.iter().map(|(tres, minutes)| format!("{tres}={minutes}")).collect();
        let limits = format!("GrpTRESMins={}", limits.join(","));
        let account = format!("name={account}");
        self.change(&["modify", "account", "where", &account, &self.on(), "set", &limits]).await
    }

    /// Removes an account with its associations. Fails while jobs are running.
    pub(crate) async fn delete_account(&self, account: &str) -> Result<(), CommandError> {
        self.change(&["delete", "account", "where", &format!("name={account}"), &self.on()]).await
    }

    /// Lists the users of an account.
    pub(crate) async fn users(&self, account: &str) -> Result<Vec<String>, CommandError> {
        let of_account = format!("account={account}");
        let printed = self.show(&["association", "where", &of_account, &self.on()], "Account,User").await?;
        let users = printed.read(|[of, user]| match of == account {
            true => Ok(user.to_owned()),
            false => Err("it is of another account"),
        })?;
        // The account itself is an association without a user.
        Ok(users.into_iter().filter(|user| !user.is_empty()).collect())
    }

    /// Adds a user to an account.
    pub(crate) async fn add_user(&self, account: &str, user: &str) -> Result<(), CommandError> {
        let (user, account) = (format!("name={user}"), format!("account={account}"));
        self.change(&["add", "user", &user, &account, &self.on()]).await
    }

    /// Removes a user from an account.
    pub(crate) async fn remove_user(&self, account: &str, user: &str) -> Result<(), CommandError> {
        let (user, account) = (format!("name={user}"), format!("account={account}"));
        self.change(&["delete", "user", "where", &user, &account, &self.on()]).await
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

    /// Runs a command that changes something. That there is nothing to change is fine.
    async fn change(&self, command: &[&str]) -> Result<(), CommandError> {
        let arguments: Vec<_> = ["--immediate"].iter().chain(command).map(|one| (*one).to_owned()).collect();
        let printed = self.program.run(&arguments).await?;
        match printed.is_success || NOTHING.iter().any(|text| printed.contains(text)) {
            true => Ok(()),
            false => Err(printed.fail()),
        }
    }
}
