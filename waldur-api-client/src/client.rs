//! The client.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use http::header::HeaderValue;
use uuid::Uuid;

use crate::server_url::ServerUrl;
use crate::transport::{Pipeline, RetryPolicy};

/// A client of one Waldur server, for one user. Clones are cheap and share the connections.
///
/// There is a function for each operation of the enabled features. It returns a builder whose setters are the
/// parameters of the operation, and whose `send` sends the request. Builders of list operations have the
/// functions of [`ListExt`](crate::ListExt) as well.
///
/// ```no_run
/// # #[cfg(feature = "provider")]
/// # async fn example() -> Result<(), waldur_api_client::Error> {
/// use waldur_api_client::types::OrderState;
/// use waldur_api_client::{Client, ListExt as _};
///
/// #[derive(serde::Deserialize)]
/// struct Row {
///     uuid: uuid::Uuid,
///     state: OrderState,
/// }
///
/// let client = Client::from_env()?;
/// let executing = client.marketplace_orders_list().state([OrderState::Executing]);
/// for row in executing.select::<Row>().all().await? {
///     println!("{} {}", row.uuid, row.state);
///     client.marketplace_orders_set_state_done().uuid(row.uuid).send().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) pipeline: Pipeline,
    pub(crate) http: reqwest::Client,
    pub(crate) url: ServerUrl,
    pub(crate) bulk_concurrency: usize,
    pub(crate) strict: bool,
    pub(crate) extensions: Arc<Extensions>,
}

/// Values that the crates above keep for a server, one of each type.
#[derive(Default)]
pub(crate) struct Extensions(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Extensions {
    fn get<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = all.entry(TypeId::of::<T>()).or_insert_with(|| Arc::<T>::default());
        // The value under the id of a type is of that type.
        Arc::clone(value).downcast().unwrap_or_default()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.shared.url.as_str())
            .field("bulk_concurrency", &self.shared.bulk_concurrency)
            .field("strict", &self.shared.strict)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Returns the URL of the server, without `/api`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.shared.url.as_str()
    }

    /// Returns the URL of the server, parsed.
    pub(crate) fn server_url(&self) -> &ServerUrl {
        &self.shared.url
    }

    /// Returns the number of concurrent requests of one bulk operation.
    #[must_use]
    pub fn bulk_concurrency(&self) -> usize {
        self.shared.bulk_concurrency
    }

    /// Returns the time limit of a call, with all retries and pauses.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.shared.pipeline.timeout
    }

    /// Returns the retry policy.
    #[must_use]
    pub fn retry_policy(&self) -> &RetryPolicy {
        &self.shared.pipeline.retry
    }

    /// Returns a client with other settings. Connections, limits and the retry budget stay shared.
    fn with(&self, change: impl FnOnce(&mut Shared)) -> Self {
        let Shared { pipeline, http, url, bulk_concurrency, strict, extensions } = &*self.shared;
        let mut shared = Shared {
            pipeline: pipeline.clone(),
            http: http.clone(),
            url: url.clone(),
            bulk_concurrency: *bulk_concurrency,
            strict: *strict,
            extensions: Arc::clone(extensions),
        };
        change(&mut shared);
        Self::new(shared)
    }

    /// Returns a client whose calls time out after `timeout`, retries and pauses included. Connections and
    /// limits stay shared.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        self.with(|shared| shared.pipeline.timeout = timeout)
    }

    /// Returns a client that retries according to `policy`. The retry budget stays shared.
    #[must_use]
    pub fn with_retry(&self, policy: RetryPolicy) -> Self {
        self.with(|shared| shared.pipeline.retry = policy)
    }

    /// Returns a client that treats POST and PATCH as idempotent and retries them like GET. Use it only for
    /// calls that do no harm if they are applied twice.
    #[must_use]
    pub fn assume_idempotent(&self) -> Self {
        self.with(|shared| shared.pipeline.retry.assume_idempotent = true)
    }

    /// Returns a client that acts as `user`. Requires a staff token.
    ///
    /// A server that is too old for this ignores it: calls are made as the user of the token then. Where that
    /// matters, look first whether `users_me_retrieve` returns the user.
    #[must_use]
    pub fn impersonating(&self, user: Uuid) -> Self {
        self.with(|shared| {
            shared.pipeline.impersonated = HeaderValue::from_str(&user.simple().to_string()).ok();
        })
    }

    /// Returns a client in strict mode. A field of a response that doesn't fit its type is an error, with the
    /// operation, the JSON path, and the expected and the actual kind of value.
    ///
    /// Strict mode applies to calls that read. A call that changes something was applied if its status is
    /// 2xx, so its response never becomes an error.
    #[must_use]
    pub fn strict(&self) -> Self {
        self.with(|shared| shared.strict = true)
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.shared.pipeline
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.shared.http
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.shared.strict
    }
}

