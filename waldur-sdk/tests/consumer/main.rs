//! The consumer's side on the sandbox: finding offerings, ordering, waiting, changing and ending resources.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "blocking")]
mod blocking;
mod chains;
mod changes;
#[path = "../common/mod.rs"]
mod common;
mod find;
mod meddling;
mod ordering;
mod people;
mod projects;
mod recorded;
mod renewal;
mod waiting;

use serde_json::json;
use waldur_sandbox::{Actor, Builder, Fault, Misbehaviour, Sandbox};
use waldur_sdk::consumer::{Consumer, PlacedOrder};
use waldur_sdk::{ClientExt as _, Error, Uuid};

/// Returns a sandbox without orders, whose cluster takes limits and attributes.
fn cluster() -> Builder {
    Sandbox::builder().orders(0).seed(|seed| {
        let slurm = seed.ids().offerings.slurm;
        seed.billing_type(slurm, "cpu", "limit");
        seed.limit_bounds(slurm, "cpu", Some(1), Some(64));
        let choices = json!(["short", "long"]);
        seed.order_option(
            slurm,
            "queue",
            json!({ "label": "Queue", "type": "select_string", "choices": choices, "default": "long" }),
        );
        seed.order_option(slurm, "nodes", json!({ "label": "Nodes", "type": "integer", "min": 1, "max": 8 }));
        seed.order_option(slurm, "grant", json!({ "label": "Grant", "type": "string", "required": true }));
    })
}

fn consumer_as(sandbox: &Sandbox, actor: Actor) -> Consumer {
    common::client_builder_as(sandbox, actor).retry(common::quick()).build().unwrap().consumer()
}

/// Returns faults of three in ten requests: not applied, not answered, or with a response that can't be read.
fn storm() -> Misbehaviour {
    let faults = [
        Fault::Status(500),
        Fault::Status(502),
        Fault::StatusAfter(502),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::EmptyBody,
        Fault::Truncated,
        Fault::MissingFields(Vec::new()),
        Fault::NullFields(Vec::new()),
        Fault::BlankFields(Vec::new()),
        Fault::UnknownValues(Vec::new()),
    ];
    Misbehaviour::any_of(faults).chance(0.3)
}

/// Returns the messages of an error, in the order of their fields.
fn messages(error: &Error) -> Vec<String> {
    let mut messages: Vec<String> = error.messages().iter().map(ToString::to_string).collect();
    messages.sort();
    messages
}

/// Lets the provider approve an order and finish it.
async fn finish(sandbox: &Sandbox, order: &PlacedOrder) {
    let order = common::provider(sandbox).order(order.order_uuid.unwrap());
    order.approve().await.unwrap();
    order.set_done().await.unwrap();
}

/// Orders a resource of the cluster as the owner, and lets the provider finish it.
async fn ordered(sandbox: &Sandbox, name: &str) -> Uuid {
    let ids = sandbox.ids();
    let project = consumer_as(sandbox, Actor::Consumer).project(ids.project);
    let order = project.order(ids.offerings.slurm).name(name).attribute("grant", "g1").limit("cpu", 4);
    let order = order.await.unwrap();
    finish(sandbox, &order).await;
    order.resource_uuid.unwrap()
}
