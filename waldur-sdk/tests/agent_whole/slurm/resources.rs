//! Resources between orders.

use std::fs;

use waldur_sandbox::{Actor, ResourceState};

use super::super::common::provider_as;
use super::{Process, Slurm, account_of, place, sandbox};

#[tokio::test]
async fn pauses_downscaling_and_limits_follow_waldur() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    let (account, uuid) = (account_of(&placed), placed.resource_uuid.unwrap());
    let user_is_added = |name: &str| slurm.has_changed(&format!("user {name} {account}"));
    agent.until("members are added", |_| user_is_added("alice01") && user_is_added("bob01")).await;

    let mut expected = slurm.lines("changes");
    let staff = provider_as(&sandbox, Actor::Staff);
    let resource = staff.resource(uuid);
    let mut follows = async |agent: &mut Process, changes: &[String]| {
        expected.extend_from_slice(changes);
        agent.until(&format!("{changes:?}"), |_| slurm.lines("changes").len() >= expected.len()).await;
        assert_eq!(slurm.lines("changes"), expected);
    };
    resource.set_paused(true).await.unwrap();
    follows(&mut agent, &[format!("jobs {account} 0"), format!("submit {account} 0")]).await;
    // It stays paused until the pause ends.
    resource.set_downscaled(true).await.unwrap();
    resource.set_paused(false).await.unwrap();
    let is_free = [format!("jobs {account} "), format!("submit {account} ")];
    let is_down = format!("qos {account} downscaled");
    follows(&mut agent, &[&[is_down], &is_free[..]].concat()).await;
    resource.set_downscaled(false).await.unwrap();
    follows(&mut agent, &[format!("qos {account} ")]).await;

    // A QOS that the operators set stays.
    fs::write(slurm.of_account(&account, "qos"), "long,normal").unwrap();
    resource.set_paused(true).await.unwrap();
    follows(&mut agent, &[format!("jobs {account} 0"), format!("submit {account} 0")]).await;
    resource.set_paused(false).await.unwrap();
    follows(&mut agent, &is_free).await;

    // Limits of Waldur apply. Memory is printed in other units than it is set in.
    fs::write(slurm.of_account(&account, "limits"), "mem=1024,cpu=60").unwrap();
    follows(&mut agent, &[format!("limits {account} mem=491520")]).await;
    provider_as(&sandbox, Actor::Provider).resource(uuid).set_limits([("ram", 16)]).await.unwrap();
    follows(&mut agent, &[format!("limits {account} mem=983040")]).await;

    assert!(agent.terminate().await.success());
    let calls = slurm.lines("calls");
    let modifications = calls.iter().filter(|call| call.contains("modify account")).count();
    // One for the order, a pause and limits twice, and two each for what also concerns the QOS.
    assert_eq!(modifications, 1 + 2 + 2 + 2 + 2 + 1, "{calls:#?}");
    sandbox.assert_contract();
}

#[tokio::test]
async fn a_resource_whose_account_is_gone_is_erred_until_it_is_back() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    let (account, uuid) = (account_of(&placed), placed.resource_uuid.unwrap());
    let added = [format!("user alice01 {account}"), format!("user bob01 {account}")];
    agent.until("members are added", |_| added.iter().all(|change| slurm.has_changed(change))).await;

    let (there, away) = (slurm.of_account(&account, ""), slurm.path("state/away"));
    fs::rename(&there, &away).unwrap();
    let state = || sandbox.resource(uuid).unwrap().state;
    agent.until("it is erred", |_| state() == ResourceState::Erred).await;
    let message = sandbox.resource(uuid).unwrap().error_message;
    assert_eq!(message, format!("the cluster has no account {account}"));
    // Its members can't be added, which is named.
    let is_named = |line: &str| line.contains("add user") && line.contains("doesn't exist");
    agent.until("the failure of a member is named", is_named).await;
    assert!(agent.terminate().await.success());

    fs::rename(&away, &there).unwrap();
    let mut agent = Process::start(&sandbox, &slurm);
    agent.until("it is OK", |_| state() == ResourceState::Ok).await;
    assert!(agent.terminate().await.success());
    assert_eq!(slurm.lines("changes").len(), 4, "{:?}", slurm.lines("changes"));
}

#[tokio::test]
async fn by_events_a_pause_follows_without_a_round() {
    let mut slurm = Slurm::new().set("events = true", "events = true");
    for (line, hours) in [("resources = 300", "resources = 7200"), ("orders = 60", "orders = 7200")] {
        slurm = slurm.set(line, hours);
    }
    let sandbox = sandbox().await;
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    let (account, uuid) = (account_of(&placed), placed.resource_uuid.unwrap());
    let user_is_added = |name: &str| slurm.has_changed(&format!("user {name} {account}"));
    agent.until("members are added", |_| user_is_added("alice01") && user_is_added("bob01")).await;
    provider_as(&sandbox, Actor::Staff).resource(uuid).set_paused(true).await.unwrap();
    agent.until("it is paused", |_| slurm.has_changed(&format!("submit {account} 0"))).await;
    assert!(agent.terminate().await.success());
}
