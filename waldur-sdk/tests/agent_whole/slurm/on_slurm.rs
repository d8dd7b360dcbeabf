//! The example on a real SLURM: `.ci/slurm` starts one and runs this.

use std::collections::{BTreeMap, BTreeSet};

use waldur_sandbox::{Actor, OrderState, ResourceState, Sandbox};
use waldur_sdk::{ClientExt as _, Decimal, Uuid};

use super::super::common::{client_as, provider_as};
use super::real::{Account, RealSlurm};
use super::{Process, account_of, place, sandbox_with};

/// What the agent says of a round of resources in which nothing failed.
const ROUND: &str = "resources: ";

/// Waits until the accounts are like this.
async fn until_accounts(
    agent: &mut Process,
    slurm: &RealSlurm,
    what: &str,
    holds: impl Fn(&BTreeMap<String, Account>) -> bool,
) -> BTreeMap<String, Account> {
    agent.until(what, |_| holds(&slurm.accounts())).await;
    slurm.accounts()
}

async fn until_state(agent: &mut Process, sandbox: &Sandbox, order: Uuid, state: OrderState) {
    agent.until(&format!("the order is {state:?}"), |_| sandbox.order(order).unwrap().state == state).await;
}

/// Changes the limit of memory by an order, and waits until it is done.
async fn change_limit(agent: &mut Process, sandbox: &Sandbox, resource: Uuid, gb_hours: u64) {
    let resource = client_as(sandbox, Actor::Consumer).consumer().resource(resource);
    let changed = resource.set_limits([("ram", gb_hours)]).await.unwrap();
    until_state(agent, sandbox, changed.order_uuid.unwrap(), OrderState::Done).await;
}

