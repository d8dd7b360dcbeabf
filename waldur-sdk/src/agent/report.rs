//! The results of a round, order by order.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::task::AgentOrder;
use crate::row::UnreadableRow;
use waldur_api_client::Error;
use waldur_api_client::types::OrderState;

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

/// The result of an order in a round. Serializes as an object whose `kind` is that of [`OrderOutcome::kind`].
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrderOutcome {
    /// The back end carried it out, and it was marked as done.
    Done {
        /// What the server doesn't support. Empty on recent servers.
        skipped: Vec<SkippedStep>,
    },
    /// The [`Approval`](super::Approval) rejected it.
    Rejected {
        /// The reason, which the customer reads.
        reason: String,
    },
    /// The [`Approval`](super::Approval) left it to somebody else.
    Deferred,
    /// Somebody else has moved it to another state, perhaps while the back end was at work on it: it was
    /// canceled, say, or waits for its start date.
    Superseded {
        /// That state.
        state: OrderState,
    },
    /// The back end failed permanently, or the server refused what it returned. The order was marked as
    /// erred.
    Erred {
        /// The message, which the customer reads.
        message: String,
    },
    /// It is to update or terminate a resource that has no id in the back end. The back end was not called
    /// and the order was not approved. It stays as it is until somebody sets the resource's id or ends the
    /// order.
    NoBackendId,
    /// Its type is not known to this version. It was neither approved nor carried out.
    Unknown {
        /// That type.
        #[serde(rename = "type")]
        type_: String,
    },
    /// A step failed that may succeed later. The order is tried again; it was not marked as erred.
    ///
    /// If the error is [unconfirmed](Error::is_unconfirmed), the order may have moved on all the same. The
    /// next attempt reads it first.
    Failed {
        /// What failed. If it is the back end ([`Error::is_backend`]), the cause is the
        /// [`BackendError`](super::BackendError).
        error: Error,
        /// The time until the next attempt. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// It failed in an earlier round, and it is too early for the next attempt.
    Resting {
        /// The time until the next attempt. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// The server kept failing, so the order was not begun, or not continued. The next round takes it up
    /// without a further pause.
    Held {
        /// How long the server has been failing, and the last failure.
        reason: String,
    },
    /// Another round of the same processor is at work on it.
    InProgress,
    /// It was not begun because the processor was stopped.
    NotBegun,
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl OrderOutcome {
    /// Returns the kind, for counts and logs.
    #[must_use]
    pub fn kind(&self) -> OrderOutcomeKind {
        match self {
            Self::Done { .. } => OrderOutcomeKind::Done,
            Self::Rejected { .. } => OrderOutcomeKind::Rejected,
            Self::Deferred => OrderOutcomeKind::Deferred,
            Self::Superseded { .. } => OrderOutcomeKind::Superseded,
            Self::Erred { .. } => OrderOutcomeKind::Erred,
            Self::NoBackendId => OrderOutcomeKind::NoBackendId,
            Self::Unknown { .. } => OrderOutcomeKind::Unknown,
            Self::Failed { .. } => OrderOutcomeKind::Failed,
            Self::Resting { .. } => OrderOutcomeKind::Resting,
            Self::Held { .. } => OrderOutcomeKind::Held,
            Self::InProgress => OrderOutcomeKind::InProgress,
            Self::NotBegun => OrderOutcomeKind::NotBegun,
        }
    }

    /// Returns the steps that a done order was completed without.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedStep] {
        match self {
            Self::Done { skipped } => skipped,
            _ => &[],
        }
    }
}

impl fmt::Display for OrderOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        match self {
            Self::Done { skipped } => skipped.iter().try_for_each(|step| write!(f, "; {step}")),
            Self::Rejected { reason } | Self::Held { reason } => write!(f, ": {reason}"),
            Self::Superseded { state } => write!(f, ": the order is {state}"),
            Self::Erred { message } => write!(f, ": {message}"),
            Self::NoBackendId => {
                f.write_str(": the resource has no id in the back end; set it, or end the order")
            }
            Self::Unknown { type_ } => write!(f, ": its type is {type_}"),
            Self::Failed { error, again_in } => write!(f, ": {error}; again in {again_in:?}"),
            Self::Resting { again_in } => write!(f, ": again in {again_in:?}"),
            Self::Deferred | Self::InProgress | Self::NotBegun => Ok(()),
        }
    }
}

/// The kind of an [`OrderOutcome`]. Displays as words, such as `without backend id`, and serializes as the name
/// that [`as_str`](Self::as_str) returns, such as `no_backend_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OrderOutcomeKind {
    /// [`OrderOutcome::Done`]
    Done,
    /// [`OrderOutcome::Rejected`]
    Rejected,
    /// [`OrderOutcome::Deferred`]
    Deferred,
    /// [`OrderOutcome::Superseded`]
    Superseded,
    /// [`OrderOutcome::Erred`]
    Erred,
    /// [`OrderOutcome::NoBackendId`]
    NoBackendId,
    /// [`OrderOutcome::Unknown`]
    Unknown,
    /// [`OrderOutcome::Failed`]
    Failed,
    /// [`OrderOutcome::Resting`]
    Resting,
    /// [`OrderOutcome::Held`]
    Held,
    /// [`OrderOutcome::InProgress`]
    InProgress,
    /// [`OrderOutcome::NotBegun`]
    NotBegun,
}

