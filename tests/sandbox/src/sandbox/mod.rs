//! A running sandbox: its address and tokens, the requests it got, its clock.

mod broker;
mod builder;
mod views;

pub use broker::Broker;
pub use builder::{Builder, DEFAULT_ORDERS, Error};
pub use views::{
    GenericObjectView, OfferingUserView, OrderContent, OrderView, ResourceView, UsageView, UserUsageView,
};

use std::sync::Arc;
use std::thread::JoinHandle;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use crate::judge::Violation;
use crate::rules::generic::subscriptions;
use crate::seed::Ids;
use crate::server::corruption::{Corruption, Row};
use crate::server::fault::Fault;
use crate::server::misbehaviour::Misbehaviour;
use crate::server::shared::{Request, Shared, lock};
use crate::store::Actor;

#[derive(Debug)]
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

/// A running server. It listens on the loopback interface and stops when this value is dropped.
#[derive(Debug)]
pub struct Sandbox {
    url: String,
    ids: Ids,
    shared: Arc<Shared>,
    allow_violations: bool,
    running: Option<Running>,
}

impl Sandbox {
    /// Starts a sandbox with default settings, on any free port.
    ///
    /// # Errors
    /// If no port can be bound or the thread can't be started.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// Returns a builder with default settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns the address of the API, ending in `/api/`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the token of an actor: 40 hex digits, sent as `Authorization: Token …`. After
    /// [`Sandbox::rotate_token`] this is still the first one.
    ///
    /// The corresponding personal access token is `w_` and the same digits, sent as `Authorization: Bearer
    /// …`.
    pub fn token(&self, actor: Actor) -> &str {
        self.shared.tokens.first(actor)
    }

    /// Replaces the token of an actor and returns the new one. The old one is refused from now on.
    ///
    /// The broker deletes the users of all subscriptions of the actor, as a real server does. The queues of
    /// consumers ([`Release::Newer`](crate::Release::Newer)) keep the old token as password until they are
    /// registered again.
    pub fn rotate_token(&self, actor: Actor) -> String {
        let token = self.shared.tokens.rotate(actor);
        subscriptions::lose_token(&lock(&self.shared.state), actor);
        token
    }

    /// Returns the uuids of the default objects.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Returns the broker, which sends events to subscribers.
    pub fn broker(&self) -> Broker<'_> {
        Broker::new(self)
    }

    /// Returns all requests so far, in the order of their responses.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// Returns the violations of the schema so far: by requests of the program under test, or by responses of
    /// the sandbox.
    pub fn violations(&self) -> Vec<Violation> {
        lock(&self.shared.violations).clone()
    }

    /// Removes and returns the violations so far. Call it in tests that send invalid requests on purpose.
    pub fn take_violations(&self) -> Vec<Violation> {
        std::mem::take(&mut *lock(&self.shared.violations))
    }

    /// Panics if there are violations. Dropping the sandbox does the same, unless it was built with
    /// [`Builder::allow_violations`].
    ///
    /// # Panics
    /// If there are violations; the message names them.
    #[track_caller]
    #[allow(clippy::panic, reason = "an assertion for tests")]
    pub fn assert_contract(&self) {
        let violations = self.violations();
        if !violations.is_empty() {
            let lines: Vec<String> = violations.iter().map(|violation| format!("\n  {violation}")).collect();
            panic!("{} violations of the schema:{}", violations.len(), lines.concat());
        }
    }

    /// Clears the log of requests.
    pub fn clear_requests(&self) {
        lock(&self.shared.log).clear();
    }

    /// Applies a fault to the next `count` requests with this method (`*` matches any) whose path ends with
    /// `path_end`.
    pub fn fail_next(&self, count: usize, method: &str, path_end: &str, fault: Fault) {
        let mut one = Misbehaviour::new(fault).path_end(path_end).times(count);
        if method != "*" {
            one = one.method(method);
        }
        self.misbehave(one);
    }

    /// Adds a misbehaviour.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) {
        lock(&self.shared.faults).add(misbehaviour);
    }

    /// Removes all misbehaviour.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Returns the time of the clock, which decides about the current month and the `Date` of answers.
    pub fn now(&self) -> DateTime<Utc> {
        lock(&self.shared.state).now()
    }

    /// Sets the clock, which stands still from then on. [`Fault::Clock`] sets it when a request arrives.
    /// Orders that wait for a day which has come move on.
    ///
    /// ```
    /// # use waldur_sandbox::{Fault, Misbehaviour, Sandbox};
    /// let last = "2026-10-31T23:59:59Z".parse().unwrap();
    /// let sandbox = Sandbox::builder().now(last).start_blocking()?;
    /// // Midnight passes before the first report arrives.
    /// let midnight = Fault::Clock("2026-11-01T00:00:00Z".parse().unwrap());
    /// sandbox.misbehave(
    ///     Misbehaviour::new(midnight).operation("marketplace_component_usages_set_usage").times(1),
    /// );
    /// assert_eq!(sandbox.now(), last);
    /// # Ok::<(), waldur_sandbox::Error>(())
    /// ```
    pub fn set_now(&self, time: DateTime<Utc>) {
        lock(&self.shared.state).set_now(time);
    }

    /// Replaces one field of one row in all responses from now on, or removes it (`None`). Filters, order and
    /// permissions still use the unchanged state.
    ///
    /// `of` is an operation, such as `marketplace_orders_list`, or a collection, such as
    /// `marketplace-orders`, for its list and its single objects. A field that a request doesn't select stays
    /// absent. Several calls add up.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use waldur_sandbox::Sandbox;
    /// let sandbox = Sandbox::builder().start_blocking()?;
    /// let order = sandbox.orders()[3].uuid;
    /// sandbox.corrupt("marketplace-orders", order, "limits", json!({ "cpu": 1e30 }));
    /// sandbox.corrupt("marketplace_orders_list", 0, "uuid", None);
    /// # Ok::<(), waldur_sandbox::Error>(())
    /// ```
    pub fn corrupt(
        &self,
        of: &str,
        row: impl Into<Row>,
        field: &str,
        value: impl Into<Option<serde_json::Value>>,
    ) {
        let (of, field) = (of.to_owned(), field.to_owned());
        let corruption = Corruption { of, row: row.into(), field, value: value.into() };
        lock(&self.shared.corruptions).push(corruption);
    }

    /// Removes all corruptions.
    pub fn clear_corruptions(&self) {
        lock(&self.shared.corruptions).clear();
    }

    /// Stops the server and waits until its port is free. Dropping the sandbox does the same.
    pub async fn shutdown(mut self) {
        if let Some(Running { stop, ended, thread }) = self.running.take() {
            let _ = stop.send(());
            let _ = ended.await;
            let _ = thread.join();
        }
        // Dropping `self` checks for violations.
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(Running { stop, thread, .. }) = self.running.take() {
            let _ = stop.send(());
            let _ = thread.join();
        }
        if !self.allow_violations && !std::thread::panicking() {
            self.assert_contract();
        }
    }
}
