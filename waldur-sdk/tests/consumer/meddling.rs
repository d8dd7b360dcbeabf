//! Another program that acts in place of a request, which is lost.

use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::api::{BoxError, Operation, Transport};
use waldur_sdk::consumer::Consumer;

use super::common;

/// Loses the first request of an operation, and acts instead.
struct Meddler {
    operation: &'static str,
    deed: Mutex<Option<BoxFuture<'static, ()>>>,
    http: reqwest::Client,
}

impl fmt::Debug for Meddler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meddler").field("operation", &self.operation).finish_non_exhaustive()
    }
}

impl Transport for Meddler {
    fn execute(
        &self,
        request: reqwest::Request,
        operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        let deed = (operation.id == self.operation).then(|| self.deed.lock().unwrap().take()).flatten();
        match deed {
            Some(deed) => Box::pin(async move {
                deed.await;
                Err("the connection was reset".into())
            }),
            None => Transport::execute(&self.http, request, operation),
        }
    }
}

/// Returns a consumer whose first request of `operation` doesn't arrive; `deed` is done instead.
pub(crate) fn meddled(
    sandbox: &Sandbox,
    actor: Actor,
    operation: &'static str,
    deed: impl Future<Output = ()> + Send + 'static,
) -> Consumer {
    let deed: BoxFuture<'static, ()> = Box::pin(deed);
    let http = common::http_client_builder().build().unwrap();
    let transport: Arc<dyn Transport> = Arc::new(Meddler { operation, deed: Mutex::new(Some(deed)), http });
    let builder = common::client_builder_as(sandbox, actor).retry(common::quick());
    builder.transport(transport).build().unwrap().consumer()
}
