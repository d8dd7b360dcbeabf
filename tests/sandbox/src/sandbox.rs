//! Starting a sandbox, talking to it, looking inside.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use rust_decimal::Decimal;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::actor::{Actor, Tokens};
use crate::contract::Violation;
use crate::corruption::{Corruption, Row};
use crate::fault::{Fault, Faults, Misbehaviour};
use crate::model::{OfferingUserState, Order, OrderState, OrderType, Resource, ResourceState};
use crate::release::Release;
use crate::seed::{self, Ids, Seed};
use crate::server::{self, Request, Shared, lock};
use crate::state::Clock;

/// Why a sandbox didn't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The port can't be had.
    #[error("can't listen on port {port} of the loopback interface")]
    Listen {
        /// The port asked for; 0 is any.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The thread of the server can't be started.
    #[error("can't start the server")]
    Start(#[source] io::Error),
}

/// How many orders a sandbox starts with unless told otherwise.
pub const DEFAULT_ORDERS: usize = 50;

/// A sandbox to be.
#[derive(Clone)]
pub struct Builder {
    orders: usize,
    orders_in: BTreeMap<OrderState, usize>,
    latency: Duration,
    port: u16,
    release: Release,
    allow_violations: bool,
    print_violations: bool,
    without_resources: bool,
    inline_workers: bool,
    misbehaviours: Vec<Misbehaviour>,
    dice: u64,
    clock: Clock,
    seeds: Vec<Seeder>,
}

/// Something that adds to what a sandbox starts with.
type Seeder = Arc<dyn Fn(&mut Seed<'_>) + Send + Sync>;

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("port", &self.port)
            .field("orders", &self.orders)
            .finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            orders: DEFAULT_ORDERS,
            orders_in: BTreeMap::new(),
            latency: Duration::ZERO,
            port: 0,
            release: Release::default(),
            allow_violations: false,
            print_violations: false,
            without_resources: false,
            inline_workers: false,
            misbehaviours: Vec::new(),
            dice: 0,
            clock: Clock::default(),
            seeds: Vec::new(),
        }
    }
}

impl Builder {
    /// How many orders to start with, in all states: from nine on there is one in each, and three of ten are
    /// pending with the provider, three executing.
    #[must_use]
    pub fn orders(mut self, count: usize) -> Self {
        self.orders = count;
        self
    }

    /// Exactly this many orders in one state, whatever [`Builder::orders`] would give; for orders in no other
    /// state, say `orders(0)` as well.
    #[must_use]
    pub fn orders_in(mut self, state: OrderState, count: usize) -> Self {
        self.orders_in.insert(state, count);
        self
    }

    /// Neither resources nor orders, usages and accounts: only organisations, people and offerings.
    #[must_use]
    pub fn without_resources(mut self) -> Self {
        self.without_resources = true;
        self
    }

    /// Misbehaves from the start.
    #[must_use]
    pub fn misbehave(mut self, misbehaviour: Misbehaviour) -> Self {
        self.misbehaviours.push(misbehaviour);
        self
    }

    /// The seed of the dice that decide about misbehaviour by chance; 0 unless told.
    #[must_use]
    pub fn dice(mut self, seed: u64) -> Self {
        self.dice = seed;
        self
    }

    /// Sets the clock, which otherwise is the machine's. A clock that is set stands still until it is set
    /// again, by [`Sandbox::set_now`] or [`Fault::Clock`].
    #[must_use]
    pub fn now(mut self, time: DateTime<Utc>) -> Self {
        self.clock.set = Some(time);
        self
    }

    /// The zone in which the server counts months and reads times without a zone; UTC unless told. A report
    /// without `date` just after midnight in Tallinn is for the new month, while it is still the old one in
    /// UTC.
    #[must_use]
    pub fn time_zone(mut self, zone: FixedOffset) -> Self {
        self.clock.zone = zone;
        self
    }

    /// What a deployment's workers do later is done at once: an approved order of an offering without an
    /// agent is done, where it would be executing for a while.
    #[must_use]
    pub fn inline_workers(mut self) -> Self {
        self.inline_workers = true;
        self
    }

    /// Adds to what the sandbox starts with.
    ///
    /// ```
    /// # use waldur_sandbox::{OrderState, OrderType, ResourceState, Sandbox};
    /// let sandbox = Sandbox::builder()
    ///     .orders(0)
    ///     .seed(|seed| {
    ///         let ids = *seed.ids();
    ///         let resource =
    ///             seed.resource(ids.offerings.slurm, ids.project, "waves", ResourceState::Creating);
    ///         seed.order(resource, OrderType::Create, OrderState::Executing);
    ///     })
    ///     .start_blocking()?;
    /// assert_eq!(sandbox.orders().len(), 1);
    /// # Ok::<(), waldur_sandbox::Error>(())
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: impl Fn(&mut Seed<'_>) + Send + Sync + 'static) -> Self {
        self.seeds.push(Arc::new(seed));
        self
    }

