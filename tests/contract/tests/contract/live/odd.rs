//! Odd responses are reported by path, and recorded as they were.

use std::collections::BTreeMap;

use serde_json::json;
use waldur_contract::live::lists::{Findings, Outcome};
use waldur_contract::live::paging::Held;
use waldur_contract::live::{Unanswered, Visit, visit};
use waldur_contract::recording::Exchange;
use waldur_contract::replay::{Verdict, replay};
use waldur_sandbox::{Actor, Fault, Misbehaviour, Row};

use super::server::{Answers, served};
use super::{sandbox, settings, visited};
use crate::common;

const UUID: &str = "0123456789abcdef0123456789abcdef";

fn outcome<'a>(visit: &'a Visit, id: &str) -> &'a Outcome {
    &visit.report.lists.iter().find(|page| page.list.operation.id == id).unwrap().outcome
}

fn findings<'a>(visit: &'a Visit, id: &str) -> &'a Findings {
    match outcome(visit, id) {
        Outcome::Read(page) => &page.findings,
        other => panic!("{id}: {other:?}"),
    }
}

fn recorded<'a>(visit: &'a Visit, id: &str) -> &'a Exchange {
    visit.recording.iter().find(|exchange| exchange.name.ends_with(&format!(" {id}"))).unwrap()
}

#[tokio::test]
async fn odd_values_are_reported_by_path() {
    let sandbox = sandbox().start().await.unwrap();
    sandbox.corrupt("marketplace_orders_list", 1, "state", json!("archived"));
    sandbox.corrupt("marketplace_orders_list", 2, "state", json!("Alice: archived!"));
    sandbox.corrupt("marketplace_orders_list", Row::Every, "created", json!({ "at": 1 }));
    sandbox.corrupt("marketplace_orders_list", 3, "limits", json!({ "cores of Alice": "many" }));
    sandbox.corrupt("marketplace_orders_list", 0, "a_newer_field", json!([{ "by": "Alice" }]));
    sandbox.corrupt("keys_list", 0, "is_shared", json!("perhaps"));
    let visit = visited(&sandbox, Actor::Provider).await;

    let orders = findings(&visit, "marketplace_orders_list");
    let misfits: BTreeMap<&str, (&str, usize)> = orders
        .misfits
        .iter()
        .map(|(path, (kinds, times))| (path.as_str(), (kinds.as_str(), *times)))
        .collect();
    assert_eq!(misfits["$[].created"], ("expected a time, found an object", 5));
    assert!(misfits.contains_key("$[].limits.*") && misfits.len() == 2, "{misfits:?}");
    assert_eq!(orders.unknown_fields, BTreeMap::from([("$[].a_newer_field".to_owned(), 1)]));
    let values = &orders.unknown_values["$[].state"];
    assert_eq!(values, &["archived", "a value that isn't shown"]);
    assert_eq!(findings(&visit, "keys_list").misfits.keys().collect::<Vec<_>>(), ["$[].is_shared"]);

    let problems = [
        "keys_list: $[].is_shared is lost",
        "marketplace_orders_list: $[].created is lost",
        "marketplace_orders_list: $[].limits.* is lost",
    ];
    assert_eq!(visit.report.problems(), problems);
    let text = visit.report.document().to_text();
    for line in [
        "  - marketplace_orders_list $[].created: expected a time, found an object (5 times)",
        "  - marketplace_orders_list $[].state: archived, a value that isn't shown",
        "  - marketplace_orders_list $[].a_newer_field",
        "  - keys_list: $[].is_shared is lost",
        "  3 problems",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
    }
    assert!(!text.contains("Alice") && !text.contains("many"), "{text}");

    let order = recorded(&visit, "marketplace_orders_list");
    let verdict = replay(order, false).to_string();
    for path in ["$[0].created", "$[4].created", "$[3].limits."] {
        assert!(verdict.starts_with("ok, 6 fields dropped") && verdict.contains(path), "{verdict}");
    }
    let Verdict::Ok { unknown, .. } = replay(order, false) else { panic!("{verdict}") };
    assert_eq!(unknown, ["$[0].a_newer_field"]);
    assert_eq!(order.response.body[1]["state"], "archived");
    let all = visit.recording.iter().map(|one| serde_json::to_string(one).unwrap()).collect::<String>();
    assert!(!all.contains("Alice") && !all.contains("many") && !all.contains("perhaps"));
}

