//! The plan: what has to be done for each member of a resource.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use super::{Member, MemberKind, MembershipResource};
use crate::backend_id::AccountName;
use crate::row::UnreadableRow;

/// What is done with one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemberStep {
    /// The user is in the team with a usable account, or it is a usable account of the project, and it is not
    /// a member in the back end.
    Add,
    /// The user is in the team and a member, or it is an account of the project and a member.
    Keep,
    /// The user is in the team and a member, but the back end lists another role.
    ChangeRole,
    /// The member must go: the user isn't in the team, has an offering user that is restricted or being
    /// removed, hasn't consented although that is [required](super::Membership::require_consent), the account
    /// of the project is closed, or the resource's access is restricted.
    Remove,
    /// The user is in the team, but has no usable account; or an account of the project is not usable.
    /// Nothing is done.
    Unusable,
    /// The user is in the team, but the resource's access is restricted. Nothing is done.
    Restricted,
    /// The user is in the team, but isn't known to have consented although that is
    /// [required](super::Membership::require_consent). Nothing is done.
    NoConsent,
    /// Nothing is done, because what decides it can't be read: a row of the team or of the accounts (see
    /// [`MembershipPlan::unreadable`]), or whether the user has consented.
    HeldBack,
    /// No account in Waldur has the name of the member. Nothing is done by default; see
    /// [`Membership::remove_unknown`](super::Membership::remove_unknown).
    Unknown,
    /// The back end lists a name that no account can have: blank, or longer than 255 characters. Nothing is
    /// done.
    Unnamed,
}

impl MemberStep {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Keep => "keep",
            Self::ChangeRole => "change role",
            Self::Remove => "remove",
            Self::Unusable => "unusable account",
            Self::Restricted => "restricted access",
            Self::NoConsent => "no consent",
            Self::HeldBack => "held back",
            Self::Unknown => "unknown",
            Self::Unnamed => "no name",
        }
    }

    pub(super) fn changes(self) -> bool {
        matches!(self, Self::Add | Self::ChangeRole | Self::Remove)
    }
}

/// A member and the step that is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedMember {
    /// The account's name; none if there is no usable one.
    pub username: Option<AccountName>,
    /// Whose account it is.
    pub kind: MemberKind,
    /// The user, if Waldur knows the account.
    pub user_uuid: Option<Uuid>,
    /// The name that the user has in Waldur; empty if it isn't known.
    pub user_username: String,
    /// The user's full name; empty if it isn't known.
    pub full_name: String,
    /// The e-mail address; empty if it isn't known.
    pub email: String,
    /// The role in the project, as in the team; empty for those who aren't in it.
    pub role: String,
    /// The role that the back end lists; none if it lists none, or not the member.
    pub listed_role: Option<String>,
    /// The step.
    pub step: MemberStep,
}

impl PlannedMember {
    /// Returns a member of whom nothing is known yet.
    pub(super) fn new(username: Option<AccountName>, kind: MemberKind, step: MemberStep) -> Self {
        Self {
            username,
            kind,
            user_uuid: None,
            user_username: String::new(),
            full_name: String::new(),
            email: String::new(),
            role: String::new(),
            listed_role: None,
            step,
        }
    }

    /// Returns the member for the back end; none without a name.
    pub(super) fn member(&self) -> Option<Member> {
        Some(Member {
            username: self.username.clone()?,
            kind: self.kind,
            user_uuid: self.user_uuid,
            user_username: self.user_username.clone(),
            full_name: self.full_name.clone(),
            email: self.email.clone(),
            role: self.role.clone(),
        })
    }
}

impl fmt::Display for PlannedMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.step.as_str())?;
        if let Some(username) = &self.username {
            write!(f, " {username}")?;
        }
        let is_named = self.username.is_some();
        match (self.full_name.trim(), self.user_uuid) {
            ("", _) if self.kind.is_of_project() => write!(f, " ({})", self.kind)?,
            ("", Some(user)) if !is_named => write!(f, " of user {}", user.simple())?,
            ("", _) => {}
            (name, _) if is_named => write!(f, " ({name})")?,
            (name, _) => write!(f, " of {name}")?,
        }
        match (&self.listed_role, self.step) {
            (Some(before), MemberStep::ChangeRole) => write!(f, " from {before:?} to {:?}", self.role),
            _ => Ok(()),
        }
    }
}

/// What has to be done so that the members of a resource match its team: a step for each member. Displays one
/// step per line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
#[must_use = "nothing is done until it is applied"]
pub struct MembershipPlan {
    /// The resource.
    pub resource: MembershipResource,
    /// The members: the team in its order, then the accounts of the project, then the other members of the
    /// back end in its order.
    pub members: Vec<PlannedMember>,
    /// The rows of the team and of the accounts that can't be read. Nobody who may be in one of them is
    /// removed.
    pub unreadable: Vec<UnreadableRow>,
}

impl MembershipPlan {
    /// Returns how many members have this step.
    #[must_use]
    pub fn count(&self, step: MemberStep) -> usize {
        self.members.iter().filter(|member| member.step == step).count()
    }

    /// Returns whether nothing has to be done in the back end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.members.iter().any(|member| member.step.changes())
    }
}

impl fmt::Display for MembershipPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, member) in self.members.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            member.fmt(f)?;
        }
        for row in &self.unreadable {
            write!(f, "\nunreadable: {row}")?;
        }
        Ok(())
    }
}
