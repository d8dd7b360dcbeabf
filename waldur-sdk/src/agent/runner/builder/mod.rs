//! The settings of an agent.

mod loops;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use uuid::Uuid;
use waldur_api_client::{Client, Error};

use super::Agent;
use super::activity::{Activity, LoopKind};
#[cfg(feature = "events")]
use super::hub::Hub;
use super::loops::Loop;
use super::monitor::{AgentMonitor, OnActivity, Probe};
use super::presence::Presence;
use super::supervisor::Supervised;
use crate::agent::stop::StopHandle;
#[cfg(feature = "events")]
use crate::events::EventsBuilder;

/// Builder of an [`Agent`].
///
/// Each loop has a method that switches it on with its back end, and one that also sets the options of its
/// processor. A back end that serves several loops is passed in an [`Arc`], or is cheap to clone.
#[must_use = "nothing is built before `build`"]
pub struct AgentBuilder {
    client: Client,
    offerings: Vec<Uuid>,
    loops: Vec<(LoopKind, NewLoops)>,
    presence: Option<(String, String)>,
    backend: Option<(String, String)>,
    heartbeat: Duration,
    stalled_after: Duration,
    grace_period: Option<Duration>,
    on_activity: OnActivity,
    #[cfg(feature = "events")]
    events: Option<Configure<EventsBuilder>>,
}

/// Makes the loops of a kind for offerings: each with the offerings that it works on.
type NewLoops = Box<dyn FnOnce(&Client, &[Uuid]) -> Vec<(Vec<Uuid>, Box<dyn Loop>)> + Send>;

#[cfg(feature = "events")]
type Configure<T> = Box<dyn FnOnce(T) -> T + Send>;

impl fmt::Debug for AgentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loops: Vec<_> = self.loops.iter().map(|(kind, _)| kind).collect();
        f.debug_struct("AgentBuilder")
            .field("offerings", &self.offerings)
            .field("loops", &loops)
            .finish_non_exhaustive()
    }
}

