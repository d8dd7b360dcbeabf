//! Reading a list of 100,000 orders, as whole processes: the SDK against a program written by hand on reqwest
//! and serde, for the same four fields. The two run in turn, each several times.
//!
//! ```sh
//! cargo bench -p waldur-api-client --bench listing
//! ```
//!
//! Throughput is measured on a server of prepared pages, so that the clients are what takes the time; memory
//! while streaming from the sandbox. It fails if the SDK reaches less than 0.9 of the hand-written program,
//! or takes more than 25 MB.
//!
//! The Python client on the same server, where it is wanted:
//!
//! ```sh
//! python3 -m venv /tmp/venv && /tmp/venv/bin/pip install waldur-api-client==8.0.5
//! WALDUR_BENCH_PYTHON=/tmp/venv/bin/python cargo bench -p waldur-api-client --bench listing
//! ```

#[path = "../tests/common/mod.rs"]
mod common;

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use common::client_builder_at;
use futures_util::TryStreamExt as _;
use reqwest::Url;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;
use waldur_api_client::ListExt as _;
use waldur_api_client::types::{OrderState, RequestTypes};
use waldur_sandbox::{Actor, Sandbox};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ITEMS: usize = 100_000;
const PAGE: usize = 300;
const ROUNDS: usize = 25;
const LEAST_RATIO: f64 = 0.9;
const MOST_KILOBYTES: u64 = 25_000;
const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

#[derive(Deserialize)]
struct Row {
    uuid: Uuid,
    state: OrderState,
    #[serde(rename = "type")]
    type_: RequestTypes,
    resource_name: String,
}

impl Row {
    /// So that nothing of it is left out by the compiler.
    fn weight(&self) -> usize {
        usize::from(self.uuid.as_bytes()[0])
            + self.state.as_str().len()
            + self.type_.as_str().len()
            + self.resource_name.len()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve-pages"] => serve_pages().await,
        ["serve-sandbox"] => serve_sandbox().await,
        ["sdk", url, token] => run(sdk(url, token)).await,
        ["by-hand", url, token] => run(by_hand(url, token)).await,
        _ => compare(),
    }
}

/// Runs a reader, and prints how many items came, how many seconds it took and how much memory.
async fn run(reader: impl Future<Output = Result<(usize, usize)>>) -> Result<()> {
    let began = Instant::now();
    let (items, weight) = reader.await?;
    println!("{items} {} {} {weight}", began.elapsed().as_secs_f64(), peak_kilobytes());
    Ok(())
}

async fn sdk(url: &str, token: &str) -> Result<(usize, usize)> {
    let client = client_builder_at(url, token).build()?;
    let mut rows = client.marketplace_orders_list().select::<Row>().stream();
    let (mut items, mut weight) = (0, 0);
    while let Some(row) = rows.try_next().await? {
        items += 1;
        weight += row.weight();
    }
    Ok((items, weight))
}

async fn by_hand(url: &str, token: &str) -> Result<(usize, usize)> {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let (mut items, mut weight) = (0, 0);
    for page in 1.. {
        let url = Url::parse_with_params(
            &format!("{url}marketplace-orders/"),
            [
                ("field", "uuid"),
                ("field", "state"),
                ("field", "type"),
                ("field", "resource_name"),
                ("page", &page.to_string()),
                ("page_size", &PAGE.to_string()),
            ],
        )?;
        let answer = client.get(url).header("Authorization", format!("Token {token}")).send().await?;
        let answer = answer.error_for_status()?;
        let total: usize = answer.headers()["x-result-count"].to_str()?.parse()?;
        for row in answer.json::<Vec<Row>>().await? {
            items += 1;
            weight += row.weight();
        }
        if items >= total {
            break;
        }
    }
    Ok((items, weight))
}

/// The most memory that this process had; 0 where that can't be told.
fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

async fn serve_sandbox() -> Result<()> {
    let sandbox = Sandbox::builder().orders(ITEMS).start().await?;
    println!("{} {}", sandbox.url(), sandbox.token(Actor::Staff));
    std::future::pending().await
}

/// A server that has every page ready.
async fn serve_pages() -> Result<()> {
    let pages: Vec<Vec<u8>> = (0..ITEMS.div_ceil(PAGE)).map(|page| answer(page * PAGE)).collect();
    let pages: &'static [Vec<u8>] = pages.leak();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/api/ {TOKEN}", listener.local_addr()?);
    // Waking a core that sleeps takes 60 µs, give or take more than the readers differ in.
    tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, pages));
    }
}

