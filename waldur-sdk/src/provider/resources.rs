//! Resources: what a provider tells about them.

use uuid::Uuid;

use super::Provider;
use crate::error::Error;
use crate::types::ResourceBackendIdRequest;

impl Provider {
    /// Sets the id that a resource has in the provider's back end; "" takes it away. Setting it again is no error.
    /// (`marketplace_provider_resources_set_backend_id`; a server needs the field, so it is always sent.)
    ///
    /// # Errors
    /// If the id is longer than 255 characters, or the caller may not see or change the resource.
    pub async fn set_backend_id(&self, resource: Uuid, backend_id: impl Into<String>) -> Result<(), Error> {
        let body = ResourceBackendIdRequest::builder().backend_id(backend_id);
        let call = self.client.api().marketplace_provider_resources_set_backend_id().uuid(resource);
        match call.body(body).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::from_api(error).await),
        }
    }
}
