//! What Waldur is told of the agent: that it is there, what it does, and how much.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::select;
use serde::Serialize;
use tokio::time::{sleep, timeout};
use uuid::Uuid;
use waldur_api_client::{Client, Error, RetryPolicy};

use super::health::LoopCounts;
use super::monitor::{AgentMonitor, Probe};
use crate::agent::registration::AgentService;
use crate::agent_identity::AgentIdentity;

/// How long the last statistics may take when the agent ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// The identity of the agent, and how often Waldur is told of it.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    pub(super) name: String,
    pub(super) version: String,
    /// The type and the version of the back end.
    pub(super) backend: Option<(String, String)>,
    pub(super) interval: Duration,
    /// When the agent was built.
    pub(super) started: DateTime<Utc>,
}

/// What is sent as the statistics of a service.
#[derive(Serialize)]
struct Statistics {
    #[serde(flatten)]
    counts: LoopCounts,
    restarts: u64,
    last_success: Option<DateTime<Utc>>,
}

/// What was registered at the offerings.
#[derive(Default)]
struct Registered {
    agents: BTreeMap<Uuid, AgentIdentity>,
    services: Vec<(AgentService, Arc<Probe>)>,
}

impl Presence {
    /// Registers the agent and reports its statistics, again and again until its loops have `ended`, and then
    /// once more.
    pub(super) async fn keep(
        &self,
        client: &Client,
        monitor: &AgentMonitor,
        probes: &[Arc<Probe>],
        ended: impl Future,
    ) {
        let mut registered = Registered::default();
        let telling = async {
            loop {
                let result = self.tell(client, probes, &mut registered).await;
                monitor.registered(&result);
                if result.is_err_and(|error| error.is_unsupported()) {
                    // The server is too old. It may be a newer one after its next start.
                    sleep(self.interval.max(Duration::from_secs(3600))).await;
                } else {
                    sleep(self.interval).await;
                }
            }
        };
        // Registering is idempotent, so it can be interrupted.
        select(pin!(telling), pin!(ended)).await;
        let once = client.with_retry(RetryPolicy::never());
        for (service, probe) in &registered.services {
            let sent = timeout(FAREWELL, service.set_statistics(&once, &Statistics::of(probe))).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::debug!(service = %service.name, "the last statistics were not sent");
                return;
            }
        }
    }

    /// Registers the agent with its services at each offering, and sends their statistics.
    ///
    /// # Errors
    /// The first failure. The others are tried all the same.
    async fn tell(
        &self,
        client: &Client,
        probes: &[Arc<Probe>],
        registered: &mut Registered,
    ) -> Result<(), Error> {
        let mut first = Ok(());
        let offerings: BTreeSet<Uuid> =
            probes.iter().flat_map(|probe| probe.offerings.iter().copied()).collect();
        registered.services.clear();
        for offering in offerings {
            let at_offering = probes.iter().filter(|probe| probe.offerings.contains(&offering));
            if let Err(error) = self.tell_at(client, offering, at_offering, registered).await {
                // It may have been deleted.
                registered.agents.remove(&offering);
                first = first.and(Err(error));
            }
        }
        first
    }

    async fn tell_at(
        &self,
        client: &Client,
        offering: Uuid,
        probes: impl Iterator<Item = &Arc<Probe>>,
        registered: &mut Registered,
    ) -> Result<(), Error> {
        let is_first = !registered.agents.contains_key(&offering);
        if is_first {
            let agent = AgentIdentity::register(client, offering, &*self.name, &*self.version).await?;
            agent.set_last_restarted(client, self.started).await?;
            registered.agents.insert(offering, agent);
        }
        let Some(agent) = registered.agents.get(&offering) else { return Ok(()) };
        for probe in probes {
            let kind = probe.kind;
            let service = agent.register_service(client, kind.as_str(), kind.mode()).await?;
            if let (true, Some((type_, version))) = (is_first, &self.backend) {
                service.register_processor(client, kind.as_str(), &**type_, &**version).await?;
            }
            service.set_statistics(client, &Statistics::of(probe)).await?;
            registered.services.push((service, Arc::clone(probe)));
        }
        Ok(())
    }
}

impl Statistics {
    fn of(probe: &Probe) -> Self {
        let health = probe.health();
        Self { counts: health.counts, restarts: health.restarts, last_success: health.last_success }
    }
}