/// For the crates above. Not part of the public interface.
#[doc(hidden)]
impl Client {
    /// Returns the time of the server, from the header `Date` of its responses; `None` before the first one.
    /// It is at most one second and one round trip behind.
    #[must_use]
    pub fn server_now(&self) -> Option<DateTime<Utc>> {
        self.shared.pipeline.connections.clock.at(SystemTime::now())
    }

    /// Takes a retry from the budget of the client. Returns whether one was left.
    #[must_use]
    pub fn take_retry(&self) -> bool {
        self.shared.pipeline.connections.budget.take()
    }

    /// Returns a retry that succeeded to the budget.
    pub fn retry_succeeded(&self) {
        self.shared.pipeline.connections.budget.succeeded(true);
    }

    /// Returns the value of type `T` that is kept for this server. Clones share it.
    #[must_use]
    pub fn extension<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        self.shared.extensions.get()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use http::Method;

    use super::*;

    /// Starts a server whose clock is centuries ahead. Its first response has no date.
    async fn server() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let dates = ["", "date: Tue, 31 Dec 2999 23:59:50 GMT\r\n"];
            for (status, date) in [200, 404].into_iter().zip(dates) {
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                let head = format!("HTTP/1.1 {status} status\r\ncontent-length: 2\r\n{date}\r\n[]");
                stream.write_all(head.as_bytes()).await.unwrap();
            }
        });
        url
    }

    #[tokio::test]
    async fn each_response_sets_the_server_time_for_all_clones() {
        let client = Client::builder().url(server().await).token("a").no_proxy().build().unwrap();
        let clone = client.assume_idempotent().with_timeout(Duration::from_secs(20));
        client.request(Method::GET, "/a/").send().await.unwrap();
        assert_eq!(client.server_now(), None);
        client.request(Method::POST, "/a/").send().await.unwrap_err();
        for client in [&client, &clone] {
            let now = client.server_now().unwrap().to_rfc3339();
            assert!(now.starts_with("2999-12-31T23:59:5") || now.starts_with("3000-01-01T00:00"), "{now}");
        }
    }

    #[test]
    fn clones_share_the_retry_budget() {
        let policy = RetryPolicy::default().budget(2).max_attempts(7);
        let client = Client::builder().url("http://127.0.0.1:1").token("a").retry(policy.clone());
        let client = client.timeout(Duration::from_secs(9)).build().unwrap();
        assert_eq!((client.retry_policy(), client.timeout()), (&policy, Duration::from_secs(9)));
        assert!(client.take_retry() && client.with_retry(RetryPolicy::never()).take_retry());
        assert!(!client.take_retry());
    }

    #[test]
    fn clones_share_extensions() {
        let client = Client::builder().url("http://127.0.0.1:1").token("a").build().unwrap();
        let kept = client.strict().extension::<Mutex<u8>>();
        *kept.lock().unwrap() = 7;
        assert_eq!(*client.clone().extension::<Mutex<u8>>().lock().unwrap(), 7);
    }
}
