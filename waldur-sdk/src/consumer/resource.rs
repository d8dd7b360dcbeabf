//! One resource: changed and ended by orders, described without.

use std::collections::{BTreeMap, HashMap};
use std::future::IntoFuture;

use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;
use waldur_api_client::types::{
    self, PatchedResourceUpdateRequest, RequestTypes, ResourceRenewRequest, ResourceRequest,
    ResourceSwitchPlanRequest, ResourceTerminateRequest, ResourceUpdateLimitsRequest,
};
use waldur_api_client::{Client, Error, Nullable, Number, Operation, builder};

use super::address;
use super::check::Problems;
use super::offerings::OfferingHandle;
use super::orders::{Order, Orders};
use super::placing::{Named, PlacedOrder, place};
use super::resources::{Resource, read};
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::row;

const UPDATE_LIMITS: &Operation = builder::MarketplaceResourcesUpdateLimits::OPERATION;
const RESTORE: &Operation = builder::MarketplaceResourcesRestore::OPERATION;
const RENEW: &Operation = builder::MarketplaceResourcesRenew::OPERATION;
const SWITCH_PLAN: &Operation = builder::MarketplaceResourcesSwitchPlan::OPERATION;
const TERMINATE: &Operation = builder::MarketplaceResourcesTerminate::OPERATION;

row! {
    /// What an order for another plan or other limits is checked against.
    struct OfferingRow {
        name: String = or_default "name",
        offering_uuid: Uuid = need "offering_uuid",
    }
}

row! {
    struct EditedRow {
        name: String = or_default "name",
        description: String = or_default "description",
        end_date: Option<NaiveDate> = optional "end_date",
    }
}

impl EditedRow {
    /// Begins a change that keeps the end date: servers remove one that isn't sent.
    fn kept(&self) -> types::builder::PatchedResourceUpdateRequest {
        let body = PatchedResourceUpdateRequest::builder();
        match self.end_date {
            Some(day) => body.end_date(Nullable::Value(day)),
            None => body,
        }
    }
}

/// A handle of one resource. Nothing is sent until a verb is called.
///
/// A change of limits or plan, a renewal, a restoration and a termination are orders: they may need
/// approvals, and can be waited for. A name, a description and an end date are set at once.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::builder().seed(|seed| {
/// #     let slurm = seed.ids().offerings.slurm;
/// #     seed.billing_type(slurm, "cpu", "limit");
/// # }).start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Consumer)).build()?;
/// # let uuid = sandbox.ids().resources.ok;
/// let resource = client.consumer().resource(uuid);
/// resource.rename("waves-2").await?;
/// let order = resource.set_limits([("cpu", 32)]).await?;
/// # let provider = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # provider.provider().order(order.order_uuid.ok_or("none")?).approve().await?;
/// # provider.provider().order(order.order_uuid.ok_or("none")?).set_done().await?;
/// let changed = order.wait().await?;
/// println!("{:?}", changed.limits);
/// let order = resource.terminate().await?;
/// println!("{:?}", order.order_uuid);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ResourceHandle {
    client: Client,
    uuid: Uuid,
}

