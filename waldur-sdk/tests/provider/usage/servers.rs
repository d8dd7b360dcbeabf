//! Servers of other releases, and offerings of other kinds.

use waldur_sandbox::{Fault, Misbehaviour, Release, Sandbox};
use waldur_sdk::Outcome;
use waldur_sdk::usage::UserAmount;

use crate::common::{posts, provider, today};
use crate::usage::{amount, there};

#[tokio::test]
async fn components_are_read_from_the_offering_if_the_resource_lacks_them() {
    let sandbox = Sandbox::builder().release(Release::Late2024).start().await.unwrap();
    let hidden = Fault::MissingFields(vec!["offering_components".to_owned()]);
    sandbox.misbehave(Misbehaviour::new(hidden).operation("marketplace_provider_resources_retrieve"));
    let resource = sandbox.ids().resources.ok;
    let sent = provider(&sandbox).resource(resource).report_usage().all(amount("99.5")).await.unwrap();
    assert_eq!(sent.usages.len(), sandbox.components(sandbox.ids().offerings.slurm).len());
    assert_eq!(sandbox.requests().len(), 4);
    // Without reading the reported usage:
    sandbox.clear_requests();
    provider(&sandbox).resource(resource).report_usage().all(amount("99.5")).allow_decrease().await.unwrap();
    assert_eq!(sandbox.requests().len(), 3);
}

#[tokio::test]
async fn usage_is_reported_to_every_release() {
    for release in Release::ALL {
        let sandbox = Sandbox::builder().release(release).start().await.unwrap();
        let resource = sandbox.ids().resources.ok;
        let provider = provider(&sandbox);
        let report = || {
            provider.resource(resource).report_usage().all(amount("99.5")).description("nightly").skip_equal()
        };
        let planned = report().dry_run().await.unwrap();
        assert_eq!((planned.usages.len(), posts(&sandbox)), (3, 0));
        assert_eq!(report().await.unwrap(), planned);
        assert!(report().await.unwrap().usages.is_empty());
        let shares = ["alice_hpc", "bob_hpc"].map(|username| UserAmount {
            component: "cpu".to_owned(),
            username: username.to_owned(),
            amount: amount("49.75"),
        });
        let report = provider.resource(resource).report_user_usage(today(), shares.clone()).await.unwrap();
        assert!(matches!(report.items[0].outcome, Outcome::Applied), "{release:?}: {report:?}");
        let report = provider.resource(resource).report_user_usage(today(), shares).await.unwrap();
        assert!(matches!(report.items[0].outcome, Outcome::Unchanged), "{release:?}: {report:?}");
        assert_eq!(provider.resource(resource).user_usage(today()).await.unwrap().len(), 2);
        assert_eq!(there(&sandbox, resource, planned.month)["cpu"], amount("99.5"));
    }
}

#[tokio::test]
async fn components_that_can_not_be_reported_are_left_out() {
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let slurm = seed.ids().offerings.slurm;
            seed.billing_type(slurm, "gpu", "fixed");
        })
        .start()
        .await
        .unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    let sent = provider.resource(resource).report_usage().all(amount("2")).allow_decrease().await.unwrap();
    assert_eq!(sent.usages.iter().map(|usage| usage.type_.as_str()).collect::<Vec<_>>(), ["cpu", "ram"]);
    let error = provider.resource(resource).report_usage().amount("gpu", amount("2")).await.unwrap_err();
    assert!(error.is_validation() && error.status() == Some(400), "{error}");
}
