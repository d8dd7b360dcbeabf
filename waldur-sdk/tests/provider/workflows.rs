//! The workflows of a provider, on the sandbox.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use waldur_sandbox::{Actor, Fault, Misbehaviour, OrderState as State, Sandbox};
use waldur_sdk::orders::{Order, Orders};
use waldur_sdk::types::OrderState;
use waldur_sdk::{Applied, ClientExt as _};
use waldur_sdk::{Decimal, Outcome, Progress, RetryPolicy, Uuid};

use crate::common::{client, client_builder, client_builder_at, in_state, posts_to, provider};

const APPROVE: &str = "/approve_by_provider/";
const SET_DONE: &str = "/set_state_done/";

async fn waiting(count: usize) -> Sandbox {
    Sandbox::builder().orders(0).orders_in(State::PendingProvider, count).start().await.unwrap()
}

#[tokio::test]
async fn orders_are_listed_by_state_over_many_pages() {
    let sandbox = waiting(650).await;
    let orders = client(&sandbox).provider().orders().state(OrderState::PendingProvider).all().await.unwrap();
    let uuids: BTreeSet<Uuid> = orders.iter().map(|order| order.uuid).collect();
    assert_eq!(uuids, in_state(&sandbox, State::PendingProvider));
    assert_eq!(orders.len(), 650);
    assert_eq!(sandbox.requests().len(), 3);
    for order in &orders {
        let view = sandbox.order(order.uuid).unwrap();
        assert_eq!((order.resource_uuid, order.offering_uuid), (Some(view.resource), Some(view.offering)));
    }
}

#[tokio::test]
async fn orders_are_filtered_by_offering_and_provider() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let offering = sandbox.ids().offerings.bulk;
    let mine =
        client.provider().orders().offering(offering).state(OrderState::Executing).all().await.unwrap();
    assert!(!mine.is_empty() && mine.iter().all(|order| order.offering_uuid == Some(offering)));
    let two = [OrderState::Executing, OrderState::Done];
    let of_provider = client.provider().orders().provider(sandbox.ids().provider_customer);
    let orders = two.into_iter().fold(of_provider, Orders::state).all().await.unwrap();
    let there = in_state(&sandbox, State::Executing).len() + in_state(&sandbox, State::Done).len();
    assert_eq!(orders.len(), there);
    let others = client.provider().orders().provider(sandbox.ids().consumer_customer);
    assert!(others.state(OrderState::Executing).all().await.unwrap().is_empty());
}

#[tokio::test]
async fn pending_orders_are_approved_and_a_second_run_finds_none() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let before = in_state(&sandbox, State::PendingProvider);
    assert!(!before.is_empty());
    let mut seen = Vec::new();
    let report = client
        .provider()
        .orders()
        .pending()
        .approve_all()
        .on_progress(|progress| seen.push((progress.finished, progress.total)))
        .await
        .unwrap();
    assert!(report.is_ok());
    assert_eq!(report.applied(), before.len());
    assert_eq!(seen, (1..=before.len()).map(|at| (at, before.len())).collect::<Vec<_>>());
    assert!(in_state(&sandbox, State::PendingProvider).is_empty());
    assert!(before.is_subset(&in_state(&sandbox, State::Executing)));
    assert!(client.approve_all_pending_orders().await.unwrap().items.is_empty());
    assert_eq!(posts_to(&sandbox, APPROVE), before.len());
}

