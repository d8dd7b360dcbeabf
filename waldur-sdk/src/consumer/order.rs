//! Ordering a resource.

use std::collections::BTreeMap;
use std::fmt;
use std::future::IntoFuture;

use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;
use waldur_api_client::types::{GenericOrderAttributes, OrderCreateRequest, RequestTypes};
use waldur_api_client::{Client, Error, ErrorKind, Number, Operation, builder};

use super::address;
use super::check::Problems;
use super::offerings::{OfferingDetails, OfferingHandle};
use super::orders::{Order, Orders};
use super::placing::{Named, PlacedOrder, place};
use super::resources::{Resource, Resources};

const CREATE: &Operation = builder::MarketplaceOrdersCreate::OPERATION;
const LIST: &Operation = builder::MarketplaceResourcesList::OPERATION;
const ORDERS: &Operation = builder::MarketplaceOrdersList::OPERATION;

/// A request for a resource of an offering in a project. Awaiting it checks it against the offering and sends
/// it. (`marketplace_public_offerings_retrieve`, `marketplace_orders_list`, `marketplace_orders_create`)
///
/// An order is never sent twice. If its response is lost, the project's orders are looked at. To run a
/// program again without ordering again, call [`find_existing`](Self::find_existing).
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::builder().seed(|seed| {
/// #     let slurm = seed.ids().offerings.slurm;
/// #     seed.billing_type(slurm, "cpu", "limit");
/// #     seed.limit_bounds(slurm, "cpu", Some(1), Some(64));
/// # }).start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Consumer)).build()?;
/// # let (project, offering) = (sandbox.ids().project, sandbox.ids().offerings.slurm);
/// let project = client.consumer().project(project);
/// let order = project.order(offering).name("waves").limit("cpu", 16).find_existing().await?;
/// println!("{:?}", order.order_uuid);
///
/// let error = project.order(offering).limit("cpu", 100).limit("tpu", 1).await.unwrap_err();
/// assert!(error.is_validation());
/// for message in error.messages() {
///     println!("{message}"); // limits.cpu: 100 is more than the maximum 64
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// - [`Error::is_validation`]: the offering doesn't allow the order. [`Error::messages`] has all problems
///   with their fields, such as `plan`, `limits.cpu` or `attributes.name`. Nothing is sent then; what only
///   the server knows, it refuses itself.
/// - [`Error::is_not_found`]: the offering doesn't exist or is not visible to the caller.
/// - [`Error::is_forbidden`]: the caller may not order in the project.
/// - [`Error::is_unexpected_response`]: a resource that may be the [existing](Self::find_existing) one, or
///   its order, can't be read. Nothing is sent then.
/// - [`Error::is_unconfirmed`]: the response was lost, and the order is not there. It may still arrive: look
///   again later, or use [`find_existing`](Self::find_existing).
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct OrderRequest {
    client: Client,
    project: Uuid,
    offering: Uuid,
    plan: Option<Uuid>,
    limits: BTreeMap<String, Decimal>,
    attributes: Map<String, Value>,
    unusable: Vec<String>,
    comment: Option<String>,
    slug: Option<String>,
    callback_url: Option<String>,
    start_date: Option<NaiveDate>,
    accepts_terms: bool,
    finds_existing: bool,
    is_checked: bool,
}

impl OrderRequest {
    pub(super) fn new(client: &Client, project: Uuid, offering: Uuid) -> Self {
        Self {
            client: client.clone(),
            project,
            offering,
            plan: None,
            limits: BTreeMap::new(),
            attributes: Map::new(),
            unusable: Vec::new(),
            comment: None,
            slug: None,
            callback_url: None,
            start_date: None,
            accepts_terms: false,
            finds_existing: false,
            is_checked: true,
        }
    }

    /// Sets the plan.
    pub fn plan(mut self, plan: impl Into<Uuid>) -> Self {
        self.plan = Some(plan.into());
        self
    }

    /// Sets the limit of a component, by the component's type, in the component's unit.
    pub fn limit(mut self, component: impl Into<String>, limit: impl Into<Decimal>) -> Self {
        self.limits.insert(component.into(), limit.into());
        self
    }

    /// Sets the limits of several components.
    pub fn limits<K: Into<String>, L: Into<Decimal>>(
        mut self,
        limits: impl IntoIterator<Item = (K, L)>,
    ) -> Self {
        self.limits.extend(limits.into_iter().map(|(type_, limit)| (type_.into(), limit.into())));
        self
    }

    /// Sets the name of the resource, which is the attribute `name`. Spaces around it are removed, as servers
    /// do.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.attribute("name", name.into())
    }

    /// Sets an attribute, which may be any JSON.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.set_attribute(name.into(), value.into());
        self
    }

    /// Sets the attributes that `attributes` has: a struct that derives [`Serialize`], or a map. Attributes
    /// that it doesn't have are kept.
    pub fn attributes(mut self, attributes: impl Serialize) -> Self {
        match serde_json::to_value(attributes) {
            Ok(Value::Object(attributes)) => {
                attributes.into_iter().for_each(|(name, value)| self.set_attribute(name, value));
            }
            Ok(_) => self.unusable.push("the attributes are no object".to_owned()),
            Err(error) => self.unusable.push(format!("the attributes can't be written as JSON: {error}")),
        }
        self
    }

    /// Sets a comment for those who approve the order.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Sets the slug of the order: letters, digits, `-` and `_`, at most 50.
    pub fn slug(mut self, slug: impl Into<String>) -> Self {
        self.slug = Some(slug.into());
        self
    }

    /// Sets the callback URL, which the server keeps with the order.
    pub fn callback_url(mut self, url: impl Into<String>) -> Self {
        self.callback_url = Some(url.into());
        self
    }

    /// Sets the day on which the order is to be carried out.
    pub fn start_date(mut self, day: NaiveDate) -> Self {
        self.start_date = Some(day);
        self
    }

    /// Sets the last day of the resource, which is the attribute `end_date`. Offerings with a
    /// [prepaid](super::Component::is_prepaid) component require it.
    pub fn end_date(self, day: NaiveDate) -> Self {
        self.attribute("end_date", day.to_string())
    }

    /// Accepts the offering's terms of service, which some offerings require.
    pub fn accept_terms(mut self) -> Self {
        self.accepts_terms = true;
        self
    }

    /// Orders nothing if the project has a resource of the offering with this name that isn't terminated.
    /// That resource and its order are returned, as [`Applied::Already`](crate::Applied::Already).
    ///
    /// The order must have a [`name`](Self::name). Plan, limits and attributes of the existing resource
    /// aren't compared. The look and the order are separate requests: two programs at the same time may both
    /// order.
    pub fn find_existing(mut self) -> Self {
        self.finds_existing = true;
        self
    }

    /// Sends the order without checking it against the offering. The server still checks it.
    pub fn unchecked(mut self) -> Self {
        self.is_checked = false;
        self
    }

    /// Checks the order against its offering, and orders nothing. (`marketplace_public_offerings_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_validation`] with all problems, and the errors of reading the offering.
    pub async fn check(&self) -> Result<(), Error> {
        let offering = OfferingHandle::new(&self.client, self.offering).get().await?;
        self.check_against(&offering)
    }

    /// Checks the order against an offering that was read before. Nothing is sent.
    ///
    /// # Errors
    /// [`Error::is_validation`] with all problems.
    pub fn check_against(&self, offering: &OfferingDetails) -> Result<(), Error> {
        let mut problems = self.unusable();
        problems.check_state(offering);
        if let Some(plan) = self.plan {
            problems.check_plan(offering, plan);
        }
        problems.check_limits(offering, &self.limits);
        problems.check_attributes(offering, &self.attributes);
        if let Some(url) = &self.callback_url {
            problems.check_callback(url);
        }
        problems.into_result(CREATE)
    }

    fn unusable(&self) -> Problems {
        let mut problems = Problems::default();
        self.unusable.iter().for_each(|text| problems.add("attributes", text.as_str()));
        problems
    }

    /// Sets an attribute. The name of the resource is compared with those that servers show, which have no
    /// spaces around them.
    fn set_attribute(&mut self, name: String, value: Value) {
        let value = match value {
            Value::String(text) if name == "name" => text.trim().into(),
            value => value,
        };
        self.attributes.insert(name, value);
    }

    fn wanted_name(&self) -> Option<&str> {
        self.attributes.get("name").and_then(Value::as_str)
    }

    /// Finds the resource with the name of this order.
    async fn find(&self) -> Result<Option<PlacedOrder>, Error> {
        let mut problems = self.unusable();
        let Some(name) = self.wanted_name().filter(|name| !name.is_empty()) else {
            problems.add("attributes.name", "an existing resource can only be found by its name");
            return problems.into_result(CREATE).map(|()| None);
        };
        let list = Resources::new(&self.client).not_terminated().name_exact(name);
        let (found, unreadable) =
            list.project(self.project).offering(self.offering).all().await?.into_parts();
        // A server that doesn't know a filter ignores it.
        let may_be = |row: &&Resource| {
            (row.name.is_empty() || row.name == name)
                && row.project_uuid.is_none_or(|uuid| uuid == self.project)
                && row.offering_uuid.is_none_or(|uuid| uuid == self.offering)
        };
        let is_certain = |row: &Resource| {
            !row.name.is_empty() && row.project_uuid.is_some() && row.offering_uuid.is_some()
        };
        let unexpected = |operation, problem: String| {
            Err(Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(operation).unsent(true))
        };
        let unclear = |what: String| {
            unexpected(LIST, format!("{what} may be the resource `{name}`, so nothing is ordered"))
        };
        if let Some(row) = unreadable.first() {
            return unclear(row.to_string());
        }
        let mut found = found.iter().filter(may_be);
        let Some(resource) = found.next() else { return Ok(None) };
        if !is_certain(resource) {
            return unclear(format!("resource {}", resource.uuid.simple()));
        }
        if found.next().is_some() {
            problems.add("attributes.name", format!("several resources have the name `{name}`"));
        }
        problems.into_result(CREATE)?;
        let orders = Orders::new(&self.client).resource(resource.uuid).of_type(RequestTypes::Create);
        let (orders, unreadable) = orders.all().await?.into_parts();
        let order = orders.iter().find(|order| order.resource_uuid == Some(resource.uuid)).map(Uuid::from);
        let odd = orders.iter().find(|order| order.resource_uuid.is_none());
        let odd = odd.map(|order| format!("{order} has no resource"));
        match (order, odd.or_else(|| unreadable.first().map(ToString::to_string))) {
            (None, Some(row)) => {
                let resource = resource.uuid.simple();
                unexpected(ORDERS, format!("{row}; it may be the order that created resource {resource}"))
            }
            _ => Ok(Some(PlacedOrder::found(&self.client, order, resource.uuid))),
        }
    }

    fn body(&self) -> Result<OrderCreateRequest, Error> {
        let client = &self.client;
        let invalid = |problem: &dyn fmt::Display| {
            Error::invalid_fields([(String::new(), problem.to_string())]).with_operation(CREATE)
        };
        let attributes = GenericOrderAttributes::builder().additional(self.attributes.clone());
        let attributes = GenericOrderAttributes::try_from(attributes).map_err(|problem| invalid(&problem))?;
        let mut body = OrderCreateRequest::builder()
            .project(address(client, "projects", self.project))
            .offering(address(client, "marketplace-public-offerings", self.offering))
            .attributes(attributes);
        if let Some(plan) = self.plan {
            let plans = format!("marketplace-public-offerings/{}/plans", self.offering.simple());
            body = body.plan(address(client, &plans, plan));
        }
        if !self.limits.is_empty() {
            let limits = self.limits.iter().map(|(type_, limit)| (type_.clone(), Number(*limit)));
            body = body.limits(limits.collect::<std::collections::HashMap<_, _>>());
        }
        if let Some(comment) = &self.comment {
            body = body.request_comment(comment.as_str());
        }
        if let Some(slug) = &self.slug {
            body = body.slug(slug.as_str());
        }
        if let Some(url) = &self.callback_url {
            body = body.callback_url(url.as_str());
        }
        if let Some(day) = self.start_date {
            body = body.start_date(day);
        }
        if self.accepts_terms {
            body = body.accepting_terms_of_service(true);
        }
        OrderCreateRequest::try_from(body).map_err(|problem| invalid(&problem))
    }

    async fn run(self) -> Result<PlacedOrder, Error> {
        if self.finds_existing
            && let Some(found) = self.find().await?
        {
            return Ok(found);
        }
        match self.is_checked {
            true => self.check().await?,
            false => self.unusable().into_result(CREATE)?,
        }
        let call = self.client.marketplace_orders_create().body(self.body()?);
        let send = || async {
            let order = call.clone().send().await?.into_inner().unwrap_or_default();
            Ok(order.uuid.map(|uuid| Named { order: uuid, resource: order.marketplace_resource_uuid }))
        };
        let is_it = |order: &Order| {
            order.type_ == RequestTypes::Create
                && order.project_uuid == Some(self.project)
                && order.offering_uuid == Some(self.offering)
                && order.attributes.get("name") == self.attributes.get("name")
                && self.limits.iter().all(|(type_, limit)| order.limits.get(type_) == Some(limit))
        };
        let list = Orders::new(&self.client).project(self.project).offering(self.offering);
        place(&self.client, CREATE, list, is_it, send).await
    }
}

impl IntoFuture for OrderRequest {
    type Output = Result<PlacedOrder, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
