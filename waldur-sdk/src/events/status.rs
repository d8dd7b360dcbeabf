//! The state of the subscription, for the program that watches it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;
use waldur_api_client::Error;

use super::event::EventKind;

/// The state of a subscription to events.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct EventsStatus {
    /// Since when all offerings are subscribed; `None` while one is not.
    pub connected_since: Option<DateTime<Utc>>,
    /// When the broker sent something last, heartbeats included.
    pub last_heard: Option<DateTime<Utc>>,
    /// When an event arrived last.
    pub last_event: Option<DateTime<Utc>>,
    /// Why a connection or a registration failed last. It stays after the next success.
    pub last_error: Option<Error>,
    /// How many connections were lost.
    pub disconnections: u64,
    /// How often an offering was registered.
    pub registrations: u64,
    /// The offerings that are not subscribed now, each with the number of its connections that are missing.
    missing: BTreeMap<Uuid, usize>,
}

impl EventsStatus {
    /// Returns whether all offerings are subscribed.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected_since.is_some()
    }

    /// Returns the offerings that are not subscribed now.
    pub fn disconnected(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.missing.keys().copied()
    }
}

/// The writing side of the status.
#[derive(Debug)]
pub(super) struct Reporter(watch::Sender<EventsStatus>);

impl Reporter {
    pub(super) fn new(offerings: &[Uuid]) -> Self {
        let missing = offerings.iter().map(|offering| (*offering, 1)).collect();
        Self(watch::Sender::new(EventsStatus { missing, ..EventsStatus::default() }))
    }

    pub(super) fn watch(&self) -> watch::Receiver<EventsStatus> {
        self.0.subscribe()
    }

    /// One of the connections of the offering is subscribed, until the returned value is dropped.
    pub(super) fn connected(&self, offering: Uuid) -> Connected<'_> {
        telemetry::connected(1.0);
        self.0.send_modify(|status| {
            if let Entry::Occupied(mut missing) = status.missing.entry(offering) {
                *missing.get_mut() -= 1;
                if *missing.get() == 0 {
                    missing.remove();
                }
            }
            if status.missing.is_empty() {
                status.connected_since = Some(Utc::now());
            }
        });
        Connected { reporter: self, offering }
    }

    /// A connection ended or could not be made.
    pub(super) fn lost(&self, error: &Error, cause: &'static str) {
        telemetry::lost(cause);
        self.0.send_modify(|status| {
            status.disconnections += 1;
            status.last_error = Some(error.clone());
        });
    }

    /// A registration failed.
    pub(super) fn unregistered(&self, error: &Error) {
        self.0.send_modify(|status| status.last_error = Some(error.clone()));
    }

    /// An offering was registered, and needs this number of connections.
    pub(super) fn registered(&self, offering: Uuid, connections: usize) {
        telemetry::registered();
        self.0.send_modify(|status| {
            status.registrations += 1;
            status.missing.insert(offering, connections);
        });
    }

    /// The broker was heard at `when`. Those who watch are not woken.
    pub(super) fn heard(&self, when: Instant) {
        self.0.send_if_modified(|status| {
            let when = Utc::now() - when.elapsed();
            status.last_heard = status.last_heard.max(Some(when));
            false
        });
    }

    /// An event arrived. Those who watch are not woken.
    pub(super) fn received(&self, kind: &EventKind) {
        telemetry::received(kind);
        self.0.send_if_modified(|status| {
            status.last_event = Some(Utc::now());
            false
        });
    }
}

/// A subscribed connection.
pub(super) struct Connected<'a> {
    reporter: &'a Reporter,
    offering: Uuid,
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        telemetry::connected(-1.0);
        self.reporter.0.send_modify(|status| {
            *status.missing.entry(self.offering).or_default() += 1;
            status.connected_since = None;
        });
    }
}

#[cfg(feature = "metrics")]
mod telemetry {
    use super::EventKind;
    use metrics::{counter, gauge};

    pub(super) fn connected(change: f64) {
        gauge!("waldur.events.connected").increment(change);
    }

    pub(super) fn lost(cause: &'static str) {
        counter!("waldur.events.disconnections", "error.type" => cause).increment(1);
    }

    pub(super) fn registered() {
        counter!("waldur.events.registrations").increment(1);
    }

    pub(super) fn received(kind: &EventKind) {
        // Texts of the server would make any number of time series.
        let kind = if matches!(kind, EventKind::Other(_)) { "other" } else { kind.as_str() };
        counter!("waldur.events.received", "waldur.event.kind" => kind.to_owned()).increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
mod telemetry {
    use super::EventKind;

    pub(super) fn connected(_: f64) {}

    pub(super) fn lost(_: &'static str) {}

    pub(super) fn registered() {}

    pub(super) fn received(_: &EventKind) {}
}
