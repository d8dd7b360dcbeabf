//! Settings of a sandbox, and its start.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, FixedOffset, Utc};
use tokio::sync::oneshot;

use crate::broker::BrokerMisbehaviour;
use crate::release::Release;
use crate::sandbox::{Running, Sandbox};
use crate::seed::Seed;
use crate::seed::{self, Ids};
use crate::server;
use crate::server::misbehaviour::{Faults, Misbehaviour};
use crate::server::shared::Shared;
use crate::server::tokens::Tokens;
use crate::store::{Clock, OrderState};

/// Reasons why a sandbox can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The port can't be bound.
    #[error("can't listen on port {port} of the loopback interface")]
    Listen {
        /// The requested port; 0 requests any free port.
        port: u16,
        /// The cause, from the operating system.
        source: io::Error,
    },
    /// The server's thread can't be started.
    #[error("can't start the server")]
    Start(#[source] io::Error),
}

/// The number of orders that a sandbox starts with by default.
pub const DEFAULT_ORDERS: usize = 50;

/// Builder of a [`Sandbox`].
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
    broker_misbehaviours: Vec<BrokerMisbehaviour>,
    dice: u64,
    clock: Clock,
    seeds: Vec<Seeder>,
}

/// A function that adds to the initial state.
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
            broker_misbehaviours: Vec::new(),
            dice: 0,
            clock: Clock::default(),
            seeds: Vec::new(),
        }
    }
}

impl Builder {
    /// Sets the number of initial orders, in all states. From nine on, each state has at least one order; of
    /// ten orders three are pending with the provider and three are executing. Default: [`DEFAULT_ORDERS`].
    #[must_use]
    pub fn orders(mut self, count: usize) -> Self {
        self.orders = count;
        self
    }

    /// Sets the number of initial orders in one state, independent of [`Builder::orders`]. Call `orders(0)`
    /// as well to have no order in another state.
    #[must_use]
    pub fn orders_in(mut self, state: OrderState, count: usize) -> Self {
        self.orders_in.insert(state, count);
        self
    }

    /// Starts without resources, orders, usages and offering users: only with customers, users and offerings.
    #[must_use]
    pub fn without_resources(mut self) -> Self {
        self.without_resources = true;
        self
    }

    /// Adds a misbehaviour that is active from the start.
    #[must_use]
    pub fn misbehave(mut self, misbehaviour: Misbehaviour) -> Self {
        self.misbehaviours.push(misbehaviour);
        self
    }

    /// Adds a misbehaviour of the broker that is active from the start.
    #[must_use]
    pub fn misbehave_broker(mut self, misbehaviour: BrokerMisbehaviour) -> Self {
        self.broker_misbehaviours.push(misbehaviour);
        self
    }

    /// Sets the seed of the random numbers that decide about misbehaviour by chance. Default: 0.
    #[must_use]
    pub fn dice(mut self, seed: u64) -> Self {
        self.dice = seed;
        self
    }

    /// Sets the clock to a fixed time. It stands still until [`Sandbox::set_now`] or
    /// [`Fault::Clock`](crate::Fault::Clock) sets it again. By default the sandbox uses the system's clock.
    #[must_use]
    pub fn now(mut self, time: DateTime<Utc>) -> Self {
        self.clock.set = Some(time);
        self
    }

    /// Sets the server's time zone, in which it counts months and reads times without a zone. Default: UTC. A
    /// report without `date` just after midnight in Tallinn counts for the new month, while in UTC it would
    /// count for the old one.
    #[must_use]
    pub fn time_zone(mut self, zone: FixedOffset) -> Self {
        self.clock.zone = zone;
        self
    }

    /// Runs background work at once: an approved order of an offering without an agent is done instead of
    /// executing.
    #[must_use]
    pub fn inline_workers(mut self) -> Self {
        self.inline_workers = true;
        self
    }

    /// Adds to the initial state.
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

    /// Sets the minimum time from a request's arrival to its response.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Sets the port to listen on. Default: 0, any free port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the release of Waldur that the sandbox imitates.
    #[must_use]
    pub fn release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// Keeps the sandbox from panicking at its end because of violations. Use it for programs that send
    /// invalid requests on purpose; for a single invalid request in a test, prefer
    /// [`Sandbox::take_violations`].
    #[must_use]
    pub fn allow_violations(mut self) -> Self {
        self.allow_violations = true;
        self
    }

    /// Prints violations of the schema to standard error as they occur.
    #[must_use]
    pub fn print_violations(mut self) -> Self {
        self.print_violations = true;
        self
    }

    /// Starts the sandbox. The server runs in a thread of its own and doesn't use the caller's runtime.
    ///
    /// # Errors
    /// If the port can't be bound or the thread can't be started.
    #[allow(clippy::unused_async)]
    pub async fn start(self) -> Result<Sandbox, Error> {
        self.start_blocking()
    }

    /// Starts the sandbox, for programs without an async runtime.
    ///
    /// # Errors
    /// If the port can't be bound or the thread can't be started.
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
        let broker = state.broker.clone();
        broker.lock().faults.seed(self.dice);
        for misbehaviour in &self.broker_misbehaviours {
            broker.lock().faults.add(misbehaviour.clone());
        }
        for seed in &self.seeds {
            seed(&mut Seed::new(&mut state, &ids));
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            broker,
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
