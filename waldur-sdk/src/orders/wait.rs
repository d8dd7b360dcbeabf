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

use super::{Order, OrderHandle};
use crate::pause::later;
use waldur_api_client::types::OrderState;
use waldur_api_client::{Error, ErrorKind};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(3600);
/// The factor by which each pause is longer than the one before.
const GROWTH: f32 = 1.5;

type Condition = Box<dyn Fn(&Order) -> bool + Send + Sync>;

/// A wait for an order, made by [`OrderHandle::wait`]. Awaiting it returns the order when the condition is
/// met.
///
/// [`OrderWait::changes`] returns the changes of the state on the way there.
#[must_use = "nothing is sent until it is awaited"]
pub struct OrderWait {
    order: OrderHandle,
    until: Condition,
    timeout: Duration,
    pauses: (Duration, Duration),
}

impl fmt::Debug for OrderWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderWait")
            .field("order", &self.order.uuid)
            .field("timeout", &self.timeout)
            .field("pauses", &self.pauses)
            .finish_non_exhaustive()
    }
}

/// The cause of an error of [`OrderWait`]: the order as it was last read. [`Error::cause`] returns it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnfinishedOrder {
    /// The order as it was last read.
    pub order: Order,
    /// The error of a later read, if the last read failed.
    pub error: Option<Error>,
    /// The time limit of the wait, if it is over; `None` if the order ended before.
    pub timeout: Option<Duration>,
}

/// Writes the last state of the order, such as `order 1c0… (waves) ended: it is erred: no room` or
/// `order 1c0… (waves) is still executing after 3600s`.
impl fmt::Display for UnfinishedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order, error, timeout } = self;
        let Some(timeout) = timeout else {
            write!(f, "{order} ended: it is {}", order.state)?;
            return if order.error_message.is_empty() {
                Ok(())
            } else {
                write!(f, ": {}", order.error_message)
            };
        };
        match error {
            None => write!(f, "{order} is still {} after {timeout:?}", order.state),
            Some(error) => {
                let reason = error.reason();
                write!(f, "{order} was {} and can't be read after {timeout:?}: {reason}", order.state)
            }
        }
    }
}

impl StdError for UnfinishedOrder {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.as_ref().map(|error| error as &(dyn StdError + 'static))
    }
}

impl UnfinishedOrder {
    fn into_error(self, kind: ErrorKind) -> Error {
        Error::new(kind, "").with_headline(self.to_string()).unsent(true).with_source(self)
    }
}

/// Returns the error of a wait that exceeded its time limit.
fn late(order: Uuid, timeout: Duration, last: Option<Order>, error: Option<Error>) -> Error {
    match last {
        Some(order) => {
            UnfinishedOrder { order, error, timeout: Some(timeout) }.into_error(ErrorKind::Timeout)
        }
        None => {
            let reason = error.as_ref().map(|error| format!(": {}", error.reason())).unwrap_or_default();
            let headline = format!("order {} could not be read within {timeout:?}{reason}", order.simple());
            let late = Error::new(ErrorKind::Timeout, "").with_headline(headline).unsent(true);
            match error {
                Some(error) => late.with_source(error),
                None => late,
            }
        }
    }
}

impl OrderWait {
    pub(super) fn new(order: OrderHandle) -> Self {
        Self {
            order,
            until: Box::new(|order| order.state == OrderState::Done),
            timeout: PATIENCE,
            pauses: (FIRST_PAUSE, LONGEST_PAUSE),
        }
    }

    /// Sets the condition to wait for. By default, that is the state done.
    ///
    /// An order that ended without meeting the condition is an error ([`Error::is_ended`]).
    pub fn until(mut self, condition: impl Fn(&Order) -> bool + Send + Sync + 'static) -> Self {
        self.until = Box::new(condition);
        self
    }

    /// Sets the time limit; one hour by default.
    ///
    /// Failures that may be temporary ([`Error::is_retryable`]), such as a restart of the server, don't end
    /// the wait earlier.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the pauses between two reads of the order: from `first` to `longest`; 1 to 30 seconds by default.
    ///
    /// Each pause is 1.5 times the one before, with jitter. A change of the order's state resets the pause to
    /// `first`.
    pub fn poll_interval(mut self, first: Duration, longest: Duration) -> Self {
        let first = first.max(Duration::from_millis(1));
        self.pauses = (first, longest.max(first));
        self
    }

    /// Returns a stream of the order: first as it is now, then whenever its state changes.
    ///
    /// The last item is the order that meets the condition, or the error of the wait.
    #[must_use]
    pub fn changes(self) -> BoxStream<'static, Result<Order, Error>> {
        stream::unfold(Watch::new(self), |mut watch| async move {
            let next = watch.next().await?;
            Some((next, watch))
        })
        .boxed()
    }
}

impl IntoFuture for OrderWait {
    type Output = Result<Order, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (order, timeout) = (self.order.uuid, self.timeout);
            let mut watch = Watch::new(self);
            let mut last = None;
            while let Some(change) = watch.next().await {
                last = Some(change?);
            }
            last.ok_or_else(|| late(order, timeout, None, None))
        })
    }
}

/// The progress of a wait.
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

    /// Returns the next change, or `None` after the last one.
    async fn next(&mut self) -> Option<Result<Order, Error>> {
        if self.ended {
            return None;
        }
        if let Some(order) = self.last.take_if(|order| order.is_terminal()) {
            self.ended = true;
            return Some(Err(
                UnfinishedOrder { order, error: None, timeout: None }.into_error(ErrorKind::Ended)
            ));
        }
        let deadline = *self.deadline.get_or_insert_with(|| later(self.wait.timeout));
        loop {
            if self.last.is_some() || self.error.is_some() {
                let pause = self.backoff.next().unwrap_or(self.wait.pauses.1);
                sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
            }
            match timeout_at(deadline, self.wait.order.get()).await {
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
                Ok(Err(error)) if error.is_retryable() || error.is_unexpected_response() => {
                    self.error = Some(error)
                }
                Ok(Err(error)) => {
                    self.ended = true;
                    let note = format!("order {} can't be read", self.wait.order.uuid.simple());
                    return Some(Err(error.with_note(note)));
                }
                Err(_) => {
                    self.ended = true;
                    let (order, timeout) = (self.wait.order.uuid, self.wait.timeout);
                    return Some(Err(late(order, timeout, self.last.take(), self.error.take())));
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
