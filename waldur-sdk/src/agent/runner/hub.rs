//! One subscription to events for all loops.
//!
//! Several subscriptions would share each offering's queue if they have the agent's name, and each event
//! would come to one of them. So there is one, which takes one connection per offering, and each event is
//! passed to all loops that go by its kind.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::stream::{Stream, StreamExt as _};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

use crate::events::{Delivery, Event, EventKind, Events, Notification, ReconcileReason};

/// What the loops are passed.
#[derive(Debug, Default)]
pub(super) struct Hub {
    slots: Vec<Slot>,
    is_off: AtomicBool,
}

/// The way to one loop.
#[derive(Debug)]
struct Slot {
    offerings: Vec<Uuid>,
    kinds: Vec<EventKind>,
    inbox: Mutex<Option<UnboundedSender<Notification>>>,
}

impl Hub {
    /// Adds a loop that goes by these events. Returns its number.
    pub(super) fn add(&mut self, offerings: Vec<Uuid>, kinds: Vec<EventKind>) -> usize {
        self.slots.push(Slot { offerings, kinds, inbox: Mutex::default() });
        self.slots.len() - 1
    }

    /// Returns the kinds of events that some loop goes by.
    pub(super) fn kinds(&self) -> Vec<EventKind> {
        self.slots.iter().flat_map(|slot| slot.kinds.iter().cloned()).collect()
    }

    /// Lets the loops that begin from now on do without events.
    pub(super) fn switch_off(&self) {
        self.is_off.store(true, Ordering::Relaxed);
    }

    /// Opens the inbox of a loop that begins. A loop that begins `again` first does a full pass, because
    /// events were lost meanwhile.
    pub(super) fn open(&self, number: usize, again: bool) -> Option<Inbox> {
        let slot = self.slots.get(number).filter(|_| !self.is_off.load(Ordering::Relaxed))?;
        let (sender, receiver) = unbounded_channel();
        if again {
            // The receiver is here.
            let _ = sender.send(Notification::Reconcile { reason: ReconcileReason::Started });
        }
        *slot.inbox.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        Some(Inbox(receiver))
    }

    /// Passes what arrives to the loops, for ever.
    ///
    /// An event that one loop goes by is acknowledged by that loop. One that several go by is acknowledged
    /// when all have it: they note it at once, and a full pass finds what a process left undone.
    pub(super) async fn pass_on(&self, events: &mut Events) {
        while let Some(notification) = events.next().await {
            self.pass(notification);
        }
    }

    /// Passes a notification to the loops that go by it.
    pub(super) fn pass(&self, notification: Notification) {
        match notification {
            Notification::Event(delivery) => self.pass_event(delivery),
            Notification::Reconcile { reason } => {
                self.slots.iter().for_each(|slot| slot.send(Notification::Reconcile { reason }));
            }
        }
    }

    fn pass_event(&self, delivery: Delivery) {
        let (offering, kind) = (delivery.offering(), delivery.event().kind());
        let is_wanted = |slot: &&Slot| slot.offerings.contains(&offering) && slot.kinds.contains(&kind);
        let wanting: Vec<&Slot> = self.slots.iter().filter(is_wanted).collect();
        if let [slot] = wanting[..] {
            return slot.send(Notification::Event(delivery));
        }
        wanting.into_iter().for_each(|slot| slot.send(Notification::Event(delivery.copy())));
        delivery.ack();
    }
}

impl Slot {
    fn send(&self, notification: Notification) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let untaken = match &*inbox {
            Some(sender) => match sender.send(notification) {
                Ok(()) => return,
                Err(SendError(untaken)) => untaken,
            },
            None => notification,
        };
        // The loop has ended. If it begins again after a panic, it gets another inbox.
        *inbox = None;
        if let Notification::Event(delivery) = untaken {
            settle_untaken(delivery);
        }
    }
}

