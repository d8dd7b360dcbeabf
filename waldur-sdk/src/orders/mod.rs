//! Orders, from approval to completion.

mod action;
mod handle;
mod provider_info;
mod wait;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{OrderState, RequestTypes};
use waldur_api_client::{Client, Error, Operation, builder};

#[cfg(feature = "agent")]
pub(crate) use self::action::state_of;
pub(crate) use self::action::{Action, apply};
pub use self::handle::OrderHandle;
#[cfg(feature = "agent")]
pub(crate) use self::provider_info::send_backend_id;
pub use self::wait::{OrderWait, UnfinishedOrder};
use crate::bulk::Bulk;
use crate::collection::collection;
use crate::confirm::{Applied, Confirm};
use crate::filter::{keep_matching, matches};
use crate::row::{Rows, row};

const LIST: &Operation = builder::MarketplaceOrdersList::OPERATION;

row! {
    /// An order, with the fields that a provider's workflows need.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Order {
        /// The order's uuid.
        pub uuid: Uuid = need "uuid",
        /// The state; `Other("")` if the server doesn't send it.
        pub state: OrderState = or_unknown "state",
        /// The type: create, update or terminate; `Other("")` if the server doesn't send it.
        #[serde(rename = "type")]
        pub type_: RequestTypes = or_unknown "type",
        /// The marketplace resource that the order creates, updates or terminates.
        pub resource_uuid: Option<Uuid> = optional "marketplace_resource_uuid",
        /// The name of that resource; empty if it has none.
        pub resource_name: String = or_default "resource_name",
        /// The offering of that resource.
        pub offering_uuid: Option<Uuid> = optional "offering_uuid",
        /// The name of that offering; empty if it has none.
        pub offering_name: String = or_default "offering_name",
        /// The provider: the organization of that offering.
        pub provider_uuid: Option<Uuid> = optional "provider_uuid",
        /// When the order was placed.
        pub created: Option<DateTime<Utc>> = optional "created",
        /// The provider's error message; empty if there is none.
        pub error_message: String = or_default "error_message",
    }
}

