//! What a back end is given: an offering user, and who it is for.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::OfferingUserState;

use crate::accounts::Comment;
use crate::row::row;

row! {
    /// An offering user, as a back end needs it.
    ///
    /// What it says about the person depends on the attributes that the offering exposes to its provider;
    /// others are empty.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct AgentAccount {
        /// The offering user's uuid.
        pub uuid: Uuid = need "uuid",
        /// The state; `None` on servers of 2024 and before, which have no states.
        pub state: Option<OfferingUserState> = optional "state",
        /// The account's name, as Waldur has it; empty if none is set.
        pub username: String = exact "username",
        /// The offering.
        pub offering_uuid: Uuid = need "offering_uuid",
        /// The user.
        pub user_uuid: Uuid = need "user_uuid",
        /// The name that the user has in Waldur. It isn't the name of the account.
        pub user_username: String = or_default "user_username",
        /// The user's full name.
        pub user_full_name: String = or_default "user_full_name",
        /// The user's first name.
        pub user_first_name: String = or_default "user_first_name",
        /// The user's last name.
        pub user_last_name: String = or_default "user_last_name",
        /// The user's e-mail address.
        pub user_email: String = or_default "user_email",
        /// The user's organization.
        pub user_organization: String = or_default "user_organization",
        /// The provider's comment for the user.
        pub service_provider_comment: String = or_default "service_provider_comment",
        /// The address of a page that belongs to the comment.
        pub service_provider_comment_url: String = or_default "service_provider_comment_url",
    }
}

impl AgentAccount {
    /// Returns what has to be done, if anything. One that is OK needs a name all the same.
    pub(super) fn task(&self) -> Option<AccountTask> {
        use OfferingUserState::{
            Creating, Deleting, ErrorCreating, ErrorDeleting, Ok as Ready, PendingAccountLinking,
            PendingAdditionalValidation, Requested, RequestedDeletion,
        };
        Some(match &self.state {
            Some(
                Requested | Creating | PendingAccountLinking | PendingAdditionalValidation | ErrorCreating,
            ) => AccountTask::Name,
            Some(RequestedDeletion | Deleting | ErrorDeleting) => AccountTask::Remove,
            None | Some(Ready) if self.username.trim().is_empty() => AccountTask::Name,
            _ => return None,
        })
    }

    pub(super) fn comment(&self) -> Comment {
        Comment::new(&self.service_provider_comment, &self.service_provider_comment_url)
    }
}

impl From<&AgentAccount> for Uuid {
    fn from(account: &AgentAccount) -> Self {
        account.uuid
    }
}

/// Writes `offering user`, the uuid, and the user's full name or the account's name.
impl fmt::Display for AgentAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offering user {}", self.uuid.simple())?;
        match [self.user_full_name.as_str(), self.username.as_str()].into_iter().find(|name| !name.is_empty())
        {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// What has to be done for an offering user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountTask {
    /// It needs an account with a name.
    Name,
    /// Its account has to be removed.
    Remove,
}
