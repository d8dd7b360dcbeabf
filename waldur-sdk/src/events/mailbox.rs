//! What has arrived and the caller hasn't taken yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::delivery::{Delivery, Notification, ReconcileReason};

/// The notifications for the caller. Its size is limited by the prefetch limits of the sessions: each has
/// its unacknowledged messages in it at most.
#[derive(Debug, Default)]
pub(super) struct Mailbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The deliveries, each with its session.
    deliveries: VecDeque<(u64, Delivery)>,
    reconcile: Option<ReconcileReason>,
    closed: bool,
    reader: Option<Waker>,
}

impl Mailbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a delivery of a session.
    pub(super) fn deliver(&self, session: u64, delivery: Delivery) {
        self.change(|state| state.deliveries.push_back((session, delivery)));
    }

    /// Notes that a full pass is due. It is taken before the events.
    pub(super) fn reconcile(&self, reason: ReconcileReason) {
        self.change(|state| state.reconcile = state.reconcile.max(Some(reason)));
    }

    /// Takes away the deliveries of a session that ended. The broker delivers them again.
    pub(super) fn forget(&self, session: u64) {
        self.change(|state| state.deliveries.retain(|(of, _)| *of != session));
    }

    /// Ends the stream once everything is taken.
    pub(super) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let reader = {
            let mut state = self.state();
            change(&mut state);
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Takes the next notification.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Notification>> {
        let mut state = self.state();
        if let Some(reason) = state.reconcile.take() {
            return Poll::Ready(Some(Notification::Reconcile { reason }));
        }
        if let Some((_, delivery)) = state.deliveries.pop_front() {
            return Poll::Ready(Some(Notification::Event(delivery)));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }
}
