//! Sending the requests of a visit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use waldur_api_client::{Client, ClientBuilder, Error, RetryPolicy, Transport};

use super::read_only::{Log, ReadOnly};
use crate::seen::Seen;

/// After this many requests in a row without a response, no further one is sent: each can take a minute.
const MAX_UNANSWERED: usize = 5;

/// The settings of a visit.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The number of requests that are sent at most.
    pub max_requests: usize,
    /// The number of requests per second; `None` for no limit.
    pub rate: Option<f64>,
    /// The number of items of the first pages.
    pub page_size: usize,
    /// How often each time is measured.
    pub repeat: usize,
    /// The number of items of the pages whose time is measured.
    pub timed_page_size: usize,
    /// Is told what begins.
    pub on_step: fn(&str),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_requests: 500,
            rate: Some(5.0),
            page_size: 5,
            repeat: 5,
            timed_page_size: 100,
            on_step: |_| (),
        }
    }
}

/// The reason why there is no response to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The limit of requests was reached before.
    Limit,
    /// Several requests before had no response.
    Silence,
    /// The request timed out.
    Timeout,
    /// The connection failed.
    Connection,
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Limit => "not asked: the limit of requests was reached",
            Self::Silence => "not asked: the server no longer responds",
            Self::Timeout => "no response: timed out",
            Self::Connection => "no response: the connection failed",
        })
    }
}

fn path_and_query(path: &str, query: &[(&str, String)]) -> String {
    if query.is_empty() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{path}?{query}")
}

/// Sends the requests of a visit and keeps what is recorded.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) client: Client,
    pub(super) log: Arc<Log>,
    pub(super) settings: Settings,
    /// The name and the exchange.
    pub(super) recorded: Vec<(String, Seen)>,
    /// The uuid of the first item of each list, by the path of the list.
    pub(super) first_uuids: BTreeMap<String, String>,
    /// How many requests in a row have had no response.
    unanswered: AtomicUsize,
}

impl Visitor {
    pub(super) fn new(builder: ClientBuilder, settings: Settings) -> Result<Self, Error> {
        let log = Arc::new(Log::new(settings.max_requests));
        let entered = Arc::clone(&log);
        let mut builder = builder
            // One retry, for a connection that the server closed meanwhile.
            .retry(RetryPolicy::default().max_attempts(2))
            .transport_layer(move |inner| -> Arc<dyn Transport> {
                Arc::new(ReadOnly::new(inner, Arc::clone(&entered)))
            });
        if let Some(rate) = settings.rate {
            builder = builder.rate_limit(rate);
        }
        let client = builder.build()?;
        Ok(Self {
            client,
            log,
            settings,
            recorded: Vec::new(),
            first_uuids: BTreeMap::new(),
            unanswered: AtomicUsize::new(0),
        })
    }

    /// Returns why no further request may be sent, if there is a reason.
    pub(super) fn may_ask(&self) -> Result<(), Unanswered> {
        if self.log.is_full() {
            Err(Unanswered::Limit)
        } else if self.unanswered.load(Ordering::Relaxed) >= MAX_UNANSWERED {
            Err(Unanswered::Silence)
        } else {
            Ok(())
        }
    }

    /// Sends a request. Returns the response of any status.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Seen, (Unanswered, Option<Error>)> {
        self.may_ask().map_err(|why| (why, None))?;
        let _ = self.log.take_latest();
        let mut request = self.client.request(method, path);
        for (name, value) in query {
            request = request.query(*name, value);
        }
        let result = request.send().await;
        let latest = self.log.take_latest();
        match &latest {
            Some(_) => self.unanswered.store(0, Ordering::Relaxed),
            None => drop(self.unanswered.fetch_add(1, Ordering::Relaxed)),
        }
        match (latest, result) {
            // The server may be below a path, and a redirect may have been followed.
            (Some(seen), _) => Ok(Seen { path: path_and_query(path, query), ..seen }),
            (None, Err(error)) if error.is_timeout() => Err((Unanswered::Timeout, Some(error))),
            (None, Err(error)) => Err((Unanswered::Connection, Some(error))),
            (None, Ok(_)) => Err((Unanswered::Connection, None)),
        }
    }

    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Seen, Unanswered> {
        self.ask(Method::GET, path, query).await.map_err(|(why, _)| why)
    }

    pub(super) fn record(&mut self, name: &str, seen: &Seen) {
        self.recorded.push((name.to_owned(), seen.clone()));
    }
}
