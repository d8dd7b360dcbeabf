//! What a sandbox starts with: the same things with the same uuids every time.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::actor::Actor;
use crate::documents::{Document, Place};
use crate::model::{
    AGENT_KIND, BASIC_KIND, Component, Consent, Customer, Key, OWNER, Offering, OfferingState, OfferingUser,
    OfferingUserState, Order, OrderState, OrderType, Person, Plan, PlanPeriod, Project, ResourceState,
    Review, Role, ServiceProvider, Usage, UserUsage,
};
use crate::orders::resource_state;
use crate::resources;
use crate::state::{Clock, State};

pub(crate) const CATEGORY_TITLE: &str = "Computing";
pub(crate) const OFFERING_DESCRIPTION: &str = "Offered by the sandbox";

const NAMESPACE: Uuid = Uuid::from_u128(0x7761_6c64_7572_4073_a66e_6462_6f78_0001);

/// The uuid of whatever has this name.
pub(crate) fn named(name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

pub(crate) fn category() -> Uuid {
    static CATEGORY: LazyLock<Uuid> = LazyLock::new(|| named("category"));
    *CATEGORY
}

/// One uuid for each offering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferingIds {
    /// A cluster run by an agent.
    pub slurm: Uuid,
    /// A service run by a person; `set_state_erred` isn't for it, `cancel` is.
    pub basic: Uuid,
    /// Another one run by an agent, which has most of the orders.
    pub bulk: Uuid,
}

/// The users of the actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserIds {
    /// [`Actor::Staff`].
    pub staff: Uuid,
    /// [`Actor::Provider`].
    pub provider: Uuid,
    /// [`Actor::Consumer`].
    pub consumer: Uuid,
    /// [`Actor::Alice`].
    pub alice: Uuid,
    /// [`Actor::Bob`].
    pub bob: Uuid,
    /// [`Actor::Outsider`].
    pub outsider: Uuid,
}

/// SSH keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyIds {
    /// Of [`Actor::Alice`].
    pub alice: Uuid,
    /// Another one of hers.
    pub alice_second: Uuid,
    /// Of [`Actor::Bob`].
    pub bob: Uuid,
    /// Of [`Actor::Provider`].
    pub provider: Uuid,
}

/// Resources that no order is open on, whatever orders the sandbox is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceIds {
    /// In use, with a back-end id and a usage of its `cpu` in this month.
    pub ok: Uuid,
    /// In use, without a back-end id.
    pub ok_second: Uuid,
    /// In use, of the basic offering.
    pub basic_ok: Uuid,
    /// Not there yet: usage is refused.
    pub creating: Uuid,
    /// Failed.
    pub erred: Uuid,
    /// Gone: usage is refused.
    pub terminated: Uuid,
}

/// The uuids of what a sandbox starts with, the same in every sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The organisation that provides.
    pub provider_customer: Uuid,
    /// The organisation that orders.
    pub consumer_customer: Uuid,
    /// What makes the former a provider.
    pub service_provider: Uuid,
    /// What is offered.
    pub offerings: OfferingIds,
    /// The plan of each offering.
    pub plans: OfferingIds,
    /// The consumer's project with everything in it.
    pub project: Uuid,
    /// The consumer's other project, with nothing.
    pub empty_project: Uuid,
    /// The people.
    pub users: UserIds,
    /// Their keys.
    pub keys: KeyIds,
    /// Some resources.
    pub resources: ResourceIds,
    /// The plan period of [`ResourceIds::ok`].
    pub plan_period: Uuid,
    /// The usage of `cpu` of [`ResourceIds::ok`] in this month.
    pub usage: Uuid,
    /// Alice's account at [`OfferingIds::slurm`].
    pub offering_user: Uuid,
}

impl Ids {
    pub(crate) fn new(clock: Clock) -> Self {
        let ok = named("resource slurm-ok-1");
        let each = |what: &str| OfferingIds {
            slurm: named(&format!("{what} slurm")),
            basic: named(&format!("{what} basic")),
            bulk: named(&format!("{what} bulk")),
        };
        Self {
            provider_customer: named("customer provider"),
            consumer_customer: named("customer consumer"),
            service_provider: named("service provider"),
            offerings: each("offering"),
            plans: each("plan"),
            project: named("project climate"),
            empty_project: named("project empty"),
            users: UserIds {
                staff: Actor::Staff.uuid(),
                provider: Actor::Provider.uuid(),
                consumer: Actor::Consumer.uuid(),
                alice: Actor::Alice.uuid(),
                bob: Actor::Bob.uuid(),
                outsider: Actor::Outsider.uuid(),
            },
            keys: KeyIds {
                alice: named("key alice-laptop"),
                alice_second: named("key alice-desk"),
                bob: named("key bob-laptop"),
                provider: named("key provider-console"),
            },
            resources: ResourceIds {
                ok,
                ok_second: named("resource slurm-ok-2"),
                basic_ok: named("resource basic-ok-1"),
                creating: named("resource slurm-creating-1"),
                erred: named("resource slurm-erred-1"),
                terminated: named("resource slurm-terminated-1"),
            },
            plan_period: named("plan period slurm-ok-1"),
            usage: Usage::uuid_of(ok, "cpu", clock.month()),
            offering_user: named(&format!(
                "offering user {} {}",
                named("offering slurm"),
                Actor::Alice.uuid()
            )),
        }
    }
}

