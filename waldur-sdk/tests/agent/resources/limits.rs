//! Limits both ways, and those of single users.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use waldur_sandbox::{OfferingUserState, ResourceState as State, Sandbox};
use waldur_sdk::agent::ResourceMode::Normal;
use waldur_sdk::agent::{Limits, LimitsSource, ResourceResultKind as Kind, ResourceStep as Step};
use waldur_sdk::{AccountName, ClientExt as _, Uuid};

use crate::common::{posts_to, sent};
use crate::resources::{
    Case, Cluster, case, client, cpus, done, kinds, processor, resource, sandbox_with, seed_cases,
};

const GROWN: &[Case] = &[case("grown", State::Ok, Normal, 16, Some((Normal, 8)))];

fn limits<const N: usize>(limits: [(&str, i64); N]) -> Limits {
    limits.into_iter().map(|(component, limit)| (component.to_owned(), limit.into())).collect()
}

#[tokio::test]
async fn limits_follow_the_side_that_leads() {
    let (sandbox, cluster) = (sandbox_with(GROWN).await, Cluster::of(GROWN));
    let report = processor(&sandbox, &cluster).limits_source(LimitsSource::Backend).run_once().await;
    assert_eq!(done(&report), [[Step::MetadataReported, Step::LimitsReported]], "{report:#?}");
    assert_eq!((cluster.calls().len(), &resource(&sandbox, "grown").limits["cpu"]), (0, &json!(8)));
    // The back end has changed it by itself, and has one that Waldur doesn't have yet.
    cluster.with(|world| world.accounts.get_mut("hpc_grown").unwrap().limits = limits([("gpu", 2)]));
    let report = processor(&sandbox, &cluster).limits_source(LimitsSource::Backend).run_once().await;
    assert_eq!(done(&report), [[Step::LimitsReported]], "{report:#?}");
    let there = resource(&sandbox, "grown").limits;
    assert_eq!((&there["cpu"], &there["gpu"]), (&json!(8), &json!(2)), "what it doesn't say stays");
    // Now Waldur leads.
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!(
        (done(&report), cluster.calls()),
        (vec![&[Step::LimitsSet][..]], vec!["hpc_grown limits".into()])
    );
    assert_eq!(cluster.account("hpc_grown").limits, limits([("cpu", 8), ("gpu", 2)]));
    assert_eq!(posts_to(&sandbox, "/set_limits/"), 2);
    sandbox.assert_contract();
}

#[tokio::test]
async fn limits_that_the_server_adjusts_are_not_sent_again() {
    let (sandbox, cluster) = (sandbox_with(GROWN).await, Cluster::of(GROWN));
    let processor = processor(&sandbox, &cluster).limits_source(LimitsSource::Backend);
    let uuid = resource(&sandbox, "grown").uuid;
    let shows =
        |cpu: u64| sandbox.corrupt(crate::resources::RESOURCES, uuid, "limits", json!({ "cpu": cpu }));
    // Waldur accepts 4 at most, and later 5.
    for (cpu, sent) in [(4, 1), (4, 1), (5, 2), (5, 2)] {
        shows(cpu);
        assert_eq!(kinds(&processor.run_once().await), [Kind::InSync]);
        assert_eq!(posts_to(&sandbox, "/set_limits/"), sent, "{cpu}");
    }
    // The back end has others now.
    cluster.with(|world| world.accounts.get_mut("hpc_grown").unwrap().limits = cpus(7));
    assert_eq!(done(&processor.run_once().await), [[Step::LimitsReported]]);
}

#[tokio::test]
async fn an_order_since_the_list_is_not_undone() {
    // The list is old: Waldur and the back end have the new limits already.
    let (sandbox, cluster) = (sandbox_with(GROWN).await, Cluster::of(GROWN));
    let uuid = resource(&sandbox, "grown").uuid;
    client(&sandbox).provider().resource(uuid).set_limits([("cpu", 8)]).await.unwrap();
    sandbox.corrupt("marketplace_provider_resources_list", uuid, "limits", json!({ "cpu": 16 }));
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!((kinds(&report), cluster.calls().len()), (vec![Kind::InSync], 0), "{report:#?}");
    // Or an order is changing it now.
    sandbox.corrupt("marketplace_provider_resources_retrieve", uuid, "state", json!("Updating"));
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!((kinds(&report), cluster.calls().len()), (vec![Kind::Superseded], 0), "{report:#?}");
}

pub(crate) async fn sandbox_with_users() -> Sandbox {
    sandbox_with_users_by(0).await
}

/// A resource with limits of `alice01` and `bob01`, and a user without an account; with these dice for faults.
pub(crate) async fn sandbox_with_users_by(dice: u64) -> Sandbox {
    let builder = Sandbox::builder().orders(0).dice(dice).seed(|seed| {
        let offering = seed_cases(seed, crate::resources::SAME);
        let project = seed.ids().project;
        let other = seed.resource(offering, project, "other", State::Ok);
        let resource = seed.resource(offering, project, "shared", State::Ok);
        seed.backend_id(resource, "hpc_shared");
        for (name, username, cpu) in [("alix", "alice01", 5), ("bo", "bob01", 7), ("nn", "", 9)] {
            let user = seed.user(name, "Test", name);
            let account = seed.offering_user(offering, user, username, OfferingUserState::Ok);
            seed.user_limit(resource, "cpu", account, Decimal::from(cpu));
            seed.user_limit(other, "gpu", account, Decimal::ONE);
        }
    });
    builder.start().await.unwrap()
}

