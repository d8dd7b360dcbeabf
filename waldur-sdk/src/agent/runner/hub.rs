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
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

use crate::events::{Delivery, EventKind, Events, Notification, ReconcileReason};

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
            match notification {
                Notification::Event(delivery) => self.pass(delivery),
                Notification::Reconcile { reason } => {
                    self.slots.iter().for_each(|slot| slot.send(Notification::Reconcile { reason }));
                }
            }
        }
    }

    pub(super) fn pass(&self, delivery: Delivery) {
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
        if let Some(sender) = &*inbox
            && sender.send(notification).is_err()
        {
            // The loop is gone. If it begins again, it gets another inbox.
            *inbox = None;
        }
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
