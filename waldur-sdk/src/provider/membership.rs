//! Membership: the people who can use a resource in the provider's back end, brought in line with its team.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::error::Error as StdError;
use std::fmt;

use futures_util::future::{ready, try_join};
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;
use waldur_api_client::builder;

use super::Provider;
use super::access::{OfferingUser, OfferingUserTransition};
use super::resources::ResourceFilter;
use super::team::TeamMember;
use crate::backend_id::{AccountName, BackendId};
use crate::confirm::Applied;
use crate::error::{Error, ErrorKind};
use crate::outcome::Outcome;
use crate::row::{Rows, UnreadableRow, row};
use crate::types::ResourceState;

type BoxError = Box<dyn StdError + Send + Sync>;

row! {
    /// A resource, as it is read.
    #[derive(Clone, Debug)]
    struct ResourceRow {
        uuid: Uuid = need "uuid",
        name: String = or_default "name",
        backend_id: Option<BackendId> = optional "backend_id",
        state: ResourceState = or_unknown "state",
        offering_uuid: Uuid = need "offering_uuid",
        project_uuid: Option<Uuid> = optional "project_uuid",
        restrict_member_access: bool = or_default "restrict_member_access",
    }
}

impl ResourceRow {
    fn with_backend_id(self) -> Result<MembershipResource, MembershipError> {
        let Self { uuid, name, backend_id, state, offering_uuid, project_uuid, restrict_member_access } =
            self;
        let backend_id = backend_id.ok_or(MembershipError::NoBackendId { resource: uuid })?;
        Ok(MembershipResource {
            uuid,
            name,
            backend_id,
            state,
            offering_uuid,
            project_uuid,
            restrict_member_access,
        })
    }
}

/// A resource whose members are compared.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MembershipResource {
    /// The resource's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Its id in the back end.
    pub backend_id: BackendId,
    /// Where it stands.
    pub state: ResourceState,
    /// Its offering.
    pub offering_uuid: Uuid,
    /// The project that has it, whose team it is about; none if the server doesn't say.
    pub project_uuid: Option<Uuid>,
    /// Whether nobody may be a member for now, such as after a policy on costs fired.
    pub restrict_member_access: bool,
}

/// What else to demand of members, and whom else to remove. By default, members need a usable account, and
/// names that Waldur doesn't know stay.
///
/// ```
/// use waldur_sdk::MembershipOptions;
///
/// let options = MembershipOptions::new().require_consent().remove_unknown();
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct MembershipOptions {
    require_consent: bool,
    remove_unknown: bool,
    remove_departed: bool,
}

impl MembershipOptions {
    /// Returns the default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits only users who have consented to the offering's terms of service and don't have to consent
    /// again. Others aren't added, and are removed if they are there.
    ///
    /// Servers before 7.8.0 don't say who consented, and a server says of everybody that they didn't where
    /// the offering has no active terms. So nobody is removed for want of consent unless some account of the
    /// offering shows that there are terms: it has consent, or needs it again. Until then such removals are
    /// [held back](MemberStep::HeldBack).
    pub fn require_consent(mut self) -> Self {
        self.require_consent = true;
        self
    }

    /// Removes the members that no account of the offering stands for, such as of users who left all projects
    /// and whose accounts Waldur doesn't list any more. For back ends whose members all come from Waldur.
    pub fn remove_unknown(mut self) -> Self {
        self.remove_unknown = true;
        self
    }

    /// Requests the deletion of the accounts of users who left all projects: those in no team of any resource
    /// of the offering. Only [`Provider::sync_all_memberships`] does it; it sees all teams.
    /// (`marketplace_offering_users_request_deletion`)
    pub fn remove_departed(mut self) -> Self {
        self.remove_departed = true;
        self
    }
}

