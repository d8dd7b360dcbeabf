//! The same workflows for programs without an async runtime.
//!
//! ```
//! use waldur_sdk::blocking::Client;
//!
//! # fn with(url: &str, token: &str) -> Result<(), waldur_sdk::Error> {
//! # use waldur_sdk::ClientExt as _;
//! let client = Client::new(waldur_sdk::Client::builder().url(url).token(token))?;
//! let report = client.approve_all_pending_orders()?;
//! println!("{report}");
//! // Whatever has no name here:
//! let orders = client.block_on(|client| async move { client.provider().orders([]).await })??;
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};
use uuid::Uuid;

use crate::client_ext::ClientExt as _;
use crate::outcome::Report;
use crate::provider::{Amounts, LiveResource, Order, ReportedUsage};
use crate::row::Rows;
use waldur_api_client::Client as AsyncClient;
use waldur_api_client::ClientBuilder;
use waldur_api_client::types::OrderState;
use waldur_api_client::{Error, ErrorKind};

/// A [`Client`](AsyncClient) whose calls return when they are done. Clones share it and its one thread.
///
/// It is for programs without an async runtime: inside of one, all its functions refuse with an error of kind
/// [`ErrorKind::Configuration`].
#[derive(Clone, Debug)]
pub struct Client {
    client: AsyncClient,
    runtime: Arc<Own>,
}

/// A runtime that can be dropped anywhere.
#[derive(Debug)]
struct Own(Option<Runtime>);

impl Drop for Own {
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
    /// The client that `builder` makes.
    ///
    /// # Errors
    /// If a setting is wrong, or inside an async runtime.
    pub fn new(builder: ClientBuilder) -> Result<Self, Error> {
        Self::of(builder.build()?)
    }

    /// The client of [`Client::from_env`](AsyncClient::from_env).
    ///
    /// # Errors
    /// If a setting is missing or wrong, or inside an async runtime.
    pub fn from_env() -> Result<Self, Error> {
        Self::of(AsyncClient::from_env()?)
    }

    /// `client`, with a thread of its own that looks after the connections.
    ///
    /// # Errors
    /// Inside an async runtime, or if there can be no thread.
    pub fn of(client: AsyncClient) -> Result<Self, Error> {
        outside_of_async()?;
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(|source| {
                Error::new(ErrorKind::Configuration, "the thread for the connections can't be made")
                    .with_source(source)
            })?;
        Ok(Self { client, runtime: Arc::new(Own(Some(runtime))) })
    }

    /// Does what `work` does with the client, and waits for it.
    ///
    /// # Errors
    /// Inside an async runtime; `work` doesn't begin then.
    pub fn block_on<F: Future>(&self, work: impl FnOnce(AsyncClient) -> F) -> Result<F::Output, Error> {
        outside_of_async()?;
        match &self.runtime.0 {
            Some(runtime) => Ok(runtime.block_on(work(self.client.clone()))),
            None => Err(Error::new(ErrorKind::Configuration, "the client is being dropped")),
        }
    }
}

/// A function for each workflow.
macro_rules! workflows {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        impl Client {$(
            #[doc = concat!("[`Client::", stringify!($name), "`](AsyncClient::", stringify!($name), "), waited for.")]
            ///
            /// # Errors
            /// Those of that function, and inside an async runtime.
            pub fn $name(&self, $($argument: $kind),*) -> Result<$result, Error> {
                self.block_on(|client| async move { client.$name($($argument),*).await })?
            }
        )*}
    };
}

workflows! {
    orders(states: impl IntoIterator<Item = OrderState>) -> Rows<Order>;
    approve_all_executing_orders() -> Report;
    approve_all_pending_orders() -> Report;
    complete_all_executing_orders() -> Report;
    live_resources() -> Rows<LiveResource>;
    set_usage_for_all_components(resource: Uuid, amounts: impl Into<Amounts>) -> ReportedUsage;
}
