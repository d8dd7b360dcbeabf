//! Back ends that are at work for longer, or not ready, and orders that are processed one by one.

use std::sync::Mutex;
use std::time::Duration;

use waldur_sandbox::{Fault, OrderState as State, Release, Sandbox};
use waldur_sdk::agent::{
    Backend, BackendError, OrderProcessor, OrderResult, OrderResultKind as Kind, Provisioned, Task,
};
use waldur_sdk::{BackendId, ClientExt as _, Uuid};

use crate::common::posts;
use crate::orders::{
    Cluster, OF_EACH, ONE, all_ended, client, kinds, processor, sandbox_of, sandbox_with, states,
};

/// A queue whose jobs take `polls` calls. Writes down the id that each call gets.
struct Queue {
    polls: usize,
    check_again_in: Duration,
    seen: Mutex<Vec<String>>,
}

impl Queue {
    fn new(polls: usize, check_again_in: Duration) -> Self {
        Self { polls, check_again_in, seen: Mutex::default() }
    }

    fn poll(&self, task: &Task) -> Result<(), BackendError> {
        let mut seen = self.seen.lock().unwrap();
        seen.push(task.order().backend_id.clone());
        match seen.len() > self.polls {
            true => Ok(()),
            false => {
                let id = BackendId::new(format!("job-{}", task.order().resource_name))?;
                Err(BackendError::in_progress(self.check_again_in).with_backend_id(id))
            }
        }
    }
}

impl Backend for &Queue {
    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        self.poll(task)?;
        Provisioned::new("hpc_one")
    }
    async fn update(&self, task: &Task, _: &BackendId) -> Result<(), BackendError> {
        self.poll(task)
    }
    async fn terminate(&self, task: &Task, _: &BackendId) -> Result<(), BackendError> {
        self.poll(task)
    }
}

fn of_queue<'q>(sandbox: &Sandbox, queue: &'q Queue) -> OrderProcessor<&'q Queue> {
    OrderProcessor::new(&client(sandbox), [sandbox.ids().offerings.bulk], queue)
}

#[tokio::test]
async fn an_order_in_progress_is_checked_again_with_its_id() {
    let sandbox = sandbox_with(ONE).await;
    let order = sandbox.orders()[0].uuid;
    let queue = Queue::new(2, Duration::ZERO);
    let processor = of_queue(&sandbox, &queue);
    for _ in 0..2 {
        let report = processor.run_once().await;
        assert!(report.is_ok() && kinds(&report) == [Kind::InBackend], "{report:#?}");
        assert!(report.items[0].to_string().contains("the back end is at work on it"), "{report:#?}");
        assert_eq!(sandbox.order_content(order).unwrap().backend_id, "job-one");
        assert_eq!(states(&sandbox), [State::Executing]);
    }
    // Approved once, and the id was set once.
    assert_eq!(posts(&sandbox), 2);
    assert!(all_ended(&processor.run_once().await));
    assert_eq!(*queue.seen.lock().unwrap(), ["", "job-one", "job-one"]);
}

#[tokio::test]
async fn an_order_in_progress_is_not_checked_too_early_and_survives_a_restart() {
    let sandbox = sandbox_with(ONE).await;
    let queue = Queue::new(1, Duration::from_secs(3600));
    let first = of_queue(&sandbox, &queue);
    for round in 1..=3 {
        let report = first.run_once().await;
        assert!(report.is_ok(), "{report:#?}");
        let OrderResult::InBackend { again_in } = report.items[0].target.result else {
            panic!("{report:#?}")
        };
        assert!(again_in <= Duration::from_secs(3600) && again_in > Duration::from_secs(3000));
        assert_eq!(queue.seen.lock().unwrap().len(), 1, "round {round}");
    }
    assert!(all_ended(&of_queue(&sandbox, &queue).run_once().await));
    assert_eq!(*queue.seen.lock().unwrap(), ["", "job-one"]);
}

