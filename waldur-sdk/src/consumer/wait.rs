//! Waiting for an order that was placed, and for its resource.

use std::error::Error as StdError;
use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::OrderState;
use waldur_api_client::{Client, Error, ErrorKind, Operation, builder};

use super::orders::Order;
use super::resources::{Resource, read};
use crate::orders::{self, UnfinishedOrder};
use crate::row;

const RETRIEVE: &Operation = builder::MarketplaceOrdersRetrieve::OPERATION;

type OnChange = Box<dyn FnMut(&orders::Order) + Send>;

/// A wait for an order to be done. Awaiting it returns the resource.
///
/// The order is read again and again. [`on_change`](Self::on_change) is called with each new state: those of
/// waiting for an approval or a day (`pending-consumer`, `pending-project`, `pending-start-date`,
/// `pending-provider`), then `executing`, then `done`. If the resource was there already and has no order,
/// the resource is returned at once.
///
/// # Errors
/// - [`Error::is_ended`]: the order failed, was rejected or was canceled. [`Error::cause`] returns an
///   [`EndedOrder`], which tells them apart, or an [`UnfinishedOrder`](crate::orders::UnfinishedOrder) if
///   the order could not be read again.
/// - [`Error::is_timeout`]: the order was not done within the [time limit](Self::timeout). [`Error::cause`]
///   returns an [`UnfinishedOrder`](crate::orders::UnfinishedOrder) with its last state, unless the order
///   could not be read even once.
/// - [`Error::is_not_found`] or [`Error::is_forbidden`]: the caller may not see the order or the resource.
/// - [`Error::is_unexpected_response`]: the order is done, but it names no resource.
/// - Other errors of reading the order or the resource. Temporary failures of reading the order
///   ([`Error::is_retryable`]) don't end the wait.
#[must_use = "nothing is sent until it is awaited"]
pub struct PlacedOrderWait {
    client: Client,
    order: Option<(Uuid, orders::OrderWait)>,
    resource: Option<Uuid>,
    on_change: OnChange,
}

impl fmt::Debug for PlacedOrderWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlacedOrderWait")
            .field("order", &self.order)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

/// How an order ended that is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrderEnd {
    /// The provider could not carry it out.
    Erred {
        /// The provider's error message; may be empty.
        message: String,
    },
    /// It was rejected.
    Rejected {
        /// The reason; may be empty.
        comment: String,
    },
    /// It was canceled.
    Canceled,
}

/// The cause of an error of [`PlacedOrderWait`] whose order ended without being done. [`Error::cause`]
/// returns it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndedOrder {
    /// The order as it was last read.
    pub order: Order,
    /// How it ended.
    pub end: OrderEnd,
}

impl EndedOrder {
    fn of(order: Order) -> Option<Self> {
        let end = match order.state {
            OrderState::Erred => OrderEnd::Erred { message: order.error_message.clone() },
            OrderState::Canceled => OrderEnd::Canceled,
            OrderState::Rejected => {
                let comments = [&order.provider_rejection_comment, &order.consumer_rejection_comment];
                let comment = comments.into_iter().find(|comment| !comment.is_empty());
                OrderEnd::Rejected { comment: comment.cloned().unwrap_or_default() }
            }
            _ => return None,
        };
        Some(Self { order, end })
    }
}

/// Writes how the order ended, such as `order 1c0… (waves) was rejected: no room`.
impl fmt::Display for EndedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, why) = match &self.end {
            OrderEnd::Erred { message } => ("failed", message.as_str()),
            OrderEnd::Rejected { comment } => ("was rejected", comment.as_str()),
            OrderEnd::Canceled => ("was canceled", ""),
        };
        write!(f, "{} {what}", self.order)?;
        if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
    }
}

impl StdError for EndedOrder {}

impl PlacedOrderWait {
    pub(super) fn new(client: &Client, order: Option<Uuid>, resource: Option<Uuid>) -> Self {
        let order = order.map(|uuid| (uuid, orders::OrderHandle::new(client, uuid).wait()));
        Self { client: client.clone(), order, resource, on_change: Box::new(|_| {}) }
    }

    /// Calls `f` with the order as it is first read, and whenever its state changes.
    pub fn on_change(mut self, f: impl FnMut(&orders::Order) + Send + 'static) -> Self {
        self.on_change = Box::new(f);
        self
    }

    /// Sets the time limit; one hour by default.
    ///
    /// Failures that may be temporary ([`Error::is_retryable`]), such as a restart of the server, don't end
    /// the wait earlier.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|wait| wait.timeout(timeout))
    }

    /// Sets the pauses between two reads of the order: from `first` to `longest`; 1 to 30 seconds by default.
    pub fn poll_interval(self, first: Duration, longest: Duration) -> Self {
        self.with(|wait| wait.poll_interval(first, longest))
    }

    fn with(mut self, change: impl FnOnce(orders::OrderWait) -> orders::OrderWait) -> Self {
        self.order = self.order.map(|(uuid, wait)| (uuid, change(wait)));
        self
    }

    async fn run(mut self) -> Result<Resource, Error> {
        if let Some((order, wait)) = self.order.take() {
            let mut changes = wait.changes();
            while let Some(change) = changes.next().await {
                match change {
                    Ok(order) => {
                        self.resource = self.resource.or(order.resource_uuid);
                        (self.on_change)(&order);
                    }
                    Err(error) => return Err(ended(&self.client, order, error).await),
                }
            }
        }
        match self.resource {
            Some(resource) => read(&self.client, resource).await,
            None => {
                let problem = "the order is done, but names no resource";
                Err(Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(RETRIEVE))
            }
        }
    }
}

/// Adds how the order ended to the error of a wait.
async fn ended(client: &Client, order: Uuid, error: Error) -> Error {
    if error.cause::<UnfinishedOrder>().is_none() || !error.is_ended() {
        return error;
    }
    let order = row::retrieve::<Order, _>(client.marketplace_orders_retrieve().uuid(order)).await;
    match order.ok().and_then(EndedOrder::of) {
        Some(ended) => {
            Error::new(ErrorKind::Ended, "").with_headline(ended.to_string()).unsent(true).with_source(ended)
        }
        None => error,
    }
}

impl IntoFuture for PlacedOrderWait {
    type Output = Result<Resource, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
