//! Results of bulk operations, one per item.

use std::fmt;

use serde::Serialize;

use crate::confirm::Applied;
use crate::provider::Order;
use crate::row::UnreadableRow;
use waldur_api_client::Error;

/// The result of one item.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was applied now. If the answer was lost, the object was read again and shows it.
    Done,
    /// The object was already in the requested state.
    AlreadySo,
    /// The server refuses, and would again.
    Refused {
        /// Why.
        reason: String,
    },
    /// It is not done, or not known to be done; another run may help.
    Failed {
        /// What went wrong.
        error: Error,
    },
}

impl Outcome {
    pub(crate) fn of<T>(result: Result<(T, Applied), Error>) -> Self {
        match result {
            Ok((_, Applied::Now)) => Self::Done,
            Ok((_, Applied::Already)) => Self::AlreadySo,
            Err(error) if error.is_refusal() => Self::Refused { reason: error.reason() },
            Err(error) => Self::Failed { error },
        }
    }

    /// Whether the item is where it should be.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Done | Self::AlreadySo)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::AlreadySo => f.write_str("already so"),
            Self::Refused { reason } => write!(f, "refused: {reason}"),
            Self::Failed { error } => write!(f, "failed: {error}"),
        }
    }
}

/// An order and its result.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Item {
    /// The order as it was listed.
    pub order: Order,
    /// The result.
    pub outcome: Outcome,
}

/// Progress of a bulk operation, passed to the callback after each item.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// How many items are through, this one included.
    pub finished: usize,
    /// How many there are.
    pub total: usize,
    /// The item that is through.
    pub item: &'a Item,
}

/// The results of a bulk operation: one item per order, as listed.
#[derive(Clone, Debug, Default, Serialize)]
#[must_use]
#[non_exhaustive]
pub struct Report {
    /// The items.
    pub items: Vec<Item>,
    /// The orders that were listed and can't be read; nothing was done with them.
    pub unreadable: Vec<UnreadableRow>,
}

impl Report {
    fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.items.iter().filter(|item| wanted(&item.outcome)).count()
    }

    /// How many were done now.
    #[must_use]
    pub fn done(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Done))
    }

    /// How many were so already.
    #[must_use]
    pub fn already_so(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::AlreadySo))
    }

    /// How many the server refuses.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Refused { .. }))
    }

    /// How many failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    /// Whether every order could be read and is where it should be.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.unreadable.is_empty() && self.items.iter().all(|item| item.outcome.is_ok())
    }

    /// The items that are not where they should be.
    pub fn failures(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| !item.outcome.is_ok())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} done, {} already so, {} refused, {} failed",
            self.done(),
            self.already_so(),
            self.refused(),
            self.failed()
        )?;
        match self.unreadable.len() {
            0 => Ok(()),
            count => write!(f, ", {count} unreadable"),
        }
    }
}
