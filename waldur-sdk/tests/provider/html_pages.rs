//! An HTML page in place of a response is an error of every workflow.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use waldur_sdk::api::{BoxError, Operation, Transport};
use waldur_sdk::{ClientExt as _, Uuid};

use crate::common::client_builder_at;

const ID: Uuid = Uuid::from_u128(7);

/// Responds to every request with an HTML page.
#[derive(Debug)]
struct Portal;

impl Transport for Portal {
    fn execute(
        &self,
        _: reqwest::Request,
        _: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        let page = http::Response::builder().header("content-type", "text/html").body("<html></html>");
        Box::pin(async move { Ok(page?.into()) })
    }
}

#[tokio::test]
async fn no_workflow_reports_success_for_an_html_page() {
    let client = client_builder_at("http://waldur.test", "0123").transport(Arc::new(Portal)).build().unwrap();
    let provider = client.provider();
    for outcome in [provider.order(ID).approve().await, provider.order(ID).set_done().await] {
        assert!(outcome.unwrap_err().is_page());
    }
    for error in [
        provider.resource(ID).set_backend_id("x").await.unwrap_err(),
        provider.resource(ID).set_end_date(None).await.unwrap_err(),
        provider.resource(ID).set_endpoints([("a", "ssh://a.example.org")]).await.unwrap_err(),
        provider.resources().live().all().await.map(drop).unwrap_err(),
    ] {
        assert!(error.is_page(), "{error:?}");
    }
}
