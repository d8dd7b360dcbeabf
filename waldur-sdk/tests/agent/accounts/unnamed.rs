//! Accounts that are OK without a name.

use std::time::Duration;

use waldur_sandbox::{OfferingUserState as State, Sandbox};
use waldur_sdk::agent::AccountResultKind as Kind;

use crate::accounts::{Directory, client, comment, kinds, processor, sandbox_with, there, uuid_at};

const UNNAMED: &[(&str, State, &str)] =
    &[("quiet", State::Ok, ""), ("named", State::Ok, "hpc_named"), ("blank", State::Ok, " ")];

/// Whether the last list of accounts had those that are OK, too.
fn lists_all(sandbox: &Sandbox) -> bool {
    let requests = sandbox.requests();
    let list = requests.iter().rfind(|request| request.path.ends_with("/marketplace-offering-users/"));
    list.unwrap().query.contains("state=OK")
}

#[tokio::test]
async fn an_account_that_is_ok_gets_a_name() {
    let (sandbox, directory) = (sandbox_with(UNNAMED).await, Directory::default());
    let processor = processor(&sandbox, &directory);
    let report = processor.run_once().await;
    assert!(report.is_ok() && report.count(Kind::Ready) == report.items.len(), "{report:#?}");
    let expected = ["hpc_quiet", "hpc_named", "hpc_blank"].map(|name| (State::Ok, name.to_owned()));
    assert_eq!(there(&sandbox), expected);
    // A list and the policy of each offering, and a change for each account.
    assert_eq!((report.items.len(), sandbox.requests().len()), (2, 2 + 1 + 2));
    assert!(lists_all(&sandbox));
}

#[tokio::test]
async fn they_are_looked_for_once_in_a_while() {
    let (sandbox, directory) = (sandbox_with(UNNAMED).await, Directory::default());
    let seldom = processor(&sandbox, &directory);
    assert_eq!(seldom.run_once().await.items.len(), 2);
    assert_eq!(seldom.run_once().await.items.len(), 0);
    assert!(!lists_all(&sandbox));
    let often = processor(&sandbox, &directory).unnamed_interval(Duration::ZERO);
    for _ in 0..2 {
        assert_eq!(often.run_once().await.items.len(), 0);
        assert!(lists_all(&sandbox));
    }
}

#[tokio::test]
async fn one_that_could_not_be_named_is_looked_for_again() {
    let users: &[_] = &[("flaky", State::Ok, ""), ("broken", State::Ok, "")];
    let (sandbox, directory) = (sandbox_with(users).await, Directory::default());
    let processor = processor(&sandbox, &directory);
    for _ in 0..2 {
        // It stays OK: there is no way from there to an error.
        assert_eq!(kinds(&processor.run_once().await), [Kind::Failed, Kind::Erred]);
        assert_eq!(there(&sandbox), [(State::Ok, String::new()), (State::Ok, String::new())]);
        assert!(lists_all(&sandbox));
    }
}

#[tokio::test]
async fn a_user_with_something_to_do_is_told_by_the_comment() {
    let users: &[_] = &[("linker", State::Ok, "")];
    let (sandbox, directory) = (sandbox_with(users).await, Directory::default());
    let directory = directory.told("Link your account", "https://hpc.example.org/link");
    // It is looked for in every round, without waiting for the interval.
    let processor = processor(&sandbox, &directory);
    for changes in [1, 0] {
        let report = processor.run_once().await;
        assert_eq!((kinds(&report), report.applied()), (vec![Kind::Pending], changes), "{report:#?}");
        assert_eq!(there(&sandbox), [(State::Ok, String::new())]);
        let told = comment(&client(&sandbox), uuid_at(&sandbox, 0)).await;
        assert_eq!(told.0, "Link your account");
    }
    *directory.comment.lock().unwrap() = None;
    assert_eq!(kinds(&processor.run_once().await), [Kind::Ready]);
    assert_eq!(there(&sandbox), [(State::Ok, "hpc_linker".to_owned())]);
}
