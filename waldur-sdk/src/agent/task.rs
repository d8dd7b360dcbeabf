//! What a back end is given: an order and its resource.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;
use uuid::Uuid;
use waldur_api_client::builder;

use crate::backend_id::BackendId;
use crate::confirm::Confirm;
use crate::outage::Outage;
use crate::resources::{BackendIdCheck, ResourceHandle, TeamMember, check_backend_id, send_backend_id};
use crate::row::{Rows, row};
use waldur_api_client::Client;
use waldur_api_client::types::{OrderState, RequestTypes};
use waldur_api_client::{Error, ErrorKind};

/// Amounts of components, by the component's type such as `cpu`.
pub type Limits = BTreeMap<String, Decimal>;

row! {
    /// An order, as a back end needs it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct AgentOrder {
        /// The order's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its state.
        pub state: OrderState = need "state",
        /// What it asks for.
        #[serde(rename = "type")]
        pub type_: RequestTypes = need "type",
        /// The resource that is ordered or changed.
        pub resource_uuid: Uuid = need "marketplace_resource_uuid",
        /// The resource's name, which the customer chose; empty if it has none.
        pub resource_name: String = or_default "resource_name",
        /// The resource's offering.
        pub offering_uuid: Uuid = need "offering_uuid",
        /// The resource's project.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The project's name.
        pub project_name: String = or_default "project_name",
        /// The project's short name; empty if it has none.
        pub project_slug: String = or_default "project_slug",
        /// The project's organisation.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// The organisation's short name; empty if it has none.
        pub customer_slug: String = or_default "customer_slug",
        /// The user who ordered; empty if the server doesn't say.
        pub created_by_username: String = or_default "created_by_username",
        /// The id that the back end gave the order while it [was at work](super::BackendError::in_progress)
        /// on it; empty if it gave none.
        pub backend_id: String = or_default "backend_id",
        /// The plan that the resource has, or is to get.
        pub plan_uuid: Option<Uuid> = optional "plan_uuid",
        /// The ordered limits; empty if the order sets none.
        pub limits: Limits = exact "limits",
        /// The values that the customer filled in.
        pub attributes: Map<String, Value> = exact "attributes",
    }
}

impl From<&AgentOrder> for Uuid {
    fn from(order: &AgentOrder) -> Self {
        order.uuid
    }
}

row! {
    /// A resource as it is in Waldur before the back end works on it.
    #[derive(Clone, Debug)]
    pub(super) struct ResourceRow {
        // An answer without it was blanked on its way, and says nothing about the id either.
        #[allow(dead_code, reason = "it has to be there")]
        offering_uuid: Uuid = need "offering_uuid",
        backend_id: String = exact "backend_id",
        limits: Limits = exact "limits",
    }
}

impl ResourceRow {
    /// Returns the id in the back end, none if it is blank.
    ///
    /// # Errors
    /// If it is longer than an id can be.
    pub(super) fn backend_id(&self) -> Result<Option<BackendId>, Error> {
        if self.backend_id.trim().is_empty() {
            return Ok(None);
        }
        BackendId::new(self.backend_id.as_str()).map(Some).map_err(|error| {
            Error::new(ErrorKind::UnexpectedResponse, error.messages().to_string())
                .with_operation(builder::MarketplaceProviderResourcesRetrieve::OPERATION)
        })
    }
}

/// The most names that [`Task::claim_backend_id`] tries.
const MOST_IDS: usize = 100;

/// An order to carry out. What costs another request is read when it is needed, and only once.
#[derive(Debug)]
pub struct Task {
    client: Client,
    outage: Arc<Outage>,
    order: AgentOrder,
    backend_id: Option<BackendId>,
    resource_limits: Limits,
    is_rerun: bool,
    team: OnceCell<Rows<TeamMember>>,
    limits: OnceCell<Limits>,
    claimed: OnceCell<BackendId>,
}

impl Task {
    pub(super) fn new(
        client: Client,
        outage: Arc<Outage>,
        order: AgentOrder,
        resource: ResourceRow,
        is_rerun: bool,
    ) -> Result<Self, Error> {
        let (backend_id, resource_limits) = (resource.backend_id()?, resource.limits);
        let (team, limits, claimed) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Ok(Self { client, outage, order, backend_id, resource_limits, is_rerun, team, limits, claimed })
    }

