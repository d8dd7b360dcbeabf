//! Each rule of the contract, broken once: the provider's workflows run on the sandbox through a proxy that
//! spoils one kind of request in one way, and that must be seen. Unspoiled, they do what they should.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "tests state what must hold by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod proxy;
mod sent;
mod table;
mod work;

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use waldur_sandbox::{OrderState, Sandbox};

use crate::proxy::Proxy;
use crate::sent::Sent;
use crate::table::MUTATIONS;

/// One way to break the contract.
#[derive(Debug)]
pub(crate) struct Mutation {
    /// What is done.
    pub(crate) name: &'static str,
    /// To which requests: the method and the path after `/api/`, with `*` for any segment.
    pub(crate) at: &'static str,
    pub(crate) change: fn(&mut Sent),
    /// Where it is seen: the place of a violation of the schema, or [`OUTCOME`].
    pub(crate) seen: &'static str,
}

/// The workflows end otherwise than they should.
pub(crate) const OUTCOME: &str = "outcome";

/// What came of a run.
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
async fn unspoiled_requests_do_what_they_should() {
    let Seen { places, why, .. } = run(None).await;
    assert!(places.is_empty(), "{why:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mutation_is_seen() {
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

/// Every operation that the table spoils is one of the schema: a change of an address there fails here.
#[test]
fn the_table_spoils_operations_of_the_schema() {
    for Mutation { name, at, .. } in MUTATIONS {
        let (method, path) = at.split_once(' ').unwrap();
        let path = format!("/api/{}", path.replace('*', &"0".repeat(32)));
        let found = waldur_contract::routes::find(method, &path);
        assert!(found.is_some(), "{name}: {at} is no operation");
    }
}

#[test]
fn the_table_says_each_thing_once() {
    let different: BTreeSet<_> = MUTATIONS.iter().map(|mutation| (mutation.name, mutation.at)).collect();
    assert_eq!(different.len(), MUTATIONS.len());
}
