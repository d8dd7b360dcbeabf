//! Offerings with their components, plans and endpoints.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{ComponentProperties, OfferingState};

/// The type of offerings with an agent.
pub(crate) const AGENT_KIND: &str = "Marketplace.Slurm";

/// The type of offerings without an agent.
pub(crate) const BASIC_KIND: &str = "Marketplace.Basic";

/// A component of an offering, billed by usage by default.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) uuid: Uuid,
    pub(crate) kind: String,
    /// The name from which the uuids of its usages are made: its first type, or its uuid if another component
    /// has that.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) unit: String,
    /// The price in all plans of the offering; `None` for a component added later, which is in no plan.
    pub(crate) price: Option<Decimal>,
    pub(crate) properties: ComponentProperties,
}

impl Component {
    /// Returns `usage`, `limit`, `fixed`, `one` or `few`.
    pub(crate) fn billing_type(&self) -> &str {
        self.properties.billing_type.as_deref().unwrap_or("usage")
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) archived: bool,
}

/// An address of an offering or a resource.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) url: String,
}

/// A category of the marketplace.
#[derive(Clone, Debug)]
pub(crate) struct Category {
    pub(crate) uuid: Uuid,
    pub(crate) title: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Offering {
    pub(crate) uuid: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) category: Uuid,
    pub(crate) name: String,
    pub(crate) slug: String,
    /// [`AGENT_KIND`] or [`BASIC_KIND`].
    pub(crate) kind: &'static str,
    pub(crate) state: OfferingState,
    pub(crate) created: DateTime<Utc>,
    pub(crate) components: Vec<Component>,
    pub(crate) plan: Plan,
    /// Further plans, used only by orders that name them.
    pub(crate) other_plans: Vec<Plan>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) backend_metadata: Value,
    /// The attributes of users that the provider sees; `None` until they are set.
    pub(crate) user_attributes: Option<Map<String, Value>>,
    /// The attributes that orders have, in the order of the form: names and options.
    pub(crate) options: Vec<(String, Value)>,
}

impl Offering {
    pub(crate) fn has_agent(&self) -> bool {
        self.kind == AGENT_KIND
    }

    /// Returns one of its plans.
    pub(crate) fn plan(&self, uuid: Uuid) -> Option<&Plan> {
        std::iter::once(&self.plan).chain(&self.other_plans).find(|plan| plan.uuid == uuid)
    }

    /// Returns the key of a new component of this type.
    pub(crate) fn component_key(&self, kind: &str, uuid: Uuid) -> String {
        let taken = self.components.iter().any(|component| component.key == kind);
        if taken { uuid.to_string() } else { kind.to_owned() }
    }

    pub(crate) fn component(&self, kind: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.kind == kind)
    }
}