    /// Returns the order, as it was read after its approval.
    #[must_use]
    pub fn order(&self) -> &AgentOrder {
        &self.order
    }

    /// Returns the id that the resource has in the back end, if Waldur knows one.
    #[must_use]
    pub fn backend_id(&self) -> Option<&BackendId> {
        self.backend_id.as_ref()
    }

    /// Returns the limits that the resource is to have: the ordered ones, and for other components the
    /// amounts that the plan of the order includes, such as those of a prepaid package. The plan is read
    /// once, if the order has one. (`marketplace_plans_retrieve`)
    ///
    /// A back end of an offering whose plans include nothing saves the request by [`AgentOrder::limits`].
    ///
    /// # Errors
    /// If the plan can't be read.
    pub async fn limits(&self) -> Result<&Limits, Error> {
        let read = async || {
            let mut limits = self.order.limits.clone();
            if let Some(plan) = self.order.plan_uuid {
                for (component, amount) in self.confirm().read(|| included(&self.client, plan)).await? {
                    limits.entry(component).or_insert(amount);
                }
            }
            Ok(limits)
        };
        self.limits.get_or_try_init(read).await
    }

    /// Sets an id that no other resource of the offering has on the resource, before the back end creates it,
    /// and returns it: `wanted`, or `wanted` with the first free one of `-2`, `-3` and so on. A resource that
    /// has an id keeps it. So another attempt gets the same one, also after a restart, and finds what was
    /// created under that name. (`marketplace_provider_offerings_check_unique_backend_id`,
    /// `marketplace_provider_resources_set_backend_id`)
    ///
    /// The check and the change are separate requests: with several processes, another resource may get the
    /// id in between. The processor doesn't set the id again.
    ///
    /// ```
    /// use waldur_sdk::agent::{BackendError, Provisioned, Task};
    ///
    /// async fn create(task: &Task) -> Result<Provisioned, BackendError> {
    ///     let id = task.claim_backend_id(&format!("hpc_{}", task.order().project_slug)).await?;
    ///     // … create the account of this name, unless it exists …
    ///     Ok(id.into())
    /// }
    /// ```
    ///
    /// # Errors
    /// - [`Error::is_validation`]: the id is blank or too long, the rules of the offering don't allow it, or
    ///   a hundred names are taken.
    /// - [`Error::is_forbidden`]: the caller lacks `OFFERING.UPDATE` on the provider's organization, or
    ///   `RESOURCE.SET_BACKEND_ID`.
    /// - If the server can't be asked.
    pub async fn claim_backend_id(&self, wanted: &str) -> Result<BackendId, Error> {
        if let Some(known) = &self.backend_id {
            return Ok(known.clone());
        }
        self.claimed.get_or_try_init(|| self.claim(wanted)).await.cloned()
    }

    async fn claim(&self, wanted: &str) -> Result<BackendId, Error> {
        let (client, order, wanted) = (&self.client, &self.order, wanted.trim());
        let suffixed = |number: usize| match number {
            1 => BackendId::new(wanted),
            number => BackendId::new(format!("{wanted}-{number}")),
        };
        for number in 1..=MOST_IDS {
            let id = suffixed(number)?;
            let check = || check_backend_id(client, order.offering_uuid, id.as_str());
            let BackendIdCheck { is_taken, objections } = self.confirm().read(check).await?;
            match (is_taken, objections.is_empty()) {
                (true, _) => tracing::debug!(%id, "another resource has the id"),
                (false, false) => return Err(refused(objections.join("; "))),
                (false, true) => {
                    send_backend_id(client, self.confirm(), order.resource_uuid, id.as_str()).await?;
                    return Ok(id);
                }
            }
        }
        Err(refused(format!("backend_id: `{wanted}` and the names with suffixes up to {MOST_IDS} are taken")))
    }

    /// Returns the id that Waldur has for the resource by now.
    pub(super) fn current_backend_id(&self) -> Option<&BackendId> {
        self.claimed.get().or(self.backend_id.as_ref())
    }

