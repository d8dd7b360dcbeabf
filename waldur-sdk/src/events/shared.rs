//! What all links and sessions of a subscription share.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;
use waldur_api_client::Error;

use super::delivery::ReconcileReason;
use super::mailbox::Mailbox;
use super::startup::Startup;
use super::status::{Connected, Reporter};

/// The state of a subscription.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) mailbox: Mailbox,
    pub(super) reporter: Reporter,
    pub(super) startup: Startup,
    pub(super) stop: watch::Sender<bool>,
    /// When a full pass became due last.
    reconciled: Mutex<Instant>,
}

/// How often a full pass is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intervals {
    pub(super) connected: Duration,
    /// While an offering isn't subscribed.
    pub(super) disconnected: Duration,
}

impl Shared {
    pub(super) fn new(offerings: &[Uuid]) -> Self {
        Self {
            mailbox: Mailbox::default(),
            reporter: Reporter::new(offerings),
            startup: Startup::new(offerings),
            stop: watch::Sender::new(false),
            reconciled: Mutex::new(Instant::now()),
        }
    }

    fn reconcile(&self, reason: ReconcileReason) {
        tracing::debug!(%reason, "a full pass is due");
        *self.reconciled.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.mailbox.reconcile(reason);
    }

    fn reconciled(&self) -> Instant {
        *self.reconciled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An offering was registered, and needs this number of connections.
    pub(super) fn registered(&self, offering: Uuid, connections: usize) {
        self.reporter.registered(offering, connections);
        self.startup.registered(offering, connections);
    }

    /// An offering can't be registered.
    pub(super) fn unregistered(&self, offering: Uuid, error: &Error) {
        self.reporter.unregistered(error);
        if self.startup.failed(offering, error, false) {
            self.reconcile(ReconcileReason::Started);
        }
    }

    /// A connection of an offering ended or could not be made. `heals` says that the offering is registered
    /// anew.
    pub(super) fn lost(&self, offering: Uuid, error: &Error, cause: &'static str, heals: bool) {
        self.reporter.lost(error, cause);
        if self.startup.failed(offering, error, heals) {
            self.reconcile(ReconcileReason::Started);
        }
    }

    /// A connection of an offering is subscribed, until the returned value is dropped.
    pub(super) fn subscribed(&self, offering: Uuid) -> Connected<'_> {
        let connected = self.reporter.connected(offering);
        let was_over = self.startup.is_over();
        if self.startup.subscribed(offering) {
            self.reconcile(ReconcileReason::Started);
        } else if was_over {
            self.reconcile(ReconcileReason::Resubscribed);
        }
        connected
    }

    /// Makes full passes due by the intervals, for ever.
    pub(super) async fn keep_reconciling(&self, intervals: Intervals) {
        let mut status = self.reporter.watch();
        loop {
            let (interval, reason) = match status.borrow_and_update().is_connected() {
                true => (intervals.connected, ReconcileReason::Interval),
                false => (intervals.disconnected.min(intervals.connected), ReconcileReason::Disconnected),
            };
            let due = self.reconciled() + interval;
            tokio::select! {
                () = sleep_until(due) => {
                    // Another reason may have come first.
                    if self.reconciled() + interval <= Instant::now() {
                        self.reconcile(reason);
                    }
                }
                _ = status.changed() => {}
            }
        }
    }
}
