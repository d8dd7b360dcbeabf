//! The people of a project, as the provider of a resource sees them.

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waldur_api_client::builder;

use super::Provider;
use super::access::is_ending;
use crate::error::{Error, ErrorKind};
use crate::list::List as _;
use crate::types::{OfferingUserState, ProjectUser};

/// A member of the project that has a resource.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TeamMember {
    /// The user.
    pub user_uuid: Uuid,
    /// The user's name for signing in to Waldur, which is not the name of an account at an offering.
    pub username: String,
    /// The user's name, for people.
    pub full_name: String,
    /// The address; empty if it isn't shown.
    pub email: String,
    /// The role in the project, such as `admin` or `member`.
    pub role: String,
    /// Until when; none if it doesn't end.
    pub expiration_time: Option<DateTime<Utc>>,
    /// The name of the account at the offering, once there is one.
    pub offering_user_username: Option<String>,
    /// Where that account stands, if there is one; servers of 2024 and before have no states.
    pub offering_user_state: Option<OfferingUserState>,
}

impl TeamMember {
    /// Whether there is an account at the offering, in whatever state.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.offering_user_username.is_some() || self.offering_user_state.is_some()
    }

    /// Whether the account at the offering can be used, as far as the team shows: it has a name, and is OK where servers
    /// have states. That it is restricted doesn't show here.
    #[must_use]
    pub fn has_usable_account(&self) -> bool {
        let ok = self.offering_user_state.as_ref().is_none_or(|state| *state == OfferingUserState::Ok);
        ok && self.offering_user_username.is_some()
    }

    /// Whether the account at the offering is being removed, or was.
    #[must_use]
    pub fn has_ending_account(&self) -> bool {
        self.offering_user_state.as_ref().is_some_and(is_ending)
    }

    /// What an answer says, if it says who it is.
    fn of(user: ProjectUser) -> Option<Self> {
        Some(Self {
            user_uuid: user.uuid?,
            username: user.username.filter(|name| !name.is_empty())?,
            full_name: user.full_name.unwrap_or_default(),
            email: user.email.unwrap_or_default(),
            role: user.role.unwrap_or_default(),
            expiration_time: user.expiration_time,
            offering_user_username: user.offering_user_username.filter(|name| !name.is_empty()),
            offering_user_state: user.offering_user_state,
        })
    }
}

impl Provider {
    /// The members of the project that has a resource, with their accounts at the offering. It is empty for a while
    /// when a project is new. (`marketplace_provider_resources_team_list`)
    ///
    /// # Errors
    /// If they can't be listed, such as by anybody but the provider.
    pub async fn team(&self, resource: Uuid) -> Result<Vec<TeamMember>, Error> {
        let list = self.client.api().marketplace_provider_resources_team_list().uuid(resource);
        let members: Option<Vec<TeamMember>> = list.all().await?.into_iter().map(TeamMember::of).collect();
        members.ok_or_else(|| {
            Error::new(ErrorKind::Decode, "a member has no uuid or username")
                .in_operation(builder::MarketplaceProviderResourcesTeamList::OPERATION)
        })
    }
}
