//! What an agent does, one thing at a time.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use uuid::Uuid;
use waldur_api_client::Error;

use super::super::accounts::ProcessedAccount;
use super::super::imports::ProcessedImport;
#[cfg(feature = "events")]
use super::super::periodic_limits::ProcessedPeriodicLimits;
use super::super::report::ProcessedOrder;
use super::super::resources::ProcessedResource;
use super::super::usage::MeteredMonth;
use crate::accounts::OfferingUser;
use crate::bulk::{Item, Report};
use crate::membership::{MembershipSync, SyncedResource};

/// A loop of an [`Agent`](super::Agent).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LoopKind {
    /// Carries out orders.
    Orders,
    /// Keeps the members of resources in line with their teams.
    Membership,
    /// Creates, names and removes the accounts of users.
    Accounts,
    /// Keeps the states and the limits of resources in line.
    Resources,
    /// Answers requests for resources that can be imported.
    Imports,
    /// Applies limits for a period. It goes by events only.
    PeriodicLimits,
    /// Reports usage.
    Usage,
}

impl LoopKind {
    /// Returns the name, which is also that of the loop's service in Waldur.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Membership => "membership",
            Self::Accounts => "accounts",
            Self::Resources => "resources",
            Self::Imports => "imports",
            Self::PeriodicLimits => "periodic_limits",
            Self::Usage => "usage",
        }
    }

    /// Returns the mode of the loop's service in Waldur.
    pub(super) fn mode(self) -> &'static str {
        match self {
            Self::Orders => "order_process",
            Self::Membership => "membership_sync",
            Self::Accounts => "username_sync",
            Self::Resources => "resource_sync",
            Self::Imports => "resource_import",
            Self::PeriodicLimits => "event_process",
            Self::Usage => "report",
        }
    }
}

impl fmt::Display for LoopKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for LoopKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The name of a loop for messages: its kind, and its offering if each has a loop of its own.
pub(super) struct LoopName<'a> {
    pub(super) kind: LoopKind,
    pub(super) offerings: &'a [Uuid],
}

impl fmt::Display for LoopName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offerings {
            [offering] if self.kind == LoopKind::Membership => {
                write!(f, "{} of offering {}", self.kind, offering.simple())
            }
            _ => self.kind.fmt(f),
        }
    }
}

