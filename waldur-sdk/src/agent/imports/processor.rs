//! Rounds over the requests for importable resources of some offerings.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use uuid::Uuid;
use waldur_api_client::types::BackendResourceReqStateEnum as RequestState;
use waldur_api_client::{Client, Error, ErrorKind, ListExt as _, builder};

use super::backend::Importable;
use super::import_run::{Ended, ImportRun};
use super::report::{ImportRequest, ImportResult, ProcessedImport};
use crate::agent::ledger::{Backoff, Begin, Ledger, Pause};
use crate::agent::listing::list_each;
#[cfg(feature = "events")]
use crate::agent::rounds::repeat_on_events;
use crate::agent::rounds::{OnItem, repeat, until_next};
use crate::agent::stop::StopHandle;
use crate::bulk::{Item, Report};
use crate::confirm::Confirm;
#[cfg(feature = "events")]
use crate::events::{Event, EventKind, Notification};
use crate::outage::Outage;
#[cfg(feature = "events")]
use crate::pause::check_again;
use crate::row::{self, Rows, UnreadableRow};

/// The states in which a request waits for its answer.
const OPEN: [RequestState; 2] = [RequestState::Sent, RequestState::Processing];

/// Answers requests for the resources that can be imported into some offerings: has an [`Importable`] back
/// end list what it has, and adds to Waldur what Waldur doesn't know yet.
///
/// For each request that is Sent, or was left Processing by an earlier process:
///
/// - It is set to Processing.
/// - The back end lists its resources. Those whose id a resource of the offering has, unless it is
///   Terminated, are left out, as are those that can be imported already.
/// - The others are added to what can be imported. One that Waldur refuses is left out and named
///   ([`ImportResult::Answered`]), and the rest is added.
/// - The request is Done. If the back end fails permanently, it is Erred, with the message.
///
/// After a transient failure of the back end, or any failure of the server, the state stays as it is. The
/// request is tried again after a pause, which doubles with each failure. Requests are answered one at a
/// time, so that none adds what another has added.
///
/// Nothing is added twice: what Waldur knows is read before, and what was added is looked for if its answer
/// is lost. So a processor can be interrupted anywhere, and the next one goes on. While a row of what Waldur
/// knows can't be read, nothing is added, and the report [names the row](crate::Report::unreadable).
///
/// A round takes a request for each offering. Each answer takes four, and one for each resource that is
/// added. Servers of 2024 and before have no such requests: their offerings are
/// [not listed](crate::Report::unlisted).
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use waldur_sdk::agent::{BackendError, Importable, ImportableResource, ImportsProcessor};
/// use waldur_sdk::{BackendId, Client, Uuid};
///
/// struct Cluster {
///     project: Uuid,
/// }
///
/// impl Importable for Cluster {
///     async fn list(&self, _: Uuid) -> Result<Vec<ImportableResource>, BackendError> {
///         Ok(vec![ImportableResource::new(BackendId::new("hpc_0042")?, "Ice cores", self.project)])
///     }
/// }
///
/// # use waldur_sandbox::{Actor, Sandbox};
/// # let builder = Sandbox::builder().seed(|seed| _ = seed.import_request(seed.ids().offerings.slurm));
/// # let sandbox = builder.start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let (offering, project) = (sandbox.ids().offerings.slurm, sandbox.ids().project);
/// let processor = ImportsProcessor::new(&client, [offering], Cluster { project });
/// for item in processor.run_once().await {
///     println!("{}: {}", item.target, item.target.result); // import request …: answered: 1 added
/// #   assert!(item.outcome.is_ok());
/// }
/// # assert_eq!(sandbox.documents("backend-resources").len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ImportsProcessor<B> {
    client: Client,
    offerings: Vec<Uuid>,
    backend: B,
    backoff: Backoff,
    pub(in crate::agent) interval: Duration,
    pub(in crate::agent) on_request: OnItem<ProcessedImport>,
    ledger: Ledger,
    /// Held while a request is answered.
    turn: Mutex<()>,
    stop: StopHandle,
}

