//! The end of accounts and memberships that have jobs, and what a failing database hides.

use std::fs;

use waldur_sandbox::{Actor, OrderState, ResourceState};
use waldur_sdk::ClientExt as _;

use super::super::common::client_as;
use super::{Process, Slurm, account_of, place, sandbox};

#[tokio::test]
async fn jobs_are_cancelled_before_a_member_or_an_account_is_removed() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    // SLURM describes no account by nothing.
    let placed = place(&sandbox, "Хвилі").await;
    let account = account_of(&placed);
    let user_is_added = |name: &str| slurm.has_changed(&format!("user {name} {account}"));
    agent.until("members are added", |_| user_is_added("alice01") && user_is_added("bob01")).await;
    let jobs = format!("{account} alice01\n{account} bob01\nother bob01\n");
    fs::write(slurm.path("state/jobs"), jobs).unwrap();

    let consumer = client_as(&sandbox, Actor::Consumer).consumer();
    let project = consumer.project(sandbox.ids().project);
    project.remove_member(sandbox.ids().users.bob, "PROJECT.MEMBER").await.unwrap();
    let bob_left = format!("no user bob01 {account}");
    agent.until("Bob is removed", |_| slurm.has_changed(&bob_left)).await;
    assert_eq!(slurm.lines("jobs"), [format!("{account} alice01"), "other bob01".to_owned()]);

    // A user that the operators added goes with the account, even one of a name that the agent adds to none.
    fs::write(slurm.of_account(&account, "users/a~b"), "").unwrap();
    let resource = consumer.resource(placed.resource_uuid.unwrap());
    let order = resource.terminate().await.unwrap().order_uuid.unwrap();
    agent.until("the order is done", |_| sandbox.order(order).unwrap().state == OrderState::Done).await;
    assert!(agent.terminate().await.success());
    assert!(slurm.has_changed(&format!("no account {account}")));
    assert_eq!(slurm.lines("jobs"), ["other bob01"]);
    let calls = slurm.lines("calls");
    let cancelled: Vec<_> = calls.iter().filter(|call| call.starts_with("scancel")).collect();
    let of_account = format!("scancel --clusters=polar --account={account}");
    assert_eq!(cancelled, [&format!("{of_account} --user=bob01"), &of_account]);
}

#[tokio::test]
async fn users_of_an_account_that_ends_get_another_default_account() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = [place(&sandbox, "waves").await, place(&sandbox, "tides").await];
    let is_complete = |account: &str| {
        ["alice01", "bob01"].iter().all(|user| slurm.has_changed(&format!("user {user} {account}")))
    };
    agent.until("members are added", |_| placed.iter().all(|one| is_complete(&account_of(one)))).await;
    let default = slurm.lines("defaults/alice01").remove(0);
    let (ended, other) = match &placed {
        [first, second] if account_of(first) == default => (first, second),
        [first, second] => (second, first),
    };
    let resource = client_as(&sandbox, Actor::Consumer).consumer().resource(ended.resource_uuid.unwrap());
    let order = resource.terminate().await.unwrap().order_uuid.unwrap();
    agent.until("the order is done", |_| sandbox.order(order).unwrap().state == OrderState::Done).await;
    assert!(agent.terminate().await.success());
    assert!(slurm.has_changed(&format!("no account {default}")));
    for user in ["alice01", "bob01"] {
        assert_eq!(slurm.lines(&format!("defaults/{user}")), [account_of(other)]);
    }
}

#[tokio::test]
async fn an_account_that_a_failing_database_hides_is_not_gone() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    let (account, uuid) = (account_of(&placed), placed.resource_uuid.unwrap());
    let user_is_added = |name: &str| slurm.has_changed(&format!("user {name} {account}"));
    agent.until("members are added", |_| user_is_added("alice01") && user_is_added("bob01")).await;

    let hidden = "didn't print the account waldur: there is none, or the database failed";
    fs::write(slurm.path("state/failing"), "").unwrap();
    agent.until("the resource is left alone", |line| line.contains("waves") && line.contains(hidden)).await;
    let resource = client_as(&sandbox, Actor::Consumer).consumer().resource(uuid);
    let order = resource.terminate().await.unwrap().order_uuid.unwrap();
    agent.until("the order waits", |line| line.contains("order ") && line.contains(hidden)).await;
    assert_eq!(sandbox.order(order).unwrap().state, OrderState::Executing);
    assert_eq!(sandbox.resource(uuid).unwrap().state, ResourceState::Terminating);
    assert!(!slurm.has_changed(&format!("no account {account}")));

    fs::remove_file(slurm.path("state/failing")).unwrap();
    agent.until("the order is done", |_| sandbox.order(order).unwrap().state == OrderState::Done).await;
    assert!(agent.terminate().await.success());
    assert!(slurm.has_changed(&format!("no account {account}")));
}
