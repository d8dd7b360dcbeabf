//! The comparison of the team and the accounts in Waldur with the members in the back end.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use waldur_api_client::types::ServiceAccountState;

use super::project_accounts::{Included, ProjectAccount};
use super::scope::Who;
use super::{ListedMember, MemberKind, MemberStep, MembershipPlan, MembershipResource, PlannedMember};
use crate::accounts::OfferingUser;
use crate::backend_id::AccountName;
use crate::resources::TeamMember;
use crate::row::{Rows, UnreadableRow};

/// Which members are added and removed beyond the default.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    pub(super) require_consent: bool,
    pub(super) remove_unknown: bool,
    pub(super) remove_departed: bool,
    pub(super) included: Included,
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

/// What is known of the members of one resource.
pub(super) struct Comparison<'a> {
    pub(super) resource: MembershipResource,
    pub(super) team: &'a Rows<TeamMember>,
    pub(super) accounts: &'a Rows<OfferingUser>,
    /// The accounts of the resource's project.
    pub(super) project_accounts: &'a Rows<ProjectAccount>,
    pub(super) listed: &'a [ListedMember],
    pub(super) options: Options,
    pub(super) who: Who,
}

impl Comparison<'_> {
    /// Plans a step for each member who is asked about.
    pub(super) fn plan(self) -> MembershipPlan {
        let mut names = Vec::new();
        let mut roles: HashMap<&str, &str> = HashMap::new();
        let mut unnamed = Vec::new();
        for ListedMember { username, role } in self.listed {
            match AccountName::new(username.as_str()) {
                Ok(name) => names.push(name),
                Err(_) => unnamed.push(username),
            }
            if let Some(role) = role {
                roles.insert(username, role);
            }
        }
        let present: HashSet<&str> = names.iter().map(AccountName::as_str).collect();
        let mut members = self.team_members(&present, &roles);
        let mut settled: HashSet<AccountName> =
            members.iter().filter_map(|member| member.username.clone()).collect();
        // Of accounts with the same name, an open one decides.
        let (closed, open): (Vec<_>, Vec<_>) =
            self.project_accounts.iter().partition(|account| account.is_closed());
        for account in open.into_iter().chain(closed) {
            if let Some(member) = self.project_member(account, &present, &settled) {
                settled.extend(member.username.clone());
                members.push(member);
            }
        }
        settle_shared_names(&mut members);

        let of_name: HashMap<&str, &OfferingUser> =
            self.accounts.iter().rev().map(|account| (account.username.as_str(), account)).collect();
        for name in names.iter().filter(|name| settled.insert((*name).clone())) {
            members.push(self.other(name.clone(), of_name.get(name.as_str()).copied()));
        }
        for name in unnamed {
            let resource = self.resource.uuid.simple();
            tracing::warn!(%resource, ?name, "the back end lists a member without a valid name");
            members.push(PlannedMember::new(None, MemberKind::Unknown, MemberStep::Unnamed));
        }
        members.retain(|member| match self.who {
            Who::Everyone => true,
            Who::User(user) => member.user_uuid == Some(user),
            Who::ProjectAccounts => member.kind.is_of_project(),
        });
        let unreadable = self.unreadable().cloned().collect();
        MembershipPlan { resource: self.resource, members, unreadable }
    }

    fn unreadable(&self) -> impl Iterator<Item = &UnreadableRow> {
        let accounts = self.accounts.unreadable().iter().chain(self.project_accounts.unreadable());
        self.team.unreadable().iter().chain(accounts)
    }

    fn team_members(&self, present: &HashSet<&str>, roles: &HashMap<&str, &str>) -> Vec<PlannedMember> {
        let of_user: HashMap<Uuid, &OfferingUser> =
            self.accounts.iter().rev().map(|account| (account.user_uuid, account)).collect();
        let has_terms = self
            .accounts
            .iter()
            .any(|account| account.has_consent == Some(true) || account.requires_reconsent == Some(true));
        let mut users = HashSet::new();
        let team = self.team.iter().filter(|member| users.insert(member.user_uuid));
        team.map(|member| {
            let account = of_user.get(&member.user_uuid).copied();
            let standing = Standing::of(member, account);
            let listed_role = roles.get(standing.username).copied();
            let mut step =
                self.step_of(&standing, account.is_some(), present.contains(standing.username), has_terms);
            if step == MemberStep::Keep
                && !member.role.is_empty()
                && listed_role.is_some_and(|role| role != member.role)
            {
                step = MemberStep::ChangeRole;
            }
            PlannedMember {
                user_uuid: Some(member.user_uuid),
                user_username: member.username.clone(),
                full_name: member.full_name.clone(),
                email: member.email.clone(),
                role: member.role.clone(),
                listed_role: listed_role.map(str::to_owned),
                ..PlannedMember::new(AccountName::new(standing.username).ok(), MemberKind::Person, step)
            }
        })
        .collect()
    }

    /// Returns the step of a member of the team.
    fn step_of(
        &self,
        standing: &Standing<'_>,
        is_known: bool,
        is_there: bool,
        has_terms: bool,
    ) -> MemberStep {
        let is_restricted = self.resource.restrict_member_access;
        if is_restricted && is_there {
            return MemberStep::Remove;
        }
        if !standing.is_usable {
            return if is_there && standing.is_over { MemberStep::Remove } else { MemberStep::Unusable };
        }
        if is_restricted {
            return MemberStep::Restricted;
        }
        if self.options.require_consent && standing.consent != Some(true) {
            return match is_there {
                true if has_terms && standing.consent == Some(false) => MemberStep::Remove,
                true => MemberStep::HeldBack,
                false => MemberStep::NoConsent,
            };
        }
        match is_there {
            true => MemberStep::Keep,
            // The offering user that can't be read may be this one, and restricted.
            false if !is_known && !self.accounts.unreadable().is_empty() => MemberStep::HeldBack,
            false => MemberStep::Add,
        }
    }

    /// Returns the member that an account of the project is; none if there is nothing to say about it.
    fn project_member(
        &self,
        account: &ProjectAccount,
        present: &HashSet<&str>,
        settled: &HashSet<AccountName>,
    ) -> Option<PlannedMember> {
        let username = AccountName::new(account.username.as_str()).ok();
        if username.as_ref().is_some_and(|name| settled.contains(name)) {
            return None;
        }
        let is_there = username.as_ref().is_some_and(|name| present.contains(name.as_str()));
        let step = match (&account.state, is_there) {
            (ServiceAccountState::Closed, false) => return None,
            (ServiceAccountState::Closed, true) => MemberStep::Remove,
            _ if self.resource.restrict_member_access && is_there => MemberStep::Remove,
            (_, true) => MemberStep::Keep,
            (ServiceAccountState::Ok, false) if username.is_some() => {
                match self.resource.restrict_member_access {
                    true => MemberStep::Restricted,
                    false => MemberStep::Add,
                }
            }
            _ => MemberStep::Unusable,
        };
        Some(PlannedMember {
            user_uuid: account.user_uuid,
            email: account.email.clone(),
            ..PlannedMember::new(username, account.kind, step)
        })
    }

    /// Returns the step of a member of the back end who is neither in the team nor an account of the project.
    fn other(&self, name: AccountName, account: Option<&OfferingUser>) -> PlannedMember {
        let Some(account) = account else {
            let step = match self.options.remove_unknown {
                false => MemberStep::Unknown,
                true if self.unreadable().next().is_some() => MemberStep::HeldBack,
                true => MemberStep::Remove,
            };
            return PlannedMember::new(Some(name), MemberKind::Unknown, step);
        };
        let may_be_in_team =
            self.team.unreadable().iter().any(|row| row.uuid.is_none_or(|user| user == account.user_uuid));
        let step = match may_be_in_team && !self.resource.restrict_member_access {
            true => MemberStep::HeldBack,
            false => MemberStep::Remove,
        };
        PlannedMember {
            user_uuid: Some(account.user_uuid),
            user_username: account.user_username.clone(),
            full_name: account.user_full_name.clone(),
            email: account.user_email.clone(),
            ..PlannedMember::new(Some(name), MemberKind::Person, step)
        }
    }
}

/// Rules out that members who share a name undo each other's steps: the account of somebody who left may have
/// the name of a current one.
fn settle_shared_names(members: &mut [PlannedMember]) {
    let mut needed: HashMap<AccountName, usize> = HashMap::new();
    let is_needed = |step| !matches!(step, MemberStep::Remove | MemberStep::Unusable);
    for member in members.iter().filter(|member| is_needed(member.step)) {
        if let Some(name) = &member.username {
            *needed.entry(name.clone()).or_default() += 1;
        }
    }
    let mut changed: HashSet<AccountName> = HashSet::new();
    for member in members.iter_mut().filter(|member| member.step.changes()) {
        let Some(name) = &member.username else { continue };
        let is_second = !changed.insert(name.clone());
        let needed = needed.get(name).copied().unwrap_or_default();
        match member.step {
            MemberStep::Add if is_second => member.step = MemberStep::Keep,
            MemberStep::Remove if is_second || needed > 0 => member.step = MemberStep::Unusable,
            // Which of the two roles the account has to have isn't known.
            MemberStep::ChangeRole if needed > 1 => member.step = MemberStep::Keep,
            _ => {}
        }
    }
}
