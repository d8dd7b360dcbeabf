//! What stands between client and server: passes everything on, and spoils what a mutation says.

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

use crate::Mutation;
use crate::sent::Sent;

type Answer = Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>>;

/// A proxy. It ends with this value.
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
    /// Before the server at `api`, an address that ends with `/api/`.
    pub(crate) async fn start(api: &str, mutation: Option<&'static Mutation>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/", listener.local_addr().unwrap());
        let plain = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let passing = Arc::new(Passing {
            http: plain.build().unwrap(),
            origin: api.strip_suffix("/api/").unwrap().to_owned(),
            mutation,
            spoiled: AtomicUsize::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&passing)));
        Self { url, passing, task }
    }

    /// Its address, as the client takes it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many requests were spoiled.
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
            // An error here is a client that went away.
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

    /// The header Host stays what the client wrote, so that addresses in answers lead here.
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
