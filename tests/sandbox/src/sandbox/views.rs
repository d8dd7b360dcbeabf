//! Read-only copies of the state, for assertions in tests.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::sandbox::Sandbox;
use crate::server::shared::lock;
use crate::store::{OfferingUserState, Order, OrderState, OrderType, Resource, ResourceState};

/// The state of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// The order's uuid.
    pub uuid: Uuid,
    /// Its state.
    pub state: OrderState,
    /// Its type.
    pub type_: OrderType,
    /// Its resource.
    pub resource: Uuid,
    /// The resource's offering.
    pub offering: Uuid,
}

/// The content of an order, in addition to its [`OrderView`].
#[derive(Clone, Debug, PartialEq)]
pub struct OrderContent {
    /// The id in the provider's back end; empty if unset.
    pub backend_id: String,
    /// The requested limits by component.
    pub limits: serde_json::Map<String, serde_json::Value>,
    /// The error message; empty if there is none.
    pub error_message: String,
    /// The error's details; empty if there are none.
    pub error_traceback: String,
    /// Properties that are set: `request_comment`, `provider_message`, `provider_rejection_comment`, …
    pub properties: serde_json::Map<String, serde_json::Value>,
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        Self {
            uuid: order.uuid,
            state: order.state,
            type_: order.kind,
            resource: order.resource,
            offering: order.offering,
        }
    }
}

/// The state of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceView {
    /// The resource's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ResourceState,
    /// The id in the provider's back end; empty if unset.
    pub backend_id: String,
    /// Its offering.
    pub offering: Uuid,
    /// Its project.
    pub project: Uuid,
    /// The plan period that usage can be reported for.
    pub plan_period: Option<Uuid>,
    /// The limits by component.
    pub limits: serde_json::Map<String, serde_json::Value>,
    /// The report submitted last; null if there is none.
    pub report: serde_json::Value,
    /// The error message; empty if there is none.
    pub error_message: String,
    /// The metadata from the back end.
    pub backend_metadata: serde_json::Value,
    /// Names and addresses of its endpoints.
    pub endpoints: Vec<(String, String)>,
    /// Properties that are set: `paused`, `downscaled`, `restrict_member_access`, `end_date`, `options`, …
    pub properties: serde_json::Map<String, serde_json::Value>,
}

impl From<&Resource> for ResourceView {
    fn from(row: &Resource) -> Self {
        Self {
            uuid: row.uuid,
            name: row.name.clone(),
            state: row.state,
            backend_id: row.backend_id.clone(),
            offering: row.offering,
            project: row.project,
            plan_period: row.plan_period.as_ref().map(|period| period.uuid),
            limits: row.limits.clone(),
            report: row.report.clone(),
            error_message: row.error_message.clone(),
            backend_metadata: row.backend_metadata.clone(),
            endpoints: row.endpoints.iter().map(|row| (row.name.clone(), row.url.clone())).collect(),
            properties: row.properties.to_map(|_| true),
        }
    }
}

/// The state of a generic object, such as a robot account: one of a collection that has few rules of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct GenericObjectView {
    /// Its uuid.
    pub uuid: Uuid,
    /// Its state; empty if the collection has no states.
    pub state: String,
    /// Its resource.
    pub resource: Option<Uuid>,
    /// The offering.
    pub offering: Option<Uuid>,
    /// The project.
    pub project: Option<Uuid>,
    /// Its properties as sent or set since. References are uuids, where requests have addresses.
    pub properties: serde_json::Map<String, serde_json::Value>,
}

/// The usage of one component of one resource in one month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageView {
    /// The usage's uuid.
    pub uuid: Uuid,
    /// The resource.
    pub resource: Uuid,
    /// The component's type, such as `cpu`.
    pub component: String,
    /// The first day of the month.
    pub period: NaiveDate,
    /// The amount, exactly as reported.
    pub amount: Decimal,
    /// The provider's description.
    pub description: String,
}

