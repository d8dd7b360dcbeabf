//! Orders by events: each event is processed at once, and rounds fill the gaps.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, FutureExt as _, select};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;
use waldur_api_client::Error;

use super::backend::Backend;
use super::processor::OrderProcessor;
use super::report::{OrderResult, ProcessedOrder};
use crate::bulk::{Item, Report};
use crate::events::{Event, EventKind, Notification};
use crate::pause::{check_again, later};

/// How often an order is read again because an event came before the change could be read.
const LOOKS: u32 = 4;
/// The pause before the first of these reads. Each further one is twice as long.
const LOOK: Duration = Duration::from_millis(250);

/// The orders that have to be processed, and when.
#[derive(Debug, Default)]
struct Agenda {
    planned: HashMap<Uuid, Plan>,
    /// The orders in progress, and whether another event came for them meanwhile.
    working: HashMap<Uuid, bool>,
    /// When a round is due.
    round: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    at: Instant,
    /// How often the order was read after its event without being open.
    looks: u32,
}

impl Agenda {
    /// Plans an order that an event is about. A burst of events for one order is one plan.
    fn note(&mut self, order: Uuid) {
        match self.working.get_mut(&order) {
            Some(again) => *again = true,
            None => self.plan(order, Duration::ZERO, 0),
        }
    }

    /// Plans an order, unless it is planned earlier already.
    fn plan(&mut self, order: Uuid, pause: Duration, looks: u32) {
        let plan = Plan { at: later(pause), looks };
        let planned = self.planned.entry(order).or_insert(plan);
        if plan.at < planned.at {
            *planned = plan;
        }
    }

    fn plan_round(&mut self, pause: Duration) {
        let at = later(pause);
        self.round = Some(self.round.map_or(at, |planned| planned.min(at)));
    }

    /// Takes an order that is due.
    fn take(&mut self) -> Option<(Uuid, u32)> {
        let now = Instant::now();
        let (order, plan) = self.planned.iter().find(|(_, plan)| plan.at <= now)?;
        let (order, looks) = (*order, plan.looks);
        self.planned.remove(&order);
        self.working.insert(order, false);
        Some((order, looks))
    }

    /// Notes that the work on an order has ended. Returns whether another event came for it meanwhile.
    fn end(&mut self, order: Uuid) -> bool {
        self.working.remove(&order).unwrap_or_default()
    }

    /// Returns when something is due.
    fn next(&self, has_room: bool, in_round: bool) -> Option<Instant> {
        let orders = self.planned.values().map(|plan| plan.at).filter(|_| has_room);
        orders.chain(self.round.filter(|_| !in_round)).min()
    }
}

/// A piece of work that has ended.
enum Ended {
    Round(Report<ProcessedOrder>),
    Order { order: Uuid, looks: u32, result: Box<Result<Item<ProcessedOrder>, Error>> },
}

impl<B: Backend> OrderProcessor<B> {
    /// Returns the kinds of events to subscribe to for [`run_on_events`](Self::run_on_events).
    #[must_use]
    pub fn event_kinds(&self) -> Vec<EventKind> {
        vec![EventKind::Order]
    }