    fn confirm(&self) -> Confirm<'_> {
        Confirm::new(&self.client).during(&self.outage).within(self.client.retry_policy().max_elapsed)
    }

    /// Returns the limits that the resource has in Waldur. The ordered ones are [`AgentOrder::limits`].
    #[must_use]
    pub fn resource_limits(&self) -> &Limits {
        &self.resource_limits
    }

    /// Returns whether the order was executing before this attempt, so that an earlier one may have done part
    /// of it.
    #[must_use]
    pub fn is_rerun(&self) -> bool {
        self.is_rerun
    }

    /// Returns the members of the project with their accounts at the offering. They are read once; while the
    /// server fails, they are waited for as everything else of an order is.
    /// (`marketplace_provider_resources_team_list`)
    ///
    /// Waldur creates the accounts after the approval and names them a little later. A back end that needs an
    /// account which is missing fails with [`BackendError::transient`](super::BackendError::transient).
    ///
    /// # Errors
    /// If the list can't be read.
    pub async fn team(&self) -> Result<&[TeamMember], Error> {
        let resource = ResourceHandle::new(&self.client, self.order.resource_uuid);
        let confirm = self.confirm();
        let read = || confirm.read(|| resource.team());
        self.team.get_or_try_init(read).await.map(|team| &**team)
    }

    /// Returns the client, for whatever else a back end has to read.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// Reads the amounts that a plan includes.
///
/// # Errors
/// If the plan can't be read.
async fn included(client: &Client, plan: Uuid) -> Result<Limits, Error> {
    let row = client.marketplace_plans_retrieve().uuid(plan).send().await?.into_inner();
    // An answer without it was blanked on its way, and says nothing about amounts either.
    if row.uuid.is_none() {
        let operation = builder::MarketplacePlansRetrieve::OPERATION;
        return Err(Error::new(ErrorKind::UnexpectedResponse, "no usable `uuid`").with_operation(operation));
    }
    Ok(row.quotas.into_iter().filter(|(_, amount)| !amount.is_zero()).collect())
}

fn refused(problem: String) -> Error {
    let operation = builder::MarketplaceProviderResourcesSetBackendId::OPERATION;
    Error::new(ErrorKind::Validation, problem).with_operation(operation)
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
        assert_eq!(row.backend_id().unwrap(), None);
        assert_eq!(read(&json!(" "), &Value::Null).unwrap().backend_id().unwrap(), None);
        assert_eq!(read(&json!("a"), &Value::Null).unwrap().backend_id().unwrap().unwrap(), "a");
        let long = read(&json!("x".repeat(256)), &Value::Null).unwrap();
        assert!(long.backend_id().unwrap_err().is_unexpected_response());
        let expected = [("cpu", 80), ("disk", 25), ("ram", 15)];
        let expected = expected.map(|(name, tenths)| (name.to_owned(), Decimal::new(tenths, 1)));
        assert_eq!(row.limits, Limits::from(expected));
        assert!(read(&json!("a"), &Value::Null).unwrap().limits.is_empty());
        // A limit that can't be read is not a missing one.
        for wrong in [json!(7), json!({ "cpu": 1e30 }), json!({ "cpu": "many" })] {
            assert_eq!(read(&json!("a"), &wrong).unwrap_err(), "limits");
        }
        let without_id = json!({ "offering_uuid": Uuid::nil(), "limits": {} });
        assert_eq!(row::of_json::<ResourceRow>(&without_id).unwrap_err(), "backend_id");
    }

    #[test]
    fn an_order_needs_only_what_it_is_carried_out_by() {
        let whole = json!({
            "uuid": Uuid::from_u128(1), "state": "executing", "type": "Create", "offering_uuid": Uuid::from_u128(2),
            "marketplace_resource_uuid": Uuid::from_u128(3), "limits": { "cpu": 8 }, "attributes": { "name": "a" },
        });
        let with = |field: &str, value: Value| {
            let mut order = whole.clone();
            order[field] = value;
            row::of_json::<AgentOrder>(&order)
        };
        // What other servers and languages write for nothing.
        for nothing in [json!([]), json!(""), json!(null), json!({})] {
            assert!(with("attributes", nothing.clone()).unwrap().attributes.is_empty(), "{nothing}");
            assert!(with("limits", nothing.clone()).unwrap().limits.is_empty(), "{nothing}");
            assert_eq!(with("plan_uuid", nothing).unwrap().plan_uuid, None);
        }
        assert_eq!(with("limits", json!({ "cpu": 1e30 })).unwrap_err(), "limits");
        assert_eq!(with("attributes", json!([1])).unwrap_err(), "attributes");
        assert_eq!(with("marketplace_resource_uuid", Value::Null).unwrap_err(), "marketplace_resource_uuid");
    }
}
