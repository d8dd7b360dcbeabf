//! Rounds that are cut off.

use waldur_sandbox::{Fault, Misbehaviour, OfferingUserState as State, Sandbox};
use waldur_sdk::Client;

use crate::accounts::{Directory, comment, processor_of, sandbox_with, there, uuid_at};
use crate::common::interrupting::{cut_off_after, single_minded};

const USERS: &[(&str, State, &str)] = &[
    ("new", State::Requested, ""),
    ("linker", State::Requested, ""),
    ("checker", State::PendingAccountLinking, ""),
    ("waited", State::PendingAdditionalValidation, ""),
    ("erred", State::ErrorCreating, ""),
    ("broken", State::Creating, ""),
    ("gone", State::RequestedDeletion, "hpc_gone"),
    ("going", State::Deleting, "hpc_going"),
];

fn directory() -> Directory {
    Directory::default().told("Link your account", "https://hpc.example.org/link")
}

/// What is compared between runs: offering users, comments, accounts, and what was made.
async fn everything(client: &Client, sandbox: &Sandbox, directory: &Directory) -> String {
    let mut comments = Vec::new();
    for place in 0..USERS.len() {
        comments.push(comment(client, uuid_at(sandbox, place)).await);
    }
    let world = directory.world.lock().unwrap();
    let mut made = world.made.clone();
    made.sort_unstable();
    format!("{:#?} {comments:#?} {:#?} {made:?}", there(sandbox), world.accounts)
}

#[tokio::test]
async fn interrupted_at_any_request_and_run_again_it_ends_the_same() {
    let (sandbox, expected_directory) = (sandbox_with(USERS).await, directory());
    let client = single_minded(&sandbox);
    let report = processor_of(&client, &sandbox, &expected_directory).run_once().await;
    assert_eq!((report.applied(), report.failed()), (7, 1), "{report:#?}");
    let requests = sandbox.requests().len();
    let expected = everything(&client, &sandbox, &expected_directory).await;
    // Dropped with the answer unread; or everything fails from then on, before it is applied or after.
    for how in [None, Some(Fault::ResetBefore), Some(Fault::ResetAfter), Some(Fault::Status(503))] {
        for count in 1..=requests {
            let (sandbox, directory) = (sandbox_with(USERS).await, directory());
            let client = single_minded(&sandbox);
            let first = processor_of(&client, &sandbox, &directory);
            match &how {
                None => assert!(cut_off_after(count, &sandbox, first.run_once()).await),
                Some(fault) => {
                    sandbox.misbehave(Misbehaviour::new(fault.clone()).after(count - 1));
                    assert!(!first.run_once().await.is_ok(), "{how:?} {count}");
                    sandbox.clear_faults();
                }
            }
            // Another process takes it up.
            let second = processor_of(&client, &sandbox, &directory);
            let report = second.run_once().await;
            assert!(
                report.failures().all(|item| item.target.account.user_username == "broken"),
                "{report:#?}"
            );
            assert_eq!(everything(&client, &sandbox, &directory).await, expected, "{how:?} {count}");
        }
    }
}
