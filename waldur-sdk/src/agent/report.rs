//! What came of a round, order by order.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::backend::BackendError;
use super::task::AgentOrder;
use crate::error::Error;
use crate::row::UnreadableRow;
use crate::types::OrderState;

/// What kept an order from its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Setback {
    /// Something that was asked of Waldur.
    Waldur(Error),
    /// Something that was asked of the back end.
    Backend(BackendError),
}

impl fmt::Display for Setback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waldur(error) => error.fmt(f),
            Self::Backend(error) => write!(f, "the back end: {error}"),
        }
    }
}

impl From<Error> for Setback {
    fn from(error: Error) -> Self {
        Self::Waldur(error)
    }
}

/// What came of an order in a round.
#[derive(Debug)]
#[non_exhaustive]
pub enum OrderOutcome {
    /// The back end did what it asks for, and it was marked as done.
    Done,
    /// The back end failed for good, and it was marked as erred.
    Erred {
        /// What the customer reads.
        message: String,
    },
    /// It was rejected, as [`Approval`](super::Approval) decided.
    Rejected {
        /// What the customer reads.
        reason: String,
    },
    /// It stays as it is, as [`Approval`](super::Approval) decided.
    Left,
    /// It is in another state by now, through somebody else: it ended, or was canceled, perhaps while the back end was
    /// at work on it.
    Passed {
        /// That state.
        state: OrderState,
    },
    /// Something failed that may succeed later. The order is taken up again; nothing was marked as erred.
    ///
    /// If the error's answer was lost and its message says that what became of the order isn't known, it may have ended
    /// all the same.
    Failed {
        /// What failed.
        setback: Setback,
        /// How long it rests.
        again_in: Duration,
    },
    /// It rests after a failure of an earlier round.
    Resting {
        /// How long it still rests.
        again_in: Duration,
    },
    /// Another round of the same processor is at work on it.
    InWork,
    /// It wasn't begun because the processor was stopped.
    NotBegun,
    /// It asks for something that this version doesn't know.
    Unknown {
        /// The type of the order.
        type_: String,
    },
}

impl OrderOutcome {
    /// A word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Erred { .. } => "erred",
            Self::Rejected { .. } => "rejected",
            Self::Left => "left",
            Self::Passed { .. } => "passed",
            Self::Failed { .. } => "failed",
            Self::Resting { .. } => "resting",
            Self::InWork => "in work",
            Self::NotBegun => "not begun",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl fmt::Display for OrderOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Erred { message } => write!(f, "erred: {message}"),
            Self::Rejected { reason } => write!(f, "rejected: {reason}"),
            Self::Passed { state } => write!(f, "passed: it is {state} by now"),
            Self::Failed { setback, again_in } => write!(f, "failed: {setback}; again in {again_in:?}"),
            Self::Resting { again_in } => write!(f, "resting: again in {again_in:?}"),
            Self::Unknown { type_ } => write!(f, "unknown: its type is {type_}"),
            Self::Done | Self::Left | Self::InWork | Self::NotBegun => f.write_str(self.name()),
        }
    }
}

/// An order and what came of it.
#[derive(Debug)]
pub struct OrderReport {
    /// The order as it was listed.
    pub order: AgentOrder,
    /// What came of it.
    pub outcome: OrderOutcome,
}

/// An offering whose orders could not be listed.
#[derive(Debug)]
pub struct Unlisted {
    /// The offering.
    pub offering_uuid: Uuid,
    /// Why.
    pub error: Error,
}

/// What came of a round: one outcome an order that was listed, in that order.
#[derive(Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct RoundReport {
    /// The orders.
    pub orders: Vec<OrderReport>,
    /// The offerings whose orders are not among them.
    pub unlisted: Vec<Unlisted>,
    /// The orders that were listed and can't be read, such as one with a limit that is no number. They stay as they are.
    pub unreadable: Vec<UnreadableRow>,
}

impl RoundReport {
    /// How many orders came to this, by [`OrderOutcome::name`].
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.orders.iter().filter(|order| order.outcome.name() == name).count()
    }

    /// Whether everything was listed and nothing failed or rests.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.unlisted.is_empty() && self.failures().next().is_none()
    }

    /// The orders that failed now, or rest after a failure.
    pub fn failures(&self) -> impl Iterator<Item = &OrderReport> {
        let failed = |outcome: &OrderOutcome| {
            matches!(
                outcome,
                OrderOutcome::Failed { .. } | OrderOutcome::Resting { .. } | OrderOutcome::Unknown { .. }
            )
        };
        self.orders.iter().filter(move |order| failed(&order.outcome))
    }

    /// How many orders came to what, for a log or [`AgentService::set_statistics`](super::AgentService::set_statistics).
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for order in &self.orders {
            *counts.entry(order.outcome.name()).or_default() += 1;
        }
        counts
    }
}

impl fmt::Display for RoundReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> =
            self.counts().into_iter().map(|(name, count)| format!("{count} {name}")).collect();
        if !self.unlisted.is_empty() {
            parts.push(format!("{} offerings not listed", self.unlisted.len()));
        }
        if parts.is_empty() {
            parts.push("no orders".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}
