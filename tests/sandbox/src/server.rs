//! Connections and requests: what happens around every operation.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, Request as HttpRequest, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::actor::{Actor, Tokens};
use crate::answer::{Answer, Closing, Outcome, Payload};
use crate::call::{Call, parse_query};
use crate::contract::{self, Operation, Sent, Side, Violation};
use crate::corruption::{self, Corruption};
use crate::documents;
use crate::fault::{Fault, Faults, PORTAL};
use crate::release::Release;
use crate::routes::{self, Found};
use crate::state::State;
use crate::upload::{self, Part, Upload};

/// A request that the sandbox got.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, from `/api/` on.
    pub path: String,
    /// The query as it came, without the question mark; empty if there was none.
    pub query: String,
    /// The status of the answer; 0 if the connection was closed without one.
    pub status: u16,
    /// Who sent it; `None` is nobody known.
    pub actor: Option<Actor>,
    /// The body, if it was JSON.
    pub body: Option<Value>,
    /// The files, if it was `multipart/form-data`.
    pub files: Vec<Upload>,
    /// The fault that struck it.
    pub fault: Option<Fault>,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) log: Mutex<Vec<Request>>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) corruptions: Mutex<Vec<Corruption>>,
    pub(crate) tokens: Tokens,
    pub(crate) violations: Mutex<Vec<Violation>>,
    pub(crate) print_violations: bool,
    pub(crate) release: Release,
    pub(crate) latency: Duration,
    pub(crate) address: SocketAddr,
}

/// A handler that failed half-way leaves data that can still be read.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until told to stop; everything ends with the future.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
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
                    let service = service_fn(|request| respond(&shared, &due, request));
                    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    let mut connection = pin!(connection);
                    // An error here is a client that went away, or a connection closed on purpose.
                    tokio::select! {
                        _ = connection.as_mut() => {}
                        () = closed(&mut closes) => {
                            connection.as_mut().graceful_shutdown();
                            let _ = connection.await;
                        }
                    }
                });
            }
        }
    }
}

/// Ends when the connection is to be closed.
async fn closed(closes: &mut watch::Receiver<Option<Instant>>) {
    match closes.wait_for(Option::is_some).await.map(|due| *due) {
        Ok(Some(due)) => wait_until(due).await,
        _ => std::future::pending().await,
    }
}

/// Timers go by the millisecond and come late by one or two: the last of the time is waited for by looking at
/// the clock.
async fn wait_until(due: Instant) {
    const LATE: Duration = Duration::from_millis(2);
    if let Some(early) = due.checked_sub(LATE) {
        tokio::time::sleep_until(early).await;
    }
    while Instant::now() < due {
        tokio::task::yield_now().await;
    }
}

/// An error closes the connection without an answer.
async fn respond(
    shared: &Shared,
    closes: &watch::Sender<Option<Instant>>,
    request: HttpRequest<Incoming>,
) -> io::Result<Response<Payload>> {
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
            upload::parts(content_type.unwrap_or_default(), &body).await.map_err(|error| error.to_string())
        }
        _ => Ok(Vec::new()),
    };
    let sent = Sent { query, media_type: &media_type, body: &body, parts: &parts };
    let operation = shared.judge(&request.method, path, &sent);
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
    // What HEAD counts is what GET would show.
    let shows = if head { contract::operation(&Method::GET, path) } else { operation };
    let id = operation.map(|operation| operation.id.as_str());
    let fault = lock(&shared.faults).strike(
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
        lock(&shared.state).clock.set = Some(*time);
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
                now: lock(&shared.state).now(),
                origin: Call::origin(&request.headers, &shared.address.to_string()),
                media_type,
                parts,
                accept: Call::accept(&request.headers),
                body,
            };
            let answer = dispatch(shared, call, query, caller);
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

