//! Subscriptions to events: the builder, and the stream of notifications.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::Stream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;
use waldur_api_client::{Client, Error};

use super::connection::Timing;
use super::delivery::Notification;
use super::event::EventKind;
use super::link::{Link, Settings};
use super::registration::Registrant;
use super::shared::{Intervals, Shared};
use super::status::EventsStatus;
use super::websocket::{checked_url, default_url};

/// The name of the agent by default.
const IDENTITY: &str = "waldur-sdk";
/// The longest interval. Longer ones could overflow a clock.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Builder of a subscription to events. See [`ClientExt::events`](crate::ClientExt::events).
#[derive(Clone, Debug)]
#[must_use = "nothing is subscribed before `connect` or `subscribe`"]
pub struct EventsBuilder {
    client: Client,
    offerings: Vec<Uuid>,
    kinds: Vec<EventKind>,
    identity: (String, String),
    url: Option<String>,
    timing: Timing,
    prefetch: Option<u16>,
    backoff: (Duration, Duration),
    intervals: Intervals,
}

impl EventsBuilder {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            offerings: Vec::new(),
            kinds: Vec::new(),
            identity: (IDENTITY.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            url: None,
            timing: Timing { heartbeat: Duration::from_secs(10), timeout: Duration::from_secs(30) },
            prefetch: None,
            backoff: (Duration::from_secs(1), Duration::from_secs(120)),
            intervals: Intervals {
                connected: Duration::from_secs(3600),
                disconnected: Duration::from_secs(60),
            },
        }
    }

    /// Adds an offering. At least one is needed.
    pub fn offering(mut self, offering: Uuid) -> Self {
        if !self.offerings.contains(&offering) {
            self.offerings.push(offering);
        }
        self
    }

    /// Adds offerings.
    pub fn offerings(self, offerings: impl IntoIterator<Item = Uuid>) -> Self {
        offerings.into_iter().fold(self, Self::offering)
    }

    /// Subscribes only to events of these kinds; by default, to all that the server has.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        for kind in kinds {
            if !self.kinds.contains(&kind) {
                self.kinds.push(kind);
            }
        }
        self
    }

    /// Sets the name and the version of the agent at each offering; `waldur-sdk` and its version by default.
    ///
    /// Two programs with the same name at an offering share its events: each event comes to one of them.
    pub fn identity(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.identity = (name.into(), version.into());
        self
    }

    /// Sets the URL of the broker, such as `wss://waldur.example.org/rmqws-stomp`. By default, it has the
    /// scheme, host and port of the API, and this path.
    ///
    /// Proxy and certificates are those of the client.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Sets how often both sides send something, at least a heartbeat; ten seconds by default. A connection
    /// is cut if the broker sends nothing for two intervals.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.timing.heartbeat = interval;
        self
    }

    /// Sets the time limit of each step of a connection: opening it, logging in, and subscribing; 30 seconds
    /// by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timing.timeout = timeout;
        self
    }

    /// Limits the events of a queue that are delivered and not acknowledged. The default is 10, or 1,000 with
    /// limits for a period among the kinds: their processor holds an event until its settings are applied,
    /// and as many resources can wait for that as the limit allows.
    pub fn prefetch(mut self, events: u16) -> Self {
        self.prefetch = Some(events);
        self
    }

    /// Sets the first and the longest pause before another attempt to connect or to register; one second and
    /// two minutes by default. Pauses double, with jitter of up to as much again.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = (first, longest);
        self
    }

    /// Sets how often a full pass is due while all is well; one hour by default.
    pub fn reconcile_every(mut self, interval: Duration) -> Self {
        self.intervals.connected = interval;
        self
    }

    /// Sets how often a full pass is due while an offering can't be subscribed; one minute by default.
    pub fn reconcile_while_disconnected_every(mut self, interval: Duration) -> Self {
        self.intervals.disconnected = interval;
        self
    }

    /// Returns the longest time between two full passes.
    #[cfg(feature = "agent")]
    pub(crate) fn reconcile_interval(&self) -> Duration {
        self.intervals.connected.max(self.intervals.disconnected)
    }

    /// Checks the settings, as [`subscribe`](Self::subscribe) does.
    #[cfg(feature = "agent")]
    pub(crate) fn validate(&self) -> Result<(), Error> {
        self.check().map(drop)
    }

    fn check(&self) -> Result<Settings, Error> {
        let refused = |setting, problem| Err(Error::configuration(setting, problem));
        let times = [
            ("heartbeat", self.timing.heartbeat),
            ("timeout", self.timing.timeout),
            ("reconcile_every", self.intervals.connected),
            ("reconcile_while_disconnected_every", self.intervals.disconnected),
        ];
        for (setting, time) in times {
            if time < Duration::from_millis(1) || time > LONGEST {
                return refused(setting, "must be from 1 ms to 30 days");
            }
        }
        if self.offerings.is_empty() {
            return refused("offering", "is not set: events are those of offerings");
        }
        if self.prefetch == Some(0) {
            return refused("prefetch", "must not be 0");
        }
        if self.backoff.0.is_zero() || self.backoff.0 > self.backoff.1 || self.backoff.1 > LONGEST {
            return refused("backoff", "must have a first pause above 0 and a longest that isn't shorter");
        }
        let url = self.url.clone().unwrap_or_else(|| default_url(self.client.url()));
        Ok(Settings {
            url: checked_url(&url)?,
            timing: self.timing,
            prefetch: self.prefetch.unwrap_or_else(|| default_prefetch(&self.kinds)),
            backoff: self.backoff,
        })
    }

    /// Subscribes in the background, and returns the stream of notifications at once. Attempts that fail are
    /// repeated for ever: [`Events::status`] tells of them. Must be called within a runtime of tokio.
    ///
    /// # Errors
    /// If a setting is invalid ([`Error::is_configuration`]).
    pub fn subscribe(self) -> Result<Events, Error> {
        let settings = self.check()?;
        let shared = Arc::new(Shared::new(&self.offerings));
        let status = shared.reporter.watch();
        let work = run(self, settings, Arc::clone(&shared));
        Ok(Events { shared, status, task: tokio::spawn(work) })
    }

    /// Subscribes, and returns the stream of notifications once all offerings are subscribed. From then on it
    /// is like that of [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    /// If a setting is invalid, an offering can't be registered, or the broker can't be reached or refuses
    /// the login.
    pub async fn connect(self) -> Result<Events, Error> {
        let events = self.subscribe()?;
        events.shared.startup.outcome().await?;
        Ok(events)
    }
}

