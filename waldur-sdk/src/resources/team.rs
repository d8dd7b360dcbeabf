//! The team of a resource: the people of its project.

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
        /// The user's name for signing in to Waldur, which is not that of an offering user; empty if the
        /// server doesn't send it.
        pub username: String = or_default "username",
        /// The user's name, for people.
        pub full_name: String = or_default "full_name",
        /// The email address; empty if it isn't shown.
        pub email: String = or_default "email",
        /// The role in the project, such as `admin` or `member`.
        pub role: String = or_default "role",
        /// Until when; none if it doesn't end.
        pub expiration_time: Option<DateTime<Utc>> = optional "expiration_time",
        /// The username of the member's offering user, once there is one.
        pub offering_user_username: Option<String> = non_empty "offering_user_username",
        /// The state of that offering user, if there is one; servers of 2024 and before have no states.
        pub offering_user_state: Option<OfferingUserState> = optional "offering_user_state",
    }
}

impl TeamMember {
    /// Returns whether there is an offering user, in whatever state.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.offering_user_username.is_some() || self.offering_user_state.is_some()
    }

    /// Returns whether the offering user can be used, as far as the team shows: it has a username, and is OK
    /// where servers have states. Whether it is restricted isn't shown here.
    #[must_use]
    pub fn has_usable_account(&self) -> bool {
        let username = self.offering_user_username.as_deref().unwrap_or_default();
        is_usable(self.offering_user_state.as_ref(), username)
    }

    /// Returns whether the offering user is being removed, or was.
    #[must_use]
    pub fn has_ending_account(&self) -> bool {
        self.offering_user_state.as_ref().is_some_and(is_ending)
    }
}

impl ResourceHandle {
    /// Lists the members of the project that has the resource, with their offering users. A new project has
    /// none for a while. (`marketplace_provider_resources_team_list`)
    ///
    /// # Errors
    /// If there is no such resource, or none that the caller provides ([`Error::is_not_found`]). A member
    /// whose row can't be read is set aside: [`Rows::unreadable`].
    pub async fn team(&self) -> Result<Rows<TeamMember>, Error> {
        let list = self.client.marketplace_provider_resources_team_list().uuid(self.uuid);
        row::all(list.into_request(), self.client.bulk_concurrency()).await
    }
}
