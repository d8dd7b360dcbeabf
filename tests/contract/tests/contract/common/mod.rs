//! Helpers of the contract tests: recordings and clients.

#![allow(dead_code, reason = "each test program uses some of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

use std::path::Path;

use waldur_sdk::{Client, ClientBuilder};

/// The environment variable with the folder of recorded exchanges, which are not part of the repository.
const RECORDINGS: &str = "WALDUR_RECORDINGS";

/// Reads a file of recorded exchanges, and fails the test without it.
pub(crate) fn recording(file: &str) -> String {
    let Some(folder) = std::env::var_os(RECORDINGS) else {
        panic!("{RECORDINGS} is not set: it names the folder with {file}");
    };
    let path = Path::new(&folder).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads a file of exchanges that were written by hand.
pub(crate) fn fixture(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(file)).unwrap()
}

/// Returns the builder of a client for a server on loopback, with a token. The client has no certificates, since a build
/// without optimization takes long to load those of the system.
pub(crate) fn client_builder(url: impl Into<String>, token: impl Into<String>) -> ClientBuilder {
    let http = ClientBuilder::http_client_builder().no_proxy().tls_certs_only([]).build().unwrap();
    Client::builder().url(url).token(token.into()).http_client(http)
}
