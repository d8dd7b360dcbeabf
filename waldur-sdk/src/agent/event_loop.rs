//! Orders by events: each event is processed at once, and rounds fill the gaps.

use std::collections::{HashMap, HashSet};
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
    is_in_round: bool,
    /// The orders that the round was at work on when their events came.
    after_round: HashSet<Uuid>,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    at: Instant,
    tries: Tries,
}

/// What came of the reads of an order since its event.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    /// How often it was read without being open.
    looks: u32,
    /// How often it couldn't be read, in a row.
    failures: u32,
}

impl Tries {
    /// For an order that was open: it isn't looked up again if it isn't any more.
    const OPEN: Self = Self { looks: LOOKS, failures: 0 };

    /// Returns the pause before an order that wasn't open is read again, if it is to be.
    fn look(self) -> Option<(Duration, Self)> {
        let again = Self { looks: self.looks + 1, failures: 0 };
        (self.looks < LOOKS).then(|| (LOOK * 2_u32.pow(self.looks), again))
    }
}

impl Agenda {
    /// Plans an order that an event is about. A burst of events for one order is one plan.
    fn note(&mut self, order: Uuid) {
        match self.working.get_mut(&order) {
            Some(again) => *again = true,
            None => self.plan(order, Duration::ZERO, Tries::default()),
        }
    }

    /// Plans an order that others are at work on: when the round ends if there is one, or shortly.
    fn plan_after_others(&mut self, order: Uuid) {
        match self.is_in_round {
            true => _ = self.after_round.insert(order),
            false => self.plan(order, Duration::from_secs(1), Tries::OPEN),
        }
    }

    /// Plans an order, unless it is planned earlier already.
    fn plan(&mut self, order: Uuid, pause: Duration, tries: Tries) {
        let plan = Plan { at: later(pause), tries };
        let planned = self.planned.entry(order).or_insert(plan);
        if plan.at < planned.at {
            *planned = plan;
        }
    }

    fn plan_round(&mut self, pause: Duration) {
        let at = later(pause);
        self.round = Some(self.round.map_or(at, |planned| planned.min(at)));
    }

    /// Returns whether a round is due. It is under way from then on.
    fn begin_round(&mut self) -> bool {
        let is_due = !self.is_in_round && self.round.is_some_and(|at| at <= Instant::now());
        if is_due {
            (self.round, self.is_in_round) = (None, true);
        }
        is_due
    }

    /// Notes that the round has ended, and the orders that it was at work on when their events came.
    fn end_round(&mut self) {
        self.is_in_round = false;
        for order in std::mem::take(&mut self.after_round) {
            self.note(order);
        }
    }

    /// Takes an order that is due. One in progress has to end before.
    fn take(&mut self) -> Option<(Uuid, Tries)> {
        let now = Instant::now();
        let is_due = |(order, plan): &(&Uuid, &Plan)| plan.at <= now && !self.working.contains_key(*order);
        let (order, plan) = self.planned.iter().find(is_due)?;
        let (order, tries) = (*order, plan.tries);
        self.planned.remove(&order);
        self.working.insert(order, false);
        Some((order, tries))
    }

    /// Notes that the work on an order has ended. Returns whether another event came for it meanwhile.
    fn end(&mut self, order: Uuid) -> bool {
        self.working.remove(&order).unwrap_or_default()
    }

    /// Returns when something is due.
    fn next(&self, has_room: bool) -> Option<Instant> {
        let is_waiting = |(order, _): &(&Uuid, &Plan)| has_room && !self.working.contains_key(*order);
        let orders = self.planned.iter().filter(is_waiting).map(|(_, plan)| plan.at);
        orders.chain(self.round.filter(|_| !self.is_in_round)).min()
    }
}

