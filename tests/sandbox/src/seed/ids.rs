//! The uuids of the default objects.

use uuid::Uuid;

use crate::store::{Actor, Clock, Usage, named};

/// The uuids of one object per offering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferingIds {
    /// A cluster with an agent.
    pub slurm: Uuid,
    /// A service without an agent. It supports `cancel`, but not `set_state_erred`.
    pub basic: Uuid,
    /// Another cluster with an agent. It has most of the orders.
    pub bulk: Uuid,
}

/// The uuids of the actors' users.
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

/// The uuids of SSH keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyIds {
    /// Alice's.
    pub alice: Uuid,
    /// Alice's second.
    pub alice_second: Uuid,
    /// Bob's.
    pub bob: Uuid,
    /// The provider's.
    pub provider: Uuid,
}

/// The uuids of resources without an open order, independent of the number of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceIds {
    /// OK, with a back-end id and a usage of `cpu` in the current month.
    pub ok: Uuid,
    /// OK, without a back-end id.
    pub ok_second: Uuid,
    /// OK, of the basic offering.
    pub basic_ok: Uuid,
    /// Creating; usage is refused.
    pub creating: Uuid,
    /// Erred.
    pub erred: Uuid,
    /// Terminated; usage is refused.
    pub terminated: Uuid,
}

/// The uuids of the default objects, the same in every sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The customer that provides.
    pub provider_customer: Uuid,
    /// The customer that orders.
    pub consumer_customer: Uuid,
    /// The service provider of [`Ids::provider_customer`].
    pub service_provider: Uuid,
    /// The offerings.
    pub offerings: OfferingIds,
    /// The plan of each offering.
    pub plans: OfferingIds,
    /// The consumer's project with all resources.
    pub project: Uuid,
    /// The consumer's project without resources.
    pub empty_project: Uuid,
    /// The users.
    pub users: UserIds,
    /// The SSH keys.
    pub keys: KeyIds,
    /// The resources without an open order.
    pub resources: ResourceIds,
    /// The plan period of [`ResourceIds::ok`].
    pub plan_period: Uuid,
    /// The usage of `cpu` of [`ResourceIds::ok`] in the current month.
    pub usage: Uuid,
    /// Alice's offering user at [`OfferingIds::slurm`].
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
