//! Rounds over the orders of some offerings.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, join_all, select};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use super::approval::{Approval, Decision};
use super::backend::Backend;
use super::ledger::{Backoff, Begin, Ledger};
use super::report::{OrderOutcome, OrderReport, RoundReport, Setback, Unlisted};
use super::task::AgentOrder;
use super::turn::Turn;
use crate::client::Client;
use crate::error::Error;
use crate::row::Rows;
use crate::types::OrderState;

/// Takes up the orders of some offerings that wait for the provider or are executing, has a [`Backend`] carry
/// them out, and tells Waldur what came of it.
///
/// An order that waits is approved first, unless [`approval`](Self::approval) says otherwise. Then the order and its
/// resource are read, the back end does its part, the resource gets its id and limits, and the order is marked as done
/// if it is still executing. A failure that the back end calls permanent, or what it made being refused by the server,
/// marks the order as erred. Anything else leaves it as it is: it rests for a while, twice as long each time,
/// and is taken up again by the round after that. Orders are worked on side by side
/// ([`ClientBuilder::concurrency`](crate::ClientBuilder::concurrency)), one order never twice at once, also if rounds
/// overlap; processors of other programs are not known of.
///
/// Nothing that changes something is sent on a guess: what may have been applied is looked at first. So a processor
/// can be cut off anywhere; the next one goes on. That next one doesn't know what the back end was told: see
/// [`Backend`].
///
/// A Create order takes eight requests with the one that lists it, and one more if the back end asks for the team.
///
/// It is for offerings that agents run. On others (basic and support) Waldur takes everything but that an order failed:
/// such an order stays executing, is tried again, and its outcome says why.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use waldur_sdk::Client;
/// use waldur_sdk::agent::{Backend, BackendError, OrderProcessor, Provisioned, Task};
///
/// struct Cluster;
///
/// impl Backend for Cluster {
///     async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
///         // Named after the resource: whoever asks again finds it.
///         Ok(Provisioned::new(format!("account-{}", task.order().resource_uuid.simple())))
///     }
///     async fn update(&self, task: &Task) -> Result<(), BackendError> {
///         Err(BackendError::transient(format!("no answer about {:?}", task.backend_id())))
///     }
///     async fn terminate(&self, _: &Task) -> Result<(), BackendError> {
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
/// println!("{report}"); // 12 done, 4 erred, 4 failed
/// for item in report.failures() {
///     eprintln!("{}: {}", item.order.uuid, item.outcome);
/// }
/// # assert_eq!(report.to_string(), "12 done, 4 erred, 4 failed");
/// # assert!(processor.run_once().await.orders.iter().all(|item| item.outcome.name() == "resting"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OrderProcessor<B> {
    client: Client,
    offerings: Vec<Uuid>,
    backend: B,
    approval: Approval,
    backoff: Backoff,
    interval: Duration,
    ledger: Ledger,
    stop: StopHandle,
}

/// Stops an [`OrderProcessor`] from anywhere. Clones stop the same one.
#[derive(Clone, Debug)]
pub struct StopHandle(Arc<watch::Sender<bool>>);

impl StopHandle {
    /// No order is begun any more; those in work are brought to their end. That is for good.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    async fn stopped(&self) {
        // An error would mean that the sender is gone, which is here.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}

impl<B: Backend> OrderProcessor<B> {
    /// For the orders of these offerings, and of no others.
    pub fn new(client: &Client, offerings: impl IntoIterator<Item = Uuid>, backend: B) -> Self {
        let mut seen = HashSet::new();
        Self {
            client: client.clone(),
            offerings: offerings.into_iter().filter(|offering| seen.insert(*offering)).collect(),
            backend,
            approval: Approval::Same(Decision::Approve),
            backoff: Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(600) },
            interval: Duration::from_secs(60),
            ledger: Ledger::default(),
            stop: StopHandle(Arc::new(watch::Sender::new(false))),
        }
    }

    /// What becomes of orders that wait for the provider: a [`Decision`] for all, or [`Approval::by`] a function. They
    /// are approved unless told.
    #[must_use]
    pub fn approval(mut self, approval: impl Into<Approval>) -> Self {
        self.approval = approval.into();
        self
    }

