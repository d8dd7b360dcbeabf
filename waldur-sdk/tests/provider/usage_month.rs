//! The month of a report, on servers that book by the report's date and on servers that book by the time of
//! arrival.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use waldur_sandbox::{Actor, Fault, Misbehaviour, Release, Request, Sandbox};
use waldur_sdk::usage::{UsageReport, UserAmount};
use waldur_sdk::{Client, ClientExt as _, Decimal, Month, NaiveDate, Outcome, RetryPolicy, Uuid};

use crate::common::{client, client_as, client_builder, client_builder_at, posts, provider, provider_as};

const SET_USAGE: &str = "marketplace_component_usages_set_usage";
const LIST: &str = "marketplace_component_usages_list";
const YOUNGER: [Release; 2] = [Release::Schema, Release::Newer];

/// Starts a sandbox at a time. `gpu` is billed by limit, so that providers can report it for a past month.
async fn sandbox(release: Release, now: &str) -> Sandbox {
    let seed = |seed: &mut waldur_sandbox::Seed<'_>| {
        let slurm = seed.ids().offerings.slurm;
        seed.billing_type(slurm, "gpu", "limit");
    };
    let builder = Sandbox::builder().release(release).now(now.parse().unwrap()).seed(seed);
    builder.start().await.unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// Returns the reported amounts, by resource, component and month.
fn all(sandbox: &Sandbox) -> BTreeMap<(Uuid, String, NaiveDate), Decimal> {
    let usages = sandbox.usages().into_iter();
    usages.map(|usage| ((usage.resource, usage.component, usage.period), usage.amount)).collect()
}

fn at(sandbox: &Sandbox, component: &str, text: &str) -> Option<Decimal> {
    let key = (sandbox.ids().resources.ok, component.to_owned(), month(text).first_day());
    all(sandbox).get(&key).copied()
}

/// Reports for October in each way that the API offers.
fn reports(client: &Client, resource: Uuid) -> Vec<UsageReport> {
    let report = || client.provider().resource(resource).report_usage().month(month("2026-10"));
    let amount = Decimal::from(5);
    vec![
        report().amount("gpu", amount),
        report().amount("gpu", amount).allow_decrease(),
        report().amount("gpu", amount).skip_equal(),
        report().all(amount),
        report().each(move |_| Some(amount)).allow_decrease(),
    ]
}

#[tokio::test]
async fn another_month_is_refused_for_servers_that_book_by_arrival() {
    let sandbox = sandbox(Release::Late2024, "2026-11-10T12:00:00Z").await;
    let resource = sandbox.ids().resources.ok;
    let before = all(&sandbox);
    for actor in [Actor::Provider, Actor::Staff] {
        let client = client_as(&sandbox, actor);
        for report in reports(&client, resource) {
            for report in [report.dry_run().await, report.await] {
                let error = report.unwrap_err();
                assert!(error.is_unsupported() && error.is_validation() && error.is_refusal(), "{error}");
                let text = error.to_string();
                assert!(text.contains("2026-10") && text.contains("2026-11"), "{text}");
            }
        }
        let future = client.provider().resource(resource).report_usage().month(month("2026-12"));
        assert!(future.amount("gpu", Decimal::TEN).await.unwrap_err().is_unsupported());
        // A single report sends no more requests than one that is accepted.
        sandbox.clear_requests();
        let report = client.provider().resource(resource).report_usage().month(month("2026-10"));
        assert!(report.amount("gpu", Decimal::TEN).await.unwrap_err().is_unsupported());
        assert!(sandbox.requests().len() <= 3);
    }
    assert_eq!((all(&sandbox), posts(&sandbox)), (before, 0));
}

#[tokio::test]
async fn the_current_month_is_reported_to_old_servers() {
    let sandbox = sandbox(Release::Late2024, "2026-11-10T12:00:00Z").await;
    let resource = sandbox.ids().resources.ok;
    let client = client(&sandbox);
    let report = || client.provider().resource(resource).report_usage().month(month("2026-11"));
    let sent = report().amount("gpu", Decimal::TEN).await.unwrap();
    assert_eq!((sent.month, at(&sandbox, "gpu", "2026-11")), (month("2026-11"), Some(Decimal::TEN)));
    assert_eq!(sandbox.requests().len(), 2);
    sandbox.clear_requests();
    report().amount("gpu", Decimal::ONE).allow_decrease().await.unwrap();
    assert_eq!((sandbox.requests().len(), at(&sandbox, "gpu", "2026-11")), (1, Some(Decimal::ONE)));
}

