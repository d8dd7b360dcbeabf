//! Waiting for an order.

use std::error::Error as StdError;
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::{Order, Provider};
use crate::error::Error;
use crate::types::OrderState;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(3600);
/// How much longer each pause is.
const GROWTH: f32 = 1.5;

type Condition = Box<dyn Fn(&Order) -> bool + Send + Sync>;

/// Waits for an order: awaited, it gives the order when it is where it should be; [`OrderWait::changes`] is
/// the way there. Made by [`Provider::wait_for_order`].
#[must_use = "nothing is asked until it is awaited"]
pub struct OrderWait {
    provider: Provider,
    order: Uuid,
    until: Condition,
    within: Duration,
    pauses: (Duration, Duration),
}

impl fmt::Debug for OrderWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderWait")
            .field("order", &self.order)
            .field("within", &self.within)
            .field("pauses", &self.pauses)
            .finish_non_exhaustive()
    }
}

/// Why waiting for an order failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// The order ended in a state other than the one waited for.
    Ended {
        /// As it ended.
        order: Box<Order>,
    },
    /// The time is over; the order may get there later.
    Deadline {
        /// As it was last, if it could be read.
        last: Option<Box<Order>>,
        /// Why it couldn't be read the last time.
        error: Option<Error>,
    },
    /// The order can't be read, such as one that the caller may not see.
    Unreadable(Error),
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { order } => {
                write!(f, "order {} ended: it is {}", order.uuid, order.state)?;
                if order.error_message.is_empty() { Ok(()) } else { write!(f, ": {}", order.error_message) }
            }
            Self::Deadline { last: Some(order), .. } => {
                write!(f, "order {} is still {}", order.uuid, order.state)
            }
            Self::Deadline { last: None, .. } => f.write_str("the order could not be read in time"),
            Self::Unreadable(_) => f.write_str("the order can't be read"),
        }
    }
}

impl StdError for WaitError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Deadline { error: Some(error), .. } | Self::Unreadable(error) => Some(error),
            Self::Ended { .. } | Self::Deadline { .. } => None,
        }
    }
}

impl Provider {
    /// Waits for an order, by reading it from time to time: until it is done, unless told otherwise.
    /// (`marketplace_orders_retrieve`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// use std::time::Duration;
    ///
    /// use waldur_sdk::types::OrderState;
    /// use waldur_sdk::{OrderFilter, WaitError};
    ///
    /// let provider = client.provider();
    /// let waiting = provider.find_orders(OrderFilter::new().state(OrderState::PendingProvider)).await?;
    /// let (one, other) = (waiting[0].uuid, waiting[1].uuid);
    ///
    /// assert!(provider.approve_order(one).await.is_ok());
    /// let begun = provider.wait_for_order(one).until(|order| order.state == OrderState::Executing).await?;
    /// assert!(provider.set_order_done(begun.uuid).await.is_ok());
    /// provider.wait_for_order(one).within(Duration::from_secs(5)).await?;
    ///
    /// println!("{}", provider.reject_order(other, "no room").await);
    /// match provider.wait_for_order(other).await {
    ///     Err(WaitError::Ended { order }) => assert_eq!(order.state, OrderState::Rejected),
    ///     other => println!("{other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for_order(&self, order: Uuid) -> OrderWait {
        OrderWait {
            provider: self.clone(),
            order,
            until: Box::new(|order| order.state == OrderState::Done),
            within: PATIENCE,
            pauses: (FIRST_PAUSE, LONGEST_PAUSE),
        }
    }
}

impl OrderWait {
    /// Waits for this, instead of for the order to be done. An order that has ended and isn't so is
    /// [`WaitError::Ended`].
    pub fn until(mut self, condition: impl Fn(&Order) -> bool + Send + Sync + 'static) -> Self {
        self.until = Box::new(condition);
        self
    }

    /// How long to wait at most: an hour unless told. Failures that may pass, such as of a server that is
    /// being restarted, are waited through.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// How long to pause before the order is read again: from `first`, by half more each time and a bit by
    /// chance, to `longest`; from `first` again when the order has changed. From one second to thirty unless
    /// told.
    pub fn every(mut self, first: Duration, longest: Duration) -> Self {
        let first = first.max(Duration::from_millis(1));
        self.pauses = (first, longest.max(first));
        self
    }

    /// The order as it is first, and whenever its state has changed; the last is as it was waited for. If it
    /// doesn't come to that, an error is the last.
    #[must_use]
    pub fn changes(self) -> BoxStream<'static, Result<Order, WaitError>> {
        stream::unfold(Watch::new(self), |mut watch| async move {
            let next = watch.next().await?;
            Some((next, watch))
        })
        .boxed()
    }
}

impl IntoFuture for OrderWait {
    type Output = Result<Order, WaitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut watch = Watch::new(self);
            let mut last = None;
            while let Some(change) = watch.next().await {
                last = Some(change?);
            }
            last.ok_or(WaitError::Deadline { last: None, error: None })
        })
    }
}

/// What has been seen so far.
struct Watch {
    wait: OrderWait,
    deadline: Option<Instant>,
    backoff: ExponentialBackoff,
    last: Option<Order>,
    error: Option<Error>,
    ended: bool,
}

impl Watch {
    fn new(wait: OrderWait) -> Self {
        let backoff = backoff(wait.pauses);
        Self { wait, deadline: None, backoff, last: None, error: None, ended: false }
    }

    /// The next change; none after the last.
    async fn next(&mut self) -> Option<Result<Order, WaitError>> {
        if self.ended {
            return None;
        }
        if let Some(order) = self.last.take_if(|order| order.is_terminal()) {
            self.ended = true;
            return Some(Err(WaitError::Ended { order: Box::new(order) }));
        }
        // Far enough for whoever says `Duration::MAX`.
        let deadline = *self.deadline.get_or_insert_with(|| {
            let now = Instant::now();
            now.checked_add(self.wait.within).unwrap_or(now + PATIENCE * 24 * 365)
        });
        loop {
            if self.last.is_some() || self.error.is_some() {
                let pause = self.backoff.next().unwrap_or(self.wait.pauses.1);
                sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
            }
            match timeout_at(deadline, self.wait.provider.order(self.wait.order)).await {
                Ok(Ok(order)) => {
                    self.error = None;
                    if (self.wait.until)(&order) {
                        self.ended = true;
                        return Some(Ok(order));
                    }
                    if self.last.as_ref().is_none_or(|last| last.state != order.state) {
                        self.backoff = backoff(self.wait.pauses);
                        self.last = Some(order.clone());
                        return Some(Ok(order));
                    }
                    self.last = Some(order);
                }
                Ok(Err(error)) if error.is_retryable() || error.is_decode() => self.error = Some(error),
                Ok(Err(error)) => {
                    self.ended = true;
                    return Some(Err(WaitError::Unreadable(error)));
                }
                Err(_) => {
                    self.ended = true;
                    let (last, error) = (self.last.take().map(Box::new), self.error.take());
                    return Some(Err(WaitError::Deadline { last, error }));
                }
            }
        }
    }
}

fn backoff((first, longest): (Duration, Duration)) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(longest)
        .with_factor(GROWTH)
        .without_max_times()
        .with_jitter()
        .build()
}
