//! The provider's back end for resources that exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::resource::{AgentResource, ResourceMode};
use crate::agent::backend::BackendError;
use crate::agent::task::Limits;
use crate::backend_id::{AccountName, BackendId};

/// The provider's own system, in which a [`ResourcesProcessor`](super::ResourcesProcessor) keeps the
/// resources as Waldur wants them.
///
/// [`pull`](Self::pull) says how a resource is in the back end. The other functions are called only for what
/// differs from Waldur, so none is called twice unless `pull` shows that the first call had no effect. Those
/// that aren't implemented are never needed by a back end whose `pull` doesn't say the respective value.
///
/// A back end whose work takes long returns [`BackendError::in_progress`], and returns it from `pull`, too,
/// until that work is done.
///
/// The kind of error decides what happens: after a [transient](BackendError::transient) one the resource
/// stays as it is in Waldur, and is tried again; after a [permanent](BackendError::permanent) one it is
/// marked as erred, with the error's message for the customer. So `pull` fails permanently only if the
/// resource is gone or broken.
pub trait ResourceBackend: Send + Sync {
    /// Returns how the resource is in the back end.
    ///
    /// # Errors
    /// A permanent one if the resource doesn't exist or is broken, a transient one if that isn't known now.
    fn pull(
        &self,
        resource: &AgentResource,
        id: &BackendId,
    ) -> impl Future<Output = Result<PulledResource, BackendError>> + Send;

    /// Checks whether the back end can work now. It is called before each round, and before a resource that
    /// is processed [by itself](super::ResourcesProcessor::process), which is held then. If it fails, the
    /// round is skipped: no resource is touched, and the report names the failure for each offering
    /// ([`Report::unlisted`]). By default the back end is always ready.
    ///
    /// [`Report::unlisted`]: crate::Report::unlisted
    fn ready(&self) -> impl Future<Output = Result<(), BackendError>> + Send {
        async { Ok(()) }
    }

    /// Pauses the resource: it can't be used until it is [restored](Self::restore).
    fn pause(
        &self,
        resource: &AgentResource,
        id: &BackendId,
    ) -> impl Future<Output = Result<(), BackendError>> + Send {
        not_implemented(resource, id, "can't be paused")
    }

    /// Downscales the resource: it can be used with less than its limits until it is
    /// [restored](Self::restore).
    fn downscale(
        &self,
        resource: &AgentResource,
        id: &BackendId,
    ) -> impl Future<Output = Result<(), BackendError>> + Send {
        not_implemented(resource, id, "can't be downscaled")
    }

    /// Ends the pause or the downscaling of the resource.
    fn restore(
        &self,
        resource: &AgentResource,
        id: &BackendId,
    ) -> impl Future<Output = Result<(), BackendError>> + Send {
        not_implemented(resource, id, "can't be restored")
    }

    /// Sets the limits of the resource to those of Waldur ([`AgentResource::limits`]).
    fn set_limits(
        &self,
        resource: &AgentResource,
        id: &BackendId,
    ) -> impl Future<Output = Result<(), BackendError>> + Send {
        not_implemented(resource, id, "has limits that can't be set")
    }

    /// Sets the limits of one user, by the name of the account. Without limits, those that the user has are
    /// removed.
    fn set_user_limits(
        &self,
        resource: &AgentResource,
        id: &BackendId,
        username: &AccountName,
        limits: &Limits,
    ) -> impl Future<Output = Result<(), BackendError>> + Send {
        let _ = (username, limits);
        not_implemented(resource, id, "has limits of users that can't be set")
    }

    /// Blocks the access of all members to the resource, or allows it again.
    fn restrict_members(
        &self,
        resource: &AgentResource,
        id: &BackendId,
        restricted: bool,
    ) -> impl Future<Output = Result<(), BackendError>> + Send {
        let _ = restricted;
        not_implemented(resource, id, "has members whose access can't be changed")
    }

    /// Sets the last day of the resource to that of Waldur ([`AgentResource::end_date`]).
    fn set_end_date(
        &self,
        resource: &AgentResource,
        id: &BackendId,
    ) -> impl Future<Output = Result<(), BackendError>> + Send {
        not_implemented(resource, id, "has an end date that can't be set")
    }
}

impl<B: ResourceBackend> ResourceBackend for Arc<B> {
    async fn pull(&self, resource: &AgentResource, id: &BackendId) -> Result<PulledResource, BackendError> {
        B::pull(self, resource, id).await
    }

    async fn ready(&self) -> Result<(), BackendError> {
        B::ready(self).await
    }

    async fn pause(&self, resource: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        B::pause(self, resource, id).await
    }

    async fn downscale(&self, resource: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        B::downscale(self, resource, id).await
    }

    async fn restore(&self, resource: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        B::restore(self, resource, id).await
    }

    async fn set_limits(&self, resource: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        B::set_limits(self, resource, id).await
    }

    async fn set_user_limits(
        &self,
        resource: &AgentResource,
        id: &BackendId,
        username: &AccountName,
        limits: &Limits,
    ) -> Result<(), BackendError> {
        B::set_user_limits(self, resource, id, username, limits).await
    }

    async fn restrict_members(
        &self,
        resource: &AgentResource,
        id: &BackendId,
        restricted: bool,
    ) -> Result<(), BackendError> {
        B::restrict_members(self, resource, id, restricted).await
    }

    async fn set_end_date(&self, resource: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        B::set_end_date(self, resource, id).await
    }
}

/// Fails transiently: what a back end can't do is no fault of the resource.
async fn not_implemented(
    resource: &AgentResource,
    id: &BackendId,
    what: &'static str,
) -> Result<(), BackendError> {
    let _ = resource;
    Err(BackendError::transient(format!("{id} {what}: the back end doesn't implement it")))
}

/// How a resource is in the back end. What it doesn't say is left alone, on both sides.
///
/// ```
/// use waldur_sdk::agent::{Limits, PulledResource, ResourceMode};
///
/// let limits = Limits::from([("cpu".to_owned(), 500.into())]);
/// let pulled = PulledResource::new().mode(ResourceMode::Paused).limits(limits);
/// # let _ = pulled;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct PulledResource {
    pub(super) mode: Option<ResourceMode>,
    pub(super) limits: Option<Limits>,
    pub(super) user_limits: Option<BTreeMap<AccountName, Limits>>,
    pub(super) members_restricted: Option<bool>,
    pub(super) end_date: Option<Option<NaiveDate>>,
    pub(super) metadata: Option<Map<String, Value>>,
}

impl PulledResource {
    /// Returns a resource that exists in the back end and works. It says nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how much the resource can be used.
    pub fn mode(mut self, mode: ResourceMode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Says what the limits of the resource are, by the component's type. Components that Waldur doesn't
    /// limit may be among them.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Says what limits single users have. Users without any may be absent.
    pub fn user_limits(mut self, limits: BTreeMap<AccountName, Limits>) -> Self {
        self.user_limits = Some(limits);
        self
    }

    /// Says whether the members have no access.
    pub fn members_restricted(mut self, restricted: bool) -> Self {
        self.members_restricted = Some(restricted);
        self
    }

    /// Says what the last day of the resource is; `None` if it has no end.
    pub fn end_date(mut self, day: Option<NaiveDate>) -> Self {
        self.end_date = Some(day);
        self
    }

    /// Says what the operators and the customer are to read about the resource in Waldur, such as its quality
    /// of service. Other names of the metadata in Waldur are replaced.
    pub fn metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = Some(metadata);
        self
    }
}
