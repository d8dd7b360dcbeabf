//! The accounts of users. The site creates them in its own directory; the agent looks up which one is whose.

use std::time::Duration;

use waldur_sdk::AccountName;
use waldur_sdk::agent::{AgentAccount, BackendError, UsernameAnswer, Usernames};

use crate::command::{CommandError, Program};
use crate::config::{self, NameFrom};
use crate::sacctmgr::is_name;

/// The status of `getent` if there is no such entry.
const MISSING: i32 = 2;

/// The accounts that `getent` knows.
#[derive(Debug)]
pub(crate) struct Directory {
    getent: Program,
    options: config::Usernames,
}

impl Directory {
    pub(crate) fn new(options: &config::Usernames) -> Self {
        let getent = Program { path: options.getent.clone(), limit: Duration::from_secs(options.timeout) };
        Self { getent, options: options.clone() }
    }

    /// Returns the name that the account of a user has by the policy; none if the user has no such name.
    fn name_of(&self, account: &AgentAccount) -> Option<String> {
        let name = match &self.options.from {
            NameFrom::Email(site) => {
                let (name, at) = account.user_email.rsplit_once('@')?;
                at.eq_ignore_ascii_case(site).then(|| name.to_owned())?
            }
            NameFrom::FullName => {
                let (first, last) = account.user_full_name.trim().split_once(' ')?;
                let (first, last) = (first.chars().next()?, last.replace([' ', '-', '\''], ""));
                format!("{first}{last}")
            }
        };
        let name = name.to_ascii_lowercase();
        is_name(&name).then_some(name)
    }

    /// Returns whether there is an account of this name that may be the user's.
    async fn has(&self, name: &str, account: &AgentAccount) -> Result<bool, CommandError> {
        let printed = self.getent.run(&["passwd".to_owned(), name.to_owned()]).await?;
        if printed.code() == Some(MISSING) {
            return Ok(false);
        }
        let full_name = account.user_full_name.trim();
        let entries = printed.read(':', |[entry, _, uid, _, gecos, _, _]| {
            let uid: u32 = uid.parse().map_err(|_| "the uid is not a number")?;
            // `getent` also takes a uid for a name.
            let is_user = entry == name && uid >= self.options.lowest_uid;
            // An address of the site is one person's. A name made from a full name may be that of another.
            let is_theirs = match self.options.from {
                NameFrom::Email(_) => true,
                NameFrom::FullName => gecos.split(',').next() == Some(full_name) && !full_name.is_empty(),
            };
            Ok(is_user && is_theirs)
        })?;
        Ok(entries.contains(&true))
    }
}

impl Usernames for Directory {
    async fn find(&self, account: &AgentAccount) -> Result<Option<AccountName>, BackendError> {
        match self.name_of(account) {
            Some(name) if self.has(&name, account).await? => Ok(Some(AccountName::new(name)?)),
            _ => Ok(None),
        }
    }

    async fn generate(&self, _: &AgentAccount) -> Result<UsernameAnswer, BackendError> {
        // It is looked for again in each round.
        let comment = UsernameAnswer::account_linking("You have no account on the cluster yet");
        Ok(comment.with_url(self.options.help.as_str()))
    }

    async fn remove(&self, _: &AgentAccount, _: &AccountName) -> Result<(), BackendError> {
        // The account is the site's. Its associations end with the memberships.
        Ok(())
    }
}
