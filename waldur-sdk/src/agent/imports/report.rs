//! The results of a round, request by request.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::BackendResourceReqStateEnum as RequestState;
use waldur_api_client::{Error, ErrorKind};

use crate::agent::result::{failed, in_backend, in_progress, kinds, not_begun, seconds, skipped};
use crate::backend_id::BackendId;
use crate::bulk::{Item, Outcome};
use crate::confirm::Applied;
use crate::row::row;

row! {
    /// A request for the list of the resources that can be imported into an offering.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct ImportRequest {
        /// The request's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its state.
        pub state: RequestState = need "state",
        /// The offering.
        pub offering_uuid: Uuid = need "offering",
        /// When it was made.
        pub created: Option<DateTime<Utc>> = optional "created",
    }
}

/// A resource of the back end that Waldur refuses, so it can't be imported.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LeftOutImport {
    /// The id in the back end.
    pub backend_id: BackendId,
    /// Why.
    pub error: Error,
}

impl fmt::Display for LeftOutImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.backend_id, self.error.reason())
    }
}

/// What a round did with a request. Serializes as an object whose `kind` is that of [`ImportResult::kind`].
///
/// The [`Outcome`] of the item follows from it; each variant says which.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImportResult {
    /// The resources that Waldur didn't know are listed there, and the request is done.
    /// ([`Outcome::Applied`])
    Answered {
        /// The ids that were added now.
        added: Vec<BackendId>,
        /// What Waldur refused. The rest was added.
        left_out: Vec<LeftOutImport>,
    },
    /// Somebody else has moved it to another state. ([`Outcome::Skipped`])
    Superseded {
        /// That state.
        state: RequestState,
    },
    /// The back end failed permanently. The request was marked as erred. ([`Outcome::Failed`])
    Erred {
        /// What failed.
        message: String,
    },
    /// A step failed that may succeed later. The state stays as it is. ([`Outcome::Failed`])
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
    /// It was not begun, or not continued, because the server kept failing. ([`Outcome::Failed`])
    Held,
    /// Another round of the same processor is at work on it. ([`Outcome::Skipped`])
    InProgress,
    /// It was not begun because the processor was stopped. ([`Outcome::Skipped`])
    NotBegun,
}

impl fmt::Display for ImportResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        match self {
            Self::Answered { added, left_out } => {
                write!(f, ": {} added", added.len())?;
                left_out.iter().try_for_each(|one| write!(f, "; left out {one}"))
            }
            Self::Superseded { state } => write!(f, ": the request is {state}"),
            Self::Erred { message } => write!(f, ": {message}"),
            Self::Failed { again_in } | Self::InBackend { again_in } | Self::Resting { again_in } => {
                write!(f, ": again in {again_in:?}")
            }
            Self::Held | Self::InProgress | Self::NotBegun => Ok(()),
        }
    }
}

kinds! {
    /// The kind of an [`ImportResult`]. Displays as words, such as `in the back end`, and serializes as the
    /// name that [`as_str`](Self::as_str) returns, such as `in_backend`.
    pub enum ImportResultKind of ImportResult, ProcessedImport, "requests" {
        Answered = "answered",
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

/// A request of a round: the target of the items of
/// [`ImportsProcessor::run_once`](super::ImportsProcessor::run_once).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ProcessedImport {
    /// The request as it was listed.
    pub request: ImportRequest,
    /// What the round did with it.
    pub result: ImportResult,
}

/// Writes `import request` and the uuid.
impl fmt::Display for ProcessedImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "import request {}", self.request.uuid.simple())
    }
}

impl ProcessedImport {
    /// Makes the item of a request. `error` is what failed, if the result says that something did.
    pub(super) fn into_item(self, error: Option<Error>) -> Item<Self> {
        use ImportResult::{Answered, InBackend, InProgress, NotBegun, Superseded};
        let outcome = match (&self.result, error) {
            (Answered { .. }, _) => Ok(Applied::Now).into(),
            (result @ Superseded { .. }, _) => skipped(result.to_string()),
            (InBackend { again_in }, _) => in_backend(*again_in),
            (InProgress, _) => in_progress(),
            (NotBegun, _) => not_begun(),
            (_, Some(error)) => Outcome::Failed { error },
            (result, None) => failed(ErrorKind::UnexpectedResponse, result.to_string()),
        };
        Item::new(self, outcome)
    }
}
