//! Resources whose members are compared.

use std::error::Error as StdError;
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::backend_id::BackendId;
use crate::row::row;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Error, ErrorKind};

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
    /// Makes a resource that a back end can be asked about.
    ///
    /// # Errors
    /// If it has no id there; the cause is [`NoBackendId`].
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
    /// Where it stands.
    pub state: ResourceState,
    /// Its offering.
    pub offering_uuid: Uuid,
    /// The project that has it, whose team it is about; none if the server doesn't say.
    pub project_uuid: Option<Uuid>,
    /// Whether nobody may be a member for now, such as after a policy on costs fired.
    pub restrict_member_access: bool,
}

/// The cause of an error: the resource has no id in the back end, or one that none can be: blank, or longer than
/// 255 characters. The back end wasn't called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoBackendId {
    /// The resource's uuid.
    pub resource: Uuid,
}

impl fmt::Display for NoBackendId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the resource {} has no id in the back end", self.resource.simple())
    }
}

impl StdError for NoBackendId {}

impl From<NoBackendId> for Error {
    fn from(cause: NoBackendId) -> Self {
        Self::new(ErrorKind::Validation, "").with_headline(cause.to_string()).with_source(cause)
    }
}
