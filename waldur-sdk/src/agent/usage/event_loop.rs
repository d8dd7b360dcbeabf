//! Usage by events: the resources that events are about are reported soon, and rounds report all.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{Stream, StreamExt as _};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;
use waldur_api_client::Error;
use waldur_api_client::types::{OrderState, RequestTypes};

use super::meter::Meter;
use super::processor::UsageProcessor;
use super::report::MeteredMonth;
use crate::bulk::Report;
use crate::events::{Event, EventKind, Notification, OrderEvent};
use crate::outage::Outage;
use crate::pause::later;
use crate::row::{self, row};

/// How long an event waits for further ones. The change can be read by then, too.
const SETTLE: Duration = Duration::from_millis(500);
/// The number of resources from which a round takes fewer requests than one resource after the other.
const MANY: usize = 10;

row! {
    /// An order, of which only the resource matters.
    struct OrderRow {
        resource_uuid: Uuid = need "marketplace_resource_uuid",
    }
}

/// The objects that events are about.
#[derive(Debug, Default)]
struct Changed {
    resources: BTreeSet<Uuid>,
    /// Orders whose resource the event didn't name.
    orders: BTreeSet<Uuid>,
}

/// What is due.
enum Work {
    Round,
    Some(Changed),
}

/// What has to be reported, and when.
#[derive(Debug, Default)]
struct Agenda {
    changed: Changed,
    /// When the changed resources are due.
    due: Option<Instant>,
    /// When a round is due.
    round: Option<Instant>,
}

impl Agenda {
    fn note_resource(&mut self, resource: Uuid) {
        self.changed.resources.insert(resource);
        self.settle();
    }

    fn note_order(&mut self, order: &OrderEvent) {
        match order.resource_uuid {
            Some(resource) => self.changed.resources.insert(resource),
            None => self.changed.orders.insert(order.order_uuid),
        };
        self.settle();
    }

    fn settle(&mut self) {
        self.due.get_or_insert_with(|| Instant::now() + SETTLE);
    }

    fn plan_round(&mut self, pause: Duration) {
        let at = later(pause);
        self.round = Some(self.round.map_or(at, |planned| planned.min(at)));
    }

    /// Returns when something is due.
    fn next(&self) -> Option<Instant> {
        self.due.into_iter().chain(self.round).min()
    }

    /// Takes what is due. A round reports the changed resources, too.
    fn take(&mut self) -> Option<Work> {
        let now = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let is_round = is_due(self.round);
        if !is_round && !is_due(self.due) {
            return None;
        }
        self.due = None;
        let changed = std::mem::take(&mut self.changed);
        if is_round {
            self.round = None;
            return Some(Work::Round);
        }
        Some(Work::Some(changed))
    }
}

impl<M: Meter> UsageProcessor<M> {
    /// Returns the kinds of events to subscribe to for [`run_on_events`](Self::run_on_events).
    #[must_use]
    pub fn event_kinds(&self) -> Vec<EventKind> {
        vec![EventKind::Order, EventKind::Resource, EventKind::OfferingResourcesSync]
    }