    /// How long an order rests after its first failure, and at most: 10 s and 10 min unless told. It rests longer
    /// if the server asks for that.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Backoff { first, longest };
        self
    }

    /// How long [`run`](Self::run) waits between two rounds: a minute unless told.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The back end.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// What stops this processor.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// One round: lists the orders, and takes each as far as it goes. Failures are in the report, an
    /// offering that can't be listed too.
    pub async fn run_once(&self) -> RoundReport {
        self.round(&AtomicBool::new(false)).await
    }

    /// Round after round, until `until` ends (such as `tokio::signal::ctrl_c()`) or the processor is stopped.
    /// The orders in work by then are brought to their end first. Each round is reported to `each`.
    ///
    /// What has to be sent after each round, such as [statistics](super::AgentService::set_statistics), is better sent from a
    /// loop of one's own over [`run_once`](Self::run_once).
    ///
    /// Dropping this future cuts off the orders in work, which the next processor takes up again.
    pub async fn run(&self, until: impl Future, mut each: impl FnMut(RoundReport)) {
        let mut until = pin!(until);
        let enough = AtomicBool::new(false);
        while !self.stop.is_stopped() {
            let round = pin!(self.round(&enough));
            let report = match select(round, until.as_mut()).await {
                Either::Left((report, _)) => report,
                Either::Right((_, round)) => {
                    enough.store(true, Ordering::Relaxed);
                    each(round.await);
                    return;
                }
            };
            each(report);
            let (rest, stopped) = (pin!(sleep(self.interval)), pin!(self.stop.stopped()));
            let pause = select(rest, stopped);
            if let Either::Right(_) = select(pause, until.as_mut()).await {
                return;
            }
        }
    }

    async fn round(&self, enough: &AtomicBool) -> RoundReport {
        let mut report = RoundReport::default();
        let is_over = || enough.load(Ordering::Relaxed) || self.stop.is_stopped();
        if is_over() {
            return report;
        }
        let mut listed = Vec::new();
        let lists = join_all(self.offerings.iter().map(|offering| self.list(*offering))).await;
        for (offering, list) in self.offerings.iter().zip(lists) {
            match list {
                Ok(orders) => {
                    let (orders, unreadable) = orders.into_parts();
                    listed.extend(orders);
                    report.unreadable.extend(unreadable);
                }
                Err(error) => report.unlisted.push(Unlisted { offering_uuid: *offering, error }),
            }
        }
        if report.unlisted.is_empty() {
            self.ledger.keep(&listed.iter().map(|order| order.uuid).collect());
        }
        let mut working = stream::iter(listed.into_iter().enumerate())
            .map(|(index, order)| async move {
                let outcome = if is_over() { OrderOutcome::NotBegun } else { self.work(&order).await };
                tracing::debug!(order = %order.uuid, %outcome, "an order was worked on");
                (index, OrderReport { order, outcome })
            })
            .buffer_unordered(self.client.concurrency());
        let mut orders = Vec::new();
        while let Some(order) = working.next().await {
            orders.push(order);
        }
        orders.sort_unstable_by_key(|(index, _)| *index);
        report.orders = orders.into_iter().map(|(_, order)| order).collect();
        report
    }

    async fn list(&self, offering: Uuid) -> Result<Rows<AgentOrder>, Error> {
        let list = self.client.api().marketplace_orders_list().offering_uuid(offering);
        let list = list.state([OrderState::PendingProvider, OrderState::Executing]);
        self.client.provider().rows(list).await
    }

    async fn work(&self, order: &AgentOrder) -> OrderOutcome {
        let in_work = match self.ledger.begin(order.uuid) {
            Begin::Begun(in_work) => in_work,
            Begin::InWork => return OrderOutcome::InWork,
            Begin::After(again_in) => return OrderOutcome::Resting { again_in },
        };
        let turn = Turn { client: &self.client, backend: &self.backend, approval: &self.approval };
        match turn.take(order).await {
            Ok(outcome) => {
                in_work.ended();
                outcome
            }
            Err(setback) => {
                let asked = match &setback {
                    Setback::Waldur(error) => error.retry_after(),
                    Setback::Backend(_) => None,
                };
                let again_in = in_work.failed(self.backoff, asked);
                OrderOutcome::Failed { setback, again_in }
            }
        }
    }
}
