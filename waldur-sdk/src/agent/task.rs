//! What a back end is told of an order.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::client::Client;
use crate::error::Error;
use crate::provider::{TeamMember, limits, null_is_default};
use crate::types::{OrderState, RequestTypes};

/// How much of each component, by its type, such as `cpu`.
pub type Limits = BTreeMap<String, Decimal>;

/// An order, as far as a back end needs it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct AgentOrder {
    /// The order's uuid.
    pub uuid: Uuid,
    /// Where it stands.
    pub state: OrderState,
    /// What it asks for.
    #[serde(rename = "type")]
    pub type_: RequestTypes,
    /// The marketplace resource that it is about.
    #[serde(rename = "marketplace_resource_uuid")]
    pub resource_uuid: Uuid,
    /// Its name, as the customer chose it; empty if it has none.
    #[serde(deserialize_with = "null_is_default")]
    pub resource_name: String,
    /// The offering of that resource.
    pub offering_uuid: Uuid,
    /// The project that the resource is in.
    pub project_uuid: Uuid,
    /// Its name.
    #[serde(deserialize_with = "null_is_default")]
    pub project_name: String,
    /// Its short name; empty if there is none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub project_slug: String,
    /// The organisation of the project.
    pub customer_uuid: Uuid,
    /// Its short name; empty if there is none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub customer_slug: String,
    /// Who ordered; empty if nobody is known.
    #[serde(default, deserialize_with = "null_is_default")]
    pub created_by_username: String,
    /// The plan that the resource has, or is to have.
    #[serde(default)]
    pub plan_uuid: Option<Uuid>,
    /// The limits that are asked for; empty if the order is not about them.
    #[serde(deserialize_with = "limits")]
    pub limits: Limits,
    /// What the customer filled in.
    #[serde(deserialize_with = "null_is_default")]
    pub attributes: Map<String, Value>,
}

/// A resource, as far as it matters whether something was told already.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ResourceRow {
    // An answer that was blanked on its way has none of these, and is no answer.
    #[allow(dead_code, reason = "it has to be there")]
    offering_uuid: Uuid,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) backend_id: String,
    #[serde(deserialize_with = "limits")]
    pub(super) limits: Limits,
}

/// An order to carry out. What costs another request is asked for when it is needed, once.
#[derive(Debug)]
pub struct Task {
    client: Client,
    order: AgentOrder,
    resource: ResourceRow,
    rerun: bool,
    team: OnceCell<Vec<TeamMember>>,
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
        team.await.map(Vec::as_slice)
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

    fn read(backend_id: &Value, limits: &Value) -> Result<ResourceRow, serde_json::Error> {
        let offering = Uuid::nil();
        serde_json::from_value(
            json!({ "offering_uuid": offering, "backend_id": backend_id, "limits": limits }),
        )
    }

    #[test]
    fn limits_are_read_in_all_their_shapes() {
        let row = read(&Value::Null, &json!({ "cpu": 8, "ram": "1.50", "gpu": null, "disk": 2.5 })).unwrap();
        assert_eq!(row.backend_id, "");
        let expected = [("cpu", 80), ("disk", 25), ("ram", 15)];
        let expected = expected.map(|(name, tenths)| (name.to_owned(), Decimal::new(tenths, 1)));
        assert_eq!(row.limits, Limits::from(expected));
        assert!(read(&json!("a"), &Value::Null).unwrap().limits.is_empty());
        assert!(read(&json!("a"), &json!("")).is_err());
        assert!(
            serde_json::from_value::<ResourceRow>(json!({ "offering_uuid": Uuid::nil(), "limits": {} }))
                .is_err()
        );
    }
}
