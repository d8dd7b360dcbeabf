//! The state of a deployment: typed rows and the relations between them.

mod actor;
mod clock;
mod collections;
mod generic;
mod journal;
mod names;
mod offering_users;
mod offerings;
mod people;
mod properties;
mod resources;
mod states;
mod table;
mod usages;

pub use actor::Actor;
pub use states::{OfferingState, OfferingUserState, OrderState, OrderType, ResourceState};

pub(crate) use clock::{Clock, month_of};
pub(crate) use collections::{
    AGENT_PROCESSORS, AGENT_SERVICES, BACKEND_RESOURCE_REQUESTS, BACKEND_RESOURCES,
    COMPONENT_USER_USAGE_LIMITS, COURSE_ACCOUNTS, CUSTOMER_SERVICE_ACCOUNTS, Collection, EVENT_CONSUMERS,
    EVENT_SUBSCRIPTION_QUEUES, EVENT_SUBSCRIPTIONS, INVITATIONS, Link, OFFERING_USER_ROLES,
    PROJECT_SERVICE_ACCOUNTS, ROBOT_ACCOUNTS, Writers, collection,
};
pub(crate) use generic::{Content, GenericObject, Reference, Scope};
pub(crate) use names::{CATEGORY_TITLE, OFFERING_DESCRIPTION, category, named, role_uuid};
pub(crate) use offering_users::{Consent, OfferingUser};
pub(crate) use offerings::{AGENT_KIND, BASIC_KIND, Category, Component, Endpoint, Offering, Plan};
pub(crate) use people::{Customer, Key, OWNER, Person, Project, Role, ServiceProvider};
pub(crate) use properties::{ComponentProperties, OrderProperties, ProjectProperties, ResourceProperties};
pub(crate) use resources::{Order, PlanPeriod, Resource, Review};
pub(crate) use states::{Choice, resource_state};
pub(crate) use table::{Row, Table};
pub(crate) use usages::{Usage, UserUsage};

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::broker::Broker;
use crate::release::Release;

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) release: Release,
    pub(crate) broker: Broker,
    pub(crate) customers: Table<Customer>,
    pub(crate) projects: Table<Project>,
    pub(crate) people: Table<Person>,
    pub(crate) keys: Table<Key>,
    pub(crate) service_providers: Table<ServiceProvider>,
    pub(crate) categories: Table<Category>,
    pub(crate) offerings: Table<Offering>,
    pub(crate) resources: Table<Resource>,
    pub(crate) orders: Table<Order>,
    pub(crate) usages: Table<Usage>,
    pub(crate) user_usages: Table<UserUsage>,
    pub(crate) offering_users: Table<OfferingUser>,
    pub(crate) generic_objects: Table<GenericObject>,
    /// Whether background work is done before a request is responded to.
    pub(crate) inline_workers: bool,
    journal: journal::Journal,
    made: u64,
    /// The numbers of events about each object.
    sequence_numbers: HashMap<Uuid, u64>,
    /// The number of uuids made from each name.
    names: HashMap<String, u32>,
}

impl State {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Returns a new uuid. Runs with the same requests get the same uuids.
    pub(crate) fn fresh_uuid(&mut self) -> Uuid {
        self.made += 1;
        named(&format!("made while running {}", self.made))
    }

    /// Returns the number of the next event about an object, from 1 on.
    pub(crate) fn next_sequence_number(&mut self, uuid: Uuid) -> u64 {
        let number = self.sequence_numbers.entry(uuid).or_default();
        *number += 1;
        *number
    }

    /// Returns the uuid of a name, or of the name and a number if that is taken.
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

    /// Returns whether the offering has one of these slugs; without slugs, any offering does.
    pub(crate) fn has_slug(&self, offering: Uuid, slugs: &[&str]) -> bool {
        slugs.is_empty()
            || self.offerings.get(offering).is_some_and(|offering| slugs.contains(&offering.slug.as_str()))
    }

    /// Returns the offerings of a customer.
    pub(crate) fn offerings_of(&self, customer: Uuid) -> impl Iterator<Item = &Offering> {
        self.offerings.iter().filter(move |offering| offering.customer == customer)
    }

    /// Returns the title of an offering's category.
    pub(crate) fn category_title(&self, offering: &Offering) -> &str {
        self.categories.get(offering.category).map_or("", |category| category.title.as_str())
    }

    /// Returns the open order of a resource. Waldur allows one at a time.
    pub(crate) fn open_order(&self, resource: &Resource) -> Option<&Order> {
        resource
            .orders
            .iter()
            .rev()
            .filter_map(|&uuid| self.orders.get(uuid))
            .find(|order| order.state.is_open())
    }

    /// Returns the members of a project with their roles.
    pub(crate) fn members(&self, project: Uuid) -> impl Iterator<Item = (&Person, &Role)> {
        self.people.iter().filter_map(move |person| Some((person, person.role_in(project)?)))
    }

    /// Returns the scope, completed by its resource and its project.
    pub(crate) fn whole(&self, mut scope: Scope) -> Scope {
        if let Some(row) = scope.resource.and_then(|uuid| self.resources.get(uuid)) {
            scope.offering = Some(row.offering);
            scope.project = Some(row.project);
        }
        if let Some(row) = scope.project.and_then(|uuid| self.projects.get(uuid)) {
            scope.customer = Some(row.customer);
        }
        scope
    }

    /// Returns the event consumers, which only newer servers have.
    pub(crate) fn event_consumers(&self) -> impl Iterator<Item = &GenericObject> {
        self.generic_objects.iter().filter(|row| row.is_of(&EVENT_CONSUMERS))
    }

    /// Returns the user's account at an offering.
    pub(crate) fn account(&self, offering: Uuid, person: Uuid) -> Option<&OfferingUser> {
        self.offering_users.iter().find(|account| account.offering == offering && account.person == person)
    }
}

macro_rules! rows {
    ($($name:ident),*) => {$(
        impl Row for $name {
            fn uuid(&self) -> Uuid { self.uuid }
        }
    )*};
}

rows!(
    Customer,
    Project,
    Person,
    Key,
    ServiceProvider,
    Category,
    Offering,
    Resource,
    Order,
    Usage,
    UserUsage,
    OfferingUser,
    GenericObject
);
