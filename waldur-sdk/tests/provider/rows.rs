//! Rows of lists with an odd value in one field of one row: the rows beside it are read, and nothing panics.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde_json::{Value, json};
use waldur_sandbox::{Ids, OrderState as State, Sandbox};
use waldur_sdk::usage::UserAmount;
use waldur_sdk::{Client, ClientExt as _, Decimal, Error, Outcome, Rows, UnreadableRow, Utc};

use crate::common::{client, provider};

/// The odd values; `None` removes the field.
fn odd_values() -> Vec<Option<Value>> {
    let mut values = vec![None];
    values.extend(
        [
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(1.5),
            json!(1e30),
            json!(u64::MAX),
            json!(""),
            json!(" "),
            json!("x"),
            json!("NaN"),
            json!("1000000000000000000000000000000"),
            json!("2026-05-01T00:00:00"),
            json!("2026-13-45"),
            json!([]),
            json!([null]),
            json!([1, "x"]),
            json!({}),
            json!({ "cpu": 1e30, "ram": "many", "gpu": 1 }),
            json!({ "uuid": { "uuid": [] } }),
            json!("ä".repeat(5000)),
        ]
        .map(Some),
    );
    values
}

/// Rows as texts, to compare rows of all types.
type Listed = (Vec<String>, Vec<UnreadableRow>);

fn listed<T: Debug>(rows: Result<Rows<T>, Error>) -> Listed {
    let (rows, unreadable) = rows.unwrap().into_parts();
    (rows.iter().map(|row| format!("{row:?}")).collect(), unreadable)
}

/// Lists with each of the odd values in each field of one row.
async fn check(operation: &str, fields: &[&str], list: impl AsyncFn(&Client, &Ids) -> Listed) {
    let sandbox = Sandbox::builder().orders(6).start().await.unwrap();
    seed(&sandbox).await;
    let (client, ids) = (client(&sandbox), *sandbox.ids());
    sandbox.clear_requests();
    let (before, unreadable) = list(&client, &ids).await;
    assert!(!before.is_empty() && unreadable.is_empty(), "{operation}: {before:?} {unreadable:?}");
    // The second row, if there is one.
    let odd = 1.min(before.len() - 1);
    // The requested fields, if the list can select them.
    let asked: BTreeSet<String> = sandbox
        .requests()
        .iter()
        .flat_map(|request| form_urlencoded::parse(request.query.as_bytes()).into_owned().collect::<Vec<_>>())
        .filter_map(|(name, value)| (name == "field").then_some(value))
        .chain(fields.iter().map(|field| (*field).to_owned()))
        .collect();
    assert!(!asked.is_empty(), "{operation}");
    for field in asked {
        for value in odd_values() {
            sandbox.clear_corruptions();
            sandbox.corrupt(operation, odd, &field, value.clone());
            let (rows, unreadable) = list(&client, &ids).await;
            let what = format!("{operation} {field} {value:?}: {unreadable:?}");
            assert_eq!(rows.len() + unreadable.len(), before.len(), "{what}");
            assert!(unreadable.len() <= 1, "{what}");
            let behind = before.len() - odd - 1;
            assert_eq!(rows[..odd], before[..odd], "{what}");
            assert_eq!(rows[rows.len() - behind..], before[odd + 1..], "{what}");
            for row in unreadable {
                assert_eq!(row.operation, operation);
                assert!(row.uuid.is_some() || field == "uuid" || field == "user_uuid", "{what}");
                assert!(row.problem.contains(&field), "{what}");
            }
        }
    }
}

/// Creates the objects that the lists below have.
async fn seed(sandbox: &Sandbox) {
    let provider = provider(sandbox);
    let ids = sandbox.ids();
    let ok = ids.resources.ok;
    let report = provider.resource(ok).report_usage().amounts([("cpu", Decimal::TEN), ("ram", Decimal::TWO)]);
    report.allow_decrease().await.unwrap();
    let share = |username: &str| UserAmount {
        component: "cpu".to_owned(),
        username: username.to_owned(),
        amount: Decimal::ONE,
    };
    let shares = [share("alice_hpc"), share("bob_hpc")];
    let report = provider.resource(ok).report_user_usage(Utc::now().date_naive(), shares).await.unwrap();
    assert!(report.is_ok(), "{report}");
    for user in [ids.users.bob, ids.users.alice] {
        provider.ensure_offering_user(user, ids.offerings.slurm).username("someone").await.unwrap();
    }
    for type_ in ["cicd", "sync"] {
        provider.ensure_robot_account(ok, type_).await.unwrap();
    }
}

macro_rules! lists {
    ($($name:ident: $operation:literal $(, $field:literal)* => |$provider:ident, $ids:ident| $list:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            check($operation, &[$($field),*], async |client, $ids| {
                let $provider = client.provider();
                let _ = $ids;
                listed($list.await)
            })
            .await;
        }
    )*};
}