    /// Reports the usage of a resource soon after an event, and that of all resources in rounds, until
    /// `until` ends (such as [`shutdown_signal`](crate::agent::shutdown_signal)), the processor is stopped,
    /// or the stream ends. No further resource is begun then. Calls `each` after each round; see
    /// [`on_resource`](Self::on_resource) for a call after each resource.
    ///
    /// Servers send no event when usage changes, so rounds are still repeated after the
    /// [interval](Self::interval), and done when [`Notification::Reconcile`] says so. Events tell of
    /// resources whose usage is worth reporting earlier:
    ///
    /// - An order was carried out, or an order to terminate the resource begins.
    /// - The resource was paused, downscaled or restricted, or the server requests a look at it.
    /// - All resources of the offering have to be synchronized: a round is done.
    ///
    /// An event is acknowledged at once, and half a second later its resource is reported as
    /// [`process`](Self::process) does. All events of that time for one resource are one piece of work. If
    /// there are many resources, they are reported by a round. What fails is left to the next round.
    ///
    /// A terminated resource accepts no usage, and the event of its order may come too late for that. So call
    /// [`process`](Self::process) before the back end removes a resource.
    ///
    /// ```no_run
    /// # async fn run<M: waldur_sdk::agent::Meter>(
    /// #     client: waldur_sdk::Client, offering: waldur_sdk::Uuid, meter: M,
    /// # ) -> Result<(), waldur_sdk::Error> {
    /// use waldur_sdk::ClientExt as _;
    /// use waldur_sdk::agent::{UsageProcessor, shutdown_signal};
    ///
    /// let processor = UsageProcessor::new(&client, [offering], meter);
    /// let kinds = processor.event_kinds();
    /// // With a name of its own: two subscriptions with the same name share the events of an offering.
    /// let events = client.events().offering(offering).kinds(kinds).identity("usage", "1.0").subscribe()?;
    /// processor.run_on_events(events, shutdown_signal(), |report| println!("{report}")).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_on_events(
        &self,
        events: impl Stream<Item = Notification>,
        until: impl Future,
        mut each: impl FnMut(Report<MeteredMonth>),
    ) {
        let (mut events, until, stopped) = (pin!(events.fuse()), pin!(until), pin!(self.stop.stopped()));
        let mut until = select(until, stopped);
        let enough = AtomicBool::new(false);
        let mut agenda = Agenda::default();
        agenda.plan_round(self.interval);
        while !self.stop.is_stopped() {
            let Some(work) = agenda.take() else {
                let due = agenda.next();
                let timer = pin!(async {
                    match due {
                        Some(at) => sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                });
                match select(timer, select(events.next(), &mut until)).await {
                    Either::Left(_) => {}
                    Either::Right((Either::Left((Some(notification), _)), _)) => {
                        self.note(&mut agenda, notification);
                    }
                    Either::Right(_) => return,
                }
                continue;
            };
            let mut work = pin!(self.work(work, &enough));
            let (report, is_over) = loop {
                match select(work.as_mut(), select(events.next(), &mut until)).await {
                    Either::Left((report, _)) => break (report, false),
                    Either::Right((Either::Left((Some(notification), _)), _)) => {
                        self.note(&mut agenda, notification);
                    }
                    Either::Right(_) => {
                        enough.store(true, Ordering::Relaxed);
                        break (work.await, true);
                    }
                }
            };
            if let Some(report) = report {
                agenda.plan_round(self.interval);
                each(report);
            }
            if is_over {
                return;
            }
        }
    }

    /// Notes what a notification asks for, and acknowledges it. Events of other offerings are left out.
    fn note(&self, agenda: &mut Agenda, notification: Notification) {
        match notification {
            Notification::Event(delivery) => {
                let is_own = self.offerings.contains(&delivery.offering());
                match delivery.ack() {
                    _ if !is_own => {}
                    Event::Resource(event) => agenda.note_resource(event.resource_uuid),
                    Event::Order(event) if matters(&event) => agenda.note_order(&event),
                    Event::OfferingResourcesSync(_) => agenda.plan_round(Duration::ZERO),
                    _ => {}
                }
            }
            Notification::Reconcile { reason } => {
                tracing::debug!(%reason, "a round is due");
                agenda.plan_round(Duration::ZERO);
            }
        }
    }

    /// Does a round, and returns its report, or reports the resources that have changed.
    async fn work(&self, work: Work, enough: &AtomicBool) -> Option<Report<MeteredMonth>> {
        let Work::Some(Changed { mut resources, orders }) = work else {
            return Some(self.round(enough).await);
        };
        let outage = Outage::new(&self.client);
        let confirm = self.confirm(&outage);
        if resources.len() + orders.len() >= MANY {
            return Some(self.round(enough).await);
        }
        for order in orders {
            let read = || row::retrieve::<OrderRow, _>(self.client.marketplace_orders_retrieve().uuid(order));
            match confirm.read(read).await {
                Ok(order) => drop(resources.insert(order.resource_uuid)),
                Err(error) => unreported(order, &error),
            }
        }
        for resource in resources {
            if self.is_over(enough) {
                break;
            }
            let mut report = Report::default();
            if let Err(error) = self.report_one(resource, confirm, enough, &mut report).await {
                unreported(resource, &error);
            }
            for problem in report.problems() {
                tracing::warn!(%problem, "the usage of a resource can't be reported");
            }
        }
        None
    }
}

fn unreported(object: Uuid, error: &Error) {
    tracing::warn!(object = %object.simple(), %error, "the usage of a resource can't be reported");
}

/// Returns whether the resource of an order may have usage to report: it was just created or changed, or it
/// will be terminated.
fn matters(order: &OrderEvent) -> bool {
    let may_end = matches!(order.order_type, None | Some(RequestTypes::Terminate | RequestTypes::Other(_)));
    match &order.state {
        Some(OrderState::PendingProvider | OrderState::Executing) => may_end,
        Some(OrderState::Done) => order.order_type != Some(RequestTypes::Terminate),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(body: serde_json::Value) -> OrderEvent {
        let event = Event::read(body.to_string().as_bytes(), Some(&crate::events::EventKind::Order));
        let Event::Order(order) = event else { panic!("{event:?}") };
        order
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_piece_of_work_and_a_round_reports_what_changed() {
        let mut agenda = Agenda::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        agenda.plan_round(Duration::from_secs(60));
        for _ in 0..50 {
            agenda.note_resource(one);
            agenda.note_order(&order(json!({"order_uuid": other, "resource_uuid": one})));
            agenda.note_order(&order(json!({"order_uuid": other})));
            tokio::time::advance(SETTLE / 100).await;
        }
        assert!(agenda.take().is_none(), "it is too early");
        // A later event doesn't put it off.
        assert_eq!(agenda.next(), Some(Instant::now() + SETTLE / 2));
        tokio::time::advance(SETTLE / 2).await;
        let Some(Work::Some(changed)) = agenda.take() else { panic!("{agenda:?}") };
        assert_eq!((changed.resources, changed.orders), ([one].into(), [other].into()));
        assert!(agenda.take().is_none());
        agenda.note_resource(one);
        agenda.plan_round(Duration::ZERO);
        assert!(matches!(agenda.take(), Some(Work::Round)));
        assert_eq!(agenda.next(), None);
    }

    #[test]
    fn orders_matter_when_their_resource_may_have_usage() {
        for (state, type_, expected) in [
            ("pending-provider", Some("Terminate"), true),
            ("executing", Some("Terminate"), true),
            ("done", Some("Terminate"), false),
            ("executing", Some("Create"), false),
            ("done", Some("Create"), true),
            ("done", Some("Update"), true),
            // Older servers don't tell the type.
            ("pending-provider", None, true),
            ("done", None, true),
            ("pending-consumer", None, false),
            ("erred", Some("Create"), false),
        ] {
            let body = json!({"order_uuid": Uuid::nil(), "order_state": state, "order_type": type_});
            assert_eq!(matters(&order(body)), expected, "{state} {type_:?}");
        }
        assert!(!matters(&order(json!({"order_uuid": Uuid::nil(), "action": "provider_info_set"}))));
    }
}
