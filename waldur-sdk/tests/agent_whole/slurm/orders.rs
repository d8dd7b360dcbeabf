//! Orders, members and usage.

use std::fs;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::unix::pipe;
use tokio::process::Command;
use tokio::time::timeout;
use waldur_sandbox::{Actor, OrderState};
use waldur_sdk::{ClientExt as _, Decimal};

use super::super::LIMIT;
use super::super::common::client_as;
use super::{Process, Slurm, account_of, command, place, sandbox};

#[tokio::test]
async fn orders_members_and_usage_until_sigterm() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    let line = agent.until("it listens", |line| line.contains("health endpoint")).await;
    let address = line.rsplit_once("address=").unwrap().1.to_owned();

    let placed = place(&sandbox, "waves; rm -rf \"$HOME\"").await;
    let (order, resource) = (placed.order_uuid.unwrap(), placed.resource_uuid.unwrap());
    let account = account_of(&placed);
    let user_is_added = |name: &str| slurm.has_changed(&format!("user {name} {account}"));
    agent.until("members are added", |_| user_is_added("alice01") && user_is_added("bob01")).await;
    assert_eq!(sandbox.order(order).unwrap().state, OrderState::Done);
    assert_eq!(sandbox.resource(resource).unwrap().backend_id, account);

    let usage = format!(
        "{account}||cpu|5400\n{account}|alice01|cpu|3600\n{account}|bob01|cpu|1800\n{account}||mem|61440\n"
    );
    fs::write(slurm.path("state/usage"), usage).unwrap();
    let amounts = || {
        let usages = sandbox.usages().into_iter().filter(|usage| usage.resource == resource);
        let mut usages: Vec<_> = usages.map(|usage| (usage.component, usage.amount)).collect();
        usages.sort_unstable();
        usages
    };
    let expected =
        [("cpu", 90), ("gpu", 0), ("ram", 1)].map(|(type_, amount)| (type_.to_owned(), amount.into()));
    agent.until("usage is reported", |_| amounts() == expected && sandbox.user_usages().len() == 2).await;
    let of_users: Vec<Decimal> = sandbox.user_usages().into_iter().map(|usage| usage.amount).collect();
    assert_eq!(of_users.iter().sum::<Decimal>(), 90.into());

    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(LIMIT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let health: serde_json::Value = serde_json::from_str(body).unwrap();
    let kinds: Vec<_> = health["loops"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["orders", "membership", "resources", "usage", "accounts"]);

    // A member who left, and the end of the resource.
    let consumer = client_as(&sandbox, Actor::Consumer).consumer();
    consumer
        .project(sandbox.ids().project)
        .remove_member(sandbox.ids().users.bob, "PROJECT.MEMBER")
        .await
        .unwrap();
    let bob_left = format!("no user bob01 {account}");
    agent.until("Bob is removed", |_| slurm.has_changed(&bob_left)).await;
    consumer.resource(resource).terminate().await.unwrap();
    agent.until("it ends", |_| slurm.has_changed(&format!("no account {account}"))).await;

    assert!(agent.terminate().await.success());
    let mut changes = slurm.lines("changes");
    // The members are added side by side.
    changes[2..4].sort_unstable();
    let expected = [
        format!("account {account}"),
        format!("limits {account} mem=491520"),
        format!("user alice01 {account}"),
        format!("user bob01 {account}"),
        bob_left,
        format!("no user alice01 {account}"),
        format!("no account {account}"),
    ];
    assert_eq!(changes, expected);
    let calls = slurm.lines("calls");
    let made: Vec<_> = calls.iter().filter(|call| call.contains("add account")).collect();
    let expected = format!(
        "sacctmgr --immediate add account name={account} cluster=polar parent=waldur description=waves rm -rf HOME"
    );
    assert_eq!(made, [&expected]);
    sandbox.assert_contract();
}

