//! Bulk operations on the sandbox: counts, text, dry run, progress and the second pass.

use std::time::Duration;

use waldur_sandbox::{Fault, Misbehaviour, OrderState as State, Sandbox};
use waldur_sdk::{ClientExt as _, Outcome, RetryPolicy, Uuid};

use crate::common::{client, client_builder, in_state, posts, posts_to, provider, quick};

const APPROVE: &str = "/approve_by_provider/";

async fn waiting(count: usize) -> Sandbox {
    Sandbox::builder().orders(0).orders_in(State::PendingProvider, count).start().await.unwrap()
}

/// Returns the end of the path of an order's approval.
fn approval_of(order: Uuid) -> String {
    format!("/{}{APPROVE}", order.simple())
}

#[tokio::test]
async fn each_outcome_is_counted_and_named_once() {
    let sandbox = waiting(6).await;
    let provider = provider(&sandbox);
    let orders: Vec<Uuid> =
        provider.orders().pending().all().await.unwrap().iter().map(|order| order.uuid).collect();
    provider.order(orders[0]).approve().await.unwrap();
    sandbox.fail_next(1, "POST", &approval_of(orders[1]), Fault::Status(403));
    sandbox.fail_next(1, "POST", &approval_of(orders[2]), Fault::ResetBefore);
    sandbox.corrupt("marketplace_orders_list", 5, "uuid", None);
    let once = client(&sandbox).with_retry(RetryPolicy::never()).provider();
    let report = once.orders().pending().executing().approve_all().await.unwrap();
    assert_eq!(
        (report.applied(), report.unchanged(), report.skipped(), report.refused(), report.failed()),
        (2, 1, 0, 1, 1),
        "{report:#?}"
    );
    assert_eq!(report.to_string(), "2 applied, 1 unchanged, 1 refused, 1 failed, 1 unreadable");
    assert!(!report.is_ok());
    let failed: Vec<Uuid> = report.failures().map(|item| item.target.uuid).collect();
    assert_eq!(failed, orders[1..3]);
    // The items have the order of the list, whichever was finished first.
    let items: Vec<Uuid> = report.into_iter().map(|item| item.target.uuid).collect();
    assert_eq!(items, orders[..5]);
}

/// A server that asks for a pause of a day, or of ages, doesn't hold the operation up, and is left alone.
#[tokio::test]
async fn a_pause_longer_than_all_retries_ends_the_operation() {
    for seconds in [24 * 3600, u64::MAX] {
        let sandbox = waiting(20).await;
        let refusing = Misbehaviour::new(Fault::RetryAfter(503, seconds));
        sandbox.misbehave(refusing.operation("marketplace_orders_approve_by_provider"));
        let provider =
            client_builder(&sandbox).bulk_concurrency(2).retry(quick()).build().unwrap().provider();
        let report = provider.orders().approve_all();
        let report = tokio::time::timeout(Duration::from_secs(60), report).await.unwrap().unwrap();
        assert_eq!(report.failed(), 20, "{report:#?}");
        // Those that were under way at once.
        assert!(posts_to(&sandbox, APPROVE) <= 2, "{report:#?}");
        let left = report.failures().filter(|item| item.outcome.to_string().contains("not sent"));
        assert!(left.count() >= 18, "{report:#?}");
    }
}

#[tokio::test]
async fn a_report_without_problems_names_no_zeros() {
    let sandbox = waiting(3).await;
    let provider = provider(&sandbox);
    let report = provider.orders().approve_all().await.unwrap();
    assert_eq!((report.to_string().as_str(), report.is_ok()), ("3 applied", true));
    let report = provider.orders().executing().approve_all().await.unwrap();
    assert_eq!((report.to_string().as_str(), report.is_ok()), ("0 applied, 3 unchanged", true));
    let report = provider.orders().approve_all().await.unwrap();
    assert_eq!((report.to_string().as_str(), report.items.len()), ("0 applied", 0));
}

#[tokio::test]
async fn a_dry_run_lists_and_sends_no_step() {
    let sandbox = waiting(4).await;
    let provider = provider(&sandbox);
    let mut seen = Vec::new();
    let dry = provider.orders().pending().approve_all().dry_run();
    let report = dry.on_progress(|progress| seen.push((progress.finished, progress.total))).await.unwrap();
    assert_eq!((report.skipped(), report.items.len(), report.is_ok()), (4, 4, true));
    assert_eq!(report.to_string(), "0 applied, 4 skipped");
    assert_eq!(report.items[0].outcome.to_string(), "skipped: dry run");
    assert_eq!(seen, [(1, 4), (2, 4), (3, 4), (4, 4)]);
    assert_eq!((posts(&sandbox), sandbox.requests().len()), (0, 1));
    assert_eq!(in_state(&sandbox, State::PendingProvider).len(), 4);

    // Orders that are given by uuid aren't listed either.
    sandbox.clear_requests();
    let report = provider.approve_orders(in_state(&sandbox, State::PendingProvider)).dry_run().await.unwrap();
    assert_eq!((report.skipped(), sandbox.requests().len()), (4, 0));
}