#[tokio::test]
async fn another_month_is_reported_to_servers_that_book_by_date() {
    for release in YOUNGER {
        let sandbox = sandbox(release, "2026-11-10T12:00:00Z").await;
        let resource = sandbox.ids().resources.ok;
        let before = all(&sandbox);
        let client = client(&sandbox);
        let report = |amount: i64| {
            let report = client
                .provider()
                .resource(resource)
                .report_usage()
                .month("2026-10-31".parse::<NaiveDate>().unwrap());
            report.amount("gpu", Decimal::from(amount))
        };
        let sent = report(5).await.unwrap();
        assert_eq!((sent.month, at(&sandbox, "gpu", "2026-10")), (month("2026-10"), Some(Decimal::from(5))));
        assert_eq!(sandbox.requests().len(), 3);
        // Clones of a client share what is known.
        sandbox.clear_requests();
        let clone = client.assume_idempotent().with_timeout(Duration::from_secs(20)).provider();
        clone
            .resource(resource)
            .report_usage()
            .month(month("2026-10"))
            .amount("gpu", Decimal::TEN)
            .await
            .unwrap();
        assert_eq!(sandbox.requests().len(), 2);
        // The check for decreases and `skip_equal` read that month.
        let error = report(9).await.unwrap_err();
        assert!(error.to_string().contains("9 is less than the 10 reported for 2026-10"), "{error}");
        let same = report(10).skip_equal().await.unwrap();
        assert_eq!((same.usages.len(), same.unchanged.len()), (0, 1));
        // Refused by the server: `cpu` is billed by usage.
        let cpu = || {
            client
                .provider()
                .resource(resource)
                .report_usage()
                .month(month("2026-10"))
                .all(Decimal::ONE_HUNDRED)
        };
        cpu().dry_run().await.unwrap();
        let error = cpu().await.unwrap_err();
        assert!(error.is_validation() && !error.is_unsupported() && error.status() == Some(400), "{error}");
        let staff = client_as(&sandbox, Actor::Staff);
        let report = staff
            .provider()
            .resource(resource)
            .report_usage()
            .month(month("2026-10"))
            .all(Decimal::ONE_HUNDRED);
        sandbox.clear_requests();
        assert_eq!(report.await.unwrap().usages.len(), 3);
        assert_eq!(sandbox.requests().len(), 3);
        let mut after = all(&sandbox);
        after.retain(|(_, _, period), _| *period != month("2026-10").first_day());
        assert_eq!(after, before);
    }
}

#[tokio::test]
async fn a_report_that_arrives_after_midnight_is_booked_by_its_date() {
    for release in YOUNGER {
        for operation in [LIST, SET_USAGE] {
            let sandbox = sandbox(release, "2026-10-31T23:59:59Z").await;
            let resource = sandbox.ids().resources.ok;
            let midnight = Fault::Clock("2026-11-01T00:00:01Z".parse().unwrap());
            sandbox.misbehave(Misbehaviour::new(midnight).operation(operation).times(1));
            let before = all(&sandbox);
            let client = client(&sandbox);
            let report = || client.provider().resource(resource).report_usage().month(month("2026-10"));
            let sent = report().amount("gpu", Decimal::TEN).await.unwrap();
            assert_eq!((sent.month, at(&sandbox, "gpu", "2026-10")), (month("2026-10"), Some(Decimal::TEN)));
            // The server may refuse the report, but doesn't book it into another month.
            let error = report().amount("cpu", Decimal::ONE_HUNDRED).await.unwrap_err();
            assert!(error.is_validation() && error.status() == Some(400), "{error}");
            let staff = provider_as(&sandbox, Actor::Staff).resource(resource).report_usage();
            staff.month(month("2026-10")).amount("ram", Decimal::TEN).await.unwrap();
            let added = all(&sandbox).into_iter().filter(|(key, _)| !before.contains_key(key));
            assert!(
                added.map(|((_, _, period), _)| period).all(|period| period == month("2026-10").first_day())
            );
            let dates: Vec<String> = sandbox.requests().iter().filter_map(date_of).collect();
            assert!(dates.len() == 3 && dates.iter().all(|date| date.starts_with("2026-10-")), "{dates:?}");
        }
    }
}