/// What a provider's back end does with the members of a resource, by the names of their accounts.
///
/// Implementations write `async fn`. Adding a member who is there, or removing one who is gone, is best no
/// error: another may do the same at the same time. Neither the id of a resource nor the name of an account
/// is ever blank.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::collections::BTreeSet;
/// use std::sync::Mutex;
///
/// use waldur_sdk::{AccountName, MembershipBackend, MembershipOptions, MembershipResource};
///
/// #[derive(Default)]
/// struct Groups(Mutex<BTreeSet<String>>);
///
/// impl MembershipBackend for Groups {
///     type Error = String;
///
///     async fn list(&self, _: &MembershipResource) -> Result<Vec<String>, String> {
///         Ok(self.0.lock().unwrap().iter().cloned().collect())
///     }
///     async fn add(&self, _: &MembershipResource, username: &AccountName) -> Result<(), String> {
///         self.0.lock().unwrap().insert(username.to_string());
///         Ok(())
///     }
///     async fn remove(&self, _: &MembershipResource, username: &AccountName) -> Result<(), String> {
///         self.0.lock().unwrap().remove(username.as_str());
///         Ok(())
///     }
/// }
///
/// # use waldur_sandbox::{Actor, Sandbox};
/// # let sandbox = Sandbox::start().await?;
/// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let resource = sandbox.ids().resources.ok;
/// let backend = Groups::default();
/// let options = MembershipOptions::new();
/// let plan = client.provider().plan_membership(resource, &backend, options).await?;
/// println!("{plan}"); // a dry run
/// let report = client.provider().sync_membership(resource, &backend, options).await?;
/// assert_eq!((report.added(), report.failed()), (1, 0));
/// # Ok(())
/// # }
/// ```
pub trait MembershipBackend: Sync {
    /// What goes wrong: an error, or a text.
    type Error: Into<Box<dyn StdError + Send + Sync>>;

    /// The names of all members that a resource has now. Blank ones are set aside.
    fn list(
        &self,
        resource: &MembershipResource,
    ) -> impl Future<Output = Result<Vec<String>, Self::Error>> + Send;

    /// Makes an account a member.
    fn add(
        &self,
        resource: &MembershipResource,
        username: &AccountName,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Makes an account a member no longer.
    fn remove(
        &self,
        resource: &MembershipResource,
        username: &AccountName,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Why members couldn't be compared.
#[derive(Debug)]
#[non_exhaustive]
pub enum MembershipError {
    /// Waldur couldn't be asked, or the resource is being made or has ended.
    Waldur(Error),
    /// The resource has no id in the back end, or one that none can be: blank, or longer than 255 characters.
    /// The back end wasn't called.
    NoBackendId {
        /// The resource.
        resource: Uuid,
    },
    /// The back end couldn't list its members.
    Backend(Box<dyn StdError + Send + Sync>),
}

impl From<Error> for MembershipError {
    fn from(error: Error) -> Self {
        Self::Waldur(error)
    }
}

impl fmt::Display for MembershipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waldur(error) => error.fmt(f),
            Self::NoBackendId { resource } => {
                write!(f, "the resource {} has no id in the back end", resource.simple())
            }
            Self::Backend(error) => write!(f, "the back end can't list the members: {error}"),
        }
    }
}

impl StdError for MembershipError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Waldur(error) => error.source(),
            Self::NoBackendId { .. } => None,
            Self::Backend(error) => Some(&**error as &(dyn StdError + 'static)),
        }
    }
}

/// What is done with one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq)]
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

/// The result of one member.
#[derive(Debug)]
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
        /// What it says.
        error: Box<dyn StdError + Send + Sync>,
    },
}

/// A member and the result.
#[derive(Debug)]
#[non_exhaustive]
pub struct MemberItem {
    /// The member, as planned.
    pub member: PlannedMember,
    /// The result.
    pub outcome: MemberOutcome,
}

/// The results of a synchronisation: one item per member, as planned.
#[derive(Debug)]
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
#[derive(Debug)]
#[non_exhaustive]
pub struct SyncedResource {
    /// The resource's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// A report, or why its members couldn't be compared.
    pub outcome: Result<MembershipReport, MembershipError>,
}

/// The account of a user who left all projects.
#[derive(Debug)]
#[non_exhaustive]
pub struct DepartedAccount {
    /// The account, as it was listed.
    pub account: OfferingUser,
    /// The result of requesting its deletion; none if that was held back, because a team, a resource or an
    /// account couldn't be read that may show otherwise.
    pub outcome: Option<Outcome>,
}

