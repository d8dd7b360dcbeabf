//! Orders, as a consumer sees and decides on them.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::types::{OrderErrorDetailsRequest, OrderState, RequestTypes};
use waldur_api_client::{Client, Error, builder};

use super::wait::PlacedOrderWait;
use crate::collection::collection;
use crate::confirm::{Applied, Confirm, Seen};
use crate::orders::{self, Action};
use crate::row::{self, row};

row! {
    /// An order, with the fields that a consumer needs.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Order {
        /// The order's uuid.
        pub uuid: Uuid = need "uuid",
        /// The state; `Other("")` if the server doesn't send it.
        pub state: OrderState = or_unknown "state",
        /// The type: create, update, terminate or restore; `Other("")` if the server doesn't send it.
        #[serde(rename = "type")]
        pub type_: RequestTypes = or_unknown "type",
        /// When the order was placed.
        pub created: Option<DateTime<Utc>> = optional "created",
        /// The username of who placed it.
        pub created_by_username: String = or_default "created_by_username",
        /// The marketplace resource that the order creates, changes or ends.
        pub resource_uuid: Option<Uuid> = optional "marketplace_resource_uuid",
        /// The name of that resource.
        pub resource_name: String = or_default "resource_name",
        /// The offering.
        pub offering_uuid: Option<Uuid> = optional "offering_uuid",
        /// The name of the offering.
        pub offering_name: String = or_default "offering_name",
        /// The project.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The plan.
        pub plan_uuid: Option<Uuid> = optional "plan_uuid",
        /// The limits that were ordered, by the component's type.
        pub limits: BTreeMap<String, Decimal> = or_default "limits",
        /// The attributes that were ordered: any JSON.
        pub attributes: Value = or_default "attributes",
        /// The costs.
        pub cost: Option<Decimal> = optional "cost",
        /// The day on which the order is to be carried out.
        pub start_date: Option<NaiveDate> = optional "start_date",
        /// The comment of who placed the order; empty if there is none.
        pub request_comment: String = or_default "request_comment",
        /// The provider's message; empty if there is none.
        pub provider_message: String = or_default "provider_message",
        /// Why the provider rejected the order; empty if there is no reason.
        pub provider_rejection_comment: String = or_default "provider_rejection_comment",
        /// Why the consumer's side rejected the order; empty if there is no reason.
        pub consumer_rejection_comment: String = or_default "consumer_rejection_comment",
        /// The provider's error message; empty if there is none.
        pub error_message: String = or_default "error_message",
    }
}

/// Writes `order`, the uuid, and the name of the resource.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order {}", self.uuid.simple())?;
        match self.resource_name.as_str() {
            "" => Ok(()),
            name => write!(f, " ({name})"),
        }
    }
}

impl From<&Order> for Uuid {
    fn from(order: &Order) -> Self {
        order.uuid
    }
}

/// The orders that the caller may see. Filters narrow the collection; its verbs list it. Nothing is sent
/// until a verb is called. (`marketplace_orders_list`)
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Orders {
    client: Client,
    states: Vec<OrderState>,
    types: Vec<RequestTypes>,
    project: Option<Uuid>,
    customer: Option<Uuid>,
    offering: Option<Uuid>,
    resource: Option<Uuid>,
    created: Option<DateTime<Utc>>,
    awaits_me: bool,
}

collection!(Orders, Order);

