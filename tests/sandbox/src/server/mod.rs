//! Connections: requests come in, responses go out.

pub(crate) mod corruption;
mod dispatch;
pub(crate) mod fault;
mod fault_text;
pub(crate) mod misbehaviour;
mod routes;
pub(crate) mod shared;
pub(crate) mod tokens;
mod upgrade;

pub use corruption::Row;
pub use fault::Fault;
pub use fault_text::FaultError;
pub use misbehaviour::Misbehaviour;
pub use shared::Request;

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request as HttpRequest;
use http::{Method, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::judge::{self, Sent};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::payload::{Closing, Payload};
use crate::release::Release;
use crate::server::dispatch::dispatch;
use crate::server::shared::{Shared, lock};
use crate::wire::{Part, parse_query, parts};

/// Serves until `stop` is sent. Dropping the future closes all connections.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    let (broker, clock) = (shared.broker.clone(), shared.clock());
    connections.spawn(async move { broker.run(clock).await });
    loop {
        tokio::select! {
            _ = &mut stop => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let (due, mut closes) = watch::channel(None);
                    let upgraded = Mutex::new(None);
                    let service = service_fn(|request| respond(&shared, &due, &upgraded, request));
                    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    let mut connection = pin!(connection.with_upgrades());
                    // Errors are clients that disconnected, or connections closed on purpose.
                    tokio::select! {
                        _ = connection.as_mut() => {}
                        () = closed(&mut closes) => {
                            connection.as_mut().graceful_shutdown();
                            let _ = connection.await;
                        }
                    }
                    let upgraded = lock(&upgraded).take();
                    if let Some(upgraded) = upgraded {
                        upgrade::serve(upgraded, &shared).await;
                    }
                });
            }
        }
    }
}

/// Returns when the connection is to be closed.
async fn closed(closes: &mut watch::Receiver<Option<Instant>>) {
    match closes.wait_for(Option::is_some).await.map(|due| *due) {
        Ok(Some(due)) => wait_until(due).await,
        _ => std::future::pending().await,
    }
}

/// Waits until a time. Timers have a resolution of a millisecond and are late by one or two, so the last two
/// milliseconds are spent polling the clock.
async fn wait_until(due: Instant) {
    const LATE: Duration = Duration::from_millis(2);
    if let Some(early) = due.checked_sub(LATE) {
        tokio::time::sleep_until(early).await;
    }
    while Instant::now() < due {
        tokio::task::yield_now().await;
    }
}

/// Returns the response to a request. An error closes the connection without a response.
async fn respond(
    shared: &Shared,
    closes: &watch::Sender<Option<Instant>>,
    upgraded: &Mutex<Option<OnUpgrade>>,
    mut request: HttpRequest<Incoming>,
) -> io::Result<Response<Payload>> {
    if upgrade::PATHS.contains(&request.uri().path()) {
        return Ok(upgrade::respond(shared, &mut request, upgraded));
    }
    let (request, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if closes.borrow().is_some() {
        return Err(io::Error::from(io::ErrorKind::ConnectionReset));
    }
    let due = Instant::now() + shared.latency;
    let head = request.method == Method::HEAD;
    let query = request.uri.query().unwrap_or_default();
    let path = request.uri.path();
    let caller = shared.tokens.authenticate(&request.headers);
    let media_type = Call::media_type(&request.headers);
    let parts = match media_type.as_str() {
        "multipart/form-data" => {
            let content_type =
                request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            parts(content_type.unwrap_or_default(), &body).await.map_err(|error| error.to_string())
        }
        _ => Ok(Vec::new()),
    };
    let sent = Sent { query, media_type: &media_type, body: &body, parts: &parts };
    let operation = shared.validate(&request.method, path, &sent);
    let mut entry = Request {
        method: request.method.to_string(),
        path: path.to_owned(),
        query: query.to_owned(),
        status: 0,
        actor: caller.as_ref().ok().copied().flatten(),
        body: if body.is_empty() { None } else { serde_json::from_slice(&body).ok() },
        files: parts.iter().flatten().filter_map(Part::file).cloned().collect(),
        fault: None,
    };
    // HEAD counts the rows that GET would respond with.
    let shows = if head { judge::operation(&Method::GET, path) } else { operation };
    let id = operation.map(|operation| operation.id.as_str());
    let fault = lock(&shared.faults).choose(
        &request.method,
        path,
        id,
        request.headers.contains_key(header::CONTENT_LENGTH),
    );
    entry.fault = fault.clone();
    if let Some(Fault::Delay(time)) = fault {
        tokio::time::sleep(time).await;
    }
    if let Some(Fault::Clock(time)) = &fault {
        lock(&shared.state).set_now(*time);
    }
    let answer = match fault.as_ref().and_then(Fault::instead) {
        Some(answer) => Some(answer),
        None if fault == Some(Fault::ResetBefore) => None,
        None => {
            let call = Call {
                operation: shows,
                release: shared.release,
                looks: if fault == Some(Fault::OlderServer) { Release::Late2024 } else { shared.release },
                vanished: if let Some(Fault::VanishedItems(count)) = fault { count } else { 0 },
                asked: RefCell::default(),
                order_by_answer: Cell::default(),
                method: request.method.clone(),
                path: path.to_owned(),
                query: parse_query(query),
                segments: Vec::new(),
                caller: None,
                token: entry.actor.map(|actor| shared.tokens.current(actor)).unwrap_or_default(),
                personal_token: tokens::personal(&request.headers),
                now: lock(&shared.state).now(),
                origin: Call::origin(&request.headers, &shared.address.to_string()),
                media_type,
                parts,
                accept: Call::accept(&request.headers),
                body,
            };
            let (answer, committed) = dispatch(shared, call, query, caller);
            if let Some(committed) = committed {
                tokio::time::sleep_until(committed.into()).await;
            }
            match &fault {
                Some(fault) => fault.distort(answer),
                None => Some(answer),
            }
        }
    };
    entry.status = answer.as_ref().map_or(0, Answer::status);
    lock(&shared.log).push(entry);
    if !shared.latency.is_zero() {
        wait_until(due).await;
    }
    answer
        .map(|answer| match fault {
            Some(Fault::CloseAfter(after)) => answer.closing(Closing { after, due: closes.clone() }),
            _ => answer,
        })
        .map(|answer| answer.at(lock(&shared.state).now()).into_response(head))
        .ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset))
}