#[tokio::test]
async fn executing_orders_are_already_approved() {
    let sandbox = Sandbox::start().await.unwrap();
    let executing = in_state(&sandbox, State::Executing);
    for _ in 0..2 {
        let report = client(&sandbox).approve_all_executing_orders().await.unwrap();
        assert_eq!((report.unchanged(), report.items.len()), (executing.len(), executing.len()));
    }
    assert_eq!(in_state(&sandbox, State::Executing), executing);
    assert!(sandbox.requests().iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn progress_is_reported_for_each_executing_order() {
    let sandbox = Sandbox::start().await.unwrap();
    let executing = in_state(&sandbox, State::Executing);
    let mut seen = Vec::new();
    let tell = |progress: Progress<'_, Order>| {
        assert!(matches!(progress.item.outcome, Outcome::Unchanged));
        seen.push((progress.finished, progress.total, progress.item.target.uuid));
    };
    let report = provider(&sandbox).orders().executing().approve_all().on_progress(tell).await.unwrap();
    assert_eq!((report.unchanged(), report.items.len()), (executing.len(), executing.len()));
    assert_eq!(
        seen.iter().map(|(finished, total, _)| (*finished, *total)).collect::<Vec<_>>(),
        (1..=executing.len()).map(|at| (at, executing.len())).collect::<Vec<_>>()
    );
    assert_eq!(seen.into_iter().map(|(.., order)| order).collect::<BTreeSet<_>>(), executing);
    assert_eq!(posts_to(&sandbox, "/"), 0);
}

#[tokio::test]
async fn progress_is_reported_for_each_rejected_order() {
    let sandbox = Sandbox::start().await.unwrap();
    let pending = in_state(&sandbox, State::PendingProvider);
    let mut seen = Vec::new();
    let tell = |progress: Progress<'_, Order>| seen.push((progress.finished, progress.total));
    let report = provider(&sandbox).orders().pending().reject_all("no room").on_progress(tell).await.unwrap();
    assert_eq!((report.applied(), report.items.len()), (pending.len(), pending.len()), "{report}");
    assert_eq!(seen, (1..=pending.len()).map(|at| (at, pending.len())).collect::<Vec<_>>());
    assert!(pending.is_subset(&in_state(&sandbox, State::Rejected)));
    for order in pending {
        let content = sandbox.order_content(order).unwrap();
        assert_eq!(content.properties["provider_rejection_comment"], "no room");
    }
}

#[tokio::test]
async fn executing_orders_are_completed() {
    let sandbox = Sandbox::start().await.unwrap();
    let executing = in_state(&sandbox, State::Executing);
    let report = client(&sandbox).complete_all_executing_orders().await.unwrap();
    assert_eq!((report.applied(), report.items.len()), (executing.len(), executing.len()));
    assert!(executing.is_subset(&in_state(&sandbox, State::Done)));
    assert!(client(&sandbox).complete_all_executing_orders().await.unwrap().items.is_empty());
    assert_eq!(posts_to(&sandbox, SET_DONE), executing.len());
}

#[tokio::test]
async fn a_lost_response_is_looked_up_and_nothing_is_sent_twice() {
    let sandbox = waiting(10).await;
    sandbox.fail_next(4, "POST", APPROVE, Fault::ResetAfter);
    sandbox.fail_next(3, "POST", APPROVE, Fault::ResetBefore);
    let report = client(&sandbox).approve_all_pending_orders().await.unwrap();
    assert_eq!((report.applied(), report.items.len()), (10, 10), "{report:#?}");
    // A read showed that three were not applied; these were sent again.
    assert_eq!(posts_to(&sandbox, APPROVE), 13);
    let mut looked = BTreeSet::new();
    let mut sent = BTreeSet::new();
    for request in sandbox.requests() {
        let order = request.path.replace("approve_by_provider/", "");
        match request.method.as_str() {
            "GET" => _ = looked.insert(order),
            _ => assert!(sent.insert(order.clone()) || looked.remove(&order), "{order} without a look"),
        }
    }
    assert_eq!(in_state(&sandbox, State::Executing).len(), 10);
}

#[tokio::test]
async fn without_retries_unapplied_steps_are_reported_as_failed() {
    let sandbox = waiting(5).await;
    sandbox.fail_next(2, "POST", APPROVE, Fault::ResetBefore);
    let once = client(&sandbox).with_retry(RetryPolicy::never());
    let report = once.approve_all_pending_orders().await.unwrap();
    assert_eq!((report.applied(), report.failed(), posts_to(&sandbox, APPROVE)), (3, 2, 5), "{report:#?}");
    for item in report.failures() {
        let Outcome::Failed { error } = &item.outcome else { panic!("{}", item.outcome) };
        assert!(error.is_transport() && !error.is_unconfirmed(), "{error}");
        assert!(error.to_string().contains("not applied: the order is still pending-provider"), "{error}");
        assert_eq!(sandbox.order(item.target.uuid).unwrap().state, State::PendingProvider);
    }
    // Another run approves the rest.
    assert_eq!(once.approve_all_pending_orders().await.unwrap().applied(), 2);
}

/// The database fails during the next requests: all of them, reads included, get a 500.
#[tokio::test]
async fn bulk_approval_survives_an_outage() {
    for lost in [Fault::Status(500), Fault::Status(502), Fault::StatusAfter(502)] {
        let sandbox = waiting(30).await;
        sandbox.misbehave(Misbehaviour::new(lost.clone()).after(10).times(40));
        let policy = RetryPolicy::default().backoff(Duration::from_millis(1), Duration::from_millis(20));
        let report = client(&sandbox).with_retry(policy).approve_all_pending_orders().await.unwrap();
        assert_eq!((report.applied(), report.items.len()), (30, 30), "{lost:?}: {report:#?}");
        assert_eq!(in_state(&sandbox, State::Executing).len(), 30);
    }
}

#[tokio::test]
async fn a_bulk_call_slows_down_while_the_server_fails() {
    let sandbox = waiting(300).await;
    let client = client(&sandbox);
    sandbox.misbehave(Misbehaviour::new(Fault::Status(500)).after(1));
    let policy = RetryPolicy::default().max_elapsed(Duration::from_millis(300)).max_attempts(2);
    let policy = policy.backoff(Duration::from_millis(20), Duration::from_millis(50));
    let report = client.with_retry(policy).approve_all_pending_orders().await.unwrap();
    assert_eq!(report.failed(), 300);
    // A few at first, then one after each pause, then none.
    assert!(posts_to(&sandbox, APPROVE) < 60, "{}", posts_to(&sandbox, APPROVE));
    let unsent = report.failures().filter(|item| item.outcome.to_string().contains("not sent: the server"));
    assert!(unsent.count() > 200);
    // The outage has no lasting effect.
    sandbox.clear_faults();
    assert_eq!(client.approve_all_pending_orders().await.unwrap().applied(), 300);
}

/// A server that closes each connection right after its response.
#[tokio::test]
async fn connections_that_close_after_each_response_lose_nothing() {
    let sandbox = waiting(100).await;
    sandbox.misbehave(Misbehaviour::new(Fault::CloseAfter(Duration::from_micros(300))));
    let policy = RetryPolicy::default().max_attempts(20).budget(1000);
    let policy = policy.backoff(Duration::from_millis(1), Duration::from_millis(5));
    let report = client(&sandbox).with_retry(policy).approve_all_pending_orders().await.unwrap();
    assert_eq!((report.applied(), report.items.len()), (100, 100), "{report}");
}

/// A login page responds in place of the API, also after a redirect.
#[tokio::test]
async fn an_html_page_is_not_a_success() {
    for portal in [Fault::Portal, Fault::PortalRedirect(307)] {
        // `set_endpoints` is newer than the schema.
        let waiting = Sandbox::builder().orders_in(State::PendingProvider, 2).allow_violations();
        let sandbox = waiting.start().await.unwrap();
        let policy = RetryPolicy::default().max_elapsed(Duration::from_millis(50)).max_attempts(2);
        let client =
            client(&sandbox).with_retry(policy.backoff(Duration::from_millis(1), Duration::from_millis(5)));
        let order =
            client.provider().orders().state(OrderState::PendingProvider).all().await.unwrap()[0].uuid;
        let before = sandbox.orders();
        sandbox.misbehave(Misbehaviour::new(portal));
        let (provider, resource) = (client.provider(), sandbox.ids().resources.ok);
        for outcome in [
            provider.order(order).approve().await,
            provider.order(order).reject("no room").await,
            provider.order(order).set_executing().await,
            provider.order(order).set_done().await,
            provider.order(order).cancel().await,
        ] {
            let error = outcome.unwrap_err();
            assert!(error.is_page() && error.is_unconfirmed(), "{error}");
        }
        let login = [("login", "ssh://login.polar.example.org")];
        for result in [
            provider.resource(resource).set_backend_id("a-17").await,
            provider.resource(resource).set_end_date(None).await,
            provider.resource(resource).submit_report([("Quota", "1")]).await,
            provider.resource(resource).set_limits([("cpu", 5)]).await.map(|_| Applied::Now),
            provider.resource(resource).mark_ok().await,
            provider.resource(resource).set_endpoints(login).await,
        ] {
            assert!(result.unwrap_err().is_page());
        }
        sandbox.clear_faults();
        assert_eq!(sandbox.orders(), before);
        // Reads succeed: only the change got a page.
        sandbox.fail_next(1, "POST", APPROVE, Fault::Portal);
        let outcome = provider.order(order).approve().await;
        let error = outcome.unwrap_err();
        assert!(error.is_page() && error.to_string().contains("it was not applied"), "{error}");
    }
}

#[tokio::test]
async fn a_lost_response_to_a_completion_is_looked_up() {
    let sandbox = Sandbox::builder().orders(0).orders_in(State::Executing, 3).start().await.unwrap();
    sandbox.fail_next(3, "POST", SET_DONE, Fault::ResetAfter);
    let report = client(&sandbox).complete_all_executing_orders().await.unwrap();
    assert_eq!((report.applied(), posts_to(&sandbox, SET_DONE)), (3, 3));
}

#[tokio::test]
async fn a_step_that_can_not_be_looked_up_is_unconfirmed() {
    let sandbox = waiting(1).await;
    let order = sandbox.orders()[0].uuid;
    sandbox.fail_next(1, "POST", APPROVE, Fault::ResetAfter);
    sandbox.fail_next(1000, "GET", &format!("/{}/", order.simple()), Fault::Status(503));
    sandbox.fail_next(1000, "GET", &format!("/{order}/"), Fault::Status(503));
    let policy = RetryPolicy::default().max_elapsed(Duration::from_millis(200)).max_attempts(2);
    let policy = policy.backoff(Duration::from_millis(5), Duration::from_millis(20));
    let report = client(&sandbox).with_retry(policy).approve_all_pending_orders().await.unwrap();
    let Outcome::Failed { error } = &report.items[0].outcome else { panic!("{report:?}") };
    assert!(error.is_unconfirmed() && error.to_string().contains("not known"), "{error}");
    assert_eq!(posts_to(&sandbox, APPROVE), 1);
}

#[tokio::test]
async fn an_empty_response_is_a_success() {
    let sandbox = waiting(2).await;
    sandbox.fail_next(2, "POST", APPROVE, Fault::EmptyBody);
    assert_eq!(client(&sandbox).approve_all_pending_orders().await.unwrap().applied(), 2);
}

#[tokio::test]
async fn steps_applied_by_another_client_are_unchanged() {
    let sandbox = waiting(20).await;
    let (one, other) = (client(&sandbox), client(&sandbox));
    let (one, other) = tokio::join!(one.approve_all_pending_orders(), other.approve_all_pending_orders());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one.is_ok() && other.is_ok(), "{one:#?} {other:#?}");
    assert_eq!(one.applied() + other.applied(), 20);
}

