//! Rounds over the resources of some offerings.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use uuid::Uuid;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Client, Error, ListExt as _};

use super::adjusted::Adjusted;
use super::backend::ResourceBackend;
use super::report::{ProcessedResource, ResourceResult};
use super::resource::{AgentResource, LimitsSource, ResourceRow};
use super::resource_run::{Ended, ResourceRun, Rules};
use super::user_limits::UserLimits;
use crate::agent::ledger::{Backoff, Begin, Ledger, Pause};
use crate::agent::listing::{list_each, not_ready, work_on_each};
use crate::agent::rounds::{OnItem, repeat, until_next};
use crate::agent::stop::StopHandle;
use crate::backend_id::BackendId;
use crate::bulk::{Item, Report};
use crate::confirm::Confirm;
use crate::outage::Outage;
use crate::resources::{self, Resources};
use crate::row::{self, Rows, UnreadableRow};

/// The states of resources that are kept in line. In all others an order is changing them.
const SETTLED: [ResourceState; 2] = [ResourceState::Ok, ResourceState::Erred];

/// Keeps the resources of some offerings as Waldur wants them: has a [`ResourceBackend`] say how each is, and
/// carries out what differs, on both sides.
///
/// A round takes the resources that are OK or Erred. What it does with one depends on what the back end says:
///
/// - Its [mode](super::PulledResource::mode) differs: it is paused, downscaled or restored. Likewise with the
///   access of its members and with its last day, which is that of the resource or of its project.
/// - Its [limits](super::PulledResource::limits) differ: those of Waldur are set in the back end, or the
///   reverse with [`limits_source`](Self::limits_source).
/// - Its [limits of single users](super::PulledResource::user_limits) differ: those of Waldur are set.
/// - Its [metadata](super::PulledResource::metadata) differ from those in Waldur: they are set there.
/// - It is Erred, and the back end has no objection: it becomes OK.
/// - The back end fails permanently: it becomes Erred, with the message.
///
/// What the back end doesn't say is left alone, and nothing is called or sent where nothing differs. The
/// resource is read again before anything is changed, so an order that was carried out since it was listed is
/// not undone. The last-sync time is refreshed when it is [old](Self::sync_every).
///
/// After a transient failure of the back end, or any failure of the server, the state stays as it is. The
/// resource is tried again after a pause, which doubles with each failure; so is one that erred. Several
/// resources are processed at once
/// ([`ClientBuilder::bulk_concurrency`](crate::ClientBuilder::bulk_concurrency)), but never the same one
/// twice, even if rounds overlap. The processor doesn't know of processors in other processes.
///
/// If an answer is lost, the resource is read before anything is sent again. So a processor can be
/// interrupted anywhere, and the next one goes on. While the server fails, resources wait for it to come
/// back, as long as the [retry policy](crate::RetryPolicy::max_elapsed) allows; after that, the rest of the
/// round is put off ([`ResourceResult::Held`]).
///
/// A round takes a request for each offering, and two more if the back end says limits of users. A resource
/// that is in line takes none, or one if its last sync is old; one that differs takes one to read it, and one
/// for each step in Waldur. One whose users' limits differ takes three, to read it and these, and one whose
/// limits are set in Waldur takes another one to read them, since servers reduce those that exceed a maximum.
///
/// Servers of 2024 and before can't set limits and the state, and have no last sync: see
/// [`ProcessedResource::unsupported`].
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::collections::BTreeMap;
/// use std::sync::Mutex;
///
/// use waldur_sdk::agent::{
///     AgentResource, BackendError, PulledResource, ResourceBackend, ResourceMode, ResourcesProcessor,
/// };
/// use waldur_sdk::{BackendId, Client};
///
/// #[derive(Default)]
/// struct Cluster(Mutex<BTreeMap<BackendId, ResourceMode>>);
///
/// impl Cluster {
///     fn set(&self, id: &BackendId, mode: ResourceMode) {
///         self.0.lock().unwrap().insert(id.clone(), mode);
///     }
/// }
///
/// impl ResourceBackend for Cluster {
///     async fn pull(&self, _: &AgentResource, id: &BackendId) -> Result<PulledResource, BackendError> {
///         match self.0.lock().unwrap().get(id) {
///             Some(mode) => Ok(PulledResource::new().mode(*mode)),
///             None => Err(BackendError::permanent("the account doesn't exist")),
///         }
///     }
///     async fn pause(&self, _: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
///         Ok(self.set(id, ResourceMode::Paused))
///     }
///     async fn downscale(&self, _: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
///         Ok(self.set(id, ResourceMode::Downscaled))
///     }
///     async fn restore(&self, _: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
///         Ok(self.set(id, ResourceMode::Normal))
///     }
/// }
///
/// # use waldur_sandbox::{Actor, ResourceState, Sandbox};
/// # let sandbox = Sandbox::builder().orders(0).seed(|seed| {
/// #     let (customer, project) = (seed.ids().provider_customer, seed.ids().project);
/// #     let offering = seed.offering(customer, "hpc");
/// #     let resource = seed.resource(offering, project, "alloc", ResourceState::Ok);
/// #     seed.backend_id(resource, "hpc_0017");
/// # }).start().await?;
/// # let offering = sandbox.resources().last().unwrap().offering;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// let cluster = Cluster::default();
/// cluster.set(&BackendId::new("hpc_0017")?, ResourceMode::Paused);
/// let processor = ResourcesProcessor::new(&client, [offering], cluster);
/// for item in processor.run_once().await {
///     println!("{item}: {:?}", item.target.done); // resource …: applied: [Restored]
/// #   assert_eq!(item.target.done.len(), 1);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ResourcesProcessor<B> {
    pub(super) client: Client,
    pub(super) offerings: Vec<Uuid>,
    backend: B,
    rules: Rules,
    pub(super) backoff: Backoff,
    pub(in crate::agent) interval: Duration,
    pub(in crate::agent) on_resource: OnItem<ProcessedResource>,
    ledger: Ledger,
    adjusted: Adjusted,
    pub(super) stop: StopHandle,
}

