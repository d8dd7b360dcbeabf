//! Bringing members in line with teams.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::future::try_join3;
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Client, Error, ErrorKind, builder};

use super::compare::{Comparison, Options};
use super::report::{backend_failed, untouched};
use super::resource::ResourceRow;
use super::scope::{Pass, Scope, Who};
use super::{MemberStep, MembershipBackend, MembershipPlan, MembershipSync, PlannedMember, SyncedResource};
use crate::accounts::OfferingUsers;
#[cfg(doc)]
use crate::backend_id::NoBackendId;
use crate::bulk::{Item, Report};
use crate::confirm::Applied;
use crate::on_item::OnItem;
use crate::resources::{self, ResourceHandle, TeamMember};
use crate::row::Rows;

/// Brings the members that resources have in a [`MembershipBackend`] in line with their teams. A
/// synchronization is idempotent: what is done already shows in the back end.
///
/// By default, members need a usable account, and members whom Waldur doesn't know stay.
///
/// See [`MembershipBackend`] for an example.
#[derive(Clone, Debug)]
pub struct Membership<B> {
    pub(super) client: Client,
    pub(super) backend: B,
    pub(super) options: Options,
    scope: Scope,
    pub(crate) interval: Duration,
    pub(crate) on_resource: OnItem<SyncedResource>,
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
            on_resource: OnItem::default(),
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

    /// Makes the service accounts of projects members of their resources, and removes the closed ones. They
    /// are created in Waldur by the customers, and have the [kind](super::Member::kind)
    /// [`MemberKind::ServiceAccount`](super::MemberKind::ServiceAccount). By default they are left alone.
    /// Takes one request for each offering.
    /// (`marketplace_provider_offerings_list_project_service_accounts_list`)
    ///
    /// A server that no longer lists a closed account leaves its name in the back end to
    /// [`remove_unknown`](Self::remove_unknown), or to the event that it was closed. Service accounts of
    /// whole organizations are left alone.
    #[must_use]
    pub fn service_accounts(mut self) -> Self {
        self.options.included.service = true;
        self
    }

    /// Does the same with the course accounts of projects
    /// ([`MemberKind::CourseAccount`](super::MemberKind::CourseAccount)).
    /// (`marketplace_provider_offerings_list_course_accounts_list`)
    #[must_use]
    pub fn course_accounts(mut self) -> Self {
        self.options.included.course = true;
        self
    }

    /// Removes the members whose name no account has, such as of users who left all projects and whose
    /// offering users Waldur doesn't list any more. For back ends whose members all come from Waldur: those
    /// that have service accounts or course accounts need [`service_accounts`](Self::service_accounts) and
    /// [`course_accounts`](Self::course_accounts), too.
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

    /// Narrows [`sync_all`](Self::sync_all), [`sync_user`](Self::sync_user) and
    /// [`sync_project_accounts`](Self::sync_project_accounts) to this offering.
    #[must_use]
    pub fn offering(mut self, offering: impl Into<Uuid>) -> Self {
        self.scope.offering = Some(offering.into());
        self
    }

