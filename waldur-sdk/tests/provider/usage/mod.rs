//! Usage on the sandbox: reported, planned, refused, read back.

mod bulk;
mod faults;
mod reports;
mod servers;
mod users;

use std::collections::BTreeMap;

use waldur_sandbox::Sandbox;
use waldur_sdk::{Decimal, Month, Uuid};

use crate::common::today;

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
