//! The SDK's workflows on the responses of a real server: each path responds with the fullest body that was
//! recorded for it, reduced to the requested fields, as a server would.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use waldur_contract::recording::{self, Exchange};
use waldur_sdk::ClientExt as _;
use waldur_sdk::types::{OrderState, ResourceState};
use waldur_sdk::{Applied, Decimal, Error, NaiveDate, Provider, Uuid};

use crate::common::client_builder;

/// The status and the body, by method and path.
type Answers = HashMap<(String, String), (u16, Value)>;

fn uuid(text: &str) -> Uuid {
    text.parse().unwrap()
}

const SLURM: &str = "5f596410f3e250ca864c36b0be81db7b";
const SERVICE_PROVIDER: &str = "5ee03ad46b7d57379b4020bd5a6c0d70";
const PROVIDER_CUSTOMER: &str = "099cffad82ed5826b00bb094e9567476";
const ALICE: &str = "69846d71999058d5a659c45402fb0ffb";
const BOB: &str = "21f971f1826353809c68a9c750eec4c9";
/// The resource that was created, used and read with all fields.
const RESOURCE: &str = "3de37dd86a0743caa3672ece3a062ebd";
/// The resource whose usage was reported.
const USED: &str = "227ed6434294531b83deeada77082d05";

/// Returns the path whose response was recorded: the provider's view of a team equals the consumer's.
fn recorded_at(path: &str) -> String {
    match path {
        "/api/marketplace-provider-resources/227ed6434294531b83deeada77082d05/team/" => {
            path.replace("-provider-", "-")
        }
        path => path.to_owned(),
    }
}

fn answers(text: &str) -> Answers {
    let mut answers = Answers::new();
    for exchange in text.lines().map(|line| recording::parse(line).unwrap()) {
        let Exchange { request, response, .. } = exchange;
        if !(200..300).contains(&response.status) {
            continue;
        }
        let key = (request.method.clone(), request.bare_path().to_owned());
        let fuller = |there: &(u16, Value)| there.1.to_string().len() < response.body.to_string().len();
        if answers.get(&key).is_none_or(fuller) {
            answers.insert(key, (response.status, response.body));
        }
    }
    answers
}