    /// How long each answer takes at least, from when its request has arrived.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// The port to listen on; 0, the default, is any that is free.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The age of the server to be.
    #[must_use]
    pub fn release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// Requests may break the schema: the end of the sandbox doesn't fail because of them. For programs that
    /// mean to be wrong; one wrong request in a test is better taken with [`Sandbox::take_violations`].
    #[must_use]
    pub fn allow_violations(mut self) -> Self {
        self.allow_violations = true;
        self
    }

    /// Says on standard error what breaks the schema, as it comes.
    #[must_use]
    pub fn print_violations(mut self) -> Self {
        self.print_violations = true;
        self
    }

    /// Starts the sandbox. It runs in a thread of its own and needs nothing of the caller's runtime.
    ///
    /// # Errors
    /// If the port can't be had or the thread not started.
    #[allow(clippy::unused_async)]
    pub async fn start(self) -> Result<Sandbox, Error> {
        self.start_blocking()
    }

    /// The same for programs without a runtime.
    ///
    /// # Errors
    /// If the port can't be had or the thread not started.
    pub fn start_blocking(self) -> Result<Sandbox, Error> {
        let listen = |source| Error::Listen { port: self.port, source };
        let listener =
            TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let ids = Ids::new(self.clock);
        let mut state = seed::seed(&ids, self.clock, &self.order_states(), !self.without_resources);
        state.inline_workers = self.inline_workers;
        state.release = self.release;
        for seed in &self.seeds {
            seed(&mut Seed::new(&mut state, &ids));
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            log: Mutex::default(),
            corruptions: Mutex::default(),
            faults: Mutex::new(Faults::new(self.misbehaviours.clone(), self.dice)),
            tokens: Tokens::new(),
            violations: Mutex::default(),
            print_violations: self.print_violations,
            release: self.release,
            latency: self.latency,
            address,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(Error::Start)?;
        let listener = {
            let _guard = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(Error::Start)?
        };
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let for_server = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("waldur-sandbox".to_owned())
            .spawn(move || {
                runtime.block_on(server::serve(listener, for_server, stopped));
                drop(runtime);
                let _ = end.send(());
            })
            .map_err(Error::Start)?;
        Ok(Sandbox {
            url: format!("http://{address}/api/"),
            ids,
            shared,
            allow_violations: self.allow_violations,
            running: Some(Running { stop, ended, thread }),
        })
    }

    fn order_states(&self) -> Vec<OrderState> {
        let mut states = seed::spread(self.orders);
        states.retain(|state| !self.orders_in.contains_key(state));
        for (&state, &count) in &self.orders_in {
            states.extend(std::iter::repeat_n(state, count));
        }
        states
    }
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

/// A Waldur to try things on. It listens on the loopback interface and ends with this value.
#[derive(Debug)]
pub struct Sandbox {
    url: String,
    ids: Ids,
    shared: Arc<Shared>,
    allow_violations: bool,
    running: Option<Running>,
}

/// An order, as it is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// The order's uuid.
    pub uuid: Uuid,
    /// Where it stands.
    pub state: OrderState,
    /// What it asks for.
    pub type_: OrderType,
    /// The resource it is about.
    pub resource: Uuid,
    /// The offering of that resource.
    pub offering: Uuid,
}

/// What an order holds beside its [`OrderView`].
#[derive(Clone, Debug, PartialEq)]
pub struct OrderContent {
    /// What the provider's back end calls it; empty until told.
    pub backend_id: String,
    /// What it asks for, component by component.
    pub limits: serde_json::Map<String, serde_json::Value>,
    /// Why it failed.
    pub error_message: String,
    /// The details of that.
    pub error_traceback: String,
    /// What was set beside: `request_comment`, `provider_message`, `provider_rejection_comment`, …
    pub properties: serde_json::Map<String, serde_json::Value>,
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        Self {
            uuid: order.uuid,
            state: order.state,
            type_: order.kind,
            resource: order.resource,
            offering: order.offering,
        }
    }
}

