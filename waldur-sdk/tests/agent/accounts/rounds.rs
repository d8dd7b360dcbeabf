//! Rounds that nothing disturbs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use waldur_sandbox::{OfferingUserState as State, Release, Sandbox};
use waldur_sdk::agent::{AccountResultKind as Kind, AccountsProcessor};

use crate::accounts::{
    Directory, NEW, OF_EACH, client, kinds, processor, sandbox_of, sandbox_with, states, there,
};
use crate::common::{client_builder, sent};

#[tokio::test]
async fn every_account_is_named_or_removed() {
    for release in Release::ALL {
        let (sandbox, directory) = (sandbox_of(release, OF_EACH).await, Directory::default());
        let report = processor(&sandbox, &directory).run_once().await;
        assert!(report.is_ok(), "{report:#?}");
        let (mut made, mut removed) = {
            let world = directory.world.lock().unwrap();
            (world.made.clone(), world.removed.clone())
        };
        if release == Release::Late2024 {
            // There are no states, so all users without a name get one.
            assert_eq!(report.count(Kind::Ready), 5);
            assert!(there(&sandbox).iter().all(|(_, name)| !name.is_empty()));
            assert!(removed.is_empty());
            continue;
        }
        assert_eq!((report.count(Kind::Ready), report.count(Kind::Deleted)), (6, 4), "{report:#?}");
        let named = ["new", "begun", "named", "linker", "checker", "erred"];
        let expected = named.map(|user| (State::Ok, format!("hpc_{user}")));
        assert_eq!(there(&sandbox)[..6], expected);
        assert_eq!(states(&sandbox)[6..], [&[State::Deleted; 4][..], &[State::Ok, State::Deleted]].concat());
        made.sort_unstable();
        removed.sort_unstable();
        assert_eq!(made, ["begun", "checker", "erred", "linker", "named", "new"]);
        assert_eq!(removed, ["hpc_going", "hpc_gone", "hpc_stays"]);
        sandbox.assert_contract();
        // There is nothing left to do: one list for each offering, and no call of the back end.
        sandbox.clear_requests();
        let calls = directory.world.lock().unwrap().calls;
        assert_eq!(processor(&sandbox, &directory).run_once().await.items.len(), 0);
        assert_eq!((sandbox.requests().len(), directory.world.lock().unwrap().calls), (2, calls));
    }
}

/// So many new accounts at one offering.
async fn sandbox_of_many(count: usize, state: State, username: &'static str) -> Sandbox {
    let builder = Sandbox::builder().orders(0).seed(move |seed| {
        for at in 0..count {
            let user = seed.user(&format!("user{at}"), "Test", "User");
            let username = if username.is_empty() { String::new() } else { format!("{username}{at}") };
            let bulk = seed.ids().offerings.bulk;
            seed.offering_user(bulk, user, &username, state);
        }
    });
    builder.start().await.unwrap()
}

#[tokio::test]
async fn accounts_take_few_requests() {
    for (state, username, each) in
        [(State::Requested, "", 2), (State::Creating, "", 1), (State::ErrorCreating, "", 1)]
    {
        let sandbox = sandbox_of_many(20, state, username).await;
        let bulk = [sandbox.ids().offerings.bulk];
        let report = AccountsProcessor::new(&client(&sandbox), bulk, Directory::default()).run_once().await;
        assert_eq!(report.applied(), 20, "{report:#?}");
        // The list and the offering.
        assert_eq!(sandbox.requests().len(), 2 + 20 * each, "{state:?}");
    }
    for state in [State::RequestedDeletion, State::Deleting, State::ErrorDeleting] {
        let sandbox = sandbox_of_many(20, state, "hpc_").await;
        let bulk = [sandbox.ids().offerings.bulk];
        let report = AccountsProcessor::new(&client(&sandbox), bulk, Directory::default()).run_once().await;
        assert_eq!(report.count(Kind::Deleted), 20, "{report:#?}");
        assert_eq!(sandbox.requests().len(), 1 + 20 * 2, "{state:?}");
    }
}

