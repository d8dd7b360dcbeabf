//! A server that responds with chosen bodies.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The body of a response and its header `Allow`, by path. The response without a body is that for an object
/// that isn't there.
pub(super) type Answers = HashMap<String, (serde_json::Value, String)>;

fn answer(answers: &Answers, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let response = Response::builder();
    let Some((body, allow)) = answers.get(request.uri().path()) else {
        let page = Full::new(Bytes::from_static(b"<h1>Not Found</h1>"));
        return response.status(404).header("content-type", "text/html").body(page).unwrap();
    };
    let response = response.header("content-type", "application/json").header("allow", allow);
    let (status, body) = match body {
        serde_json::Value::Null => (404, r#"{"detail": "Not found."}"#.to_owned()),
        body => (200, body.to_string()),
    };
    let response = response.status(status);
    let body = if *request.method() == Method::GET { body } else { String::new() };
    response.body(Full::new(body.into())).unwrap()
}

/// Starts a server that responds with JSON, and with a page to other paths, until the runtime ends. Returns
/// its URL.
pub(super) async fn served(answers: Answers) -> String {
    let answers = Arc::new(answers);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| {
                    let response = answer(&answers, &request);
                    async { Ok::<_, Infallible>(response) }
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    url
}
