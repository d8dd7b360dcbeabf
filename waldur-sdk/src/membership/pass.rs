//! One synchronization of all resources of a scope.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use futures_util::future::{Either, ready, try_join};
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Error, ListExt as _};

use super::compare::Comparison;
use super::departures::Departures;
use super::project_accounts::ProjectAccount;
use super::report::outcome_of;
use super::resource::ResourceRow;
use super::scope::{Pass, Scope, Who};
use super::{Membership, MembershipBackend, MembershipSync, SyncedResource};
use crate::accounts::{OfferingUser, OfferingUsers};
use crate::bulk::{Item, Outcome, Report};
use crate::resources::{Resources, TeamMember};
use crate::row::{self, Rows};

/// The states of resources that people use.
const IN_USE: [ResourceState; 3] = [ResourceState::Ok, ResourceState::Erred, ResourceState::Updating];

/// The accounts that may be members of the resources of one offering.
#[derive(Clone, Debug, Default)]
struct Accounts {
    users: Rows<OfferingUser>,
    of_projects: Rows<ProjectAccount>,
}

impl Accounts {
    fn of_offering(&self, offering: Uuid) -> Self {
        let Self { mut users, mut of_projects } = self.clone();
        users.retain(|account| account.offering_uuid == offering);
        of_projects.retain(|account| account.offering_uuid == offering);
        Self { users, of_projects }
    }

    fn of_project(&self, project: Option<Uuid>) -> Rows<ProjectAccount> {
        let mut of_project = self.of_projects.clone();
        of_project.retain(|account| Some(account.project_uuid) == project);
        of_project
    }
}

/// Returns whether there may be something to do at a resource for those who are asked about.
fn is_concerned(
    who: Who,
    resource: &ResourceRow,
    team: &Rows<TeamMember>,
    users: &Rows<OfferingUser>,
    of_project: &Rows<ProjectAccount>,
) -> bool {
    match who {
        Who::Everyone => true,
        Who::User(user) => {
            // One who left may still be a member.
            let may_be_there = || users.iter().any(|account| account.user_uuid == user);
            team.iter().any(|member| member.user_uuid == user)
                || resource.backend_id.is_some() && may_be_there()
        }
        Who::ProjectAccounts => !of_project.is_empty(),
    }
}