fn date_of(request: &Request) -> Option<String> {
    request.body.as_ref()?.get("date")?.as_str().map(str::to_owned)
}

#[tokio::test]
async fn reports_for_the_current_month_have_a_date() {
    for (release, now) in [
        (Release::Late2024, "2026-11-10T12:00:00Z"),
        (Release::Schema, "2026-11-01T00:00:00Z"),
        (Release::Schema, "2026-11-10T12:00:00Z"),
        (Release::Newer, "2026-11-30T23:59:59Z"),
    ] {
        let sandbox = sandbox(release, now).await;
        let provider = provider(&sandbox);
        let report = provider.resource(sandbox.ids().resources.ok).report_usage().month(month("2026-11"));
        report.amount("cpu", Decimal::ONE_HUNDRED).await.unwrap();
        let date = date_of(sandbox.requests().last().unwrap()).unwrap();
        assert!(date.starts_with("2026-11-") && date.as_str() <= now, "{date} at {now}");
        assert_eq!(at(&sandbox, "cpu", "2026-11"), Some(Decimal::ONE_HUNDRED));
    }
}

#[tokio::test]
async fn an_old_server_gets_no_report_that_may_arrive_after_midnight() {
    // The month is about to end, and has ended when the usage is read.
    for (now, jump) in [("2026-10-31T23:59:59Z", None), ("2026-10-31T23:59:30Z", Some(LIST))] {
        let sandbox = sandbox(Release::Late2024, now).await;
        let resource = sandbox.ids().resources.ok;
        if let Some(operation) = jump {
            let midnight = Fault::Clock("2026-11-01T00:00:01Z".parse().unwrap());
            sandbox.misbehave(Misbehaviour::new(midnight).operation(operation).times(1));
        }
        let before = all(&sandbox);
        let report = provider(&sandbox).resource(resource).report_usage();
        let error = report.month(month("2026-10")).amount("gpu", Decimal::TEN).await.unwrap_err();
        assert!(error.is_unsupported() && error.to_string().contains("2026-10"), "{error}");
        assert_eq!((all(&sandbox), posts(&sandbox)), (before, 0));
    }
    // There is enough time left.
    let sandbox = sandbox(Release::Late2024, "2026-10-31T23:59:30Z").await;
    let report = provider(&sandbox).resource(sandbox.ids().resources.ok).report_usage();
    report.month(month("2026-10")).amount("gpu", Decimal::TEN).await.unwrap();
    assert_eq!((at(&sandbox, "gpu", "2026-10"), sandbox.requests().len()), (Some(Decimal::TEN), 3));
}

#[tokio::test]
async fn a_report_that_arrives_late_on_an_old_server_is_an_error() {
    let sandbox = sandbox(Release::Late2024, "2026-10-31T23:59:30Z").await;
    let midnight = Fault::Clock("2026-11-01T00:00:01Z".parse().unwrap());
    sandbox.misbehave(Misbehaviour::new(midnight).operation(SET_USAGE).times(1));
    let report = provider(&sandbox).resource(sandbox.ids().resources.ok).report_usage();
    let error = report.month(month("2026-10")).amount("gpu", Decimal::TEN).await.unwrap_err();
    assert!(error.is_unexpected_response() && !error.is_unsupported(), "{error}");
    assert!(error.to_string().contains("booked it into 2026-11"), "{error}");
    assert_eq!((at(&sandbox, "gpu", "2026-11"), at(&sandbox, "gpu", "2026-10")), (Some(Decimal::TEN), None));
}