/// One user's share of a usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserUsageView {
    /// The usage that it is a share of.
    pub usage: Uuid,
    /// The user's name at the offering.
    pub username: String,
    /// The amount.
    pub amount: Decimal,
}

/// The state of an offering user: a user's account at an offering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferingUserView {
    /// Its uuid.
    pub uuid: Uuid,
    /// The offering.
    pub offering: Uuid,
    /// The user.
    pub user: Uuid,
    /// The user's name at the offering; empty if unset.
    pub username: String,
    /// Its state.
    pub state: OfferingUserState,
}

impl Sandbox {
    /// Returns an order.
    pub fn order(&self, uuid: Uuid) -> Option<OrderView> {
        lock(&self.shared.state).orders.get(uuid).map(OrderView::from)
    }

    /// Returns the content of an order.
    pub fn order_content(&self, uuid: Uuid) -> Option<OrderContent> {
        lock(&self.shared.state).orders.get(uuid).map(|order| OrderContent {
            backend_id: order.backend_id.clone(),
            limits: order.limits.clone(),
            error_message: order.error_message.clone(),
            error_traceback: order.error_traceback.clone(),
            properties: order.properties.to_map(|_| true),
        })
    }

    /// Returns all orders, oldest first.
    pub fn orders(&self) -> Vec<OrderView> {
        lock(&self.shared.state).orders.iter().map(OrderView::from).collect()
    }

    /// Returns a resource.
    pub fn resource(&self, uuid: Uuid) -> Option<ResourceView> {
        lock(&self.shared.state).resources.get(uuid).map(ResourceView::from)
    }

    /// Returns all resources, oldest first.
    pub fn resources(&self) -> Vec<ResourceView> {
        lock(&self.shared.state).resources.iter().map(ResourceView::from).collect()
    }

    /// Returns all usages, oldest first.
    pub fn usages(&self) -> Vec<UsageView> {
        lock(&self.shared.state)
            .usages
            .iter()
            .map(|usage| UsageView {
                uuid: usage.uuid,
                resource: usage.resource,
                component: usage.component.clone(),
                period: usage.month,
                amount: usage.amount,
                description: usage.description.clone(),
            })
            .collect()
    }

    /// Returns all shares of usages, oldest first.
    pub fn user_usages(&self) -> Vec<UserUsageView> {
        lock(&self.shared.state)
            .user_usages
            .iter()
            .map(|row| UserUsageView { usage: row.usage, username: row.username.clone(), amount: row.amount })
            .collect()
    }

    /// Returns all offering users, oldest first.
    pub fn offering_users(&self) -> Vec<OfferingUserView> {
        lock(&self.shared.state)
            .offering_users
            .iter()
            .map(|row| OfferingUserView {
                uuid: row.uuid,
                offering: row.offering,
                user: row.person,
                username: row.username.clone().unwrap_or_default(),
                state: row.state,
            })
            .collect()
    }

    /// Returns the generic objects of a collection, such as `marketplace-robot-accounts`, oldest first.
    pub fn documents(&self, collection: &str) -> Vec<GenericObjectView> {
        lock(&self.shared.state)
            .generic_objects
            .iter()
            .filter(|row| row.collection.name == collection)
            .map(|row| GenericObjectView {
                uuid: row.uuid,
                state: row.state.clone(),
                resource: row.scope.resource,
                offering: row.scope.offering,
                project: row.scope.project,
                properties: row.to_map(),
            })
            .collect()
    }

    /// Returns the members of a project: username and role, such as `PROJECT.ADMIN`.
    pub fn members(&self, project: Uuid) -> Vec<(String, String)> {
        lock(&self.shared.state)
            .members(project)
            .map(|(person, role)| (person.username().to_owned(), role.name.clone()))
            .collect()
    }

    /// Returns the types of an offering's components, in their order.
    pub fn components(&self, offering: Uuid) -> Vec<String> {
        lock(&self.shared.state)
            .offerings
            .get(offering)
            .map(|row| row.components.iter().map(|component| component.kind.clone()).collect())
            .unwrap_or_default()
    }
}
