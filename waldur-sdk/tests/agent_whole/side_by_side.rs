//! Loops that run side by side, and how they end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use waldur_sandbox::{Actor, Fault, Misbehaviour, OfferingUserState, OrderState, ResourceState};
use waldur_sdk::agent::{Agent, LoopKind, LoopState};
use waldur_sdk::{ClientExt as _, Decimal, Uuid};

use super::common::{client_as, client_builder};
use super::world::{World, account_of};
use super::{LIMIT, activities, all_loops, client, sandbox};

/// Places an order. Returns it and its resource.
async fn place(sandbox: &waldur_sandbox::Sandbox, name: &str) -> (Uuid, Uuid) {
    let ids = *sandbox.ids();
    let project = client_as(sandbox, Actor::Consumer).consumer().project(ids.project);
    let request = project.order(ids.offerings.slurm).name(name).limit("ram", 8);
    let placed = request.accept_terms().await.unwrap();
    (placed.order_uuid.unwrap(), placed.resource_uuid.unwrap())
}

#[tokio::test]
async fn all_loops_do_their_work_and_end_together() {
    let (sandbox, world) = (sandbox().await, Arc::new(World::default()));
    let offering = sandbox.ids().offerings.slurm;
    let (on_activity, mut seen) = activities();
    let builder = Agent::builder(&client(&sandbox))
        .offering(offering)
        .identity("polar", "1.4.0")
        .backend("slurm", "23.11")
        .heartbeat(Duration::from_millis(50))
        .on_activity(on_activity);
    let agent = all_loops(builder, &world).build().unwrap();
    let monitor = agent.monitor();
    assert!(monitor.health().loops.iter().all(|one| one.state == LoopState::NotBegun));
    let (stop, stopped) = oneshot::channel::<&str>();
    let running = tokio::spawn(agent.run_until(stopped));

    let (order, resource) = place(&sandbox, "waves").await;
    seen.until(&format!("order {}: applied", order.simple())).await;
    let account = account_of(resource);
    seen.until_holds("Bob is a member", || {
        let state = world.state.lock().unwrap();
        state.members.get(&account).is_some_and(|members| members.contains("hpc_bob"))
    })
    .await;
    world.state.lock().unwrap().used.insert(account.clone(), Decimal::from(12));
    let amounts = || {
        let usages = sandbox.usages().into_iter().filter(|usage| usage.resource == resource);
        usages.map(|usage| (usage.component, usage.amount)).collect::<Vec<_>>()
    };
    let is_reported = || amounts() == [("cpu".to_owned(), Decimal::from(12))];
    seen.until_holds("usage is reported", is_reported).await;
    let services = || sandbox.documents("marketplace-site-agent-services");
    seen.until_holds("statistics are reported", || {
        let services = services();
        let counts = |name: &str, count: &str| {
            let service = services.iter().find(|one| one.properties["name"] == name);
            service.map(|one| one.properties["statistics"][count].as_u64().unwrap_or_default())
        };
        counts("orders", "applied") == Some(1) && counts("usage", "applied") >= Some(1)
    })
    .await;

    stop.send("enough").unwrap();
    assert_eq!(timeout(LIMIT, running).await.unwrap().unwrap(), Some(Ok("enough")));
    assert_eq!(sandbox.order(order).unwrap().state, OrderState::Done);
    assert_eq!(sandbox.resource(resource).unwrap().state, ResourceState::Ok);
    let bob = sandbox.offering_users().into_iter().find(|one| one.username == "hpc_bob").unwrap();
    assert_eq!(bob.state, OfferingUserState::Ok);
    let log = world.log();
    for done in [format!("create {account}"), "user hpc_bob".to_owned(), format!("add hpc_bob to {account}")]
    {
        assert_eq!(log.iter().filter(|one| **one == done).count(), 1, "{done}: {log:#?}");
    }
    let health = monitor.health();
    assert!(health.is_live() && health.is_stopping && health.registration_error.is_none());
    for one in &health.loops {
        assert_eq!((one.state, one.restarts, one.is_stalled), (LoopState::Ended, 0, false), "{one:#?}");
        assert!(one.round_begun.is_some() && one.round_ended.is_some() && one.counts.rounds > 0, "{one:#?}");
    }
    let mut names: Vec<_> = services().iter().map(|one| one.properties["name"].clone()).collect();
    names.sort_unstable_by_key(ToString::to_string);
    assert_eq!(names, ["accounts", "imports", "membership", "orders", "resources", "usage"]);
    let identities = sandbox.documents("marketplace-site-agent-identities");
    assert_eq!(identities.len(), 1);
    assert!(identities[0].properties["last_restarted"].is_string(), "{:?}", identities[0].properties);
    sandbox.assert_contract();
}

#[tokio::test]
async fn a_loop_that_panics_is_reported_and_the_others_go_on() {
    let (sandbox, world) = (sandbox().await, Arc::new(World::default()));
    *world.panics.lock().unwrap() = 1;
    let (on_activity, mut seen) = activities();
    let builder = Agent::builder(&client(&sandbox)).offering(sandbox.ids().offerings.slurm);
    let agent = all_loops(builder, &world).on_activity(on_activity).build().unwrap();
    let (monitor, stop) = (agent.monitor(), agent.stop_handle());
    let running = tokio::spawn(agent.run_until(std::future::pending::<()>()));
    let line = seen.until("panicked").await;
    assert_eq!(line, "usage: panicked, begins again in 10s: the accounting is broken");
    let (order, _) = place(&sandbox, "waves").await;
    seen.until(&format!("order {}: applied", order.simple())).await;
    let of_usage = || monitor.health().loops.into_iter().find(|one| one.kind == LoopKind::Usage).unwrap();
    assert_eq!((of_usage().state, of_usage().restarts), (LoopState::Panicked, 1));
    assert_eq!(of_usage().last_error.unwrap().message, "panicked: the accounting is broken");
    // It doesn't wait for the pause.
    stop.stop();
    assert_eq!(timeout(Duration::from_secs(8), running).await.unwrap().unwrap(), None);
}

