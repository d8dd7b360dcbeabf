//! Orders that change or end a resource.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::IntoFuture;

use futures_util::future::BoxFuture;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;
use waldur_api_client::types::{
    OrderState, RequestTypes, ResourceRenewRequest, ResourceRequest, ResourceState,
    ResourceSwitchPlanRequest, ResourceTerminateRequest, ResourceUpdateLimitsRequest,
};
use waldur_api_client::{Client, Error, Number, Operation, builder};

use super::address;
use super::check::Problems;
use super::offerings::{Component, OfferingHandle};
use super::orders::{Order, Orders};
use super::placing::{Named, PlacedOrder, place};
use super::resources::read;
use crate::row::row;

const UPDATE_LIMITS: &Operation = builder::MarketplaceResourcesUpdateLimits::OPERATION;
const RESTORE: &Operation = builder::MarketplaceResourcesRestore::OPERATION;
const RENEW: &Operation = builder::MarketplaceResourcesRenew::OPERATION;
const SWITCH_PLAN: &Operation = builder::MarketplaceResourcesSwitchPlan::OPERATION;
const TERMINATE: &Operation = builder::MarketplaceResourcesTerminate::OPERATION;

row! {
    /// What an order for another plan or a restoration needs.
    struct ResourceRow {
        name: String = or_default "name",
        offering_uuid: Uuid = need "offering_uuid",
    }
}

row! {
    /// What an order for other limits needs.
    struct LimitedRow {
        offering_uuid: Uuid = need "offering_uuid",
        limits: BTreeMap<String, Decimal> = exact "limits",
    }
}

row! {
    /// Why a resource takes no order.
    struct StateRow {
        state: ResourceState = need "state",
        open_order: Option<OpenOrder> = optional "order_in_progress",
    }
}

row! {
    struct OpenOrder {
        uuid: Uuid = need "uuid",
        state: OrderState = or_unknown "state",
    }
}

impl fmt::Display for StateRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the resource is {}", self.state)?;
        match &self.open_order {
            Some(order) => write!(f, ", and its order {} is {}", order.uuid.simple(), order.state),
            None => Ok(()),
        }
    }
}

/// A change of a resource that is an order.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Limits { limits: BTreeMap<String, Decimal>, comment: Option<String> },
    Plan(Uuid),
    Renew { months: u32, limits: BTreeMap<String, Decimal>, comment: Option<String> },
    Restore,
    Terminate { attributes: Map<String, Value>, unusable: Option<String> },
}

impl Change {
    fn operation(&self) -> &'static Operation {
        match self {
            Self::Limits { .. } => UPDATE_LIMITS,
            Self::Plan(_) => SWITCH_PLAN,
            Self::Renew { .. } => RENEW,
            Self::Restore => RESTORE,
            Self::Terminate { .. } => TERMINATE,
        }
    }

    fn type_(&self) -> RequestTypes {
        match self {
            Self::Limits { .. } | Self::Plan(_) | Self::Renew { .. } => RequestTypes::Update,
            Self::Restore => RequestTypes::Restore,
            Self::Terminate { .. } => RequestTypes::Terminate,
        }
    }

    /// Returns whether an order of this type asks for the change. Limits, plan and renewal have one type.
    fn is_in(&self, order: &Order) -> bool {
        let has =
            |(type_, limit): (&String, &Decimal)| order.limits.get(type_).is_some_and(|has| has == limit);
        let months = order.attributes.get("extension_months").and_then(Value::as_u64);
        match self {
            Self::Limits { limits, .. } => months.is_none() && limits.iter().all(has),
            Self::Renew { months: wanted, limits, .. } => {
                months == Some(u64::from(*wanted))
                    && limits.iter().all(has)
                    && (!limits.is_empty() || keeps_limits(order))
            }
            Self::Plan(plan) => order.plan_uuid == Some(*plan),
            Self::Restore | Self::Terminate { .. } => true,
        }
    }
}

/// Returns whether a renewal keeps the limits that the resource had. An order that doesn't name those may.
fn keeps_limits(order: &Order) -> bool {
    let Some(old) = order.attributes.get("old_limits").and_then(Value::as_object) else { return true };
    let is_old = |(type_, limit): (&String, &Decimal)| {
        let old = old.get(type_).and_then(Value::as_number);
        old.is_some_and(|old| old.to_string().parse() == Ok(*limit))
    };
    order.limits.iter().all(is_old)
}