#[tokio::test]
async fn a_server_that_booked_by_date_is_known_to() {
    // Long before midnight, no request is sent to find out how the server books.
    let sandbox = sandbox(Release::Schema, "2026-10-31T23:50:00Z").await;
    let midnight = Fault::Clock("2026-11-01T00:00:01Z".parse().unwrap());
    sandbox.misbehave(Misbehaviour::new(midnight).operation(SET_USAGE).times(1));
    let report = provider(&sandbox).resource(sandbox.ids().resources.ok).report_usage();
    let sent = report.month(month("2026-10")).amount("gpu", Decimal::TEN).await.unwrap();
    assert_eq!((sent.month, at(&sandbox, "gpu", "2026-10")), (month("2026-10"), Some(Decimal::TEN)));
    assert_eq!(at(&sandbox, "gpu", "2026-11"), None);
}

#[tokio::test]
async fn a_report_that_is_lost_at_midnight_is_unconfirmed() {
    let sandbox = sandbox(Release::Late2024, "2026-10-31T23:59:30Z").await;
    let resource = sandbox.ids().resources.ok;
    sandbox.fail_next(1, "POST", "/set_usage/", Fault::ResetAfter);
    let midnight = Fault::Clock("2026-11-01T00:00:01Z".parse().unwrap());
    sandbox.misbehave(Misbehaviour::new(midnight).operation(LIST).after(1).times(1));
    let report = provider(&sandbox).resource(resource).report_usage().month(month("2026-10"));
    // It was applied before midnight, and the usage shows it.
    report.amount("gpu", Decimal::TEN).await.unwrap();
    sandbox.clear_faults();
    sandbox.set_now("2026-11-30T23:59:30Z".parse().unwrap());
    sandbox.fail_next(1, "POST", "/set_usage/", Fault::ResetBefore);
    let midnight = Fault::Clock("2026-12-01T00:00:01Z".parse().unwrap());
    sandbox.misbehave(Misbehaviour::new(midnight).operation(LIST).after(1).times(1));
    let report = provider(&sandbox).resource(resource).report_usage().month(month("2026-11"));
    let error = report.amount("gpu", Decimal::TEN).await.unwrap_err();
    assert!(error.is_unconfirmed() && error.to_string().contains("may be booked into 2026-12"), "{error}");
}

#[tokio::test]
async fn a_rate_limit_does_not_delay_a_report_past_midnight() {
    let slow = |sandbox: &Sandbox| {
        let client = client_builder(sandbox);
        let client = client.rate_limit(0.5).retry(RetryPolicy::never());
        client
            .build()
            .unwrap()
            .provider()
            .resource(sandbox.ids().resources.ok)
            .report_usage()
            .month(month("2026-10"))
    };
    let old = sandbox(Release::Late2024, "2026-10-31T23:59:57Z").await;
    let report = slow(&old).amount("gpu", Decimal::TEN).allow_decrease();
    let error = report.await.unwrap_err();
    assert!(error.is_timeout() || error.is_unsupported(), "{error}");
    assert_eq!((posts(&old), at(&old, "gpu", "2026-10"), at(&old, "gpu", "2026-11")), (0, None, None));
    let new = sandbox(Release::Schema, "2026-10-31T23:59:57Z").await;
    let midnight = Fault::Clock("2026-11-01T00:00:01Z".parse().unwrap());
    new.misbehave(Misbehaviour::new(midnight).operation(SET_USAGE).times(1));
    slow(&new).amount("gpu", Decimal::TEN).allow_decrease().await.unwrap();
    assert_eq!((at(&new, "gpu", "2026-10"), at(&new, "gpu", "2026-11")), (Some(Decimal::TEN), None));
}

