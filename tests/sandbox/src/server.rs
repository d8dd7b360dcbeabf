//! Connections and requests: what happens around every operation.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request as HttpRequest, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::actor::{Actor, Tokens};
use crate::answer::{Answer, Outcome};
use crate::call::{Call, parse_query};
use crate::fault::{Fault, Faults};
use crate::routes::{self, Found};
use crate::state::State;

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
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) log: Mutex<Vec<Request>>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) tokens: Tokens,
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
                    let service = service_fn(|request| respond(&shared, request));
                    // An error here is a client that went away, or a connection closed on purpose.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
}

/// An error closes the connection without an answer.
async fn respond(shared: &Shared, request: HttpRequest<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if !shared.latency.is_zero() {
        tokio::time::sleep(shared.latency).await;
    }
    let head = parts.method == Method::HEAD;
    let query = parts.uri.query().unwrap_or_default();
    let path = parts.uri.path();
    let caller = shared.tokens.authenticate(&parts.headers);
    let mut entry = Request {
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: query.to_owned(),
        status: 0,
        actor: caller.as_ref().ok().copied().flatten(),
        body: serde_json::from_slice(&body).ok(),
    };
    let fault = lock(&shared.faults).strike(&parts.method, path);
    let answer = match fault.as_ref().and_then(Fault::instead) {
        Some(answer) => Some(answer),
        None if fault == Some(Fault::ResetBefore) => None,
        None => {
            let call = Call {
                method: parts.method.clone(),
                path: path.to_owned(),
                query: parse_query(query),
                segments: Vec::new(),
                caller: None,
                origin: Call::origin(&parts.headers, &shared.address.to_string()),
                media_type: Call::media_type(&parts.headers),
                body,
            };
            let answer = dispatch(shared, call, query, caller);
            match fault {
                Some(Fault::ResetAfter) => None,
                Some(Fault::EmptyBody) => Some(answer.without_body()),
                _ => Some(answer),
            }
        }
    };
    entry.status = answer.as_ref().map_or(0, Answer::status);
    lock(&shared.log).push(entry);
    answer
        .map(|answer| answer.into_response(head))
        .ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset))
}

/// Route first, then who calls, then whether the method is there: in this order the server refuses.
fn dispatch(shared: &Shared, mut call: Call, query: &str, caller: Result<Option<Actor>, Answer>) -> Answer {
    let (route, segments) = match routes::find(&call.path) {
        Found::Route(route, segments) => (route, segments),
        Found::Slash if query.is_empty() => return Answer::moved(&format!("{}/", call.path)),
        Found::Slash => return Answer::moved(&format!("{}/?{query}", call.path)),
        Found::Nowhere => return Answer::page(StatusCode::NOT_FOUND),
    };
    call.segments = segments;
    let outcome: Outcome = caller.and_then(|caller| {
        call.caller = caller;
        if !route.public {
            call.actor()?;
        }
        match route.handler(&call.method) {
            Some(handler) => handler(&call, &mut lock(&shared.state)),
            None if call.method == Method::OPTIONS => Ok(Answer::empty(StatusCode::OK)),
            None if route.allows(&call.method) => Err(Answer::page(StatusCode::NOT_IMPLEMENTED)),
            None => Err(Answer::detail(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("Method \"{}\" not allowed.", call.method),
            )),
        }
    });
    let answer = outcome.unwrap_or_else(|refusal| refusal);
    if answer.status() >= 500 {
        return answer;
    }
    answer.with(header::ALLOW, HeaderValue::from_static(route.allow))
}