/// The results of all resources.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use]
pub struct MembershipSync {
    /// The resources in use, in the server's order.
    pub resources: Vec<SyncedResource>,
    /// The resources that can't be read; nothing was done with them.
    pub unreadable: Vec<UnreadableRow>,
    /// The accounts of users who left all projects, if their [removal](MembershipOptions::remove_departed)
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

impl Provider {
    /// Finds out what has to be done so that the members which a resource has in the back end match its team;
    /// nothing is changed. It asks Waldur for the resource, its team and the accounts at its offering, and
    /// the back end for its members.
    ///
    /// # Errors
    /// If one of them can't be asked; a conflict ([`Error::is_conflict`]) if the resource is being made (its
    /// team may not be there yet), being terminated or terminated; [`MembershipError::NoBackendId`] if the
    /// back end has no such resource. A row of the team or the accounts that can't be read is no error: see
    /// [`MembershipPlan::unreadable`].
    pub async fn plan_membership<B: MembershipBackend>(
        &self,
        resource: Uuid,
        backend: &B,
        options: MembershipOptions,
    ) -> Result<MembershipPlan, MembershipError> {
        let row: ResourceRow = self.retrieve_resource(resource).await?;
        use ResourceState::{Creating, Terminated, Terminating};
        if matches!(row.state, Creating | Terminating | Terminated) {
            let problem = format!("the resource {} is {}", row.uuid.simple(), row.state);
            let operation = builder::MarketplaceProviderResourcesTeamList::OPERATION;
            return Err(Error::new(ErrorKind::Conflict, problem).in_operation(operation).into());
        }
        let row = row.with_backend_id()?;
        let accounts = Self::new(self.client.clone()).of_offering(row.offering_uuid);
        let (team, accounts) = try_join(self.team(resource), accounts.offering_users([])).await?;
        let there = backend.list(&row).await.map_err(|error| MembershipError::Backend(error.into()))?;
        Ok(MembershipPlan::between(row, &team, &accounts, &there, options))
    }

    /// Does what a plan says in the back end, members side by side. One that fails stops no other.
    pub async fn apply_membership_plan<B: MembershipBackend>(
        &self,
        plan: &MembershipPlan,
        backend: &B,
    ) -> MembershipReport {
        let items = stream::iter(plan.members.clone())
            .map(|member| async move {
                let done = match (member.step, &member.username) {
                    (MemberStep::Add, Some(name)) => {
                        backend.add(&plan.resource, name).await.map(|()| MemberOutcome::Added)
                    }
                    (MemberStep::Remove, Some(name)) => {
                        backend.remove(&plan.resource, name).await.map(|()| MemberOutcome::Removed)
                    }
                    _ => Ok(MemberOutcome::Untouched),
                };
                let failed = |error: B::Error| MemberOutcome::Failed { error: Into::<BoxError>::into(error) };
                MemberItem { member, outcome: done.unwrap_or_else(failed) }
            })
            .buffered(self.client.concurrency())
            .collect()
            .await;
        MembershipReport { resource: plan.resource.clone(), items, unreadable: plan.unreadable.clone() }
    }

    /// Brings the members that a resource has in the back end in line with its team:
    /// [`Provider::plan_membership`], and what that says. It is safe to do again, and after an interruption:
    /// what is done is seen in the back end.
    ///
    /// # Errors
    /// Those of that function. What happens to a member is in the report.
    pub async fn sync_membership<B: MembershipBackend>(
        &self,
        resource: Uuid,
        backend: &B,
        options: MembershipOptions,
    ) -> Result<MembershipReport, MembershipError> {
        let plan = self.plan_membership(resource, backend, options).await?;
        Ok(self.apply_membership_plan(&plan, backend).await)
    }

