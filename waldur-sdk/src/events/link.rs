//! The link of an offering to the broker: registered, connected and subscribed for ever.

use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument as _;
use uuid::Uuid;
use waldur_api_client::{Client, Error, ExposeSecret as _, RetryPolicy, SecretString};

use super::connection::{Connection, Credentials, Timing};
use super::failure::{Cause, Failure};
use super::registration::{Login, Registrant, Registration, Scheme};
use super::session::Session;
use super::shared::Shared;
use super::websocket;

/// A connection that lasted so long is not one of a series of failures.
const SETTLED: Duration = Duration::from_secs(60);

/// How connections are made.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) url: String,
    pub(super) timing: Timing,
    pub(super) prefetch: u16,
    /// The pauses before further attempts.
    pub(super) backoff: (Duration, Duration),
}

/// The link of an offering.
pub(super) struct Link<'a> {
    pub(super) registrant: Registrant,
    pub(super) settings: &'a Settings,
    pub(super) shared: &'a Shared,
}

/// The pauses between attempts, which grow until a connection lasts.
struct Backoff {
    limits: (Duration, Duration),
    pauses: Box<dyn Iterator<Item = Duration> + Send>,
}

impl Backoff {
    fn new(limits: (Duration, Duration)) -> Self {
        let pauses = RetryPolicy::default().backoff(limits.0, limits.1).pauses();
        Self { limits, pauses: Box::new(pauses) }
    }

    fn next(&mut self) -> Duration {
        self.pauses.next().unwrap_or(self.limits.1)
    }

    fn reset(&mut self) {
        *self = Self::new(self.limits);
    }
}

/// Why the queues have to be registered again.
struct Stale {
    login: usize,
    refused: bool,
}

