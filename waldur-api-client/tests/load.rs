//! Ten thousand calls, a hundred at once, of which every fifth request goes wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "transport/server.rs"]
mod server;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::client_builder_at;
use futures_util::{StreamExt as _, stream};
use server::{Act, Server};
use waldur_api_client::{Method, RetryPolicy};

const CALLS: usize = 10_000;
const AT_ONCE: usize = 100;
const ATTEMPTS: usize = 4;

/// Whether this request goes wrong: the same at each run.
fn fault(path: &str, earlier: usize) -> Option<Act> {
    let mut hasher = DefaultHasher::new();
    (path, earlier).hash(&mut hasher);
    let number = hasher.finish();
    number.is_multiple_of(5).then(|| match number / 5 % 20 {
        0..5 => Act::status(503),
        5..8 => Act::status(429),
        8..10 => Act::status(502),
        10..12 => Act::Reset,
        12..15 => Act::ApplyAndReset,
        15..17 => Act::ApplyAndClose,
        17..19 => Act::Truncate,
        _ => Act::ApplyAndHang,
    })
}

fn method(number: usize) -> Method {
    [Method::GET, Method::GET, Method::POST, Method::PUT, Method::GET, Method::PATCH][number % 6].clone()
}

/// How many requests of a call must arrive, and whether the last of them succeeds.
fn expected(method: &Method, path: &str) -> (usize, bool) {
    let safe = *method == Method::GET || *method == Method::PUT;
    let last = if safe { ATTEMPTS } else { 1 };
    for earlier in 0..last {
        match fault(path, earlier) {
            None => return (earlier + 1, true),
            // Applied and answered, though the answer breaks off.
            Some(Act::Truncate) if *method != Method::GET => return (earlier + 1, true),
            Some(_) => {}
        }
    }
    (last, false)
}

fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    pages.and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok()).unwrap_or(0) * 4096
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_calls_end_as_they_must() {
    let server = Server::forgetful(|arrival| {
        fault(&arrival.path, arrival.earlier).unwrap_or_else(|| Act::json(200, "[1, 2, 3]"))
    });
    let server = server.await;
    let policy = RetryPolicy::default()
        .max_attempts(ATTEMPTS as u32)
        .backoff(Duration::from_millis(1), Duration::from_millis(10));
    let client = client_builder_at(&server.url, "geheim")
        .no_proxy()
        .retry(policy)
        .read_timeout(Duration::from_secs(2))
        .max_concurrent_requests(AT_ONCE)
        .build()
        .unwrap();
    let arrivals = AtomicUsize::new(0);
    let begun = Instant::now();
    let mut ended = 0;
    let mut warm = 0;
    let mut calls = stream::iter(0..CALLS)
        .map(|number| {
            let (client, arrivals) = (&client, &arrivals);
            async move {
                let (method, path) = (method(number), format!("/{number}/"));
                let (requests, succeeds) = expected(&method, &path);
                let answer = client.request(method.clone(), path).send().await;
                let sent = match &answer {
                    Ok(answer) => answer.attempts(),
                    Err(error) => error.attempts(),
                };
                assert_eq!(sent as usize, requests, "{method} {number}: {answer:?}");
                assert_eq!(answer.is_ok(), succeeds, "{method} {number}: {answer:?}");
                arrivals.fetch_add(requests, Ordering::Relaxed);
            }
        })
        .buffer_unordered(AT_ONCE);
    while calls.next().await.is_some() {
        ended += 1;
        if ended == CALLS / 5 {
            warm = resident();
        }
    }
    drop(calls);
    let (took, grown) = (begun.elapsed(), resident().saturating_sub(warm));
    println!("{CALLS} calls, {} requests in {took:?}; {grown} bytes more than after a fifth", server.total());
    assert_eq!(ended, CALLS);
    assert_eq!(server.total(), arrivals.load(Ordering::Relaxed));
    for ((method, path), times) in server.applied() {
        assert!(times <= 1 || method == "PUT", "{method} {path} was applied {times} times");
    }
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(grown < 16 * 1024 * 1024, "{grown}");
}