/// Settles an event that no loop takes.
///
/// Most kinds only say what is to be read. A loop that begins again after a panic does a full pass, as does
/// the next process, so nothing is lost if the broker forgets them. Limits for a period can't be read again:
/// they are given back, and come again after a pause until the loop or the next process takes them. Keeping
/// them here would use up the prefetch limit, which all kinds share.
fn settle_untaken(delivery: Delivery) {
    match delivery.event() {
        Event::ResourcePeriodicLimits(_) => delivery.nack(true),
        _ => _ = delivery.ack(),
    }
}

/// What a loop is passed.
#[derive(Debug)]
pub(super) struct Inbox(UnboundedReceiver<Notification>);

impl Stream for Inbox {
    type Item = Notification;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Notification>> {
        self.0.poll_recv(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::timeout;
    use waldur_api_client::Client;
    use waldur_sandbox::{Actor, Release, Sandbox};

    use super::*;
    use crate::ClientExt as _;

    const LIMIT: Duration = Duration::from_secs(60);

    fn reason(notification: Option<Notification>) -> ReconcileReason {
        match notification {
            Some(Notification::Reconcile { reason }) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn event(notification: Option<Notification>) -> Delivery {
        match notification {
            Some(Notification::Event(delivery)) => delivery,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_loop_that_begins_again_does_a_full_pass_first() {
        let mut hub = Hub::default();
        let slot = hub.add(Vec::new(), Vec::new());
        let mut first = hub.open(slot, false).unwrap();
        hub.pass(Notification::Reconcile { reason: ReconcileReason::Interval });
        assert_eq!(reason(first.0.try_recv().ok()), ReconcileReason::Interval);
        drop(first);
        hub.pass(Notification::Reconcile { reason: ReconcileReason::Interval });
        let mut again = hub.open(slot, true).unwrap();
        hub.pass(Notification::Reconcile { reason: ReconcileReason::Resubscribed });
        assert_eq!(reason(again.0.try_recv().ok()), ReconcileReason::Started);
        assert_eq!(reason(again.0.try_recv().ok()), ReconcileReason::Resubscribed);
        assert!(again.0.try_recv().is_err());
    }

    /// Sent by the sandbox's broker, which knows what was acknowledged.
    #[tokio::test]
    async fn an_event_that_no_loop_takes_comes_again_only_if_it_cannot_be_read() {
        let sandbox = Sandbox::builder().release(Release::Newer).orders(0).start().await.unwrap();
        let offering = sandbox.ids().offerings.slurm;
        let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider));
        let kinds = [EventKind::Order, EventKind::ResourcePeriodicLimits];
        let events = client.build().unwrap().events().offering(offering).kinds(kinds.clone());
        let mut events = events.connect().await.unwrap();
        assert_eq!(reason(events.next().await), ReconcileReason::Started);
        let mut hub = Hub::default();
        let [orders, limits] = kinds.map(|kind| hub.add(vec![offering], vec![kind]));
        // They end with what they didn't take.
        drop((hub.open(orders, false), hub.open(limits, false)));
        let resource = sandbox.ids().resources.ok;
        sandbox.broker().publish("order", offering, json!({ "order_uuid": resource }));
        sandbox.broker().publish("resource_periodic_limits", offering, json!({ "resource_uuid": resource }));
        let taken = async {
            for _ in 0..2 {
                hub.pass(events.next().await.unwrap());
            }
            let mut again = hub.open(limits, true).unwrap();
            assert_eq!(reason(again.next().await), ReconcileReason::Started);
            hub.pass(events.next().await.unwrap());
            let delivery = event(again.next().await);
            assert!(delivery.is_redelivered());
            assert_eq!(delivery.ack().kind(), EventKind::ResourcePeriodicLimits);
        };
        timeout(LIMIT, taken).await.unwrap();
        events.close().await;
        let counts = sandbox.broker().counts();
        assert_eq!((counts.delivered, counts.acknowledged), (3, 2), "{counts:?}");
    }
}
