//! Membership: the people who can use a resource in the provider's back end, brought in line with its team.

use std::collections::{BTreeMap, HashSet};
use std::error::Error as StdError;
use std::fmt;

use futures_util::future::{ready, try_join};
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;
use waldur_api_client::builder;

use super::Provider;
use super::access::OfferingUser;
use super::resources::ResourceFilter;
use super::team::TeamMember;
use crate::error::{Error, ErrorKind};
use crate::row::{Rows, row};
use crate::types::ResourceState;

type BoxError = Box<dyn StdError + Send + Sync>;

row! {
    /// A resource whose members are compared.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct MembershipResource {
        /// The resource's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// Its id in the back end; empty if it has none.
        pub backend_id: String = or_default "backend_id",
        /// Where it stands.
        pub state: ResourceState = or_unknown "state",
        /// Its offering.
        pub offering_uuid: Uuid = need "offering_uuid",
        /// The project that has it, whose team it is about.
        pub project_uuid: Uuid = need "project_uuid",
    }
}

/// What a provider's back end does with the members of a resource, by the names of their accounts.
///
/// Implementations write `async fn`. Adding a member who is there, or removing one who is gone, is best no error: another
/// may do the same at the same time.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::collections::BTreeSet;
/// use std::sync::Mutex;
///
/// use waldur_sdk::{MembershipBackend, MembershipResource};
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
///     async fn add(&self, _: &MembershipResource, username: &str) -> Result<(), String> {
///         self.0.lock().unwrap().insert(username.to_owned());
///         Ok(())
///     }
///     async fn remove(&self, _: &MembershipResource, username: &str) -> Result<(), String> {
///         self.0.lock().unwrap().remove(username);
///         Ok(())
///     }
/// }
///
/// # use waldur_sandbox::{Actor, Sandbox};
/// # let sandbox = Sandbox::start().await?;
/// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let resource = sandbox.ids().resources.ok;
/// let backend = Groups::default();
/// let plan = client.provider().plan_membership(resource, &backend).await?;
/// println!("{plan}"); // a dry run
/// let report = client.provider().sync_membership(resource, &backend).await?;
/// assert_eq!((report.added(), report.failed()), (1, 0));
/// # Ok(())
/// # }
/// ```
pub trait MembershipBackend: Sync {
    /// What goes wrong: an error, or a text.
    type Error: Into<Box<dyn StdError + Send + Sync>>;

    /// The names of all members that a resource has now.
    fn list(
        &self,
        resource: &MembershipResource,
    ) -> impl Future<Output = Result<Vec<String>, Self::Error>> + Send;

    /// Makes an account a member.
    fn add(
        &self,
        resource: &MembershipResource,
        username: &str,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Makes an account a member no longer.
    fn remove(
        &self,
        resource: &MembershipResource,
        username: &str,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Why members couldn't be compared.
#[derive(Debug)]
#[non_exhaustive]
pub enum MembershipError {
    /// Waldur couldn't be asked, or the resource is being made or has ended.
    Waldur(Error),
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
            Self::Backend(error) => write!(f, "the back end can't list the members: {error}"),
        }
    }
}

impl StdError for MembershipError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Waldur(error) => error.source(),
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
    /// Is in the back end; and not in the team, or with an account that is restricted or going.
    Remove,
    /// Is in the team, but has no account that can be used now. Nothing is done.
    Unusable,
    /// Is in the back end with a name that no account of the offering has. Nothing is done, unless the plan is
    /// [removing them](MembershipPlan::removing_unknown).
    Unknown,
}

impl MemberStep {
    fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Keep => "keep",
            Self::Remove => "remove",
            Self::Unusable => "unusable account",
            Self::Unknown => "unknown",
        }
    }
}

/// A member and what is done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedMember {
    /// The name of the account; empty if there is none.
    pub username: String,
    /// The user, if Waldur knows the account.
    pub user_uuid: Option<Uuid>,
    /// The user's name; empty if it isn't known.
    pub full_name: String,
    /// What is done.
    pub step: MemberStep,
}

impl fmt::Display for PlannedMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.username.is_empty(), self.full_name.is_empty()) {
            (false, false) => write!(f, "{} {} ({})", self.step.as_str(), self.username, self.full_name),
            (false, true) => write!(f, "{} {}", self.step.as_str(), self.username),
            (true, _) => write!(f, "{} of {}", self.step.as_str(), self.full_name),
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
}