/// Of fifty orders, how many are in each state.
const SHARES: [(OrderState, usize); 9] = [
    (OrderState::PendingProvider, 15),
    (OrderState::Executing, 15),
    (OrderState::Done, 8),
    (OrderState::PendingConsumer, 3),
    (OrderState::Erred, 3),
    (OrderState::PendingProject, 2),
    (OrderState::Canceled, 2),
    (OrderState::PendingStartDate, 1),
    (OrderState::Rejected, 1),
];

/// The states of `count` orders: nine or more have each state among them.
pub(crate) fn spread(count: usize) -> Vec<OrderState> {
    let mut fifty = Vec::with_capacity(50);
    for round in 0..15 {
        fifty.extend(SHARES.iter().filter(|(_, share)| *share > round).map(|(state, _)| *state));
    }
    fifty.into_iter().cycle().take(count).collect()
}

/// Everything, with one order for each of the states; or only people and offerings.
pub(crate) fn seed(ids: &Ids, clock: Clock, orders: &[OrderState], resources: bool) -> State {
    let mut state = State::default();
    state.clock = clock;
    let mut seed = Seed::new(&mut state, ids);
    seed.organisations();
    seed.people();
    seed.offerings();
    if resources {
        seed.resources();
        seed.orders(orders);
    }
    state
}

