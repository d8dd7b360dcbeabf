//! The id of a resource in the provider's back end.

use uuid::Uuid;
use waldur_api_client::types::CheckUniqueBackendIdRequest;
use waldur_api_client::{Client, Error, ErrorKind, Operation, builder};

use super::changes::{BackendIdRow, send_backend_id};
use super::{ResourceHandle, Resources, read};
use crate::confirm::{Applied, Confirm};

const CHECK_UNIQUE: &Operation = builder::MarketplaceProviderOfferingsCheckUniqueBackendId::OPERATION;
const SET_BACKEND_ID: &Operation = builder::MarketplaceProviderResourcesSetBackendId::OPERATION;

/// The longest backend id that Waldur accepts, in characters.
const BACKEND_ID_LENGTH: usize = 255;

impl ResourceHandle {
    /// Sets the resource's id in the provider's back end. (`marketplace_provider_resources_set_backend_id`)
    ///
    /// An empty id removes the one that is set. Other resources may have the same id; to rule that out, call
    /// [`claim_backend_id`](Self::claim_backend_id).
    ///
    /// Requires the permission `RESOURCE.SET_BACKEND_ID` on the offering or the provider's organization.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: the id is longer than 255 characters. Nothing is sent.
    /// - [`Error::is_not_found`]: the resource doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the resource can't be read.
    pub async fn set_backend_id(&self, backend_id: impl Into<String>) -> Result<Applied, Error> {
        let backend_id = backend_id.into();
        let length = backend_id.chars().count();
        if length > BACKEND_ID_LENGTH {
            let problem =
                format!("backend_id has {length} characters; Waldur accepts {BACKEND_ID_LENGTH} at most");
            return Err(Error::new(ErrorKind::Validation, problem).with_operation(SET_BACKEND_ID));
        }
        send_backend_id(&self.client, Confirm::new(&self.client), self.uuid, &backend_id).await
    }

    /// Sets the resource's id in the provider's back end, unless another resource of the offering has that
    /// id. (`marketplace_provider_resources_retrieve`,
    /// `marketplace_provider_offerings_check_unique_backend_id`,
    /// `marketplace_provider_resources_set_backend_id`)
    ///
    /// If the resource already has the id, nothing is sent. If a server doesn't support the check, the
    /// resources of the offering are listed instead (`marketplace_provider_resources_list`). The check and
    /// the change are separate requests: another resource may get the id in between.
    ///
    /// Requires the permissions `RESOURCE.SET_BACKEND_ID` on the offering or the provider's organization, and
    /// `OFFERING.UPDATE` on the provider's organization.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: another resource has the id, or the rules of the offering don't allow it.
    /// - Those of [`set_backend_id`](Self::set_backend_id).
    pub async fn claim_backend_id(&self, backend_id: &str) -> Result<Applied, Error> {
        let now: BackendIdRow = read(&self.client, self.uuid).await?;
        if now.backend_id == backend_id {
            return Ok(Applied::Already);
        }
        let Check { is_taken, objections } = check(&self.client, now.offering_uuid, backend_id).await?;
        let taken = is_taken.then(|| format!("backend_id: another resource has `{backend_id}`"));
        let problems: Vec<String> = taken.into_iter().chain(objections).collect();
        if !problems.is_empty() {
            let problems = problems.join("; ");
            return Err(Error::new(ErrorKind::Validation, problems).with_operation(SET_BACKEND_ID));
        }
        self.set_backend_id(backend_id).await
    }
}

/// Whether an id is free.
#[derive(Debug)]
pub(crate) struct Check {
    /// Whether another resource of the offering has the id.
    pub(crate) is_taken: bool,
    /// The server's objections to the id.
    pub(crate) objections: Vec<String>,
}

/// Looks up whether the id is free in the offering: asks the server, or lists the resources if the server
/// doesn't support that.
///
/// # Errors
/// If neither can be read.
pub(crate) async fn check(client: &Client, offering: Uuid, backend_id: &str) -> Result<Check, Error> {
    match ask(client, offering, backend_id).await {
        Err(error) if error.is_unsupported() => {
            let others = Resources::new(client).offering(offering).backend_id(backend_id).all().await?;
            let has_it = others.iter().any(|other| other.backend_id == backend_id);
            Ok(Check { is_taken: has_it && !backend_id.is_empty(), objections: Vec::new() })
        }
        answer => answer,
    }
}

/// Asks the server whether the id is taken, and for its objections.
async fn ask(client: &Client, offering: Uuid, backend_id: &str) -> Result<Check, Error> {
    let body = CheckUniqueBackendIdRequest::builder().backend_id(backend_id);
    let call = client.marketplace_provider_offerings_check_unique_backend_id().uuid(offering).body(body);
    let response = call.send().await?.into_inner().unwrap_or_default();
    match response.is_unique {
        Some(is_unique) => Ok(Check { is_taken: !is_unique, objections: response.errors }),
        None => {
            let problem = "the response lacks whether the id is unique";
            Err(Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(CHECK_UNIQUE))
        }
    }
}
