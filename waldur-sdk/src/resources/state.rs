//! The state and the flags of a resource.

use uuid::Uuid;
use waldur_api_client::types::{
    ResourceDownscaledRequest, ResourcePausedRequest, ResourceRestrictMemberAccessRequest,
    ResourceSetStateErredRequest, ResourceState,
};
use waldur_api_client::{Client, Error};

use super::changes::change;
use super::{Resource, ResourceHandle};
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::row;

row! {
    struct StateRow {
        state: ResourceState = need "state",
        error_message: String = or_default "error_message",
    }
}

/// Sets a resource back to OK, and reads it only if the response is lost.
///
/// # Errors
/// Those of [`change`].
pub(crate) async fn send_ok(client: &Client, confirm: Confirm<'_>, resource: Uuid) -> Result<Applied, Error> {
    let call = client.marketplace_provider_resources_set_as_ok().uuid(resource);
    let send = || async { call.clone().send().await.map(drop) };
    let is_so = |now: &StateRow| now.state == ResourceState::Ok;
    change(client, confirm, resource, send, is_so, Seen::Unchanged).await
}

/// Marks a resource as erred, and reads it only if the response is lost.
///
/// # Errors
/// Those of [`change`].
pub(crate) async fn send_erred(
    client: &Client,
    confirm: Confirm<'_>,
    resource: Uuid,
    message: &str,
    traceback: &str,
) -> Result<Applied, Error> {
    let body = ResourceSetStateErredRequest::builder().error_message(message).error_traceback(traceback);
    let call = client.marketplace_provider_resources_set_as_erred().uuid(resource).body(body);
    let send = || async { call.clone().send().await.map(drop) };
    let is_so = |now: &StateRow| shows_erred(&now.state, &now.error_message, message);
    change(client, confirm, resource, send, is_so, Seen::Differs).await
}

/// Returns whether a resource with this state and error message was marked as erred with `message`. Servers
/// cut off the white space at its ends, and an empty message leaves the existing one.
pub(crate) fn shows_erred(state: &ResourceState, error_message: &str, message: &str) -> bool {
    let message = message.trim();
    *state == ResourceState::Erred && (message.is_empty() || error_message.trim() == message)
}

impl ResourceHandle {
    /// Sets an erred resource back to OK. (`marketplace_provider_resources_set_as_ok`)
    ///
    /// Requires the permission `RESOURCE.SET_STATE` on the provider's organization.
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: the resource doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the resource can't be read.
    pub async fn mark_ok(&self) -> Result<Applied, Error> {
        send_ok(&self.client, Confirm::new(&self.client), self.uuid).await
    }

    /// Marks the resource as erred. (`marketplace_provider_resources_set_as_erred`)
    ///
    /// `message` is shown to the customer, `traceback` to the operators. Both may be empty; an empty message
    /// leaves the existing one. Servers cut off the white space at the ends.
    ///
    /// Requires the permission `RESOURCE.SET_STATE` on the provider's organization. Servers of 2024 require
    /// staff.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// let resource = client.provider().resource(sandbox.ids().resources.ok);
    /// resource.mark_erred("the file system is full", "quota: 0 bytes left").await?;
    /// assert_eq!(resource.get().await?.error_message, "the file system is full");
    /// resource.mark_ok().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`mark_ok`](Self::mark_ok).
    pub async fn mark_erred(
        &self,
        message: impl Into<String>,
        traceback: impl Into<String>,
    ) -> Result<Applied, Error> {
        let confirm = Confirm::new(&self.client);
        send_erred(&self.client, confirm, self.uuid, &message.into(), &traceback.into()).await
    }

    /// Pauses the resource, or resumes it. Requires staff. (`marketplace_provider_resources_set_paused`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Staff)).build()?;
    /// let resource = client.provider().resource(sandbox.ids().resources.ok);
    /// resource.set_paused(true).await?;
    /// resource.set_downscaled(true).await?;
    /// resource.set_restrict_member_access(true).await?;
    /// let now = resource.get().await?;
    /// assert!(now.paused && now.downscaled && now.restrict_member_access);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: the resource doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller is not staff.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the resource can't be read.
    pub async fn set_paused(&self, paused: bool) -> Result<Applied, Error> {
        let body = ResourcePausedRequest::builder().paused(paused);
        let call = self.client.marketplace_provider_resources_set_paused().uuid(self.uuid).body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(send, |now: &Resource| now.paused == paused, Seen::Unchanged).await
    }

    /// Downscales the resource, or restores it. Requires staff.
    /// (`marketplace_provider_resources_set_downscaled`)
    ///
    /// # Errors
    /// Those of [`set_paused`](Self::set_paused).
    pub async fn set_downscaled(&self, downscaled: bool) -> Result<Applied, Error> {
        let body = ResourceDownscaledRequest::builder().downscaled(downscaled);
        let call = self.client.marketplace_provider_resources_set_downscaled().uuid(self.uuid).body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(send, |now: &Resource| now.downscaled == downscaled, Seen::Unchanged).await
    }

    /// Blocks or allows members' access to the resource. Requires staff.
    /// (`marketplace_provider_resources_set_restrict_member_access`)
    ///
    /// # Errors
    /// Those of [`set_paused`](Self::set_paused).
    pub async fn set_restrict_member_access(&self, restrict: bool) -> Result<Applied, Error> {
        let body = ResourceRestrictMemberAccessRequest::builder().restrict_member_access(restrict);
        let call = self.client.marketplace_provider_resources_set_restrict_member_access().uuid(self.uuid);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(send, |now: &Resource| now.restrict_member_access == restrict, Seen::Unchanged).await
    }
}
