//! The example `slurm_agent`: a process, with stand-ins for the commands of SLURM.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use waldur_sandbox::{Actor, OfferingUserState, OrderState, Release, Sandbox};
use waldur_sdk::consumer::PlacedOrder;
use waldur_sdk::{ClientExt as _, Decimal, Uuid};

use super::LIMIT;
use super::common::client_as;

/// A cluster: the stand-ins and their state.
struct Slurm(TempDir);

impl Slurm {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("state")).unwrap();
        let stand_ins = [
            ("sacctmgr", include_str!("stand_ins/sacctmgr")),
            ("sreport", include_str!("stand_ins/sreport")),
        ];
        for (name, text) in stand_ins {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path("state").join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Writes a configuration with short intervals.
    fn configure(&self, offering: Uuid) -> PathBuf {
        let text = include_str!("../../examples/slurm_agent/slurm_agent.toml")
            .replace("5d3c0000-0000-4000-8000-000000000001", &offering.to_string())
            .replace("127.0.0.1:9464", "127.0.0.1:0")
            .replace("events = true", "events = false")
            .replace("orders = 60", "orders = 1")
            .replace("membership = 600", "membership = 1")
            .replace("usage = 3600", "usage = 1")
            .replace("/usr/bin/sacctmgr", self.path("sacctmgr").to_str().unwrap())
            .replace("/usr/bin/sreport", self.path("sreport").to_str().unwrap());
        let path = self.path("agent.toml");
        fs::write(&path, text).unwrap();
        path
    }
}

/// A process of the agent.
struct Process {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

impl Process {
    fn start(sandbox: &Sandbox, slurm: &Slurm) -> Self {
        // Next to the tests: cargo builds examples with them.
        let mut program = std::env::current_exe().unwrap();
        program.pop();
        program.pop();
        program.extend(["examples", "slurm_agent"]);
        assert!(
            program.exists(),
            "build it: cargo build -p waldur-sdk --features agent,events --example slurm_agent"
        );
        let mut child = Command::new(program)
            .arg(slurm.configure(sandbox.ids().offerings.slurm))
            .env("WALDUR_API_URL", sandbox.url())
            .env("WALDUR_ACCESS_TOKEN", sandbox.token(Actor::Provider))
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, log, seen: Vec::new() }
    }

    /// Waits until `holds`, which is asked after each line of the log. Returns the line.
    async fn until(&mut self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let seen = &mut self.seen;
        let waited = timeout(LIMIT, async {
            loop {
                let line = self.log.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("{what}: the agent has ended: {seen:#?}"));
                seen.push(line.clone());
                if holds(&line) {
                    return line;
                }
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{what}"))
    }

    /// Ends it as systemd does.
    async fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        timeout(LIMIT, self.child.wait()).await.unwrap().unwrap()
    }
}

/// Bob has an account at the offering, whose `ram` is limited.
async fn sandbox() -> Sandbox {
    let builder = Sandbox::builder().release(Release::Newer).orders(0).without_resources().seed(|seed| {
        let ids = *seed.ids();
        seed.billing_type(ids.offerings.slurm, "ram", "limit");
        for (user, name) in [(ids.users.alice, "alice01"), (ids.users.bob, "bob01")] {
            seed.offering_user(ids.offerings.slurm, user, name, OfferingUserState::Ok);
        }
    });
    builder.start().await.unwrap()
}

async fn place(sandbox: &Sandbox, name: &str) -> PlacedOrder {
    let ids = *sandbox.ids();
    let project = client_as(sandbox, Actor::Consumer).consumer().project(ids.project);
    project.order(ids.offerings.slurm).name(name).limit("ram", 8).accept_terms().await.unwrap()
}

#[tokio::test]
async fn orders_members_and_usage_until_sigterm() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    let line = agent.until("it listens", |line| line.contains("health endpoint")).await;
    let address = line.rsplit_once("address=").unwrap().1.to_owned();

    let placed = place(&sandbox, "waves; rm -rf \"$HOME\"").await;
    let (order, resource) = (placed.order_uuid.unwrap(), placed.resource_uuid.unwrap());
    let account = format!("w_{}", resource.simple());
    let user_is_added = |name: &str| slurm.lines("changes").contains(&format!("user {name} {account}"));
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
    assert_eq!(kinds, ["orders", "membership", "usage"]);

    // A member who left, and the end of the resource.
    let consumer = client_as(&sandbox, Actor::Consumer).consumer();
    consumer
        .project(sandbox.ids().project)
        .remove_member(sandbox.ids().users.bob, "PROJECT.MEMBER")
        .await
        .unwrap();
    let bob_left = format!("no user bob01 {account}");
    agent.until("Bob is removed", |_| slurm.lines("changes").contains(&bob_left)).await;
    consumer.resource(resource).terminate().await.unwrap();
    agent.until("it ends", |_| slurm.lines("changes").contains(&format!("no account {account}"))).await;

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
    let account = format!("w_{}", placed.resource_uuid.unwrap().simple());
    let changes = slurm.lines("changes");
    assert_eq!(changes.iter().filter(|one| **one == format!("account {account}")).count(), 1, "{changes:?}");
    assert_eq!(changes.iter().filter(|one| one.starts_with("account")).count(), 1);
}

#[tokio::test]
async fn odd_output_is_named_with_its_command_and_line() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let mut agent = Process::start(&sandbox, &slurm);
    let placed = place(&sandbox, "waves").await;
    let resource = placed.resource_uuid.unwrap();
    let is_done = |_: &str| sandbox.order(placed.order_uuid.unwrap()).unwrap().state == OrderState::Done;
    agent.until("the order is done", is_done).await;
    let account = format!("w_{}", resource.simple());
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
