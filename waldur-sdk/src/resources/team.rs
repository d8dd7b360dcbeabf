//! The team of a resource: the members of its project.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use waldur_api_client::types::OfferingUserState;
use waldur_api_client::{Error, ListExt as _};

use super::ResourceHandle;
use crate::offering_user_state::{is_ending, is_usable};
use crate::row::{self, Rows, row};

row! {
    /// A member of the project that has a resource.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct TeamMember {
        /// The user.
        pub user_uuid: Uuid = need "uuid",
        /// The username in Waldur, which differs from the offering user's; empty if the server doesn't send
        /// it.
        pub username: String = or_default "username",
        /// The full name, for display.
        pub full_name: String = or_default "full_name",
        /// The email address; empty if the caller may not see it.
        pub email: String = or_default "email",
        /// The role in the project, such as `admin` or `member`.
        pub role: String = or_default "role",
        /// When the role expires; `None` if it does not.
        pub expiration_time: Option<DateTime<Utc>> = optional "expiration_time",
        /// The username of the member's offering user; `None` until it has one.
        pub offering_user_username: Option<String> = non_empty "offering_user_username",
        /// The state of the member's offering user; `None` if there is no offering user. Servers of 2024 and
        /// before don't send states.
        pub offering_user_state: Option<OfferingUserState> = optional "offering_user_state",
    }
}

impl TeamMember {
    /// Returns whether the member has an offering user, in any state.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.offering_user_username.is_some() || self.offering_user_state.is_some()
    }

    /// Returns whether the offering user can be used: it has a username, and its state is OK or not sent.
    ///
    /// The team doesn't show whether the offering user is restricted; see
    /// [`OfferingUser::is_usable`](crate::accounts::OfferingUser::is_usable).
    #[must_use]
    pub fn has_usable_account(&self) -> bool {
        let username = self.offering_user_username.as_deref().unwrap_or_default();
        is_usable(self.offering_user_state.as_ref(), username)
    }

    /// Returns whether the offering user is being deleted, or is deleted.
    #[must_use]
    pub fn has_ending_account(&self) -> bool {
        self.offering_user_state.as_ref().is_some_and(is_ending)
    }
}

impl ResourceHandle {
    /// Lists the members of the resource's project, with their offering users.
    /// (`marketplace_provider_resources_team_list`)
    ///
    /// The team of a new project is empty for a while.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the resource doesn't exist or the caller doesn't provide it. A member whose
    /// row can't be read is no error: see [`Rows::unreadable`].
    pub async fn team(&self) -> Result<Rows<TeamMember>, Error> {
        let list = self.client.marketplace_provider_resources_team_list().uuid(self.uuid);
        row::all(list.unread(), self.client.bulk_concurrency()).await
    }
}
