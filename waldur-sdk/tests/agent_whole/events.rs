//! Agents that go by events, with the sandbox's broker.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;
use waldur_sandbox::Actor;
use waldur_sdk::ClientExt as _;
use waldur_sdk::accounts::{ServiceAccountOwner, ServiceAccountRequest};
use waldur_sdk::agent::Agent;
use waldur_sdk::api::Method;

use super::common::{client_as, provider_as};
use super::world::{World, account_of};
use super::{LIMIT, activities, client, sandbox};

#[tokio::test]
async fn one_subscription_serves_all_loops_and_nothing_is_polled() {
    let (sandbox, world) = (sandbox().await, Arc::new(World::default()));
    let ids = *sandbox.ids();
    let (on_activity, mut seen) = activities();
    // With the usual intervals: what happens within the test happens by events.
    let agent = Agent::builder(&client(&sandbox))
        .offering(ids.offerings.slurm)
        .identity("polar", "1.4.0")
        .orders(Arc::clone(&world))
        .membership_with(Arc::clone(&world), |membership| membership.remove_unknown())
        .accounts(Arc::clone(&world))
        .usage(Arc::clone(&world))
        .events()
        .on_activity(on_activity)
        .build()
        .unwrap();
    let (monitor, stop) = (agent.monitor(), agent.stop_handle());
    let running = tokio::spawn(agent.run_until(std::future::pending::<()>()));
    seen.until_holds("every loop has done its first round", || {
        monitor.health().loops.iter().all(|one| one.counts.rounds > 0)
    })
    .await;
    let events = monitor.health().events.unwrap();
    assert!(events.connected_since.is_some() && events.disconnections == 0, "{events:?}");
    assert_eq!(sandbox.broker().queues().len(), 1);
    sandbox.clear_requests();

    let project = client_as(&sandbox, Actor::Consumer).consumer().project(ids.project);
    let placed =
        project.order(ids.offerings.slurm).name("waves").limit("ram", 8).accept_terms().await.unwrap();
    seen.until(&format!("order {}: applied", placed.order_uuid.unwrap().simple())).await;
    project.remove_member(ids.users.bob, "PROJECT.MEMBER").await.unwrap();
    project.add_member(ids.users.bob, "PROJECT.MEMBER", None).await.unwrap();
    let account = account_of(placed.resource_uuid.unwrap());
    seen.until_holds("Bob is a member", || {
        let state = world.state.lock().unwrap();
        state.members.get(&account).is_some_and(|members| members.contains("hpc_bob"))
    })
    .await;
    assert!(monitor.health().events.unwrap().last_event.is_some());
    let polled =
        sandbox.requests().into_iter().filter(|request| request.path.ends_with("/marketplace-orders/"));
    assert_eq!(polled.filter(|request| request.actor == Some(Actor::Provider)).count(), 0);

    stop.stop();
    timeout(LIMIT, running).await.unwrap().unwrap();
    // What was delivered is acknowledged: nothing comes again.
    let counts = sandbox.broker().counts();
    assert_eq!((counts.logins, counts.delivered), (1, counts.acknowledged), "{counts:?}");
    // The subscription and the registration of the loops have the same identity.
    assert_eq!(sandbox.documents("marketplace-site-agent-identities").len(), 1);
}

#[tokio::test]
async fn without_a_broker_the_loops_do_rounds() {
    let (sandbox, world) = (sandbox().await, Arc::new(World::default()));
    sandbox.broker().stop();
    let (on_activity, mut seen) = activities();
    let agent = Agent::builder(&client(&sandbox))
        .offering(sandbox.ids().offerings.slurm)
        .accounts(Arc::clone(&world))
        .events_with(|events| {
            let events = events.backoff(Duration::from_millis(1), Duration::from_millis(20));
            events.reconcile_while_disconnected_every(Duration::from_millis(20))
        })
        .on_activity(on_activity)
        .build()
        .unwrap();
    let (monitor, stop) = (agent.monitor(), agent.stop_handle());
    let running = tokio::spawn(agent.run_until(std::future::pending::<()>()));
    seen.until_holds("Bob has an account", || world.log() == ["user hpc_bob"]).await;
    seen.until_holds("rounds go on", || monitor.health().loops[0].counts.rounds > 3).await;
    let events = monitor.health().events.unwrap();
    assert!(events.connected_since.is_none() && events.last_error.is_some(), "{events:?}");
    stop.stop();
    timeout(LIMIT, running).await.unwrap().unwrap();
}

