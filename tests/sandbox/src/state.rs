//! Everything that the deployment knows, and the ways from one thing to another.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Offset as _, Utc};
use uuid::Uuid;

use crate::actor::Actor;
use crate::documents::Document;
use crate::model::{
    Customer, Key, Offering, OfferingUser, Order, OrderState, Person, Project, Resource, Role,
    ServiceProvider, Table, Usage, UserUsage,
};
use crate::release::Release;
use crate::seed::named;

/// What time it is, and in which zone the server counts its months.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// A time that stands still; `None` is the machine's.
    pub(crate) set: Option<DateTime<Utc>>,
    pub(crate) zone: FixedOffset,
}

impl Default for Clock {
    fn default() -> Self {
        Self { set: None, zone: Utc.fix() }
    }
}

impl Clock {
    pub(crate) fn now(self) -> DateTime<Utc> {
        self.set.unwrap_or_else(Utc::now)
    }

    /// The month that a time belongs to in the server's zone.
    pub(crate) fn month_of(self, time: DateTime<Utc>) -> NaiveDate {
        month_of(time.with_timezone(&self.zone).date_naive())
    }

    pub(crate) fn month(self) -> NaiveDate {
        self.month_of(self.now())
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) release: Release,
    pub(crate) customers: Table<Customer>,
    pub(crate) projects: Table<Project>,
    pub(crate) people: Table<Person>,
    pub(crate) keys: Table<Key>,
    pub(crate) service_providers: Table<ServiceProvider>,
    pub(crate) offerings: Table<Offering>,
    pub(crate) resources: Table<Resource>,
    pub(crate) orders: Table<Order>,
    pub(crate) usages: Table<Usage>,
    pub(crate) user_usages: Table<UserUsage>,
    pub(crate) offering_users: Table<OfferingUser>,
    pub(crate) documents: Table<Document>,
    /// What workers do is done before a request is answered.
    pub(crate) inline_workers: bool,
    made: u64,
    /// How often each name was given.
    names: HashMap<String, u32>,
}

impl State {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A uuid for something made while running: the same in every run that does the same.
    pub(crate) fn fresh_uuid(&mut self) -> Uuid {
        self.made += 1;
        named(&format!("made while running {}", self.made))
    }

    /// The uuid that goes with a name, or with the name and a number if it is taken.
    pub(crate) fn unused(&mut self, name: &str) -> Uuid {
        let taken = self.names.entry(name.to_owned()).or_default();
        *taken += 1;
        if *taken == 1 { named(name) } else { named(&format!("{name} {taken}")) }
    }

    pub(crate) fn person(&self, actor: Actor) -> Option<&Person> {
        self.people.get(actor.uuid())
    }

    pub(crate) fn customer_of(&self, project: &Project) -> Option<&Customer> {
        self.customers.get(project.customer)
    }

    /// Whether the offering has one of these short names; all do if there are none.
    pub(crate) fn has_slug(&self, offering: Uuid, slugs: &[&str]) -> bool {
        slugs.is_empty()
            || self.offerings.get(offering).is_some_and(|offering| slugs.contains(&offering.slug.as_str()))
    }

    /// The order that a resource is busy with; Waldur allows one at a time.
    pub(crate) fn open_order(&self, resource: &Resource) -> Option<&Order> {
        resource
            .orders
            .iter()
            .rev()
            .filter_map(|&uuid| self.orders.get(uuid))
            .find(|order| order.state.is_open())
    }

    /// The people who work in a project.
    pub(crate) fn members(&self, project: Uuid) -> impl Iterator<Item = (&Person, &Role)> {
        self.people.iter().filter_map(move |person| Some((person, person.role_in(project)?)))
    }

    /// The account of a person at an offering.
    pub(crate) fn account(&self, offering: Uuid, person: Uuid) -> Option<&OfferingUser> {
        self.offering_users.iter().find(|account| account.offering == offering && account.person == person)
    }
}

impl OrderState {
    /// Neither ended nor given up.
    pub(crate) fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Erred | Self::Canceled | Self::Rejected)
    }
}

/// The first day of the month that a day belongs to, which is how bills are made.
pub(crate) fn month_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}