impl AgentBuilder {
    pub(super) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            offerings: Vec::new(),
            loops: Vec::new(),
            presence: None,
            backend: None,
            heartbeat: Duration::from_secs(900),
            stalled_after: Duration::from_secs(1800),
            grace_period: None,
            on_activity: OnActivity::default(),
            #[cfg(feature = "events")]
            events: None,
        }
    }

    /// Adds an offering that the agent serves. At least one is needed.
    pub fn offering(mut self, offering: impl Into<Uuid>) -> Self {
        let offering = offering.into();
        if !self.offerings.contains(&offering) {
            self.offerings.push(offering);
        }
        self
    }

    /// Adds offerings.
    pub fn offerings(self, offerings: impl IntoIterator<Item = Uuid>) -> Self {
        offerings.into_iter().fold(self, Self::offering)
    }

    /// Registers the agent with Waldur by this name and with the version of its software. Its loops are its
    /// services there. It registers again, and reports the statistics of each loop, by the
    /// [heartbeat](Self::heartbeat). Without an identity, the agent works all the same.
    ///
    /// An offering has one agent of a name: give each of several agents its own.
    pub fn identity(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.presence = Some((name.into(), version.into()));
        self
    }

    /// Registers the type of the back end, such as `slurm`, and its version with the
    /// [identity](Self::identity).
    pub fn backend(mut self, backend_type: impl Into<String>, version: impl Into<String>) -> Self {
        self.backend = Some((backend_type.into(), version.into()));
        self
    }

    /// Sets how often the [identity](Self::identity) is registered again and statistics are reported; 15
    /// minutes by default. It takes two requests for each loop and offering.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval;
        self
    }

    /// Switches on a kind of loops.
    fn with(
        mut self,
        kind: LoopKind,
        new: impl FnOnce(&Client, &[Uuid]) -> Vec<(Vec<Uuid>, Box<dyn Loop>)> + Send + 'static,
    ) -> Self {
        self.loops.push((kind, Box::new(new)));
        self
    }

    /// Lets the loops go by events, with one subscription for all of them. They do a full round when events
    /// may have been lost, once an hour, and once a minute while there is no connection.
    #[cfg(feature = "events")]
    pub fn events(self) -> Self {
        self.events_with(|events| events)
    }

    /// Lets the loops go by events, and sets the options of the subscription. Offerings, kinds and identity
    /// are set already.
    #[cfg(feature = "events")]
    pub fn events_with(
        mut self,
        configure: impl FnOnce(EventsBuilder) -> EventsBuilder + Send + 'static,
    ) -> Self {
        self.events = Some(Box::new(configure));
        self
    }

    /// Calls `on_activity` with each thing done, such as for a log, or to show within a long round that the
    /// process is alive. The loops call it from their tasks, between requests; it must not block or panic.
    pub fn on_activity(mut self, on_activity: impl Fn(&Activity<'_>) + Send + Sync + 'static) -> Self {
        self.on_activity = OnActivity::new(on_activity);
        self
    }

    /// Sets after which time without a sign of life a loop counts as stalled, if it had something to do; 30
    /// minutes by default. Choose it longer than what the back end needs for one call.
    pub fn stalled_after(mut self, time: Duration) -> Self {
        self.stalled_after = time;
        self
    }

    /// Limits the time that the loops have to finish what is in progress when the agent is stopped. After it,
    /// they are interrupted. By default they are waited for, and what started the process may kill it.
    pub fn grace_period(mut self, limit: Duration) -> Self {
        self.grace_period = Some(limit);
        self
    }

    /// Builds the agent. Nothing is sent before it is run.
    ///
    /// # Errors
    /// If there is no offering or no loop, a loop is switched on twice or without the events that it needs,
    /// or a setting is invalid ([`Error::is_configuration`]).
    pub fn build(self) -> Result<Agent, Error> {
        self.check()?;
        let stop = StopHandle::new();
        #[cfg(feature = "events")]
        let mut hub = Hub::default();
        #[cfg(feature = "events")]
        let events = self.events.map(|configure| {
            let mut events = EventsBuilder::new(self.client.clone()).offerings(self.offerings.clone());
            if let Some((name, version)) = &self.presence {
                events = events.identity(name, version);
            }
            configure(events)
        });
        let mut loops = Vec::new();
        for (kind, new) in self.loops {
            for (offerings, mut new) in new(&self.client, &self.offerings) {
                let interval = new.interval();
                #[cfg(feature = "events")]
                let (interval, slot) = match &events {
                    Some(events) if !new.kinds().is_empty() => {
                        let slot = hub.add(offerings.clone(), new.kinds());
                        (interval.max(events.reconcile_interval()), Some(slot))
                    }
                    _ => (interval, None),
                };
                let on_activity = self.on_activity.clone();
                let probe = Arc::new(Probe::new(kind, offerings, interval, self.stalled_after, on_activity));
                new.observe(&probe);
                loops.push(Supervised {
                    task: Arc::from(new),
                    probe,
                    #[cfg(feature = "events")]
                    slot,
                });
            }
        }
        // Without a loop that goes by events there is nothing to subscribe to.
        #[cfg(feature = "events")]
        let events = match events.map(|events| events.kinds(hub.kinds())).filter(|_| !hub.kinds().is_empty())
        {
            Some(events) => {
                events.validate()?;
                Some(events)
            }
            None => None,
        };
        let probes = loops.iter().map(|one| Arc::clone(&one.probe)).collect();
        let (backend, interval) = (self.backend, self.heartbeat);
        let started = Utc::now();
        let presence =
            self.presence.map(|(name, version)| Presence { name, version, backend, interval, started });
        Ok(Agent {
            client: self.client,
            loops,
            monitor: AgentMonitor::new(stop.clone(), probes, self.on_activity),
            stop,
            presence,
            grace_period: self.grace_period,
            #[cfg(feature = "events")]
            hub,
            #[cfg(feature = "events")]
            events,
        })
    }

    fn check(&self) -> Result<(), Error> {
        let refused = |setting, problem| Err(Error::configuration(setting, problem));
        if self.offerings.is_empty() {
            return refused("offering", "is not set: an agent serves offerings");
        }
        if self.loops.is_empty() {
            return refused("agent", "has nothing to do: no loop is switched on");
        }
        let mut kinds = BTreeSet::new();
        for (kind, _) in &self.loops {
            if !kinds.insert(*kind) {
                return refused(kind.as_str(), "is switched on twice");
            }
        }
        #[cfg(feature = "events")]
        if kinds.contains(&LoopKind::PeriodicLimits) && self.events.is_none() {
            return refused(
                LoopKind::PeriodicLimits.as_str(),
                "come by events only, which are not switched on",
            );
        }
        if self.heartbeat.is_zero() {
            return refused("heartbeat", "must not be zero");
        }
        let blank =
            |pair: &Option<(String, String)>| pair.as_ref().is_some_and(|(name, _)| name.trim().is_empty());
        if blank(&self.presence) {
            return refused("identity", "has an empty name");
        }
        if blank(&self.backend) {
            return refused("backend", "has an empty type");
        }
        Ok(())
    }
}
