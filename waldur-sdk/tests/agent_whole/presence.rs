//! What operators see of an agent: its services, their back ends and their statistics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use waldur_sandbox::{Fault, GenericObjectView, Misbehaviour, Sandbox};
use waldur_sdk::agent::{Agent, AgentMonitor, StopHandle};

use super::common::{client_builder, quick};
use super::world::World;
use super::{Activities, LIMIT, activities, all_loops, sandbox};

/// The loops that [`all_loops`] switches on.
const LOOPS: usize = 6;
const HOUR: Duration = Duration::from_secs(3600);

/// An agent with all loops, with so much time between its heartbeats.
struct Running {
    agent: JoinHandle<Option<()>>,
    monitor: AgentMonitor,
    stop: StopHandle,
    seen: Activities,
}

impl Running {
    fn start(sandbox: &Sandbox, heartbeat: Duration) -> Self {
        // A request that hangs is not given up within a test.
        let client = client_builder(sandbox).retry(quick()).timeout(4 * LIMIT).build().unwrap();
        let (on_activity, seen) = activities();
        let builder = Agent::builder(&client)
            .offering(sandbox.ids().offerings.slurm)
            .identity("polar", "1.4.0")
            .backend("slurm", "23.11")
            .heartbeat(heartbeat)
            .on_activity(on_activity);
        let agent = all_loops(builder, &Arc::new(World::default())).build().unwrap();
        let (monitor, stop) = (agent.monitor(), agent.stop_handle());
        Self { agent: tokio::spawn(agent.run_until(std::future::pending())), monitor, stop, seen }
    }

    async fn stop(self) -> AgentMonitor {
        self.stop.stop();
        timeout(LIMIT, self.agent).await.unwrap().unwrap();
        self.monitor
    }
}

/// The rounds that each service has told of, by its name.
fn rounds(sandbox: &Sandbox) -> BTreeMap<String, u64> {
    let services = sandbox.documents("marketplace-site-agent-services");
    let of_service = |service: GenericObjectView| {
        let name = service.properties["name"].as_str()?.to_owned();
        Some((name, service.properties.get("statistics")?["rounds"].as_u64()?))
    };
    services.into_iter().filter_map(of_service).collect()
}

/// How many services have told of the rounds that their loops have done.
fn told_the_end(sandbox: &Sandbox, monitor: &AgentMonitor) -> usize {
    let (loops, told) = (monitor.health().loops, rounds(sandbox));
    loops.iter().filter(|one| told.get(one.kind.as_str()) == Some(&one.counts.rounds)).count()
}

/// Whether all loops have done rounds since the last statistics.
fn has_more_to_tell(sandbox: &Sandbox, monitor: &AgentMonitor) -> bool {
    let told = rounds(sandbox);
    monitor.health().loops.iter().all(|one| told[one.kind.as_str()] < one.counts.rounds)
}

/// How many requests hang.
fn hanging(sandbox: &Sandbox) -> usize {
    sandbox.requests().iter().filter(|request| request.fault == Some(Fault::Stalled)).count()
}

/// How many requests to paths that end like this have arrived.
fn requests_to(sandbox: &Sandbox, end: &str) -> usize {
    sandbox.requests().iter().filter(|request| request.path.ends_with(end)).count()
}

#[tokio::test]
async fn the_last_statistics_are_sent_when_the_agent_ends() {
    let sandbox = sandbox().await;
    let mut agent = Running::start(&sandbox, HOUR);
    agent.seen.until_holds("all loops are told of", || rounds(&sandbox).len() == LOOPS).await;
    agent.seen.until_holds("rounds go on", || has_more_to_tell(&sandbox, &agent.monitor)).await;
    let monitor = agent.stop().await;
    assert_eq!(told_the_end(&sandbox, &monitor), LOOPS);
}

#[tokio::test]
async fn statistics_that_are_refused_at_the_end_do_not_keep_back_the_others() {
    let sandbox = sandbox().await;
    let mut agent = Running::start(&sandbox, HOUR);
    agent.seen.until_holds("all loops are told of", || rounds(&sandbox).len() == LOOPS).await;
    sandbox.fail_next(1, "POST", "/set_statistics/", Fault::Status(403));
    agent.seen.until_holds("rounds go on", || has_more_to_tell(&sandbox, &agent.monitor)).await;
    let monitor = agent.stop().await;
    assert_eq!(told_the_end(&sandbox, &monitor), LOOPS - 1);
}

#[tokio::test]
async fn an_agent_that_ends_within_a_heartbeat_sends_all_last_statistics() {
    let sandbox = sandbox().await;
    let mut agent = Running::start(&sandbox, Duration::from_millis(20));
    agent.seen.until_holds("all loops are told of", || rounds(&sandbox).len() == LOOPS).await;
    sandbox.misbehave(Misbehaviour::new(Fault::Stalled).path_end("/register_service/"));
    agent.seen.until_holds("a heartbeat hangs", || hanging(&sandbox) > 0).await;
    let monitor = agent.stop().await;
    assert_eq!(told_the_end(&sandbox, &monitor), LOOPS);
}

#[tokio::test]
async fn an_agent_ends_though_its_last_statistics_hang() {
    let sandbox = sandbox().await;
    let mut agent = Running::start(&sandbox, HOUR);
    agent.seen.until_holds("all loops are told of", || rounds(&sandbox).len() == LOOPS).await;
    sandbox.misbehave(Misbehaviour::new(Fault::Stalled).path_end("/set_statistics/"));
    agent.stop().await;
    assert_eq!(hanging(&sandbox), LOOPS);
}

#[tokio::test]
async fn a_refused_back_end_keeps_no_service_back_and_is_registered_later() {
    let sandbox = sandbox().await;
    let backends = || sandbox.documents("marketplace-site-agent-processors").len();
    sandbox.misbehave(Misbehaviour::new(Fault::Status(403)).path_end("/register_processor/"));
    let mut agent = Running::start(&sandbox, Duration::from_millis(20));
    agent.seen.until_holds("all loops are told of", || rounds(&sandbox).len() == LOOPS).await;
    let registration_error = || agent.monitor.health().registration_error;
    assert_eq!(backends(), 0);
    agent.seen.until_holds("the refusal is told of", || registration_error().is_some()).await;
    sandbox.clear_faults();
    agent
        .seen
        .until_holds("the back ends are registered", || backends() == LOOPS && registration_error().is_none())
        .await;
    // Each once.
    let before = requests_to(&sandbox, "/register_processor/");
    let beats = requests_to(&sandbox, "/set_statistics/");
    agent
        .seen
        .until_holds("another heartbeat", || requests_to(&sandbox, "/set_statistics/") > beats + LOOPS)
        .await;
    assert_eq!(requests_to(&sandbox, "/register_processor/"), before);
    agent.stop().await;
}
