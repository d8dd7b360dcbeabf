//! The team of a resource.

use waldur_api_client::{Error, ListExt as _};

use super::ResourceHandle;
use crate::row::{self, Rows};
use crate::team::TeamMember;

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
