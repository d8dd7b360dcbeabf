//! Whether an order that waits for the provider is approved.

use std::fmt;

use super::task::AgentOrder;

/// What becomes of an order that waits for the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is approved and carried out.
    Approve,
    /// It is rejected, with a reason for the customer.
    Reject(String),
    /// It stays as it is, for somebody else to decide, and is asked about again in the next round.
    Leave,
}

/// How it is decided: the same for all, or by a function.
#[non_exhaustive]
pub enum Approval {
    /// The same for all.
    Same(Decision),
    /// As a function says; see [`Approval::by`].
    By(DecideFn),
}

/// A function from an order to what becomes of it.
type DecideFn = Box<dyn Fn(&AgentOrder) -> Decision + Send + Sync>;

impl Approval {
    /// Asked with each order as it was listed, in each round in which it waits.
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
