//! The proxy between client and server, which applies a mutation to matching requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use waldur_api_client::ClientBuilder;

use crate::mutations::Mutation;
use crate::mutations::sent::Sent;

type Answer = Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>>;

/// A proxy that stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    url: String,
    passing: Arc<Passing>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Passing {
    http: reqwest::Client,
    /// Scheme, host and port of the server.
    origin: String,
    mutation: Option<&'static Mutation>,
    spoiled: AtomicUsize,
}

impl Proxy {
    /// Starts a proxy for the server at `api`, a URL that ends with `/api/`.
    pub(crate) async fn start(api: &str, mutation: Option<&'static Mutation>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/", listener.local_addr().unwrap());
        let plain = ClientBuilder::http_client_builder().no_proxy().tls_certs_only([]);
        let passing = Arc::new(Passing {
            http: plain.build().unwrap(),
            origin: api.strip_suffix("/api/").unwrap().to_owned(),
            mutation,
            spoiled: AtomicUsize::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&passing)));
        Self { url, passing, task }
    }

    /// Returns the proxy's URL, for the client.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns how many requests were changed.
    pub(crate) fn spoiled(&self) -> usize {
        self.passing.spoiled.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, passing: Arc<Passing>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let passing = Arc::clone(&passing);
        connections.spawn(async move {
            let service = service_fn(|request| passing.pass(request));
            // An error here means that the client closed the connection.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Passing {
    async fn pass(&self, request: Request<Incoming>) -> Answer {
        let mut sent = Sent::read(request).await?;
        if let Some(mutation) = self.mutation.filter(|mutation| sent.is_at(mutation.at)) {
            let before = sent.clone();
            (mutation.change)(&mut sent);
            if sent != before {
                self.spoiled.fetch_add(1, Ordering::Relaxed);
            }
        }
        for _ in 1..sent.times {
            self.forward(&sent).await?;
        }
        self.forward(&sent).await
    }

    /// Forwards a request. The header Host is kept, so that URLs in responses lead to the proxy.
    async fn forward(&self, sent: &Sent) -> Answer {
        let url = format!("{}{}", self.origin, sent.target());
        let request = self.http.request(sent.method.clone(), url).headers(sent.headers.clone());
        let answer = request.body(sent.body.clone()).send().await?;
        let mut passed = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            passed = passed.header(name, value);
        }
        Ok(passed.body(Full::new(answer.bytes().await?))?)
    }
}
