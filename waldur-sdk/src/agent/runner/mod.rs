//! The whole agent: the loops that are switched on, side by side.

mod activity;
mod builder;
mod health;
#[cfg(feature = "events")]
mod hub;
mod loops;
mod monitor;
mod presence;
mod supervisor;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join, join_all, select};
use tokio::time::timeout;
use waldur_api_client::Client;

pub use activity::{Activity, LoopKind, RoundSummary};
pub use builder::AgentBuilder;
#[cfg(feature = "events")]
pub use health::EventsHealth;
pub use health::{AgentHealth, LoopCounts, LoopError, LoopHealth, LoopState};
pub use monitor::AgentMonitor;

use super::stop::StopHandle;
#[cfg(feature = "events")]
use crate::events::EventsBuilder;
use monitor::Probe;
use presence::Presence;
use supervisor::Supervised;

/// A provider's agent: runs the loops that are switched on side by side, until it is stopped.
///
/// Each loop is a task of its own, with its own interval. A failure of the server or of a back end is
/// reported and doesn't end a loop. A loop that panics is reported, too, and begins again after a pause that
/// grows from 10 s to 10 min; the others go on. What was done is passed to
/// [`on_activity`](AgentBuilder::on_activity), and
/// [`AgentMonitor::health`] says how the loops are, for a liveness probe.
///
/// With an [identity](AgentBuilder::identity), the operators see the agent, its loops and their statistics in
/// Waldur. With `AgentBuilder::events` (feature `events`), the loops go by events, and do a full round once
/// an hour.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use waldur_sdk::agent::{Agent, Backend, BackendError, Provisioned, Task};
/// use waldur_sdk::agent::{Measurements, Meter, MeteredResource};
/// use waldur_sdk::{BackendId, Client, Decimal, Month};
///
/// struct Cluster;
///
/// impl Backend for Cluster {
///     async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
///         Provisioned::new(format!("hpc_{}", task.order().resource_uuid.simple()))
///     }
///     async fn update(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
///         Ok(())
///     }
///     async fn terminate(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
///         Ok(())
///     }
/// }
///
/// impl Meter for Cluster {
///     async fn measure(
///         &self,
///         resources: &[MeteredResource],
///         _: Month,
///     ) -> Result<Measurements, BackendError> {
///         let mut measured = Measurements::new();
///         for resource in resources {
///             measured.add(resource.uuid, "cpu", Decimal::from(90_000));
///         }
///         Ok(measured)
///     }
/// }
///
/// # use waldur_sandbox::{Actor, Sandbox};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let offering = sandbox.ids().offerings.slurm;
/// # let shutdown = tokio::time::sleep(std::time::Duration::from_millis(200));
/// // let shutdown = waldur_sdk::agent::shutdown_signal();
/// let agent = Agent::builder(&client)
///     .offering(offering)
///     .identity("polar-agent", "1.4.0")
///     .orders(Cluster)
///     .usage_with(Cluster, |usage| usage.factor("cpu", Decimal::from(3600)).allow_decrease())
///     .on_activity(|activity| println!("{activity}"))
///     .build()?;
/// let monitor = agent.monitor();
/// agent.run_until(shutdown).await;
/// println!("{}", serde_json::to_string_pretty(&monitor.health())?);
/// # Ok(())
/// # }
/// ```
#[must_use = "an agent does nothing until it is run"]
pub struct Agent {
    client: Client,
    loops: Vec<Supervised>,
    monitor: AgentMonitor,
    stop: StopHandle,
    presence: Option<Presence>,
    grace_period: Option<Duration>,
    #[cfg(feature = "events")]
    hub: hub::Hub,
    #[cfg(feature = "events")]
    events: Option<EventsBuilder>,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loops: Vec<_> = self.loops.iter().map(|one| one.probe.kind).collect();
        f.debug_struct("Agent").field("loops", &loops).finish_non_exhaustive()
    }
}

impl Agent {
    /// Returns a builder of an agent.
    pub fn builder(client: &Client) -> AgentBuilder {
        AgentBuilder::new(client)
    }

    /// Returns a monitor of the agent, for its health.
    #[must_use]
    pub fn monitor(&self) -> AgentMonitor {
        self.monitor.clone()
    }

    /// Returns a handle that stops the agent.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Runs the loops until `until` ends, such as [`shutdown_signal`](super::shutdown_signal), or the agent
    /// is [stopped](Self::stop_handle). Nothing further is begun then, and what is in progress is finished.
    /// Returns the output of `until`, or `None` if the agent was stopped or ended before.
    ///
    /// Dropping this future interrupts the loops. The next agent goes on.
    ///
    /// # Panics
    /// If it isn't called within a runtime of tokio.
    pub async fn run_until<F: Future>(self, until: F) -> Option<F::Output> {
        #[cfg(feature = "events")]
        let mut events = self.subscribe();
        let probes: Vec<Arc<Probe>> = self.loops.iter().map(|one| Arc::clone(&one.probe)).collect();
        let ended = StopHandle::new();
        let loops = async {
            let run = |one| {
                Supervised::run(
                    one,
                    &self.stop,
                    #[cfg(feature = "events")]
                    &self.hub,
                )
            };
            join_all(self.loops.iter().map(run)).await;
            ended.stop();
        };
        let presence = async {
            if let Some(presence) = &self.presence {
                presence.keep(&self.client, &self.monitor, &probes, ended.stopped()).await;
            }
        };
        let work = join(loops, presence);
        #[cfg(feature = "events")]
        let work = async {
            let passed_on = async {
                if let Some(events) = &mut events {
                    self.hub.pass_on(events).await;
                }
                std::future::pending::<()>().await;
            };
            select(pin!(work), pin!(passed_on)).await;
        };
        let (until, stopped) = (pin!(until), pin!(self.stop.stopped()));
        let output = match select(select(until, stopped), pin!(work)).await {
            Either::Left((stopped, work)) => {
                self.stop.stop();
                let limit = self.grace_period.unwrap_or(Duration::MAX);
                if timeout(limit, work).await.is_err() {
                    tracing::warn!(?limit, "the loops did not end in time and are interrupted");
                }
                match stopped {
                    Either::Left((output, _)) => Some(output),
                    Either::Right(_) => None,
                }
            }
            Either::Right(_) => None,
        };
        #[cfg(feature = "events")]
        if let Some(events) = events {
            events.close().await;
        }
        output
    }

    /// Subscribes to events, if they are switched on.
    #[cfg(feature = "events")]
    fn subscribe(&self) -> Option<crate::events::Events> {
        match self.events.clone()?.subscribe() {
            Ok(events) => {
                self.monitor.set_events(events.status());
                Some(events)
            }
            Err(error) => {
                // The builder has checked the settings. The loops do rounds.
                tracing::error!(%error, "there is no subscription to events");
                self.hub.switch_off();
                None
            }
        }
    }
}
