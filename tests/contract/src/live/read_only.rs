//! The transport of a visit: it sends nothing that could change the server, and not more than agreed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::future::BoxFuture;
use http::Method;
use waldur_api_client::{BoxError, Operation, Transport};

use crate::seen::Seen;

/// The requests of a visit: how many were sent, and the latest response.
#[derive(Debug)]
pub struct Log {
    max: usize,
    sent: AtomicUsize,
    latest: Mutex<Option<Seen>>,
}

impl Log {
    /// Returns a log of at most `max` requests.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, sent: AtomicUsize::new(0), latest: Mutex::new(None) }
    }

    /// Returns the number of requests that were sent.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Returns whether no further request may be sent.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.sent() >= self.max
    }

    /// Returns the latest response, once.
    #[must_use]
    pub fn take_latest(&self) -> Option<Seen> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Counts a request, unless the log is full.
    fn count(&self) -> Result<(), Refused> {
        let next = |sent: usize| (sent < self.max).then_some(sent + 1);
        let counted = self.sent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        counted.map(drop).map_err(|_| Refused::TooMany(self.max))
    }
}

/// The reason why a request was not sent.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The method may change the server.
    #[error("{0} is not sent: a visit reads only")]
    Method(Method),
    /// The limit of requests is reached.
    #[error("{0} requests were sent, which is the limit")]
    TooMany(usize),
}

/// A transport that sends GET, HEAD and OPTIONS, and refuses every other request.
#[derive(Debug)]
pub struct ReadOnly {
    inner: Arc<dyn Transport>,
    log: Arc<Log>,
}

impl ReadOnly {
    /// Wraps a transport. Each request and response is entered into `log`.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>, log: Arc<Log>) -> Self {
        Self { inner, log }
    }

    async fn exchange(
        &self,
        request: reqwest::Request,
        operation: &'static Operation,
    ) -> Result<reqwest::Response, BoxError> {
        if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
            return Err(Refused::Method(request.method().clone()).into());
        }
        self.log.count()?;
        let (method, url) = (request.method().clone(), request.url().clone());
        let path = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let began = Instant::now();
        let response = self.inner.execute(request, operation).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        let elapsed = began.elapsed();
        let mut answer = http::Response::new(body.clone());
        *answer.status_mut() = status;
        *answer.headers_mut() = headers.clone();
        let seen = Seen { method, path, status, headers, body, elapsed };
        *self.log.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(answer.into())
    }
}

impl Transport for ReadOnly {
    fn execute(
        &self,
        request: reqwest::Request,
        operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        Box::pin(self.exchange(request, operation))
    }
}

#[cfg(test)]
mod tests {
    use waldur_api_client::{Client, RetryPolicy};

    use super::*;

    /// Responds to everything with an empty list, and counts.
    #[derive(Debug, Default)]
    struct Server(AtomicUsize);

    impl Transport for Server {
        fn execute(
            &self,
            _: reqwest::Request,
            _: &'static Operation,
        ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(http::Response::new("[]").into()) })
        }
    }

    fn client(max: usize) -> (Client, Arc<Server>, Arc<Log>) {
        let (server, log) = (Arc::new(Server::default()), Arc::new(Log::new(max)));
        let layer = {
            let log = Arc::clone(&log);
            move |inner| Arc::new(ReadOnly::new(inner, Arc::clone(&log))) as Arc<dyn Transport>
        };
        let builder = Client::builder().url("https://waldur.example.org").token("0").no_proxy();
        let builder = builder.transport(Arc::clone(&server) as Arc<dyn Transport>).transport_layer(layer);
        (builder.retry(RetryPolicy::never()).build().unwrap(), server, log)
    }

    #[tokio::test]
    async fn every_method_that_may_change_the_server_is_refused() {
        let (client, server, log) = client(10);
        let odd = Method::from_bytes(b"PURGE").unwrap();
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE, odd] {
            let error = client.request(method.clone(), "/api/keys/").send().await.unwrap_err();
            assert!(matches!(error.cause::<Refused>(), Some(Refused::Method(found)) if *found == method));
        }
        let order = client.marketplace_orders_approve_by_provider().uuid(uuid::Uuid::nil());
        assert!(order.send().await.is_err());
        assert_eq!((server.0.load(Ordering::Relaxed), log.sent()), (0, 0));
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            client.request(method, "/api/keys/?page=1").send().await.unwrap();
        }
        assert_eq!((server.0.load(Ordering::Relaxed), log.sent()), (3, 3));
        let seen = log.take_latest().unwrap();
        assert_eq!((seen.path.as_str(), &seen.body[..]), ("/api/keys/?page=1", &b"[]"[..]));
        assert!(log.take_latest().is_none());
    }

    #[tokio::test]
    async fn no_more_requests_are_sent_than_agreed() {
        let (client, server, log) = client(2);
        for _ in 0..2 {
            client.request(Method::GET, "/api/keys/").send().await.unwrap();
        }
        let error = client.request(Method::GET, "/api/keys/").send().await.unwrap_err();
        assert!(matches!(error.cause::<Refused>(), Some(Refused::TooMany(2))), "{error}");
        assert!(log.is_full() && server.0.load(Ordering::Relaxed) == 2);
    }
}