#[tokio::test]
async fn a_lost_response_or_an_old_server_costs_an_order_in_progress_nothing() {
    for fault in [Fault::ResetAfter, Fault::ResetBefore, Fault::Status(502)] {
        let sandbox = sandbox_with(ONE).await;
        sandbox.fail_next(1, "POST", "/marketplace-orders/", fault.clone());
        sandbox.fail_next(1, "POST", "/set_backend_id/", fault.clone());
        let queue = Queue::new(1, Duration::ZERO);
        let processor = of_queue(&sandbox, &queue);
        assert_eq!(kinds(&processor.run_once().await), [Kind::InBackend], "{fault:?}");
        assert!(all_ended(&processor.run_once().await));
        assert_eq!(*queue.seen.lock().unwrap(), ["", "job-one"], "{fault:?}");
    }
    let sandbox = sandbox_of(Release::Late2024, ONE).await;
    let queue = Queue::new(1, Duration::ZERO);
    let processor = of_queue(&sandbox, &queue);
    assert_eq!(kinds(&processor.run_once().await), [Kind::InBackend]);
    assert!(all_ended(&processor.run_once().await));
}

struct Closed;

impl Backend for Closed {
    async fn ready(&self) -> Result<(), BackendError> {
        Err(BackendError::transient("the cluster is in maintenance"))
    }
    async fn create(&self, _: &Task) -> Result<Provisioned, BackendError> {
        Err(BackendError::permanent("never called"))
    }
    async fn update(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
        Ok(())
    }
    async fn terminate(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_back_end_that_is_not_ready_skips_the_round() {
    let sandbox = sandbox_with(OF_EACH).await;
    let offerings = sandbox.ids().offerings;
    let processor = OrderProcessor::new(&client(&sandbox), [offerings.bulk, offerings.slurm], Closed);
    let report = processor.run_once().await;
    assert!(report.items.is_empty() && !report.is_ok() && sandbox.requests().is_empty());
    let problems: Vec<String> = report.problems().map(|problem| problem.to_string()).collect();
    assert_eq!(problems.len(), 2);
    assert!(problems[0].contains(&offerings.bulk.simple().to_string()), "{problems:?}");
    assert!(
        problems.iter().all(|problem| problem.ends_with("the cluster is in maintenance")),
        "{problems:?}"
    );
    // Nor is an order touched that is processed by itself.
    let item = processor.process(sandbox.orders()[0].uuid).await.unwrap();
    assert_eq!((item.target.result.kind(), posts(&sandbox)), (Kind::Held, 0));
    assert!(item.to_string().ends_with("the cluster is in maintenance"), "{item}");
}

#[tokio::test]
async fn one_order_is_processed_when_asked() {
    let sandbox = sandbox_with(OF_EACH).await;
    let (orders, cluster) = (sandbox.orders(), Cluster::default());
    let processor = processor(&sandbox, &cluster);
    let item = processor.process(orders[0].uuid).await.unwrap();
    assert_eq!(item.target.result.kind(), Kind::Done);
    let untouched = OF_EACH[1..].iter().map(|(_, _, state)| *state);
    assert_eq!(states(&sandbox), std::iter::once(State::Done).chain(untouched).collect::<Vec<_>>());
    // A second event about it changes nothing.
    sandbox.clear_requests();
    let again = processor.process(orders[0].uuid).await.unwrap();
    assert_eq!(again.target.result.kind(), Kind::Superseded);
    assert_eq!((sandbox.requests().len(), posts(&sandbox)), (1, 0));
    assert!(processor.process(Uuid::nil()).await.unwrap_err().is_not_found());
    processor.stop_handle().stop();
    assert_eq!(processor.process(orders[1].uuid).await.unwrap().target.result.kind(), Kind::NotBegun);
}

#[tokio::test]
async fn a_stop_can_be_awaited() {
    let sandbox = sandbox_with(ONE).await;
    let stop = processor(&sandbox, &Cluster::default()).stop_handle();
    let waiting = tokio::spawn({
        let stop = stop.clone();
        async move { stop.stopped().await }
    });
    stop.stop();
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert!(stop.is_stopped());
}

#[tokio::test]
async fn a_provider_leaves_a_message_on_an_order() {
    let sandbox = sandbox_with(ONE).await;
    let order = sandbox.orders()[0].uuid;
    let handle = client(&sandbox).provider().order(order);
    sandbox.fail_next(1, "POST", "/set_provider_info/", Fault::ResetAfter);
    handle.set_provider_message("We are waiting for the disks.", "https://example.org/42").await.unwrap();
    let content = sandbox.order_content(order).unwrap();
    assert_eq!(content.properties["provider_message"], "We are waiting for the disks.");
    assert_eq!(content.properties["provider_message_url"], "https://example.org/42");
    assert_eq!(posts(&sandbox), 1);
    handle.set_backend_id(&BackendId::new("job-7").unwrap()).await.unwrap();
    assert_eq!(sandbox.order_content(order).unwrap().backend_id, "job-7");
}
