//! Offering users that are odd, and back ends that fail.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use waldur_sandbox::{OfferingUserState as State, Row};
use waldur_sdk::accounts::OfferingUserTransition;
use waldur_sdk::agent::{
    AccountResult, AccountResultKind as Kind, AccountsProcessor, AgentAccount, BackendError, UsernameAnswer,
    Usernames,
};
use waldur_sdk::{AccountName, Client, ClientExt as _, Uuid};

use crate::accounts::{ACCOUNTS, Directory, OF_EACH, kinds, processor, sandbox_with, states, uuid_at};
use crate::common::{client_builder, posts, posts_to};

const FAILING: &[(&str, State, &str)] = &[
    ("broken1", State::Requested, ""),
    ("flaky1", State::Requested, ""),
    ("broken2", State::PendingAccountLinking, ""),
    ("flaky2", State::PendingAccountLinking, ""),
    ("broken3", State::RequestedDeletion, "hpc_broken3"),
    ("flaky3", State::RequestedDeletion, "hpc_flaky3"),
    ("broken4", State::ErrorCreating, ""),
    ("flaky4", State::ErrorDeleting, "hpc_flaky4"),
    ("long", State::Requested, ""),
    ("fine", State::Requested, ""),
];

#[tokio::test]
async fn a_failing_back_end_affects_only_its_user() {
    use State::{Creating, Deleting, ErrorCreating, ErrorDeleting, Ok as Ready, PendingAccountLinking};
    let (sandbox, directory) = (sandbox_with(FAILING).await, Directory::default());
    let hour = Duration::from_secs(3600);
    let processor = processor(&sandbox, &directory).backoff(hour, hour);
    let report = processor.run_once().await;
    let (erred, failed) = (report.count(Kind::Erred), report.count(Kind::Failed));
    assert_eq!((erred, failed, report.count(Kind::Ready)), (5, 4, 1), "{report:#?}");
    let expected = [
        ErrorCreating,
        Creating,
        ErrorCreating,
        PendingAccountLinking,
        ErrorDeleting,
        Deleting,
        ErrorCreating,
        Deleting,
        ErrorCreating,
        Ready,
    ];
    assert_eq!(states(&sandbox), expected);
    let of = |place: usize| {
        let uuid = uuid_at(&sandbox, place);
        report.items.iter().find(|item| item.target.account.uuid == uuid).unwrap()
    };
    assert!(of(0).outcome.to_string().contains("no such group"), "{}", of(0));
    assert!(of(8).outcome.to_string().contains("101 characters"), "{}", of(8));
    let cause = of(1).outcome.error().unwrap().cause::<BackendError>();
    assert!(cause.is_some_and(BackendError::is_transient));
    // They rest, with the error of the round before.
    let requests = posts(&sandbox);
    let report = processor.run_once().await;
    assert_eq!((report.count(Kind::Resting), posts(&sandbox)), (9, requests), "{report:#?}");
    let resting = &report.items[0];
    assert!(matches!(resting.target.result, AccountResult::Resting { again_in } if again_in > hour / 2));
    assert!(report.failures().all(|item| item.outcome.error().is_some()));
}

#[tokio::test]
async fn what_erred_is_taken_up_again() {
    let (sandbox, directory) = (sandbox_with(FAILING).await, Directory::default());
    let processor = processor(&sandbox, &directory);
    assert_eq!(processor.run_once().await.count(Kind::Erred), 5);
    // Nothing is sent for those that are marked as erred already; deletions are claimed each time.
    let before = (posts_to(&sandbox, "/set_error_creating/"), posts_to(&sandbox, "/set_error_deleting/"));
    assert_eq!(processor.run_once().await.count(Kind::Erred), 5);
    let after = (posts_to(&sandbox, "/set_error_creating/"), posts_to(&sandbox, "/set_error_deleting/"));
    assert_eq!((before, after), ((3, 1), (3, 2)));
    // The group exists now; one name is still too long.
    sandbox.corrupt("marketplace_offering_users_list", Row::Every, "user_username", json!("x"));
    let report = processor.run_once().await;
    assert_eq!((report.count(Kind::Ready), report.count(Kind::Deleted)), (5, 3), "{report:#?}");
}

