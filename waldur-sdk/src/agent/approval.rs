//! Whether an order that waits for the provider is approved.

use std::fmt;

use super::task::AgentOrder;

/// What to do with an order that waits for the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Approve it and carry it out.
    Approve,
    /// Reject it, with a reason for the customer.
    Reject(String),
    /// Leave it to somebody else. The processor asks again in the next round.
    Defer,
}

/// Decides which of the orders that wait for the provider are approved.
#[non_exhaustive]
pub enum Approval {
    /// The same decision for all orders.
    Same(Decision),
    /// A function decides; see [`Approval::by`].
    By(DecideFn),
}

/// Decides what to do with an order.
type DecideFn = Box<dyn Fn(&AgentOrder) -> Decision + Send + Sync>;

impl Approval {
    /// Asks a function. It gets each waiting order as it was listed, once in every round.
    pub fn by(decide: impl Fn(&AgentOrder) -> Decision + Send + Sync + 'static) -> Self {
        Self::By(Box::new(decide))
    }

    pub(super) fn decide(&self, order: &AgentOrder) -> Decision {
        match self {
            Self::Same(decision) => decision.clone(),
            Self::By(decide) => decide(order),
        }
    }
}

impl From<Decision> for Approval {
    fn from(decision: Decision) -> Self {
        Self::Same(decision)
    }
}

impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(decision) => f.debug_tuple("Same").field(decision).finish(),
            Self::By(_) => f.debug_tuple("By").finish_non_exhaustive(),
        }
    }
}