#[tokio::test]
#[ignore = "needs SLURM: .ci/slurm starts one and runs it"]
async fn on_slurm_accounts_members_and_usage_are_what_waldur_says() {
    let slurm = RealSlurm::from_env();
    let sandbox = sandbox_with(["alice01".to_owned(), slurm.job_user.clone()]).await;
    let both = BTreeSet::from(["alice01".to_owned(), slurm.job_user.clone()]);
    let mut agent = Process::with(&sandbox, &slurm.configure(sandbox.ids().offerings.slurm));

    // Orders and members. SLURM can't describe an account by the second name.
    let placed = [place(&sandbox, "waves; rm -rf \"$HOME\"").await, place(&sandbox, "Хвилі").await];
    let [first, second] = [account_of(&placed[0]), account_of(&placed[1])];
    let [one, two] = [placed[0].resource_uuid.unwrap(), placed[1].resource_uuid.unwrap()];
    let fresh = Account { limits: "mem=480G".to_owned(), users: both.clone(), ..Account::default() };
    let expected = BTreeMap::from([(first.clone(), fresh.clone()), (second.clone(), fresh.clone())]);
    until_accounts(&mut agent, &slurm, "the accounts are there", |accounts| *accounts == expected).await;
    for order in &placed {
        until_state(&mut agent, &sandbox, order.order_uuid.unwrap(), OrderState::Done).await;
    }

    // Limits that SLURM prints with other digits, or without a unit, are set once.
    change_limit(&mut agent, &sandbox, one, 96_128).await;
    change_limit(&mut agent, &sandbox, two, 1 << 28).await;
    let limits: Vec<String> = slurm.accounts().into_values().map(|account| account.limits).collect();
    assert_eq!(
        limits.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        BTreeSet::from(["mem=5.50P", "mem=15?"])
    );
    agent.seen.clear();
    for _ in 0..3 {
        agent.until("a round of resources", |line| line.contains(ROUND)).await;
    }
    assert!(!agent.seen.iter().any(|line| line.contains("limits set")), "{:#?}", agent.seen);

    // Pauses, downscaling and restoring.
    let staff = provider_as(&sandbox, Actor::Staff);
    staff.resource(one).set_paused(true).await.unwrap();
    let is = |jobs: &'static str, qos: &'static str| {
        let first = first.clone();
        move |accounts: &BTreeMap<String, Account>| {
            let Account { jobs: j, submitted: s, qos: q, .. } = &accounts[&first];
            j == jobs && s == jobs && q == qos
        }
    };
    until_accounts(&mut agent, &slurm, "it is paused", is("0", "")).await;
    let refusal = slurm.refuses_job(&first).expect("the account is paused");
    assert!(refusal.contains("AssocGrpSubmitJobsLimit"), "{refusal}");
    staff.resource(one).set_paused(false).await.unwrap();
    staff.resource(one).set_downscaled(true).await.unwrap();
    until_accounts(&mut agent, &slurm, "it is downscaled", is("", "downscaled")).await;
    assert_eq!(slurm.refuses_job(&first), None);
    staff.resource(one).set_downscaled(false).await.unwrap();
    until_accounts(&mut agent, &slurm, "it is restored", is("", "")).await;

    // Usage.
    slurm.begin_job(&second, "3");
    let used = || slurm.core_hours(&second).filter(|used| *used > Decimal::ZERO);
    agent.until("the job has ended", |_| used().is_some()).await;
    slurm.roll_up();
    let used = used().unwrap();
    // 600 CPUs for three seconds.
    assert!(used >= Decimal::new(5, 1), "{used}");
    // Reports are in whole core-minutes.
    let is_used = |amount: Decimal| (amount - used).abs() <= Decimal::new(2, 2);
    let is_reported = |_: &str| {
        let usages = sandbox.usages();
        let usage = usages
            .iter()
            .find(|usage| usage.resource == two && usage.component == "cpu" && is_used(usage.amount));
        usage.is_some_and(|usage| {
            sandbox
                .user_usages()
                .iter()
                .any(|row| row.usage == usage.uuid && row.username == slurm.job_user && is_used(row.amount))
        })
    };
    agent.until("the usage is reported", is_reported).await;

    // A database that doesn't answer is waited for.
    slurm.kill_database_daemon();
    let consumer = client_as(&sandbox, Actor::Consumer).consumer();
    let changed = consumer.resource(one).set_limits([("ram", 16)]).await.unwrap().order_uuid.unwrap();
    for kind in ["orders: ", ROUND, "usage: "] {
        let is_skipped = |line: &str| line.contains(kind) && line.contains("not listed");
        agent.until("the round is skipped", is_skipped).await;
        agent.until("the reason is named", |line| line.contains("Connection refused")).await;
    }
    assert!(!matches!(sandbox.order(changed).unwrap().state, OrderState::Done | OrderState::Erred));
    assert!(sandbox.resources().iter().all(|resource| resource.state != ResourceState::Erred));
    slurm.start_database_daemon();
    until_state(&mut agent, &sandbox, changed, OrderState::Done).await;
    assert_eq!(slurm.accounts()[&first].limits, "mem=960G");
    assert_eq!(slurm.accounts()[&first].users, both);

    // The end of a resource with a running job, whose account is the default one of users.
    slurm.begin_job(&first, "600");
    let ended = consumer.resource(one).terminate().await.unwrap().order_uuid.unwrap();
    until_state(&mut agent, &sandbox, ended, OrderState::Done).await;
    assert!(slurm.accounts().into_keys().eq([second.clone()]));

    // A member with a running job leaves.
    slurm.begin_job(&second, "600");
    let project = consumer.project(sandbox.ids().project);
    project.remove_member(sandbox.ids().users.bob, "PROJECT.MEMBER").await.unwrap();
    let alone = |account: &Account| account.users.iter().eq(["alice01"]);
    let left =
        until_accounts(&mut agent, &slurm, "Bob is removed", |accounts| alone(&accounts[&second])).await;

    // What SLURM has is what Waldur says.
    let resources = sandbox.resources();
    let live = resources.iter().filter(|resource| resource.state == ResourceState::Ok);
    assert!(live.map(|resource| resource.backend_id.clone()).eq([second.clone()]));
    let limits =
        Account { limits: "mem=15?".to_owned(), users: left[&second].users.clone(), ..Account::default() };
    assert_eq!(left, BTreeMap::from([(second, limits)]));
    let ended = consumer.resource(two).terminate().await.unwrap().order_uuid.unwrap();
    until_state(&mut agent, &sandbox, ended, OrderState::Done).await;
    assert_eq!(slurm.accounts(), BTreeMap::new());
    assert_eq!(slurm.jobs(), 0);
    assert!(agent.terminate().await.success());
    sandbox.assert_contract();
}