/// A piece of work that has ended.
enum Ended {
    Round(Report<ProcessedOrder>),
    Order { order: Uuid, tries: Tries, result: Box<Result<Item<ProcessedOrder>, Error>> },
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
        loop {
            if agenda.begin_round() {
                working.push(self.round(&enough).map(Ended::Round).boxed());
            }
            while agenda.working.len() < self.client.bulk_concurrency() {
                let Some((order, tries)) = agenda.take() else { break };
                let work = self.process_unless(order, &enough);
                working.push(
                    work.map(move |result| Ended::Order { order, tries, result: Box::new(result) }).boxed(),
                );
            }
            let has_room = agenda.working.len() < self.client.bulk_concurrency();
            let due = agenda.next(has_room);
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
                    agenda.end_round();
                    self.plan_after_round(&mut agenda, &report);
                    each(report);
                }
                Either::Right((Either::Left((Ended::Order { order, tries, result }, _)), _)) => {
                    let is_noted = agenda.end(order);
                    self.plan_after_order(&mut agenda, order, tries, &result);
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
                agenda.plan(item.target.order.uuid, pause, Tries::OPEN);
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
        tries: Tries,
        result: &Result<Item<ProcessedOrder>, Error>,
    ) {
        let again = match result {
            Ok(item) => match &item.target.result {
                OrderResult::InProgress => return agenda.plan_after_others(order),
                result if may_open(result) => tries.look(),
                result => self.pause_of(result).map(|pause| (pause, Tries::OPEN)),
            },
            Err(error) if error.is_not_found() || error.is_forbidden() => tries.look(),
            Err(error) => {
                tracing::warn!(order = %order.simple(), %error, "an order can't be read");
                let failures = tries.failures.saturating_add(1);
                let pause = error.retry_after().unwrap_or_default().max(self.backoff.pause(failures));
                Some((pause, Tries { failures, ..tries }))
            }
        };
        if let Some((pause, tries)) = again {
            agenda.plan(order, pause, tries);
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

#[cfg(test)]
mod tests {
    use tokio::time::advance;
    use waldur_api_client::{Client, ErrorKind};

    use super::super::backend::{BackendError, Provisioned};
    use super::super::task::Task;
    use super::*;
    use crate::backend_id::BackendId;

    const ORDER: Uuid = Uuid::from_u128(7);
    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn an_order_of_a_round_waits_for_its_end() {
        let mut agenda = Agenda::default();
        agenda.plan_round(Duration::ZERO);
        assert!(agenda.begin_round() && !agenda.begin_round());
        agenda.note(ORDER);
        assert!(agenda.take().is_some());
        assert!(!agenda.end(ORDER));
        agenda.plan_after_others(ORDER);
        advance(60 * SECOND).await;
        assert!(agenda.take().is_none() && agenda.next(true).is_none());
        agenda.end_round();
        assert!(agenda.next(true).is_some());
        assert_eq!(agenda.take().map(|(order, _)| order), Some(ORDER));
        // Without a round it is somebody else who works on it.
        agenda.end(ORDER);
        agenda.plan_after_others(ORDER);
        assert!(agenda.take().is_none());
        advance(SECOND).await;
        assert!(agenda.take().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_in_progress_is_not_taken_a_second_time() {
        let mut agenda = Agenda::default();
        agenda.note(ORDER);
        assert!(agenda.take().is_some());
        // A round has found that it is to be tried again.
        agenda.plan(ORDER, Duration::ZERO, Tries::OPEN);
        assert!(agenda.take().is_none() && agenda.next(true).is_none());
        agenda.note(ORDER);
        assert!(agenda.end(ORDER));
        assert!(agenda.next(false).is_none() && agenda.next(true).is_some());
        assert!(agenda.take().is_some());
    }

    struct Nothing;

    impl Backend for Nothing {
        async fn create(&self, _: &Task) -> Result<Provisioned, BackendError> {
            Err(BackendError::permanent("nothing"))
        }

        async fn update(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
            Err(BackendError::permanent("nothing"))
        }

        async fn terminate(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
            Err(BackendError::permanent("nothing"))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_that_cannot_be_read_is_read_ever_less_often() {
        let client = Client::builder().url("http://127.0.0.1:9").token("0".repeat(40)).build().unwrap();
        let processor = OrderProcessor::new(&client, [], Nothing);
        let mut agenda = Agenda::default();
        agenda.note(ORDER);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let (order, tries) = agenda.take().unwrap();
            agenda.end(order);
            let unread = Err(Error::new(ErrorKind::UnexpectedResponse, "no object"));
            processor.plan_after_order(&mut agenda, order, tries, &unread);
            let pause = agenda.next(true).unwrap() - Instant::now();
            pauses.push(pause.as_secs());
            advance(pause).await;
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
    }
}
