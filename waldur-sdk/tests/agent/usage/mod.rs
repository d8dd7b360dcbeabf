//! The usage that an agent reports, on the sandbox.

mod events;
mod faults;
mod months;
mod odd_amounts;
mod rounds;
mod single;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use waldur_sandbox::{Release, ResourceState, Sandbox, Seed};
use waldur_sdk::agent::{BackendError, Measurements, Meter, MeteredMonth, MeteredResource, UsageProcessor};
use waldur_sdk::{Client, Decimal, Month, Report, Uuid};

use crate::common::{client_builder, quick};

const SET_USAGE: &str = "/set_usage/";

/// What is measured of each resource in each month: a component, a user or nobody (""), and an amount.
type Line = (&'static str, &'static str, &'static str);

/// The tests' own accounting.
#[derive(Clone, Default)]
struct Accounting {
    lines: Arc<Mutex<Vec<Line>>>,
    /// What it was asked for: how many resources, and the month.
    calls: Arc<Mutex<Vec<(usize, Month)>>>,
    is_down: Arc<Mutex<bool>>,
    is_starting: Arc<Mutex<bool>>,
}

impl Accounting {
    fn of(lines: &[Line]) -> Self {
        Self { lines: Arc::new(Mutex::new(lines.to_vec())), ..Self::default() }
    }

    fn set(&self, lines: &[Line]) {
        *self.lines.lock().unwrap() = lines.to_vec();
    }
}

impl Meter for Accounting {
    async fn measure(
        &self,
        resources: &[MeteredResource],
        month: Month,
    ) -> Result<Measurements, BackendError> {
        self.calls.lock().unwrap().push((resources.len(), month));
        if *self.is_down.lock().unwrap() {
            return Err(BackendError::transient("no answer of the accounting"));
        }
        let mut measured = Measurements::new();
        for resource in resources.iter().filter(|resource| !resource.name.starts_with("idle")) {
            assert_eq!(resource.backend_id, format!("hpc_{}", resource.name).as_str());
            for (component, user, amount) in &*self.lines.lock().unwrap() {
                match *user {
                    "" => measured.add(resource.uuid, *component, amount.parse().unwrap()),
                    user => measured.add_user(resource.uuid, *component, user, amount.parse().unwrap()),
                }
            }
        }
        Ok(measured)
    }

    async fn ready(&self) -> Result<(), BackendError> {
        match *self.is_starting.lock().unwrap() {
            true => Err(BackendError::transient("the accounting starts")),
            false => Ok(()),
        }
    }
}

fn client(sandbox: &Sandbox) -> Client {
    client_builder(sandbox).retry(quick()).build().unwrap()
}

/// The processor of one offering, whose back end counts cpu in seconds.
fn processor(sandbox: &Sandbox, accounting: &Accounting) -> UsageProcessor<Accounting> {
    processor_of(&client(sandbox), sandbox, accounting)
}

fn processor_of(client: &Client, sandbox: &Sandbox, accounting: &Accounting) -> UsageProcessor<Accounting> {
    let slurm = sandbox.ids().offerings.slurm;
    UsageProcessor::new(client, [slurm], accounting.clone()).factor("cpu", Decimal::from(3600))
}

fn add(seed: &mut Seed<'_>, name: &str, state: ResourceState) -> Uuid {
    let (slurm, project) = (seed.ids().offerings.slurm, seed.ids().project);
    let resource = seed.resource(slurm, project, name, state);
    seed.backend_id(resource, &format!("hpc_{name}"));
    resource
}

/// So many resources of the offering, which has the components `cpu`, `gpu` and `ram`.
async fn sandbox_of(release: Release, count: usize) -> Sandbox {
    let builder = Sandbox::builder().release(release).orders(0).without_resources().seed(move |seed| {
        for at in 0..count {
            add(seed, &format!("r{at}"), ResourceState::Ok);
        }
    });
    builder.start().await.unwrap()
}

fn amount(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// The month of the sandbox.
fn this_month(sandbox: &Sandbox) -> Month {
    sandbox.now().date_naive().into()
}

/// The reported usage of a resource in a month, by component.
fn totals(sandbox: &Sandbox, resource: Uuid, month: Month) -> BTreeMap<String, Decimal> {
    let usages = sandbox.usages().into_iter();
    let usages = usages.filter(|usage| usage.resource == resource && usage.period == month.first_day());
    usages.map(|usage| (usage.component, usage.amount)).collect()
}

/// The reported usage of all resources by user, by the name.
fn users(sandbox: &Sandbox) -> Vec<(String, Decimal)> {
    let mut users: Vec<_> =
        sandbox.user_usages().into_iter().map(|usage| (usage.username, usage.amount)).collect();
    users.sort_unstable();
    users
}

fn expected<const N: usize>(totals: [(&str, &str); N]) -> BTreeMap<String, Decimal> {
    totals.into_iter().map(|(component, text)| (component.to_owned(), amount(text))).collect()
}

/// What was left out of all resources, once each.
fn left_out(report: &Report<MeteredMonth>) -> Vec<String> {
    let items = report.items.iter().flat_map(|item| &item.target.left_out);
    let mut texts: Vec<String> = items.map(ToString::to_string).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// A policy that gives up soon.
fn brief() -> waldur_sdk::RetryPolicy {
    quick().max_elapsed(Duration::from_millis(50))
}
