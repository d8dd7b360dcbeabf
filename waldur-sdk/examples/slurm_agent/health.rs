//! The health endpoint: any GET answers with the health of the agent as JSON, and with the status 200, or 503
//! if a loop is stalled.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use waldur_sdk::agent::AgentMonitor;

/// How long a request may take to arrive.
const LIMIT: Duration = Duration::from_secs(5);

/// Listens on this address, and answers in the background.
pub(crate) async fn serve(address: SocketAddr, monitor: AgentMonitor) -> io::Result<JoinHandle<()>> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "health endpoint");
    Ok(tokio::spawn(async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Such as too many open files.
                    tracing::warn!(%error, "the health endpoint can't accept a connection");
                    tokio::time::sleep(LIMIT).await;
                    continue;
                }
            };
            let monitor = monitor.clone();
            let answer = service_fn(move |request| std::future::ready(answer(&monitor, &request)));
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(LIMIT).keep_alive(false);
            tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
        }
    }))
}

fn answer(monitor: &AgentMonitor, request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let health = monitor.health();
    let (status, body) = match (request.method(), serde_json::to_vec(&health)) {
        (&Method::GET | &Method::HEAD, Ok(body)) if health.is_live() => (StatusCode::OK, body),
        (&Method::GET | &Method::HEAD, Ok(body)) => (StatusCode::SERVICE_UNAVAILABLE, body),
        (_, Ok(_)) => (StatusCode::METHOD_NOT_ALLOWED, Vec::new()),
        (_, Err(_)) => (StatusCode::INTERNAL_SERVER_ERROR, Vec::new()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