#[tokio::test]
async fn usage_by_user_is_reported_for_the_named_month() {
    let share = |amount: i64| UserAmount {
        component: "gpu".to_owned(),
        username: "alice_hpc".to_owned(),
        amount: Decimal::from(amount),
    };
    let sandbox = sandbox(Release::Schema, "2026-11-10T12:00:00Z").await;
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    for text in ["2026-10", "2026-11"] {
        provider
            .resource(resource)
            .report_usage()
            .month(month(text))
            .amount("gpu", Decimal::TEN)
            .await
            .unwrap();
    }
    let report = provider.resource(resource).report_user_usage(month("2026-10"), [share(3)]).await.unwrap();
    assert!(matches!(report.items[0].outcome, Outcome::Applied), "{report:?}");
    let rows = provider.resource(resource).user_usage(month("2026-10")).await.unwrap();
    assert_eq!((rows.len(), rows[0].amount), (1, Decimal::from(3)));
    assert!(provider.resource(resource).user_usage(month("2026-11")).await.unwrap().is_empty());
    let none = provider.resource(resource).report_user_usage(month("2026-09"), [share(3)]).await.unwrap_err();
    assert!(none.to_string().contains("no usage is reported for 2026-09"), "{none}");
}

/// Starts a server in October 2026 that accepts a report only without `date`. Returns its URL and a log of
/// the methods and statuses.
async fn picky_server(dated: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let got = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&got);
    tokio::spawn(async move {
        for _ in 0..20 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                let mut part = [0; 4096];
                let length = stream.read(&mut part).await.unwrap();
                request.extend_from_slice(&part[..length]);
            }
            let request = String::from_utf8(request).unwrap();
            let (status, body) = match (&request[..3], request.contains("\"date\":")) {
                ("GET", _) => ("200 OK", r#"{"offering_components":[]}"#),
                (_, true) => ("400 Bad Request", r#"{"date":["Not for these components."]}"#),
                (_, false) => ("201 Created", ""),
            };
            log.lock().unwrap().push(format!("{} {status}", request.split(' ').next().unwrap()));
            let date = if dated { "date: Thu, 15 Oct 2026 12:00:00 GMT\r\n" } else { "" };
            let head = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
            let answer = format!("HTTP/1.1 {status}\r\n{date}{head}connection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, got)
}

fn is_whole(request: &[u8]) -> bool {
    let request = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}

#[tokio::test]
async fn a_server_that_refuses_dates_gets_the_current_month_without_one() {
    let (url, got) = picky_server(true).await;
    let provider = client_builder_at(url, "0123456789abcdef").build().unwrap().provider();
    let report = |text: &str| {
        let report = provider.resource(Uuid::nil()).report_usage().month(month(text));
        report.amount("cpu", Decimal::ONE).allow_decrease()
    };
    let sent = report("2026-10").await.unwrap();
    assert_eq!(sent.month, month("2026-10"));
    assert_eq!(*got.lock().unwrap(), ["GET 200 OK", "POST 400 Bad Request", "POST 201 Created"]);
    got.lock().unwrap().clear();
    report("2026-10").await.unwrap();
    assert_eq!(*got.lock().unwrap(), ["POST 201 Created"]);
    got.lock().unwrap().clear();
    // A report for another month is never sent without a date.
    let error = report("2026-09").await.unwrap_err();
    assert!(error.is_validation() && error.status() == Some(400), "{error}");
    assert!(got.lock().unwrap().iter().all(|answer| !answer.contains("201")));
}

#[tokio::test]
async fn a_user_without_the_permission_to_report_is_refused() {
    let sandbox = sandbox(Release::Schema, "2026-10-15T12:00:00Z").await;
    let provider = provider_as(&sandbox, Actor::Consumer);
    let report = provider.resource(sandbox.ids().resources.ok).report_usage().month(month("2026-10"));
    let error = report.amount("cpu", Decimal::ONE_HUNDRED).await.unwrap_err();
    assert!(error.is_forbidden(), "{error}");
}

#[tokio::test]
async fn a_server_without_a_clock_gets_a_report_only_if_it_books_by_date() {
    let (url, got) = picky_server(false).await;
    let provider = client_builder_at(url, "0123456789abcdef").build().unwrap().provider();
    let report =
        provider.resource(Uuid::nil()).report_usage().month(month("2026-10")).amount("cpu", Decimal::ONE);
    let error = report.allow_decrease().await.unwrap_err();
    assert!(error.is_validation(), "{error}");
    assert!(got.lock().unwrap().iter().all(|answer| !answer.contains("201")));
}