/// A resource, as it is inside.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceView {
    /// The resource's uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: ResourceState,
    /// What the provider's back end calls it; empty until told.
    pub backend_id: String,
    /// The offering it is of.
    pub offering: Uuid,
    /// The project it is in.
    pub project: Uuid,
    /// The plan period that usage can be reported for.
    pub plan_period: Option<Uuid>,
    /// Component by component.
    pub limits: serde_json::Map<String, serde_json::Value>,
    /// The report submitted last, or null.
    pub report: serde_json::Value,
    /// Why it failed.
    pub error_message: String,
    /// What the back end says of it.
    pub backend_metadata: serde_json::Value,
    /// Names and addresses where it can be reached.
    pub endpoints: Vec<(String, String)>,
    /// What was set beside: `paused`, `downscaled`, `restrict_member_access`, `end_date`, `options`, …
    pub properties: serde_json::Map<String, serde_json::Value>,
}

impl From<&Resource> for ResourceView {
    fn from(row: &Resource) -> Self {
        Self {
            uuid: row.uuid,
            name: row.name.clone(),
            state: row.state,
            backend_id: row.backend_id.clone(),
            offering: row.offering,
            project: row.project,
            plan_period: row.plan_period.as_ref().map(|period| period.uuid),
            limits: row.limits.clone(),
            report: row.report.clone(),
            error_message: row.error_message.clone(),
            backend_metadata: row.backend_metadata.clone(),
            endpoints: row.endpoints.iter().map(|row| (row.name.clone(), row.url.clone())).collect(),
            properties: row.set.clone(),
        }
    }
}

/// Something of a collection that has little of its own, such as a robot account.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentView {
    /// Its uuid.
    pub uuid: Uuid,
    /// Where it stands; empty where there are no states.
    pub state: String,
    /// The resource that it belongs to.
    pub resource: Option<Uuid>,
    /// The offering.
    pub offering: Option<Uuid>,
    /// The project.
    pub project: Option<Uuid>,
    /// As they were sent or set since; what is an address in requests is a uuid here.
    pub properties: serde_json::Map<String, serde_json::Value>,
}

/// What was used of one component of one resource in one month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageView {
    /// The usage's uuid.
    pub uuid: Uuid,
    /// The resource.
    pub resource: Uuid,
    /// The component's type, such as `cpu`.
    pub component: String,
    /// The first day of the month.
    pub period: NaiveDate,
    /// How much, exactly as reported.
    pub amount: Decimal,
    /// What the provider says about it.
    pub description: String,
}

/// One account's share of a usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserUsageView {
    /// The usage that it is a share of.
    pub usage: Uuid,
    /// The account's name.
    pub username: String,
    /// How much.
    pub amount: Decimal,
}

/// A user's account at an offering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferingUserView {
    /// The account's uuid.
    pub uuid: Uuid,
    /// The offering.
    pub offering: Uuid,
    /// The user.
    pub user: Uuid,
    /// The name there; empty until told.
    pub username: String,
    /// Where it stands.
    pub state: OfferingUserState,
}

impl Sandbox {
    /// A sandbox with fifty orders, on any free port.
    ///
    /// # Errors
    /// If no port can be had or the thread not started.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// A sandbox to one's own wishes.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The address of the API, ending in `/api/`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token of an actor: 40 hex digits, sent as `Authorization: Token …`.
    ///
    /// As a personal access token it is `w_` and the same digits, sent as `Authorization: Bearer …`.
    pub fn token(&self, actor: Actor) -> &str {
        self.shared.tokens.of(actor)
    }

    /// The uuids of what is there from the start.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// All requests so far, in the order in which they were answered.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// What broke the schema so far: by requests of the program under test, or by answers of the sandbox.
    pub fn violations(&self) -> Vec<Violation> {
        lock(&self.shared.violations).clone()
    }

    /// The same, and forgets them: what a test means to send wrong, it takes out here and looks at.
    pub fn take_violations(&self) -> Vec<Violation> {
        std::mem::take(&mut *lock(&self.shared.violations))
    }

