//! Changes that requests can't read yet.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{GenericObject, OfferingUser, Order, Person, Resource, State};

/// Rows as they were before a change; `None` was not there.
pub(crate) type Before<T> = Vec<(Uuid, Option<T>)>;

/// The rows that a request has changed, as they were before. Exchanged with the tables, as they are now.
#[derive(Debug)]
pub(crate) struct Changes {
    orders: Before<Order>,
    resources: Before<Resource>,
    people: Before<Person>,
    offering_users: Before<OfferingUser>,
    generic_objects: Before<GenericObject>,
}

/// The change that is delayed, and how long the next one will be.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    late: Option<Duration>,
    pending: Option<(Instant, Changes)>,
}

impl State {
    /// Begins a request that may change something. An earlier change is committed first.
    pub(crate) fn begin_change(&mut self) {
        self.journal = Journal::default();
        let records = self.broker.lock().faults.can_delay_commits();
        self.orders.record(records);
        self.resources.record(records);
        self.people.record(records);
        self.offering_users.record(records);
        self.generic_objects.record(records);
    }

    /// Has the change of this request committed this much later.
    pub(crate) fn delay_commit(&mut self, time: Duration) {
        self.journal.late = Some(time);
    }

    /// Ends a request that may have changed something. Returns the time from which the change can be read, if
    /// it is later.
    pub(crate) fn end_change(&mut self) -> Option<Instant> {
        let changes = Changes {
            orders: self.orders.take_changes(),
            resources: self.resources.take_changes(),
            people: self.people.take_changes(),
            offering_users: self.offering_users.take_changes(),
            generic_objects: self.generic_objects.take_changes(),
        };
        let until = Instant::now() + self.journal.late.take()?;
        self.journal.pending = Some((until, changes));
        Some(until)
    }

    /// Runs a request that only reads: without the change that isn't committed yet.
    pub(crate) fn without_pending<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let pending = self.journal.pending.take().filter(|(until, _)| *until > Instant::now());
        let Some((until, mut changes)) = pending else { return read(self) };
        self.exchange(&mut changes);
        let out = read(self);
        self.exchange(&mut changes);
        self.journal.pending = Some((until, changes));
        out
    }

    fn exchange(&mut self, changes: &mut Changes) {
        self.orders.exchange(&mut changes.orders);
        self.resources.exchange(&mut changes.resources);
        self.people.exchange(&mut changes.people);
        self.offering_users.exchange(&mut changes.offering_users);
        self.generic_objects.exchange(&mut changes.generic_objects);
    }
}