    /// Narrows [`sync_all`](Self::sync_all), [`sync_user`](Self::sync_user) and
    /// [`sync_project_accounts`](Self::sync_project_accounts) to this provider, by the uuid of the provider's
    /// organization.
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
    /// the back end. (`marketplace_provider_resources_retrieve`, `marketplace_provider_resources_team_list`,
    /// `marketplace_offering_users_list`)
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
        let accounts = OfferingUsers::new(&self.client).offering(row.offering_uuid);
        let project_accounts = self.options.included.list(&self.client, [row.offering_uuid]);
        let (team, accounts, mut project_accounts) =
            try_join3(self.team(uuid), accounts.all(), project_accounts).await?;
        project_accounts.retain(|account| Some(account.project_uuid) == row.project_uuid);
        let comparison = Comparison {
            resource: row,
            team: &team,
            accounts: &accounts,
            project_accounts: &project_accounts,
            listed: &[],
            options: self.options,
            who: Who::Everyone,
        };
        self.compare(comparison).await
    }

    /// Applies a plan in the back end, several members at a time. A failure for one member doesn't stop the
    /// others.
    ///
    /// Members for whom nothing is done are skipped, with the step as the reason. Those who are
    /// [held back](MemberStep::HeldBack) failed.
    pub async fn apply(&self, plan: &MembershipPlan) -> Report<PlannedMember> {
        let items = stream::iter(plan.members.iter().cloned())
            .map(|member| async move {
                let Some(one) = member.member().filter(|_| member.step.changes()) else {
                    let outcome = untouched(plan, member.step);
                    return Item::new(member, outcome);
                };
                let (backend, resource) = (&self.backend, &plan.resource);
                let result = match (member.step, &member.listed_role) {
                    (MemberStep::ChangeRole, Some(before)) => {
                        backend.change_role(resource, &one, before).await
                    }
                    (MemberStep::Remove, _) => backend.remove(resource, &one).await,
                    _ => backend.add(resource, &one).await,
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
    pub async fn sync_resource(&self, resource: impl Into<Uuid>) -> Result<Report<PlannedMember>, Error> {
        let plan = self.plan(resource).await?;
        Ok(self.apply(&plan).await)
    }

    /// Brings the membership of one user in line, at all resources in use. Other members stay as they are,
    /// and resources where nothing is known of the user are left out of the report.
    ///
    /// Reads the resources, the offering users of this user (those of everybody if consent is
    /// [required](Self::require_consent)), and one team per project and offering.
    ///
    /// # Errors
    /// If the resources or the offering users can't be listed. What happens at a resource is in the report.
    pub async fn sync_user(&self, user: impl Into<Uuid>) -> Result<MembershipSync, Error> {
        self.sync_scope(Scope { who: Who::User(user.into()), ..self.scope }, &AtomicBool::new(false)).await
    }

    /// Brings the service accounts and course accounts of projects in line, at all resources in use. Other
    /// members stay as they are. Nothing is done for accounts that aren't included:
    /// [`service_accounts`](Self::service_accounts), [`course_accounts`](Self::course_accounts).
    ///
    /// Reads the resources, the included accounts of each offering, and the teams of the projects that have
    /// any, because the account of a person may have the same name.
    ///
    /// # Errors
    /// If the resources or the accounts can't be listed. What happens at a resource is in the report.
    pub async fn sync_project_accounts(&self) -> Result<MembershipSync, Error> {
        let scope = Scope { who: Who::ProjectAccounts, ..self.scope };
        self.sync_scope(scope, &AtomicBool::new(false)).await
    }

    /// Brings the members of all resources in use in line with their teams: of those in the states OK, erred
    /// and updating. A failure for one resource doesn't stop the others.
    ///
    /// Reads the resources and the offering users once, and one team per project and offering; with
    /// [`service_accounts`](Self::service_accounts) and [`course_accounts`](Self::course_accounts) one list
    /// each per offering. The back end isn't called for resources without an id: they fail with the cause
    /// [`NoBackendId`].
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
        self.pass(Pass { scope, enough, closed: &[] }).await
    }

    /// Lists the members of a resource in the back end, and plans.
    pub(super) async fn compare(&self, comparison: Comparison<'_>) -> Result<MembershipPlan, Error> {
        let listed = self.backend.list(&comparison.resource).await.map_err(cannot_list)?;
        Ok(Comparison { listed: &listed, ..comparison }.plan())
    }

    pub(super) async fn team(&self, resource: Uuid) -> Result<Rows<TeamMember>, Error> {
        ResourceHandle::new(&self.client, resource).team().await
    }
}

/// Returns the error of a back end that can't list.
fn cannot_list(source: impl Into<waldur_api_client::BoxError>) -> Error {
    backend_failed("the back end can't list the members", source)
}