/// Something that an [`Agent`](super::Agent) did. Displays as one line, but for the problems of a round. The
/// lines about the loops of members name the offering: each has a loop of its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Activity<'a> {
    /// A round begins.
    RoundBegun {
        /// The loop.
        kind: LoopKind,
        /// Its offerings: one for the members of resources, all of the agent for other loops.
        offerings: &'a [Uuid],
    },
    /// An order was processed.
    Order(&'a Item<ProcessedOrder>),
    /// The members of a resource were synchronized.
    Members(&'a Item<SyncedResource>),
    /// An offering user was processed.
    Account(&'a Item<ProcessedAccount>),
    /// A resource was compared with the back end.
    Resource(&'a Item<ProcessedResource>),
    /// A request for importable resources was processed.
    Import(&'a Item<ProcessedImport>),
    /// Limits for a period were processed.
    #[cfg(feature = "events")]
    PeriodicLimits(&'a Item<ProcessedPeriodicLimits>),
    /// The usage of a resource in a month was reported.
    Usage(&'a Item<MeteredMonth>),
    /// A round has ended.
    RoundEnded {
        /// The loop.
        kind: LoopKind,
        /// Its offerings.
        offerings: &'a [Uuid],
        /// What it came to.
        summary: &'a RoundSummary,
    },
    /// A loop panicked. It begins again after a pause; the others go on.
    Panicked {
        /// The loop.
        kind: LoopKind,
        /// Its offerings.
        offerings: &'a [Uuid],
        /// The message of the panic.
        message: &'a str,
        /// The pause.
        again_in: Duration,
    },
    /// A loop has ended: the agent is being stopped, or the loop's own
    /// [`StopHandle`](crate::agent::StopHandle) was used.
    Ended {
        /// The loop.
        kind: LoopKind,
        /// Its offerings.
        offerings: &'a [Uuid],
    },
    /// The agent couldn't register itself or report its statistics. It tries again later; the loops go on.
    NotRegistered {
        /// Why.
        error: &'a Error,
    },
}

impl fmt::Display for Activity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoundBegun { kind, offerings } => {
                write!(f, "{}: a round begins", LoopName { kind: *kind, offerings })
            }
            Self::Order(item) => item.fmt(f),
            Self::Members(item) => item.fmt(f),
            Self::Account(item) => item.fmt(f),
            Self::Resource(item) => item.fmt(f),
            Self::Import(item) => item.fmt(f),
            #[cfg(feature = "events")]
            Self::PeriodicLimits(item) => item.fmt(f),
            Self::Usage(item) => item.fmt(f),
            Self::RoundEnded { kind, offerings, summary } => {
                write!(f, "{}: {summary}", LoopName { kind: *kind, offerings })
            }
            Self::Panicked { kind, offerings, message, again_in } => {
                let name = LoopName { kind: *kind, offerings };
                write!(f, "{name}: panicked, begins again in {again_in:?}: {message}")
            }
            Self::Ended { kind, offerings } => {
                write!(f, "{}: ended", LoopName { kind: *kind, offerings })
            }
            Self::NotRegistered { error } => write!(f, "the agent is not registered: {error}"),
        }
    }
}

/// What a round came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RoundSummary {
    /// The counts, such as `15 applied, 1 failed`.
    pub counts: String,
    /// Everything that needs attention, a line each.
    pub problems: Vec<String>,
}

impl RoundSummary {
    /// Returns whether nothing needs attention.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Writes the counts, then a line for each problem.
impl fmt::Display for RoundSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.counts)?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

impl<T: fmt::Display> From<&Report<T>> for RoundSummary {
    fn from(report: &Report<T>) -> Self {
        Self { counts: report.to_string(), problems: report.problems().map(|one| one.to_string()).collect() }
    }
}

impl From<&Result<MembershipSync, Error>> for RoundSummary {
    fn from(result: &Result<MembershipSync, Error>) -> Self {
        let sync = match result {
            Ok(sync) => sync,
            Err(error) => return Self { counts: "failed".to_owned(), problems: vec![error.to_string()] },
        };
        let mut summary = Self::from(&sync.resources);
        let departed = &sync.departed;
        if !departed.items.is_empty() {
            let deletions = format!("; deletions requested: {departed}");
            summary.counts.push_str(&deletions);
        }
        let account = |item: &Item<OfferingUser>| {
            format!("offering user {}: {}", item.target.uuid.simple(), item.outcome)
        };
        summary.problems.extend(departed.failures().map(account));
        summary.problems.extend(departed.unreadable.iter().map(|row| format!("unreadable: {row}")));
        summary
    }
}

/// The items of a loop.
pub(super) trait Observed: Sized {
    fn activity(item: &Item<Self>) -> Activity<'_>;
}

impl Observed for ProcessedOrder {
    fn activity(item: &Item<Self>) -> Activity<'_> {
        Activity::Order(item)
    }
}

impl Observed for SyncedResource {
    fn activity(item: &Item<Self>) -> Activity<'_> {
        Activity::Members(item)
    }
}

impl Observed for ProcessedAccount {
    fn activity(item: &Item<Self>) -> Activity<'_> {
        Activity::Account(item)
    }
}

impl Observed for MeteredMonth {
    fn activity(item: &Item<Self>) -> Activity<'_> {
        Activity::Usage(item)
    }
}

impl Observed for ProcessedResource {
    fn activity(item: &Item<Self>) -> Activity<'_> {
        Activity::Resource(item)
    }
}

impl Observed for ProcessedImport {
    fn activity(item: &Item<Self>) -> Activity<'_> {
        Activity::Import(item)
    }
}

#[cfg(feature = "events")]
impl Observed for ProcessedPeriodicLimits {
    fn activity(item: &Item<Self>) -> Activity<'_> {
        Activity::PeriodicLimits(item)
    }
}
