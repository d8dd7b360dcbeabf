//! Requests say what the caller said, and nothing else.
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;
use waldur_api_client::types::{self, OrderState};
use waldur_api_client::{BoxError, Client, DecodeError, Nullable, Operation, Transport};

/// Keeps what is sent, and answers the same to everything.
#[derive(Debug)]
struct Recorder {
    sent: Mutex<Vec<(String, String, Option<Value>)>>,
    status: u16,
    answer: &'static str,
}

impl Transport for Recorder {
    fn execute(
        &self,
        request: reqwest::Request,
        operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        let body = request
            .body()
            .and_then(|body| body.as_bytes())
            .map(|bytes| serde_json::from_slice(bytes).unwrap());
        let line = format!("{} {}", request.method(), &request.url().as_str()["http://waldur.test".len()..]);
        let length = request.headers().get("content-length").map(|length| length.to_str().unwrap());
        let bare = request.body().is_none() && ["POST", "PUT", "PATCH"].contains(&request.method().as_str());
        assert_eq!(length, bare.then_some("0"), "{}", operation.id);
        self.sent.lock().unwrap().push((operation.id.to_owned(), line, body));
        let answer = http::Response::builder().status(self.status).body(self.answer).unwrap();
        Box::pin(async move { Ok(answer.into()) })
    }
}

fn client(status: u16, answer: &'static str) -> (Client, Arc<Recorder>) {
    let recorder = Arc::new(Recorder { sent: Mutex::default(), status, answer });
    let client = Client::builder().url("http://waldur.test/").token("0123").transport(recorder.clone());
    (client.build().unwrap(), recorder)
}

const ORDER: Uuid = Uuid::from_u128(0x227e_d643_4294_531b_83de_eada_7708_2d05);

#[tokio::test]
async fn enum_filters_repeat_the_key_and_ordering_is_joined() {
    let (client, recorder) = client(200, "[]");
    let call = client
        .marketplace_orders_list()
        .state([OrderState::Executing, OrderState::Other("new-state".to_owned())])
        .o([types::OrderDetailsOEnum::CreatedDescending, types::OrderDetailsOEnum::State])
        .page_size(300)
        .page_size(100)
        .offering_uuid(ORDER);
    assert!(call.send().await.unwrap().into_inner().is_empty());
    let sent = recorder.sent.lock().unwrap();
    assert_eq!(sent[0].0, "marketplace_orders_list");
    assert_eq!(
        sent[0].1,
        "GET /api/marketplace-orders/?state=executing&state=new-state&o=-created%2Cstate&page_size=100\
         &offering_uuid=227ed6434294531b83deeada77082d05"
    );
}

#[tokio::test]
async fn patch_tells_absent_from_null_from_value() {
    let (client, recorder) = client(200, "{}");
    let patch = || client.marketplace_provider_resources_partial_update().uuid(ORDER);
    type Body = types::PatchedResourceUpdateRequest;
    patch().body(Body::builder().name("x")).send().await.unwrap();
    patch().body(Body::builder().end_date(Nullable::Null)).send().await.unwrap();
    let day = "2026-02-03".parse::<chrono::NaiveDate>().unwrap();
    patch().body(Body::builder().end_date(day)).send().await.unwrap();
    let bodies: Vec<Value> = recorder.sent.lock().unwrap().iter().filter_map(|sent| sent.2.clone()).collect();
    assert_eq!(bodies, [json!({"name": "x"}), json!({"end_date": null}), json!({"end_date": "2026-02-03"})]);
}

#[tokio::test]
async fn what_is_required_is_missed_before_anything_is_sent() {
    let (client, recorder) = client(201, "");
    for (error, word) in [
        (client.marketplace_orders_retrieve().send().await.unwrap_err(), "`uuid` is required"),
        (client.marketplace_component_usages_set_usage().send().await.unwrap_err(), "body is required"),
        (
            client
                .marketplace_component_usages_set_usage()
                .body(types::ComponentUsageCreateRequest::builder())
                .send()
                .await
                .unwrap_err(),
            "`usages` is required",
        ),
    ] {
        assert!(error.is_validation() && error.to_string().contains(word), "{error}");
        assert_eq!((error.attempts(), error.status()), (0, None));
    }
    assert!(recorder.sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_change_that_got_2xx_has_happened_whatever_its_body() {
    for (status, body) in
        [(200, ""), (201, "null"), (202, "<p>accepted</p>"), (204, ""), (200, "[1]"), (200, "{\"uuid\": 1}")]
    {
        let (client, _) = client(status, body);
        let call = client.marketplace_provider_resources_set_backend_id().uuid(ORDER);
        call.body(types::ResourceBackendIdRequest::builder().backend_id("x")).send().await.unwrap();
    }
}

#[tokio::test]
async fn any_other_status_is_an_error_with_its_body() {
    let (client, _) = client(409, "{\"detail\":\"no\"}");
    let error = client.marketplace_orders_approve_by_provider().uuid(ORDER).send().await.unwrap_err();
    assert_eq!((error.status(), error.body()), (Some(409), "{\"detail\":\"no\"}"));
    assert!(error.is_conflict() && error.messages().to_string() == "no", "{error}");
}

#[tokio::test]
async fn strict_reading_names_operation_path_and_kinds_and_spares_changes() {
    let (client, _) = client(200, "[{\"uuid\": \"\", \"state\": null}, {\"created\": [], \"slug\": {}}]");
    assert_eq!(client.marketplace_orders_list().send().await.unwrap().into_inner().len(), 2);
    let strict = client.strict();
    let error = strict.marketplace_orders_list().send().await.unwrap_err();
    assert!(error.is_unexpected_response() && !error.body().is_empty(), "{error}");
    assert!(matches!(error.cause(), Some(DecodeError::TypeMismatch(_))), "{error:?}");
    let text = error.to_string();
    for part in ["marketplace_orders_list", "$[1].created", "expected a time", "found an array"] {
        assert!(text.contains(part), "{text}");
    }
    let change = strict.marketplace_provider_resources_set_backend_id().uuid(ORDER);
    change.body(types::ResourceBackendIdRequest::builder().backend_id("x")).send().await.unwrap();
}