/// An order for a change of a resource. Awaiting it checks the change against the offering and places the
/// order.
///
/// The order is never sent twice. If its response is lost, the resource's orders are looked at.
///
/// Besides its own operation, it calls `marketplace_orders_list`; except for terminations and renewals
/// without limits `marketplace_resources_retrieve`; and for limits and plans
/// `marketplace_public_offerings_retrieve`, unless it is [`unchecked`](Self::unchecked). After a conflict it
/// calls `marketplace_resources_retrieve`.
///
/// # Errors
/// - [`Error::is_validation`]: the offering doesn't allow the change. [`Error::messages`] has all problems
///   with their fields, such as `plan`, `limits.cpu` or `extension_months`.
/// - [`Error::is_conflict`]: the state of the resource doesn't allow it, such as a termination of one that is
///   terminated, or another order is open. The message names the state and the open order.
/// - [`Error::is_not_found`]: the resource doesn't exist or is not visible to the caller.
/// - [`Error::is_forbidden`]: the caller lacks the permission.
/// - [`Error::is_unconfirmed`]: the response was lost, and the order is not there. It may still arrive.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ResourceOrder {
    client: Client,
    resource: Uuid,
    change: Change,
    is_checked: bool,
}

impl ResourceOrder {
    pub(super) fn new(client: &Client, resource: Uuid, change: Change) -> Self {
        Self { client: client.clone(), resource, change, is_checked: true }
    }

