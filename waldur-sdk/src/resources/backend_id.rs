//! The id of a resource in the provider's back end.

use uuid::Uuid;
use waldur_api_client::types::CheckUniqueBackendIdRequest;
use waldur_api_client::{Client, Error, ErrorKind, Operation, builder};

use super::changes::{BackendIdRow, send_backend_id};
use super::{ResourceHandle, Resources, read};
use crate::confirm::{Applied, Confirm};

const CHECK_UNIQUE: &Operation = builder::MarketplaceProviderOfferingsCheckUniqueBackendId::OPERATION;
const SET_BACKEND_ID: &Operation = builder::MarketplaceProviderResourcesSetBackendId::OPERATION;

/// The longest backend id that Waldur accepts.
const BACKEND_ID_LENGTH: usize = 255;

impl ResourceHandle {
    /// Sets the id that the resource has in the provider's back end; an empty one removes it. Setting the same
    /// id again is no error. (`marketplace_provider_resources_set_backend_id`)
    ///
    /// Requires the permission `RESOURCE.SET_BACKEND_ID` on the offering.
    ///
    /// # Errors
    /// If the id is longer than 255 characters ([`Error::is_validation`], before anything is sent), or the
    /// caller may not ([`Error::is_forbidden`], [`Error::is_not_found`]).
    pub async fn set_backend_id(&self, backend_id: impl Into<String>) -> Result<Applied, Error> {
        let backend_id = backend_id.into();
        let length = backend_id.chars().count();
        if length > BACKEND_ID_LENGTH {
            let problem =
                format!("backend_id has {length} characters; a server accepts {BACKEND_ID_LENGTH} at most");
            return Err(Error::new(ErrorKind::Validation, problem).with_operation(SET_BACKEND_ID));
        }
        send_backend_id(&self.client, Confirm::new(&self.client), self.uuid, &backend_id).await
    }

    /// Sets the id that the resource has in the provider's back end, unless another resource of the offering
    /// has that id. If the resource has it already, nothing is sent. (`marketplace_provider_resources_retrieve`,
    /// `marketplace_provider_offerings_check_unique_backend_id`, `marketplace_provider_resources_set_backend_id`)
    ///
    /// Where a server doesn't have the check, the resources of the offering are listed
    /// (`marketplace_provider_resources_list`). Between the check and the change another resource may get
    /// the id.
    ///
    /// Requires the permissions `RESOURCE.SET_BACKEND_ID` on the offering, and `OFFERING.UPDATE` on the
    /// provider's organization.
    ///
    /// # Errors
    /// If another resource has the id, or the offering doesn't allow it ([`Error::is_validation`]); those of
    /// [`set_backend_id`](Self::set_backend_id).
    pub async fn claim_backend_id(&self, backend_id: &str) -> Result<Applied, Error> {
        let now: BackendIdRow = read(&self.client, self.uuid).await?;
        if now.backend_id == backend_id {
            return Ok(Applied::Already);
        }
        let problems = match problems(&self.client, now.offering_uuid, backend_id).await {
            Err(error) if error.is_unsupported() => {
                let others = Resources::new(&self.client).offering(now.offering_uuid).backend_id(backend_id);
                let others = others.all().await?;
                match others.iter().any(|other| other.backend_id == backend_id && !backend_id.is_empty()) {
                    true => vec![taken(backend_id)],
                    false => Vec::new(),
                }
            }
            problems => problems?,
        };
        if !problems.is_empty() {
            return Err(Error::new(ErrorKind::Validation, problems.join("; ")).with_operation(SET_BACKEND_ID));
        }
        self.set_backend_id(backend_id).await
    }
}

/// Returns what a server has against another resource of the offering with this id.
async fn problems(client: &Client, offering: Uuid, backend_id: &str) -> Result<Vec<String>, Error> {
    let body = CheckUniqueBackendIdRequest::builder().backend_id(backend_id);
    let call = client.marketplace_provider_offerings_check_unique_backend_id().uuid(offering).body(body);
    let response = call.send().await?.into_inner().unwrap_or_default();
    let Some(is_unique) = response.is_unique else {
        let error = Error::new(ErrorKind::UnexpectedResponse, "the response lacks whether the id is unique");
        return Err(error.with_operation(CHECK_UNIQUE));
    };
    let mut problems = response.errors;
    if !is_unique {
        problems.insert(0, taken(backend_id));
    }
    Ok(problems)
}

fn taken(backend_id: &str) -> String {
    format!("backend_id: another resource has `{backend_id}`")
}
