//! Users who have something to do before their account is created.

use waldur_sandbox::{OfferingUserState as State, Release};
use waldur_sdk::agent::AccountResultKind as Kind;

use crate::accounts::{Directory, client, comment, kinds, processor, sandbox_of, states, there, uuid_at};
use crate::common::sent;

const WAITING: &[(&str, State, &str)] =
    &[("linker", State::Requested, ""), ("checker", State::PendingAccountLinking, "")];

#[tokio::test]
async fn users_are_told_once_what_to_do_and_named_when_they_did_it() {
    for release in [Release::Schema, Release::Newer] {
        let sandbox = sandbox_of(release, WAITING).await;
        let directory = Directory::default().told("Link your account", "https://hpc.example.org/link");
        let processor = processor(&sandbox, &directory);
        let report = processor.run_once().await;
        assert_eq!((kinds(&report), report.applied()), (vec![Kind::Pending; 2], 2), "{report:#?}");
        assert_eq!(states(&sandbox), [State::PendingAccountLinking, State::PendingAdditionalValidation]);
        let told = ("Link your account".to_owned(), "https://hpc.example.org/link".to_owned());
        for place in 0..2 {
            assert_eq!(comment(&client(&sandbox), uuid_at(&sandbox, place)).await, told);
        }
        // They still have to: nothing is sent.
        sandbox.clear_requests();
        let report = processor.run_once().await;
        assert_eq!((kinds(&report), report.unchanged()), (vec![Kind::Pending; 2], 2), "{report:#?}");
        assert_eq!(sandbox.requests().len(), sent(&sandbox, "GET"));

        // Something else is missing: the comment changes, and the state stays.
        let directory = directory.told("Link it until Friday", "");
        let report = processor.run_once().await;
        assert_eq!((report.applied(), sent(&sandbox, "POST")), (2, 0), "{report:#?}");
        for place in 0..2 {
            let changed = ("Link it until Friday".to_owned(), String::new());
            assert_eq!(comment(&client(&sandbox), uuid_at(&sandbox, place)).await, changed);
        }
        // They did it.
        *directory.comment.lock().unwrap() = None;
        assert_eq!(kinds(&processor.run_once().await), [Kind::Ready; 2]);
        let named = [(State::Ok, "hpc_linker".to_owned()), (State::Ok, "hpc_checker".to_owned())];
        assert_eq!(there(&sandbox), named);
        assert_eq!(comment(&client(&sandbox), uuid_at(&sandbox, 0)).await, (String::new(), String::new()));
        sandbox.assert_contract();
    }
}

#[tokio::test]
async fn an_older_comment_does_not_stay_beside_a_new_state() {
    let sandbox = sandbox_of(Release::Schema, WAITING).await;
    let first = Directory::default().told("Link your account", "https://hpc.example.org/link");
    assert_eq!(processor(&sandbox, &first).run_once().await.applied(), 2);
    // What was an account to link has to be validated now, and there is no page for it.
    let linker = uuid_at(&sandbox, 0);
    let operation = "marketplace_offering_users_list";
    sandbox.corrupt(operation, linker, "user_username", serde_json::Value::from("checker"));
    let second = Directory::default().told("Show your passport", "");
    let report = processor(&sandbox, &second).run_once().await;
    assert_eq!(report.applied(), 2, "{report:#?}");
    assert_eq!(states(&sandbox), [State::PendingAdditionalValidation; 2]);
    assert_eq!(comment(&client(&sandbox), linker).await, ("Show your passport".to_owned(), String::new()));
}

#[tokio::test]
async fn white_space_around_a_comment_makes_no_difference() {
    let sandbox = sandbox_of(Release::Schema, WAITING).await;
    let directory = Directory::default().told(" Link your account\n", " https://hpc.example.org/link ");
    let processor = processor(&sandbox, &directory);
    assert_eq!(processor.run_once().await.applied(), 2);
    assert_eq!(processor.run_once().await.unchanged(), 2);
    let directory = directory.told("\tLink it until Friday ", "");
    assert_eq!(processor.run_once().await.applied(), 2);
    assert_eq!(processor.run_once().await.unchanged(), 2);
    let told = comment(&client(&sandbox), uuid_at(&sandbox, 0)).await;
    assert_eq!(told, ("Link it until Friday".to_owned(), String::new()));
    directory.told(" ", " ");
    assert_eq!(processor.run_once().await.applied(), 2);
    assert_eq!(processor.run_once().await.unchanged(), 2);
}

#[tokio::test]
async fn without_states_users_are_not_told() {
    let sandbox = sandbox_of(Release::Late2024, WAITING).await;
    let directory = Directory::default().told("Link your account", "");
    let report = processor(&sandbox, &directory).run_once().await;
    assert_eq!((kinds(&report), report.skipped()), (vec![Kind::Pending; 2], 2));
    assert!(report.items[0].outcome.to_string().contains("the server has no states"), "{report:#?}");
    assert_eq!(sandbox.requests().len(), sent(&sandbox, "GET"));
}

#[tokio::test]
async fn an_invalid_address_is_named_and_the_user_stays_as_before() {
    let sandbox = sandbox_of(Release::Schema, WAITING).await;
    let directory = Directory::default().told("Link your account", "javascript:alert(1)");
    let report = processor(&sandbox, &directory).run_once().await;
    assert_eq!(kinds(&report), [Kind::Failed; 2], "{report:#?}");
    assert!(report.items[0].outcome.to_string().contains("comment_url"), "{report:#?}");
    assert_eq!(states(&sandbox), [State::Creating, State::PendingAccountLinking]);
}
