//! The results of a round, order by order.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use waldur_api_client::types::OrderState;
use waldur_api_client::{Error, ErrorKind};

use super::result::{failed, in_backend, in_progress, kinds, not_begun, seconds, skipped};
use super::task::AgentOrder;
use crate::backend_id::NoBackendId;
use crate::bulk::{Item, Outcome};
use crate::confirm::Applied;

/// A step that an order was completed without, because the server doesn't have the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkippedStep {
    /// Setting the limits that the back end returned. The resource keeps those that it has in Waldur.
    Limits,
}

impl fmt::Display for SkippedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits => f.write_str("the server can't set limits, so they were not set"),
        }
    }
}

/// What a round did with an order. Serializes as an object whose `kind` is that of [`OrderResult::kind`].
///
/// The [`Outcome`] of the item follows from it; each variant says which.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrderResult {
    /// The back end carried it out, and it was marked as done. ([`Outcome::Applied`])
    Done {
        /// What the server doesn't support. Empty on recent servers.
        skipped: Vec<SkippedStep>,
    },
    /// The [`Approval`](super::Approval) rejected it. ([`Outcome::Applied`])
    Rejected {
        /// The reason, which the customer reads.
        reason: String,
    },
    /// The [`Approval`](super::Approval) left it to somebody else. ([`Outcome::Skipped`])
    Deferred,
    /// Somebody else has moved it to another state, perhaps while the back end was at work on it: it was
    /// canceled, say, or waits for its start date. ([`Outcome::Skipped`])
    Superseded {
        /// That state.
        state: OrderState,
    },
    /// The back end failed permanently, or the server refused what it returned. The order was marked as
    /// erred. ([`Outcome::Failed`])
    Erred {
        /// The message, which the customer reads.
        message: String,
    },
    /// It is to update or terminate a resource that has no id in the back end. The back end was not called
    /// and the order was not approved. It stays as it is until somebody sets the resource's id or ends the
    /// order. ([`Outcome::Failed`], whose error has the cause [`NoBackendId`])
    NoBackendId,
    /// Its type is not known to this version. It was neither approved nor carried out. ([`Outcome::Failed`])
    Unknown {
        /// That type.
        #[serde(rename = "type")]
        type_: String,
    },
    /// A step failed that may succeed later. The order is tried again; it was not marked as erred.
    /// ([`Outcome::Failed`])
    ///
    /// If the back end failed ([`Error::is_backend`]), the cause of the outcome's error is the
    /// [`BackendError`](super::BackendError). If the error is [unconfirmed](Error::is_unconfirmed), the order
    /// may have moved on all the same. The next attempt reads it first.
    Failed {
        /// The time until the next attempt. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// The back end is still at work on it ([`BackendError::in_progress`](super::BackendError::in_progress)).
    /// ([`Outcome::Skipped`])
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
    /// The server kept failing, so the order was not begun, or not continued; or the order was processed by
    /// itself while the back end isn't [ready](super::Backend::ready). The next round takes it up without a
    /// further pause. ([`Outcome::Failed`])
    Held,
    /// Another round of the same processor is at work on it. ([`Outcome::Skipped`])
    InProgress,
    /// It was not begun because the processor was stopped. ([`Outcome::Skipped`])
    NotBegun,
}

impl OrderResult {
    /// Returns the steps that a done order was completed without.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedStep] {
        match self {
            Self::Done { skipped } => skipped,
            _ => &[],
        }
    }
}

impl fmt::Display for OrderResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        match self {
            Self::Done { skipped } => skipped.iter().try_for_each(|step| write!(f, "; {step}")),
            Self::Rejected { reason } => write!(f, ": {reason}"),
            Self::Superseded { state } => write!(f, ": the order is {state}"),
            Self::Erred { message } => write!(f, ": {message}"),
            Self::NoBackendId => {
                f.write_str(": the resource has no id in the back end; set it, or end the order")
            }
            Self::Unknown { type_ } => write!(f, ": its type is {type_}"),
            Self::Failed { again_in } | Self::InBackend { again_in } | Self::Resting { again_in } => {
                write!(f, ": again in {again_in:?}")
            }
            Self::Deferred | Self::Held | Self::InProgress | Self::NotBegun => Ok(()),
        }
    }
}

kinds! {
    /// The kind of an [`OrderResult`]. Displays as words, such as `without backend id`, and serializes as the
    /// name that [`as_str`](Self::as_str) returns, such as `no_backend_id`.
    pub enum OrderResultKind of OrderResult, ProcessedOrder, "orders" {
        Done = "done",
        Rejected = "rejected",
        Deferred = "deferred",
        Superseded = "superseded",
        Erred = "erred",
        NoBackendId = "no_backend_id" as "without backend id",
        Unknown = "unknown" as "of unknown type",
        Failed = "failed",
        InBackend = "in_backend" as "in the back end",
        Resting = "resting",
        Held = "held" as "held back",
        InProgress = "in_progress" as "in progress",
        NotBegun = "not_begun" as "not begun",
    }
}

/// An order of a round: the target of the items of
/// [`OrderProcessor::run_once`](super::OrderProcessor::run_once).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ProcessedOrder {
    /// The order as it was listed.
    pub order: AgentOrder,
    /// What the round did with it.
    pub result: OrderResult,
}

/// Writes `order` and the uuid.
impl fmt::Display for ProcessedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order {}", self.order.uuid.simple())
    }
}

impl ProcessedOrder {
    /// Makes the item of an order. `error` is what failed, if the result says that something did.
    pub(super) fn into_item(self, error: Option<Error>) -> Item<Self> {
        let outcome = match (&self.result, error) {
            (OrderResult::Done { .. } | OrderResult::Rejected { .. }, _) => Ok(Applied::Now).into(),
            (OrderResult::Superseded { state }, _) => skipped(format!("the order is {state}")),
            (OrderResult::Deferred, _) => skipped("the decision was deferred"),
            (OrderResult::InBackend { again_in }, _) => in_backend(*again_in),
            (OrderResult::InProgress, _) => in_progress(),
            (OrderResult::NotBegun, _) => not_begun(),
            (_, Some(error)) => Outcome::Failed { error },
            (OrderResult::NoBackendId, None) => {
                Outcome::Failed { error: NoBackendId { resource: self.order.resource_uuid }.into() }
            }
            (OrderResult::Erred { message }, None) => {
                failed(ErrorKind::Backend, format!("it was marked as erred: {message}"))
            }
            (result, None) => failed(ErrorKind::UnexpectedResponse, result.to_string()),
        };
        Item::new(self, outcome)
    }
}