#[tokio::test]
async fn lists_that_fail_are_reported_and_do_not_end_the_visit() {
    let sandbox = sandbox().start().await.unwrap();
    for (id, fault) in [
        ("keys_list", Fault::Status(500)),
        ("roles_list", Fault::Status(403)),
        ("projects_list", Fault::Status(401)),
        ("marketplace_resources_list", Fault::Status(429)),
        ("users_list", Fault::Portal),
        ("marketplace_robot_accounts_list", Fault::NoSuchOperation),
        ("marketplace_plan_components_list", Fault::ResetBefore),
        ("marketplace_service_providers_list", Fault::Truncated),
        ("event_subscriptions_list", Fault::ExtraFields),
        ("marketplace_offering_users_list", Fault::ExtraFields),
    ] {
        sandbox.misbehave(Misbehaviour::new(fault).operation(id));
    }
    let visit = visited(&sandbox, Actor::Provider).await;
    assert!(matches!(outcome(&visit, "keys_list"), Outcome::Refused(status) if *status == 500));
    assert!(matches!(outcome(&visit, "roles_list"), Outcome::Refused(status) if *status == 403));
    assert!(matches!(outcome(&visit, "users_list"), Outcome::Unreadable(_)));
    assert!(matches!(outcome(&visit, "marketplace_robot_accounts_list"), Outcome::Missing));
    for id in ["marketplace_plan_components_list", "marketplace_service_providers_list"] {
        assert!(matches!(outcome(&visit, id), Outcome::Unanswered(Unanswered::Connection)), "{id}");
    }
    assert!(matches!(outcome(&visit, "marketplace_service_providers_keys_list"), Outcome::NoObject));
    let accounts = findings(&visit, "marketplace_offering_users_list");
    assert_eq!(accounts.unknown_fields.keys().collect::<Vec<_>>(), ["$[].from_the_future"]);
    assert_eq!(
        visit.report.problems(),
        [
            "keys_list: fails with 500",
            "marketplace_plan_components_list: no response: the connection failed",
            "marketplace_resources_list: fails with 429",
            "marketplace_service_providers_list: no response: the connection failed",
            "projects_list: fails with 401",
            "users_list: can't be read: a page, not JSON",
        ]
    );
    assert!(matches!(outcome(&visit, "marketplace_orders_list"), Outcome::Read(page) if page.rows == 5));

    for (id, verdict) in [
        ("keys_list", "error kind: server error (500)"),
        ("roles_list", "error kind: forbidden (403)"),
        ("users_list", "FAILED: the answer is a page"),
        ("marketplace_robot_accounts_list", "error kind: not found (404)"),
        ("marketplace_offering_users_list", "ok"),
    ] {
        let found = replay(recorded(&visit, id), false).to_string();
        assert!(found.starts_with(verdict), "{id}: {found}");
    }
}

#[tokio::test]
async fn pages_and_fields_that_are_not_as_expected_are_reported() {
    let sandbox = sandbox().start().await.unwrap();
    let of_orders = |fault| Misbehaviour::new(fault).path_end("/marketplace-orders/");
    sandbox.misbehave(of_orders(Fault::Status(405)).method("HEAD"));
    sandbox.misbehave(of_orders(Fault::ExtraFields).method("GET"));
    let visit = visited(&sandbox, Actor::Provider).await;
    let orders = visit.report.paging.iter().filter(|check| check.list == "marketplace_orders_list");
    let unheld: Vec<&str> =
        orders.filter(|check| check.held != Held::Yes).map(|check| check.expected).collect();
    assert_eq!(unheld, ["HEAD has the same count"]);
    assert_eq!(visit.report.problems(), ["marketplace_orders_list: not so: HEAD has the same count"]);
    let text = visit.report.document().to_text();
    let line = text.lines().find(|line| line.contains("ignored: all fields")).unwrap();
    assert!(line.ends_with("  marketplace_orders_list"), "{line}");
}

