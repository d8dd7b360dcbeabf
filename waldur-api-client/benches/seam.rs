//! What the seam costs over plain reqwest: `cargo bench -p waldur-api-client --bench seam`.
//!
//! The two benches show the time of a call each. The difference is then measured in rounds, call by call in turn, so
//! that whatever else the machine does meets both alike, and must be under 5 µs.
//!
//! The server is on the thread of the clients. On one of its own, each call would wake two cores that sleep, which
//! takes 60 µs, give or take more than the difference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use common::client_builder_at;
use divan::Bencher;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use waldur_api_client::{Client, Method};

const TOKEN: &str = "9d1f0c8b7a6e5d4c3b2a19080706050403020100";
const PATH: &str = "/api/marketplace-orders/?page=1";
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-result-count: 0\r\ncontent-length: 2\r\n\r\n[]";
const ROUNDS: usize = 8;
const PAIRS: usize = 1000;
const LIMIT: Duration = Duration::from_micros(5);

struct Setting {
    runtime: Runtime,
    url: String,
    seam: Client,
    plain: reqwest::Client,
}

/// A server that only answers, and both clients, on the thread that waits for them.
static SETTING: LazyLock<Setting> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(serve(listener));
    let seam = client_builder_at(&url, TOKEN).no_proxy().build().unwrap();
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    Setting { runtime, url, seam, plain }
});

async fn serve(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).await? > 0 {
                stream.write_all(ANSWER).await?;
            }
            Ok::<(), std::io::Error>(())
        });
    }
}

async fn plain(setting: &Setting) -> usize {
    let request = setting
        .plain
        .get(format!("{}{PATH}", setting.url))
        .header(ACCEPT, "application/json")
        .header(AUTHORIZATION, format!("Token {TOKEN}"));
    request.send().await.unwrap().bytes().await.unwrap().len()
}

async fn seam(setting: &Setting) -> usize {
    setting.seam.request(Method::GET, PATH).send().await.unwrap().body().len()
}

#[divan::bench]
fn plain_reqwest(bencher: Bencher<'_, '_>) {
    let setting = &*SETTING;
    bencher.bench_local(|| setting.runtime.block_on(plain(setting)));
}

#[divan::bench]
fn through_the_seam(bencher: Bencher<'_, '_>) {
    let setting = &*SETTING;
    bencher.bench_local(|| setting.runtime.block_on(seam(setting)));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Returns the medians of a call through the pipeline and of one through plain reqwest, in one round.
async fn round(setting: &Setting) -> (Duration, Duration) {
    let (mut with, mut without) = (Vec::with_capacity(PAIRS), Vec::with_capacity(PAIRS));
    for pair in 0..PAIRS + PAIRS / 10 {
        let begun = Instant::now();
        plain(setting).await;
        let between = Instant::now();
        seam(setting).await;
        // The first ones warm up.
        if pair >= PAIRS / 10 {
            without.push(between - begun);
            with.push(between.elapsed());
        }
    }
    (median(with), median(without))
}

fn main() {
    divan::main();
    let setting = &*SETTING;
    // The load of other programs only adds, so the round with the least difference counts.
    let rounds = (0..ROUNDS).map(|_| setting.runtime.block_on(round(setting)));
    let (with, without) = rounds.min_by_key(|(with, without)| with.saturating_sub(*without)).unwrap();
    let cost = with.saturating_sub(without);
    println!(
        "medians of the best of {ROUNDS} rounds: plain {without:.1?}, seam {with:.1?}, difference {cost:.1?} (limit {LIMIT:?})"
    );
    if cost >= LIMIT {
        eprintln!("the seam costs too much");
        std::process::exit(1);
    }
}