impl<B: ResourceBackend> ResourcesProcessor<B> {
    /// Returns a processor for the resources of these offerings.
    pub fn new(client: &Client, offerings: impl IntoIterator<Item = Uuid>, backend: B) -> Self {
        let mut seen = HashSet::new();
        let sync_every = Duration::from_secs(30 * 60);
        Self {
            client: client.clone(),
            offerings: offerings.into_iter().filter(|offering| seen.insert(*offering)).collect(),
            backend,
            rules: Rules { limits_source: LimitsSource::default(), sync_every },
            backoff: Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(600) },
            interval: Duration::from_secs(300),
            on_resource: OnItem::default(),
            ledger: Ledger::default(),
            adjusted: Adjusted::default(),
            stop: StopHandle::new(),
        }
    }

    /// Sets whose limits apply where those of Waldur and of the back end differ. The default is Waldur.
    #[must_use]
    pub fn limits_source(mut self, source: LimitsSource) -> Self {
        self.rules.limits_source = source;
        self
    }

    /// Sets the age at which the last-sync time of a resource is refreshed. The default is half an hour,
    /// which is less than the hour after which servers publish that a resource has to be looked at.
    #[must_use]
    pub fn sync_every(mut self, age: Duration) -> Self {
        self.rules.sync_every = age;
        self
    }

    /// Sets the pause after the first failure of a resource, and the longest one. The defaults are 10 s and
    /// 10 min. A pause is longer if the server asks for that.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Backoff { first, longest };
        self
    }

    /// Sets the pause of [`run`](Self::run) between two rounds. The default is five minutes.
    ///
    /// A pause is shorter if a back end in progress is to be called earlier.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Calls `on_resource` with each resource as soon as the round is through with it, in the order in which
    /// that happens. It is called between requests and must not block.
    #[must_use]
    pub fn on_resource(
        mut self,
        on_resource: impl Fn(&Item<ProcessedResource>) + Send + Sync + 'static,
    ) -> Self {
        self.on_resource = OnItem::new(on_resource);
        self
    }

    /// Returns the back end.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// Returns a handle that stops this processor.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Does one round: lists the resources, and processes each as far as possible. All failures are in the
    /// report.
    pub async fn run_once(&self) -> Report<ProcessedResource> {
        self.round(&AtomicBool::new(false)).await
    }

    /// Processes one resource now, as a round does, such as after an event. The resource may be of any
    /// offering that the caller provides. It isn't processed twice at a time, even if a round takes it up
    /// meanwhile. (`marketplace_provider_resources_retrieve`)
    ///
    /// Limits of its users that can't be read are left as they are, and logged; a round names them in its
    /// report.
    ///
    /// # Errors
    /// If the resource can't be read. All later failures are in the item.
    pub async fn process(&self, resource: impl Into<Uuid>) -> Result<Item<ProcessedResource>, Error> {
        Ok(self.process_one(resource.into()).await?.0)
    }

    /// Processes one resource. Returns the rows of its users' limits that can't be read, too.
    pub(super) async fn process_one(
        &self,
        resource: Uuid,
    ) -> Result<(Item<ProcessedResource>, Vec<UnreadableRow>), Error> {
        let row: ResourceRow = resources::read(&self.client, resource).await?;
        let resource = AgentResource::from(row);
        let mut unreadable = Vec::new();
        let item = if self.stop.is_stopped() {
            ProcessedResource::untouched(resource, ResourceResult::NotBegun).into_item(None)
        } else if !SETTLED.contains(&resource.state) {
            let state = resource.state.clone();
            ProcessedResource::untouched(resource, ResourceResult::Superseded { state }).into_item(None)
        } else if let Err(error) = self.backend.ready().await {
            let held = ProcessedResource::untouched(resource, ResourceResult::Held);
            held.into_item(Some(error.into_error()))
        } else {
            let outage = Outage::new(&self.client);
            let user_limits = UserLimits::new(&self.client, resource.offering_uuid, Some(resource.uuid));
            let item = self.take(resource, &user_limits, self.confirm(&outage)).await;
            unreadable = user_limits.into_unreadable();
            item
        };
        self.on_resource.call(&item);
        Ok((item, unreadable))
    }

    /// Does round after round, until `until` ends (such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal)) or the processor is stopped. No further resource
    /// is begun then, and those in progress are finished. Calls `each` after each round.
    ///
    /// Dropping this future interrupts the resources in progress. The next processor takes them up again.
    pub async fn run(&self, until: impl Future, each: impl FnMut(Report<ProcessedResource>)) {
        let enough = AtomicBool::new(false);
        let pause = |report: &Report<ProcessedResource>| until_next(self.interval, checks(report));
        repeat(pause, &enough, &self.stop, until, || self.round(&enough), each).await;
    }

    fn confirm<'a>(&'a self, outage: &'a Outage) -> Confirm<'a> {
        Confirm::new(&self.client).during(outage).within(self.client.retry_policy().max_elapsed)
    }

    pub(super) async fn round(&self, enough: &AtomicBool) -> Report<ProcessedResource> {
        let mut report = Report::default();
        let is_over = || enough.load(Ordering::Relaxed) || self.stop.is_stopped();
        if is_over() {
            return report;
        }
        self.on_resource.begin();
        if let Err(error) = self.backend.ready().await {
            return not_ready(&self.offerings, error);
        }
        let list = |offering| self.list(offering);
        let rows = list_each(&self.offerings, &self.ledger, &mut report, list, |row| row.uuid).await;
        // A server that doesn't know a filter ignores it.
        let is_of =
            |offering, row: &AgentResource| row.offering_uuid == offering && SETTLED.contains(&row.state);
        let own = rows.into_iter().filter(|(offering, row)| is_of(*offering, row));
        let listed: Vec<AgentResource> = own.map(|(_, row)| row).collect();
        // Of this round: an outage that ended between two rounds holds nothing back.
        let outage = Outage::new(&self.client);
        let confirm = self.confirm(&outage);
        let user_limits = |offering: &Uuid| (*offering, UserLimits::new(&self.client, *offering, None));
        let user_limits: BTreeMap<Uuid, UserLimits> = self.offerings.iter().map(user_limits).collect();
        let of_offerings = &user_limits;
        let work = |resource: AgentResource| async move {
            match of_offerings.get(&resource.offering_uuid) {
                Some(user_limits) if !is_over() => self.take(resource, user_limits, confirm).await,
                _ => ProcessedResource::untouched(resource, ResourceResult::NotBegun).into_item(None),
            }
        };
        report.items = work_on_each(&self.client, listed, &self.on_resource, work).await;
        report.unreadable.extend(user_limits.into_values().flat_map(UserLimits::into_unreadable));
        report
    }

    async fn list(&self, offering: Uuid) -> Result<Rows<AgentResource>, Error> {
        let list = Resources::new(&self.client).offering(offering);
        let list = SETTLED.into_iter().fold(list, Resources::state).request();
        let rows = row::all::<ResourceRow>(list.unread(), self.client.bulk_concurrency()).await?;
        Ok(rows.map(AgentResource::from))
    }

    /// Processes a resource that is OK or Erred.
    async fn take(
        &self,
        resource: AgentResource,
        user_limits: &UserLimits,
        confirm: Confirm<'_>,
    ) -> Item<ProcessedResource> {
        let untouched = ProcessedResource::untouched;
        let Ok(id) = BackendId::new(resource.backend_id.as_str()) else {
            return untouched(resource, ResourceResult::NoBackendId).into_item(None);
        };
        let attempt = match self.ledger.begin(resource.uuid, resource.offering_uuid) {
            Begin::Begun(attempt) => attempt,
            Begin::InProgress => return untouched(resource, ResourceResult::InProgress).into_item(None),
            Begin::After(again_in, Pause::Failed(error)) => {
                return untouched(resource, ResourceResult::Resting { again_in }).into_item(Some(error));
            }
            Begin::After(again_in, Pause::InBackend) => {
                return untouched(resource, ResourceResult::InBackend { again_in }).into_item(None);
            }
        };
        let (rules, adjusted) = (self.rules, &self.adjusted);
        let mut run =
            ResourceRun::new(&self.client, &self.backend, confirm, rules, adjusted, user_limits, &id);
        let ended = run.process(&resource).await;
        let (done, unsupported) = (run.done, run.unsupported);
        let (result, error) = match ended {
            Ok(Ended::Result(ResourceResult::InBackend { again_in })) => {
                attempt.in_backend(again_in);
                (ResourceResult::InBackend { again_in }, None)
            }
            Ok(Ended::Result(result)) => {
                attempt.ended();
                (result, None)
            }
            Ok(Ended::Erred(error)) => {
                let again_in = attempt.failed(self.backoff, None, &error);
                (ResourceResult::Erred { message: error.to_string(), again_in }, Some(error))
            }
            // Not the resource's failure.
            Err(error) if error.is_held_back() => (ResourceResult::Held, Some(error)),
            Err(error) => {
                let again_in = attempt.failed(self.backoff, error.retry_after(), &error);
                (ResourceResult::Failed { again_in }, Some(error))
            }
        };
        tracing::debug!(resource = %resource.uuid, %result, ?done, "a resource was processed");
        ProcessedResource { resource, done, unsupported, result }.into_item(error)
    }
}

/// Returns the times after which the back end is to be called again.
fn checks(report: &Report<ProcessedResource>) -> impl Iterator<Item = Duration> {
    report.items.iter().filter_map(|item| match item.target.result {
        ResourceResult::InBackend { again_in } => Some(again_in),
        _ => None,
    })
}