    /// Processes orders as their events arrive, until `until` ends (such as
    /// [`shutdown_signal`](super::shutdown_signal)), the processor is stopped or the stream ends. The orders
    /// in progress are finished first.
    ///
    /// An event only says that an order is to be read: it is acknowledged at once, and the order is processed
    /// as [`process`](Self::process) does, several at a time but never one twice. A round is done when
    /// [`Notification::Reconcile`] says so, and then `each` is called. Between rounds, an order that failed
    /// is tried again after its pause, and a back end in progress is called again when it requested it. An
    /// event that comes before its change can be read is looked up again shortly.
    ///
    /// ```no_run
    /// # async fn run<B: waldur_sdk::agent::Backend>(
    /// #     client: waldur_sdk::Client, offering: waldur_sdk::Uuid, backend: B,
    /// # ) -> Result<(), waldur_sdk::Error> {
    /// use waldur_sdk::ClientExt as _;
    /// use waldur_sdk::agent::{OrderProcessor, shutdown_signal};
    ///
    /// let processor = OrderProcessor::new(&client, [offering], backend).on_order(|order| println!("{order}"));
    /// let events = client.events().offering(offering).kinds(processor.event_kinds()).subscribe()?;
    /// processor.run_on_events(events, shutdown_signal(), |report| println!("{report}")).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_on_events(
        &self,
        events: impl Stream<Item = Notification>,
        until: impl Future,
        mut each: impl FnMut(Report<ProcessedOrder>),
    ) {
        let (mut events, mut until) = (pin!(events.fuse()), pin!(until));
        let mut stopped = pin!(self.stop.stopped());
        let enough = AtomicBool::new(false);
        let mut agenda = Agenda::default();
        let mut working: FuturesUnordered<BoxFuture<'_, Ended>> = FuturesUnordered::new();
        let mut in_round = false;
        loop {
            if !in_round && agenda.round.is_some_and(|at| at <= Instant::now()) {
                (agenda.round, in_round) = (None, true);
                working.push(self.round(&enough).map(Ended::Round).boxed());
            }
            while agenda.working.len() < self.client.bulk_concurrency() {
                let Some((order, looks)) = agenda.take() else { break };
                let work = self.process_unless(order, &enough);
                working.push(
                    work.map(move |result| Ended::Order { order, looks, result: Box::new(result) }).boxed(),
                );
            }
            let has_room = agenda.working.len() < self.client.bulk_concurrency();
            let due = agenda.next(has_room, in_round);
            let timer = pin!(async {
                match due {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            });
            let work = pin!(async {
                match working.next().await {
                    Some(ended) => ended,
                    None => std::future::pending().await,
                }
            });
            let over = select(until.as_mut(), stopped.as_mut());
            let input = select(work, select(events.next(), timer));
            match select(over, input).await {
                Either::Left(_) => break,
                Either::Right((Either::Left((Ended::Round(report), _)), _)) => {
                    in_round = false;
                    self.plan_after_round(&mut agenda, &report);
                    each(report);
                }
                Either::Right((Either::Left((Ended::Order { order, looks, result }, _)), _)) => {
                    let is_noted = agenda.end(order);
                    self.plan_after_order(&mut agenda, order, looks, &result);
                    if is_noted {
                        agenda.note(order);
                    }
                }
                Either::Right((Either::Right((Either::Left((Some(notification), _)), _)), _)) => {
                    self.note(&mut agenda, notification);
                }
                Either::Right((Either::Right((Either::Left((None, _)), _)), _)) => break,
                Either::Right((Either::Right((Either::Right(_), _)), _)) => {}
            }
        }
        enough.store(true, Ordering::Relaxed);
        while let Some(ended) = working.next().await {
            if let Ended::Round(report) = ended {
                each(report);
            }
        }
    }

    /// Notes what a notification asks for, and acknowledges it. Events of other offerings are left out.
    fn note(&self, agenda: &mut Agenda, notification: Notification) {
        match notification {
            Notification::Event(delivery) => {
                let is_own = self.offerings.contains(&delivery.offering());
                if let (true, Event::Order(event)) = (is_own, delivery.ack()) {
                    agenda.note(event.order_uuid);
                }
            }
            Notification::Reconcile { reason } => {
                tracing::debug!(%reason, "a round is due");
                agenda.plan_round(Duration::ZERO);
            }
        }
    }

    /// Plans the orders of a round that have to be processed before the next one.
    fn plan_after_round(&self, agenda: &mut Agenda, report: &Report<ProcessedOrder>) {
        for item in &report.items {
            if let Some(pause) = self.pause_of(&item.target.result) {
                agenda.plan(item.target.order.uuid, pause, LOOKS);
            }
        }
        if !report.unlisted.is_empty() {
            agenda.plan_round(self.interval);
        }
    }

    fn plan_after_order(
        &self,
        agenda: &mut Agenda,
        order: Uuid,
        looks: u32,
        result: &Result<Item<ProcessedOrder>, Error>,
    ) {
        match result {
            Ok(item) => match self.pause_of(&item.target.result) {
                Some(pause) => agenda.plan(order, pause, LOOKS),
                None if looks < LOOKS && may_open(&item.target.result) => {
                    agenda.plan(order, LOOK * 2_u32.pow(looks), looks + 1);
                }
                None => {}
            },
            Err(error) if error.is_not_found() || error.is_forbidden() => {
                if looks < LOOKS {
                    agenda.plan(order, LOOK * 2_u32.pow(looks), looks + 1);
                }
            }
            Err(error) => {
                tracing::warn!(order = %order.simple(), %error, "an order can't be read");
                agenda.plan(order, error.retry_after().unwrap_or_default().max(self.backoff.first), looks);
            }
        }
    }

    /// Returns the time after which an order with this result has to be processed again, if it has to be.
    fn pause_of(&self, result: &OrderResult) -> Option<Duration> {
        match result {
            OrderResult::Failed { again_in } | OrderResult::Resting { again_in } => Some(*again_in),
            OrderResult::InBackend { again_in } => Some(check_again(*again_in)),
            OrderResult::Held => Some(self.interval),
            OrderResult::InProgress => Some(Duration::from_secs(1)),
            OrderResult::NoBackendId | OrderResult::Unknown { .. } | OrderResult::Deferred => {
                Some(self.interval)
            }
            _ => None,
        }
    }
}

/// Returns whether an order that was read in another state may still become open: the event may have come
/// before the change could be read.
fn may_open(result: &OrderResult) -> bool {
    use waldur_api_client::types::OrderState::{PendingConsumer, PendingProject, PendingStartDate};
    matches!(result, OrderResult::Superseded { state: PendingConsumer | PendingProject | PendingStartDate })
}
