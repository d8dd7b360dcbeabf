//! One resource: changed and ended by orders, described without.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Map;
use uuid::Uuid;
use waldur_api_client::types::{self, PatchedResourceUpdateRequest};
use waldur_api_client::{Client, Error, Nullable, builder};

use super::orders::Orders;
use super::resource_order::{Change, ResourceOrder};
use super::resources::{Resource, read};
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::row;

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

    /// Orders other limits, by the component's type, in the component's unit. The limits of other components
    /// stay. (`marketplace_resources_retrieve`, `marketplace_resources_update_limits`)
    ///
    /// Servers replace all limits by those of an order, so the present limits of other components are sent,
    /// too.
    ///
    /// Requires the permission `RESOURCE.SET_LIMITS` on the project or its organization.
    pub fn set_limits<K: Into<String>, L: Into<Decimal>>(
        &self,
        limits: impl IntoIterator<Item = (K, L)>,
    ) -> ResourceOrder {
        let limits = limits.into_iter().map(|(type_, limit)| (type_.into(), limit.into())).collect();
        ResourceOrder::new(&self.client, self.uuid, Change::Limits { limits, comment: None })
    }

    /// Orders another plan. (`marketplace_resources_switch_plan`)
    ///
    /// Requires the permission `RESOURCE.SET_PLAN` on the project or its organization.
    pub fn set_plan(&self, plan: impl Into<Uuid>) -> ResourceOrder {
        ResourceOrder::new(&self.client, self.uuid, Change::Plan(plan.into()))
    }

    /// Orders a renewal, which moves the end date by this number of months: from the present end date, or
    /// from today if there is none or it is past. (`marketplace_resources_renew`)
    ///
    /// Servers renew resources of offerings with a [prepaid](super::Component::is_prepaid) component, by 12
    /// to 60 months. The limits stay, unless [`limits`](ResourceOrder::limits) sets others for the new
    /// period.
    ///
    /// Requires the permission `RESOURCE.SET_LIMITS` on the project or its organization.
    pub fn renew(&self, months: u32) -> ResourceOrder {
        ResourceOrder::new(
            &self.client,
            self.uuid,
            Change::Renew { months, limits: BTreeMap::new(), comment: None },
        )
    }

    /// Orders the restoration of a resource that was terminated. (`marketplace_resources_restore`)
    ///
    /// Servers have it for some types of offerings only.
    pub fn restore(&self) -> ResourceOrder {
        ResourceOrder::new(&self.client, self.uuid, Change::Restore)
    }

    /// Orders the termination of the resource. (`marketplace_resources_terminate`)
    ///
    /// Requires the permission `RESOURCE.TERMINATE` on the project or its organization.
    pub fn terminate(&self) -> ResourceOrder {
        ResourceOrder::new(
            &self.client,
            self.uuid,
            Change::Terminate { attributes: Map::new(), unusable: None },
        )
    }

    /// Sets the name of the resource, at once. Spaces around it are removed, as servers do.
    /// (`marketplace_resources_partial_update`)
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
        let name = name.trim();
        let now: EditedRow = read(&self.client, self.uuid).await?;
        if now.name == name {
            return Ok(Applied::Already);
        }
        let body = now.kept().name(name);
        let call = self.client.marketplace_resources_partial_update().uuid(self.uuid).body(body);
        self.edit(call, |now| now.name == name).await
    }

    /// Sets the description of the resource, at once. Spaces around it are removed, as servers do.
    /// (`marketplace_resources_partial_update`)
    ///
    /// Requires the permission `RESOURCE.UPDATE` on the project or its organization.
    ///
    /// # Errors
    /// Those of [`rename`](Self::rename).
    pub async fn set_description(&self, text: impl Into<String>) -> Result<Applied, Error> {
        let text = text.into();
        let text = text.trim();
        let now: EditedRow = read(&self.client, self.uuid).await?;
        if now.description == text {
            return Ok(Applied::Already);
        }
        let body = now.kept().description(text);
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
