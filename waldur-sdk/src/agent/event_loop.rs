//! Orders by events: each event is processed at once, and rounds fill the gaps.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, FutureExt as _, select};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use tokio::time::sleep_until;
use uuid::Uuid;
use waldur_api_client::Error;

use super::agenda::{Agenda, Tries};
use super::backend::Backend;
use super::processor::OrderProcessor;
use super::report::{OrderResult, ProcessedOrder};
use crate::bulk::{Item, Report};
use crate::events::{Event, EventKind, Notification};
use crate::pause::check_again;

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
    /// event that comes before its change can be read is looked up again shortly. One for an order that the
    /// round under way was found at work on is looked up when the round ends.
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
            while agenda.working() < self.client.bulk_concurrency() {
                let Some((order, tries)) = agenda.take() else { break };
                let work = self.process_unless(order, &enough);
                working.push(
                    work.map(move |result| Ended::Order { order, tries, result: Box::new(result) }).boxed(),
                );
            }
            let has_room = agenda.working() < self.client.bulk_concurrency();
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
                let tries = tries.failed();
                let pause = self.backoff.pause(tries.failures);
                Some((pause.max(error.retry_after().unwrap_or_default()), tries))
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
    use tokio::time::{Instant, advance};
    use waldur_api_client::{Client, ErrorKind};

    use super::super::backend::{BackendError, Provisioned};
    use super::super::task::Task;
    use super::*;
    use crate::backend_id::BackendId;

    const ORDER: Uuid = Uuid::from_u128(7);

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
