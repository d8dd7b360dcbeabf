//! Usage of many resources: reported in bulk, read in few requests.

use std::collections::{BTreeMap, BTreeSet};

use waldur_sandbox::{Actor, Fault, Misbehaviour, Release, ResourceState, Sandbox};
use waldur_sdk::resources::Resource;
use waldur_sdk::types::ResourceState as State;
use waldur_sdk::{ClientExt as _, Decimal, Month, Outcome, Uuid};

use crate::common::{client_builder, posts, provider, provider_as, quick, today};
use crate::usage::{SET_USAGE, amount, there, this_month};

/// Returns how many requests of the method were sent to a path with this part.
fn sent(sandbox: &Sandbox, method: &str, part: &str) -> usize {
    let requests = sandbox.requests().into_iter();
    requests.filter(|request| request.method == method && request.path.contains(part)).count()
}

/// Returns the resources of the offering that are OK.
fn live(sandbox: &Sandbox, offering: Uuid) -> BTreeSet<Uuid> {
    let all = sandbox.resources().into_iter();
    let live = all.filter(|one| one.offering == offering && one.state == ResourceState::Ok);
    live.map(|one| one.uuid).collect()
}

#[tokio::test]
async fn usage_of_many_resources_is_reported_with_one_read_of_the_components_per_offering() {
    let sandbox = Sandbox::start().await.unwrap();
    let slurm = sandbox.ids().offerings.slurm;
    let live = live(&sandbox, slurm);
    assert!(live.len() > 1);
    let provider = provider(&sandbox);
    // The function may borrow.
    let measured = BTreeMap::from([("cpu", amount("50.5")), ("ram", amount("60"))]);
    let mut finished = Vec::new();
    sandbox.clear_requests();
    let report = provider
        .resources()
        .live()
        .offering(slurm)
        .report_usage_all(|_, component| measured.get(component.type_.as_str()).copied())
        .on_progress(|progress| finished.push((progress.finished, progress.total)))
        .await
        .unwrap();
    assert_eq!((report.applied(), report.is_ok()), (live.len(), true), "{report}");
    assert_eq!(finished.last(), Some(&(live.len(), live.len())));
    // The list, the components, and for each resource what is there and the report.
    assert_eq!(sandbox.requests().len(), 2 + 2 * live.len());
    for item in &report.items {
        let reported = item.target.reported().unwrap();
        assert!(live.contains(&item.target.resource.uuid) && reported.usages.len() == 2);
        let there = there(&sandbox, item.target.resource.uuid, reported.month);
        assert_eq!((there["cpu"], there["ram"]), (amount("50.5"), amount("60")));
    }
    // Equal amounts aren't sent again.
    sandbox.clear_requests();
    let resources = provider.resources().live().offering(slurm);
    let again = resources.report_usage_all(|_, component| measured.get(component.type_.as_str()).copied());
    let again = again.skip_equal().await.unwrap();
    assert_eq!((again.unchanged(), posts(&sandbox)), (live.len(), 0), "{again}");
    assert!(again.items.iter().all(|item| item.target.reported().unwrap().unchanged.len() == 2));
}

#[tokio::test]
async fn a_bulk_report_refuses_a_decrease_of_one_resource_and_reports_the_others() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let provider = provider(&sandbox);
    provider.resource(ids.resources.ok).report_usage().amount("cpu", 900).await.unwrap();
    let cpu = |_: &Resource, component: &waldur_sdk::usage::Component| {
        (component.type_ == "cpu").then_some(amount("800"))
    };
    let resources = || provider.resources().live().offering(ids.offerings.slurm);
    let planned = resources().report_usage_all(cpu).dry_run().await.unwrap();
    assert_eq!((planned.refused() + planned.failed(), posts(&sandbox)), (1, 1), "{planned}");
    assert_eq!(planned.skipped(), planned.items.len() - 1);
    let report = resources().report_usage_all(cpu).await.unwrap();
    let failures: Vec<_> = report.failures().collect();
    assert_eq!((failures.len(), report.applied()), (1, report.items.len() - 1), "{report}");
    assert_eq!(failures[0].target.resource.uuid, ids.resources.ok);
    assert!(failures[0].target.reported().is_none());
    assert!(failures[0].outcome.to_string().contains("800 is less than the 900"));
    let report = resources().report_usage_all(cpu).allow_decrease().await.unwrap();
    assert!(report.is_ok(), "{report}");
    assert_eq!(there(&sandbox, ids.resources.ok, this_month())["cpu"], amount("800"));
}

#[tokio::test]
async fn a_dry_run_of_a_bulk_report_sends_nothing_and_refuses_erred_resources() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let provider = provider(&sandbox);
    let resources = provider.resources().state(State::Ok).state(State::Erred).offering(ids.offerings.slurm);
    let report = resources.report_usage_all(|_, _| Some(Decimal::ONE_HUNDRED));
    let report = report.skip_equal().allow_decrease().dry_run().await.unwrap();
    assert_eq!(posts(&sandbox), 0);
    for item in &report.items {
        let is_ok = item.target.resource.state == State::Ok;
        assert_eq!(item.target.reported().is_some(), is_ok);
        assert_eq!(matches!(item.outcome, Outcome::Skipped { .. }), is_ok, "{}", item.outcome);
    }
    assert!(report.failures().count() > 0 && report.skipped() > 0, "{report}");
    let json = serde_json::to_value(&report).unwrap();
    let reported: Vec<_> =
        json["items"].as_array().unwrap().iter().map(|one| &one["target"]["reported"]).collect();
    let month = this_month().to_string();
    assert!(reported.iter().any(|one| one["month"] == *month) && reported.iter().any(|one| one.is_null()));
}

