//! Placing an order once, and finding it if its response is lost.

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waldur_api_client::types::OrderDetailsOEnum;
use waldur_api_client::{Client, Error, ErrorKind, ListExt as _, Operation};

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
    struct Newest {
        uuid: Uuid = need "uuid",
        created: Option<DateTime<Utc>> = optional "created",
    }
}

/// What tells an order that is placed from those that were there before.
enum Before {
    /// There was none.
    Nothing,
    /// The newest order, by the server's clock.
    Newest { uuid: Uuid, created: DateTime<Utc> },
    /// The newest order could not be read, or has no time.
    Unknown,
}

impl Before {
    /// Reads the newest order of a list.
    async fn read(list: &Orders) -> Result<Self, Error> {
        let newest = list.request().o([OrderDetailsOEnum::from("-created")]).unread().limit(1);
        let rows = row::each::<Newest>(newest).await?;
        Ok(match (rows.first(), rows.unreadable()) {
            (None, []) => Self::Nothing,
            (Some(&Newest { uuid, created: Some(created) }), []) => Self::Newest { uuid, created },
            _ => Self::Unknown,
        })
    }

    /// Keeps the orders that may be new.
    fn narrow(&self, list: Orders) -> Orders {
        match self {
            Self::Newest { created, .. } => list.created_since(*created),
            Self::Nothing | Self::Unknown => list,
        }
    }

    /// Returns whether an order was there before; `None` if nothing tells.
    fn has(&self, order: &Order) -> Option<bool> {
        match self {
            Self::Nothing => Some(false),
            Self::Newest { uuid, .. } if order.uuid == *uuid => Some(true),
            Self::Newest { created, .. } => Some(order.created? < *created),
            Self::Unknown => None,
        }
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
    operation: &'static Operation,
    list: Orders,
    is_it: impl Fn(&Order) -> bool,
    send: impl Fn() -> S,
) -> Result<PlacedOrder, Error>
where
    S: Future<Output = Result<Option<Named>, Error>>,
{
    let before = Before::read(&list).await?;
    let send = || async {
        send().await?.ok_or_else(|| {
            Error::new(ErrorKind::UnexpectedResponse, "the response doesn't name the order that was placed")
                .with_operation(operation)
        })
    };
    let look = || async {
        let (orders, unreadable) = before.narrow(list.clone()).all().await?.into_parts();
        if let Some(row) = unreadable.first() {
            return Ok(Seen::Unclear(format!("an order that may be it can't be read: {row}")));
        }
        let is_candidate = |order: &&Order| before.has(order) != Some(true) && is_it(order);
        let mut candidates = orders.iter().filter(is_candidate);
        Ok(match (candidates.next(), candidates.next()) {
            (None, _) => Seen::Differs("no such order is there, but it may still arrive".to_owned()),
            (Some(order), None) if before.has(order) == Some(false) => {
                Seen::Applied(Named { order: order.uuid, resource: order.resource_uuid })
            }
            (Some(order), None) => Seen::Unclear(format!("{order} may be it, or may have been there before")),
            (Some(_), Some(_)) => Seen::Unclear("several such orders may be new".to_owned()),
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