impl MembershipPlan {
    /// Compares the team of a resource, and the accounts at its offering, with the members that its back end has.
    pub fn between(
        resource: MembershipResource,
        team: &[TeamMember],
        accounts: &[OfferingUser],
        there: &[String],
    ) -> Self {
        let there: Vec<&str> = there.iter().map(String::as_str).collect();
        let present: HashSet<&str> = there.iter().copied().collect();
        let mut users = HashSet::new();
        let mut settled = HashSet::new();
        let mut members = Vec::new();
        for member in team.iter().filter(|member| users.insert(member.user_uuid)) {
            let account = accounts.iter().find(|account| account.user_uuid == member.user_uuid);
            // An offering may keep its accounts from being listed, and the team has them all the same.
            let username = match account {
                Some(account) => account.username.as_str(),
                None => member.offering_user_username.as_deref().unwrap_or_default(),
            };
            let (is_usable, is_over) = match account {
                Some(account) => (account.is_usable(), account.is_restricted || account.is_ending()),
                None => (member.has_usable_account(), member.has_ending_account()),
            };
            let step = match present.contains(username) {
                true if is_usable => MemberStep::Keep,
                false if is_usable => MemberStep::Add,
                true if is_over => MemberStep::Remove,
                _ => MemberStep::Unusable,
            };
            settled.insert(username);
            members.push(PlannedMember {
                username: username.to_owned(),
                user_uuid: Some(member.user_uuid),
                full_name: member.full_name.clone(),
                step,
            });
        }
        for username in there.into_iter().filter(|name| settled.insert(*name)) {
            let account = accounts.iter().find(|account| account.username == username);
            members.push(PlannedMember {
                username: username.to_owned(),
                user_uuid: account.map(|account| account.user_uuid),
                full_name: account.map(|account| account.user_full_name.clone()).unwrap_or_default(),
                step: if account.is_some() { MemberStep::Remove } else { MemberStep::Unknown },
            });
        }
        Self { resource, members }
    }

    /// The plan, with those removed that no account of the offering stands for: for a back end whose members all come
    /// from Waldur.
    pub fn removing_unknown(mut self) -> Self {
        for member in self.members.iter_mut().filter(|member| member.step == MemberStep::Unknown) {
            member.step = MemberStep::Remove;
        }
        self
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.members.iter().any(|member| matches!(member.step, MemberStep::Add | MemberStep::Remove))
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
        Ok(())
    }
}

/// What came of one member.
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

/// A member and what came of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct MemberItem {
    /// The member, as planned.
    pub member: PlannedMember,
    /// What came of it.
    pub outcome: MemberOutcome,
}

/// What came of a synchronisation: one item a member, as planned.
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub struct MembershipReport {
    /// The resource.
    pub resource: MembershipResource,
    /// The items.
    pub items: Vec<MemberItem>,
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

/// A resource and what came of its members.
#[derive(Debug)]
#[non_exhaustive]
pub struct SyncedResource {
    /// The resource.
    pub resource: MembershipResource,
    /// A report, or why its members couldn't be compared.
    pub outcome: Result<MembershipReport, MembershipError>,
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
        )
    }
}

impl Provider {
    /// What would have to be done so that the members which a resource has in the back end match its team; nothing is
    /// changed. It asks Waldur for the resource, its team and the accounts at its offering, and the back end for its
    /// members.
    ///
    /// # Errors
    /// If one of them can't be asked, or the resource is being made (its team may not be there yet), being terminated or
    /// terminated (a conflict).
    pub async fn plan_membership<B: MembershipBackend>(
        &self,
        resource: Uuid,
        backend: &B,
    ) -> Result<MembershipPlan, MembershipError> {
        let row: MembershipResource = self.retrieve_resource(resource).await?;
        use ResourceState::{Creating, Terminated, Terminating};
        if matches!(row.state, Creating | Terminating | Terminated) {
            let problem = format!("the resource {} is {}", row.uuid.simple(), row.state);
            let operation = builder::MarketplaceProviderResourcesTeamList::OPERATION;
            return Err(Error::new(ErrorKind::Conflict, problem).in_operation(operation).into());
        }
        let accounts = Self::new(self.client.clone()).of_offering(row.offering_uuid);
        let (team, accounts) = try_join(self.team(resource), accounts.offering_users([])).await?;
        let there = backend.list(&row).await.map_err(|error| MembershipError::Backend(error.into()))?;
        Ok(MembershipPlan::between(row, &team, &accounts, &there))
    }

