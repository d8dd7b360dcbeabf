//! What the tests and benchmarks share: clients of a sandbox, and what a sandbox was asked.

#![allow(dead_code, reason = "each test program uses some of it")]
#![allow(clippy::unwrap_used, reason = "tests state what must hold by panicking")]

pub(crate) mod interrupting;

use std::collections::BTreeSet;
use std::time::Duration;

use waldur_sandbox::{Actor, OrderState, Sandbox};
use waldur_sdk::{Client, ClientBuilder, ClientExt as _, NaiveDate, Provider, RetryPolicy, Utc, Uuid};

/// Returns the builder of a client that has no settings yet.
pub(crate) fn blank_client_builder() -> ClientBuilder {
    Client::builder()
}

/// Starts an HTTP client for servers on loopback. It has no certificates, since a build without optimization takes
/// longer to load those of the system than most tests take.
pub(crate) fn http_client_builder() -> reqwest::ClientBuilder {
    ClientBuilder::http_client_builder().no_proxy().tls_certs_only([])
}

/// Returns the builder of a client for a server on loopback, with a token.
pub(crate) fn client_builder_at(url: impl Into<String>, token: impl Into<String>) -> ClientBuilder {
    blank_client_builder().url(url).token(token.into()).http_client(http_client_builder().build().unwrap())
}

/// Returns the builder of a client for a sandbox, with the token of this actor.
pub(crate) fn client_builder_as(sandbox: &Sandbox, actor: Actor) -> ClientBuilder {
    client_builder_at(sandbox.url(), sandbox.token(actor))
}

/// Returns the builder of a client for a sandbox, with the provider's token.
pub(crate) fn client_builder(sandbox: &Sandbox) -> ClientBuilder {
    client_builder_as(sandbox, Actor::Provider)
}

/// Returns a client for a sandbox, with the token of this actor.
pub(crate) fn client_as(sandbox: &Sandbox, actor: Actor) -> Client {
    client_builder_as(sandbox, actor).build().unwrap()
}

/// Returns a client for a sandbox, with the provider's token.
pub(crate) fn client(sandbox: &Sandbox) -> Client {
    client_as(sandbox, Actor::Provider)
}

/// Returns the workflows of providers on a sandbox, with the token of this actor.
pub(crate) fn provider_as(sandbox: &Sandbox, actor: Actor) -> Provider {
    client_as(sandbox, actor).provider()
}

/// Returns the workflows of providers on a sandbox, with the provider's token.
pub(crate) fn provider(sandbox: &Sandbox) -> Provider {
    provider_as(sandbox, Actor::Provider)
}

/// Returns the usual retry policy with pauses of 1 ms to 5 ms.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy::default().backoff(Duration::from_millis(1), Duration::from_millis(5))
}

/// Counts the requests with this method.
pub(crate) fn sent(sandbox: &Sandbox, method: &str) -> usize {
    sandbox.requests().iter().filter(|request| request.method == method).count()
}

/// Counts the POST requests.
pub(crate) fn posts(sandbox: &Sandbox) -> usize {
    sent(sandbox, "POST")
}

/// Counts the POST requests to paths that end like this.
pub(crate) fn posts_to(sandbox: &Sandbox, path_end: &str) -> usize {
    let requests = sandbox.requests();
    requests.iter().filter(|request| request.method == "POST" && request.path.ends_with(path_end)).count()
}

/// Returns the orders in this state.
pub(crate) fn in_state(sandbox: &Sandbox, state: OrderState) -> BTreeSet<Uuid> {
    sandbox.orders().iter().filter(|order| order.state == state).map(|order| order.uuid).collect()
}

/// Returns the date of today, in UTC.
pub(crate) fn today() -> NaiveDate {
    Utc::now().date_naive()
}