#[tokio::test]
async fn nothing_is_sent_until_it_is_awaited() {
    let sandbox = waiting(1).await;
    drop(provider(&sandbox).orders().pending().approve_all().on_progress(|_| panic!("no item is finished")));
    assert!(sandbox.requests().is_empty());
}

#[tokio::test]
async fn progress_is_passed_once_for_each_item_with_its_outcome() {
    let sandbox = waiting(5).await;
    let refused = sandbox.orders()[2].uuid;
    sandbox.fail_next(1, "POST", &approval_of(refused), Fault::Status(403));
    let mut seen = Vec::new();
    let provider = provider(&sandbox);
    let approval = provider.orders().pending().approve_all().on_progress(|progress| {
        assert_eq!(progress.total, 5);
        seen.push((progress.finished, progress.item.target.uuid, progress.item.outcome.is_ok()));
    });
    let report = approval.await.unwrap();
    assert_eq!(seen.iter().map(|(finished, ..)| *finished).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let failed: Vec<Uuid> = seen.iter().filter(|(.., ok)| !ok).map(|(_, order, _)| *order).collect();
    assert_eq!(failed, [refused]);
    let mut of_report: Vec<Uuid> = report.items.iter().map(|item| item.target.uuid).collect();
    let mut of_progress: Vec<Uuid> = seen.iter().map(|(_, order, _)| *order).collect();
    of_report.sort();
    of_progress.sort();
    assert_eq!(of_report, of_progress);
}

/// The response is lost and the order can't be read at once: it is read again after the other orders.
#[tokio::test]
async fn an_unconfirmed_step_is_finished_in_a_second_pass_after_the_others() {
    let sandbox = waiting(3).await;
    let first = client(&sandbox).provider().orders().pending().first().await.unwrap().unwrap().uuid;
    sandbox.clear_requests();
    let policy = quick().max_attempts(1).max_elapsed(Duration::from_secs(20));
    let client = client_builder(&sandbox).retry(policy).bulk_concurrency(1).build().unwrap();
    sandbox.fail_next(1, "POST", &approval_of(first), Fault::ResetAfter);
    sandbox.fail_next(1, "GET", &format!("/{}/", first.simple()), Fault::Status(503));
    sandbox.fail_next(1, "GET", &format!("/{first}/"), Fault::Status(503));
    let mut finished = Vec::new();
    let approval = client.provider().orders().pending().approve_all();
    let report = approval.on_progress(|progress| finished.push(progress.item.target.uuid)).await.unwrap();
    assert_eq!((report.applied(), report.is_ok()), (3, true), "{report:#?}");
    assert_eq!((finished.len(), finished.last()), (3, Some(&first)));
    assert_eq!(report.items[0].target.uuid, first);
    assert_eq!(posts_to(&sandbox, APPROVE), 3);
}

#[tokio::test]
async fn a_step_that_stays_unconfirmed_after_the_second_pass_is_failed() {
    let sandbox = waiting(2).await;
    let policy = quick().max_attempts(1).max_elapsed(Duration::from_millis(50));
    let client = client_builder(&sandbox).retry(policy).build().unwrap();
    sandbox
        .misbehave(Misbehaviour::new(Fault::ResetAfter).operation("marketplace_orders_approve_by_provider"));
    sandbox.misbehave(Misbehaviour::new(Fault::Status(503)).operation("marketplace_orders_retrieve"));
    let report = client.provider().orders().pending().approve_all().await.unwrap();
    assert_eq!((report.failed(), report.to_string().as_str()), (2, "0 applied, 2 failed"));
    for item in &report.items {
        let Outcome::Failed { error } = &item.outcome else { panic!("{}", item.outcome) };
        assert!(error.is_unconfirmed(), "{error}");
    }
    assert_eq!(posts_to(&sandbox, APPROVE), 2);
}

#[tokio::test]
async fn a_list_that_fails_is_the_error_of_the_operation() {
    let sandbox = waiting(2).await;
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::Status(403));
    let error = provider(&sandbox).orders().pending().approve_all().await.unwrap_err();
    assert!(error.is_forbidden() && error.operation() == "marketplace_orders_list", "{error}");
    assert_eq!(posts(&sandbox), 0);
}

#[tokio::test]
async fn orders_given_by_uuid_are_approved_and_rejected() {
    let sandbox = waiting(4).await;
    let provider = provider(&sandbox);
    let orders = provider.orders().pending().all().await.unwrap();
    let report = provider.approve_orders(&orders[..2]).await.unwrap();
    assert_eq!((report.applied(), report.items[1].target), (2, orders[1].uuid));
    let report = provider.reject_orders(orders.iter().map(|order| order.uuid), "no room").await.unwrap();
    assert_eq!(report.to_string(), "2 applied, 2 refused");
    let reasons: Vec<String> = report.failures().map(|item| item.outcome.error().unwrap().reason()).collect();
    assert_eq!(reasons, ["the order is executing", "the order is executing"]);
    let report = provider.approve_orders([Uuid::nil(), orders[0].uuid]).await.unwrap();
    assert_eq!(report.to_string(), "0 applied, 1 unchanged, 1 refused");
    assert!(report.items[0].outcome.error().unwrap().is_not_found());
}
