//! The same calls for programs without an async runtime.
//!
//! ```
//! use waldur_sdk::ClientExt as _;
//! use waldur_sdk::blocking::Client;
//!
//! # fn run(url: &str, token: &str) -> Result<(), waldur_sdk::Error> {
//! let client = Client::new(waldur_sdk::Client::builder().url(url).token(token))?;
//! let report = client.wait(client.provider().orders().pending().approve_all())?;
//! println!("{report}");
//! let users = client.wait(client.users_list().send())?;
//! # drop(users);
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

/// A [`Client`](AsyncClient) for programs without an async runtime. Clones share it and its one thread.
///
/// It derefs to the async client, whose calls send nothing by themselves; [`wait`](Self::wait) runs a call.
/// Inside an async runtime its functions fail ([`Error::is_configuration`]).
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
        // A plain drop waits, which is forbidden inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waiting would stop the other tasks of the runtime.
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
    /// Builds a client.
    ///
    /// # Errors
    /// If a setting is invalid, or inside an async runtime ([`Error::is_configuration`]).
    pub fn new(builder: ClientBuilder) -> Result<Self, Error> {
        Self::of(builder.build()?)
    }

    /// Builds a client from the environment: see [`Client::from_env`](AsyncClient::from_env).
    ///
    /// # Errors
    /// If a setting is missing or invalid, or inside an async runtime ([`Error::is_configuration`]).
    pub fn from_env() -> Result<Self, Error> {
        Self::of(AsyncClient::from_env()?)
    }

    /// Makes a blocking client of `client`, with a thread that looks after the connections.
    ///
    /// # Errors
    /// Inside an async runtime, or if there can be no thread ([`Error::is_configuration`]).
    pub fn of(client: AsyncClient) -> Result<Self, Error> {
        outside_of_async()?;
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(|source| {
                Error::new(ErrorKind::Configuration, "the thread for the connections can't be made")
                    .with_source(source)
            })?;
        Ok(Self { client, runtime: Arc::new(OwnedRuntime(Some(runtime))) })
    }

    /// Runs a call and returns its result.
    ///
    /// # Errors
    /// Those of the call, and inside an async runtime ([`Error::is_configuration`]); nothing is sent then.
    pub fn wait<T>(&self, call: impl IntoFuture<Output = Result<T, Error>>) -> Result<T, Error> {
        self.block_on(async move { call.await })?
    }

    /// Runs a future of any output, such as a loop of the program's own.
    ///
    /// # Errors
    /// Inside an async runtime ([`Error::is_configuration`]); the future isn't polled then.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Error> {
        outside_of_async()?;
        match &self.runtime.0 {
            Some(runtime) => Ok(runtime.block_on(future)),
            None => Err(Error::new(ErrorKind::Configuration, "the client is being dropped")),
        }
    }
}

/// All calls of the async client are there; [`wait`](Client::wait) runs them.
impl Deref for Client {
    type Target = AsyncClient;

    fn deref(&self) -> &AsyncClient {
        &self.client
    }
}
