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
        pub(super) restrict_member_access: bool = or_default "restrict_member_access",
    }
}

impl ResourceRow {
    /// Returns the resource for the back end.
    ///
    /// # Errors
    /// If the resource has no id there; the cause is [`NoBackendId`].
    pub(super) fn with_backend_id(self) -> Result<MembershipResource, Error> {
        let Self { uuid, name, backend_id, state, offering_uuid, project_uuid, restrict_member_access } =
            self;
        let backend_id = backend_id.ok_or(NoBackendId { resource: uuid })?;
        Ok(MembershipResource {
            uuid,
            name,
            backend_id,
            state,
            offering_uuid,
            project_uuid,
            restrict_member_access,
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
    /// Whether nobody may be a member for now, such as after a cost policy took effect.
    pub restrict_member_access: bool,
}