/// Keeps all offerings subscribed until the caller stops.
async fn run(builder: EventsBuilder, settings: Settings, shared: Arc<Shared>) {
    /// Ends the stream, also if the runtime stops.
    struct Closing<'a>(&'a Shared);
    impl Drop for Closing<'_> {
        fn drop(&mut self) {
            self.0.mailbox.close();
        }
    }

    let EventsBuilder { client, offerings, kinds, identity, intervals, .. } = builder;
    let closing = Closing(&shared);
    let links: Vec<Link<'_>> = offerings
        .into_iter()
        .map(|offering| Link {
            registrant: Registrant {
                client: client.clone(),
                offering,
                identity: identity.clone(),
                kinds: kinds.clone(),
            },
            settings: &settings,
            shared: &shared,
        })
        .collect();
    tokio::select! {
        _ = join_all(links.iter().map(Link::run)) => {}
        () = shared.keep_reconciling(intervals) => {}
    }
    drop(closing);
}

/// A subscription to events: a stream of [`Notification`]s, which doesn't end by itself.
///
/// A task in the background keeps the connections. It ends when the stream is dropped; what isn't
/// acknowledged is delivered again then. [`close`](Self::close) sends the last acknowledgements first.
pub struct Events {
    shared: Arc<Shared>,
    status: watch::Receiver<EventsStatus>,
    task: JoinHandle<()>,
}

impl Events {
    /// Returns the state of the subscription, to read or to watch.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<EventsStatus> {
        self.status.clone()
    }

    /// Sends the acknowledgements that were given and ends the connections, within five seconds.
    pub async fn close(mut self) {
        const LIMIT: Duration = Duration::from_secs(5);
        self.shared.stop.send_replace(true);
        // If it takes longer, dropping the stream ends the task.
        let _ = timeout(LIMIT, &mut self.task).await;
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("status", &*self.status.borrow()).finish_non_exhaustive()
    }
}

impl Stream for Events {
    type Item = Notification;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Notification>> {
        self.shared.mailbox.poll(context)
    }
}

/// Returns how many events of these kinds a program has in hand.
fn default_prefetch(kinds: &[EventKind]) -> u16 {
    if kinds.contains(&EventKind::ResourcePeriodicLimits) { 1000 } else { 10 }
}
