//! The back end: what orders, members and usage are on the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use waldur_sdk::agent::{
    Backend, BackendError, Limits, Measurements, Meter, MeteredResource, Provisioned, Task,
};
use waldur_sdk::membership::{ListedMember, Member, MembershipBackend, MembershipResource};
use waldur_sdk::{BackendId, Decimal, Month};

use crate::command::{CommandError, Program};
use crate::config::{Component, Config};
use crate::sacctmgr::{Entry, Sacctmgr};
use crate::scancel::Scancel;
use crate::sreport::Sreport;

/// How long the jobs of an account get to end before the next attempt to remove it.
const JOBS_END: Duration = Duration::from_secs(5);

/// A cluster and the components that are sold of it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) accounts: Sacctmgr,
    reports: Sreport,
    jobs: Scancel,
    prefix: String,
    pub(crate) downscaled_qos: String,
    components: BTreeMap<String, Component>,
}

impl Cluster {
    pub(crate) fn new(config: &Config) -> Self {
        let slurm = &config.slurm;
        let program = |path: &std::path::PathBuf| Program {
            path: path.clone(),
            limit: Duration::from_secs(slurm.timeout),
        };
        Self {
            accounts: Sacctmgr::new(program(&slurm.sacctmgr), &slurm.cluster, &slurm.parent_account),
            reports: Sreport { program: program(&slurm.sreport), cluster: slurm.cluster.clone() },
            jobs: Scancel { program: program(&slurm.scancel), cluster: slurm.cluster.clone() },
            prefix: slurm.account_prefix.clone(),
            downscaled_qos: slurm.downscaled_qos.clone(),
            components: config.components.clone(),
        }
    }

    /// Returns the version of SLURM.
    pub(crate) async fn version(&self) -> Result<String, CommandError> {
        self.accounts.version().await
    }

    /// Returns how many TRES-minutes are one unit of each component.
    pub(crate) fn factors(&self) -> BTreeMap<String, Decimal> {
        self.components.iter().map(|(type_, component)| (type_.clone(), component.factor)).collect()
    }

    /// Returns the TRES-minutes of limits. Components that the cluster doesn't have are an error: the order
    /// would be carried out without them.
    pub(crate) fn minutes(&self, limits: &Limits) -> Result<Vec<(String, Decimal)>, BackendError> {
        let minutes = limits.iter().map(|(type_, limit)| match self.components.get(type_) {
            Some(component) => match component.minutes(*limit) {
                Some(minutes) => Ok((component.tres.clone(), minutes)),
                None => Err(format!("the limit of {type_} is negative or too large: {limit}")),
            },
            None => Err(format!("the component {type_} is not in the agent's configuration")),
        });
        minutes.collect::<Result<_, String>>().map_err(BackendError::transient)
    }

    /// Returns the limits that an account has, by component. Limits are whole minutes, and not all their
    /// digits are printed: a limit of Waldur that comes to what is printed is taken as it is.
    pub(crate) fn limits(&self, account: &Entry, waldur: &Limits) -> Limits {
        let limits = self.components.iter().filter_map(|(type_, component)| {
            let set = account.minutes.get(&component.tres)?;
            let is_set =
                |limit: &&Decimal| component.minutes(**limit).is_some_and(|minutes| set.shows(minutes));
            let limit = match waldur.get(type_).filter(is_set) {
                Some(limit) => *limit,
                None => set.minutes()?.checked_div(component.factor)?,
            };
            Some((type_.clone(), limit))
        });
        limits.collect()
    }

    /// Checks that the database answers, and knows the cluster and the trackable resources of the components.
    /// Reports leave out those that it doesn't know.
    pub(crate) async fn check(&self) -> Result<(), BackendError> {
        if !self.accounts.has_cluster().await? {
            return Err(BackendError::transient(format!("no cluster {}", self.accounts.cluster)));
        }
        let known = self.accounts.tres().await?;
        match self.components.values().find(|component| !known.contains(&component.tres)) {
            Some(Component { tres, .. }) => {
                Err(BackendError::transient(format!("the cluster has no trackable resource {tres}")))
            }
            None => Ok(()),
        }
    }

