//! Deliveries of events, and their acknowledgement.

use std::fmt;

use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use super::event::Event;

/// What the broker is told of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ack,
    /// Deliver it again.
    Requeue,
    /// Don't deliver it again.
    Reject,
}

/// A verdict on the message with this id.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) id: String,
    pub(super) verdict: Verdict,
}

/// An event, and the duty to say what became of it.
///
/// Call [`ack`](Self::ack) when the event is noted, before long work: a broker closes the session if a
/// message isn't acknowledged within half an hour, and sends no more than the prefetch limit until then. A
/// delivery that is dropped is delivered again after a pause, as is one whose connection ends before the
/// broker got the acknowledgement. So each event comes at least once.
#[must_use = "a delivery that is dropped is delivered again"]
pub struct Delivery {
    event: Box<Event>,
    offering: Uuid,
    redelivered: bool,
    message_id: Option<String>,
    receipt: Receipt,
}

/// The duty to settle a message.
pub(super) struct Receipt(Option<(String, UnboundedSender<Settled>)>);

impl Receipt {
    pub(super) fn new(id: String, settled: UnboundedSender<Settled>) -> Self {
        Self(Some((id, settled)))
    }

    fn settle(&mut self, verdict: Verdict) {
        if let Some((id, settled)) = self.0.take() {
            // If the connection is gone, the broker delivers the message again.
            let _ = settled.send(Settled { id, verdict });
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.settle(Verdict::Requeue);
    }
}

impl Delivery {
    pub(super) fn new(
        event: Event,
        offering: Uuid,
        redelivered: bool,
        message_id: Option<String>,
        receipt: Receipt,
    ) -> Self {
        Self { event: Box::new(event), offering, redelivered, message_id, receipt }
    }

    /// Returns a delivery of the same event that tells the broker nothing.
    #[cfg(feature = "agent")]
    pub(crate) fn copy(&self) -> Self {
        Self {
            event: self.event.clone(),
            offering: self.offering,
            redelivered: self.redelivered,
            message_id: self.message_id.clone(),
            receipt: Receipt(None),
        }
    }

    /// Returns a delivery, and a function that waits for what the broker is told of it: whether the event is
    /// to be delivered again.
    #[cfg(all(test, feature = "agent"))]
    pub(crate) fn in_test(
        event: Event,
        offering: Uuid,
        redelivered: bool,
    ) -> (Self, impl AsyncFnOnce() -> bool) {
        let (sender, mut settled) = tokio::sync::mpsc::unbounded_channel();
        let delivery = Self::new(event, offering, redelivered, None, Receipt::new(String::new(), sender));
        let wait = async move || settled.recv().await.is_some_and(|one| one.verdict == Verdict::Requeue);
        (delivery, wait)
    }

    /// Returns the event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Returns the offering whose queue the event came through.
    #[must_use]
    pub fn offering(&self) -> Uuid {
        self.offering
    }

    /// Returns whether the broker may have delivered the event before.
    #[must_use]
    pub fn is_redelivered(&self) -> bool {
        self.redelivered
    }

    /// Returns the id that the server gave the message. Two messages with the same content have the same id.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// Acknowledges the event: the broker forgets it. Returns the event.
    pub fn ack(mut self) -> Event {
        self.receipt.settle(Verdict::Ack);
        *self.event
    }

    /// Refuses the event. With `requeue` it is delivered again after a pause, otherwise the broker drops it.
    pub fn nack(mut self, requeue: bool) {
        self.receipt.settle(if requeue { Verdict::Requeue } else { Verdict::Reject });
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("event", &self.event)
            .field("offering", &self.offering)
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}

/// Why a full pass is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ReconcileReason {
    /// The interval is over.
    Interval,
    /// There is no connection to the broker, and the shorter interval for that is over.
    Disconnected,
    /// Events may have been lost while there was no subscription.
    Resubscribed,
    /// The first subscription was made, or failed: what happened before it came with no event.
    Started,
}

impl ReconcileReason {
    /// Returns the reason as a word for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Disconnected => "disconnected",
            Self::Resubscribed => "resubscribed",
            Self::Started => "started",
        }
    }
}

impl fmt::Display for ReconcileReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An item of the stream of events.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notification {
    /// An event arrived.
    Event(Delivery),
    /// A full pass is due: read everything that events tell of, since some of them may be lost.
    Reconcile {
        /// Why it is due. If several passes became due since the last one, the strongest reason.
        reason: ReconcileReason,
    },
}