#[tokio::test]
async fn refusals_have_a_reason_and_do_not_stop_the_others() {
    let sandbox = waiting(3).await;
    sandbox.fail_next(1, "POST", APPROVE, Fault::Status(403));
    let report = client(&sandbox).approve_all_pending_orders().await.unwrap();
    assert_eq!((report.applied(), report.refused()), (2, 1));
    let failure = report.failures().next().unwrap();
    assert!(failure.outcome.to_string().contains("403"), "{}", failure.outcome);
}

#[tokio::test]
async fn an_html_page_is_not_part_of_the_error_message() {
    let sandbox = waiting(1).await;
    sandbox.fail_next(1, "GET", "/marketplace-orders/", Fault::Status(500));
    let error = client(&sandbox).approve_all_pending_orders().await.unwrap_err();
    assert!(error.is_server() && error.status() == Some(500));
    assert_eq!(error.to_string(), "marketplace_orders_list: server error (500)");
    assert!(error.body().contains('<') && !format!("{error:?}").contains('<'));
}

#[tokio::test]
async fn a_server_error_on_an_approval_is_looked_up() {
    for (lost, sent) in [(Fault::Status(502), 2), (Fault::Status(500), 2), (Fault::StatusAfter(502), 1)] {
        let sandbox = waiting(1).await;
        sandbox.fail_next(1, "POST", APPROVE, lost);
        assert!(client(&sandbox).approve_all_pending_orders().await.unwrap().is_ok());
        assert_eq!(posts_to(&sandbox, APPROVE), sent);
    }
}

