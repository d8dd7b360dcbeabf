//! The states of an order until it is done, and who may take each step.

use chrono::{DateTime, Days, Utc};
use tokio::sync::mpsc;
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::Error;
use waldur_sdk::types::OrderState as State;

use super::common::provider;
use super::waiting::quickly;
use super::{cluster, consumer_as};

const TODAY: &str = "2026-03-02T08:00:00Z";

fn today() -> DateTime<Utc> {
    TODAY.parse().unwrap()
}

fn in_days(days: u64) -> DateTime<Utc> {
    today().checked_add_days(Days::new(days)).unwrap()
}

/// Returns a sandbox whose project begins in 3 days.
async fn before_the_project() -> Sandbox {
    let cluster = cluster().now(today()).seed(|seed| {
        let project = seed.ids().project;
        seed.project_start_date(project, in_days(3).date_naive());
    });
    cluster.start().await.unwrap()
}

/// A member's order for a project that begins in 3 days, itself to begin in 5.
#[tokio::test]
async fn an_order_waits_for_consumer_project_provider_and_its_start_date() {
    let sandbox = before_the_project().await;
    let ids = *sandbox.ids();
    let project = consumer_as(&sandbox, Actor::Bob).project(ids.project);
    let order = project.order(ids.offerings.slurm).name("waves").attribute("grant", "g1");
    let order = order.start_date(in_days(5).date_naive()).await.unwrap();
    let uuid = order.order_uuid.unwrap();
    let owner = consumer_as(&sandbox, Actor::Consumer).order(uuid);
    let provided = provider(&sandbox).order(uuid);
    let (told, mut states) = mpsc::unbounded_channel();
    let steps = async {
        let mut seen = Vec::new();
        while let Some(state) = states.recv().await {
            match state {
                State::PendingConsumer => drop(owner.approve().await.unwrap()),
                State::PendingProject => {
                    assert!(provided.approve().await.unwrap_err().is_conflict(), "the project hasn't begun");
                    sandbox.set_now(in_days(3));
                }
                State::PendingProvider => drop(provided.approve().await.unwrap()),
                State::PendingStartDate => sandbox.set_now(in_days(5)),
                State::Executing => drop(provided.set_done().await.unwrap()),
                _ => {}
            }
            seen.push(state);
        }
        seen
    };
    let wait = quickly(order.wait()).on_change(move |order| told.send(order.state.clone()).unwrap());
    let (resource, seen) = tokio::join!(wait.into_future(), steps);
    assert_eq!(resource.unwrap().name, "waves");
    let expected = [
        State::PendingConsumer,
        State::PendingProject,
        State::PendingProvider,
        State::PendingStartDate,
        State::Executing,
        State::Done,
    ];
    assert_eq!(seen, expected);
}

/// The owner's order needs no approval of the consumer, but waits for the project as well.
#[tokio::test]
async fn an_order_of_the_owner_waits_for_the_project() {
    let sandbox = before_the_project().await;
    let ids = *sandbox.ids();
    let project = consumer_as(&sandbox, Actor::Consumer).project(ids.project);
    let request = project.order(ids.offerings.slurm).name("waves").attribute("grant", "g1");
    let placed = request.await.unwrap().order().unwrap();
    assert_eq!(placed.get().await.unwrap().state, State::PendingProject);
    sandbox.set_now(in_days(2));
    assert_eq!(placed.get().await.unwrap().state, State::PendingProject);
    sandbox.set_now(in_days(3));
    assert_eq!(placed.get().await.unwrap().state, State::PendingProvider);
}

/// How the server answers somebody's step.
#[derive(Debug, PartialEq)]
enum Answer {
    Done,
    Forbidden,
    NotFound,
}

fn answer<T>(result: Result<T, Error>) -> Answer {
    match result {
        Ok(_) => Answer::Done,
        Err(error) if error.is_forbidden() => Answer::Forbidden,
        Err(error) if error.is_not_found() => Answer::NotFound,
        Err(error) => panic!("{error}"),
    }
}

/// Each step of a chain by each role, those who may take it last.
#[tokio::test]
async fn each_step_is_open_to_its_roles_only() {
    use Answer::{Done, Forbidden, NotFound};
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    let project = consumer_as(&sandbox, Actor::Bob).project(ids.project);
    let placed = project.order(ids.offerings.slurm).name("waves").attribute("grant", "g1").await.unwrap();
    let uuid = placed.order_uuid.unwrap();
    let roles = [
        (Actor::Bob, Forbidden),
        (Actor::Alice, Forbidden),
        (Actor::Outsider, NotFound),
        (Actor::Consumer, Done),
    ];
    for (actor, expected) in &roles {
        let found = answer(consumer_as(&sandbox, *actor).order(uuid).approve().await);
        assert_eq!(found, *expected, "{actor:?} approves as consumer");
    }
    // The consumer's people can't approve in the provider's place.
    for (actor, expected) in [
        (Actor::Bob, Forbidden),
        (Actor::Alice, Forbidden),
        (Actor::Consumer, Forbidden),
        (Actor::Outsider, NotFound),
    ] {
        let client = super::common::client_builder_as(&sandbox, actor).build().unwrap();
        let step = client.marketplace_orders_approve_by_provider().uuid(uuid).send().await;
        assert_eq!(answer(step), expected, "{actor:?} approves as provider");
    }
    provider(&sandbox).order(uuid).approve().await.unwrap();
    for actor in [Actor::Bob, Actor::Alice, Actor::Consumer] {
        assert_eq!(consumer_as(&sandbox, actor).order(uuid).get().await.unwrap().state, State::Executing);
    }
    assert_eq!(answer(consumer_as(&sandbox, Actor::Outsider).order(uuid).get().await), NotFound);
}