#[tokio::test]
async fn a_back_end_at_work_errs_nobody_and_is_not_called_again_too_early() {
    const QUEUED: &[(&str, State, &str)] =
        &[("queued1", State::Requested, ""), ("queued2", State::RequestedDeletion, "hpc_queued2")];
    let (sandbox, directory) = (sandbox_with(QUEUED).await, Directory::default());
    let processor = processor(&sandbox, &directory);
    for round in 0..2 {
        let report = processor.run_once().await;
        assert_eq!(
            (kinds(&report), report.is_ok()),
            (vec![Kind::InBackend; 2], true),
            "{round}: {report:#?}"
        );
        assert_eq!(states(&sandbox), [State::Creating, State::Deleting]);
        assert_eq!((directory.world.lock().unwrap().calls, posts(&sandbox)), (2, 2));
    }
}

#[tokio::test]
async fn an_odd_row_is_named_and_the_others_are_done() {
    for (field, value) in [
        ("username", json!(["a"])),
        ("user_uuid", Value::Null),
        ("offering_uuid", json!("x")),
        ("uuid", Value::Null),
    ] {
        let (sandbox, directory) = (sandbox_with(OF_EACH).await, Directory::default());
        let odd = uuid_at(&sandbox, 0);
        sandbox.corrupt("marketplace_offering_users_list", odd, field, value);
        let report = processor(&sandbox, &directory).run_once().await;
        assert_eq!((report.applied(), report.unreadable.len()), (9, 1), "{field}: {report:#?}");
        assert!(report.unreadable[0].problem.contains(field), "{report:#?}");
        assert_eq!(states(&sandbox)[0], State::Requested);
    }
    // A state of the future is left alone.
    let (sandbox, directory) = (sandbox_with(OF_EACH).await, Directory::default());
    sandbox.corrupt(ACCOUNTS, uuid_at(&sandbox, 0), "state", json!("Being considered"));
    let report = processor(&sandbox, &directory).run_once().await;
    assert_eq!((report.items.len(), report.applied()), (9, 9), "{report:#?}");
    assert_eq!(states(&sandbox)[0], State::Requested);
}

/// A directory that brings another user back while it removes the first account.
struct Interfering {
    client: Client,
    other: Uuid,
    removed: Mutex<Vec<String>>,
}

impl Usernames for Interfering {
    async fn find(&self, _: &AgentAccount) -> Result<Option<AccountName>, BackendError> {
        Ok(None)
    }

    async fn generate(&self, _: &AgentAccount) -> Result<UsernameAnswer, BackendError> {
        Err(BackendError::permanent("nobody is to be named"))
    }

    async fn remove(&self, _: &AgentAccount, username: &AccountName) -> Result<(), BackendError> {
        let other = self.client.provider().offering_user(self.other);
        other.transition(OfferingUserTransition::SetErrorDeleting).await?;
        other.transition(OfferingUserTransition::SetOk).await?;
        self.removed.lock().unwrap().push(username.to_string());
        Ok(())
    }
}

#[tokio::test]
async fn an_account_whose_user_came_back_since_it_was_listed_is_not_removed() {
    const REQUESTED: &[(&str, State, &str)] =
        &[("gone", State::RequestedDeletion, "hpc_gone"), ("back", State::RequestedDeletion, "hpc_back")];
    const DELETING: &[(&str, State, &str)] =
        &[("gone", State::Deleting, "hpc_gone"), ("back", State::Deleting, "hpc_back")];
    const ERRED: &[(&str, State, &str)] =
        &[("gone", State::ErrorDeleting, "hpc_gone"), ("back", State::ErrorDeleting, "hpc_back")];
    for users in [REQUESTED, DELETING, ERRED] {
        let sandbox = sandbox_with(users).await;
        let single = client_builder(&sandbox).bulk_concurrency(1).build().unwrap();
        let (other, removed) = (uuid_at(&sandbox, 1), Mutex::default());
        let offerings = sandbox.ids().offerings;
        let directory = Interfering { client: single.clone(), other, removed };
        let processor = AccountsProcessor::new(&single, [offerings.slurm, offerings.bulk], directory);
        let report = processor.run_once().await;
        assert_eq!(kinds(&report), [Kind::Deleted, Kind::Superseded], "{report:#?}");
        assert!(report.is_ok() && report.items[1].outcome.to_string().contains("OK"), "{report:#?}");
        assert_eq!(*processor.usernames().removed.lock().unwrap(), ["hpc_gone"]);
        assert_eq!(states(&sandbox), [State::Deleted, State::Ok]);
    }
}