fn answer(first: usize) -> Vec<u8> {
    let rows: Vec<String> = (first..ITEMS.min(first + PAGE))
        .map(|item| {
            format!(r#"{{"uuid":"{item:032x}","state":"executing","type":"Create","resource_name":"allocation-{item}"}}"#)
        })
        .collect();
    let body = format!("[{}]", rows.join(","));
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-result-count: {ITEMS}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

async fn serve(mut stream: TcpStream, pages: &'static [Vec<u8>]) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        while !read.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        let line = String::from_utf8_lossy(&read);
        let query =
            line.split(' ').nth(1).and_then(|path| path.split_once('?')).map_or("", |(_, query)| query);
        let page = query.split('&').find_map(|pair| pair.strip_prefix("page=")?.parse().ok()).unwrap_or(1);
        let page =
            pages.get(page - 1).map_or(&b"HTTP/1.1 404 Gone\r\ncontent-length: 0\r\n\r\n"[..], |page| page);
        stream.write_all(page).await?;
        read.clear();
    }
}

/// A server in a process of its own, which ends with this.
struct Server(Child, String, String);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn server(role: &str) -> Result<Server> {
    let mut child = Command::new(std::env::current_exe()?).arg(role).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let (url, token) = line.trim().split_once(' ').ok_or("the server doesn't say where it is")?;
    Ok(Server(child, url.to_owned(), token.to_owned()))
}

/// Items a second, and kilobytes.
fn measure(command: &mut Command) -> Result<(f64, u64)> {
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut words = text.split_whitespace();
    let mut next = || words.next().ok_or("a reader failed");
    let (items, seconds, kilobytes) =
        (next()?.parse::<usize>()?, next()?.parse::<f64>()?, next()?.parse::<u64>()?);
    if items != ITEMS {
        return Err(format!("{items} items came of {ITEMS}").into());
    }
    Ok((items as f64 / seconds, kilobytes))
}

fn reader(role: &str, server: &Server) -> Result<(f64, u64)> {
    measure(Command::new(std::env::current_exe()?).args([role, &server.1, &server.2]))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare() -> Result<()> {
    let pages = server("serve-pages")?;
    let (mut sdk, mut by_hand, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Each is the first of the two as often as the other.
        let mut of = ["sdk", "by-hand"].map(|role| (role, 0.0));
        of.rotate_left(round % 2);
        for (role, speed) in &mut of {
            (*speed, _) = reader(role, &pages)?;
        }
        of.rotate_left(round % 2);
        let [(_, one), (_, other)] = of;
        sdk.push(one);
        by_hand.push(other);
        ratios.push(one / other);
    }
    let (sdk, ratio) = (median(sdk), median(ratios));
    println!("{ITEMS} orders of four fields, from prepared pages of {PAGE}, {ROUNDS} times in turn");
    println!("by hand  {:>9.0} items/s", median(by_hand));
    println!("SDK      {sdk:>9.0} items/s");
    println!("ratio    {ratio:>9.3}");
    if let Some(python) = std::env::var_os("WALDUR_BENCH_PYTHON") {
        let (python, kilobytes) =
            measure(Command::new(python).args(["-c", PYTHON, &pages.1, &pages.2, &PAGE.to_string()]))?;
        println!(
            "Python   {python:>9.0} items/s, {kilobytes} kB; the SDK is {:.0} times as fast",
            sdk / python
        );
    }
    drop(pages);
    let (_, kilobytes) = reader("sdk", &server("serve-sandbox")?)?;
    println!("SDK, streaming {ITEMS} orders from the sandbox: {kilobytes} kB at most");
    if ratio < LEAST_RATIO {
        return Err(format!(
            "the SDK reaches {ratio:.3} of the hand-written program, less than {LEAST_RATIO}"
        )
        .into());
    }
    if kilobytes > MOST_KILOBYTES {
        return Err(format!("the SDK takes {kilobytes} kB, more than {MOST_KILOBYTES}").into());
    }
    Ok(())
}

/// The same with the Python client.
const PYTHON: &str = r#"
import resource, sys, time
from waldur_api_client import AuthenticatedClient
from waldur_api_client.api.marketplace_orders import marketplace_orders_list
from waldur_api_client.models import OrderDetailsFieldEnum as Field
url, token, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = AuthenticatedClient(base_url=url.removesuffix("/api/"), token=token, prefix="Token")
began, items, page = time.monotonic(), 0, 1
fields = [Field.UUID, Field.STATE, Field.TYPE, Field.RESOURCE_NAME]
while True:
    answer = marketplace_orders_list.sync_detailed(client=client, page=page, page_size=size, field=fields)
    items += len(answer.parsed)
    if items >= int(answer.headers["x-result-count"]):
        break
    page += 1
seconds = time.monotonic() - began
print(items, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"#;
