//! The initial state of a sandbox: the same objects with the same uuids in every run.

mod defaults;
mod ids;
mod offerings;
mod resources;

pub use ids::{Ids, KeyIds, OfferingIds, ResourceIds, UserIds};

pub(crate) use defaults::{seed, spread};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::store::{
    AGENT_KIND, Actor, Component, ComponentProperties, Consent, Content, Customer, GenericObject, Key,
    Offering, OfferingState, OfferingUser, OfferingUserState, Order, OrderProperties, OrderState, OrderType,
    Person, Plan, PlanPeriod, Project, ProjectProperties, ROBOT_ACCOUNTS, Reference, Resource, ResourceState,
    Review, Role, Scope, ServiceProvider, State, Usage, UserUsage, category, month_of, named,
};

/// Adds objects to the initial state of a sandbox.
///
/// Uuids follow from names: the same calls in the same order give the same uuids in every run.
#[derive(Debug)]
pub struct Seed<'a> {
    state: &'a mut State,
    ids: Ids,
    clock: DateTime<Utc>,
}

impl<'a> Seed<'a> {
    pub(crate) fn new(state: &'a mut State, ids: &Ids) -> Self {
        let latest = state.orders.iter().map(|order| order.created).max();
        let start = state.now() - TimeDelta::hours(2);
        Self { state, ids: *ids, clock: latest.map_or(start, |latest| latest.max(start)) }
    }

