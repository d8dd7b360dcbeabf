//! Past months.

use waldur_sandbox::{Actor, Release, ResourceState, Sandbox};
use waldur_sdk::agent::{LeftOutReason, UsageProcessor};
use waldur_sdk::{Decimal, Month, Uuid};

use crate::common::{client_as, posts_to};
use crate::usage::{Accounting, Line, SET_USAGE, add, expected, processor, sandbox_of, this_month, totals};

const LINES: &[Line] = &[("cpu", "alice01", "3600"), ("gpu", "", "2"), ("ram", "", "4")];

/// Resources of an offering whose ram is billed by limit.
async fn sandbox_with_limits() -> Sandbox {
    let builder = Sandbox::builder().orders(0).without_resources().seed(|seed| {
        let slurm = seed.ids().offerings.slurm;
        seed.billing_type(slurm, "ram", "limit");
        for name in ["r0", "r1"] {
            add(seed, name, ResourceState::Ok);
        }
    });
    builder.start().await.unwrap()
}

fn resource(sandbox: &Sandbox) -> Uuid {
    sandbox.resources()[0].uuid
}

#[tokio::test]
async fn staff_catches_up_on_past_months() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 2).await, Accounting::of(LINES));
    let staff = client_as(&sandbox, Actor::Staff);
    let slurm = [sandbox.ids().offerings.slurm];
    let processor = UsageProcessor::new(&staff, slurm, accounting.clone()).months_back(2);
    let report = processor.run_once().await;
    assert_eq!(report.to_string(), "6 applied", "{report:#?}");
    let now = this_month(&sandbox);
    let months = [now.previous().previous(), now.previous(), now];
    let there = expected([("cpu", "3600"), ("gpu", "2"), ("ram", "4")]);
    for month in months {
        assert_eq!(totals(&sandbox, resource(&sandbox), month), there, "{month}");
    }
    let asked: Vec<Month> = accounting.calls.lock().unwrap().iter().map(|(_, month)| *month).collect();
    assert_eq!(asked, months);
    // The list, the components, and for each month the usage by component and by user.
    sandbox.clear_requests();
    assert_eq!((processor.run_once().await.unchanged(), sandbox.requests().len()), (6, 2 + 3 * 2));
}

#[tokio::test]
async fn what_a_server_refuses_of_a_past_month_is_left_out_and_not_sent_again() {
    let (sandbox, accounting) = (sandbox_with_limits().await, Accounting::of(LINES));
    let processor = processor(&sandbox, &accounting).months_back(1);
    let report = processor.run_once().await;
    assert!(report.is_ok() && report.applied() == 4, "{report:#?}");
    let now = this_month(&sandbox);
    let past = totals(&sandbox, resource(&sandbox), now.previous());
    assert_eq!(past, expected([("ram", "4")]));
    let all = expected([("cpu", "1"), ("gpu", "2"), ("ram", "4")]);
    assert_eq!(totals(&sandbox, resource(&sandbox), now), all);
    let target = &report.items[0].target;
    assert!(target.left_out.iter().all(|one| one.reason == LeftOutReason::MonthClosed));
    assert_eq!((target.month, target.left_out.len()), (now.previous(), 2));
    // The next round knows.
    sandbox.clear_requests();
    let report = processor.run_once().await;
    assert_eq!((report.unchanged(), posts_to(&sandbox, SET_USAGE)), (4, 0), "{report:#?}");
    assert_eq!(report.items[0].target.left_out.len(), 2);
    // What may still be reported is.
    accounting.set(&[("cpu", "", "7200"), ("ram", "", "5")]);
    let report = processor.run_once().await;
    assert_eq!((report.applied(), posts_to(&sandbox, SET_USAGE)), (4, 4), "{report:#?}");
    assert_eq!(totals(&sandbox, resource(&sandbox), now.previous()), expected([("ram", "5")]));
}

#[tokio::test]
async fn nothing_of_a_past_month_is_sent_to_a_server_that_would_book_it_into_this_one() {
    let (sandbox, accounting) = (sandbox_of(Release::Late2024, 2).await, Accounting::of(LINES));
    let processor = processor(&sandbox, &accounting).months_back(3);
    let report = processor.run_once().await;
    assert_eq!((report.applied(), report.skipped()), (2, 6), "{report:#?}");
    assert!(report.items[0].outcome.to_string().contains("isn't known to book"), "{}", report.items[0]);
    assert_eq!(totals(&sandbox, resource(&sandbox), this_month(&sandbox))["cpu"], Decimal::ONE);
    assert!(sandbox.usages().iter().all(|usage| usage.period == this_month(&sandbox).first_day()));
    // It is not measured either.
    assert_eq!(*accounting.calls.lock().unwrap(), [(2, this_month(&sandbox))]);
}

#[tokio::test]
async fn the_month_is_that_of_the_server() {
    let builder = Sandbox::builder().orders(0).without_resources();
    let builder = builder.now("2031-01-01T00:30:00Z".parse().unwrap());
    let builder = builder.seed(|seed| {
        add(seed, "r0", ResourceState::Ok);
    });
    let (sandbox, accounting) = (builder.start().await.unwrap(), Accounting::of(LINES));
    let report = processor(&sandbox, &accounting).run_once().await;
    assert_eq!((report.applied(), report.items[0].target.month.to_string()), (1, "2031-01".to_owned()));
}