#[tokio::test]
async fn nothing_is_named_where_the_provider_does_not_name_accounts() {
    let policy = |policy: &str| Some(json!({ "username_generation_policy": policy }));
    for (options, reason) in [
        (policy("waldur_username"), "the policy is waldur_username"),
        (policy("of the future"), "the policy is of the future"),
        (Some(json!({})), "the policy isn't known"),
        (Some(Value::Null), "the policy isn't known"),
        (None, "the policy isn't known"),
    ] {
        let (sandbox, directory) = (sandbox_with(OF_EACH).await, Directory::default());
        let slurm = sandbox.ids().offerings.slurm;
        sandbox.corrupt("marketplace-provider-offerings", slurm, "plugin_options", options);
        let report = processor(&sandbox, &directory).run_once().await;
        assert!(report.is_ok(), "{report:#?}");
        // The other offering's are named, and deletions are carried out at both.
        let skipped = report.count(Kind::NotNamedByProvider);
        assert_eq!((skipped, report.count(Kind::Ready), report.count(Kind::Deleted)), (3, 3, 4));
        let item = report.items.iter().find(|item| item.target.account.offering_uuid == slurm).unwrap();
        assert!(item.outcome.to_string().contains(reason), "{item}");
        assert_eq!(there(&sandbox)[0], (State::Requested, String::new()));
        assert!(!directory.world.lock().unwrap().made.contains(&"new".to_owned()));
    }
}

#[tokio::test]
async fn rounds_go_on_until_they_are_stopped() {
    let (sandbox, directory) = (sandbox_with(NEW).await, Directory::default());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let processor = processor(&sandbox, &directory)
        .interval(Duration::from_millis(1))
        .on_account(move |item| told.lock().unwrap().push(item.target.result.kind()));
    let (enough, each) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (stop, done) = (Arc::clone(&enough), Arc::clone(&each));
    let running = tokio::spawn(async move {
        let mut rounds = Vec::new();
        let report = |report| {
            rounds.push(kinds(&report));
            if rounds.len() == 3 {
                done.notify_one();
            }
        };
        processor.run(stop.notified(), report).await;
        rounds
    });
    each.notified().await;
    enough.notify_one();
    let rounds = running.await.unwrap();
    assert!(rounds.len() >= 3 && rounds[0] == [Kind::Ready] && rounds[1].is_empty(), "{rounds:?}");
    assert_eq!(*seen.lock().unwrap(), [Kind::Ready]);
    assert_eq!(sent(&sandbox, "PATCH"), 1);
}

#[tokio::test]
async fn a_stopped_round_finishes_what_it_has_begun() {
    let sandbox = sandbox_of_many(6, State::Requested, "").await;
    let single = client_builder(&sandbox).bulk_concurrency(1).build().unwrap();
    let first = Arc::new(Notify::new());
    let told = Arc::clone(&first);
    let bulk = [sandbox.ids().offerings.bulk];
    let processor =
        AccountsProcessor::new(&single, bulk, Directory::default()).on_account(move |_| told.notify_one());
    let mut reports = Vec::new();
    processor.run(first.notified(), |report| reports.push(kinds(&report))).await;
    let [kinds] = reports.try_into().unwrap();
    let ready = kinds.iter().filter(|kind| **kind == Kind::Ready).count();
    assert!((1..6).contains(&ready), "{kinds:?}");
    assert_eq!(kinds[ready..], vec![Kind::NotBegun; 6 - ready]);
    let expected: Vec<_> = (0..6).map(|at| if at < ready { State::Ok } else { State::Requested }).collect();
    assert_eq!(states(&sandbox), expected);
}

#[tokio::test]
async fn a_stopped_processor_does_nothing() {
    let (sandbox, directory) = (sandbox_with(NEW).await, Directory::default());
    let processor = processor(&sandbox, &directory);
    let handle = processor.stop_handle();
    let stopping = async {
        handle.stop();
        std::future::pending::<()>().await;
    };
    // The first round may have begun.
    processor.run(stopping, drop).await;
    sandbox.clear_requests();
    assert_eq!(processor.run_once().await.items.len(), 0);
    processor.run(std::future::pending::<()>(), |_| panic!("it was stopped")).await;
    assert_eq!(sandbox.requests().len(), 0);
}
