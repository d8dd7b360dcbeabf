//! What is done with each member: the team, the accounts and the back end's members compared.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use super::{MembershipOptions, MembershipResource};
use crate::accounts::OfferingUser;
use crate::backend_id::AccountName;
use crate::row::{Rows, UnreadableRow};
use crate::team::TeamMember;

/// What is done with one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemberStep {
    /// Is in the team with a usable account, and not in the back end.
    Add,
    /// Is in both.
    Keep,
    /// Is in the back end and may not be: isn't in the team, has an account that is restricted or going,
    /// hasn't consented though it is [required](MembershipOptions::require_consent), or the resource's access
    /// is restricted.
    Remove,
    /// Is in the team, but has no account that can be used now. Nothing is done.
    Unusable,
    /// Is in the team, but the resource's access is restricted. Nothing is done.
    Restricted,
    /// Is in the team, but isn't known to have consented though it is
    /// [required](MembershipOptions::require_consent). Nothing is done.
    NoConsent,
    /// Would be added or removed, but only because something couldn't be read: a row of the team or of the
    /// accounts (see [`MembershipPlan::unreadable`]), or whether the user has consented. Nothing is done.
    HeldBack,
    /// Is in the back end with a name that no account of the offering has. Nothing is done, unless the
    /// options [say so](MembershipOptions::remove_unknown).
    Unknown,
    /// Is in the back end with a name that no account can have: blank, or longer than 255 characters. Nothing
    /// is done.
    Unnamed,
}

impl MemberStep {
    fn as_str(self) -> &'static str {
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

    fn changes(self) -> bool {
        matches!(self, Self::Add | Self::Remove)
    }
}

/// A member and what is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedMember {
    /// The name of the account; none if there is none that can be used.
    pub username: Option<AccountName>,
    /// The user, if Waldur knows the account.
    pub user_uuid: Option<Uuid>,
    /// The user's name; empty if it isn't known.
    pub full_name: String,
    /// What is done.
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

/// How the members of a resource come to match its team: a step for each, one a line where it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
#[must_use = "nothing is done until it is applied"]
pub struct MembershipPlan {
    /// The resource.
    pub resource: MembershipResource,
    /// The team in its order, then the others of the back end in theirs.
    pub members: Vec<PlannedMember>,
    /// The rows of the team and of the accounts that can't be used. Who may be one of them isn't removed.
    pub unreadable: Vec<UnreadableRow>,
}

/// What is known of a member of the team.
struct Standing<'a> {
    /// The name of the account; blank if there is none.
    username: &'a str,
    is_usable: bool,
    /// The account is restricted, or being removed.
    is_over: bool,
    /// Whether the user consented, if that is known.
    consent: Option<bool>,
}

impl<'a> Standing<'a> {
    /// An offering may keep its accounts from being listed, and the team has them all the same.
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
    /// Compares the team of a resource, and the accounts at its offering, with the members that its back end
    /// has.
    pub fn between(
        resource: MembershipResource,
        team: &Rows<TeamMember>,
        accounts: &Rows<OfferingUser>,
        there: &[String],
        options: MembershipOptions,
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
                // The account that can't be read may be this one, and restricted.
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
        // An account that is gone may have the name of one that is there.
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
            tracing::warn!(resource = %resource.uuid.simple(), ?name, "the back end lists what is no name");
            let step = MemberStep::Unnamed;
            members.push(PlannedMember { username: None, user_uuid: None, full_name: String::new(), step });
        }
        Self { resource, members, unreadable }
    }

    /// Whether there is nothing to do.
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