    /// Does what a plan says in the back end, members side by side. One that fails stops no other.
    pub async fn apply_membership_plan<B: MembershipBackend>(
        &self,
        plan: &MembershipPlan,
        backend: &B,
    ) -> MembershipReport {
        let items = stream::iter(plan.members.clone())
            .map(|member| async move {
                let done = match member.step {
                    MemberStep::Add => backend.add(&plan.resource, &member.username).await,
                    MemberStep::Remove => backend.remove(&plan.resource, &member.username).await,
                    MemberStep::Keep | MemberStep::Unusable | MemberStep::Unknown => Ok(()),
                };
                let outcome = match (done.map_err(Into::<BoxError>::into), member.step) {
                    (Err(error), _) => MemberOutcome::Failed { error },
                    (Ok(()), MemberStep::Add) => MemberOutcome::Added,
                    (Ok(()), MemberStep::Remove) => MemberOutcome::Removed,
                    (Ok(()), _) => MemberOutcome::Untouched,
                };
                MemberItem { member, outcome }
            })
            .buffered(self.client.concurrency())
            .collect()
            .await;
        MembershipReport { resource: plan.resource.clone(), items }
    }

    /// Brings the members that a resource has in the back end in line with its team: [`Provider::plan_membership`], and
    /// what that says. It is safe to do again, and after an interruption: what is done is seen in the back end.
    ///
    /// # Errors
    /// Those of that function. What happens to a member is in the report.
    pub async fn sync_membership<B: MembershipBackend>(
        &self,
        resource: Uuid,
        backend: &B,
    ) -> Result<MembershipReport, MembershipError> {
        let plan = self.plan_membership(resource, backend).await?;
        Ok(self.apply_membership_plan(&plan, backend).await)
    }

    /// [`Provider::sync_membership`] for all resources in use: those that are OK, erred or being updated. What one resource
    /// comes to stops no other. Waldur is asked for the resources and the accounts once, and for a team a project and offering.
    ///
    /// # Errors
    /// If the resources or accounts can't be listed. What happens to a resource is with it.
    pub async fn sync_all_memberships<B: MembershipBackend>(
        &self,
        backend: &B,
    ) -> Result<Vec<SyncedResource>, Error> {
        use ResourceState::{Erred, Ok as Ready, Updating};
        let filter = [Ready, Erred, Updating].into_iter().fold(ResourceFilter::new(), ResourceFilter::state);
        let (resources, accounts) = try_join(
            self.rows::<MembershipResource>(self.list_of_resources(filter)),
            self.offering_users([]),
        )
        .await?;
        // A provider may see other people through one offering than through another.
        let circle = |resource: &MembershipResource| (resource.project_uuid, resource.offering_uuid);
        let circles: BTreeMap<(Uuid, Uuid), Uuid> =
            resources.iter().map(|resource| (circle(resource), resource.uuid)).collect();
        let teams: BTreeMap<(Uuid, Uuid), Rows<TeamMember>> = stream::iter(circles)
            .map(|(circle, resource)| async move { Some((circle, self.team(resource).await.ok()?)) })
            .buffer_unordered(self.client.concurrency())
            .filter_map(ready)
            .collect()
            .await;
        let mut synced = Vec::with_capacity(resources.len());
        for resource in resources {
            let accounts: Vec<OfferingUser> =
                accounts.iter().filter(|one| one.offering_uuid == resource.offering_uuid).cloned().collect();
            let team = teams.get(&circle(&resource)).cloned();
            let outcome = self.sync_with(resource.clone(), team, &accounts, backend).await;
            synced.push(SyncedResource { resource, outcome });
        }
        Ok(synced)
    }

    /// One of several resources: a team that couldn't be read for all of its project is asked for again.
    async fn sync_with<B: MembershipBackend>(
        &self,
        resource: MembershipResource,
        team: Option<Rows<TeamMember>>,
        accounts: &[OfferingUser],
        backend: &B,
    ) -> Result<MembershipReport, MembershipError> {
        let team = match team {
            Some(team) => team,
            None => self.team(resource.uuid).await?,
        };
        let there = backend.list(&resource).await.map_err(|error| MembershipError::Backend(error.into()))?;
        let plan = MembershipPlan::between(resource, &team, accounts, &there);
        Ok(self.apply_membership_plan(&plan, backend).await)
    }
}