#[tokio::test]
async fn a_wrong_token_is_unauthenticated() {
    let sandbox = Sandbox::start().await.unwrap();
    let token = "0".repeat(40);
    let client = client_builder_at(sandbox.url(), token.as_str()).build().unwrap();
    let error = client.approve_all_pending_orders().await.unwrap_err();
    assert!(error.is_unauthenticated() && error.status() == Some(401), "{error}");
    assert!(!format!("{error} {error:?} {client:?}").contains(&token));
}

#[tokio::test]
async fn personal_access_tokens_and_all_spellings_of_the_url_work() {
    let sandbox = Sandbox::start().await.unwrap();
    let root = sandbox.url().trim_end_matches("/api/");
    let token = format!("w_{}", sandbox.token(Actor::Provider));
    for url in [root.to_owned(), format!("{root}/"), format!("{root}/api"), format!("{root}/api/")] {
        let client = client_builder_at(url, token.as_str()).build().unwrap();
        assert!(!client.provider().orders().state(OrderState::Executing).all().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_server_that_takes_too_long_is_a_timeout() {
    let sandbox = Sandbox::builder().latency(Duration::from_millis(500)).start().await.unwrap();
    let builder = client_builder(&sandbox);
    let client = builder.timeout(Duration::from_millis(50)).build().unwrap();
    let error = client.provider().resources().live().all().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[tokio::test]
async fn orders_are_acted_on_concurrently() {
    let latency = Duration::from_millis(100);
    let sandbox = Sandbox::builder()
        .orders(0)
        .orders_in(State::PendingProvider, 32)
        .latency(latency)
        .start()
        .await
        .unwrap();
    let begin = Instant::now();
    assert_eq!(client(&sandbox).approve_all_pending_orders().await.unwrap().applied(), 32);
    // One list and four rounds of eight; sequentially it would be 33.
    assert!(begin.elapsed() >= latency * 5, "more than eight at once: {:?}", begin.elapsed());
    assert!(begin.elapsed() < latency * 17, "not concurrent: {:?}", begin.elapsed());
}

#[tokio::test]
async fn usage_is_reported_for_every_component() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let live = client.provider().resources().live().all().await.unwrap();
    assert!(live.iter().any(|resource| resource.uuid == sandbox.ids().resources.ok));
    assert!(live.iter().all(|resource| resource.uuid != sandbox.ids().resources.creating));
    let amount = Decimal::new(30, 2);
    for resource in &live {
        for _ in 0..2 {
            let sent = client.set_usage_for_all_components(resource.uuid, amount).await.unwrap();
            assert!(!sent.usages.is_empty());
            for usage in &sent.usages {
                let usages = sandbox.usages();
                let there: Vec<_> = usages
                    .iter()
                    .filter(|view| view.resource == resource.uuid && view.component == usage.type_)
                    .collect();
                assert_eq!((there.len(), there[0].amount), (1, amount));
            }
        }
    }
}

#[tokio::test]
async fn impossible_usage_is_refused_before_anything_is_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let resources = sandbox.ids().resources;
    let error = client.set_usage_for_all_components(resources.ok, Decimal::new(1234, 3)).await.unwrap_err();
    assert!(error.is_validation(), "{error}");
    assert_eq!(posts_to(&sandbox, "/set_usage/"), 0);
    let error = client.set_usage_for_all_components(resources.creating, Decimal::ONE).await.unwrap_err();
    assert!(error.is_validation() && error.status() == Some(400), "{error}");
    let error = client.set_usage_for_all_components(Uuid::nil(), Decimal::ONE).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    // A lost response is looked up; if that fails too, the result is unconfirmed.
    sandbox.fail_next(1, "POST", "/set_usage/", Fault::ResetAfter);
    client.set_usage_for_all_components(resources.ok, Decimal::ONE).await.unwrap();
    sandbox.fail_next(1, "POST", "/set_usage/", Fault::ResetAfter);
    sandbox.fail_next(1, "GET", "/marketplace-component-usages/", Fault::Status(403));
    let error = client.set_usage_for_all_components(resources.ok, Decimal::TWO).await.unwrap_err();
    assert!(error.to_string().contains("not known"), "{error}");
}

#[tokio::test]
async fn usage_of_all_components_takes_two_requests() {
    let sandbox = Sandbox::start().await.unwrap();
    client(&sandbox).set_usage_for_all_components(sandbox.ids().resources.ok, Decimal::ONE).await.unwrap();
    assert_eq!(sandbox.requests().len(), 2);
}

#[tokio::test]
async fn workflows_can_be_spawned() {
    let sandbox = waiting(1).await;
    let client = client(&sandbox);
    let report = tokio::spawn(async move { client.approve_all_pending_orders().await }).await.unwrap();
    assert_eq!(report.unwrap().applied(), 1);
}

#[tokio::test]
async fn fields_that_servers_require_beyond_the_schema_are_always_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = provider(&sandbox);
    let resource = sandbox.ids().resources.ok;
    for id in ["a-17", "a-17", ""] {
        provider.resource(resource).set_backend_id(id).await.unwrap();
        assert_eq!(sandbox.resource(resource).unwrap().backend_id, id);
    }
    let error = provider.resource(resource).set_backend_id("x".repeat(256)).await.unwrap_err();
    assert!(error.is_validation() && error.attempts() == 0 && error.to_string().contains("256"), "{error}");
    let order = provider.orders().state(OrderState::Executing).all().await.unwrap()[0].uuid;
    assert!(provider.order(order).set_erred("", "").await.is_ok());
    assert_eq!(sandbox.order(order).unwrap().state, State::Erred);
    let unknown = provider.order(Uuid::nil()).set_erred("a", "b").await;
    assert!(unknown.unwrap_err().is_refusal());
}