/// What a sandbox is about to start with, to be added to.
///
/// Names make uuids: the same names in the same order give the same uuids in every run.
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

    /// The uuids of what is there already.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// What the sandbox's clock shows.
    pub fn now(&self) -> DateTime<Utc> {
        self.state.now()
    }

    /// Things come one after another.
    fn tick(&mut self) -> DateTime<Utc> {
        self.clock += TimeDelta::microseconds(1137);
        self.clock
    }

    /// An organisation. An owner of it can be named with [`Seed::role`].
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

    /// A project of an organisation.
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
            set: Map::new(),
        });
    }

    /// A user beside the actors, who can be a member and have accounts, but has no token.
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

    /// Gives a user a role, such as `PROJECT.MEMBER` in a project or `CUSTOMER.OWNER` of an organisation.
    pub fn role(&mut self, user: Uuid, scope: Uuid, name: &str, expires: Option<DateTime<Utc>>) {
        let created = self.tick();
        if let Some(person) = self.state.people.get_mut(user) {
            person.roles.push(Role { name: name.to_owned(), scope, created, expires, by: None });
        }
    }

    /// An SSH key of a user.
    pub fn key(&mut self, user: Uuid, name: &str) -> Uuid {
        let uuid = self.state.unused(&format!("key {name}"));
        // 32 bytes of key are 43 characters of base64, which hex digits are.
        let digits = uuid.simple().to_string().repeat(2);
        self.state.keys.push(Key {
            uuid,
            owner: user,
            name: name.to_owned(),
            public_key: format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} {name}", &digits[..43]),
        });
        uuid
    }

    /// An offering of an organisation, run by an agent, with the components `cpu`, `gpu` and `ram`. Any
    /// organisation that offers something is a service provider.
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
            name: name.to_owned(),
            slug: slug.to_owned(),
            kind,
            state: OfferingState::Active,
            created,
            components: Vec::new(),
            plan: Plan { uuid: plan, name: "Standard".to_owned() },
            other_plans: Vec::new(),
            endpoints: Vec::new(),
            backend_metadata: json!({}),
            user_attributes: None,
        });
        for (kind, title, unit, price) in [
            ("cpu", "CPU", "hours", Decimal::new(1, 1)),
            ("gpu", "GPU", "hours", Decimal::new(15, 1)),
            ("ram", "RAM", "GB-hours", Decimal::new(2, 2)),
        ] {
            self.component(uuid, kind, title, unit, price);
        }
    }

    /// A component of an offering, billed by use.
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
                set: Map::new(),
            });
        }
        uuid
    }

    /// How a component of an offering is billed: `usage`, which it is unless told, `limit`, `fixed`, `one`
    /// (at the start) or `few` (with each change of plan).
    pub fn billing_type(&mut self, offering: Uuid, component: &str, billing_type: &str) {
        let components = self.state.offerings.get_mut(offering).map(|row| row.components.iter_mut());
        for row in components.into_iter().flatten().filter(|row| row.kind == component) {
            row.set.insert("billing_type".to_owned(), billing_type.into());
        }
    }

    /// Another plan of an offering.
    pub fn plan(&mut self, offering: Uuid, name: &str) -> Uuid {
        let uuid = self.state.unused(&format!("plan {name} of {offering}"));
        if let Some(row) = self.state.offerings.get_mut(offering) {
            row.other_plans.push(Plan { uuid, name: name.to_owned() });
        }
        uuid
    }

    /// A resource in a project, with what its state entails: a plan period once it has been there.
    pub fn resource(&mut self, offering: Uuid, project: Uuid, name: &str, state: ResourceState) -> Uuid {
        let created = self.tick();
        let uuid = self.state.unused(&format!("resource {name}"));
        let mut row = resources::new(uuid, offering, project, name, state, created);
        if state != ResourceState::Creating {
            row.plan_period = Some(self.period(name));
        }
        self.state.resources.push(row);
        uuid
    }

    /// Gives a resource the object behind it, which an agent's offering makes once an order is approved.
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

    /// A plan period for a resource whose state doesn't entail one.
    pub fn plan_period(&mut self, resource: Uuid) -> Uuid {
        let name = self.state.resources.get(resource).map_or_else(String::new, |row| row.name.clone());
        let period = self.period(&name);
        let uuid = period.uuid;
        if let Some(row) = self.state.resources.get_mut(resource) {
            row.plan_period = Some(period);
        }
        uuid
    }

    /// What the provider's back end calls a resource.
    pub fn backend_id(&mut self, resource: Uuid, backend_id: &str) {
        if let Some(row) = self.state.resources.get_mut(resource) {
            row.backend_id = backend_id.to_owned();
        }
    }

    /// The limit of one component of a resource.
    pub fn limit(&mut self, resource: Uuid, component: &str, limit: u64) {
        if let Some(row) = self.state.resources.get_mut(resource) {
            row.limits.insert(component.to_owned(), limit.into());
        }
    }

    /// An order on a resource, which keeps its state: choose one that fits.
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
            set: Map::new(),
        });
        uuid
    }

    /// The limit of one component that an order asks for.
    pub fn order_limit(&mut self, order: Uuid, component: &str, limit: u64) {
        if let Some(row) = self.state.orders.get_mut(order) {
            row.limits.insert(component.to_owned(), limit.into());
        }
    }

    /// The day that an order is to begin on.
    pub fn start_date(&mut self, order: Uuid, day: NaiveDate) {
        if let Some(row) = self.state.orders.get_mut(order) {
            row.set.insert("start_date".to_owned(), day.to_string().into());
        }
    }

    /// Who ordered; Alice unless told.
    pub fn ordered_by(&mut self, order: Uuid, actor: Actor) {
        if let Some(row) = self.state.orders.get_mut(order) {
            row.created_by = actor;
        }
    }

    /// What was used of a component of a resource in a month, of which any day will do.
    pub fn usage(&mut self, resource: Uuid, component: &str, month: NaiveDate, amount: Decimal) -> Uuid {
        let month = month.with_day(1).unwrap_or(month);
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

    /// One account's share of a usage.
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

    /// A user's account at an offering.
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

    /// Whether the user of an account agreed to the offering's terms, and has to agree again to newer ones.
    /// Without this, nobody has agreed. A server of late 2024 doesn't say.
    pub fn consent(&mut self, offering_user: Uuid, has_consent: bool, requires_reconsent: bool) {
        if let Some(row) = self.state.offering_users.get_mut(offering_user) {
            row.consent = Consent { given: has_consent, outdated: requires_reconsent };
        }
    }

    /// Whether a resource's members are to be kept out. `restrict_member_access` of its rows says it.
    pub fn restrict_member_access(&mut self, resource: Uuid, restricted: bool) {
        if let Some(row) = self.state.resources.get_mut(resource) {
            row.set.insert("restrict_member_access".to_owned(), restricted.into());
        }
    }

    /// An account of a robot at a resource, in a state such as `Requested`.
    pub fn robot_account(&mut self, resource: Uuid, type_: &str, state: &str) -> Uuid {
        let created = self.tick();
        let uuid = self.state.unused(&format!("robot account {resource} {type_}"));
        let values =
            [("resource", resource.simple().to_string()), ("type", type_.into()), ("state", state.into())];
        let values = values.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
        let place = self.state.whole(Place { resource: Some(resource), ..Place::default() });
        let collection = "marketplace-robot-accounts";
        self.state.documents.push(Document { uuid, collection, place, created, modified: created, values });
        uuid
    }

    fn organisations(&mut self) {
        let ids = self.ids;
        self.add_customer(ids.provider_customer, "Polar Computing Centre", "PCC", "polar-co-1");
        self.add_customer(ids.consumer_customer, "University of the North", "", "universi-1");
        self.add_service_provider(ids.service_provider, ids.provider_customer);
        let customer = ids.consumer_customer;
        self.add_project(ids.project, customer, "Climate models", "climate--1", "Wärme und Kälte");
        self.add_project(ids.empty_project, customer, "Empty project", "empty-pr-1", "");
    }

    fn people(&mut self) {
        let ids = self.ids;
        for (actor, first, last) in [
            (Actor::Staff, "Sam", "Staff"),
            (Actor::Provider, "Pia", "Provider"),
            (Actor::Consumer, "Cora", "Consumer"),
            (Actor::Alice, "Alice", "Öberg"),
            (Actor::Bob, "Bob", "Berg"),
            (Actor::Outsider, "Olga", "Outsider"),
        ] {
            self.add_person(actor.uuid(), Some(actor), actor.username(), first, last);
        }
        let next_year = self.state.now() + TimeDelta::days(365);
        self.role(ids.users.provider, ids.provider_customer, OWNER, None);
        self.role(ids.users.consumer, ids.consumer_customer, OWNER, None);
        self.role(ids.users.alice, ids.project, "PROJECT.ADMIN", None);
        self.role(ids.users.bob, ids.project, "PROJECT.MEMBER", Some(next_year));
        for (owner, name) in [
            (Actor::Alice, "alice-laptop"),
            (Actor::Alice, "alice-desk"),
            (Actor::Bob, "bob-laptop"),
            (Actor::Provider, "provider-console"),
        ] {
            self.key(owner.uuid(), name);
        }
    }

    fn offerings(&mut self) {
        let Ids { offerings, plans, provider_customer, .. } = self.ids;
        for (uuid, plan, name, slug, kind) in [
            (offerings.slurm, plans.slurm, "Polar cluster", "polar-cl-1", AGENT_KIND),
            (offerings.basic, plans.basic, "Consulting", "consulti-1", BASIC_KIND),
            (offerings.bulk, plans.bulk, "Bulk cluster", "bulk-clu-1", AGENT_KIND),
        ] {
            self.add_offering(uuid, plan, provider_customer, name, slug, kind);
        }
    }

    fn resources(&mut self) {
        use ResourceState::{Creating, Erred, Ok, Terminated};
        let Ids { offerings: OfferingIds { slurm, basic, .. }, project, .. } = self.ids;
        for (offering, name, state, backend_id) in [
            (slurm, "slurm-ok-1", Ok, "polar_0001"),
            (slurm, "slurm-ok-2", Ok, ""),
            (basic, "basic-ok-1", Ok, ""),
            (slurm, "slurm-creating-1", Creating, ""),
            (slurm, "slurm-erred-1", Erred, "polar_0002"),
            (slurm, "slurm-terminated-1", Terminated, "polar_0003"),
        ] {
            let uuid = self.resource(offering, project, name, state);
            self.backend_id(uuid, backend_id);
            if state != Creating {
                self.scope(uuid);
            }
        }
        let month = self.state.clock.month();
        self.usage(self.ids.resources.ok, "cpu", month, Decimal::new(725, 2));
        self.offering_user(slurm, self.ids.users.alice, "alice01", OfferingUserState::Ok);
    }

    /// Each order has a resource of its own, since Waldur allows one open order on a resource.
    fn orders(&mut self, states: &[OrderState]) {
        let OfferingIds { slurm, basic, bulk } = self.ids.offerings;
        let mut seen = HashMap::<OrderState, usize>::new();
        for (at, &state) in states.iter().enumerate() {
            let nth = seen.entry(state).or_default();
            let kind = [
                OrderType::Create,
                OrderType::Create,
                OrderType::Update,
                OrderType::Create,
                OrderType::Terminate,
            ][*nth % 5];
            let offering = [bulk, slurm, bulk, bulk, basic, bulk][*nth % 6];
            *nth += 1;
            let name = format!("job-{:04}", at + 1);
            let resource = self.resource(offering, self.ids.project, &name, resource_state(kind, state));
            let order = self.order(resource, kind, state);
            if kind != OrderType::Create {
                self.backend_id(resource, &format!("polar_{name}"));
            }
            if kind == OrderType::Update {
                self.order_limit(order, "cpu", 64);
            }
            if kind != OrderType::Create
                || matches!(state, OrderState::Executing | OrderState::Done | OrderState::Erred)
            {
                self.scope(resource);
            }
        }
    }
}

/// As the server makes them: eight characters and a number.
fn slug(name: &str) -> String {
    let start: String = name.to_lowercase().replace(' ', "-").chars().take(8).collect();
    format!("{start}-1")
}
