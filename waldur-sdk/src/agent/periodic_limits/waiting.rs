//! Settings that wait for their next attempt, and the deliveries that they came with.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::events::{Delivery, ResourcePeriodicLimitsEvent};

/// How long a delivery is held without an acknowledgement. Brokers end a session that holds one for half an
/// hour.
const HELD: Duration = Duration::from_secs(20 * 60);

/// Settings that are to be applied.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) event: ResourcePeriodicLimitsEvent,
    pub(super) offering: Uuid,
    pub(super) is_redelivered: bool,
    /// How often they failed in a row.
    pub(super) failures: u32,
    /// When the next attempt is due.
    pub(super) at: Instant,
    /// None while the broker has the message.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    delivery: Delivery,
    since: Instant,
}

impl Waiting {
    /// Returns settings that are due now.
    pub(super) fn new(event: ResourcePeriodicLimitsEvent, delivery: Delivery) -> Self {
        let now = Instant::now();
        Self {
            event,
            offering: delivery.offering(),
            is_redelivered: delivery.is_redelivered(),
            failures: 0,
            at: now,
            held: Some(Held { delivery, since: now }),
        }
    }

    /// Acknowledges the delivery. If the broker has the message, it delivers it again.
    pub(super) fn ack(self) {
        if let Some(held) = self.held {
            held.delivery.ack();
        }
    }

    /// Returns when something has to be done: the next attempt, or giving the message back.
    fn due(&self) -> Instant {
        self.held.as_ref().map_or(self.at, |held| self.at.min(held.since + HELD))
    }
}

/// What waits, by the resource.
///
/// A message that has to wait for long is given back to the broker meanwhile, which delivers it again. The
/// settings stay here, with the time of their next attempt.
#[derive(Debug, Default)]
pub(super) struct WaitingList(HashMap<Uuid, Waiting>);

impl WaitingList {
    /// Returns when something has to be done next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.values().map(Waiting::due).min()
    }

    /// Removes and returns settings whose attempt is due. Gives messages back that were held for too long.
    pub(super) fn take(&mut self) -> Option<Waiting> {
        let now = Instant::now();
        for one in self.0.values_mut().filter(|one| one.at > now) {
            if let Some(held) = one.held.take_if(|held| held.since + HELD <= now) {
                held.delivery.nack(true);
            }
        }
        let due = self.0.values().filter(|one| one.at <= now).min_by_key(|one| one.at);
        let resource = due?.event.resource_uuid;
        self.0.remove(&resource)
    }

    /// Adds settings, in place of those of the same resource.
    pub(super) fn insert(&mut self, one: Waiting) {
        self.0.insert(one.event.resource_uuid, one);
    }

    /// Adds settings that have arrived. They are due now, unless they are those that wait already. Older ones
    /// that are delivered again are acknowledged; newer ones replace those of the resource that wait.
    pub(super) fn arrived(&mut self, mut one: Waiting) {
        if let Some(known) = self.0.remove(&one.event.resource_uuid) {
            // The times are local, so they are compared only where an older one is likely.
            if one.is_redelivered && known.event.timestamp > one.event.timestamp {
                one.ack();
                return self.insert(known);
            }
            if one.is_redelivered && known.event == one.event {
                (one.failures, one.at) = (known.failures, known.at);
            }
            known.ack();
        }
        self.insert(one);
    }
}
