//! Usage on the sandbox: reported, planned, refused, read back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bulk;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod reports;
mod servers;
mod users;

use std::collections::BTreeMap;

use common::today;
use waldur_sandbox::Sandbox;
use waldur_sdk::{Decimal, Month, Uuid};

const SET_USAGE: &str = "/set_usage/";

fn amount(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn this_month() -> Month {
    today().into()
}

/// Returns the reported usage of a resource in a month, by component.
fn there(sandbox: &Sandbox, resource: Uuid, month: impl Into<Month>) -> BTreeMap<String, Decimal> {
    let (month, usages) = (month.into().first_day(), sandbox.usages().into_iter());
    usages
        .filter(|usage| usage.resource == resource && usage.period == month)
        .map(|usage| (usage.component, usage.amount))
        .collect()
}