impl Link<'_> {
    fn client(&self) -> &Client {
        &self.registrant.client
    }

    fn offering(&self) -> Uuid {
        self.registrant.offering
    }

    /// Keeps the offering subscribed until the caller stops.
    pub(super) async fn run(&self) {
        let span = tracing::info_span!("waldur.events", waldur.offering = %self.offering().simple());
        self.keep_subscribed().instrument(span).await;
    }

    async fn keep_subscribed(&self) {
        let mut backoff = Backoff::new(self.settings.backoff);
        // The token for which the subscriptions were removed. Doing it again would not help.
        let mut discarded: Option<SecretString> = None;
        let mut refused_before = false;
        loop {
            let Some(registration) = self.until_stopped(self.registered(&mut backoff)).await else { return };
            let Some(stale) = self.until_stale(&registration, &mut backoff).await else { return };
            if stale.refused && refused_before {
                self.discard(&registration, stale.login, &mut discarded).await;
            }
            refused_before = stale.refused;
            if self.until_stopped(sleep(backoff.next())).await.is_none() {
                return;
            }
        }
    }

    /// Returns `None` if the caller stops first.
    async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.shared.stop.subscribe();
        tokio::select! {
            result = work => Some(result),
            _ = stop.wait_for(|stop| *stop) => None,
        }
    }

    /// Registers the queues, however long it takes.
    async fn registered(&self, backoff: &mut Backoff) -> Registration {
        loop {
            match self.registrant.register().await {
                Ok(registration) => {
                    let (scheme, connections) = (registration.scheme.as_str(), registration.logins.len());
                    tracing::info!(scheme, connections, "registered");
                    self.shared.registered(self.offering(), connections);
                    return registration;
                }
                Err(error) => {
                    self.shared.unregistered(self.offering(), &error);
                    let pause = backoff.next();
                    tracing::warn!(%error, pause_ms = milliseconds(pause), "registration failed");
                    sleep(pause).await;
                }
            }
        }
    }

    /// Keeps all logins connected until one of them is no longer registered. Returns `None` if the caller
    /// stopped.
    async fn until_stale(&self, registration: &Registration, backoff: &mut Backoff) -> Option<Stale> {
        let begun = Instant::now();
        let logins = registration.logins.iter().enumerate();
        let mut logins: FuturesUnordered<_> =
            logins.map(|(at, login)| self.keep_connected(at, login)).collect();
        // All of them end if the caller stops, each after it sent its last acknowledgements.
        while let Some(ended) = logins.next().await {
            if ended.is_some() {
                if begun.elapsed() >= SETTLED {
                    backoff.reset();
                }
                return ended;
            }
        }
        None
    }

    /// Connects again and again, until the login or its queues are no longer there. Returns `None` if the
    /// caller stopped.
    async fn keep_connected(&self, at: usize, login: &Login) -> Option<Stale> {
        let mut backoff = Backoff::new(self.settings.backoff);
        let mut died = false;
        loop {
            let begun = Instant::now();
            let failure = match self.until_stopped(self.connect(login)).await? {
                Ok(connection) => self.session(connection, login).await,
                Err(failure) => failure,
            };
            let Failure { cause, error } = failure;
            let refused = cause == Cause::Refused;
            if cause == Cause::Stopped {
                return None;
            }
            if begun.elapsed() >= SETTLED {
                backoff.reset();
                died = false;
            }
            // A broker that stops says no more than one that misses the user or a queue.
            let stale = match cause {
                Cause::Refused | Cause::QueueGone | Cause::Broker => true,
                Cause::Died => std::mem::replace(&mut died, true),
                Cause::Connection | Cause::Stopped => false,
            };
            self.shared.lost(self.offering(), &error, cause.as_str(), stale);
            let cause = cause.as_str();
            if stale {
                tracing::warn!(%error, cause, "disconnected, registering again");
                return Some(Stale { login: at, refused });
            }
            let pause = backoff.next();
            tracing::warn!(%error, cause, pause_ms = milliseconds(pause), "disconnected");
            self.until_stopped(sleep(pause)).await?;
        }
    }

    /// Connects and logs in.
    async fn connect(
        &self,
        login: &Login,
    ) -> Result<Connection<impl AsyncRead + AsyncWrite + Send + Unpin + use<>>, Failure> {
        let Settings { url, timing, .. } = self.settings;
        let passcode = self.passcode().await?;
        let stream = websocket::open(self.client(), url, timing.timeout).await?;
        let credentials = Credentials { host: &login.vhost, login: &login.login, passcode };
        Connection::open(stream, credentials, *timing).await
    }

    /// Returns the token that the client has now.
    async fn passcode(&self) -> Result<SecretString, Failure> {
        let limit = self.settings.timing.timeout;
        let token = timeout(limit, self.client().current_token()).await;
        let token = token.map_err(|_| Failure::late("token for the login", limit))?;
        token.map_err(Failure::unconnected)?.ok_or_else(|| {
            let problem = "are anonymous: events need a token";
            Failure::unconnected(Error::configuration("credentials", problem))
        })
    }

    /// Subscribes to the queues of a login and delivers events until the connection ends.
    async fn session<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: Connection<S>,
        login: &Login,
    ) -> Failure {
        let (shared, prefetch) = (self.shared, self.settings.prefetch);
        let mut session = Session::new(connection, shared, self.offering(), &login.queues, prefetch);
        let subscribing = session.subscribe(self.settings.timing.timeout);
        match self.until_stopped(subscribing).await {
            None => return Failure::stopped(),
            Some(Err(failure)) => return failure,
            Some(Ok(())) => {}
        }
        tracing::info!(queues = login.queues.len(), "subscribed");
        let _connected = self.shared.subscribed(self.offering());
        session.run().await
    }

    /// Removes a legacy subscription whose login is refused again after it was registered: its passcode is an
    /// older token. Other tokens than API tokens are never its passcode.
    async fn discard(&self, registration: &Registration, at: usize, discarded: &mut Option<SecretString>) {
        let (Scheme::Legacy, Some(login)) = (registration.scheme, registration.logins.get(at)) else {
            return;
        };
        let Ok(token) = self.passcode().await else { return };
        let secret = token.expose_secret();
        let is_api_token = !secret.starts_with("w_") && !secret.contains('.');
        if !is_api_token {
            let problem = "are no API token, which is the passcode of events on this server";
            self.shared.unregistered(self.offering(), &Error::configuration("credentials", problem));
            return;
        }
        if discarded.as_ref().is_some_and(|known| known.expose_secret() == secret) {
            return;
        }
        match self.registrant.discard(login).await {
            Ok(()) => *discarded = Some(token),
            Err(error) => self.shared.unregistered(self.offering(), &error),
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