impl<B: MembershipBackend> Membership<B> {
    /// Synchronizes the resources of a scope.
    ///
    /// # Errors
    /// If the resources or the accounts can't be listed. What happens to a resource is in the report.
    pub(super) async fn pass(&self, pass: Pass<'_>) -> Result<MembershipSync, Error> {
        self.on_resource.begin();
        let Pass { scope, enough, .. } = pass;
        let remove_departed =
            self.options.remove_departed && scope.project.is_none() && scope.who == Who::Everyone;
        let (resources, accounts) = self.list(pass, remove_departed).await?;
        let offerings: BTreeSet<Uuid> = resources.iter().map(|resource| resource.offering_uuid).collect();
        let by_offering: BTreeMap<Uuid, Accounts> =
            offerings.iter().map(|offering| (*offering, accounts.of_offering(*offering))).collect();
        let has_accounts = |resource: &ResourceRow| {
            let of_projects = &accounts.of_projects;
            of_projects.iter().any(|account| Some(account.project_uuid) == resource.project_uuid)
        };
        let needs_team = |resource: &ResourceRow| {
            (resource.backend_id.is_some() || remove_departed)
                && (scope.who != Who::ProjectAccounts || has_accounts(resource))
        };
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
            let offering = resource.offering_uuid;
            // A team that couldn't be read for all resources of its project is read again for each.
            let team = match team_key(&resource).and_then(|key| teams.get(&key)) {
                Some(team) => Ok(team.clone()),
                None if needs_team(&resource) => self.team(resource.uuid).await,
                None => Ok(Rows::default()),
            };
            departures.note(offering, team.as_ref().ok());
            let Some(of_offering) = by_offering.get(&offering) else { continue };
            let (users, of_project) = (&of_offering.users, of_offering.of_project(resource.project_uuid));
            let is_concerned = team
                .as_ref()
                .map_or(true, |team| is_concerned(scope.who, &resource, team, users, &of_project));
            if !IN_USE.contains(&resource.state) || !is_concerned {
                continue;
            }
            let item = self.sync_one(resource, team, users, &of_project, scope.who).await;
            let members = &item.target.members;
            let is_empty = members.items.is_empty() && members.unreadable.is_empty();
            if scope.who == Who::Everyone || !is_empty || !item.outcome.is_ok() {
                self.on_resource.call(&item);
                items.push(item);
            }
        }
        let departed = match remove_departed {
            true => {
                let is_complete = unreadable.is_empty() && accounts.users.unreadable().is_empty();
                departures.remove(&self.client, accounts.users, is_complete).await
            }
            false => Report::default(),
        };
        Ok(MembershipSync { resources: Report { items, unreadable, ..Report::default() }, departed })
    }

    /// Lists the resources and the accounts.
    async fn list(
        &self,
        pass: Pass<'_>,
        remove_departed: bool,
    ) -> Result<(Rows<ResourceRow>, Accounts), Error> {
        let Pass { scope, closed, .. } = pass;
        let resources = self.resources(scope, remove_departed).request().unread();
        let resources = row::all(resources, self.client.bulk_concurrency());
        let users = match self.offering_users(scope) {
            Some(users) => Either::Left(users.all()),
            None => Either::Right(ready(Ok(Rows::default()))),
        };
        let (resources, users): (Rows<ResourceRow>, _) = try_join(resources, users).await?;
        let mut of_projects = Rows::default();
        if !matches!(scope.who, Who::User(_)) && self.options.included.any() {
            let offerings: BTreeSet<Uuid> = resources.iter().map(|resource| resource.offering_uuid).collect();
            of_projects = self.options.included.list(&self.client, offerings).await?;
        }
        for account in closed {
            if !of_projects.iter().any(|listed| listed.uuid == account.uuid) {
                of_projects.push(Ok(account.clone()));
            }
        }
        Ok((resources, Accounts { users, of_projects }))
    }

    fn resources(&self, scope: Scope, remove_departed: bool) -> Resources {
        // Users in the team of a resource that is being created or terminated haven't left.
        let others = [ResourceState::Creating, ResourceState::Terminating];
        let others = remove_departed.then_some(others).into_iter().flatten();
        let mut resources =
            IN_USE.into_iter().chain(others).fold(Resources::new(&self.client), Resources::state);
        if let Some(customer) = scope.provider {
            resources = resources.provider(customer);
        }
        if let Some(offering) = scope.offering {
            resources = resources.offering(offering);
        }
        if let Some(project) = scope.project {
            resources = resources.project(project);
        }
        resources
    }

    /// Returns the offering users that decide about those who are asked about; none if none do.
    fn offering_users(&self, scope: Scope) -> Option<OfferingUsers> {
        let mut users = OfferingUsers::new(&self.client);
        match scope.who {
            Who::ProjectAccounts => return None,
            // Whether an offering has terms shows in the offering users of everybody.
            Who::User(user) if !self.options.require_consent => users = users.user(user),
            Who::User(_) | Who::Everyone => {}
        }
        if let Some(customer) = scope.provider {
            users = users.provider(customer);
        }
        if let Some(offering) = scope.offering {
            users = users.offering(offering);
        }
        Some(users)
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

    async fn sync_one(
        &self,
        resource: ResourceRow,
        team: Result<Rows<TeamMember>, Error>,
        users: &Rows<OfferingUser>,
        of_project: &Rows<ProjectAccount>,
        who: Who,
    ) -> Item<SyncedResource> {
        let (uuid, name) = (resource.uuid, resource.name.clone());
        if resource.backend_id.is_none() {
            let target = SyncedResource { uuid, name, members: Report::default() };
            return Item::new(target, Outcome::without_backend_id(uuid, &resource.state));
        }
        let plan = async {
            let resource = resource.with_backend_id()?;
            let comparison = Comparison {
                resource,
                team: &team?,
                accounts: users,
                project_accounts: of_project,
                listed: &[],
                options: self.options,
                who,
            };
            self.compare(comparison).await
        };
        match plan.await {
            Ok(plan) => {
                let members = self.apply(&plan).await;
                let outcome = outcome_of(&members);
                Item::new(SyncedResource { uuid, name, members }, outcome)
            }
            Err(error) => Item::new(SyncedResource { uuid, name, members: Report::default() }, Err(error)),
        }
    }
}

/// The project and the offering of a team. A provider may see other people through one offering than through
/// another.
type TeamKey = (Uuid, Uuid);

/// Returns the key of a resource's team; none if its project isn't known.
fn team_key(resource: &ResourceRow) -> Option<TeamKey> {
    Some((resource.project_uuid?, resource.offering_uuid))
}
