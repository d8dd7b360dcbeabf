//! A page in place of an answer is an error in every way of reading, but for what is handed over as it comes.
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use uuid::Uuid;
use waldur_api_client::__private::Call;
use waldur_api_client::{BoxError, Client, Error, ListCall, Operation, Transport, types};

const PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head></html>";
const ID: Uuid = Uuid::from_u128(7);

/// Answers everything with this content type and body.
#[derive(Clone, Copy, Debug)]
struct Answers(u16, Option<&'static str>, &'static str);

impl Transport for Answers {
    fn execute(
        &self,
        request: reqwest::Request,
        _: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        let Self(status, content_type, body) = *self;
        let mut answer = http::Response::builder().status(status).header("x-request-id", "r-1");
        if let Some(content_type) = content_type {
            answer = answer.header("content-type", content_type);
        }
        let body = if request.method() == reqwest::Method::HEAD { "" } else { body };
        let answer = answer.body(body).unwrap();
        Box::pin(async move { Ok(answer.into()) })
    }
}

fn client(answers: Answers) -> Client {
    let client = Client::builder().url("http://waldur.test").token("0123").transport(Arc::new(answers));
    client.build().unwrap()
}

/// What each way of reading says: nothing, optional JSON, JSON, all of it, a HEAD.
async fn each(answers: Answers) -> [Result<(), Error>; 5] {
    let client = client(answers);
    let body = types::ResourceBackendIdRequest::builder().backend_id("x");
    let (list, head) = calls(client.marketplace_orders_list());
    [
        client.marketplace_orders_approve_by_provider().uuid(ID).send().await.map(drop),
        client.marketplace_provider_resources_set_backend_id().uuid(ID).body(body).send().await.map(drop),
        client.marketplace_orders_retrieve().uuid(ID).send().await.map(drop),
        list.prepare().buffer().await.map(drop),
        head.prepare().empty().await.map(drop),
    ]
}

/// Returns the call of a list, and that of its HEAD.
fn calls<L: ListCall>(list: L) -> (Call, Call) {
    let call = list.into_call();
    (call.clone(), call.of_operation(L::LIST.head.unwrap()))
}

#[tokio::test]
async fn a_page_is_no_answer_of_waldur() {
    for (status, content_type) in
        [(200, "text/html"), (201, "Text/HTML; charset=utf-8"), (202, "application/xhtml+xml")]
    {
        for (way, result) in each(Answers(status, Some(content_type), PAGE)).await.into_iter().enumerate() {
            let error = result.unwrap_err();
            assert_eq!(error.status(), Some(status));
            assert_eq!((error.attempts(), error.request_id()), (1, Some("r-1")));
            assert!(error.is_page() && error.to_string().contains("an HTML page"), "{error}");
            assert_eq!(error.body(), if way == 4 { "" } else { PAGE }, "{way}");
        }
    }
    let [empty, optional, json, whole, head] = each(Answers(200, None, " \n<HTML lang=en>")).await;
    for error in [empty, optional, json, whole].map(Result::unwrap_err) {
        assert!(error.is_page(), "{error}");
    }
    head.unwrap();
}

#[tokio::test]
async fn any_other_success_stays_one() {
    for (content_type, body) in [
        (Some("text/html"), ""),
        (Some("text/html"), "\n"),
        (Some("text/plain"), "<html>"),
        (Some("application/json"), PAGE),
        (None, "ok"),
        (None, ""),
    ] {
        let [empty, optional, ..] = each(Answers(200, content_type, body)).await;
        assert!(empty.is_ok() && optional.is_ok(), "{content_type:?} {body}");
    }
}

#[tokio::test]
async fn only_the_beginning_is_kept() {
    let long = format!("<html>{}", "x".repeat(100_000)).leak();
    for error in each(Answers(200, Some("text/html"), long)).await.map(Result::unwrap_err) {
        assert!(error.is_page() && error.body().len() <= 4096, "{error}");
    }
}

#[tokio::test]
async fn files_are_handed_over_as_they_come() {
    let client = client(Answers(200, Some("text/html"), PAGE));
    let file =
        client.marketplace_provider_offerings_glauth_users_config_retrieve().uuid(ID).send().await.unwrap();
    let chunks: Vec<bytes::Bytes> = file.into_inner().try_collect().await.unwrap();
    assert_eq!(chunks.concat(), PAGE.as_bytes());
}
