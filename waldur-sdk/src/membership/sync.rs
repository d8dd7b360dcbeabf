//! Bringing members in line with teams.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{ready, try_join};
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Client, Error, ErrorKind, ListExt as _, builder};

use super::departures::Departures;
use super::plan::Options;
use super::report::{backend_failed, outcome_of, untouched};
use super::resource::ResourceRow;
use super::{MemberStep, MembershipBackend, MembershipPlan, MembershipSync, PlannedMember, SyncedResource};
use crate::accounts::{OfferingUser, OfferingUsers};
#[cfg(doc)]
use crate::backend_id::NoBackendId;
use crate::bulk::{Item, Report};
use crate::confirm::Applied;
use crate::resources::{self, ResourceHandle, Resources, TeamMember};
use crate::row::{self, Rows};

/// The states of resources that people use.
const IN_USE: [ResourceState; 3] = [ResourceState::Ok, ResourceState::Erred, ResourceState::Updating];

/// Brings the members that resources have in a [`MembershipBackend`] in line with their teams. A
/// synchronization is idempotent: what is done already shows in the back end.
///
/// By default, members need a usable account, and members whom Waldur doesn't know stay.
///
/// See [`MembershipBackend`] for an example.
#[derive(Clone, Debug)]
pub struct Membership<B> {
    client: Client,
    backend: B,
    options: Options,
    scope: Scope,
    pub(super) interval: Duration,
}

/// The resources that are synchronized together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scope {
    pub(super) offering: Option<Uuid>,
    pub(super) provider: Option<Uuid>,
    /// A project alone doesn't show who left all projects.
    pub(super) project: Option<Uuid>,
}

impl<B: MembershipBackend> Membership<B> {
    /// Returns the membership of resources in this back end.
    pub fn new(client: &Client, backend: B) -> Self {
        Self {
            client: client.clone(),
            backend,
            options: Options::default(),
            scope: Scope::default(),
            interval: Duration::from_secs(600),
        }
    }

    /// Admits only users who have consented to the offering's terms of service and don't have to consent
    /// again. Others aren't added, and are removed if they are members.
    ///
    /// Servers before 7.8.0 don't send who consented, and where an offering has no active terms, a server
    /// sends that nobody did. So nobody is removed for lack of consent unless some offering user of the
    /// offering shows that there are terms: the user has consented, or has to again. Until then such removals
    /// are [held back](MemberStep::HeldBack).
    #[must_use]
    pub fn require_consent(mut self) -> Self {
        self.options.require_consent = true;
        self
    }

    /// Removes the members whose name no offering user has, such as of users who left all projects and whose
    /// offering users Waldur doesn't list any more. For back ends whose members all come from Waldur.
    #[must_use]
    pub fn remove_unknown(mut self) -> Self {
        self.options.remove_unknown = true;
        self
    }

    /// Requests the deletion of the offering users of users who left all projects: those in no team of any
    /// resource of the offering. Only [`sync_all`](Self::sync_all) does it, because it reads all teams.
    /// (`marketplace_offering_users_request_deletion`)
    #[must_use]
    pub fn remove_departed(mut self) -> Self {
        self.options.remove_departed = true;
        self
    }

    /// Narrows [`sync_all`](Self::sync_all) to this offering.
    #[must_use]
    pub fn offering(mut self, offering: impl Into<Uuid>) -> Self {
        self.scope.offering = Some(offering.into());
        self
    }

    /// Narrows [`sync_all`](Self::sync_all) to this provider, by the uuid of the provider's organization.
    #[must_use]
    pub fn provider(mut self, customer: impl Into<Uuid>) -> Self {
        self.scope.provider = Some(customer.into());
        self
    }