    /// Panics if something broke the schema. The end of the sandbox does the same, unless it was built with
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

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        lock(&self.shared.log).clear();
    }

    /// Makes the next `count` requests with this method (`*` is any) whose path ends like this misbehave.
    pub fn fail_next(&self, count: usize, method: &str, path_end: &str, fault: Fault) {
        let mut one = Misbehaviour::new(fault).path_end(path_end).times(count);
        if method != "*" {
            one = one.method(method);
        }
        self.misbehave(one);
    }

    /// Misbehaves from now on.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) {
        lock(&self.shared.faults).add(misbehaviour);
    }

    /// No more misbehaviour.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Returns the time of the clock, which decides about the current month and the `Date` of answers.
    pub fn now(&self) -> DateTime<Utc> {
        lock(&self.shared.state).now()
    }

    /// Sets the clock, which stands still from then on. [`Fault::Clock`] sets it when a request arrives.
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
        lock(&self.shared.state).clock.set = Some(time);
    }

    /// Gives one field of one row another value in all answers from now on, or leaves it out (`None`). Only
    /// answers change: filters, order and permissions go by what is inside.
    ///
    /// `of` is an operation, such as `marketplace_orders_list`, or a collection, such as
    /// `marketplace-orders`, for its list and its objects. A field that a request doesn't ask for stays away.
    /// Several calls add up.
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

    /// All rows are again what they are inside.
    pub fn clear_corruptions(&self) {
        lock(&self.shared.corruptions).clear();
    }

    /// One order.
    pub fn order(&self, uuid: Uuid) -> Option<OrderView> {
        lock(&self.shared.state).orders.get(uuid).map(OrderView::from)
    }

    /// What one order holds.
    pub fn order_content(&self, uuid: Uuid) -> Option<OrderContent> {
        lock(&self.shared.state).orders.get(uuid).map(|order| OrderContent {
            backend_id: order.backend_id.clone(),
            limits: order.limits.clone(),
            error_message: order.error_message.clone(),
            error_traceback: order.error_traceback.clone(),
            properties: order.set.clone(),
        })
    }

    /// All orders, oldest first.
    pub fn orders(&self) -> Vec<OrderView> {
        lock(&self.shared.state).orders.iter().map(OrderView::from).collect()
    }

    /// One resource.
    pub fn resource(&self, uuid: Uuid) -> Option<ResourceView> {
        lock(&self.shared.state).resources.get(uuid).map(ResourceView::from)
    }

    /// All resources, oldest first.
    pub fn resources(&self) -> Vec<ResourceView> {
        lock(&self.shared.state).resources.iter().map(ResourceView::from).collect()
    }

    /// All usages, oldest first.
    pub fn usages(&self) -> Vec<UsageView> {
        lock(&self.shared.state)
            .usages
            .iter()
            .map(|usage| UsageView {
                uuid: usage.uuid,
                resource: usage.resource,
                component: usage.component.clone(),
                period: usage.month,
                amount: usage.amount,
                description: usage.description.clone(),
            })
            .collect()
    }

    /// All shares of usages, oldest first.
    pub fn user_usages(&self) -> Vec<UserUsageView> {
        lock(&self.shared.state)
            .user_usages
            .iter()
            .map(|row| UserUsageView { usage: row.usage, username: row.username.clone(), amount: row.amount })
            .collect()
    }

    /// All accounts at offerings, oldest first.
    pub fn offering_users(&self) -> Vec<OfferingUserView> {
        lock(&self.shared.state)
            .offering_users
            .iter()
            .map(|row| OfferingUserView {
                uuid: row.uuid,
                offering: row.offering,
                user: row.person,
                username: row.username.clone().unwrap_or_default(),
                state: row.state,
            })
            .collect()
    }

    /// One of the collections that have little of their own, such as `marketplace-robot-accounts`, oldest
    /// first.
    pub fn documents(&self, collection: &str) -> Vec<DocumentView> {
        lock(&self.shared.state)
            .documents
            .iter()
            .filter(|document| document.collection == collection)
            .map(|document| DocumentView {
                uuid: document.uuid,
                state: document.text("state").to_owned(),
                resource: document.place.resource,
                offering: document.place.offering,
                project: document.place.project,
                properties: document.values.clone(),
            })
            .collect()
    }

    /// The members of a project: username and role, such as `PROJECT.ADMIN`.
    pub fn members(&self, project: Uuid) -> Vec<(String, String)> {
        lock(&self.shared.state)
            .members(project)
            .map(|(person, role)| (person.username().to_owned(), role.name.clone()))
            .collect()
    }

    /// The types of an offering's components, in their order.
    pub fn components(&self, offering: Uuid) -> Vec<String> {
        lock(&self.shared.state)
            .offerings
            .get(offering)
            .map(|row| row.components.iter().map(|component| component.kind.clone()).collect())
            .unwrap_or_default()
    }

    /// Ends the server and waits until its port is free; dropping the sandbox does the same.
    pub async fn shutdown(mut self) {
        if let Some(Running { stop, ended, thread }) = self.running.take() {
            let _ = stop.send(());
            let _ = ended.await;
            let _ = thread.join();
        }
        // The rest is done by dropping it.
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
