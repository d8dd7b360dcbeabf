//! What a back end is told of an order.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::client::Client;
use crate::error::Error;
use crate::provider::TeamMember;
use crate::row::{Rows, row};
use crate::types::{OrderState, RequestTypes};

/// How much of each component, by its type, such as `cpu`.
pub type Limits = BTreeMap<String, Decimal>;

row! {
    /// An order, as far as a back end needs it.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct AgentOrder {
        /// The order's uuid.
        pub uuid: Uuid = need "uuid",
        /// Where it stands.
        pub state: OrderState = need "state",
        /// What it asks for.
        pub type_: RequestTypes = need "type",
        /// The marketplace resource that it is about.
        pub resource_uuid: Uuid = need "marketplace_resource_uuid",
        /// Its name, as the customer chose it; empty if it has none.
        pub resource_name: String = or_default "resource_name",
        /// The offering of that resource.
        pub offering_uuid: Uuid = need "offering_uuid",
        /// The project that the resource is in.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// Its name.
        pub project_name: String = or_default "project_name",
        /// Its short name; empty if there is none.
        pub project_slug: String = or_default "project_slug",
        /// The organisation of the project.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// Its short name; empty if there is none.
        pub customer_slug: String = or_default "customer_slug",
        /// Who ordered; empty if nobody is known.
        pub created_by_username: String = or_default "created_by_username",
        /// The plan that the resource has, or is to have.
        pub plan_uuid: Option<Uuid> = optional "plan_uuid",
        /// The limits that are asked for; empty if the order is not about them.
        pub limits: Limits = exact "limits",
        /// What the customer filled in.
        pub attributes: Map<String, Value> = exact "attributes",
    }
}

row! {
    /// A resource, as far as it matters whether something was told already.
    #[derive(Clone, Debug)]
    pub(super) struct ResourceRow {
        // An answer that was blanked on its way has none of these, and is no answer.
        #[allow(dead_code, reason = "it has to be there")]
        offering_uuid: Uuid = need "offering_uuid",
        pub(super) backend_id: String = exact "backend_id",
        pub(super) limits: Limits = exact "limits",
    }
}

/// An order to carry out. What costs another request is asked for when it is needed, once.
#[derive(Debug)]
pub struct Task {
    client: Client,
    order: AgentOrder,
    resource: ResourceRow,
    rerun: bool,
    team: OnceCell<Rows<TeamMember>>,
}

impl Task {
    pub(super) fn new(client: Client, order: AgentOrder, resource: ResourceRow, rerun: bool) -> Self {
        Self { client, order, resource, rerun, team: OnceCell::new() }
    }

    /// The order, read after its approval.
    #[must_use]
    pub fn order(&self) -> &AgentOrder {
        &self.order
    }

    /// What the resource is called in the back end, if that was told before.
    #[must_use]
    pub fn backend_id(&self) -> Option<&str> {
        Some(self.resource.backend_id.as_str()).filter(|id| !id.is_empty())
    }

    /// The limits that the resource has in Waldur; those that the order asks for are [`AgentOrder::limits`].
    #[must_use]
    pub fn resource_limits(&self) -> &Limits {
        &self.resource.limits
    }

    /// Whether the order was executing before this attempt, so that an earlier one may have got somewhere.
    #[must_use]
    pub fn is_rerun(&self) -> bool {
        self.rerun
    }

    /// The members of the project, with their accounts at the offering; read once.
    /// (`marketplace_provider_resources_team_list`)
    ///
    /// Accounts are made by Waldur after the approval and take their names a little later: a back end that needs
    /// them and finds none fails with [`BackendError::transient`](super::BackendError::transient).
    ///
    /// # Errors
    /// If they can't be read.
    pub async fn team(&self) -> Result<&[TeamMember], Error> {
        let provider = self.client.provider();
        let team = self.team.get_or_try_init(|| provider.team(self.order.resource_uuid));
        team.await.map(|team| &**team)
    }

    /// The client, for whatever else a back end needs to know.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::row;

    fn read(backend_id: &Value, limits: &Value) -> Result<ResourceRow, &'static str> {
        let offering = Uuid::nil();
        row::of_json(&json!({ "offering_uuid": offering, "backend_id": backend_id, "limits": limits }))
    }

    #[test]
    fn limits_are_read_in_all_their_shapes() {
        let row = read(&Value::Null, &json!({ "cpu": 8, "ram": "1.50", "gpu": null, "disk": 2.5 })).unwrap();
        assert_eq!(row.backend_id, "");
        let expected = [("cpu", 80), ("disk", 25), ("ram", 15)];
        let expected = expected.map(|(name, tenths)| (name.to_owned(), Decimal::new(tenths, 1)));
        assert_eq!(row.limits, Limits::from(expected));
        assert!(read(&json!("a"), &Value::Null).unwrap().limits.is_empty());
        // A limit that can't be said is no missing one.
        for wrong in [json!(7), json!({ "cpu": 1e30 }), json!({ "cpu": "many" })] {
            assert_eq!(read(&json!("a"), &wrong).unwrap_err(), "limits");
        }
        let without_id = json!({ "offering_uuid": Uuid::nil(), "limits": {} });
        assert_eq!(row::of_json::<ResourceRow>(&without_id).unwrap_err(), "backend_id");
    }
}