impl OrderOutcomeKind {
    /// Returns the name for programs, such as `no_backend_id`. It stays the same in later versions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Rejected => "rejected",
            Self::Deferred => "deferred",
            Self::Superseded => "superseded",
            Self::Erred => "erred",
            Self::NoBackendId => "no_backend_id",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Resting => "resting",
            Self::Held => "held",
            Self::InProgress => "in_progress",
            Self::NotBegun => "not_begun",
        }
    }

    /// Returns the words for people.
    fn words(self) -> &'static str {
        match self {
            Self::NoBackendId => "without backend id",
            Self::Unknown => "of unknown type",
            Self::Held => "held back",
            Self::InProgress => "in progress",
            Self::NotBegun => "not begun",
            other => other.as_str(),
        }
    }

    /// Returns whether somebody has to know of it: the order erred, or it is open and nothing is known to go
    /// on with it.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::Erred | Self::NoBackendId | Self::Unknown | Self::Failed | Self::Resting | Self::Held => {
                true
            }
            Self::Done
            | Self::Rejected
            | Self::Deferred
            | Self::Superseded
            | Self::InProgress
            | Self::NotBegun => false,
        }
    }
}

impl fmt::Display for OrderOutcomeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

impl Serialize for OrderOutcomeKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An order and its outcome.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct OrderReport {
    /// The order as it was listed.
    pub order: AgentOrder,
    /// Its outcome in this round.
    pub outcome: OrderOutcome,
}

impl fmt::Display for OrderReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order {}: {}", self.order.uuid.simple(), self.outcome)
    }
}

/// An offering whose orders could not be listed.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ListFailure {
    /// The offering.
    pub offering_uuid: Uuid,
    /// Why the list failed.
    pub error: Error,
}

impl fmt::Display for ListFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the orders of offering {}: {}", self.offering_uuid.simple(), self.error)
    }
}

/// Something in a round that somebody has to know of. Displays as one line that names the order and the
/// reason.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoundFailure<'a> {
    /// An order with an outcome that [is a failure](OrderOutcomeKind::is_failure).
    Order(&'a OrderReport),
    /// An order that can't be read.
    Unreadable(&'a UnreadableRow),
    /// An offering whose orders could not be listed.
    List(&'a ListFailure),
}

impl fmt::Display for RoundFailure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order) => order.fmt(f),
            Self::Unreadable(row) => write!(f, "unreadable: {row}"),
            Self::List(failure) => failure.fmt(f),
        }
    }
}

/// The results of a round: one outcome per order, in the order in which they were listed.
#[derive(Clone, Debug, Default, Serialize)]
#[must_use]
#[non_exhaustive]
pub struct RoundReport {
    /// The orders.
    pub orders: Vec<OrderReport>,
    /// The offerings whose orders could not be listed, and so are not among `orders`.
    pub list_failures: Vec<ListFailure>,
    /// The orders that were listed but can't be read, such as one with a limit that is no number. They stay
    /// as they are.
    pub unreadable: Vec<UnreadableRow>,
}

impl RoundReport {
    /// Returns how many orders have an outcome of this kind.
    #[must_use]
    pub fn count(&self, kind: OrderOutcomeKind) -> usize {
        self.orders.iter().filter(|order| order.outcome.kind() == kind).count()
    }

    /// Returns how many orders have an outcome of each kind, for a log or
    /// [`AgentService::set_statistics`](super::AgentService::set_statistics). Kinds without orders are
    /// absent.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<OrderOutcomeKind, usize> {
        let mut counts = BTreeMap::new();
        for order in &self.orders {
            *counts.entry(order.outcome.kind()).or_default() += 1;
        }
        counts
    }

    /// Returns whether there are no [failures](Self::failures).
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failures().next().is_none()
    }

    /// Returns everything that somebody has to know of: lists that failed, orders that can't be read, and
    /// orders with an outcome that [is a failure](OrderOutcomeKind::is_failure), erred ones included.
    pub fn failures(&self) -> impl Iterator<Item = RoundFailure<'_>> {
        let lists = self.list_failures.iter().map(RoundFailure::List);
        let unreadable = self.unreadable.iter().map(RoundFailure::Unreadable);
        let orders = self.orders.iter().filter(|order| order.outcome.kind().is_failure());
        lists.chain(unreadable).chain(orders.map(RoundFailure::Order))
    }
}

impl fmt::Display for RoundReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> =
            self.counts().into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let skipped = self.orders.iter().filter(|order| !order.outcome.skipped().is_empty()).count();
        for (count, what) in [
            (skipped, "with skipped steps"),
            (self.unreadable.len(), "unreadable"),
            (self.list_failures.len(), "offerings not listed"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if parts.is_empty() {
            parts.push("no orders".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}
