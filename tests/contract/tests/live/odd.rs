//! Odd responses are reported by path, and recorded as they were.

use std::collections::BTreeMap;

use serde_json::json;
use waldur_contract::live::lists::{Findings, Outcome};
use waldur_contract::live::paging::Held;
use waldur_contract::live::{Unanswered, Visit};
use waldur_contract::recording::Exchange;
use waldur_contract::replay::{Verdict, replay};
use waldur_sandbox::{Actor, Fault, Misbehaviour, Row};

use super::{sandbox, visited};

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
            "marketplace_service_providers_list: no response: the connection failed",
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
