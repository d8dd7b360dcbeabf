//! The client.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use reqwest::Method;
use reqwest::header::HeaderValue;
use uuid::Uuid;
use waldur_api_client::Transport;

use crate::config::ClientBuilder;
use crate::error::Error;
use crate::outcome::Report;
use crate::provider::{Amounts, Booking, LiveResource, Order, Provider, ReportedUsage};
use crate::raw::Request;
use crate::retry::RetryPolicy;
use crate::row::Rows;
use crate::transport::Seam;
use crate::types::OrderState;

/// A Waldur server as one user sees it. Clones are cheap and share the connections.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use waldur_sandbox::{Actor, Sandbox};
/// use waldur_sdk::Client;
/// use waldur_sdk::types::OrderState;
///
/// let sandbox = Sandbox::start().await?;
/// let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
///
/// let waiting = client.orders([OrderState::PendingProvider]).await?;
/// assert!(waiting.iter().all(|order| order.state == OrderState::PendingProvider));
///
/// let report = client.approve_all_pending_orders().await?;
/// assert_eq!(report.done(), waiting.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    api: waldur_api_client::Client,
    seam: Arc<Seam>,
    url: String,
    concurrency: usize,
}

impl Shared {
    pub(crate) fn new(seam: Seam, url: String, concurrency: usize) -> Self {
        let (http, seam) = (seam.core.http.clone(), Arc::new(seam));
        let transport: Arc<dyn Transport> = Arc::<Seam>::clone(&seam);
        let api = waldur_api_client::Client::with_transport(&url, http, transport);
        Self { api, seam, url, concurrency }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.shared.url)
            .field("concurrency", &self.shared.concurrency)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Returns a builder with default settings.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client for the server of `WALDUR_API_URL` with the token of `WALDUR_ACCESS_TOKEN`, or of a profile
    /// of a file: see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    /// If one of them is missing or wrong; the error names it.
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.build()
    }

    /// The generated client, with the same token and connections: every operation of the API.
    #[must_use]
    pub fn api(&self) -> &waldur_api_client::Client {
        &self.shared.api
    }

    /// The address of the server, without `/api`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// How many requests of one workflow are under way at once.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.shared.concurrency
    }

    pub(crate) fn seam(&self) -> &Seam {
        &self.shared.seam
    }

    /// The server's time, from the `Date` of its answers; none before the first answer that has one. It is
    /// at most a second and the time of a round trip behind.
    pub(crate) fn server_now(&self) -> Option<DateTime<Utc>> {
        self.seam().core.clock.at(SystemTime::now())
    }

    /// What is known of how the server books reports.
    pub(crate) fn booking(&self) -> &Booking {
        &self.seam().core.booking
    }

    /// How often and how long calls are retried. A workflow that has looked and knows that a change was not
    /// applied sends it again by the same policy, each time with a retry of the shared budget
    /// ([`Client::take_retry`]).
    pub(crate) fn retry_policy(&self) -> &RetryPolicy {
        &self.seam().retry
    }

    /// Takes a retry from the budget that all calls share, if one is left.
    pub(crate) fn take_retry(&self) -> bool {
        self.seam().core.budget.take()
    }

    /// Gives a retry that succeeded back to the budget.
    pub(crate) fn retry_succeeded(&self) {
        self.seam().core.budget.came_through(true);
    }

    /// How long a call of this client may take, with all attempts and pauses.
    pub(crate) fn timeout(&self) -> Duration {
        self.seam().timeout
    }

    /// A clone that does something otherwise; connections, limits and the retry budget stay shared.
    fn but(&self, change: impl FnOnce(&mut Seam)) -> Self {
        let mut seam = self.seam().clone();
        change(&mut seam);
        Self::new(Shared::new(seam, self.shared.url.clone(), self.shared.concurrency))
    }

    /// Returns a client whose calls time out after `timeout`, retries and pauses included. Connections and
    /// limits stay shared.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        self.but(|seam| seam.timeout = timeout)
    }

    /// Returns a client that retries according to `policy`. The retry budget stays shared.
    #[must_use]
    pub fn with_retry(&self, policy: RetryPolicy) -> Self {
        self.but(|seam| seam.retry = policy)
    }

    /// Returns a client that treats POST and PATCH as idempotent and retries them like GET.
    #[must_use]
    pub fn repeating(&self) -> Self {
        self.but(|seam| seam.retry.every_method = true)
    }

    /// Returns a client that acts as `user`. Requires a staff token.
    #[must_use]
    pub fn impersonating(&self, user: Uuid) -> Self {
        self.but(|seam| seam.impersonated = HeaderValue::from_str(&user.simple().to_string()).ok())
    }

    /// A request of any method and path, for what the generated client doesn't have: see [`Request`].
    pub fn request(&self, method: Method, path: impl Into<String>) -> Request {
        Request::new(self.clone(), method, path.into())
    }

    /// What a service provider does, with all of the offerings that the user can see.
    #[must_use]
    pub fn provider(&self) -> Provider {
        Provider::new(self.clone())
    }

    /// [`Provider::orders`] of all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn orders(&self, states: impl IntoIterator<Item = OrderState>) -> Result<Rows<Order>, Error> {
        self.provider().orders(states).await
    }

    /// [`Provider::approve_all_executing_orders`] of all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn approve_all_executing_orders(&self) -> Result<Report, Error> {
        self.provider().approve_all_executing_orders().await
    }

    /// [`Provider::approve_all_pending_orders`] of all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn approve_all_pending_orders(&self) -> Result<Report, Error> {
        self.provider().approve_all_pending_orders().await
    }

    /// [`Provider::complete_all_executing_orders`] of all offerings.
    ///
    /// # Errors
    /// If the orders can't be listed.
    pub async fn complete_all_executing_orders(&self) -> Result<Report, Error> {
        self.provider().complete_all_executing_orders().await
    }

    /// [`Provider::live_resources`] of all offerings.
    ///
    /// # Errors
    /// If the resources can't be listed.
    pub async fn live_resources(&self) -> Result<Rows<LiveResource>, Error> {
        self.provider().live_resources().await
    }

    /// [`Provider::set_usage_for_all_components`].
    ///
    /// # Errors
    /// If the components can't be read, an amount is refused or the report fails.
    pub async fn set_usage_for_all_components(
        &self,
        resource: Uuid,
        amounts: impl Into<Amounts>,
    ) -> Result<ReportedUsage, Error> {
        self.provider().set_usage_for_all_components(resource, amounts).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server with a clock that is ahead by centuries; its first answer has no date.
    async fn server() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let dates = ["", "date: Tue, 31 Dec 2999 23:59:50 GMT\r\n"];
            for (status, date) in [200, 404].into_iter().zip(dates) {
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                let head = format!("HTTP/1.1 {status} told\r\ncontent-length: 2\r\n{date}\r\n[]");
                stream.write_all(head.as_bytes()).await.unwrap();
            }
        });
        url
    }

    #[tokio::test]
    async fn every_answer_tells_the_servers_time_to_all_clones() {
        let client = Client::builder().url(server().await).token("a").no_proxy().build().unwrap();
        let clone = client.repeating().with_timeout(Duration::from_secs(20));
        client.request(Method::GET, "/a/").send().await.unwrap();
        assert_eq!(client.server_now(), None);
        client.request(Method::POST, "/a/").send().await.unwrap_err();
        for client in [&client, &clone] {
            let now = client.server_now().unwrap().to_rfc3339();
            assert!(now.starts_with("2999-12-31T23:59:5") || now.starts_with("3000-01-01T00:00"), "{now}");
        }
    }

    #[test]
    fn workflows_know_the_policy_and_share_the_budget() {
        let policy = RetryPolicy::default().budget(2).attempts(7);
        let client = Client::builder().url("http://127.0.0.1:1").token("a").retry(policy.clone());
        let client = client.timeout(Duration::from_secs(9)).build().unwrap();
        assert_eq!((client.retry_policy(), client.timeout()), (&policy, Duration::from_secs(9)));
        assert!(client.take_retry() && client.with_retry(RetryPolicy::never()).take_retry());
        assert!(!client.take_retry());
    }
}
