//! The plan: compares the team, the offering users and the members in the back end.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use super::MembershipResource;
use crate::accounts::OfferingUser;
use crate::backend_id::AccountName;
use crate::resources::TeamMember;
use crate::row::{Rows, UnreadableRow};

/// What is done with one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemberStep {
    /// The user is in the team with a usable account, and not a member in the back end.
    Add,
    /// The user is in the team and a member.
    Keep,
    /// The member must go: the user isn't in the team, has an offering user that is restricted or being
    /// removed, hasn't consented although that is [required](super::Membership::require_consent), or the
    /// resource's access is restricted.
    Remove,
    /// The user is in the team, but has no usable account. Nothing is done.
    Unusable,
    /// The user is in the team, but the resource's access is restricted. Nothing is done.
    Restricted,
    /// The user is in the team, but isn't known to have consented although that is
    /// [required](super::Membership::require_consent). Nothing is done.
    NoConsent,
    /// Nothing is done, because what decides it can't be read: a row of the team or of the offering users
    /// (see [`MembershipPlan::unreadable`]), or whether the user has consented.
    HeldBack,
    /// No offering user has the name of the member. Nothing is done by default; see
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
        matches!(self, Self::Add | Self::Remove)
    }
}

/// Which members are added and removed beyond the default.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    pub(super) require_consent: bool,
    pub(super) remove_unknown: bool,
    pub(super) remove_departed: bool,
}

/// A member and the step that is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedMember {
    /// The account's name; none if there is no usable one.
    pub username: Option<AccountName>,
    /// The user, if Waldur knows the account.
    pub user_uuid: Option<Uuid>,
    /// The user's full name; empty if it isn't known.
    pub full_name: String,
    /// The step.
    pub step: MemberStep,
}

impl fmt::Display for PlannedMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.step.as_str())?;
        if let Some(username) = &self.username {
            write!(f, " {username}")?;
        }
        let is_named = self.username.is_some();
        match (self.full_name.trim(), self.user_uuid) {
            ("", Some(user)) if !is_named => write!(f, " of user {}", user.simple()),
            ("", _) => Ok(()),
            (name, _) if is_named => write!(f, " ({name})"),
            (name, _) => write!(f, " of {name}"),
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
    /// The members: the team in its order, then the other members of the back end in theirs.
    pub members: Vec<PlannedMember>,
    /// The rows of the team and of the offering users that can't be read. Nobody who may be in one of them is
    /// removed.
    pub unreadable: Vec<UnreadableRow>,
}

/// The account of a member of the team, as far as it is known.
struct Standing<'a> {
    /// The name of the account; blank if there is none.
    username: &'a str,
    is_usable: bool,
    /// Whether the account is restricted or being removed.
    is_over: bool,
    /// Whether the user consented, if that is known.
    consent: Option<bool>,
}

impl<'a> Standing<'a> {
    /// Falls back to the row of the team: an offering may hide its offering users from lists.
    fn of(member: &'a TeamMember, account: Option<&'a OfferingUser>) -> Self {
        match account {
            Some(account) => Self {
                username: &account.username,
                is_usable: account.is_usable(),
                is_over: account.is_restricted || account.is_ending(),
                consent: account.consent(),
            },
            None => Self {
                username: member.offering_user_username.as_deref().unwrap_or_default(),
                is_usable: member.has_usable_account(),
                is_over: member.has_ending_account(),
                consent: None,
            },
        }
    }
}

