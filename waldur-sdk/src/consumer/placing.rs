//! Placing an order once, and finding it if its response is lost.

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waldur_api_client::types::OrderDetailsOEnum;
use waldur_api_client::{Client, Error, ErrorKind, ListExt as _};

use super::orders::{Order, OrderHandle, Orders};
use super::wait::PlacedOrderWait;
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::{self, row};

/// An order that was placed, or a resource that was there already.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlacedOrder {
    client: Client,
    /// The order. `None` if nothing had to be ordered, and the resource has no order that created it.
    pub order_uuid: Option<Uuid>,
    /// The marketplace resource; `None` if the response doesn't name it.
    pub resource_uuid: Option<Uuid>,
    /// Whether this call placed the order.
    pub applied: Applied,
}

impl PlacedOrder {
    /// Returns one that was there already.
    pub(super) fn found(client: &Client, order: Option<Uuid>, resource: Uuid) -> Self {
        Self {
            client: client.clone(),
            order_uuid: order,
            resource_uuid: Some(resource),
            applied: Applied::Already,
        }
    }

    /// Returns a handle of the order, to approve, reject or cancel it.
    #[must_use]
    pub fn order(&self) -> Option<OrderHandle> {
        Some(OrderHandle::new(&self.client, self.order_uuid?))
    }

    /// Waits until the order is done, by polling, and returns the resource. (`marketplace_orders_retrieve`,
    /// `marketplace_resources_retrieve`)
    pub fn wait(&self) -> PlacedOrderWait {
        PlacedOrderWait::new(&self.client, self.order_uuid, self.resource_uuid)
    }
}

/// The order and the resource that a response names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) order: Uuid,
    pub(super) resource: Option<Uuid>,
}

row! {
    /// The order that was the newest before another one is placed.
    struct Newest {
        uuid: Uuid = need "uuid",
        created: Option<DateTime<Utc>> = optional "created",
    }
}

/// Places an order: sends the request once. If its response is lost, the new orders among `list` for which
/// `is_it` holds are looked at. The order that was the newest before tells them from older ones, by the
/// server's clock.
///
/// # Errors
/// The server's refusal, and [`Error::is_unconfirmed`] if it is not known whether the order was placed.
pub(super) async fn place<S>(
    client: &Client,
    list: Orders,
    is_it: impl Fn(&Order) -> bool,
    send: impl Fn() -> S,
) -> Result<PlacedOrder, Error>
where
    S: Future<Output = Result<Option<Named>, Error>>,
{
    let newest = list.request().o([OrderDetailsOEnum::from("-created")]).into_request().limit(1);
    let newest = row::each::<Newest, _>(newest).await?.into_iter().next();
    let send = || async {
        send().await?.ok_or_else(|| {
            Error::new(ErrorKind::UnexpectedResponse, "the response doesn't name the order that was placed")
        })
    };
    let look = || async {
        let since = newest.as_ref().and_then(|newest| newest.created);
        let list = since.map_or_else(|| list.clone(), |time| list.clone().created_since(time));
        let (orders, unreadable) = list.all().await?.into_parts();
        let is_older = |order: &Order| {
            newest.as_ref().is_some_and(|newest| newest.uuid == order.uuid)
                || order.created.zip(since).is_some_and(|(created, since)| created < since)
        };
        let mut new = orders.iter().filter(|order| !is_older(order) && is_it(order));
        Ok(match (new.next(), new.next(), unreadable.first()) {
            (Some(order), None, None) => {
                Seen::Applied(Named { order: order.uuid, resource: order.resource_uuid })
            }
            (None, _, None) => Seen::Differs("no such order is there, but it may still arrive".to_owned()),
            (_, _, Some(row)) => Seen::Unclear(format!("an order that may be it can't be read: {row}")),
            _ => Seen::Unclear("several such orders are new".to_owned()),
        })
    };
    let confirm = Confirm::new(client).after(Error::is_ambiguous).once();
    let (named, applied) = confirm.send(send, look).await?;
    Ok(PlacedOrder {
        client: client.clone(),
        order_uuid: Some(named.order),
        resource_uuid: named.resource,
        applied,
    })
}
