//! Servers of 2020: without `/api/users/me/`, with orders that hold their items.

use serde_json::{Value, json};
use waldur_contract::live::lists::Outcome;
use waldur_contract::live::operations::Presence;
use waldur_contract::live::{Error, visit};
use waldur_contract::replay::replay;

use super::server::{Answers, served};
use super::settings;
use crate::common;

const UUID: &str = "0123456789abcdef0123456789abcdef";

/// Returns the responses of a server of 2020 with these users.
fn answers(users: &Value) -> Answers {
    let order = json!({
        "uuid": UUID, "state": "requested for approval", "total_cost": "3.5000000000",
        "items": [{ "uuid": UUID, "offering_terms_of_service": "", "alice": 1, "attributes": { "bob": 2 } }],
    });
    let resource = json!({ "uuid": UUID, "state": "OK", "offering_terms_of_service": "", "limits": {} });
    let answers = [
        ("/api/users/me/", Value::Null, "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("/api/users/", users.clone(), "GET, POST, HEAD, OPTIONS"),
        ("/api/version/", json!({ "version": "4.5.1" }), "GET, OPTIONS"),
        ("/api/marketplace-orders/", json!([order]), "GET, POST, HEAD, OPTIONS"),
        ("/api/marketplace-resources/", json!([resource]), "GET, POST, HEAD, OPTIONS"),
    ];
    answers.into_iter().map(|(path, body, allow)| (path.to_owned(), (body, allow.to_owned()))).collect()
}

#[tokio::test]
async fn a_server_without_users_me_is_visited() {
    let users = json!([{ "uuid": UUID, "username": "alice", "is_staff": true, "token": "geheim" }]);
    let url = served(answers(&users)).await;
    let visit = visit(common::client_builder(&url, "0".repeat(40)), settings()).await.unwrap();
    let report = &visit.report;
    assert!(report.is_staff);
    assert_eq!(report.problems(), [""; 0]);
    assert!(matches!(report.operations["users_me_retrieve"], Presence::NotKnown(_)));
    assert_eq!(report.operations["marketplace_orders_set_state_done"], Presence::Missing);
    assert_eq!(report.operations["marketplace_orders_create"], Presence::There);

    let names: Vec<&str> = visit.recording.iter().map(|exchange| exchange.name.as_str()).collect();
    assert_eq!(names[..3], ["001 users_me_retrieve", "002 users_list current", "003 version_retrieve"]);
    let verdict = |index: usize| replay(&visit.recording[index], true).to_string();
    assert!(verdict(0).starts_with("error kind: not found (404)"), "{}", verdict(0));
    assert_eq!(verdict(1), "ok");
    let text = report.document().to_text();
    let all: String = visit.recording.iter().map(|one| serde_json::to_string(one).unwrap()).collect();
    for detail in ["alice", "bob", "geheim"] {
        assert!(!text.contains(detail) && !all.contains(detail), "{detail}");
    }
}

#[tokio::test]
async fn a_field_of_another_release_is_named_wherever_it_is() {
    let url = served(answers(&json!([{ "uuid": UUID }]))).await;
    let visit = visit(common::client_builder(&url, "0".repeat(40)), settings()).await.unwrap();
    let page = visit.report.lists.iter().find(|page| page.list.operation.id == "marketplace_resources_list");
    let Outcome::Read(page) = &page.unwrap().outcome else { panic!("{page:?}") };
    assert_eq!(page.findings.unknown_fields.keys().collect::<Vec<_>>(), ["$[].offering_terms_of_service"]);
    let orders = visit.recording.iter().find(|one| one.name.ends_with(" marketplace_orders_list")).unwrap();
    let item = orders.response.body[0]["items"][0].as_object().unwrap();
    assert!(item.contains_key("offering_terms_of_service") && item.contains_key("attributes"), "{item:?}");
}

#[tokio::test]
async fn a_list_of_several_users_does_not_tell_who_asks() {
    for users in [json!([]), json!([{ "uuid": UUID }, { "uuid": UUID }])] {
        let url = served(answers(&users)).await;
        let builder = common::client_builder(&url, "0".repeat(40));
        let error = visit(builder, settings()).await.unwrap_err();
        assert!(matches!(error, Error::NotWaldur(status) if status == 404), "{error}");
    }
}
