//! What a sandbox starts with: the same things with the same uuids every time.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::actor::Actor;
use crate::model::{
    AGENT_KIND, BASIC_KIND, Component, Customer, Key, Offering, OfferingState, OfferingUser,
    OfferingUserState, Order, OrderState, OrderType, Person, Plan, PlanPeriod, Project, Resource,
    ResourceState, Review, ServiceProvider, Usage,
};
use crate::orders::resource_state;
use crate::resources;
use crate::state::{State, month_of};

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
    pub(crate) fn new() -> Self {
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
            usage: Usage::uuid_of(ok, "cpu", month_of(Utc::now())),
            offering_user: named("offering user alice"),
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

/// Everything, with one order for each of the states.
pub(crate) fn seed(ids: &Ids, orders: &[OrderState]) -> State {
    let mut seeding = Seeding { state: State::default(), ids: *ids, clock: Utc::now() - TimeDelta::hours(2) };
    seeding.organisations();
    seeding.people();
    seeding.offerings();
    seeding.resources();
    seeding.orders(orders);
    seeding.state
}

struct Seeding {
    state: State,
    ids: Ids,
    clock: DateTime<Utc>,
}

impl Seeding {
    /// Things come one after another.
    fn tick(&mut self) -> DateTime<Utc> {
        self.clock += TimeDelta::microseconds(1137);
        self.clock
    }

    fn organisations(&mut self) {
        let ids = self.ids;
        for (uuid, name, abbreviation, slug) in [
            (ids.provider_customer, "Polar Computing Centre", "PCC", "polar-co-1"),
            (ids.consumer_customer, "University of the North", "", "universi-1"),
        ] {
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
        let created = self.tick();
        self.state.service_providers.push(ServiceProvider {
            uuid: ids.service_provider,
            customer: ids.provider_customer,
            description: "Computes".to_owned(),
            created,
        });
        for (uuid, name, slug, description) in [
            (ids.project, "Climate models", "climate--1", "Wärme und Kälte"),
            (ids.empty_project, "Empty project", "empty-pr-1", ""),
        ] {
            let created = self.tick();
            self.state.projects.push(Project {
                uuid,
                customer: ids.consumer_customer,
                name: name.to_owned(),
                slug: slug.to_owned(),
                description: description.to_owned(),
                created,
            });
        }
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
            let joined = self.tick();
            let alice = actor == Actor::Alice;
            let text = |text: &str| if alice { text.to_owned() } else { String::new() };
            self.state.people.push(Person {
                uuid: actor.uuid(),
                actor,
                first_name: first.to_owned(),
                last_name: last.to_owned(),
                native_name: text("Алиса"),
                phone_number: text("+372 5550 0000"),
                organization: text("University of the North"),
                job_title: text("Modeller"),
                civil_number: Some(text("EE0000000001")).filter(|number| !number.is_empty()),
                affiliations: if alice { vec!["member@north.example".to_owned()] } else { Vec::new() },
                joined,
                owner_of: match actor {
                    Actor::Provider => Some(ids.provider_customer),
                    Actor::Consumer => Some(ids.consumer_customer),
                    _ => None,
                },
                member_of: match actor {
                    Actor::Alice => Some((ids.project, "admin")),
                    Actor::Bob => Some((ids.project, "member")),
                    _ => None,
                },
            });
        }
        for (uuid, owner, name) in [
            (ids.keys.alice, Actor::Alice, "alice-laptop"),
            (ids.keys.alice_second, Actor::Alice, "alice-desk"),
            (ids.keys.bob, Actor::Bob, "bob-laptop"),
            (ids.keys.provider, Actor::Provider, "provider-console"),
        ] {
            // 32 bytes of key are 43 characters of base64, which hex digits are.
            let digits = uuid.simple().to_string().repeat(2);
            self.state.keys.push(Key {
                uuid,
                owner: owner.uuid(),
                name: name.to_owned(),
                public_key: format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} {name}", &digits[..43]),
            });
        }
    }

    fn offerings(&mut self) {
        let ids = self.ids;
        for (uuid, plan, name, slug, kind) in [
            (ids.offerings.slurm, ids.plans.slurm, "Polar cluster", "polar-cl-1", AGENT_KIND),
            (ids.offerings.basic, ids.plans.basic, "Consulting", "consulti-1", BASIC_KIND),
            (ids.offerings.bulk, ids.plans.bulk, "Bulk cluster", "bulk-clu-1", AGENT_KIND),
        ] {
            let components = [
                ("cpu", "CPU", "hours", Decimal::new(1, 1)),
                ("gpu", "GPU", "hours", Decimal::new(15, 1)),
                ("ram", "RAM", "GB-hours", Decimal::new(2, 2)),
            ];
            let created = self.tick();
            self.state.offerings.push(Offering {
                uuid,
                customer: ids.provider_customer,
                name: name.to_owned(),
                slug: slug.to_owned(),
                kind,
                state: OfferingState::Active,
                created,
                components: components
                    .into_iter()
                    .map(|(kind, title, unit, price)| Component {
                        uuid: named(&format!("component {name} {kind}")),
                        kind,
                        name: title,
                        unit,
                        price,
                    })
                    .collect(),
                plan: Plan { uuid: plan, name: "Standard".to_owned() },
            });
        }
    }

    /// A resource in the project, with what its state entails.
    fn resource(&mut self, offering: Uuid, name: &str, state: ResourceState, backend_id: &str) -> Resource {
        let created = self.tick();
        let uuid = named(&format!("resource {name}"));
        let mut row = resources::new(uuid, offering, self.ids.project, name, state, created);
        row.backend_id = backend_id.to_owned();
        if state != ResourceState::Creating {
            let now = Utc::now();
            let start = month_of(now).and_hms_opt(0, 0, 0).map_or(now, |midnight| midnight.and_utc());
            row.plan_period = Some(PlanPeriod { uuid: named(&format!("plan period {name}")), start });
        }
        let agent = self.state.offerings.get(offering).is_some_and(Offering::has_agent);
        if agent && state != ResourceState::Creating {
            row.scope = Some(named(&format!("scope {name}")));
        }
        row
    }

    fn resources(&mut self) {
        use ResourceState::{Creating, Erred, Ok, Terminated};
        let OfferingIds { slurm, basic, .. } = self.ids.offerings;
        for (offering, name, state, backend_id) in [
            (slurm, "slurm-ok-1", Ok, "polar_0001"),
            (slurm, "slurm-ok-2", Ok, ""),
            (basic, "basic-ok-1", Ok, ""),
            (slurm, "slurm-creating-1", Creating, ""),
            (slurm, "slurm-erred-1", Erred, "polar_0002"),
            (slurm, "slurm-terminated-1", Terminated, "polar_0003"),
        ] {
            let row = self.resource(offering, name, state, backend_id);
            self.state.resources.push(row);
        }
        let created = self.tick();
        self.state.usages.push(Usage {
            uuid: self.ids.usage,
            resource: self.ids.resources.ok,
            component: "cpu",
            month: month_of(Utc::now()),
            amount: Decimal::new(725, 2),
            description: "from the seed".to_owned(),
            recurring: false,
            created,
            date: created,
            modified_by: None,
        });
        let created = self.tick();
        self.state.offering_users.push(OfferingUser {
            uuid: self.ids.offering_user,
            offering: slurm,
            person: self.ids.users.alice,
            username: "alice01".to_owned(),
            state: OfferingUserState::Ok,
            comment: String::new(),
            comment_url: String::new(),
            created,
            modified: created,
        });
    }

    /// Each order has a resource of its own, since Waldur allows one open order on a resource.
    fn orders(&mut self, states: &[OrderState]) {
        let OfferingIds { slurm, basic, bulk } = self.ids.offerings;
        let mut seen = std::collections::HashMap::<OrderState, usize>::new();
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
            let mut row = self.resource(offering, &name, resource_state(kind, state), "");
            let uuid = named(&format!("order {name}"));
            row.orders.push(uuid);
            let agent = self.state.offerings.get(offering).is_some_and(Offering::has_agent);
            if kind == OrderType::Create && state == OrderState::Executing && agent {
                row.scope = Some(named(&format!("scope {name}")));
            }
            self.state.resources.push(row);
            let order = self.order(uuid, named(&format!("resource {name}")), offering, kind, state);
            self.state.orders.push(order);
        }
    }

    fn order(
        &mut self,
        uuid: Uuid,
        resource: Uuid,
        offering: Uuid,
        kind: OrderType,
        state: OrderState,
    ) -> Order {
        use OrderState::{Done, Erred, Executing, PendingConsumer, Rejected};
        let created = self.tick();
        let erred = state == Erred;
        let review = |by: Actor, seen: bool| if seen { Some(Review { by, at: created }) } else { None };
        let limits = if kind == OrderType::Update {
            Map::from_iter([("cpu".to_owned(), Value::from(64))])
        } else {
            Map::new()
        };
        Order {
            uuid,
            resource,
            offering,
            kind,
            state,
            limits,
            created_by: Actor::Alice,
            created,
            modified: created,
            consumer_review: review(Actor::Consumer, state != PendingConsumer),
            provider_review: review(Actor::Provider, matches!(state, Executing | Done | Erred | Rejected)),
            error_message: if erred { "The cluster is full" } else { "" }.to_owned(),
            error_traceback: if erred { "at the end of the queue" } else { "" }.to_owned(),
        }
    }
}