#[tokio::test]
async fn limits_for_a_period_come_through_the_same_subscription() {
    let (sandbox, world) = (sandbox().await, Arc::new(World::default()));
    let (offering, client) = (sandbox.ids().offerings.slurm, client(&sandbox));
    let policies = "marketplace-slurm-periodic-usage-policies";
    let scope = format!("{}/api/marketplace-provider-offerings/{}/", sandbox.url(), offering.simple());
    let body =
        json!({ "scope": scope, "actions": "request_slurm_resource_pausing", "component_limits_set": [] });
    client.request(Method::POST, format!("/api/{policies}/")).json(&body).send().await.unwrap();
    let (on_activity, mut seen) = activities();
    let agent = Agent::builder(&client)
        .offering(offering)
        .orders(Arc::clone(&world))
        .periodic_limits(Arc::clone(&world))
        .events()
        .on_activity(on_activity)
        .build()
        .unwrap();
    let (monitor, stop) = (agent.monitor(), agent.stop_handle());
    let running = tokio::spawn(agent.run_until(std::future::pending::<()>()));
    seen.until("orders: 0 applied").await;
    let body = json!({
        "resource_uuid": sandbox.ids().resources.ok, "policy_uuid": sandbox.documents(policies)[0].uuid,
        "backend_id": "hpc_1", "action": "apply_periodic_settings", "timestamp": "2026-05-01T10:00:00",
        "settings": { "fairshare": 7, "limit_type": "GrpTRESMins" },
    });
    assert_eq!(sandbox.broker().publish("resource_periodic_limits", offering, body), 1);
    seen.until_holds("they are applied and counted", || {
        let mut loops = monitor.health().loops.into_iter();
        world.log() == ["fairshare 7 of hpc_1"] && loops.any(|one| one.counts.applied == 1)
    })
    .await;
    assert!(monitor.health().is_live());
    stop.stop();
    timeout(LIMIT, running).await.unwrap().unwrap();
    assert!(!sandbox.documents(policies)[0].properties["last_result"].is_null());
}

#[tokio::test]
async fn service_accounts_are_members_by_their_events_if_they_are_to_be() {
    let sandbox = sandbox().await;
    let (ids, client) = (*sandbox.ids(), client(&sandbox));
    let resource = client.provider().resource(ids.resources.ok).get().await.unwrap();
    let account = resource.backend_id.to_string();
    let world = Arc::new(World::with_accounts([account.clone()]));
    let (on_activity, mut seen) = activities();
    // With the usual interval: what happens within the test happens by events.
    let agent = Agent::builder(&client)
        .offering(ids.offerings.slurm)
        .membership_with(Arc::clone(&world), |membership| membership.service_accounts())
        .events()
        .on_activity(on_activity)
        .build()
        .unwrap();
    let (monitor, stop) = (agent.monitor(), agent.stop_handle());
    let running = tokio::spawn(agent.run_until(std::future::pending::<()>()));
    seen.until_holds("the first round is done", || monitor.health().loops[0].counts.rounds > 0).await;
    let wanted = ServiceAccountRequest { username: "svc-ci".to_owned(), ..ServiceAccountRequest::default() };
    let customer = provider_as(&sandbox, Actor::Consumer);
    customer.create_service_account(ServiceAccountOwner::Project, ids.project, wanted).await.unwrap();
    seen.until_holds("it is a member", || {
        let state = world.state.lock().unwrap();
        state.members.get(&account).is_some_and(|members| members.contains("svc-ci"))
    })
    .await;
    stop.stop();
    timeout(LIMIT, running).await.unwrap().unwrap();
}