#[tokio::test]
async fn a_bulk_report_survives_lost_responses_and_books_into_the_named_month() {
    let sandbox = Sandbox::start().await.unwrap();
    let slurm = sandbox.ids().offerings.slurm;
    let client = client_builder(&sandbox).retry(quick()).build().unwrap();
    let report = |value: Decimal| {
        let resources = client.provider().resources().live().offering(slurm);
        resources.report_usage_all(move |_, _| Some(value)).description("nightly")
    };
    sandbox.fail_next(1, "POST", SET_USAGE, Fault::ResetAfter);
    sandbox.fail_next(1, "POST", SET_USAGE, Fault::ResetBefore);
    let all = report(amount("300")).await.unwrap();
    assert_eq!((all.applied(), all.is_ok()), (live(&sandbox, slurm).len(), true), "{all}");
    for resource in live(&sandbox, slurm) {
        assert!(there(&sandbox, resource, this_month()).values().all(|one| *one == amount("300")));
    }
    assert!(sandbox.usages().iter().any(|usage| usage.description == "nightly"));

    // Months that are over are for staff.
    let month: Month = "2024-02".parse().unwrap();
    let staff = provider_as(&sandbox, Actor::Staff);
    let past = staff.resources().live().offering(slurm).report_usage_all(|_, _| Some(Decimal::TEN));
    let past = past.month(month).await.unwrap();
    assert!(past.items.iter().all(|item| item.target.reported().unwrap().month == month), "{past}");
    assert!(past.applied() > 0, "{past}");
    assert_eq!(there(&sandbox, sandbox.ids().resources.ok, month)["cpu"], Decimal::TEN);
}

#[tokio::test]
async fn components_that_cannot_be_read_fail_the_resources_of_their_offering() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let client = client_builder(&sandbox).retry(waldur_sdk::RetryPolicy::never()).build().unwrap();
    let forbidden = Misbehaviour::new(Fault::Status(403));
    sandbox.misbehave(forbidden.operation("marketplace_provider_resources_retrieve"));
    let resources = client.provider().resources().live().offering(ids.offerings.slurm);
    let report = resources.report_usage_all(|_, _| Some(Decimal::ONE)).await.unwrap();
    assert_eq!((report.refused(), posts(&sandbox)), (report.items.len(), 0), "{report}");
    assert_eq!(sent(&sandbox, "GET", "/marketplace-provider-resources/"), 2);
}

#[tokio::test]
async fn usage_of_many_resources_is_reported_to_every_release() {
    for release in Release::ALL {
        let sandbox = Sandbox::builder().release(release).start().await.unwrap();
        let slurm = sandbox.ids().offerings.slurm;
        let resources = || provider(&sandbox).resources().live().offering(slurm);
        let report = resources().report_usage_all(|_, _| Some(amount("400"))).await.unwrap();
        assert!(report.is_ok() && report.applied() > 1, "{release:?}: {report}");
        let none = resources().report_usage_all(|_, _| None).await.unwrap();
        assert_eq!(none.unchanged(), none.items.len(), "{release:?}: {none}");
    }
}

#[tokio::test]
async fn the_usage_of_all_resources_is_one_list_with_filters() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let provider = provider(&sandbox);
    let resources = provider.resources().live().offering(ids.offerings.slurm);
    let report = resources.report_usage_all(|_, _| Some(amount("500"))).await.unwrap();
    assert!(report.is_ok(), "{report}");
    let live = live(&sandbox, ids.offerings.slurm);
    sandbox.clear_requests();
    let usages = provider.usages().month(today()).offering(ids.offerings.slurm);
    let all = usages.clone().all().await.unwrap();
    assert_eq!(sandbox.requests().len(), 1);
    let listed: BTreeSet<Uuid> = all.iter().filter_map(|usage| usage.resource_uuid).collect();
    assert!(listed.is_superset(&live), "{listed:?}");
    assert!(all.iter().all(|usage| usage.month == this_month() && !usage.resource_name.is_empty()));
    assert_eq!(usages.clone().count().await.unwrap(), all.len() as u64);

    let one = usages.clone().resource(ids.resources.ok).component("cpu").all().await.unwrap();
    assert_eq!((one.len(), one[0].amount, one[0].type_.as_str()), (1, amount("500"), "cpu"));
    assert!(
        !usages.clone().project(ids.project).customer(ids.consumer_customer).all().await.unwrap().is_empty()
    );
    assert!(usages.clone().project(ids.empty_project).all().await.unwrap().is_empty());
    assert!(
        usages
            .month(this_month().previous())
            .resource(ids.resources.ok_second)
            .all()
            .await
            .unwrap()
            .is_empty()
    );
}