#[tokio::test]
async fn killed_in_the_middle_of_an_order_and_started_again_the_account_is_made_once() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let fifo = slurm.path("state/inside");
    assert!(Command::new("mkfifo").arg(&fifo).status().await.unwrap().success());
    let placed = place(&sandbox, "waves").await;
    let mut inside = pipe::OpenOptions::new().read_write(true).open_receiver(&fifo).unwrap();
    let mut agent = Process::start(&sandbox, &slurm);
    let mut id = String::new();
    timeout(LIMIT, BufReader::new(&mut inside).read_line(&mut id)).await.unwrap().unwrap();
    timeout(LIMIT, agent.child.kill()).await.unwrap().unwrap();
    assert!(Command::new("kill").arg(id.trim()).status().await.unwrap().success());
    fs::remove_file(&fifo).unwrap();
    assert_eq!(sandbox.order(placed.order_uuid.unwrap()).unwrap().state, OrderState::Executing);

    let mut agent = Process::start(&sandbox, &slurm);
    agent.until("the order is done", |line| line.contains("order") && line.contains("applied")).await;
    assert!(agent.terminate().await.success());
    assert_eq!(sandbox.order(placed.order_uuid.unwrap()).unwrap().state, OrderState::Done);
    let account = account_of(&placed);
    let changes = slurm.lines("changes");
    assert_eq!(changes.iter().filter(|one| **one == format!("account {account}")).count(), 1, "{changes:?}");
    assert_eq!(changes.iter().filter(|one| one.starts_with("account")).count(), 1);
}

#[tokio::test]
async fn odd_output_is_named_with_its_command_and_line() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    let is_done = |_: &str| sandbox.order(placed.order_uuid.unwrap()).unwrap().state == OrderState::Done;
    agent.until("the order is done", is_done).await;
    let account = account_of(&placed);
    for (text, problem) in [
        ("x|alice01|cpu\n", "in line 1: \"x|alice01|cpu\": it has another number of fields"),
        ("\nx|alice01|cpu|much\n", "in line 2: \"x|alice01|cpu|much\": the amount is not a number"),
    ] {
        fs::write(slurm.path("state/usage"), text.replace('x', &account)).unwrap();
        let problem = problem.replace("\"x|", &format!("\"{account}|"));
        let named = |line: &str| line.contains("`sreport ") && line.contains(&problem);
        agent.until("the line is named", named).await;
    }
    assert!(agent.terminate().await.success());
    assert!(sandbox.usages().iter().all(|usage| usage.amount == Decimal::ZERO));
}

#[tokio::test]
async fn a_change_of_a_missing_account_is_no_success() {
    // The loop of resources would mark the resource as erred before the order is placed.
    let (sandbox, slurm) = (sandbox().await, Slurm::new().set("resources = 300", "resources = 3600"));
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    let state = |order| sandbox.order(order).unwrap().state;
    agent.until("the order is done", |_| state(placed.order_uuid.unwrap()) == OrderState::Done).await;
    let account = account_of(&placed);
    fs::remove_dir_all(slurm.of_account(&account, "")).unwrap();
    let resource = client_as(&sandbox, Actor::Consumer).consumer().resource(placed.resource_uuid.unwrap());
    let changed = resource.set_limits([("ram", 16)]).await.unwrap();
    let order = changed.order_uuid.unwrap();
    agent
        .until("the order has ended", |_| matches!(state(order), OrderState::Done | OrderState::Erred))
        .await;
    assert!(agent.terminate().await.success());
    assert_eq!(state(order), OrderState::Erred);
    let message = sandbox.order_content(order).unwrap().error_message;
    assert_eq!(message, format!("the cluster has no account {account}"));
}

#[tokio::test]
async fn an_account_that_was_not_added_is_no_success() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let refusal = " Problem adding accounts: Access/permission denied";
    fs::write(slurm.path("state/refusal"), refusal).unwrap();
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    let is_named = |line: &str| line.contains("add account") && line.contains(refusal.trim());
    agent.until("the refusal is named", is_named).await;
    assert!(agent.terminate().await.success());
    assert_eq!(sandbox.order(placed.order_uuid.unwrap()).unwrap().state, OrderState::Executing);
    assert_eq!(slurm.lines("changes"), [""; 0]);
}

#[tokio::test]
async fn names_that_slurm_would_change_are_refused_before_anything_is_sent() {
    let sandbox = sandbox().await;
    for (line, by, problem) in [
        ("account_prefix = \"w_\"", "account_prefix = \"W_\"", "slurm.account_prefix: \\\"W_\\\""),
        ("downscaled_qos = \"downscaled\"", "downscaled_qos = \"a,b\"", "slurm.downscaled_qos: \\\"a,b\\\""),
    ] {
        let slurm = Slurm::new().set(line, by);
        let configuration = slurm.configure(sandbox.ids().offerings.slurm);
        let output = timeout(LIMIT, command(&sandbox, &configuration).output()).await.unwrap().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(problem), "{errors}");
        assert_eq!(slurm.lines("calls"), [""; 0]);
    }
    assert!(sandbox.requests().is_empty());
}
