//! The seam under all calls, on a server that misbehaves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "blocking")]
mod blocking;
mod connections;
mod credentials;
mod flow;
mod observe;
mod pages;
mod raw;
mod redirects;
mod retries;
mod server;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls;

use std::time::Duration;

use server::Server;
use waldur_sdk::{Client, ClientBuilder, RetryPolicy};

const TOKEN: &str = "9d1f0c8b7a6e5d4c3b2a19080706050403020100";

/// The usual policy, in a hurry.
fn quick() -> RetryPolicy {
    RetryPolicy::default().pauses(Duration::from_millis(1), Duration::from_millis(5))
}

fn builder(server: &Server) -> ClientBuilder {
    Client::builder().url(&server.url).token(TOKEN).no_proxy().retry(quick())
}

fn client(server: &Server) -> Client {
    builder(server).build().unwrap()
}
