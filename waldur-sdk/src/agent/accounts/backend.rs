//! The provider's back end for accounts.

use std::sync::Arc;

use waldur_api_client::types::OfferingUserState;

use super::account::AgentAccount;
use crate::accounts::{Comment, OfferingUserTransition};
use crate::agent::backend::BackendError;
use crate::backend_id::AccountName;

/// The provider's own system that has the accounts of users, such as a directory. An
/// [`AccountsProcessor`](super::AccountsProcessor) passes the offering users to it.
///
/// Each function may be called again for the same offering user, after it failed or the process was
/// restarted. [`find`](Self::find) is always called before [`generate`](Self::generate), so an account that
/// an interrupted round has created is found and not created twice.
///
/// See [`AccountsProcessor`](super::AccountsProcessor) for an example.
pub trait Usernames: Send + Sync {
    /// Checks whether the back end can work now. It is called before each round, and before an offering user
    /// that is processed [by itself](super::AccountsProcessor::process), which is held then. If it fails, the
    /// round is skipped: no offering user is touched, and the report names the failure for each offering
    /// ([`Report::unlisted`]). By default the back end is always ready.
    ///
    /// [`Report::unlisted`]: crate::Report::unlisted
    fn ready(&self) -> impl Future<Output = Result<(), BackendError>> + Send {
        async { Ok(()) }
    }

    /// Returns the name of the account that the user has already, or `None`.
    fn find(
        &self,
        account: &AgentAccount,
    ) -> impl Future<Output = Result<Option<AccountName>, BackendError>> + Send;

    /// Creates the account of a user who has none, and returns its name, or what the user has to do before.
    ///
    /// While the user has something to do, it is called in every round.
    fn generate(
        &self,
        account: &AgentAccount,
    ) -> impl Future<Output = Result<UsernameAnswer, BackendError>> + Send;

    /// Removes the account with this name. An account that no longer exists is no failure.
    ///
    /// The name is the one that Waldur has, or the one that [`find`](Self::find) returns if Waldur has none.
    fn remove(
        &self,
        account: &AgentAccount,
        username: &AccountName,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;
}

impl<U: Usernames> Usernames for Arc<U> {
    async fn find(&self, account: &AgentAccount) -> Result<Option<AccountName>, BackendError> {
        U::find(self, account).await
    }

    async fn generate(&self, account: &AgentAccount) -> Result<UsernameAnswer, BackendError> {
        U::generate(self, account).await
    }

    async fn remove(&self, account: &AgentAccount, username: &AccountName) -> Result<(), BackendError> {
        U::remove(self, account, username).await
    }

    async fn ready(&self) -> Result<(), BackendError> {
        U::ready(self).await
    }
}

/// What a back end answers when it is to create an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct UsernameAnswer(pub(super) Answer);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Username(AccountName),
    Pending(Waiting, Comment),
}

/// What an offering user waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    AccountLinking,
    AdditionalValidation,
}

impl Waiting {
    pub(super) fn transition(self) -> OfferingUserTransition {
        match self {
            Self::AccountLinking => OfferingUserTransition::SetPendingAccountLinking,
            Self::AdditionalValidation => OfferingUserTransition::SetPendingAdditionalValidation,
        }
    }

    pub(super) fn state(self) -> OfferingUserState {
        self.transition().target()
    }
}

impl UsernameAnswer {
    /// Returns the answer that the account exists and has this name.
    ///
    /// # Errors
    /// If the name is blank or too long for an [`AccountName`]. The error is permanent.
    pub fn username(name: impl Into<String>) -> Result<Self, BackendError> {
        AccountName::new(name).map(Self::from).map_err(BackendError::permanent)
    }

    /// Returns the answer that the user has to link an account before. The comment tells the user so.
    pub fn account_linking(comment: impl Into<String>) -> Self {
        Self(Answer::Pending(Waiting::AccountLinking, Comment::new(&comment.into(), "")))
    }

    /// Returns the answer that the user has to be validated before. The comment tells the user what is
    /// missing.
    pub fn additional_validation(comment: impl Into<String>) -> Self {
        Self(Answer::Pending(Waiting::AdditionalValidation, Comment::new(&comment.into(), "")))
    }

    /// Sets the address of a page for the user, beginning with `http://` or `https://`. It has no effect if
    /// the account exists.
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        if let Answer::Pending(_, comment) = &mut self.0 {
            comment.url = url.into().trim().to_owned();
        }
        self
    }
}

impl From<AccountName> for UsernameAnswer {
    fn from(name: AccountName) -> Self {
        Self(Answer::Username(name))
    }
}
