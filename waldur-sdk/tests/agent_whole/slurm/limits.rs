//! Limits that SLURM prints otherwise than they are set, or can't have.

use waldur_sandbox::{Actor, OrderState};
use waldur_sdk::ClientExt as _;

use super::super::common::client_as;
use super::{Process, Slurm, account_of, place, sandbox};

#[tokio::test]
async fn limits_that_are_printed_inexactly_are_set_once() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    let account = account_of(&placed);
    let resource = client_as(&sandbox, Actor::Consumer).consumer().resource(placed.resource_uuid.unwrap());
    let state = |order| sandbox.order(order).unwrap().state;
    agent.until("the order is done", |_| state(placed.order_uuid.unwrap()) == OrderState::Done).await;
    // Printed as 5.50P, which are 32768 MB less, and as 15?.
    for (gb_hours, megabytes) in [(96_128_u64, 5_906_104_320_u64), (1 << 28, 15 << 40)] {
        let order = resource.set_limits([("ram", gb_hours)]).await.unwrap().order_uuid.unwrap();
        agent.until("the limit is set", |_| state(order) == OrderState::Done).await;
        let set = format!("limits {account} mem={megabytes}");
        assert!(slurm.has_changed(&set), "{set}: {:?}", slurm.lines("changes"));
        let modifications =
            || slurm.lines("calls").iter().filter(|call| call.contains("modify account")).count();
        let before = modifications();
        for _ in 0..2 {
            agent.until("a round", |line| line.contains("resources: 0 applied, 1 unchanged")).await;
        }
        assert_eq!(modifications(), before);
    }
    assert!(agent.terminate().await.success());
}

#[tokio::test]
async fn a_limit_that_slurm_takes_as_none_is_refused() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    let resource = client_as(&sandbox, Actor::Consumer).consumer().resource(placed.resource_uuid.unwrap());
    let state = |order| sandbox.order(order).unwrap().state;
    agent.until("the order is done", |_| state(placed.order_uuid.unwrap()) == OrderState::Done).await;
    // More than 64 bits of MB-minutes.
    let order = resource.set_limits([("ram", 1_u64 << 52)]).await.unwrap().order_uuid.unwrap();
    agent
        .until("it is refused", |line| {
            line.contains("the limit of ram is negative or too large: 4503599627370496")
        })
        .await;
    assert!(agent.terminate().await.success());
    assert_eq!(state(order), OrderState::Executing);
    assert_eq!(slurm.lines("changes").iter().filter(|change| change.starts_with("limits")).count(), 1);
}

#[tokio::test]
async fn a_resource_that_slurm_does_not_count_holds_the_rounds() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new().set("tres = \"gres/gpu\"", "tres = \"gres/fpga\""));
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    for kind in ["orders: ", "usage: "] {
        agent.until("a round is skipped", |line| line.contains(kind) && line.contains("not listed")).await;
        let is_named = |line: &str| line.contains("the cluster has no trackable resource gres/fpga");
        agent.until("the reason is named", is_named).await;
    }
    assert!(agent.terminate().await.success());
    assert_eq!(slurm.lines("changes"), [""; 0]);
    assert!(sandbox.usages().is_empty());
    // The order isn't even approved.
    assert_eq!(sandbox.order(placed.order_uuid.unwrap()).unwrap().state, OrderState::PendingProvider);
}
