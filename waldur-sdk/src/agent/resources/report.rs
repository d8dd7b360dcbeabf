//! The results of a round, resource by resource.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Error, ErrorKind};

use super::resource::AgentResource;
use crate::agent::result::{failed, in_backend, in_progress, kinds, not_begun, seconds, skipped};
use crate::bulk::{Item, Outcome};
use crate::confirm::Applied;

/// Something that was done for a resource. Displays as words, such as `limits set`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResourceStep {
    /// The back end paused it.
    Paused,
    /// The back end downscaled it.
    Downscaled,
    /// The back end restored it.
    Restored,
    /// The back end blocked the access of its members, or allowed it.
    MembersRestricted,
    /// The back end set its limits to those of Waldur.
    LimitsSet,
    /// The back end set the limits of single users to those of Waldur.
    UserLimitsSet,
    /// The back end set its last day.
    EndDateSet,
    /// The limits of the back end were set in Waldur.
    LimitsReported,
    /// The metadata of the back end was set in Waldur.
    MetadataReported,
    /// It was erred in Waldur, and was set to OK.
    MarkedOk,
    /// It was marked as erred in Waldur.
    MarkedErred,
    /// The last-sync time. It is named only if the server can't refresh it.
    LastSync,
}

impl fmt::Display for ResourceStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Paused => "paused",
            Self::Downscaled => "downscaled",
            Self::Restored => "restored",
            Self::MembersRestricted => "access of members set",
            Self::LimitsSet => "limits set",
            Self::UserLimitsSet => "limits of users set",
            Self::EndDateSet => "end date set",
            Self::LimitsReported => "limits reported",
            Self::MetadataReported => "metadata reported",
            Self::MarkedOk => "marked as OK",
            Self::MarkedErred => "marked as erred",
            Self::LastSync => "last sync",
        })
    }
}

/// The result of a round for a resource. Serializes as an object whose `kind` is that of
/// [`ResourceResult::kind`].
///
/// The [`Outcome`] of the item follows from it; each variant says which.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResourceResult {
    /// The back end has it as Waldur wants it, and Waldur knows how it is there. ([`Outcome::Applied`] if
    /// something was [done](ProcessedResource::done), otherwise [`Outcome::Unchanged`])
    InSync,
    /// It has no id in the back end, which wasn't called. ([`Outcome::Failed`], whose error has the cause
    /// [`NoBackendId`](crate::NoBackendId); [`Outcome::Skipped`] if it is erred, as after an order that
    /// failed)
    NoBackendId,
    /// An order, or somebody else, has moved it to another state, or given it another id in the back end.
    /// ([`Outcome::Skipped`])
    Superseded {
        /// The state.
        state: ResourceState,
    },
    /// The back end failed permanently. The resource was marked as erred. It is tried again after the pause.
    /// ([`Outcome::Failed`])
    Erred {
        /// What failed.
        message: String,
        /// The time until the next attempt. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// A step failed that may succeed later. The state stays as it is. ([`Outcome::Failed`])
    ///
    /// If the back end failed ([`Error::is_backend`]), the cause of the outcome's error is the
    /// [`BackendError`](crate::agent::BackendError).
    Failed {
        /// The time until the next attempt. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// The back end is still at work on it ([`BackendError::in_progress`]). ([`Outcome::Skipped`])
    ///
    /// [`BackendError::in_progress`]: crate::agent::BackendError::in_progress
    InBackend {
        /// The time until the back end is called again. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// It failed in an earlier round, and it is too early for the next attempt. ([`Outcome::Failed`] with the
    /// error of that round)
    Resting {
        /// The time until the next attempt. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// It was not begun, or not continued, because the server kept failing; or it was processed by itself
    /// while the back end isn't [ready](super::ResourceBackend::ready). The next round takes it up without a
    /// further pause. ([`Outcome::Failed`])
    Held,
    /// Another round of the same processor is at work on it. ([`Outcome::Skipped`])
    InProgress,
    /// It was not begun because the processor was stopped. ([`Outcome::Skipped`])
    NotBegun,
}

impl fmt::Display for ResourceResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        match self {
            Self::Superseded { state } => write!(f, ": the resource is {state}"),
            Self::Erred { message, again_in } => write!(f, ": {message}; again in {again_in:?}"),
            Self::Failed { again_in } | Self::InBackend { again_in } | Self::Resting { again_in } => {
                write!(f, ": again in {again_in:?}")
            }
            Self::InSync | Self::NoBackendId | Self::Held | Self::InProgress | Self::NotBegun => Ok(()),
        }
    }
}

kinds! {
    /// The kind of a [`ResourceResult`]. Displays as words, such as `in sync`, and serializes as the name
    /// that [`as_str`](Self::as_str) returns, such as `in_sync`.
    pub enum ResourceResultKind of ResourceResult, ProcessedResource, "resources" {
        InSync = "in_sync" as "in sync",
        NoBackendId = "no_backend_id" as "without backend id",
        Superseded = "superseded",
        Erred = "erred",
        Failed = "failed",
        InBackend = "in_backend" as "in the back end",
        Resting = "resting",
        Held = "held" as "held back",
        InProgress = "in_progress" as "in progress",
        NotBegun = "not_begun" as "not begun",
    }
}

/// A resource of a round: the target of the items of
/// [`ResourcesProcessor::run_once`](super::ResourcesProcessor::run_once).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ProcessedResource {
    /// The resource as it was listed.
    pub resource: AgentResource,
    /// What was done, in that order, also if a later step failed.
    pub done: Vec<ResourceStep>,
    /// What the server doesn't support. Empty on recent servers.
    pub unsupported: Vec<ResourceStep>,
    /// The result of the round.
    pub result: ResourceResult,
}

/// Writes `resource`, the uuid and the name.
impl fmt::Display for ProcessedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.resource.fmt(f)
    }
}

impl ProcessedResource {
    /// Returns a resource for which nothing was done.
    pub(super) fn untouched(resource: AgentResource, result: ResourceResult) -> Self {
        Self { resource, done: Vec::new(), unsupported: Vec::new(), result }
    }

    /// Makes the item of a resource. `error` is what failed, if the result says that something did.
    pub(super) fn into_item(self, error: Option<Error>) -> Item<Self> {
        use ResourceResult::{InBackend, InProgress, InSync, NotBegun, Superseded};
        let outcome = match (&self.result, error) {
            (InSync, _) if self.done.is_empty() => Ok(Applied::Already).into(),
            (InSync, _) => Ok(Applied::Now).into(),
            (result @ Superseded { .. }, _) => skipped(result.to_string()),
            (InBackend { again_in }, _) => in_backend(*again_in),
            (InProgress, _) => in_progress(),
            (NotBegun, _) => not_begun(),
            (ResourceResult::NoBackendId, _) => {
                Outcome::without_backend_id(self.resource.uuid, &self.resource.state)
            }
            (_, Some(error)) => Outcome::Failed { error },
            (result, None) => failed(ErrorKind::UnexpectedResponse, result.to_string()),
        };
        Item::new(self, outcome)
    }
}