    /// Returns the back end.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// Works out what has to be done so that the members of a resource match its team. Nothing is changed.
    /// Reads the resource, its team and the offering users of its offering from Waldur, and the members from
    /// the back end.
    ///
    /// # Errors
    /// - If one of them can't be read.
    /// - [`Error::is_conflict`]: the resource is being created (its team may be incomplete), being terminated
    ///   or terminated.
    /// - [`Error::is_validation`] with the cause [`NoBackendId`]: the resource has no id in the back end.
    /// - [`Error::is_backend`]: the back end can't list its members. Its error is the cause.
    ///
    /// A row of the team or of the offering users that can't be read is no error: see
    /// [`MembershipPlan::unreadable`].
    pub async fn plan(&self, resource: impl Into<Uuid>) -> Result<MembershipPlan, Error> {
        let uuid = resource.into();
        let row: ResourceRow = resources::read(&self.client, uuid).await?;
        use ResourceState::{Creating, Terminated, Terminating};
        if matches!(row.state, Creating | Terminating | Terminated) {
            let problem = format!("the resource {} is {}", row.uuid.simple(), row.state);
            let operation = builder::MarketplaceProviderResourcesTeamList::OPERATION;
            return Err(Error::new(ErrorKind::Conflict, problem).with_operation(operation));
        }
        let row = row.with_backend_id()?;
        let offering_users = OfferingUsers::new(&self.client).offering(row.offering_uuid);
        let (team, offering_users) = try_join(self.team(uuid), offering_users.all()).await?;
        let members = self.backend.list(&row).await.map_err(cannot_list)?;
        Ok(MembershipPlan::between(row, &team, &offering_users, &members, self.options))
    }

    /// Applies a plan in the back end, several members at a time. A failure for one member doesn't stop the
    /// others.
    ///
    /// Members who are neither added nor removed are skipped, with the step as the reason. Those who are
    /// [held back](MemberStep::HeldBack) failed.
    pub async fn apply(&self, plan: &MembershipPlan) -> Report<PlannedMember> {
        let items = stream::iter(plan.members.iter().cloned())
            .map(|member| async move {
                let result = match (member.step, &member.username) {
                    (MemberStep::Add, Some(name)) => self.backend.add(&plan.resource, name).await,
                    (MemberStep::Remove, Some(name)) => self.backend.remove(&plan.resource, name).await,
                    (step, _) => return Item::new(member, untouched(plan, step)),
                };
                let result = result.map_err(|error| backend_failed("the back end", error));
                Item::new(member, result.map(|()| Applied::Now))
            })
            .buffered(self.client.bulk_concurrency())
            .collect()
            .await;
        Report { items, unreadable: plan.unreadable.clone(), ..Report::default() }
    }

    /// Brings the members of a resource in line with its team: [`plan`](Self::plan), then
    /// [`apply`](Self::apply).
    ///
    /// # Errors
    /// Those of [`plan`](Self::plan). What happens to a member is in the report.
    pub async fn sync(&self, resource: impl Into<Uuid>) -> Result<Report<PlannedMember>, Error> {
        let plan = self.plan(resource).await?;
        Ok(self.apply(&plan).await)
    }

    /// Brings the members of all resources in use in line with their teams: those in the states OK, erred and
    /// updating. A failure for one resource doesn't stop the others.
    ///
    /// Reads the resources and the offering users once, and one team per project and offering. The back end
    /// isn't called for resources without an id: they fail with the cause [`NoBackendId`].
    ///
    /// # Errors
    /// If the resources or the offering users can't be listed. What happens to a resource is in the report.
    pub async fn sync_all(&self) -> Result<MembershipSync, Error> {
        self.sync_scope(self.scope, &AtomicBool::new(false)).await
    }