#[tokio::test]
async fn an_order_in_progress_is_finished_and_nothing_is_begun() {
    let (sandbox, world) = (sandbox().await, Arc::new(World::default()));
    let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    *world.hold.lock().unwrap() = Some((Arc::clone(&inside), Arc::clone(&go)));
    // One order at a time: the others of the round are not begun when the agent is stopped.
    let client = client_builder(&sandbox).bulk_concurrency(1).build().unwrap();
    let builder = Agent::builder(&client).offering(sandbox.ids().offerings.slurm);
    let agent = all_loops(builder, &world).build().unwrap();
    let (monitor, stop) = (agent.monitor(), agent.stop_handle());
    for name in ["waves", "tides"] {
        place(&sandbox, name).await;
    }
    let running = tokio::spawn(agent.run_until(std::future::pending::<()>()));
    timeout(LIMIT, inside.notified()).await.unwrap();
    stop.stop();
    place(&sandbox, "late").await;
    let orders = monitor.health().loops.into_iter().find(|one| one.kind == LoopKind::Orders).unwrap();
    assert_eq!(orders.state, LoopState::InRound);
    go.notify_one();
    timeout(LIMIT, running).await.unwrap().unwrap();
    let in_state = |state| sandbox.orders().iter().filter(|order| order.state == state).count();
    assert_eq!((in_state(OrderState::Done), in_state(OrderState::PendingProvider)), (1, 2));
}

#[tokio::test]
async fn loops_that_do_not_end_in_time_are_interrupted() {
    for by_handle in [false, true] {
        let (sandbox, world) = (sandbox().await, Arc::new(World::default()));
        let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        *world.hold.lock().unwrap() = Some((Arc::clone(&inside), Arc::clone(&go)));
        let builder = Agent::builder(&client(&sandbox)).offering(sandbox.ids().offerings.slurm);
        let agent = all_loops(builder, &world).grace_period(Duration::from_millis(50)).build().unwrap();
        let stop = agent.stop_handle();
        let (order, _) = place(&sandbox, "waves").await;
        let running = tokio::spawn(agent.run_until(async move {
            inside.notified().await;
            if by_handle {
                stop.stop();
                std::future::pending::<()>().await;
            }
        }));
        assert_eq!(timeout(LIMIT, running).await.unwrap().unwrap(), (!by_handle).then_some(()));
        assert_eq!(sandbox.order(order).unwrap().state, OrderState::Executing);
        assert!(world.log().iter().all(|one| !one.starts_with("create")));
    }
}

/// The server doesn't accept the registration: the work goes on, and the health says so.
#[tokio::test]
async fn an_agent_that_cannot_register_works_all_the_same() {
    let (sandbox, world) = (sandbox().await, Arc::new(World::default()));
    let refused = Misbehaviour::new(Fault::Status(403)).path_end("/marketplace-site-agent-identities/");
    sandbox.misbehave(refused);
    let (on_activity, mut seen) = activities();
    let builder = Agent::builder(&client(&sandbox)).offering(sandbox.ids().offerings.slurm);
    let builder = builder.identity("polar", "1").heartbeat(Duration::from_millis(20));
    let agent = all_loops(builder, &world).on_activity(on_activity).build().unwrap();
    let (monitor, stop) = (agent.monitor(), agent.stop_handle());
    let running = tokio::spawn(agent.run_until(std::future::pending::<()>()));
    seen.until("the agent is not registered").await;
    let (order, _) = place(&sandbox, "waves").await;
    seen.until(&format!("order {}: applied", order.simple())).await;
    assert!(monitor.health().registration_error.is_some() && monitor.health().is_live());
    sandbox.clear_faults();
    seen.until_holds("it registers", || monitor.health().registration_error.is_none()).await;
    stop.stop();
    timeout(LIMIT, running).await.unwrap().unwrap();
}

#[tokio::test]
async fn settings_that_make_no_agent_are_refused() {
    let (sandbox, world) = (sandbox().await, Arc::new(World::default()));
    let offering = sandbox.ids().offerings.slurm;
    let new = || Agent::builder(&client(&sandbox));
    let with = || new().offering(offering).orders(Arc::clone(&world));
    for (builder, named) in [
        (new().orders(Arc::clone(&world)), "offering"),
        (new().offering(offering), "agent"),
        (with().orders(Arc::clone(&world)), "orders"),
        (with().periodic_limits(Arc::clone(&world)), "periodic_limits"),
        (with().identity(" ", "1"), "identity"),
        (with().backend("", "1"), "backend"),
        (with().heartbeat(Duration::ZERO), "heartbeat"),
        (with().events_with(|events| events.prefetch(0)), "prefetch"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(named), "{error}");
    }
    assert!(sandbox.requests().is_empty());
}
