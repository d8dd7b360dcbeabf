//! The results of a synchronization.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{BoxError, Error, ErrorKind};

use super::{MemberStep, MembershipPlan, PlannedMember};
use crate::accounts::OfferingUser;
use crate::bulk::{Item, Outcome, Report};
use crate::confirm::Applied;

/// A resource whose members were synchronized.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SyncedResource {
    /// The resource's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// The members; empty if they couldn't be compared.
    pub members: Report<PlannedMember>,
}

/// Writes `resource`, the uuid and the name.
impl fmt::Display for SyncedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resource {} ({})", self.uuid.simple(), self.name)
    }
}

/// The results for all resources in use. Serializes as an object with the two reports.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
#[must_use]
pub struct MembershipSync {
    /// The resources in use, in the server's order; for one user, those where something is known of the user.
    /// A resource failed if its members couldn't be compared, or one of them failed.
    pub resources: Report<SyncedResource>,
    /// The offering users of users who left all projects, if their
    /// [deletion](super::Membership::remove_departed) is to be requested.
    pub departed: Report<OfferingUser>,
}

impl MembershipSync {
    /// Returns whether everything could be read, and nothing was refused, failed or was held back.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.resources.is_ok() && self.departed.is_ok()
    }
}

/// Writes a line for each resource, departed offering user and unreadable row.
impl fmt::Display for MembershipSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for Item { target: SyncedResource { uuid, name, members }, outcome } in &self.resources.items {
            lines.push(match (outcome.error(), members.items.is_empty()) {
                (Some(error), true) => format!("{name} ({}): {error}", uuid.simple()),
                _ => format!("{name} ({}): {members}", uuid.simple()),
            });
        }
        for Item { target, outcome } in &self.departed.items {
            let (name, uuid) = (&target.username, target.uuid.simple());
            lines.push(format!("deletion of offering user {name} ({uuid}): {outcome}"));
        }
        let unreadable = self.resources.unreadable.iter().chain(&self.departed.unreadable);
        lines.extend(unreadable.map(|row| format!("unreadable: {row}")));
        f.write_str(&lines.join("\n"))
    }
}

impl Report<PlannedMember> {
    /// Returns how many members have this step, whatever its outcome.
    #[must_use]
    pub fn count(&self, step: MemberStep) -> usize {
        self.items.iter().filter(|item| item.target.step == step).count()
    }
}

/// Returns the outcome of a member for whom nothing is done.
pub(super) fn untouched(plan: &MembershipPlan, step: MemberStep) -> Outcome {
    match step {
        MemberStep::Keep => Outcome::Unchanged,
        MemberStep::HeldBack if plan.unreadable.is_empty() => {
            held_back("it isn't known whether the user has consented")
        }
        MemberStep::HeldBack => held_back("a row of the team or of the accounts can't be read"),
        step => Outcome::Skipped { reason: step.as_str().to_owned() },
    }
}

/// Returns the outcome of a step that isn't taken, because what decides it can't be read.
pub(super) fn held_back(why: &str) -> Outcome {
    let error = Error::new(ErrorKind::UnexpectedResponse, "").with_headline(format!("held back: {why}"));
    Outcome::Failed { error }
}

/// Returns the outcome of a resource from those of its members.
pub(super) fn outcome_of(members: &Report<PlannedMember>) -> Outcome {
    let failed = members.failures().count();
    match members.failures().find_map(|item| item.outcome.error()) {
        Some(first) => {
            let headline = match failed {
                1 => format!("a member failed: {first}"),
                _ => format!("{failed} members failed; the first: {first}"),
            };
            let error = Error::new(first.kind(), "").with_headline(headline).with_source(first.clone());
            Outcome::Failed { error }
        }
        None if members.applied() > 0 => Ok(Applied::Now).into(),
        None => Ok(Applied::Already).into(),
    }
}

/// Returns the error of a back end, with what it was about to do.
pub(super) fn backend_failed(what: &str, source: impl Into<BoxError>) -> Error {
    let source = source.into();
    Error::new(ErrorKind::Backend, "").with_headline(format!("{what}: {source}")).with_source(source)
}
