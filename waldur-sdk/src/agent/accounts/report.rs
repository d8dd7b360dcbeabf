//! The results of a round, offering user by offering user.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use waldur_api_client::types::OfferingUserState;
use waldur_api_client::{Error, ErrorKind};

use super::account::AgentAccount;
use crate::agent::result::{failed, in_backend, in_progress, kinds, not_begun, seconds, skipped};
use crate::backend_id::AccountName;
use crate::bulk::{Item, Outcome};
use crate::confirm::Applied;

/// What a round did with an offering user. Serializes as an object whose `kind` is that of
/// [`AccountResult::kind`].
///
/// The [`Outcome`] of the item follows from it; each variant says which.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AccountResult {
    /// The account exists, and the offering user has its name and is OK. ([`Outcome::Applied`])
    Ready {
        /// The name.
        username: AccountName,
    },
    /// The user has something to do before the account can be created. ([`Outcome::Applied`] if the state or
    /// the comment was set now, [`Outcome::Unchanged`] if the user was told before, [`Outcome::Skipped`] if
    /// the server has no states to tell it by) One that is OK without a name keeps that state; only the
    /// comment is set.
    Pending {
        /// The pending state.
        state: OfferingUserState,
        /// Whether it was set now; `None` if the server has no states.
        applied: Option<Applied>,
    },
    /// The account was removed, and the offering user is marked as deleted. ([`Outcome::Applied`])
    Deleted,
    /// The provider doesn't name the accounts of this offering, or it isn't known whether it does. Nothing
    /// was done. ([`Outcome::Skipped`])
    NotNamedByProvider {
        /// The offering's policy, such as `waldur_username`; `None` if the server doesn't send it.
        policy: Option<String>,
    },
    /// Somebody else has moved it to another state, in which the step isn't possible. ([`Outcome::Skipped`])
    Superseded {
        /// That state.
        state: OfferingUserState,
    },
    /// The back end failed permanently, or the server refused the name. The offering user was marked as
    /// erred, unless the server has no states or it is OK without a name. It is tried again after the pause.
    /// ([`Outcome::Failed`])
    Erred {
        /// What failed.
        message: String,
        /// The time until the next attempt. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// A step failed that may succeed later. The state stays as it is. ([`Outcome::Failed`])
    ///
    /// If the back end failed ([`Error::is_backend`]), the cause of the outcome's error is the
    /// [`BackendError`](crate::agent::BackendError).
    Failed {
        /// The time until the next attempt. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// The back end is still at work on it ([`BackendError::in_progress`]). ([`Outcome::Skipped`])
    ///
    /// [`BackendError::in_progress`]: crate::agent::BackendError::in_progress
    InBackend {
        /// The time until the back end is called again. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// It failed in an earlier round, and it is too early for the next attempt. ([`Outcome::Failed`] with the
    /// error of that round)
    Resting {
        /// The time until the next attempt. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// It was not begun, or not continued, because the server kept failing, the offering couldn't be read, or
    /// the back end isn't [ready](super::Usernames::ready).
    /// The next round takes it up without a further pause. ([`Outcome::Failed`])
    Held,
    /// The provider has nothing to do for it, such as for one that is OK and has a name. Only for one that is
    /// [processed by itself](super::AccountsProcessor::process). ([`Outcome::Unchanged`])
    NothingToDo,
    /// Another round of the same processor is at work on it. ([`Outcome::Skipped`])
    InProgress,
    /// It was not begun because the processor was stopped. ([`Outcome::Skipped`])
    NotBegun,
}

impl fmt::Display for AccountResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        match self {
            Self::Ready { username } => write!(f, ": {username}"),
            Self::Pending { state, applied: Some(_) } => write!(f, ": {state}"),
            Self::Pending { state, applied: None } => write!(f, ": {state}, but the server has no states"),
            Self::NotNamedByProvider { policy: Some(policy) } => write!(f, ": the policy is {policy}"),
            Self::NotNamedByProvider { policy: None } => f.write_str(": the policy isn't known"),
            Self::Superseded { state } => write!(f, ": the offering user is {state}"),
            Self::Erred { message, again_in } => write!(f, ": {message}; again in {again_in:?}"),
            Self::Failed { again_in } | Self::InBackend { again_in } | Self::Resting { again_in } => {
                write!(f, ": again in {again_in:?}")
            }
            Self::Deleted | Self::Held | Self::NothingToDo | Self::InProgress | Self::NotBegun => Ok(()),
        }
    }
}

kinds! {
    /// The kind of an [`AccountResult`]. Displays as words, such as `not named by the provider`, and
    /// serializes as the name that [`as_str`](Self::as_str) returns, such as `not_named_by_provider`.
    pub enum AccountResultKind of AccountResult, ProcessedAccount, "offering users" {
        Ready = "ready",
        Pending = "pending",
        Deleted = "deleted",
        NotNamedByProvider = "not_named_by_provider" as "not named by the provider",
        Superseded = "superseded",
        Erred = "erred",
        Failed = "failed",
        InBackend = "in_backend" as "in the back end",
        Resting = "resting",
        Held = "held" as "held back",
        NothingToDo = "nothing_to_do" as "nothing to do",
        InProgress = "in_progress" as "in progress",
        NotBegun = "not_begun" as "not begun",
    }
}

/// An offering user of a round: the target of the items of
/// [`AccountsProcessor::run_once`](super::AccountsProcessor::run_once).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ProcessedAccount {
    /// The offering user as it was listed.
    pub account: AgentAccount,
    /// What the round did with it.
    pub result: AccountResult,
}

/// Writes `offering user`, the uuid and a name.
impl fmt::Display for ProcessedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.account.fmt(f)
    }
}

impl ProcessedAccount {
    /// Makes the item of an offering user. `error` is what failed, if the result says that something did.
    pub(super) fn into_item(self, error: Option<Error>) -> Item<Self> {
        use AccountResult::{Deleted, InProgress, NotBegun, NotNamedByProvider, Pending, Ready, Superseded};
        let outcome = match (&self.result, error) {
            (Ready { .. } | Deleted, _) => Ok(Applied::Now).into(),
            (Pending { applied: Some(applied), .. }, _) => Ok(*applied).into(),
            (AccountResult::NothingToDo, _) => Ok(Applied::Already).into(),
            (result @ (Pending { .. } | NotNamedByProvider { .. } | Superseded { .. }), _) => {
                skipped(result.to_string())
            }
            (AccountResult::InBackend { again_in }, _) => in_backend(*again_in),
            (InProgress, _) => in_progress(),
            (NotBegun, _) => not_begun(),
            (_, Some(error)) => Outcome::Failed { error },
            (result, None) => failed(ErrorKind::UnexpectedResponse, result.to_string()),
        };
        Item::new(self, outcome)
    }
}
