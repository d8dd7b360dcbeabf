//! Rounds over the orders of some offerings.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::approval::{Approval, Decision};
use super::backend::Backend;
use super::ledger::{Backoff, Begin, Ledger, Pause};
use super::listing::{list_each, not_ready, work_on_each};
use super::order_run::OrderRun;
use super::report::{OrderResult, ProcessedOrder};
use super::rounds::{OnItem, repeat, until_next};
use super::stop::StopHandle;
use super::task::AgentOrder;
use crate::bulk::{Item, Report};
use crate::outage::Outage;
use crate::row::{self, Rows};
use waldur_api_client::types::OrderState;
use waldur_api_client::{Client, Error, ListExt as _};

/// Processes the orders of some offerings: approves those that wait for the provider, has a [`Backend`] carry
/// them out, and records the results in Waldur.
///
/// The steps of an order:
///
/// 1. An order that waits for the provider is approved, unless [`approval`](Self::approval) decides
///    otherwise. If it is to update or terminate a resource, the resource is read before: without an id in
///    the back end it is not approved, and the back end is never called ([`OrderResult::NoBackendId`]).
/// 2. The order is read, and the resource unless it was read before.
/// 3. The back end carries the order out.
/// 4. The id and the limits that the back end returned are set on the resource, unless it has them already.
///    Limits that the server can't set are left out, and the outcome says so ([`OrderResult::Done`]).
/// 5. The order is marked as done, if it is still executing. It is marked as erred if the back end failed
///    permanently, or if the server refuses what the back end returned.
///
/// After any other failure the order stays as it is. It is tried again after a pause, which doubles with each
/// failure. Several orders are processed at once
/// ([`ClientBuilder::bulk_concurrency`](crate::ClientBuilder::bulk_concurrency)), but never the same order
/// twice, even if rounds overlap. The processor doesn't know of processors in other processes.
///
/// If an answer is lost, the order or the resource is read before anything is sent again. So a processor can
/// be interrupted anywhere, and the next one goes on. While the server fails, orders wait for it to come
/// back, as long as the [retry policy](crate::RetryPolicy::max_elapsed) allows; after that, the rest of the
/// round is put off ([`OrderResult::Held`]).
///
/// Once the back end has carried out an order, its answer is kept in memory until the order has ended, so
/// that later failures don't call it again. After a restart it is called again: see [`Backend`].
///
/// A Create order takes eight requests including the list, and one more if the back end reads the team.
///
/// The processor is for offerings that agents serve. For others (basic and support) Waldur doesn't accept
/// that an order failed: such an order stays executing and is tried again, and its outcome says why.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use waldur_sdk::agent::{Backend, BackendError, OrderProcessor, Provisioned, Task};
/// use waldur_sdk::{BackendId, Client};
///
/// struct Cluster;
///
/// impl Backend for Cluster {
///     async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
///         // Named after the resource, so that another attempt finds it.
///         Provisioned::new(format!("account-{}", task.order().resource_uuid.simple()))
///     }
///     async fn update(&self, _: &Task, id: &BackendId) -> Result<(), BackendError> {
///         Err(BackendError::transient(format!("no answer about {id}")))
///     }
///     async fn terminate(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
///         Err(BackendError::permanent("there are jobs running"))
///     }
/// }
///
/// # use waldur_sandbox::{Actor, Sandbox};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let offering = sandbox.ids().offerings.bulk;
/// let processor = OrderProcessor::new(&client, [offering], Cluster);
/// let report = processor.run_once().await;
/// println!("{report}"); // 12 applied, 8 failed
/// println!("{:?}", report.counts()); // {Done: 12, Erred: 4, Failed: 4}
/// for problem in report.problems() {
///     eprintln!("{problem}"); // order 1c0…: failed: it was marked as erred: there are jobs running
/// }
/// # assert_eq!(report.to_string(), "12 applied, 8 failed");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OrderProcessor<B> {
    pub(super) client: Client,
    pub(super) offerings: Vec<Uuid>,
    backend: B,
    approval: Approval,
    pub(super) backoff: Backoff,
    pub(super) interval: Duration,
    pub(super) on_order: OnItem<ProcessedOrder>,
    ledger: Ledger,
    pub(super) stop: StopHandle,
}

