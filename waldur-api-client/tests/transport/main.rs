//! The pipeline under all calls, on a server that misbehaves.

#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod connections;
mod credentials;
mod flow;
mod html_pages;
mod observe;
mod raw;
mod redirects;
mod retries;
mod server;
#[cfg(any(feature = "rustls-ring", feature = "rustls-aws-lc", feature = "native-tls"))]
mod tls;
mod upgrade;

use common::{client_builder_at, quick};
use server::Server;
use waldur_api_client::{Client, ClientBuilder};

const TOKEN: &str = "9d1f0c8b7a6e5d4c3b2a19080706050403020100";

fn builder(server: &Server) -> ClientBuilder {
    client_builder_at(&server.url, TOKEN).no_proxy().retry(quick())
}

fn client(server: &Server) -> Client {
    builder(server).build().unwrap()
}