impl Order {
    /// Returns whether the order has ended: it is done, erred, canceled or rejected.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        use OrderState::{Canceled, Done, Erred, Rejected};
        matches!(self.state, Done | Erred | Canceled | Rejected)
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

/// The orders of a provider. Filters narrow the collection; its verbs list the orders or act on them. Nothing
/// is sent until a verb is called.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// use waldur_sdk::Utc;
/// use waldur_sdk::types::RequestTypes;
///
/// let provider = client.provider();
/// for order in provider.orders().executing().of_type(RequestTypes::Terminate).all().await? {
///     let hours = order.created.map(|created| (Utc::now() - created).num_hours());
///     println!("{order} is {}, and was placed {hours:?} hours ago", order.state);
/// }
///
/// let report = provider.orders().pending().approve_all().await?;
/// println!("{report}"); // 15 applied
/// for item in report.failures() {
///     eprintln!("{}: {}", item.target.uuid, item.outcome);
/// }
///
/// // With fields of your own: those of `types::OrderDetails`.
/// #[derive(serde::Deserialize)]
/// struct Row {
///     resource_name: String,
///     project_name: String,
/// }
/// let rows: Vec<Row> = provider.orders().executing().select().all().await?;
/// for row in rows {
///     println!("{} of {}", row.resource_name, row.project_name);
/// }
/// # Ok(())
/// # }
/// ```
///
/// A server that doesn't know a filter ignores it and lists more orders. Orders of another offering,
/// provider, resource or type than the filters say are not acted on. An order that doesn't tell is among the
/// [unreadable](crate::Report::unreadable) ones then.
///
/// Staff see the orders of all providers: filter by [`offering`](Self::offering) or
/// [`provider`](Self::provider).
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Orders {
    client: Client,
    states: Vec<OrderState>,
    types: Vec<RequestTypes>,
    resource: Option<Uuid>,
    offering: Option<Uuid>,
    provider: Option<Uuid>,
}

collection!(Orders, Order);

impl Orders {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            states: Vec::new(),
            types: Vec::new(),
            resource: None,
            offering: None,
            provider: None,
        }
    }

    /// Keeps orders in `state`. Call it again to accept further states.
    pub fn state(mut self, state: OrderState) -> Self {
        self.states.push(state);
        self
    }

    /// Keeps orders that wait for the provider's approval.
    pub fn pending(self) -> Self {
        self.state(OrderState::PendingProvider)
    }

    /// Keeps orders that are executing.
    pub fn executing(self) -> Self {
        self.state(OrderState::Executing)
    }

    /// Keeps orders of this type. Call it again to accept further types.
    pub fn of_type(mut self, type_: RequestTypes) -> Self {
        self.types.push(type_);
        self
    }

    /// Keeps orders for this marketplace resource.
    pub fn resource(mut self, resource: impl Into<Uuid>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Keeps orders of this offering.
    pub fn offering(mut self, offering: impl Into<Uuid>) -> Self {
        self.offering = Some(offering.into());
        self
    }

    /// Keeps orders of this provider's offerings, by the uuid of the provider's organization.
    pub fn provider(mut self, customer: impl Into<Uuid>) -> Self {
        self.provider = Some(customer.into());
        self
    }

    /// Returns the operation `marketplace_orders_list` with these filters.
    fn request(&self) -> builder::MarketplaceOrdersList {
        let mut list = self.client.marketplace_orders_list();
        if !self.states.is_empty() {
            list = list.state(self.states.clone());
        }
        if !self.types.is_empty() {
            list = list.type_(self.types.clone());
        }
        if let Some(uuid) = self.resource {
            list = list.resource_uuid(uuid);
        }
        if let Some(uuid) = self.provider {
            list = list.provider_uuid(uuid);
        }
        if let Some(uuid) = self.offering {
            list = list.offering_uuid(uuid);
        }
        list
    }

    /// Approves each order that matches the filters. (`marketplace_orders_approve_by_provider`)
    ///
    /// Without a filter by state, acts on [`pending`](Self::pending) orders. An order that is already
    /// approved is reported as [`Outcome::Unchanged`](crate::Outcome::Unchanged), and nothing is sent for it.
    ///
    /// Requires the permission `ORDER.APPROVE` on the provider's organization.
    ///
    /// # Errors
    /// The errors of listing the orders, such as [`Error::is_unauthenticated`]. The failure of one order is
    /// in the report.
    pub fn approve_all(self) -> Bulk<'static, Order> {
        self.or_state(OrderState::PendingProvider).each(Action::Approve)
    }

    /// Rejects each order that matches the filters. (`marketplace_orders_reject_by_provider`)
    ///
    /// `reason` is shown to the customers, and may be empty. Without a filter by state, acts on
    /// [`pending`](Self::pending) orders.
    ///
    /// Requires the permission `ORDER.REJECT` on the provider's organization.
    ///
    /// # Errors
    /// The errors of listing the orders. The failure of one order is in the report.
    pub fn reject_all(self, reason: impl Into<String>) -> Bulk<'static, Order> {
        self.or_state(OrderState::PendingProvider).each(Action::Reject { reason: reason.into() })
    }

    /// Marks each order that matches the filters as done. (`marketplace_orders_set_state_done`)
    ///
    /// The resources become OK, or terminated. Without a filter by state, acts on
    /// [`executing`](Self::executing) orders. Call this only when the back end has finished the work; Waldur
    /// cannot check.
    ///
    /// Requires the permission `ORDER.APPROVE` on the provider's organization.
    ///
    /// # Errors
    /// The errors of listing the orders. The failure of one order is in the report.
    pub fn complete_all(self) -> Bulk<'static, Order> {
        self.or_state(OrderState::Executing).each(Action::Complete)
    }

    fn or_state(self, state: OrderState) -> Self {
        if self.states.is_empty() { self.state(state) } else { self }
    }

    /// Returns whether an order matches the filters by what it is of.
    fn matches(&self, order: &Order) -> Result<bool, &'static str> {
        let is_of_type = match &order.type_ {
            _ if self.types.is_empty() => true,
            RequestTypes::Other(text) if text.is_empty() => return Err("type"),
            type_ => self.types.contains(type_),
        };
        Ok(is_of_type
            && matches(self.offering, order.offering_uuid, "offering_uuid")?
            && matches(self.provider, order.provider_uuid, "provider_uuid")?
            && matches(self.resource, order.resource_uuid, "marketplace_resource_uuid")?)
    }

    fn each(self, action: Action) -> Bulk<'static, Order> {
        let (client, action) = (self.client.clone(), Arc::new(action));
        let list = async move {
            let mut orders = self.clone().all().await?;
            keep_matching(&mut orders, LIST, |order| self.matches(order));
            Ok(orders)
        };
        Bulk::new(&client.clone(), list, move |confirm, doubt, order: &Order| {
            let step = Step { client: client.clone(), action: Arc::clone(&action), order: order.uuid };
            step.apply(confirm, doubt, Some(&order.state))
        })
    }
}

/// Returns the bulk operation that applies `action` to each of the orders with these uuids.
pub(crate) fn each_of(
    client: &Client,
    orders: impl IntoIterator<Item = impl Into<Uuid>>,
    action: Action,
) -> Bulk<'static, Uuid> {
    let orders: Rows<Uuid> = orders.into_iter().map(|order| Ok(order.into())).collect();
    let (client, action) = (client.clone(), Arc::new(action));
    Bulk::new(&client.clone(), std::future::ready(Ok(orders)), move |confirm, doubt, order: &Uuid| {
        let step = Step { client: client.clone(), action: Arc::clone(&action), order: *order };
        step.apply(confirm, doubt, None)
    })
}

/// The step of one order in a bulk operation.
struct Step {
    client: Client,
    action: Arc<Action>,
    order: Uuid,
}

impl Step {
    fn apply<'s>(
        self,
        confirm: Confirm<'s>,
        doubt: Option<Error>,
        listed: Option<&OrderState>,
    ) -> BoxFuture<'s, Result<Applied, Error>> {
        // Servers respond with 409 to a step that was applied before, so nothing is sent.
        if doubt.is_none() && listed.is_some_and(|state| self.action.is_so(state)) {
            return Box::pin(std::future::ready(Ok(Applied::Already)));
        }
        Box::pin(async move { apply(&self.client, confirm, doubt, &self.action, self.order).await })
    }
}
