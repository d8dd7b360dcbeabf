//! Two hours of orders, with processes that die and a server that fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;
use waldur_sandbox::{OrderState as State, OrderType as Type, Sandbox};
use waldur_sdk::agent::{
    Backend, BackendError, Limits, OrderProcessor, OrderResultKind as Kind, ProcessedOrder, Provisioned, Task,
};
use waldur_sdk::{BackendId, Client, Report, Uuid};

use crate::common::{client_builder, quick};
use crate::hours::{Hours, MINUTE, disturb};
use crate::orders::{add, all_ended};

/// A cluster whose jobs take their time.
#[derive(Debug, Default)]
struct Jobs {
    /// When the job of an order was begun.
    begun: BTreeMap<Uuid, Instant>,
    /// By the resource: its id and limits.
    accounts: BTreeMap<Uuid, (String, Limits)>,
    /// The process to which the end of an order was told.
    told: BTreeSet<(usize, Uuid)>,
}

#[derive(Clone)]
struct Cluster {
    begun: Instant,
    jobs: Arc<Mutex<Jobs>>,
    process: usize,
}

impl Cluster {
    fn minute(&self) -> u64 {
        self.begun.elapsed().as_secs() / 60
    }

    /// Returns once the job of the order has ended, which takes up to 77 minutes.
    fn work(&self, task: &Task) -> Result<(), BackendError> {
        let order = task.order();
        if order.resource_name.starts_with("broken") {
            return Err(BackendError::permanent("no such partition"));
        }
        if (50..55).contains(&self.minute()) {
            return Err(BackendError::transient("no answer of the scheduler"));
        }
        let number: u32 = order.resource_name.trim_start_matches("job").parse().unwrap();
        let mut jobs = self.jobs.lock().unwrap();
        let begun = *jobs.begun.entry(order.uuid).or_insert_with(Instant::now);
        if begun.elapsed() < MINUTE * 11 * number {
            let id = BackendId::new(format!("run-{number}"))?;
            return Err(BackendError::in_progress(MINUTE * 8).with_backend_id(id));
        }
        let is_first = jobs.told.insert((self.process, order.uuid));
        assert!(is_first, "{order:?} was carried out, and the same process asks for it again");
        Ok(())
    }
}

impl Backend for Cluster {
    async fn ready(&self) -> Result<(), BackendError> {
        match (30..35).contains(&self.minute()) {
            true => Err(BackendError::transient("maintenance")),
            false => Ok(()),
        }
    }

    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        let id = task.claim_backend_id("hpc").await?;
        self.work(task)?;
        let order = task.order();
        let account = (id.to_string(), order.limits.clone());
        let before = self.jobs.lock().unwrap().accounts.insert(order.resource_uuid, account.clone());
        // Created before, it is the same one.
        assert!(before.is_none_or(|before| before == account));
        Ok(Provisioned::from(id).limits(order.limits.clone()))
    }

    async fn update(&self, task: &Task, id: &BackendId) -> Result<(), BackendError> {
        self.work(task)?;
        let order = task.order();
        let account = (id.to_string(), order.limits.clone());
        self.jobs.lock().unwrap().accounts.insert(order.resource_uuid, account);
        Ok(())
    }

    async fn terminate(&self, task: &Task, id: &BackendId) -> Result<(), BackendError> {
        self.work(task)?;
        let gone = (id.to_string(), Limits::new());
        self.jobs.lock().unwrap().accounts.insert(task.order().resource_uuid, gone);
        Ok(())
    }
}

fn processor(client: &Client, sandbox: &Sandbox, cluster: Cluster) -> OrderProcessor<Cluster> {
    let offerings = sandbox.ids().offerings;
    OrderProcessor::new(client, [offerings.bulk, offerings.slurm], cluster).interval(MINUTE)
}

/// Runs an agent for two hours and returns the end state.
async fn two_hours(dice: Option<u64>) -> String {
    let builder = Sandbox::builder().orders(0).dice(dice.unwrap_or_default()).seed(|seed| {
        let offerings = seed.ids().offerings;
        for number in 0..8 {
            let type_ = [Type::Create, Type::Update, Type::Create, Type::Terminate][number % 4];
            let offering = if number % 3 < 2 { offerings.bulk } else { offerings.slurm };
            add(seed, offering, &format!("job{number}"), type_, State::PendingProvider);
        }
        add(seed, offerings.bulk, "broken", Type::Create, State::PendingProvider);
    });
    let sandbox = builder.start().await.unwrap();
    let client = client_builder(&sandbox).bulk_concurrency(1).retry(quick()).build().unwrap();
    let mut hours = Hours::new(dice, 300);
    let jobs = Arc::new(Mutex::new(Jobs::default()));
    let begun = Instant::now();
    for minute in [100, 120] {
        // The last twenty minutes are quiet.
        sandbox.clear_faults();
        if hours.is_disturbed() && minute < 120 {
            disturb(&sandbox);
        }
        while hours.minute() < minute {
            let cluster = Cluster { begun, jobs: Arc::clone(&jobs), process: hours.restarts };
            let processor = processor(&client, &sandbox, cluster);
            let (sender, mut rounds) = unbounded_channel();
            let each = |report: Report<ProcessedOrder>| {
                assert!(report.count(Kind::Erred) <= 1, "{report:#?}");
                let _ = sender.send(());
            };
            hours.live(processor.run(std::future::pending::<()>(), each), &mut rounds, minute).await;
        }
    }
    let cluster = Cluster { begun, jobs: Arc::clone(&jobs), process: usize::MAX };
    assert!(all_ended(&processor(&client, &sandbox, cluster).run_once().await));
    assert!(dice.is_none() || hours.restarts >= 3, "{hours:?}");
    end_of(&sandbox, &jobs.lock().unwrap())
}

/// Returns what is compared between runs. Waldur and the cluster have to agree about ids and limits.
fn end_of(sandbox: &Sandbox, jobs: &Jobs) -> String {
    let mut ids = BTreeSet::new();
    let orders = sandbox.orders().into_iter().map(|order| {
        let resource = sandbox.resource(order.resource).unwrap();
        assert!(ids.insert((resource.offering, resource.backend_id.clone())), "{resource:?}");
        let account = jobs.accounts.get(&order.resource);
        let limits = account.map(|(id, limits)| {
            assert_eq!(*id, resource.backend_id, "{resource:?}");
            limits
        });
        // Which of the free ids a resource got depends on which was first.
        let id = match resource.backend_id.as_str() {
            id if id == "hpc" || id.starts_with("hpc-") => "claimed",
            id => id,
        };
        let job = sandbox.order_content(order.uuid).unwrap().backend_id;
        format!(
            "{} {:?} {:?} {id} {limits:?} {:?} {job}",
            resource.name, order.state, resource.state, resource.limits
        )
    });
    orders.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn two_hours_with_faults_and_restarts_end_as_quiet_ones() {
    let expected = two_hours(None).await;
    assert!(!expected.contains("Executing") && expected.matches("Erred").count() >= 1, "{expected}");
    for dice in 0..2 {
        let end = two_hours(Some(dice)).await;
        assert_eq!(end, expected, "{dice}");
    }
}
