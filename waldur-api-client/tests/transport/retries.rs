//! How many requests arrive.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use waldur_api_client::{Client, Error, Method, RetryPolicy};

use crate::common::quick;
use crate::server::{Act, Arrival, Server};
use crate::{builder, client};

const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"];
const PATH: &str = "/api/things/";

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).unwrap()
}

fn is_safe(method: &str) -> bool {
    !matches!(method, "POST" | "PATCH")
}

/// How a call ended, and what arrived.
struct Ended {
    act: usize,
    method: &'static str,
    arrived: usize,
    error: Option<Error>,
}

impl Ended {
    fn error(&self) -> &Error {
        self.error.as_ref().unwrap_or_else(|| panic!("{} {} succeeded", self.method, self.act))
    }
}

/// Calls with each method a server that always does this, for each of these.
async fn each(acts: Vec<Act>, patience: Duration) -> Vec<Ended> {
    let path = |act: usize| format!("/{act}/");
    let told = acts.clone();
    let server = Server::start(move |arrival| {
        let act: usize = arrival.path.trim_matches('/').parse().unwrap();
        told[act].clone()
    });
    let server = server.await;
    let client = builder(&server).read_timeout(patience).build().unwrap();
    let calls = (0..acts.len()).flat_map(|act| METHODS.map(|name| (act, name)));
    let calls: Vec<_> = calls.collect();
    let errors = join_all(calls.iter().map(|(act, name)| {
        let mut request = client.request(method(name), path(*act));
        if ["PUT", "POST", "PATCH"].contains(name) {
            request = request.json(&"{}");
        }
        async { request.send().await.err() }
    }));
    let errors = errors.await;
    let sent: u32 = errors.iter().map(|error| error.as_ref().map_or(1, Error::attempts)).sum();
    // What was sent last may not have been read yet.
    tokio::time::timeout(Duration::from_secs(10), server.arrived(sent as usize)).await.unwrap();
    assert_eq!(server.total(), sent as usize);
    for ((changing, path), times) in server.applied() {
        assert!(is_safe(&changing) || times <= 1, "{changing} {path} was applied {times} times");
    }
    let arrivals = server.arrivals();
    let ended = calls.into_iter().zip(errors).map(|((act, name), error)| {
        let came = |arrival: &&Arrival| arrival.method == name && arrival.path == path(act);
        let arrived = arrivals.iter().filter(came).count();
        if let Some(error) = &error {
            assert_eq!(error.attempts() as usize, arrived, "{name} {act:?}: {error}");
            assert!(error.elapsed() > Duration::ZERO);
            assert_eq!((error.method(), error.path()), (name, path(act).as_str()));
        }
        Ended { act, method: name, arrived, error }
    });
    ended.collect()
}

const PATIENT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn passing_statuses_are_tried_again_where_that_is_safe() {
    let statuses = [429, 502, 503, 504];
    for ended in each(statuses.map(Act::status).to_vec(), PATIENT).await {
        let (method, status, error) = (ended.method, statuses[ended.act], ended.error());
        assert_eq!(ended.arrived, if is_safe(method) { 4 } else { 1 }, "{method} {status}");
        assert_eq!(error.status(), Some(status), "{method}");
        assert!(method == "HEAD" || error.to_string().contains("as told"), "{error}");
        assert_eq!(error.to_string().contains("4 attempts"), is_safe(method), "{error}");
    }
}

#[tokio::test]
async fn other_statuses_are_final() {
    let statuses = [400, 401, 403, 404, 405, 408, 409, 410, 418, 500, 501, 505];
    for ended in each(statuses.map(Act::status).to_vec(), PATIENT).await {
        let status = statuses[ended.act];
        assert_eq!((ended.arrived, ended.error().status()), (1, Some(status)), "{} {status}", ended.method);
    }
    let good = [200, 201, 202, 204].map(|status| Act::Answer(status, Vec::new(), String::new()));
    for Ended { method, arrived, error, act } in each(good.to_vec(), PATIENT).await {
        assert!(arrived == 1 && error.is_none(), "{method} {act} {error:?}");
    }
}

#[tokio::test]
async fn lost_answers_are_asked_for_again_where_that_is_safe() {
    let breaking = vec![Act::Reset, Act::ApplyAndReset, Act::ApplyAndClose, Act::Garbage];
    for ended in each(breaking, PATIENT).await {
        let (method, error) = (ended.method, ended.error());
        assert_eq!(ended.arrived, if is_safe(method) { 4 } else { 1 }, "{method} {}", ended.act);
        assert!(error.is_transport() && error.is_ambiguous(), "{method} {} {error:?}", ended.act);
    }
    for ended in each(vec![Act::Hang, Act::ApplyAndHang], Duration::from_millis(500)).await {
        let (method, error) = (ended.method, ended.error());
        assert_eq!(ended.arrived, if is_safe(method) { 4 } else { 1 }, "{method} {}", ended.act);
        assert!(error.is_timeout() && error.is_ambiguous(), "{method} {error:?}");
    }
}

#[tokio::test]
async fn a_change_that_was_answered_is_done_however_its_answer_ends() {
    for ended in each(vec![Act::Truncate], PATIENT).await {
        if ended.method == "GET" {
            assert_eq!(ended.arrived, 4);
            assert!(ended.error().is_transport());
        } else {
            assert!(ended.arrived == 1 && ended.error.is_none(), "{} {:?}", ended.method, ended.error);
        }
    }
}

