//! Mutations: the provider's workflows run on the sandbox through a proxy that breaks one rule of the
//! contract in one kind of request. The sandbox must detect each. Unmodified requests must pass.

mod proxy;
mod sent;
mod table;
mod work;

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use waldur_sandbox::{OrderState, Sandbox};

use crate::mutations::proxy::Proxy;
use crate::mutations::sent::Sent;
use crate::mutations::table::MUTATIONS;

/// One way to break the contract.
#[derive(Debug)]
pub(crate) struct Mutation {
    /// What is changed.
    pub(crate) name: &'static str,
    /// The requests: the method and the path after `/api/`, with `*` for any segment.
    pub(crate) at: &'static str,
    pub(crate) change: fn(&mut Sent),
    /// Where it is detected: the place of a violation of the schema, or [`OUTCOME`].
    pub(crate) seen: &'static str,
}

/// The result of the workflows is wrong.
pub(crate) const OUTCOME: &str = "outcome";

/// The result of a run.
#[derive(Debug)]
struct Seen {
    places: BTreeSet<String>,
    spoiled: usize,
    why: Vec<String>,
}

async fn run(mutation: Option<&'static Mutation>) -> Seen {
    let sandbox = Sandbox::builder()
        .orders(20)
        // More than a page.
        .orders_in(OrderState::Done, 305)
        .allow_violations()
        .start()
        .await
        .unwrap();
    let proxy = Proxy::start(sandbox.url(), mutation).await;
    let end = work::all(&sandbox, proxy.url()).await;
    let mut places = BTreeSet::new();
    let mut why = Vec::new();
    for violation in sandbox.violations() {
        why.push(violation.to_string());
        places.insert(violation.at);
    }
    if let Err(error) = end {
        why.push(error.to_string());
        places.insert(OUTCOME.to_owned());
    }
    Seen { places, spoiled: proxy.spoiled(), why }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unmodified_requests_pass() {
    let Seen { places, why, .. } = run(None).await;
    assert!(places.is_empty(), "{why:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mutation_is_detected() {
    let runs = stream::iter(MUTATIONS).map(|mutation| async move { (mutation, run(Some(mutation)).await) });
    let runs: Vec<_> = runs.buffered(4).collect().await;
    let mut missed = Vec::new();
    for (Mutation { name, at, seen, .. }, run) in runs {
        if run.spoiled == 0 {
            missed.push(format!("{name} ({at}): no request was spoiled"));
        } else if !run.places.contains(*seen) {
            missed.push(format!("{name} ({at}): not seen at {seen}, but {:#?}", run.why));
        }
    }
    assert!(missed.is_empty(), "{} of {}:\n{}", missed.len(), MUTATIONS.len(), missed.join("\n"));
}

/// Every operation in the table is in the schema, so that a changed path there fails here.
#[test]
fn the_mutations_are_of_operations_of_the_schema() {
    for Mutation { name, at, .. } in MUTATIONS {
        let (method, path) = at.split_once(' ').unwrap();
        let path = format!("/api/{}", path.replace('*', &"0".repeat(32)));
        let found = waldur_contract::routes::find(method, &path);
        assert!(found.is_some(), "{name}: {at} is no operation");
    }
}

#[test]
fn no_mutation_occurs_twice() {
    let different: BTreeSet<_> = MUTATIONS.iter().map(|mutation| (mutation.name, mutation.at)).collect();
    assert_eq!(different.len(), MUTATIONS.len());
}