fn chosen(object: &Map<String, Value>, fields: &[&str]) -> Value {
    let some: Map<String, Value> = object
        .iter()
        .filter(|(name, _)| fields.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(if some.is_empty() { object.clone() } else { some })
}

fn answer(answers: &Answers, method: &Method, path: &str, query: &str) -> Response<Full<Bytes>> {
    let parameters = || query.split('&').filter_map(|pair| pair.split_once('='));
    let fields: Vec<&str> =
        parameters().filter(|(name, _)| *name == "field").map(|(_, value)| value).collect();
    let beyond = parameters().any(|(name, value)| name == "page" && value != "1");
    let known = answers.get(&(method.to_string(), recorded_at(path))).filter(|_| !beyond);
    let (status, mut body) = known.cloned().unwrap_or((404, json!({ "detail": "Not found." })));
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    if let Value::Array(rows) = &body {
        response = response.header("x-result-count", rows.len());
    }
    if !fields.is_empty() {
        body = match body {
            Value::Array(rows) => rows.iter().map(|row| chosen(row.as_object().unwrap(), &fields)).collect(),
            Value::Object(object) => chosen(&object, &fields),
            other => other,
        };
    }
    let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    response.header("content-type", "application/json").body(Full::new(bytes)).unwrap()
}

/// Starts a server that responds as recorded, until the runtime ends. Returns a provider's workflows on it.
async fn recorded(answers: Arc<Answers>) -> Provider {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                let service = service_fn(|request: Request<hyper::body::Incoming>| {
                    let answers = Arc::clone(&answers);
                    async move {
                        let (request, body) = request.into_parts();
                        let _ = body.collect().await;
                        let query = request.uri.query().unwrap_or_default();
                        Ok::<_, Infallible>(answer(&answers, &request.method, request.uri.path(), query))
                    }
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    client_builder(url, "0".repeat(40)).build().unwrap().provider()
}

#[tokio::test]
#[ignore = "needs recorded exchanges: WALDUR_RECORDINGS names the folder of mastermind.jsonl"]
async fn workflows_read_responses_of_a_real_server() {
    let answers = answers(&crate::common::recording("mastermind.jsonl"));
    let rows = |path: &str| answers[&("GET".to_owned(), path.to_owned())].1.as_array().unwrap().len();
    let provider = recorded(Arc::new(answers.clone())).await;
    let (slurm, own) = (uuid(SLURM), uuid(SERVICE_PROVIDER));

    // Users, keys and the lists of the service provider.
    assert_eq!(provider.users().all().await.unwrap().len(), rows("/api/users/"));
    let keys = provider.ssh_keys().all().await.unwrap();
    assert!(keys.len() == rows("/api/keys/") && keys.iter().all(|key| !key.public_key.is_empty()));
    let found = provider.service_providers().of_customer(uuid(PROVIDER_CUSTOMER)).await.unwrap().unwrap();
    assert_eq!(found.uuid, own);
    let below = |part: &str| format!("/api/marketplace-service-providers/{SERVICE_PROVIDER}/{part}/");
    let users = provider.service_provider(own).users().all().await.unwrap();
    assert!(users.len() == rows(&below("users")) && users.iter().any(|user| user.uuid == uuid(ALICE)));
    let permissions = provider.service_provider(own).project_permissions().all().await.unwrap();
    assert_eq!(permissions.len(), rows(&below("project_permissions")));
    assert_eq!(
        provider.service_provider(own).customers().all().await.unwrap().len(),
        rows(&below("customers"))
    );
    assert_eq!(
        provider.service_provider(own).offerings().all().await.unwrap().len(),
        rows(&below("offerings"))
    );

    // Resources and their teams.
    let resources = provider.resources().all().await.unwrap();
    assert_eq!(resources.len(), rows("/api/marketplace-provider-resources/"));
    let one = provider.resource(uuid(RESOURCE)).get().await.unwrap();
    assert_eq!((one.state, one.backend_id.as_str()), (ResourceState::Ok, "hpc_new_alloc"));
    assert!(provider.resource(one.uuid).endpoints().await.unwrap().is_empty());
    assert_eq!(provider.resources().live().all().await.unwrap().len(), resources.len());
    let team = provider.resource(uuid(USED)).team().await.unwrap();
    let alice = team.iter().find(|member| member.user_uuid == uuid(ALICE)).unwrap();
    assert_eq!(alice.offering_user_username.as_deref(), Some("alice_hpc"));

    // Orders.
    let orders = provider.orders().all().await.unwrap();
    assert_eq!(orders.len(), rows("/api/marketplace-orders/"));
    assert!(orders.iter().any(|order| order.state == OrderState::Executing));
    let erred = provider.order(uuid("8789a89dc8b15bfe98dd3d5dcb2062ee")).get().await.unwrap();
    assert!(erred.is_terminal() && !erred.resource_name.is_empty());

    // Usage and components.
    let components = provider.resource(uuid(RESOURCE)).components().await.unwrap();
    let types: Vec<&str> = components.iter().map(|component| component.type_.as_str()).collect();
    assert!(types.len() == 3 && ["cpu", "gpu", "ram"].iter().all(|type_| types.contains(type_)));
    assert!(
        components.iter().all(|component| component.is_reportable() && !component.measured_unit.is_empty())
    );
    let month = NaiveDate::from_ymd_opt(2026, 11, 1).unwrap();
    let usages = provider.resource(uuid(USED)).usage(month).await.unwrap();
    assert!(usages.len() == rows("/api/marketplace-component-usages/") && usages[0].month == month.into());
    assert!(!provider.resource(uuid(USED)).user_usage(month).await.unwrap().is_empty());
    let periods = provider.resource(uuid(USED)).plan_periods().await.unwrap();
    assert!(periods[0].usages.iter().any(|usage| usage.type_ == "cpu" && usage.amount == Decimal::TEN));
    let offering = provider.offering(slurm).get().await.unwrap();
    assert_eq!((offering.components.len(), offering.type_.as_str()), (3, "Marketplace.Slurm"));

    // Accounts.
    let accounts = provider.offering_users().all().await.unwrap();
    assert_eq!((accounts.len(), accounts[0].username.as_str(), &accounts[0].state), (1, "alice_hpc", &None));
    assert!(accounts[0].is_usable() && accounts[0].transitions().next().is_none());
    let gaps = provider.offering(slurm).access_gaps().await;
    assert!(gaps.is_ok() || gaps.unwrap_err().is_not_found(), "most teams were not recorded");
}

#[tokio::test]
#[ignore = "needs recorded exchanges: WALDUR_RECORDINGS names the folder of mastermind.jsonl"]
async fn workflows_accept_the_responses_of_a_real_server_to_changes() {
    let answers = answers(&crate::common::recording("mastermind.jsonl"));
    let provider = recorded(Arc::new(answers)).await;
    let done = |result: Result<Applied, Error>| assert_eq!(result.unwrap(), Applied::Now);
    done(provider.order(uuid("4c2c58e84cc0542784e82bc40429b4d9")).approve().await);
    done(provider.order(uuid("7a015e53605959c7a554cb773994f59c")).reject("no room").await);
    done(provider.order(uuid("467db2a5008c54e391d7add6813c3aaa")).cancel().await);
    done(provider.order(uuid("98ff4a203af4550e868afe882db74be1")).set_done().await);
    done(provider.order(uuid("26446ec86d3053f0ab8019be9caa76e9")).set_executing().await);
    // The order was read after it was set.
    let erred = provider.order(uuid("a3da230ba5f75f55bd2a08ba8df92dfa")).set_erred("no room", "line 7").await;
    assert_eq!(erred.unwrap(), Applied::Already);
    provider.resource(uuid(USED)).set_backend_id("hpc_17").await.unwrap();
    provider.resource(uuid(USED)).set_metadata(json!({ "a": 1 })).await.unwrap();
    provider.resource(uuid(USED)).submit_report([("Login", "ssh")]).await.unwrap();
    let usage = provider.resource(uuid(USED)).report_usage().amount("cpu", Decimal::ONE_HUNDRED);
    assert_eq!(usage.await.unwrap().usages.len(), 1);
    let sent =
        provider.resource(uuid(RESOURCE)).report_usage().all(Decimal::ONE).allow_decrease().await.unwrap();
    assert_eq!(sent.usages.len(), 3);
    let ensured = provider.ensure_offering_user(uuid(BOB), uuid(SLURM)).username("bob_hpc").await.unwrap();
    assert!(ensured.created && ensured.object.is_usable());
    let found = provider.ensure_offering_user(uuid(ALICE), uuid(SLURM)).username("alice_hpc").await.unwrap();
    assert!(!found.created && found.object.username == "alice_hpc");
    // The response to the change has the new name.
    let applied = provider.offering_user(&found.object).set_username("alice2").await.unwrap();
    assert_eq!(applied, Applied::Now);
    let names = [(uuid(ALICE), "alice_hpc")];
    assert_eq!(
        provider.service_provider(uuid(SERVICE_PROVIDER)).set_usernames(names).await.unwrap().applied(),
        1
    );
}
