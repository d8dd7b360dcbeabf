//! The provider's back end, as far as it lists what it has.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::agent::backend::BackendError;
use crate::backend_id::BackendId;

/// The provider's own system, which lists its resources for an
/// [`ImportsProcessor`](super::ImportsProcessor).
pub trait Importable: Send + Sync {
    /// Lists the resources of an offering that the back end has. Those that Waldur knows may be among them.
    ///
    /// # Errors
    /// After a [permanent](BackendError::permanent) one, the request is marked as erred, with the message for
    /// the operators. After a [transient](BackendError::transient) one, it is answered later.
    fn list(
        &self,
        offering: Uuid,
    ) -> impl Future<Output = Result<Vec<ImportableResource>, BackendError>> + Send;
}

impl<B: Importable> Importable for Arc<B> {
    async fn list(&self, offering: Uuid) -> Result<Vec<ImportableResource>, BackendError> {
        B::list(self, offering).await
    }
}

/// A resource of the back end.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct ImportableResource {
    pub(super) backend_id: BackendId,
    pub(super) name: String,
    pub(super) project: Uuid,
    pub(super) metadata: Map<String, Value>,
}

impl ImportableResource {
    /// Returns a resource with this id in the back end, a name for people, and the project in Waldur that it
    /// belongs to. Servers accept a name of 150 characters at most.
    pub fn new(backend_id: BackendId, name: impl Into<String>, project: impl Into<Uuid>) -> Self {
        Self { backend_id, name: name.into(), project: project.into(), metadata: Map::new() }
    }

    /// Adds what the operators are to read about it.
    pub fn metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }
}