lists! {
    orders: "marketplace_orders_list" => |provider, ids| provider.orders().all();
    resources: "marketplace_provider_resources_list" => |provider, ids| provider.resources().all();
    live_resources: "marketplace_provider_resources_list" => |provider, ids| provider.resources().live().all();
    usages: "marketplace_component_usages_list" => |provider, ids| {
        async { provider.resource(ids.resources.ok).usage(Utc::now().date_naive()).await }
    };
    user_usages: "marketplace_component_user_usages_list" => |provider, ids| {
        async { provider.resource(ids.resources.ok).user_usage(Utc::now().date_naive()).await }
    };
    team: "marketplace_provider_resources_team_list", "uuid", "username", "full_name", "email", "role",
        "expiration_time", "offering_user_username", "offering_user_state" => |provider, ids| {
        async { provider.resource(ids.resources.ok).team().await }
    };
    offering_users: "marketplace_offering_users_list" => |provider, ids| provider.offering_users().all();
    robot_accounts: "marketplace_robot_accounts_list" => |provider, ids| provider.robot_accounts().all();
    plan_periods: "marketplace_provider_resources_plan_periods_list", "uuid", "plan_uuid", "plan_name", "start", "end",
        "components" => |provider, ids| {
        async { provider.resource(ids.resources.ok).plan_periods().await }
    };
    ssh_keys: "keys_list" => |provider, ids| provider.ssh_keys().all();
    provider_projects: "marketplace_service_providers_projects_list" => |provider, ids| {
        provider.service_provider(ids.service_provider).projects().all()
    };
    provider_customers: "marketplace_service_providers_customers_list" => |provider, ids| {
        provider.service_provider(ids.service_provider).customers().all()
    };
    users: "users_list" => |provider, ids| provider.users().all();
    provider_users: "marketplace_service_providers_users_list" => |provider, ids| {
        provider.service_provider(ids.service_provider).users().all()
    };
    provider_keys: "marketplace_service_providers_keys_list" => |provider, ids| {
        provider.service_provider(ids.service_provider).ssh_keys().all()
    };
    provider_permissions: "marketplace_service_providers_project_permissions_list" => |provider, ids| {
        provider.service_provider(ids.service_provider).project_permissions().all()
    };
    offerings: "marketplace_provider_offerings_list" => |provider, ids| provider.offerings().all();
    provider_offerings: "marketplace_service_providers_offerings_list" => |provider, ids| {
        provider.service_provider(ids.service_provider).offerings().all()
    };
}

#[tokio::test]
async fn one_odd_order_does_not_stop_the_others() {
    let sandbox = Sandbox::builder().orders(0).orders_in(State::PendingProvider, 5).start().await.unwrap();
    let client = client(&sandbox);
    // An odd value in a field that an approval doesn't need has no effect.
    for (field, value) in [
        ("marketplace_resource_uuid", json!(null)),
        ("resource_name", json!(17)),
        ("type", json!(null)),
        ("limits", json!({ "cpu": 1e30 })),
        ("attributes", json!([])),
        ("plan_uuid", json!("")),
    ] {
        sandbox.corrupt("marketplace_orders_list", 2, field, value);
    }
    // An order without uuid can't be approved, and is reported as unreadable.
    sandbox.corrupt("marketplace_orders_list", 4, "uuid", None);
    let report = client.approve_all_pending_orders().await.unwrap();
    assert_eq!((report.applied(), report.items.len(), report.unreadable.len()), (4, 4, 1), "{report:?}");
    assert!(!report.is_ok() && report.to_string().ends_with("1 unreadable"), "{report}");
    assert!(report.items.iter().all(|item| matches!(item.outcome, Outcome::Applied)));
    assert!(client.provider().orders().pending().all().await.unwrap().unreadable().is_empty());
}

#[tokio::test]
async fn rows_beside_one_that_is_no_object_are_read() {
    let sandbox = Sandbox::builder().orders(0).orders_in(State::PendingProvider, 3).start().await.unwrap();
    let rows = client(&sandbox).provider().orders().all().await.unwrap();
    assert_eq!((rows.len(), rows.unreadable().len()), (3, 0));
    // Several at once.
    for (row, field) in [(0, "uuid"), (2, "uuid")] {
        sandbox.corrupt("marketplace_orders_list", row, field, json!({}));
    }
    let rows = client(&sandbox).provider().orders().all().await.unwrap();
    assert_eq!((rows.len(), rows.unreadable().len()), (1, 2));
    assert_eq!(
        rows.unreadable()[0].to_string(),
        "marketplace_orders_list: a row without uuid: no usable `uuid`"
    );
}
