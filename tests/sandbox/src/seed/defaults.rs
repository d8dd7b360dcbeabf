//! The default objects of a sandbox.

use std::collections::HashMap;

use chrono::TimeDelta;
use rust_decimal::Decimal;

use crate::seed::Seed;
use crate::seed::{Ids, OfferingIds};
use crate::store::{
    AGENT_KIND, Actor, BASIC_KIND, CATEGORY_TITLE, Category, Clock, OWNER, OfferingUserState, OrderState,
    OrderType, ResourceState, State, category, resource_state,
};

/// The number of orders in each state, of fifty.
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

/// Returns the states of `count` orders. From nine on, each state occurs.
pub(crate) fn spread(count: usize) -> Vec<OrderState> {
    let mut fifty = Vec::with_capacity(50);
    for round in 0..15 {
        fifty.extend(SHARES.iter().filter(|(_, share)| *share > round).map(|(state, _)| *state));
    }
    fifty.into_iter().cycle().take(count).collect()
}

/// Returns the default state, with one order for each of the states; without `resources`, only customers,
/// users and offerings.
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

impl<'a> Seed<'a> {
    fn organisations(&mut self) {
        let ids = self.ids;
        self.state.categories.push(Category { uuid: category(), title: CATEGORY_TITLE.to_owned() });
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

    /// Adds orders. Each has a resource of its own, since Waldur allows one open order per resource.
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
