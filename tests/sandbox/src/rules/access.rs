//! What a signed-in user may see and do.

use uuid::Uuid;

use crate::protocol::answer::{Answer, forbidden};
use crate::store::{
    Actor, OWNER, Offering, OfferingUser, Order, Person, Project, Resource, Role, State, Usage,
};

/// What a signed-in user may see and do.
impl State {
    pub(crate) fn owns(&self, actor: Actor, customer: Uuid) -> bool {
        self.person(actor).is_some_and(|person| person.owns(customer))
    }

    /// Returns whether the user owns the customer that provides the offering, or is staff.
    pub(crate) fn provides(&self, actor: Actor, offering: Uuid) -> bool {
        actor == Actor::Staff
            || self.offerings.get(offering).is_some_and(|offering| self.owns(actor, offering.customer))
    }

    /// Returns the offerings that the user provides, for lists that check many rows.
    pub(crate) fn provided(&self, actor: Actor) -> Vec<Uuid> {
        self.offerings.iter().map(|row| row.uuid).filter(|uuid| self.provides(actor, *uuid)).collect()
    }

    /// Returns the projects that were not removed.
    pub(crate) fn kept_projects(&self) -> impl Iterator<Item = &Project> {
        self.projects.iter().filter(|project| !project.is_removed)
    }

    /// Returns whether the user owns the project's customer, or is staff.
    pub(crate) fn consumes(&self, actor: Actor, project: Uuid) -> bool {
        actor == Actor::Staff
            || self.projects.get(project).is_some_and(|project| self.owns(actor, project.customer))
    }

    /// Returns whether the user owns the project's customer, has a role in the project, or is staff.
    pub(crate) fn sees_project(&self, actor: Actor, project: &Project) -> bool {
        actor == Actor::Staff || self.person(actor).is_some_and(|person| person_sees_project(person, project))
    }

    fn sees_project_of(&self, actor: Actor, resource: &Resource) -> bool {
        self.projects.get(resource.project).is_some_and(|project| self.sees_project(actor, project))
    }

    pub(crate) fn sees_customer(&self, actor: Actor, customer: Uuid) -> bool {
        actor == Actor::Staff
            || self.owns(actor, customer)
            || self
                .projects
                .iter()
                .any(|project| project.customer == customer && self.sees_project(actor, project))
    }

    /// Returns whether the user sees a resource in `marketplace-resources`, the consumer's view.
    pub(crate) fn sees_as_consumer(&self, actor: Actor, resource: &Resource) -> bool {
        self.sees_project_of(actor, resource)
    }

    /// Returns whether the user sees a resource in `marketplace-provider-resources`, the provider's view.
    pub(crate) fn sees_as_provider(&self, actor: Actor, resource: &Resource) -> bool {
        self.provides(actor, resource.offering)
    }

    /// Returns whether the user sees an order, as provider or as consumer.
    pub(crate) fn sees_order(&self, actor: Actor, order: &Order) -> bool {
        self.provides(actor, order.offering)
            || self
                .resources
                .get(order.resource)
                .is_some_and(|resource| self.sees_project_of(actor, resource))
    }

    pub(crate) fn sees_usage(&self, actor: Actor, usage: &Usage) -> bool {
        self.resources.get(usage.resource).is_some_and(|resource| {
            self.provides(actor, resource.offering) || self.sees_project_of(actor, resource)
        })
    }

    pub(crate) fn sees_offering(&self, actor: Actor, offering: &Offering) -> bool {
        self.provides(actor, offering.uuid)
    }

    pub(crate) fn sees_offering_user(&self, actor: Actor, account: &OfferingUser) -> bool {
        self.provides(actor, account.offering) || actor.uuid() == account.person
    }

    /// Returns whether the user sees another: themselves, users of shared projects or their customers, users
    /// of provided offerings.
    pub(crate) fn sees_person(&self, actor: Actor, person: &Person) -> bool {
        if actor == Actor::Staff || person.actor == Some(actor) {
            return true;
        }
        if self.serves(actor, person) {
            return true;
        }
        self.projects
            .iter()
            .any(|project| self.sees_project(actor, project) && person_sees_project(person, project))
    }

    /// Returns whether a user has a role in a project with a resource of the actor's offerings.
    pub(crate) fn serves(&self, actor: Actor, person: &Person) -> bool {
        self.resources.iter().any(|resource| {
            person.role_in(resource.project).is_some() && self.provides(actor, resource.offering)
        })
    }

    /// Returns whether a user may receive events of an offering: its provider, staff, and users who see a
    /// project with a resource of it.
    pub(crate) fn receives(&self, person: Uuid, offering: Uuid) -> bool {
        let Some(actor) = self.people.get(person).and_then(|person| person.actor) else { return false };
        self.provides(actor, offering)
            || self.resources.iter().any(|row| row.offering == offering && self.sees_as_consumer(actor, row))
    }

    /// Returns whether a user may receive the events of a scope: an object of this kind.
    pub(crate) fn sees_events_of(&self, actor: Actor, kind: &str, uuid: Uuid) -> bool {
        match kind {
            "customer" => actor == Actor::Staff || self.owns(actor, uuid),
            "project" => self.projects.get(uuid).is_some_and(|row| self.sees_project(actor, row)),
            "offering" => self.provides(actor, uuid),
            "resource" => self
                .resources
                .get(uuid)
                .is_some_and(|row| self.sees_as_consumer(actor, row) || self.sees_as_provider(actor, row)),
            "user" => actor == Actor::Staff || actor.uuid() == uuid,
            _ => actor == Actor::Staff,
        }
    }

    /// Refuses users other than the provider of the offering and staff.
    pub(crate) fn must_provide(&self, actor: Actor, offering: Uuid) -> Result<(), Answer> {
        if self.provides(actor, offering) { Ok(()) } else { Err(forbidden()) }
    }

    /// Returns whether the user owns the project's customer, administers or manages the project, or is staff.
    pub(crate) fn manages(&self, actor: Actor, project: Uuid) -> bool {
        let manages = |role: &Role| ["PROJECT.ADMIN", "PROJECT.MANAGER"].contains(&role.name.as_str());
        self.consumes(actor, project)
            || self
                .person(actor)
                .is_some_and(|person| person.roles.iter().any(|role| role.scope == project && manages(role)))
    }

    /// Refuses users who may not change or end resources of a project.
    pub(crate) fn must_manage(&self, actor: Actor, project: Uuid) -> Result<(), Answer> {
        if self.manages(actor, project) { Ok(()) } else { Err(forbidden()) }
    }

    /// Refuses users other than owners of the project's customer and staff.
    pub(crate) fn must_consume(&self, actor: Actor, project: Uuid) -> Result<(), Answer> {
        if self.consumes(actor, project) { Ok(()) } else { Err(forbidden()) }
    }
}

fn person_sees_project(person: &Person, project: &Project) -> bool {
    person
        .roles
        .iter()
        .any(|role| role.scope == project.uuid || (role.scope == project.customer && role.name == OWNER))
}
