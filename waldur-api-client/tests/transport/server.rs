//! A server that misbehaves as it is told and counts what arrives.

#![allow(dead_code, unreachable_pub)] // each test program uses another part

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// How many of this method and path arrived before it.
    pub earlier: usize,
}

impl Arrival {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn changes(&self) -> bool {
        !["GET", "HEAD", "OPTIONS"].contains(&self.method.as_str())
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers; a 2xx means that it was applied.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Applies it, answers and closes the connection without having said so.
    AnswerAndClose,
    /// Resets the connection.
    Reset,
    /// Applies it, and resets the connection.
    ApplyAndReset,
    /// Applies it, and closes the connection without a word.
    ApplyAndClose,
    /// Applies it, and never answers.
    ApplyAndHang,
    /// Never answers.
    Hang,
    /// Applies it, and stops in the middle of the answer.
    Truncate,
    /// Answers with what isn't HTTP.
    Garbage,
    /// Answers with 16 MiB of blanks, and then keeps the client waiting for the rest.
    Endless,
}

impl Act {
    pub fn ok() -> Self {
        Self::json(200, "[]")
    }

    pub fn json(status: u16, body: &str) -> Self {
        Self::Answer(status, vec![("content-type", "application/json".into())], body.into())
    }

    pub fn status(status: u16) -> Self {
        Self::json(status, r#"{"detail": "as told"}"#)
    }

    pub fn redirect(status: u16, location: &str) -> Self {
        Self::Answer(status, vec![("location", location.into())], String::new())
    }

    fn applies(&self) -> bool {
        match self {
            Self::Answer(status, ..) => (200..300).contains(status),
            Self::AnswerAndClose
            | Self::ApplyAndReset
            | Self::ApplyAndClose
            | Self::ApplyAndHang
            | Self::Truncate
            | Self::Endless => true,
            Self::Reset | Self::Hang | Self::Garbage => false,
        }
    }
}

type Plan = dyn Fn(&Arrival) -> Act + Send + Sync;

struct State {
    plan: Box<Plan>,
    /// None: nothing is kept of the requests.
    arrivals: Option<Mutex<Vec<Arrival>>>,
    earlier: Mutex<BTreeMap<(String, String), usize>>,
    applied: Mutex<BTreeMap<(String, String), usize>>,
    open: watch::Sender<usize>,
    arrived: watch::Sender<usize>,
}

/// Stops when it is dropped.
pub struct Server {
    pub url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(plan: impl Fn(&Arrival) -> Act + Send + Sync + 'static) -> Self {
        Self::of(Box::new(plan), true).await
    }

    /// One that keeps numbers only.
    pub async fn forgetful(plan: impl Fn(&Arrival) -> Act + Send + Sync + 'static) -> Self {
        Self::of(Box::new(plan), false).await
    }

    async fn of(plan: Box<Plan>, keeps: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            plan,
            arrivals: keeps.then(Mutex::default),
            earlier: Mutex::default(),
            applied: Mutex::default(),
            open: watch::Sender::new(0),
            arrived: watch::Sender::new(0),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                state.open.send_modify(|open| *open += 1);
                tokio::spawn(async move {
                    let _ = serve(stream, &state).await;
                    state.open.send_modify(|open| *open -= 1);
                });
            }
        });
        Self { url, state, task }
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.state.arrivals.as_ref().map(|kept| kept.lock().unwrap().clone()).unwrap_or_default()
    }

    /// How many requests of this method arrived.
    pub fn count(&self, method: &str) -> usize {
        self.arrivals().iter().filter(|arrival| arrival.method == method).count()
    }

    pub fn total(&self) -> usize {
        *self.state.arrived.borrow()
    }

    /// How often each request was applied that changes something, by method and path.
    pub fn applied(&self) -> BTreeMap<(String, String), usize> {
        self.state.applied.lock().unwrap().clone()
    }

    /// Waits until so many requests arrived.
    pub async fn arrived(&self, count: usize) {
        self.state.arrived.subscribe().wait_for(|arrived| *arrived >= count).await.unwrap();
    }

    /// Waits until no connection is open.
    pub async fn deserted(&self) {
        self.state.open.subscribe().wait_for(|open| *open == 0).await.unwrap();
    }
}

async fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(mut arrival) = read(&mut stream, &mut buffer).await? {
        let key = (arrival.method.clone(), arrival.path.clone());
        {
            let mut earlier = state.earlier.lock().unwrap();
            let count = earlier.entry(key.clone()).or_default();
            arrival.earlier = *count;
            *count += 1;
        }
        let act = (state.plan)(&arrival);
        if act.applies() && arrival.changes() {
            *state.applied.lock().unwrap().entry(key).or_default() += 1;
        }
        let head = arrival.method == "HEAD";
        if let Some(arrivals) = &state.arrivals {
            arrivals.lock().unwrap().push(arrival);
        }
        state.arrived.send_modify(|arrived| *arrived += 1);
        match act {
            Act::Answer(status, headers, body) => {
                let mut text = format!("HTTP/1.1 {status} as told\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    text.push_str(&format!("{name}: {value}\r\n"));
                }
                text.push_str("\r\n");
                if !head {
                    text.push_str(&body);
                }
                stream.write_all(text.as_bytes()).await?;
            }
            Act::AnswerAndClose => {
                stream.write_all(b"HTTP/1.1 200 as told\r\ncontent-length: 2\r\n\r\n[]").await?;
                return Ok(());
            }
            Act::Reset | Act::ApplyAndReset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
            Act::ApplyAndClose => return Ok(()),
            Act::Hang | Act::ApplyAndHang => {
                // Until the client leaves.
                while stream.read(&mut [0; 64]).await? > 0 {}
                return Ok(());
            }
            Act::Truncate => {
                let text = "HTTP/1.1 200 as told\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n[1,";
                stream.write_all(text.as_bytes()).await?;
                return Ok(());
            }
            Act::Endless => {
                let text = "HTTP/1.1 200 as told\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n";
                stream.write_all(text.as_bytes()).await?;
                for _ in 0..256 {
                    stream.write_all(&[b' '; 64 * 1024]).await?;
                }
                while stream.read(&mut [0; 64]).await? > 0 {}
                return Ok(());
            }
            Act::Garbage => {
                stream.write_all(b"220 mail.example.org ESMTP\r\n").await?;
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Arrival>> {
    let mut chunk = [0; 4096];
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        match stream.read(&mut chunk).await? {
            0 => return Ok(None),
            length => buffer.extend_from_slice(&chunk[..length]),
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let mut arrival = Arrival {
        method: first.next().unwrap().to_owned(),
        path: first.next().unwrap().to_owned(),
        ..Arrival::default()
    };
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        arrival.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if arrival.header("transfer-encoding") == "chunked" {
        // The end of the last chunk is enough here.
        while !buffer.ends_with(b"0\r\n\r\n") {
            match stream.read(&mut chunk).await? {
                0 => return Ok(None),
                length => buffer.extend_from_slice(&chunk[..length]),
            }
        }
        arrival.body = std::mem::take(buffer);
        return Ok(Some(arrival));
    }
    let length = arrival.header("content-length").parse().unwrap_or(0);
    while buffer.len() < length {
        match stream.read(&mut chunk).await? {
            0 => return Ok(None),
            length => buffer.extend_from_slice(&chunk[..length]),
        }
    }
    arrival.body = buffer.drain(..length).collect();
    Ok(Some(arrival))
}
