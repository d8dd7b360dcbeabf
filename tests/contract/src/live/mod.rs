//! A read-only visit to a server: what it has, and how its responses fit the types of the client.
//!
//! Every request passes [`ReadOnly`], which refuses all methods but GET, HEAD and OPTIONS. The parts of a
//! visit are the lists ([`lists`]), the operations of a provider ([`operations`]), `field=` ([`fields`]),
//! paging ([`paging`]) and times ([`timing`]). A part that fails is reported and doesn't end the visit.

pub mod document;
pub mod fields;
pub mod lists;
pub mod operations;
pub mod paging;
mod read_only;
mod report;
pub mod timing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::Value;
use waldur_api_client::{Client, ClientBuilder, ListExt as _, ListRequest, RetryPolicy, Transport};

use crate::anonymous::Anonymizer;
use crate::recording::Exchange;

pub use read_only::{Log, ReadOnly, Refused, Seen};
pub use report::Report;

/// A name that no list has as a field.
pub const NO_FIELD: &str = "no_such_field";

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
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_requests: 500, rate: Some(5.0), page_size: 5, repeat: 5, timed_page_size: 100 }
    }
}

/// Reasons why a server can't be visited.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings of the client are missing or invalid.
    #[error("{0}")]
    Settings(waldur_api_client::Error),
    /// The limit of requests is zero.
    #[error("no request may be sent: the limit of requests is zero")]
    NoRequest,
    /// There is no response.
    #[error("the server doesn't respond: {0}")]
    NoResponse(waldur_api_client::Error),
    /// The token is refused.
    #[error("the server doesn't accept the token (401)")]
    Token,
    /// The server isn't the API of Waldur.
    #[error("/api/users/me/ is not the user of a Waldur server (status {0}): is the URL that of the API?")]
    NotWaldur(StatusCode),
}

/// The result of a visit.
#[derive(Debug)]
pub struct Visit {
    /// What was found.
    pub report: Report,
    /// The responses of lists and single objects, without personal details.
    pub recording: Vec<Exchange>,
}

/// The reason why there is no response to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The limit of requests was reached before.
    Limit,
    /// The request timed out.
    Timeout,
    /// The connection failed.
    Connection,
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Limit => "not asked: the limit of requests was reached",
            Self::Timeout => "no response: timed out",
            Self::Connection => "no response: the connection failed",
        })
    }
}

/// Returns a list with chosen fields.
type Listing = fn(&Client) -> ListRequest<Value>;

/// The lists that a provider's software reads most. Paging and times are examined on these.
const MOST_READ: [(&str, Listing); 7] = [
    ("marketplace_orders_list", |client| client.marketplace_orders_list().select_fields(["uuid"])),
    ("marketplace_provider_resources_list", |client| {
        client.marketplace_provider_resources_list().select_fields(["uuid"])
    }),
    ("marketplace_provider_offerings_list", |client| {
        client.marketplace_provider_offerings_list().select_fields(["uuid"])
    }),
    ("marketplace_component_usages_list", |client| {
        client.marketplace_component_usages_list().select_fields(["uuid"])
    }),
    ("marketplace_offering_users_list", |client| {
        client.marketplace_offering_users_list().select_fields(["uuid"])
    }),
    ("users_list", |client| client.users_list().select_fields(["uuid"])),
    ("keys_list", |client| client.keys_list().select_fields(["uuid"])),
];

/// Sends the requests of a visit and keeps what is recorded.
#[derive(Debug)]
struct Visitor {
    client: Client,
    log: Arc<Log>,
    settings: Settings,
    /// The name and the exchange.
    recorded: Vec<(String, Seen)>,
    /// The uuid of the first item of each list, by the path of the list.
    first_uuids: BTreeMap<String, String>,
}

impl Visitor {
    fn new(builder: ClientBuilder, settings: Settings) -> Result<Self, Error> {
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
        let client = builder.build().map_err(Error::Settings)?;
        Ok(Self { client, log, settings, recorded: Vec::new(), first_uuids: BTreeMap::new() })
    }

    /// Sends a request. Returns the response of any status.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Seen, (Unanswered, Option<waldur_api_client::Error>)> {
        if self.log.is_full() {
            return Err((Unanswered::Limit, None));
        }
        let _ = self.log.take_latest();
        let mut request = self.client.request(method, path);
        for (name, value) in query {
            request = request.query(*name, value);
        }
        let result = request.send().await;
        match (self.log.take_latest(), result) {
            (Some(seen), _) => Ok(seen),
            (None, Err(error)) if error.is_timeout() => Err((Unanswered::Timeout, Some(error))),
            (None, Err(error)) => Err((Unanswered::Connection, Some(error))),
            (None, Ok(_)) => Err((Unanswered::Connection, None)),
        }
    }

    async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Seen, Unanswered> {
        self.ask(Method::GET, path, query).await.map_err(|(why, _)| why)
    }

    fn record(&mut self, name: &str, seen: &Seen) {
        self.recorded.push((name.to_owned(), seen.clone()));
    }
}

/// Visits a server. Sends only requests that read.
///
/// # Errors
/// If the client has no valid settings, the server doesn't respond, or it refuses the token. Everything else
/// is in the report.
pub async fn visit(builder: ClientBuilder, settings: Settings) -> Result<Visit, Error> {
    let mut visitor = Visitor::new(builder, settings)?;
    let me = match visitor.ask(Method::GET, "/api/users/me/", &[]).await {
        Ok(seen) => seen,
        Err((_, Some(error))) => return Err(Error::NoResponse(error)),
        Err((_, None)) => return Err(Error::NoRequest),
    };
    if me.status == StatusCode::UNAUTHORIZED {
        return Err(Error::Token);
    }
    let user = serde_json::from_slice::<Value>(&me.body).ok().filter(|user| user["uuid"].is_string());
    let Some(user) = user.filter(|_| me.status.is_success()) else { return Err(Error::NotWaldur(me.status)) };
    visitor.record("users_me_retrieve", &me);
    let version = visitor.get("/api/version/", &[]).await;
    if let Ok(seen) = &version {
        visitor.record("version_retrieve", seen);
    }
    let mut lists = lists::read(&mut visitor).await;
    let operations = operations::find(&visitor, &lists).await;
    let fields = fields::examine(&mut visitor, &lists).await;
    let paging = paging::examine(&visitor, &lists).await;
    let times = timing::measure(&visitor, &lists).await;

    let mut anonymizer = Anonymizer::new(visitor.client.url());
    for (_, seen) in &visitor.recorded {
        anonymizer.learn(seen);
    }
    let recorded = visitor.recorded.iter().enumerate();
    let recording: Vec<Exchange> = recorded
        .map(|(index, (name, seen))| anonymizer.exchange(&format!("{:03} {name}", index + 1), seen))
        .collect();
    lists::show_safely(&mut lists, &anonymizer);
    let report = Report {
        version: report::Version::of(version),
        is_staff: user["is_staff"] == true,
        requests: visitor.log.sent(),
        lists,
        operations,
        fields,
        paging,
        times,
        recorded_otherwise: report::recorded_otherwise(&visitor.recorded, &recording),
    };
    Ok(Visit { report, recording })
}

/// Returns the median; zero if there is none.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
