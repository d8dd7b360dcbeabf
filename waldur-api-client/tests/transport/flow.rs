//! How many requests are under way, and that none stays behind.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use waldur_api_client::Method;

use crate::server::{Act, Server};
use crate::{TOKEN, builder};

fn hang_at_first(arrival: &crate::server::Arrival) -> Act {
    if arrival.path == "/hang/" { Act::Hang } else { Act::ok() }
}

#[tokio::test]
async fn no_more_requests_than_allowed_are_under_way_and_none_stays() {
    let server = Server::start(hang_at_first).await;
    let client = builder(&server).max_concurrent_requests(3).build().unwrap();
    let three: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.request(Method::GET, "/hang/").send().await })
        })
        .collect();
    server.arrived(3).await;
    let impatient = client.with_timeout(Duration::from_millis(100));
    let others = join_all((0..10).map(|_| impatient.request(Method::POST, "/a/").send())).await;
    for other in others {
        let error = other.unwrap_err();
        assert!(error.is_timeout() && !error.is_ambiguous(), "{error:?}");
        assert_eq!(error.attempts(), 0);
    }
    assert_eq!(server.total(), 3);
    // Who is dropped leaves nothing behind: no connection, and no place that is taken.
    for task in three {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    server.deserted().await;
    join_all((0..3).map(|_| client.request(Method::GET, "/a/").send())).await.into_iter().for_each(
        |answer| {
            answer.unwrap();
        },
    );
    assert_eq!(server.total(), 6);
}

#[tokio::test]
async fn a_stream_keeps_its_place_until_it_ends() {
    let file = "x".repeat(2 * 1024 * 1024);
    let server = Server::start(move |arrival| match arrival.path.as_str() {
        "/file/" => Act::Answer(200, vec![("content-type", "text/plain".into())], file.clone()),
        _ => Act::ok(),
    });
    let server = server.await;
    let client = builder(&server).max_concurrent_requests(1).build().unwrap();
    let impatient = client.with_timeout(Duration::from_millis(100));
    let mut stream = client.request(Method::GET, "/file/").stream().await.unwrap().into_inner();
    assert!(!stream.next().await.unwrap().unwrap().is_empty());
    assert!(impatient.request(Method::GET, "/a/").send().await.unwrap_err().is_timeout());
    while let Some(chunk) = stream.next().await {
        chunk.unwrap();
    }
    drop(stream);
    client.request(Method::GET, "/a/").send().await.unwrap();
    let answer = client.request(Method::GET, "/file/").send().await.unwrap();
    assert_eq!(answer.body().len(), 2 * 1024 * 1024);
    client.request(Method::GET, "/a/").send().await.unwrap();
}

#[tokio::test]
async fn the_rate_is_kept() {
    let server = Server::start(hang_at_first).await;
    let client = builder(&server).rate_limit(50.0).build().unwrap();
    let begun = Instant::now();
    join_all((0..11).map(|_| client.request(Method::GET, "/a/").send())).await.into_iter().for_each(
        |answer| {
            answer.unwrap();
        },
    );
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    // Clones share it.
    let begun = Instant::now();
    for _ in 0..5 {
        client.with_timeout(Duration::from_secs(5)).request(Method::GET, "/a/").send().await.unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_millis(80), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_pause_takes_no_place() {
    let server = Server::start(|arrival| match (arrival.path.as_str(), arrival.earlier) {
        ("/busy/", 0) => Act::Answer(503, vec![("retry-after", "2".into())], String::new()),
        _ => Act::ok(),
    });
    let server = server.await;
    let client = builder(&server).max_concurrent_requests(1).build().unwrap();
    let busy = client.clone();
    let busy = tokio::spawn(async move { busy.request(Method::GET, "/busy/").send().await });
    server.arrived(1).await;
    let begun = Instant::now();
    client.request(Method::GET, "/a/").send().await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(1900), "{:?}", begun.elapsed());
    assert!(!busy.is_finished());
    busy.await.unwrap().unwrap();
    assert_eq!(server.arrivals()[1].header("authorization"), format!("Token {TOKEN}"));
}