impl MembershipPlan {
    /// Compares the team of a resource, and the offering users of its offering, with the members that the
    /// back end lists.
    pub(super) fn between(
        resource: MembershipResource,
        team: &Rows<TeamMember>,
        accounts: &Rows<OfferingUser>,
        there: &[String],
        options: Options,
    ) -> Self {
        let unreadable: Vec<UnreadableRow> =
            team.unreadable().iter().chain(accounts.unreadable()).cloned().collect();
        let (mut names, mut unnamed) = (Vec::new(), Vec::new());
        for name in there {
            match AccountName::new(name.as_str()) {
                Ok(name) => names.push(name),
                Err(_) => unnamed.push(name),
            }
        }
        let present: HashSet<&str> = names.iter().map(AccountName::as_str).collect();
        let of_user: HashMap<Uuid, &OfferingUser> =
            accounts.iter().rev().map(|account| (account.user_uuid, account)).collect();
        let of_name: HashMap<&str, &OfferingUser> =
            accounts.iter().rev().map(|account| (account.username.as_str(), account)).collect();
        let has_terms = accounts
            .iter()
            .any(|account| account.has_consent == Some(true) || account.requires_reconsent == Some(true));

        let is_restricted = resource.restrict_member_access;
        let step_of = |member: &TeamMember, account: Option<&OfferingUser>| {
            let standing = Standing::of(member, account);
            let is_there = present.contains(standing.username);
            if is_restricted && is_there {
                return MemberStep::Remove;
            }
            if !standing.is_usable {
                return if is_there && standing.is_over { MemberStep::Remove } else { MemberStep::Unusable };
            }
            if is_restricted {
                return MemberStep::Restricted;
            }
            if options.require_consent && standing.consent != Some(true) {
                return match is_there {
                    true if has_terms && standing.consent == Some(false) => MemberStep::Remove,
                    true => MemberStep::HeldBack,
                    false => MemberStep::NoConsent,
                };
            }
            match is_there {
                true => MemberStep::Keep,
                // The offering user that can't be read may be this one, and restricted.
                false if account.is_none() && !accounts.unreadable().is_empty() => MemberStep::HeldBack,
                false => MemberStep::Add,
            }
        };
        let mut users = HashSet::new();
        let mut settled: HashSet<&str> = HashSet::new();
        let mut members = Vec::new();
        for member in team.iter().filter(|member| users.insert(member.user_uuid)) {
            let account = of_user.get(&member.user_uuid).copied();
            let username = Standing::of(member, account).username;
            settled.insert(username);
            members.push(PlannedMember {
                username: AccountName::new(username).ok(),
                user_uuid: Some(member.user_uuid),
                full_name: member.full_name.clone(),
                step: step_of(member, account),
            });
        }
        // The account of somebody who left may have the name of a current one.
        let needed: HashSet<AccountName> = members
            .iter()
            .filter(|member| !matches!(member.step, MemberStep::Remove | MemberStep::Unusable))
            .filter_map(|member| member.username.clone())
            .collect();
        let mut changed: HashSet<AccountName> = HashSet::new();
        for member in members.iter_mut().filter(|member| member.step.changes()) {
            let Some(name) = &member.username else { continue };
            let is_second = !changed.insert(name.clone());
            match member.step {
                MemberStep::Add if is_second => member.step = MemberStep::Keep,
                MemberStep::Remove if is_second || needed.contains(name) => {
                    member.step = MemberStep::Unusable;
                }
                _ => {}
            }
        }

        for name in names.iter().filter(|name| settled.insert(name.as_str())) {
            let account = of_name.get(name.as_str()).copied();
            let step = match account {
                Some(account) => {
                    let may_be_in_team = team
                        .unreadable()
                        .iter()
                        .any(|row| row.uuid.is_none_or(|user| user == account.user_uuid));
                    match may_be_in_team && !is_restricted {
                        true => MemberStep::HeldBack,
                        false => MemberStep::Remove,
                    }
                }
                None if !options.remove_unknown => MemberStep::Unknown,
                None if !unreadable.is_empty() => MemberStep::HeldBack,
                None => MemberStep::Remove,
            };
            members.push(PlannedMember {
                username: Some(name.clone()),
                user_uuid: account.map(|account| account.user_uuid),
                full_name: account.map(|account| account.user_full_name.clone()).unwrap_or_default(),
                step,
            });
        }
        for name in unnamed {
            tracing::warn!(resource = %resource.uuid.simple(), ?name, "the back end lists a member without a valid name");
            let step = MemberStep::Unnamed;
            members.push(PlannedMember { username: None, user_uuid: None, full_name: String::new(), step });
        }
        Self { resource, members, unreadable }
    }

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