#[tokio::test]
async fn connections_that_close_after_an_answer_repeat_nothing() {
    let server = Server::start(|_| Act::AnswerAndClose).await;
    let client = client(&server);
    let mut done = 0;
    for number in 0..200 {
        match client.request(Method::POST, format!("/{number}/")).send().await {
            Ok(_) => done += 1,
            // It met a connection that was being closed: nobody can tell whether it arrived.
            Err(error) => assert!(error.is_ambiguous() && error.attempts() == 1, "{error:?}"),
        }
    }
    let applied = server.applied();
    assert!(applied.values().all(|times| *times == 1));
    assert!(applied.len() >= done && done > 0);
}

#[tokio::test]
async fn what_was_not_sent_is_tried_again_whatever_it_is() {
    let gone = Server::start(|_| Act::ok()).await;
    let (url, client) = (gone.url.clone(), client(&gone));
    drop(gone);
    // The port is free once the server's task has ended.
    while tokio::net::TcpStream::connect(url.trim_start_matches("http://")).await.is_ok() {
        tokio::task::yield_now().await;
    }
    for name in METHODS {
        let error = client.request(method(name), PATH).send().await.unwrap_err();
        assert_eq!(error.attempts(), 4, "{name}");
        assert!(error.is_transport() && !error.is_ambiguous(), "{name} {error:?}");
    }
}

#[tokio::test]
async fn those_who_know_better_say_so() {
    let server = Server::start(|arrival| match arrival.earlier {
        0 | 1 => Act::status(503),
        _ => Act::json(201, "{}"),
    });
    let server = server.await;
    let client = client(&server);
    client.request(Method::POST, "/a/").assume_idempotent().send().await.unwrap();
    client.assume_idempotent().request(Method::PATCH, "/b/").send().await.unwrap();
    client.with_retry(quick().assume_idempotent()).request(Method::POST, "/c/").send().await.unwrap();
    assert_eq!((server.count("POST"), server.count("PATCH")), (6, 3));
    // The client itself is as careful as before.
    client.request(Method::POST, "/d/").send().await.unwrap_err();
    client.with_retry(RetryPolicy::never()).request(Method::GET, "/e/").send().await.unwrap_err();
    assert_eq!((server.count("POST"), server.count("GET")), (7, 1));
    assert!(server.applied().values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_stream_is_sent_once() {
    let server = Server::start(|_| Act::status(503)).await;
    let chunks = futures_util::stream::iter(["a", "b"].map(Ok::<_, std::io::Error>));
    let body = reqwest::Body::wrap_stream(chunks);
    let put = client(&server).request(Method::PUT, PATH).body("text/plain", body);
    assert_eq!(put.send().await.unwrap_err().attempts(), 1);
    assert_eq!(server.count("PUT"), 1);
}

#[tokio::test]
async fn generated_operations_pass_through_it() {
    let server = Server::start(|arrival| match arrival.earlier {
        0 => Act::status(502),
        1 => Act::Reset,
        2 => Act::Truncate,
        _ => Act::ok(),
    });
    let server = server.await;
    let client = client(&server);
    assert!(client.marketplace_orders_list().send().await.unwrap().into_inner().is_empty());
    assert_eq!(server.count("GET"), 4);
    let uuid = uuid::Uuid::from_u128(1);
    let error = client.marketplace_orders_approve_by_provider().uuid(uuid).send().await.unwrap_err();
    assert_eq!((error.attempts(), error.status()), (1, Some(502)));
    assert_eq!(server.count("POST"), 1);
}

#[tokio::test]
async fn errors_of_unreadable_answers_tell_their_attempts() {
    let server = Server::start(|arrival| match arrival.earlier {
        0 => Act::status(503),
        _ => Act::json(200, "{{"),
    });
    let server = server.await;
    let error = client(&server).marketplace_orders_list().send().await.unwrap_err();
    assert!(error.is_unexpected_response());
    assert_eq!(error.attempts(), 2);
    assert!(error.elapsed() > Duration::ZERO);
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_is_kept_or_given_up_at_once() {
    let waiting = |seconds: &'static str| {
        Server::start(move |arrival| match arrival.earlier {
            0 => Act::Answer(429, vec![("retry-after", seconds.into())], String::new()),
            _ => Act::ok(),
        })
    };
    let server = waiting("1").await;
    let begun = Instant::now();
    client(&server).request(Method::GET, PATH).send().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let server = waiting("3600").await;
    let begun = Instant::now();
    let error = client(&server).request(Method::GET, PATH).send().await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!((error.attempts(), error.retry_after()), (1, Some(Duration::from_secs(3600))));
    let date = "Tue, 31 Dec 2999 23:59:59 GMT";
    let server = waiting(date).await;
    let error = client(&server).request(Method::GET, PATH).send().await.unwrap_err();
    assert!(error.retry_after().unwrap() > Duration::from_secs(3600), "{error:?}");
}

#[tokio::test]
async fn an_outage_is_not_multiplied() {
    let server = Server::start(|_| Act::status(503)).await;
    let client = builder(&server).retry(quick().budget(10)).build().unwrap();
    for _ in 0..50 {
        client.request(Method::GET, PATH).send().await.unwrap_err();
    }
    assert_eq!(server.count("GET"), 60);
    let error = client.request(Method::GET, PATH).send().await.unwrap_err();
    assert!(error.to_string().contains("budget"), "{error}");
}

#[tokio::test]
async fn a_call_ends_in_time() {
    let server = Server::start(|_| Act::Hang).await;
    let client = builder(&server).read_timeout(Duration::from_secs(10)).build().unwrap();
    let begun = Instant::now();
    let hurried: Client = client.with_timeout(Duration::from_millis(200));
    let error = hurried.request(Method::GET, PATH).send().await.unwrap_err();
    assert!(error.is_timeout() && error.attempts() == 1, "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(error.elapsed() >= Duration::from_millis(200));
}
