//! One resource by itself, and a back end that isn't ready.

use waldur_sandbox::{Release, ResourceState, Sandbox};
use waldur_sdk::agent::UsageProcessor;
use waldur_sdk::{Month, Uuid};

use crate::common::posts_to;
use crate::usage::{
    Accounting, SET_USAGE, add, amount, client, expected, processor, sandbox_of, this_month, totals,
};

#[tokio::test]
async fn one_resource_is_measured_and_reported() {
    for release in Release::ALL {
        let (sandbox, accounting) =
            (sandbox_of(release, 5).await, Accounting::of(&[("cpu", "alice01", "7200"), ("ram", "", "2")]));
        let resource = sandbox.resources()[2].uuid;
        let processor = processor(&sandbox, &accounting);
        let report = processor.process(resource).await.unwrap();
        assert_eq!((report.applied(), report.items.len()), (1, 1), "{report:#?}");
        assert_eq!(report.items[0].target.resource_uuid, resource);
        let month = this_month(&sandbox);
        assert_eq!(totals(&sandbox, resource, month), expected([("cpu", "2"), ("ram", "2")]));
        assert_eq!((sandbox.usages().len(), posts_to(&sandbox, SET_USAGE)), (2, 1));
        assert_eq!(*accounting.calls.lock().unwrap(), [(1, month)]);
        // What is reported already isn't sent again. Only what belongs to the resource is read.
        sandbox.clear_requests();
        let report = processor.process(resource).await.unwrap();
        assert_eq!((report.unchanged(), posts_to(&sandbox, SET_USAGE)), (1, 0));
        let named = [resource.to_string(), resource.simple().to_string()];
        for request in sandbox.requests() {
            let is_named =
                named.iter().any(|uuid| request.path.contains(uuid) || request.query.contains(uuid));
            assert!(is_named || request.path.contains("offerings"), "{request:?}");
        }
        sandbox.assert_contract();
    }
}

#[tokio::test]
async fn past_months_of_one_resource_are_reported_too() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 2).await, Accounting::of(&[("gpu", "", "3")]));
    let resource = sandbox.resources()[0].uuid;
    let report = processor(&sandbox, &accounting).months_back(1).process(resource).await.unwrap();
    let months: Vec<Month> = report.items.iter().map(|item| item.target.month).collect();
    assert_eq!(months, [this_month(&sandbox).previous(), this_month(&sandbox)]);
}

#[tokio::test]
async fn a_resource_without_usage_to_report_says_why() {
    let builder = Sandbox::builder().orders(0).without_resources().seed(|seed| {
        add(seed, "gone", ResourceState::Terminated);
        let (slurm, project) = (seed.ids().offerings.slurm, seed.ids().project);
        seed.resource(slurm, project, "nameless", ResourceState::Ok);
    });
    let (sandbox, accounting) = (builder.start().await.unwrap(), Accounting::of(&[("gpu", "", "3")]));
    let processor = processor(&sandbox, &accounting);
    let [gone, nameless] = [0, 1].map(|at| sandbox.resources()[at].uuid);
    let report = processor.process(gone).await.unwrap();
    assert_eq!(report.skipped(), 1);
    assert!(report.items[0].outcome.to_string().contains("Terminated"), "{:?}", report.items[0]);
    let report = processor.process(nameless).await.unwrap();
    assert!(report.items[0].outcome.to_string().contains("no id in the back end"), "{:?}", report.items[0]);
    let error = processor.process(Uuid::from_u128(7)).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    processor.stop_handle().stop();
    sandbox.clear_requests();
    assert!(processor.process(gone).await.unwrap().items.is_empty());
    assert_eq!((accounting.calls.lock().unwrap().len(), sandbox.requests().len()), (0, 0));
}

#[tokio::test]
async fn nothing_is_measured_while_the_back_end_is_not_ready() {
    let (sandbox, accounting) = (sandbox_of(Release::Schema, 2).await, Accounting::of(&[("gpu", "", "3")]));
    *accounting.is_starting.lock().unwrap() = true;
    let offerings = sandbox.ids().offerings;
    let offerings = [offerings.slurm, offerings.bulk];
    let processor = UsageProcessor::new(&client(&sandbox), offerings, accounting.clone());
    let report = processor.run_once().await;
    let unlisted: Vec<Uuid> = report.unlisted.iter().map(|failure| failure.offering_uuid).collect();
    assert_eq!((unlisted, report.items.len()), (offerings.to_vec(), 0));
    assert!(report.unlisted[0].error.to_string().contains("the accounting starts"), "{report:#?}");
    assert_eq!(sandbox.requests().len(), 0);
    let resource = sandbox.resources()[0].uuid;
    let report = processor.process(resource).await.unwrap();
    assert!(report.items[0].outcome.to_string().contains("the accounting starts"), "{report:#?}");
    assert_eq!((accounting.calls.lock().unwrap().len(), sandbox.usages().len()), (0, 0));
    *accounting.is_starting.lock().unwrap() = false;
    assert_eq!(processor.process(resource).await.unwrap().applied(), 1);
    assert_eq!(totals(&sandbox, resource, this_month(&sandbox))["gpu"], amount("3"));
}