impl<B: Importable> ImportsProcessor<B> {
    /// Returns a processor for the requests of these offerings.
    pub fn new(client: &Client, offerings: impl IntoIterator<Item = Uuid>, backend: B) -> Self {
        let mut seen = HashSet::new();
        Self {
            client: client.clone(),
            offerings: offerings.into_iter().filter(|offering| seen.insert(*offering)).collect(),
            backend,
            backoff: Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(600) },
            interval: Duration::from_secs(60),
            on_request: OnItem::default(),
            ledger: Ledger::default(),
            turn: Mutex::default(),
            stop: StopHandle::new(),
        }
    }

    /// Sets the pause after the first failure of a request, and the longest one. The defaults are 10 s and
    /// 10 min. A pause is longer if the server asks for that.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Backoff { first, longest };
        self
    }

    /// Sets the pause of [`run`](Self::run) between two rounds. The default is a minute.
    ///
    /// A pause is shorter if a back end in progress is to be called earlier.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Calls `on_request` with each request as soon as the round is through with it. It is called between
    /// requests to the server and must not block.
    #[must_use]
    pub fn on_request(mut self, on_request: impl Fn(&Item<ProcessedImport>) + Send + Sync + 'static) -> Self {
        self.on_request = OnItem::new(on_request);
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

    /// Does one round: lists the open requests, and answers each. All failures are in the report.
    pub async fn run_once(&self) -> Report<ProcessedImport> {
        self.round(&AtomicBool::new(false)).await
    }

    /// Answers one request now, as a round does, such as after an event. It isn't answered twice at a time,
    /// even if a round takes it up meanwhile. (`backend_resource_requests_retrieve`)
    ///
    /// # Errors
    /// If the request can't be read. All later failures are in the item.
    pub async fn process(&self, request: impl Into<Uuid>) -> Result<Item<ProcessedImport>, Error> {
        let call = self.client.backend_resource_requests_retrieve().uuid(request.into());
        let row = call.send().await?.into_inner();
        let (Some(uuid), Some(state), Some(offering_uuid)) = (row.uuid, row.state, row.offering) else {
            let problem = "the response lacks the uuid, the state or the offering of the request";
            let error = Error::new(ErrorKind::UnexpectedResponse, problem);
            return Err(error.with_operation(builder::BackendResourceRequestsRetrieve::OPERATION));
        };
        let request = ImportRequest { uuid, state, offering_uuid, created: row.created };
        let is_open = OPEN.contains(&request.state);
        let (item, _) = match request.state.clone() {
            _ if self.stop.is_stopped() => (untouched(request, ImportResult::NotBegun), Vec::new()),
            state if !is_open => (untouched(request, ImportResult::Superseded { state }), Vec::new()),
            _ => {
                let outage = Outage::new(&self.client);
                self.take(request, self.confirm(&outage)).await
            }
        };
        self.on_request.call(&item);
        Ok(item)
    }

    /// Does round after round, until `until` ends (such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal)) or the processor is stopped. No further request is
    /// begun then, and the one in progress is finished. Calls `each` after each round.
    ///
    /// Dropping this future interrupts the request in progress. The next processor takes it up again.
    pub async fn run(&self, until: impl Future, each: impl FnMut(Report<ProcessedImport>)) {
        let enough = AtomicBool::new(false);
        let pause = |report: &Report<ProcessedImport>| until_next(self.interval, checks(report));
        repeat(pause, &enough, &self.stop, until, || self.round(&enough), each).await;
    }

    /// Returns the kinds of events to subscribe to for [`run_on_events`](Self::run_on_events).
    #[cfg(feature = "events")]
    #[must_use]
    pub fn event_kinds(&self) -> Vec<EventKind> {
        vec![EventKind::ImportableResources]
    }

    /// Does a round when events ask for it, until `until` ends, the processor is stopped, or the stream ends:
    /// shortly after an event about importable resources, which is acknowledged at once, and when
    /// [`Notification::Reconcile`] says so. While a request isn't answered, rounds are repeated after the
    /// [interval](Self::interval), or earlier if a back end in progress requests it. Otherwise like
    /// [`run`](Self::run).
    #[cfg(feature = "events")]
    pub async fn run_on_events(
        &self,
        events: impl futures_util::Stream<Item = Notification>,
        until: impl Future,
        each: impl FnMut(Report<ProcessedImport>),
    ) {
        let matters = |offering: Uuid, event: &Event| {
            self.offerings.contains(&offering) && matches!(event, Event::ImportableResources(_))
        };
        let pause = |report: &Report<ProcessedImport>| self.pause(report);
        let enough = AtomicBool::new(false);
        let round = || self.round(&enough);
        repeat_on_events(pause, &enough, &self.stop, events, matters, until, round, each).await;
    }

    /// Returns when the next round is due after this one; none if nothing is left to do.
    #[cfg(feature = "events")]
    fn pause(&self, report: &Report<ProcessedImport>) -> Option<Duration> {
        let pauses = report.items.iter().filter_map(|item| match item.target.result {
            ImportResult::InBackend { again_in } => Some(check_again(again_in)),
            ImportResult::InProgress => Some(self.interval),
            _ => None,
        });
        let failed = (!report.is_ok()).then_some(self.interval);
        pauses.chain(failed).min().map(|pause| pause.min(self.interval))
    }

    fn confirm<'a>(&'a self, outage: &'a Outage) -> Confirm<'a> {
        Confirm::new(&self.client).during(outage).within(self.client.retry_policy().max_elapsed)
    }

    async fn round(&self, enough: &AtomicBool) -> Report<ProcessedImport> {
        let mut report = Report::default();
        let is_over = || enough.load(Ordering::Relaxed) || self.stop.is_stopped();
        if is_over() {
            return report;
        }
        self.on_request.begin();
        let list = |offering| self.list(offering);
        let rows = list_each(&self.offerings, &self.ledger, &mut report, list, |row| row.uuid).await;
        // A server that doesn't know a filter ignores it.
        let is_of =
            |offering, row: &ImportRequest| row.offering_uuid == offering && OPEN.contains(&row.state);
        let own = rows.into_iter().filter(|(offering, row)| is_of(*offering, row));
        // Of this round: an outage that ended between two rounds holds nothing back.
        let outage = Outage::new(&self.client);
        for (_, request) in own {
            let (item, unreadable) = match is_over() {
                true => (untouched(request, ImportResult::NotBegun), Vec::new()),
                false => self.take(request, self.confirm(&outage)).await,
            };
            self.on_request.call(&item);
            report.items.push(item);
            report.unreadable.extend(unreadable);
        }
        report
    }

    async fn list(&self, offering: Uuid) -> Result<Rows<ImportRequest>, Error> {
        let list = self.client.backend_resource_requests_list().offering_uuid(offering).state(OPEN);
        row::all(list.unread(), self.client.bulk_concurrency()).await
    }

    /// Answers an open request. Returns the rows of what Waldur knows that can't be read, too.
    async fn take(
        &self,
        request: ImportRequest,
        confirm: Confirm<'_>,
    ) -> (Item<ProcessedImport>, Vec<UnreadableRow>) {
        let attempt = match self.ledger.begin(request.uuid, request.offering_uuid) {
            Begin::Begun(attempt) => attempt,
            Begin::InProgress => return (untouched(request, ImportResult::InProgress), Vec::new()),
            Begin::After(again_in, Pause::Failed(error)) => {
                let processed = ProcessedImport { request, result: ImportResult::Resting { again_in } };
                return (processed.into_item(Some(error)), Vec::new());
            }
            Begin::After(again_in, Pause::InBackend) => {
                return (untouched(request, ImportResult::InBackend { again_in }), Vec::new());
            }
        };
        let _turn = self.turn.lock().await;
        let mut run = ImportRun::new(&self.client, &self.backend, confirm, &request);
        let ended = run.process().await;
        let unreadable = run.unreadable;
        let (result, error) = match ended {
            Ok(Ended::Result(ImportResult::InBackend { again_in })) => {
                attempt.in_backend(again_in);
                (ImportResult::InBackend { again_in }, None)
            }
            Ok(Ended::Result(result)) => {
                attempt.ended();
                (result, None)
            }
            Ok(Ended::Erred(error)) => {
                attempt.ended();
                (ImportResult::Erred { message: error.to_string() }, Some(error))
            }
            // Not the request's failure.
            Err(error) if error.is_held_back() => (ImportResult::Held, Some(error)),
            Err(error) => {
                let again_in = attempt.failed(self.backoff, error.retry_after(), &error);
                (ImportResult::Failed { again_in }, Some(error))
            }
        };
        tracing::debug!(request = %request.uuid, %result, "an import request was answered");
        (ProcessedImport { request, result }.into_item(error), unreadable)
    }
}

/// Makes the item of a request that nothing was done for.
fn untouched(request: ImportRequest, result: ImportResult) -> Item<ProcessedImport> {
    ProcessedImport { request, result }.into_item(None)
}

/// Returns the times after which the back end is to be called again.
fn checks(report: &Report<ProcessedImport>) -> impl Iterator<Item = Duration> {
    report.items.iter().filter_map(|item| match item.target.result {
        ImportResult::InBackend { again_in } => Some(again_in),
        _ => None,
    })
}