#[tokio::test]
async fn pages_that_fail_are_reported_as_such() {
    let sandbox = sandbox().start().await.unwrap();
    let fails = Misbehaviour::new(Fault::Status(500)).path_end("/marketplace-orders/").method("GET");
    sandbox.misbehave(fails.after(1));
    let visit = visited(&sandbox, Actor::Provider).await;
    let orders = visit.report.paging.iter().filter(|check| check.list == "marketplace_orders_list");
    let failed: Vec<_> = orders.filter(|check| check.seen == "fails with 500").collect();
    assert!(failed.len() == 4 && failed.iter().all(|check| check.held == Held::No), "{failed:?}");
    let problems = visit.report.problems();
    assert_eq!(problems[0], "marketplace_orders_list: fails with 500 for some fields");
    // The page past the end fails as well, and is expected to be 404.
    assert_eq!(problems.len(), 6, "{problems:?}");
}

#[tokio::test]
async fn keys_of_free_objects_are_not_reported_whatever_they_hold() {
    let sandbox = sandbox().start().await.unwrap();
    let limits =
        json!({ "alice.smith": "a", "bob[1]": "b", "carol@hpc.uni": "c", "x[dave]": "d", "e.new": "e" });
    sandbox.corrupt("marketplace_orders_list", 0, "limits", limits);
    sandbox.corrupt("marketplace_orders_list", 0, "a_newer_field", json!({ "alice.smith": 1 }));
    let visit = visited(&sandbox, Actor::Provider).await;
    let orders = findings(&visit, "marketplace_orders_list");
    assert_eq!(orders.unknown_fields.keys().collect::<Vec<_>>(), ["$[].a_newer_field"]);
    assert!(orders.misfits.keys().all(|path| path.starts_with("$[].limits.*")), "{:?}", orders.misfits);
    let report = visit.report.document().to_text();
    for word in ["alice", "smith", "bob", "carol", "uni", "dave", ".new"] {
        assert!(!report.contains(word), "{word} in\n{report}");
    }
}

#[tokio::test]
async fn a_server_below_a_path_is_recorded_as_others_are() {
    let allow = || "GET, HEAD, OPTIONS".to_owned();
    let order = json!({ "uuid": UUID, "state": "done", "created_by_username": "alice" });
    let answers = Answers::from(
        [
            ("/portal/api/users/me/", json!({ "uuid": UUID, "username": "alice" })),
            ("/portal/api/version/", json!({ "version": "8.0.5" })),
            ("/portal/api/marketplace-orders/", json!([order])),
            ("/portal/api/keys/", json!("alice")),
            ("/portal/api/roles/", json!({ "alice.smith": { "uuid": ["alice"] } })),
        ]
        .map(|(path, body)| (path.to_owned(), (body, allow()))),
    );
    let url = served(answers).await + "/portal/api/";
    let visit = visit(common::client_builder(&url, "0".repeat(40)), settings()).await.unwrap();
    for (name, path, verdict) in [
        ("users_me_retrieve", "/api/users/me/", "ok"),
        ("version_retrieve", "/api/version/", "ok"),
        ("marketplace_orders_list", "/api/marketplace-orders/?page_size=5", "ok"),
        (
            "keys_list",
            "/api/keys/?page_size=5",
            "FAILED: the answer can't be read: $: expected an array, found a text",
        ),
        ("users_list", "/api/users/?page_size=5", "error kind: not found (404)"),
    ] {
        let exchange = recorded(&visit, name);
        assert_eq!(exchange.request.path, path);
        let found = replay(exchange, false).to_string();
        assert!(found.starts_with(verdict), "{name}: {found}");
    }
    assert_eq!(recorded(&visit, "version_retrieve").response.body, json!({ "version": "8.0.5" }));
    assert_eq!(recorded(&visit, "marketplace_orders_list").response.body[0]["state"], "done");
    let report = visit.report.document().to_text();
    assert!(!report.contains("alice") && !report.contains("smith"), "{report}");
    let unreadable = "can't be read: expected an array, found ";
    assert!(
        matches!(outcome(&visit, "keys_list"), Outcome::Unreadable(why) if why == "expected an array, found a text")
    );
    assert!(report.contains(&format!("keys_list: {unreadable}a text")), "{report}");
    assert!(report.contains(&format!("roles_list: {unreadable}an object")), "{report}");
}

