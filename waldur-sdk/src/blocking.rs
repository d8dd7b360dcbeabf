//! A client for programs without an async runtime.
//!
//! [`Client::wait`] runs any call of the async client and blocks until it is finished:
//!
//! ```no_run
//! use waldur_sdk::ClientExt as _;
//! use waldur_sdk::blocking::Client;
//!
//! # fn main() -> Result<(), waldur_sdk::Error> {
//! let client = Client::from_env()?;
//! let report = client.wait(client.provider().orders().pending().approve_all())?;
//! println!("{report}");
//! let users = client.wait(client.users_list().send())?;
//! # drop(users);
//! # Ok(())
//! # }
//! ```
//!
//! [`Client::new`] takes the settings from a builder, that of the async client:
//!
//! ```
//! # use waldur_sandbox::{Actor, Sandbox};
//! # use waldur_sdk::ClientExt as _;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::builder().start_blocking()?;
//! # let (url, token) = (sandbox.url(), sandbox.token(Actor::Provider));
//! use waldur_sdk::blocking::Client;
//!
//! let client = Client::new(waldur_sdk::Client::builder().url(url).token(token))?;
//! let waiting = client.wait(client.provider().orders().pending().count())?;
//! println!("{waiting} orders wait");
//! # Ok(())
//! # }
//! ```

use std::future::IntoFuture;
use std::ops::Deref;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};

use waldur_api_client::Client as AsyncClient;
use waldur_api_client::ClientBuilder;
use waldur_api_client::{Error, ErrorKind};

/// A client for programs without an async runtime. Clones share the connections and one background thread.
///
/// It derefs to the async [`Client`](AsyncClient). Calls of that client send nothing until they are awaited;
/// [`wait`](Self::wait) runs one and blocks. Inside an async runtime, its functions return an error
/// ([`Error::is_configuration`]).
#[derive(Clone, Debug)]
pub struct Client {
    client: AsyncClient,
    runtime: Arc<OwnedRuntime>,
}

/// A runtime that can be dropped anywhere.
#[derive(Debug)]
struct OwnedRuntime(Option<Runtime>);

impl Drop for OwnedRuntime {
    fn drop(&mut self) {
        // Dropping a runtime blocks, which panics inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Refuses to block inside an async runtime, where it would stop other tasks.
fn outside_of_async() -> Result<(), Error> {
    match Handle::try_current() {
        Err(_) => Ok(()),
        Ok(_) => Err(Error::new(
            ErrorKind::Configuration,
            "waldur_sdk::blocking::Client can't be used inside an async runtime: use waldur_sdk::Client there",
        )),
    }
}

impl Client {
    /// Builds a client from `builder`.
    ///
    /// # Errors
    /// [`Error::is_configuration`] if a setting is invalid, or if called inside an async runtime.
    pub fn new(builder: ClientBuilder) -> Result<Self, Error> {
        Self::of(builder.build()?)
    }

    /// Builds a client from the environment, as [`Client::from_env`](AsyncClient::from_env) does.
    ///
    /// # Errors
    /// [`Error::is_configuration`] if a setting is missing or invalid, or if called inside an async runtime.
    pub fn from_env() -> Result<Self, Error> {
        Self::of(AsyncClient::from_env()?)
    }

    /// Wraps an async client, and starts a thread that drives its connections.
    ///
    /// # Errors
    /// [`Error::is_configuration`] if called inside an async runtime, or if the thread can't be started.
    pub fn of(client: AsyncClient) -> Result<Self, Error> {
        outside_of_async()?;
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(|source| {
                Error::new(ErrorKind::Configuration, "the thread for the connections can't be started")
                    .with_source(source)
            })?;
        Ok(Self { client, runtime: Arc::new(OwnedRuntime(Some(runtime))) })
    }

    /// Runs a call, blocks until it is finished, and returns its result.
    ///
    /// # Errors
    /// Those of the call, or [`Error::is_configuration`] if called inside an async runtime; nothing is sent
    /// then.
    pub fn wait<T>(&self, call: impl IntoFuture<Output = Result<T, Error>>) -> Result<T, Error> {
        self.block_on(async move { call.await })?
    }

    /// Runs a future of any output and blocks until it is finished, for example a loop over a stream.
    ///
    /// # Errors
    /// [`Error::is_configuration`] if called inside an async runtime; the future isn't polled then.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Error> {
        outside_of_async()?;
        match &self.runtime.0 {
            Some(runtime) => Ok(runtime.block_on(future)),
            None => Err(Error::new(ErrorKind::Configuration, "the client is being dropped")),
        }
    }
}

/// Returns the async client; [`wait`](Client::wait) runs its calls.
impl Deref for Client {
    type Target = AsyncClient;

    fn deref(&self) -> &AsyncClient {
        &self.client
    }
}