    /// [`Provider::sync_membership`] for all resources in use: those that are OK, erred or being updated.
    /// What one resource comes to stops no other. Waldur is asked for the resources and the accounts once,
    /// and for a team a project and offering. The back end isn't called for resources without an id: their
    /// outcome is [`MembershipError::NoBackendId`].
    ///
    /// # Errors
    /// If the resources or accounts can't be listed. What happens to a resource is with it.
    pub async fn sync_all_memberships<B: MembershipBackend>(
        &self,
        backend: &B,
        options: MembershipOptions,
    ) -> Result<MembershipSync, Error> {
        use ResourceState::{Creating, Erred, Ok as Ready, Terminating, Updating};
        let in_use = [Ready, Erred, Updating];
        // Who is in the team of a resource that is being made, or terminated, hasn't left.
        let others = options.remove_departed.then_some([Creating, Terminating]).into_iter().flatten();
        let filter = in_use.iter().cloned().chain(others).fold(ResourceFilter::new(), ResourceFilter::state);
        let (resources, accounts) =
            try_join(self.rows::<ResourceRow>(self.list_of_resources(filter)), self.offering_users([]))
                .await?;
        let mut by_offering: BTreeMap<Uuid, Rows<OfferingUser>> = BTreeMap::new();
        for offering in resources.iter().map(|resource| resource.offering_uuid) {
            by_offering.entry(offering).or_insert_with(|| {
                let mut of_offering = accounts.clone();
                of_offering.retain(|account| account.offering_uuid == offering);
                of_offering
            });
        }
        // A provider may see other people through one offering than through another.
        let circle = |resource: &ResourceRow| Some((resource.project_uuid?, resource.offering_uuid));
        let circles: BTreeMap<(Uuid, Uuid), Uuid> = resources
            .iter()
            .filter(|resource| resource.backend_id.is_some() || options.remove_departed)
            .filter_map(|resource| Some((circle(resource)?, resource.uuid)))
            .collect();
        let teams: BTreeMap<(Uuid, Uuid), Rows<TeamMember>> = stream::iter(circles)
            .map(|(circle, resource)| async move { Some((circle, self.team(resource).await.ok()?)) })
            .buffer_unordered(self.client.concurrency())
            .filter_map(ready)
            .collect()
            .await;

        let (resources, unreadable) = resources.into_parts();
        let mut departures = Departures::default();
        let mut sync = MembershipSync { unreadable, ..MembershipSync::default() };
        for resource in resources {
            let (uuid, name, offering) = (resource.uuid, resource.name.clone(), resource.offering_uuid);
            let is_in_use = in_use.contains(&resource.state);
            // A team that couldn't be read for all of its project is asked for again.
            let team = match circle(&resource).and_then(|circle| teams.get(&circle)) {
                Some(team) => Ok(team.clone()),
                None if resource.backend_id.is_some() || options.remove_departed => self.team(uuid).await,
                None => Ok(Rows::default()),
            };
            departures.note(offering, team.as_ref().ok());
            if !is_in_use {
                continue;
            }
            let accounts = by_offering.get(&offering).unwrap_or(&accounts);
            let outcome = self.sync_with(resource, team, accounts, backend, options).await;
            sync.resources.push(SyncedResource { uuid, name, outcome });
        }
        if options.remove_departed {
            let is_complete = sync.unreadable.is_empty() && accounts.unreadable().is_empty();
            sync.departed = self.remove_departed(&departures, accounts, is_complete).await;
        }
        Ok(sync)
    }

    /// One of several resources.
    async fn sync_with<B: MembershipBackend>(
        &self,
        resource: ResourceRow,
        team: Result<Rows<TeamMember>, Error>,
        accounts: &Rows<OfferingUser>,
        backend: &B,
        options: MembershipOptions,
    ) -> Result<MembershipReport, MembershipError> {
        let resource = resource.with_backend_id()?;
        let team = team?;
        let there = backend.list(&resource).await.map_err(|error| MembershipError::Backend(error.into()))?;
        let plan = MembershipPlan::between(resource, &team, accounts, &there, options);
        Ok(self.apply_membership_plan(&plan, backend).await)
    }

    /// Requests the deletion of the accounts of users who are in no team of their offering.
    async fn remove_departed(
        &self,
        departures: &Departures,
        accounts: Rows<OfferingUser>,
        is_complete: bool,
    ) -> Vec<DepartedAccount> {
        let departed = accounts.into_iter().filter(|account| departures.has_left(account));
        stream::iter(departed)
            .map(|account| async move {
                if !is_complete || departures.unread.contains(&account.offering_uuid) {
                    return DepartedAccount { account, outcome: None };
                }
                let removal = OfferingUserTransition::RequestDeletion;
                let result = self.change_offering_user(account.uuid, removal).await;
                let outcome = Outcome::of(result.map(|account| (account, Applied::Now)));
                DepartedAccount { account, outcome: Some(outcome) }
            })
            .buffered(self.client.concurrency())
            .collect()
            .await
    }
}

/// Who is in a team of an offering, and of which offerings a team couldn't be read.
#[derive(Debug, Default)]
struct Departures {
    teams: BTreeMap<Uuid, HashSet<Uuid>>,
    unread: BTreeSet<Uuid>,
}

impl Departures {
    fn note(&mut self, offering: Uuid, team: Option<&Rows<TeamMember>>) {
        let members = self.teams.entry(offering).or_default();
        if team.is_none_or(|team| !team.unreadable().is_empty()) {
            self.unread.insert(offering);
        }
        members.extend(team.into_iter().flatten().map(|member| member.user_uuid));
    }

    /// Nothing can be said of an offering without resources: they may be another's to see.
    fn has_left(&self, account: &OfferingUser) -> bool {
        let members = self.teams.get(&account.offering_uuid);
        !account.is_ending() && members.is_some_and(|members| !members.contains(&account.user_uuid))
    }
}