impl ResourceHandle {
    pub(super) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the resource's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the resource. (`marketplace_resources_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the resource doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<Resource, Error> {
        read(&self.client, self.uuid).await
    }

    /// Returns the orders for the resource, to narrow and to list them.
    pub fn orders(&self) -> Orders {
        Orders::new(&self.client).resource(self.uuid)
    }

    /// Orders other limits, by the component's type, in the component's unit.
    /// (`marketplace_resources_update_limits`)
    ///
    /// Requires the permission `RESOURCE.SET_LIMITS` on the project or its organization.
    pub fn set_limits<K: Into<String>, L: Into<Decimal>>(
        &self,
        limits: impl IntoIterator<Item = (K, L)>,
    ) -> ResourceOrder {
        let limits = limits.into_iter().map(|(type_, limit)| (type_.into(), limit.into())).collect();
        ResourceOrder::new(self, Change::Limits { limits, comment: None })
    }

    /// Orders another plan. (`marketplace_resources_switch_plan`)
    ///
    /// Requires the permission `RESOURCE.SET_PLAN` on the project or its organization.
    pub fn set_plan(&self, plan: impl Into<Uuid>) -> ResourceOrder {
        ResourceOrder::new(self, Change::Plan(plan.into()))
    }

    /// Orders a renewal, which moves the end date by this number of months. (`marketplace_resources_renew`)
    ///
    /// Servers accept 12 to 60 months. The limits are kept, unless [`limits`](ResourceOrder::limits) sets
    /// others for the new period.
    ///
    /// Requires the permission `RESOURCE.SET_LIMITS` on the project or its organization.
    pub fn renew(&self, months: u32) -> ResourceOrder {
        ResourceOrder::new(self, Change::Renew { months, limits: BTreeMap::new(), comment: None })
    }

    /// Orders the restoration of a resource that was terminated. (`marketplace_resources_restore`)
    ///
    /// Servers have it for some types of offerings only.
    pub fn restore(&self) -> ResourceOrder {
        ResourceOrder::new(self, Change::Restore)
    }

    /// Orders the termination of the resource. (`marketplace_resources_terminate`)
    ///
    /// Requires the permission `RESOURCE.TERMINATE` on the project or its organization.
    pub fn terminate(&self) -> ResourceOrder {
        ResourceOrder::new(self, Change::Terminate { attributes: Map::new(), unusable: None })
    }

    /// Sets the name of the resource, at once. (`marketplace_resources_partial_update`)
    ///
    /// Requires the permission `RESOURCE.UPDATE` on the project or its organization.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: the server doesn't accept the name.
    /// - [`Error::is_not_found`]: the resource doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the resource can't be read.
    pub async fn rename(&self, name: impl Into<String>) -> Result<Applied, Error> {
        let name = name.into();
        let now: EditedRow = read(&self.client, self.uuid).await?;
        if now.name == name {
            return Ok(Applied::Already);
        }
        let body = now.kept().name(name.as_str());
        let call = self.client.marketplace_resources_partial_update().uuid(self.uuid).body(body);
        self.edit(call, |now| now.name == name).await
    }

    /// Sets the description of the resource, at once. (`marketplace_resources_partial_update`)
    ///
    /// Requires the permission `RESOURCE.UPDATE` on the project or its organization.
    ///
    /// # Errors
    /// Those of [`rename`](Self::rename).
    pub async fn set_description(&self, text: impl Into<String>) -> Result<Applied, Error> {
        let text = text.into();
        let now: EditedRow = read(&self.client, self.uuid).await?;
        if now.description == text {
            return Ok(Applied::Already);
        }
        let body = now.kept().description(text.as_str());
        let call = self.client.marketplace_resources_partial_update().uuid(self.uuid).body(body);
        self.edit(call, |now| now.description == text).await
    }

    /// Sets the last day of the resource, or removes it with `None`, at once.
    /// (`marketplace_resources_partial_update`)
    ///
    /// Requires the permission `RESOURCE.UPDATE` on the project or its organization.
    ///
    /// # Errors
    /// Those of [`rename`](Self::rename).
    pub async fn set_end_date(&self, day: Option<NaiveDate>) -> Result<Applied, Error> {
        let body = PatchedResourceUpdateRequest::builder();
        let body = body.end_date(day.map_or(Nullable::Null, Nullable::Value));
        let call = self.client.marketplace_resources_partial_update().uuid(self.uuid).body(body);
        self.edit(call, |now| now.end_date == day).await
    }

    async fn edit(
        &self,
        call: builder::MarketplaceResourcesPartialUpdate,
        is_so: impl Fn(&EditedRow) -> bool,
    ) -> Result<Applied, Error> {
        let send = || async { call.clone().send().await.map(drop) };
        let look = || async {
            Ok(match is_so(&read(&self.client, self.uuid).await?) {
                true => Seen::Applied(()),
                false => Seen::Unchanged("the resource shows another value".to_owned()),
            })
        };
        Ok(Confirm::new(&self.client).after(Error::is_ambiguous).send(send, look).await?.1)
    }
}

/// A change of a resource that is an order.
#[derive(Clone, Debug)]
enum Change {
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
                months == Some(u64::from(*wanted)) && limits.iter().all(has)
            }
            Self::Plan(plan) => order.plan_uuid == Some(*plan),
            Self::Restore | Self::Terminate { .. } => true,
        }
    }
}

/// An order for a change of a resource. Awaiting it checks the change against the offering and places the
/// order.
///
/// The order is never sent twice. If its response is lost, the resource's orders are looked at.
///
/// # Errors
/// - [`Error::is_validation`]: the offering doesn't allow the change. [`Error::messages`] has all problems
///   with their fields.
/// - [`Error::is_conflict`]: the state of the resource doesn't allow it, or another order is open.
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
    fn new(resource: &ResourceHandle, change: Change) -> Self {
        Self { client: resource.client.clone(), resource: resource.uuid, change, is_checked: true }
    }

    /// Sets a comment for those who approve the order. Only orders for other limits and renewals have one;
    /// for others it is left out.
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        if let Change::Limits { comment, .. } | Change::Renew { comment, .. } = &mut self.change {
            *comment = Some(text.into());
        }
        self
    }

    /// Sets limits, by the component's type, in the component's unit. Only orders for other limits and
    /// renewals have them; for others they are left out.
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

    /// Returns what the request needs of the resource, and checks the change against the offering.
    ///
    /// # Errors
    /// [`Error::is_validation`] with all problems, and the errors of reading the resource or the offering.
    async fn prepare(&self) -> Result<Option<OfferingRow>, Error> {
        let mut problems = Problems::default();
        if let Change::Terminate { unusable, .. } = &self.change {
            unusable.iter().for_each(|problem| problems.add("attributes", problem.as_str()));
            return problems.into_result(TERMINATE).map(|()| None);
        }
        let needs_row = match &self.change {
            Change::Limits { .. } => self.is_checked,
            Change::Renew { limits, .. } => self.is_checked && !limits.is_empty(),
            _ => true,
        };
        if !needs_row {
            return Ok(None);
        }
        let row: OfferingRow = read(&self.client, self.resource).await?;
        let offering = async || OfferingHandle::new(&self.client, row.offering_uuid).get().await;
        match &self.change {
            Change::Limits { limits, .. } => {
                problems.check_limits(&offering().await?, limits);
                problems.into_result(UPDATE_LIMITS)?;
            }
            Change::Renew { limits, .. } => {
                problems.check_limits(&offering().await?, limits);
                problems.into_result(RENEW)?;
            }
            Change::Plan(plan) if self.is_checked => {
                problems.check_plan(&offering().await?, *plan);
                problems.into_result(SWITCH_PLAN)?;
            }
            _ => {}
        }
        Ok(Some(row))
    }

    /// Sends the request, and returns the uuid of the order that the response names.
    async fn send(&self, row: Option<&OfferingRow>) -> Result<Option<Uuid>, Error> {
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

    async fn run(self) -> Result<PlacedOrder, Error> {
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
        place(&self.client, self.change.operation(), list, is_it, send).await
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