    /// Returns the uuids of the default objects.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Returns the time of the sandbox's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.state.now()
    }

    /// Returns the creation time of the next object.
    fn tick(&mut self) -> DateTime<Utc> {
        self.clock += TimeDelta::microseconds(1137);
        self.clock
    }

    /// Adds a customer. [`Seed::role`] can give it an owner.
    pub fn customer(&mut self, name: &str) -> Uuid {
        let uuid = self.state.unused(&format!("customer {name}"));
        self.add_customer(uuid, name, "", &slug(name));
        uuid
    }

    fn add_customer(&mut self, uuid: Uuid, name: &str, abbreviation: &str, slug: &str) {
        let created = self.tick();
        self.state.customers.push(Customer {
            uuid,
            name: name.to_owned(),
            abbreviation: abbreviation.to_owned(),
            slug: slug.to_owned(),
            email: format!("{slug}@example.org"),
            created,
        });
    }

    /// Adds a project of a customer.
    pub fn project(&mut self, customer: Uuid, name: &str) -> Uuid {
        let uuid = self.state.unused(&format!("project {name}"));
        self.add_project(uuid, customer, name, &slug(name), "");
        uuid
    }

    fn add_project(&mut self, uuid: Uuid, customer: Uuid, name: &str, slug: &str, description: &str) {
        let created = self.tick();
        self.state.projects.push(Project {
            uuid,
            customer,
            name: name.to_owned(),
            slug: slug.to_owned(),
            description: description.to_owned(),
            created,
            is_removed: false,
            properties: ProjectProperties::default(),
        });
    }

    /// Adds a user without a token, who can be a member and have offering users.
    pub fn user(&mut self, username: &str, first_name: &str, last_name: &str) -> Uuid {
        let uuid = self.state.unused(&format!("user {username}"));
        self.add_person(uuid, None, username, first_name, last_name);
        uuid
    }

    fn add_person(&mut self, uuid: Uuid, actor: Option<Actor>, username: &str, first: &str, last: &str) {
        let joined = self.tick();
        let alice = actor == Some(Actor::Alice);
        let text = |text: &str| if alice { text.to_owned() } else { String::new() };
        self.state.people.push(Person {
            uuid,
            actor,
            username: username.to_owned(),
            active: true,
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            native_name: text("Алиса"),
            phone_number: text("+372 5550 0000"),
            organization: text("University of the North"),
            job_title: text("Modeller"),
            civil_number: Some(text("EE0000000001")).filter(|number| !number.is_empty()),
            affiliations: if alice {
                vec!["member@north.example".to_owned(), "staff@north.example".to_owned()]
            } else {
                Vec::new()
            },
            joined,
            roles: Vec::new(),
        });
    }

    /// Gives a user a role, such as `PROJECT.MEMBER` in a project or `CUSTOMER.OWNER` of a customer.
    pub fn role(&mut self, user: Uuid, scope: Uuid, name: &str, expires: Option<DateTime<Utc>>) {
        let created = self.tick();
        if let Some(person) = self.state.people.get_mut(user) {
            person.roles.push(Role { name: name.to_owned(), scope, created, expires, by: None });
        }
    }

    /// Adds an SSH key of a user.
    pub fn key(&mut self, user: Uuid, name: &str) -> Uuid {
        let uuid = self.state.unused(&format!("key {name}"));
        // A key of 32 bytes has 43 characters of base64; hex digits are valid base64.
        let digits = uuid.simple().to_string().repeat(2);
        self.state.keys.push(Key {
            uuid,
            owner: user,
            name: name.to_owned(),
            public_key: format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} {name}", &digits[..43]),
        });
        uuid
    }

    /// Adds an offering of a customer, with an agent and the components `cpu`, `gpu` and `ram`. A customer
    /// without a service provider gets one.
    pub fn offering(&mut self, customer: Uuid, name: &str) -> Uuid {
        let uuid = self.state.unused(&format!("offering {name}"));
        let plan = self.state.unused(&format!("plan {name}"));
        self.add_offering(uuid, plan, customer, name, &slug(name), AGENT_KIND);
        if !self.state.service_providers.iter().any(|provider| provider.customer == customer) {
            let provider = self.state.unused(&format!("service provider of {name}"));
            self.add_service_provider(provider, customer);
        }
        uuid
    }

    fn add_service_provider(&mut self, uuid: Uuid, customer: Uuid) {
        let created = self.tick();
        let description = "Computes".to_owned();
        self.state.service_providers.push(ServiceProvider { uuid, customer, description, created });
    }

    fn add_offering(
        &mut self,
        uuid: Uuid,
        plan: Uuid,
        customer: Uuid,
        name: &str,
        slug: &str,
        kind: &'static str,
    ) {
        let created = self.tick();
        self.state.offerings.push(Offering {
            uuid,
            customer,
            category: category(),
            name: name.to_owned(),
            slug: slug.to_owned(),
            kind,
            state: OfferingState::Active,
            created,
            components: Vec::new(),
            plan: Plan { uuid: plan, name: "Standard".to_owned(), archived: false },
            other_plans: Vec::new(),
            endpoints: Vec::new(),
            backend_metadata: json!({}),
            user_attributes: None,
            options: Vec::new(),
        });
        for (kind, title, unit, price) in [
            ("cpu", "CPU", "hours", Decimal::new(1, 1)),
            ("gpu", "GPU", "hours", Decimal::new(15, 1)),
            ("ram", "RAM", "GB-hours", Decimal::new(2, 2)),
        ] {
            self.component(uuid, kind, title, unit, price);
        }
    }

    /// Adds a component to an offering, billed by usage.
    pub fn component(&mut self, offering: Uuid, type_: &str, name: &str, unit: &str, price: Decimal) -> Uuid {
        let of = self.state.offerings.get(offering).map_or_else(String::new, |row| row.name.clone());
        let uuid = named(&format!("component {of} {type_}"));
        if let Some(row) = self.state.offerings.get_mut(offering) {
            let key = row.component_key(type_, uuid);
            row.components.push(Component {
                uuid,
                key,
                kind: type_.to_owned(),
                name: name.to_owned(),
                unit: unit.to_owned(),
                price: Some(price),
                properties: ComponentProperties::default(),
            });
        }
        uuid
    }

    /// Sets how a component of an offering is billed: `usage` (the default), `limit`, `fixed`, `one` (at the
    /// start) or `few` (with each change of plan).
    pub fn billing_type(&mut self, offering: Uuid, component: &str, billing_type: &str) {
        let components = self.state.offerings.get_mut(offering).map(|row| row.components.iter_mut());
        for row in components.into_iter().flatten().filter(|row| row.kind == component) {
            row.properties.billing_type = Some(billing_type.to_owned());
        }
    }

    /// Adds a plan to an offering.
    pub fn plan(&mut self, offering: Uuid, name: &str) -> Uuid {
        let uuid = self.state.unused(&format!("plan {name} of {offering}"));
        if let Some(row) = self.state.offerings.get_mut(offering) {
            row.other_plans.push(Plan { uuid, name: name.to_owned(), archived: false });
        }
        uuid
    }

    /// Adds a resource to a project. It has a plan period unless it is creating.
    pub fn resource(&mut self, offering: Uuid, project: Uuid, name: &str, state: ResourceState) -> Uuid {
        let created = self.tick();
        let uuid = self.state.unused(&format!("resource {name}"));
        let mut row = Resource::new(uuid, offering, project, name, state, created);
        if state != ResourceState::Creating {
            row.plan_period = Some(self.period(name));
        }
        self.state.resources.push(row);
        uuid
    }

    /// Gives a resource the scope object that offerings with an agent create when an order is approved.
    pub fn scope(&mut self, resource: Uuid) {
        if let Some(row) = self.state.resources.get_mut(resource)
            && self.state.offerings.get(row.offering).is_some_and(Offering::has_agent)
        {
            row.scope = Some(named(&format!("scope {}", row.name)));
        }
    }

    fn period(&self, name: &str) -> PlanPeriod {
        let now = self.state.now();
        let start = self.state.clock.month().and_hms_opt(0, 0, 0).map_or(now, |midnight| midnight.and_utc());
        PlanPeriod { uuid: named(&format!("plan period {name}")), start }
    }

    /// Gives a resource a plan period that its state doesn't imply.
    pub fn plan_period(&mut self, resource: Uuid) -> Uuid {
        let name = self.state.resources.get(resource).map_or_else(String::new, |row| row.name.clone());
        let period = self.period(&name);
        let uuid = period.uuid;
        if let Some(row) = self.state.resources.get_mut(resource) {
            row.plan_period = Some(period);
        }
        uuid
    }

    /// Sets the back-end id of a resource.
    pub fn backend_id(&mut self, resource: Uuid, backend_id: &str) {
        if let Some(row) = self.state.resources.get_mut(resource) {
            row.backend_id = backend_id.to_owned();
        }
    }

    /// Sets a resource's limit of one component.
    pub fn limit(&mut self, resource: Uuid, component: &str, limit: u64) {
        if let Some(row) = self.state.resources.get_mut(resource) {
            row.limits.insert(component.to_owned(), limit.into());
        }
    }

    /// Adds an order on a resource. The resource keeps its state: choose one that fits.
    pub fn order(&mut self, resource: Uuid, type_: OrderType, state: OrderState) -> Uuid {
        use OrderState::{Done, Erred, Executing, PendingConsumer, Rejected};
        let number = self.state.orders.iter().len() + 1;
        let uuid = self.state.unused(&format!("order {number}"));
        let created = self.tick();
        let erred = state == Erred;
        let review = |by: Actor, seen: bool| if seen { Some(Review { by, at: created }) } else { None };
        let (offering, name) = self
            .state
            .resources
            .get_mut(resource)
            .map(|row| {
                row.orders.push(uuid);
                (row.offering, row.name.clone())
            })
            .unwrap_or_default();
        self.state.orders.push(Order {
            uuid,
            resource,
            offering,
            kind: type_,
            state,
            limits: Map::new(),
            created_by: Actor::Alice,
            created,
            modified: created,
            consumer_review: review(Actor::Consumer, state != PendingConsumer),
            provider_review: review(Actor::Provider, matches!(state, Executing | Done | Erred | Rejected)),
            error_message: if erred { "The cluster is full" } else { "" }.to_owned(),
            error_traceback: if erred { "at the end of the queue" } else { "" }.to_owned(),
            backend_id: String::new(),
            attributes: Map::from_iter([("name".to_owned(), Value::from(name))]),
            plan: None,
            completed: if state.is_open() { None } else { Some(created) },
            properties: OrderProperties::default(),
        });
        uuid
    }

    /// Sets the limit of one component that an order requests.
    pub fn order_limit(&mut self, order: Uuid, component: &str, limit: u64) {
        if let Some(row) = self.state.orders.get_mut(order) {
            row.limits.insert(component.to_owned(), limit.into());
        }
    }

    /// Sets the day on which a project begins. Orders for it wait in `pending-project` until then.
    pub fn project_start_date(&mut self, project: Uuid, day: NaiveDate) {
        if let Some(row) = self.state.projects.get_mut(project) {
            row.properties.start_date = Some(day);
        }
    }

    /// Sets the start date of an order.
    pub fn start_date(&mut self, order: Uuid, day: NaiveDate) {
        if let Some(row) = self.state.orders.get_mut(order) {
            row.properties.start_date = Some(day);
        }
    }

    /// Sets who created an order. Default: [`Actor::Alice`].
    pub fn ordered_by(&mut self, order: Uuid, actor: Actor) {
        if let Some(row) = self.state.orders.get_mut(order) {
            row.created_by = actor;
        }
    }

    /// Adds the usage of a component of a resource in a month, given by any of its days.
    pub fn usage(&mut self, resource: Uuid, component: &str, month: NaiveDate, amount: Decimal) -> Uuid {
        let month = month_of(month);
        let uuid = Usage::uuid_of(resource, component, month);
        let created = self.tick();
        self.state.usages.push(Usage {
            uuid,
            resource,
            component: component.to_owned(),
            month,
            amount,
            description: "from the seed".to_owned(),
            recurring: false,
            created,
            date: created,
            modified_by: None,
        });
        uuid
    }

    /// Adds one user's share of a usage.
    pub fn user_usage(&mut self, usage: Uuid, username: &str, amount: Decimal) {
        let created = self.tick();
        let uuid = self.state.unused(&format!("user usage {usage} {username}"));
        self.state.user_usages.push(UserUsage {
            uuid,
            usage,
            offering_user: None,
            username: username.to_owned(),
            amount,
            description: String::new(),
            created,
            modified: created,
        });
    }

    /// Adds a user's account at an offering.
    pub fn offering_user(
        &mut self,
        offering: Uuid,
        user: Uuid,
        username: &str,
        state: OfferingUserState,
    ) -> Uuid {
        let created = self.tick();
        let uuid = self.state.unused(&format!("offering user {offering} {user}"));
        self.state.offering_users.push(OfferingUser {
            uuid,
            offering,
            person: user,
            username: Some(username.to_owned()).filter(|name| !name.is_empty()),
            state,
            comment: String::new(),
            comment_url: String::new(),
            restricted: false,
            consent: Consent::default(),
            propagated: None,
            created,
            modified: created,
        });
        uuid
    }

    /// Sets whether an offering user's user consented to the offering's terms, and whether newer terms
    /// require consent again. Default: no consent. Servers of late 2024 don't answer with it.
    pub fn consent(&mut self, offering_user: Uuid, has_consent: bool, requires_reconsent: bool) {
        if let Some(row) = self.state.offering_users.get_mut(offering_user) {
            row.consent = Consent { given: has_consent, outdated: requires_reconsent };
        }
    }

    /// Sets `restrict_member_access` of a resource.
    pub fn restrict_member_access(&mut self, resource: Uuid, restricted: bool) {
        if let Some(row) = self.state.resources.get_mut(resource) {
            row.properties.restrict_member_access = Some(restricted);
        }
    }

    /// Adds a robot account of a resource, in a state such as `Requested`.
    pub fn robot_account(&mut self, resource: Uuid, type_: &str, state: &str) -> Uuid {
        let created = self.tick();
        let uuid = self.state.unused(&format!("robot account {resource} {type_}"));
        self.state.generic_objects.push(GenericObject {
            uuid,
            collection: &ROBOT_ACCOUNTS,
            scope: self.state.whole(Scope { resource: Some(resource), ..Scope::default() }),
            state: state.to_owned(),
            content: Content {
                references: [("resource", Reference::One(Some(resource)))].into(),
                properties: Map::from_iter([("type".to_owned(), type_.into())]),
            },
            created,
            modified: created,
        });
        uuid
    }
}

/// Returns a slug as the server makes them: eight characters and a number.
fn slug(name: &str) -> String {
    let start: String = name.to_lowercase().replace(' ', "-").chars().take(8).collect();
    format!("{start}-1")
}
