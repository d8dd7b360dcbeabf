//! What became of each member.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{MemberStep, MembershipResource, PlannedMember};
use crate::accounts::OfferingUser;
use crate::bulk::Outcome;
use crate::row::UnreadableRow;
use waldur_api_client::Error;

/// The result of one member.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemberOutcome {
    /// Is a member now.
    Added,
    /// Is no member any more.
    Removed,
    /// Nothing had to be done, or could be: the step says why.
    Untouched,
    /// The back end failed; another run tries again.
    Failed {
        /// An error of kind [`ErrorKind::Backend`](crate::ErrorKind::Backend), whose cause is the back end's.
        error: Error,
    },
}

/// A member and the result.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MemberItem {
    /// The member, as planned.
    pub member: PlannedMember,
    /// The result.
    pub outcome: MemberOutcome,
}

/// The results of a synchronisation: one item per member, as planned.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[must_use]
pub struct MembershipReport {
    /// The resource.
    pub resource: MembershipResource,
    /// The items.
    pub items: Vec<MemberItem>,
    /// The rows of the team and of the accounts that can't be used, as planned.
    pub unreadable: Vec<UnreadableRow>,
}

impl MembershipReport {
    fn count(&self, wanted: impl Fn(&MemberItem) -> bool) -> usize {
        self.items.iter().filter(|item| wanted(item)).count()
    }

    /// How many were added now.
    #[must_use]
    pub fn added(&self) -> usize {
        self.count(|item| matches!(item.outcome, MemberOutcome::Added))
    }

    /// How many were removed now.
    #[must_use]
    pub fn removed(&self) -> usize {
        self.count(|item| matches!(item.outcome, MemberOutcome::Removed))
    }

    /// How many the back end failed with.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.count(|item| matches!(item.outcome, MemberOutcome::Failed { .. }))
    }

    /// How many were left as they are, for this reason.
    #[must_use]
    pub fn untouched(&self, step: MemberStep) -> usize {
        self.count(|item| item.member.step == step && matches!(item.outcome, MemberOutcome::Untouched))
    }
}

impl MembershipReport {
    /// Whether everything could be read, and nothing failed or is held back.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.unreadable.is_empty() && self.failed() == 0 && self.untouched(MemberStep::HeldBack) == 0
    }
}

impl fmt::Display for MembershipReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} added, {} removed, {} kept, {} with an unusable account, {} unknown, {} failed",
            self.added(),
            self.removed(),
            self.untouched(MemberStep::Keep),
            self.untouched(MemberStep::Unusable),
            self.untouched(MemberStep::Unknown),
            self.failed()
        )?;
        for (count, what) in [
            (self.untouched(MemberStep::Restricted), "with restricted access"),
            (self.untouched(MemberStep::NoConsent), "without consent"),
            (self.untouched(MemberStep::HeldBack), "held back"),
            (self.untouched(MemberStep::Unnamed), "without a name"),
            (self.unreadable.len(), "unreadable"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// A resource and the result of its members.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SyncedResource {
    /// The resource's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// A report, or why its members couldn't be compared. Serializes as an object with `report` or `error`.
    #[serde(serialize_with = "report_or_error")]
    pub outcome: Result<MembershipReport, Error>,
}

fn report_or_error<S: Serializer>(
    outcome: &Result<MembershipReport, Error>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Shown<'a> {
        Report(&'a MembershipReport),
        Error(&'a Error),
    }
    match outcome {
        Ok(report) => Shown::Report(report).serialize(serializer),
        Err(error) => Shown::Error(error).serialize(serializer),
    }
}

/// The account of a user who left all projects.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct DepartedAccount {
    /// The account, as it was listed.
    pub account: OfferingUser,
    /// The result of requesting its deletion; none if that was held back, because a team, a resource or an
    /// account couldn't be read that may show otherwise.
    pub outcome: Option<Outcome>,
}

/// The results of all resources.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
#[must_use]
pub struct MembershipSync {
    /// The resources in use, in the server's order.
    pub resources: Vec<SyncedResource>,
    /// The resources that can't be read; nothing was done with them.
    pub unreadable: Vec<UnreadableRow>,
    /// The accounts of users who left all projects, if their [removal](super::MembershipOptions::remove_departed)
    /// was asked for.
    pub departed: Vec<DepartedAccount>,
}

impl MembershipSync {
    /// Whether all could be read and all members are as their teams say.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        let is_ok = |one: &SyncedResource| one.outcome.as_ref().is_ok_and(MembershipReport::is_ok);
        let is_gone = |one: &DepartedAccount| one.outcome.as_ref().is_some_and(Outcome::is_ok);
        self.unreadable.is_empty() && self.resources.iter().all(is_ok) && self.departed.iter().all(is_gone)
    }
}

impl fmt::Display for MembershipSync {
    /// Shows a line for each resource, departed account and unreadable row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for one in &self.resources {
            let (name, uuid) = (&one.name, one.uuid.simple());
            lines.push(match &one.outcome {
                Ok(report) => format!("{name} ({uuid}): {report}"),
                Err(error) => format!("{name} ({uuid}): {error}"),
            });
        }
        for DepartedAccount { account, outcome } in &self.departed {
            let (name, uuid) = (&account.username, account.uuid.simple());
            lines.push(match outcome {
                Some(outcome) => format!("deletion of account {name} ({uuid}): {outcome}"),
                None => format!("deletion of account {name} ({uuid}): held back"),
            });
        }
        lines.extend(self.unreadable.iter().map(|row| format!("unreadable: {row}")));
        f.write_str(&lines.join("\n"))
    }
}
