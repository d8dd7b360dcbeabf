//! The members of a resource's project.

use uuid::Uuid;
use waldur_api_client::Error;

use super::Provider;
use crate::row::Rows;
use crate::team::TeamMember;

impl Provider {
    /// The members of the project that has a resource, with their accounts at the offering. It is empty for a
    /// while when a project is new. (`marketplace_provider_resources_team_list`)
    ///
    /// # Errors
    /// If the caller doesn't provide the resource, or there is none ([`Error::is_not_found`]). A member whose
    /// row can't be read is set aside: see [`Rows::unreadable`].
    pub async fn team(&self, resource: Uuid) -> Result<Rows<TeamMember>, Error> {
        self.rows(self.client.marketplace_provider_resources_team_list().uuid(resource)).await
    }
}