pub(crate) fn users<const N: usize>(users: [(&str, i64); N]) -> BTreeMap<AccountName, Limits> {
    users.into_iter().map(|(name, cpu)| (AccountName::new(name).unwrap(), cpus(cpu))).collect()
}

/// A cluster whose users have these limits in the shared resource.
pub(crate) fn cluster_with(there: BTreeMap<AccountName, Limits>) -> Cluster {
    let cluster = Cluster::of(crate::resources::SAME);
    let mut account = crate::resources::Account::new(Normal, 8);
    account.user_limits = Some(there);
    cluster.with(|world| world.accounts.insert("hpc_shared".to_owned(), account));
    cluster
}

#[tokio::test]
async fn limits_of_users_are_set_and_removed() {
    let sandbox = sandbox_with_users().await;
    let cluster = cluster_with(users([("bob01", 1), ("carol01", 3)]));
    let report = processor(&sandbox, &cluster).run_once().await;
    let is_shared = |name: &str| name == "shared";
    let item = report.items.iter().find(|item| is_shared(&item.target.resource.name)).unwrap();
    assert!(item.target.done.contains(&Step::UserLimitsSet), "{report:#?}");
    let expected =
        ["hpc_shared limits of alice01", "hpc_shared limits of bob01", "hpc_shared limits of carol01"];
    assert_eq!(cluster.calls(), expected);
    let mut all = users([("alice01", 5), ("bob01", 7)]);
    all.insert(AccountName::new("carol01").unwrap(), Limits::new());
    assert_eq!(cluster.account("hpc_shared").user_limits, Some(all));
    sandbox.assert_contract();

    // They are listed once for all resources: with the offering users and the resources three lists.
    sandbox.clear_requests();
    assert_eq!(processor(&sandbox, &cluster).run_once().await.applied(), 0);
    assert_eq!((sandbox.requests().len(), sent(&sandbox, "GET"), cluster.calls().len()), (3, 3, 3));
}

#[tokio::test]
async fn limits_of_users_that_cannot_be_read_remove_none() {
    for (list, field, value) in [
        ("component_user_usage_limits_list", "limit", json!("much")),
        ("component_user_usage_limits_list", "component_type", Value::Null),
        ("component_user_usage_limits_list", "user", json!("nobody")),
        ("component_user_usage_limits_list", "resource", Value::Null),
        ("marketplace_offering_users_list", "username", json!("x".repeat(300))),
        ("marketplace_offering_users_list", "uuid", Value::Null),
    ] {
        let sandbox = sandbox_with_users().await;
        let cluster = cluster_with(users([("alice01", 5), ("bob01", 7), ("carol01", 3)]));
        let row = match list.starts_with("component") {
            true => sandbox.documents("component-user-usage-limits")[0].uuid,
            false => {
                let accounts = sandbox.offering_users();
                let offering = crate::resources::offering(&sandbox);
                accounts
                    .iter()
                    .find(|row| row.offering == offering && row.username == "alice01")
                    .unwrap()
                    .uuid
            }
        };
        sandbox.corrupt(list, row, field, value.clone());
        let report = processor(&sandbox, &cluster).run_once().await;
        assert_eq!(cluster.calls(), Vec::<String>::new(), "{field} {value}: {report:#?}");
    }
}

#[tokio::test]
async fn users_of_a_restricted_resource_keep_their_limits() {
    let sandbox = sandbox_with_users().await;
    let cluster = cluster_with(users([("bob01", 1)]));
    let uuid: Uuid = resource(&sandbox, "shared").uuid;
    sandbox.corrupt(crate::resources::RESOURCES, uuid, "restrict_member_access", json!(true));
    let report = processor(&sandbox, &cluster).run_once().await;
    assert_eq!((report.count(Kind::InSync), cluster.calls().len()), (2, 0), "{report:#?}");
}

#[tokio::test]
async fn limits_of_users_are_left_alone_if_the_resource_has_changed_since_the_list() {
    for (field, value, end) in [
        ("state", "Updating".into(), Kind::Superseded),
        ("backend_id", "hpc_other".into(), Kind::Superseded),
        ("restrict_member_access", true.into(), Kind::InSync),
    ] {
        let (sandbox, cluster) = (sandbox_with_users().await, cluster_with(users([("bob01", 1)])));
        let shared = resource(&sandbox, "shared");
        sandbox.corrupt("marketplace_provider_resources_retrieve", shared.uuid, field, Some(value));
        let report = processor(&sandbox, &cluster).run_once().await;
        let item = report.items.iter().find(|item| item.target.resource.uuid == shared.uuid).unwrap();
        assert_eq!((item.target.result.kind(), cluster.calls().len()), (end, 0), "{field}: {report:#?}");
        // Nothing is told of what may be another one.
        let is_told = resource(&sandbox, "shared").backend_metadata.get("qos").is_some();
        assert_eq!(is_told, end == Kind::InSync, "{field}");
    }
}
