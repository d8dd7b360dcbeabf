//! Resources whose members are compared.

use serde::Serialize;
use uuid::Uuid;

use crate::backend_id::{BackendId, NoBackendId};
use crate::row::row;
use waldur_api_client::Error;
use waldur_api_client::types::ResourceState;

row! {
    /// A resource, as it is read.
    #[derive(Clone, Debug)]
    pub(super) struct ResourceRow {
        pub(super) uuid: Uuid = need "uuid",
        pub(super) name: String = or_default "name",
        pub(super) backend_id: Option<BackendId> = optional "backend_id",
        pub(super) state: ResourceState = or_unknown "state",
        pub(super) offering_uuid: Uuid = need "offering_uuid",
        pub(super) project_uuid: Option<Uuid> = optional "project_uuid",
        pub(super) project_name: String = or_default "project_name",
        pub(super) restrict_member_access: bool = or_default "restrict_member_access",
    }
}

impl ResourceRow {
    /// Returns the resource for the back end.
    ///
    /// # Errors
    /// If the resource has no id there; the cause is [`NoBackendId`].
    pub(super) fn with_backend_id(self) -> Result<MembershipResource, Error> {
        Ok(MembershipResource {
            backend_id: self.backend_id.ok_or(NoBackendId { resource: self.uuid })?,
            uuid: self.uuid,
            name: self.name,
            state: self.state,
            offering_uuid: self.offering_uuid,
            project_uuid: self.project_uuid,
            project_name: self.project_name,
            restrict_member_access: self.restrict_member_access,
        })
    }
}

/// A resource whose members are compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MembershipResource {
    /// The resource's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Its id in the back end.
    pub backend_id: BackendId,
    /// Its state.
    pub state: ResourceState,
    /// Its offering.
    pub offering_uuid: Uuid,
    /// The project that has it, with the team; none if the server doesn't send it.
    pub project_uuid: Option<Uuid>,
    /// The project's name; empty if the server doesn't send it.
    pub project_name: String,
    /// Whether nobody may be a member for now, such as after a cost policy took effect.
    pub restrict_member_access: bool,
}

impl From<&MembershipResource> for Uuid {
    fn from(resource: &MembershipResource) -> Self {
        resource.uuid
    }
}