#[tokio::test]
async fn a_version_of_no_usual_form_is_not_shown() {
    let allow = "GET, HEAD, OPTIONS".to_owned();
    let answers = Answers::from(
        [
            ("/api/users/me/", json!({ "uuid": UUID })),
            ("/api/version/", json!({ "version": "8.0.5 by Alice\u{1b}[2J" })),
        ]
        .map(|(path, body)| (path.to_owned(), (body, allow.clone()))),
    );
    let url = served(answers).await;
    let visit = visit(common::client_builder(&url, "0".repeat(40)), settings()).await.unwrap();
    let report = visit.report.document().to_text();
    assert!(report.contains("  version not known: the response has none of the usual form\n"), "{report}");
    assert!(!report.contains("Alice"), "{report}");
}

#[tokio::test]
async fn a_redirect_to_a_login_page_is_recorded_as_the_response_to_the_request() {
    let sandbox = sandbox().start().await.unwrap();
    sandbox.misbehave(Misbehaviour::new(Fault::PortalRedirect(302)).operation("keys_list"));
    let visit = visited(&sandbox, Actor::Provider).await;
    let keys = recorded(&visit, "keys_list");
    assert_eq!(keys.request.path, "/api/keys/?page_size=5");
    assert_eq!(replay(keys, false).to_string(), "FAILED: the answer is a page");
    assert!(visit.report.problems().contains(&"keys_list: can't be read: a page, not JSON".to_owned()));
}

#[tokio::test]
async fn a_list_that_changes_during_the_visit_is_no_problem() {
    let sandbox = sandbox().start().await.unwrap();
    let fewer = Misbehaviour::new(Fault::VanishedItems(1)).path_end("/marketplace-orders/").after(1);
    sandbox.misbehave(fewer);
    let visit = visited(&sandbox, Actor::Provider).await;
    let orders = visit.report.paging.iter().filter(|check| check.list == "marketplace_orders_list");
    let unknown: Vec<&str> =
        orders.filter(|check| check.held == Held::NotKnown).map(|check| check.seen.as_str()).collect();
    assert!(unknown[0].starts_with("5 of 49 items, a next link, and the list has changed"), "{unknown:?}");
    assert_eq!(visit.report.problems(), [""; 0]);
}

#[tokio::test]
async fn a_server_that_no_longer_responds_is_left_alone() {
    let sandbox = sandbox().start().await.unwrap();
    sandbox.misbehave(Misbehaviour::new(Fault::ResetBefore).after(10));
    let visit = visited(&sandbox, Actor::Provider).await;
    // Each of five requests is sent twice.
    assert_eq!((sandbox.requests().len(), visit.report.requests), (20, 20));
    let lists = visit.report.lists.iter();
    let silent = lists.filter(|page| matches!(page.outcome, Outcome::Unanswered(Unanswered::Silence)));
    assert!(silent.count() > 10);
    assert_eq!(visit.report.problems().len(), 5, "{:?}", visit.report.problems());
}