impl Orders {
    pub(super) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            states: Vec::new(),
            types: Vec::new(),
            project: None,
            customer: None,
            offering: None,
            resource: None,
            created: None,
            awaits_me: false,
        }
    }

    /// Keeps orders in `state`. Call it again to accept further states.
    pub fn state(mut self, state: OrderState) -> Self {
        self.states.push(state);
        self
    }

    /// Keeps orders of this type. Call it again to accept further types.
    pub fn of_type(mut self, type_: RequestTypes) -> Self {
        self.types.push(type_);
        self
    }

    /// Keeps orders of this project.
    pub fn project(mut self, project: impl Into<Uuid>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Keeps orders of this organization's projects.
    pub fn customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Keeps orders of this offering.
    pub fn offering(mut self, offering: impl Into<Uuid>) -> Self {
        self.offering = Some(offering.into());
        self
    }

    /// Keeps orders for this marketplace resource.
    pub fn resource(mut self, resource: impl Into<Uuid>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Keeps orders that were placed at this time or later.
    pub fn created_since(mut self, time: DateTime<Utc>) -> Self {
        self.created = Some(time);
        self
    }

    /// Keeps orders that wait for the consumer's approval, and that the caller may approve.
    pub fn to_approve(mut self) -> Self {
        self.awaits_me = true;
        self
    }

    pub(super) fn request(&self) -> builder::MarketplaceOrdersList {
        let mut list = self.client.marketplace_orders_list();
        if !self.states.is_empty() {
            list = list.state(self.states.clone());
        }
        if !self.types.is_empty() {
            list = list.type_(self.types.clone());
        }
        if let Some(uuid) = self.project {
            list = list.project_uuid(uuid);
        }
        if let Some(uuid) = self.customer {
            list = list.customer_uuid(uuid);
        }
        if let Some(uuid) = self.offering {
            list = list.offering_uuid(uuid);
        }
        if let Some(uuid) = self.resource {
            list = list.resource_uuid(uuid);
        }
        if let Some(time) = self.created {
            list = list.created(time);
        }
        if self.awaits_me {
            list = list.can_approve_as_consumer(true);
        }
        list
    }
}

/// A handle of one order. Nothing is sent until a verb is called.
///
/// Each step is sent once. If the order is already in the requested state, the result is
/// [`Applied::Already`]. If the response leaves open whether the step was applied, the order is read before
/// the result is returned.
#[derive(Clone, Debug)]
pub struct OrderHandle {
    client: Client,
    uuid: Uuid,
}

/// A decision of the consumer's side.
enum Decision {
    Approve,
    Reject(String),
}

impl Decision {
    /// Returns whether an order in this state shows the decision.
    fn is_so(&self, state: &OrderState) -> bool {
        use OrderState::{Done, Executing, PendingProject, PendingProvider, PendingStartDate, Rejected};
        match self {
            Self::Approve => {
                matches!(state, PendingProject | PendingStartDate | PendingProvider | Executing | Done)
            }
            Self::Reject(_) => matches!(state, Rejected),
        }
    }
}

impl OrderHandle {
    pub(super) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the order's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the order. (`marketplace_orders_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the order doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<Order, Error> {
        row::retrieve(self.client.marketplace_orders_retrieve().uuid(self.uuid)).await
    }

    /// Approves an order that waits for the consumer's side. (`marketplace_orders_approve_by_consumer`)
    ///
    /// Requires the permission `ORDER.APPROVE` on the project or its organization.
    ///
    /// # Errors
    /// - [`Error::is_conflict`]: the order doesn't wait for the consumer's side.
    /// - [`Error::is_not_found`]: the order doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the order can't be read.
    pub async fn approve(&self) -> Result<Applied, Error> {
        self.decide(Decision::Approve).await
    }

    /// Rejects an order that waits for the consumer's side, with a reason, which may be empty.
    /// (`marketplace_orders_reject_by_consumer`)
    ///
    /// Requires the permission `ORDER.REJECT` on the project or its organization. Who placed an order may
    /// reject it, too.
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn reject(&self, reason: impl Into<String>) -> Result<Applied, Error> {
        self.decide(Decision::Reject(reason.into())).await
    }

    /// Cancels an order that has not ended. (`marketplace_orders_cancel`)
    ///
    /// Servers accept it for offerings that no agent serves.
    ///
    /// Requires the permission `ORDER.CANCEL` on the project or its organization.
    ///
    /// # Errors
    /// Those of [`approve`](Self::approve).
    pub async fn cancel(&self) -> Result<Applied, Error> {
        orders::apply(&self.client, Confirm::new(&self.client), None, &Action::Cancel, self.uuid).await
    }

    /// Waits until the order is done, by polling, and returns its resource. (`marketplace_orders_retrieve`,
    /// `marketplace_resources_retrieve`)
    pub fn wait(&self) -> PlacedOrderWait {
        PlacedOrderWait::new(&self.client, Some(self.uuid), None)
    }

    async fn decide(&self, decision: Decision) -> Result<Applied, Error> {
        let client = &self.client;
        let send = || async {
            match &decision {
                Decision::Approve => {
                    client.marketplace_orders_approve_by_consumer().uuid(self.uuid).send().await.map(drop)
                }
                Decision::Reject(reason) => {
                    let body = OrderErrorDetailsRequest::builder().consumer_rejection_comment(reason);
                    let call = client.marketplace_orders_reject_by_consumer().uuid(self.uuid).body(body);
                    call.send().await.map(drop)
                }
            }
        };
        let look = || async {
            Ok(match self.get().await?.state {
                OrderState::Other(state) => Seen::Unclear(format!("the order's state is `{state}`")),
                state if decision.is_so(&state) => Seen::Applied(()),
                OrderState::PendingConsumer => {
                    Seen::Unchanged("the order still waits for approval".to_owned())
                }
                state => Seen::Superseded(format!("the order is {state}")),
            })
        };
        Ok(Confirm::new(client).send(send, look).await?.1)
    }
}
