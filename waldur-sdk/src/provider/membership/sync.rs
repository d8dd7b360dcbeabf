//! Bringing members in line with teams.

use std::collections::BTreeMap;

use futures_util::future::{ready, try_join};
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;
use waldur_api_client::{BoxError, builder};

#[cfg(doc)]
use super::NoBackendId;
use super::departures::Departures;
use super::resource::ResourceRow;
use super::{
    MemberItem, MemberOutcome, MemberStep, MembershipBackend, MembershipOptions, MembershipPlan,
    MembershipReport, MembershipSync, SyncedResource,
};
use crate::accounts::{OfferingUser, OfferingUsers};
use crate::provider::Provider;
use crate::resources::{self, Resources};
use crate::row::Rows;
use crate::team::TeamMember;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Error, ErrorKind};

impl Provider {
    /// Finds out what has to be done so that the members which a resource has in the back end match its team;
    /// nothing is changed. It asks Waldur for the resource, its team and the accounts at its offering, and
    /// the back end for its members.
    ///
    /// # Errors
    /// If one of them can't be asked; a conflict ([`Error::is_conflict`]) if the resource is being made (its
    /// team may not be there yet), being terminated or terminated; with the cause [`NoBackendId`] if the
    /// resource has no id in the back end; of kind [`ErrorKind::Backend`] if the back end can't list its
    /// members, with its error as the cause. A row of the team or the accounts that can't be read is no error:
    /// see [`MembershipPlan::unreadable`].
    pub async fn plan_membership<B: MembershipBackend>(
        &self,
        resource: Uuid,
        backend: &B,
        options: MembershipOptions,
    ) -> Result<MembershipPlan, Error> {
        let row: ResourceRow = resources::read(&self.client, resource).await?;
        use ResourceState::{Creating, Terminated, Terminating};
        if matches!(row.state, Creating | Terminating | Terminated) {
            let problem = format!("the resource {} is {}", row.uuid.simple(), row.state);
            let operation = builder::MarketplaceProviderResourcesTeamList::OPERATION;
            return Err(Error::new(ErrorKind::Conflict, problem).with_operation(operation));
        }
        let row = row.with_backend_id()?;
        let accounts = OfferingUsers::new(&self.client).offering(row.offering_uuid);
        let resource = self.resource(resource);
        let (team, accounts) = try_join(resource.team(), accounts.all()).await?;
        let there = backend.list(&row).await.map_err(cannot_list)?;
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
                let failed = |error| MemberOutcome::Failed { error: backend_failed("the back end", error) };
                MemberItem { member, outcome: done.unwrap_or_else(failed) }
            })
            .buffered(self.client.bulk_concurrency())
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
    ) -> Result<MembershipReport, Error> {
        let plan = self.plan_membership(resource, backend, options).await?;
        Ok(self.apply_membership_plan(&plan, backend).await)
    }

    /// [`Provider::sync_membership`] for all resources in use: those that are OK, erred or being updated.
    /// What one resource comes to stops no other. Waldur is asked for the resources and the accounts once,
    /// and for a team a project and offering. The back end isn't called for resources without an id: their
    /// outcome is an error with the cause [`NoBackendId`].
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
        let mut list = in_use.iter().cloned().chain(others).fold(self.resources(), Resources::state);
        let mut accounts = OfferingUsers::new(&self.client);
        if let Some(customer) = self.provider_uuid {
            (list, accounts) = (list.provider(customer), accounts.provider(customer));
        }
        if let Some(offering) = self.offering_uuid {
            (list, accounts) = (list.offering(offering), accounts.offering(offering));
        }
        let (resources, accounts) =
            try_join(self.rows::<ResourceRow>(list.request()), accounts.all()).await?;
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
        let teams: BTreeMap<(Uuid, Uuid), Rows<TeamMember>> =
            stream::iter(circles)
                .map(|(circle, resource)| async move {
                    Some((circle, self.resource(resource).team().await.ok()?))
                })
                .buffer_unordered(self.client.bulk_concurrency())
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
                None if resource.backend_id.is_some() || options.remove_departed => {
                    self.resource(uuid).team().await
                }
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
    ) -> Result<MembershipReport, Error> {
        let resource = resource.with_backend_id()?;
        let team = team?;
        let there = backend.list(&resource).await.map_err(cannot_list)?;
        let plan = MembershipPlan::between(resource, &team, accounts, &there, options);
        Ok(self.apply_membership_plan(&plan, backend).await)
    }
}

/// The error of a back end, with what it was about to do.
fn backend_failed(what: &str, source: impl Into<BoxError>) -> Error {
    let source = source.into();
    Error::new(ErrorKind::Backend, "").with_headline(format!("{what}: {source}")).with_source(source)
}

fn cannot_list(source: impl Into<BoxError>) -> Error {
    backend_failed("the back end can't list the members", source)
}