/// Route first, then the kind of answer, then who calls, then whether the method is there: in this order the
/// server refuses.
fn dispatch(shared: &Shared, mut call: Call, query: &str, caller: Result<Option<Actor>, Answer>) -> Answer {
    if call.path == PORTAL {
        return Answer::page(StatusCode::OK);
    }
    let found = match routes::find(&call.path, call.release) {
        Found::Slash if query.is_empty() => return Answer::moved(&format!("{}/", call.path)),
        Found::Slash => return Answer::moved(&format!("{}/?{query}", call.path)),
        Found::Nowhere => return Answer::page(StatusCode::NOT_FOUND),
        Found::Route(route, segments) => {
            call.segments = segments;
            Some(route)
        }
        Found::Missing => None,
    };
    let allow = match found {
        Some(route) => route.allow.to_owned(),
        None => contract::operations_at(&call.path).unwrap_or_default().join(", "),
    };
    let outcome: Outcome = acceptable(&call).and(caller).and_then(|caller| {
        call.caller = caller;
        let state = &mut lock(&shared.state);
        if let Some(actor) = caller
            && state.person(actor).is_some_and(|person| !person.active)
        {
            return Err(Answer::unauthorized("User inactive or deleted."));
        }
        if !found.is_some_and(|route| route.public) {
            call.actor()?;
        }
        match found.and_then(|route| route.handler(&call.method, call.release)) {
            Some(handler) => handler(&call, state),
            None if call.method == Method::OPTIONS => Ok(description(&call)),
            None if allow.split(", ").any(|method| method == call.method.as_str()) => {
                Err(Answer::page(StatusCode::NOT_IMPLEMENTED))
            }
            None => Err(Answer::detail(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("Method \"{}\" not allowed.", call.method),
            )),
        }
    });
    let mut answer = outcome.unwrap_or_else(|refusal| refusal);
    if answer.status() < 300 && call.method != Method::OPTIONS {
        shared.settle(&call, &mut answer);
        corruption::strike(&lock(&shared.corruptions), &call, &mut answer);
    }
    if answer.status() >= 500 {
        return answer;
    }
    answer.with_text(header::ALLOW, &allow)
}

/// Answers are JSON, or pages for people.
fn acceptable(call: &Call) -> Result<(), Answer> {
    let good = call.accept.is_empty()
        || call.accept.split(',').any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            matches!(kind, "*/*" | "application/*" | "application/json" | "text/*" | "text/html")
        });
    if good {
        return Ok(());
    }
    Err(Answer::detail(StatusCode::NOT_ACCEPTABLE, "Could not satisfy the request Accept header."))
}

/// What OPTIONS answers with.
fn description(call: &Call) -> Answer {
    let name = call.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Answer::ok(serde_json::json!({
        "name": name,
        "description": "",
        "renders": ["application/json", "text/html"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    }))
}

impl Shared {
    /// Judges a request by the schema.
    fn judge(&self, method: &Method, path: &str, sent: &Sent<'_>) -> Option<&'static Operation> {
        let whole = |at: &str, what: String| vec![(at.to_owned(), what)];
        let (operation, findings) = match contract::find(method, path) {
            contract::Found::Operation(operation, wrong) => {
                let mut findings: Vec<_> = wrong
                    .into_iter()
                    .map(|name| (format!("path.{name}"), "not of the form that the schema wants".to_owned()))
                    .collect();
                findings.extend(operation.check(sent).into_iter().map(|found| (found.at, found.what)));
                // What the schema is too old to know.
                findings.retain(|(at, _)| {
                    let parameter = at.strip_prefix("query.").unwrap_or_default();
                    operation.parameter(parameter).is_some()
                        || !self.release.has(&format!("{}.{parameter}", operation.id))
                });
                (Some(operation), findings)
            }
            contract::Found::Method(template) => {
                (None, whole("path", format!("{template} has no operation for this method")))
            }
            contract::Found::Slash(operation) => {
                (operation, whole("path", "the slash at the end is missing".to_owned()))
            }
            contract::Found::Nowhere if path == PORTAL => return None,
            contract::Found::Nowhere if routes::is_young(method, path, self.release) => return None,
            contract::Found::Nowhere => (None, whole("path", "the schema has no such path".to_owned())),
        };
        self.record(Side::Request, operation, method, path, findings);
        operation
    }

    fn record(
        &self,
        side: Side,
        operation: Option<&Operation>,
        method: &Method,
        path: &str,
        findings: Vec<(String, String)>,
    ) {
        for (at, what) in findings {
            let violation = Violation {
                side,
                operation: operation.map(|operation| operation.id.clone()),
                method: method.to_string(),
                path: path.to_owned(),
                at,
                what,
            };
            if self.print_violations {
                eprintln!("{violation}");
            }
            lock(&self.violations).push(violation);
        }
    }

    /// Completes an answer by the schema, and judges it.
    fn settle(&self, call: &Call, answer: &mut Answer) {
        let Some(operation) = call.operation else { return };
        let fields = call.fields();
        let wants = |name: &str| fields.wants(name);
        let chosen: Option<&dyn Fn(&str) -> bool> =
            if fields.is_all() || fields.is_vain() { None } else { Some(&wants) };
        if let Some(body) = answer.body_mut() {
            match call.looks {
                Release::Schema | Release::Newer => contract::complete(operation, body, chosen),
                Release::Late2024 => {
                    if documents::is_about_them(call) {
                        contract::complete_rows(operation, body);
                    }
                    contract::rejuvenate(operation, body);
                }
            }
        }
        if call.method == Method::HEAD || !call.looks.has_schema() {
            return;
        }
        let findings = contract::check_answer(operation, answer.status(), answer.body(), chosen);
        let findings = findings.into_iter().map(|found| (found.at, found.what)).collect();
        self.record(Side::Answer, Some(operation), &call.method, &call.path, findings);
    }
}
