//! Resources, and the orders on them.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Actor, Endpoint, OrderProperties, OrderState, OrderType, ResourceProperties, ResourceState};

#[derive(Clone, Debug)]
pub(crate) struct PlanPeriod {
    pub(crate) uuid: Uuid,
    pub(crate) start: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) uuid: Uuid,
    pub(crate) offering: Uuid,
    pub(crate) project: Uuid,
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) state: ResourceState,
    pub(crate) backend_id: String,
    pub(crate) backend_metadata: Value,
    pub(crate) limits: Map<String, Value>,
    pub(crate) report: Value,
    pub(crate) error_message: String,
    pub(crate) error_traceback: String,
    /// The scope object, which offerings with an agent create when an order is approved.
    pub(crate) scope: Option<Uuid>,
    pub(crate) plan_period: Option<PlanPeriod>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
    pub(crate) last_sync: DateTime<Utc>,
    /// The plan; `None` is the offering's first.
    pub(crate) plan: Option<Uuid>,
    pub(crate) properties: ResourceProperties,
    /// Its endpoints.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Its orders, oldest first.
    pub(crate) orders: Vec<Uuid>,
}

impl Resource {
    /// Returns a new resource.
    pub(crate) fn new(
        uuid: Uuid,
        offering: Uuid,
        project: Uuid,
        name: &str,
        state: ResourceState,
        created: DateTime<Utc>,
    ) -> Self {
        Self {
            uuid,
            offering,
            project,
            name: name.to_owned(),
            slug: format!("{}-1", name.chars().take(8).collect::<String>().trim_end_matches('-')),
            state,
            backend_id: String::new(),
            backend_metadata: json!({}),
            limits: Map::new(),
            report: Value::Null,
            error_message: String::new(),
            error_traceback: String::new(),
            scope: None,
            plan_period: None,
            created,
            modified: created,
            last_sync: created,
            plan: None,
            properties: ResourceProperties::default(),
            endpoints: Vec::new(),
            orders: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) by: Actor,
    pub(crate) at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) uuid: Uuid,
    pub(crate) resource: Uuid,
    pub(crate) offering: Uuid,
    pub(crate) kind: OrderType,
    pub(crate) state: OrderState,
    pub(crate) limits: Map<String, Value>,
    pub(crate) created_by: Actor,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
    pub(crate) consumer_review: Option<Review>,
    pub(crate) provider_review: Option<Review>,
    pub(crate) error_message: String,
    pub(crate) error_traceback: String,
    pub(crate) backend_id: String,
    pub(crate) attributes: Map<String, Value>,
    /// The plan that an update changes to.
    pub(crate) plan: Option<Uuid>,
    pub(crate) completed: Option<DateTime<Utc>>,
    pub(crate) properties: OrderProperties,
}

impl Order {
    pub(crate) fn begins_later(&self, now: DateTime<Utc>) -> bool {
        self.properties.start_date.is_some_and(|day| day > now.date_naive())
    }
}