impl<B: Backend> OrderProcessor<B> {
    /// Returns a processor for the orders of these offerings.
    pub fn new(client: &Client, offerings: impl IntoIterator<Item = Uuid>, backend: B) -> Self {
        let mut seen = HashSet::new();
        Self {
            client: client.clone(),
            offerings: offerings.into_iter().filter(|offering| seen.insert(*offering)).collect(),
            backend,
            approval: Approval::Same(Decision::Approve),
            backoff: Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(600) },
            interval: Duration::from_secs(60),
            on_order: OnItem::default(),
            ledger: Ledger::default(),
            stop: StopHandle::new(),
        }
    }

    /// Sets which of the orders that wait for the provider are approved: a [`Decision`] for all, or
    /// [`Approval::by`] a function. By default all are.
    #[must_use]
    pub fn approval(mut self, approval: impl Into<Approval>) -> Self {
        self.approval = approval.into();
        self
    }

    /// Sets the pause after the first failure of an order, and the longest one. The defaults are 10 s and 10
    /// min. A pause is longer if the server asks for that.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Backoff { first, longest };
        self
    }

    /// Sets the pause of [`run`](Self::run) between two rounds. The default is a minute.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Calls `on_order` with each order as soon as the round is through with it, in the order in which that
    /// happens. Use it to show that the process is alive during a long round. It is called between requests
    /// and must not block.
    ///
    /// It isn't called while the back end works on a single order; a back end that takes long has to report
    /// that itself.
    #[must_use]
    pub fn on_order(mut self, on_order: impl Fn(&Item<ProcessedOrder>) + Send + Sync + 'static) -> Self {
        self.on_order = OnItem::new(on_order);
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

    /// Does one round: lists the orders, and processes each as far as possible. All failures are in the
    /// report.
    pub async fn run_once(&self) -> Report<ProcessedOrder> {
        self.round(&AtomicBool::new(false)).await
    }

    /// Processes one order now, as a round does, such as after an event. The order may be of any offering
    /// that the caller provides. It isn't processed twice at a time, even if a round takes it up meanwhile.
    /// (`marketplace_orders_retrieve`)
    ///
    /// # Errors
    /// If the order can't be read. All later failures are in the item.
    pub async fn process(&self, order: impl Into<Uuid>) -> Result<Item<ProcessedOrder>, Error> {
        self.process_unless(order.into(), &AtomicBool::new(false)).await
    }

    /// Processes one order, unless there is `enough` or the processor is stopped before it is begun.
    pub(super) async fn process_unless(
        &self,
        order: Uuid,
        enough: &AtomicBool,
    ) -> Result<Item<ProcessedOrder>, Error> {
        let is_over = || enough.load(Ordering::Relaxed) || self.stop.is_stopped();
        let order: AgentOrder = row::retrieve(self.client.marketplace_orders_retrieve().uuid(order)).await?;
        let (result, error) = match &order.state {
            _ if is_over() => (OrderResult::NotBegun, None),
            state if is_open(state) => match self.backend.ready().await {
                Err(error) => (OrderResult::Held, Some(error.into_error())),
                Ok(()) if is_over() => (OrderResult::NotBegun, None),
                Ok(()) => {
                    let outage = Arc::new(Outage::new(&self.client));
                    self.take(order.offering_uuid, &order, &outage).await
                }
            },
            state => (OrderResult::Superseded { state: state.clone() }, None),
        };
        let item = ProcessedOrder { order, result }.into_item(error);
        self.on_order.call(&item);
        Ok(item)
    }

    /// Does round after round, until `until` ends (such as [`shutdown_signal`](super::shutdown_signal)) or
    /// the processor is stopped. The orders in progress are finished first. Calls `each` after each round;
    /// see [`on_order`](Self::on_order) for a call after each order.
    ///
    /// To send something after each round, such as [statistics](super::AgentService::set_statistics), call
    /// [`run_once`](Self::run_once) in a loop instead.
    ///
    /// Dropping this future interrupts the orders in progress. The next processor takes them up again.
    pub async fn run(&self, until: impl Future, each: impl FnMut(Report<ProcessedOrder>)) {
        let enough = AtomicBool::new(false);
        let checks = |report: &Report<ProcessedOrder>| {
            let checks = report.items.iter().filter_map(|item| match item.target.result {
                OrderResult::InBackend { again_in } => Some(again_in),
                _ => None,
            });
            until_next(self.interval, checks)
        };
        repeat(checks, &enough, &self.stop, until, || self.round(&enough), each).await;
    }

    pub(super) async fn round(&self, enough: &AtomicBool) -> Report<ProcessedOrder> {
        let mut report = Report::default();
        let is_over = || enough.load(Ordering::Relaxed) || self.stop.is_stopped();
        if is_over() {
            return report;
        }
        self.on_order.begin();
        if let Err(error) = self.backend.ready().await {
            return not_ready(&self.offerings, error);
        }
        let uuid_of = |order: &AgentOrder| order.uuid;
        let list = |offering| self.list(offering);
        let rows = list_each(&self.offerings, &self.ledger, &mut report, list, uuid_of).await;
        // A server that doesn't know a filter ignores it.
        let own = rows.into_iter().filter(|(offering, order)| order.offering_uuid == *offering);
        let listed: Vec<_> = own.filter(|(_, order)| is_open(&order.state)).collect();
        // Of this round: an outage that ended between two rounds holds nothing back.
        let outage = &Arc::new(Outage::new(&self.client));
        let work = |(offering, order): (Uuid, AgentOrder)| async move {
            let (result, error) = match is_over() {
                true => (OrderResult::NotBegun, None),
                false => self.take(offering, &order, outage).await,
            };
            tracing::debug!(order = %order.uuid, %result, "an order was processed");
            ProcessedOrder { order, result }.into_item(error)
        };
        report.items = work_on_each(&self.client, listed, &self.on_order, work).await;
        report
    }

    async fn list(&self, offering: Uuid) -> Result<Rows<AgentOrder>, Error> {
        let list = self.client.marketplace_orders_list().offering_uuid(offering);
        let list = list.state([OrderState::PendingProvider, OrderState::Executing]);
        row::all(list.unread(), self.client.bulk_concurrency()).await
    }

    /// Processes an order. Returns the result, and the error if there is one.
    async fn take(
        &self,
        offering: Uuid,
        order: &AgentOrder,
        outage: &Arc<Outage>,
    ) -> (OrderResult, Option<Error>) {
        let attempt = match self.ledger.begin(order.uuid, offering) {
            Begin::Begun(attempt) => attempt,
            Begin::InProgress => return (OrderResult::InProgress, None),
            Begin::After(again_in, Pause::Failed(error)) => {
                return (OrderResult::Resting { again_in }, Some(error));
            }
            Begin::After(again_in, Pause::InBackend) => return (OrderResult::InBackend { again_in }, None),
        };
        let run = OrderRun::new(&self.client, &self.backend, &self.approval, outage, &attempt);
        match run.process(order).await {
            Ok(OrderResult::InBackend { again_in }) => {
                attempt.in_backend(again_in);
                (OrderResult::InBackend { again_in }, None)
            }
            Ok(result) => {
                attempt.ended();
                (result, None)
            }
            // Not the order's failure. What the back end answered is still kept.
            Err(error) if error.is_held_back() => (OrderResult::Held, Some(error)),
            Err(error) => {
                let again_in = attempt.failed(self.backoff, error.retry_after(), &error);
                (OrderResult::Failed { again_in }, Some(error))
            }
        }
    }
}

/// Returns whether an order in this state can be to process.
fn is_open(state: &OrderState) -> bool {
    matches!(state, OrderState::PendingProvider | OrderState::Executing | OrderState::Other(_))
}
