//! Usage by user.

use waldur_sandbox::{Fault, Misbehaviour, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::usage::UserAmount;
use waldur_sdk::{Decimal, Outcome};

use crate::common::{client_builder, posts, provider, quick, today};
use crate::usage::amount;

#[tokio::test]
async fn usage_by_user_is_reported_in_bulk() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let provider = provider(&sandbox);
    let share = |component: &str, username: &str, text: &str| UserAmount {
        component: component.to_owned(),
        username: username.to_owned(),
        amount: amount(text),
    };
    let sent = provider.resource(resource).report_usage().all(amount("99.5")).await.unwrap();
    let shares = [
        share("cpu", "alice_hpc", "60.25"),
        share("cpu", "bob_hpc", "39.25"),
        share("gpu", "alice_hpc", "99.5"),
    ];
    sandbox.clear_requests();
    let report = provider.resource(resource).report_user_usage(today(), shares.clone()).await.unwrap();
    assert_eq!(sandbox.requests().len(), 4);
    assert!(
        report.items.len() == 3 && report.items.iter().all(|item| matches!(item.outcome, Outcome::Applied)),
        "{report:?}"
    );
    let usages = provider.resource(resource).user_usage(sent.month).await.unwrap();
    for wanted in &shares {
        let found =
            usages.iter().find(|one| one.type_ == wanted.component && one.username == wanted.username);
        assert_eq!(found.unwrap().amount, wanted.amount);
        // The share names the usage that it belongs to.
        let whole = provider.resource(resource).usage(sent.month).await.unwrap();
        let whole = whole.iter().find(|one| one.type_ == wanted.component).unwrap();
        assert_eq!((found.unwrap().usage_uuid, whole.created.is_some()), (Some(whole.uuid), true));
    }
    // Again: nothing is left to send. Then changed amounts, with lost responses.
    sandbox.clear_requests();
    let report = provider.resource(resource).report_user_usage(today(), shares.clone()).await.unwrap();
    assert!(report.items.iter().all(|item| matches!(item.outcome, Outcome::Unchanged)), "{report:?}");
    assert_eq!(posts(&sandbox), 0);
    let shares = shares.map(|share| UserAmount { amount: share.amount - Decimal::ONE, ..share });
    sandbox.fail_next(2, "POST", "/set_user_usages/", Fault::ResetAfter);
    let report = provider.resource(resource).report_user_usage(today(), shares).await.unwrap();
    assert!(report.items.iter().all(|item| matches!(item.outcome, Outcome::Applied)), "{report:?}");
    assert_eq!(posts(&sandbox), 2);
    // Amounts that aren't recorded are sent again, or reported as failed.
    sandbox.fail_next(2, "POST", "/set_user_usages/", Fault::ResetBefore);
    let one = [share("cpu", "alice_hpc", "62")];
    let patient = client_builder(&sandbox).retry(quick());
    let patient = patient.build().unwrap().provider();
    let report = patient.resource(resource).report_user_usage(today(), one).await.unwrap();
    assert!(matches!(report.items[0].outcome, Outcome::Applied) && posts(&sandbox) == 5, "{report:?}");
    sandbox.fail_next(9, "POST", "/set_user_usages/", Fault::ResetBefore);
    let one = [share("cpu", "alice_hpc", "63")];
    let report = patient.resource(resource).report_user_usage(today(), one).await.unwrap();
    assert!(report.items[0].outcome.to_string().contains("it was not applied"), "{report:?}");
    sandbox.clear_faults();

    // One by one, for a server without the request for many users.
    sandbox.misbehave(Misbehaviour::new(Fault::NoSuchOperation).path_end("/set_user_usages/"));
    let two = [share("cpu", "alice_hpc", "61"), share("cpu", "bob_hpc", "30")];
    let report = provider.resource(resource).report_user_usage(today(), two).await.unwrap();
    assert!(matches!(report.items[0].outcome, Outcome::Applied), "{report:?}");
    let usages = provider.resource(resource).user_usage(sent.month).await.unwrap();
    assert!(usages.iter().any(|one| one.type_ == "cpu" && one.amount == amount("30")), "{usages:?}");

    let wrong = [
        share("cpu", "", "1"),
        share("cpu", " ", "1"),
        share("", "alice_hpc", "1"),
        share("cpu", "alice_hpc", "0.001"),
    ];
    sandbox.clear_requests();
    for wrong in wrong {
        assert!(
            provider
                .resource(resource)
                .report_user_usage(today(), [wrong])
                .await
                .unwrap_err()
                .is_validation()
        );
    }
    assert!(sandbox.requests().is_empty());
    let other = sandbox.ids().resources.ok_second;
    let none = provider.resource(other).report_user_usage(today(), [share("gpu", "alice_hpc", "1")]).await;
    assert!(none.unwrap_err().to_string().contains("no usage is reported"));
}

#[tokio::test]
async fn amounts_accepted_before_a_refused_one_are_applied() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = provider(&sandbox).resource(sandbox.ids().resources.ok);
    resource.report_usage().amount("cpu", 900).await.unwrap();
    // A server without the request for many users refuses the second one.
    sandbox.misbehave(Misbehaviour::new(Fault::NoSuchOperation).path_end("/set_user_usages/"));
    sandbox.misbehave(Misbehaviour::new(Fault::Status(403)).path_end("/set_user_usage/").after(1));
    let share = |username: &str| UserAmount {
        component: "cpu".to_owned(),
        username: username.to_owned(),
        amount: Decimal::TEN,
    };
    let shares = [share("alice_hpc"), share("bob_hpc"), share("carol_hpc")];
    let report = resource.report_user_usage(today(), shares.clone()).await.unwrap();
    assert_eq!((report.applied(), report.refused()), (1, 2), "{report:?}");
    assert!(report.items.iter().map(|item| &item.target).eq(&shares));
    assert!(matches!(report.items[0].outcome, Outcome::Applied));
    assert!(report.items[1].outcome.error().unwrap().to_string().contains("1 of 3 amounts"));
    sandbox.clear_faults();
    let again = resource.report_user_usage(today(), shares).await.unwrap();
    assert_eq!((again.unchanged(), again.applied()), (1, 2), "{again:?}");
}