    /// Returns what is set for the account of a resource.
    ///
    /// # Errors
    /// A permanent one if the cluster doesn't have it.
    pub(crate) async fn account(&self, id: &BackendId) -> Result<Entry, BackendError> {
        let missing = || BackendError::permanent(format!("the cluster has no account {id}"));
        self.accounts.account(id.as_str()).await?.ok_or_else(missing)
    }
}

/// A failed command may succeed later, so no order is ended by it.
impl From<CommandError> for BackendError {
    fn from(error: CommandError) -> Self {
        Self::transient(error)
    }
}

impl Backend for Cluster {
    async fn ready(&self) -> Result<(), BackendError> {
        self.check().await
    }

    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        let order = task.order();
        let limits = self.minutes(&order.limits)?;
        // Named after the resource, so an attempt that was interrupted is found again.
        let account = format!("{}{}", self.prefix, order.resource_uuid.simple());
        if self.accounts.account(&account).await?.is_none() {
            let is_plain = |c: &char| c.is_ascii_alphanumeric() || " -_.".contains(*c);
            let description: String = order.resource_name.chars().filter(is_plain).collect();
            self.accounts.add_account(&account, description.trim()).await?;
        }
        self.accounts.set_limits(&account, &limits).await?;
        Provisioned::new(account)
    }

    async fn update(&self, task: &Task, id: &BackendId) -> Result<(), BackendError> {
        let limits = self.minutes(&task.order().limits)?;
        self.account(id).await?;
        Ok(self.accounts.set_limits(id.as_str(), &limits).await?)
    }

    async fn terminate(&self, _: &Task, id: &BackendId) -> Result<(), BackendError> {
        match self.accounts.delete_account(id.as_str()).await {
            Err(CommandError::HasJobs { .. }) => {
                self.jobs.cancel(id.as_str(), None).await?;
                Err(BackendError::in_progress(JOBS_END))
            }
            ended => Ok(ended?),
        }
    }
}

impl MembershipBackend for Cluster {
    type Error = CommandError;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<ListedMember>, CommandError> {
        let users = self.accounts.users(resource.backend_id.as_str()).await?;
        Ok(users.into_iter().map(ListedMember::from).collect())
    }

    async fn add(&self, resource: &MembershipResource, member: &Member) -> Result<(), CommandError> {
        self.accounts.add_user(resource.backend_id.as_str(), member.username.as_str()).await
    }

    async fn remove(&self, resource: &MembershipResource, member: &Member) -> Result<(), CommandError> {
        let (account, user) = (resource.backend_id.as_str(), member.username.as_str());
        match self.accounts.remove_user(account, user).await {
            Err(CommandError::HasJobs { .. }) => {
                self.jobs.cancel(account, Some(user)).await?;
                // Queued jobs end at once. Those that run may take until the next round.
                self.accounts.remove_user(account, user).await
            }
            ended => ended,
        }
    }
}

impl Meter for Cluster {
    async fn ready(&self) -> Result<(), BackendError> {
        self.check().await
    }

    async fn measure(
        &self,
        resources: &[MeteredResource],
        month: Month,
    ) -> Result<Measurements, BackendError> {
        let accounts: BTreeMap<&str, &MeteredResource> =
            resources.iter().map(|resource| (resource.backend_id.as_str(), resource)).collect();
        let types: BTreeMap<&str, &str> = self
            .components
            .iter()
            .map(|(type_, component)| (component.tres.as_str(), type_.as_str()))
            .collect();
        let names: Vec<&str> = accounts.keys().copied().collect();
        let tres: Vec<&str> = types.keys().copied().collect();
        let mut measured = Measurements::new();
        // An account without a line hasn't used anything.
        for resource in resources {
            types.values().for_each(|type_| measured.add(resource.uuid, *type_, Decimal::ZERO));
        }
        for used in self.reports.usage(&names, &tres, month).await? {
            let found = accounts.get(used.account.as_str()).zip(types.get(used.tres.as_str()));
            let Some((resource, type_)) = found else {
                tracing::warn!(?used, "a line of the report that wasn't requested");
                continue;
            };
            match used.user.as_str() {
                "" => measured.add(resource.uuid, *type_, used.minutes),
                user => measured.add_user(resource.uuid, *type_, user, used.minutes),
            }
        }
        Ok(measured)
    }
}