    /// Sets a comment for those who approve the order. Only orders for other limits and renewals have one;
    /// for others it is left out.
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        if let Change::Limits { comment, .. } | Change::Renew { comment, .. } = &mut self.change {
            *comment = Some(text.into());
        }
        self
    }

    /// Sets limits, by the component's type, in the component's unit. The limits of other components stay.
    /// Only orders for other limits and renewals have limits; for others they are left out.
    pub fn limits<K: Into<String>, L: Into<Decimal>>(
        mut self,
        wanted: impl IntoIterator<Item = (K, L)>,
    ) -> Self {
        if let Change::Limits { limits, .. } | Change::Renew { limits, .. } = &mut self.change {
            limits.extend(wanted.into_iter().map(|(type_, limit)| (type_.into(), limit.into())));
        }
        self
    }

    /// Sets the attributes of a termination, such as `{"action": "force_destroy"}`: a struct that derives
    /// [`Serialize`], or a map. Orders for other changes have none; for those they are left out.
    pub fn attributes(mut self, wanted: impl Serialize) -> Self {
        if let Change::Terminate { attributes, unusable } = &mut self.change {
            match serde_json::to_value(wanted) {
                Ok(Value::Object(wanted)) => attributes.extend(wanted),
                Ok(_) => *unusable = Some("the attributes are no object".to_owned()),
                Err(error) => *unusable = Some(format!("the attributes can't be written as JSON: {error}")),
            }
        }
        self
    }

    /// Sends the order without checking it against the offering. The server still checks it.
    pub fn unchecked(mut self) -> Self {
        self.is_checked = false;
        self
    }

    /// Checks the change against the offering, and completes it by what the resource has.
    ///
    /// # Errors
    /// [`Error::is_validation`] with all problems, and the errors of reading the resource or the offering.
    async fn prepare(&mut self) -> Result<Option<ResourceRow>, Error> {
        let mut problems = Problems::default();
        let operation = self.change.operation();
        let offering = async |uuid| OfferingHandle::new(&self.client, uuid).get().await;
        match &mut self.change {
            Change::Terminate { unusable, .. } => {
                unusable.iter().for_each(|problem| problems.add("attributes", problem.as_str()));
                problems.into_result(operation).map(|()| None)
            }
            Change::Renew { limits, .. } if limits.is_empty() => Ok(None),
            Change::Limits { limits, .. } if limits.is_empty() => {
                problems.add("limits", "the order sets no limit");
                problems.into_result(operation).map(|()| None)
            }
            Change::Limits { limits, .. } | Change::Renew { limits, .. } => {
                let row: LimitedRow = read(&self.client, self.resource).await?;
                let mut present = row.limits;
                if self.is_checked {
                    let offering = offering(row.offering_uuid).await?;
                    problems.check_limits(&offering, limits);
                    problems.into_result(operation)?;
                    present.retain(|type_, _| offering.component(type_).is_some_and(Component::takes_limit));
                }
                for (type_, limit) in present {
                    limits.entry(type_).or_insert(limit);
                }
                Ok(None)
            }
            Change::Plan(plan) => {
                let row: ResourceRow = read(&self.client, self.resource).await?;
                if self.is_checked {
                    problems.check_plan(&offering(row.offering_uuid).await?, *plan);
                }
                problems.into_result(operation).map(|()| Some(row))
            }
            Change::Restore => read(&self.client, self.resource).await.map(Some),
        }
    }

    /// Sends the request, and returns the uuid of the order that the response names.
    async fn send(&self, row: Option<&ResourceRow>) -> Result<Option<Uuid>, Error> {
        let offering = row.map(|row| row.offering_uuid).unwrap_or_default();
        let (client, uuid) = (&self.client, self.resource);
        let named = match &self.change {
            Change::Limits { limits, comment } => {
                let mut body = ResourceUpdateLimitsRequest::builder().limits(numbers(limits));
                if let Some(comment) = comment {
                    body = body.request_comment(comment.as_str());
                }
                client.marketplace_resources_update_limits().uuid(uuid).body(body).send().await?.into_inner()
            }
            Change::Plan(plan) => {
                let plans = format!("marketplace-public-offerings/{}/plans", offering.simple());
                let body = ResourceSwitchPlanRequest::builder().plan(address(client, &plans, *plan));
                client.marketplace_resources_switch_plan().uuid(uuid).body(body).send().await?.into_inner()
            }
            Change::Renew { months, limits, comment } => {
                let mut body = ResourceRenewRequest::builder().extension_months(i64::from(*months));
                if !limits.is_empty() {
                    body = body.limits(numbers(limits));
                }
                if let Some(comment) = comment {
                    body = body.request_comment(comment.as_str());
                }
                client.marketplace_resources_renew().uuid(uuid).body(body).send().await?.into_inner()
            }
            Change::Restore => {
                let offering = address(client, "marketplace-public-offerings", offering);
                let name = row.map(|row| row.name.as_str()).unwrap_or_default();
                let body = ResourceRequest::builder().name(name).offering(offering);
                client.marketplace_resources_restore().uuid(uuid).body(body).send().await?;
                None
            }
            Change::Terminate { attributes, .. } => {
                let mut body = ResourceTerminateRequest::builder();
                if !attributes.is_empty() {
                    body = body.attributes(Value::Object(attributes.clone()));
                }
                client.marketplace_resources_terminate().uuid(uuid).body(body).send().await?.into_inner()
            }
        };
        Ok(named.and_then(|named| named.order_uuid))
    }

    async fn run(mut self) -> Result<PlacedOrder, Error> {
        let row = self.prepare().await?;
        let (resource, type_) = (self.resource, self.change.type_());
        let send = || async {
            let order = self.send(row.as_ref()).await?;
            Ok(order.map(|order| Named { order, resource: Some(resource) }))
        };
        let is_it = |order: &Order| {
            order.type_ == type_ && order.resource_uuid == Some(resource) && self.change.is_in(order)
        };
        let list = Orders::new(&self.client).resource(resource);
        match place(&self.client, self.change.operation(), list, is_it, send).await {
            Err(conflict) if conflict.is_conflict() => Err(self.explained(conflict).await),
            result => result,
        }
    }

    /// Adds the state of the resource to a conflict: servers name only the states that they accept.
    async fn explained(&self, conflict: Error) -> Error {
        match read::<StateRow>(&self.client, self.resource).await {
            Ok(row) => conflict.with_note(row.to_string()),
            Err(_) => conflict,
        }
    }
}

/// Returns limits as requests have them.
fn numbers(limits: &BTreeMap<String, Decimal>) -> HashMap<String, Number> {
    limits.iter().map(|(type_, limit)| (type_.clone(), Number(*limit))).collect()
}

impl IntoFuture for ResourceOrder {
    type Output = Result<PlacedOrder, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