    /// Returns the scope of [`sync_all`](Self::sync_all).
    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    /// Synchronizes the resources of a scope. Once `enough` is set, no further resource is begun.
    pub(super) async fn sync_scope(
        &self,
        scope: Scope,
        enough: &AtomicBool,
    ) -> Result<MembershipSync, Error> {
        let remove_departed = self.options.remove_departed && scope.project.is_none();
        let (resources, offering_users) = self.list(scope, remove_departed).await?;
        let mut by_offering: BTreeMap<Uuid, Rows<OfferingUser>> = BTreeMap::new();
        for offering in resources.iter().map(|resource| resource.offering_uuid) {
            by_offering.entry(offering).or_insert_with(|| {
                let mut of_offering = offering_users.clone();
                of_offering.retain(|account| account.offering_uuid == offering);
                of_offering
            });
        }
        let needs_team = |resource: &ResourceRow| resource.backend_id.is_some() || remove_departed;
        let teams = self.teams(resources.iter().filter(|resource| needs_team(resource))).await;

        let (resources, unreadable) = resources.into_parts();
        let mut departures = Departures::default();
        let mut items = Vec::new();
        for resource in resources {
            if enough.load(Ordering::Relaxed) {
                return Ok(MembershipSync {
                    resources: Report { items, unreadable, ..Report::default() },
                    departed: Report::default(),
                });
            }
            let (uuid, name, offering) = (resource.uuid, resource.name.clone(), resource.offering_uuid);
            // A team that couldn't be read for all resources of its project is read again for each.
            let team = match team_key(&resource).and_then(|key| teams.get(&key)) {
                Some(team) => Ok(team.clone()),
                None if needs_team(&resource) => self.team(uuid).await,
                None => Ok(Rows::default()),
            };
            departures.note(offering, team.as_ref().ok());
            if !IN_USE.contains(&resource.state) {
                continue;
            }
            let offering_users = by_offering.get(&offering).unwrap_or(&offering_users);
            items.push(match self.sync_one(resource, team, offering_users).await {
                Ok(members) => {
                    let outcome = outcome_of(&members);
                    Item::new(SyncedResource { uuid, name, members }, outcome)
                }
                Err(error) => {
                    Item::new(SyncedResource { uuid, name, members: Report::default() }, Err(error))
                }
            });
        }
        let departed = match remove_departed {
            true => {
                let is_complete = unreadable.is_empty() && offering_users.unreadable().is_empty();
                departures.remove(&self.client, offering_users, is_complete).await
            }
            false => Report::default(),
        };
        Ok(MembershipSync { resources: Report { items, unreadable, ..Report::default() }, departed })
    }

    /// Lists the resources and the offering users.
    async fn list(
        &self,
        scope: Scope,
        remove_departed: bool,
    ) -> Result<(Rows<ResourceRow>, Rows<OfferingUser>), Error> {
        // Users in the team of a resource that is being created or terminated haven't left.
        let others = [ResourceState::Creating, ResourceState::Terminating];
        let others = remove_departed.then_some(others).into_iter().flatten();
        let mut resources =
            IN_USE.into_iter().chain(others).fold(Resources::new(&self.client), Resources::state);
        let mut offering_users = OfferingUsers::new(&self.client);
        if let Some(customer) = scope.provider {
            (resources, offering_users) = (resources.provider(customer), offering_users.provider(customer));
        }
        if let Some(offering) = scope.offering {
            (resources, offering_users) = (resources.offering(offering), offering_users.offering(offering));
        }
        if let Some(project) = scope.project {
            resources = resources.project(project);
        }
        let resources = row::all(resources.request().into_request(), self.client.bulk_concurrency());
        try_join(resources, offering_users.all()).await
    }

    /// Reads one team per project and offering. Teams that can't be read are left out.
    async fn teams<'r>(
        &self,
        resources: impl Iterator<Item = &'r ResourceRow>,
    ) -> BTreeMap<TeamKey, Rows<TeamMember>> {
        let keys: BTreeMap<TeamKey, Uuid> =
            resources.filter_map(|resource| Some((team_key(resource)?, resource.uuid))).collect();
        stream::iter(keys)
            .map(|(key, resource)| async move { Some((key, self.team(resource).await.ok()?)) })
            .buffer_unordered(self.client.bulk_concurrency())
            .filter_map(ready)
            .collect()
            .await
    }

    async fn team(&self, resource: Uuid) -> Result<Rows<TeamMember>, Error> {
        ResourceHandle::new(&self.client, resource).team().await
    }

    async fn sync_one(
        &self,
        resource: ResourceRow,
        team: Result<Rows<TeamMember>, Error>,
        offering_users: &Rows<OfferingUser>,
    ) -> Result<Report<PlannedMember>, Error> {
        let resource = resource.with_backend_id()?;
        let team = team?;
        let members = self.backend.list(&resource).await.map_err(cannot_list)?;
        let plan = MembershipPlan::between(resource, &team, offering_users, &members, self.options);
        Ok(self.apply(&plan).await)
    }
}

/// The project and the offering of a team. A provider may see other people through one offering than through
/// another.
type TeamKey = (Uuid, Uuid);

/// Returns the key of a resource's team; none if its project isn't known.
fn team_key(resource: &ResourceRow) -> Option<TeamKey> {
    Some((resource.project_uuid?, resource.offering_uuid))
}

fn cannot_list(source: impl Into<waldur_api_client::BoxError>) -> Error {
    backend_failed("the back end can't list the members", source)
}
