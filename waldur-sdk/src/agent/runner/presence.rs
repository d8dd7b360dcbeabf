//! What Waldur is told of the agent: that it is there, what it does, and how much.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::select;
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use tokio::time::{sleep, timeout};
use uuid::Uuid;
use waldur_api_client::{Client, Error, RetryPolicy};

use super::activity::LoopKind;
use super::health::LoopCounts;
use super::monitor::{AgentMonitor, Probe};
use crate::agent::registration::AgentService;
use crate::agent_identity::AgentIdentity;

/// How long the last statistics of all services may take when the agent ends.
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
    /// The services of loops at offerings.
    services: BTreeMap<(Uuid, LoopKind), (AgentService, Arc<Probe>)>,
    /// The services whose back ends are registered.
    with_backend: BTreeSet<Uuid>,
}

/// The results of the requests of a heartbeat.
#[derive(Default)]
struct Results {
    /// The first error.
    first: Option<Error>,
    /// Whether the server failed, and not only refused.
    is_failing: bool,
}

impl Results {
    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.is_failing |= !error.is_refusal();
                self.first.get_or_insert(error);
                None
            }
        }
    }
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
        let farewells = stream::iter(registered.services.values()).for_each_concurrent(
            client.bulk_concurrency(),
            |(service, probe)| async {
                if let Err(error) = service.set_statistics(&once, &Statistics::of(probe)).await {
                    tracing::debug!(service = %service.name, %error, "the last statistics were not sent");
                }
            },
        );
        if timeout(FAREWELL, farewells).await.is_err() {
            tracing::debug!("the last statistics were not sent in time");
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
        let once = client.with_retry(RetryPolicy::never());
        let mut results = Results::default();
        let offerings: BTreeSet<Uuid> =
            probes.iter().flat_map(|probe| probe.offerings.iter().copied()).collect();
        for offering in offerings {
            // While the server fails, retries would only hold up the rest.
            let client = if results.is_failing { &once } else { client };
            let agent = self.agent_at(client, offering, registered).await;
            let Some(agent) = results.note(agent) else { continue };
            for probe in probes.iter().filter(|probe| probe.offerings.contains(&offering)) {
                let client = if results.is_failing { &once } else { client };
                results.note(self.tell_of(client, &agent, probe, registered).await);
            }
        }
        results.first.map_or(Ok(()), Err)
    }

    /// Registers the agent at an offering, unless it is registered.
    async fn agent_at(
        &self,
        client: &Client,
        offering: Uuid,
        registered: &mut Registered,
    ) -> Result<AgentIdentity, Error> {
        if let Some(agent) = registered.agents.get(&offering) {
            return Ok(agent.clone());
        }
        let agent = AgentIdentity::register(client, offering, &*self.name, &*self.version).await?;
        agent.set_last_restarted(client, self.started).await?;
        registered.agents.insert(offering, agent.clone());
        Ok(agent)
    }

    /// Registers the service of a loop and its back end, and sends its statistics.
    async fn tell_of(
        &self,
        client: &Client,
        agent: &AgentIdentity,
        probe: &Arc<Probe>,
        registered: &mut Registered,
    ) -> Result<(), Error> {
        let (offering, kind) = (agent.offering_uuid, probe.kind);
        let service = match agent.register_service(client, kind.as_str(), kind.mode()).await {
            Ok(service) => service,
            Err(error) => {
                // The agent may have been deleted.
                registered.agents.remove(&offering);
                return Err(error);
            }
        };
        registered.services.insert((offering, kind), (service.clone(), Arc::clone(probe)));
        let with_backend = match &self.backend {
            Some((type_, version)) if !registered.with_backend.contains(&service.uuid) => {
                let backend = service.register_processor(client, kind.as_str(), &**type_, &**version).await;
                backend.map(|_| _ = registered.with_backend.insert(service.uuid))
            }
            _ => Ok(()),
        };
        let sent = service.set_statistics(client, &Statistics::of(probe)).await;
        with_backend.and(sent)
    }
}

impl Statistics {
    fn of(probe: &Probe) -> Self {
        let health = probe.health();
        Self { counts: health.counts, restarts: health.restarts, last_success: health.last_success }
    }
}
